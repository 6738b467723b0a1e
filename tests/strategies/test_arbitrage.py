"""The whole loop of an arbitrage: two house exchanges, their feeds, the engine with the cross-venue taker, its orders and the
answers, each way with a delay of its own drawn from the seed, so that legs are late and miss.

Invariant: the truth is what the exchanges' matching cores executed, not what the engine believes.
"""

import heapq
import random
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import strategies as native
from meridian.codes import BookAction, ExchangeEventKind, FeedState, OrderEventKind, Side, TimeInForce
from meridian.exchange import Matching, cancel, limit, listing, session
from meridian.strategies import Plain, build
from meridian.strategies.plugins.cross_taker import CrossTaker
from tests.strategies.test_fold import PRICE, START_NS, TICK, bootstrap, disabled, record

OTHERS, OURS = 1, 2
FEES = {1: TICK // 4, 2: TICK // 8}
PARAMETERS = {"edge_nanos": TICK // 2, "size_lots": 15, "position_lots_max": 60, "fee_a_nanos": FEES[1],
              "fee_b_nanos": FEES[2], "hedge_loss_nanos": 2 * TICK, "hedge_ns_max": 40_000_000}  # fmt: skip


class Loop:
    """Everything that happens, in the order of time."""

    def __init__(self, hosts: native.StrategyHosts, first: list[bytes], seed: int) -> None:
        self.chance = random.Random(seed)
        self.fold = native.Fold(hosts)
        self.houses = {venue: Matching(orders=4096) for venue in (1, 2)}
        for house in self.houses.values():
            house.apply(listing(1, tick_nanos=TICK) + session(OTHERS) + session(OURS))
        self.now_ns = START_NS
        self.due: list[tuple[int, int, str, Any]] = []
        self.count = 0
        self.last_ns: dict[tuple[str, int], int] = {}
        self.resting: list[tuple[int, int]] = []
        self.owners: dict[int, Any] = {}
        self.done: dict[int, int] = {}
        self.executed: list[tuple[int, int, int, int]] = []
        self.said: list[bytes] = []
        self.sent: list[bytes] = []
        for each in first:
            self.to_engine(each)

    def later(self, way: str, venue: int, content: Any, least_ns: int = 30_000) -> None:
        """Something arrives after a random delay, behind what went the same way before."""
        arrives_ns = self.now_ns + least_ns + self.chance.randrange(400_000)
        arrives_ns = max(arrives_ns, self.last_ns.get((way, venue), 0) + 1)
        self.last_ns[way, venue] = arrives_ns
        self.count += 1
        heapq.heappush(self.due, (arrives_ns, self.count, way, (venue, content)))

    def to_engine(self, content: bytes) -> None:
        commands, outputs = self.fold.apply(self.now_ns, content)
        self.said += outputs
        self.sent += commands
        for command in commands:
            parsed = records.parse(command)
            self.later("order", int(parsed["header"]["venue"]), parsed)

    def to_house(self, venue: int, command: bytes) -> None:
        """A command at an exchange; what it says goes out on its feed and to the sender."""
        for event in records.array(self.houses[venue].apply(command), "ExchangeEvent"):
            self.publish(venue, event)
            self.reply(venue, event)

    def publish(self, venue: int, event: Any) -> None:
        """What the feed shows."""
        shown: dict[str, Any] = {"order_ref": int(event["order_ref"]), "venue": venue, "instrument": 1}
        match ExchangeEventKind(int(event["event"])):
            case ExchangeEventKind.RESTED:
                shown |= {"action": BookAction.ADD, "side": int(event["side"])}
                shown |= {"price_nanos": int(event["price_nanos"]), "lots": int(event["lots"])}
            case ExchangeEventKind.EXECUTED:
                shown |= {"action": BookAction.EXECUTE, "lots": int(event["lots"]), "price_nanos": records.UNDEF_PRICE}
            case ExchangeEventKind.CANCELED if event["resting"]:
                shown |= {"action": BookAction.DELETE}
            case _:
                return
        self.later("feed", venue, record("MarketOrder", flags=records.FLAG_LAST, **shown))

    def reply(self, venue: int, event: Any) -> None:
        """What our session hears."""
        kind, mine = ExchangeEventKind(int(event["event"])), int(event["header"]["source"]) == OURS
        lots, number = int(event["lots"]), int(event["user_ref"])
        made = records.new("OrderEvent", price_nanos=int(event["price_nanos"]), leaves_lots=-1, cumulative_lots=-1)
        if kind is ExchangeEventKind.EXECUTED and int(event["other_source"]) == OURS:
            number, mine = int(event["other_user_ref"]), True
            _, side = self.owners[number]
            self.executed.append((venue, side, int(event["price_nanos"]), lots))
            self.done[number] = self.done.get(number, 0) + lots
            made["event"], made["lots"], made["execution_id"] = OrderEventKind.FILLED, lots, int(event["match_id"])
            made["leaves_lots"], made["cumulative_lots"] = int(event["other_leaves_lots"]), self.done[number]
        elif mine and kind is ExchangeEventKind.ACCEPTED:
            made["event"], made["leaves_lots"], made["cumulative_lots"] = OrderEventKind.ACCEPTED, lots, 0
        elif mine and kind is ExchangeEventKind.CANCELED:
            made["event"], made["leaves_lots"] = OrderEventKind.CANCELED, 0
            made["cumulative_lots"] = self.done.get(number, 0)
        if mine and int(made["event"]):
            made["owner"], made["side"] = self.owners[number]
            made["header"]["venue"], made["header"]["instrument"] = venue, 1
            self.later("answer", venue, made.tobytes())

    def order(self, venue: int, command: Any) -> None:
        """One of our commands arrives."""
        if int(command["header"]["kind"]) != int(records.Kind.NEW_ORDER):
            return  # A cancel of what has ended by itself: nothing of ours rests.
        number = int(command["owner"]["order_id"])
        self.owners[number] = command["owner"].copy(), int(command["side"])
        assert int(command["time_in_force"]) == int(TimeInForce.IMMEDIATE_OR_CANCEL)
        self.to_house(venue, limit(OURS, number, Side(int(command["side"])), lots=int(command["lots"]),
                                   price_nanos=int(command["price_nanos"]),
                                   time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL)))  # fmt: skip

    def flow(self, turn: int) -> None:
        """Others quote around a middle that wanders apart from the other venue's, and cancel."""
        venue = self.chance.choice((1, 2))
        if len(self.resting) > 60:
            there, number = self.resting.pop(self.chance.randrange(len(self.resting)))
            self.to_house(there, cancel(OTHERS, number))
        apart = (turn // 40 * 7) % 13 - 6 if venue == 2 else 0
        side = self.chance.choice((Side.BUY, Side.SELL))
        away = self.chance.randrange(1, 8) * (-1 if side == Side.BUY else 1)
        self.resting.append((venue, turn + 1))
        self.to_house(venue, limit(OTHERS, turn + 1, side, lots=self.chance.randrange(1, 40),
                                   price_nanos=PRICE + (apart + away) * TICK))  # fmt: skip

    def until(self, end_ns: int) -> None:
        """Lets arrive what is due."""
        while self.due and self.due[0][0] <= end_ns:
            self.now_ns, _, way, (venue, content) = heapq.heappop(self.due)
            self.order(venue, content) if way == "order" else self.to_engine(content)
        self.now_ns = max(self.now_ns, end_ns)

    def run(self, turns: int) -> None:
        """Flow for so many turns, and then time for what is under way to end."""
        for turn in range(turns):
            self.flow(turn)
            self.until(self.now_ns + self.chance.randrange(400_000))
            if turn % 20 == 0:
                self.to_engine(record("Timer"))
        for _ in range(200):
            self.until(self.now_ns + 1_000_000)
            for venue in (1, 2):
                self.to_engine(record("Status", venue=venue, feed=FeedState.LIVE))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_taker_earns_between_two_exchanges_and_ends_flat_seed(seed: int, code_directory: Path) -> None:
    artifact = build(CrossTaker, directory=code_directory)
    first = bootstrap([(artifact.code_hash_bytes, artifact.bits(PARAMETERS))])
    compiled, plain = native.StrategyHosts(), native.StrategyHosts()
    compiled.add_compiled(code_directory)
    plain.add_plain(artifact.code_hash_bytes, Plain(CrossTaker))
    one, two = Loop(compiled, first, seed), Loop(plain, first, seed)
    for loop in (one, two):
        loop.run(800)
    assert (one.sent, one.said) == (two.sent, two.said)
    assert one.fold.full_hash() == two.fold.full_hash()
    assert not disabled(one.said)
    lots = {side: sum(row[3] for row in one.executed if row[1] == side) for side in (Side.BUY, Side.SELL)}
    assert lots[Side.BUY] == lots[Side.SELL] > 100, "it traded, and ended flat"
    told = [each for each in map(records.parse, one.said) if "realised" in (each.dtype.names or ())]
    assert int(told[-1]["lots"]) == 0, "and the engine knows"
    earned_nanos = sum(
        lots * ((price if side == Side.SELL else -price) - FEES[venue]) for venue, side, price, lots in one.executed
    )
    assert earned_nanos > 0
    sides = [(int(o["side"]), int(o["lots"])) for o in map(records.parse, one.sent) if "lots" in (o.dtype.names or ())]
    filled = sum(row[3] for row in one.executed)
    assert filled < sum(size for _, size in sides), "some legs were late and missed"
