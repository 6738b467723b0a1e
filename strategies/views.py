"""What callbacks are given: the views of book, trade, status, order, fill, timer, risk, auction and signal.

A view is the engine's record itself; beside the record's fields (read as signed whole numbers) it has the properties below.
The functions at the top are what both modes run: over ctypes structures in plain mode, jitted in compiled mode. The classes
at the bottom give quants types and the debugger mode objects.

Invariant: a property reads the record it is given and nothing else.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from meridian._native import records as _records
from meridian.codes import ConsolidatedState, KillNew, MultiLegState, OrderState, RegionQuoteState, Side
from meridian.strategies import layouts
from meridian.strategies.math import bits_float

__all__ = [
    "Auction", "Book", "Consolidated", "Fill", "Leg", "Level", "MultiLeg", "Order", "Region", "Risk", "Signal", "Status", "Timer",
    "Trade", "VenueTop", "WorkingOrder",
]  # fmt: skip

UNDEF_PRICE: int = _records.CONSTANTS["UNDEF_PRICE"]
TWO_SIDED: int = _records.CONSTANTS["BOOK_TWO_SIDED"]
STALE: int = _records.CONSTANTS["BOOK_STALE"]
CROSSED: int = _records.CONSTANTS["BOOK_CROSSED"]
TRADABLE: int = _records.CONSTANTS["BOOK_TRADABLE"]
SIGNAL_STALE: int = _records.CONSTANTS["SIGNAL_STALE"]
LIVE = int(OrderState.LIVE)
COMPLETED, REFUSED = int(MultiLegState.COMPLETED), int(MultiLegState.REFUSED)
ALLOW, REDUCE_ONLY = int(KillNew.ALLOW), int(KillNew.REDUCE_ONLY)
PRICED = int(RegionQuoteState.PRICED)
STATE_NORMAL, STATE_LOCKED = int(ConsolidatedState.NORMAL), int(ConsolidatedState.LOCKED)
STATE_CROSSED, STATE_ONE_SIDED = int(ConsolidatedState.CROSSED), int(ConsolidatedState.ONE_SIDED)
NAN = float("nan")


class OrdersBound(NamedTuple):
    """The `orders` argument: the orders view and the listing it is bound to."""

    memory: Any
    listing: int


class WorkingBound(NamedTuple):
    """The live orders of the slot at one listing."""

    memory: Any
    listing: int


def _two_sided(obj: Any) -> bool:
    return (obj.flags & TWO_SIDED) != 0


def _flag_stale(obj: Any) -> bool:
    return (obj.flags & STALE) != 0


def _crossed(obj: Any) -> bool:
    return (obj.flags & CROSSED) != 0


def _flag_tradable(obj: Any) -> bool:
    return (obj.flags & TRADABLE) != 0


def _book_bid(obj: Any) -> int:
    return obj.bids[0].price_nanos


def _book_ask(obj: Any) -> int:
    return obj.asks[0].price_nanos


def _book_bid_lots(obj: Any) -> int:
    return obj.bids[0].lots


def _book_ask_lots(obj: Any) -> int:
    return obj.asks[0].lots


def _spread(obj: Any) -> float:
    if (obj.flags & TWO_SIDED) == 0:
        return NAN
    return float(obj.asks[0].price_nanos) - float(obj.bids[0].price_nanos)


def _mid(obj: Any) -> float:
    if (obj.flags & TWO_SIDED) == 0:
        return NAN
    return 0.5 * (float(obj.bids[0].price_nanos) + float(obj.asks[0].price_nanos))


def _microprice(obj: Any) -> float:
    # Each side's price weighs with the lots of the other: the price leans to the side about to be eaten.
    bid = obj.bids[0]
    ask = obj.asks[0]
    bid_lots = float(bid.lots)
    ask_lots = float(ask.lots)
    lots = bid_lots + ask_lots
    if (obj.flags & TWO_SIDED) == 0 or lots <= 0.0:
        return NAN
    return (float(bid.price_nanos) * ask_lots + float(ask.price_nanos) * bid_lots) / lots


def _both_sides(obj: Any) -> bool:
    return STATE_NORMAL <= obj.state <= STATE_CROSSED


def _state_locked(obj: Any) -> bool:
    return obj.state == STATE_LOCKED


def _state_crossed(obj: Any) -> bool:
    return obj.state == STATE_CROSSED


def _state_one_sided(obj: Any) -> bool:
    return obj.state == STATE_ONE_SIDED


def _consolidated_spread(obj: Any) -> float:
    if obj.state > STATE_CROSSED:
        return NAN
    return float(obj.ask_nanos) - float(obj.bid_nanos)


def _consolidated_mid(obj: Any) -> float:
    if obj.state > STATE_CROSSED:
        return NAN
    return 0.5 * (float(obj.bid_nanos) + float(obj.ask_nanos))


def _counts(obj: Any) -> bool:
    return obj.out == 0


def _orders_consolidated(obj: Any) -> Any:
    return obj.memory.consolidated[obj.listing]


def _true_tradable(obj: Any) -> bool:
    return obj.tradable != 0


def _true_stale(obj: Any) -> bool:
    return obj.stale != 0


def _true_connected(obj: Any) -> bool:
    return obj.connected != 0


def _true_busted(obj: Any) -> bool:
    return obj.busted != 0


def _true_cross(obj: Any) -> bool:
    return obj.cross != 0


def _true_broken(obj: Any) -> bool:
    return obj.broken != 0


def _maker(obj: Any) -> bool:
    return obj.liquidity == 1


def _live(obj: Any) -> bool:
    return obj.state == LIVE


def _refused(obj: Any) -> bool:
    return obj.event == 0


def _orders_time(obj: Any) -> int:
    return obj.memory.time_ns


def _orders_working(obj: Any) -> Any:
    return WorkingBound(obj.memory, obj.listing)


def _listing_position(obj: Any) -> int:
    return obj.memory.listings[obj.listing].position_lots


def _listing_open_buy(obj: Any) -> int:
    return obj.memory.listings[obj.listing].open_buy_lots


def _listing_open_sell(obj: Any) -> int:
    return obj.memory.listings[obj.listing].open_sell_lots


def _listing_bid(obj: Any) -> int:
    return obj.memory.listings[obj.listing].bid_nanos


def _listing_ask(obj: Any) -> int:
    return obj.memory.listings[obj.listing].ask_nanos


def _listing_bid_lots(obj: Any) -> int:
    return obj.memory.listings[obj.listing].bid_lots


def _listing_ask_lots(obj: Any) -> int:
    return obj.memory.listings[obj.listing].ask_lots


def _listing_increment(obj: Any) -> int:
    return obj.memory.listings[obj.listing].increment_lots


def _listing_instrument(obj: Any) -> int:
    return obj.memory.listings[obj.listing].instrument


def _listing_venue(obj: Any) -> int:
    return obj.memory.listings[obj.listing].venue


def _listing_two_sided(obj: Any) -> bool:
    return (obj.memory.listings[obj.listing].flags & TWO_SIDED) != 0


def _listing_stale(obj: Any) -> bool:
    return (obj.memory.listings[obj.listing].flags & STALE) != 0


def _listing_tradable(obj: Any) -> bool:
    return (obj.memory.listings[obj.listing].flags & TRADABLE) != 0


def _listing_watch_only(obj: Any) -> bool:
    return obj.memory.listings[obj.listing].watch_only != 0


def _listing_regions(obj: Any) -> Any:
    return obj.memory.regions[obj.listing].regions


def _state_up(obj: Any) -> bool:
    return obj.memory.states[obj.listing].connected != 0


def _state_breaker(obj: Any) -> int:
    return obj.memory.states[obj.listing].breaker


def _state_throttle(obj: Any) -> int:
    return obj.memory.states[obj.listing].throttle_left


def _state_new_orders(obj: Any) -> int:
    return obj.memory.states[obj.listing].new_orders


def _state_feed(obj: Any) -> int:
    return obj.memory.states[obj.listing].feed_latency_ns


def _state_feed_mean(obj: Any) -> int:
    return obj.memory.states[obj.listing].feed_latency_mean_ns


def _state_order(obj: Any) -> int:
    return obj.memory.states[obj.listing].order_latency_ns


def _state_order_mean(obj: Any) -> int:
    return obj.memory.states[obj.listing].order_latency_mean_ns


def _state_entry(obj: Any) -> int:
    return obj.memory.states[obj.listing].entry_latency_ns


def _state_response(obj: Any) -> int:
    return obj.memory.states[obj.listing].response_latency_ns


def _allowed(obj: Any) -> bool:
    return obj.new_orders == ALLOW


def _reduce_only(obj: Any) -> bool:
    return obj.new_orders == REDUCE_ONLY


def _signal_value(obj: Any) -> float:
    return bits_float(obj.bits)


def _signal_stale(obj: Any) -> bool:
    return (obj.flags & SIGNAL_STALE) != 0


def _unsure(obj: Any) -> bool:
    return obj.position_unsure != 0


def _priced(obj: Any) -> bool:
    return obj.quote_state == PRICED


def _completed(obj: Any) -> bool:
    return obj.state == COMPLETED


def _ended(obj: Any) -> bool:
    return obj.state >= COMPLETED


def _multi_leg_refused(obj: Any) -> bool:
    return obj.state == REFUSED


# Property → kind of view → what computes it. A name that is no property is a field of the record.
PROPERTIES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "two_sided": {"BookView": _two_sided, "Orders": _listing_two_sided, "ConsolidatedView": _both_sides,
                  "ConsolidatedTop": _both_sides},
    "stale": {"BookView": _flag_stale, "StatusView": _true_stale, "Orders": _listing_stale,
              "SignalView": _signal_stale},
    "crossed": {"BookView": _crossed, "ConsolidatedView": _state_crossed, "ConsolidatedTop": _state_crossed},
    "locked": {"ConsolidatedView": _state_locked, "ConsolidatedTop": _state_locked},
    "one_sided": {"ConsolidatedView": _state_one_sided, "ConsolidatedTop": _state_one_sided},
    "consolidated": {"Orders": _orders_consolidated},
    "tradable": {"BookView": _flag_tradable, "StatusView": _true_tradable, "Orders": _listing_tradable},
    "bid_nanos": {"BookView": _book_bid, "Orders": _listing_bid},
    "ask_nanos": {"BookView": _book_ask, "Orders": _listing_ask},
    "bid_lots": {"BookView": _book_bid_lots, "Orders": _listing_bid_lots},
    "ask_lots": {"BookView": _book_ask_lots, "Orders": _listing_ask_lots},
    "spread_nanos": {"BookView": _spread, "ConsolidatedView": _consolidated_spread,
                     "ConsolidatedTop": _consolidated_spread},
    "mid_nanos": {"BookView": _mid, "ConsolidatedView": _consolidated_mid, "ConsolidatedTop": _consolidated_mid},
    "microprice_nanos": {"BookView": _microprice},
    "connected": {"StatusView": _true_connected, "RiskView": _true_connected},
    "allowed": {"RiskView": _allowed},
    "reduce_only": {"RiskView": _reduce_only},
    "value": {"SignalView": _signal_value},
    "unsure": {"RegionView": _unsure},
    "priced": {"RegionView": _priced},
    "regions": {"Orders": _listing_regions},
    "venue_up": {"Orders": _state_up},
    "breaker": {"Orders": _state_breaker},
    "throttle_left": {"Orders": _state_throttle},
    "new_orders": {"Orders": _state_new_orders},
    "feed_latency_ns": {"Orders": _state_feed},
    "feed_latency_mean_ns": {"Orders": _state_feed_mean},
    "order_latency_ns": {"Orders": _state_order},
    "order_latency_mean_ns": {"Orders": _state_order_mean},
    "entry_latency_ns": {"Orders": _state_entry},
    "response_latency_ns": {"Orders": _state_response},
    "busted": {"TradeView": _true_busted},
    "cross": {"TradeView": _true_cross},
    "broken": {"FillView": _true_broken},
    "maker": {"FillView": _maker},
    "live": {"OrderView": _live, "WorkingOrder": _live, "VenueTop": _counts},
    "refused": {"OrderView": _refused, "MultiLegView": _multi_leg_refused},
    "completed": {"MultiLegView": _completed},
    "ended": {"MultiLegView": _ended},
    "time_ns": {"Orders": _orders_time},
    "working": {"Orders": _orders_working},
    "position_lots": {"Orders": _listing_position},
    "open_buy_lots": {"Orders": _listing_open_buy},
    "open_sell_lots": {"Orders": _listing_open_sell},
    "increment_lots": {"Orders": _listing_increment},
    "instrument": {"Orders": _listing_instrument},
    "venue": {"Orders": _listing_venue},
    "watch_only": {"Orders": _listing_watch_only},
}  # fmt: skip


def kind_of(obj: Any) -> str:
    """The kind of a view in plain mode."""
    name = type(obj).__name__
    return {"OrdersBound": "Orders", "WorkingBound": "Working"}.get(name, name)


def _getter(name: str) -> Callable[[Any], Any]:
    table = PROPERTIES[name]

    def get(obj: Any) -> Any:
        function = table.get(kind_of(obj))
        return getattr(obj, name) if function is None else function(obj)

    get.__name__ = f"get_{name}"
    return get


GETTERS: dict[str, Callable[[Any], Any]] = {name: _getter(name) for name in PROPERTIES}


class View:
    """A view in debugger mode: attributes are the properties above and the record's fields."""

    __slots__ = ("_record",)

    def __init__(self, record: Any) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Any:
        value = GETTERS[name](self._record) if name in GETTERS else getattr(self._record, name)
        return [View(element) for element in value] if hasattr(value, "__len__") else value

    def __repr__(self) -> str:
        fields = type(self._record)._fields_
        shown = ((field[0], getattr(self, field[0])) for field in fields if field[0] != "reserved")
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown)})"


