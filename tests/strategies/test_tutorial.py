"""The tutorial, literally: every command and every file of it, in its order, in an empty folder, within its five minutes."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

STEP = re.compile(r"^```(console|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 300


def processor_seconds() -> float:
    """What the commands that have ended took of the processor, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.timeout(900)
def test_a_newcomer_reaches_a_report_in_five_minutes(tmp_path: Path) -> None:
    bin_folder, here = tmp_path / "bin", tmp_path / "here"
    bin_folder.mkdir()
    here.mkdir()
    for name, words in (("meridian", "-m meridian"), ("python", "")):
        program = bin_folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path),
    }  # fmt: skip
    environment.pop("MERIDIAN_STRATEGIES_CACHE", None)
    # Of the processor, not of the clock: what else the machine does is not the tutorial's affair.
    began, commands = processor_seconds(), 0
    for kind, text in STEP.findall((ROOT / "docs" / "tutorial.md").read_text()):
        if kind == "py":
            (here / text.partition("\n")[0].removeprefix("# ")).write_text(text)
            continue
        for line in text.splitlines():
            done = subprocess.run(
                line, shell=True, cwd=here, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            commands += 1
    assert commands >= 10 and processor_seconds() - began < SECONDS_MAX
    for name in ("results", "leaning", "pairs"):
        assert (here / name / "report.html").stat().st_size > 50_000 and (here / name / "fills.parquet").is_file()
