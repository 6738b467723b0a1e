"""How an engine begins to follow one whose journal has lost its begin: with the newest sound snapshot there and its place.

What it lacks beyond that it reads from its leader, as ever. Its journal then begins where the snapshot's segment does, and
`retained.json` says so, as beside a journal that lost its begin itself.

Invariant: a journal stands in the folder only once all that a start from it needs is on the device; whatever ends this before,
the next try begins anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meridian import files
from meridian._native import journal as native
from meridian.engine import journals
from meridian.engine.keeping import retention

__all__ = ["CannotJoin", "begin_from", "begins_at", "lacks", "taken_away_before"]


class CannotJoin(Exception):
    """Why an engine cannot follow, a sentence."""


def begins_at(journal: Path) -> int | None:
    """The first input of a journal; None where it has not begun, or cannot be read."""
    return next((one["first_sequence"] for one in _begun(journal)), None)


def taken_away_before(journal: Path) -> int:
    """The first input that whoever took a journal's begin away has kept; 0 where nobody did."""
    first = _retained(journal).get("sequence")
    return first if type(first) is int else 0


def lacks(own: Path, leader: Path) -> bool:
    """Whether the journal of the one that leads no longer has what the other one needs next."""
    first = begins_at(leader)
    return first is not None and first > 1 and _last(own, first) + 1 < first


def begin_from(leader: Path, own: Path) -> int:
    """Begins a journal in a folder where none stands, from a journal that may be written to meanwhile; the last input of the
    snapshot that it begins with. Raises CannotJoin, OSError."""
    wrong = []
    for file, last, why in journals.snapshots(leader):
        if why is not None:
            wrong.append(f"{file}: {why}")
            continue
        try:
            segment, first, data = native.segment_of_snapshot(leader, last)
        except ValueError as error:
            wrong.append(str(error))
            continue
        _put(own, leader, leader / file, segment, first, data)
        return last
    raise CannotJoin(
        f"the journal of {leader.name} has lost its begin, and no snapshot beside it can be gone on from "
        f"({'; '.join(wrong) or 'there is none'}); `meridian journal snapshot` makes one"
    )


def _put(own: Path, leader: Path, snapshot: Path, segment: int, first: int, data: bytes) -> None:
    own.mkdir(parents=True, exist_ok=True)
    for stale in own.glob("snapshot-*.state"):
        stale.unlink()
    retention.note(own, segment, first, _retained(leader).get("shipped_to"))
    files.write_whole(own / snapshot.name, snapshot.read_bytes())
    files.force(own)
    # The last: with it a journal stands.
    files.write_whole(journals.plain_path(own, segment), data)
    files.force(own)


def _retained(journal: Path) -> dict[str, Any]:
    try:
        said = json.loads((journal / retention.STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _begun(journal: Path) -> list[native.Stored]:
    try:
        return [one for one in native.segments(journal) if one["first_sequence"] is not None]
    except (OSError, ValueError):
        return []


def _last(journal: Path, enough: int) -> int:
    """The last input of a journal, or any from `enough` on; 0 where it has none."""
    begun = _begun(journal)
    last = (begun[-1]["first_sequence"] or 1) - 1 if begun else 0
    if begun and last < enough:
        try:
            for sequence, _, _ in native.Reader(journal, max(last, 0)):
                last = sequence
        except (OSError, ValueError):
            pass  # Damaged: whoever starts from it says where.
    return last
