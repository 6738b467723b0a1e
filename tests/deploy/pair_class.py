"""A strategy of tests: as often as it is asked it buys at its first listing and sells at its second, as one."""

from meridian.strategies import MultiLeg, Orders, Side, Strategy, Timer, param, state


class Pair(Strategy):
    """Both legs by the first listing's prices."""

    api = 1

    asked: int = param(0, ge=0, live=True, help="How many pairs it shall have asked for.")
    far_venue: int = param(3, ge=1, le=65535, help="Where it sells.")
    far_offset_nanos: int = param(0, live=True, help="How far below the near bid it offers there.")
    within_ns: int = param(5_000_000_000, ge=1, live=True, help="Time that the legs have.")
    room_nanos: int = param(50_000_000_000, ge=0, help="How much worse it trades a leg back.")

    done: int = state(0)
    completed: int = state(0)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Asks for the next pair."""
        if self.done >= self.asked or not orders.two_sided:
            return
        self.done += 1
        far_nanos = orders.bid_nanos - self.far_offset_nanos
        orders.leg(Side.BUY, orders.ask_nanos + 10_000_000_000, 2, orders.ask_nanos - self.room_nanos)
        orders.on(orders.instrument, self.far_venue).leg(Side.SELL, far_nanos, 2, far_nanos + 2 * self.room_nanos)
        orders.multi_leg(self.within_ns, 20_000_000_000, False, self.done)

    def on_multi_leg(self, multi_leg: MultiLeg, orders: Orders) -> None:
        """Counts."""
        if multi_leg.completed:
            self.completed += 1
