"""What the demo trades: instruments of the flow files that it is given, or generated ones.

Invariant: every symbol of the files is either an instrument of its own or named as skipped with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from meridian._native import book as native
from meridian.console import BadInput

INSTRUMENTS_MAX = 8
"""Of one demo: a laptop's share. The busiest are taken."""


SHARE, FUTURE = "AAPL", "ESM4"
"""Instruments of New York's files that others are like: in ticks, sizes, strategies, generated flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument of the demo."""

    id: int
    symbol: str
    like: str = SHARE
    """The instrument of New York's files that says how it trades."""
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


def like_of(symbol: str) -> str:
    """Futures on the E-mini S&P 500 by their root, everything else as shares."""
    return FUTURE if symbol.startswith("ES") and len(symbol) in (3, 4, 5) else SHARE


def venues_of(one: Instrument) -> list[str]:
    """The venues that list it."""
    return ["XNAS", "XBOS"] if one.both_venues else ["XNAS"]


def generated() -> Market:
    """Without files: New York's own instruments, AAPL at both venues, ES at the first."""
    return Market([Instrument(id=1, symbol=SHARE, both_venues=True), Instrument(id=2, symbol=FUTURE, like=FUTURE)])


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
            like = like_of(symbol)
            instruments.append(
                Instrument(
                    id=len(instruments) + 1,
                    symbol=symbol,
                    like=like,
                    file=file.path,
                    live=live_records > 0,
                    both_venues=like == SHARE,
                )
            )
    if not any(one.both_venues for one in instruments):
        # The second venue needs something to trade: the first instrument, copied.
        instruments[0] = replace(instruments[0], both_venues=True)
    return Market(instruments, skipped)
