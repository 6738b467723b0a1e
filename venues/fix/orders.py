"""Orders in a version's dialect: the fields of each request, and what the reports say has become of each order.

    entry = OrderEntry("FIX.4.4")
    kind, fields = entry.new(order := entry.order("buy", 100, "AAPL", Decimal("187.25")))

Sources: FIX 4.2 volume 4 and 5 and FIX 4.4 volume 4 (order entry, its state tables), FIX 5.0 SP2.

Invariant: a ClOrdID is used once; what an order's state is comes from reports alone, never from what was asked for.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from meridian.venues.fix.dictionary import VERSIONS

if TYPE_CHECKING:
    from meridian.venues.fix.message import Message

Fields = list[tuple[int, str]]
Request = tuple[str, Fields]
"""MsgType and fields."""

SIDES = {"buy": "1", "sell": "2", "short": "5", "short-exempt": "6"}
TIMES_IN_FORCE = {"day": "0", "gtc": "1", "ioc": "3", "fok": "4", "gtd": "6"}
STATUS = {
    "0": "new", "1": "partially filled", "2": "filled", "3": "done for day", "4": "cancelled", "5": "replaced",
    "6": "pending cancel", "7": "stopped", "8": "rejected", "9": "suspended", "A": "pending new", "B": "calculated",
    "C": "expired", "E": "pending replace",
}  # fmt: skip
"""OrdStatus (39)."""
FINAL = {"2", "3", "4", "8", "C"}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def now() -> str:
    """UTC now as a UTCTimestamp in milliseconds."""
    moment = datetime.datetime.now(datetime.UTC)
    return f"{moment:%Y%m%d-%H:%M:%S}.{moment.microsecond // 1000:03d}"


def identifiers() -> count[int]:
    """Numbers that no other run of the day has: the hundredth of a second, a lot drawn, and room for a thousand."""
    begun = int(time.time() * 100) % (86_400 * 100)
    return count((begun * 1_000 + random.randrange(1_000)) * 1_000)


def base36(number: int) -> str:
    """A number in digits and capitals."""
    letters = ""
    while number or not letters:
        number, digit = divmod(number, 36)
        letters = _DIGITS[digit] + letters
    return letters


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of ours, as far as reports tell of it."""

    cl_ord_id: str
    side: str
    symbol: str
    lots: int
    price: Decimal | None
    time_in_force: str = "0"
    more: Mapping[int, str] = field(default_factory=dict)
    order_id: str = ""
    status: str = ""
    """OrdStatus of the latest report; nothing: none came."""
    cum_lots: Decimal = Decimal(0)
    leaves_lots: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    names: list[str] = field(default_factory=list)
    """Every ClOrdID that requests for it had."""

    @property
    def is_open(self) -> bool:
        """Whether the venue may still execute it, by what was reported."""
        return self.status not in FINAL

    def __str__(self) -> str:
        side = next(word for word, code in SIDES.items() if code == self.side)
        price = "market" if self.price is None else f"limit {self.price}"
        state = STATUS.get(self.status, "not answered")
        done = f", {self.cum_lots} executed at {self.average}" if self.cum_lots else ""
        return f"{self.cl_ord_id}: {side} {self.lots} {self.symbol}, {price}: {state}{done}, {self.leaves_lots} open"


