"""Kill runs: plans are what their seed makes them, a system that lost nothing is found whole, one that lost something is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from meridian.analytics import Run
from meridian.coordination.install import installed
from meridian.deploy import runs
from meridian.records import Side
from tests.deploy.support import own_runtime
from tests.kill import harms, invariants, report
from tests.kill.apart import Means
from tests.kill.plan import ABOVE, ALL, CHICAGO, NEW_YORK, Harm, Kind, has_disk, plan, targets
from tests.kill.runner import Runner
from tests.kill.system import REGIONS, System, affected
from tests.kill.venue import Chain, Change, Taken, at_most, order_id
from tests.support import ROOT

EVERY = frozenset(Kind)
SYSTEM_SECONDS_MAX = 400


def test_a_plan_is_made_by_its_seed_and_harms_everything_before_anything_twice() -> None:
    many = plan(7, 10 * len(targets(True)), EVERY, standby=True)
    assert many == plan(7, len(many), EVERY, standby=True) != plan(8, len(many), EVERY, standby=True)
    assert plan(7, 30, EVERY, standby=True) == many[:30], "a shorter run does the same as far as it goes"
    for at in range(0, len(many), len(targets(True))):
        assert {(one.run, one.process) for one in many[at : at + len(targets(True))]} == set(targets(True))
    assert {one.kind for one in many} == EVERY
    assert all(has_disk(one.process) for one in many if one.kind in (Kind.FULL, Kind.READ_ONLY))
    assert {one.process for one in many if one.kind is Kind.NETWORK} == {ALL}
    pauses = [one.seconds for one in many if one.kind is Kind.PAUSE]
    assert min(pauses) >= 0.1 and 5 < max(pauses) <= 60 and sorted(pauses)[len(pauses) // 2] < 1.5
    assert {one.kind for one in plan(7, 60, frozenset({Kind.PAUSE}), standby=True)} == {Kind.PAUSE, Kind.KILL}, (
        "all at once: killed"
    )


def test_where_orders_are_waited_for() -> None:
    assert affected(NEW_YORK, "feed_xbos") == ["gateway_xbos"]
    assert affected(CHICAGO, "engine") == [CHICAGO, "gateway_xcme"]
    assert affected(ABOVE, "etcd") == [NEW_YORK, CHICAGO, "gateway_xnas", "gateway_xbos", "gateway_xcme"]


def taken(*changes: tuple[int, int, int]) -> Taken:
    """A session of which one order did this: time, position and open lots."""
    chain = Chain(5, 1, int(Side.BUY))
    return Taken(
        "X", changes=[Change(time_ns=at, chain=chain, position_lots=lots, open_lots=left) for at, lots, left in changes]
    )


def test_the_worst_that_orders_could_come_to_is_position_with_all_that_is_open() -> None:
    one = taken((10, 0, 8), (20, 3, -3), (30, 0, -5), (40, 0, 4))
    assert one.worst(Side.BUY, {5}, 1)[1].tolist() == [8, 8, 3, 7]
    assert one.worst(Side.SELL, {5}, 1)[1].tolist() == [0, -3, -3, -3]
    assert one.worst(Side.BUY, {6}, 1)[1].tolist() == [] and one.worst(Side.BUY, None, 2)[1].tolist() == []
    assert at_most([one.worst(Side.BUY, None, 1)], 0) == 8


@pytest.mark.parametrize("seed", range(5))
def test_what_two_venues_surely_added_up_to_is_that_of_a_slow_sum(seed: int) -> None:
    chance = np.random.default_rng(seed)
    parts = [
        (np.sort(chance.integers(0, 1_000, 60)), chance.integers(-20, 20, 60))
        for _ in range(int(chance.integers(2, 4)))
    ]
    slack = int(chance.integers(0, 30))

    def least(part: tuple[np.ndarray, np.ndarray], at: int) -> int:
        before = [value for time_ns, value in zip(*part, strict=True) if time_ns <= at - slack]
        within = [value for time_ns, value in zip(*part, strict=True) if at - slack < time_ns <= at + slack]
        return int(min([before[-1] if before else 0, *within]))

    slow = max(sum(least(part, int(at)) for part in parts) for part_of in parts for at in part_of[0])
    assert at_most(parts, slack) == max(slow, 0)


def test_orders_out_of_turn_are_named() -> None:
    def of(day: int, epoch: int, counter: int) -> int:
        return day << 50 | 1 << 42 | epoch << 32 | counter

    good = Taken("X", ids=[of(9, 1, 1), of(9, 1, 2), of(9, 2, 1), of(10, 1, 1)])
    assert list(good.out_of_turn()) == []
    late = Taken("X", ids=[of(9, 1, 1), of(9, 2, 1), of(9, 1, 2), of(9, 2, 1), 0])
    said = " ".join(late.out_of_turn())
    assert f"took order {of(9, 1, 2)} of an epoch" in said and f"took order {of(9, 2, 1)} twice" in said
    assert "names none of ours" in said
    assert order_id(b"0000000000010 \0\0") == 36 and order_id(b"flow\0".ljust(16, b"\0")) == 0


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [report.percentile(values, share) for share in (0.5, 0.9, 0.99)] == [50, 90, 99]
    assert report.percentile([3.0], 0.99) == 3.0 and report.percentile([], 0.5) is None


def test_bad_input_is_refused_before_anything_starts() -> None:
    words = ["--kinds", "SIGKIL", "--json", "/no/such/place.json", "--markdown", "/none/such.md"]
    line = [sys.executable, "-m", "tests.kill", *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2 and done.stdout == "", done.stderr
    assert done.stderr.splitlines() == [
        "error: --kinds = SIGKIL: allowed are SIGKILL, SIGSTOP, full disk, read-only disk, network down",
        "error: --json = /no/such/place.json: its directory does not exist",
        "error: --markdown = /none/such.md: its directory does not exist",
    ]


@pytest.fixture(scope="module")
def ran() -> Iterator[System]:
    """A system that traded, of which an engine and an exchange were killed and a gateway paused, and that is over."""
    installed()
    with own_runtime() as folder:
        system = System(folder / "system", 3, own_disks=False)
        try:
            runner = Runner(seed=3, means=Means(own=False), plan=[], folder=folder, tell=lambda _: None)
            system.make()
            started(runner, system)
            for step, (process, kind, seconds) in enumerate(
                [("engine", Kind.KILL, 0.0), ("exchange_xnas", Kind.KILL, 0.0), ("gateway_xbos", Kind.PAUSE, 0.7)],
                start=1,
            ):
                harm = Harm(step=step, run=NEW_YORK, process=process, kind=kind, seconds=seconds, killed=False)
                since_ns = time.time_ns()
                assert not harms.do(system, harm)
                runner.ready(system, since_ns)
                runner.first(system, affected(NEW_YORK, process))
            system.command(start=False)
            assert invariants.at_rest(system) == []
            system.down()
            yield system
        finally:
            system.close()
            for run in runs.leftovers():
                runs.clear(run.name)


def started(runner: Runner, system: System) -> None:
    """Brings a system up and has it trade."""
    system.up()
    runner.ready(system, 0)
    system.command(start=True)
    runner.first(system, list(REGIONS))


def segments(system: System, region: str, tile: str) -> list[Path]:
    return sorted((system.region(region) / "data" / tile).glob("journal-*.segment"))


@pytest.mark.slow
@pytest.mark.timeout(SYSTEM_SECONDS_MAX)
def test_a_system_that_was_harmed_is_found_whole_and_each_loss_is_found(ran: System, tmp_path: Path) -> None:
    assert invariants.at_end(ran) == []
    counts = invariants.counted(ran)
    assert counts["orders"] > 20 and counts["fills"] > 5

    def found_without(region: str, tile: str) -> str:
        """What is found when the later half of a journal is gone, and with it the word of how far it went."""
        known = segments(ran, region, tile)
        gone = known[len(known) // 2 :] + [one for one in [known[0].parent / "state.json"] if one.exists()]
        moved = [(one, shutil.move(one, tmp_path / f"{tile}-{one.name}")) for one in gone]
        try:
            return "\n".join(invariants.at_end(ran))
        finally:
            for one, away in moved:
                shutil.move(away, one)

    lost = found_without(NEW_YORK, "engine")
    assert "is not in the engine" in lost or "the engine never heard of it" in lost, lost
    lost = found_without(NEW_YORK, "exchange_xnas")
    assert "XNAS: " in lost and "not in the exchange's journal" in lost, lost
    flipped = segments(ran, CHICAGO, "engine")[0]
    good = flipped.read_bytes()
    flipped.write_bytes(good[:9_000] + bytes([good[9_000] ^ 4]) + good[9_001:])
    assert any("chicago" in sentence for sentence in invariants.at_end(ran))
    flipped.write_bytes(good)
    assert invariants.at_end(ran) == []


@pytest.mark.slow
@pytest.mark.timeout(SYSTEM_SECONDS_MAX)
def test_r4_a_restart_of_everything_sends_no_order_again_and_books_no_fill_again(ran: System) -> None:
    """Killed at once, its data as they are: what it comes back with is what the exchanges have, position and all."""
    before = {name: closing(ran, name) for name in REGIONS}
    assert any(lots for known in before.values() for _, lots, _ in known)
    counts, ids = invariants.counted(ran), ids_taken(ran)
    runner = Runner(seed=3, means=Means(own=False), plan=[], folder=ran.folder, tell=lambda _: None)
    ran.up()
    runner.ready(ran, 0)
    harm = Harm(step=1, run=ABOVE, process=ALL, kind=Kind.KILL, seconds=0.0, killed=False)
    assert harms.do(ran, harm), "an operator has to bring it back"
    ran.up()
    runner.ready(ran, 0)
    assert invariants.at_rest(ran) == []
    ran.down()
    assert invariants.at_end(ran) == []
    assert (invariants.counted(ran), ids_taken(ran)) == (counts, ids)
    assert {name: closing(ran, name) for name in REGIONS} == before, "R5: of fills of all lives, however old"


def closing(system: System, region: str) -> list[tuple[int, int, int]]:
    """Account and instrument, lots and how many were ever bought, of each position at the end."""
    found = Run.open(system.region(region)).closing
    return [(one["account"] * 1_000 + one["instrument"], one["lots"], one["bought_lots"]) for one in found]


def ids_taken(system: System) -> list[int]:
    """Every order that the exchanges ever took of us."""
    runs_of = [Run.open(system.region(region)) for region in REGIONS]
    places = [
        (run.directory / venue["exchange_journal"], int(venue["session"])) for run in runs_of for venue in run.venues
    ]
    return [one for journal, session in places for one in Taken.read("", journal, session).ids]


@pytest.mark.slow
@pytest.mark.timeout(SYSTEM_SECONDS_MAX)
def test_an_engine_that_lost_its_journal_while_it_was_dead_is_found(ran: System) -> None:
    """It comes up, trades and reconciles with its venues; what it can no longer know is told all the same."""
    for path in segments(ran, NEW_YORK, "engine"):
        path.unlink()
    runner = Runner(seed=3, means=Means(own=False), plan=[], folder=ran.folder, tell=lambda _: None)
    ran.up()
    runner.ready(ran, 0)
    found = "\n".join(invariants.at_rest(ran, seconds=2.0))
    ran.down()
    assert "new-york: " in found and "chicago: " not in found, found
    assert "break at input" in found or "never heard of it" in found, found
