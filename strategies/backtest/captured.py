"""The flow that a live run captured: the venues of its engines' journals, as files of a backtest.

Invariant: a journal that is no engine's is passed over; a directory without an engine's journal is told in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from meridian import records
from meridian._native import journal as native
from meridian.engine.journals import segments_below

__all__ = ["venues"]

DESCRIPTION = "record.json"
PARENTS = 3
"""How far above a journal its run's description lies at most."""


def venues(directory: Path, named: str, unnamed: str) -> list[tuple[Path, str, int]]:
    """Journal, name and number of each venue that the engines at or below a directory know: names are the run's own, or the
    given one with the number. Raises ValueError when there is no engine's journal or one cannot be read."""
    journals = sorted({segment.parent for segment in segments_below(directory)})
    found = []
    for journal in journals:
        names = {} if named != unnamed else _names(journal)
        for number in sorted(set(_listed(journal))):
            plain = f"{named}{number}" if named == unnamed else f"{named}-{number}"
            found.append((journal, names.get(number, plain), number))
    if not found:
        raise ValueError(
            f"{directory}: no engine's journal here or below; a run's directory or a file of flow is allowed"
        )
    return found


def _names(journal: Path) -> dict[int, str]:
    """The venues' names, as the run's description beside the journal has them."""
    for folder in journal.resolve().parents[:PARENTS]:
        try:
            about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            return {int(one["id"]): str(one["name"]) for one in about["venues"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {}


def _listed(journal: Path) -> Iterator[int]:
    """The venues that an engine's first inputs list."""
    for at, (_, _, data) in enumerate(native.Reader(journal)):
        name = records.name_of(data)
        if name in ("MarketOrder", "MarketLevel") or (at == 0 and name != "EngineStart"):
            return
        if name == "Listing":
            yield int(records.parse(data)["header"]["venue"])
