"""What a strategy can ask for: new, replace, cancel, quotes, prices on the tick; and what it may know of its listing.

The functions are what both modes run (over ctypes structures in plain mode, jitted in compiled mode); each is given the
source line of its caller, so that a failure names the quant's own line. The class `Orders` gives quants the types and the
debugger mode an object.

Invariant: a request becomes an intent in the view's buffer, in order, or the callback fails; nothing else is written.
"""

from collections.abc import Iterator
from typing import Any

from meridian._native import records as _records
from meridian.codes import IntentKind, OrderState, OrderType, Side, TimeInForce
from meridian.strategies import checks, layouts
from meridian.strategies.channels import CHANNEL_MAX
from meridian.strategies.checks import fail, length, need_int
from meridian.strategies.math import float_bits
from meridian.strategies.views import (
    GETTERS,
    UNDEF_PRICE,
    Consolidated,
    OrdersBound,
    Region,
    WorkingOrder,
    working_places,
)

__all__ = ["METHODS", "Orders"]

BUY, SELL = int(Side.BUY), int(Side.SELL)
NEW, REPLACE, CANCEL = int(IntentKind.NEW), int(IntentKind.REPLACE), int(IntentKind.CANCEL)
SIGNAL = int(IntentKind.SIGNAL)
LEG, MULTI_LEG = int(IntentKind.LEG), int(IntentKind.MULTI_LEG)
CANCEL_SIDE, CANCEL_ALL = int(IntentKind.CANCEL_SIDE), int(IntentKind.CANCEL_ALL)
LIMIT, DAY = int(OrderType.LIMIT), int(TimeInForce.DAY)
LIVE, PENDING_CANCEL = int(OrderState.LIVE), int(OrderState.PENDING_CANCEL)
PENDING_REPLACE = int(OrderState.PENDING_REPLACE)
INTENTS_MAX = layouts.INTENTS_MAX
INTENT_QUOTE: int = _records.CONSTANTS["INTENT_QUOTE"]
TICK_ROWS: int = _records.CONSTANTS["TICK_ROWS"]
RAISED, OUT_OF_BOUNDS = checks.RAISED, checks.OUT_OF_BOUNDS
BAD_PRICE, TOO_MANY_INTENTS = checks.BAD_PRICE, checks.TOO_MANY_INTENTS
BAD_NUMBER = checks.BAD_NUMBER
LOTS_EDGE = 2**50  # More lots than any venue has.
FLOAT_MAX = 1.7976931348623157e308
QUOTE_LEVELS_MAX = 8
PRICE_EDGE = 4e18  # Prices beyond it are refused, so that rounding to the tick cannot overflow.
TICK_MAX = 10**18


def place_intent(line: int, view: Any, kind: int, listing: int, order_id: int, side: int) -> Any:
    """The next free intent, cleared and with these fields."""
    count = view.intents_count
    if count >= INTENTS_MAX:
        fail(view, TOO_MANY_INTENTS, line)
    intent = view.intents[count]
    intent.order_id = order_id
    intent.price_nanos = 0
    intent.lots = 0
    intent.display_lots = 0
    intent.expire_time_ns = 0
    intent.intent = kind
    intent.listing = listing
    intent.side = side
    intent.order_type = 0
    intent.time_in_force = 0
    intent.post_only = 0
    view.intents_count = count + 1
    return intent


def order_new(
    line: int, orders: Any, side: Any, price_nanos: Any, lots: Any, time_in_force: Any = DAY, post_only: Any = False,
    display_lots: Any = 0, expire_time_ns: Any = 0, order_type: Any = LIMIT,
) -> None:  # fmt: skip
    """A new order at the bound listing."""
    if side != BUY and side != SELL:
        fail(orders.memory, RAISED, line)
    price = need_int(price_nanos)
    size = need_int(lots)
    intent = place_intent(line, orders.memory, NEW, orders.listing, 0, side)
    intent.price_nanos = price
    intent.lots = size
    intent.display_lots = need_int(display_lots)
    intent.expire_time_ns = need_int(expire_time_ns)
    intent.order_type = order_type
    intent.time_in_force = time_in_force
    intent.post_only = 1 if post_only else 0


