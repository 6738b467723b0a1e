"""A venue's file of our trades, as it gives one out at the end of a day: read, and made of the house exchange's own journal.

A row is a fill of one of our orders, a bust or a correction: `time_ns` (the venue's, UTC), `kind` (fill, bust, correction),
`execution_id`, `instrument` (our name of it), `side` (buy, sell), `lots`, `price` (a decimal with at most nine places; of a bust
it may be empty, and its lots 0). CSV with these columns in any order, or Parquet; further columns are left out.

Invariant: a file is taken whole or refused with every wrong row (the first twenty by line); prices are never floats.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path
from typing import Any

from meridian.analytics.reconciliation import EXCHANGE_KINDS, executions, side_word
from meridian.analytics.run import Run, table
from meridian.console import BadInput, Unreachable, cut, in_words, printable
from meridian.files import fault_of
from meridian.records import Side

COLUMNS = ("time_ns", "kind", "execution_id", "instrument", "side", "lots", "price")
KINDS = ("fill", "bust", "correction")
SIDES = {side_word(side): int(side) for side in (Side.BUY, Side.SELL)}
SUFFIXES = (".csv", ".parquet")
BYTES_MAX = 1 << 28
WRONG_MAX = 20
NANOS_DIGITS = 9
DIGITS_MAX = 40
"""Of a price as it is written."""
DECIMAL = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,4})?")
"""What `Decimal` takes, without what else it takes: digits of other scripts, and lines between digits."""
WORD_MAX = 2**63
"""Numbers are below it."""
NAME_MAX = 64
"""Of an instrument's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A row."""

    line: int
    time_ns: int
    kind: str
    number: int
    """Of the execution."""
    instrument: str
    side: int
    lots: int
    price_nanos: int


