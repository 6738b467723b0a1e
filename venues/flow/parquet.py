"""Recorded flow in Parquet: orders, levels or trades in whole numbers, handed to the readers as records.

A file holds one table, told by its columns. In all of them `time_ns` (ns UTC: whole, or a timestamp) and `symbol`; then

- orders: `action` (add, execute, reduce, delete, replace, modify, clear), `order_ref`, `side` (buy, sell: of the order; clear: or
  null for both), `price_nanos` (of add, replace and modify), `lots` (of the order; of execute and reduce what went); and
  where there are any `new_order_ref` (of replace) and `match_id`;
- levels: `side`, `price_nanos`, `lots` (what the price now has; 0: nothing);
- trades: `resting_side` (buy, sell, or null where nobody says), `price_nanos`, `lots`; where there is one `match_id`.

Further columns that are understood: `snapshot` (the row is of a snapshot; the first of several clears the levels before it) and
`last` (the row ends an event; without it rows of one symbol and time are one event). Others are left alone. Prices are nanos.

Invariant: what is handed over has a record for each row, in the file's order; a file with an error hands over none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian.codes import BookAction, Side

__all__ = [
    "SUFFIX",
    "FlowParquetError",
    "default_folder",
    "handed_over",
    "read_as",
    "save_levels",
    "save_orders",
    "save_trades",
]

SUFFIX = ".parquet"
VERSION = 1
"""Of what is kept: other records from the same file are another number."""
KEPT_S = 7 * 24 * 3_600
"""How long records lie in the cache after their last use, s: they are made again from the file in seconds."""
BATCH_ROWS = 1 << 17
ERRORS_MAX = 20
LOTS_MAX: int = records.CONSTANTS["LOTS_MAX"]
"""More than any venue has: so many orders of it as a level may hold add up."""
NEEDED = {
    "orders": ("time_ns", "symbol", "action", "order_ref", "side", "price_nanos", "lots"),
    "levels": ("time_ns", "symbol", "side", "price_nanos", "lots"),
    "trades": ("time_ns", "symbol", "resting_side", "price_nanos", "lots"),
}
RECORDS = {"orders": "MarketOrder", "levels": "MarketLevel", "trades": "Trade"}
ACTIONS = {action.name.lower(): int(action) for action in BookAction}
SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}
PRICED = (BookAction.ADD, BookAction.REPLACE, BookAction.MODIFY)
WHOLE = ("time_ns", "order_ref", "new_order_ref", "price_nanos", "lots", "match_id")


class FlowParquetError(ValueError):
    """What is wrong with a file, one sentence a line."""


def handed_over(path: Path, folder: Path, tell: Callable[[Path, int], None] = lambda *_: None) -> Path:
    """The records of a file as the readers take them, below `folder`, made where they are not there yet.

    `tell` hears of rows so far. Raises FlowParquetError with every error, OSError where they cannot be written.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise FlowParquetError(f"{path}: there is no such file; a Parquet file of flow is allowed") from error
    name = f"{path.resolve()}:{about.st_size}:{about.st_mtime_ns}:{VERSION}"
    place = folder / "parquet" / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}-{path.stem[:40]}.flow"
    if place.is_file():
        os.utime(place)
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    _forget(place.parent)
    making = place.with_name(f".{os.getpid()}-{place.name}")
    try:
        _write(path, making, tell)
        making.replace(place)
    finally:
        making.unlink(missing_ok=True)
    return place


def _forget(folder: Path) -> None:
    """Removes records that nobody has asked for in KEPT_S; those being made by a process that was killed are among them."""
    now_s = time.time()
    for kept in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # Another process removes as well.
            if now_s - kept.stat().st_mtime > KEPT_S:
                kept.unlink()


