"""The data of a backtest, looked through before it starts: venues, instruments, ticks, spans, and what is wrong.

Invariant: every file is read to its end once, in pieces; a backtest starts only when all of it is sound.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import backtest as native
from meridian.console import cut, in_words
from meridian.strategies.backtest import captured, generated
from meridian.venues.flow import parquet

__all__ = ["File", "Instrument", "Listing", "Market", "look_through", "look_through_days"]

UNITS_E8 = 10**8
VENUE = "venue"
"""The name of a venue that nobody named."""
FILES_MAX = 63
"""As SOURCES_MAX in crates/backtest/src/source.rs."""
LISTINGS_MAX: int = records.LAYOUTS["OrdersView"].fields[-1][3][0]
"""Listings of a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, the venue that it is of, the records of it that a run takes, and the engine's instruments by the file's own
    numbers (0: not asked for)."""

    path: Path
    venue: str
    format: str
    by_level: bool
    records: int
    instruments: tuple[int, ...]
    captured: int | None = None
    """Of an engine's journal: the venue's number there."""
    named: Path | None = None
    """What a person named, where `path` was made of it."""


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
    found: list[tuple[Path, str, Any, list[dict[str, Any]], int | None]] = field(default_factory=list)
    named: dict[Path, Path] = field(default_factory=dict)


def look_through(
    data: Sequence[str | Path],
    symbols: Sequence[str] | None,
    units: dict[str, int],
    tell: Callable[[Path, int], None],
    folder: Path | None = None,
) -> tuple[Market | None, list[str]]:
    """Reads all files, and makes generated ones below `folder`. `symbols`: only these; `units`: units of one lot by symbol,
    times 1e8; `tell` hears of progress."""
    draft = _Draft()
    if not data:
        return None, ["--data: a file of recorded flow at least is needed"]
    for venue, path in _named(data, draft, tell, folder):
        _look(venue, path, draft, tell, folder)
    return _checked(draft, len(data), symbols, units)


def look_through_days(
    data: Sequence[str | Path],
    symbols: Sequence[str] | None,
    units: dict[str, int],
    tell: Callable[[Path, int], None],
) -> tuple[dict[str, Market], dict[str, list[str]]]:
    """As `look_through`, day by day: each day's market, and by day or file what is wrong with the others.

    A file is of the day (UTC) in which the middle of its time lies, so that files of several venues meet.
    """
    days: dict[str, _Draft] = {}
    wrong: dict[str, list[str]] = {}
    for spec in data:
        draft = _Draft()
        for venue, path in _named([spec], draft, tell):
            _look(venue, path, draft, tell)
        spans = [about for _, _, _, seen, _ in draft.found for about in seen if about["records"]]
        if draft.errors or not spans:
            wrong[str(spec)] = draft.errors or [f"{spec}: it holds no order; a day with data is needed"]
            continue
        middle_ns = (min(about["first_ns"] for about in spans) + max(about["last_ns"] for about in spans)) // 2
        day = datetime.datetime.fromtimestamp(middle_ns // 10**9, datetime.UTC).date().isoformat()
        days.setdefault(day, _Draft()).found += draft.found
    markets = {}
    for day, draft in sorted(days.items()):
        market, errors = _checked(draft, len(draft.found), symbols, units)
        if market is None:
            wrong[day] = errors
        else:
            markets[day] = market
    return markets, wrong


def _checked(
    draft: _Draft, files: int, symbols: Sequence[str] | None, units: dict[str, int]
) -> tuple[Market | None, list[str]]:
    wanted = list(dict.fromkeys(symbols or []))
    there = {about["name"] for _, _, _, seen, _ in draft.found for about in seen}
    if not draft.errors:
        draft.errors += [
            f"{option} {name}: the data hold no such symbol; {_some(sorted(there))}"
            for option, names in (("--symbol", wanted), ("--units", units))
            for name in names
            if name not in there
        ]
    chosen = wanted or list(dict.fromkeys(about["name"] for _, _, _, seen, _ in draft.found for about in seen))
    listings = {
        (about["name"], venue) for _, venue, _, seen, _ in draft.found for about in seen if about["name"] in chosen
    }
    draft.errors += _unheard_of(sorted(there if not wanted else there & set(wanted))) + _twice(draft, chosen)
    if not draft.errors and len(listings) > LISTINGS_MAX:
        draft.errors.append(
            f"--data: {len(listings)} symbols with orders; a strategy trades at most {LISTINGS_MAX}: choose with --symbol"
        )
    if not draft.errors and not chosen:
        draft.errors.append("--data: the files hold no order; a day with data is needed")
    if files > FILES_MAX:
        draft.errors.append(f"--data: {files} files; at most {FILES_MAX} are allowed")
    if draft.errors:
        return None, draft.errors
    return _market(draft, chosen, units), []


def _unheard_of(symbols: Sequence[str]) -> list[str]:
    """Symbols that no record and no line of a table has a place for."""
    return [
        f"--data: symbol {cut(ascii(name))}: letters, digits and signs of ASCII are allowed"
        for name in symbols
        if not name.isascii() or not name.isprintable()
    ]


def _twice(draft: _Draft, chosen: Sequence[str]) -> list[str]:
    """Files that are given twice, and listings of which two files tell the same time order by order: together they would be a
    book of twice the lots."""
    held: dict[tuple[str, str], list[tuple[int, int, Path]]] = {}
    found = []
    places = [(path.resolve(), venue, number) for path, venue, _, _, number in draft.found]
    for path, venue, number in dict.fromkeys(place for place in places if places.count(place) > 1):
        if number is None:
            found.append(f"--data: {draft.named.get(path, path)} is given twice for {venue}; a file once is allowed")
    if found:
        return found
    for path, venue, scan, seen, number in draft.found:
        if scan.by_level:
            continue
        for about in seen:
            if about["name"] not in chosen or not about["records"]:
                continue
            first, last = about["first_ns"], about["last_ns"]
            shown = draft.named.get(path, path)
            for other_first, other_last, other in held.setdefault((about["name"], venue), []):
                both = min(last, other_last) - max(first, other_first)
                if number is None and 2 * both >= min(last - first, other_last - other_first) and both >= 0:
                    found.append(
                        f"--data: {other} and {shown} both tell of {about['name']} at {venue} order by order at the same "
                        "time; one file of a time is allowed"
                    )
            held[about["name"], venue].append((first, last, shown))
    return list(dict.fromkeys(found))


def _some(names: Sequence[str], most: int = 12) -> str:
    if not names:
        return "they hold none with orders"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"allowed are {', '.join(names[:most])}{more}"


def _named(
    data: Sequence[str | Path], draft: _Draft, tell: Callable[[Path, int], None], folder: Path | None = None
) -> list[tuple[str, Path]]:
    """Venue and file of each word, generated files among them."""
    found = []
    for spec in data:
        venue, equals, name = str(spec).partition("=")
        is_venue = equals and not set("/:") & set(venue) and not Path(spec).exists()
        venue, name = (venue, name) if is_venue else (VENUE, str(spec))
        if not venue.isascii() or not venue.replace("-", "").replace("_", "").isalnum() or len(venue) > 24:
            draft.errors.append(f"--data {spec}: {venue!r} is no name of a venue; letters and digits are allowed")
            continue
        prefix, colon, words = name.partition(":")
        if prefix != generated.PREFIX or not colon or Path(name).exists():
            found.append((venue, Path(name)))
            continue
        made, errors = generated.flow(words)
        draft.errors += errors
        if made is not None and made.venues > 1 and venue != VENUE:
            draft.errors.append(f"--data {spec}: several venues have their own names; leave {venue}= out")
        elif made is not None:
            try:
                files = generated.files(made, folder, tell)
            except OSError as error:
                draft.errors.append(f"--data {spec}: it cannot be kept: {in_words(error)}")
                continue
            found += files if made.venues > 1 else [(venue, files[0][1])]
    return found


def _look(venue: str, path: Path, draft: _Draft, tell: Callable[[Path, int], None], folder: Path | None = None) -> None:
    try:
        if path.suffix == parquet.SUFFIX:
            read = parquet.handed_over(path, folder or parquet.default_folder(), tell)
            draft.named[read] = path
            path = read
        sources = captured.venues(path, venue, VENUE) if path.is_dir() else [(path, venue, None)]
        for source, name_there, number in sources:
            scan = native.Scan(source, number)
            while scan.read():
                tell(source, scan.records)
            tell(source, scan.records)
            if number is None or scan.symbols():
                draft.found.append((source, name_there, scan, scan.symbols(), number))
    except (ValueError, OSError) as error:
        draft.errors += str(error).splitlines()


def _market(draft: _Draft, chosen: list[str], units: dict[str, int]) -> Market:
    # Amounts of Tardis are decimals: a lot of theirs is 1e-8 of a unit.
    coins = {about["name"] for _, _, scan, seen, _ in draft.found if scan.format == "tardis" for about in seen}
    instruments = {
        name: Instrument(id=at, symbol=name, units_e8=units.get(name, 1 if name in coins else UNITS_E8))
        for at, name in enumerate(chosen, 1)
    }
    files = []
    listings: dict[tuple[str, str], dict[str, Any]] = {}
    for path, venue, scan, seen, number in draft.found:
        numbers = [0] * (max((about["number"] for about in seen), default=0) + 1)
        taken = scan.venue_states
        for about in seen:
            if about["name"] not in instruments:
                continue
            taken += about["records"] + about["setup_records"]
            numbers[about["number"]] = instruments[about["name"]].id
            _merge(listings.setdefault((about["name"], venue), {}), about)
        files.append(
            File(path=path, venue=venue, format=scan.format, by_level=scan.by_level, records=taken,
                 instruments=tuple(numbers), captured=number, named=draft.named.get(path))
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
