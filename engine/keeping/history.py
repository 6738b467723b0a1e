"""What was shipped of an engine that has a standby, brought back: a journal for each term, and what of each is the history.

Invariant: of the terms brought, each counts up to the input before the next one's first; an input that none of them has is told.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meridian import files, records
from meridian._native import journal as native
from meridian.engine import journals
from meridian.engine.keeping.fetching import Fetched, fetch
from meridian.engine.keeping.retention import STATE as RETAINED
from meridian.engine.keeping.shipping import epochs_of, term_path
from meridian.engine.keeping.storage import Storage

__all__ = ["Part", "fetch_history", "gaps", "join"]

NUMBERS = (0, 2**64 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The journal of one term."""

    epoch: int
    """With which its engine began to lead."""
    directory: Path
    fetched: Fetched
    first: int
    last: int
    counts_to: int
    """The last input of it that is the history: what it has beyond that nobody took over."""
    damage: str | None

    def entry(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return asdict(self) | {"directory": str(self.directory)}


def fetch_history(
    storage: Storage, open_at: Callable[[str], Storage], directory: Path,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> list[Part]:  # fmt: skip
    """Brings the journals of all terms that were shipped to a run's place into folders of their own, `directory/epoch-N`; nothing
    where no term was. `open_at`: the storage at a place. Raises as `fetch` does; terms that were brought before that stay.
    """
    brought = []
    for epoch in epochs_of(storage):
        own = directory / term_path(epoch)
        done = fetch(open_at(str(storage.place.below(term_path(epoch)))), own, step)
        _say_where_it_begins(own, str(storage.place))
        brought.append((epoch, own, done, journals.verify(own)))
    parts: list[Part] = []
    begins: int | None = None
    for epoch, own, done, found in reversed(brought):
        first, last = found["first_sequence"], found["last_sequence"]
        counts_to = last if begins is None else min(last, begins - 1)
        parts.insert(0, Part(epoch=epoch, directory=own, fetched=done, first=first, last=last, counts_to=counts_to,
                             damage=found["damage"]))  # fmt: skip
        # A term of which so little came that its own first input is not there follows the one before as it is.
        begins = next(iter(_starts(own, epoch)), begins)
    return parts


def join(parts: list[Part], directory: Path) -> int:
    """Writes the history of all terms as one journal into a directory, which is made; its last input.

    Raises FileExistsError when it is there, OSError, ValueError when the history does not begin with input 1, lacks inputs, or
    a journal is damaged.
    """
    making = directory.with_name(f".{directory.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    if directory.exists():
        raise FileExistsError(errno.EEXIST, "is there already; name another directory", str(directory))
    making.mkdir(parents=True)
    last = native.join([(one.directory, one.counts_to) for one in parts], making)
    making.rename(directory)
    return last


def gaps(parts: list[Part]) -> list[str]:
    """A sentence for each run of inputs that no term has, between those that are there."""
    found, reached = [], None
    for one in parts:
        if reached is not None and one.first > reached + 1:
            found.append(
                f"{one.directory}: begins at input {one.first}; {reached + 1} to {one.first - 1} are in no term"
            )
        reached = max(reached or 0, one.counts_to)
    return found


def _say_where_it_begins(journal: Path, place: str) -> None:
    """Of a term whose engine began with a snapshot: what comes before is in the terms before."""
    first = native.segments(journal)[0]
    if (first["first_sequence"] or 1) > 1:
        state = {"version": 1, "segment": first["segment"], "sequence": first["first_sequence"], "shipped_to": place}
        files.write_whole(journal / RETAINED, json.dumps(state) + "\n")


def _starts(journal: Path, epoch: int) -> Iterator[int]:
    """At which inputs lives of this epoch begin."""
    kind = int(records.new("EngineStart")["header"]["kind"])
    for _, _, _, batch in native.Batches(journal, [kind], NUMBERS, NUMBERS, 1024):
        for places, _, data in batch.values():
            size = records.dtype("EngineStart").itemsize
            for at in range(len(places) // 8):
                start = records.parse(data[at * size : (at + 1) * size])
                if int(start["epoch"]) == epoch:
                    yield int.from_bytes(places[at * 8 : at * 8 + 8], "little")
