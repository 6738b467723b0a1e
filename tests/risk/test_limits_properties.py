"""Limits: whatever the flow, no sequence of passes and fills leaves a scope outside a limit; and the twin always agrees.

Method: accounts, venues and instruments share limits at several nodes. A simulated venue fills, answers and cancels in any
order, answers may overtake fills, states may stay unknown. After every step the tree's exposures equal those that the twin
derives from the list of live orders, and every answer equals the twin's. The seed is in the test's name.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from meridian.records import RejectCode, Side
from meridian.risk import Hold, Limits, LimitTree, Refusal
from meridian.venues.reference import ReferenceData
from tests.oracle.exposure import DOLLAR, Limit, Line, Order, WorstCase
from tests.risk.support import LIMITS, REFERENCE, write

STEPS = 2_000
CLIP = 40
CODES = {
    "open_orders": {RejectCode.MAX_OPEN_ORDERS},
    "position": {RejectCode.POS_LONG, RejectCode.POS_SHORT},
    "gross_exposure": {RejectCode.GROSS_EXPOSURE, RejectCode.DAILY_VALUE},
    "daily_quantity": {RejectCode.DAILY_QTY},
}


def build(folder: Path) -> tuple[LimitTree, WorstCase]:
    """The tree of `support.LIMITS` and its twin."""
    reference = ReferenceData.load(write(folder, "reference.toml", REFERENCE))
    tree = LimitTree(Limits.load(write(folder, "limits.toml", LIMITS), reference))
    twin = WorstCase(
        limits=[
            Limit("position", 100),
            Limit("position", 70, account="mm-1"),
            Limit("position", 60, strategy="taker"),
            Limit("position", 45, venue="XBOS"),
            Limit("open_orders", 9),
            Limit("open_orders", 6, strategy="maker"),
            Limit("gross_exposure", 600_000 * DOLLAR),
            Limit("gross_exposure", 400_000 * DOLLAR, strategy="maker"),
            Limit("gross_exposure", 150_000 * DOLLAR, account="tk-1"),
            Limit("daily_quantity", 180, strategy="taker"),
            Limit("daily_quantity", 120, venue="XBOS"),
        ],
        edges={"AAPL": 105 * DOLLAR, "ES": 105 * DOLLAR},
    )
    for account, strategy in (("mm-1", "maker"), ("tk-1", "taker")):
        for instrument, venue in (("AAPL", "XNAS"), ("AAPL", "XBOS"), ("ES", "XNAS")):
            line = Line(account, strategy, instrument, venue, venue == "XBOS", 50 if instrument == "ES" else 1)
            line.handle = tree.bind(account, instrument, venue)
            twin.lines.append(line)
    return tree, twin


class Run:
    """One random run."""

    def __init__(self, tree: LimitTree, twin: WorstCase, rng: random.Random) -> None:
        self.tree, self.twin, self.rng = tree, twin, rng
        self.passed = self.refused = 0

    def expect(self, refusal: Refusal | None, metric: str | None) -> None:
        """Tree and twin give the same answer."""
        if metric is None:
            assert refusal is None, refusal
            self.passed += 1
        else:
            assert refusal is not None, metric
            assert refusal.code in CODES[metric], (refusal, metric)
            self.refused += 1

    def new(self) -> None:
        """A new order of any size and side."""
        line, buy = self.rng.choice(self.twin.lines), self.rng.random() < 0.5
        lots, price = self.rng.randint(1, CLIP), self.rng.randint(96, 104) * DOLLAR
        order = Order(line, buy, price, lots, None, venue_open=lots)
        money = lots * line.units * order.worst_price(self.twin.edges[line.instrument])
        metric = self.twin.refuses(line, buy=buy, lots=lots, money=money, orders=1)
        answer = line.handle.hold(Side.BUY if buy else Side.SELL, lots, price)
        self.expect(answer if isinstance(answer, Refusal) else None, metric)
        if isinstance(answer, Hold):
            order.hold = answer
            self.twin.orders.append(order)

    def replace(self, order: Order) -> None:
        """A replace of price and quantity; the venue may already have filled more."""
        if order.ended is not None or order.asked is not None:
            return
        open_lots, price = self.rng.randint(1, CLIP), self.rng.randint(96, 104) * DOLLAR
        held, money = order.held(), self.money(order)
        order.asked = (price, open_lots if order.line.remaining else order.booked + open_lots)
        more, dearer = order.held() - held, self.money(order) - money
        asked, order.asked = order.asked, None
        metric = self.twin.refuses(order.line, buy=order.buy, lots=more, money=dearer, orders=0)
        total = order.booked + open_lots
        self.expect(order.line.handle.replace(order.hold, total, price, filled_lots=order.booked), metric)
        if metric is None:
            order.asked = asked

    def money(self, order: Order) -> int:
        """Money that an order may still be booked for."""
        return order.held() * order.line.units * order.worst_price(self.twin.edges[order.line.instrument])

    def answer(self, order: Order) -> None:
        """The venue answers a replace; its fills so far may still be on their way."""
        if order.asked is None or order.ended is not None:
            return
        tree, under_way = self.tree.native, sum(lots for lots, _ in order.unreported)
        price, asked = order.asked
        leaves = asked if order.line.remaining else asked - order.booked - under_way
        if self.rng.random() < 0.2 or order.venue_open == 0 or leaves <= 0:
            order.asked = None
            tree.replace_rejected(order.hold)
            if order.venue_open == 0:
                self.end(order)
            return
        stays_dear = under_way > 0
        order.price = max(price, order.price) if stays_dear else price
        order.total, order.asked, order.venue_open = order.booked + under_way + leaves, None, leaves
        tree.replaced(order.hold, leaves, under_way)

    def end(self, order: Order) -> None:
        """The order is gone at the venue: cancelled, expired or full. Its last fills may come later."""
        if order.ended is None:
            unbooked = sum(lots for lots, _ in order.unreported)
            prices = [order.price, *([order.asked[0]] if order.asked else [])]
            order.price, order.asked, order.ended, order.venue_open = max(prices), None, unbooked, 0
            self.tree.native.release(order.hold, unbooked)

    def report(self, order: Order) -> None:
        """One fill's report arrives."""
        if order.unreported:
            lots, price = order.unreported.pop(0)
            assert order.line.handle.fill(order.hold, lots, price) == 0
            self.twin.book(order, lots, price)

    def step(self) -> None:
        """Something happens."""
        if not self.twin.orders or self.rng.random() < 0.3:
            self.new()
            return
        order = self.rng.choice(self.twin.orders)
        act = self.rng.choice(
            ["trade", "trade", "report", "report", "report", "replace", "answer", "answer", "end", "lost"]
        )
        if act == "trade":
            self.twin.trade(order, self.rng)
        elif act == "end" and self.rng.random() < 0.3:
            self.end(order)
        elif act == "lost":
            self.tree.native.cancel(order.line.handle.binding, 0)  # Asked, never answered: nothing moves.
        elif act in ("replace", "answer", "report"):
            getattr(self, act)(order)
        gone = order.ended is not None and not order.unreported
        if gone:
            assert order.hold.held_lots == 0
            self.twin.orders.remove(order)

    def impose(self) -> None:
        """The venue fills more than was open, or breaks a trade: booked at once."""
        order, lots = self.rng.choice(self.twin.orders), self.rng.randint(1, 20)
        line = order.line
        if self.rng.random() < 0.5 and not order.unreported:
            lots += order.held()
            assert line.handle.fill(order.hold, lots, order.price) == lots - order.held()
            self.twin.book(order, lots, order.price)
            order.venue_open = 0
        else:
            self.tree.native.bust(line.handle.binding, Side.BUY if order.buy else Side.SELL, lots)
            self.twin.fills.append((line, -lots if order.buy else lots, 0))

    def agree(self) -> None:
        """Exposures and headrooms are what the list of live orders gives."""
        for line in self.twin.lines:
            assert line.handle.exposure() == self.twin.exposure(line)
            sides = self.twin.headroom(line, True, CLIP), self.twin.headroom(line, False, CLIP)
            assert line.handle.headroom() == sides

    def inside(self) -> None:
        """Whatever the venues still do, every limit holds."""
        for limit in self.twin.limits:
            if limit.metric == "position":
                for instrument in self.twin.edges:
                    for buy in (True, False):
                        assert self.twin.worst_lots(limit, instrument, buy) <= limit.bound
            if limit.metric == "gross_exposure":
                lines = [line for line in self.twin.lines if limit.counts(line)]
                assert self.twin.used_money(lines) + self.twin.held_money(lines) <= limit.bound

    def compact(self) -> None:
        """A new day: money traded counts from zero; the twin keeps one booking a line, so that it stays quick."""
        self.tree.day_roll()
        self.twin.traded.clear()
        self.twin.fills = [(line, self.twin.position([line]), 0) for line in self.twin.lines]


@pytest.mark.parametrize("seed", range(50))
def test_tree_and_twin_agree_and_no_limit_is_passed(seed: int, tmp_path: Path) -> None:
    tree, twin = build(tmp_path)
    run = Run(tree, twin, random.Random(seed))
    for step in range(STEPS):
        run.step()
        if step % 4 == 0:
            run.agree()
            run.inside()
        if step % 100 == 99:
            run.compact()
    assert run.passed > 100 and run.refused > 20, (run.passed, run.refused)


@pytest.mark.parametrize("seed", range(10))
def test_busts_and_overfills_are_debts_that_both_count(seed: int, tmp_path: Path) -> None:
    tree, twin = build(tmp_path)
    run = Run(tree, twin, random.Random(seed))
    for step in range(STEPS):
        run.step()
        if twin.orders and run.rng.random() < 0.02:
            run.impose()
        if step % 4 == 0:
            run.agree()
        if step % 100 == 99:
            run.compact()
    assert run.passed > 50 and run.refused > 20, (run.passed, run.refused)
