"""Smart order router: one parent order over up to four venues, each child where a fill costs least in the end.

What a lot costs at a venue: its best price, the fee for taking, what the price is expected to move while the order is on its way
(`drift_nanos_per_ms` times the measured latency), and `miss_nanos` times the share of lots that were not there when an order
arrived, learned by venue and kept over restarts. Venues that are down, stale, halted or behind an open circuit breaker, and
prices beyond the limit, are left out. It takes at several venues at once, the cheapest first, until its lots are spent.

With `post_ns` it first rests that long, whole, at the venue where that is worth most: the best price, the fee for making, and
what stands before it; never where the market over venues is locked or crossed. Such a market is taken from as any other unless
`take_crossed` is off: then it waits until it is over, because prices that cross are often old ones.

Invariant: as in `parent.py`, over all venues together: nothing new is sent while a child works or waits anywhere.
"""

from meridian.strategies import UNDEF_PRICE, Book, BreakerState, Consolidated, Fill, Orders, TimeInForce, param, state
from meridian.strategies.algorithms.parent import Parent

VENUES = 4
PRIOR_LOTS = 100.0
"""Lots that a venue is believed to have filled before it has shown what it does."""


class Router(Parent):
    """Takes and rests where it costs least."""

    venue_1: int = param(1, ge=1, le=65535, help="A venue's id.")
    venue_2: int = param(2, ge=0, le=65535, help="Another's; 0: none.")
    venue_3: int = param(0, ge=0, le=65535, help="Another's; 0: none.")
    venue_4: int = param(0, ge=0, le=65535, help="Another's; 0: none.")
    take_1_nanos: int = param(
        0, live=True, help="Fee for taking a lot there, in nanos of the price; negative: a rebate."
    )
    take_2_nanos: int = param(0, live=True, help="The same at the second.")
    take_3_nanos: int = param(0, live=True, help="The same at the third.")
    take_4_nanos: int = param(0, live=True, help="The same at the fourth.")
    make_1_nanos: int = param(0, live=True, help="Fee for making a lot there.")
    make_2_nanos: int = param(0, live=True, help="The same at the second.")
    make_3_nanos: int = param(0, live=True, help="The same at the third.")
    make_4_nanos: int = param(0, live=True, help="The same at the fourth.")
    drift_nanos_per_ms: int = param(0, ge=0, live=True, help="What the price moves against it in a millisecond.")
    miss_nanos: int = param(0, ge=0, live=True, help="What it costs to find nothing where lots were shown.")
    post_ns: int = param(0, ge=0, help="Rests so long before it takes; 0: takes at once.")
    take_crossed: bool = param(True, live=True, help="Take while the market over venues is crossed.")

    asked_lots: list[float] = state([0.0] * VENUES, keep=True)
    filled_lots: list[float] = state([0.0] * VENUES, keep=True)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Told by `on_consolidated`."""

    def on_consolidated(self, consolidated: Consolidated, orders: Orders) -> None:
        """The best prices over venues changed."""
        self.act(orders)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Counts, by venue too where it took."""
        self.done_lots += -fill.lots if fill.broken else fill.lots
        for place in range(VENUES):
            if self.venue(place) == fill.venue and not fill.broken and not fill.maker:
                self.filled_lots[place] += float(fill.lots)

    def may_work(self, orders: Orders) -> bool:
        """Inside its time, with lots left; venues are looked at one by one."""
        now_ns = orders.time_ns
        return (
            self.begin_ns > 0
            and self.begin_ns <= now_ns
            and now_ns - self.begin_ns < self.duration_ns
            and self.left_lots() > 0
        )

    def work(self, orders: Orders) -> None:
        """Rests first, then takes."""
        top = orders.consolidated
        resting = 0
        for place in range(VENUES):
            venue = self.venue(place)
            if venue != 0:
                there = orders.on(orders.instrument, venue)
                if not self.settled(there):
                    return
                resting += self.open_lots(there)
        posting = orders.time_ns - self.begin_ns < self.post_ns
        if resting > 0:
            if not posting:
                self.withdraw(orders)
                self.asked(orders)
        elif posting:
            if top.two_sided and not top.locked and not top.crossed:
                self.post(orders)
        elif not top.crossed or self.take_crossed:
            self.sweep(orders)

    def sweep(self, orders: Orders) -> None:
        """Takes at the cheapest venue, then at the next, until the lots are spent."""
        left_lots = self.left_lots()
        tried = 0
        for _turn in range(VENUES):
            best = -1
            best_cost = 0.0
            for place in range(VENUES):
                if (tried >> place) & 1 == 0 and self.reachable(place, orders):
                    cost = self.cost(place, orders.on(orders.instrument, self.venue(place)))
                    if best < 0 or cost < best_cost:
                        best = place
                        best_cost = cost
            if best < 0 or left_lots <= 0:
                return
            tried |= 1 << best
            there = orders.on(orders.instrument, self.venue(best))
            lots = min(left_lots, self.far_lots(there), there.headroom_lots(self.side))
            lots -= lots % max(1, there.increment_lots)
            if lots > 0:
                there.new(self.side, self.far_nanos(there), lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
                self.asked_lots[best] += float(lots)
                left_lots -= lots
                self.asked(orders)

    def post(self, orders: Orders) -> None:
        """Rests, whole, where that is worth most."""
        best = -1
        best_worth = 0.0
        for place in range(VENUES):
            if self.reachable(place, orders):
                there = orders.on(orders.instrument, self.venue(place))
                # A better price for the market, cheaper for us, less before us: each counts in nanos of the price.
                near = float(self.near_nanos(there))
                before = float(there.bid_lots if self.is_buy() else there.ask_lots)
                waits = before / (before + float(self.left_lots()))
                worth = (
                    (near if self.is_buy() else -near) - float(self.make_nanos(place)) - waits * float(self.miss_nanos)
                )
                if best < 0 or worth > best_worth:
                    best = place
                    best_worth = worth
        if best >= 0:
            there = orders.on(orders.instrument, self.venue(best))
            price_nanos = self.tick_price(self.bounded(self.near_nanos(there)), there)
            lots = min(self.left_lots(), there.headroom_lots(self.side))
            lots -= lots % max(1, there.increment_lots)
            if lots > 0:
                there.new(self.side, price_nanos, lots, post_only=True)
                self.asked(orders)

    def cost(self, place: int, there: Orders) -> float:
        """What a lot costs there in the end, in nanos; to a seller the price counts the other way."""
        price = float(self.far_nanos(there))
        latency_ms = float(max(0, there.order_latency_mean_ns)) / 1e6
        filled = (self.filled_lots[place] + PRIOR_LOTS) / (self.asked_lots[place] + PRIOR_LOTS)
        extra = float(self.take_nanos(place)) + latency_ms * float(self.drift_nanos_per_ms)
        return (price if self.is_buy() else -price) + extra + max(0.0, 1.0 - filled) * float(self.miss_nanos)

    def reachable(self, place: int, orders: Orders) -> bool:
        """Whether the venue trades, is heard and connected, and shows a price that the limit allows."""
        venue = self.venue(place)
        if venue == 0:
            return False
        there = orders.on(orders.instrument, venue)
        if not there.tradable or there.stale or not there.venue_up or there.breaker == BreakerState.OPEN:
            return False
        price_nanos = self.far_nanos(there)
        posting = orders.time_ns - self.begin_ns < self.post_ns
        if posting:
            return there.two_sided
        return price_nanos != UNDEF_PRICE and self.far_lots(there) > 0 and self.bounded(price_nanos) == price_nanos

    def withdraw(self, orders: Orders) -> None:
        """Takes everything back, everywhere."""
        for place in range(VENUES):
            venue = self.venue(place)
            if venue != 0:
                self.leave(orders.on(orders.instrument, venue))

    def venue(self, place: int) -> int:
        """The venue at a place; 0: none."""
        first = self.venue_1 if place == 0 else self.venue_2
        return first if place < 2 else self.venue_3 if place == 2 else self.venue_4

    def take_nanos(self, place: int) -> int:
        """Its fee for taking."""
        first = self.take_1_nanos if place == 0 else self.take_2_nanos
        return first if place < 2 else self.take_3_nanos if place == 2 else self.take_4_nanos

    def make_nanos(self, place: int) -> int:
        """Its fee for making."""
        first = self.make_1_nanos if place == 0 else self.make_2_nanos
        return first if place < 2 else self.make_3_nanos if place == 2 else self.make_4_nanos
