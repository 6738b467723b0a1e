"""Trying a strategy out in a test: one slot, one listing, a book that the test says, and what the strategy then asks for.

Runs the class in plain mode: no engine, no compiler. What risk, venues and time do to an order is not here; a backtest is for
that.

Invariant: a callback that fails raises AssertionError with the status and the quant's own line.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

from meridian.codes import Callback, CallStatus, IntentKind, OrderState, Side
from meridian.strategies.layouts import structure
from meridian.strategies.plain import Plain
from meridian.strategies.strategy import Strategy
from meridian.strategies.views import STALE, TRADABLE, TWO_SIDED, UNDEF_PRICE

__all__ = ["Asked", "TryOut"]

NANOS = 10**9
CENT_NANOS = NANOS // 100
INSTRUMENT, VENUE = 1, 1
HEADROOM_LOTS = 1_000_000
FUEL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a callback asked for."""

    kind: IntentKind
    side: str  # buy, sell, or empty.
    price: float  # In currency; of orders and replaces.
    lots: int
    order_id: int


class TryOut:
    """A class with its parameters, called on views that the test describes. Prices in currency, on a tick of a cent."""

    def __init__(self, cls: type[Strategy], **parameters: Any) -> None:
        self.plain = Plain(cls)
        self.orders = structure("OrdersView")()
        self._content = ctypes.create_string_buffer(cls.table.initial(parameters), cls.table.record_bytes)
        self.orders.listings_count = 1
        listing = self.orders.listings[0]
        listing.instrument, listing.venue, listing.increment_lots = INSTRUMENT, VENUE, 1
        listing.units_per_lot_e8 = 10**8
        listing.headroom_buy_lots = listing.headroom_sell_lots = HEADROOM_LOTS
        listing.price_min_nanos, listing.price_max_nanos = CENT_NANOS, 1_000_000 * NANOS
        for row in listing.ticks:
            row.from_nanos = UNDEF_PRICE
        listing.ticks[0].from_nanos, listing.ticks[0].tick_nanos = 0, CENT_NANOS

    @property
    def state(self) -> Any:
        """The parameters and the state, as attributes."""
        return self.plain.table.structure.from_buffer(self._content)

    def working(self, *, order_id: int, side: Side, price: float, lots: int) -> None:
        """Adds a live order of the strategy."""
        order = self.orders.working[self.orders.working_count]
        self.orders.working_count += 1
        order.order_id, order.side, order.price_nanos = order_id, int(side), _nanos(price)
        order.lots = order.leaves_lots = lots
        order.pending_nanos, order.state, order.time_in_force = UNDEF_PRICE, int(OrderState.LIVE), 1

    def start(self) -> list[Asked]:
        """Starts it."""
        return self._call(Callback.START, structure("TimerView")())

    def book(
        self,
        *,
        bid: float,
        ask: float,
        lots: int = 100,
        stale: bool = False,
        tradable: bool = True,
        position_lots: int = 0,
    ) -> list[Asked]:
        """Shows it a two-sided book, and calls `on_book`."""
        view, listing = structure("BookView")(), self.orders.listings[0]
        view.instrument, view.venue = INSTRUMENT, VENUE
        view.flags = TWO_SIDED | (STALE if stale else 0) | (TRADABLE if tradable else 0)
        for number in range(len(view.bids)):
            step = number * CENT_NANOS
            view.bids[number].price_nanos, view.asks[number].price_nanos = _nanos(bid) - step, _nanos(ask) + step
            for level in (view.bids[number], view.asks[number]):
                level.lots, level.orders = lots, 1
        listing.flags, listing.position_lots = view.flags, position_lots
        listing.bid_nanos, listing.ask_nanos = _nanos(bid), _nanos(ask)
        listing.bid_lots = listing.ask_lots = lots
        return self._call(Callback.BOOK, view)

    def call(self, callback: Callback, **fields: Any) -> list[Asked]:
        """Calls any callback on its view with these fields of the record set."""
        from meridian.strategies.probe import EVENTS

        view = structure(EVENTS[callback])()
        for name, value in fields.items():
            setattr(view, name, value)
        return self._call(callback, view)

    def _call(self, callback: Callback, view: Any) -> list[Asked]:
        self.orders.fuel = FUEL
        self.orders.time_ns += 1_000
        addresses = (ctypes.addressof(each) for each in (self._content, view, self.orders))
        status = self.plain.call(int(callback), *addresses)
        if status:
            words = CallStatus(status & 0xFF).name.lower().replace("_", " ")
            raise AssertionError(
                f"{self.plain.program.file}:{status >> 8}: on_{callback.name.lower()} failed: {words}."
            )
        return [_asked(self.orders.intents[place]) for place in range(self.orders.intents_count)]


def _asked(intent: Any) -> Asked:
    return Asked(
        kind=IntentKind(intent.intent & 0xFF),
        side={int(Side.BUY): "buy", int(Side.SELL): "sell"}.get(intent.side, ""),
        price=intent.price_nanos / NANOS,
        lots=intent.lots,
        order_id=intent.order_id,
    )


def _nanos(price: float) -> int:
    return round(price * 100) * CENT_NANOS
