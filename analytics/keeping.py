"""What comparisons do with what they found: it becomes breaks, and the command says how many are open.

Invariant: what could not be kept is an error of the command, never silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meridian.console import Failure

if TYPE_CHECKING:
    from meridian.analytics.breaks import Item
    from meridian.analytics.run import Run


@dataclass(frozen=True, slots=True)
class Kept:
    """What the book of breaks says once a comparison was written into it."""

    counts: dict[str, int] | None
    sentence: str
    errors: list[str]


def keep(run: Run, find: Callable[[int], tuple[Sequence[Item], Sequence[str]]], *, certain: bool) -> Kept:
    """Writes what differs into a run's book of breaks. `find`: breaks by the time of now, in ns UTC, and the scopes that were
    looked at; of what is not `certain`, since it may agree in a moment, nothing is written."""
    from meridian.analytics import breaks

    try:
        now_ns = time.time_ns()
        there = breaks.record(run, *find(now_ns), now_ns) if certain else breaks.known(run)
    except Failure as failure:
        return Kept(None, "", [f"what differs is not kept as breaks: {one}" for one in failure.errors])
    counts = breaks.counted(there.values())
    return Kept(counts, breaks.sentence(counts), [])
