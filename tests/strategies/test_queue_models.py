"""Queue models of level data: beside exact queues, over the same flow, and beside hftbacktest's, order by order."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian.coordination.install import cache_folder, fetch
from meridian.strategies.backtest import generated, options, queues, running
from meridian.strategies.backtest.prober import Prober
from meridian.strategies.layouts import structure
from meridian.strategies.plain import Plain
from meridian.strategies.transform import CALLBACKS
from meridian.venues import flow
from tests.strategies.itch_day import Day
from tests.support import ROOT, skip_unchecked

LOCK = ROOT / "requirements" / "hftbacktest.txt"
PROBES = ROOT / "tests" / "strategies" / "hftbacktest_probes.py"
FEED_NS, ORDER_NS, REPORT_NS = 10_250, 20_500, 20_500
"""No multiple of a microsecond after a beat: an order never arrives at the instant of a record."""
LOTS = 57
"""No multiple of the flow's ten lots: a trade never fills an order of ours exactly."""
TICK_NANOS = 10_000_000
MILLISECOND = 1_000_000
Fills = dict[int, int]
"""Lots of an order filled by each time at which it was filled."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds of one symbol, a thousand events a second; cancels take any order of a level."""
    made, errors = generated.flow("seed=1,seconds=40,rate=1000")
    assert made is not None and not errors
    ((_, path),) = generated.files(made, tmp_path_factory.mktemp("flow"), lambda _path, _count: None)
    return path


def test_levels_are_the_sums_of_the_orders(day: Path) -> None:
    records = flow.orders(flow.open_files([day]).files[0])
    rows = flow.levels(records, grid_ns=1_000)
    book = flow.Book()
    book.apply(records)
    told: dict[tuple[int, int], int] = {}
    for price, lots, side, trade in zip(
        *(rows[name].tolist() for name in ("price_nanos", "lots", "side", "trade")), strict=True
    ):
        if not trade:
            told[side, price] = lots
    there = {(at, price): lots for at, side in ((1, "buy"), (2, "sell")) for price, lots, _ in book.levels(side, 9_999)}
    assert {key: lots for key, lots in told.items() if lots} == there
    executed = records["lots"][records["action"] == 2].sum()
    assert rows["lots"][rows["trade"] == 1].sum() == executed > 0
    assert (rows["time_ns"][1:] >= rows["time_ns"][:-1]).all()


def test_without_cancels_every_model_is_the_exact_queue(tmp_path: Path, code_directory: Path) -> None:
    made = Day()
    for side, price in (("B", 1_000_000), ("S", 1_000_200)):
        made.add(0, ord(side), side, 900, price)
    for at in range(1, 40):
        # A beat's orders of ten lots stand behind all that there is, and before the forty that come after it.
        made.execute(at * MILLISECOND, ord("B"), 20)
        made.add(at * MILLISECOND + 300_000, 1_000 + at, "S", 40, 1_000_200)
        made.execute(at * MILLISECOND + 600_000, ord("S"), 20)
    made.add(40 * MILLISECOND, 3_000, "B", 10, 999_000)
    path = made.save(tmp_path)
    found = queues.queue_errors(path, beat="15ms", directory=code_directory)
    assert [each.queue for each in found] == list(queues.QUEUES)
    assert all(each.orders > 0 and each.lots_error == 0 and each.lots_model == each.lots_exact for each in found)


def test_the_error_of_each_model_is_told(day: Path, code_directory: Path) -> None:
    found = {
        each.queue: each
        for each in queues.queue_errors(
            day, queues=("pessimistic", "power:1", "power:3"), beat="100ms", size_lots=50, directory=code_directory
        )
    }
    pessimistic, even = found["pessimistic"], found["power:1"]
    assert pessimistic.orders == even.orders > 300 and pessimistic.filled_exact == even.filled_exact > 60
    # Cancels of this flow take any order of a level alike: the share by lots is the truth, and the pessimist waits too long.
    assert pessimistic.filled_model < pessimistic.filled_exact and pessimistic.time_bias_ns > even.time_bias_ns
    assert 0 < even.lots_error < pessimistic.lots_error
    assert found["power:3"].lots_error < pessimistic.lots_error
    assert even.filled_both > pessimistic.filled_both and even.lots_model == pytest.approx(even.lots_exact, rel=0.1)
    assert all(0 <= each.filled_both <= min(each.filled_exact, each.filled_model) for each in found.values())
    table = queues.lines(list(found.values()))
    assert len(table) == 5 and all(line.count("|") == table[0].count("|") for line in table)


def test_what_cannot_be_compared_is_told(tmp_path: Path, code_directory: Path) -> None:
    path = tmp_path / "01032019.FLOW_ITCH50"
    path.write_bytes(flow.itch_stream(3_000, 2, seed=1)[0])
    with pytest.raises(ValueError, match="2 symbols; a file of one symbol, order by order, is allowed"):
        queues.queue_errors(path, directory=code_directory)
    with pytest.raises(options.OptionsError, match="--timer soon"):
        queues.queue_errors(_short(tmp_path), beat="soon", directory=code_directory)


def _short(tmp_path: Path) -> Path:
    path = tmp_path / "01042019.FLOW_ITCH50"
    path.write_bytes(flow.itch_stream(500, 1, seed=1)[0])
    return path