def default_folder() -> Path:
    """Where records of Parquet files are kept: the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meridian" / "flow"


def read_as(path: Path) -> Path:
    """What a reader is to be given for a path: itself, or the records of a Parquet file. Raises as `handed_over`."""
    return handed_over(path, default_folder()) if path.suffix == SUFFIX else path


def _write(path: Path, making: Path, tell: Callable[[Path, int], None]) -> None:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            kind = _kind(path, set(file.schema_arrow.names))
            symbols = _symbols(path, file)
            table = _Table(path, kind, symbols)
            with making.open("wb") as out:
                out.write(_head(kind, symbols))
                rows = 0
                wanted = [*NEEDED[kind], "new_order_ref", "match_id", "snapshot", "last"]
                columns = [name for name in wanted if name in file.schema_arrow.names]
                for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                    if batch.num_rows:
                        for made in table.records(batch, rows):
                            out.write(made.tobytes())
                        rows += batch.num_rows
                        tell(path, rows)
                out.write(table.end())
    except (pyarrow.ArrowException, OSError) as error:
        raise FlowParquetError(f"{path}: no whole Parquet file ({_line(error)}); a file of flow is allowed") from error
    if table.errors:
        raise FlowParquetError("\n".join(table.errors))


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]


def _kind(path: Path, there: set[str]) -> str:
    kind = "orders" if "order_ref" in there else "trades" if "resting_side" in there else "levels"
    missing = [name for name in NEEDED[kind] if name not in there]
    if missing:
        tables = "; ".join(f"{name} have {', '.join(columns)}" for name, columns in NEEDED.items())
        raise FlowParquetError(f"{path}: taken for {kind}, it lacks {', '.join(missing)}; {tables}")
    return kind


def _symbols(path: Path, file: Any) -> dict[str, int]:
    """Each symbol's number, from 1, as they are met."""
    found: dict[str, int] = {}
    row = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=["symbol"]):
        for name in batch.column(0).unique().to_pylist():
            if not isinstance(name, str) or not name or len(name.encode()) > 255:
                raise FlowParquetError(f"{path}, rows {row + 1} on: symbol is {name!r}; a word is allowed")
            found.setdefault(name, len(found) + 1)
        row += batch.num_rows
    return found


def _head(kind: str, symbols: dict[str, int]) -> bytes:
    """As crates/book/src/flow/flat.rs reads it."""
    head = b"MERIDFL1" + int(kind != "orders").to_bytes(4, "little") + len(symbols).to_bytes(4, "little")
    return head + b"".join(len(name.encode()).to_bytes(2, "little") + name.encode() for name in symbols)


