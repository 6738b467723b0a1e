"""What the demo trades: instruments of the flow files that it is given, or generated ones.

Invariant: every symbol of the files is either an instrument of its own or named as skipped with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meridian._native import book as native
from meridian.console import BadInput

INSTRUMENTS_MAX = 8
"""Of one demo: a laptop's share. The busiest are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What instruments of a kind have in common; figures as venues publish them."""

    fit: str
    instrument_class: str
    tick_table: str
    tick: str
    units_per_lot: int
    round_lot: int
    size_lots: int
    half_spread_nanos: int
    skew_nanos_per_lot: int


SHARES = Family(
    fit="aapl",
    instrument_class="equity",
    tick_table="us_equities",
    tick="0.01",
    units_per_lot=1,
    round_lot=100,
    size_lots=50,
    half_spread_nanos=10_000_000,
    skew_nanos_per_lot=20_000,
)
FUTURES = Family(
    fit="es",
    instrument_class="future",
    tick_table="es",
    tick="0.25",
    units_per_lot=50,
    round_lot=1,
    size_lots=2,
    half_spread_nanos=125_000_000,
    skew_nanos_per_lot=2_000_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument of the demo."""

    id: int
    symbol: str
    family: Family
    file: Path | None = None
    """Recorded flow that drives it first; None: the generator from the start."""
    live: bool = True
    """Whether its file holds more than a snapshot."""
    both_venues: bool = False
    """Whether the second venue lists it too, driven by a lagged copy."""


@dataclass(frozen=True, slots=True)
class Market:
    """All instruments, and the files that were passed over."""

    instruments: list[Instrument]
    skipped: list[tuple[str, str]] = field(default_factory=list)


def family_of(symbol: str) -> Family:
    """Futures on the E-mini S&P 500 by their root, everything else as shares."""
    return FUTURES if symbol.startswith("ES") and len(symbol) in (3, 4, 5) else SHARES


def generated() -> Market:
    """Without files: AAPL at both venues, ES at the first."""
    return Market(
        [
            Instrument(id=1, symbol="AAPL", family=SHARES, both_venues=True),
            Instrument(id=2, symbol="ESM4", family=FUTURES),
        ]
    )


def from_files(paths: Sequence[Path]) -> Market:
    """The instruments of flow files. Raises BadInput with everything that is wrong with any of them."""
    try:
        files, passed = native.open_flow(list(paths))
    except ValueError as error:
        raise BadInput(str(error).splitlines()) from None
    skipped = [(str(path), reason) for path, reason in passed]
    found = [
        (about["live_records"], about["setup_records"], about["name"], file) for file in files for about in file.symbols
    ]
    found.sort(key=lambda one: (-one[0], -one[1], one[2]))
    instruments: list[Instrument] = []
    for live_records, _, symbol, file in found:
        if any(one.symbol == symbol for one in instruments):
            skipped.append((str(file.path), f"{symbol}: an earlier file drives it"))
        elif len(instruments) == INSTRUMENTS_MAX:
            skipped.append((str(file.path), f"{symbol}: the demo takes the {INSTRUMENTS_MAX} busiest"))
        else:
            family = family_of(symbol)
            instruments.append(
                Instrument(
                    id=len(instruments) + 1,
                    symbol=symbol,
                    family=family,
                    file=file.path,
                    live=live_records > 0,
                    both_venues=family is SHARES,
                )
            )
    if not any(one.both_venues for one in instruments):
        # The second venue needs something to trade: the first instrument, copied.
        first = instruments[0]
        instruments[0] = Instrument(
            id=first.id, symbol=first.symbol, family=first.family, file=first.file, live=first.live, both_venues=True
        )
    return Market(instruments, skipped)


def reference_text(market: Market) -> str:
    """The reference data of the demo's instruments, as a file of `meridian.venues.reference`."""
    lines = [
        "# Written by the demo: two stand-in venues and the instruments of its flow.",
        "version = 1",
        "",
        *_venue("XNAS", 1, "stand-in one"),
        *_venue("XBOS", 2, "stand-in two"),
        "[calendars.us_equities]",
        'time_zone = "America/New_York"',
        "open = 09:30:00",
        "close = 16:00:00",
        "",
        "[tick_tables.us_equities]",
        "id = 1",
        "rows = [{ from = 0, tick = 0.0001 }, { from = 1, tick = 0.01 }]",
        "",
        "[tick_tables.es]",
        "id = 2",
        "rows = [{ from = 0, tick = 0.25 }]",
        "",
    ]
    for one in market.instruments:
        lines += [
            f'[instruments."{one.symbol}"]',
            f"id = {one.id}",
            f'class = "{one.family.instrument_class}"',
            f"units_per_lot = {one.family.units_per_lot}",
            "",
        ]
    for one in market.instruments:
        for venue in ("XNAS", "XBOS") if one.both_venues else ("XNAS",):
            lines += [
                "[[listings]]",
                f'instrument = "{one.symbol}"',
                f'venue = "{venue}"',
                f'symbol = "{one.symbol}"',
                f'tick_table = "{one.family.tick_table}"',
                f"round_lot_lots = {one.family.round_lot}",
                f"price_min = {one.family.tick}",
                "price_max = 199999.75",
                "",
            ]
    return "\n".join(lines)


def _venue(name: str, number: int, about: str) -> list[str]:
    return [
        f"[venues.{name}]",
        f"id = {number}",
        f'name = "{about}"',
        'calendar = "us_equities"',
        'replace_quantity = "total"',
        "",
    ]
