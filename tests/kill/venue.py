"""Our orders as one exchange's own journal has them, and how far they ever went.

Invariant: nothing of ours is asked what happened: the exchange's sequenced input is applied to a fresh matching core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meridian.analytics.accounting import events_of
from meridian.records import ExchangeEventKind, Side

EPOCH_BITS, EPOCH_AT, DAY_AT = 0x3FF, 32, 50
"""As crates/records/src/ids.rs puts an order's id together."""
SHOWN_MAX = 3
"""Sentences of one kind."""
Steps = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Times in ns UTC, not decreasing, and the value from each of them on."""


@dataclass(slots=True)
class Chain:
    """An order with all that replaced it."""

    first_id: int
    instrument: int
    side: int
    open_lots: int = 0


@dataclass(slots=True, kw_only=True)
class Change:
    """What one event did to the position and the open lots of a chain."""

    time_ns: int
    chain: Chain
    position_lots: int
    open_lots: int


@dataclass(slots=True)
class Taken:
    """What an exchange took of one session of ours."""

    venue: str
    ids: list[int] = field(default_factory=list)
    """Of every order and replacement that it took, in its order."""
    changes: list[Change] = field(default_factory=list)
    live: dict[int, Chain] = field(default_factory=dict)
    """By the exchange's reference."""

    @classmethod
    def read(cls, venue: str, journal: Path, session: int) -> Taken:
        """Follows every order of the session. Raises FileNotFoundError, or ValueError for a damaged journal."""
        found = cls(venue)
        for row in events_of(journal, session):
            found._take(row, session)
        return found

    def _take(self, row: np.void, session: int) -> None:
        kind, order, other = int(row["event"]), int(row["order_ref"]), int(row["other_ref"])
        if kind == ExchangeEventKind.ACCEPTED:
            number = order_id(bytes(row["tag"]))
            self.ids.append(number)
            chain = Chain(number, int(row["header"]["instrument"]), int(row["side"]))
            self.live[order] = chain
            self._change(row, chain, 0, int(row["lots"]))
        elif kind == ExchangeEventKind.REPLACED:
            self.ids.append(order_id(bytes(row["tag"])))
            if (chain_of := self.live.pop(other, None)) is not None:
                self.live[order] = chain_of
                self._change(row, chain_of, 0, int(row["lots"]) - chain_of.open_lots)
        elif kind == ExchangeEventKind.CANCELED:
            self._reduced(row, order, int(row["leaves_lots"]))
        elif kind in (ExchangeEventKind.EXECUTED, ExchangeEventKind.CROSSED):
            self._traded(row, order, int(row["leaves_lots"]))
            if kind == ExchangeEventKind.EXECUTED:
                self._traded(row, other, int(row["other_leaves_lots"]))

    def _reduced(self, row: np.void, order: int, leaves_lots: int) -> None:
        if (chain := self.live.get(order)) is not None:
            self._change(row, chain, 0, leaves_lots - chain.open_lots)
            if leaves_lots == 0:
                del self.live[order]

    def _traded(self, row: np.void, order: int, leaves_lots: int) -> None:
        if (chain := self.live.get(order)) is not None:
            lots = int(row["lots"])
            self._change(row, chain, lots if chain.side == Side.BUY else -lots, -lots)
            if leaves_lots == 0:
                del self.live[order]

    def _change(self, row: np.void, chain: Chain, position_lots: int, open_lots: int) -> None:
        chain.open_lots += open_lots
        time_ns = int(row["header"]["venue_time_ns"])
        self.changes.append(Change(time_ns=time_ns, chain=chain, position_lots=position_lots, open_lots=open_lots))

    def out_of_turn(self) -> Iterator[str]:
        """Orders that were taken twice, that name no order of ours, or that came of an epoch that another had followed."""
        twice = [one for one, times in Counter(self.ids).items() if times > 1]
        yield from _shown(self.venue, "took order {} twice", twice)
        yield from _shown(
            self.venue, "took an order whose text names none of ours ({})", [one for one in self.ids if one == 0]
        )
        newest, older = (0, 0), []
        for one in self.ids:
            own = (one >> DAY_AT, one >> EPOCH_AT & EPOCH_BITS)
            older += [one] if own < newest else []
            newest = max(newest, own)
        yield from _shown(self.venue, "took order {} of an epoch that another had followed", older)

    def worst(self, side: int, mine: set[int] | None, instrument: int) -> Steps:
        """The position that these first orders' chains could reach at most on a side, if all that is open traded."""
        sign = 1 if side == Side.BUY else -1
        rows = [
            (one.time_ns, sign * one.position_lots + (one.open_lots if one.chain.side == side else 0))
            for one in self.changes
            if one.chain.instrument == instrument and (mine is None or one.chain.first_id in mine)
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], np.cumsum(table[:, 1])

    def most_lots(self, mine: set[int], instrument: int) -> int:
        """The largest order of these, as it was taken."""
        return max(
            (
                one.open_lots
                for one in self.changes
                if one.chain.instrument == instrument and one.chain.first_id in mine
            ),
            default=0,
        )


def order_id(tag: bytes) -> int:
    """The order's id out of the text that a gateway gives each order (base 36); 0 for another text."""
    letters = tag[:13]
    return int(letters, 36) if len(letters) == 13 and letters.isalnum() and letters.isascii() else 0


def at_most(parts: list[Steps], slack_ns: int) -> int:
    """The most that steps of several venues surely added up to, where their clocks may be `slack_ns` apart: of each its least
    value within that time. With one venue, its most."""
    if len(parts) == 1:
        return int(parts[0][1].max(initial=0))
    times = np.unique(np.concatenate([at for at, _ in parts])) if parts else np.zeros(0, dtype=np.int64)
    total = np.zeros(len(times), dtype=np.int64)
    for at, values in parts:
        held = np.concatenate([[0], values])
        first = np.searchsorted(at, times - slack_ns, side="right")
        last = np.searchsorted(at, times + slack_ns, side="right")
        total += _least(held, first, last)
    return int(total.max(initial=0))


def _least(values: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """The least of `values[first : last + 1]` for each pair: minima over powers of two, two of which cover a range."""
    levels = [values]
    while 2 * (1 << (len(levels) - 1)) <= len(values):
        step = 1 << (len(levels) - 1)
        levels.append(np.minimum(levels[-1][:-step], levels[-1][step:]))
    length = last - first + 1
    level = np.floor(np.log2(length)).astype(np.int64)
    found = np.empty(len(first), dtype=np.int64)
    for number in np.unique(level):
        here = level == number
        found[here] = np.minimum(levels[number][first[here]], levels[number][last[here] + 1 - (1 << number)])
    return found


def _shown(venue: str, sentence: str, ids: list[int]) -> Iterator[str]:
    for one in ids[:SHOWN_MAX]:
        yield f"{venue}: {sentence.format(one)}"
    if len(ids) > SHOWN_MAX:
        yield f"{venue}: and {len(ids) - SHOWN_MAX:,} more of these"
