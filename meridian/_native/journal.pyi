from collections.abc import Iterator
from os import PathLike
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

class Verified(Summary):
    firm: int
    shard: int
    epoch: int
    reference_hash: str
    release_hash: str
    damage: str | None
    """The first thing that does not fit, with its place."""

class Reader:
    """Iterates over a journal: (sequence, engine time in ns, record bytes), from the record after sequence `after`. Raises
    ValueError where it is damaged."""

    def __init__(self, directory: str | PathLike[str], after: int = 0) -> None: ...
    def __iter__(self) -> Iterator[tuple[int, int, bytes]]: ...
    def __next__(self) -> tuple[int, int, bytes]: ...

def verify(directory: str | PathLike[str]) -> Verified: ...
