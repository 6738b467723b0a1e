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
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from meridian import records
from meridian.venues.checking import Entry, Nanos, Problems, read_toml

VERSION = 1
"""The version of the format."""
TICK_ROWS_MAX: int = records.LAYOUTS["ListingView"].fields[-1][3][0]
"""Rows of a tick table."""
INT64_MAX = 2**63 - 1
UNITS_E8 = 100_000_000
CLASSES = {one.name.lower(): int(one) for one in records.InstrumentClass}
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
    weekdays: list[int] = Field(default=[1, 2, 3, 4, 5], description="numbers from 1 (Monday) to 7")
    holidays: list[date] = Field(default=[], description="dates such as 2026-12-25")
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
        document, digest = read_toml(Path(path))
        problems = Problems(str(path))
        loaded = _check(document, digest, problems)
        problems.raise_any()
        return loaded

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
        if (
            table != "calendars"
            and isinstance(given := document.get(table, {}), dict)
            and len(getattr(loaded, table)) == len(given)
        ):
            problems.dense(table, {name: one.id for name, one in getattr(loaded, table).items()})
    _check_calendars(loaded, problems)
    _check_ticks(loaded, problems)
    _check_instruments(document, loaded, problems)
    _check_listings(document, loaded, problems)
    return loaded


def _names(document: dict[str, Any], table: str) -> dict[str, Any]:
    """Names that a table has, whether or not their entries are sound: a reference to one is no second error."""
    raw = document.get(table, {})
    return raw if isinstance(raw, dict) else {}


def _check_calendars(loaded: ReferenceData, problems: Problems) -> None:
    for name, one in loaded.calendars.items():
        key = f"calendars.{name}"
        try:
            ZoneInfo(one.time_zone)
        except (ValueError, OSError, KeyError):
            problems.add(f"{key}.time_zone", one.time_zone, "a time zone such as America/New_York")
        if one.open >= one.close:
            problems.add(f"{key}.close", one.close.isoformat(), f"a time after the open at {one.open.isoformat()}")
        for day in one.early_closes:
            try:
                date.fromisoformat(day)
            except ValueError:
                problems.add(f"{key}.early_closes", day, "a date such as 2026-12-24")


def _check_ticks(loaded: ReferenceData, problems: Problems) -> None:
    for name, table in loaded.tick_tables.items():
        key = f"tick_tables.{name}.rows"
        rows = [problems.entry(f"{key}[{at}]", raw, TickRow) for at, raw in enumerate(table.rows)]
        good = [row for row in rows if row is not None]
        starts = [row.from_nanos for row in good]
        if len(rows) > TICK_ROWS_MAX:
            problems.add(key, f"{len(rows)} rows", f"at most {TICK_ROWS_MAX} rows")
        elif len(good) == len(rows) and (starts[0] != 0 or sorted(set(starts)) != starts):
            problems.add(key, [str(row["from"]) for row in table.rows], "a first row from 0 and rising ones after it")
        loaded.ticks[name] = good


def _check_instruments(document: dict[str, Any], loaded: ReferenceData, problems: Problems) -> None:
    currencies = sorted({one.currency for one in loaded.instruments.values()})
    for name, one in loaded.instruments.items():
        key = f"instruments.{name}"
        if not name.isascii() or not 1 <= len(name) <= 24:
            problems.add(key, name, "a name of one to twenty-four ASCII characters")
        if one.units_per_lot % 10 or one.units_per_lot_e8 > INT64_MAX:
            problems.add(f"{key}.units_per_lot", one.units_per_lot / records.NANOS, "at most eight decimals")
        if one.currency != currencies[0]:
            problems.add(f"{key}.currency", one.currency, f"{currencies[0]}: limits add up one currency")
        for field in ("prior_close", "band_low", "band_high"):
            value = getattr(one, field)
            if value is not None and abs(value) >= INT64_MAX:
                problems.add(f"{key}.{field}", value / records.NANOS, "a price below 9.2 billion")
        problems.known(f"{key}.underlying", one.underlying, _names(document, "underlyings"))
        problems.known(f"{key}.sector", one.sector, _names(document, "sectors"))
    for name, venue in loaded.venues.items():
        problems.known(f"venues.{name}.calendar", venue.calendar, _names(document, "calendars"))


def _check_listings(document: dict[str, Any], loaded: ReferenceData, problems: Problems) -> None:
    seen: set[tuple[str, str]] = set()
    symbols: set[tuple[str, str]] = set()
    for key, one in problems.rows(document, "listings", Listing):
        problems.known(f"{key}.instrument", one.instrument, _names(document, "instruments"))
        problems.known(f"{key}.venue", one.venue, _names(document, "venues"))
        problems.known(f"{key}.tick_table", one.tick_table, _names(document, "tick_tables"))
        if (one.instrument, one.venue) in seen:
            problems.add(key, f"{one.instrument} at {one.venue}", "one listing of an instrument at a venue")
        if (one.venue, one.symbol) in symbols:
            problems.add(f"{key}.symbol", one.symbol, f"a symbol that {one.venue} has once")
        for field in ("price_min", "price_max"):
            value = getattr(one, field)
            if value is not None and abs(value) >= INT64_MAX:
                problems.add(f"{key}.{field}", value / records.NANOS, "a price below 9.2 billion")
        if one.price_min is not None and one.price_max is not None and one.price_min > one.price_max:
            problems.add(f"{key}.price_min", one.price_min / records.NANOS, "at most price_max")
        seen.add((one.instrument, one.venue))
        symbols.add((one.venue, one.symbol))
        loaded.listings.append(one)
