"""The cross-venue taker between two scripted venues, in the fold, compiled and plain at once: every step must be equal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import strategies as native
from meridian.codes import BookAction, FeedState, OrderEventKind, Side, TimeInForce, TradingState
from meridian.strategies import Plain, build
from meridian.strategies.plugins.cross_taker import CrossTaker
from tests.strategies.test_fold import PRICE, START_NS, TICK, bootstrap, disabled, record

A, B = 1, 2
PAUSE_NS = 5_000_000


class Scene:
    """Two venues and one taker, twice: with object code and with plain Python."""

    def __init__(self, directory: Path, **parameters: Any) -> None:
        artifact = build(CrossTaker, directory=directory)
        compiled, plain = native.StrategyHosts(), native.StrategyHosts()
        compiled.add_compiled(directory)
        plain.add_plain(artifact.code_hash_bytes, Plain(CrossTaker))
        self.folds = [native.Fold(compiled), native.Fold(plain)]
        self.now_ns = START_NS
        self.references = 0
        self.waiting: list[Any] = []
        self.outputs: list[bytes] = []
        values = {"edge_nanos": TICK, "size_lots": 30, "position_lots_max": 100} | parameters
        for each in bootstrap([(artifact.code_hash_bytes, artifact.bits(values))]):
            self.give(each)
        for venue in (A, B):
            self.rest(venue, Side.BUY, PRICE - 5 * TICK, 50)
            self.rest(venue, Side.SELL, PRICE + 5 * TICK, 50)
        self.sent()

    def give(self, content: bytes, after_ns: int = 1_000) -> None:
        """One record into both."""
        self.now_ns += after_ns
        one, two = [fold.apply(self.now_ns, content) for fold in self.folds]
        assert one == two
        assert self.folds[0].full_hash() == self.folds[1].full_hash()
        self.waiting += [records.parse(each) for each in one[0]]
        self.outputs += one[1]
        assert not disabled(self.outputs)

    def rest(self, venue: int, side: Side, price_nanos: int, lots: int) -> int:
        """Someone's order rests at a venue."""
        self.references += 1
        self.give(record("MarketOrder", order_ref=self.references, action=BookAction.ADD, side=side, lots=lots,
                         price_nanos=price_nanos, flags=records.FLAG_LAST, venue=venue, instrument=1))  # fmt: skip
        return self.references

    def gone(self, venue: int, reference: int) -> None:
        """It goes."""
        self.give(record("MarketOrder", order_ref=reference, action=BookAction.DELETE, flags=records.FLAG_LAST,
                         venue=venue, instrument=1))  # fmt: skip

    def timer(self, after_ns: int) -> None:
        """Time passes, and both venues' feeds say that they are there."""
        for venue in (A, B):
            self.give(record("Status", venue=venue, feed=FeedState.LIVE))
        self.give(record("Timer"), after_ns)

    def sent(self) -> list[tuple[int, int, int, int]]:
        """The new orders since the last look: venue, side, price in ticks from the middle, lots."""
        self.orders = [each for each in self.waiting if int(each["header"]["kind"]) == int(records.Kind.NEW_ORDER)]
        self.waiting = []
        assert all(int(each["time_in_force"]) == int(TimeInForce.IMMEDIATE_OR_CANCEL) for each in self.orders)
        return [
            (int(o["header"]["venue"]), int(o["side"]), (int(o["price_nanos"]) - PRICE) // TICK, int(o["lots"]))
            for o in self.orders
        ]

    def answer(self, order: Any, filled: int) -> None:
        """A venue takes an immediate-or-cancel order: so many lots trade, the rest is cancelled."""
        lots = int(order["lots"])
        self.report(order, OrderEventKind.ACCEPTED, leaves=lots, done=0)
        if filled:
            self.report(order, OrderEventKind.FILLED, leaves=lots - filled, done=filled, lots=filled)
        if filled < lots:
            self.report(order, OrderEventKind.CANCELED, leaves=0, done=filled)

    def report(self, order: Any, event: OrderEventKind, *, leaves: int, done: int, lots: int = 0) -> None:
        """What a venue says of an order."""
        self.references += 1
        made = records.new("OrderEvent", event=event, lots=lots, leaves_lots=leaves, cumulative_lots=done,
                           execution_id=self.references if lots else 0)  # fmt: skip
        made["header"]["venue"], made["header"]["instrument"] = order["header"]["venue"], 1
        made["owner"], made["side"], made["price_nanos"] = order["owner"], order["side"], order["price_nanos"]
        self.give(made.tobytes())

    def position(self) -> int:
        """The position as the engine told it last."""
        told = [each for each in map(records.parse, self.outputs) if "realised" in (each.dtype.names or ())]
        return int(told[-1]["lots"]) if told else 0


@contextmanager
def scene(directory: Path, **parameters: Any) -> Iterator[Scene]:
    """A scene that ends with nothing held at the venues."""
    made = Scene(directory, **parameters)
    yield made
    assert made.sent() == [], "nothing more was sent"


def test_a_crossed_market_is_taken_on_both_sides_with_the_smaller_size(code_directory: Path) -> None:
    with scene(code_directory) as s:
        s.rest(A, Side.SELL, PRICE, 12)
        assert s.sent() == []
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        assert s.sent() == [(A, Side.BUY, 0, 12), (B, Side.SELL, 1, 12)]
        buy, sell = s.orders
        s.answer(sell, 12)
        assert s.sent() == [], "the other leg is under way"
        s.answer(buy, 12)
        assert s.position() == 0


@pytest.mark.parametrize(("fee", "takes"), [(0, True), (TICK // 2, True), (TICK // 2 + 1, False)])
def test_both_fees_count_against_the_edge(fee: int, takes: bool, code_directory: Path) -> None:
    with scene(code_directory, fee_a_nanos=fee, fee_b_nanos=fee) as s:
        s.rest(A, Side.SELL, PRICE, 12)
        s.rest(B, Side.BUY, PRICE + 2 * TICK, 40)
        assert len(s.sent()) == (2 if takes else 0)


@pytest.mark.parametrize("take_locked", [False, True])
def test_a_locked_market_is_left_alone_unless_told_otherwise(take_locked: bool, code_directory: Path) -> None:
    with scene(code_directory, take_locked=take_locked, edge_nanos=0, fee_b_nanos=-1) as s:
        s.rest(A, Side.SELL, PRICE, 12)
        s.rest(B, Side.BUY, PRICE, 40)
        assert s.sent() == ([(A, Side.BUY, 0, 12), (B, Side.SELL, 0, 12)] if take_locked else [])
        s.timer(PAUSE_NS * 3)
        s.waiting = []


def test_size_and_position_bound_the_legs(code_directory: Path) -> None:
    with scene(code_directory, position_lots_max=7) as s:
        s.rest(A, Side.SELL, PRICE, 50)
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        assert [lots for _, _, _, lots in s.sent()] == [7, 7]
    with scene(code_directory) as s:
        s.rest(A, Side.SELL, PRICE, 50)
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        assert [lots for _, _, _, lots in s.sent()] == [30, 30], "its own size"


@pytest.mark.parametrize(
    ("field", "out", "back"),
    [("feed", FeedState.STALE, FeedState.LIVE), ("trading", TradingState.HALTED, TradingState.TRADING)],
)
def test_a_venue_that_is_out_is_not_traded(field: str, out: Any, back: Any, code_directory: Path) -> None:
    with scene(code_directory) as s:
        s.give(record("Status", venue=B, instrument=1, **{field: out}))
        s.rest(A, Side.SELL, PRICE, 12)
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        assert s.sent() == []
        s.give(record("Status", venue=B, instrument=1, **{field: back}))
        assert s.sent() == [(A, Side.BUY, 0, 12), (B, Side.SELL, 1, 12)]


def test_a_leg_that_missed_is_flattened_at_once_where_that_costs_little(code_directory: Path) -> None:
    with scene(code_directory, hedge_loss_nanos=TICK) as s:
        s.rest(A, Side.SELL, PRICE, 20)
        bid = s.rest(B, Side.BUY, PRICE + TICK, 40)
        s.sent()
        buy, sell = s.orders
        s.rest(A, Side.BUY, PRICE - TICK, 9)
        s.gone(B, bid)
        s.answer(buy, 20)
        assert s.sent() == []
        s.answer(sell, 5)
        assert s.sent() == [(A, Side.SELL, -1, 9)], "what the best bid shows, one tick below the leg"
        s.answer(s.orders[0], 9)
        assert s.position() == 6
        s.timer(3 * PAUSE_NS)
        assert s.sent() == [(A, Side.SELL, -1, 6)]
        s.answer(s.orders[0], 6)
        assert s.position() == 0


def test_flattening_waits_for_its_price_and_then_no_longer(code_directory: Path) -> None:
    with scene(code_directory, hedge_loss_nanos=TICK, hedge_ns_max=50 * PAUSE_NS) as s:
        ask = s.rest(A, Side.SELL, PRICE, 20)
        bid = s.rest(B, Side.BUY, PRICE + TICK, 40)
        s.sent()
        buy, sell = s.orders
        s.gone(A, ask)
        s.gone(B, bid)
        s.answer(buy, 0)
        s.answer(sell, 20)
        s.timer(10 * PAUSE_NS)
        assert (s.sent(), s.position()) == ([], -20), "five ticks up is too much"
        s.timer(50 * PAUSE_NS)
        assert s.sent() == [(A, Side.BUY, 5, 20)]
        s.answer(s.orders[0], 20)
        assert s.position() == 0


def test_without_hedging_a_leg_is_kept_and_counts(code_directory: Path) -> None:
    with scene(code_directory, hedge=False, position_lots_max=25) as s:
        ask = s.rest(A, Side.SELL, PRICE, 20)
        bid = s.rest(B, Side.BUY, PRICE + TICK, 40)
        s.sent()
        s.gone(A, ask)
        s.gone(B, bid)
        buy, sell = s.orders
        s.answer(buy, 20)
        s.answer(sell, 0)
        s.timer(3 * PAUSE_NS)
        assert (s.sent(), s.position()) == ([], 20)
        s.rest(A, Side.SELL, PRICE, 20)
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        assert [lots for _, _, _, lots in s.sent()] == [5, 5], "either leg alone stays inside"


def test_an_order_of_unknown_state_holds_everything_back(code_directory: Path) -> None:
    with scene(code_directory) as s:
        s.rest(A, Side.SELL, PRICE, 20)
        s.rest(B, Side.BUY, PRICE + TICK, 40)
        s.sent()
        s.answer(s.orders[1], 20)
        s.give(record("Session", venue=A, state=2))
        s.timer(10 * PAUSE_NS)
        assert s.sent() == [], "the buy may have traded: nobody knows"
