"""A naive twin of the house exchange's matching core: plain lists, searched from end to end.

Invariant: it is written from the rules, not from the Rust code; it shares only the record layouts and the codes.
A book side is a Python list of orders, sorted anew whenever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meridian.records import (
    UNDEF_PRICE,
    BookEffect,
    CancelOnDisconnect,
    ExchangeAction,
    ExchangeEventKind,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
    TradingState,
)
from tests.oracle.auction import AT_AUCTION
from tests.oracle.orders import FIELDS, Event, Order, Wish


@dataclass
class Twin:
    """The whole exchange core."""

    listings: dict[int, Any] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    sessions: dict[int, Any] = field(default_factory=dict)
    last_refs: dict[int, int] = field(default_factory=dict)
    resting: list[Order] = field(default_factory=list)
    disabled: dict[int, bool] = field(default_factory=dict)
    trades: list[dict[str, Any]] = field(default_factory=list)
    day_first: int = 0
    next_ref: int = 1
    arrivals: int = 0
    now: int = 0
    events: list[Event] = field(default_factory=list)

    def apply(self, name: str, command: Any) -> list[Event]:
        """One command of the sequenced input; returns what it says."""
        self.events = []
        header = command["header"]
        self.now = max(self.now, int(header["receive_time_ns"]))
        while due := sorted((o.expire, o.timer) for o in self.resting if o.expire and o.expire <= self.now):
            order = next(o for o in self.resting if (o.expire, o.timer) == due[0])
            self.take_off(order, order.leaves, Reason.TIMEOUT)
        getattr(self, name.removeprefix("Exchange").lower())(command, int(header["source"]), int(header["instrument"]))
        return self.events

    # What it says.

    def say(self, kind: ExchangeEventKind, instrument: int, source: int, **fields: int) -> None:
        """Adds an event."""
        self.events.append(
            {**dict.fromkeys(FIELDS, 0), "event": kind, "instrument": instrument, "source": source, **fields}
        )

    # Commands.

    def listing(self, command: Any, _session: int, instrument: int) -> None:
        """Lists an instrument."""
        self.listings[instrument] = command
        if not self.call_letter(instrument):
            self.states[instrument] = int(command["state"]) or TradingState.TRADING
        self.say(
            ExchangeEventKind.LISTED, instrument, 0, state=self.states[instrument], letter=self.call_letter(instrument)
        )

    def session(self, command: Any, session: int, _instrument: int) -> None:
        """Makes a session known."""
        self.sessions[session] = command
        self.last_refs.setdefault(session, 0)

    def enter(self, command: Any, session: int, instrument: int) -> None:
        """A new order."""
        wish = Wish(
            price=int(command["price_nanos"]),
            lots=int(command["lots"]),
            minimum=int(command["minimum_lots"]),
            display=int(command["display_lots"]),
            expire=int(command["expire_time_ns"]),
            time_in_force=int(command["time_in_force"]),
            post_only=int(command["post_only"]),
            hidden=int(command["hidden"]),
            market=int(command["order_type"]) == OrderType.MARKET,
        )
        user_ref, side = int(command["user_ref"]), int(command["side"])
        refused = self.number_refused(session, user_ref) or self.entry_refused(command, wish, instrument)
        if refused is None:
            settings = self.sessions[session]
            order = Order(
                instrument=instrument,
                session=session,
                user_ref=user_ref,
                ref=0,
                side=side,
                price=wish.price,
                front=wish.lots,
                display=wish.display,
                hidden=wish.hidden,
                owner=int(command["owner"]) or int(settings["owner"]),
                self_trade=int(command["self_trade"]) or int(settings["self_trade"]),
                time_in_force=wish.time_in_force,
                expire=wish.expire,
            )
            collected = self.collects(instrument, wish.time_in_force, side) is True
            if wish.market and not collected:
                order.price = self.market_limit(instrument, side, wish.price)
            quoting = self.states[instrument] == TradingState.QUOTE_ONLY and not collected
            if quoting and (wish.immediate or self.meets(order)):
                refused = Reason.HALTED
        if refused is not None:
            common = {"user_ref": user_ref, "price_nanos": wish.price, "lots": wish.lots, "side": side}
            self.say(ExchangeEventKind.REJECTED, instrument, session, reason=refused, **common)
            return
        order.ref = self.new_ref()
        self.say(
            ExchangeEventKind.ACCEPTED,
            instrument,
            session,
            order_ref=order.ref,
            user_ref=user_ref,
            price_nanos=wish.price,
            lots=wish.lots,
            leaves_lots=wish.lots,
            side=side,
            hidden=wish.hidden,
        )
        if collected:
            self.collect(order, wish)
        else:
            self.work(order, wish, announce=True)

    def replace(self, command: Any, session: int, instrument: int) -> None:
        """New terms for an order."""
        original, user_ref = int(command["original_ref"]), int(command["user_ref"])
        old = self.find(session, original)
        refused = self.number_refused(session, user_ref)
        if refused is None and int(command["refused"]):
            refused = Reason(int(command["refused"]))
        if refused is None and old is None:
            refused = Reason.UNKNOWN_ORDER
        if refused is None and old is not None:
            keep = int(command["time_in_force"]) == 0
            expire = int(command["expire_time_ns"])
            wish = Wish(
                price=int(command["price_nanos"]),
                lots=int(command["lots"]),
                minimum=int(command["minimum_lots"]),
                display=int(command["display_lots"]),
                expire=old.expire if keep and expire == 0 else expire,
                time_in_force=old.time_in_force
                if keep or (old.waits and command["time_in_force"] == TimeInForce.DAY)
                else int(command["time_in_force"]),
                post_only=int(command["post_only"]),
                hidden=int(command["hidden"]),
            )
            refused = self.replace_refused(old, wish)
        if refused is not None:
            price = int(command["price_nanos"])
            self.say(
                ExchangeEventKind.REPLACE_REJECTED,
                instrument,
                session,
                user_ref=user_ref,
                other_user_ref=original,
                price_nanos=0 if price == UNDEF_PRICE else price,
                lots=int(command["lots"]),
                reason=refused,
            )
            return
        assert old is not None
        leaves = wish.lots - old.executed
        if leaves <= 0:
            self.say(
                ExchangeEventKind.REPLACE_REJECTED,
                instrument,
                session,
                user_ref=user_ref,
                other_user_ref=original,
                price_nanos=wish.price,
                lots=wish.lots,
                reason=Reason.INVALID_QUANTITY,
            )
            self.take_off(old, old.leaves, Reason.USER_REQUESTED)
        elif self.in_place(old, wish):
            self.change_in_place(old, wish, user_ref, leaves)
        else:
            self.change_anew(old, wish, user_ref, leaves)

    def cancel(self, command: Any, session: int, instrument: int) -> None:
        """Cancels or reduces one order."""
        user_ref, lots = int(command["user_ref"]), int(command["lots"])
        modify = int(command["modify"])
        order = self.find(session, user_ref)
        refused = Reason.UNKNOWN_ORDER
        if order is not None and self.frozen(order):
            refused = Reason.TOO_LATE
        elif order is not None:
            if int(command["relative"]) == 1:
                off = lots
            elif lots == 0:
                off = order.leaves
            else:
                off = order.leaves - min(max(lots - order.executed, 0), order.leaves)
            if lots >= 0 and off > 0:
                reason = int(command["reason"]) or Reason.USER_REQUESTED
                self.take_off(order, min(off, order.leaves), Reason(reason), letter=modify)
                return
            refused = Reason.INVALID_QUANTITY
        self.say(
            ExchangeEventKind.CANCEL_REJECTED,
            instrument,
            session,
            user_ref=user_ref,
            lots=lots,
            reason=refused,
            letter=modify,
        )

    def masscancel(self, command: Any, session: int, instrument: int) -> None:
        """Cancels all that match."""
        owner, side = int(command["owner"]), int(command["side"])
        for order in self.walk():
            if (
                session in (0, order.session)
                and instrument in (0, order.instrument)
                and owner in (0, order.owner)
                and side in (0, order.side)
                and not (session and self.frozen(order))
            ):
                self.take_off(order, order.leaves, Reason(int(command["reason"]) or Reason.USER_REQUESTED))
        if request := int(command["user_ref"]):
            self.answer(session, instrument, request, "C")

    def control(self, command: Any, session: int, instrument: int) -> None:
        """States, busts, the day, sessions."""
        action, letter = int(command["action"]), int(command["letter"])
        if action == ExchangeAction.STATE:
            for listed in sorted(self.listings):
                if instrument in (0, listed):
                    self.change_state(listed, int(command["state"]), letter)
        elif action == ExchangeAction.BUST:
            self.bust(int(command["value"]), session, letter)
        elif action == ExchangeAction.DAY_ROLL:
            for order in self.walk():
                if order.time_in_force != TimeInForce.GOOD_TILL_CANCEL:
                    self.take_off(order, order.leaves, Reason.DAY_END)
            self.day_first = len(self.trades)
            self.last_refs = dict.fromkeys(self.last_refs, 0)
            self.say(ExchangeEventKind.DAY_ROLLED, 0, 0)
        elif action == ExchangeAction.DISCONNECT and session in self.sessions:
            promised = self.sessions[session]["cancel_on_disconnect"]
            own_end = (TimeInForce.GOOD_TILL_TIME, TimeInForce.GOOD_TILL_CANCEL)
            spared = own_end if promised == CancelOnDisconnect.DAY_ORDERS else ()
            if promised:
                for order in self.walk():
                    if order.session == session and order.time_in_force not in spared:
                        self.take_off(order, order.leaves, Reason.DISCONNECTED)
        elif action == ExchangeAction.SYSTEM_EVENT:
            self.say(ExchangeEventKind.SYSTEM_EVENT, 0, 0, letter=letter)
        elif action == ExchangeAction.SHORT_SALE:
            self.say(ExchangeEventKind.SHORT_SALE, instrument, 0, letter=letter)
        elif action == ExchangeAction.QUERY:
            self.answer(session, instrument, 0, "Q")
        elif action in (ExchangeAction.DISABLE_ENTRY, ExchangeAction.ENABLE_ENTRY) and session in self.sessions:
            self.disabled[session] = action == ExchangeAction.DISABLE_ENTRY
            self.answer(session, 0, int(command["value"]), "D" if self.disabled[session] else "E")

    def answer(self, session: int, instrument: int, request: int, letter: str) -> None:
        """Tells a session that its request is done."""
        next_ref = self.last_refs.get(session, 0) + 1
        self.say(ExchangeEventKind.ANSWERED, instrument, session, user_ref=request, letter=ord(letter), lots=next_ref)

    # Checks.

    def number_refused(self, session: int, user_ref: int) -> Reason | None:
        """Whether the session may use this number; a rising session uses it up by asking."""
        if session not in self.sessions:
            return Reason.INVALID_FIELD
        if self.sessions[session]["rising"]:
            if user_ref <= self.last_refs[session]:
                return Reason.DUPLICATE_ID
            self.last_refs[session] = user_ref
        return Reason.DUPLICATE_ID if self.find(session, user_ref) else None

    def entry_refused(self, command: Any, wish: Wish, instrument: int) -> Reason | None:
        """Why a new order is refused before anyone looks at the book."""
        if int(command["refused"]):
            return Reason(int(command["refused"]))
        if self.disabled.get(int(command["header"]["source"])):
            return Reason.CLOSED
        if instrument not in self.listings:
            return Reason.INVALID_INSTRUMENT
        collected = self.collects(instrument, wish.time_in_force, int(command["side"]))
        if isinstance(collected, Reason):
            return collected
        codes_are_known = (
            int(command["side"]) in list(Side)
            and int(command["order_type"]) in list(OrderType)
            and wish.time_in_force in list(TimeInForce)
            and int(command["self_trade"]) in (0, *SelfTrade)
            and int(command["short_sale"]) <= 2
            and wish.hidden <= 1
            and wish.post_only <= 1
        )
        if not codes_are_known:
            return Reason.INVALID_FIELD
        refused = self.wish_refused(instrument, wish)
        return Reason.CLOSED if refused is None and collected and wish.immediate else refused

    def collects(self, instrument: int, _time_in_force: int, _side: int) -> bool | Reason:
        """Whether a new order is collected for an auction (else it trades at once), or why it is refused."""
        state = self.states[instrument]
        if state in (TradingState.TRADING, TradingState.QUOTE_ONLY):
            return False
        return Reason.HALTED if state in (TradingState.HALTED, TradingState.PAUSED) else Reason.CLOSED

    def collect(self, order: Order, wish: Wish) -> None:
        """Takes an order in without trading."""
        raise AssertionError(f"nothing collects {order} {wish}")

    def frozen(self, _order: Order) -> bool:
        """Whether it is too late for its session to take it off."""
        return False

    def call_letter(self, _instrument: int) -> int:
        """Letter of the auction whose call is on."""
        return 0

    def change_state(self, instrument: int, state: int, _letter: int) -> None:
        """The trading state of one instrument."""
        self.states[instrument] = state
        self.say(ExchangeEventKind.STATE, instrument, 0, state=state)

    def wish_refused(self, instrument: int, wish: Wish) -> Reason | None:
        """Whether the terms make sense."""
        if not self.lots_ok(instrument, wish.lots):
            return Reason.INVALID_QUANTITY
        if not (wish.market and wish.price == UNDEF_PRICE) and not self.price_ok(instrument, wish.price):
            return Reason.INVALID_PRICE
        if wish.display and (
            not self.lots_ok(instrument, wish.display)
            or wish.display > wish.lots
            or wish.hidden
            or wish.time_in_force in AT_AUCTION
        ):
            return Reason.INVALID_FIELD
        if wish.post_only and wish.immediate:
            return Reason.INVALID_FIELD
        if (wish.time_in_force == TimeInForce.GOOD_TILL_TIME) != (wish.expire > self.now):
            return Reason.INVALID_FIELD
        if not 0 <= wish.minimum <= wish.lots or (wish.minimum and not wish.immediate):
            return Reason.MINIMUM_QUANTITY
        return None

    def replace_refused(self, old: Order, wish: Wish) -> Reason | None:
        """Whether a replacement is refused."""
        if wish.hidden > 1 or wish.post_only > 1 or wish.time_in_force not in list(TimeInForce):
            return Reason.INVALID_FIELD
        if (refused := self.wish_refused(old.instrument, wish)) is not None:
            return refused
        if (wish.time_in_force in AT_AUCTION) != old.waits:
            return Reason.INVALID_FIELD
        if self.frozen(old):
            return Reason.TOO_LATE
        if wish.lots <= old.executed or self.in_place(old, wish):
            return None
        collected = self.collects(old.instrument, wish.time_in_force, old.side)
        if collected is not False:
            return collected if collected is not True else Reason.CLOSED if wish.immediate else None
        probe = Order(old.instrument, 0, 0, 0, old.side, wish.price, wish.lots)
        if self.states[old.instrument] == TradingState.QUOTE_ONLY and (wish.immediate or self.meets(probe)):
            return Reason.HALTED
        return None

    def lots_ok(self, instrument: int, lots: int) -> bool:
        """Positive, not too many, a multiple of the increment."""
        listing = self.listings[instrument]
        most = int(listing["lots_max"]) or 1 << 40
        return 0 < lots <= most and lots % max(int(listing["increment_lots"]), 1) == 0

    def price_ok(self, instrument: int, price: int) -> bool:
        """Within the bounds and on the tick."""
        listing = self.listings[instrument]
        most = int(listing["price_max_nanos"]) or (1 << 61) - 1
        small = int(listing["small_tick_nanos"]) > 0 and price < int(listing["small_below_nanos"])
        tick = max(int(listing["small_tick_nanos" if small else "tick_nanos"]), 1)
        return int(listing["price_min_nanos"]) <= price <= most and price % tick == 0

    # The book.

    def new_ref(self) -> int:
        """The next reference."""
        self.next_ref += 1
        return self.next_ref - 1

    def find(self, session: int, user_ref: int) -> Order | None:
        """A resting order."""
        return next((o for o in self.resting if (o.session, o.user_ref) == (session, user_ref)), None)

    def side_of(self, instrument: int, side: int) -> list[Order]:
        """One side of a book, the next to trade first."""
        return sorted(
            (o for o in self.resting if (o.instrument, o.side, o.waits) == (instrument, side, False)),
            key=Order.rank,
        )

    def walk(self) -> list[Order]:
        """All orders: by instrument, bids first, those for one auction first, best first."""
        return sorted(
            self.resting, key=lambda o: (o.instrument, o.side, not o.waits, *((o.arrival,) if o.waits else o.rank()))
        )

    def reachable(self, order: Order) -> list[Order]:
        """What the order could trade with, in order."""
        others = self.side_of(order.instrument, Side.SELL if order.side == Side.BUY else Side.BUY)
        return [o for o in others if (o.price <= order.price if order.side == Side.BUY else o.price >= order.price)]

    def meets(self, order: Order) -> bool:
        """Whether anything is in reach."""
        return bool(self.reachable(order))

    def market_limit(self, instrument: int, side: int, price: int) -> int:
        """The worst price of a market order."""
        others = self.side_of(instrument, Side.SELL if side == Side.BUY else Side.BUY)
        if not others:
            return 0 if price == UNDEF_PRICE else price
        ppm, touch, sign = (
            int(self.listings[instrument]["protection_ppm"]),
            others[0].price,
            1 if side == Side.BUY else -1,
        )
        bound = touch + sign * (abs(touch) * ppm // 1_000_000) if ppm else sign * ((1 << 61) - 1)
        if price == UNDEF_PRICE:
            return bound
        return min(price, bound) if side == Side.BUY else max(price, bound)

    def own(self, order: Order, other: Order) -> bool:
        """Whether prevention keeps the two apart."""
        return order.self_trade != 0 and order.owner != 0 and order.owner == other.owner

    def tradable(self, order: Order) -> int:
        """Lots that could trade at once, by trying it on copies."""
        book = [[o.price, o.front, o.reserve, o.display, self.own(order, o), o.hidden] for o in self.reachable(order)]
        total = 0
        while book:
            head = book[0]
            if head[4] and order.self_trade != SelfTrade.CANCEL_OLDEST:
                break
            book.pop(0)
            if head[4]:
                continue
            total += head[1]
            if head[2]:
                front = min(head[2], head[3])
                again = [head[0], front, head[2] - front, head[3], False, 0]
                # Behind the displayed orders of its price, before the hidden ones.
                at = next((i for i, o in enumerate(book) if o[0] != head[0] or o[5]), len(book))
                book.insert(at, again)
        return total

    def work(self, order: Order, wish: Wish, announce: bool) -> None:
        """Trades, then rests or cancels."""
        if wish.post_only and self.meets(order):
            return self.drop(order, order.front, Reason.WOULD_CROSS, order.price)
        least = order.front if wish.time_in_force == TimeInForce.FILL_OR_KILL else min(wish.minimum, order.front)
        if least and self.tradable(order) < least:
            return self.drop(order, order.front, Reason.MINIMUM_QUANTITY, order.price)
        while order.front and (reachable := self.reachable(order)):
            self.meet(order, reachable[0])
        if not order.front:
            return None
        if wish.immediate:
            return self.drop(order, order.front, Reason.IMMEDIATE, order.price)
        if order.display and order.display < order.front:
            order.reserve = order.front - order.display
            order.front = order.display
        self.arrivals += 1
        order.arrival, order.timer = self.arrivals, order.ref
        self.resting.append(order)
        return self.say_rested(order) if announce else None

    def say_rested(self, order: Order) -> None:
        """It rests."""
        self.say(
            ExchangeEventKind.RESTED,
            order.instrument,
            order.session,
            order_ref=order.ref,
            user_ref=order.user_ref,
            price_nanos=order.price,
            lots=order.shown,
            leaves_lots=order.leaves,
            shown_lots=order.shown,
            side=order.side,
            resting=1,
            hidden=order.hidden,
        )

    def meet(self, order: Order, other: Order) -> None:
        """Two orders meet: a trade, or its prevention."""
        if not self.own(order, other):
            return self.trade(order, other)
        mode, prevented = order.self_trade, Reason.SELF_TRADE_PREVENTION
        lots, price = min(order.front, other.leaves), other.price
        if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
            self.take_off(other, other.leaves, prevented)
        if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
            self.drop(order, order.front, prevented, price)
        if mode == SelfTrade.DECREMENT:
            self.take_off(other, lots, prevented)
            self.drop(order, lots, prevented, price)
        return None

    def trade(self, order: Order, other: Order) -> None:
        """A trade at the resting order's price."""
        lots = min(order.front, other.front)
        for one in (order, other):
            one.front -= lots
            one.executed += lots
        self.keep_trade(order, other, lots, other.price)
        self.say(
            ExchangeEventKind.EXECUTED,
            order.instrument,
            other.session,
            order_ref=other.ref,
            other_ref=order.ref,
            user_ref=other.user_ref,
            other_user_ref=order.user_ref,
            match_id=len(self.trades),
            price_nanos=other.price,
            lots=lots,
            leaves_lots=other.leaves,
            other_leaves_lots=order.front,
            shown_lots=other.shown,
            shown_change_lots=0 if other.hidden else lots,
            other_source=order.session,
            side=other.side,
            resting=1,
            hidden=other.hidden,
        )
        if other.front:
            return
        if not other.reserve:
            self.resting.remove(other)
            return
        self.refill(other)

    def keep_trade(self, order: Order, other: Order, lots: int, price: int) -> None:
        """So that it can be broken."""
        refs = (other.user_ref, order.user_ref)
        self.trades.append(
            {"order": order, "other": other, "lots": lots, "broken": False, "refs": refs, "price": price}
        )

    def refill(self, other: Order) -> None:
        """The next part of a reserve."""
        other.front = min(other.reserve, other.display)
        other.reserve -= other.front
        old, other.ref = other.ref, self.new_ref()
        self.arrivals += 1
        other.arrival = self.arrivals
        self.say(
            ExchangeEventKind.REFILLED,
            other.instrument,
            other.session,
            order_ref=other.ref,
            other_ref=old,
            user_ref=other.user_ref,
            price_nanos=other.price,
            lots=other.front,
            leaves_lots=other.leaves,
            shown_lots=other.shown,
            side=other.side,
            resting=1,
            hidden=other.hidden,
        )

    def take_off(self, order: Order, lots: int, reason: Reason, letter: int = 0) -> None:
        """Lots off a resting order, the reserve first."""
        before = order.shown
        from_reserve = lots if lots == order.leaves else min(lots, order.reserve)
        if lots == order.leaves:
            order.front = order.reserve = 0
            self.resting.remove(order)
        else:
            order.reserve -= from_reserve
            order.front -= lots - from_reserve
        self.say(
            ExchangeEventKind.CANCELED,
            order.instrument,
            order.session,
            order_ref=order.ref,
            user_ref=order.user_ref,
            price_nanos=order.price,
            lots=lots,
            leaves_lots=order.leaves,
            other_leaves_lots=order.executed,
            shown_lots=order.shown,
            shown_change_lots=before - order.shown,
            side=order.side,
            resting=1,
            hidden=order.hidden,
            reason=reason,
            letter=letter,
        )

    def drop(self, order: Order, lots: int, reason: Reason, price: int) -> None:
        """Lots off an order that never rested."""
        order.front -= lots
        self.say(
            ExchangeEventKind.CANCELED,
            order.instrument,
            order.session,
            order_ref=order.ref,
            user_ref=order.user_ref,
            price_nanos=price,
            lots=lots,
            leaves_lots=order.front,
            other_leaves_lots=order.executed,
            side=order.side,
            hidden=order.hidden,
            reason=reason,
        )

    # Replaces.

    def in_place(self, old: Order, wish: Wish) -> bool:
        """Whether the order keeps its priority: same price and display, no more lots, still resting."""
        return (
            old.price == wish.price
            and wish.lots - old.executed <= old.leaves
            and old.display == wish.display
            and old.hides == wish.hidden
            and not wish.immediate
        )

    def change_in_place(self, old: Order, wish: Wish, user_ref: int, leaves: int) -> None:
        """Fewer lots, same place."""
        before, original, off = old.shown, old.user_ref, old.leaves - leaves
        from_reserve = min(off, old.reserve)
        old.reserve -= from_reserve
        old.front -= off - from_reserve
        old.user_ref, old.time_in_force, old.expire, old.timer = user_ref, wish.time_in_force, wish.expire, old.ref
        effect = BookEffect.REDUCED if before > old.shown else BookEffect.NONE
        self.say_replaced(old, old.ref, original, leaves, effect, before, old.shown)

    def change_anew(self, old: Order, wish: Wish, user_ref: int, leaves: int) -> None:
        """Another order in its stead."""
        self.resting.remove(old)
        new = Order(
            instrument=old.instrument,
            session=old.session,
            user_ref=user_ref,
            ref=self.new_ref(),
            side=old.side,
            price=wish.price,
            front=leaves,
            executed=old.executed,
            display=wish.display,
            hidden=wish.hidden,
            owner=old.owner,
            self_trade=old.self_trade,
            time_in_force=wish.time_in_force,
            expire=wish.expire,
        )
        collected = self.collects(old.instrument, wish.time_in_force, old.side) is True
        rests = not collected and not wish.immediate and not self.meets(new)
        effect = BookEffect.NONE
        if not old.hidden:
            effect = BookEffect.REPLACED if rests and not new.hidden else BookEffect.REMOVED
        shown = min(wish.display or leaves, leaves) if effect == BookEffect.REPLACED else 0
        self.say_replaced(new, old.ref, old.user_ref, leaves, effect, old.shown, shown)
        if collected:
            self.collect(new, wish)
        else:
            self.work(new, wish, announce=effect != BookEffect.REPLACED)

    def say_replaced(
        self, order: Order, old_ref: int, old_user_ref: int, leaves: int, effect: BookEffect, before: int, shown: int
    ) -> None:
        """The replace took effect."""
        self.say(
            ExchangeEventKind.REPLACED,
            order.instrument,
            order.session,
            order_ref=order.ref,
            other_ref=old_ref,
            user_ref=order.user_ref,
            other_user_ref=old_user_ref,
            price_nanos=order.price,
            lots=leaves,
            leaves_lots=leaves,
            shown_lots=shown,
            shown_change_lots=before - shown,
            side=order.side,
            resting=1,
            hidden=order.hides,
            effect=effect,
        )

    def standing(self, match_id: int) -> Any:
        """A trade of today that is not broken, if it is one."""
        trade = self.trades[match_id - 1] if self.day_first < match_id <= len(self.trades) else None
        return None if trade is None or trade["broken"] else trade

    def bust(self, match_id: int, session: int, letter: int) -> None:
        """Breaks a trade of today, once."""
        trade = self.standing(match_id)
        if trade is None:
            self.say(ExchangeEventKind.BUST_REJECTED, 0, session, match_id=match_id)
            return
        trade["broken"] = True
        self.say_changed(ExchangeEventKind.BROKEN, match_id, letter=letter)

    def correction(self, command: Any, session: int, _: int) -> None:
        """Gives a trade of today another price, or takes lots off it."""
        match_id = int(command["match_id"])
        trade = self.standing(match_id)
        reason = Reason.UNKNOWN_ORDER
        if trade is not None:
            price, lots = trade["price"], trade["lots"]
            wanted = price if int(command["price_nanos"]) == UNDEF_PRICE else int(command["price_nanos"])
            left = int(command["lots"]) or lots
            instrument = trade["other"].instrument
            if left > lots or not self.lots_ok(instrument, left):
                reason = Reason.INVALID_QUANTITY
            elif wanted != price and not self.price_ok(instrument, wanted):
                reason = Reason.INVALID_PRICE
            else:
                trade["price"], trade["lots"] = wanted, left
                letter = int(command["letter"])
                self.say_changed(
                    ExchangeEventKind.CORRECTED,
                    match_id,
                    letter=letter,
                    former_price_nanos=price,
                    shown_change_lots=lots - left,
                )
                return
        self.say(ExchangeEventKind.CORRECTION_REJECTED, 0, session, match_id=match_id, reason=reason)

    def say_changed(self, kind: ExchangeEventKind, match_id: int, **more: int) -> None:
        """What both sides hear of a trade that is changed."""
        trade = self.trades[match_id - 1]
        order, other = trade["order"], trade["other"]
        self.say(
            kind,
            other.instrument,
            other.session,
            user_ref=trade["refs"][0],
            other_user_ref=trade["refs"][1],
            other_source=order.session,
            match_id=match_id,
            price_nanos=trade["price"],
            lots=trade["lots"],
            side=other.side,
            **more,
        )