def order_buy(
    line: int, orders: Any, price_nanos: Any, lots: Any, time_in_force: Any = DAY, post_only: Any = False,
    display_lots: Any = 0, expire_time_ns: Any = 0,
) -> None:  # fmt: skip
    """A new buy at a price."""
    order_new(line, orders, BUY, price_nanos, lots, time_in_force, post_only, display_lots, expire_time_ns, LIMIT)


def order_sell(
    line: int, orders: Any, price_nanos: Any, lots: Any, time_in_force: Any = DAY, post_only: Any = False,
    display_lots: Any = 0, expire_time_ns: Any = 0,
) -> None:  # fmt: skip
    """A new sale at a price."""
    order_new(line, orders, SELL, price_nanos, lots, time_in_force, post_only, display_lots, expire_time_ns, LIMIT)


def order_replace(line: int, orders: Any, order: Any, price_nanos: Any, lots: Any) -> None:
    """Another price and total lots for an order."""
    price = need_int(price_nanos)
    size = need_int(lots)
    intent = place_intent(line, orders.memory, REPLACE, orders.listing, order.order_id, order.side)
    intent.price_nanos = price
    intent.lots = size


def order_cancel(line: int, orders: Any, order: Any) -> None:
    """Cancels an order."""
    place_intent(line, orders.memory, CANCEL, orders.listing, order.order_id, order.side)


def order_cancel_side(line: int, orders: Any, side: Any) -> None:
    """Cancels a side of the bound listing; nothing when nothing rests there and nothing was asked before."""
    if side != BUY and side != SELL:
        fail(orders.memory, RAISED, line)
    view = orders.memory
    wanted = view.intents_count > 0
    for place in range(view.working_count):
        order = view.working[place]
        if order.listing == orders.listing and order.side == side and order.state != PENDING_CANCEL:
            wanted = True
    if wanted:
        place_intent(line, view, CANCEL_SIDE, orders.listing, 0, side)


def order_cancel_all(line: int, orders: Any) -> None:
    """Cancels every order of the slot, at every listing; nothing when there is none and nothing was asked before."""
    view = orders.memory
    wanted = view.intents_count > 0
    for place in range(view.working_count):
        if view.working[place].state != PENDING_CANCEL:
            wanted = True
    if wanted:
        place_intent(line, view, CANCEL_ALL, orders.listing, 0, 0)


def order_headroom_lots(line: int, orders: Any, side: Any) -> int:
    """Lots that a further order of a side may have now."""
    listing = orders.memory.listings[orders.listing]
    if side == BUY:
        return listing.headroom_buy_lots
    if side != SELL:
        fail(orders.memory, RAISED, line)
    return listing.headroom_sell_lots


def order_on(line: int, orders: Any, instrument: Any, venue: Any) -> OrdersBound:
    """The same, bound to another of the slot's listings."""
    view = orders.memory
    found = -1
    for place in range(view.listings_count):
        if view.listings[place].instrument == instrument and view.listings[place].venue == venue:
            found = place
    if found < 0:
        fail(view, OUT_OF_BOUNDS, line)
    return OrdersBound(view, found)


def whole_price(line: int, view: Any, price: Any, up: bool) -> int:
    """A float or whole number as a whole number, rounded down or up."""
    if not (-PRICE_EDGE < price < PRICE_EDGE):  # NaN fails as well.
        fail(view, BAD_PRICE, line)
    whole = int(price)
    if whole > price:
        whole -= 1
    if up and whole < price:
        whole += 1
    return whole


def order_to_price(line: int, orders: Any, price_nanos: Any, side: Any) -> int:
    """The nearest price on the tick away from the market: below for a buy, above for a sale.

    NaN, infinities and what lies outside the listing's prices fail.
    """
    view = orders.memory
    if side != BUY and side != SELL:
        fail(view, RAISED, line)
    whole = whole_price(line, view, price_nanos, side == SELL)
    listing = view.listings[orders.listing]
    row = 0
    while row + 1 < TICK_ROWS and whole >= listing.ticks[row + 1].from_nanos:
        row += 1
    tick = listing.ticks[row].tick_nanos
    if tick <= 0 or tick > TICK_MAX:
        fail(view, BAD_PRICE, line)
    rest = whole % tick
    if rest != 0:
        whole -= rest
        if side == SELL:
            whole += tick
    if whole < listing.price_min_nanos or whole > listing.price_max_nanos:
        fail(view, BAD_PRICE, line)
    return whole


