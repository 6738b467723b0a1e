"""The demo's files: those of New York and Chicago (deploy/topologies), with the instruments of its flow in place of their own.

Invariant: what a file of the demo says comes from the regions' files: an instrument is traded, limited and quoted as the one
that it is like. For the regions' own instruments the files are theirs, but for name and place.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from meridian.deploy.demo.market import FUTURE, Instrument, Market
from meridian.deploy.topology import document_of
from meridian.records import NANOS
from meridian.venues.checking import read_toml

TOPOLOGIES = Path(__file__).parent.parent / "topologies"
REGIONS = ("new-york", "chicago")
SHARED = ("reference", "limits")
"""Files of the firm, the same for every region."""
MAKER, TAKER = "inventory-maker", "cross-taker"
FLOW_SESSION_FIRST = 100
FAILOVER = "failover"
"""The scenario in which the first region's engine has a standby and is killed."""
Document = dict[str, Any]


@cache
def _shipped() -> dict[str, Document]:
    files: dict[str, Document] = {}
    for region in REGIONS:
        topology = document_of(TOPOLOGIES / f"{region}.toml")
        files[f"{region}/topology"] = topology
        files[f"{region}/strategies"] = read_toml(TOPOLOGIES / topology["region"]["strategies"])[0]
        # The same file for every region: who starts them together checks that.
        files |= {name: read_toml(TOPOLOGIES / topology["region"][name])[0] for name in SHARED}
    return files


def shipped() -> dict[str, Document]:
    """The regions' files as they come with the platform: reference, limits, and of each region topology and strategies."""
    return copy.deepcopy(_shipped())


def documents(market: Market, directory: Path, scenario: str = "plain") -> dict[str, Document]:
    """The files of a demo of this market, by their place below its directory, without `.toml`."""
    files = shipped()
    reference = _reference(files["reference"], market)
    made = {"reference": reference}
    strategies: dict[str, Document] = {}
    for region in REGIONS:
        topology, given = files[f"{region}/topology"], files[f"{region}/strategies"]
        strategies[region] = _strategies(given, reference, market, list(topology["venues"]))
        own = {"reference": "../reference.toml", "limits": "../limits.toml", "strategies": "strategies.toml"}
        made[f"{region}/strategies"] = strategies[region]
        made[f"{region}/topology"] = _topology(topology, market) | {
            "region": topology["region"] | own,
            "data_directory": str(directory / region / "data"),
        }
    if scenario == FAILOVER:
        _give_standby(made[f"{REGIONS[0]}/topology"])
    future = next(one.symbol for one in market.instruments if "XCME" in one.venues)
    names = {region: list(one["strategies"]) for region, one in strategies.items()}
    return made | {"limits": _limits(files["limits"], names, future)}


def _give_standby(topology: Document) -> None:
    """A standby for the region's engine, without which nothing leaves it; what ran beside the engine runs beside both."""
    engine = topology["tiles"][topology["region"].get("engine", "engine")]
    engine["standby"] = {"process": "standby"}
    engine["settings"]["durability"] = "standby"
    for tile in topology["tiles"].values():
        if tile.get("process") == "engine":
            tile["process"] = "room"


def _reference(reference: Document, market: Market) -> Document:
    like, listings = reference["instruments"], reference["listings"]
    reference["instruments"] = {one.symbol: like[one.like] | {"id": one.id} for one in market.instruments}
    reference["listings"] = [
        _at(listings, one.like, venue) | {"instrument": one.symbol, "venue": venue, "symbol": one.symbol}
        for one in market.instruments
        for venue in one.venues
    ]
    return reference


def _at(listings: list[Document], instrument: str, venue: str) -> Document:
    """The entry of an instrument at a venue, or at any where it is not listed there."""
    own = [one for one in listings if one["instrument"] == instrument]
    return next((one for one in own if one["venue"] == venue), own[0])


def _strategies(file: Document, reference: Document, market: Market, venues: list[str]) -> Document:
    """A maker for each listing of the region, and a taker for what is listed at two of its venues."""
    given = list(file["strategies"].values())
    makers = {
        (one["listings"][0]["instrument"], one["listings"][0]["venue"]): one for one in given if one["class"] == MAKER
    }
    here = {one.symbol: [venue for venue in one.venues if venue in venues] for one in market.instruments}
    made: Document = {}
    for one in market.instruments:
        for venue in here[one.symbol]:
            like = makers.get((one.like, venue)) or next(held for key, held in makers.items() if key[0] == one.like)
            named = {"listings": [{"instrument": one.symbol, "venue": venue}]}
            made[f"maker-{one.symbol}-{venue}".lower()] = like | named
    for one in (one for one in market.instruments if len(here[one.symbol]) > 1):
        taker = next(each for each in given if each["class"] == TAKER)
        size = next(held for key, held in makers.items() if key[0] == one.like)["parameters"]["size_lots"]
        own = {"edge_nanos": _tick_nanos(reference, one), "size_lots": size, "position_lots_max": 10 * size}
        listings = [{"instrument": one.symbol, "venue": venue} for venue in here[one.symbol]]
        made[f"taker-{one.symbol}".lower()] = taker | {"listings": listings, "parameters": taker["parameters"] | own}
    return file | {"strategies": made}


