"""Each rule of the matching core on its own, in the words of the room's own functions."""

from __future__ import annotations

from typing import Any

import pytest

from meridian import records
from meridian.exchange import Matching, bench_matching, cancel, limit, listing, replace, session
from meridian.records import ExchangeEventKind as Kind
from meridian.records import Reason, SelfTrade, Side, TimeInForce

CENT = 10_000_000


def price(cents: int) -> int:
    """A price around 100."""
    return 100_000_000_000 + cents * CENT


@pytest.fixture
def house() -> Matching:
    """An exchange with one instrument and three sessions."""
    made = Matching(orders=64)
    made.apply(listing(1, tick_nanos=CENT) + b"".join(session(number, owner=number) for number in (1, 2, 3)))
    return made


def said(house: Matching, *commands: bytes) -> list[tuple[str, int, int]]:
    """Kind, lots and reason of each event."""
    events = records.array(house.apply(b"".join(commands)), "ExchangeEvent")
    return [(Kind(int(e["event"])).name, int(e["lots"]), int(e["reason"])) for e in events]


def buy(number: int, cents: int, lots: int = 10, source: int = 1, **fields: Any) -> bytes:
    return limit(source, number, Side.BUY, lots=lots, price_nanos=price(cents), **fields)


def sell(number: int, cents: int, lots: int = 10, source: int = 2, **fields: Any) -> bytes:
    return limit(source, number, Side.SELL, lots=lots, price_nanos=price(cents), **fields)


def takers(house: Matching, lots: int, cents: int) -> list[tuple[int, int, int]]:
    """Sells into the book; session, number and lots of each order it meets."""
    order = sell(900, cents, lots, source=3, time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL))
    events = records.array(house.apply(order), "ExchangeEvent")
    hits = events[events["event"] == Kind.EXECUTED]
    return [(int(e["header"]["source"]), int(e["user_ref"]), int(e["lots"])) for e in hits]


def test_better_prices_trade_first_and_then_earlier_orders(house: Matching) -> None:
    house.apply(buy(1, 0) + buy(2, 1, source=2) + buy(3, 0, source=2))
    assert takers(house, 25, 0) == [(2, 2, 10), (1, 1, 10), (2, 3, 5)]


def test_a_reduction_keeps_priority_and_an_increase_or_a_new_price_loses_it(house: Matching) -> None:
    house.apply(buy(1, 0, 20) + buy(2, 0) + buy(3, 0) + buy(4, 0))
    house.apply(replace(1, 1, 5, lots=10, price_nanos=price(0)) + replace(1, 2, 6, lots=11, price_nanos=price(0)))
    house.apply(replace(1, 3, 7, lots=10, price_nanos=price(1)) + replace(1, 7, 8, lots=10, price_nanos=price(0)))
    assert takers(house, 100, 0) == [(1, 5, 10), (1, 4, 10), (1, 6, 11), (1, 8, 10)]


def test_a_replace_counts_what_was_executed(house: Matching) -> None:
    house.apply(buy(1, 0, 20))
    takers(house, 15, 0)
    assert said(house, replace(1, 1, 2, lots=18, price_nanos=price(1))) == [("REPLACED", 3, 0)]
    assert said(house, replace(1, 2, 3, lots=15, price_nanos=price(1))) == [
        ("REPLACE_REJECTED", 15, Reason.INVALID_QUANTITY),
        ("CANCELED", 3, Reason.USER_REQUESTED),
    ]


def test_immediate_orders_never_rest(house: Matching) -> None:
    house.apply(sell(1, 0, 10))
    ioc, fok = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
    assert [kind for kind, _, _ in said(house, buy(1, 0, 11, time_in_force=fok))] == ["ACCEPTED", "CANCELED"]
    assert said(house, buy(2, 0, 11, time_in_force=ioc, minimum_lots=11))[1] == (
        "CANCELED",
        11,
        Reason.MINIMUM_QUANTITY,
    )
    assert said(house, buy(3, 0, 11, time_in_force=ioc))[1:] == [("EXECUTED", 10, 0), ("CANCELED", 1, Reason.IMMEDIATE)]
    assert len(house) == 0


def test_post_only_never_takes(house: Matching) -> None:
    house.apply(sell(1, 0))
    assert said(house, buy(1, 0, post_only=1))[1] == ("CANCELED", 10, Reason.WOULD_CROSS)
    assert said(house, buy(2, -1, post_only=1))[1] == ("RESTED", 10, 0)


