"""In the fold: an engine with compiled strategies and one with plain ones send the same orders and reach the same state.

Both are fed one stream: reference data, limits, two slots, random books of two venues, and the venue's answers to the commands.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import strategies as native
from meridian.codes import (
    BookAction,
    CallStatus,
    Metric,
    NodeLevel,
    OrderEventKind,
    SelectorKind,
    SessionState,
    SlotRun,
    TradingState,
)
from meridian.strategies import Plain, Strategy, build
from meridian.strategies.plugins.cross_taker import CrossTaker
from meridian.strategies.plugins.market_maker import InventoryMaker
from tests.strategies.classes.asking import Asking
from tests.strategies.classes.failing import Failing

START_NS = 1_577_836_800_000_000_000 + 2000 * 86_400_000_000_000
PRICE, TICK = 100 * 10**9, 10**7
ACCOUNT, STRATEGY, DESK = 4, 3, 2


def record(kind: str, /, **fields: Any) -> bytes:
    return records.new(kind, **fields).tobytes()


def limit(number: int, node: int, metric: Metric, value: int) -> bytes:
    made = records.new("LimitSet", limit=number, node=node, metric=metric, selector=SelectorKind.ALL, generation=1,
                       revision=1, last_of_set=1)  # fmt: skip
    made["value"]["low"], made["value"]["high"] = value & (2**64 - 1), value >> 64
    if metric is Metric.MESSAGE_RATE:
        made["window_ns"], made["burst"] = 10**9, 100_000
    if metric is Metric.PRICE_COLLAR:
        made["window_ns"] = 10**12
    return made.tobytes()


def bootstrap(slots: list[tuple[bytes, list[tuple[str, int, int, int]]]]) -> list[bytes]:
    """Reference data, limits, and a slot for each code hash with its parameters."""
    made = [
        record("EngineStart", day=2000, day_start_ns=START_NS, shard=1, epoch=1, firm=1),
        record("TickBand", table=1, tick_nanos=TICK),
        record("Definition", instrument=1, units_per_lot_e8=10**8, prior_close_nanos=PRICE, active=1,
               band_low_nanos=records.UNDEF_PRICE, band_high_nanos=records.UNDEF_PRICE),
    ]  # fmt: skip
    for venue in (1, 2):
        made.append(record("Listing", venue=venue, instrument=1, tick_table=1, increment_lots=1, round_lot_lots=100,
                           price_min_nanos=TICK, price_max_nanos=10**14, active=1, replace_quantity=1))  # fmt: skip
    levels = [
        (1, 0, NodeLevel.FIRM),
        (DESK, 1, NodeLevel.DESK),
        (STRATEGY, 2, NodeLevel.STRATEGY),
        (ACCOUNT, 3, NodeLevel.ACCOUNT),
    ]
    made += [record("Node", node=node, parent=parent, level=level) for node, parent, level in levels]
    bounds = [
        (Metric.ORDER_QUANTITY, 500), (Metric.ORDER_NOTIONAL, 10**18), (Metric.PRICE_COLLAR, 100_000),
        (Metric.MESSAGE_RATE, 10**9), (Metric.OPEN_ORDERS, 200), (Metric.POSITION_LONG, 300),
        (Metric.POSITION_SHORT, 300), (Metric.GROSS_EXPOSURE, 10**21),
    ]  # fmt: skip
    for node in (1, STRATEGY):
        made += [limit(100 * node + int(metric), node, metric, value) for metric, value in bounds]
    for number, (code_hash, parameters) in enumerate(slots, 1):
        slot = records.new("Slot", account=ACCOUNT, strategy=STRATEGY, desk=DESK, trader=9, slot=number, slot_version=1,
                           fuel=1_000, timer_ns=1_000_000)  # fmt: skip
        slot["code_hash"] = list(code_hash)
        made.append(slot.tobytes())
        for index, venue in enumerate((1, 2)):
            made.append(record("SlotBind", venue=venue, instrument=1, slot=number, index=index))
        for name, offset, scalar, bits in parameters:
            made.append(record("Parameter", name=name, offset=offset, scalar=scalar, bits=bits, slot=number))
        made.append(record("StrategyControl", slot=number, run=SlotRun.RUNNING))
    made += [record("Status", venue=venue, instrument=1, trading=TradingState.TRADING) for venue in (1, 2)]
    return made + [record("Session", venue=venue, state=SessionState.UP) for venue in (1, 2)]


class Market:
    """Random books of two venues, and answers to our commands."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.resting: list[tuple[int, int]] = []
        self.references = 0

    def event(self) -> bytes:
        """An order comes or goes at a venue; the venues' middles drift apart at times."""
        venue = self.rng.choice((1, 2))
        flags = {"flags": records.FLAG_LAST, "venue": venue, "instrument": 1}
        if len(self.resting) > 60 or (self.resting and self.rng.random() < 0.4):
            venue, reference = self.resting.pop(self.rng.randrange(len(self.resting)))
            flags["venue"] = venue
            return record("MarketOrder", order_ref=reference, action=BookAction.DELETE, **flags)
        self.references += 1
        side = self.rng.choice((1, 2))
        away = self.rng.randrange(0, 12) * TICK
        middle = PRICE + (0 if venue == 1 else self.rng.randrange(-4, 5) * TICK)
        price = middle - TICK - away if side == 1 else middle + TICK + away
        self.resting.append((venue, self.references))
        return record("MarketOrder", order_ref=self.references, action=BookAction.ADD, side=side, price_nanos=price,
                      lots=self.rng.randrange(1, 400), **flags)  # fmt: skip

    def answers(self, command: bytes) -> list[bytes]:
        """Accepted, and at times filled; a cancel is carried out."""
        parsed = records.parse(command)
        name = records.Kind(int(parsed["header"]["kind"]))
        if name is records.Kind.NEW_ORDER:
            lots = int(parsed["lots"])
            made = [self._report(parsed, OrderEventKind.ACCEPTED, leaves=lots, done=0, lots=0)]
            if self.rng.random() < 0.3:
                made.append(self._report(parsed, OrderEventKind.FILLED, leaves=0, done=lots, lots=lots))
            return made
        if name is records.Kind.CANCEL_ORDER:
            return [self._report(parsed, OrderEventKind.CANCEL_REJECTED, leaves=-1, done=-1, lots=0)]
        return []

    def _report(self, command: Any, event: OrderEventKind, *, leaves: int, done: int, lots: int) -> bytes:
        self.references += 1
        made = records.new("OrderEvent", event=event, lots=lots, leaves_lots=leaves, cumulative_lots=done,
                           execution_id=self.references if lots else 0)  # fmt: skip
        made["header"]["venue"], made["header"]["instrument"] = command["header"]["venue"], 1
        made["owner"] = command["owner"]
        for field in ("side", "price_nanos"):
            if field in (command.dtype.names or ()):
                made[field] = command[field]
        return made.tobytes()


