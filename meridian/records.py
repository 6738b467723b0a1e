"""The one schema for Python: dtypes, code enumerations and constants of every record, all read from the extension.

Invariant: a dtype here has the size and the offsets of the `repr(C)` type in `crates/records`, so that an array over a
journal, a ring or a file of records is a view, never a copy. Prices are nanos, sizes lots, times ns UTC.

    import numpy as np
    from meridian import records

    order = records.new("MarketOrder", side=records.Side.BUY, price_nanos=101_250_000_000, lots=300)
    records.parse(order.tobytes())["lots"]            # 300
    records.array(b"".join(...), "MarketOrder")       # a view of many records of one kind
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian._native import records as _native
from meridian.codes import *  # noqa: F403

Bytes = bytes | bytearray | memoryview

LAYOUTS: dict[str, Layout] = {}
"""Every layout by name."""

UNDEF_PRICE: int = _native.CONSTANTS["UNDEF_PRICE"]
"""An absent price."""
NANOS: int = _native.CONSTANTS["NANOS"]
"""Nanos of one whole currency unit."""
FLAG_LAST: int = _native.CONSTANTS["FLAG_LAST"]
"""Header flag: the last record of one venue event."""
FLAG_SNAPSHOT: int = _native.CONSTANTS["FLAG_SNAPSHOT"]
"""Header flag: part of a snapshot."""
FLAG_SYNTHETIC: int = _native.CONSTANTS["FLAG_SYNTHETIC"]
"""Header flag: made by us."""
CONSTANTS: dict[str, int] = dict(_native.CONSTANTS)
"""Every constant of the records by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One layout: `kind` and `version` are 0 for a part of records."""

    name: str
    size: int
    kind: int
    version: int
    fields: tuple[tuple[str, int, str, tuple[int, ...]], ...]


for _entry in _native.LAYOUTS:
    LAYOUTS[_entry["name"]] = Layout(**_entry)


@cache
def dtype(name: str) -> np.dtype[np.void]:
    """The numpy dtype of a layout, offsets and size as in Rust. Raises KeyError for an unknown name."""
    layout = LAYOUTS[name]
    formats: list[Any] = []
    for _, _, inner, shape in layout.fields:
        element: Any = np.dtype(inner) if inner.startswith("<") else dtype(inner)
        formats.append((element, shape) if shape else element)
    description: Any = {
        "names": [field[0] for field in layout.fields],
        "formats": formats,
        "offsets": [field[1] for field in layout.fields],
        "itemsize": layout.size,
    }
    made: np.dtype[np.void] = np.dtype(description, align=True)
    return made


@cache
def numba_type(name: str) -> Any:
    """The numba record type of a layout. numba is imported here and not before."""
    from numba import from_dtype

    return from_dtype(dtype(name))


def name_of(data: Bytes) -> str:
    """The name of the record at the start of `data`. Raises ValueError when the bytes are no record of this build."""
    return _native.name_of(bytes(data))


def parse(data: Bytes) -> np.void:
    """The record at the start of `data`, as a read-only view. Raises ValueError when the bytes are no record."""
    record: np.void = np.frombuffer(data, dtype=dtype(name_of(data)), count=1)[0]
    return record


def split(data: Bytes) -> Iterator[tuple[str, np.void]]:
    """Name and view of each record of `data`, one after another. Raises ValueError at the first that is none."""
    for name, offset in _native.split(bytes(data)):
        yield name, np.frombuffer(data, dtype=dtype(name), count=1, offset=offset)[0]


def array(data: Bytes, name: str) -> NDArray[np.void]:
    """A view of `data` as records of one layout. Raises ValueError when its length is no multiple of theirs."""
    if len(data) % LAYOUTS[name].size:
        raise ValueError(f"{len(data)} bytes are not a whole number of {name} records of {LAYOUTS[name].size} bytes")
    return np.frombuffer(data, dtype=dtype(name))


def empty(name: str, count: int) -> NDArray[np.void]:
    """`count` empty records: all fields zero but kind, version and length of their headers."""
    layout = LAYOUTS[name]
    records = np.zeros(count, dtype=dtype(name))
    if layout.kind:
        header = records["header"]
        header["kind"], header["version"], header["length"] = layout.kind, layout.version, layout.size
    return records


def new(name: str, /, **fields: Any) -> np.void:
    """One record with these fields set; header fields by their own names, text into byte arrays as ASCII.

    Raises ValueError for a field that the layout does not have and for text that does not fit.
    """
    records = empty(name, 1)
    kind = dtype(name)
    for key, value in fields.items():
        part: Any = records
        if key not in (kind.names or ()):
            part = records["header"] if "header" in (kind.names or ()) else records
        if key not in (part.dtype.names or ()):
            raise ValueError(f"{name} has no field {key}; it has {', '.join(kind.names or ())} and those of its header")
        part[key][0] = _packed(name, key, value, part[key][0]) if isinstance(value, str) else value
    record: np.void = records[0]
    return record


def _packed(name: str, key: str, value: str, room: NDArray[np.uint8]) -> NDArray[np.uint8]:
    raw = value.encode("ascii")
    if len(raw) > room.size:
        raise ValueError(f"{name}.{key}: {value!r} has {len(raw)} characters; {room.size} fit")
    return np.frombuffer(raw.ljust(room.size, b"\0"), dtype=np.uint8)


def text(field: NDArray[np.uint8]) -> str:
    """The text of a zero-padded ASCII field (`symbol`, `name`, …)."""
    return bytes(field).rstrip(b"\0").decode("ascii", "replace")
