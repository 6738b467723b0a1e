"""The strategies of a kill run: busy ones, that always have something resting and something under way.

Invariant: what a trader does next follows from its own state and the book alone, so that its engine's journal replays.
"""

from meridian.strategies import MultiLeg, Orders, Side, Strategy, TimeInForce, Timer, param, state

MODULUS, FACTOR, ADDEND = 2_147_483_648, 1_103_515_245, 12_345
"""Of a linear congruential sequence whose products fit into 64 bits."""


class Trader(Strategy):
    """On its timer it sends, takes, replaces or cancels one order."""

    api = 1

    tick_nanos: int = param(10_000_000, ge=1, help="The listing's tick.")
    size_lots: int = param(5, ge=1, help="Most lots of an order.")
    working_max: int = param(8, ge=1, help="Orders that rest at most.")
    seed: int = param(1, ge=1, help="Where the sequence of choices begins.")

    chance: int = state(0)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """One thing, by chance."""
        if self.chance == 0:
            self.chance = self.seed % MODULUS
        if not orders.two_sided or orders.stale:
            return
        what = self.drawn(10)
        side = Side.BUY if self.drawn(2) == 0 else Side.SELL
        lots = 1 + self.drawn(self.size_lots)
        away_nanos = self.drawn(6) * self.tick_nanos
        resting = 0
        for order in orders.working:
            if order.live:
                resting += 1
        touch_nanos = orders.bid_nanos if side == Side.BUY else orders.ask_nanos
        price_nanos = touch_nanos - away_nanos if side == Side.BUY else touch_nanos + away_nanos
        if what < 5 and resting < self.working_max:
            orders.new(side, price_nanos, lots)
        elif what < 6:
            through_nanos = orders.ask_nanos if side == Side.BUY else orders.bid_nanos
            orders.new(side, through_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
        else:
            chosen, at = self.drawn(max(resting, 1)), 0
            for order in orders.working:
                if order.live:
                    if at == chosen and what < 8 and order.side == side:
                        orders.replace(order, price_nanos, lots)
                    elif at == chosen:
                        orders.cancel(order)
                    at += 1

    def drawn(self, below: int) -> int:
        """The next number of the sequence, from 0."""
        self.chance = (self.chance * FACTOR + ADDEND) % MODULUS
        return (self.chance >> 8) % below


class Pair(Strategy):
    """Every so often it buys at its first listing and sells at its second, which another region's engine trades, as one."""

    api = 1

    far_venue: int = param(3, ge=1, le=65535, help="Where it sells.")
    every_ns: int = param(400_000_000, ge=1, help="Time between two pairs.")
    within_ns: int = param(500_000_000, ge=1, help="Time that the legs have.")
    through_nanos: int = param(10_000_000_000, ge=0, help="How far through the near touch both legs trade.")
    room_nanos: int = param(50_000_000_000, ge=0, help="How much worse it trades a leg back.")

    asked: int = state(0)
    asked_ns: int = state(0)
    working: bool = state(False)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Asks for the next pair, in turns the one way and the other."""
        if self.working or not orders.two_sided or orders.stale or timer.time_ns - self.asked_ns < self.every_ns:
            return
        self.asked += 1
        self.asked_ns = timer.time_ns
        self.working = True
        near, far = Side.BUY, Side.SELL
        near_nanos, far_nanos = orders.ask_nanos + self.through_nanos, orders.bid_nanos - self.through_nanos
        if self.asked % 2 == 0:
            near, far = Side.SELL, Side.BUY
            near_nanos, far_nanos = orders.bid_nanos - self.through_nanos, orders.ask_nanos + self.through_nanos
        away_nanos = self.room_nanos if near == Side.BUY else -self.room_nanos
        orders.leg(near, near_nanos, 1, near_nanos - 2 * away_nanos)
        orders.on(orders.instrument, self.far_venue).leg(far, far_nanos, 1, far_nanos + 2 * away_nanos)
        orders.multi_leg(self.within_ns, 5_000_000_000, False, self.asked)

    def on_multi_leg(self, multi_leg: MultiLeg, orders: Orders) -> None:
        """The next one may be asked for."""
        if multi_leg.ended or multi_leg.refused:
            self.working = False
