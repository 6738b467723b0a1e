"""Venue protocols in Python: messages as dicts, captures, ITCH files as numpy arrays.

The codecs are the Rust ones that the hot path uses. Letters come without the padding on their right, numbers as
integers with their implied decimals (`describe` names them), variable parts as bytes.

    from meridian.venues import wire

    orders = wire.read_itch("01302020.NASDAQ_ITCH50").orders          # numpy, dtype of records.MarketOrder
    orders[orders["action"] == 1]["price_nanos"].max()
    data = wire.encode("itch50", {"type": "AddOrder", "stock": "AAPL", "price": 1_912_500})
    wire.decode("itch50", data)["price"]                              # 1912500: 191.2500

Invariant: `encode(protocol, decode(protocol, data)) == data` for every message whose optional fields stand once each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian._native import wire as _native

if TYPE_CHECKING:
    from meridian._native.wire import CaptureTotals, ProtocolEntry

__all__ = [
    "ItchFile",
    "bench_decode",
    "capture_totals",
    "decode",
    "describe",
    "encode",
    "itch_messages",
    "protocols",
    "read_capture",
    "read_itch",
]

Source = str | Path | bytes
"""A file's path, or its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItchFile:
    """An ITCH file, normalised: arrays of records by kind, in file order, and what became of every message."""

    orders: NDArray[np.void]
    trades: NDArray[np.void]
    statuses: NDArray[np.void]
    imbalances: NDArray[np.void]
    messages: int
    """Good messages."""
    unmapped: int
    """Of these, messages of securities that no instrument was given for."""
    silent: int
    """Of these, messages that say nothing a record holds."""
    bad: dict[str, int]
    """Bad messages by reason."""
    samples: str
    """First bytes of some bad messages: time, sequence, reason, length, hexadecimal; a line each."""


def _bytes_of(source: Source) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def protocols() -> list[str]:
    """Names of the protocols there are."""
    return _native.protocols()


def describe(protocol: str) -> ProtocolEntry:
    """A protocol's messages, fields, offsets and codes, as its wire table has them. ValueError for an unknown name."""
    return _native.describe(protocol)


def decode(protocol: str, data: bytes, group: str | None = None) -> dict[str, Any]:
    """One message as a dict: `type`, fields, and `appendage` where it has one.

    `group` tells what the bytes do not: "Inbound" or "Outbound" (default) for ouch50, "Request" for moldudp64.
    Raises ValueError with the reason when the bytes are no message.
    """
    return _native.decode(protocol, data, group)


def encode(protocol: str, message: Mapping[str, Any]) -> bytes:
    """The bytes of a message given as `decode` returns it; fields left out are blank or zero.

    Raises ValueError for an unknown message or field, or a value that does not fit; KeyError without `type`.
    """
    return _native.encode(protocol, dict(message))


def itch_messages(source: Source) -> Iterator[dict[str, Any]]:
    """Every message of an ITCH file as a dict; ValueError at the first that is malformed."""
    for message in _native.itch_messages(_bytes_of(source)):
        yield _native.decode("itch50", message)


def read_itch(
    source: Source, *, venue: int = 1, midnight_ns: int = 0, instruments: Mapping[str, int] | None = None
) -> ItchFile:
    """An ITCH 5.0 file (two length bytes before each message) as arrays of normalised records.

    `instruments` maps symbols to instrument ids; without it a security's locate number is its id. `midnight_ns` is the
    UTC time of the file's midnight, added to its timestamps. Bad messages are skipped, counted and sampled.
    """
    chosen = None if instruments is None else sorted(instruments.items())
    file = _native.normalise_itch(_bytes_of(source), venue, midnight_ns, chosen)
    return ItchFile(
        orders=np.frombuffer(file["MarketOrder"], records.dtype("MarketOrder")),
        trades=np.frombuffer(file["Trade"], records.dtype("Trade")),
        statuses=np.frombuffer(file["Status"], records.dtype("Status")),
        imbalances=np.frombuffer(file["Imbalance"], records.dtype("Imbalance")),
        messages=file["messages"],
        unmapped=file["unmapped"],
        silent=file["silent"],
        bad=file["bad"],
        samples=file["samples"],
    )


def capture_totals(
    source: Source, protocol: str | None = None, visit: Callable[[dict[str, Any]], object] | None = None
) -> CaptureTotals:
    """Reads a capture (pcap or pcapng), calls `visit` with a dict a message, and returns the totals.

    A dict has `packet`, `time_ns`, `sequence`, `protocol`, `bytes`, `counted`, and either `message` or `error`.
    Without `protocol`, framing and messages are told by their structure. Raises ValueError when it is no capture.
    """
    return _native.decode_capture(_bytes_of(source), protocol, visit)


def read_capture(source: Source, protocol: str | None = None) -> list[dict[str, Any]]:
    """Every message of a capture, as `capture_totals` visits them."""
    found: list[dict[str, Any]] = []
    capture_totals(source, protocol, found.append)
    return found


def bench_decode(data: bytes) -> tuple[int, int, int]:
    """Decodes an ITCH file's bytes into records and hashes all of them: messages, nanoseconds, hash."""
    return _native.bench_decode(data)
