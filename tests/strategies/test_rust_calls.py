"""The calls of the plugin API that Python and Rust both have write equal intents, or fail alike, on random views."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from meridian._native import strategies as native
from meridian.codes import CallStatus, OrderState
from meridian.strategies import UNDEF_PRICE, orders, probe
from meridian.strategies.checks import StrategyFailure
from meridian.strategies.layouts import structure
from meridian.strategies.math import float_bits
from meridian.strategies.views import OrdersBound

CENT = 10_000_000
Call = tuple[tuple[int, int, int], list[int], list[int], Callable[[Any], None]]


def prices(rng: random.Random, view: Any) -> list[int]:
    """Some that orders rest at, some new, some left out, some twice."""
    known = [order.price_nanos for order in view.working[: view.working_count]] or [9_500 * CENT]
    several = [rng.choice((rng.choice(known), rng.randrange(9_000, 11_000) * CENT, UNDEF_PRICE)) for _ in range(7)]
    return several[: rng.randrange(8)] if rng.random() < 0.95 else several + several


def target(rng: random.Random, view: Any) -> Call:
    lots = rng.choice((0, rng.randrange(-400, 400), rng.choice((2**50 + 1, -(2**62)))))
    price = rng.choice((9_800 * CENT, view.working[0].price_nanos or CENT, UNDEF_PRICE))
    post = rng.randrange(2)
    return (lots, price, post), [], [], lambda bound: orders.order_target(7, bound, lots, price, bool(post))


def mass_quote(rng: random.Random, view: Any) -> Call:
    size, post = rng.choice((0, 1, 5, 50, 500, -1)), rng.randrange(2)
    bids, asks = prices(rng, view), prices(rng, view)
    return (size, post, 0), bids, asks, lambda bound: orders.order_mass_quote(7, bound, bids, asks, size, bool(post))


def signal(rng: random.Random, view: Any) -> Call:
    channel = rng.choice((0, 1, 77, 2**31 - 1, 2**31, -5))
    value = rng.choice((0.0, -0.0, 1.5, rng.gauss(0, 1e9), float("nan"), float("inf"), -float("inf"), 1.7e308))
    arguments = (channel, float_bits(value), 0)
    return arguments, [], [], lambda bound: orders.order_signal(7, bound, channel, value)


def cancel_all(rng: random.Random, view: Any) -> Call:
    return (0, 0, 0), [], [], lambda bound: orders.order_cancel_all(7, bound)


def legs(rng: random.Random, view: Any) -> Call:
    price, lots, tag = rng.randrange(9_000, 11_000) * CENT, rng.choice((-3, 0, 1, 8, 2**62)), rng.choice((0, -7, 2**62))
    view.intents_count = rng.choice((0, 0, 29, 30, 31, 32))

    def call(bound: Any) -> None:
        orders.order_leg(7, bound, orders.BUY, price, lots)
        orders.order_leg(7, bound, orders.SELL, price, lots, price)
        orders.order_multi_leg(7, bound, price, lots, lots % 2 != 0, tag)

    return (price, lots, tag), [], [], call


@pytest.mark.parametrize("make", [target, mass_quote, signal, cancel_all, legs], ids=lambda make: make.__name__)
def test_rust_and_python_ask_alike(make: Callable[[random.Random, Any], Call]) -> None:
    rng = random.Random(41)
    asked = failed = 0
    for _ in range(1_500):
        view = probe.orders_view(rng)
        listing = view.listings[view.current]
        listing.increment_lots = rng.choice((1, 1, 10))
        for order in view.working[: view.working_count]:
            order.listing, order.side = view.current, rng.choice((1, 2, 2))
            order.state = rng.choice((2, 2, 2, 2, 1, 3, 4))
            if order.state == OrderState.PENDING_REPLACE:
                order.pending_nanos = rng.randrange(9_000, 11_000) * CENT
        view.working_count = min(rng.choice((0, 1, 1, 2, 4, 8, 64)), view.working_count)
        arguments, bids, asks, call = make(rng, view)
        mine = structure("OrdersView").from_buffer_copy(bytes(view))
        status, after = native.ask(make.__name__, bytes(view), arguments, bids, asks)
        try:
            call(OrdersBound(mine, mine.current))
        except StrategyFailure:
            assert status == mine.failure & 0xFF, CallStatus(mine.failure & 0xFF)
            failed += 1
            continue
        assert status == 0
        assert bytes(mine) == after
        asked += mine.intents_count
    assert asked > 300
    assert failed > 0 or make is cancel_all