def quote_side(
    line: int, orders: Any, side: int, found: int, count: int, price: int, size: int, headroom: int, post_only: Any
) -> None:
    """One side of a quote, where `count` orders rest and one of them at the place `found`."""
    view = orders.memory
    wanted = size > 0 and price != UNDEF_PRICE
    if count == 0:
        if wanted and headroom >= size:
            order_new(line, orders, side, price, size, DAY, post_only, 0, 0, LIMIT)
        return
    if count > 1 or not wanted:  # More than one is not a quote: clear the side, the next callback quotes anew.
        place_intent(line, view, CANCEL_SIDE, orders.listing, 0, side)
        return
    order = view.working[found]
    if order.state != LIVE:
        return  # It answers first; the next callback decides.
    if order.price_nanos == price and order.leaves_lots <= size:
        return  # A partly filled order keeps its place in the queue.
    if size - order.leaves_lots > headroom:
        place_intent(line, view, CANCEL, orders.listing, order.order_id, side)
        return
    intent = place_intent(line, view, REPLACE, orders.listing, order.order_id, side)
    intent.price_nanos = price
    intent.lots = order.lots - order.leaves_lots + size


def mark_quotes(view: Any, first: int) -> None:
    """Marks the intents from this one on as quotes: a venue that quotes in sets is sent those of one callback together."""
    for place in range(first, view.intents_count):
        intent = view.intents[place]
        intent.intent = intent.intent | INTENT_QUOTE


def order_quote(line: int, orders: Any, bid_nanos: Any, ask_nanos: Any, lots: Any, post_only: Any = False) -> None:
    """One order a side at these prices and this size.

    What rests is replaced only when its price differs or it has more lots than wanted, so that queue position survives. A
    side whose headroom is below the size gets no new order, and none that would need more; a price UNDEF_PRICE or a size
    of zero takes the side out, and so does more than one order there, for a fresh start. An order that has a request under
    way is left until it is answered.
    """
    bid = need_int(bid_nanos)
    ask = need_int(ask_nanos)
    size = need_int(lots)
    view = orders.memory
    buy_found = 0
    sell_found = 0
    buys = 0
    sells = 0
    for place in range(view.working_count):
        order = view.working[place]
        if order.listing == orders.listing and order.state != PENDING_CANCEL:
            if order.side == BUY:
                buy_found = place
                buys += 1
            else:
                sell_found = place
                sells += 1
    listing = view.listings[orders.listing]
    first = view.intents_count
    quote_side(line, orders, BUY, buy_found, buys, bid, size, listing.headroom_buy_lots, post_only)
    quote_side(line, orders, SELL, sell_found, sells, ask, size, listing.headroom_sell_lots, post_only)
    mark_quotes(view, first)


def whole_lots(lots: int, increment_lots: int) -> int:
    """Lots, rounded down to what may be ordered."""
    return lots - lots % increment_lots if increment_lots > 1 else lots


def target_side(
    line: int, orders: Any, side: int, found: int, count: int, price: int, size: int, headroom: int, post_only: Any
) -> None:
    """One side of a target, where `count` orders rest and one of them at the place `found`."""
    view = orders.memory
    increment = view.listings[orders.listing].increment_lots
    if size == 0 or price == UNDEF_PRICE or count > 1:
        if count > 0:
            place_intent(line, view, CANCEL_SIDE, orders.listing, 0, side)
        return
    if count == 0:
        lots = whole_lots(min(size, headroom), increment)
        if lots > 0:
            order_new(line, orders, side, price, lots, DAY, post_only, 0, 0, LIMIT)
        return
    order = view.working[found]
    if order.state != LIVE:
        return  # It answers first; the next callback decides.
    lots = min(size, order.leaves_lots + whole_lots(max(headroom, 0), increment))
    if order.price_nanos == price and order.leaves_lots == lots:
        return
    intent = place_intent(line, view, REPLACE, orders.listing, order.order_id, side)
    intent.price_nanos = price
    intent.lots = order.lots - order.leaves_lots + lots


