# What the extension offers this room; the room's package re-exports it.
from typing import TypedDict

HANDOVER_VERSION: int

class MatchingBench(TypedDict):
    commands: int
    elapsed_ns: int
    ns_per_command: float
    trades: int
    events: int
    refused: int
    resting: int
    state_hash: int

class PipelineBench(TypedDict):
    commands: int
    elapsed_ns: int
    median_ps: int
    packets: int
    feed_bytes: int
    feed_messages: int
    answers: int
    answer_bytes: int
    request_bytes: int
    state_hash: int

class Matching:
    def __init__(
        self,
        *,
        instruments: int = 64,
        sessions: int = 64,
        orders: int = 65536,
        levels_per_side: int = 8192,
        trades: int = 65536,
    ) -> None: ...
    def apply(self, records: bytes) -> bytes: ...
    def indications(self) -> bytes: ...
    def best(self, instrument: int, side: int) -> tuple[int, int] | None: ...
    def orders(self) -> list[tuple[int, int, int, int, int, bool, int, int, int, int]]:
        """(instrument, side, price_nanos, front_lots, reserve_lots, hidden, order_ref, session, user_ref, executed_lots)."""
    def __len__(self) -> int: ...
    @property
    def state_hash(self) -> int: ...
    @property
    def events_hash(self) -> int: ...

def bench_matching(commands: int, seed: int) -> MatchingBench: ...
def bench_pipeline(directory: str, commands: int, seed: int) -> PipelineBench: ...
