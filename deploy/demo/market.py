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
"""Instruments of the regions' files that others are like: in ticks, sizes, strategies, generated flow."""
FIRST, SECOND, CHICAGO = "XNAS", "XBOS", "XCME"
"""New York's venues and Chicago's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument of the demo."""

    id: int
    symbol: str
    like: str = SHARE
    """The instrument of the regions' files that says how it trades."""
    file: Path | None = None
    """Recorded flow that drives it first; None: the generator from the start."""
    live: bool = True
    """Whether its file holds more than a snapshot."""
    venues: tuple[str, ...] = (FIRST,)
    """Where it is listed. New York's second venue is driven by a lagged copy of the first's flow, Chicago's by a generator."""

    @property
    def driven(self) -> tuple[str, ...]:
        """The venues that its file drives."""
        return tuple(venue for venue in self.venues if venue in (FIRST, SECOND))


@dataclass(frozen=True, slots=True)
class Market:
    """All instruments, and the files that were passed over."""

    instruments: list[Instrument]
    skipped: list[tuple[str, str]] = field(default_factory=list)


def like_of(symbol: str) -> str:
    """Futures on the E-mini S&P 500 by their root, everything else as shares."""
    return FUTURE if symbol.startswith("ES") and len(symbol) in (3, 4, 5) else SHARE


def generated() -> Market:
    """Without files: the regions' own instruments, AAPL at both of New York's venues, ES at the first and in Chicago."""
    return Market(
        [
            Instrument(id=1, symbol=SHARE, venues=(FIRST, SECOND)),
            Instrument(id=2, symbol=FUTURE, like=FUTURE, venues=(FIRST, CHICAGO)),
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
            like = like_of(symbol)
            instruments.append(
                Instrument(
                    id=len(instruments) + 1,
                    symbol=symbol,
                    like=like,
                    file=file.path,
                    live=live_records > 0,
                    venues=(FIRST, SECOND) if like == SHARE else (FIRST,),
                )
            )
    if not any(SECOND in one.venues for one in instruments):
        # The second venue needs something to trade: the first instrument, copied.
        instruments[0] = replace(instruments[0], venues=(FIRST, SECOND))
    return Market(with_chicago(instruments), skipped)


def with_chicago(instruments: list[Instrument]) -> list[Instrument]:
    """Chicago lists the busiest future of the flow, or the regions' own one where the flow has none."""
    for place, one in enumerate(instruments):
        if one.like == FUTURE:
            instruments[place] = replace(one, venues=(*one.venues, CHICAGO))
            return instruments
    return [*instruments, Instrument(id=len(instruments) + 1, symbol=FUTURE, like=FUTURE, venues=(CHICAGO,))]
