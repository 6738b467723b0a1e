"""A strategy that uses every construct that callbacks may use, so that modes can be compared on it."""

from meridian.strategies import (
    Book,
    Consolidated,
    ConsolidatedState,
    Fill,
    Order,
    Orders,
    Side,
    Status,
    Strategy,
    TimeInForce,
    Timer,
    Trade,
    math,
    param,
    state,
)

WINDOW = 16
WEIGHT = 0.75


def blend(old: float, new: float, weight: float = WEIGHT) -> float:
    """A function of the module."""
    return weight * old + (1.0 - weight) * new


class Everything(Strategy):
    """Numbers, loops, lists, orders."""

    LIMIT = 40

    spread_ticks: int = param(3, ge=1, le=50)
    weight: float = param(0.5, gt=0, lt=1)
    eager: bool = param(True)

    window: list[float] = state([0.0] * WINDOW)
    counts: list[int] = state([0] * 8)
    at: int = state(0)
    level: float = state(0.0)
    spread: float = state(0.0)
    crossed: bool = state(False)
    hash: int = state(1)

    def on_start(self, orders: Orders) -> None:
        """Sets the scene."""
        for index in range(WINDOW):
            self.window[index] = float(index) / 3
        self.at = orders.time_ns % WINDOW

    def on_book(self, book: Book, orders: Orders) -> None:
        """Floats, lists and quotes."""
        if not book.two_sided:
            orders.cancel_all()
            return
        self.window[self.at % WINDOW] = book.microprice_nanos
        self.at += 1
        self.level = blend(self.level, math.mean(self.window), weight=self.weight) if self.level else book.mid_nanos
        self.spread = math.sqrt(math.variance(self.window)) + math.log(1.0 + abs(book.spread_nanos))
        self.crossed = 0 < book.ask_nanos <= book.bid_nanos
        depth = 0
        for bid in book.bids:
            if bid.lots == 0:
                break
            depth += bid.lots * (2 if self.eager else 1)
        for ask in book.asks:
            if ask.orders == 1:
                continue
            depth -= ask.lots
        self.counts[-1] = depth
        self.mix(depth)
        width = self.spread_ticks * 10_000_000
        bid_nanos = orders.to_price(min(self.level, book.bid_nanos) - width, Side.BUY)
        ask_nanos = orders.to_price(max(self.level, book.ask_nanos, 5) + width, Side.SELL)
        orders.quote(bid_nanos, ask_nanos, min(self.LIMIT, 1 + abs(depth) % 7), post_only=depth > 0)

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """Whole numbers."""
        if trade.busted or trade.cross:
            return
        place = trade.match_id % len(self.counts)
        self.counts[place] += trade.lots
        self.mix(trade.price_nanos // 1_000 - trade.lots)
        self.mix(-trade.price_nanos % 977)
        steps = 0
        value = trade.lots
        while value > 1 and steps < 100:
            value = value // 2 if value % 2 == 0 else 3 * value + 1
            steps += 1
        self.counts[steps & 7] += steps << 2
        if trade.taker_side == Side.BUY and self.eager:
            orders.buy(
                orders.to_price(trade.price_nanos, Side.BUY), 1 + steps % 3, time_in_force=TimeInForce.FILL_OR_KILL
            )

    def on_status(self, status: Status, orders: Orders) -> None:
        """Sides and listings."""
        if not status.tradable or status.stale or not status.connected:
            orders.cancel_all()
            return
        for instrument in range(1, 3):
            there = orders.on(instrument, 1 + instrument % 2)
            if there.two_sided and there.position_lots > 0:
                there.sell(there.to_price(there.bid_nanos, Side.SELL), 1)

    def on_order(self, order: Order, orders: Orders) -> None:
        """Looks through its own orders."""
        open_lots = 0
        first = 0
        for mine in orders.working:
            open_lots += mine.leaves_lots
            if mine.live and first == 0 and mine.side == order.side:
                first = mine.order_id
                if mine.price_nanos > order.price_nanos:
                    orders.replace(mine, order.price_nanos, mine.lots)
                else:
                    orders.cancel(mine)
        self.mix(open_lots + first)
        self.mix(int(order.refused) * 3 + (order.reason ^ order.limit | 64) - (~order.state & 15))

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Headroom."""
        if orders.headroom_lots(fill.side) < fill.lots or fill.broken:
            orders.cancel_side(fill.side)
        self.mix(fill.position_lots * (1 if fill.maker else -1))
        self.level += math.exp(-fill.lots / 100) - math.pow(1.0 + fill.leaves_lots / 1000.0, -1.5)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Conversions and comparisons."""
        late_ns = timer.time_ns - timer.due_ns
        low, high = min(late_ns, 1_000), max(late_ns, 1_000, 2_000)
        if low < late_ns <= high or (not self.crossed and late_ns != 7):
            self.mix(round(late_ns / 3) + int(late_ns / 7) + math.floor(-late_ns / 2) + math.ceil(late_ns / 2))
        self.mix(high >> 3)
        total = 0.0
        for value in self.window:
            total += value if math.isfinite(value) else 0.0
        self.spread = total / len(self.window)
        self.crossed = bool(late_ns % 2)

    def on_consolidated(self, consolidated: Consolidated, orders: Orders) -> None:
        """Venues, states, and the head that every callback sees."""
        more_lots = 0
        for top in consolidated.tops:
            if top.live and top.venue > 0:
                more_lots += top.bid_lots - top.ask_lots
        self.mix(more_lots + consolidated.live_count * 8 + (consolidated.bid_venues ^ consolidated.ask_venues))
        head = orders.consolidated
        if consolidated.two_sided and head.two_sided:
            self.level = consolidated.mid_nanos
            self.spread = head.spread_nanos - consolidated.spread_nanos
        elif consolidated.one_sided or head.state == ConsolidatedState.EMPTY:
            orders.cancel_all()
        if consolidated.locked or head.crossed:
            self.mix(consolidated.time_ns - consolidated.since_ns + head.bid_venue - head.ask_venue)
            orders.sell(consolidated.bid_nanos, 1 + consolidated.tops[0].venue)

    def on_stop(self, orders: Orders) -> None:
        """The end."""
        orders.cancel_all()
        assert self.hash >= 0, "the hash stays positive"

    def mix(self, value: int) -> None:
        """Rolls a number into the hash, inside 31 bits."""
        self.hash = (self.hash * 31 + value % 65_521) % 2_147_483_647
