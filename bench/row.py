"""What a row is before it is measured and after.

Invariant: a row that could not be measured says why and has no figure; nothing is made up for it.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meridian.bench.method import Block, Estimate, alternate, estimate, ratios

BLOCKS = 30
BLOCKS_QUICK = 2


class Missing(Exception):
    """The row cannot be measured here; the sentence says why."""


def need_builder() -> None:
    """Raises Missing where strategies cannot be built."""
    if importlib.util.find_spec("numba") is None:
        raise Missing("numba, which builds strategies, is not installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on the row's figure, or on its ratio to the floor."""

    bound: float
    at_most: bool = True
    of: str = "value"  # "value", "ratio", or the name of a percentile.

    def met(self, value: float, bound: float | None = None) -> bool:
        """Whether a figure keeps to the goal, or to `bound` in its place."""
        limit = self.bound if bound is None else bound
        return value <= limit if self.at_most else value >= limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What stands beside ours: measured in the same run, or not in reach here (`value` None)."""

    name: str
    value: Estimate | None = None
    ratio: Estimate | None = None
    table_value: float | None = None  # What the goals' table says of it.
    why_missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A measured row."""

    name: str
    title: str
    unit: str
    input: str
    value: Estimate | None = None
    peers: Sequence[Peer] = ()
    goals: Sequence[Goal] = ()
    percentiles: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    blocks: int = 0
    missing: str | None = None

    @property
    def ratio(self) -> Estimate | None:
        """Ours over the first peer that was measured."""
        return next((peer.ratio for peer in self.peers if peer.ratio is not None), None)

    @property
    def scale(self) -> float | None:
        """How much slower this machine is than the table's, by a peer of the row that ran: its figure here over there."""
        for peer in self.peers:
            if peer.value is not None and peer.table_value:
                return peer.value.median / peer.table_value
        return None

    def judged(self, goal: Goal) -> dict[str, Any]:
        """The goal, the figure that it is about, and whether it is met; scaled, too, where the goal's own peer is not here."""
        figure: float | None
        if goal.of in ("value", "ratio"):
            whole = self.value if goal.of == "value" else self.ratio
            figure = None if whole is None else whole.median
        else:
            figure = self.percentiles.get(goal.of)
        told: dict[str, Any] = {"of": goal.of, "bound": goal.bound, "at_most": goal.at_most, "figure": figure}
        told["met"] = None if figure is None else goal.met(figure)
        told["scaled_bound"] = told["scaled_met"] = None
        if self.scale is not None and figure is not None and goal.of != "ratio":
            bound = goal.bound * self.scale if goal.at_most else goal.bound / self.scale
            told["scaled_bound"], told["scaled_met"] = bound, goal.met(figure, bound)
        return told


@dataclass(slots=True)
class Run:
    """How this run measures: its size, its seed, and where it tells its progress."""

    quick: bool
    blocks: int
    seed: int
    cores: frozenset[int] = frozenset()  # Those that this process may use; a row itself runs on one of them.
    done: Callable[[], None] = lambda: None
    shared: dict[str, Any] = field(default_factory=dict)  # Inputs that several rows use.

    def pick(self, full: int, quick: int) -> int:
        """The size of an input."""
        return quick if self.quick else full

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """An input made on first use."""
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def estimate(self, samples: Sequence[float]) -> Estimate:
        """Median and interval under this run's seed."""
        return estimate(samples, seed=self.seed)

    def compare(self, ours: Block, peer: Block | None) -> tuple[Estimate, Estimate | None, Estimate | None]:
        """Alternating blocks: ours, the peer, and their paired ratio."""
        mine, theirs = alternate(ours, peer, blocks=self.blocks, done=self.done)
        if not theirs:
            return self.estimate(mine), None, None
        return self.estimate(mine), self.estimate(theirs), self.estimate(ratios(mine, theirs))

    def random(self) -> random.Random:
        """Random numbers of this run's seed."""
        return random.Random(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as the command line knows it."""

    name: str
    title: str
    unit: str
    measure: Callable[[Run], Result]
