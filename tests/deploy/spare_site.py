"""A region whose exchanges are a run of their own, so that they outlive each site that trades there.

Invariant: both sites trade at the same ports of the same exchanges, by the same strategies and limits; a site's files are all
that differs between them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian.deploy import region
from meridian.deploy.demo.toml_text import dumps
from meridian.deploy.topology import PLACEHOLDER
from meridian.ports import free_ports
from meridian.venues.checking import read_toml
from tests.kill import files
from tests.kill.plan import NEW_YORK

STAND_IN = "exchange_"
"""Tiles whose names begin so are venues."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Files:
    """What is started: the exchanges, and the region at either site."""

    folder: Path
    venues: Path
    sites: dict[str, Path]
    exchange_data: Path


def write(folder: Path, seed: int, sends: dict[str, Document]) -> Files:
    """Writes all of them. `sends`: site → the settings with which it sends its files to another one."""
    topology_path = files.write(folder, seed, standby=False)[0]
    topology, _ = read_toml(topology_path)
    strategies, _ = read_toml(folder / NEW_YORK / "strategies.toml")
    strategies["strategies"].pop(files.PAIR)
    (folder / NEW_YORK / "strategies.toml").write_text(dumps(strategies), encoding="utf-8")
    loaded = region.load(topology_path).region
    assert loaded is not None, "New York is one"
    words = _words(folder, topology) | {"midnight_ns": loaded.midnight_ns}
    topology = _filled(topology, words)
    exchanges = {name: one for name, one in topology["tiles"].items() if name.startswith(STAND_IN)}
    data = folder / "venues" / "data"
    venues = {
        "name": "venues",
        "restart": "always",
        "data_directory": str(data),
        "tiles": exchanges,
        "metrics": {"enabled": False},
    }
    (folder / "venues.toml").write_text(dumps(venues), encoding="utf-8")
    sites = {}
    for site in ("a", "b"):
        own = topology | {"tiles": {name: one for name, one in topology["tiles"].items() if name not in exchanges}}
        if site in sends:
            services = {"spare": {"kind": "spare", "restart": "always", "settings": sends[site]}}
            own |= {"services": topology.get("services", {}) | services}
        sites[site] = folder / NEW_YORK / f"site-{site}.toml"
        sites[site].write_text(dumps(own), encoding="utf-8")
    return Files(folder, folder / "venues.toml", sites, data)


def _words(folder: Path, topology: Document) -> dict[str, str | int]:
    """What stands for the words in braces in every run alike: ports, passwords' files, the day."""
    found = set(PLACEHOLDER.findall(json.dumps(topology)))
    ports = sorted(word for word in found if word.startswith("port:"))
    words: dict[str, str | int] = dict(zip(ports, free_ports(len(ports)), strict=True))
    for word in sorted(one for one in found if one.startswith("secret:")):
        path = folder / word.removeprefix("secret:")
        path.write_text("secret7", encoding="ascii")
        path.chmod(0o600)
        words[word] = str(path)
    return words


def _filled(value: Any, words: dict[str, str | int]) -> Any:
    if isinstance(value, str):
        alone = PLACEHOLDER.fullmatch(value)
        if alone is not None and alone[1] in words:
            return words[alone[1]]
        return PLACEHOLDER.sub(lambda found: str(words.get(found[1], found[0])), value)
    if isinstance(value, dict):
        return {key: _filled(part, words) for key, part in value.items()}
    return [_filled(part, words) for part in value] if isinstance(value, list) else value


def with_venues(record: Path, made: Files) -> None:
    """Says in a region's record where its venues' own journals lie, so that both are compared."""
    topology, _ = read_toml(made.venues)
    site, _ = read_toml(made.sites["a"])
    document = json.loads(record.read_text(encoding="utf-8"))
    rows = []
    for name, venue in site["venues"].items():
        own = {
            one["kind"]: (tile, one["settings"])
            for tile, one in {**topology["tiles"], **site["tiles"]}.items()
            if one.get("settings", {}).get("venue") == venue["id"]
        }
        exchange = own["exchange"][0]
        gateway, settings = own.get("gateway") or own["fix_gateway"]
        rows.append(
            {
                "name": name, "id": venue["id"], "exchange_tile": exchange, "gateway_tile": gateway, "feed_tile": own["feed"][0],
                "exchange_journal": str(made.exchange_data / exchange), "session": settings["source"],
                "flow": str(made.exchange_data / exchange / "flow.json"),
                "orders_by": settings.get("profile", {}).get("begin_string", "OUCH 5.0"),
            }
        )  # fmt: skip
    record.write_text(json.dumps(document | {"venues": rows}), encoding="utf-8")
