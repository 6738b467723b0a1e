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

__all__ = ["NOT_SHIPPED", "Bounds", "Retained", "note", "retain", "retain_ended"]

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


NOT_SHIPPED = "they are not shipped"
NOT_COMPRESSED = "they could not be compressed"
Held = Callable[[int, int], str | None]
"""Why a segment stays, by its number and its last sequence; None where it may go."""


def retain(journal: Path, bounds: Bounds, *, held: Held | None = None, shipped_to: str | None = None) -> Retained:
    """Takes away what lies beyond the bounds and may go; `held`: what keeps a segment beside that.

    Raises OSError when a file cannot be read or written, and whatever `held` raises; what was taken away before that
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
    for one, after in zip(due, found[1:], strict=False):
        if one["segment"] >= needed:
            none = "no snapshot that an engine can start from is beside them; `meridian journal snapshot` makes one"
            why = none if snapshot is None else "the newest snapshot that an engine can start from needs them"
        elif held is not None:
            why = held(one["segment"], (after["first_sequence"] or 0) - 1)
        if why is not None:
            break
        going.append(one)
    size = sum(_bytes(one) for one in going)
    if going:
        _take_away(journal, going, found[len(going)], shipped_to)
    first = found[len(going)]["segment"]
    return Retained(segments=len(going), bytes=size, first_segment=first, held=len(due) - len(going), held_why=why)


def retain_ended(
    ended: list[Path], bounds: Bounds, held: Callable[[Path, int, int | None], str | None]
) -> list[Retained]:
    """The same of journals that no engine starts from any more, the oldest first: the bounds are for all of them together, and
    no snapshot needs anything. `held`: by journal, number and last sequence (None: of the last segment). What of each went;
    of one of which all went nothing but other files is left.

    Raises as `retain` does.
    """
    stored = [(journal, native.segments(journal)) for journal in ended]
    left = sum(_bytes(one) for _, found in stored for one in found)
    done: list[Retained] = []
    why: str | None = None
    kept = False
    for journal, found in stored:
        going: list[native.Stored] = []
        for place, one in enumerate(found):
            after = found[place + 1]["first_sequence"] if place + 1 < len(found) else None
            kept = kept or not _is_beyond(journal, one, bounds, left)
            if not kept and why is None:
                damaged = one["closed"] and one["packed_bytes"] is None
                why = NOT_COMPRESSED if damaged else held(journal, one["segment"], after - 1 if after else None)
            if kept or why is not None:
                break
            left -= _bytes(one)
            going.append(one)
        size = sum(_bytes(one) for one in going)
        if going:
            _take_away(journal, going, found[min(len(going), len(found) - 1)], None)
        rest = len(found) - len(going) if why is not None and not kept else 0
        first = found[min(len(going), len(found) - 1)]["segment"] if found else 0
        done.append(
            Retained(segments=len(going), bytes=size, first_segment=first, held=rest, held_why=why if rest else None)
        )
    return done


def _is_beyond(journal: Path, one: native.Stored, bounds: Bounds, left: int) -> bool:
    paths = (journals.plain_path(journal, one["segment"]), journals.packed_path(journal, one["segment"]))
    written_ns = max((path.stat().st_mtime_ns for path in paths if path.exists()), default=0)
    too_old = bounds.keep_days is not None and written_ns < time.time_ns() - int(bounds.keep_days * DAY_NS)
    return too_old or (bounds.keep_bytes is not None and left > bounds.keep_bytes)


def note(journal: Path, segment: int, sequence: int | None, shipped_to: str | None) -> None:
    """Writes down beside a journal with which segment and input it begins now. Raises OSError."""
    state = {"version": VERSION, "segment": segment, "sequence": sequence, "shipped_to": shipped_to}
    files.write_whole(journal / STATE, json.dumps(state) + "\n")


def _take_away(journal: Path, going: list[native.Stored], kept: native.Stored, shipped_to: str | None) -> None:
    """What is kept first is written down before anything goes."""
    note(journal, kept["segment"], kept["first_sequence"], shipped_to)
    for one in going:
        for path in (journals.plain_path(journal, one["segment"]), journals.packed_path(journal, one["segment"])):
            path.unlink(missing_ok=True)
    _without_place(journal, kept["first_sequence"] or 0)


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
