"""Reference data: venues, instruments, listings, tick tables, calendars, from one TOML file, versioned by its hash.

Invariant: a file that loads is whole (every name leads somewhere, ids are dense and unique) and gives the same records
everywhere: they come in the order of ids, and the file's SHA-256 names them in each journal's head. An instrument is
one, wherever it is listed; its id is never given to another.

    reference = ReferenceData.load("venues/reference/house.toml")
    reference.instrument("AAPL").units_per_lot_e8          # 100_000_000
    reference.listing("AAPL", "XNAS").symbol               # "AAPL"
    reference.records()                                    # TickBand, Definition and Listing records for an engine

Numbers are exact decimals of the currency; `docs/notes/0002-limits-and-holds.md` says what limits make of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from meridian import records
from meridian.console import BadInput
from meridian.venues.checking import Entry, Nanos, Problems, read_toml

VERSION = 1
"""The version of the format."""
TICK_ROWS_MAX: int = records.LAYOUTS["ListingView"].fields[-1][3][0]
"""Rows of a tick table."""
INT64_MAX = 2**63 - 1
UNITS_E8 = 100_000_000
CLASSES = {one.name.lower(): int(one) for one in records.InstrumentClass}
NEGATIVE_CLASSES = ("future",)
"""Classes whose prices may be below zero: calendar spreads, and what has to be carried away."""
REPLACE_QUANTITY = {"total": 1, "remaining": 2}
PRICE = "a decimal number with at most nine decimals"


class Venue(Entry):
    """A venue."""

    id: int = Field(ge=1, le=65_535, description="a whole number from 1 to 65535")
    calendar: str = Field(description="the name of a calendar")
    replace_quantity: str = Field(pattern="^(total|remaining)$", description="total or remaining")
    name: str = Field(default="", description="a text")


class Calendar(Entry):
    """Days and hours of trading, in the venue's own time zone."""

    time_zone: str = Field(description="a time zone such as America/New_York")
    open: time = Field(description="a time such as 09:30:00")
    close: time = Field(description="a time such as 16:00:00")
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default=[1, 2, 3, 4, 5], min_length=1, description="numbers from 1 (Monday) to 7"
    )
    holidays: list[date] = Field(default=[], description="dates such as 2026-12-25, without a time")
    early_closes: dict[str, time] = Field(default={}, description='dates with times, such as "2026-12-24" = 13:00:00')

    def session(self, day: date) -> tuple[time, time] | None:
        """Open and close of a day in the venue's time zone, or None when it is closed."""
        if day in self.holidays or day.isoweekday() not in self.weekdays:
            return None
        return self.open, self.early_closes.get(day.isoformat(), self.close)


class TickRow(Entry):
    """At and above `from`, prices are multiples of `tick`."""

    from_nanos: Nanos = Field(alias="from", description=PRICE + ", not below zero", ge=0, lt=INT64_MAX)
    tick_nanos: Nanos = Field(alias="tick", description=PRICE + ", above zero", gt=0, lt=INT64_MAX)


class TickTable(Entry):
    """A tick table."""

    id: int = Field(ge=1, le=64, description="a whole number from 1 to 64")
    rows: list[dict[str, Any]] = Field(description="a list of tables with from and tick", min_length=1)


class Instrument(Entry):
    """An instrument."""

    id: int = Field(ge=1, lt=2**24, description="a whole number from 1 to 16777215")
    class_: str = Field(alias="class", pattern=f"^({'|'.join(CLASSES)})$", description=" or ".join(CLASSES))
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", description="three capital letters of ISO 4217")
    units_per_lot: Nanos = Field(
        default=records.NANOS, gt=0, description="a decimal number above zero with at most eight decimals"
    )
    prior_close: Nanos | None = Field(default=None, description=PRICE)
    band_low: Nanos | None = Field(default=None, description=PRICE)
    band_high: Nanos | None = Field(default=None, description=PRICE)
    average_daily_lots: int = Field(default=0, ge=0, le=INT64_MAX, description="a whole number of lots")
    isin: str = Field(
        default="", pattern="^([A-Z]{2}[A-Z0-9]{9}[0-9])?$", description="the twelve characters of an ISIN"
    )
    figi: str = Field(default="", pattern="^([A-Z0-9]{12})?$", description="the twelve letters of a FIGI")
    underlying: str | None = Field(default=None, description="the name of an underlying")
    sector: str | None = Field(default=None, description="the name of a sector")
    active: bool = Field(default=True, description="true or false")
    short_restricted: bool = Field(default=False, description="true or false")

    @property
    def units_per_lot_e8(self) -> int:
        """Units of one lot times 1e8."""
        return self.units_per_lot // 10


