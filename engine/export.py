"""Records of journals as tables for others: Parquet, CSV or JSON lines, one table a kind.

    export.run([Path("data/engine")], export.Choice(kinds=("OrderEvent",)), Path("events.parquet"), "parquet")

Invariant: a table is there whole or not at all, whatever ends the export; memory does not grow with the journal. Prices and
money are nanos as they stand in the records, an absent price is null, texts are without their padding.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import csv, parquet

from meridian import records
from meridian._native import journal as native
from meridian.console import progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from meridian.console import Progress

FORMATS = {"parquet": ".parquet", "csv": ".csv", "json": ".jsonl"}
"""Format → the suffix of its files."""
SCHEMA = "meridian.journal.export/1"
BATCH_RECORDS = 65_536
"""Records read at once."""
TABLE_ROWS, ALL_ROWS = 65_536, 262_144
"""Rows of one table, and of all together, that are kept before they are written."""
QUIET_SECONDS = 2.0
SEQUENCE_MAX = 2**64 - 1
HASHES = ("hash",)
"""How the names of fields end that hold bytes and no text."""
HEADER_SKIPPED = ("kind", "version", "length")
"""Of every record's header: the same in all rows of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which records: of these kinds (all when there is none), within both ranges, ends included."""

    kinds: tuple[str, ...] = ()
    sequences: tuple[int, int] = (1, SEQUENCE_MAX)
    times_ns: tuple[int, int] = (0, SEQUENCE_MAX)


@dataclass(slots=True)
class Table:
    """A table that is being written, under another name until it is whole."""

    kind: str
    path: Path
    making: Path
    rows: int = 0
    waiting: list[pyarrow.Table] = field(default_factory=list)
    waiting_rows: int = 0
    writer: Writer | None = None


class Writer(Protocol):
    """Takes tables of one schema, and ends."""

    def write_table(self, table: pyarrow.Table) -> None:
        """Appends rows."""

    def close(self) -> None:
        """No more rows come."""


class JsonLines:
    """A writer of one object a line; whole numbers beyond 64 bits are strings, as in CSV."""

    def __init__(self, path: Path) -> None:
        self.file: IO[str] = path.open("w", encoding="utf-8")

    def write_table(self, table: pyarrow.Table) -> None:
        """Appends rows."""
        self.file.writelines(f"{json.dumps(row, default=str)}\n" for row in table.to_pylist())

    def close(self) -> None:
        """No more rows come."""
        self.file.close()


def columns(array: NDArray[Any]) -> Iterator[tuple[str, pyarrow.Array]]:
    """The columns of records of one kind; those of parts under `part.name`, the header's under their own where that is free."""
    names = array.dtype.names or ()
    for name in names:
        if name.startswith("reserved"):
            continue
        column = array[name]
        inner = column.dtype.names
        if inner == ("low", "high"):
            yield name, _money(column)
        elif inner is None:
            yield name, _plain(name, column)
        else:
            header = name == "header"
            for part, values in columns(column):
                if header and part in HEADER_SKIPPED:
                    continue
                yield part if header and part not in names else f"{name}.{part}", values


def _plain(name: str, column: NDArray[Any]) -> pyarrow.Array:
    if column.ndim == 2 and column.dtype == np.uint8:
        if name.endswith(HASHES):
            return pyarrow.array([row.tobytes().hex() for row in column], pyarrow.string())
        texts = np.ascontiguousarray(column).view(f"S{column.shape[1]}").ravel()
        return pyarrow.array([text.decode("ascii", "replace") for text in texts.tolist()], pyarrow.string())
    values = np.ascontiguousarray(column)
    if name.endswith("_nanos") and values.dtype == np.int64:
        return pyarrow.array(values, mask=values == records.UNDEF_PRICE)
    return pyarrow.array(values)


def _money(column: NDArray[Any]) -> pyarrow.Array:
    pairs = zip(column["low"].tolist(), column["high"].tolist(), strict=True)
    return pyarrow.array([Decimal((high << 64) + low) for low, high in pairs], pyarrow.decimal128(38, 0))


def table_of(kind: str, journal: str, sequences: bytes, times_ns: bytes, data: bytes) -> pyarrow.Table:
    """A batch's records of one kind, with where they stand: journal, input sequence, engine time."""
    inputs = np.frombuffer(sequences, "<u8")
    made = {
        "journal": pyarrow.array([journal] * len(inputs), pyarrow.string()),
        "input": pyarrow.array(inputs),
        "engine_time_ns": pyarrow.array(np.frombuffer(times_ns, "<u8")),
    }
    made |= dict(columns(records.array(data, kind)))
    layout = records.LAYOUTS[kind]
    about = {"schema": SCHEMA, "record": kind, "kind": str(layout.kind), "version": str(layout.version)}
    return pyarrow.table(made).replace_schema_metadata(about)