def read(path: Path, venue: str) -> list[Trade]:
    """The rows of a file. Raises BadInput with all that is wrong with it."""
    place = f"--venue-file = {venue}={path}"
    if path.suffix not in SUFFIXES:
        raise BadInput(f"{place}: allowed is a file that ends in {' or '.join(SUFFIXES)}")
    if fault := fault_of(path, BYTES_MAX):
        raise BadInput(f"{place}: {fault}; allowed is a file of at most that size")
    wrong: list[str] = []
    try:
        found = [trade for line, row in _rows(path, wrong) if (trade := _trade(line, row, wrong))]
    except (OSError, ValueError, csv.Error) as error:
        told = in_words(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{place}: cannot be read: {told}") from None
    first: dict[tuple[str, int, int], int] = {}
    for one in found:
        if one.kind != "correction":
            line = first.setdefault((one.kind, one.number, one.side), one.line)
            if line != one.line:
                wrong.append(
                    f"line {one.line}: {one.kind} {one.number} is in line {line} already; allowed is one row of each"
                )
    if wrong:
        more = [f"{place}: and {len(wrong) - WRONG_MAX:,} further rows"] if len(wrong) > WRONG_MAX else []
        raise BadInput([f"{place}: {one}" for one in wrong[:WRONG_MAX]] + more)
    return found


def _rows(path: Path, wrong: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines and rows as text; `wrong` is told of columns that are not there."""
    if path.suffix == ".parquet":
        from pyarrow import ArrowException, parquet

        try:
            data = parquet.read_table(path)
        except ArrowException as error:
            raise ValueError(str(error)) from None
        if _complete(data.column_names, wrong):
            for at, row in enumerate(data.select(list(COLUMNS)).to_pylist(), start=1):
                yield at, {name: "" if row[name] is None else str(row[name]) for name in COLUMNS}
        return
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if _complete(reader.fieldnames or (), wrong):
            for row in reader:
                if None in row:  # What stands behind the last column has moved the others: a price of 1,000.00, say.
                    cells = len(reader.fieldnames or ()) + len(row[None])
                    wrong.append(
                        f"line {reader.line_num}: has {cells} cells: allowed are {cells - len(row[None])}, one for each column"
                    )
                    continue
                yield reader.line_num, {name: (row[name] or "").strip() for name in COLUMNS}


def _complete(names: Any, wrong: list[str]) -> bool:
    counts = Counter(names)
    missing = [name for name in COLUMNS if not counts[name]]
    twice = [name for name in COLUMNS if counts[name] > 1]
    if missing:
        wrong.append(f"has no column {', '.join(missing)}; allowed are files with {', '.join(COLUMNS)}")
    if twice:
        wrong.append(f"has column {', '.join(twice)} more than once; allowed is each once")
    return not missing and not twice


def _trade(line: int, row: dict[str, str], wrong: list[str]) -> Trade | None:
    """A row, or what is wrong with it."""
    kind, side, before = row["kind"], row["side"], len(wrong)

    def refuse(name: str, allowed: str) -> None:
        wrong.append(f"line {line}: {name} = {printable(cut(row[name]))}: allowed is {allowed}")

    if kind not in KINDS:
        refuse("kind", ", ".join(KINDS))
    if side not in SIDES:
        refuse("side", ", ".join(SIDES))
    if not 0 < len(row["instrument"]) <= NAME_MAX or not row["instrument"].isprintable():
        refuse("instrument", f"the name of an instrument, 1 to {NAME_MAX} readable letters")
    numbers = {}
    least = {"time_ns": 1, "execution_id": 0, "lots": 0 if kind in ("bust", "correction") else 1}
    for name, first in least.items():
        text = row[name]
        numbers[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
        if not first <= numbers[name] < WORD_MAX:
            refuse(name, f"a whole number from {first} to {WORD_MAX - 1}")
    price_nanos = 0 if kind == "bust" and not row["price"] else _nanos(row["price"])
    if price_nanos is None:
        refuse("price", "a decimal number with at most nine places")
    if len(wrong) > before or price_nanos is None:
        return None
    return Trade(
        line=line,
        time_ns=numbers["time_ns"],
        kind=kind,
        number=numbers["execution_id"],
        instrument=row["instrument"],
        side=SIDES[side],
        lots=numbers["lots"],
        price_nanos=price_nanos,
    )


def _nanos(text: str) -> int | None:
    """A decimal in nanos, exact; None for what is none, or cannot be."""
    if len(text) > DIGITS_MAX or not DECIMAL.fullmatch(text):
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if abs(value.adjusted()) > NANOS_DIGITS * 2:
        return None
    with localcontext(prec=2 * DIGITS_MAX):
        scaled = value.scaleb(NANOS_DIGITS)
        return int(scaled) if scaled == scaled.to_integral_value() and abs(scaled) < WORD_MAX else None


def of_exchange(run: Run, venue: dict[str, Any]) -> list[Trade]:
    """The rows that a house exchange would give out of our session. Raises Unreachable or BadInput for its journal."""
    rows = table(executions(run.directory / str(venue["exchange_journal"]), [int(venue["session"])])["executions"])
    return [
        Trade(
            line=at,
            time_ns=int(row["time_ns"]),
            kind=EXCHANGE_KINDS[int(row["kind"])],
            number=int(row["match_id"]),
            instrument=run.names.instrument(int(row["instrument"])),
            side=int(row["side"]),
            lots=int(row["lots"]),
            price_nanos=int(row["price_nanos"]),
        )
        for at, row in enumerate(rows, start=1)
        if int(row["kind"]) in EXCHANGE_KINDS
    ]


def write(path: Path, trades: list[Trade]) -> None:
    """Writes rows, as CSV or Parquet by the file's name; the file is there whole or not at all. Raises Unreachable."""
    making = path.with_name(f".{path.name}.making")
    try:
        if path.suffix == ".parquet":
            _write_parquet(making, trades)
        else:
            with making.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows((*cells[:-1], f"{cells[-1]:f}") for cells in map(cells, trades))
        with making.open("rb") as file:
            os.fsync(file.fileno())
        making.replace(path)
    except OSError as error:
        making.unlink(missing_ok=True)
        raise Unreachable(f"--out = {path}: {in_words(error)}") from None


def cells(one: Trade) -> tuple[int, str, int, str, str, int, Decimal]:
    price = Decimal(one.price_nanos).scaleb(-NANOS_DIGITS)
    return one.time_ns, one.kind, one.number, one.instrument, side_word(one.side), one.lots, price


def _write_parquet(path: Path, trades: list[Trade]) -> None:
    import pyarrow
    from pyarrow import parquet

    text, word = pyarrow.string(), pyarrow.int64()
    kinds = (word, text, word, text, text, word, pyarrow.decimal128(28, NANOS_DIGITS))
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    rows = [dict(zip(COLUMNS, cells(one), strict=True)) for one in trades]
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path)
