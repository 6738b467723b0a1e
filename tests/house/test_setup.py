"""`make setup` does nothing twice, refuses in one sentence, and locks what it installs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import ROOT


def test_a_repeated_setup_does_nothing() -> None:
    asked = subprocess.run(["make", "--question", "setup"], cwd=ROOT, capture_output=True, check=False)
    if asked.returncode != 0:
        pytest.skip("the tree changed since the last `make setup`")
    started = time.monotonic()
    subprocess.run(["make", "setup"], cwd=ROOT, check=True, capture_output=True)
    # Under two seconds on a quiet machine; a busy one gets some more.
    assert time.monotonic() - started < 4


STAND_INS = {"python": ["python3"], "venvless": ["python3"], "cc": ["cc"], "rust": ["cargo", "rustc"]}


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        ("", "Python 3.11 to 3.14 is missing"),
        ("venvless", "python3 has no venv module"),
        ("python", "a C compiler is missing"),
        ("python cc", "Rust is missing"),
        ("python cc rust-1.60.0", "Rust 1.60.0 is too old"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(present: str, sentence: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in ("sh", "dirname", "sed", "sort", "head", "printf", "cut", "mkdir", "flock", "cat"):
        (programs / tool).symlink_to(
            next(path for path in (Path("/usr/bin") / tool, Path("/bin") / tool) if path.exists())
        )
    for item in present.split():
        name, _, version = item.partition("-")
        for program in STAND_INS[name]:
            ending = 'case "$2" in *ensurepip*) exit 1 ;; esac' if name == "venvless" else ""
            (programs / program).write_text(f"#!/bin/sh\necho {program} {version}\n{ending}\n")
            (programs / program).chmod(0o755)
    home = tmp_path / "home"
    environment = {"PATH": str(programs), "HOME": str(home)}
    command = ["/bin/sh", str(ROOT / "tools" / "setup"), "environment", str(tmp_path / "stamps")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert not home.exists(), "nothing is written before everything is there"


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_dependencies_are_locked_by_hash_and_name_no_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.splitlines()[0])


def test_an_unknown_profile_is_refused() -> None:
    done = subprocess.run(["tools/native", "--fast"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "tools/native: unknown option --fast; allowed: --dev, --release\n"


def test_tools_are_shared_by_all_checkouts_and_builds_are_not(tmp_path: Path) -> None:
    command = ["sh", "-c", ". tools/environment && echo $CMAKE && echo $CARGO_TARGET_DIR"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    other = tmp_path / "other"
    (other / "tools").mkdir(parents=True)
    for name in ("tools/environment", "Cargo.lock"):
        (other / name).write_bytes((ROOT / name).read_bytes())
    printed = [
        subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=True).stdout
        for where in (ROOT, other)
    ]
    (tools, builds), (other_tools, other_builds) = (text.splitlines() for text in printed)
    assert tools == other_tools
    assert builds != other_builds
    assert builds.startswith(f"{tmp_path}/home/.cache/meridian/target/")
    assert builds.rpartition("-")[0] == other_builds.rpartition("-")[0]
