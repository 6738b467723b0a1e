# What the extension offers this room; the room's package re-exports it.
from collections.abc import Callable
from typing import Any, TypedDict

class FieldEntry(TypedDict):
    name: str
    offset: int
    tag: int
    kind: str
    size: int
    about: str
    values: dict[str, str]

class MessageEntry(TypedDict):
    name: str
    group: str
    code: str | None
    size: int
    tail: str
    about: str
    fields: list[FieldEntry]

class ProtocolEntry(TypedDict):
    name: str
    title: str
    about: str
    messages: list[MessageEntry]
    elements: list[FieldEntry]

class CaptureTotals(TypedDict):
    packets: int
    messages: int
    bytes: int
    uncovered_bytes: int
    unknown: int

class NormalisedFile(TypedDict):
    MarketOrder: bytes
    Trade: bytes
    Status: bytes
    Imbalance: bytes
    messages: int
    unmapped: int
    silent: int
    bad: dict[str, int]
    bad_bytes: int
    samples: str

def protocols() -> list[str]: ...
def describe(protocol: str) -> ProtocolEntry: ...
def decode(protocol: str, data: bytes, group: str | None = None) -> dict[str, Any]: ...
def encode(protocol: str, message: dict[str, Any]) -> bytes: ...
def decode_capture(
    data: bytes, protocol: str | None = None, visit: Callable[[dict[str, Any]], object] | None = None
) -> CaptureTotals: ...
def normalise_itch(
    data: bytes, venue: int = 1, midnight_ns: int = 0, instruments: list[tuple[str, int]] | None = None
) -> NormalisedFile: ...
def itch_messages(data: bytes) -> list[bytes]: ...
def bench_decode(data: bytes) -> tuple[int, int, int]: ...
