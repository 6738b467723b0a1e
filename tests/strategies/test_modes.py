"""Compiled and plain give the same orders, the same record and the same status, to the last bit."""

import importlib.util
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from meridian.codes import Callback
from meridian.strategies import Plain, Strategy
from meridian.strategies import probe as random_views
from meridian.strategies.layouts import structure
from meridian.strategies.plugins.cross_taker import CrossTaker
from meridian.strategies.plugins.market_maker import InventoryMaker
from tests.strategies.classes.asking import Asking
from tests.strategies.classes.everything import Everything
from tests.strategies.classes.legged import Legged
from tests.strategies.pair import Pair
from tests.support import ROOT, skip_unchecked

EXAMPLE = ROOT.parent / "shared" / "examples" / "market_maker.py"
CALLS = 3_000


def example() -> type[Strategy] | None:
    """The class as users are shown it, when it lies beside the tree."""
    if not EXAMPLE.is_file():
        return None
    spec = importlib.util.spec_from_file_location("example_market_maker", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    cls: type[Strategy] = module.MarketMaker
    return cls


CLASSES: list[Any] = [Everything, Asking, Legged, InventoryMaker, CrossTaker, example()]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__ if cls else "example")
def test_modes_agree_on_random_views(cls: type[Strategy] | None, code_directory: Path) -> None:
    if cls is None:
        skip_unchecked("the example strategy in both modes", "it is not beside the tree")
    pair = Pair(cls, code_directory)
    rng = random.Random(7)
    intents = failures = 0
    for _ in range(CALLS):
        callback = rng.choice(list(Callback))
        orders = random_views.orders_view(rng)
        answer = pair.call(callback, random_views.event(rng, callback, orders), orders)
        intents += len(answer.intents)
        failures += answer.status != 0
    assert intents > (10 if cls is CrossTaker else CALLS // 20)
    assert failures < CALLS // 2


def test_parameters_change_both_modes(code_directory: Path) -> None:
    pair = Pair(Everything, code_directory)
    rng = random.Random(3)
    for turn in range(50):
        pair.set(spread_ticks=1 + turn, weight=0.01 + turn / 100, eager=turn % 2 == 0)
        orders = random_views.orders_view(rng)
        pair.call(Callback.BOOK, random_views.event(rng, Callback.BOOK, orders), orders)
    before = pair.compiled.record()
    pair.compiled.reset()
    pair.plain.reset()
    assert pair.compiled.record() == pair.plain.record() != before
    assert pair.compiled.state_hash() == pair.plain.state_hash()
    offset = Everything.table.state_offset
    assert pair.compiled.record()[:offset] == before[:offset]
    assert pair.compiled.record()[offset:] == Everything.table.initial()[offset:]


@pytest.mark.parametrize("cls", [Everything, Asking, InventoryMaker, CrossTaker])
def test_debug_mode_gives_the_same_orders(cls: type[Strategy], code_directory: Path) -> None:
    import ctypes

    rng = random.Random(11)
    runs = [Plain(cls), Plain(cls, "debug")]
    records = [ctypes.create_string_buffer(run.initial, len(run.initial)) for run in runs]
    compared = 0
    for _ in range(500):
        callback = rng.choice(list(Callback))
        orders = random_views.orders_view(rng, fuel=10**6)
        event = random_views.event(rng, callback, orders)
        before = [bytes(record) for record in records]
        copies = [structure("OrdersView").from_buffer_copy(bytes(orders)) for _ in runs]
        answers = [
            run.call(int(callback), ctypes.addressof(record), ctypes.addressof(event), ctypes.addressof(copy))
            for run, record, copy in zip(runs, records, copies, strict=True)
        ]
        if any(answers):
            assert answers[0] & 0xFF == answers[1] & 0xFF
            for record, old in zip(records, before, strict=True):
                ctypes.memmove(record, old, len(old))
            continue
        compared += 1
        assert bytes(copies[0].intents) == bytes(copies[1].intents)
        assert records[0].raw == records[1].raw
    assert compared > 200


def test_a_callback_that_the_class_lacks_does_nothing(code_directory: Path) -> None:
    pair = Pair(CrossTaker, code_directory)
    rng = random.Random(5)
    orders = random_views.orders_view(rng)
    answer = pair.call(Callback.TRADE, random_views.event(rng, Callback.TRADE, orders), orders)
    assert answer.status == 0
    assert answer.intents == ()
