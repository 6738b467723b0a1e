"""The orders' cases: from a new order to a drop copy that agrees.

Sources: FIX 4.2 volume 5 (appendix D, order state changes), FIX 4.4 volume 4 (single and general order handling, order state
change matrices), FIX 5.0 SP2 volume 4; FIX Trading Community, "Cancel on disconnect" and ExecInst (18).

Invariant: every report that a case looks at is held against the dictionary, its ExecID is its own, and its quantities add up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from meridian.venues.fix.certify.listing import Listing
from meridian.venues.fix.certify.model import Failed, NotOffered
from meridian.venues.fix.orders import FINAL, STATUS, Order

if TYPE_CHECKING:
    from meridian.venues.fix.certify.party import Matches, Party
    from meridian.venues.fix.certify.run import Run
    from meridian.venues.fix.message import Message

_LISTING = Listing("O")
case, CASES = _LISTING.case, _LISTING.cases
FILLS = ("1", "2", "F")
"""ExecType of executions: partial fill and fill before FIX 4.3, trade since."""
AWAY_S = 0.8
AWAY_TICKS = 20
"""Off the price at which tests trade, so that nothing does."""
STATES = "FIX 4.4 volume 4: Order state changes"


def firm(run: Run) -> Party:
    """The session under test, with the drop copy listening where there is one."""
    party = run.firm
    if run.has("drop copy") and "drop copy" not in run.parties:
        run.other("drop copy")
        run.copied_from = len(party.inbox)
    party.mark()
    return party


def other_side(run: Run) -> Party:
    """Who trades with it: another session, else itself."""
    if not run.has("counterparty"):
        return run.firm
    party = run.other("counterparty")
    party.mark()
    return party


def must(report: Message, expected: dict[int, object]) -> Message:
    """What a report must say. Raises Failed."""
    finding = report.validate()
    if finding is not None:
        raise Failed(f"{report.name} {report.get(34)} breaks the dictionary: {finding.text}, tag {finding.tag}")
    for tag, value in expected.items():
        found = report.get(tag)
        number = isinstance(value, int | Decimal)
        if found is None or (Decimal(found) != value if number else found != value):
            name = report.dictionary.name(tag)
            raise Failed(f"{report.name} {report.get(34)}: {name} ({tag}) is {found or 'absent'}, {value} was due")
    if report.type == "8" and report.get(150) != "I":
        _adds_up(report)
    return report


def _adds_up(report: Message) -> None:
    if not report.get(37) or not report.get(17):
        raise Failed(f"report {report.get(34)} lacks OrderID (37) or ExecID (17)")
    if report.get(38) is None:
        return
    whole, done, left = (Decimal(report.get(tag) or 0) for tag in (38, 14, 151))
    if left and whole != done + left:
        raise Failed(f"report {report.get(34)}: OrderQty {whole} is not CumQty {done} and LeavesQty {left}")
    if report.get(39) in FINAL and left:
        raise Failed(f"report {report.get(34)}: LeavesQty is {left} of an order that is {STATUS[report.get(39) or '']}")


def send(party: Party, side: str, lots: int, price: Decimal | None, tif: str = "day", **more: str) -> Order:
    order = party.entry.order(side, lots, party.profile.orders.symbol, price, tif, **more)
    party.send(party.entry.new(order))
    return order


def report_of(party: Party, order: Order, *kinds: str, what: str, within_s: float = 5.0) -> Message:
    """The first report of an order since the mark with one of these ExecTypes."""

    def is_it(one: Message) -> bool:
        return one.get(150) in kinds and (one.get(11) in order.names or one.get(41) in order.names)

    if "8" not in kinds:
        party.wait(
            what, lambda: any(is_it(one) or _no(one, order) for one in party.since("8")) or _rejected(party), within_s
        )
        refused = next((one for one in party.since("8") if _no(one, order)), None)
        if refused is not None and not any(is_it(one) for one in party.since("8")):
            raise Failed(f"the order was rejected: {refused.get(58) or refused.get(103) or 'without a reason'}")
    return party.take("8", is_it, what=what, within_s=within_s)


def _no(report: Message, order: Order) -> bool:
    return report.get(150) == "8" and report.get(11) in order.names


def _rejected(party: Party) -> bool:
    return bool(party.since("3") or party.since("j")) or party.session.stream is None


def rest(party: Party, side: str, lots: int, price: Decimal, **more: str) -> Order:
    """An order that rests. Raises Failed."""
    order = send(party, side, lots, price, **more)
    must(
        report_of(party, order, "0", what="the report of a new order"), {39: "0", 14: 0, 151: lots, 11: order.cl_ord_id}
    )
    return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An order at rest, and what a case needs to go on from there."""

    party: Party
    """The session under test."""
    other: Party
    """Who trades with it."""
    order: Order
    price: Decimal
    tick: Decimal
    lots: int