class Export:
    """Tables under way. Used as a context: whatever is not finished is taken away at its end."""

    def __init__(self, out: Path, form: str, *, one_file: bool) -> None:
        self.out, self.form, self.one_file = out, form, one_file
        self.tables: dict[str, Table] = {}
        self.made_folder = False
        self.finished = False

    def __enter__(self) -> Export:
        if not self.one_file and not self.out.exists():
            self.out.mkdir()
            self.made_folder = True
        return self

    def __exit__(self, *_: object) -> None:
        if self.finished:
            return
        for table in self.tables.values():
            try:
                if table.writer is not None:
                    table.writer.close()
            except (OSError, ValueError, pyarrow.ArrowException):
                pass  # The disk that is full says so again; the file goes.
            table.making.unlink(missing_ok=True)
        if self.made_folder:
            self.out.rmdir()

    def add(self, kind: str, table: pyarrow.Table) -> None:
        """Takes rows; writes those that wait when they are many."""
        if kind not in self.tables:
            path = self.out if self.one_file else self.out / f"{kind}{FORMATS[self.form]}"
            self.tables[kind] = Table(kind, path, path.with_name(f".{path.name}.making"))
        one = self.tables[kind]
        one.waiting.append(table)
        one.waiting_rows += table.num_rows
        if one.waiting_rows >= TABLE_ROWS:
            self._write(one)
        elif sum(other.waiting_rows for other in self.tables.values()) >= ALL_ROWS:
            for other in self.tables.values():
                self._write(other)

    def _write(self, table: Table) -> None:
        if not table.waiting:
            return
        rows = pyarrow.concat_tables(table.waiting)
        table.waiting, table.waiting_rows = [], 0
        if table.writer is None:
            table.writer = self._writer(table.making, rows.schema)
        table.writer.write_table(rows)
        table.rows += rows.num_rows

    def _writer(self, path: Path, schema: pyarrow.Schema) -> Writer:
        if self.form == "parquet":
            made: Writer = parquet.ParquetWriter(path, schema, compression="zstd")
        elif self.form == "csv":
            made = csv.CSVWriter(path, schema)
        else:
            made = JsonLines(path)
        return made

    def finish(self) -> None:
        """Writes what waits, and gives every table its name."""
        for table in self.tables.values():
            self._write(table)
            assert table.writer is not None
            table.writer.close()
            with table.making.open("rb") as file:
                os.fsync(file.fileno())
        for table in self.tables.values():
            table.making.replace(table.path)
        self.finished = True


def run(journals: Sequence[Path], choice: Choice, out: Path, form: str) -> dict[str, Any]:
    """Exports the journals' records; returns what `--json` shows.

    Raises ValueError where a journal is damaged, OSError where a file cannot be written; nothing is left behind then.
    """
    codes = [records.LAYOUTS[kind].kind for kind in choice.kinds]
    names = {layout.kind: name for name, layout in records.LAYOUTS.items() if layout.kind}
    read = unreadable = 0
    with ExitStack() as stack, Export(out, form, one_file=bool(out.suffix)) as export:
        step = _progress(stack, sum(map(_first_of_last, journals)))
        passed = 0
        for journal in journals:
            batches = native.Batches(journal, codes, choice.sequences, choice.times_ns, BATCH_RECORDS)
            counts, last = (0, 0), 0
            for last, *counted, kinds in batches:
                counts = (counted[0], counted[1])
                for kind, (sequences, times_ns, data) in sorted(kinds.items()):
                    export.add(names[kind], table_of(names[kind], str(journal), sequences, times_ns, data))
                step(passed + last)
            passed += last
            read, unreadable = read + counts[0], unreadable + counts[1]
        export.finish()
        tables = [
            {"record": table.kind, "rows": table.rows, "file": str(table.path), "bytes": table.path.stat().st_size}
            for table in export.tables.values()
        ]
    return {"out": str(out), "format": form, "tables": tables, "records_read": read, "records_unreadable": unreadable}


def _first_of_last(journal: Path) -> int:
    """The sequence at which a journal's last segment with records begins; 0 when nobody can say."""
    return max((one["first_sequence"] or 0 for one in native.segments(journal)), default=0)


def _progress(stack: ExitStack, total: int) -> Callable[[int], None]:
    """Tells how far it is, once it has taken a while."""
    begun = time.monotonic()
    shown: list[Progress] = []

    def step(done: int) -> None:
        if not shown and time.monotonic() - begun > QUIET_SECONDS:
            bar: AbstractContextManager[Progress] = progress("records", total)
            shown.append(stack.enter_context(bar))
        if shown:
            shown[0](min(done, total))

    return step