def order_target(line: int, orders: Any, lots: Any, price_nanos: Any, post_only: Any = False) -> None:
    """Moves the slot's orders at the bound listing so that position and open lots head for a position.

    What is missing, the position taken off, stands as one order at this price: made, or replaced where price or open lots
    differ, as far as headroom goes; the other side is cancelled, and so is a side with more than one order, for a fresh
    start. At the target, or at a price UNDEF_PRICE, nothing rests. An order that has a request under way is left until it is
    answered. It moves when it is called: call it whenever book, fill or order may have changed what is missing.
    """
    wanted = need_int(lots)
    price = need_int(price_nanos)
    view = orders.memory
    if wanted < -LOTS_EDGE or wanted > LOTS_EDGE:
        fail(view, BAD_NUMBER, line)
    buy_found = 0
    sell_found = 0
    buys = 0
    sells = 0
    for place in range(view.working_count):
        order = view.working[place]
        if order.listing == orders.listing and order.state != PENDING_CANCEL:
            if order.side == BUY:
                buy_found = place
                buys += 1
            else:
                sell_found = place
                sells += 1
    listing = view.listings[orders.listing]
    missing = wanted - listing.position_lots
    buy = whole_lots(max(missing, 0), listing.increment_lots)
    sell = whole_lots(max(-missing, 0), listing.increment_lots)
    target_side(line, orders, BUY, buy_found, buys, price, buy, listing.headroom_buy_lots, post_only)
    target_side(line, orders, SELL, sell_found, sells, price, sell, listing.headroom_sell_lots, post_only)


def level_of(order: Any, prices: Any, levels: int, taken: int) -> int:
    """The first level at an order's price (the one asked for, while a replace is under way) that is not taken; -1: none."""
    price = order.price_nanos
    if order.state == PENDING_REPLACE and order.pending_nanos != UNDEF_PRICE:
        price = order.pending_nanos
    for level in range(levels):
        if prices[level] == price and (taken >> level) & 1 == 0:
            return level
    return -1


def free_level(prices: Any, levels: int, taken: int) -> int:
    """The first level that has a price and no order; -1: none."""
    for level in range(levels):
        if prices[level] != UNDEF_PRICE and (taken >> level) & 1 == 0:
            return level
    return -1


def mass_side(line: int, orders: Any, side: int, prices: Any, size: int, headroom: int, post_only: Any) -> None:
    """One side of a mass quote."""
    view = orders.memory
    levels = length(prices) if size > 0 else 0
    if levels > QUOTE_LEVELS_MAX:
        fail(view, OUT_OF_BOUNDS, line)
    taken = 0
    for place in range(view.working_count):
        order = view.working[place]
        if order.listing == orders.listing and order.side == side and order.state != PENDING_CANCEL:
            level = level_of(order, prices, levels, taken)
            if level >= 0:
                taken |= 1 << level
    seen = 0
    room = headroom
    for place in range(view.working_count):
        order = view.working[place]
        if order.listing != orders.listing or order.side != side or order.state == PENDING_CANCEL:
            continue
        level = level_of(order, prices, levels, seen)
        if level >= 0:
            seen |= 1 << level
        if order.state != LIVE or (level >= 0 and order.leaves_lots <= size):
            continue  # It answers first, or keeps its place in the queue.
        free = level if level >= 0 else free_level(prices, levels, taken)
        if free < 0 or size - order.leaves_lots > room:
            place_intent(line, view, CANCEL, orders.listing, order.order_id, side)
            continue
        taken |= 1 << free
        room -= max(size - order.leaves_lots, 0)
        intent = place_intent(line, view, REPLACE, orders.listing, order.order_id, side)
        intent.price_nanos = prices[free]
        intent.lots = order.lots - order.leaves_lots + size
    for level in range(levels):
        if prices[level] != UNDEF_PRICE and (taken >> level) & 1 == 0 and room >= size:
            room -= size
            order_new(line, orders, side, need_int(prices[level]), size, DAY, post_only, 0, 0, LIMIT)