def test_a_market_order_stops_at_its_protection() -> None:
    house = Matching(orders=64)
    house.apply(listing(1, tick_nanos=CENT, protection_ppm=100) + session(1) + session(2))
    house.apply(sell(1, 0) + sell(2, 1) + sell(3, 2))
    market = records.new(
        "ExchangeEnter", source=1, instrument=1, user_ref=1, side=1, order_type=2, time_in_force=1, lots=30,
        price_nanos=records.UNDEF_PRICE,
    )  # fmt: skip
    assert said(house, market.tobytes())[1:] == [
        ("EXECUTED", 10, 0),
        ("EXECUTED", 10, 0),
        ("CANCELED", 10, Reason.IMMEDIATE),
    ]


def test_a_reserve_shows_its_next_part_behind_the_others(house: Matching) -> None:
    house.apply(buy(1, 0, 25, display_lots=10) + buy(2, 0, 5, source=2))
    assert takers(house, 40, 0) == [(1, 1, 10), (2, 2, 5), (1, 1, 10), (1, 1, 5)]


def test_hidden_orders_trade_after_displayed_ones_of_their_price(house: Matching) -> None:
    house.apply(buy(1, 0, hidden=1) + buy(2, 0, source=2))
    assert takers(house, 20, 0) == [(2, 2, 10), (1, 1, 10)]


@pytest.mark.parametrize(
    ("mode", "told", "left"),
    [
        (SelfTrade.CANCEL_NEWEST, [("CANCELED", 15)], 10),
        (SelfTrade.CANCEL_OLDEST, [("CANCELED", 10), ("RESTED", 15)], 15),
        (SelfTrade.CANCEL_BOTH, [("CANCELED", 10), ("CANCELED", 15)], 0),
        (SelfTrade.DECREMENT, [("CANCELED", 10), ("CANCELED", 10), ("RESTED", 5)], 5),
    ],
)
def test_own_orders_do_not_trade_with_each_other(
    house: Matching, mode: SelfTrade, told: list[tuple[str, int]], left: int
) -> None:
    house.apply(sell(1, 0, 10, source=1))
    found = said(house, buy(2, 0, 15, source=1, self_trade=int(mode)))
    assert [(kind, lots) for kind, lots, _ in found[1:]] == told
    assert sum(order[3] for order in house.orders()) == left


def test_good_till_time_ends_at_its_time_and_day_orders_with_the_day(house: Matching) -> None:
    house.apply(buy(1, 0, time_in_force=int(TimeInForce.GOOD_TILL_TIME), expire_time_ns=500) + buy(2, 0))
    house.apply(buy(3, 0, time_in_force=int(TimeInForce.DAY)))
    timer = records.new("ExchangeControl", action=int(records.ExchangeAction.TIMER), receive_time_ns=500).tobytes()
    assert said(house, timer) == [("CANCELED", 10, Reason.TIMEOUT)]
    roll = records.new("ExchangeControl", action=int(records.ExchangeAction.DAY_ROLL)).tobytes()
    assert said(house, roll) == [("CANCELED", 10, Reason.DAY_END), ("DAY_ROLLED", 0, 0)]
    assert len(house) == 1


def test_a_halt_refuses_orders_and_lets_cancels_through(house: Matching) -> None:
    house.apply(buy(1, 0))
    action, halted = int(records.ExchangeAction.STATE), int(records.TradingState.HALTED)
    house.apply(records.new("ExchangeControl", action=action, state=halted, instrument=1).tobytes())
    assert said(house, buy(2, 0)) == [("REJECTED", 10, Reason.HALTED)]
    assert said(house, replace(1, 1, 3, lots=10, price_nanos=price(1))) == [("REPLACE_REJECTED", 10, Reason.HALTED)]
    assert said(house, cancel(1, 1)) == [("CANCELED", 10, Reason.USER_REQUESTED)]
    house.apply(records.new("ExchangeControl", action=action, state=1, instrument=1).tobytes())
    assert said(house, buy(4, 0))[0][0] == "ACCEPTED"


def test_a_trade_is_broken_once(house: Matching) -> None:
    house.apply(buy(1, 0))
    takers(house, 10, 0)
    bust = records.new("ExchangeControl", action=int(records.ExchangeAction.BUST), value=1).tobytes()
    assert [kind for kind, _, _ in said(house, bust, bust)] == ["BROKEN", "BUST_REJECTED"]


def test_numbers_are_used_once(house: Matching) -> None:
    assert said(house, buy(1, 0), buy(1, 0))[2] == ("REJECTED", 10, Reason.DUPLICATE_ID)
    house.apply(session(4, rising=1))
    house.apply(buy(7, 0, source=4) + cancel(4, 7))
    assert said(house, buy(7, 0, source=4)) == [("REJECTED", 10, Reason.DUPLICATE_ID)]


def test_the_benchmark_runs_small() -> None:
    report = bench_matching(2_000, 1)
    assert report["commands"] == 2_000 and report["trades"] > 50 and report["ns_per_command"] > 0
