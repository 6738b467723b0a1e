# What the extension offers this room.
from collections.abc import Callable
from os import PathLike
from typing import Protocol, TypedDict

class Plan(Protocol):
    @property
    def library(self) -> str | PathLike[str]: ...
    @property
    def code_hash(self) -> bytes: ...
    @property
    def parameters(self) -> list[tuple[str, int, int, int]]:
        """Name, offset, scalar code, bits."""
    @property
    def directory(self) -> str | PathLike[str]: ...
    @property
    def symbols(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def orders_max(self) -> int: ...

class WireFigures(TypedDict):
    tiles: list[bytes]
    echo: list[bytes]
    unanswered: int
    gaps: int

class TickToTrade:
    """Tick to trade in memory; `run` goes on where the last one ended."""

    def __init__(self, plan: Plan, messages: int, seed: int) -> None: ...
    def run(self, packets: int) -> tuple[bytes, bytes]:
        """ns of passes that ended in order bytes and of those that did not, u32 little-endian."""
    @property
    def left(self) -> int: ...
    @property
    def packet_bytes(self) -> int: ...
    @property
    def requests(self) -> tuple[int, int]: ...
    def counters(self) -> dict[str, int]: ...
    def stages(self) -> dict[str, tuple[int, int, int, int]]:
        """Latency histograms of the tiles by name: count, p50, p99, p99.9 in ns."""
    def close(self) -> None: ...

def tick_to_trade_wire(
    plan: Plan,
    messages: int,
    seed: int,
    cores: tuple[int, int],
    blocks: int,
    packets: int,
    warm_up: int,
    done: Callable[[], object],
) -> WireFigures: ...
def journal_append(directory: str | PathLike[str], records: int) -> float: ...
def journal_append_each(directory: str | PathLike[str], records: int) -> bytes: ...
def journal_write(directory: str | PathLike[str], records: int, segment_bytes: int, forced: bool) -> float: ...
def journal_release(directory: str | PathLike[str], records: int) -> bytes: ...
def journal_replay(directory: str | PathLike[str], records: int, seed: int) -> float: ...
def disk_write(path: str | PathLike[str], bytes: int) -> float: ...
def disk_force(path: str | PathLike[str], times: int) -> bytes: ...
def journal_copy(records: int) -> float: ...

class FixFigures(TypedDict):
    trips: list[bytes]
    echo: list[bytes]
    rates: list[float]
    bytes: tuple[int, int]

class GatewayFigures(TypedDict):
    orders: list[bytes]
    reports: list[bytes]

def fix_gateway_trips(
    directory: str | PathLike[str], *, blocks: int, orders: int, done: Callable[[], object]
) -> GatewayFigures: ...
def fix_wire_trips(
    directory: str | PathLike[str],
    *,
    cores: tuple[int, int],
    blocks: int,
    orders: int,
    pipelined: int,
    window: int,
    done: Callable[[], object],
) -> FixFigures: ...
