"""A strategy of multi-leg orders: both venues at once or leg after leg, and a count of how each ended."""

from meridian.strategies import (
    UNDEF_PRICE,
    Book,
    MultiLeg,
    MultiLegState,
    Orders,
    Side,
    Strategy,
    param,
    state,
)


class Legged(Strategy):
    """Buys at the first venue and sells at the other, again and again."""

    lots: int = param(5, ge=1)
    worse_nanos: int = param(50_000_000, ge=0)
    within_ns: int = param(2_000_000, ge=1)
    unwind_ns: int = param(4_000_000, ge=1)

    open: int = state(0)
    asked: int = state(0)
    ended: list[int] = state([0] * 7)
    last_tag: int = state(-1)
    unwound_lots: int = state(0)
    refused_by: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """One multi-leg order at a time."""
        there = orders.on(1, 2)
        here = orders.on(1, 1)
        if self.open > 0 or not here.two_sided or not there.two_sided:
            return
        buy = here.ask_nanos if self.asked % 3 != 0 else here.bid_nanos
        worst = buy - self.worse_nanos if self.asked % 5 != 4 else UNDEF_PRICE
        here.leg(Side.BUY, buy, self.lots, worst)
        there.leg(Side.SELL, there.bid_nanos, self.lots, unwind_nanos=there.bid_nanos + self.worse_nanos)
        orders.multi_leg(self.within_ns, self.unwind_ns, one_by_one=self.asked % 2 == 0, tag=self.asked)
        self.asked += 1
        self.open = 1

    def on_multi_leg(self, multi_leg: MultiLeg, orders: Orders) -> None:
        """What became of it."""
        if not multi_leg.ended:
            return
        self.open = 0
        self.ended[multi_leg.state] += 1
        self.last_tag = multi_leg.tag
        if multi_leg.refused:
            self.refused_by = multi_leg.limit
        elif not multi_leg.completed and multi_leg.state == MultiLegState.UNWOUND:
            for leg in multi_leg.legs:
                self.unwound_lots += leg.unwound_lots
