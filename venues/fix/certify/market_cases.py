"""The market data's cases: what a subscriber is told is the book that orders make.

Sources: FIX 4.4 volume 3 (market data), FIX 5.0 SP2 volume 3.

Invariant: what is expected follows from orders that the case itself sends and cancels.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from meridian.venues.fix.certify.listing import Listing
from meridian.venues.fix.certify.model import Failed
from meridian.venues.fix.certify.order_cases import FILLS, around, firm, must, other_side, report_of, rest, send

if TYPE_CHECKING:
    from meridian.venues.fix.certify.party import Party
    from meridian.venues.fix.certify.run import Run
    from meridian.venues.fix.message import Message

_LISTING = Listing("M")
case, CASES = _LISTING.case, _LISTING.cases
BID, OFFER, TRADE = "0", "1", "2"
QUIET_S = 0.5


def _market(run: Run) -> tuple[Party, str]:
    """The session that asks, and the symbol."""
    party = run.other("market data")
    party.mark()
    return party, run.profile.orders.symbol


def _ask(party: Party, symbol: str, depth: int, how: str) -> str:
    """Asks; the request's name."""
    name = party.entry.name()
    party.send(party.entry.market_data(name, symbol, depth, how=how))
    return name


def _stop(party: Party, symbol: str, name: str) -> None:
    party.send(party.entry.market_data(name, symbol, 0, how="2"))


def _entries(message: Message) -> list[dict[int, str]]:
    """The entries of a snapshot or an increment, fields by tag."""
    return [dict(entry) for entry in message.groups(268)]


def _level(message: Message, kind: str, price: Decimal) -> Decimal | None:
    """What stands at a price, in a snapshot."""
    found = [one for one in _entries(message) if one.get(269) == kind and Decimal(one.get(270, "nan")) == price]
    return sum((Decimal(one.get(271, "0")) for one in found), Decimal(0)) if found else None


def _change(party: Party, name: str, kind: str, price: Decimal, what: str) -> dict[int, str]:
    """The first entry of an increment at a price since the mark."""

    def found() -> list[dict[int, str]]:
        changes = [one for one in party.since("X") if one.get(262) == name]
        entries = [entry for one in changes for entry in _entries(one)]
        return [one for one in entries if one.get(269) == kind and Decimal(one.get(270, "nan")) == price]

    party.wait(what, lambda: bool(found()))
    for one in party.since("X"):
        must(one, {})
    return found()[0]


def _rest_both(run: Run) -> tuple[Decimal, Decimal, int]:
    """A bid and an offer of ours, far apart; their prices, and the quantity of each."""
    party = firm(run)
    price, tick, lots = around(party)
    bid, offer = price - 20 * tick, price + 20 * tick
    rest(party, "buy", lots, bid)
    rest(party, "sell", lots, offer)
    return bid, offer, lots


@case(
    "snapshot",
    "A snapshot of a book",
    standard="FIX 4.4 volume 3: MarketDataRequest (35=V, 263=0), MarketDataSnapshotFullRefresh (35=W)",
    expected="One snapshot under our MDReqID with the bid and the offer that rest.",
)
def snapshot(run: Run) -> str:
    party, symbol = _market(run)
    bid, offer, lots = _rest_both(run)
    name = _ask(party, symbol, 0, "0")
    book = must(party.take("W", lambda one: one.get(262) == name), {55: symbol})
    for kind, price in ((BID, bid), (OFFER, offer)):
        if _level(book, kind, price) != lots:
            raise Failed(f"at {price} the snapshot has {_level(book, kind, price)}, {lots} rest there")
    return f"{len(_entries(book))} entries came, {lots} at {bid} and at {offer} among them."


@case(
    "increments",
    "What changes in a book",
    standard="FIX 4.4 volume 3: 263=1, 265=1; MarketDataIncrementalRefresh (35=X), MDUpdateAction (279)",
    expected="A snapshot, then an increment for a level that is new, for one that changes, and for one that goes.",
)
def increments(run: Run) -> str:
    party, symbol = _market(run)
    desk = firm(run)
    price, tick, lots = around(desk)
    at = price - 25 * tick
    name = _ask(party, symbol, 0, "1")
    party.take("W", lambda one: one.get(262) == name)
    seen = []
    order = rest(desk, "buy", lots, at)
    seen.append(_change(party, name, BID, at, "the new level"))
    party.mark()
    rest(desk, "buy", lots, at)
    seen.append(_change(party, name, BID, at, "the changed level"))
    party.mark()
    desk.mark()
    for one in desk.entry.open_orders():
        desk.send(desk.entry.cancel(one))
    report_of(desk, order, "4", what="the report of the cancel")
    party.wait(
        "the level's end",
        lambda: any(
            entry.get(279) == "2" and Decimal(entry.get(270, "nan")) == at
            for one in party.since("X")
            for entry in _entries(one)
        ),
    )
    _stop(party, symbol, name)
    actions = [one.get(279) for one in seen]
    sizes = [Decimal(one.get(271, "0")) for one in seen]
    if actions != ["0", "1"] or sizes != [lots, 2 * lots]:
        raise Failed(f"actions {actions} with sizes {sizes} came; new {lots} and change {2 * lots} were due")
    return f"The level at {at} came, changed to {2 * lots} and went."


@case(
    "trades",
    "Trades",
    standard="FIX 4.4 volume 3: MDEntryType 2 (trade)",
    expected="An increment with the trade's price and size.",
)
def trades(run: Run) -> str:
    party, symbol = _market(run)
    desk, taker = firm(run), other_side(run)
    price, _, lots = around(desk)
    name = _ask(party, symbol, 1, "1")
    party.take("W", lambda one: one.get(262) == name)
    rest(desk, "buy", lots, price)
    taker.mark()
    order = send(taker, "sell", lots, price, "ioc")
    report_of(taker, order, *FILLS, what="the report of the execution")
    entry = _change(party, name, TRADE, price, "the trade")
    _stop(party, symbol, name)
    if Decimal(entry.get(271, "0")) != lots:
        raise Failed(f"the trade's size is {entry.get(271)}, {lots} traded")
    return f"{lots} at {entry.get(270)} came as a trade."


@case(
    "unsubscribe",
    "No more of it",
    standard="FIX 4.4 volume 3: SubscriptionRequestType 2",
    expected="After the request is taken back nothing comes under its name.",
)
def unsubscribe(run: Run) -> str:
    party, symbol = _market(run)
    name = _ask(party, symbol, 0, "1")
    party.take("W", lambda one: one.get(262) == name)
    _stop(party, symbol, name)
    party.alive()
    party.mark()
    _rest_both(run)
    run.pump(QUIET_S)
    came = [one for one in party.since() if one.get(262) == name]
    if came:
        raise Failed(f"{len(came)} messages still came, the first: {came[0].explain()}")
    return "The book changed, nothing came."


@case(
    "market-data-reject",
    "A request that cannot be taken",
    standard="FIX 4.4 volume 3: MarketDataRequestReject (35=Y), MDReqRejReason 0 (unknown symbol)",
    expected="A reject under our MDReqID, with a reason.",
)
def market_data_reject(run: Run) -> str:
    party, _ = _market(run)
    name = _ask(party, "NOSUCH", 1, "0")
    answer = must(party.take("Y", lambda one: one.get(262) == name), {})
    return f"Rejected: reason {answer.get(281) or 'not told'}, {answer.get(58) or 'no text'}."
