"""The naive twin with its auctions: calls that collect, say where they stand, and end at one price.

Invariant: as of the twin: written from the rules, in plain lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meridian.records import UNDEF_PRICE, AuctionAction, AuctionKind, ExchangeEventKind, Reason, Side, TradingState
from tests.oracle.auction import AT_AUCTION, Call, Clearing, Wanted, clearing, kind_after, left_over, takes
from tests.oracle.matching import Twin
from tests.oracle.orders import Event, Order, Wish

LETTERS = {AuctionKind.OPENING: "O", AuctionKind.CLOSING: "C", AuctionKind.HALT: "H", AuctionKind.INTRADAY: "I"}
KINDS = {ord(letter): kind for kind, letter in LETTERS.items()} | {ord("A"): AuctionKind.INTRADAY}
ENDS = (TradingState.TRADING, TradingState.QUOTE_ONLY, TradingState.CLOSED)


@dataclass
class House(Twin):
    """The whole core, auctions included."""

    calls: dict[int, Call] = field(default_factory=dict)
    said: list[Event] = field(default_factory=list)

    def apply(self, name: str, command: Any) -> list[Event]:
        """As of the twin; what calls say goes to `said`."""
        self.said = []
        return super().apply(name, command)

    # Orders.

    def collects(self, instrument: int, time_in_force: int, side: int) -> bool | Reason:
        """Whether a new order is collected, or why it is refused."""
        state, call = self.states[instrument], self.calls.get(instrument)
        waits, opens = time_in_force in AT_AUCTION, time_in_force == AT_AUCTION[0]
        if state in (TradingState.TRADING, TradingState.QUOTE_ONLY):
            return Reason.CLOSED if opens else waits
        if state == TradingState.AUCTION and call is not None:
            part = takes(call.kind, time_in_force)
            if opens and not part:
                return Reason.CLOSED
            late = (part or not waits) and side == call.side != 0 and call.late(2, self.now)
            return Reason.TOO_LATE if late else True
        if waits and state != TradingState.CLOSED:
            return True
        return super().collects(instrument, time_in_force, side)

    def frozen(self, order: Order) -> bool:
        """Whether it is too late for its session to take it off."""
        call = self.calls.get(order.instrument)
        part = call is not None and (not order.waits or takes(call.kind, order.time_in_force))
        return call is not None and part and call.late(1, self.now)

    def collect(self, order: Order, wish: Wish) -> None:
        """It rests unseen, beside the book if it is for an auction alone."""
        order.waits = wish.time_in_force in AT_AUCTION
        order.veiled = not order.waits and not order.hidden
        order.hidden = 1
        if order.display and order.display < order.front:
            order.front, order.reserve = order.display, order.front - order.display
        self.arrivals += 1
        order.arrival, order.timer = self.arrivals, order.ref
        self.resting.append(order)
        self.say_rested(order)

    # Phases.

    def call_letter(self, instrument: int) -> int:
        """Letter of the auction whose call is on."""
        return ord(LETTERS[AuctionKind(self.calls[instrument].kind)]) if instrument in self.calls else 0

    def change_state(self, instrument: int, state: int, letter: int) -> None:
        """States that trade end a call by its auction; the state of auctions begins one."""
        if state == TradingState.AUCTION:
            self.begin(instrument, Call(KINDS.get(letter, 0)), UNDEF_PRICE)
        elif instrument in self.calls and state in ENDS:
            self.uncross(instrument, state)
        else:
            super().change_state(instrument, state, letter)

    def auction(self, command: Any, _session: int, instrument: int) -> None:
        """A call begins, says where it stands, or ends."""
        action = int(command["action"])
        for listed in sorted(self.listings):
            if instrument not in (0, listed):
                continue
            if action == AuctionAction.CALL:
                call = Call(int(command["kind"]), 0, int(command["cutoff_ns"]), int(command["restricts"]))
                self.begin(listed, call, int(command["reference_nanos"]))
            elif action == AuctionAction.INDICATE and listed in self.calls:
                self.indicate(listed)
            elif action == AuctionAction.UNCROSS and listed in self.calls:
                self.uncross(listed, int(command["then"]))

    def begin(self, instrument: int, call: Call, reference: int) -> None:
        """A call begins, or gets other terms."""
        before = self.calls.get(instrument)
        call.kind = call.kind or (before.kind if before else kind_after(self.states[instrument]))
        own = (t["price"] for t in reversed(self.trades) if t["order"].instrument == instrument and not t["broken"])
        prices = (reference, next(own, UNDEF_PRICE))
        sound = (price for price in prices if price != UNDEF_PRICE and self.price_ok(instrument, price))
        call.reference = next(sound, UNDEF_PRICE)
        self.calls[instrument], self.states[instrument] = call, TradingState.AUCTION
        self.say_state(instrument, call.kind)

    def say_state(self, instrument: int, kind: int) -> None:
        """The state, and the auction that it has to do with."""
        state, letter = self.states[instrument], ord(LETTERS[AuctionKind(kind)])
        self.say(ExchangeEventKind.STATE, instrument, 0, state=state, letter=letter)

    def part(self, instrument: int, side: int, kind: int, alone: bool = False) -> list[Order]:
        """The orders of a side that take part; `alone`: those for this auction alone."""
        own = (o for o in self.resting if (o.instrument, o.side) == (instrument, side))
        return [o for o in own if (takes(kind, o.time_in_force) if o.waits else not alone)]

    def wanted(self, instrument: int, kind: int, alone: bool = False) -> tuple[list[Wanted], list[Wanted]]:
        """Limits and lots of both sides."""
        buys, sells = (
            [(o.price, o.leaves) for o in self.part(instrument, side, kind, alone)] for side in (Side.BUY, Side.SELL)
        )
        return buys, sells

    def indicate(self, instrument: int) -> None:
        """Says what the call would give now."""
        call = self.calls[instrument]
        buys, sells = self.wanted(instrument, call.kind)
        found, far = (clearing(*self.wanted(instrument, call.kind, alone), call.reference) for alone in (False, True))
        left = found.surplus if found else left_over(buys, sells, call.reference)
        call.side = Side.BUY if left > 0 else Side.SELL if left < 0 else 0
        self.said.append(
            {
                "instrument": instrument, "kind": call.kind, "side": int(call.side), "imbalance_lots": abs(left),
                "paired_lots": found.paired if found else 0,
                "price_nanos": found.price if found else UNDEF_PRICE,
                "far_nanos": far.price if far else UNDEF_PRICE,
                "reference_nanos": found.price if found else call.reference,
            }
        )  # fmt: skip

    def uncross(self, instrument: int, then: int) -> None:
        """The auction: trades, then what was for it alone ends, then the rest is shown."""
        call = self.calls[instrument]
        found = clearing(*self.wanted(instrument, call.kind), call.reference)
        if found:
            self.trade_all(instrument, call.kind, found)
        price, lots = (found.price, found.paired) if found else (0, 0)
        whole = Order(instrument, 0, 0, 0, 0, price, 0)
        self.keep_trade(whole, whole, lots, price)
        self.trades[-1]["broken"] = True
        letter, match_id = self.call_letter(instrument), len(self.trades)
        crossed = {"price_nanos": price, "lots": lots, "match_id": match_id, "letter": letter}
        self.say(ExchangeEventKind.UNCROSSED, instrument, 0, **crossed)
        for order in [o for o in self.walk() if o.instrument == instrument and o.waits]:
            if takes(call.kind, order.time_in_force):
                self.take_off(order, order.leaves, Reason.TIMEOUT)
        for order in [o for o in self.walk() if o.instrument == instrument and o.veiled]:
            self.arrivals += 1
            order.veiled, order.hidden, order.arrival = False, 0, self.arrivals
            self.say_rested(order)
        del self.calls[instrument]
        usual = TradingState.CLOSED if call.kind == AuctionKind.CLOSING else TradingState.TRADING
        self.states[instrument] = then if then and then != TradingState.AUCTION else usual
        self.say_state(instrument, call.kind)

    def trade_all(self, instrument: int, kind: int, found: Clearing) -> None:
        """Pairs the first of both sides until the lots are traded."""

        def first(order: Order) -> tuple[bool, int, int, int]:
            limit = -order.price if order.side == Side.BUY else order.price
            return order.price != UNDEF_PRICE, limit, order.hides, order.ref

        buys, sells = (sorted(self.part(instrument, s, kind), key=first) for s in (Side.BUY, Side.SELL))
        left = found.paired
        while left:
            buy, sell = buys[0], sells[0]
            lots = min(left, buy.leaves, sell.leaves)
            left -= lots
            self.keep_trade(buy, sell, lots, found.price)
            other_refs = buy.ref, sell.ref
            self.cross(sell, lots, found.price, other_refs[0], kind)
            self.cross(buy, lots, found.price, other_refs[1], kind)
            buys, sells = ([o for o in side if o.leaves] for side in (buys, sells))

    def cross(self, order: Order, lots: int, price: int, other_ref: int, kind: int) -> None:
        """One order's side of a trade."""
        front = min(lots, order.front)
        order.front -= front
        order.reserve -= lots - front
        order.executed += lots
        self.say(
            ExchangeEventKind.CROSSED, order.instrument, order.session, order_ref=order.ref, other_ref=other_ref,
            user_ref=order.user_ref, match_id=len(self.trades), price_nanos=price, lots=lots,
            leaves_lots=order.leaves, shown_lots=order.shown, shown_change_lots=0 if order.hidden else front,
            side=order.side, resting=1, hidden=order.hidden, letter=ord(LETTERS[AuctionKind(kind)]),
        )  # fmt: skip
        if not order.leaves:
            self.resting.remove(order)
        elif not order.front:
            self.refill(order)
