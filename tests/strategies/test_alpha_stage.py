"""The alpha stage: its scores beside those of the pass, in backtests with a delay, and settings that are refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meridian import records
from meridian._native import alpha as native
from meridian.codes import Callback
from meridian.strategies import Plain, channel, discover
from meridian.strategies.backtest import options, running
from meridian.strategies.layouts import structure
from meridian.strategies.math import bits_float
from meridian.strategies.signals import generate, research
from meridian.strategies.signals.model import Model, load
from meridian.strategies.signals.stage import Stage
from tests.strategies.classes.scores import Listening
from tests.strategies.test_signals import HALF_NS, LINEAR, TREES, flow, model_of

__all__ = ["flow"]
BEAT_NS = 1_000_000
LATENCY_NS = 40_000
STEP = 0.05
SETTINGS = """
model = "model.json"
channel = "lean"
listings = [{ instrument = "TEST", venue = "XTST" }]
step = 0.05
beat = "1ms"
half = "500us"
latency = "40us"
"""


class Ear(Plain):
    """Keeps every signal that it is called with."""

    def __init__(self, cls: Any) -> None:
        super().__init__(cls)
        self.heard: list[dict[str, Any]] = []

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Calls and keeps."""
        if callback == Callback.SIGNAL:
            view = structure("SignalView").from_address(event)
            self.heard.append(
                {name: getattr(view, name) for name, *_ in view._fields_} | {"value": bits_float(view.bits)}
            )
        return super().call(callback, record, event, orders)


def rows_of(tape: research.Tape) -> NDArray[np.int64]:
    """A tape's events as a tap gives them."""
    rows = np.zeros((len(tape), native.WORDS), dtype=np.int64)
    places = {native.BOOK: 0, native.TRADE: 0}
    for row, kind in zip(rows, tape.kinds.tolist(), strict=True):
        what = native.BOOK if kind == Callback.BOOK else native.TRADE
        event = (tape.books if what == native.BOOK else tape.trades)[places[what]]
        places[what] += 1
        row[1], row[3], row[4] = what, event["time_ns"], event["time_ns"]
        if what == native.TRADE:
            row[5:8] = event["taker_side"], event["price_nanos"], event["lots"]
            continue
        row[5] = (int(event["flags"]) & 3) == 1
        bids, asks = event["bids"], event["asks"]
        row[6:10] = bids[0]["price_nanos"], bids[0]["lots"], asks[0]["price_nanos"], asks[0]["lots"]
        row[10:15], row[15:20] = bids["lots"], asks["lots"]
    rows[:, 2] = np.arange(1, len(rows) + 1)
    return rows


@pytest.mark.parametrize("told", [LINEAR, TREES])
def test_the_stage_publishes_what_the_pass_publishes(told: dict[str, Any], flow: Path, tmp_path: Path) -> None:
    model = model_of(told, tmp_path)
    cls = discover.find(f"{generate.write(model, 'stage-signal', tmp_path / 'model.json', tmp_path)}:StageSignal")
    tape = research.record([flow])
    rows = rows_of(tape)
    live = research.over(cls, tape, half_ns=HALF_NS, step=STEP)
    moved = np.flatnonzero(np.diff(live["published"])) + 1
    assert len(moved) > 50
    for compute in ("numba", "numpy"):
        stage = Stage(model, [channel("stage-signal")], step=STEP, half_ns=HALF_NS, compute=compute)
        whole = stage.take(rows).copy()
        assert whole["bits"].view(np.float64).tolist() == live["published"][moved].tolist()
        assert (whole["based_on"] - 1).tolist() == moved.tolist() and set(whole["signal"]) == {channel("stage-signal")}
        assert whole["header"]["venue_time_ns"].tolist() == rows[moved, 3].tolist()
        parts = Stage(model, [channel("stage-signal")], step=STEP, half_ns=HALF_NS, compute=compute)
        cuts = [parts.take(rows[at : at + 7].tobytes()).copy() for at in range(0, len(rows), 7)]
        assert np.concatenate(cuts).tobytes() == whole.tobytes(), "however it is cut"


def test_a_beat_tells_the_score_again_with_what_it_was_based_on(flow: Path, tmp_path: Path) -> None:
    model = model_of(LINEAR, tmp_path)
    rows = rows_of(research.record([flow]))[:500]
    beat = np.zeros((1, native.WORDS), dtype=np.int64)
    beat[0, 1:5] = native.BEAT, 9_000, rows[-1, 3] + 5, rows[-1, 3] + 5
    stage = Stage(model, [7], on="beat", beat_ns=BEAT_NS, half_ns=HALF_NS)
    assert len(stage.take(beat)) == 0, "nothing is known"
    assert len(stage.take(rows)) == 0
    (signal,) = stage.take(beat)
    last = rows[(rows[:, 1] == native.BOOK) & (rows[:, 5] == 1)][-1]
    assert (signal["based_on"], signal["header"]["venue_time_ns"]) == (last[2], last[3])
    assert signal["within_us"] == 3 * BEAT_NS // 1_000 and records.name_of(signal.tobytes()) == "Signal"


def settings_file(folder: Path, text: str = SETTINGS) -> Path:
    """Settings of a stage beside its model."""
    (folder / "model.json").write_text(json.dumps(LINEAR), encoding="utf-8")
    path = folder / "alpha.toml"
    path.write_text(text, encoding="utf-8")
    return path


