"""Rows of signals: features and a model's score in the engine's pass, of a hundred instruments in one batch, and in the tile.

The pass is the object code of `meridian.strategies.signals.alpha` with a linear model, called on fixed views as an engine calls
it; an update concerns one instrument however many there are. A batch takes new best prices of all hundred in and scores them all.

Invariant: what is timed gives a score that is not zero.
"""

from __future__ import annotations

import random
import time

from meridian.bench.row import Goal, Peer, Result, Row, Run

INSTRUMENTS = 100
GOAL_NS = 10_000
CALLS = 2_000


def in_pass(run: Run) -> Result:
    """One book in the engine's pass."""
    from meridian._native import strategies as native
    from meridian.bench.alpha import TouchAlpha
    from meridian.codes import Callback
    from meridian.strategies import probe
    from meridian.strategies.artifact import build

    rng = random.Random(run.seed)
    orders = probe.orders_view(rng)
    event = probe.event(rng, Callback.BOOK, orders)
    event.flags = 1 | 8
    path = build(TouchAlpha).path
    given = int(Callback.BOOK), bytes(event), bytes(orders)
    runner = native.SlotRunner.compiled(path)
    if runner.call(*given)[0] or not any(runner.record()):
        raise AssertionError("a sound book is scored")

    def block() -> float:
        return native.SlotRunner.compiled(path).time(*given, CALLS)

    value, _, _ = run.compare(block, None)
    return Result(
        name="signals_pass", title="features and score in the pass", unit="ns", value=value,
        input=f"one random book again and again, linear model of six features, seed {run.seed}", blocks=run.blocks,
        goals=[Goal(bound=GOAL_NS)],
    )  # fmt: skip


def in_batch(run: Run) -> Result:
    """All instruments at once, with numba; numpy's whole-array steps beside it."""
    import numpy as np

    from meridian.strategies.signals.batch import Batch
    from meridian.strategies.signals.features import FEATURES
    from meridian.strategies.signals.model import Model

    model = Model(features=FEATURES, bias=0.1, weights=(0.5, 0.1, 0.3, -0.2, 0.4, 0.01))
    made = np.random.default_rng(run.seed)
    middle = made.integers(9_000, 11_000, INSTRUMENTS) * 1e7
    tops = [(middle - 1e7, made.integers(1, 500, INSTRUMENTS) * 1.0, middle + 1e7 * at, made.integers(1, 500, INSTRUMENTS) * 1.0)
            for at in range(1, 9)]  # fmt: skip
    turns = run.pick(2_000, 50)

    def block(batch: Batch, turns: int) -> float:
        begun = time.perf_counter_ns()
        for turn in range(turns):
            bid, bid_lots, ask, ask_lots = tops[turn % len(tops)]
            scores = batch.update(bid, bid_lots, ask, ask_lots, bid_lots)
        seconds = (time.perf_counter_ns() - begun) / turns
        if not scores.any():
            raise AssertionError("books are scored")
        return seconds

    ours, theirs = Batch(model, INSTRUMENTS), Batch(model, INSTRUMENTS, engine="numpy")
    block(ours, 2)  # It compiles.
    value, peer, ratio = run.compare(lambda: block(ours, turns), lambda: block(theirs, turns))
    return Result(
        name="signals_batch", title=f"features and scores of {INSTRUMENTS} instruments", unit="ns",
        input=f"seeded best prices of {INSTRUMENTS} instruments, linear model of six features, seed {run.seed}",
        value=value, peers=[Peer(name="numpy", value=peer, ratio=ratio)], goals=[Goal(bound=GOAL_NS)], blocks=run.blocks,
    )  # fmt: skip


def in_tile(run: Run) -> Result:
    """A book of each of a hundred instruments through the alpha tile's stage; numpy's whole-array steps of the same model beside
    it, which know best prices alone."""
    import numpy as np

    from meridian._native import alpha as native
    from meridian.strategies.signals.batch import Batch
    from meridian.strategies.signals.features import FEATURES
    from meridian.strategies.signals.model import Model
    from meridian.strategies.signals.stage import Stage

    model = Model(features=FEATURES, bias=0.1, weights=(0.5, 0.1, 0.3, -0.2, 0.4, 0.01))
    made = np.random.default_rng(run.seed)
    books = []
    for turn in range(1, 9):
        rows = np.zeros((INSTRUMENTS, native.WORDS), dtype=np.int64)
        rows[:, 0] = np.arange(INSTRUMENTS)
        rows[:, 2:6] = turn, turn * 1_000_000, turn * 1_000_000, 1
        rows[:, 6] = made.integers(9_000, 11_000, INSTRUMENTS) * 10_000_000
        rows[:, 8] = rows[:, 6] + 10_000_000 * turn
        rows[:, 10:] = made.integers(1, 500, (INSTRUMENTS, native.WORDS - 10))
        rows[:, 7], rows[:, 9] = rows[:, 10], rows[:, 15]
        books.append((rows, tuple(rows[:, at].astype(np.float64) for at in (6, 7, 8, 9, 4))))
    turns = run.pick(2_000, 50)

    def ours() -> float:
        begun = time.perf_counter_ns()
        for turn in range(turns):
            signals = stage.take(books[turn % len(books)][0])
        each_ns = (time.perf_counter_ns() - begun) / turns
        if len(signals) != INSTRUMENTS:
            raise AssertionError("every book gives a score that is published")
        return each_ns

    def theirs() -> float:
        begun = time.perf_counter_ns()
        for turn in range(turns):
            scores = plain.update(*books[turn % len(books)][1])
        each_ns = (time.perf_counter_ns() - begun) / turns
        if not scores.any():
            raise AssertionError("books are scored")
        return each_ns

    stage, plain = Stage(model, range(1, INSTRUMENTS + 1)), Batch(model, INSTRUMENTS, engine="numpy")
    ours()  # It compiles, and the first book of each is not told.
    value, peer, ratio = run.compare(ours, theirs)
    return Result(
        name="alpha_update", title=f"alpha tile: books of {INSTRUMENTS} instruments to signal records", unit="ns",
        input=f"seeded books of {INSTRUMENTS} instruments, five levels, linear model of six features, seed {run.seed}",
        value=value, peers=[Peer(name="numpy, whole arrays, best prices alone", value=peer, ratio=ratio)],
        goals=[Goal(bound=GOAL_NS)], blocks=run.blocks,
    )  # fmt: skip


ROWS = [
    Row(name="signals_pass", title="features and score in the pass", unit="ns", measure=in_pass),
    Row(name="signals_batch", title="features and scores of 100 instruments", unit="ns", measure=in_batch),
    Row(name="alpha_update", title="alpha tile, 100 instruments", unit="ns", measure=in_tile),
]
