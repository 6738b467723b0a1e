"""Rows that show themselves in a notebook and hand themselves over: numpy structured arrays, and columns by name.

    run.fills                                  # a table, its first and last rows
    polars.from_arrow(run.fills)               # by the Arrow C stream, as pandas, duckdb and others take it

Invariant: what is shown is bounded, whatever the length, and escaped; what is handed over is the values as they are, parts of
records under their own names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import markup
from meridian.codes import Side
from meridian.records import NANOS, UNDEF_PRICE

__all__ = ["Rows", "columns_of", "shown", "stream"]

ENDS_MAX, COLUMNS_MAX, TEXT_MAX = 10, 24, 60
"""Rows of each end, columns, and characters of a value that are shown."""
SIDES = {int(side): side.name.lower() for side in Side}


class Rows(np.ndarray[Any, np.dtype[Any]]):
    """A structured array; `array.view(Rows)` makes one of any, without a copy."""

    def _repr_html_(self) -> str:
        if self.dtype.names is None or self.ndim != 1:
            return markup.preformatted(repr(np.asarray(self)))
        return shown("", columns_of(self), len(self))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow C stream. Raises TypeError for what has no columns."""
        if self.dtype.names is None or self.ndim != 1:
            raise TypeError("an array without columns is no table; take its rows by a slice")
        return stream(columns_of(self), requested_schema)


def columns_of(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The columns, those of parts (a record's header) among them; a name that two have bears its part's."""
    found: dict[str, NDArray[Any]] = {}
    plain = np.asarray(array)
    names = plain.dtype.names or ()
    for name in names:
        if name.startswith("reserved"):
            continue
        column = plain[name]
        if column.dtype.names is None:
            found[name] = column
            continue
        for inner, values in columns_of(column).items():
            found[inner if inner not in found and inner not in names else f"{name}.{inner}"] = values
    return found


def stream(columns: Mapping[str, NDArray[Any]], requested_schema: object | None = None) -> object:
    """Columns as an Arrow C stream; a column of arrays is one of lists."""
    import pyarrow

    made = {
        name: pyarrow.array(np.ascontiguousarray(values))
        if values.ndim == 1
        else pyarrow.FixedSizeListArray.from_arrays(np.ascontiguousarray(values).ravel(), values.shape[1])
        for name, values in columns.items()
    }
    return pyarrow.table(made).__arrow_c_stream__(requested_schema)


def shown(title: str, columns: Mapping[str, NDArray[Any]], count: int) -> str:
    """The first and the last rows as HTML."""
    names = list(columns)[:COLUMNS_MAX]
    places = list(range(count)) if count <= 2 * ENDS_MAX else [*range(ENDS_MAX), *range(count - ENDS_MAX, count)]
    rows: list[Sequence[Any]] = [[_word(name, columns[name][at]) for name in names] for at in places]
    if count > len(places):
        rows.insert(ENDS_MAX, ["…"] * len(names))
    words = f"{count:,} rows"
    if len(columns) > len(names):
        words += f", {len(names)} of {len(columns)} columns"
    return markup.fragment(title, names, rows, about=words)


def _word(name: str, value: Any) -> str:
    """A value as a person reads it: prices and money in whole units, times of day in UTC."""
    if name.endswith(("time_ns", "since_ns")) and value > 0:
        return str(np.datetime64(int(value), "ns")).partition("T")[2]
    if (name.endswith("_nanos") or name.startswith("later_")) and not isinstance(value, np.ndarray):
        return "" if value == UNDEF_PRICE else f"{int(value) / NANOS:,.9g}"
    if name == "side":
        return SIDES.get(int(value), str(value))
    text = f"{value:,}" if isinstance(value, np.integer) and "id" not in name and "ref" not in name else str(value)
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
