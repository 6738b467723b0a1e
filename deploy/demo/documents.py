"""The demo's files: those of New York (deploy/topologies/new-york.toml), with the instruments of its flow in place of New
York's own.

Invariant: what a file of the demo says comes from New York's files: an instrument is traded, limited and quoted as the one
that it is like. For New York's own instruments the files are New York's, but for name and place.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from meridian.deploy.demo.market import Instrument, Market, venues_of
from meridian.deploy.topology import document_of
from meridian.records import NANOS
from meridian.venues.checking import read_toml

NEW_YORK = Path(__file__).parent.parent / "topologies" / "new-york.toml"
FILES = ("reference", "limits", "strategies")
MAKER, TAKER = "inventory-maker", "cross-taker"
FLOW_SESSION_FIRST = 100
Document = dict[str, Any]


@cache
def _shipped() -> dict[str, Document]:
    topology = document_of(NEW_YORK)
    return {"topology": topology} | {name: read_toml(NEW_YORK.parent / topology["region"][name])[0] for name in FILES}


def shipped() -> dict[str, Document]:
    """New York's files, without what the firm's say of other regions."""
    files = copy.deepcopy(_shipped())
    venues, reference, limits = files["topology"]["venues"], files["reference"], files["limits"]
    reference["venues"] = {name: one for name, one in reference["venues"].items() if name in venues}
    calendars = {one["calendar"] for one in reference["venues"].values()}
    reference["calendars"] = {name: one for name, one in reference["calendars"].items() if name in calendars}
    reference["listings"] = [one for one in reference["listings"] if one["venue"] in venues]
    nodes, kept = limits["nodes"], set[str]()
    for name in files["strategies"]["strategies"]:
        at: str | None = name
        kept.add(f"{name}-account")
        while at is not None:
            kept.add(at)
            at = nodes[at].get("parent")
    limits["nodes"] = {name: one for name, one in nodes.items() if name in kept}
    # What bounds several regions together has no meaning in one.
    limits["limits"] = [one for one in limits["limits"] if one["node"] in kept and one.get("enforcement") != "global"]
    return files


def documents(market: Market, data_directory: Path) -> dict[str, Document]:
    """The files of a demo of this market, by name."""
    files = shipped()
    reference = _reference(files["reference"], market)
    strategies = _strategies(files, market)
    return {
        "reference": reference,
        "strategies": strategies,
        "limits": _limits(files["limits"], list(strategies["strategies"])),
        "topology": _topology(files["topology"], market)
        | {"name": "demo", "data_directory": str(data_directory)}
        | {"region": files["topology"]["region"] | {name: f"{name}.toml" for name in FILES}},
    }


def _reference(reference: Document, market: Market) -> Document:
    like, listings = reference["instruments"], reference["listings"]
    reference["instruments"] = {one.symbol: like[one.like] | {"id": one.id} for one in market.instruments}
    reference["listings"] = [
        _at(listings, one.like, venue) | {"instrument": one.symbol, "venue": venue, "symbol": one.symbol}
        for one in market.instruments
        for venue in venues_of(one)
    ]
    return reference


def _at(listings: list[Document], instrument: str, venue: str) -> Document:
    """The entry of an instrument at a venue, or at any where it is not listed there."""
    own = [one for one in listings if one["instrument"] == instrument]
    return next((one for one in own if one["venue"] == venue), own[0])


def _strategies(files: dict[str, Document], market: Market) -> Document:
    given = list(files["strategies"]["strategies"].values())
    makers = {
        (one["listings"][0]["instrument"], one["listings"][0]["venue"]): one for one in given if one["class"] == MAKER
    }
    taker = next(one for one in given if one["class"] == TAKER)
    made: Document = {}
    for one in market.instruments:
        for venue in venues_of(one):
            like = makers.get((one.like, venue)) or next(held for key, held in makers.items() if key[0] == one.like)
            named = {"listings": [{"instrument": one.symbol, "venue": venue}]}
            made[f"maker-{one.symbol}-{venue}".lower()] = like | named
    for one in (one for one in market.instruments if one.both_venues):
        size = next(held for key, held in makers.items() if key[0] == one.like)["parameters"]["size_lots"]
        own = {"edge_nanos": _tick_nanos(files["reference"], one), "size_lots": size, "position_lots_max": 10 * size}
        listings = [{"instrument": one.symbol, "venue": venue} for venue in venues_of(one)]
        made[f"taker-{one.symbol}".lower()] = taker | {"listings": listings, "parameters": taker["parameters"] | own}
    return files["strategies"] | {"strategies": made}


def _tick_nanos(reference: Document, one: Instrument) -> int:
    """The tick of an instrument's usual prices: the last row of its table."""
    listing = next(listing for listing in reference["listings"] if listing["instrument"] == one.symbol)
    return int(Decimal(reference["tick_tables"][listing["tick_table"]]["rows"][-1]["tick"]) * NANOS)


