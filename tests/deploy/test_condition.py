"""What `meridian status` says of processes and disks, on real ones."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian.deploy import condition
from meridian.deploy.runs import Run
from tests.coordination.region import soon
from tests.support import skip_unchecked


def run_of(directory: Path, processes: dict[str, dict[str, object]]) -> Run:
    """A run with these processes, all of whose directories are one."""
    place = str(directory)
    return Run(
        name="ny", topology="ny", state="running", supervisor_pid=os.getpid(), run_directory=place, shared_directory=place,
        data_directory=place, metrics_port=None, ports={}, processes=processes,
    )  # fmt: skip


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process to be stopped."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_tile_that_is_paused_ends_when_it_goes_on_too_late(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    run = run_of(tmp_path, {"engine": {"pid": sleeper.pid, "restarts": 0}})
    assert list(condition.stopped(run)) == []
    os.kill(sleeper.pid, signal.SIGSTOP)
    (sentence,) = soon(lambda: list(condition.stopped(run)))
    assert "is paused" in sentence and "paused for 10 s it is taken for dead" in sentence
    run.processes["engine"]["service"] = "agent"
    (sentence,) = condition.stopped(run)
    assert "taken for dead" not in sentence, "services hold no links that end"


def test_a_disk_without_room_is_named_once(tmp_path: Path) -> None:
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=False).returncode
    ):
        skip_unchecked("status: a full disk", "a disk of our own needs root")
    try:
        (sentence,) = condition.full(run_of(tmp_path, {}))
        assert f"disk: {tmp_path} has 1 MiB left" in sentence and "make room" in sentence
        assert sentence in " ".join(condition.told({"name": "ny"} | condition.described(run_of(tmp_path, {}))))
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert list(condition.full(run_of(tmp_path, {}))) == []
