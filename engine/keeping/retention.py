"""Which closed segments may go: the oldest, by age or by what all of them take.

Invariant: what an engine needs to start stays: every segment from the one of the newest snapshot that was verified and
can be gone on from, so that a damaged snapshot keeps more and none keeps everything; where shipping is on, whatever the
storage does not have. What was taken away is written beside the journal before it goes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from meridian import files
from meridian._native import journal as native
from meridian.engine import journals

__all__ = ["Bounds", "Retained", "retain"]

STATE = "retained.json"
VERSION = 1
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a journal is kept; None: no bound."""

    keep_days: float | None = None
    """A segment goes when it was last written to before so many days."""
    keep_bytes: int | None = None
    """The oldest go as long as all files of segments take more than this."""

    def any(self) -> bool:
        """Whether there is a bound at all."""
        return self.keep_days is not None or self.keep_bytes is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What a run took away, and what it would have if it might."""

    segments: int = 0
    bytes: int = 0
    first_segment: int = 0
    """The first one that is kept."""
    held: int = 0
    """Segments beyond the bounds that stay, and why."""
    held_why: str | None = None


def retain(
    journal: Path, bounds: Bounds, *, shipped: Callable[[int], bool] | None = None, shipped_to: str | None = None
) -> Retained:
    """Takes away what lies beyond the bounds and may go; `shipped`: whether the storage has a segment, where shipping
    is on.

    Raises OSError when a file cannot be read or written, and whatever `shipped` raises; what was taken away before that
    is told beside the journal.
    """
    found = native.segments(journal)
    first = found[0]["segment"] if found else 0
    due = list(_beyond(journal, found, bounds))
    if not due:
        return Retained(first_segment=first)
    snapshot = next((last for _, last, wrong in journals.snapshots(journal) if wrong is None), None)
    needed = _needed_from(found, snapshot)
    going: list[native.Stored] = []
    why = None
    for one in due:
        if one["segment"] >= needed:
            none = "no snapshot that an engine can start from is beside them; `meridian journal snapshot` makes one"
            why = none if snapshot is None else "the newest snapshot that an engine can start from needs them"
        elif shipped is not None and not shipped(one["segment"]):
            why = "they are not shipped"
        if why is not None:
            break
        going.append(one)
    size = sum(_bytes(one) for one in going)
    if going:
        kept = found[len(going)]
        state = {
            "version": VERSION, "segment": kept["segment"], "sequence": kept["first_sequence"], "shipped_to": shipped_to,
        }  # fmt: skip
        files.write_whole(journal / STATE, json.dumps(state) + "\n")
        for one in going:
            for path in (journals.plain_path(journal, one["segment"]), journals.packed_path(journal, one["segment"])):
                path.unlink(missing_ok=True)
        _without_place(journal, kept["first_sequence"] or 0)
    first = found[len(going)]["segment"]
    return Retained(segments=len(going), bytes=size, first_segment=first, held=len(due) - len(going), held_why=why)


def _beyond(journal: Path, found: list[native.Stored], bounds: Bounds) -> Iterator[native.Stored]:
    """The segments beyond the bounds, the oldest first; compressed ones alone, which no restart changes."""
    left = sum(map(_bytes, found))
    oldest_ns = time.time_ns() - int((bounds.keep_days or 0) * DAY_NS)
    for one in found:
        path = journals.packed_path(journal, one["segment"])
        if not one["settled"] or one["packed_bytes"] is None:
            return
        too_old = bounds.keep_days is not None and path.stat().st_mtime_ns < oldest_ns
        too_much = bounds.keep_bytes is not None and left > bounds.keep_bytes
        if not too_old and not too_much:
            return
        left -= _bytes(one)
        yield one


def _bytes(one: native.Stored) -> int:
    return (one["plain_bytes"] or 0) + (one["packed_bytes"] or 0)


def _needed_from(found: list[native.Stored], snapshot: int | None) -> int:
    """The first segment that an engine needs to start: the one with a snapshot's last input, else the first that is here."""
    holding = [one["segment"] for one in found if snapshot is not None and 0 < (one["first_sequence"] or 0) <= snapshot]
    return max(holding, default=found[0]["segment"])


def _without_place(journal: Path, first_sequence: int) -> None:
    """Takes away the snapshots whose places are gone: no engine can go on from them."""
    for file, last, _ in journals.snapshots(journal):
        if last < first_sequence:
            (journal / file).unlink(missing_ok=True)