Make = Callable[[], native.StrategyHosts]


def run(make: Make, first: list[bytes], *, events: int, seed: int) -> tuple[int, int, list[bytes], list[bytes]]:
    """Hashes, commands and outputs of a run."""
    fold, market, now_ns = native.Fold(make()), Market(seed), START_NS
    commands: list[bytes] = []
    outputs: list[bytes] = []
    waiting = list(first)
    for turn in range(events):
        waiting.append(market.event() if turn % 10 else record("Timer"))
        while waiting:
            now_ns += 50_000
            caused, said = fold.apply(now_ns, waiting.pop(0))
            commands += caused
            outputs += said
            for command in caused:
                waiting += market.answers(command)
    return fold.state_hash(), fold.full_hash(), commands, outputs


def both(classes: list[type[Strategy]], values: list[dict[str, Any]], directory: Path, seed: int) -> Any:
    """The same run with compiled and with plain strategies; they must be equal."""
    artifacts = [build(cls, directory=directory) for cls in classes]
    first = bootstrap([(each.code_hash_bytes, each.bits(v)) for each, v in zip(artifacts, values, strict=True)])

    def compiled() -> native.StrategyHosts:
        hosts = native.StrategyHosts()
        hosts.add_compiled(directory)
        return hosts

    def plain() -> native.StrategyHosts:
        hosts = native.StrategyHosts()
        for cls, artifact in zip(classes, artifacts, strict=True):
            hosts.add_plain(artifact.code_hash_bytes, Plain(cls))
        return hosts

    one = run(compiled, first, events=1_500, seed=seed)
    two = run(plain, first, events=1_500, seed=seed)
    assert one[2] == two[2]
    assert one[3] == two[3]
    assert one[:2] == two[:2]
    return one