def order_mass_quote(line: int, orders: Any, bids: Any, asks: Any, lots: Any, post_only: Any = False) -> None:
    """One order of this size at each price of two lists of the state, up to eight a side; UNDEF_PRICE leaves a place out.

    What rests at a price that is asked for keeps its place in the queue, made smaller where it has more lots; what rests
    elsewhere moves to a price without an order, or is cancelled; what is left over is new, as far as headroom goes. A size
    of zero takes everything out. An order that has a request under way is left until it is answered.
    """
    size = need_int(lots)
    if size < 0 or size > LOTS_EDGE:
        fail(orders.memory, BAD_NUMBER, line)
    listing = orders.memory.listings[orders.listing]
    first = orders.memory.intents_count
    mass_side(line, orders, BUY, bids, size, listing.headroom_buy_lots, post_only)
    mass_side(line, orders, SELL, asks, size, listing.headroom_sell_lots, post_only)
    mark_quotes(orders.memory, first)


def order_signal(line: int, orders: Any, channel: Any, value: Any) -> None:
    """Publishes a number on a channel; NaN and infinities fail."""
    number = need_int(channel)
    amount = float(value)
    if number <= 0 or number > CHANNEL_MAX:
        fail(orders.memory, OUT_OF_BOUNDS, line)
    if not (-FLOAT_MAX <= amount <= FLOAT_MAX):  # NaN fails as well.
        fail(orders.memory, BAD_NUMBER, line)
    intent = place_intent(line, orders.memory, SIGNAL, orders.listing, number, 0)
    intent.price_nanos = float_bits(amount)


def order_leg(
    line: int, orders: Any, side: Any, price_nanos: Any, lots: Any, unwind_nanos: Any = UNDEF_PRICE,
    time_in_force: Any = DAY,
) -> None:  # fmt: skip
    """A leg, at the bound listing, of the multi-leg order that the callback asks for next.

    If the multi-leg order fails, what the leg filled is traded back at `unwind_nanos` or better; without that price it is kept.
    """
    if side != BUY and side != SELL:
        fail(orders.memory, RAISED, line)
    price = need_int(price_nanos)
    size = need_int(lots)
    worst = need_int(unwind_nanos)
    intent = place_intent(line, orders.memory, LEG, orders.listing, 0, side)
    intent.price_nanos = price
    intent.lots = size
    intent.expire_time_ns = worst
    intent.order_type = LIMIT
    intent.time_in_force = time_in_force


def order_multi_leg(
    line: int, orders: Any, within_ns: Any, unwind_ns: Any, one_by_one: Any = False, tag: Any = 0
) -> None:
    """The legs asked for in this callback as one multi-leg order.

    All of it is held before the first leg leaves, or none of it leaves. The legs have `within_ns` to fill; when a leg fails or
    the time is over the others are cancelled, and what filled is traded back within `unwind_ns`.
    """
    within = need_int(within_ns)
    unwind = need_int(unwind_ns)
    number = need_int(tag)
    intent = place_intent(line, orders.memory, MULTI_LEG, orders.listing, number, 0)
    intent.expire_time_ns = within
    intent.lots = unwind
    intent.post_only = 1 if one_by_one else 0


def order_headroom_limit(line: int, orders: Any, side: Any) -> int:
    """The limit that holds a further order of a side, 0: what holds it is no limit."""
    state = orders.memory.states[orders.listing]
    if side == BUY:
        return state.buy_limit
    if side != SELL:
        fail(orders.memory, RAISED, line)
    return state.sell_limit


def order_headroom_reason(line: int, orders: Any, side: Any) -> int:
    """The RejectCode that an order of a side beyond the headroom would meet."""
    state = orders.memory.states[orders.listing]
    if side == BUY:
        return state.buy_reason
    if side != SELL:
        fail(orders.memory, RAISED, line)
    return state.sell_reason


