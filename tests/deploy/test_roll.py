"""Two real regions trade while New York's engine and its standby, and its exchanges, are rolled to another installation and back:
nothing is lost by the exchanges' own journals, what does not come to its end leaves one that goes on, and what could not be
read is refused.

The tests of this module go on with one system, in their order; the last one ends it and compares everything.

Invariant: these runs lie apart from the user's own, and what one leaves behind fails it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meridian import records, release
from meridian.console import CheckFailed
from meridian.coordination.install import installed
from meridian.deploy import condition, roll_requests, runs, view
from meridian.deploy.metrics import read
from meridian.deploy.runs import Run
from meridian.deploy.specs import RELEASES
from meridian.engine import journals
from tests.deploy.installed import installation
from tests.deploy.support import own_runtime
from tests.kill import invariants
from tests.kill.apart import Means
from tests.kill.plan import NEW_YORK, STANDBY
from tests.kill.runner import Runner
from tests.kill.system import REGIONS, System
from tests.support import ROOT

SECONDS_MAX = 300.0
"""For anything that is waited for: a host may be busy, and how long it takes is measured where it matters, by the supervisor."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * SECONDS_MAX)]
PAIR = ("engine", STANDBY)
"""Both processes."""
EXCHANGES = ["exchange_xnas", "exchange_xbos"]
TILES = {"engine", "engine-standby"}
HELD_MS_MAX = 1_000.0
OTHER = {
    "ports.py": ("from __future__ import annotations\n", "from __future__ import annotations\n\n# Another release.\n")
}
SCHEMA = 'schema = sum(layout["version"] for layout in records.LAYOUTS)'
OLDER = {"release.py": (SCHEMA, f"{SCHEMA} - 1")}
BEFORE = {"deploy/installations.py": ('"handover": HANDOVER_VERSION', "")}
"""A release of before exchanges were rolled."""
NEWER = {"release.py": (SCHEMA, f"{SCHEMA} + 1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A system that trades, and what it is rolled to."""

    system: System
    runner: Runner
    folder: Path

    @property
    def run(self) -> Run:
        """New York's."""
        return self.system.runs()[NEW_YORK]

    def releases(self) -> dict[str, str]:
        """Process → the release that it says, of New York."""
        return {row["name"]: row["release"] for row in view.processes(self.run)}

    def pids(self) -> dict[str, int]:
        """Process → its process, of New York."""
        return {name: about["pid"] for name, about in self.run.processes.items()}

    def counts(self, process: str) -> dict[str, Any]:
        """What a process counts, without the name of its one tile."""
        return {name.removeprefix(f"{process}."): value for name, value in read(self.run.counters(process))}

    def count(self, process: str, counter: str) -> int:
        """One of these."""
        return int(self.counts(process)[counter])

    def leads(self) -> str:
        """The tile that leads."""
        (tile,) = [row["tile"] for row in condition.pairs(self.run) if row["role"] == "leads"]
        return str(tile)

    def made(self, name: str, changes: dict[str, tuple[str, str]]) -> Path:
        """Another installation."""
        prefix = self.folder / name
        return prefix if prefix.exists() else installation(prefix, changes)

    def rest(self) -> None:
        """Strategies stop, everything is compared, and they go on."""
        self.system.command(start=False)
        assert invariants.at_rest(self.system) == []
        self.system.command(start=True)
        self.runner.first(self.system, list(REGIONS))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two regions that trade; New York's engine has a standby."""
    installed()
    with own_runtime() as folder:
        system = System(folder / "system", 5, own_disks=False, standby=True)
        runner = Runner(seed=5, means=Means(own=False), plan=[], folder=folder, tell=lambda _: None, standby=True)
        try:
            system.make()
            system.up()
            runner.ready(system, 0)
            system.command(start=True)
            runner.first(system, list(REGIONS))
            yield World(system=system, runner=runner, folder=folder)
        finally:
            system.close()
            for run in runs.leftovers():
                runs.clear(run.name)


def until(what: Callable[[], Any]) -> Any:
    """What is said as soon as something is said."""
    deadline = time.monotonic() + SECONDS_MAX
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
    return value


def asked_too(directory: Path) -> str | None:
    """Why a roll beside another one is refused; None while the other one is being asked for."""
    with pytest.raises(CheckFailed) as refused:
        roll_requests.ask(directory, to=None, by="bob", reason="too", tell=lambda _: None)
    return None if "somebody else asks just now" in str(refused.value) else str(refused.value)


def roll(*words: str) -> subprocess.CompletedProcess[str]:
    """As a person asks for it."""
    line = [sys.executable, "-m", "meridian", "roll", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


def rolled(*words: str) -> dict[str, Any]:
    """What a roll did."""
    done = roll("--region", NEW_YORK, "--reason", "a test", *words, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def refused(*words: str) -> str:
    done = roll("--run", NEW_YORK, "--reason", "a test", *words)
    assert done.returncode != 0, done.stdout + done.stderr
    return done.stderr


def broken_off(world: World, process: str, pid: Callable[[], Any], *words: str) -> str:
    """What a roll back says in which this process is killed as soon as it is known."""
    line = [sys.executable, "-m", "meridian", "roll", "--region", NEW_YORK, "--back", *words, "--reason", "killed"]
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as asked:
        os.kill(until(pid), signal.SIGKILL)
        _, said = asked.communicate(timeout=SECONDS_MAX)
    assert asked.returncode == 1 and f"{process} " in said, said
    return said


def test_o2_what_could_not_follow_or_is_there_already_changes_nothing(world: World) -> None:
    before = world.pids()
    same = rolled("--to", str(world.made("same", {})))
    own = release.own()
    assert (
        same["steps"] == [f"both engines are of release {own.short} already; nothing to do"] and same["held_ms"] is None
    )
    said = refused("--to", str(world.made("older", OLDER)))
    assert f"reads records up to schema {own.schema - 1}, and engine, which leads, writes schema {own.schema}" in said
    assert "--back: nothing was rolled in this run" in refused("--back")
    (none := world.folder / "none" / "bin").mkdir(parents=True)
    (none / "python").write_text("#!/bin/sh\nexit 9\n")
    (none / "python").chmod(0o700)
    assert "ended with exit code 9" in refused("--to", str(none.parent))
    said = refused("--to", str(world.folder / "system"), "--by", "a\nb")
    assert "has no bin/python" in said and "--by = " in said, "all errors at once"
    assert world.pids() == before


def test_a_new_standby_that_is_killed_ends_the_roll_and_who_leads_goes_on(world: World) -> None:
    second, before, directory = world.made("second", OTHER), world.pids(), Path(world.run.run_directory)
    line = [sys.executable, "-m", "meridian", "roll", "--to", str(second), "--reason", "killed", "--by", "ann"]
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as asked:
        until(lambda: (roll_requests.told(directory) or {}).get("reason") == "killed")
        said = until(lambda: asked_too(directory))
        assert re.search(r"a roll is under way, asked by ann .* ago: killed; nothing was done", said)
        assert any(
            f"a roll to {second} is under way, asked by ann: killed" in line for line in condition.rolls(world.run)
        )
        until(lambda: world.run.processes[STANDBY].get("installation") == str(second))
        os.kill(world.pids()[STANDBY], signal.SIGKILL)
        _, said = asked.communicate(timeout=SECONDS_MAX)
    assert asked.returncode == 1, said
    sentence = said.splitlines()[-1]
    own = release.own().short
    assert "engine-standby did not follow from" in sentence and "was ended by SIGKILL" in sentence, said
    stands = f"engine leads on release {own} and trades on, engine-standby follows from release {own}, in step"
    assert sentence.endswith(stands), said
    after = world.pids()
    assert {name for name in before if after[name] != before[name]} == {STANDBY}
    assert set(world.releases().values()) == {release.own().name} and world.leads() == "engine"
    world.runner.ready(world.system, 0)
    world.runner.first(world.system, list(REGIONS))


def test_an_engine_and_its_standby_are_rolled_while_they_trade_and_back(world: World) -> None:
    second, before = world.made("second", OTHER), world.system.sent()
    others = {name: pid for name, pid in world.pids().items() if name not in PAIR}
    told = rolled("--to", str(second), "--by", "ann")
    assert told["state"] == "done" and (told["leads"], told["follows"]) == ("engine-standby", "engine")
    assert 0 < told["held_ms"] < HELD_MS_MAX and len(told["steps"]) == 5, told
    releases = world.releases()
    assert {releases[name] for name in PAIR} == {told["release"]} != {told["release_before"]}
    assert {releases[name] for name in others} == {told["release_before"]} == {release.own().name}
    assert {name: world.pids()[name] for name in others} == others, "nothing else was started again"
    (sentence,) = condition.releases(world.run)
    assert sentence.startswith(f"2 releases stand in this run: {release.own().short} ({len(others)} processes), ")
    assert world.leads() == "engine-standby" and list(condition.rolls(world.run)) == []
    world.runner.first(world.system, list(REGIONS))
    assert all(count > before[place] for place, count in world.system.sent().items() if place.startswith("gateway"))
    world.rest()
    # What is started again later is of the installation that it was rolled to.
    killed = world.pids()["engine"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: world.pids()["engine"] != killed)
    world.runner.ready(world.system, 0)
    assert world.releases()["engine"] == told["release"]

    # A roll back that is broken off leads to the same place when it is asked for again.
    own = release.own().name
    said = broken_off(
        world, "engine", lambda: world.run.processes["engine"]["release"] == own and world.pids()["engine"]
    )
    assert "engine did not follow from" in said.splitlines()[-1] and world.leads() == "engine-standby"
    world.runner.ready(world.system, 0)
    back = rolled("--back")
    assert (back["leads"], back["follows"]) == ("engine", "engine-standby") and 0 < back["held_ms"] < HELD_MS_MAX
    assert set(world.releases().values()) == {release.own().name} and list(condition.releases(world.run)) == []
    world.rest()
    print(f"inputs were held for {told['held_ms']:.1f} ms and, back, {back['held_ms']:.1f} ms; "
          f"{told['seconds']:.1f} s and {back['seconds']:.1f} s")  # fmt: skip


def test_exchanges_are_rolled_while_members_trade_there_and_back(world: World) -> None:
    second, before = world.made("second", OTHER), world.system.sent()
    others = {name: pid for name, pid in world.pids().items() if name not in EXCHANGES}
    feeds = {name: world.count(name, "feed.gaps") for name in ("feed_xnas", "feed_xbos")}
    told = rolled("--of", "exchange", "--to", str(second), "--by", "ann")
    assert told["of"] == "exchange" and [one["exchange"] for one in told["exchanges"]] == EXCHANGES
    assert all(0 < one["held_ms"] < HELD_MS_MAX for one in told["exchanges"]), told
    releases = world.releases()
    assert {releases[name] for name in EXCHANGES} == {told["release"]} != {told["release_before"]}
    assert {name: world.pids()[name] for name in others} == others, "nothing else was started again"
    for name in EXCHANGES:
        logins = [value for key, value in world.counts(name).items() if key.endswith((".logins", ".logons"))]
        assert logins and not any(logins), "members' connections are the same"
    world.runner.first(world.system, list(REGIONS))
    assert all(count > before[place] for place, count in world.system.sent().items() if place.startswith("gateway"))
    assert {name: world.count(name, "feed.gaps") for name in feeds} == feeds
    # One that comes and is killed ends the roll back, and the exchange goes on; asked again, the roll goes on, too.
    coming = Path(world.run.run_directory) / RELEASES / f"{EXCHANGES[1]}.next"
    pids = world.pids()
    said = broken_off(
        world, EXCHANGES[1], lambda: coming.exists() and json.loads(coming.read_text())["pid"], "--of", "exchange"
    )
    own, other = release.own().short, release.shown(told["release"])
    sentence = said.splitlines()[-1]
    assert f"{EXCHANGES[1]} was not followed from" in sentence and "its process was ended by SIGKILL" in sentence, said
    assert sentence.endswith(f"{EXCHANGES[1]} goes on from release {other}"), said
    assert {name for name, pid in world.pids().items() if pids[name] != pid} == {EXCHANGES[0]}
    assert [release.shown(world.releases()[name]) for name in EXCHANGES] == [own, other]
    back = rolled("--of", "exchange", "--back")
    assert [one["exchange"] for one in back["exchanges"]] == EXCHANGES[1:]
    assert all(0 < one["held_ms"] < HELD_MS_MAX for one in back["exchanges"]), back
    assert set(world.releases().values()) == {release.own().name} and list(condition.releases(world.run)) == []
    world.rest()
    held = [[round(one["held_ms"], 1) for one in way["exchanges"]] for way in (told, back)]
    print(
        f"exchanges took nothing for {held[0]} ms and, back, {held[1]} ms; {told['seconds']:.1f} s and {back['seconds']:.1f} s"
    )


def test_o2_a_release_that_could_not_take_an_exchanges_place_changes_nothing(world: World) -> None:
    before = world.pids()
    said = refused("--of", "exchange", "--to", str(world.made("older", OLDER)))
    assert all(f"{name} writes schema" in said for name in EXCHANGES)
    said = refused("--of", "exchange", "--to", str(world.made("before", BEFORE)))
    assert "takes the place of a running exchange in version 0 of doing so" in said and world.pids() == before


def test_o2_past_a_schema_there_is_no_way_back_once_the_newer_release_leads(world: World) -> None:
    told = rolled("--to", str(world.made("newer", NEWER)))
    assert told["leads"] == "engine-standby"
    before = world.pids()
    schema = release.own().schema
    assert f"--back: release {release.own().short} reads records up to schema {schema}, and engine-standby" in refused(
        "--back"
    )
    assert world.pids() == before and world.leads() == "engine-standby"


def test_nothing_is_lost_by_the_exchanges_own_journals(world: World) -> None:
    system = world.system
    world.runner.first(system, list(REGIONS))
    system.command(start=False)
    assert invariants.at_rest(system) == []
    system.down()
    assert invariants.at_end(system) == []
    counts = invariants.counted(system)
    assert counts["orders"] > 20 and counts["fills"] > 5
    data = system.region(NEW_YORK) / "data"
    leads, follows = (
        {at: one for at, _, one in journals.records(data / tile)} for tile in ("engine-standby", "engine")
    )
    end = max(follows)
    assert {at: one for at, one in leads.items() if at <= end} == follows, "who follows has the same inputs"
    begun = {int(records.parse(one)["epoch"]): at for at, one in leads.items() if records.name_of(one) == "EngineStart"}
    assert list(begun) == sorted(begun) and len(begun) == 4
    made_way = sorted(path.name for path in data.glob("engine*.epoch-*"))
    assert made_way == ["engine-standby.epoch-2", "engine.epoch-1", "engine.epoch-3"]
    for name in made_way:
        epoch = int(name.rpartition("-")[2])
        ended = max(at for at, _, _ in journals.records(data / name))
        assert ended == begun[epoch + 1] - 1, "nothing that one took that made way is missing, and nothing is too much"
    events = json.loads((system.data / "platform.json").read_text())["events"]
    asked = [one for one in events if one["kind"] == "promotion"]
    assert asked[0]["by"] == "ann" and all("roll to release" in one["what"] for one in asked)
