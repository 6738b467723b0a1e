"""What could not be checked is named at the end, and fails where CI=true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tools import unchecked

RUN = (
    "import sys; from tools import test, unchecked; "
    "test.STAGES = {'stage': [sys.executable, '-c', sys.argv[1]]}; sys.exit(test.main())"
)
NOTES = "from tools.unchecked import not_checked; not_checked('framing by tshark (tshark is not installed)')"


def run(code: str, ci: str) -> subprocess.CompletedProcess[str]:
    """`make test` with one stage."""
    environment = {**os.environ, "CI": ci}
    command = [sys.executable, "-c", RUN, code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_an_unchecked_thing_is_named_and_fails_in_ci(ci: str, code: int) -> None:
    done = run(NOTES, ci)
    assert "not checked: framing by tshark (tshark is not installed)" in done.stdout.splitlines()
    assert done.returncode == code


def test_a_failed_stage_fails_the_whole() -> None:
    done = run("raise SystemExit(3)", "")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "make test: failed: stage"


def test_each_line_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(unchecked.VARIABLE, str(tmp_path / "lines"))
    for what in ("b", "a", "b"):
        unchecked.not_checked(what)
    assert unchecked.collected() == ["a", "b"]
