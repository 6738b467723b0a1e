"""The files of a kill run's system: those of the demo, with busy strategies, limits that are reached, journals of short
segments, and processes that the supervisor starts again.

Invariant: they are checked as `meridian up --regions` checks them; what runs is what they say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meridian.deploy.demo.documents import FAILOVER, REGIONS, documents
from meridian.deploy.demo.market import generated
from meridian.deploy.demo.toml_text import dumps
from meridian.records import NANOS
from tests.kill.plan import CHICAGO, NEW_YORK

CLASSES = Path(__file__).parent / "trader.py"
PAIR, EXECUTOR = "pair-es", "pair-es-far"
TIMER = "40ms"
SEGMENT_BYTES = 1 << 18
"""So that journals begin new files every few seconds."""
MESSAGES_MAX = 1 << 18
"""Of a session: more than a system says before another is made."""
BOUNDS = {"AAPL": 60, "ESM4": 12}
"""Lots of a trader, either side: reached all the time."""
FIRM_LOTS, GLOBAL_LOTS = 120, 20
"""Of one instrument in one engine, and of the future in both."""
TICKS = {"AAPL": NANOS // 100, "ESM4": NANOS // 4}
SIZES = {"AAPL": 10, "ESM4": 2}
Document = dict[str, Any]


def write(folder: Path, seed: int, *, standby: bool) -> list[Path]:
    """Writes all of them; returns the regions' topologies. `standby`: New York's engine has one."""
    made = documents(generated(), folder, FAILOVER if standby else "plain")
    for region in REGIONS:
        made[f"{region}/strategies"] = _strategies(made[f"{region}/strategies"], region, seed)
        made[f"{region}/topology"] = _topology(made[f"{region}/topology"])
    made["limits"] = _limits(made["limits"])
    for name, document in made.items():
        path = folder / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(dumps(document), encoding="utf-8")
    return [folder / region / "topology.toml" for region in REGIONS]


def _strategies(file: Document, region: str, seed: int) -> Document:
    """A trader for each maker; from New York a pair of futures whose second leg Chicago trades."""
    strategies: Document = {}
    for number, (name, one) in enumerate(file["strategies"].items(), start=1):
        symbol = one["listings"][0]["instrument"]
        if not name.startswith("maker-"):
            strategies[name] = one
            continue
        parameters = {"tick_nanos": TICKS[symbol], "size_lots": SIZES[symbol], "seed": seed % 1_000_000 * 10 + number}
        made: Document = {"class": f"{CLASSES}:Trader", "timer": TIMER, "parameters": parameters}
        strategies[_renamed(name)] = made | {"listings": one["listings"]}
    if region == CHICAGO:
        far: Document = {"origin": 1, "serves": PAIR, "listings": [{"instrument": "ESM4", "venue": "XCME"}]}
        return file | {"strategies": strategies, "executors": {EXECUTOR: far}}
    legs: list[Document] = [
        {"instrument": "ESM4", "venue": "XNAS"},
        {"instrument": "ESM4", "venue": "XCME", "executor": 2},
    ]
    strategies[PAIR] = {"class": f"{CLASSES}:Pair", "listings": legs}
    return file | {"strategies": strategies}


def _renamed(name: str) -> str:
    return name.replace("maker-", "trader-", 1) if name.startswith("maker-") else name


def _limits(limits: Document) -> Document:
    """Position limits that are reached, and nodes for the pair and its executor."""
    nodes = {_renamed(name): one for name, one in limits["nodes"].items()}
    for one in nodes.values():
        if "parent" in one:
            one["parent"] = _renamed(one["parent"])
    rows = [row | {"node": _renamed(row["node"])} for row in limits["limits"]]
    of_trader = [row for row in rows if row["node"] == "trader-esm4-xcme"]
    for region, name in ((NEW_YORK, PAIR), (CHICAGO, EXECUTOR)):
        desk = next(node for node, one in nodes.items() if one.get("parent") == region)
        nodes[name] = {"id": len(nodes) + 1, "level": "strategy", "parent": desk}
        nodes[f"{name}-account"] = {"id": len(nodes) + 1, "level": "account", "parent": name}
        rows += [row | {"node": name} for row in of_trader]
    made = [_tightened(row) | {"id": number} for number, row in enumerate(rows, start=1)]
    return limits | {"nodes": nodes, "limits": made}


def _tightened(row: Document) -> Document:
    """A row with the bound of a kill run, where it bounds positions."""
    if row["metric"] not in ("position_long", "position_short"):
        return row
    if row.get("enforcement") == "global":
        parts = [part | {"lots": GLOBAL_LOTS // 2} for part in row["parts"]]
        return row | {"lots": GLOBAL_LOTS, "parts": parts}
    if row["node"] == "firm":
        return row | {"lots": FIRM_LOTS}
    return row | {"lots": BOUNDS["AAPL" if "aapl" in row["node"] else "ESM4"]}


def _topology(topology: Document) -> Document:
    """Everything is started again, gateways by one in reserve; segments are short; nothing of a session is forgotten before its
    system ends."""
    del topology["data_directory"]
    gateways = [name for name, tile in topology["tiles"].items() if "gateway" in tile["kind"]]
    processes = topology.get("processes", {})
    processes |= {name: processes.get(name, {}) | {"reserve": True} for name in gateways}
    for tile in topology["tiles"].values():
        settings = tile.get("settings", {})
        if "segment_bytes" in settings:
            settings["segment_bytes"] = SEGMENT_BYTES
        if "session_messages" in settings:
            settings |= {"session_messages": MESSAGES_MAX, "feed_messages": MESSAGES_MAX}
        for port in settings.get("fix_ports", []):
            port |= {"store_messages_max": MESSAGES_MAX} | (
                {"orders_max": MESSAGES_MAX} if "orders_max" in port else {}
            )
        if "store" in settings:
            settings["store"] = {"messages_max": MESSAGES_MAX, "segment_bytes": 1 << 20}
    return topology | {"restart": "always", "metrics": {"enabled": False}, "processes": processes}