class Listing(Entry):
    """An instrument at a venue."""

    instrument: str = Field(description="the name of an instrument")
    venue: str = Field(description="the name of a venue")
    symbol: str = Field(pattern="^[ -~]{1,16}$", description="one to sixteen printable ASCII characters")
    tick_table: str = Field(description="the name of a tick table")
    locate: int = Field(default=0, ge=0, lt=2**32, description="the venue's number of it, 0 when the feed tells it")
    increment_lots: int = Field(default=1, ge=1, le=INT64_MAX, description="a whole number above zero")
    round_lot_lots: int = Field(default=1, ge=1, le=INT64_MAX, description="a whole number above zero")
    price_min: Nanos | None = Field(default=None, description=PRICE)
    price_max: Nanos | None = Field(default=None, description=PRICE)
    active: bool = Field(default=True, description="true or false")


class Group(Entry):
    """An underlying or a sector: what limits can select."""

    id: int = Field(ge=1, lt=2**32, description="a whole number from 1")


TABLES = ("venues", "calendars", "tick_tables", "instruments", "underlyings", "sectors")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceData:
    """A loaded file. Names are the stable keys; ids are what records carry."""

    hash: str
    venues: dict[str, Venue]
    calendars: dict[str, Calendar]
    tick_tables: dict[str, TickTable]
    instruments: dict[str, Instrument]
    underlyings: dict[str, Group]
    sectors: dict[str, Group]
    listings: list[Listing]
    ticks: dict[str, list[TickRow]]

    @classmethod
    def load(cls, path: str | Path) -> ReferenceData:
        """Reads and checks a file. Raises BadInput with every error at once."""
        loaded, errors = cls.examine(path)
        if errors or loaded is None:
            raise BadInput(errors)
        return loaded

    @classmethod
    def examine(cls, path: str | Path) -> tuple[ReferenceData | None, list[str]]:
        """What a file says, however wrong, with all errors: its names still serve to check what refers to them.

        None when it cannot be read at all.
        """
        try:
            document, digest = read_toml(Path(path))
        except BadInput as error:
            return None, error.errors
        problems = Problems(str(path))
        return _check(document, digest, problems), problems.sentences

    def venue(self, name: str) -> Venue:
        """A venue by its name. Raises KeyError."""
        return self.venues[name]

    def instrument(self, name: str) -> Instrument:
        """An instrument by its stable key. Raises KeyError."""
        return self.instruments[name]

    def listing(self, instrument: str, venue: str) -> Listing:
        """An instrument's listing at a venue. Raises KeyError."""
        for one in self.listings:
            if (one.instrument, one.venue) == (instrument, venue):
                return one
        raise KeyError(f"{instrument} is not listed at {venue}")

    def calendar(self, venue: str) -> Calendar:
        """A venue's calendar. Raises KeyError."""
        return self.calendars[self.venues[venue].calendar]

    def records(self) -> bytes:
        """TickBand, Definition and Listing records, in the order in which an engine takes them."""
        parts = [*self._tick_bands(), *self._definitions(), *self._listings()]
        return b"".join(parts)

    def _tick_bands(self) -> Iterable[bytes]:
        for name, table in sorted(self.tick_tables.items(), key=lambda item: item[1].id):
            for at, row in enumerate(self.ticks[name]):
                record = records.new(
                    "TickBand", table=table.id, row=at, from_nanos=row.from_nanos, tick_nanos=row.tick_nanos
                )
                yield record.tobytes()

    def _definitions(self) -> Iterable[bytes]:
        for name, one in sorted(self.instruments.items(), key=lambda item: item[1].id):
            record = records.new(
                "Definition",
                instrument=one.id,
                key=name,
                isin=one.isin,
                figi=one.figi,
                units_per_lot_e8=one.units_per_lot_e8,
                prior_close_nanos=_price(one.prior_close),
                average_daily_lots=one.average_daily_lots,
                band_low_nanos=_price(one.band_low),
                band_high_nanos=_price(one.band_high),
                underlying=self.underlyings[one.underlying].id if one.underlying else 0,
                sector=self.sectors[one.sector].id if one.sector else 0,
                currency=one.currency,
                active=int(one.active),
                short_restricted=int(one.short_restricted),
                **{"class": CLASSES[one.class_]},
            )
            yield record.tobytes()

    def _listings(self) -> Iterable[bytes]:
        def place(one: Listing) -> tuple[int, int]:
            return self.instruments[one.instrument].id, self.venues[one.venue].id

        for one in sorted(self.listings, key=place):
            record = records.new(
                "Listing",
                instrument=self.instruments[one.instrument].id,
                venue=self.venues[one.venue].id,
                symbol=one.symbol,
                tick_table=self.tick_tables[one.tick_table].id,
                locate=one.locate,
                increment_lots=one.increment_lots,
                round_lot_lots=one.round_lot_lots,
                price_min_nanos=_price(one.price_min),
                price_max_nanos=_price(one.price_max),
                active=int(one.active),
                replace_quantity=REPLACE_QUANTITY[self.venues[one.venue].replace_quantity],
            )
            yield record.tobytes()