class Level(View):
    """A price level."""

    price_nanos: int
    lots: int
    orders: int


class Book(View):
    """A book, best levels first. One-sided books have the price `UNDEF_PRICE` where there is none; `two_sided` tells."""

    time_ns: int
    receive_time_ns: int
    venue_time_ns: int
    sequence: int
    age_ns: int
    instrument: int
    venue: int
    flags: int
    bids: list[Level]
    asks: list[Level]
    two_sided: bool
    stale: bool
    crossed: bool
    tradable: bool
    bid_nanos: int
    ask_nanos: int
    bid_lots: int
    ask_lots: int
    spread_nanos: float
    mid_nanos: float
    microprice_nanos: float


class VenueTop(View):
    """The best prices of one venue in a consolidated book; `live`: it counts. `out` says why it does not (`OUT_*` bits)."""

    bid_nanos: int
    bid_lots: int
    ask_nanos: int
    ask_lots: int
    venue: int
    out: int
    live: bool


class Consolidated(View):
    """The best prices of an instrument over all venues that the engine hears and that count.

    `bid_venue` and `ask_venue` show most lots there. `orders.consolidated` has no `tops` and none of the fields that stand
    here from `time_ns` on.
    """

    since_ns: int
    bid_nanos: int
    bid_lots: int
    ask_nanos: int
    ask_lots: int
    state: int
    bid_venue: int
    ask_venue: int
    live_count: int
    two_sided: bool
    one_sided: bool
    locked: bool
    crossed: bool
    spread_nanos: float
    mid_nanos: float
    time_ns: int
    sequence: int
    instrument: int
    venues_count: int
    bid_venues: int
    ask_venues: int
    tops: list[VenueTop]