class _Table:
    """Batches of one file on their way to records."""

    def __init__(self, path: Path, kind: str, symbols: dict[str, int]) -> None:
        self.path, self.kind, self.symbols = path, kind, symbols
        self.errors: list[str] = []
        self.held: NDArray[Any] | None = None
        """The last row, of which the next one says whether it ends its event."""
        self.in_snapshot = np.zeros(len(symbols) + 1, dtype=bool)

    def records(self, batch: Any, before: int) -> Iterator[NDArray[Any]]:
        """Records of a batch, less the last one; with that of the batch before."""
        told = len(self.errors)
        columns = {name: self._column(batch, name, before) for name in batch.schema.names}
        if len(self.errors) == told:
            self._check(columns, before)
        if self.errors:
            return
        made = self._made(columns, before)
        if "last" not in columns:
            whole = made if self.held is None else np.concatenate([self.held, made])
            head = whole["header"]
            ends = (head["instrument"][1:] != head["instrument"][:-1]) | (
                head["venue_time_ns"][1:] != head["venue_time_ns"][:-1]
            )
            head["flags"][:-1] |= np.where(ends, records.FLAG_LAST, 0).astype(np.uint8)
            # Whether the last row ends its event the next batch says.
            self.held, made = whole[-1:].copy(), whole[:-1]
        yield made

    def end(self) -> bytes:
        """The row that was held, which ends its event."""
        if self.held is None:
            return b""
        self.held["header"]["flags"] |= records.FLAG_LAST
        return self.held.tobytes()

    def _wrong(self, bad: NDArray[Any], before: int, words: Callable[[int], str]) -> None:
        """Tells of the first bad row."""
        if bad.any() and len(self.errors) < ERRORS_MAX:
            at = int(bad.argmax())
            more = int(bad.sum()) - 1
            others = f" (and so {more:,} further rows of its batch)" if more else ""
            self.errors.append(f"{self.path}, row {before + at + 1}: {words(at)}{others}")

    def _column(self, batch: Any, name: str, before: int) -> NDArray[Any]:
        """A column as numpy has it: whole numbers, codes of words (0: null, 255: none of the words), or booleans."""
        import pyarrow

        column = batch.column(name)
        if name == "symbol":
            return self._codes(column, self.symbols, np.uint32)
        if name == "action":
            return self._codes(column, ACTIONS, np.uint8)
        if name in ("side", "resting_side"):
            return self._codes(column, SIDES, np.uint8)
        whole = pyarrow.uint64() if name in ("order_ref", "new_order_ref", "match_id") else pyarrow.int64()
        kind = pyarrow.bool_() if name in ("snapshot", "last") else whole
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.timestamp("ns", tz=column.type.tz)).cast(pyarrow.int64())
        if name in WHOLE and not pyarrow.types.is_integer(column.type):
            self.errors.append(f"{self.path}: {name} is of type {column.type}; whole numbers are allowed")
            return np.zeros(len(column), dtype=np.int64)
        try:
            absent = False if kind == pyarrow.bool_() else records.UNDEF_PRICE if name == "price_nanos" else 0
            return np.asarray(column.cast(kind).fill_null(absent))
        except pyarrow.ArrowInvalid as error:
            self.errors.append(f"{self.path}, rows {before + 1} on: {name}: {_line(error)}; {kind} is allowed")
            return np.zeros(len(column), dtype=np.int64)

    @staticmethod
    def _codes(column: Any, words: dict[str, int], kind: Any) -> NDArray[Any]:
        import pyarrow

        coded = column if pyarrow.types.is_dictionary(column.type) else column.dictionary_encode()
        other = np.iinfo(kind).max
        codes = np.array([words.get(word, other) for word in coded.dictionary.to_pylist()] + [0], dtype=kind)
        found: NDArray[Any] = codes[np.asarray(coded.indices.fill_null(len(codes) - 1))]
        return found

    def _check(self, columns: dict[str, NDArray[Any]], before: int) -> None:
        """Every value that cannot be, by its first row."""
        time_ns, lots, price = columns["time_ns"], columns["lots"], columns["price_nanos"]
        self._wrong(time_ns <= 0, before, lambda at: f"time_ns is {time_ns[at]}; ns since 1970 are allowed")
        if self.kind == "orders":
            action, side = columns["action"], columns["side"]
            words = ", ".join(ACTIONS)
            self._wrong((action == 0) | (action == 255), before, lambda _at: f"action is none of {words}")
            self._wrong(
                (side == 255) | (side == 0) & (action == BookAction.ADD),
                before,
                lambda _at: "side is neither buy nor sell",
            )
            moved = np.isin(action, PRICED)
            self._wrong(
                moved & (price == records.UNDEF_PRICE),
                before,
                lambda _at: "price_nanos is null; this action needs a price",
            )
            sized = moved | np.isin(action, (BookAction.EXECUTE, BookAction.REDUCE))
            bad = sized & ((lots <= 0) | (lots > LOTS_MAX))
            if (action == BookAction.REPLACE).any() and "new_order_ref" not in columns:
                self._wrong(action == BookAction.REPLACE, before, lambda _at: "replace needs a column new_order_ref")
        else:
            side = columns["side" if self.kind == "levels" else "resting_side"]
            self._wrong(
                (side == 255) | (side == 0) & (self.kind == "levels"),
                before,
                lambda _at: "side is neither buy nor sell",
            )
            self._wrong(price == records.UNDEF_PRICE, before, lambda _at: "price_nanos is null; a price is needed")
            bad = (lots < (0 if self.kind == "levels" else 1)) | (lots > LOTS_MAX)
        self._wrong(bad, before, lambda at: f"lots is {lots[at]}; whole lots up to {LOTS_MAX:,} are allowed")

    def _made(self, columns: dict[str, NDArray[Any]], before: int) -> NDArray[Any]:
        layout = records.LAYOUTS[RECORDS[self.kind]]
        count = len(columns["time_ns"])
        made = np.zeros(count, records.dtype(layout.name))
        head = made["header"]
        head["kind"], head["version"], head["length"] = layout.kind, layout.version, layout.size
        head["instrument"], head["sequence"] = columns["symbol"], np.arange(before + 1, before + count + 1)
        head["venue_time_ns"] = head["receive_time_ns"] = columns["time_ns"]
        none = np.zeros(count, dtype=bool)
        snapshot, last = columns.get("snapshot", none), columns.get("last", none)
        head["flags"] = snapshot * np.uint8(records.FLAG_SNAPSHOT) | last * np.uint8(records.FLAG_LAST)
        made["price_nanos"], made["lots"] = columns["price_nanos"], columns["lots"]
        zeros = np.zeros(count, dtype=np.uint64)
        if self.kind == "orders":
            made["action"], made["side"] = columns["action"], columns["side"]
            made["order_ref"], made["match_id"] = columns["order_ref"], columns.get("match_id", zeros)
            made["new_order_ref"] = columns.get("new_order_ref", zeros)
            made["printable"] = made["action"] == BookAction.EXECUTE
        elif self.kind == "trades":
            made["side"] = columns["resting_side"]
            made["match_id"] = columns.get("match_id", head["sequence"])
        else:
            made["side"] = columns["side"]
            made["action"] = np.where(made["lots"] == 0, BookAction.DELETE, BookAction.MODIFY)
            made = self._cleared(made, snapshot)
        return made

    def _cleared(self, made: NDArray[Any], snapshot: NDArray[Any]) -> NDArray[Any]:
        """With a clear before the first row of each symbol's snapshot."""
        places = []
        instruments = made["header"]["instrument"]
        for instrument in np.unique(instruments).tolist():
            at = np.flatnonzero(instruments == instrument)
            was = np.concatenate([self.in_snapshot[instrument : instrument + 1], snapshot[at][:-1]])
            places += at[snapshot[at] & ~was].tolist()
            self.in_snapshot[instrument] = snapshot[at[-1]]
        if not places:
            return made
        clears = made[places].copy()
        clears["action"], clears["side"], clears["lots"] = BookAction.CLEAR, 0, 0
        clears["price_nanos"] = records.UNDEF_PRICE
        clears["header"]["flags"] &= ~np.uint8(records.FLAG_LAST)
        return np.insert(made, places, clears)


