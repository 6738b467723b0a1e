"""Execution algorithms on generated flow: what each promises, and that none trades more, later or worse than its parent order.

Every run is made twice, compiled and plain, and must be equal; the plain one is looked at after every single call.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from meridian._native.book import itch_stream
from meridian.codes import Callback, IntentKind, Side, TimeInForce
from meridian.strategies import UNDEF_PRICE, Plain, backtest
from meridian.strategies.algorithms.iceberg import Iceberg
from meridian.strategies.algorithms.parent import Parent
from meridian.strategies.algorithms.pegged import Pegged
from meridian.strategies.algorithms.pov import Pov
from meridian.strategies.algorithms.router import Router
from meridian.strategies.algorithms.sniper import Sniper
from meridian.strategies.algorithms.twap import Twap
from meridian.strategies.algorithms.vwap import Vwap
from meridian.strategies.backtest import Result, running
from meridian.strategies.layouts import structure
from meridian.strategies.try_out import TryOut

MS = 1_000_000
START_NS, DURATION_NS = 2 * MS, 12 * MS
LOTS = 200
SEEDS = (7, 8)
BASE: dict[str, Any] = {"lots": LOTS, "duration_ns": DURATION_NS, "pause_ns": 50_000}


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A short day for each seed."""
    folder = tmp_path_factory.mktemp("flows")
    paths = []
    for seed in SEEDS:
        made: Any = itch_stream(5_500, 1, seed)
        paths.append(folder / f"010{seed}2019.FLOW_ITCH50")
        paths[-1].write_bytes(made if isinstance(made, bytes) else made[0])
    return paths