def order_queue_ahead_lots(line: int, orders: Any, order: Any) -> int:
    """Lots that trade before a live order at its price, -1: not known."""
    view = orders.memory
    for place in range(view.working_count):
        if view.queues[place].order_id == order.order_id:
            return view.queues[place].ahead_lots
    return -1


def order_queue_exact(line: int, orders: Any, order: Any) -> bool:
    """Whether the lots ahead were counted in the book; else they are an estimate from above."""
    view = orders.memory
    for place in range(view.working_count):
        if view.queues[place].order_id == order.order_id:
            return view.queues_exact[place] != 0
    return False


METHODS = {
    "new": order_new, "buy": order_buy, "sell": order_sell, "replace": order_replace, "cancel": order_cancel,
    "cancel_side": order_cancel_side, "cancel_all": order_cancel_all, "headroom_lots": order_headroom_lots,
    "on": order_on, "to_price": order_to_price, "quote": order_quote, "target": order_target,
    "mass_quote": order_mass_quote, "signal": order_signal, "leg": order_leg, "multi_leg": order_multi_leg,
    "headroom_limit": order_headroom_limit,
    "headroom_reason": order_headroom_reason, "queue_ahead_lots": order_queue_ahead_lots, "queue_exact": order_queue_exact,
}  # fmt: skip
SHARED = (
    place_intent, whole_price, mark_quotes, quote_side, whole_lots, target_side, level_of, free_level, mass_side,
    *METHODS.values(),
)  # fmt: skip


