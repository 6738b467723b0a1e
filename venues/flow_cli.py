"""`meridian book`: the order books of a flow file, and the list of its best prices.

Invariant: nothing is written before every file is checked; anomalies end with exit code 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, json_option, note, show

if TYPE_CHECKING:
    from meridian._native.book import BookEntry, FlowFile

NANOS = 1_000_000_000
LEVELS_MAX = 1_000


@click.command("book", short_help="Build the order books of a recorded flow file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--bbo", type=click.Path(path_type=Path), help="Write the best bid and offer after each event as CSV.")
@click.option("--levels", type=click.IntRange(1, LEVELS_MAX), default=10, show_default=True, help="Levels to show.")
@click.option("--symbol", help="Show this symbol alone; --bbo needs it where the file has several.")
@json_option
def book(file: Path, bbo: Path | None, levels: int, symbol: str | None, as_json: bool) -> None:
    """Build the books of FILE: LOBSTER, Databento .dbn or .dbn.zst, ITCH 5.0, a pcap or pcapng of its feed (FILE:PORT
    reads one port of it), Parquet of orders, or a directory of such.

    The CSV has a row whenever a best price or its size differs from the row before, looked at after each complete
    event; prices are in 1e-9, an absent side is 0,0; the first row is the book after the snapshot.
    """
    files, skipped = _open(file)
    entries = _entries(files, levels, symbol, bbo)
    left = [{"path": str(path), "reason": reason} for path, reason in skipped]

    def for_people() -> None:
        for path, reason in skipped:
            note(f"skipped {path}: {reason}")
        for entry in entries:
            _print(entry)

    wrong = [
        f"{entry['symbol']}: {entry['anomalies']}: records that do not fit the book"
        for entry in entries
        if entry["anomalies"]
    ]
    show("book", {"books": entries, "skipped": left}, as_json, for_people, errors=wrong)


def _open(file: Path) -> tuple[list[FlowFile], list[tuple[Path, str]]]:
    from meridian._native import book as native

    if file.suffix == ".parquet":
        from meridian.venues.flow import parquet

        try:
            file = parquet.read_as(file)
        except ValueError as error:
            raise BadInput(str(error).splitlines()) from error
    try:
        return native.open_flow([file])
    except ValueError as error:
        raise BadInput(str(error).splitlines()) from error


def _entries(files: list[FlowFile], levels: int, symbol: str | None, bbo: Path | None) -> list[dict[str, Any]]:
    names = [entry["name"] for flow in files for entry in flow.symbols]
    if symbol is not None and symbol not in names:
        raise BadInput(f"--symbol {symbol}: the flow has {', '.join(names[:50])}; one of these is allowed")
    chosen = [name for name in names if symbol in (None, name)]
    if bbo is not None and len(chosen) != 1:
        found = ", ".join(names[:20]) or "none"
        raise BadInput(f"--bbo {bbo}: one symbol of one file is allowed, found {found}; choose one with --symbol")
    if bbo is not None and not bbo.absolute().parent.is_dir():
        raise BadInput(f"--bbo {bbo}: {bbo.absolute().parent} is no directory; a file in one that exists is allowed")
    entries: list[dict[str, Any]] = []
    for flow in files:
        for entry in _replay(flow, levels, chosen, bbo):
            entries.append({"path": str(flow.path), "format": flow.format, "left_out": flow.left_out, **entry})
    return entries


def _replay(flow: FlowFile, levels: int, chosen: list[str], bbo: Path | None) -> list[BookEntry]:
    if not any(entry["name"] in chosen for entry in flow.symbols):
        return []
    try:
        books = flow.replay(levels, chosen[0] if bbo is not None else None, bbo)
    except OSError as error:
        raise BadInput(f"--bbo {bbo}: {error.strerror}; a file that can be written is needed") from error
    return [entry for entry in books if entry["symbol"] in chosen]


def _print(entry: dict[str, Any]) -> None:
    from meridian.console import print_table

    print(
        f"{entry['symbol']}: {entry['events']:,} events, {entry['orders']:,} orders rest, "
        f"{entry['executed_lots']:,} lots executed, {entry['trades']:,} other trades, "
        f"{sum(entry['anomalies'].values()):,} anomalies, {entry['touch_rows']:,} best bids and offers"
    )
    depth = max(len(entry["bids"]), len(entry["asks"]))
    rows = [_level(entry["bids"], at)[::-1] + _level(entry["asks"], at) for at in range(depth)]
    print_table(f"{entry['symbol']} ({entry['path']})", ["orders", "lots", "bid", "ask", "lots", "orders"], rows)


def _level(levels: list[tuple[int, int, int]], at: int) -> list[Any]:
    """Price, lots, orders of a level; blanks where there is none."""
    if at >= len(levels):
        return [None, None, None]
    price_nanos, lots, orders = levels[at]
    return [_price(price_nanos), lots, orders]


def _price(price_nanos: int) -> str:
    """Exact decimals, two at least."""
    sign = "-" if price_nanos < 0 else ""
    whole, part = divmod(abs(price_nanos), NANOS)
    return f"{sign}{whole}.{f'{part:09}'.rstrip('0'):0<2}"


COMMANDS: list[click.Command] = [book]