class Watched(Plain):
    """Plain mode, looked at after every call."""

    seen: ClassVar[list[tuple[int, int, float]]] = []  # Time, lots done, volume that it counted.

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Calls, and checks the worst case."""
        status = super().call(callback, record, event, orders)
        mine, view = self.table.structure.from_address(record), structure("OrdersView").from_address(orders)
        asked = 0
        replaced: dict[int, int] = {}
        for place in range(view.intents_count):
            intent = view.intents[place]
            if intent.intent == IntentKind.NEW:
                assert intent.side == mine.side and intent.lots > 0
                assert (
                    within(mine, intent.price_nanos)
                    and mine.begin_ns <= view.time_ns < mine.begin_ns + mine.duration_ns
                )
                asked += intent.lots
            if intent.intent == IntentKind.REPLACE:
                assert within(mine, intent.price_nanos)
                replaced[intent.order_id] = intent.lots
        for place in range(view.working_count):
            order = view.working[place]
            asked += max(order.leaves_lots, replaced.get(order.order_id, 0) - (order.lots - order.leaves_lots))
        assert mine.done_lots >= 0 and mine.done_lots + asked <= mine.lots, "the parent's lots, at worst"
        self.seen.append((view.time_ns, mine.done_lots, getattr(mine, "volume_lots", 0)))
        return status


def within(mine: Any, price_nanos: int) -> bool:
    """Whether a price keeps the limit."""
    if mine.limit_nanos == UNDEF_PRICE:
        return True
    return bool(price_nanos <= mine.limit_nanos if mine.side == Side.BUY else price_nanos >= mine.limit_nanos)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Watched]]:
    """What the plain run saw."""
    Watched.seen = []
    monkeypatch.setattr(running, "Plain", Watched)
    yield Watched


def go(cls: type[Parent], files: list[Any], code: Path, **parameters: Any) -> Result:
    """Both runs, equal."""
    words: dict[str, Any] = {"timer": "50us", "sample": "1ms", "directory": code, "parameters": BASE | parameters}
    one, two = (backtest.run(cls, files, mode=mode, **words) for mode in ("compiled", "plain"))
    assert not one.errors and not two.errors
    assert one.summary["state_hash"] == two.summary["state_hash"]
    assert np.array_equal(one.fills["venue_time_ns"], two.fills["venue_time_ns"])
    return one


def middle(result: Result) -> int:
    """The first middle that a fill saw."""
    return int(result.fills["middle_nanos"][0])


CASES: list[tuple[type[Parent], dict[str, Any]]] = [
    (Twap, {"slice_lots": 10, "behind_lots_max": 15}), (Vwap, {"weight_1": 4.0, "weight_8": 4.0}), (Pov, {"share": 0.02}),
    (Iceberg, {"vary_percent": 30}), (Iceberg, {"venue_display": True}), (Pegged, {"peg": 2}), (Sniper, {}),
    (Router, {"venue_2": 0, "post_ns": 2 * MS}),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "parameters"), CASES)
def test_nothing_is_traded_beyond_the_parent_order(
    cls: type[Parent], parameters: dict[str, Any], flows: list[Path], code_directory: Path
) -> None:
    traded = 0
    for side, flow in zip((1, 2), flows, strict=True):
        result = go(cls, [flow], code_directory, side=side, **parameters)
        traded += result.summary["filled_lots"]
        assert result.summary["filled_lots"] <= LOTS and set(result.fills["side"].tolist()) <= {side}
        assert len(result.orders) > 0 and not result.summary["breaks"]
        # Late, with a limit near the market.
        limit = middle(result) if len(result.fills) else int(result.orders["price_nanos"][0])
        start_ns = result.summary["first_ns"] + START_NS
        late = go(cls, [flow], code_directory, side=side, start_ns=start_ns, limit_nanos=limit, **parameters)
        assert all(start_ns <= sent < start_ns + DURATION_NS for sent in late.orders["sent_ns"].tolist())
        prices = late.fills["price_nanos"]
        assert (prices <= limit).all() if side == 1 else (prices >= limit).all()
    assert traded > 0


def test_a_twap_keeps_to_its_line(flows: list[Path], code_directory: Path, watched: type[Watched]) -> None:
    for flow in flows:
        watched.seen.clear()
        result = go(Twap, [flow], code_directory, slice_lots=10, behind_lots_max=15)
        begin = watched.seen[0][0]
        ahead, behind = [], []
        for time_ns, done, _ in watched.seen:
            line = LOTS * min(1.0, (time_ns - begin) / DURATION_NS)
            ahead.append(done - line)
            behind.append(line - done)
        assert result.summary["filled_lots"] == LOTS
        assert max(ahead) <= 10, "one slice"
        # What comes due during the round trips of a cancel and a new order.
        assert max(behind) <= 15 + 10


def test_a_vwap_follows_its_curve_and_learns_the_market_s(flows: list[Path], code_directory: Path) -> None:
    weights = {f"weight_{part}": 1.0 if part in (1, 8) else 0.0 for part in range(1, 9)}
    result = go(Vwap, flows[:1], code_directory, **weights)
    after = (result.fills["time_ns"] - result.summary["first_ns"]) / DURATION_NS
    inside = (after < 1 / 8 + 0.03) | (after > 7 / 8)
    share = result.fills["lots"][inside].sum() / result.fills["lots"].sum()
    assert share > 0.9
    learner = TryOut(Vwap, learn=True, duration_ns=8_000_000, lots=800)
    learner.orders.time_ns = 1
    learner.start()
    for part, volume in ((0, 300), (5, 100)):
        learner.orders.time_ns = learner.state.begin_ns + part * MS + 1
        learner.call(Callback.TRADE, lots=volume)
    learner.call(Callback.STOP)
    assert list(learner.state.learned) == [300, 0, 0, 0, 0, 100, 0, 0]
    learner.orders.time_ns = learner.state.begin_ns + 2 * MS
    (child,) = learner.book(bid=100.0, ask=100.01)
    assert child.lots in range(600, 621), "three quarters are usual by then"


def test_a_pov_keeps_its_share(flows: list[Path], code_directory: Path, watched: type[Watched]) -> None:
    for flow in flows:
        watched.seen.clear()
        go(Pov, [flow], code_directory, lots=10**6, share=0.05, slice_lots=10, behind_lots_max=15)
        assert all(done <= 0.05 * volume + 10 for _, done, volume in watched.seen)
        _, done, volume = watched.seen[-1]
        assert volume > 2_000 and done >= 0.05 * volume - 15 - 10


def test_an_iceberg_shows_its_part(flows: list[Path], code_directory: Path) -> None:
    for vary, low, high in ((0, 10, 10), (50, 5, 15)):
        result = go(Iceberg, flows[:1], code_directory, display_lots=10, vary_percent=vary)
        sizes = result.orders["lots"]
        assert sizes.max() <= high and len(sizes) >= LOTS // high and result.summary["filled_lots"] > 10
        assert vary == 0 or (len(set(sizes.tolist())) > 2 and sizes[0] >= low)


def test_a_pegged_order_makes_and_never_follows_itself(flows: list[Path], code_directory: Path) -> None:
    for peg in (1, 2):
        result = go(Pegged, flows[:1], code_directory, peg=peg)
        assert result.summary["maker_share"] in (1.0, None) and len(result.orders) > 0
    tried = TryOut(Pegged, side=1, lots=50, duration_ns=10**12, pause_ns=0)
    tried.orders.time_ns = 1
    tried.start()
    (child,) = tried.book(bid=100.00, ask=100.05, lots=300)
    assert (child.price, child.lots) == (100.00, 50)
    # Alone at a better price, it goes back to what the others pay.
    tried.working(order_id=9, side=Side.BUY, price=100.00, lots=50)
    tried.orders.listings[0].open_buy_lots = 50
    (back,) = tried.book(bid=100.00, ask=100.05, lots=50)
    assert (back.kind, back.price) == (IntentKind.REPLACE, 99.99)


def test_a_sniper_takes_and_never_rests(flows: list[Path], code_directory: Path) -> None:
    result = go(Sniper, flows[:1], code_directory, least_lots=5)
    assert set(result.orders["time_in_force"].tolist()) == {int(TimeInForce.IMMEDIATE_OR_CANCEL)}
    assert result.summary["maker_share"] == 0 and result.summary["filled_lots"] == LOTS


class Venues(TryOut):
    """The router between two venues."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(Router, side=1, lots=100, duration_ns=10**12, pause_ns=0, **parameters)
        self.orders.listings_count = 2
        self.orders.time_ns = 1
        for place in range(2):
            self.orders.states[place].connected, self.orders.states[place].breaker = 1, 1
            self.orders.states[place].order_latency_mean_ns = -1
        self.start()

    def shows(self, *tops: tuple[int, int, int], crossed: bool = False) -> list[tuple[int, float, int]]:
        """Asks of both venues in ticks above 100, lots, flags; what it then takes: venue, price, lots."""
        for place, (tick, lots, flags) in enumerate(tops):
            listing = self.orders.listings[place]
            if place:
                listing.increment_lots, listing.headroom_buy_lots = 1, 10**6
                listing.price_max_nanos, listing.ticks[0].tick_nanos = 10**15, 10_000_000
                for row in listing.ticks[1:]:
                    row.from_nanos = UNDEF_PRICE
            listing.instrument, listing.venue, listing.flags = 1, place + 1, flags
            listing.bid_nanos, listing.ask_nanos = 99 * 10**9, 100 * 10**9 + tick * 10_000_000
            listing.bid_lots = listing.ask_lots = lots
        self.orders.consolidated[0].state = 3 if crossed else 1
        asked = self.call(Callback.CONSOLIDATED)
        listings = [self.orders.intents[place].listing for place in range(self.orders.intents_count)]
        return [(at + 1, each.price, each.lots) for at, each in zip(listings, asked, strict=True)]


