"""Views to try strategies on: random, as an engine could make them, for `meridian strategy check` and the tests of modes.

Invariant: a seed gives the same views; counts and places (which the engine guarantees) stay inside their arrays.
"""

import random
import struct
from typing import Any

from meridian.codes import Callback, ConsolidatedState
from meridian.strategies.layouts import LISTINGS_MAX, WORKING_MAX, structure

UNDEF = 2**63 - 1
NANOS = 10**9
CENT = 10_000_000
EVENTS = {
    Callback.START: "TimerView", Callback.BOOK: "BookView", Callback.TRADE: "TradeView", Callback.STATUS: "StatusView",
    Callback.ORDER: "OrderView", Callback.FILL: "FillView", Callback.TIMER: "TimerView", Callback.STOP: "TimerView",
    Callback.CONSOLIDATED: "ConsolidatedView", Callback.RISK: "RiskView", Callback.AUCTION: "AuctionView",
    Callback.SIGNAL: "SignalView", Callback.MULTI_LEG: "MultiLegView",
}  # fmt: skip


def orders_view(rng: random.Random, *, fuel: int = 10_000, listings: int | None = None) -> Any:
    """An orders view with some listings and live orders."""
    view = structure("OrdersView")()
    view.time_ns = rng.randrange(2**60)
    view.fuel = fuel
    view.listings_count = listings or rng.randint(1, 4)
    view.current = rng.randrange(view.listings_count)
    for place in range(view.listings_count):
        _listing(rng, view.listings[place], place)
    view.working_count = rng.choice((0, 1, 2, 2, 3, 8, WORKING_MAX))
    for place in range(view.working_count):
        order = view.working[place]
        order.order_id = rng.randrange(1, 2**62)
        order.price_nanos = rng.randrange(9_000, 11_000) * CENT
        order.lots = rng.randrange(1, 100)
        order.leaves_lots = rng.randrange(1, order.lots + 1)
        order.pending_nanos = UNDEF
        order.listing = rng.randrange(view.listings_count)
        order.side = rng.choice((1, 2))
        order.state = rng.choice((1, 2, 2, 2, 3, 4, 5))
        order.time_in_force = 1
    for place in range(view.listings_count):
        book = structure("ConsolidatedView")()
        book.time_ns = view.time_ns
        _consolidated(rng, book)
        top = view.consolidated[place]
        for field in (each[0] for each in top._fields_):
            setattr(top, field, getattr(book, field))
    _looked_at(rng, view)
    assert view.listings_count <= LISTINGS_MAX
    return view


def _looked_at(rng: random.Random, view: Any) -> None:
    """What is kept for classes that look: queue places, states, regions."""
    for place in range(view.working_count):
        view.queues[place].order_id = view.working[place].order_id
        view.queues[place].ahead_lots = rng.choice((-1, 0, rng.randrange(1, 10**4)))
        view.queues_exact[place] = rng.randrange(2)
    for place in range(view.listings_count):
        state = view.states[place]
        for name in ("feed", "feed_mean", "order", "order_mean"):
            kind, _, mean = name.partition("_")
            setattr(state, f"{kind}_latency_{mean + '_' if mean else ''}ns", rng.choice((-1, rng.randrange(10**7))))
        state.entry_latency_ns, state.response_latency_ns = rng.randrange(10**6), rng.randrange(10**6)
        state.throttle_left = rng.choice((UNDEF, 0, rng.randrange(100)))
        state.buy_limit, state.sell_limit = rng.randrange(1_000), rng.randrange(1_000)
        state.buy_reason, state.sell_reason = rng.randrange(1, 34), rng.randrange(1, 34)
        state.new_orders, state.connected, state.breaker = rng.randrange(1, 4), rng.randrange(2), rng.randrange(1, 4)
        for number in range(rng.randrange(4)):
            there = view.regions[place].regions[number]
            there.region, there.venue = number + 1, rng.randrange(1, 5)
            there.position_lots, there.position_age_ns = (
                rng.randrange(-500, 500),
                rng.choice((-1, rng.randrange(10**10))),
            )
            there.position_unsure = rng.randrange(2)
            there.bid_nanos = rng.choice((UNDEF, rng.randrange(9_000, 11_000) * CENT))
            there.ask_nanos = rng.choice((UNDEF, rng.randrange(9_000, 11_000) * CENT))
            there.bid_lots, there.ask_lots = rng.randrange(500), rng.randrange(500)
            there.quote_state, there.quote_changed_ns = there.bid_lots % 5, there.ask_lots * 10**6
            there.quote_age_ns = rng.choice((-1, rng.randrange(10**10)))


