"""Best prices over the line: which listings an engine tells another one of, because a strategy there reads them.

A strategy names such a listing in its region's strategies file, with the shard of the engine that has the book:

    listings = [{ instrument = "ESM4", venue = "XCME" }, { instrument = "ESM4", venue = "XNAS", quotes = 1 }]

It takes no orders and its book is not seen; the best prices there stand in `orders.regions`, with their age. How often they are
told is said where the book is, under the engine's settings: `quotes = { region = "new-york", interval_ns = 1_000_000 }`.

Invariant: what a strategy reads is told: each such listing is one that a feed of the other region carries, or nothing starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meridian import records
from meridian.venues.checking import Problems, given

if TYPE_CHECKING:
    from meridian.deploy.executors import StrategyListing
    from meridian.deploy.region import Region

REGIONS_MAX: int = records.CONSTANTS["REGIONS_MAX"]
"""Places for other regions before a strategy: one for each venue of a region that it hears of an instrument."""
QUOTED_MAX = 256
"""Listings that one engine tells of; as in crates/engine/src/region_quotes.rs."""
FEED = "feed"
"""The kind of the tiles that carry books."""


def check(entries: Mapping[str, Any], shard: int, problems: Problems) -> None:
    """What the strategies of a file say of best prices elsewhere that cannot be."""
    heard: dict[str, set[tuple[int, str]]] = {}
    for name, entry in entries.items():
        for at, one in enumerate(entry.listings or []):
            if one.quotes is None:
                continue
            key = f"strategies.{name}.listings[{at}].quotes"
            if one.quotes == shard:
                problems.add(key, shard, "another engine's shard; this one's own books are seen without")
            if one.executor is not None and one.executor != one.quotes:
                problems.add(key, one.quotes, f"{one.executor}, as executor: a listing belongs to one engine")
            if given(one.instrument) is not None and given(one.venue) is not None:
                heard.setdefault(one.instrument, set()).add((one.quotes, one.venue))
    for instrument, places in heard.items():
        if len(places) > REGIONS_MAX:
            names = ", ".join(f"{venue} of engine {other}" for other, venue in sorted(places))
            allowed = f"at most {REGIONS_MAX} venues of other engines for an instrument"
            problems.add(f"strategies: quotes of {instrument}", names, allowed)


def shards(region: Region) -> set[int]:
    """The engines whose best prices a region's strategies read."""
    return {one.quotes for _, one in _read(region) if one.quotes is not None}


def told(region: Region, reader: Region) -> list[tuple[str, str]]:
    """Instrument and venue of the listings that a region tells another one of, because its strategies read them."""
    return sorted({(one.instrument, one.venue) for _, one in _read(reader) if one.quotes == region.shard})


def _read(region: Region) -> Iterator[tuple[str, StrategyListing]]:
    for slot in region.slots:
        for one in slot.entry.listings:
            if one.quotes is not None:
                yield slot.name, one


def disagreements(found: Sequence[Region]) -> Iterator[str]:
    """What regions under one hand say of one another's best prices that cannot be."""
    by_shard = {one.shard: one for one in found}
    for region in found:
        for strategy, one in _read(region):
            other = by_shard.get(one.quotes or 0)
            if other is not None and (one.instrument, one.venue) not in (carried := _carried(other)):
                known = ", ".join(f"{instrument} at {venue}" for instrument, venue in sorted(carried)) or "none"
                yield (
                    f"{region.topology.name}: strategies.{strategy}.listings: {one.instrument} at {one.venue}: quotes = "
                    f"{one.quotes}: no feed of {other.topology.name} carries it; allowed are {known}"
                )
    for region in found:
        yield from _wrong_name(region)
        count = sum(len(told(region, other)) for other in found if other is not region)
        if count > QUOTED_MAX:
            yield (
                f"{region.topology.name}: strategies of other regions read the best prices of {count} listings of it; "
                f"allowed are {QUOTED_MAX} at most"
            )


def _wrong_name(region: Region) -> Iterator[str]:
    files = region.topology.region
    assert files is not None
    said = region.topology.tiles[files.engine].settings.get("quotes", {}).get("region", region.topology.name)
    if said != region.topology.name:
        yield (
            f'{region.topology.name}: tiles.{files.engine}.settings.quotes.region = "{said}": must be the name of this '
            f'region, "{region.topology.name}"'
        )


def _carried(region: Region) -> set[tuple[str, str]]:
    """The listings that feeds of a region carry."""
    venues = {name: venue.id for name, venue in region.topology.venues.items()}
    numbers = {
        (tile.settings.get("venue"), row.get("instrument"))
        for tile in region.topology.tiles.values()
        if tile.kind == FEED
        for row in tile.settings.get("listings", [])
    }
    return {
        (one.instrument, one.venue)
        for one in region.reference.listings
        if (venues.get(one.venue), region.reference.instruments[one.instrument].id) in numbers
    }


def settings(region: Region, reader: Region, before: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's `quotes` with what the other region is told."""
    venues, instruments = region.reference.venues, region.reference.instruments
    rows = [
        {"venue": venues[venue].id, "instrument": instruments[instrument].id}
        for instrument, venue in told(region, reader)
    ]
    return {"region": region.topology.name, **before, "to": before.get("to", {}) | {str(reader.shard): rows}}
