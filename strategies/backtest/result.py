"""What a backtest leaves: tables, a summary, Parquet files.

Invariant: a table's columns, their order and types are its schema, named and numbered in the file's own metadata; a changed
schema is a new number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meridian import files, markup, rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SCHEMA_VERSION", "Result", "Table"]

SCHEMA_VERSION = 1
SHOWN = ("net", "fees", "max_drawdown", "sharpe", "sortino", "orders", "fills", "fill_rate", "maker_share")
"""Figures of the summary that a notebook shows."""
TABLES = ("orders", "fills", "equity", "positions", "slots")


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, of one length."""

    name: str
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    @property
    def schema(self) -> str:
        """Its name and number."""
        return f"meridian.backtest.{self.name}/{SCHEMA_VERSION}"

    def to_arrow(self) -> pyarrow.Table:
        """The table as Arrow; its schema's name stands in the metadata."""
        import pyarrow

        return pyarrow.table(dict(self.columns)).replace_schema_metadata({"meridian.schema": self.schema})

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow C stream: what polars, duckdb, pandas and others take a table by."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        return rows.shown(self.name, self.columns, len(self))

    def save(self, path: Path) -> None:
        """Writes Parquet, whole or not at all."""
        import pyarrow.parquet

        making = path.with_name(f".{path.name}")
        try:
            pyarrow.parquet.write_table(self.to_arrow(), making, compression="zstd")
            making.replace(path)
        except OSError as error:
            making.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A backtest that has ended. `summary` is what `meridian backtest --json` prints."""

    summary: dict[str, Any]
    orders: Table
    fills: Table
    equity: Table
    positions: Table
    slots: Table
    warnings: list[str]
    errors: list[str]

    def _repr_html_(self) -> str:
        told = self.summary
        kept = [[name.replace("_", " "), _figure(told[name])] for name in SHOWN]
        kept += [["error", one] for one in self.errors[:5]] + [["warning", one] for one in self.warnings[:5]]
        title = f"{told['strategy']} on {', '.join(told['symbols'][:8])}"
        return markup.fragment(
            title, ["figure", "value"], kept, about=f"{told['records']:,} records; {', '.join(TABLES)}"
        )

    def tables(self) -> list[Table]:
        """All tables."""
        return [getattr(self, name) for name in TABLES]

    def save(self, directory: Path) -> list[Path]:
        """Writes every table as Parquet and the summary as JSON; the files written. Raises OSError.

        The summary goes first and comes back last, so that none is ever beside tables of another run.
        """
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "summary.json").unlink(missing_ok=True)
        written = []
        for table in self.tables():
            path = directory / f"{table.name}.parquet"
            table.save(path)
            written.append(path)
        path = directory / "summary.json"
        files.write_whole(path, json.dumps(self.summary, indent=2, allow_nan=False) + "\n")
        return [*written, path]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def table_of(name: str, columns: Mapping[str, tuple[str, bytes]]) -> Table:
    """A table from columns as the extension gives them."""
    return Table(name, {key: np.frombuffer(data, dtype=kind) for key, (kind, data) in columns.items()})
