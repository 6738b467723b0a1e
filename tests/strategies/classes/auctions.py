"""Strategies for tests of auctions."""

from meridian.strategies import UNDEF_PRICE, Auction, AuctionKind, Orders, Side, Strategy, TimeInForce, param, state


class Repeating(Strategy):
    """Asks for what the first word of an auction says, number by number: what it heard stands in its orders."""

    said: bool = state(False)

    def on_auction(self, auction: Auction, orders: Orders) -> None:
        """Against the side that is left over."""
        if self.said:
            return
        self.said = True
        side = Side.SELL if auction.side == Side.BUY else Side.BUY
        orders.new(side, auction.indicative_nanos, auction.paired_lots, TimeInForce.AT_OPEN)
        orders.new(side, auction.far_nanos, auction.imbalance_lots, TimeInForce.AT_OPEN)
        orders.new(side, auction.reference_nanos, int(auction.kind), TimeInForce.AT_OPEN)


class Offsetting(Strategy):
    """Sends one order into each opening and closing auction, against the side that is left over."""

    api = 1

    size_lots: int = param(50, ge=1, help="Lots of each order.")
    through_nanos: int = param(20_000_000, ge=0, help="So far through that price.")

    opening: bool = state(False)
    closing: bool = state(False)

    def on_auction(self, auction: Auction, orders: Orders) -> None:
        """At the first word that names a side, at the price that the auction would have or refers to."""
        price_nanos = auction.indicative_nanos
        if price_nanos == UNDEF_PRICE:
            price_nanos = auction.reference_nanos
        if auction.side == 0 or price_nanos == UNDEF_PRICE:
            return
        side = Side.SELL if auction.side == Side.BUY else Side.BUY
        away = self.through_nanos if side == Side.BUY else -self.through_nanos
        if auction.kind == AuctionKind.OPENING and not self.opening:
            self.opening = True
            orders.new(side, price_nanos + away, self.size_lots, TimeInForce.AT_OPEN)
        if auction.kind == AuctionKind.CLOSING and not self.closing:
            self.closing = True
            orders.new(side, price_nanos + away, self.size_lots, TimeInForce.AT_CLOSE)
