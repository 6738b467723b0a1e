"""Starts `meridian up` as a process of its own and waits until what it brings up is up.

Invariant: it returns runs that are running, or raises what the started process said, with the same exit code. What the process
says later goes to a file: a pipe would end with its reader, and the next warning would end the process and all that it runs.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from meridian import child as python
from meridian.console import EXIT_BAD_INPUT, EXIT_UNREACHABLE, BadInput, CheckFailed, Unreachable
from meridian.deploy import runs
from meridian.deploy.runs import Run

WAIT_SECONDS_MAX = 40.0
"""For one run; each has as much."""


def start(arguments: Sequence[str], what: str, count: int) -> list[Run]:
    """The `count` runs that this `meridian up` starts. Raises Failure."""
    command = [*python.module("meridian"), "up", *arguments, "--json"]
    before = {run.name for run in runs.runs()}
    place = runs.own(runs.root()) / f"up-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    with place.open("x") as log:
        place.chmod(0o600)
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=python.environment(),
            start_new_session=True,
        )
    try:
        return _wait_for(child, place, what, before, count)
    except KeyboardInterrupt:
        child.terminate()
        child.wait(WAIT_SECONDS_MAX)
        raise


def _wait_for(child: subprocess.Popen[bytes], log: Path, what: str, before: set[str], count: int) -> list[Run]:
    seconds = WAIT_SECONDS_MAX * count
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.poll() is not None:
            errors = log.read_text()
            log.unlink()
            kind = {EXIT_BAD_INPUT: BadInput, EXIT_UNREACHABLE: Unreachable}.get(child.returncode, CheckFailed)
            raise kind([line.removeprefix("error: ") for line in errors.splitlines()] or "it ended at once")
        own = [run for run in runs.runs() if run.name not in before and run.supervisor_pid == child.pid]
        if len(own) == count and all(run.state == "running" for run in own):
            return own
        time.sleep(0.1)
    child.terminate()
    raise CheckFailed(f"{what}: was not up after {seconds:.0f} s")
