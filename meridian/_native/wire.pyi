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

class FixDictionary:
    version: str
    begin_string: str
    @staticmethod
    def of_version(name: str, overlays: list[str] = ...) -> FixDictionary: ...
    @staticmethod
    def from_xml(text: str, transport: str | None = None, overlays: list[str] = ...) -> FixDictionary: ...
    def fields(self) -> dict[int, tuple[str, str, dict[str, str]]]: ...
    def messages(self) -> dict[str, tuple[str, bool]]: ...
    def data_fields(self) -> list[tuple[int, int]]: ...
    def is_header(self, tag: int) -> bool: ...
    def is_trailer(self, tag: int) -> bool: ...
    def groups(self, kind: bytes) -> dict[int, list[int]]: ...
    def validate(self, message: bytes, off: list[str] = ...) -> tuple[int, int, str] | None: ...

class FixParser:
    def __init__(self, version: str, validated: bool) -> None: ...
    def run(self, message: bytes, rounds: int) -> tuple[int, int]: ...

def fix_fields(
    message: bytes, dictionary: FixDictionary | None = None, tolerant: bool = False
) -> list[tuple[int, bytes]]: ...
def fix_frames(data: bytes, bytes_max: int, count_max: int) -> tuple[list[tuple[int, int]], int, dict[str, int]]: ...
def fix_seal(begin_string: bytes, body: bytes) -> bytes: ...
def fix_lint(text: str) -> list[str]: ...
def bench_fix_sample(name: str) -> bytes: ...
def bench_fix_build(name: str, rounds: int) -> tuple[int, int]: ...
