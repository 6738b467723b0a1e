"""Executors: slots that run legs of multi-leg orders for another engine of the firm, and the lines between such engines.

In the strategies file of the region that runs the legs:

    [executors.pair-far]                 # a node of the limits, of level strategy: its risk and rights apply
    origin = 1                           # the shard of the engine that asks
    serves = "pair"                      # the strategy there
    listings = [{ instrument = "ESM4", venue = "XCME" }]
    account = "pair-far-account"         # default NAME-account

and in the one of the region that asks, among the strategy's listings: `{ instrument = "ESM4", venue = "XCME", executor = 2 }`.

Invariant: an engine takes legs only from an engine that its own files name, for the strategy that they name, at the listings that
they name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from meridian import records
from meridian.deploy import quotes
from meridian.deploy.topology import Link, Tile
from meridian.risk import Limits
from meridian.strategies.layouts import LISTINGS_MAX
from meridian.venues.checking import Entry, Problems, given
from meridian.venues.reference import ReferenceData

if TYPE_CHECKING:
    from meridian.deploy.region import Region

SHARD_MAX = 255
PEERS_MAX = 8
"""Engines that one works with; as in crates/engine/src/fold/mod.rs."""
LINE_DEPTH = 1024
"""Records on the way between an engine and its line; more are dropped, and said again."""
RECORD_BYTES_MAX = 192
"""As room for the records that engines say to one another."""
EXECUTOR = "executor"
"""What stands for the class of such a slot."""


class ListingName(Entry):
    """A listing by its names."""

    instrument: str = Field(description="the name of an instrument")
    venue: str = Field(description="the name of a venue")


class StrategyListing(ListingName):
    """A listing of a strategy."""

    executor: int | None = Field(
        default=None,
        ge=1,
        le=SHARD_MAX,
        description=f"the shard of the engine that runs legs there, from 1 to {SHARD_MAX}",
    )
    quotes: int | None = Field(
        default=None,
        ge=1,
        le=SHARD_MAX,
        description=f"the shard of the engine that tells its best prices, from 1 to {SHARD_MAX}",
    )


class ExecutorEntry(Entry):
    """One executor of the file."""

    origin: int = Field(ge=1, le=SHARD_MAX, description=f"the shard of the engine that asks, from 1 to {SHARD_MAX}")
    serves: str = Field(description="the name of a node of level strategy: whose legs it runs")
    listings: list[ListingName] = Field(
        min_length=1, max_length=LISTINGS_MAX, description=f"1 to {LISTINGS_MAX} tables with instrument and venue"
    )
    account: str | None = Field(default=None, description="the name of a node of level account")
    trader: int = Field(default=1, ge=0, lt=2**32, description="a trader's number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One executor slot."""

    number: int
    name: str
    account: str
    entry: ExecutorEntry

    def described(self, limits: Limits) -> dict[str, Any]:
        """As the record of a run has it."""
        return {
            "slot": self.number,
            "name": self.name,
            "class": EXECUTOR,
            "artifact": None,
            "parameters": {},
            "listings": [{"instrument": one.instrument, "venue": one.venue} for one in self.entry.listings],
            "account": limits.node(self.account),
            "strategy": limits.node(self.name),
        }

    def records(self, limits: Limits, reference: ReferenceData, desk: str) -> Iterator[bytes]:
        """What the engine starts it from."""
        yield records.new(
            "Slot",
            name=self.name,
            account=limits.node(self.account),
            strategy=limits.node(self.name),
            desk=limits.node(desk),
            trader=self.entry.trader,
            slot_version=1,
            slot=self.number,
            origin=self.entry.origin,
            serves=limits.node(self.entry.serves),
        ).tobytes()
        for index, one in enumerate(self.entry.listings):
            ids = {
                "venue": reference.venues[one.venue].id,
                "instrument": reference.instruments[one.instrument].id,
            }
            yield records.new("SlotBind", **ids, slot=self.number, index=index).tobytes()


