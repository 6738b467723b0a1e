"""Signals: the same features in research, in the engine's pass and in batches; models from a file, and what is no model."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian._native.book import itch_stream
from meridian.codes import Callback, IntentKind
from meridian.console import BadInput
from meridian.strategies import Plain, channel, discover
from meridian.strategies.backtest import running
from meridian.strategies.layouts import structure
from meridian.strategies.math import bits_float
from meridian.strategies.signals import batch, features, generate, research
from meridian.strategies.signals.model import Model, load

HALF_NS = 500_000
LINEAR = {"schema": "meridian.model/1", "kind": "linear", "features": ["queue", "flow", "lean"],
          "weights": [0.7, -0.2, 0.05], "bias": 0.01}  # fmt: skip
SPLIT = {"feature": 0, "at_most": 0.1, "left": {"value": -1.0}, "right": {"value": 0.5}}
TREES = {
    "schema": "meridian.model/1", "kind": "trees", "features": ["queue", "trades", "variance"], "bias": 0.1,
    "trees": [SPLIT, {"feature": 2, "at_most": 1.0, "left": {"feature": 1, "at_most": 0.0, "left": {"value": 0.25},
              "right": SPLIT}, "right": {"value": 3.0}}],
}  # fmt: skip


def model_of(told: dict[str, Any], folder: Path) -> Model:
    """A model by way of its file."""
    path = folder / "model.json"
    path.write_text(json.dumps(told))
    return load(path)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short day."""
    made: Any = itch_stream(3_000, 1, 5)
    path = tmp_path_factory.mktemp("flow") / "01032019.FLOW_ITCH50"
    path.write_bytes(made if isinstance(made, bytes) else made[0])
    return path


