"""Rolls of which nobody can be told how they go, since the disk of the run's directory is full: who asks waits for no word that
cannot come, and has it once there is room."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meridian.console import CheckFailed, Unreachable
from meridian.deploy import roll_requests, rolling, runs
from meridian.deploy.roll_requests import Request, Told
from meridian.deploy.rolling import Roller
from meridian.deploy.supervisor import Supervisor

ASKED = Request(request="7", by="ann", reason="a test", to=None, asked_ns=time.time_ns())


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many further times the disk takes no word of a roll."""
    left, write = [0], Told.write

    def written(told: Told, directory: Path) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))
        write(told, directory)

    monkeypatch.setattr(Told, "write", written)
    monkeypatch.setattr(rolling, "AGAIN_SECONDS", 0.0)
    return left


def roller(folder: Path) -> Roller:
    """Of a run without an engine that has a standby: each request for one is refused."""
    topology = SimpleNamespace(name="new-york")
    supervisor = SimpleNamespace(places=SimpleNamespace(run_directory=folder), topology=topology)
    return Roller(cast(Supervisor, supervisor), None)


def test_how_a_roll_ended_is_told_once_the_disk_takes_it(tmp_path: Path, refused: list[int]) -> None:
    told = Told(request=ASKED)
    told.write(tmp_path)
    refused[0] = 3
    roller(tmp_path)._carry_out(told)
    found = roll_requests.told(tmp_path)
    assert refused == [0] and found is not None and found["state"] == roll_requests.NOT_DONE
    assert found["refused"] == ["no engine of this run has a standby; allowed is --of exchange"]


def test_a_step_is_done_where_it_cannot_be_told_and_told_with_the_next(tmp_path: Path, refused: list[int]) -> None:
    one = roller(tmp_path)
    one._told = Told(request=ASKED)
    refused[0] = 1
    one._say("the first")
    assert roll_requests.told(tmp_path) is None
    one._say("the second")
    found = roll_requests.told(tmp_path)
    assert found is not None and found["steps"] == ["the first", "the second"]


def test_a_roll_of_which_nothing_is_heard_says_so_and_ends_where_nothing_can_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_requests, "QUIET_SECONDS_MAX", 0.05)
    monkeypatch.setattr(runs, "alive", lambda _: True)
    told = Told(request=ASKED)
    told.write(tmp_path)
    heard: list[str] = []

    def hear(sentence: str) -> None:
        heard.append(sentence)
        if len(heard) == 3:
            told.state, told.refused = roll_requests.NOT_DONE, ["it is not done"]
            told.write(tmp_path)

    with pytest.raises(CheckFailed, match="it is not done"):
        roll_requests._followed(tmp_path, ASKED, hear)
    assert len(heard) == 3 and all(sentence.startswith("under way for ") for sentence in heard)
    told.state = roll_requests.UNDER_WAY
    told.write(tmp_path)

    def full(_: Any) -> Any:
        return SimpleNamespace(total=1, used=1, free=0)

    monkeypatch.setattr(shutil, "disk_usage", full)
    with pytest.raises(Unreachable, match="the disk there is full"):
        roll_requests._followed(tmp_path, ASKED, hear)