def check(executors: Mapping[str, ExecutorEntry], shard: int, limits: Limits | None, problems: Problems) -> None:
    """What executors say that cannot be; their nodes and listings are checked as those of strategies."""
    seen: dict[tuple[int, str], str] = {}
    for name, entry in executors.items():
        key = f"executors.{name}"
        if entry.origin == shard:
            problems.add(
                f"{key}.origin", entry.origin, "another engine's shard; this one's own strategies need no executor"
            )
        if given(entry.origin) is None or given(entry.serves) is None:
            continue
        served = (entry.origin, entry.serves)
        if (other := seen.setdefault(served, name)) != name:
            problems.add(
                f"{key}.serves", entry.serves, f"a strategy that no other executor serves: executors.{other} does"
            )
        nodes = {} if limits is None else limits.nodes
        about = nodes.get(entry.serves)
        if limits is not None and (about is None or (about.level is not None and about.level != "strategy")):
            known = ", ".join(node for node, one in nodes.items() if one.level == "strategy") or "none"
            problems.add(f"{key}.serves", entry.serves, f"the name of a node of level strategy of the limits: {known}")


def shards(region: Region) -> set[int]:
    """The engines that a region's files say it works with."""
    asked = {one.executor for slot in region.slots for one in slot.entry.listings if one.executor is not None}
    return asked | {one.entry.origin for one in region.executors} | quotes.shards(region)


def disagreements(found: Sequence[Region]) -> Iterator[str]:
    """What regions under one hand say of one another's legs that cannot be."""
    by_shard = {one.shard: one for one in found}
    for region in found:
        for slot in region.slots:
            for listing in slot.entry.listings:
                if listing.executor not in by_shard:
                    continue
                key = (
                    f"{region.topology.name}: strategies.{slot.name}.listings: {listing.instrument} at {listing.venue}"
                )
                other = by_shard[listing.executor]
                pair = (listing.instrument, listing.venue)
                runs = [
                    one
                    for one in other.executors
                    if (one.entry.origin, one.entry.serves) == (region.shard, slot.name)
                    and pair in {(row.instrument, row.venue) for row in one.entry.listings}
                ]
                if not runs:
                    yield (
                        f"{key}: executor = {listing.executor}: {other.topology.name} has no executor with origin = "
                        f'{region.shard}, serves = "{slot.name}" and this listing'
                    )


def lines(found: Sequence[Region]) -> list[tuple[str, str]]:
    """Pairs of regions, each with its other way round, between which legs or best prices go."""
    pairs = set()
    for one in found:
        for other in found:
            if one is not other and (other.shard in shards(one) or one.shard in shards(other)):
                pairs |= {(one.topology.name, other.topology.name), (other.topology.name, one.topology.name)}
    return sorted(pairs)


def with_line(region: Region, other: Region, *, listen: str, peer: str, secret: str) -> Region:
    """The region with a line between its engine and the other one's: a tile, a link to it and one back."""
    topology, files = region.topology, region.topology.region
    assert files is not None
    tile, there, back = (
        f"line_{other.shard}",
        f"{files.engine}_line_{other.shard}",
        f"line_{other.shard}_{files.engine}",
    )
    engine = topology.tiles[files.engine]
    settings = engine.settings | {
        "inputs": [*engine.settings["inputs"], back],
        "peers": engine.settings.get("peers", {}) | {str(other.shard): {"link": there}},
    }
    if quotes.told(region, other):
        settings["quotes"] = quotes.settings(region, other, engine.settings.get("quotes", {}))
    line = {"listen": listen, "peer": peer, "secret_file": secret, "outgoing": there, "incoming": back}
    links = {
        name: Link(
            producer=producer,
            consumers={consumer: "reliable"},
            depth=LINE_DEPTH,
            record_bytes_max=RECORD_BYTES_MAX,
        )
        for name, producer, consumer in ((there, files.engine, tile), (back, tile, files.engine))
    }
    changed = topology.model_copy(
        update={
            "tiles": topology.tiles
            | {
                files.engine: engine.model_copy(update={"settings": settings}),
                tile: Tile(kind="line", settings=line),
            },
            "links": topology.links | links,
        }
    )
    return replace(region, topology=changed)