class OrderEntry:
    """Writes requests, and follows orders by their reports."""

    def __init__(self, version: str, *, account: str | None = None, handling: str | None = None, **tags: str) -> None:
        """`tags`: further fields of each order, `{"528": "P"}`."""
        self.version = VERSIONS.index(version)
        self.account = account
        self.handling = handling or ("1" if self.version <= VERSIONS.index("FIX.4.2") else None)
        self.more = {int(tag): value for tag, value in tags.items()}
        self.orders: dict[str, Order] = {}
        """By every ClOrdID that a request for it had."""
        self._numbers = identifiers()

    def knows(self, version: str) -> bool:
        """Whether the session's version is this one or later."""
        return self.version >= VERSIONS.index(version)

    def name(self) -> str:
        """A ClOrdID that was not used before."""
        return base36(next(self._numbers))

    def order(self, side: str, lots: int, symbol: str, price: Decimal | None, tif: str = "day", **more: str) -> Order:
        """An order to be sent; `more`: further fields by tag, `{"18": "6"}`."""
        extra = {int(tag): value for tag, value in more.items()}
        return Order(
            cl_ord_id=extra.pop(11, "") or self.name(), side=SIDES[side], symbol=symbol, lots=lots, price=price,
            time_in_force=TIMES_IN_FORCE[tif], more=extra,
        )  # fmt: skip

    def new(self, order: Order) -> Request:
        """NewOrderSingle."""
        order.names.append(order.cl_ord_id)
        self.orders[order.cl_ord_id] = order
        fields: Fields = [(11, order.cl_ord_id)]
        if self.account:
            fields.append((1, self.account))
        if self.handling:
            fields.append((21, self.handling))
        fields += [(55, order.symbol), (54, order.side), (60, now()), (38, str(order.lots))]
        fields += [(40, "1")] if order.price is None else [(40, "2"), (44, f"{order.price:f}")]
        fields.append((59, order.time_in_force))
        fields += [(tag, value) for tag, value in {**self.more, **order.more}.items()]
        return "D", fields

    def cancel(self, order: Order, *, original: str | None = None) -> Request:
        """OrderCancelRequest; `original` in the place of the ClOrdID that it has."""
        name = self._next_name(order)
        fields: Fields = [(41, original or order.cl_ord_id), (11, name), (55, order.symbol), (54, order.side)]
        return "F", [*fields, (60, now()), (38, str(order.lots))]

    def replace(self, order: Order, lots: int, price: Decimal | None) -> Request:
        """OrderCancelReplaceRequest; `lots`: in all, executed ones included."""
        fields: Fields = [(41, order.cl_ord_id), (11, self._next_name(order))]
        if self.account:
            fields.append((1, self.account))
        if self.handling:
            fields.append((21, self.handling))
        fields += [(55, order.symbol), (54, order.side), (60, now()), (38, str(lots))]
        fields += [(40, "1")] if price is None else [(40, "2"), (44, f"{price:f}")]
        return "G", [*fields, (59, order.time_in_force)]

    def status(self, order: Order) -> Request:
        """OrderStatusRequest."""
        return "H", [(11, order.cl_ord_id), (55, order.symbol), (54, order.side)]

    def mass_status(self, symbol: str | None = None) -> Request:
        """OrderMassStatusRequest: of all orders, or those of a symbol."""
        fields: Fields = [(584, self.name()), (585, "1" if symbol else "7")]
        return "AF", [*fields, (55, symbol)] if symbol else fields

    def mass_cancel(self, symbol: str | None = None) -> Request:
        """OrderMassCancelRequest: of all orders, or those of a symbol."""
        fields: Fields = [(11, self.name()), (530, "1" if symbol else "7")]
        return "q", [*fields, *([(55, symbol)] if symbol else []), (60, now())]

    def quote(self, symbol: str, bid: Decimal, offer: Decimal, lots: int, entry: str = "1") -> Request:
        """MassQuote of one entry; 0 lots pull it."""
        return "i", [
            (117, self.name()), (296, "1"), (302, "1"), (304, "1"), (295, "1"), (299, entry), (55, symbol),
            (132, f"{bid:f}"), (133, f"{offer:f}"), (134, str(lots)), (135, str(lots)),
        ]  # fmt: skip

    def quote_cancel(self, symbol: str | None) -> Request:
        """QuoteCancel of a symbol's quotes, or of all."""
        if symbol is None:
            return "Z", [(117, self.name()), (298, "4"), (301, "2")]
        return "Z", [(117, self.name()), (298, "1"), (301, "2"), (295, "1"), (55, symbol)]

    @staticmethod
    def market_data(name: str, symbol: str, depth: int, *, how: str = "1") -> Request:
        """MarketDataRequest: bids, offers and trades; `how`: 0 a snapshot, 1 also what changes, 2 no more."""
        fields: Fields = [(262, name), (263, how), (264, str(depth))]
        fields += [(265, "1")] if how == "1" else []
        return "V", [*fields, (267, "3"), (269, "0"), (269, "1"), (269, "2"), (146, "1"), (55, symbol)]

    def _next_name(self, order: Order) -> str:
        name = self.name()
        order.names.append(name)
        self.orders[name] = order
        return name

    def take(self, message: Message) -> Order | None:
        """What a report or a cancel reject says of an order; None where it is about none of ours."""
        if message.type not in ("8", "9"):
            return None
        order = self.orders.get(message.get(11) or "") or self.orders.get(message.get(41) or "")
        if order is None:
            return None
        order.order_id = message.get(37) or order.order_id
        status = message.get(39)
        if message.type == "9":
            return order
        answers = message.get(150) or status
        if status:
            order.status = status
        order.cum_lots = _number(message.get(14), order.cum_lots)
        order.leaves_lots = _number(message.get(151), order.leaves_lots)
        order.average = _number(message.get(6), order.average)
        if answers == "5":
            order.cl_ord_id = message.get(11) or order.cl_ord_id
            order.lots = int(_number(message.get(38), Decimal(order.lots)))
            if message.get(44):
                order.price = _number(message.get(44), order.price or Decimal(0))
        return order

    def open_orders(self) -> list[Order]:
        """Orders that the venue may still execute, each once."""
        return list({id(order): order for order in self.orders.values() if order.is_open}.values())


def _number(text: str | None, otherwise: Decimal) -> Decimal:
    try:
        return Decimal(text) if text is not None else otherwise
    except ArithmeticError:
        return otherwise