def _tick_nanos(reference: Document, one: Instrument) -> int:
    """The tick of an instrument's usual prices: the last row of its table."""
    listing = next(listing for listing in reference["listings"] if listing["instrument"] == one.symbol)
    return int(Decimal(reference["tick_tables"][listing["tick_table"]]["rows"][-1]["tick"]) * NANOS)


def _limits(limits: Document, strategies: dict[str, list[str]], future: str) -> Document:
    """The firm's limits: those of a region's first strategy for each of its own; what bounds the future of both regions
    bounds the future that both trade here."""
    given, nodes = limits["nodes"], dict[str, Document]()
    held: dict[str, list[Document]] = {}
    for row in limits["limits"]:
        held.setdefault("global" if row.get("enforcement") == "global" else row["node"], []).append(row)
    own: dict[str, list[Document]] = {}

    def add(name: str, like: str, parent: dict[str, str]) -> None:
        nodes[name] = given[like] | {"id": len(nodes) + 1} | parent
        own[name] = [row | {"node": name} for row in held.get(like, [])]

    for name in (name for name, node in given.items() if node["level"] == "firm"):
        add(name, name, {})
    for region, names in strategies.items():
        desk = next(name for name, node in given.items() if node.get("parent") == region)
        like = next(name for name, node in given.items() if node.get("parent") == desk)
        add(region, region, {})
        add(desk, desk, {})
        for name in names:
            add(name, like, {})
            add(f"{name}-account", f"{like}-account", {"parent": name})
    shared = [row | ({"instrument": future} if row.get("instrument") == FUTURE else {}) for row in held["global"]]
    rows = [row | {"id": at} for at, row in enumerate([row for one in own.values() for row in one] + shared, start=1)]
    return limits | {"nodes": nodes, "limits": rows}


def _topology(topology: Document, market: Market) -> Document:
    for venue, about in topology["venues"].items():
        listed = [one for one in market.instruments if venue in one.venues]
        for tile in topology["tiles"].values():
            settings = tile.get("settings", {})
            if settings.get("venue") != about["id"]:
                continue
            if tile["kind"] == "exchange":
                settings["flow"] = [_flow(venue, settings, one) for one in listed]
                settings["inner"] = [{"session": FLOW_SESSION_FIRST + one.id} for one in listed]
                settings["listings"] = [
                    _like("listings", settings, one) | {"instrument": one.id, "symbol": one.symbol, "locate": one.id}
                    for one in listed
                ]
            else:
                settings["listings"] = [{"symbol": one.symbol, "instrument": one.id} for one in listed]
    return topology


def _exchanges() -> dict[str, Document]:
    """The settings of every shipped exchange, by its tile."""
    tiles = [_shipped()[f"{region}/topology"]["tiles"] for region in REGIONS]
    return {name: about["settings"] for each in tiles for name, about in each.items() if about["kind"] == "exchange"}


def _like(key: str, settings: Document, one: Instrument) -> Document:
    """The entry of what an instrument is like at this exchange, else at another."""
    exchanges = _exchanges()
    places = [exchanges[settings["name"]], *exchanges.values()]
    return dict(next(row for about in places for row in about[key] if row["symbol"] == one.like))


def _flow(venue: str, settings: Document, one: Instrument) -> Document:
    like = _like("flow", settings, one)
    # How a venue's flow differs (lag, noise) belongs to the venue, whatever is traded there.
    first = _exchanges()[settings["name"]]["flow"][0]
    differs = {
        key: value
        for key, value in first.items()
        if key not in ("session", "instrument", "symbol", "fit", "seed", "file")
    }
    made = {
        "session": FLOW_SESSION_FIRST + one.id,
        "instrument": one.id,
        "symbol": one.symbol,
        "fit": like["fit"],
        "seed": like["seed"] - like["instrument"] + one.id,
    }
    driven = one.file is not None and venue in one.driven
    return made | differs | ({"file": str(one.file.resolve())} if driven and one.file is not None else {})
