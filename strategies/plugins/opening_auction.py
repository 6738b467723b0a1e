"""Trades the first moments after an opening auction, in the direction of what the auction left over.

The idea: until it uncrosses, an auction says how many lots pair at its indicative price and how many are left over on
one side. Those who are left over want to trade still when the book opens, and press the first prices. It takes the side
of the imbalance with the first good book after the auction and leaves after `hold_ns`.

Its limits: everybody reads the same messages, and much of an imbalance is gone with the last second before the cross;
whoever sends into the auction itself trades before this. One auction a day is one trade a day: hundreds of days are
needed before the figures of a backtest say anything. The data must have the auction's messages (ITCH `I`): whole days have,
most samples begin after the open, generated flow has them with `calls=1`.

Invariant: one position of at most `lots_max` an auction, in one instrument; flat again, or trying to be, after
`hold_ns`.
"""

from meridian.strategies import Auction, AuctionKind, Book, Orders, Side, Strategy, Timer, param, state


class OpeningAuction(Strategy):
    """Follows what an opening auction left over."""

    api = 1

    instrument: int = param(1, ge=1, help="The instrument's id; others of the slot are left alone.")
    venue: int = param(1, ge=1, le=65535, help="Where it trades.")
    lots_max: int = param(100, ge=1, live=True, help="Lots of the position.")
    share_min: float = param(0.1, ge=0, live=True, help="Least imbalance, as a share of the lots that pair.")
    age_ns_max: int = param(
        60_000_000_000, ge=1, live=True, help="Oldest word of the auction that still counts at the open."
    )
    hold_ns: int = param(5_000_000_000, ge=1, live=True, help="How long the position is held.")

    side: int = state(0)
    told_ns: int = state(0)
    entered_ns: int = state(0)

    def on_auction(self, auction: Auction, orders: Orders) -> None:
        """Keeps the last word: which side is left over, and whether it is much."""
        if auction.kind != AuctionKind.OPENING or auction.instrument != self.instrument:
            return
        much = auction.imbalance_lots >= self.share_min * max(auction.paired_lots, 1)
        self.side = auction.side if much and auction.imbalance_lots > 0 else 0
        self.told_ns = orders.time_ns
        self.entered_ns = 0

    def on_book(self, book: Book, orders: Orders) -> None:
        """The first good book after the auction is the open."""
        if book.instrument != self.instrument or book.venue != self.venue:
            return
        if not book.two_sided or not book.tradable or book.stale:
            return
        fresh = self.told_ns > 0 and orders.time_ns - self.told_ns <= self.age_ns_max
        if self.side != 0 and self.entered_ns == 0 and fresh:
            self.entered_ns = orders.time_ns
        self.act(orders.time_ns, orders)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Also leaves in a quiet book."""
        here = orders.on(self.instrument, self.venue)
        if here.two_sided and here.tradable and not here.stale:
            self.act(here.time_ns, here)

    def act(self, now_ns: int, orders: Orders) -> None:
        """Heads for the position, then for none, at the price at which it can be had."""
        if self.entered_ns == 0:
            return
        held = now_ns - self.entered_ns < self.hold_ns
        lots = (self.lots_max if self.side == Side.BUY else -self.lots_max) if held else 0
        buying = lots > orders.position_lots
        orders.target(lots, orders.ask_nanos if buying else orders.bid_nanos)