def far_off(run: Run, side: str = "buy", **more: str) -> Scene:
    """Ours rests where nothing trades. Raises Failed."""
    party = firm(run)
    price, tick, lots = around(party)
    at = price - AWAY_TICKS * tick if side == "buy" else price + AWAY_TICKS * tick
    order = rest(party, side, lots, at, **more)
    return Scene(party=party, other=party, order=order, price=price, tick=tick, lots=lots)


def ours_at_the_price(run: Run) -> Scene:
    """Ours rests where the other side may trade with it. Raises Failed."""
    party, other = firm(run), other_side(run)
    price, tick, lots = around(party)
    order = rest(party, "buy", lots, price)
    return Scene(party=party, other=other, order=order, price=price, tick=tick, lots=lots)


def theirs_at_the_price(run: Run, share: int = 1) -> Scene:
    """Theirs rests where ours may trade with it, one of so many parts of the usual size; the mark is behind it. Raises Failed."""
    party, other = firm(run), other_side(run)
    price, tick, lots = around(party)
    order = rest(other, "sell", lots // share, price)
    party.mark()
    return Scene(party=party, other=other, order=order, price=price, tick=tick, lots=lots)


def around(party: Party) -> tuple[Decimal, Decimal, int]:
    """A price at which tests trade, one tick, a quantity."""
    orders = party.profile.orders
    return orders.price, orders.tick, orders.lots


def clear(run: Run) -> None:
    """Cancels what a case left open, as far as it goes."""
    for name in ("firm", "counterparty"):
        party = run.parties.get(name)
        if party is None or not party.is_up:
            continue
        for order in party.entry.open_orders():
            if order.order_id:
                party.send(party.entry.cancel(order))
        until = time.monotonic() + 2.0
        while any(order.order_id for order in party.entry.open_orders()) and time.monotonic() < until:
            run.pump(0.02)
        for order in party.entry.open_orders():
            order.status = "8"  # Nobody answers for it: it is of no further interest.


@case(
    "new-order",
    "A limit order rests",
    standard=f"{STATES}, A.1; NewOrderSingle (35=D), ExecutionReport (35=8)",
    expected="A report with ExecType and OrdStatus New, an OrderID, CumQty 0 and LeavesQty the whole order.",
)
def new_order(run: Run) -> str:
    order = far_off(run).order
    return f"Order {order.cl_ord_id} is {order.order_id} there and rests."


@case(
    "partial-fill",
    "A resting order trades in part",
    standard=f"{STATES}, B.1; ExecType F (before FIX 4.3: 1), OrdStatus 1",
    expected="A report of the execution: LastQty, LastPx, CumQty, LeavesQty, AvgPx; OrdStatus partially filled.",
)
def partial_fill(run: Run) -> str:
    scene = ours_at_the_price(run)
    party, order, price, lots = scene.party, scene.order, scene.price, scene.lots
    part = lots // 2
    send(scene.other, "sell", part, price, "ioc")
    report = report_of(party, order, "1", "F", what="the report of the execution")
    must(report, {39: "1", 32: part, 31: price, 14: part, 151: lots - part, 6: price})
    return f"{part} of {lots} traded at {report.get(31)}; ExecID {report.get(17)}."


@case(
    "full-fill",
    "An order trades whole",
    standard=f"{STATES}, B.1; OrdStatus 2",
    expected="A report with OrdStatus filled, CumQty the whole order, LeavesQty 0.",
)
def full_fill(run: Run) -> str:
    scene = theirs_at_the_price(run)
    party, price, lots = scene.party, scene.price, scene.lots
    order = send(party, "buy", lots, price)
    report = report_of(party, order, "2", "F", what="the report of the execution")
    must(report, {39: "2", 14: lots, 151: 0, 32: lots, 31: price})
    return f"{lots} traded at {report.get(31)}."


@case(
    "market-order",
    "A market order",
    standard="FIX 4.4 volume 4: OrdType (40=1)",
    expected="It trades with what rests, and nothing of it stays in the book.",
)
def market_order(run: Run) -> str:
    scene = theirs_at_the_price(run)
    party, lots = scene.party, scene.lots
    order = send(party, "buy", lots, None, "ioc")
    report = report_of(party, order, *FILLS, what="the report of the execution")
    must(report, {14: lots, 151: 0, 39: "2"})
    return f"{lots} traded at {report.get(31)}."


@case(
    "ioc",
    "Immediate or cancel",
    standard="FIX 4.4 volume 4: TimeInForce (59=3)",
    expected="What can trade at once trades, the rest is reported cancelled (or expired) without our asking.",
)
def ioc(run: Run) -> str:
    scene = theirs_at_the_price(run, share=2)
    party, price, lots, part = scene.party, scene.price, scene.lots, scene.order.lots
    order = send(party, "buy", lots, price, "ioc")
    must(report_of(party, order, *FILLS, what="the report of the execution"), {14: part})
    ended = report_of(party, order, "4", "C", "3", what="the report of the rest's end")
    must(ended, {14: part, 151: 0})
    return f"{part} traded, the rest is {STATUS[ended.get(39) or '']}."


@case(
    "fok",
    "Fill or kill",
    standard="FIX 4.4 volume 4: TimeInForce (59=4)",
    expected="An order that cannot trade whole does not trade at all and is reported cancelled, expired or rejected.",
)
def fok(run: Run) -> str:
    scene = theirs_at_the_price(run, share=2)
    party, price, lots = scene.party, scene.price, scene.lots
    order = send(party, "buy", lots, price, "fok")
    ended = report_of(party, order, "4", "C", "8", what="the report of its end")
    must(ended, {14: 0, 151: 0})
    if any(one.get(150) in FILLS for one in party.since("8") if one.get(11) == order.cl_ord_id):
        raise Failed("a part of it traded")
    return f"It is {STATUS[ended.get(39) or '']}, nothing traded."


@case(
    "post-only",
    "Participate, do not initiate",
    standard="FIX 4.4 volume 4: ExecInst (18=6)",
    expected="An order that would trade at once does not: it is cancelled or rejected.",
)
def post_only(run: Run) -> str:
    scene = theirs_at_the_price(run)
    party, price, lots = scene.party, scene.price, scene.lots
    order = send(party, "buy", lots, price, **{"18": "6"})
    ended = report_of(party, order, "4", "8", "C", *FILLS, what="the report of its end")
    if ended.get(150) in FILLS:
        raise Failed("it traded")
    return f"It is {STATUS[ended.get(39) or '']}: {ended.get(58) or ended.get(103) or ended.get(378) or 'no reason is told'}."


@case(
    "order-reject",
    "An order that cannot be taken",
    standard=f"{STATES}, A.1.b; OrdRejReason (103)",
    expected="A report with ExecType and OrdStatus rejected, and a reason; a symbol that nobody knows: reason 1.",
)
def order_reject(run: Run) -> str:
    party = firm(run)
    price, _, lots = around(party)
    order = party.entry.order("buy", lots, "NOSUCH", price)
    party.send(party.entry.new(order))
    report = must(report_of(party, order, "8", what="the report of a rejected order"), {39: "8", 14: 0, 151: 0})
    return f"Rejected: reason {report.get(103) or 'not told'}, {report.get(58) or 'no text'}."


@case(
    "duplicate-clordid",
    "A ClOrdID that was used",
    standard="FIX 4.4 volume 4: ClOrdID (11), OrdRejReason 6 (duplicate order)",
    expected="The second order is rejected, the first one rests undisturbed.",
)
def duplicate_name(run: Run) -> str:
    scene = far_off(run)
    party, first = scene.party, scene.order
    party.mark()
    again = party.entry.order(
        "buy", scene.lots, first.symbol, scene.price - (AWAY_TICKS + 1) * scene.tick, **{"11": first.cl_ord_id}
    )
    party.send(party.entry.new(again))
    party.entry.orders[first.cl_ord_id] = first
    report = report_of(party, again, "8", what="the report of a rejected order")
    first.status = "0"
    must(report, {39: "8"})
    party.mark()
    party.send(party.entry.status(first))
    must(
        party.take("8", lambda one: one.get(150) == "I" or one.get(39) == "0", what="the first order's status"),
        {39: "0"},
    )
    return f"Rejected: reason {report.get(103) or 'not told'}; the first one is still there."


@case(
    "cancel",
    "A cancel",
    standard=f"{STATES}, B.2; OrderCancelRequest (35=F)",
    expected="A report with ExecType and OrdStatus cancelled that names both ClOrdIDs; LeavesQty 0.",
)
def cancel(run: Run) -> str:
    scene = far_off(run, "sell")
    party, order = scene.party, scene.order
    party.send(party.entry.cancel(order))
    report = report_of(party, order, "4", what="the report of the cancel")
    must(report, {39: "4", 151: 0, 41: order.names[0], 11: order.names[-1]})
    return f"Cancelled under {report.get(11)}."


def _replaced(run: Run, change: int, steps: int) -> str:
    scene = far_off(run)
    party, order, lots = scene.party, scene.order, scene.lots
    wanted, at = lots + change, scene.price - (AWAY_TICKS + steps) * scene.tick
    party.send(party.entry.replace(order, wanted, at))
    report = report_of(party, order, "5", what="the report of the replace")
    must(report, {11: order.names[-1], 41: order.names[0], 38: wanted, 151: wanted, 14: 0, 44: at})
    return f"{lots} became {wanted} at {at} under {report.get(11)}."


@case(
    "replace-up",
    "A replace: more",
    standard=f"{STATES}, B.3; OrderCancelReplaceRequest (35=G)",
    expected="A report with ExecType replaced, both ClOrdIDs, the new OrderQty and LeavesQty.",
)
def replace_up(run: Run) -> str:
    return _replaced(run, +around(run.firm)[2], 0)


@case(
    "replace-down",
    "A replace: less",
    standard=f"{STATES}, B.3; OrderCancelReplaceRequest (35=G)",
    expected="A report with ExecType replaced, both ClOrdIDs, the new OrderQty and LeavesQty.",
)
def replace_down(run: Run) -> str:
    return _replaced(run, -(around(run.firm)[2] // 2), 0)


@case(
    "replace-price",
    "A replace: another price",
    standard=f"{STATES}, B.3; OrderCancelReplaceRequest (35=G)",
    expected="A report with ExecType replaced, both ClOrdIDs, and the new price.",
)
def replace_price(run: Run) -> str:
    return _replaced(run, 0, 3)


@case(
    "replace-after-fill",
    "A replace of an order that traded in part",
    standard=f"{STATES}, B.3.c; OrderQty is the whole order",
    expected="OrderQty counts what was executed: LeavesQty is OrderQty less CumQty.",
)
def replace_after_fill(run: Run) -> str:
    scene = ours_at_the_price(run)
    party, order, price, lots = scene.party, scene.order, scene.price, scene.lots
    part = lots // 2
    send(scene.other, "sell", part, price, "ioc")
    report_of(party, order, "1", "F", what="the report of the execution")
    party.send(party.entry.replace(order, 2 * lots, price))
    report = report_of(party, order, "5", what="the report of the replace")
    must(report, {38: 2 * lots, 14: part, 151: 2 * lots - part})
    return f"{part} of {2 * lots} are executed, {2 * lots - part} open."


def _cancel_rejected(party: Party, order: Order, status: str, to: str) -> Message:
    """The reject of a request for an order that is no more, or never was."""
    answer = party.take("9", lambda one: one.get(11) == order.names[-1])
    expected: dict[int, object] = {434: to, 39: status, 41: order.names[0]}
    return must(answer, expected)


@case(
    "too-late-to-cancel",
    "A cancel that comes too late",
    standard=f"{STATES}, B.2.d; OrderCancelReject (35=9), CxlRejReason 0",
    expected="An OrderCancelReject with the order's true OrdStatus.",
)
def too_late(run: Run) -> str:
    scene = ours_at_the_price(run)
    party, order = scene.party, scene.order
    send(scene.other, "sell", scene.lots, scene.price, "ioc")
    report_of(party, order, "2", "F", what="the report of the execution")
    party.send(party.entry.cancel(order))
    answer = _cancel_rejected(party, order, "2", "1")
    return f"Refused: reason {answer.get(102) or 'not told'}, the order is filled."


def _unknown(run: Run, replaces: bool) -> str:
    party = firm(run)
    price, tick, lots = around(party)
    order = party.entry.order("buy", lots, party.profile.orders.symbol, price - AWAY_TICKS * tick)
    order.names.append(order.cl_ord_id)
    party.send(party.entry.replace(order, lots, order.price) if replaces else party.entry.cancel(order))
    answer = _cancel_rejected(party, order, "8", "2" if replaces else "1")
    order.status = "8"
    return f"Refused: reason {answer.get(102) or 'not told'}, OrderID {answer.get(37)}."


@case(
    "cancel-unknown",
    "A cancel of an order that nobody knows",
    standard=f"{STATES}; OrderCancelReject (35=9), CxlRejReason 1",
    expected="An OrderCancelReject with OrdStatus rejected, which answers a cancel request (434=1).",
)
def cancel_unknown(run: Run) -> str:
    return _unknown(run, False)


@case(
    "replace-unknown",
    "A replace of an order that nobody knows",
    standard=f"{STATES}; OrderCancelReject (35=9), CxlRejReason 1",
    expected="An OrderCancelReject with OrdStatus rejected, which answers a replace request (434=2).",
)
def replace_unknown(run: Run) -> str:
    return _unknown(run, True)


def _state_of(report: Message) -> bool:
    """Whether a report tells a state and no event: ExecType I, before FIX 4.3 ExecTransType 3."""
    return report.get(150) == "I" or report.get(20) == "3"


@case(
    "status",
    "The status of an order",
    standard="FIX 4.4 volume 4: OrderStatusRequest (35=H), ExecType I",
    expected="A report of the order's present state; for an order that nobody knows, OrdStatus rejected.",
)
def status(run: Run) -> str:
    scene = far_off(run)
    party, order, lots = scene.party, scene.order, scene.lots
    party.mark()
    party.send(party.entry.status(order))
    must(party.take("8", _state_of, what="the order's status"), {39: "0", 151: lots, 11: order.cl_ord_id})
    party.mark()
    party.send(party.entry.status(party.entry.order("buy", lots, order.symbol, scene.price)))
    report = party.take("8", _state_of, what="the status of an unknown order")
    if report.get(39) != "8":
        raise Failed(f"the status of an order that nobody knows is {report.get(39)}")
    return "The order is new; the unknown one is rejected."


def _named(names: set[str]) -> str:
    """A few of the names, for a sentence."""
    shown = ", ".join(sorted(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "none"


def _mass_status(party: Party) -> list[Message]:
    """The reports of all open orders, one that says that none is open among them."""
    party.mark()
    party.send(request := party.entry.mass_status())
    name = request[1][0][1]

    def is_last(one: Message) -> bool:
        return one.get(584) == name and (one.get(912) == "Y" or one.get(39) == "8")

    party.take("8", is_last, what="the last of the reports (912=Y)")
    return [one for one in party.since("8") if one.get(584) == name]


def _open_before(party: Party) -> set[str]:
    """Orders that were open before this run: no business of its cases."""
    return {one.get(11) or one.get(37) or "?" for one in _mass_status(party) if one.get(39) != "8"}


@case(
    "mass-status",
    "The status of all orders",
    standard="FIX 4.4 volume 4: OrderMassStatusRequest (35=AF), 584, 585, 911, 912",
    expected="A report for each open order with our MassStatusReqID, the last marked; none open: one report that says so.",
)
def mass_status(run: Run) -> str:
    party = firm(run)
    if not party.entry.knows("FIX.4.3"):
        raise NotOffered("FIX 4.2 has no OrderMassStatusRequest")
    price, tick, lots = around(party)
    before = _open_before(party)
    resting = [rest(party, "buy", lots, price - (AWAY_TICKS + at) * tick) for at in range(3)]
    reports = [must(one, {150: "I"}) for one in _mass_status(party)]
    told = {one.get(11) or one.get(37) or "?" for one in reports}
    due = before | {order.cl_ord_id for order in resting}
    if told != due:
        raise Failed(f"not reported: {_named(due - told)}; reported and not open: {_named(told - due)}")
    if any(one.get(911) not in (None, str(len(due))) for one in reports):
        raise Failed(f"TotNumReports (911) is {reports[0].get(911)}, {len(due)} came")
    clear(run)
    after = _mass_status(party)
    if before:
        if (left := {one.get(11) or one.get(37) or "?" for one in after}) != before:
            raise Failed(f"not reported: {_named(before - left)}; reported and not open: {_named(left - before)}")
        return f"A report for each of {len(resting)} orders, and for {len(before)} that were open before this run."
    if after[0].get(39) != "8":
        raise Failed(f"with no order open OrdStatus is {after[0].get(39)}")
    return f"{len(resting)} reports for {len(resting)} orders; then one that says that none is open."


@case(
    "mass-cancel",
    "All orders at once",
    standard="FIX 4.4 volume 4: OrderMassCancelRequest (35=q), OrderMassCancelReport (35=r)",
    expected="Every order is reported cancelled, and a report says how many (533).",
)
def mass_cancel(run: Run) -> str:
    party = firm(run)
    if not party.entry.knows("FIX.4.3"):
        raise NotOffered("FIX 4.2 has no OrderMassCancelRequest")
    price, tick, lots = around(party)
    try:
        before = len(_open_before(party))
    except (Failed, NotOffered):
        before = None  # They tell of no orders; how many more were open is not known.
    resting = [rest(party, "buy", lots, price - (AWAY_TICKS + at) * tick) for at in range(3)]
    party.mark()
    party.send(party.entry.mass_cancel())
    answer = must(party.take("r"), {})
    if answer.get(531) == "0":
        raise NotOffered(f"they refuse it: {answer.get(58) or answer.get(532)}")
    for order in resting:
        must(report_of(party, order, "4", what="the report of each cancel"), {39: "4", 151: 0})
    affected = answer.get(533)
    due = len(resting) + (before or 0)
    if affected is not None and (int(affected) < due or (before is not None and int(affected) != due)):
        raise Failed(f"TotalAffectedOrders (533) is {affected}, {due} were open")
    more = f", and {before} that were open before this run" if before else ""
    return f"{len(resting)} orders were cancelled{more}, response {answer.get(531)}."


@case(
    "mass-quote",
    "Quotes",
    standard="FIX 4.4 volume 3: MassQuote (35=i), MassQuoteAcknowledgement (35=b)",
    expected="An acknowledgement under our QuoteID; a quote of size 0 pulls it.",
)
def mass_quote(run: Run) -> str:
    party = firm(run)
    if not party.entry.knows("FIX.4.3"):
        raise NotOffered("FIX 4.2 venues quote otherwise")
    price, tick, lots = around(party)
    symbol = party.profile.orders.symbol
    for size in (lots, 0):
        request = party.entry.quote(symbol, price - 30 * tick, price + 30 * tick, size)
        party.mark()
        party.send(request)
        answer = must(party.take("b", _about_quote(str(request[1][0][1]))), {})
        if answer.get(297) == "5":
            raise Failed(f"the quote was rejected: {answer.get(58) or answer.get(300)}")
    return "The quote was acknowledged, and pulled."


@case(
    "cancel-on-disconnect",
    "Orders that end with the connection",
    standard="FIX: ExecInst (18=o), cancel on connection loss",
    expected="After a connection that broke, the order is reported cancelled when we are back.",
)
def cancel_on_disconnect(run: Run) -> str:
    more = {"18": "o"} if run.firm.entry.knows("FIX.4.4") else {}
    scene = far_off(run, **more)
    party, order = scene.party, scene.order
    party.session.lose()
    time.sleep(AWAY_S)
    party.mark()
    party.log_on()
    try:
        report = report_of(party, order, "4", what="the report of the cancel", within_s=3.0)
    except Failed:
        raise NotOffered("the order stayed: they do not cancel on disconnect") from None
    must(report, {39: "4", 151: 0})
    return f"It was cancelled while we were away: {report.get(58) or report.get(378) or 'no reason is told'}."


@case(
    "fill-while-away",
    "An execution while the connection is down",
    standard="FIX Session Layer: Message recovery; ExecutionReports once",
    expected="The execution is reported once after the logon, by a message that is given again or a new one.",
)
def fill_while_away(run: Run) -> str:
    party = firm(run)
    if not run.has("counterparty"):
        raise NotOffered("the profile's certify.counterparty names no session that could trade meanwhile")
    scene = ours_at_the_price(run)
    other, order, price, lots = scene.other, scene.order, scene.price, scene.lots
    party.mark()
    party.session.lose()
    taker = send(other, "sell", lots, price, "ioc")
    own = report_of(other, taker, *FILLS, "4", "C", what="the counterparty's report")
    if own.get(150) not in FILLS:
        raise NotOffered("the order did not stay while we were away: they cancel on disconnect")
    party.log_on()
    must(report_of(party, order, "2", "F", what="the report of the execution"), {39: "2", 14: lots, 151: 0})
    party.settle(0.3)
    told = [one for one in party.since("8") if one.get(150) in FILLS and one.get(11) in order.names]
    if len({one.get(17) for one in told}) != 1:
        raise Failed(f"{len(told)} reports came of one execution")
    return f"Reported once, possible duplicate: {told[0].get(43) or 'N'}."


@case(
    "throttle",
    "More orders than may be sent",
    standard="The venue's own rate; OrdRejReason 99 or BusinessMessageReject (35=j)",
    expected="What is beyond the rate is refused, each by its name; the session goes on, and a second later orders are taken.",
)
def throttle(run: Run) -> str:
    party = firm(run)
    rate = party.profile.certify.orders_a_second
    if rate is None:
        raise NotOffered("the profile's certify.orders_a_second names no rate")
    price, tick, lots = around(party)
    run.pump(1.2)
    party.mark()
    orders = [send(party, "buy", lots, price - AWAY_TICKS * tick) for _ in range(rate + 5)]

    def answered() -> list[Message]:
        return [one for one in party.since() if (one.type == "8" and one.get(150) in ("0", "8")) or one.type == "j"]

    party.wait("an answer to each order", lambda: len(answered()) >= len(orders))
    refused = [one for one in answered() if one.get(150) != "0"]
    if len(refused) != 5:
        raise Failed(f"{len(refused)} of {len(orders)} orders were refused, 5 were beyond {rate} a second")
    run.pump(1.2)
    party.mark()
    rest(party, "buy", lots, price - AWAY_TICKS * tick)
    clear(run)
    run.pump(1.2)  # Cancels count as well, and what follows is not to be refused.
    return f"5 of {len(orders)} were refused ({refused[0].get(58) or 'no text'}); later ones are taken."


@case(
    "bust-and-correct",
    "Executions that are taken back or changed",
    standard="FIX 4.4 volume 4: ExecType H and G, ExecRefID (19)",
    expected="A report that names the execution, and quantities without it.",
)
def bust(run: Run) -> str:
    party = firm(run)
    found = [one for one in party.inbox if one.get(150) in ("H", "G") or one.get(20) in ("1", "2")]
    if not found:
        raise NotOffered("no request asks for it: the venue breaks trades on its own, and broke none during this run")
    names = {one.get(17) for one in party.inbox if one.get(150) in FILLS}
    for one in found:
        if one.get(19) not in names:
            raise Failed(f"ExecRefID (19) {one.get(19)} names no execution that was reported")
    return f"{len(found)} executions were broken or corrected, each by its ExecID."


def _said(report: Message) -> tuple[str | None, ...]:
    """What two copies of a report must have alike: order, execution, state, quantities."""
    return tuple(report.get(tag) for tag in (37, 17, 11, 41, 150, 39, 55, 54, 38, 14, 151, 32, 31))


@case(
    "drop-copy",
    "The drop copy agrees",
    standard="FIX 4.4 volume 4: CopyMsgIndicator (797); drop copies",
    expected="Every report of this run came on the drop copy session, too, and says the same.",
)
def drop_copy(run: Run) -> str:
    party = run.firm
    copy = run.other("drop copy")
    copy.mark()
    copy.alive()
    run.pump(AWAY_S)
    ours = [one for one in party.inbox[run.copied_from :] if one.type == "8" and not _state_of(one)]
    theirs = {_said(one) for one in copy.inbox if one.type == "8"}
    mine = {_said(one) for one in ours}
    missing = mine - theirs
    if missing:
        name = next(one for one in ours if _said(one) in missing)
        raise Failed(f"{len(missing)} of {len(mine)} reports did not come as copies, the first: {name.explain()}")
    if not mine:
        raise NotOffered("no order was reported in this run: choose cases of orders, too")
    return f"All {len(mine)} reports came as copies and say the same; {len(theirs - mine)} more are of other requests."


def _about_quote(name: str) -> Matches:
    """Whether a message is about the quote of this QuoteID."""
    return lambda message: message.get(117) == name