class Watched(Plain):
    """Plain mode that writes down when the strategy looked."""

    beats_ns: list[int]

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Calls; Prober has one callback."""
        if callback in self.callbacks:
            type(self).beats_ns.append(int(structure(CALLBACKS["on_timer"] or "").from_address(event).time_ns))
        return super().call(callback, record, event, orders)


@pytest.fixture(scope="module")
def peer() -> dict[str, str]:
    """The environment in which hftbacktest is found: numpy and numba are ours, it is fetched once."""
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    place = cache_folder() / "hftbacktest" / f"{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    why = fetch(
        LOCK, place, place / "hftbacktest", "backtest: fetching hftbacktest for its test, once (6 MB)", alone=True
    )
    if why:
        skip_unchecked("queue models beside hftbacktest", f"it could not be fetched: {why}")
    return {**os.environ, "PYTHONPATH": str(place)}


def ours(paths: list[Path], queue: str, code_directory: Path) -> tuple[list[int], dict[tuple[int, int, int], Fills]]:
    """The times at which the strategy looked; by beat, side and ticks each order's fills."""
    words: dict[str, Any] = {"limits": queues.LIMITS, "parameters": {"size_lots": LOTS}, "mode": "plain"}
    latency = f"feed={FEED_NS}ns,order={ORDER_NS}ns,report={REPORT_NS}ns"
    plan = running.prepare(
        Prober, paths, timer="100ms", queue=queue, latency=[latency], directory=code_directory, **words
    )
    Watched.beats_ns = []
    result = running.start(plan, host=Watched)
    assert not result.errors and set(result.fills["liquidity"].tolist()) == {1}, "every fill is of an order that rested"
    at = {time_ns: beat for beat, time_ns in enumerate(Watched.beats_ns)}
    names = ("order_id", "sent_ns", "side", "price_nanos")
    named = {
        order: (at[sent_ns], side, price // TICK_NANOS)
        for order, sent_ns, side, price in zip(*(result.orders[name].tolist() for name in names), strict=True)
    }
    fills: dict[tuple[int, int, int], Fills] = {key: {} for key in named.values()}
    for order, time_ns, lots in zip(
        *(result.fills[name].tolist() for name in ("order_id", "venue_time_ns", "lots")), strict=True
    ):
        so_far = fills[named[order]]
        so_far[time_ns] = max(so_far.values(), default=0) + lots
    return Watched.beats_ns, fills


def theirs(path: Path) -> dict[tuple[int, int, int], Fills]:
    """By beat, side and ticks each order's fills."""
    told = np.load(f"{path}.out.npz")
    assert int(told["code"]) in (0, 1, 2), "the run of the peer failed"
    named = {number: (beat, side, ticks) for number, beat, side, ticks in told["sent"].tolist()}
    fills: dict[tuple[int, int, int], Fills] = {key: {} for key in named.values()}
    for number, time_ns, lots, rested in told["fills"].tolist():
        assert rested
        fills[named[number]][time_ns] = lots
    return fills


def rounded(one: Fills, other: Fills) -> bool:
    """Whether the peer's fills are ours but for the lot to which it rounds up a half lot and more, at every time."""
    filled = [0, 0]
    for time_ns in sorted(one.keys() | other.keys()):
        filled = [one.get(time_ns, filled[0]), other.get(time_ns, filled[1])]
        if not 0 <= filled[1] - filled[0] <= 1:
            return False
    return True


def test_hftbacktest_fills_the_same_orders_at_the_same_times(
    day: Path, tmp_path: Path, code_directory: Path, peer: dict[str, str]
) -> None:
    """Every difference has one of two names: records of one instant, and rounding to whole lots (note 27)."""
    rows = flow.levels(flow.orders(flow.open_files([day]).files[0]), grid_ns=1_000)
    paths = flow.save_tardis(rows, tmp_path, "GENA")
    models = ("pessimistic", "power:1", "power:3")
    runs: dict[str, tuple[list[int], dict[tuple[int, int, int], Fills]]] = {}
    for queue in models:
        beats_ns, fills = ours(paths, queue, code_directory)
        runs[queue] = (beats_ns, fills)
        np.savez(
            tmp_path / f"{queue[-1]}.npz", time_ns=rows["time_ns"].astype(np.int64), side=rows["side"], trade=rows["trade"],
            ticks=(rows["price_nanos"] // TICK_NANOS).astype(float), lots=rows["lots"].astype(float), lots_each=LOTS,
            beats_ns=beats_ns, delays_ns=[FEED_NS, ORDER_NS, REPORT_NS],
        )  # fmt: skip
    words = [f"{queue}={tmp_path / queue[-1]}.npz" for queue in models]
    done = subprocess.run([sys.executable, PROBES, *words], env=peer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    arrivals = Counter((rows["time_ns"].astype(np.int64) + FEED_NS).tolist())
    for queue, (beats_ns, fills) in runs.items():
        found = theirs(tmp_path / f"{queue[-1]}.npz")
        shared = fills.keys() & found.keys()
        # Ours looks when the first record of an instant is there, theirs when all of it is.
        odd = {key[0] for key in fills.keys() ^ found.keys()}
        assert all(arrivals[beats_ns[beat]] > 1 for beat in odd), odd
        assert len(shared) > 0.95 * len(fills) > 300
        unequal = [key for key in shared if fills[key] != found[key]]
        assert sum(bool(fills[key]) for key in shared) > 60
        assert len(unequal) < 0.05 * len(shared) and all(rounded(fills[key], found[key]) for key in unequal)
        assert queue != "pessimistic" or not unequal, "its places are whole lots"