class Trade(View):
    """A trade that printed."""

    time_ns: int
    venue_time_ns: int
    price_nanos: int
    lots: int
    match_id: int
    instrument: int
    venue: int
    taker_side: int
    busted: bool
    cross: bool


class Status(View):
    """Trading or feed state changed."""

    time_ns: int
    instrument: int
    venue: int
    tradable: bool
    stale: bool
    connected: bool
    trading: int


class Order(View):
    """An order of the slot changed state, or an intent was refused (`refused`; then `reason` is a RejectCode)."""

    time_ns: int
    order_id: int
    price_nanos: int
    lots: int
    leaves_lots: int
    filled_lots: int
    instrument: int
    venue: int
    side: Side
    state: int
    event: int
    reason: int
    limit: int
    live: bool
    refused: bool


class Fill(View):
    """An order of the slot traded."""

    time_ns: int
    order_id: int
    execution_id: int
    price_nanos: int
    lots: int
    leaves_lots: int
    position_lots: int
    instrument: int
    venue: int
    side: Side
    liquidity: int
    maker: bool
    broken: bool


class Risk(View):
    """What risk or the venue allow at a listing changed: `changed` says what (`RISK_*` bits; 0: how it stands at the start).

    `new_orders` is a KillNew, `breaker` a BreakerState; `buy_limit` is the limit that holds a further buy (0: no limit does)
    and `buy_reason` the RejectCode that a larger one would meet.
    """

    time_ns: int
    headroom_buy_lots: int
    headroom_sell_lots: int
    instrument: int
    venue: int
    changed: int
    new_orders: int
    buy_limit: int
    sell_limit: int
    buy_reason: int
    sell_reason: int
    breaker: int
    connected: bool
    allowed: bool
    reduce_only: bool