class Orders:
    """The `orders` argument: bound to the event's instrument and venue. Prices in nanos, sizes in lots."""

    time_ns: int
    instrument: int
    venue: int
    position_lots: int
    open_buy_lots: int
    open_sell_lots: int
    increment_lots: int
    bid_nanos: int
    ask_nanos: int
    bid_lots: int
    ask_lots: int
    two_sided: bool
    stale: bool
    tradable: bool
    watch_only: bool
    venue_up: bool
    breaker: int
    throttle_left: int
    new_orders: int
    feed_latency_ns: int
    feed_latency_mean_ns: int
    order_latency_ns: int
    order_latency_mean_ns: int
    entry_latency_ns: int
    response_latency_ns: int

    def __init__(self, bound: OrdersBound) -> None:
        self._bound = bound

    def __getattr__(self, name: str) -> Any:
        if name not in GETTERS:
            raise AttributeError(f"orders has no {name}")
        return GETTERS[name](self._bound)

    @property
    def working(self) -> Iterator[WorkingOrder]:
        """The slot's live orders at the bound listing, in no order that may be relied on."""
        view = self._bound.memory
        for place in working_places(self._bound):
            yield WorkingOrder(view.working[place])

    @property
    def consolidated(self) -> Consolidated:
        """The consolidated book of the bound listing's instrument."""
        return Consolidated(GETTERS["consolidated"](self._bound))

    @property
    def regions(self) -> list[Region]:
        """The bound listing's instrument in other regions."""
        return [Region(each) for each in GETTERS["regions"](self._bound)]

    def on(self, instrument: int, venue: int) -> "Orders":
        """The same, bound to another of the slot's listings; fails when it has none such."""
        return Orders(order_on(0, self._bound, instrument, venue))

    def headroom_lots(self, side: Side | int) -> int:
        """Lots that a further order of a side may have now."""
        return order_headroom_lots(0, self._bound, side)

    def to_price(self, price_nanos: float, side: Side | int) -> int:
        """The nearest price on the tick away from the market; NaN, infinities and prices out of range fail."""
        return order_to_price(0, self._bound, price_nanos, side)

    def new(
        self, side: Side | int, price_nanos: int, lots: int, time_in_force: TimeInForce | int = TimeInForce.DAY,
        post_only: bool = False, display_lots: int = 0, expire_time_ns: int = 0,
        order_type: OrderType | int = OrderType.LIMIT,
    ) -> None:  # fmt: skip
        """A new order."""
        order_new(0, self._bound, int(side), price_nanos, lots, int(time_in_force), post_only, display_lots,
                  expire_time_ns, int(order_type))  # fmt: skip

    def buy(
        self, price_nanos: int, lots: int, time_in_force: TimeInForce | int = TimeInForce.DAY, post_only: bool = False,
        display_lots: int = 0, expire_time_ns: int = 0,
    ) -> None:  # fmt: skip
        """A new buy."""
        self.new(Side.BUY, price_nanos, lots, time_in_force, post_only, display_lots, expire_time_ns)

    def sell(
        self, price_nanos: int, lots: int, time_in_force: TimeInForce | int = TimeInForce.DAY, post_only: bool = False,
        display_lots: int = 0, expire_time_ns: int = 0,
    ) -> None:  # fmt: skip
        """A new sale."""
        self.new(Side.SELL, price_nanos, lots, time_in_force, post_only, display_lots, expire_time_ns)

    def replace(self, order: Any, price_nanos: int, lots: int) -> None:
        """Another price and total lots for an order (one of `working`, or the order of `on_order`, `on_fill`)."""
        order_replace(0, self._bound, order, price_nanos, lots)

    def cancel(self, order: Any) -> None:
        """Cancels an order (one of `working`, or the order of `on_order`, `on_fill`)."""
        order_cancel(0, self._bound, order)

    def cancel_side(self, side: Side | int) -> None:
        """Cancels a side of the bound listing."""
        order_cancel_side(0, self._bound, int(side))

    def cancel_all(self) -> None:
        """Cancels every order of the slot."""
        order_cancel_all(0, self._bound)

    def quote(self, bid_nanos: int, ask_nanos: int, lots: int, post_only: bool = False) -> None:
        """One order a side; what rests is replaced only when it must, and a side without headroom is left out."""
        order_quote(0, self._bound, bid_nanos, ask_nanos, lots, post_only)

    def target(self, lots: int, price_nanos: int, post_only: bool = False) -> None:
        """Moves the orders of the bound listing so that position and open lots head for a position, at this price."""
        order_target(0, self._bound, lots, price_nanos, post_only)

    def mass_quote(self, bids: list[int], asks: list[int], lots: int, post_only: bool = False) -> None:
        """One order of this size at each price of two lists of the state; what rests there already stays."""
        order_mass_quote(0, self._bound, bids, asks, lots, post_only)

    def signal(self, channel: int, value: float) -> None:
        """Publishes a finite number on a channel: every other strategy that has `on_signal` is told."""
        order_signal(0, self._bound, channel, value)

    def leg(
        self, side: Side | int, price_nanos: int, lots: int, unwind_nanos: int = UNDEF_PRICE,
        time_in_force: TimeInForce | int = TimeInForce.DAY,
    ) -> None:  # fmt: skip
        """A leg of the multi-leg order that the callback asks for next; `unwind_nanos` is the worst price to trade it back at."""
        order_leg(0, self._bound, int(side), price_nanos, lots, unwind_nanos, int(time_in_force))

    def multi_leg(self, within_ns: int, unwind_ns: int, one_by_one: bool = False, tag: int = 0) -> None:
        """The legs asked for in this callback as one multi-leg order: all is held first, `on_multi_leg` tells how it goes."""
        order_multi_leg(0, self._bound, within_ns, unwind_ns, one_by_one, tag)

    def headroom_limit(self, side: Side | int) -> int:
        """The limit that holds a further order of a side, 0: what holds it is no limit."""
        return order_headroom_limit(0, self._bound, side)

    def headroom_reason(self, side: Side | int) -> int:
        """The RejectCode that an order of a side beyond the headroom would meet."""
        return order_headroom_reason(0, self._bound, side)

    def queue_ahead_lots(self, order: Any) -> int:
        """Lots that trade before a live order at its price, -1: not known."""
        return order_queue_ahead_lots(0, self._bound, order)

    def queue_exact(self, order: Any) -> bool:
        """Whether the lots ahead were counted in the book; else they are an estimate from above."""
        return order_queue_exact(0, self._bound, order)
