"""Closed segments, snapshots and reference data of a journal, put into an object storage, each under a name that is
taken once.

    PREFIX/firm-1/shard-2/RUN/segments/00000007.segment.zst
                              manifest/segment-00000007.json     what it is: sequences, sizes, SHA-256 of both forms
                              snapshots/snapshot-0000000000001234.state
                              manifest/snapshot-0000000000001234.state.json
                              reference/SHA-256                   and its manifest

Of an engine that has a standby each journal that led has a place of its own there, by the epoch with which it began to:
RUN/epoch-3/segments/… . RUN/lineage.json says whose history they are.

Invariant: an object counts as shipped when it was read back and is what was put, and its manifest, made after it, is
there. A name that holds anything else is another writer's journal: nothing is shipped over it, and it is told as an
alarm until a person looks.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian import files
from meridian._native import journal as native
from meridian.engine import journals
from meridian.engine.keeping.compression import packed
from meridian.engine.keeping.storage import Away, Storage
from meridian.engine.terms import Term

__all__ = ["Conflict", "Shipped", "Shipper", "claim", "epochs_of", "manifest_path", "segment_path", "term_path"]

STATE = "shipped.json"
"""Beside the segments: what was shipped, and where to. Without it, everything is compared with the storage again."""
VERSION = 1
TERM = "epoch-"
LINEAGE = "lineage.json"
"""At the place of a run that is of an engine with a standby: whose history is shipped there."""


class Conflict(Exception):
    """The storage holds something else under this journal's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What a run shipped, and what is left."""

    to: str
    segments: int = 0
    snapshots: int = 0
    bytes: int = 0
    waiting: int = 0
    """Closed segments that are not shipped yet."""
    waiting_since_ns: int | None = None
    """When the oldest of them was written to last."""


def segment_path(number: int) -> str:
    """An object's name."""
    return f"segments/{number:08}.segment.zst"


def manifest_path(name: str) -> str:
    """The name of what is said of an object."""
    return f"manifest/{name}.json"


def sha256(data: bytes) -> str:
    """As manifests write it."""
    return hashlib.sha256(data).hexdigest()