class Auction(View):
    """An auction that collects orders says what it would give now. Prices that are not told are `UNDEF_PRICE`.

    `kind` is an AuctionKind, `phase` the instrument's TradingState, `side` that of the imbalance (0: none).
    """

    time_ns: int
    venue_time_ns: int
    indicative_nanos: int
    far_nanos: int
    reference_nanos: int
    paired_lots: int
    imbalance_lots: int
    instrument: int
    venue: int
    side: int
    kind: int
    phase: int


class Signal(View):
    """A number on a channel (`channel("name")`); `source` is the slot that published it, 0 a tile.

    `based_on` is the engine's input that it was made of, `age_ns` the engine's time since. `stale`: the tile has said nothing for
    longer than it promised; `value` is its last, told again.
    """

    time_ns: int
    value: float
    channel: int
    source: int
    based_on: int
    age_ns: int
    stale: bool


class Leg(View):
    """A leg of a multi-leg order: `state` is a LegState, `order_id` 0 before its order was sent."""

    order_id: int
    price_nanos: int
    lots: int
    filled_lots: int
    unwound_lots: int
    instrument: int
    venue: int
    side: Side
    state: int


class MultiLeg(View):
    """A multi-leg order of the slot, or a leg of it, changed its state (a MultiLegState); `tag` is the strategy's own number.

    `cause` is a MultiLegCause and `leg` the leg that it failed for, from 0; where a leg was refused, `reason` is its RejectCode
    and `limit` the limit, 0: none. Of `legs` the first `legs_count` count, in the order in which they were asked for.
    """

    time_ns: int
    multi_leg_id: int
    tag: int
    state: int
    cause: int
    reason: int
    limit: int
    leg: int
    legs_count: int
    legs: list[Leg]
    completed: bool
    ended: bool
    refused: bool


