"""Auctions of the matching core: each rule on its own, and what no auction may do, on random calls."""

from __future__ import annotations

import random
from typing import Any

import pytest

from meridian import records
from meridian.exchange import Matching, auction, cancel, listing, session, state
from meridian.records import UNDEF_PRICE, AuctionAction, AuctionKind, Reason, Side, TimeInForce, TradingState
from meridian.records import ExchangeEventKind as Kind
from tests.oracle.auction import clearing

CENT = 10_000_000
AT_OPEN, AT_CLOSE = int(TimeInForce.AT_OPEN), int(TimeInForce.AT_CLOSE)


def price(cents: int) -> int:
    """A price around 100."""
    return 100_000_000_000 + cents * CENT


@pytest.fixture
def house() -> Matching:
    """An exchange with one instrument and three sessions, before its open."""
    made = Matching(orders=256)
    made.apply(listing(1, tick_nanos=CENT) + b"".join(session(number, owner=number) for number in (1, 2, 3)))
    made.apply(state(1, TradingState.PRE_OPEN))
    return made


def order(number: int, side: Side, cents: int | None, lots: int = 10, source: int = 1, **fields: Any) -> bytes:
    """A limit order, or a market order without a price."""
    market = cents is None
    asked = {"instrument": 1, "time_in_force": int(TimeInForce.GOOD_TILL_CANCEL), **fields}
    asked |= {"price_nanos": UNDEF_PRICE if cents is None else price(cents), "order_type": 2 if market else 1}
    return records.new("ExchangeEnter", source=source, user_ref=number, side=int(side), lots=lots, **asked).tobytes()


def events(house: Matching, *commands: bytes) -> list[Any]:
    """The events of commands."""
    return list(records.array(house.apply(b"".join(commands)), "ExchangeEvent"))


def call(kind: AuctionKind = AuctionKind.OPENING, **fields: Any) -> bytes:
    return auction(1, AuctionAction.CALL, kind=int(kind), **fields)


UNCROSS = auction(1, AuctionAction.UNCROSS)
INDICATE = auction(1, AuctionAction.INDICATE)