@dataclass(slots=True, kw_only=True)
class Shipper:
    """Ships one journal."""

    journal: Path
    storage: Storage
    """At the place of this very journal: firm, shard and run."""
    reference: Path | None = None
    """The file of the engine's reference data."""
    before: Callable[[], None] | None = None
    """Asked before anything is put there: raises Conflict where this journal's place is another's."""
    shipped: dict[str, str] = field(default_factory=dict)
    """Name of a segment or snapshot → SHA-256 of what was shipped."""

    def __post_init__(self) -> None:
        try:
            known = json.loads((self.journal / STATE).read_text(encoding="utf-8"))
            if known["version"] == VERSION and known["to"] == str(self.storage.place):
                self.shipped = {str(name): str(digest) for name, digest in known["shipped"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.shipped = {}

    def has(self, number: int) -> bool:
        """Whether a segment was shipped."""
        return f"{number:08}" in self.shipped

    def waiting(self) -> list[int]:
        """Closed segments that were not shipped."""
        return [
            one["segment"] for one in native.segments(self.journal) if one["closed"] and not self.has(one["segment"])
        ]

    def still_there(self, number: int) -> bool:
        """Whether the storage has a shipped segment now, with its manifest; one that it lost is shipped again. Raises Away."""
        said = self.storage.read(manifest_path(f"segment-{number:08}"))
        size = self.storage.size(segment_path(number))
        if said is not None and size is not None and json.loads(said)["packed_bytes"] == size:
            return True
        self.shipped.pop(f"{number:08}", None)
        self._write()
        return False

    def through(self) -> int:
        """Up to which sequence all that stands here was shipped; 0: nothing was."""
        begun = [one for one in native.segments(self.journal) if one["first_sequence"] is not None]
        missing = [one for one in begun if not self.has(one["segment"])]
        return ((missing or begun[-1:])[0]["first_sequence"] or 1) - 1 if begun else 0

    def state(self) -> Shipped:
        """What is left to ship."""
        waiting = self.waiting()
        since = min((self._written_ns(number) for number in waiting), default=None)
        return Shipped(to=str(self.storage.place), waiting=len(waiting), waiting_since_ns=since)

    def run(self, step: Callable[[int, int], None] = lambda done, total: None) -> Shipped:
        """Ships what was not: the oldest segment first, then the newest snapshot, then the reference data.

        Raises Away when the storage does not answer, Conflict when it holds another journal, ValueError for a damaged
        segment, OSError when a file cannot be read; what was shipped before that stays shipped.
        """
        segments = snapshots = size = 0
        waiting, new_snapshots = self.waiting(), self._new_snapshots()
        if self.before is not None and (waiting or new_snapshots):
            self.before()
        for done, number in enumerate(waiting):
            step(done, len(waiting))
            size += self._segment(number)
            segments += 1
        step(len(waiting), len(waiting))
        for path in new_snapshots:
            size += self._snapshot(path)
            snapshots += 1
        if self.reference is not None:
            self._reference(self.reference)
        left = self.state()
        return Shipped(
            to=left.to, segments=segments, snapshots=snapshots, bytes=size,
            waiting=left.waiting, waiting_since_ns=left.waiting_since_ns,
        )  # fmt: skip

    def _segment(self, number: int) -> int:
        path = journals.packed_path(self.journal, number)
        if path.exists():
            data = path.read_bytes()
            segment = native.unpack(data)
        else:
            segment = _forced(journals.plain_path(self.journal, number))
            data = packed(segment)
        about = next(one for one in native.segments(self.journal) if one["segment"] == number)

        def is_ours(there: bytes) -> bool:
            try:
                return native.unpack(there) == segment
            except ValueError:
                return False

        there = self._put(segment_path(number), data, is_ours)
        said = {
            "version": VERSION, "kind": "segment", "object": segment_path(number), "segment": number,
            "first_sequence": about["first_sequence"], "firm": about["firm"], "shard": about["shard"],
            "reference_hash": about["reference_hash"], "raw_bytes": len(segment), "raw_sha256": sha256(segment),
            "packed_bytes": len(there), "packed_sha256": sha256(there), "written_ns": self._written_ns(number),
        }  # fmt: skip
        self._say(f"segment-{number:08}", said, "raw_sha256")
        self._note(f"{number:08}", sha256(segment))
        return len(there)

    def _new_snapshots(self) -> list[Path]:
        """The newest snapshot that an engine can start from, where it was not shipped; of a journal without its begin also the
        oldest: what was shipped of it is to be gone on from, whichever segments that are."""
        if all(path.name in self.shipped for path in self.journal.glob("snapshot-*.state")):
            return []
        whole = [file for file, _, wrong in journals.snapshots(self.journal) if wrong is None]
        chosen = [*whole[:1], *(whole[-1:] if len(whole) > 1 and not self._has_begin() else [])]
        return [self.journal / file for file in chosen if file not in self.shipped]

    def _has_begin(self) -> bool:
        return any(one["first_sequence"] == 1 for one in native.segments(self.journal)[:1])

    def _snapshot(self, path: Path) -> int:
        data = path.read_bytes()
        name = f"snapshots/{path.name}"
        self._put(name, data, lambda there: there == data)
        said = {"version": VERSION, "kind": "snapshot", "object": name, "bytes": len(data), "sha256": sha256(data)}
        self._say(path.name, said, "sha256")
        self._note(path.name, sha256(data))
        return len(data)

    def _reference(self, path: Path) -> None:
        data = path.read_bytes()
        name = f"reference/{sha256(data)}"
        if name in self.shipped:
            return
        self._put(name, data, lambda there: there == data)
        said = {"version": VERSION, "kind": "reference", "object": name, "bytes": len(data), "sha256": sha256(data)}
        self._say(f"reference-{sha256(data)}", said, "sha256")
        self._note(name, sha256(data))

    def _put(self, name: str, data: bytes, is_ours: Callable[[bytes], bool]) -> bytes:
        """Makes an object and reads it back; one that is there already may hold the same in another form: what is there then."""
        made = self.storage.create(name, data)
        there = self.storage.read(name)
        if there is None:
            raise Away(f"{self.storage.place.below(name)}: it was put, and is not there")
        if not is_ours(there):
            if made:
                raise Away(f"{self.storage.place.below(name)}: what was read back differs from what was put")
            raise Conflict(_another(self.storage, name))
        return there

    def _say(self, name: str, said: dict[str, Any], digest: str) -> None:
        """Makes the manifest of an object; one that is there must say the same content."""
        path = manifest_path(name)
        if self.storage.create(path, (json.dumps(said, indent=1) + "\n").encode()):
            return
        try:
            same = json.loads(self.storage.read(path) or b"{}")[digest] == said[digest]
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise Conflict(_another(self.storage, path))

    def _note(self, name: str, digest: str) -> None:
        self.shipped[name] = digest
        self._write()

    def _write(self) -> None:
        state = {"version": VERSION, "to": str(self.storage.place), "shipped": self.shipped}
        files.write_whole(self.journal / STATE, json.dumps(state, indent=1) + "\n")

    def _written_ns(self, number: int) -> int:
        for path in (journals.plain_path(self.journal, number), journals.packed_path(self.journal, number)):
            if path.exists():
                return path.stat().st_mtime_ns
        return time.time_ns()


def term_path(epoch: int) -> str:
    """Where the journal is put, below its run, that began to lead with this epoch, of an engine that has a standby."""
    return f"{TERM}{epoch}"


def epochs_of(storage: Storage) -> list[int]:
    """The terms that were shipped to a run's place, by their epochs, in order. Raises Away."""
    found = [name.removeprefix(TERM) for name in storage.folders() if name.startswith(TERM)]
    return sorted(int(epoch) for epoch in found if epoch.isascii() and epoch.isdigit())


def claim(storage: Storage, term: Term, newest: int) -> None:
    """Takes a run's place for the history that a term is of; `newest`: the epoch of the newest term that is known here.

    Raises Conflict where the place is another history's, or a later term of this one is shipped by somebody else; Away.
    """
    said = {"version": VERSION, "kind": "lineage", "lineage": term.lineage}
    if not storage.create(LINEAGE, (json.dumps(said) + "\n").encode()):
        try:
            same = json.loads(storage.read(LINEAGE) or b"{}")["lineage"] == term.lineage
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise Conflict(_another(storage, LINEAGE))
    if max(epochs_of(storage), default=0) > newest:
        raise Conflict(_another(storage, term_path(max(epochs_of(storage)))))


def _another(storage: Storage, name: str) -> str:
    return (
        f"{storage.place.below(name)}: holds something else than this journal: two writers have this journal's name, or one of "
        "them went on from a copy; nothing is shipped until the run of one of them is called otherwise"
    )


def _forced(path: Path) -> bytes:
    """A closed segment's bytes, once its file is on the device: from then on no loss of the host changes it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return file.read()
