# What the extension offers of books and recorded flow; `meridian.venues.flow` re-exports it.
from pathlib import Path
from typing import TypedDict, final

class SymbolEntry(TypedDict):
    name: str
    instrument: int
    live_records: int
    setup_records: int
    live_from_ns: int
    live_to_ns: int

class BookEntry(TypedDict):
    symbol: str
    events: int
    order_records: int
    executed_lots: int
    trades: int
    orders: int
    bids: list[tuple[int, int, int]]
    asks: list[tuple[int, int, int]]
    crossed: bool
    anomalies: dict[str, int]
    state_hash: int
    touch_rows: int

class BooksMeasured(TypedDict):
    messages: int
    bad: int
    ns_per_message: float
    processor_ns_per_message: float
    touch_changes: int
    anomalies: int
    live_orders: int
    state_hash: int

ANOMALIES: list[str]
TOUCH_COLUMNS: str

@final
class Book:
    def __init__(self, orders_max: int = 65_536) -> None: ...
    def apply(self, orders: bytes) -> int: ...
    def levels(self, side: str, count: int = 10) -> list[tuple[int, int, int]]: ...
    def orders(self, side: str) -> list[tuple[int, int, int]]: ...
    def lots_ahead(self, order_ref: int) -> int: ...
    def clear(self) -> None: ...
    @property
    def anomalies(self) -> dict[str, int]: ...
    @property
    def state_hash(self) -> int: ...
    def __len__(self) -> int: ...

@final
class FlowFile:
    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str: ...
    @property
    def messages(self) -> int: ...
    @property
    def left_out(self) -> dict[str, int]: ...
    @property
    def symbols(self) -> list[SymbolEntry]: ...
    def orders(self, instrument: int = 0) -> bytes: ...
    def trades(self, instrument: int = 0) -> bytes: ...
    def replay(
        self, levels: int = 10, touches_of: str | None = None, touches_to: str | Path | None = None
    ) -> list[BookEntry]: ...
    def figures(self, instrument: int, tick_nanos: int, source: str) -> str | None: ...

def open_flow(paths: list[str | Path]) -> tuple[list[FlowFile], list[tuple[Path, str]]]: ...
def check_figures(text: str) -> list[str]: ...
def itch_stream(messages: int, symbols: int = 500, seed: int = 42) -> tuple[bytes, dict[str, int], int]: ...

CONSOLIDATED_COLUMNS: list[str]

def consolidate(streams: list[bytes], orders_max: int = 65_536) -> tuple[bytes, list[int]]:
    """Rows of signed 64-bit words under `CONSOLIDATED_COLUMNS`, and the anomalies of each stream's book."""

def bench_books(
    data: bytes, bijection: bool, symbols: int = 500, orders_max: int = 262_144, passes: int = 1
) -> BooksMeasured: ...