@pytest.mark.parametrize("seed", range(3))
def test_compiled_and_plain_are_equal_in_the_fold(seed: int, code_directory: Path) -> None:
    values: list[dict[str, Any]] = [{"size_lots": 5}, {"size_lots": 7, "edge_nanos": TICK}]
    _, _, commands, outputs = both([InventoryMaker, CrossTaker], values, code_directory, seed)
    assert len(commands) > 50
    assert not disabled(outputs)


@pytest.mark.parametrize(
    ("how", "status"), [(1, CallStatus.RAISED), (2, CallStatus.OUT_OF_FUEL), (11, CallStatus.TOO_MANY_INTENTS)]
)
def test_a_failing_slot_is_disabled_alike_and_the_other_goes_on(
    how: int, status: CallStatus, code_directory: Path
) -> None:
    values: list[dict[str, Any]] = [{"how": how}, {"size_lots": 5}]
    _, _, commands, outputs = both([Failing, InventoryMaker], values, code_directory, 7)
    (state,) = disabled(outputs)
    assert (int(state["slot"]), int(state["status"])) == (1, int(status))
    assert len(commands) > 20


def disabled(outputs: list[bytes]) -> list[Any]:
    """Slot states that say disabled."""
    parsed = [records.parse(each) for each in outputs]
    states = [each for each in parsed if int(each["header"]["kind"]) == int(records.Kind.SLOT_STATE)]
    return [each for each in states if int(each["run"]) == int(SlotRun.DISABLED)]


def slot_with(
    cls: type[Strategy], directory: Path, *, plain: bool
) -> tuple[native.StrategyHosts, list[bytes], list[tuple[str, int, int, int]]]:
    """Hosts with one class, and the first inputs of an engine that runs it."""
    artifact = build(cls, directory=directory)
    hosts = native.StrategyHosts()
    if plain:
        hosts.add_plain(artifact.code_hash_bytes, Plain(cls))
    else:
        hosts.add_compiled(directory)
    return hosts, bootstrap([(artifact.code_hash_bytes, [])]), artifact.bits({"size_lots": 9, "step_nanos": TICK})


def said(outputs: list[bytes], kind: records.Kind) -> list[Any]:
    """The outputs of one kind."""
    parsed = [records.parse(each) for each in outputs]
    return [each for each in parsed if int(each["header"]["kind"]) == int(kind)]


@pytest.mark.parametrize("plain", [False, True])
def test_kept_state_goes_from_start_to_start_and_into_another_journal(plain: bool, code_directory: Path) -> None:
    hosts, first, _ = slot_with(Asking, code_directory, plain=plain)
    fold = native.Fold(hosts)
    now_ns = START_NS

    def give(engine: native.Fold, content: bytes) -> list[bytes]:
        nonlocal now_ns
        now_ns += 1_000
        return engine.apply(now_ns, content)[1]

    for each in first:
        give(fold, each)
    outputs: list[bytes] = []
    for _ in range(2):
        outputs = give(fold, record("StrategyControl", slot=1, run=SlotRun.STOPPED, cancel=1))
        give(fold, record("StrategyControl", slot=1, run=SlotRun.RUNNING))
    kept = said(outputs, records.Kind.KEPT_STATE)
    assert [(records.text(each["name"]), int(each["element"]), int(each["bits"])) for each in kept][:2] == [
        ("total", 0, 0), ("starts", 0, 2),
    ]  # fmt: skip
    assert len(kept) == 5
    refused = said(give(fold, bytes(kept[0].tobytes())), records.Kind.APPLIED)
    assert int(refused[0]["outcome"]) == 3, "a slot that runs is given nothing"
    # A new journal begins where the old one ended: the words come before the start.
    later = native.Fold(hosts)
    for each in first[:-4]:
        if records.name_of(each) != "StrategyControl":
            give(later, each)
    given = [said(give(later, bytes(each.tobytes())), records.Kind.APPLIED)[0] for each in kept]
    assert all(int(each["outcome"]) == 1 for each in given)
    give(later, record("StrategyControl", slot=1, run=SlotRun.RUNNING))
    outputs = give(later, record("StrategyControl", slot=1, run=SlotRun.STOPPED, cancel=1))
    starts = [each for each in said(outputs, records.Kind.KEPT_STATE) if records.text(each["name"]) == "starts"]
    assert int(starts[0]["bits"]) == 3


