"""A journal brought back from the object storage, as its keeper shipped it.

Invariant: a file is put in its place only when its bytes have the sizes and SHA-256 that its manifest says, and nothing
that is there is replaced: a directory that holds another journal is refused before anything is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian import files
from meridian._native import journal as native
from meridian.engine import journals
from meridian.engine.keeping.retention import STATE as RETAINED
from meridian.engine.keeping.shipping import sha256
from meridian.engine.keeping.storage import Storage

__all__ = ["Fetched", "Unfit", "fetch"]


class Unfit(Exception):
    """What is in the storage, or in the directory, is not this journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What was brought."""

    segments: int
    there_already: int
    snapshots: int
    reference: str | None
    """The file of the reference data, where it was shipped."""
    bytes: int
    first_segment: int
    last_segment: int


def fetch(storage: Storage, directory: Path, step: Callable[[int, int], None] = lambda done, total: None) -> Fetched:
    """Brings every segment that is not there, the newest snapshots and the reference data into a directory, which may
    hold a part of the same journal.

    Raises Away when the storage does not answer, Unfit when it has no such journal or what it has is not whole, OSError
    when a file cannot be written; what was brought before that stays, and the next call goes on behind it.
    """
    said = [_manifest(storage, name) for name in storage.names("manifest")]
    segments = sorted((one for one in said if one["kind"] == "segment"), key=lambda one: int(one["segment"]))
    if not segments:
        raise Unfit(f"{storage.place}: no journal was shipped here")
    missing = list(_missing(segments))
    if missing:
        raise Unfit(f"{storage.place}: segment {missing[0]} is not there, later ones are")
    directory.mkdir(parents=True, exist_ok=True)
    due = [one for one in segments if not _is_there(directory, one)]
    size = 0
    for done, one in enumerate(due):
        step(done, len(due))
        size += _segment(storage, directory, one)
    step(len(due), len(due))
    snapshots = [one for one in said if one["kind"] == "snapshot"]
    for one in snapshots:
        size += _plain(storage, one, directory / Path(str(one["object"])).name)
    reference = None
    for one in said:
        if one["kind"] == "reference":
            reference = directory / "reference.toml"
            size += _plain(storage, one, reference)
    if segments[0]["first_sequence"] == 1:
        (directory / RETAINED).unlink(missing_ok=True)
    return Fetched(
        segments=len(due), there_already=len(segments) - len(due), snapshots=len(snapshots),
        reference=str(reference) if reference else None, bytes=size,
        first_segment=segments[0]["segment"], last_segment=segments[-1]["segment"],
    )  # fmt: skip


def _manifest(storage: Storage, name: str) -> dict[str, Any]:
    try:
        said = json.loads(storage.read(name) or b"")
        if said["version"] != 1:
            raise Unfit(f"{storage.place.below(name)}: is of version {said['version']}; this release reads 1")
        keys = {"segment": ("object", "segment", "first_sequence", "raw_sha256", "packed_sha256", "written_ns")}
        needed = keys.get(said["kind"], ("object", "sha256"))
        return {"kind": said["kind"]} | {key: said[key] for key in needed}
    except (ValueError, KeyError, TypeError):
        raise Unfit(f"{storage.place.below(name)}: is no manifest of a keeper") from None


def _missing(segments: list[dict[str, Any]]) -> Iterator[int]:
    """Numbers between the first and the last that no manifest names."""
    numbers = {int(one["segment"]) for one in segments}
    return (number for number in range(min(numbers), max(numbers)) if number not in numbers)


def _is_there(directory: Path, said: dict[str, Any]) -> bool:
    """Whether a segment is in the directory. Raises Unfit when another one of its number is."""
    number = int(said["segment"])
    plain, packed = journals.plain_path(directory, number), journals.packed_path(directory, number)
    try:
        if plain.exists() and any(segment := plain.read_bytes()):
            digest = sha256(segment)
        elif packed.exists():
            digest = sha256(native.unpack(packed.read_bytes()))
        else:
            return False
    except ValueError as error:
        raise Unfit(f"{packed}: {error}; take the file away to fetch it again") from None
    if digest != said["raw_sha256"]:
        raise Unfit(f"{directory}: segment {number} there is not the one that was shipped; name another directory")
    return True


def _segment(storage: Storage, directory: Path, said: dict[str, Any]) -> int:
    data = _read(storage, said["object"], said["packed_sha256"])
    try:
        segment = native.unpack(data)
    except ValueError as error:
        raise Unfit(f"{storage.place.below(said['object'])}: {error}") from None
    if sha256(segment) != said["raw_sha256"]:
        raise Unfit(f"{storage.place.below(said['object'])}: holds another segment than its manifest says")
    path = journals.packed_path(directory, int(said["segment"]))
    files.write_whole(path, data)
    written_ns = int(said["written_ns"])
    os.utime(path, ns=(written_ns, written_ns))
    return len(data)


def _plain(storage: Storage, said: dict[str, Any], path: Path) -> int:
    if path.exists() and sha256(path.read_bytes()) == said["sha256"]:
        return 0
    data = _read(storage, said["object"], said["sha256"])
    files.write_whole(path, data)
    return len(data)


def _read(storage: Storage, name: str, digest: str) -> bytes:
    data = storage.read(name)
    if data is None:
        raise Unfit(f"{storage.place.below(name)}: is named by its manifest and is not there")
    if sha256(data) != digest:
        raise Unfit(f"{storage.place.below(name)}: was changed after it was shipped")
    return data
