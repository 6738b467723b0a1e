"""A strategy that makes every call and looks at everything that only some classes ask for; its Rust form is compared with it."""

from meridian.strategies import (
    UNDEF_PRICE,
    Auction,
    AuctionKind,
    Book,
    BreakerState,
    Fill,
    KillNew,
    Order,
    Orders,
    RegionQuoteState,
    RejectCode,
    Risk,
    Side,
    Signal,
    Status,
    Strategy,
    Timer,
    channel,
    param,
    state,
)

LEAN = channel("asking.lean")


class Asking(Strategy):
    """Targets, ladders, signals; risk, auctions, queues, latencies, regions."""

    api = 1

    step_nanos: int = param(10_000_000, ge=1)
    size_lots: int = param(5, ge=1, le=1_000, live=True)
    lean: float = param(0.5, gt=0, le=1, live=True)

    bids: list[int] = state([UNDEF_PRICE] * 4)
    asks: list[int] = state([UNDEF_PRICE] * 4)
    heard: float = state(0.0)
    total: float = state(0.0, keep=True)
    starts: int = state(0, keep=True)
    counts: list[int] = state([0] * 3, keep=True)
    timers: int = state(0)
    hash: int = state(1)

    def on_start(self, orders: Orders) -> None:
        """Counts starts."""
        self.starts += 1
        orders.signal(LEAN, float(self.starts))

    def on_book(self, book: Book, orders: Orders) -> None:
        """A ladder while all is well."""
        if not book.two_sided or not orders.venue_up or orders.breaker == BreakerState.OPEN:
            orders.cancel_all()
            return
        for level in range(4):
            self.bids[level] = orders.to_price(book.bid_nanos - level * self.step_nanos, Side.BUY)
            self.asks[level] = orders.to_price(book.ask_nanos + level * self.step_nanos, Side.SELL)
        if orders.position_lots > 50:
            self.bids[0] = UNDEF_PRICE
        orders.mass_quote(self.bids, self.asks, self.size_lots, post_only=orders.throttle_left < 3)
        self.mix(orders.feed_latency_ns + orders.feed_latency_mean_ns * 3 + orders.order_latency_ns)
        self.mix(orders.order_latency_mean_ns + orders.entry_latency_ns - orders.response_latency_ns)

    def on_order(self, order: Order, orders: Orders) -> None:
        """Queues."""
        ahead = 0
        for mine in orders.working:
            lots = orders.queue_ahead_lots(mine)
            if lots > 0 and orders.queue_exact(mine):
                ahead += lots
        self.mix(ahead + orders.queue_ahead_lots(order))
        if order.refused and order.reason == RejectCode.SIGNAL_FLOOD:
            self.mix(1)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Tells the others how it leans."""
        self.total += float(fill.lots)
        self.counts[fill.side] += fill.lots
        orders.signal(LEAN, self.lean * orders.position_lots)

    def on_status(self, status: Status, orders: Orders) -> None:
        """Goes home, or to where the other regions lean."""
        if not orders.two_sided:
            orders.target(0, UNDEF_PRICE)
            return
        wanted = 0
        for there in orders.regions:
            if there.region == 0:
                break
            if there.position_age_ns >= 0 and not there.unsure:
                wanted -= there.position_lots // 10
            if there.priced and there.bid_nanos != UNDEF_PRICE and there.quote_age_ns < 1_000_000_000:
                wanted += 1 + (there.bid_lots + there.quote_changed_ns) % 3
            elif there.quote_state == RegionQuoteState.CROSSED:
                wanted -= 1
        orders.target(wanted, orders.to_price(orders.bid_nanos, Side.BUY))

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Heads for a position, now and then."""
        self.timers += 1
        if self.timers % 8 != 0:
            return
        there = orders.on(1, 2)
        there.target(int(self.heard) % 40 - 20, there.ask_nanos, post_only=True)

    def on_risk(self, risk: Risk, orders: Orders) -> None:
        """What binds."""
        if risk.reduce_only or not risk.connected:
            orders.cancel_all()
        elif risk.allowed and orders.new_orders == KillNew.ALLOW:
            self.mix(risk.buy_limit + 2 * risk.sell_limit + orders.headroom_limit(Side.BUY))
        self.mix(orders.headroom_reason(Side.SELL) + risk.changed * 64 + orders.headroom_limit(Side.SELL))
        self.mix(risk.headroom_buy_lots - risk.headroom_sell_lots)

    def on_auction(self, auction: Auction, orders: Orders) -> None:
        """Leans against the imbalance of the opening."""
        if auction.kind == AuctionKind.OPENING and auction.indicative_nanos != UNDEF_PRICE:
            lots = min(auction.imbalance_lots, self.size_lots)
            if auction.side == Side.BUY and lots > 0:
                orders.sell(orders.to_price(auction.indicative_nanos, Side.SELL), lots)
            elif lots > 0:
                orders.buy(orders.to_price(auction.indicative_nanos, Side.BUY), lots)
        self.mix(auction.paired_lots + auction.phase)

    def on_signal(self, signal: Signal, orders: Orders) -> None:
        """Listens."""
        if signal.channel == LEAN or signal.source == 0:
            self.heard = signal.value
        if signal.value < 0.0:
            orders.signal(channel("asking.echo"), -signal.value)

    def on_stop(self, orders: Orders) -> None:
        """The end."""
        orders.cancel_all()

    def mix(self, value: int) -> None:
        """Rolls a number into the hash, inside 31 bits."""
        self.hash = (self.hash * 31 + value % 65_521) % 2_147_483_647