def _listing(rng: random.Random, listing: Any, place: int) -> None:
    listing.position_lots = rng.randrange(-300, 300)
    listing.open_buy_lots = rng.randrange(50)
    listing.open_sell_lots = rng.randrange(50)
    listing.headroom_buy_lots = rng.choice((0, 3, 10, 500))
    listing.headroom_sell_lots = rng.choice((0, 3, 10, 500))
    listing.price_min_nanos = 100_000
    listing.price_max_nanos = 200_000 * NANOS
    listing.increment_lots = 1
    listing.units_per_lot_e8 = 10**8
    listing.bid_nanos = rng.randrange(9_000, 11_000) * CENT
    listing.ask_nanos = listing.bid_nanos + rng.randrange(-2, 6) * CENT
    listing.bid_lots = rng.randrange(500)
    listing.ask_lots = rng.randrange(500)
    # The first listings are (1, 2), (2, 1), then (1, 1) and (2, 2).
    listing.instrument, listing.venue = ((1, 2), (2, 1), (1, 1), (2, 2))[place]
    listing.flags = rng.choice((1 | 8, 1 | 8, 1 | 8, 8, 1, 1 | 2 | 8))
    for row in listing.ticks:
        row.from_nanos = UNDEF
    listing.ticks[0].from_nanos, listing.ticks[0].tick_nanos = 0, 100_000
    listing.ticks[1].from_nanos, listing.ticks[1].tick_nanos = NANOS, CENT


def event(rng: random.Random, callback: Callback, orders: Any) -> Any:
    """A view for a callback at the listing that the orders view is bound to."""
    view = structure(EVENTS[callback])()
    listing = orders.listings[orders.current]
    for field in ("instrument", "venue"):
        if hasattr(view, field):
            setattr(view, field, getattr(listing, field))
    view.time_ns = orders.time_ns
    {
        Callback.BOOK: _book, Callback.TRADE: _trade, Callback.STATUS: _status, Callback.ORDER: _order,
        Callback.FILL: _fill, Callback.CONSOLIDATED: _consolidated, Callback.RISK: _risk, Callback.AUCTION: _auction,
        Callback.SIGNAL: _signal, Callback.MULTI_LEG: _multi_leg,
    }.get(callback, _timer)(rng, view)  # fmt: skip
    return view


def _book(rng: random.Random, view: Any) -> None:
    view.age_ns = rng.choice((0, 1_000, 10**9))
    view.flags = rng.choice((1 | 8, 1 | 8, 1 | 8, 1 | 8, 8, 1, 1 | 2 | 8))
    bid = rng.randrange(9_000, 11_000) * CENT
    ask = bid + rng.randrange(-1, 8) * CENT
    for place in range(5):
        view.bids[place].price_nanos = bid - place * CENT
        view.asks[place].price_nanos = ask + place * CENT
        for side in (view.bids, view.asks):
            side[place].lots = rng.choice((0, 1, 100, rng.randrange(1, 10**6)))
            side[place].orders = rng.randrange(5)
    if not view.flags & 1:
        view.asks[0].price_nanos = UNDEF


def _consolidated(rng: random.Random, view: Any) -> None:
    """One to four venues, now and then one that is out; the rest follows from them."""
    view.since_ns = view.time_ns - rng.randrange(10**9)
    view.venues_count = rng.randrange(1, 5)
    middle = rng.randrange(9_000, 11_000) * CENT
    for place in range(view.venues_count):
        top = view.tops[place]
        top.venue = place + 1
        top.out = rng.choice((0, 0, 0, 0, 1, 4))
        top.bid_nanos = rng.choice((UNDEF, *(middle - CENT * away for away in range(-1, 3))))
        top.ask_nanos = rng.choice((UNDEF, *(middle + CENT * away for away in range(-1, 3))))
        top.bid_lots = 0 if top.bid_nanos == UNDEF else rng.randrange(1, 500)
        top.ask_lots = 0 if top.ask_nanos == UNDEF else rng.randrange(1, 500)
    live = [view.tops[place] for place in range(view.venues_count) if view.tops[place].out == 0]
    view.live_count = len(live)
    for side, best in (("bid", max), ("ask", min)):
        prices = [price for top in live if (price := getattr(top, f"{side}_nanos")) != UNDEF]
        price = best(prices) if prices else UNDEF
        shown = [top for top in live if prices and getattr(top, f"{side}_nanos") == price]
        setattr(view, f"{side}_nanos", price)
        setattr(view, f"{side}_lots", sum(getattr(top, f"{side}_lots") for top in shown))
        setattr(view, f"{side}_venues", sum(1 << (top.venue - 1) for top in shown))
        most = max(shown, key=lambda top: int(getattr(top, f"{side}_lots")), default=None)
        setattr(view, f"{side}_venue", 0 if most is None else most.venue)
    view.state = int(_state(view.bid_nanos, view.ask_nanos))


