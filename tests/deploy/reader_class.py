"""A strategy of tests: it says what it sees of a venue of another region, and buys here at the bid there when asked."""

from meridian.strategies import (
    UNDEF_PRICE,
    Orders,
    Strategy,
    TimeInForce,
    Timer,
    channel,
    param,
    region_number,
    state,
)

AGE, BID = channel("far.age"), channel("far.bid")
CHICAGO = region_number("chicago")


class Reader(Strategy):
    """Reads on its timer."""

    api = 1

    asked: int = param(0, ge=0, live=True, help="How often it shall have bought.")
    far_venue: int = param(3, ge=1, le=65535, help="The venue that it reads.")
    age_ns_max: int = param(1_000_000_000, ge=1, help="Older prices are not used.")

    done: int = state(0)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Says age and bid; a lot by that bid where one is asked for."""
        for there in orders.regions:
            if there.region != CHICAGO or there.venue != self.far_venue:
                continue
            orders.signal(AGE, float(there.quote_age_ns))
            if not there.priced or there.quote_age_ns > self.age_ns_max or there.bid_nanos == UNDEF_PRICE:
                continue
            orders.signal(BID, float(there.bid_nanos))
            if self.done < self.asked:
                self.done += 1
                orders.buy(there.bid_nanos, 1, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
