from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TypedDict

class Summary(TypedDict):
    segments: int
    records: int
    bytes: int
    first_sequence: int
    last_sequence: int
    first_time_ns: int
    last_time_ns: int
    closed: bool
    torn_bytes: int
    torn_records: int

class Run(TypedDict):
    records: int
    bytes: int
    first_sequence: int
    last_sequence: int
    last_time_ns: int

class Rest(Run):
    segment: int
    whole: bool

class Fault(TypedDict):
    segment: int
    offset: int
    what: str

class Verified(Summary):
    firm: int | None
    shard: int | None
    epoch: int | None
    reference_hash: str | None
    release_hash: str | None
    damage: str | None
    """What ended the reading, with its place; else the first thing that does not fit."""
    faults: list[Fault]
    """All that does not fit, at most 64, in the order of their places."""
    before: Run
    """What is whole before the damage."""
    after: list[Rest]
    """What is whole behind it, by segment."""
    torn_segment: int | None
    torn_offset: int | None
    """Where a writer's last record was left unfinished: it is cut when the journal is gone on with."""
    begins_at: int | None
    """The first record, where those before it were taken away on purpose."""
    shipped_to: str | None
    """Where those were put before."""

class Stored(TypedDict):
    segment: int
    first_sequence: int | None
    """None: nothing was written to it yet."""
    closed: bool
    settled: bool
    """It is closed, and two begun ones follow: no restart changes it."""
    plain_bytes: int | None
    packed_bytes: int | None
    """Sizes of its plain and its compressed file; None: not there."""
    firm: int | None
    shard: int | None
    reference_hash: str | None

PACK_BLOCK_BYTES: int
"""Bytes of a segment that one block of its compressed file holds."""

class Reader:
    """Iterates over a journal: (sequence, engine time in ns, record bytes), from the record after sequence `after`. Raises
    ValueError where it is damaged."""

    def __init__(self, directory: str | PathLike[str], after: int = 0) -> None: ...
    def __iter__(self) -> Iterator[tuple[int, int, bytes]]: ...
    def __next__(self) -> tuple[int, int, bytes]: ...

class Batches:
    """Iterates over a journal by batches of records of `kinds` (codes; all when there is none) within both ranges, ends
    included: last sequence read, records within the ranges so far, those of them that are no record of this build, and by
    kind: sequences and engine times (u64, little-endian) and the records. Raises ValueError where the journal is damaged."""

    def __init__(
        self,
        directory: str | PathLike[str],
        kinds: list[int],
        sequences: tuple[int, int],
        times_ns: tuple[int, int],
        records_max: int,
    ) -> None: ...
    def __iter__(self) -> Iterator[tuple[int, int, int, dict[int, list[bytes]]]]: ...
    def __next__(self) -> tuple[int, int, int, dict[int, list[bytes]]]: ...

def verify(directory: str | PathLike[str]) -> Verified: ...
def segments(directory: str | PathLike[str]) -> list[Stored]: ...
def pack(segment: bytes, blocks: list[bytes]) -> bytes: ...
def unpack(packed: bytes) -> bytes: ...
def segment_of_snapshot(directory: str | PathLike[str], sequence: int) -> tuple[int, int, bytes]: ...
def join(parts: list[tuple[Path, int]], directory: str | PathLike[str]) -> int: ...
