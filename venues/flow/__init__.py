"""Recorded order flow and its books: LOBSTER pairs, Databento order by order, ITCH 5.0 files and captures, Parquet.

    from meridian.venues import flow

    file = flow.open_files(["AAPL_2012-06-21_message_10.csv"]).files[0]
    orders = flow.orders(file)                       # numpy, dtype of records.MarketOrder
    book = flow.Book()
    book.apply(orders)
    book.levels("buy", 5)                            # [(price_nanos, lots, orders), …], best first

A file is checked whole when it is opened; a file with an error gives no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meridian import records
from meridian._native import book as _native
from meridian.book import Book
from meridian.rows import Rows
from meridian.venues.flow import parquet
from meridian.venues.flow.by_level import changes, levels, save_tardis

__all__ = [
    "TOUCH_COLUMNS",
    "Book",
    "FlowFile",
    "Opened",
    "bench_books",
    "changes",
    "itch_stream",
    "levels",
    "open_files",
    "orders",
    "save_tardis",
    "trades",
]


TOUCH_COLUMNS = _native.TOUCH_COLUMNS
FlowFile = _native.FlowFile
bench_books = _native.bench_books
itch_stream = _native.itch_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the paths held: checked files, and what was passed over with the reason."""

    files: list[FlowFile]
    skipped: list[tuple[Path, str]]


def open_files(paths: Iterable[str | Path]) -> Opened:
    """Opens flow files and directories (the files directly in them). ValueError with every error, one a line.

    What is read of a Parquet file is kept in the user's cache.
    """
    files, skipped = _native.open_flow([parquet.read_as(Path(path)) for path in paths])
    return Opened(files=files, skipped=skipped)


def orders(file: FlowFile, instrument: int = 0) -> Rows:
    """`MarketOrder` records in file order, of one instrument of the file or (0) of all."""
    return np.frombuffer(file.orders(instrument), records.dtype("MarketOrder")).view(Rows)


def trades(file: FlowFile, instrument: int = 0) -> Rows:
    """`Trade` records (hidden, cross, implied) in file order, of one instrument of the file or (0) of all."""
    return np.frombuffer(file.trades(instrument), records.dtype("Trade")).view(Rows)