FINE, STALE = 1 | 8, 1 | 2 | 8
ROUTES: list[tuple[dict[str, Any], list[Any], list[tuple[int, float, int]]]] = [
    ({}, [(2, 60, FINE), (1, 70, FINE)], [(2, 100.01, 70), (1, 100.02, 30)]),
    ({"take_2_nanos": 15_000_000}, [(2, 60, FINE), (1, 70, FINE)], [(1, 100.02, 60), (2, 100.01, 40)]),
    ({"take_1_nanos": -15_000_000}, [(2, 60, FINE), (1, 70, FINE)], [(1, 100.02, 60), (2, 100.01, 40)]),
    ({"limit_nanos": 100_010_000_000}, [(2, 60, FINE), (1, 70, FINE)], [(2, 100.01, 70)]),
    ({}, [(2, 60, FINE), (1, 70, STALE)], [(1, 100.02, 60)]),
    ({}, [(2, 60, FINE), (1, 70, 1)], [(1, 100.02, 60)]),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "tops", "taken"), ROUTES)
def test_the_router_takes_where_it_costs_least(
    parameters: dict[str, Any], tops: list[Any], taken: list[tuple[int, float, int]]
) -> None:
    assert Venues(**parameters).shows(*tops) == taken


def test_the_router_counts_latency_misses_and_crossed_markets() -> None:
    tops = [(2, 60, FINE), (1, 70, FINE)]
    slow = Venues(drift_nanos_per_ms=5_000_000)
    slow.orders.states[1].order_latency_mean_ns = 3 * MS
    assert [venue for venue, _, _ in slow.shows(*tops)] == [1, 2]
    misses = Venues(miss_nanos=50_000_000)
    misses.state.asked_lots[1] = 200.0
    assert [venue for venue, _, _ in misses.shows(*tops)] == [1, 2]
    assert Venues(take_crossed=False).shows(*tops, crossed=True) == []
    assert len(Venues().shows(*tops, crossed=True)) == 2
    down = Venues()
    down.orders.states[1].breaker = 2
    assert [venue for venue, _, _ in down.shows(*tops)] == [1]
    posts = Venues(post_ns=10**9, make_1_nanos=-5_000_000)
    assert posts.shows(*tops) == [(1, 99.0, 100)]
    assert Venues(post_ns=10**9).shows(*tops, crossed=True) == []


def test_the_router_over_two_books(flows: list[Path], code_directory: Path) -> None:
    files = [f"one={flows[0]}", f"two={flows[0]}"]
    both = running.prepare(Router, files).market.first_ns + START_NS  # Both books are there by then.
    result = go(Router, files, code_directory, take_1_nanos=20_000_000, start_ns=both)
    assert result.summary["filled_lots"] == LOTS
    lots = [int(result.fills["lots"][result.fills["venue"] == venue].sum()) for venue in (1, 2)]
    assert lots[1] > lots[0], "equal books: the cheaper venue has more"