def listened(plan: running.Plan) -> tuple[list[dict[str, Any]], Any]:
    """What a strategy heard in a backtest, and its result."""
    ears: list[Ear] = []

    def host(cls: Any) -> Ear:
        ears.append(Ear(cls))
        return ears[0]

    result = running.start(dataclasses.replace(plan, mode="plain"), host=host)
    assert not result.errors
    return ears[0].heard, result


def named(flow: Path, text: str = SETTINGS) -> str:
    """The settings with the listing that a flow has."""
    market = running.prepare(Listening, [flow]).market
    listing = market.listings[0]
    return text.replace("TEST", listing.instrument.symbol).replace("XTST", listing.venue)


def test_a_backtest_has_the_stage_and_its_delay(flow: Path, tmp_path: Path) -> None:
    path = settings_file(tmp_path, named(flow))
    plan = running.prepare(Listening, [flow], alpha=path)
    heard, result = listened(plan)
    fresh = [one for one in heard if one["flags"] == 0]
    assert len(fresh) > 50 and all(one["source"] == 0 for one in fresh)
    # What is told on a beat may be older; what moved is as old as the delay.
    first: dict[int, dict[str, Any]] = {}
    for one in fresh:
        first.setdefault(one["based_on"], one)
    ages = [one["age_ns"] for one in first.values()]
    assert min(ages) == LATENCY_NS and np.mean(np.array(ages) == LATENCY_NS) > 0.5
    rows = rows_of(research.record([flow]))
    stage = Stage(load(tmp_path / "model.json"), [1], step=STEP, half_ns=500_000)
    expected = stage.take(rows)["bits"].view(np.float64).tolist()
    moved = [one["value"] for one in fresh if one["age_ns"] == LATENCY_NS]
    assert [value for value in expected if value in set(moved)] and set(moved) <= set(expected) | {
        one["value"] for one in fresh
    }
    again = running.start(plan)
    assert again.summary["state_hash"] == result.summary["state_hash"], "compiled and plain"
    other = settings_file(tmp_path, named(flow).replace("40us", "90us"))
    later, _ = listened(running.prepare(Listening, [flow], alpha=other))
    assert min(one["age_ns"] for one in later if one["flags"] == 0) == 90_000
    assert result.summary["modelled"]["alpha"]["latency_ns"] == "40,000"


def test_measured_delays_are_one_of_a_files(flow: Path, tmp_path: Path) -> None:
    (tmp_path / "delays.txt").write_text("10000\n70000\n", encoding="utf-8")
    path = settings_file(tmp_path, named(flow).replace('"40us"', '"@delays.txt"'))
    heard, _ = listened(running.prepare(Listening, [flow], alpha=path))
    ages = {one["age_ns"] for one in heard if one["flags"] == 0}
    assert {10_000, 70_000} <= ages


def test_everything_wrong_with_a_stage_is_told_before_the_run(flow: Path, tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    (tmp_path / "model.json").write_text(
        json.dumps({"schema": "meridian.model/1", "kind": "linear", "features": ["queue", "moon"], "weights": [1e999]})
    )
    path.write_text(SETTINGS.replace("40us", "soon").replace("step = 0.05", 'step = 0.05\ncompute = "cupy"'))
    with pytest.raises(options.OptionsError) as refused:
        running.prepare(Listening, [flow], alpha=path)
    told = "\n".join(refused.value.errors)
    for words in (
        "features = ['queue', 'moon']",
        "weights = [inf]",
        "TEST@XTST: is listed nowhere",
        "compute = cupy",
        "soon",
    ):
        assert words in told, (words, told)
    many = ", ".join('{ instrument = "A", venue = "B" }' for _ in range(native.LISTINGS_MAX + 1))
    path.write_text(f'channel = "Up"\nlistings = [{many}]\nbeat = "1ns"\nmoon = 1\non = "sun"\nstep = -1\n')
    with pytest.raises(options.OptionsError) as refused:
        running.prepare(Listening, [flow], alpha=path)
    told = "\n".join(refused.value.errors)
    for words in (
        "model: is missing",
        "channel = ",
        "1 to 128 tables",
        "beat = ",
        "moon: is not a key",
        "on = ",
        "step = ",
    ):
        assert words in told, (words, told)
    with pytest.raises(options.OptionsError, match=r"absent\.toml"):
        running.prepare(Listening, [flow], alpha=tmp_path / "absent.toml")


def test_model_equality_of_two_computes_on_many_instruments(tmp_path: Path) -> None:
    made = np.random.default_rng(5)
    model: Model = model_of(TREES, tmp_path)
    rows = np.zeros((900, native.WORDS), dtype=np.int64)
    rows[:, 0] = made.integers(0, 100, 900)
    rows[:, 1] = made.choice([native.BOOK, native.BOOK, native.TRADE, native.BEAT], 900)
    rows[:, 2] = np.arange(900)
    rows[:, 3] = rows[:, 4] = np.cumsum(made.integers(0, 10_000, 900)) + 1
    rows[:, 5] = made.integers(0, 3, 900)
    rows[:, 6] = made.integers(100, 110, 900) * 10_000_000
    rows[:, 8] = rows[:, 6] + made.integers(1, 4, 900) * 10_000_000
    rows[:, 7], rows[:, 9] = made.integers(1, 99, 900), made.integers(1, 99, 900)
    rows[:, 10:] = made.integers(0, 99, (900, 10))
    one, two = (Stage(model, range(1, 101), compute=compute).take(rows).tobytes() for compute in ("numba", "numpy"))
    assert one == two and len(one) > 100 * 72