def save_orders(made: NDArray[Any], path: Path, symbols: dict[int, str]) -> None:
    """`MarketOrder` records as a Parquet file of orders. `symbols`: names by the records' instruments."""
    import pyarrow

    names = {code: name for name, code in ACTIONS.items()}
    price = made["price_nanos"]
    _save(made, path, symbols, {
        "action": _words(made["action"], names),
        "order_ref": made["order_ref"],
        "new_order_ref": made["new_order_ref"],
        "side": _words(made["side"], {code: name for name, code in SIDES.items()}),
        "price_nanos": pyarrow.array(price, mask=price == records.UNDEF_PRICE),
        "lots": made["lots"],
        "match_id": made["match_id"],
        "snapshot": (made["header"]["flags"] & records.FLAG_SNAPSHOT) != 0,
        "last": (made["header"]["flags"] & records.FLAG_LAST) != 0,
    })  # fmt: skip


def save_levels(rows: NDArray[Any], path: Path, symbol: str) -> None:
    """Levels of `flow.levels` as a Parquet file of levels."""
    _save_rows(rows[rows["trade"] == 0], path, symbol, "side")


def save_trades(rows: NDArray[Any], path: Path, symbol: str) -> None:
    """Trades of `flow.levels` as a Parquet file of trades."""
    _save_rows(rows[rows["trade"] == 1], path, symbol, "resting_side")


def _save_rows(rows: NDArray[Any], path: Path, symbol: str, side: str) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({
        "time_ns": rows["time_ns"],
        "symbol": pyarrow.array([symbol] * len(rows)).dictionary_encode(),
        side: _words(rows["side"], {code: name for name, code in SIDES.items()}),
        "price_nanos": rows["price_nanos"],
        "lots": rows["lots"],
    })  # fmt: skip
    pyarrow.parquet.write_table(table, path, compression="zstd")


def _save(made: NDArray[Any], path: Path, symbols: dict[int, str], columns: dict[str, Any]) -> None:
    import pyarrow
    import pyarrow.parquet

    head = made["header"]
    first = {"time_ns": head["venue_time_ns"], "symbol": _words(head["instrument"], symbols)}
    pyarrow.parquet.write_table(pyarrow.table(first | columns), path, compression="zstd")


def _words(codes: NDArray[Any], names: dict[int, str]) -> Any:
    """Codes as words in a dictionary; a code without a name is null."""
    import pyarrow

    words = list(names.values())
    places = np.full(int(codes.max(initial=0)) + 1, len(words), dtype=np.int32)
    for place, code in enumerate(names):
        if code < len(places):
            places[code] = place
    indices = places[codes]
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(indices, mask=indices == len(words)), words)
