from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TypedDict

from meridian._native.journal import Summary

Table = tuple[list[str], bytes]
"""Names of columns, and rows of signed 64-bit words."""

class PositionEntry(TypedDict):
    account: int
    instrument: int
    strategy: int
    slot: int
    lots: int
    bought_lots: int
    sold_lots: int
    mark_nanos: int
    cash_nanos: int
    realised_nanos: int
    unrealised_nanos: int
    fees_nanos: int

class ConsolidatedEntry(TypedDict):
    instrument: int
    venues: list[int]
    state: int
    """A ConsolidatedState, at the end."""
    locked: int
    crossed: int
    locked_ns: int
    crossed_ns: int

class Folded(Summary):
    state_hash: str
    agrees: bool | None
    marks: Table
    fills: Table
    order_events: Table
    orders: Table
    positions: list[PositionEntry]
    limits: list[tuple[int, int, int, int, int, int]]
    """(limit, node, metric, bound, used at the end, most used)."""
    live_orders: int
    consolidated: list[ConsolidatedEntry]
    statistics: dict[str, int]
    market_records: dict[tuple[int, int], int]
    outputs: bytes
    controls: bytes

class Executed(Summary):
    executions: Table
    trades: int
    not_commands: int
    state_hash: str

def fold(
    directory: str | PathLike[str],
    *,
    libraries: str | PathLike[str] | None = None,
    marks_interval_ns: int = 10_000_000,
) -> Folded: ...
def executions(
    directory: str | PathLike[str],
    sessions: Sequence[int],
    *,
    orders: int = 262_144,
    levels_per_side: int = 8192,
    trades: int = 262_144,
) -> Executed: ...
def write_journal(
    directory: str | PathLike[str],
    entries: Sequence[tuple[int, bytes]],
    *,
    engine_sizes: Mapping[str, int] | None = None,
    segment_bytes: int = 1 << 20,
) -> None: ...