def _price(nanos: int | None) -> int:
    return records.UNDEF_PRICE if nanos is None else nanos


def _check(document: dict[str, Any], digest: str, problems: Problems) -> ReferenceData:
    problems.keys(document, {"version", "listings", *TABLES})
    if document.get("version") != VERSION:
        problems.add("version", document.get("version"), str(VERSION))
    loaded = ReferenceData(
        hash=digest,
        venues=problems.tables(document, "venues", Venue),
        calendars=problems.tables(document, "calendars", Calendar),
        tick_tables=problems.tables(document, "tick_tables", TickTable),
        instruments=problems.tables(document, "instruments", Instrument),
        underlyings=problems.tables(document, "underlyings", Group),
        sectors=problems.tables(document, "sectors", Group),
        listings=[],
        ticks={},
    )
    for table in TABLES:
        if table != "calendars":
            held = getattr(loaded, table)
            problems.dense(table, {name: held[name].id if name in held else None for name in _names(document, table)})
    for table in ("venues", "calendars", "tick_tables", "instruments"):
        if not _names(document, table):
            problems.missing(table, "one table at least")
    if not document.get("listings"):
        problems.missing("listings", "one listing at least")
    _check_calendars(document, loaded, problems)
    _check_ticks(loaded, problems)
    _check_instruments(document, loaded, problems)
    _check_listings(document, loaded, problems)
    return loaded


def _names(document: dict[str, Any], table: str) -> dict[str, Any]:
    """Names that a table has, whether or not their entries are sound: a reference to one is no second error."""
    raw = document.get(table, {})
    return raw if isinstance(raw, dict) else {}


def _check_calendars(document: dict[str, Any], loaded: ReferenceData, problems: Problems) -> None:
    for name, one in loaded.calendars.items():
        key = f"calendars.{name}"
        if one.time_zone is not None:
            try:
                ZoneInfo(one.time_zone)
            except (ValueError, OSError, KeyError):
                problems.add(f"{key}.time_zone", one.time_zone, "a time zone such as America/New_York")
        if one.open is not None and one.close is not None and one.open >= one.close:
            problems.add(f"{key}.close", one.close, f"a time after the open at {one.open.isoformat()}")
        for day, close in (one.early_closes or {}).items():
            try:
                date.fromisoformat(day)
            except ValueError:
                problems.add(f"{key}.early_closes", day, "a date such as 2026-12-24")
            if one.open is not None and one.close is not None and not one.open < close <= one.close:
                allowed = f"a time after {one.open.isoformat()}, at most {one.close.isoformat()}"
                problems.add(f"{key}.early_closes.{day}", close, allowed)
    for name, venue in loaded.venues.items():
        problems.known(f"venues.{name}.calendar", venue.calendar, _names(document, "calendars"))


def _check_ticks(loaded: ReferenceData, problems: Problems) -> None:
    for name, table in loaded.tick_tables.items():
        key = f"tick_tables.{name}.rows"
        raws = table.rows or []
        rows = [problems.entry(f"{key}[{at}]", raw, TickRow) for at, raw in enumerate(raws)]
        good = [row for row in rows if row is not None and problems.sound(row)]
        starts = [row.from_nanos for row in good]
        if len(rows) > TICK_ROWS_MAX:
            problems.add(key, f"{len(rows)} rows", f"at most {TICK_ROWS_MAX} rows")
        elif good and len(good) == len(rows) and (starts[0] != 0 or sorted(set(starts)) != starts):
            problems.add(key, [str(row["from"]) for row in raws], "a first row from 0 and rising ones after it")
        for at, (before, after) in enumerate(pairwise(good)):
            if len(good) == len(rows) and after.from_nanos % before.tick_nanos:
                allowed = f"a multiple of the tick below it, {before.tick_nanos / records.NANOS:g}"
                problems.field(f"{key}[{at + 1}]", raws[at + 1], "from", allowed)
        loaded.ticks[name] = good if len(good) == len(rows) else []


