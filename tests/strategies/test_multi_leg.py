"""Multi-leg orders of a class: compiled and plain ask alike and hear the same ends, and a replay of their journal agrees.

The venues answer by seed: accept, reject, fill in part or whole, carry cancels out, lose a session.
"""

from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import strategies as native
from meridian.codes import LegState, MultiLegCause, MultiLegState, OrderEventKind, SessionState
from meridian.strategies import Plain, build
from tests.strategies.classes.legged import Legged
from tests.strategies.test_fold import START_NS, Market, bootstrap, disabled, record, said

EVENTS = 1_200


class Venues(Market):
    """Random books, and orders that live at their venues until something happens to them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.open: dict[int, tuple[Any, int, int]] = {}  # order id → command, lots, lots done
        self.up = True

    def take(self, command: bytes) -> list[bytes]:
        """The first answer to a command."""
        parsed = records.parse(command)
        kind = records.Kind(int(parsed["header"]["kind"]))
        number = int(parsed["owner"]["order_id"])
        if kind is records.Kind.NEW_ORDER:
            lots = int(parsed["lots"])
            if self.rng.random() < 0.15:
                return [self._report(parsed, OrderEventKind.REJECTED, leaves=-1, done=-1, lots=0)]
            self.open[number] = (parsed, lots, 0)
            return [self._report(parsed, OrderEventKind.ACCEPTED, leaves=lots, done=0, lots=0)]
        if kind is records.Kind.CANCEL_ORDER and number in self.open and self.rng.random() < 0.9:
            command_of, _, done = self.open.pop(number)
            return [self._report(command_of, OrderEventKind.CANCELED, leaves=0, done=done, lots=0)]
        return []

    def move(self) -> list[bytes]:
        """Something happens at a venue: now and then the second one loses its session."""
        if self.rng.random() < 0.02:
            self.up = not self.up
            return [record("Session", venue=2, state=SessionState.UP if self.up else SessionState.DOWN)]
        able = [number for number, (one, _, _) in self.open.items() if self.up or int(one["header"]["venue"]) == 1]
        if not able or self.rng.random() < 0.5:
            return []
        number = self.rng.choice(able)
        command, lots, done = self.open.pop(number)
        filled = self.rng.randrange(1, lots - done + 1)
        if done + filled < lots:
            self.open[number] = (command, lots, done + filled)
        leaves = lots - done - filled
        return [self._report(command, OrderEventKind.FILLED, leaves=leaves, done=done + filled, lots=filled)]


def run(hosts: native.StrategyHosts, first: list[bytes], seed: int) -> tuple[list[tuple[int, bytes]], list[bytes], Any]:
    """Inputs with their times, what was said and sent, and the engine."""
    fold, venues, now_ns = native.Fold(hosts), Venues(seed), START_NS
    inputs: list[tuple[int, bytes]] = []
    said_and_sent: list[bytes] = []
    waiting = list(first)
    for turn in range(EVENTS):
        waiting.append(venues.event() if turn % 7 else record("Timer"))
        while waiting:
            now_ns += 100_000
            inputs.append((now_ns, waiting.pop(0)))
            commands, outputs = fold.apply(*inputs[-1])
            said_and_sent += commands + outputs
            for command in commands:
                waiting += venues.take(command)
        waiting += venues.move()
    return inputs, said_and_sent, fold


@pytest.mark.parametrize("seed", range(3))
def test_compiled_plain_and_replay_agree_on_multi_leg_orders(seed: int, code_directory: Path) -> None:
    artifact = build(Legged, directory=code_directory)
    first = bootstrap([(artifact.code_hash_bytes, artifact.bits({"lots": 7}))])
    compiled = native.StrategyHosts()
    compiled.add_compiled(code_directory)
    plain = native.StrategyHosts()
    plain.add_plain(artifact.code_hash_bytes, Plain(Legged))
    inputs, told, fold = run(compiled, first, seed)
    inputs_too, told_too, fold_too = run(plain, first, seed)
    assert told == told_too
    assert inputs == inputs_too
    hashes = (fold.state_hash(), fold.full_hash())
    assert hashes == (fold_too.state_hash(), fold_too.full_hash())
    again = native.StrategyHosts()
    again.add_compiled(code_directory)
    replay = native.Fold(again)
    for at_ns, content in inputs:
        replay.apply(at_ns, content)
    assert (replay.state_hash(), replay.full_hash()) == hashes
    outputs = [each for each in told if records.Kind(int(records.parse(each)["header"]["kind"])).value >= 96]
    assert not disabled(outputs)
    stories = said(outputs, records.Kind.MULTI_LEG)
    ends = [int(each["state"]) for each in stories if int(each["leg"]) == 0]
    assert {MultiLegState.COMPLETED, MultiLegState.UNWOUND, MultiLegState.INCOMPLETE} <= set(ends)
    assert {int(each["cause"]) for each in stories} >= {0, MultiLegCause.LEG_ENDED, MultiLegCause.TIMEOUT}
    legs = {int(each["state"]) for each in stories if int(each["leg"]) > 0}
    assert legs >= {LegState.WAITING, LegState.WORKING, LegState.FILLED, LegState.UNWINDING, LegState.UNWOUND}
