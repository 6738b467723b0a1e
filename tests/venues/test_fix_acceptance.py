"""The acceptance scripts of the sample data against our acceptor, with our own dictionaries; the versions in parallel.

Invariant: every script passes; a script that does not is shown with its line, what it expected and what came.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meridian.ports import free_ports
from tests.support import ROOT, need_data

WHAT = "FIX acceptance scripts"
VERSIONS = ("fix42", "fix44", "fix50sp2")
TRANSLATED = {
    "fix43": ("fix44", {"FIX.4.4": "FIX.4.3", "TW44": "TW43"}),
    "fix50": ("fix50sp2", {"TW50SP2": "TW50", "1137=9": "1137=7", "1128=9": "1128=7"}),
    "fix50sp1": ("fix50sp2", {"TW50SP2": "TW50SP1", "1137=9": "1137=8", "1128=9": "1128=8"}),
}
"""Versions whose sessions answer as those that there are scripts of: the same scripts in their words."""
RUN_S_MAX = 400.0


@pytest.fixture(scope="module")
def acceptor() -> Iterator[int]:
    """The port of `meridian fix acceptor --app acceptance`."""
    port = free_ports(1)[0]
    command = [sys.executable, "-P", "-m", "meridian", "fix", "acceptor", "--app", "acceptance", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, "the acceptor does not listen"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said


def test_every_script_passes(acceptor: int, tmp_path: Path) -> None:
    folder = need_data("fix/fields.fmt", WHAT).parent
    runner = folder.parent.parent / "tools" / "fix_acceptance.py"

    def run(version: str) -> tuple[int, str]:
        there, words = TRANSLATED.get(version, (version, {}))
        scripts = sorted((folder / there).glob("*.def"))
        assert scripts, f"no scripts of {there}"
        if words:
            scripts = [translated(script, tmp_path / version, words) for script in scripts]
        command = [
            sys.executable,
            str(runner),
            "127.0.0.1",
            str(acceptor),
            str(folder / "fields.fmt"),
            *map(str, scripts),
        ]
        # The lengths in the scripts are those of their own version's words.
        strict = {"STRICT9": "0" if words else "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S_MAX, env=os.environ | strict)
        return done.returncode, done.stdout + done.stderr

    versions = (*VERSIONS, *TRANSLATED)
    with ThreadPoolExecutor(len(versions)) as pool:
        results = dict(zip(versions, pool.map(run, versions), strict=True))
    failed = {version: said for version, (code, said) in results.items() if code != 0}
    assert not failed, "\n".join(failed.values())


def translated(script: Path, folder: Path, words: dict[str, str]) -> Path:
    """The script in another version's words."""
    text = script.read_bytes()
    for there, here in words.items():
        text = text.replace(there.encode(), here.encode())
    folder.mkdir(exist_ok=True)
    (folder / script.name).write_bytes(text)
    return folder / script.name


def test_a_wrong_folder_and_a_taken_port_are_sentences(acceptor: int, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-P", "-m", "meridian", "fix", "acceptor", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    code, said = run("--port", "1", "--dictionaries", str(tmp_path))
    assert code == 2 and "holds none of" in said
    (tmp_path / "FIX44.xml").write_text("<fix major='4'>")
    code, said = run("--port", "1", "--dictionaries", str(tmp_path))
    assert code == 2 and "dictionaries.FIX.4.4" in said
    code, said = run("--port", str(acceptor))
    assert code == 3 and "in use" in said