class Region(View):
    """The bound listing's instrument as another region sees it. Ages are in ns, -1 for what was never heard.

    `unsure`: something that the region told was lost. `priced`: its book at `venue` stood when that was said; else
    `quote_state`, a RegionQuoteState, says why there are no prices. `quote_changed_ns` is when they changed last, by the clock
    there. The place is free where `region` is 0, and so are those behind it; a second venue of a region has a place of its own,
    without a position.
    """

    region: int
    position_lots: int
    position_time_ns: int
    position_age_ns: int
    unsure: bool
    bid_nanos: int
    bid_lots: int
    ask_nanos: int
    ask_lots: int
    venue: int
    quote_time_ns: int
    quote_age_ns: int
    quote_changed_ns: int
    quote_state: int
    priced: bool


class Timer(View):
    """The slot's timer."""

    time_ns: int
    due_ns: int


class WorkingOrder(View):
    """A live order of the slot."""

    order_id: int
    price_nanos: int
    lots: int
    leaves_lots: int
    pending_nanos: int
    side: Side
    state: int
    time_in_force: int
    live: bool


def working_places(working: WorkingBound | OrdersBound) -> Iterator[int]:
    """The places of the bound listing's orders among all of the slot."""
    for place in range(working.memory.working_count):
        if working.memory.working[place].listing == working.listing:
            yield place


SHARED = tuple({id(function): function for table in PROPERTIES.values() for function in table.values()}.values())
structure = layouts.structure
