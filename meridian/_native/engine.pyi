from os import PathLike
from typing import Any, NotRequired, TypedDict

class OrderRow(TypedDict):
    order_id: int
    first_id: int
    sent_time_ns: int
    venue: int
    instrument: int
    account: int
    strategy: int
    slot: int
    side: int
    price_nanos: int | None
    lots: int
    filled_lots: int
    leaves_lots: int
    state: str

class FillRow(TypedDict):
    sequence: int
    time_ns: int
    venue_time_ns: int
    order_id: int
    execution_id: int
    venue: int
    instrument: int
    account: int
    strategy: int
    side: int
    price_nanos: int
    lots: int
    liquidity: int
    fee_nanos: int

class PositionRow(TypedDict):
    account: int
    instrument: int
    strategy: int
    lots: int
    bought_lots: int
    sold_lots: int
    mark_nanos: int
    cash_nanos: int
    realised_nanos: int
    unrealised_nanos: int
    fees_nanos: int

class Replayed(TypedDict):
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
    state_hash: str
    full_hash: str
    recorded_input: int | None
    recorded_hash: str | None
    recorded_full_hash: str | None
    """The live engine's hash over its whole state at the journal's end; None: it recorded none that this build can compare."""
    recorded_closed: bool | None
    replayed_hash: str | None
    """The replay's hash at the recorded input."""
    agrees: bool | None
    """None: the live run recorded nothing to compare with."""
    slots_refused: list[int]
    """Slots whose object code was not found."""
    statistics: dict[str, int]
    orders: NotRequired[list[OrderRow]]
    fills: NotRequired[list[FillRow]]
    positions: NotRequired[list[PositionRow]]
    outputs: NotRequired[bytes]

def replay(
    directory: str | PathLike[str],
    libraries: str | PathLike[str] | None = None,
    collect: bool = False,
    from_input: int | None = None,
) -> Replayed: ...

class Shadow:
    """Follows the journal of an engine, whether it runs or not, and keeps its state."""

    @staticmethod
    def open(directory: str | PathLike[str], libraries: str | PathLike[str] | None = None) -> Shadow | None: ...
    def poll(self) -> int: ...
    @property
    def input(self) -> int: ...
    @property
    def state_hash(self) -> str: ...
    @property
    def compared(self) -> int: ...
    def snapshot(self, keep: int) -> tuple[str, str, int] | None: ...

def snapshots(directory: str | PathLike[str]) -> list[tuple[str, int, str | None]]: ...
def run(
    directory: str | PathLike[str],
    inputs: list[tuple[int, bytes]],
    libraries: str | PathLike[str] | None = None,
    segment_bytes: int = 1 << 20,
) -> str: ...

MARKS_FILE: str

def mark_of(
    directory: str | PathLike[str], inside: tuple[int, int, int], cause: int, signal: int, time_ns: int
) -> bytes | None:
    """The mark, a `Quarantine` record, of the call that an engine was in, by its counters `inside_call`, `inside_input` and
    `inside_code`; None: it was in none.

    Raises ValueError, FileNotFoundError or OSError where its journal does not have that input, or `cause` is none.
    """

def marks(content: bytes) -> list[bytes]:
    """The `Quarantine` records in the content of a file of marks. Raises ValueError when it is damaged."""

def with_marks(content: bytes | None, added: list[bytes]) -> bytes:
    """The content with these marks added. Raises ValueError when it is damaged or full, or one of them is no mark."""

def bootstrap_problems(data: bytes) -> str | None: ...
def paths(directory: str | PathLike[str], libraries: str | PathLike[str] | None, wanted: list[int]) -> dict[str, Any]:
    """How orders came to be, out of a replay: `ids` of every order, `commands` and `reports` of the wanted ones.

    Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's.
    """

def ouch_bytes(
    directory: str | PathLike[str], symbols: list[tuple[int, str]], midnight_ns: int
) -> list[tuple[int, int, int, int, bytes]]:
    """What an OUCH gateway sent, made again from its journal: when, kind of command, order, its number at the venue, bytes.

    Raises FileNotFoundError when there is no journal, ValueError when it is damaged.
    """