def _check_instruments(document: dict[str, Any], loaded: ReferenceData, problems: Problems) -> None:
    currencies = sorted({one.currency for one in loaded.instruments.values() if one.currency})
    for name, one in loaded.instruments.items():
        key, raw = f"instruments.{name}", _names(document, "instruments")[name]
        if not name.isascii() or not 1 <= len(name) <= 24:
            problems.add(key, name, "a name of one to twenty-four ASCII characters")
        if one.units_per_lot is not None and (one.units_per_lot % 10 or one.units_per_lot_e8 > INT64_MAX):
            problems.field(key, raw, "units_per_lot", "at most eight decimals, below 92 billion")
        if one.currency and one.currency != currencies[0]:
            problems.add(f"{key}.currency", one.currency, f"{currencies[0]}: limits add up one currency")
        for field in ("prior_close", "band_low", "band_high"):
            _check_price(key, raw, field, one, one.class_, problems)
        if one.band_low is not None and one.band_high is not None and one.band_low >= one.band_high:
            problems.field(key, raw, "band_low", "below band_high")
        if one.isin and not _isin_holds(one.isin):
            problems.field(
                key, raw, "isin", f"an ISIN; the last digit of {one.isin[:-1]} is {_isin_digit(one.isin[:-1])}"
            )
        problems.known(f"{key}.underlying", one.underlying, _names(document, "underlyings"))
        problems.known(f"{key}.sector", one.sector, _names(document, "sectors"))


def _check_price(key: str, raw: object, field: str, one: Entry, class_: str | None, problems: Problems) -> None:
    """A price is in range; below zero only where prices of its class may be: a spread of futures, no share."""
    value: int | None = getattr(one, field)
    if value is None:
        return
    if abs(value) >= INT64_MAX:
        problems.field(key, raw, field, "a price below 9.2 billion")
    elif value < 0 and class_ is not None and class_ not in NEGATIVE_CLASSES:
        problems.field(key, raw, field, f"not below zero for a price of class {class_}")
    elif value == 0 and field == "prior_close" and class_ is not None and class_ not in NEGATIVE_CLASSES:
        problems.field(key, raw, field, f"above zero for a price of class {class_}")


def _isin_digit(first: str) -> int:
    """The check digit of the first eleven characters of an ISIN (ISO 6166, annex C: letters are two digits, then Luhn)."""
    digits = [int(digit) for letter in first for digit in str(int(letter, 36))]
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit * 2 if place % 2 == 0 else digit
        total += value - 9 if value > 9 else value
    return -total % 10


def _isin_holds(isin: str) -> bool:
    return int(isin[-1]) == _isin_digit(isin[:-1])


def _off_tick(nanos: int, rows: list[TickRow]) -> TickRow | None:
    """The row of a tick table whose tick a price is no multiple of; prices below zero mirror those above."""
    if not rows:
        return None
    row = next((row for row in reversed(rows) if abs(nanos) >= row.from_nanos), rows[0])
    return row if nanos % row.tick_nanos else None


def _check_listings(document: dict[str, Any], loaded: ReferenceData, problems: Problems) -> None:
    seen: set[tuple[str, str]] = set()
    symbols: set[tuple[str, str]] = set()
    for key, one in problems.rows(document, "listings", Listing):
        problems.known(f"{key}.instrument", one.instrument, _names(document, "instruments"))
        problems.known(f"{key}.venue", one.venue, _names(document, "venues"))
        problems.known(f"{key}.tick_table", one.tick_table, _names(document, "tick_tables"))
        if None not in (one.instrument, one.venue) and (one.instrument, one.venue) in seen:
            problems.add(key, f"{one.instrument} at {one.venue}", "one listing of an instrument at a venue")
        if None not in (one.symbol, one.venue) and (one.venue, one.symbol) in symbols:
            problems.add(f"{key}.symbol", one.symbol, f"a symbol that {one.venue} has once")
        _check_listing_prices(key, problems.raw(document, key), one, loaded, problems)
        seen.add((one.instrument, one.venue))
        symbols.add((one.venue, one.symbol))
        loaded.listings.append(one)


def _check_listing_prices(key: str, raw: object, one: Listing, loaded: ReferenceData, problems: Problems) -> None:
    instrument = loaded.instruments.get(one.instrument)
    rows = loaded.ticks.get(one.tick_table, [])
    for field in ("price_min", "price_max"):
        _check_price(key, raw, field, one, instrument.class_ if instrument else None, problems)
        value = getattr(one, field)
        if value is not None and (row := _off_tick(value, rows)):
            problems.field(key, raw, field, f"a multiple of the tick {row.tick_nanos / records.NANOS:g}")
    if one.price_min is not None and one.price_max is not None and one.price_min > one.price_max:
        problems.field(key, raw, "price_min", "at most price_max")
    for field in ("band_low", "band_high"):
        value = getattr(instrument, field, None)
        if value is not None and (row := _off_tick(value, rows)):
            allowed = f"a multiple of the tick {row.tick_nanos / records.NANOS:g} of its listing at {one.venue}"
            problems.add(f"instruments.{one.instrument}.{field}", Decimal(value) / records.NANOS, allowed)