@pytest.mark.parametrize("plain", [False, True])
def test_only_live_parameters_are_set_while_the_slot_runs(plain: bool, code_directory: Path) -> None:
    hosts, first, bits = slot_with(Asking, code_directory, plain=plain)
    fold = native.Fold(hosts)
    for turn, each in enumerate(first):
        fold.apply(START_NS + turn, each)

    def outcome(name: str, request: int) -> int:
        offset, scalar, word = next((at, kind, word) for known, at, kind, word in bits if known == name)
        content = record("Parameter", name=name, offset=offset, scalar=scalar, bits=word, slot=1, request=request)
        (answer,) = said(fold.apply(START_NS + 10**6, content)[1], records.Kind.APPLIED)
        return int(answer["outcome"])

    assert (outcome("size_lots", 5), outcome("step_nanos", 5)) == (1, 3)
    assert outcome("size_lots", 0) == 3, "the first values, told again at a restart, change nothing that was set since"
    fold.apply(START_NS + 10**6, record("StrategyControl", slot=1, run=SlotRun.STOPPED))
    assert (outcome("size_lots", 0), outcome("step_nanos", 0)) == (1, 1)


@pytest.mark.parametrize("seed", range(2))
def test_every_call_of_the_api_is_equal_in_the_fold(seed: int, code_directory: Path) -> None:
    values: list[dict[str, Any]] = [{"size_lots": 3, "step_nanos": TICK}, {"size_lots": 5}]
    _, _, commands, outputs = both([Asking, InventoryMaker], values, code_directory, seed)
    assert len(commands) > 50
    assert len(said(outputs, records.Kind.SIGNAL)) > 10
    assert not disabled(outputs)


def test_an_engine_that_restarts_goes_on_with_the_state_it_had(code_directory: Path) -> None:
    hosts, first, bits = slot_with(Asking, code_directory, plain=False)
    market, journal, now_ns = Market(5), list[tuple[int, bytes]](), START_NS
    fold = native.Fold(hosts)

    def give(engine: native.Fold, content: bytes) -> list[bytes]:
        nonlocal now_ns
        now_ns += 50_000
        journal.append((now_ns, content))
        return engine.apply(now_ns, content)[1]

    live = next((at, kind, word) for name, at, kind, word in bits if name == "size_lots")
    for each in [*first, *(market.event() for _ in range(200))]:
        give(fold, each)
    parameter = {"name": "size_lots", "offset": live[0], "scalar": live[1], "slot": 1}
    give(fold, record("Parameter", bits=live[2], request=9, **parameter))
    # The next life folds the journal, and is told the first records again under a newer epoch.
    again = native.Fold(hosts)
    for at_ns, content in journal:
        again.apply(at_ns, content)
    assert (again.state_hash(), again.full_hash()) == (fold.state_hash(), fold.full_hash())
    give(again, record("EngineStart", day=2000, day_start_ns=START_NS, shard=1, epoch=2, firm=1))
    for each in first[1:]:
        give(again, each)
    refused = said(give(again, record("Parameter", bits=3, request=0, **parameter)), records.Kind.APPLIED)
    assert int(refused[0]["outcome"]) == 3, "what was set while it ran stays"
    outputs = give(again, record("StrategyControl", slot=1, run=SlotRun.STOPPED, cancel=1))
    starts = [each for each in said(outputs, records.Kind.KEPT_STATE) if records.text(each["name"]) == "starts"]
    assert int(starts[0]["bits"]) == 1, "it was running, and was not started again"