class Spy(Plain):
    """Keeps the record after each event, and what was published."""

    def __init__(self, cls: Any) -> None:
        super().__init__(cls)
        self.rows = bytearray()
        self.published: list[tuple[int, float]] = []

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Calls and keeps."""
        status = super().call(callback, record, event, orders)
        if callback in (Callback.BOOK, Callback.TRADE):
            self.rows += bytes(self.table.structure.from_address(record))
        view = structure("OrdersView").from_address(orders)
        for place in range(view.intents_count):
            intent = view.intents[place]
            assert intent.intent == IntentKind.SIGNAL
            self.published.append((intent.order_id, bits_float(intent.price_nanos)))
        return status


@pytest.mark.parametrize("told", [LINEAR, TREES])
def test_research_and_live_are_the_same_to_the_bit(told: dict[str, Any], flow: Path, tmp_path: Path) -> None:
    model = model_of(told, tmp_path)
    plugin = generate.write(model, "lean-signal", tmp_path / "model.json", tmp_path)
    cls = discover.find(f"{plugin}:LeanSignal")
    plan = running.prepare(cls, [flow], parameters={"half_ns": HALF_NS, "step": 0.001})
    spies: list[Spy] = []

    def host(strategy: Any) -> Spy:
        spies.append(Spy(strategy))
        return spies[0]

    live = running.start(plan)
    plain = running.start(dataclasses.replace(plan, mode="plain"), host=host)
    assert not live.errors and live.summary["state_hash"] == plain.summary["state_hash"]
    tape = research.record([flow])
    rows = research.over(cls, tape, half_ns=HALF_NS, step=0.001)
    assert len(rows) == len(tape) > 1_000 and len(tape.trades) > 20
    assert rows.tobytes() == bytes(spies[0].rows)
    published = spies[0].published
    assert len(published) > 50 and {number for number, _ in published} == {channel("lean-signal")}
    assert [value for _, value in published] == rows["published"][
        np.flatnonzero(np.diff(rows["published"])) + 1
    ].tolist()
    # The generated code is the model.
    scored = rows[1:][np.diff(rows["updates"]) == 1]
    assert len(scored) > 500
    for row in scored[::31]:
        assert row["score_now"] == model.score({name: float(row[name]) for name in features.FEATURES})
    # One who fits a model finds what came after.
    moved = research.ahead(tape, 1_000_000)
    assert len(moved) == len(rows) and np.isfinite(moved).mean() > 0.5


@pytest.mark.parametrize("told", [LINEAR, TREES])
def test_a_batch_gives_what_the_pass_gives(told: dict[str, Any], flow: Path, tmp_path: Path) -> None:
    model = model_of(told, tmp_path)
    plugin = generate.write(model, "batch-signal", tmp_path / "model.json", tmp_path)
    cls = discover.find(f"{plugin}:BatchSignal")
    tape = research.record([flow])
    sound = (tape.books["flags"] & 1) == 1
    books = tape.books[sound]
    only = research.Tape(
        kinds=np.full(len(books), int(Callback.BOOK), dtype=np.uint8), books=books, trades=tape.trades[:0]
    )
    rows = research.over(cls, only, half_ns=HALF_NS)
    tried = [batch.Batch(model, 3, half_ns=HALF_NS, engine=engine) for engine in ("numba", "numpy")]
    for at, book in enumerate(books[:400]):
        bid, bid_lots, ask, ask_lots = (
            np.full(3, float(book[side][0][name])) for side in ("bids", "asks") for name in ("price_nanos", "lots")
        )
        now = np.full(3, float(book["time_ns"] - books["time_ns"][0]))
        one, two = (np.array(each.update(bid, bid_lots, ask, ask_lots, now, rows["depth"][at])) for each in tried)
        assert one.tolist() == two.tolist() == [float(rows["score_now"][at])] * 3
    for name, values in zip(features.FEATURES, tried[0].features, strict=True):
        assert values[0] == rows[name][399], name


def test_every_way_to_score_gives_the_same_bits(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for told in (LINEAR, TREES):
        model = model_of(told, tmp_path)
        rows = random.normal(size=(3, 200))
        found = batch.predict(model, rows)
        by_row = [model.score(dict(zip(model.features, column.tolist(), strict=True))) for column in rows.T]
        assert found.tolist() == by_row


def test_order_flow_is_that_of_its_paper() -> None:
    # Cont, Kukanov and Stoikov 2014: a better bid brings its size, a bid that goes takes the old one; asks the other way.
    still = (100.0, 5.0, 101.0, 7.0)
    assert features.order_flow(*still, 100.0, 8.0, 101.0, 7.0) == 3.0
    assert features.order_flow(*still, 100.5, 2.0, 101.0, 7.0) == 2.0
    assert features.order_flow(*still, 99.0, 9.0, 101.0, 7.0) == -5.0
    assert features.order_flow(*still, 100.0, 5.0, 100.5, 4.0) == -4.0
    assert features.order_flow(*still, 100.0, 5.0, 102.0, 4.0) == 7.0
    assert features.decayed(8.0, 100.0, 100.0) == 4.0 and features.imbalance(0.0, 0.0) == 0.0


def test_what_is_no_model_is_told_at_once(tmp_path: Path) -> None:
    wrong = {"schema": "meridian.model/1", "kind": "linear", "features": ["queue", "moon"], "weights": [float("nan")],
             "bias": "x"}  # fmt: skip
    with pytest.raises(BadInput) as raised:
        model_of(wrong, tmp_path)
    assert len(raised.value.errors) == 3 and all(
        any(word in error for error in raised.value.errors) for word in ("moon", "weights", "bias")
    )
    tree = {**TREES, "trees": [{"feature": 9, "at_most": 1e999, "left": {"value": 1}, "right": None}]}
    with pytest.raises(BadInput) as raised:
        model_of(tree, tmp_path)
    assert len(raised.value.errors) == 3, raised.value.errors
    with pytest.raises(BadInput, match=r"meridian\.model/1"):
        model_of({"schema": "other"}, tmp_path)
    with pytest.raises(ValueError, match="cupy"):
        batch.Batch(Model(features=("queue",), bias=0.0, weights=(1.0,)), 1, engine="cupy")
