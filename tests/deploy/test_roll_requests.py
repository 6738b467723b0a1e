"""Rolls of which nobody can be told how they go, since the disk of the run's directory is full: who asks waits for no word that
cannot come, and has it once there is room. And what is said of one that does not follow."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meridian.console import CheckFailed, Unreachable
from meridian.deploy import roll_requests, rolling, runs
from meridian.deploy.hand import Hand
from meridian.deploy.installations import Installation
from meridian.deploy.roll_requests import CannotRoll, Request, Told
from meridian.deploy.rolling import Roller
from meridian.deploy.supervisor import Child, Supervisor

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


class Pair:
    """The one that follows, in the lives that its supervisor begins, and what is seen of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release = SimpleNamespace(name="new", short="new", schema=1)
        self.target = cast(Installation, SimpleNamespace(prefix=folder / "next", release=release))
        self.child = Child(name="standby", spec=folder / "spec", log=folder / "log", policy="always")
        self.child.log.touch()
        self.child.popen = self.life("exit 0")
        self.child.popen.wait()
        self.roller = roller(folder)
        self.roller.pair = cast(Hand, SimpleNamespace(leads="engine", child=lambda _: self.child, holder="new-york-1"))
        supervisor: Any = self.roller.supervisor
        supervisor.run = SimpleNamespace(processes={"standby": {"release": "new"}})
        supervisor.attested = lambda _: self.said
        supervisor.mismatch = lambda _: self.wrong
        self.said: str | None = None
        self.wrong: str | None = None
        self.in_step = False
        monkeypatch.setattr(Roller, "_unfit", lambda *_: None)
        monkeypatch.setattr(Roller, "_in_step", lambda *_: self.in_step)

    def life(self, what: str) -> subprocess.Popen[bytes]:
        """A process of it."""
        return subprocess.Popen(["sh", "-c", what])

    def until_in_step(self) -> None:
        """As a roll waits for it."""
        self.roller._until_in_step("engine-standby", self.target)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A standby whose life was ended, so that its next one is of another installation."""
    made = Pair(tmp_path, monkeypatch)
    yield made
    if made.child.popen is not None:
        made.child.popen.kill()
        made.child.popen.wait()


def test_the_life_that_a_roll_ended_is_not_taken_for_the_next_one(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [0]

    def pause(_: Roller) -> None:
        looks[0] += 1
        if looks[0] == 3:
            pair.child.popen, pair.said, pair.in_step = pair.life("exec sleep 60"), "new", True

    monkeypatch.setattr(Roller, "_pause", pause)
    pair.until_in_step()
    assert looks[0] >= 3


def test_one_that_was_ended_for_its_release_is_said_to_be_of_another_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files changed while it was started, and the supervisor has ended it for that already."""

    def pause(_: Roller) -> None:
        pair.child.popen = pair.life("exit 1")
        pair.child.popen.wait()
        pair.wrong = "process standby is of release cafe; expected is new"

    monkeypatch.setattr(Roller, "_pause", pause)
    with pytest.raises(CannotRoll, match=r"did not follow from .*next: process standby is of release cafe"):
        pair.until_in_step()


def test_one_that_cannot_be_started_ends_the_roll_soon_and_says_why(pair: Pair) -> None:
    pair.child.unstarted, pair.child.unstarted_since = "no such file or directory", time.monotonic() - 60
    with pytest.raises(CannotRoll, match=r"engine-standby cannot be started from .*next: no such file or directory"):
        pair.until_in_step()


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