def crossed(found: list[Any]) -> list[tuple[int, int, int]]:
    """Number, price in cents and lots of each order's part."""
    parts = [event for event in found if event["event"] == Kind.CROSSED]
    return [(int(e["user_ref"]), (int(e["price_nanos"]) - price(0)) // CENT, int(e["lots"])) for e in parts]


def refused(found: list[Any]) -> list[int]:
    return [int(event["reason"]) for event in found if event["event"] in (Kind.REJECTED, Kind.CANCEL_REJECTED)]


def test_market_orders_then_prices_then_time_share_the_lots(house: Matching) -> None:
    house.apply(call())
    house.apply(order(1, Side.BUY, 1, 10) + order(2, Side.BUY, 0, 10) + order(3, Side.BUY, 0, 10))
    house.apply(order(4, Side.BUY, None, 5, time_in_force=AT_OPEN) + order(5, Side.SELL, 0, 28, source=2))
    found = events(house, UNCROSS)
    assert crossed(found) == [
        (5, 0, 5),
        (4, 0, 5),
        (5, 0, 10),
        (1, 0, 10),
        (5, 0, 10),
        (2, 0, 10),
        (5, 0, 3),
        (3, 0, 3),
    ]
    assert [(r[8], r[3], r[5]) for r in house.orders()] == [(3, 7, False)], "what is left is shown and trades on"


def test_orders_for_one_auction_wait_through_trading_and_end_with_it(house: Matching) -> None:
    house.apply(state(1, TradingState.TRADING) + order(1, Side.SELL, 0, 10, source=2))
    assert refused(events(house, order(2, Side.BUY, 5, time_in_force=AT_OPEN))) == [Reason.CLOSED]
    assert [e["event"] for e in events(house, order(3, Side.BUY, 5, 30, time_in_force=AT_CLOSE))] == [
        Kind.ACCEPTED,
        Kind.RESTED,
    ]
    found = events(house, call(AuctionKind.CLOSING), UNCROSS)
    assert crossed(found) == [(1, 5, 10), (3, 5, 10)], "buys are left over at every price: the highest"
    ends = [(int(e["lots"]), int(e["reason"])) for e in found if e["event"] == Kind.CANCELED]
    assert (ends, found[-1]["state"], len(house)) == ([(20, Reason.TIMEOUT)], TradingState.CLOSED, 0)


def test_a_call_may_be_too_late_to_leave_and_to_lean(house: Matching) -> None:
    house.apply(
        call(cutoff_ns=500, restricts=3) + order(1, Side.BUY, 0, 10) + order(2, Side.SELL, 0, 4, source=2) + INDICATE
    )
    house.apply(cancel(2, 9))
    late = records.new("ExchangeControl", action=int(records.ExchangeAction.TIMER), receive_time_ns=500).tobytes()
    house.apply(late)
    assert (
        refused(events(house, cancel(1, 1), order(3, Side.BUY, 0), order(4, Side.SELL, 0, 5, source=2)))
        == [Reason.TOO_LATE] * 2
    )
    everything = records.new("ExchangeMassCancel", source=1).tobytes()
    assert events(house, everything) == []
    by_the_house = events(house, records.new("ExchangeMassCancel").tobytes())
    assert [event["event"] for event in by_the_house] == [Kind.CANCELED] * 3


def test_a_halt_in_a_call_keeps_it_and_trading_crosses_first(house: Matching) -> None:
    house.apply(call() + order(1, Side.BUY, 3, 10) + order(2, Side.SELL, 1, 10, source=2))
    house.apply(state(1, TradingState.HALTED))
    assert refused(events(house, order(3, Side.BUY, 3))) == [Reason.HALTED]
    found = events(house, state(1, TradingState.TRADING))
    assert [event["event"] for event in found] == [Kind.CROSSED, Kind.CROSSED, Kind.UNCROSSED, Kind.STATE]


@pytest.mark.parametrize("seed", range(40))
def test_no_auction_trades_beyond_a_limit_or_less_than_it_could(seed: int) -> None:
    rng, house = random.Random(seed), Matching(orders=256)
    house.apply(listing(1, tick_nanos=CENT) + session(1) + state(1, TradingState.PRE_OPEN))
    reference = rng.choice([UNDEF_PRICE, price(rng.randint(-8, 8))])
    house.apply(call(reference_nanos=reference))
    wanted: dict[int, tuple[Side, int, int]] = {}
    for number in range(1, rng.randint(2, 60)):
        side, market = rng.choice([Side.BUY, Side.SELL]), rng.random() < 0.1
        cents, lots = None if market else rng.randint(-6, 6), rng.randint(1, 50)
        life = AT_OPEN if market or rng.random() < 0.3 else int(TimeInForce.DAY)
        extra = {"display_lots": rng.randint(1, lots)} if life != AT_OPEN and rng.random() < 0.2 else {}
        house.apply(order(number, side, cents, lots, time_in_force=life, **extra))
        wanted[number] = (side, UNDEF_PRICE if cents is None else price(cents), lots)
    copy = house.state_hash
    buys, sells = (
        [(limit, lots) for own, limit, lots in wanted.values() if own == side] for side in (Side.BUY, Side.SELL)
    )
    expected = clearing(buys, sells, reference)
    found = events(house, UNCROSS)
    done = dict.fromkeys(wanted, 0)
    for event in (event for event in found if event["event"] == Kind.CROSSED):
        side, limit_nanos, _ = wanted[int(event["user_ref"])]
        at, sign = int(event["price_nanos"]), 1 if side == Side.BUY else -1
        assert limit_nanos == UNDEF_PRICE or sign * at <= sign * limit_nanos, "never worse than a limit"
        assert expected is not None and at == expected.price
        done[int(event["user_ref"])] += int(event["lots"])
    bought, sold = (sum(done[n] for n, one in wanted.items() if one[0] == side) for side in (Side.BUY, Side.SELL))
    assert bought == sold == (expected.paired if expected else 0), "as much as can trade, as much bought as sold"
    taken = {int(e["user_ref"]): int(e["lots"]) for e in found if e["event"] == Kind.CANCELED}
    left = {row[8]: row[3] + row[4] for row in house.orders()}
    assert all(done[n] + taken.get(n, 0) + left.get(n, 0) == lots for n, (_, _, lots) in wanted.items())
    bids = [row[2] for row in house.orders() if row[1] == Side.BUY]
    asks = [row[2] for row in house.orders() if row[1] == Side.SELL]
    assert not bids or not asks or max(bids) < min(asks), "the book that trades on is not crossed"
    assert house.state_hash != copy
