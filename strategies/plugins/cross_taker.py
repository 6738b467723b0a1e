"""Takes both sides of a crossed market: buys where the ask is low and sells where the bid is high, at once.

It acts when the consolidated book is crossed between its two venues by more than both fees and an edge. Both legs are
immediate-or-cancel, of one size: the smaller of what the two sides show, its own size, and what limits leave on each side.
When one leg traded more than the other, the difference is flattened at the best price over venues: at once while that costs
no more than `hedge_loss_nanos` against the leg that traded, and whatever it costs once `hedge_ns_max` has passed (0: it waits).
A venue whose feed is gapped or silent, or where the instrument does not trade, is no part of the consolidated book, so that
nothing is sent there. One slot, one instrument, bound at both venues.

Invariant: nothing is sent while anything of it is under way, so that either leg alone keeps the position within
`position_lots_max`; a locked market is traded only with `take_locked`.
"""

from meridian.strategies import Consolidated, Fill, Order, Orders, Side, Strategy, TimeInForce, Timer, param, state


class CrossTaker(Strategy):
    """Takes both sides of a crossed market."""

    api = 1

    venue_a: int = param(1, ge=1, le=65535, help="A venue's id.")
    venue_b: int = param(2, ge=1, le=65535, help="The other's.")
    fee_a_nanos: int = param(0, live=True, help="Fee for taking at the one, in nanos of the price; negative: a rebate.")
    fee_b_nanos: int = param(0, live=True, help="The same at the other.")
    edge_nanos: int = param(10_000_000, live=True, help="Least gain after both fees, in nanos of the price.")
    take_locked: bool = param(False, live=True, help="Trade a locked market as well, where fees leave the edge.")
    size_lots: int = param(20, ge=1, live=True, help="Most lots of a leg.")
    position_lots_max: int = param(200, ge=1, live=True, help="Most lots long or short.")
    pause_ns: int = param(5_000_000, ge=0, live=True, help="Least time between two pairs of legs.")
    hedge: bool = param(True, live=True, help="Flatten what one leg traded more than the other.")
    hedge_loss_nanos: int = param(
        50_000_000, live=True, help="Most that flattening may cost against the leg, in nanos of the price."
    )
    hedge_ns_max: int = param(
        1_000_000_000, ge=0, live=True, help="Time after which it may cost what it costs; 0: never."
    )
    hedge_pause_ns: int = param(5_000_000, ge=0, live=True, help="Least time between two attempts to flatten.")

    last_ns: int = state(0)
    pairs: int = state(0)
    hedges: int = state(0)
    hedged_ns: int = state(0)
    leg_nanos: int = state(0)
    leg_ns: int = state(0)
    fills: int = state(0)
    bought_lots: int = state(0)
    sold_lots: int = state(0)

    def on_consolidated(self, consolidated: Consolidated, orders: Orders) -> None:
        """The best prices over venues changed."""
        if consolidated.crossed or consolidated.locked or orders.position_lots != 0:
            self.act(orders)

    def on_order(self, order: Order, orders: Orders) -> None:
        """A leg may have ended without its lots."""
        self.act(orders)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Counts, and keeps the price that flattening is measured by."""
        self.fills += 1
        if fill.side == Side.BUY:
            self.bought_lots += fill.lots
        else:
            self.sold_lots += fill.lots
        if fill.position_lots == 0:
            self.leg_nanos = 0
            self.leg_ns = 0
        elif (fill.side == Side.BUY) == (fill.position_lots > 0):
            self.leg_nanos = fill.price_nanos
            if self.leg_ns == 0:
                self.leg_ns = fill.time_ns

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Nothing of it is meant to rest: what still works is taken back."""
        if self.under_way_lots(orders) == 0:
            self.act(orders)
        elif timer.time_ns - max(self.last_ns, self.hedged_ns) > self.pause_ns:
            orders.cancel_all()

    def act(self, orders: Orders) -> None:
        """Flattens, else takes, unless something is under way."""
        if self.under_way_lots(orders) != 0:
            return
        if orders.position_lots != 0 and self.hedge:
            self.flatten(orders)
            return
        top = orders.consolidated
        if not top.crossed and not (top.locked and self.take_locked):
            return
        if self.pairs > 0 and orders.time_ns - self.last_ns < self.pause_ns:
            return
        if self.is_mine(top.bid_venue) and self.is_mine(top.ask_venue) and top.bid_venue != top.ask_venue:
            fees_nanos = self.fee_nanos(top.bid_venue) + self.fee_nanos(top.ask_venue)
            if top.bid_nanos - top.ask_nanos - fees_nanos >= self.edge_nanos:
                self.take(orders.on(orders.instrument, top.ask_venue), orders.on(orders.instrument, top.bid_venue))

    def take(self, buying: Orders, selling: Orders) -> None:
        """Both legs, as large as the smaller side and the limits of both allow."""
        room_lots = self.position_lots_max - abs(buying.position_lots)
        shown_lots = min(buying.ask_lots, selling.bid_lots)
        free_lots = min(buying.headroom_lots(Side.BUY), selling.headroom_lots(Side.SELL))
        lots = min(self.size_lots, shown_lots, room_lots, free_lots)
        lots -= lots % max(1, buying.increment_lots, selling.increment_lots)
        if lots <= 0:
            return
        self.last_ns = buying.time_ns
        self.pairs += 1
        buying.new(Side.BUY, buying.ask_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
        selling.new(Side.SELL, selling.bid_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    def flatten(self, orders: Orders) -> None:
        """Sells what it is long, buys what it is short, at the best price over venues."""
        top = orders.consolidated
        is_long = orders.position_lots > 0
        venue = top.bid_venue if is_long else top.ask_venue
        if not self.is_mine(venue):
            return
        if self.hedges > 0 and orders.time_ns - self.hedged_ns < self.hedge_pause_ns:
            return
        price_nanos = top.bid_nanos if is_long else top.ask_nanos
        if self.leg_nanos != 0:
            loss_nanos = self.leg_nanos - price_nanos if is_long else price_nanos - self.leg_nanos
            overdue = self.hedge_ns_max > 0 and orders.time_ns - self.leg_ns >= self.hedge_ns_max
            if loss_nanos > self.hedge_loss_nanos and not overdue:
                return
        there = orders.on(orders.instrument, venue)
        side = Side.SELL if is_long else Side.BUY
        shown_lots = there.bid_lots if is_long else there.ask_lots
        lots = min(abs(orders.position_lots), shown_lots, there.headroom_lots(side))
        lots -= lots % max(1, there.increment_lots)
        if lots <= 0:
            return
        self.hedged_ns = orders.time_ns
        self.hedges += 1
        there.new(side, price_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    def under_way_lots(self, orders: Orders) -> int:
        """Lots of legs that have not ended, unknown ones included."""
        one = orders.on(orders.instrument, self.venue_a)
        other = orders.on(orders.instrument, self.venue_b)
        return one.open_buy_lots + one.open_sell_lots + other.open_buy_lots + other.open_sell_lots

    def is_mine(self, venue: int) -> bool:
        """Whether it is one of the two."""
        return venue == self.venue_a or venue == self.venue_b

    def fee_nanos(self, venue: int) -> int:
        """Fee of a venue."""
        return self.fee_a_nanos if venue == self.venue_a else self.fee_b_nanos