def _state(bid_nanos: int, ask_nanos: int) -> ConsolidatedState:
    if UNDEF in (bid_nanos, ask_nanos):
        return ConsolidatedState.EMPTY if bid_nanos == ask_nanos else ConsolidatedState.ONE_SIDED
    if bid_nanos == ask_nanos:
        return ConsolidatedState.LOCKED
    return ConsolidatedState.NORMAL if bid_nanos < ask_nanos else ConsolidatedState.CROSSED


def _trade(rng: random.Random, view: Any) -> None:
    view.price_nanos = rng.randrange(1, 20_000) * CENT
    view.lots = rng.randrange(1, 10_000)
    view.match_id = rng.randrange(2**62)
    view.taker_side = rng.randrange(3)
    view.busted = rng.random() < 0.1
    view.cross = rng.random() < 0.1


def _status(rng: random.Random, view: Any) -> None:
    view.tradable = rng.random() < 0.8
    view.stale = rng.random() < 0.1
    view.connected = rng.random() < 0.9
    view.trading = rng.randrange(1, 8)


def _order(rng: random.Random, view: Any) -> None:
    view.order_id = rng.randrange(2**62)
    view.price_nanos = rng.randrange(9_000, 11_000) * CENT
    view.lots = rng.randrange(1, 100)
    view.leaves_lots = rng.randrange(view.lots + 1)
    view.side = rng.choice((1, 2))
    view.state = rng.randrange(1, 10)
    view.event = rng.randrange(17)
    view.reason = rng.randrange(24)
    view.limit = rng.randrange(1000)


def _fill(rng: random.Random, view: Any) -> None:
    view.order_id = rng.randrange(2**62)
    view.price_nanos = rng.randrange(9_000, 11_000) * CENT
    view.lots = rng.randrange(1, 200)
    view.leaves_lots = rng.randrange(200)
    view.position_lots = rng.randrange(-500, 500)
    view.side = rng.choice((1, 2))
    view.liquidity = rng.randrange(4)
    view.broken = rng.random() < 0.05


def _risk(rng: random.Random, view: Any) -> None:
    view.headroom_buy_lots, view.headroom_sell_lots = rng.choice((0, 5, 1_000)), rng.choice((0, 5, 1_000))
    view.changed, view.new_orders = rng.randrange(16), rng.randrange(1, 4)
    view.buy_limit, view.sell_limit = rng.randrange(1_000), rng.randrange(1_000)
    view.buy_reason, view.sell_reason = rng.randrange(1, 34), rng.randrange(1, 34)
    view.connected, view.breaker = rng.randrange(2), rng.randrange(1, 4)


def _auction(rng: random.Random, view: Any) -> None:
    view.indicative_nanos, view.far_nanos, view.reference_nanos = (
        rng.choice((UNDEF, rng.randrange(9_000, 11_000) * CENT)) for _ in range(3)
    )
    view.paired_lots, view.imbalance_lots = rng.randrange(10**6), rng.randrange(10**5)
    view.side, view.kind, view.phase = rng.randrange(3), rng.randrange(5), rng.randrange(8)


def _signal(rng: random.Random, view: Any) -> None:
    view.bits = struct.unpack("<q", struct.pack("<d", rng.choice((0.0, rng.gauss(0, 1), rng.gauss(0, 1e6)))))[0]
    view.channel, view.source, view.based_on = rng.randrange(1, 2**31), rng.randrange(5), rng.randrange(2**40)


def _multi_leg(rng: random.Random, view: Any) -> None:
    view.multi_leg_id, view.tag = rng.randrange(2**62), rng.randrange(-5, 100)
    view.state, view.cause = rng.randrange(1, 7), rng.randrange(5)
    view.reason, view.limit = rng.randrange(34), rng.randrange(1_000)
    view.legs_count = rng.randrange(2, 9)
    view.leg = rng.randrange(view.legs_count)
    for place in range(view.legs_count):
        leg = view.legs[place]
        leg.order_id, leg.price_nanos = rng.randrange(2**62), rng.randrange(9_000, 11_000) * CENT
        leg.lots = rng.randrange(1, 100)
        leg.filled_lots = rng.randrange(leg.lots + 1)
        leg.unwound_lots = rng.randrange(leg.filled_lots + 1)
        leg.instrument, leg.venue = rng.randrange(1, 3), rng.randrange(1, 3)
        leg.side, leg.state = rng.choice((1, 2)), rng.randrange(1, 8)


def _timer(rng: random.Random, view: Any) -> None:
    view.due_ns = view.time_ns - rng.choice((0, 7, 1_500, rng.randrange(10**9)))
    view.callback = 7