def _limits(limits: Document, strategies: list[str]) -> Document:
    """Limits of the first strategy for each."""
    nodes = {name: node for name, node in limits["nodes"].items() if node["level"] in ("firm", "region", "desk")}
    like = next(name for name, node in limits["nodes"].items() if node["level"] == "strategy")
    rows = [row for row in limits["limits"] if row["node"] in nodes]
    for strategy in strategies:
        nodes[strategy] = limits["nodes"][like] | {"id": len(nodes) + 1}
        nodes[f"{strategy}-account"] = {"id": len(nodes) + 1, "level": "account", "parent": strategy}
        own = [row for row in limits["limits"] if row["node"] == like]
        rows += [row | {"id": len(rows) + at, "node": strategy} for at, row in enumerate(own, start=1)]
    return limits | {"nodes": nodes, "limits": rows}


def _topology(topology: Document, market: Market) -> Document:
    for venue, about in topology["venues"].items():
        listed = [one for one in market.instruments if venue in venues_of(one)]
        for tile in topology["tiles"].values():
            settings = tile.get("settings", {})
            if settings.get("venue") != about["id"]:
                continue
            if tile["kind"] == "exchange":
                settings["flow"] = [_flow(topology, settings, one) for one in listed]
                settings["inner"] = [{"session": FLOW_SESSION_FIRST + one.id} for one in listed]
                settings["listings"] = [
                    _like(topology, "listings", settings, one)
                    | {"instrument": one.id, "symbol": one.symbol, "locate": one.id}
                    for one in listed
                ]
            else:
                settings["listings"] = [{"symbol": one.symbol, "instrument": one.id} for one in listed]
    return topology


def _like(topology: Document, key: str, settings: Document, one: Instrument) -> Document:
    """The entry of what an instrument is like at this exchange, else at another."""
    own = next((row for row in _shipped_settings(settings["name"])[key] if row["symbol"] == one.like), None)
    exchanges = [tile["settings"] for tile in _shipped()["topology"]["tiles"].values() if tile["kind"] == "exchange"]
    return dict(own or next(row for about in exchanges for row in about[key] if row["symbol"] == one.like))


def _shipped_settings(name: str) -> Document:
    found: Document = _shipped()["topology"]["tiles"][name]["settings"]
    return found


def _flow(topology: Document, settings: Document, one: Instrument) -> Document:
    like = _like(topology, "flow", settings, one)
    # How a venue's flow differs (lag, noise) belongs to the venue, whatever is traded there.
    first = _shipped_settings(settings["name"])["flow"][0]
    venue = {
        key: value
        for key, value in first.items()
        if key not in ("session", "instrument", "symbol", "fit", "seed", "file")
    }
    seed = like["seed"] - like["instrument"] + one.id
    made = {
        "session": FLOW_SESSION_FIRST + one.id,
        "instrument": one.id,
        "symbol": one.symbol,
        "fit": like["fit"],
        "seed": seed,
    }
    return made | venue | ({"file": str(one.file.resolve())} if one.file is not None else {})
