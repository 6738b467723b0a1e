"""The data of a backtest, looked through before it starts: venues, instruments, ticks, spans, and what is wrong.

Invariant: every file is read to its end once, in pieces; a backtest starts only when all of it is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import backtest as native

__all__ = ["File", "Instrument", "Listing", "Market", "look_through"]

UNITS_E8 = 10**8
VENUE = "venue"
"""The name of a venue that nobody named."""
FILES_MAX = 63
"""As SOURCES_MAX in crates/backtest/src/source.rs."""
LISTINGS_MAX: int = records.LAYOUTS["OrdersView"].fields[-1][3][0]
"""Listings of a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, the venue that it is of, and the engine's instruments by the file's own numbers (0: not asked for)."""

    path: Path
    venue: str
    format: str
    by_level: bool
    records: int
    instruments: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument."""

    id: int
    symbol: str
    units_e8: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An instrument at a venue, by what its data show."""

    instrument: Instrument
    venue: str
    tick_nanos: int
    low_nanos: int
    high_nanos: int
    orders_max: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """All data of a backtest."""

    files: tuple[File, ...]
    venues: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    listings: tuple[Listing, ...]
    first_ns: int
    last_ns: int
    records: int

    def venue_id(self, venue: str) -> int:
        """The number of a venue, from 1."""
        return self.venues.index(venue) + 1


@dataclass(slots=True)
class _Draft:
    errors: list[str] = field(default_factory=list)
    found: list[tuple[Path, str, Any, list[dict[str, Any]]]] = field(default_factory=list)


def look_through(
    data: Sequence[str | Path],
    symbols: Sequence[str] | None,
    units: dict[str, int],
    tell: Callable[[Path, int], None],
) -> tuple[Market | None, list[str]]:
    """Reads all files. `symbols`: only these; `units`: units of one lot by symbol, times 1e8; `tell` hears of progress."""
    draft = _Draft()
    if not data:
        return None, ["--data: a file of recorded flow at least is needed"]
    for spec in data:
        _look(spec, draft, tell)
    wanted = list(dict.fromkeys(symbols or []))
    there = {about["name"] for _, _, _, seen in draft.found for about in seen}
    if not draft.errors:
        draft.errors += [
            f"--symbol {name}: the data hold no such symbol; {_some(sorted(there))}"
            for name in [*wanted, *units]
            if name not in there
        ]
    chosen = wanted or list(dict.fromkeys(about["name"] for _, _, _, seen in draft.found for about in seen))
    listings = {
        (about["name"], venue) for _, venue, _, seen in draft.found for about in seen if about["name"] in chosen
    }
    if not draft.errors and len(listings) > LISTINGS_MAX:
        draft.errors.append(
            f"--data: {len(listings)} symbols with orders; a strategy trades at most {LISTINGS_MAX}: choose with --symbol"
        )
    if not draft.errors and not chosen:
        draft.errors.append("--data: the files hold no order; a day with data is needed")
    if len(data) > FILES_MAX:
        draft.errors.append(f"--data: {len(data)} files; at most {FILES_MAX} are allowed")
    if draft.errors:
        return None, draft.errors
    return _market(draft, chosen, units), []


def _some(names: Sequence[str], most: int = 12) -> str:
    if not names:
        return "they hold none with orders"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"allowed are {', '.join(names[:most])}{more}"


def _look(spec: str | Path, draft: _Draft, tell: Callable[[Path, int], None]) -> None:
    venue, equals, name = str(spec).partition("=")
    venue, path = (venue, Path(name)) if equals and "/" not in venue else (VENUE, Path(spec))
    if not venue.isascii() or not venue.replace("-", "").replace("_", "").isalnum() or len(venue) > 24:
        draft.errors.append(f"--data {spec}: {venue!r} is no name of a venue; letters and digits are allowed")
        return
    try:
        scan = native.Scan(path)
        while scan.read():
            tell(path, scan.records)
        tell(path, scan.records)
    except (ValueError, OSError) as error:
        draft.errors += str(error).splitlines()
        return
    draft.found.append((path, venue, scan, scan.symbols()))


def _market(draft: _Draft, chosen: list[str], units: dict[str, int]) -> Market:
    # Amounts by level are decimals: a lot of theirs is 1e-8 of a unit.
    coins = {about["name"] for _, _, scan, seen in draft.found if scan.by_level for about in seen}
    instruments = {
        name: Instrument(id=at, symbol=name, units_e8=units.get(name, 1 if name in coins else UNITS_E8))
        for at, name in enumerate(chosen, 1)
    }
    files = []
    listings: dict[tuple[str, str], dict[str, Any]] = {}
    for path, venue, scan, seen in draft.found:
        numbers = [0] * (max((about["number"] for about in seen), default=0) + 1)
        for about in seen:
            if about["name"] not in instruments:
                continue
            numbers[about["number"]] = instruments[about["name"]].id
            _merge(listings.setdefault((about["name"], venue), {}), about)
        files.append(
            File(path=path, venue=venue, format=scan.format, by_level=scan.by_level, records=scan.records,
                 instruments=tuple(numbers))
        )  # fmt: skip
    spans = [about for about in listings.values() if about["records"]]
    return Market(
        files=tuple(files),
        venues=tuple(dict.fromkeys(file.venue for file in files)),
        instruments=tuple(instruments.values()),
        listings=tuple(
            Listing(
                instrument=instruments[name], venue=venue, tick_nanos=about["tick_nanos"], low_nanos=about["low_nanos"],
                high_nanos=about["high_nanos"], orders_max=about["orders_max"], records=about["records"],
            )
            for (name, venue), about in listings.items()
        ),
        first_ns=min((about["first_ns"] for about in spans), default=0),
        last_ns=max((about["last_ns"] for about in spans), default=0),
        records=sum(file.records for file in files),
    )  # fmt: skip


def _merge(held: dict[str, Any], about: dict[str, Any]) -> None:
    """Takes another file's view of the same listing in: the tick divides both."""
    import math

    if not held:
        held.update(about)
        return
    held["tick_nanos"] = math.gcd(held["tick_nanos"], about["tick_nanos"])
    held["low_nanos"] = min(held["low_nanos"], about["low_nanos"])
    held["high_nanos"] = max(held["high_nanos"], about["high_nanos"])
    held["orders_max"] += about["orders_max"]
    held["first_ns"] = min(held["first_ns"] or about["first_ns"], about["first_ns"] or held["first_ns"])
    held["last_ns"] = max(held["last_ns"], about["last_ns"])
    held["records"] += about["records"]
