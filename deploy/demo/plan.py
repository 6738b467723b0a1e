"""From the demo's market to files that a region starts from: reference data, limits, strategies, first inputs, topology.

Invariant: everything is validated by the rooms that own it before a process starts; secrets lie in files that only their
owner reads, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from meridian import records
from meridian._native import links, tiles
from meridian.deploy.demo.market import Instrument, Market, reference_text
from meridian.deploy.topology import Topology, check
from meridian.risk import Limits
from meridian.risk.limits import example
from meridian.strategies import build
from meridian.strategies.artifact import Artifact
from meridian.strategies.plugins.cross_taker import CrossTaker
from meridian.strategies.plugins.market_maker import InventoryMaker
from meridian.venues.reference import ReferenceData

VENUES = {"XNAS": 1, "XBOS": 2}
OUR_SESSION = 1
FLOW_SESSION_FIRST = 100
LOOPBACK = "127.0.0.1"
RECORD = "record.json"
SEED = 20_240_621
COPY = {"lag_ns": 40_000_000, "leave_out_ppm": 150_000, "shift_ppm": 100_000, "jitter_ns": 5_000_000}
"""How the second venue's flow differs from the first's."""
DAY_NS: int = records.CONSTANTS["DAY_NS"]
ORDER_DAY_ZERO_NS: int = records.CONSTANTS["ORDER_DAY_ZERO_NS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One strategy of the demo."""

    number: int
    name: str
    artifact: Artifact
    listings: list[tuple[Instrument, str]]
    parameters: dict[str, Any]

    @property
    def account(self) -> str:
        """Its node in the limit tree."""
        return f"{self.name}-account"


@dataclass(slots=True, kw_only=True)
class Plan:
    """All that a demo run starts from, in its own directory."""

    directory: Path
    market: Market
    reference: ReferenceData = field(init=False)
    limits: Limits = field(init=False)
    slots: list[Slot] = field(init=False)
    topology: Topology = field(init=False)
    midnight_ns: int = field(init=False)
    started_ns: int = 0

    def make(self) -> None:
        """Writes every file. Raises BadInput, ParameterError or TopologyError with all errors of the room concerned."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        midnight = datetime.now(ZoneInfo("America/New_York")).replace(hour=0, minute=0, second=0, microsecond=0)
        self.midnight_ns = int(midnight.timestamp()) * 1_000_000_000
        (self.directory / "reference.toml").write_text(reference_text(self.market), encoding="utf-8")
        self.reference = ReferenceData.load(self.directory / "reference.toml")
        self.slots = list(self._slots())
        text = example(accounts={slot.name: slot.account for slot in self.slots})
        (self.directory / "limits.toml").write_text(text, encoding="utf-8")
        self.limits = Limits.load(self.directory / "limits.toml", self.reference)
        (self.directory / "bootstrap.rec").write_bytes(b"".join(self._bootstrap()))
        for name in ("gateway", "snapshot"):
            _secret(self.directory / f"{name}.secret")
        self.topology = check(self._topology(), kinds=tiles.kinds(), aeron=links.AERON)

    def write_record(self, ended_ns: int | None = None, failures: Sequence[str] = ()) -> None:
        """What reports read: where everything lies, what ran."""
        venues = [
            {
                "name": name,
                "id": number,
                "exchange_tile": f"exchange_{name.lower()}",
                "exchange_journal": f"data/exchange_{name.lower()}",
                "flow": f"data/exchange_{name.lower()}/flow.json",
                "gateway_tile": f"gateway_{name.lower()}",
                "feed_tile": f"feed_{name.lower()}",
                "session": OUR_SESSION,
            }
            for name, number in VENUES.items()
        ]
        document = {
            "schema": "meridian.run/1",
            "name": "demo",
            "started_ns": self.started_ns,
            "ended_ns": ended_ns,
            "failures": list(failures),
            "reference": "reference.toml",
            "limits": "limits.toml",
            "strategies": str(self.slots[0].artifact.path.parent),
            "engine": {"tile": "engine", "journal": "data/engine", "outputs": "data/recorder", "inbox": "data/inbox"},
            "venues": venues,
            "slots": [
                {
                    "slot": slot.number,
                    "name": slot.name,
                    "class": slot.artifact.name,
                    "artifact": str(slot.artifact.path),
                    "parameters": slot.parameters,
                    "listings": [{"instrument": one.symbol, "venue": venue} for one, venue in slot.listings],
                    "account": self.limits.node(slot.account),
                    "strategy": self.limits.node(slot.name),
                }
                for slot in self.slots
            ],
            "skipped_files": [{"path": path, "reason": reason} for path, reason in self.market.skipped],
        }
        making = self.directory / (RECORD + ".making")
        making.write_text(json.dumps(document, indent=1), encoding="utf-8")
        making.replace(self.directory / RECORD)

    def _slots(self) -> Iterator[Slot]:
        maker, taker = build(InventoryMaker), build(CrossTaker)
        number = 0
        for one in self.market.instruments:
            family = one.family
            for venue in venues_of(one):
                number += 1
                yield Slot(
                    number=number,
                    name=f"maker-{one.symbol}-{venue}".lower(),
                    artifact=maker,
                    listings=[(one, venue)],
                    parameters={
                        "half_spread_nanos": family.half_spread_nanos,
                        "skew_nanos_per_lot": family.skew_nanos_per_lot,
                        "size_lots": family.size_lots,
                        "lean_lots_max": 10 * family.size_lots,
                        "book_age_ns_max": 5_000_000_000,
                    },
                )
        for one in self.market.instruments:
            if one.both_venues:
                number += 1
                yield Slot(
                    number=number,
                    name=f"taker-{one.symbol}".lower(),
                    artifact=taker,
                    listings=[(one, "XNAS"), (one, "XBOS")],
                    parameters={
                        "edge_nanos": int(float(family_tick(one)) * 1e9),
                        "size_lots": family_size(one),
                        "position_lots_max": 10 * family_size(one),
                        "book_age_ns_max": 5_000_000_000,
                    },
                )

    def _bootstrap(self) -> Iterator[bytes]:
        day_start_ns = self.midnight_ns
        release = hashlib.sha256("".join(slot.artifact.code_hash for slot in self.slots).encode()).digest()
        yield _record(
            "EngineStart",
            reference_hash=_hash(bytes.fromhex(self.reference.hash)),
            release_hash=_hash(release),
            day_start_ns=day_start_ns,
            day=(day_start_ns - ORDER_DAY_ZERO_NS) // DAY_NS,
            region=self.limits.node("new-york"),
            shard=1,
            epoch=1,
            firm=1,
        )
        yield self.reference.records()
        yield self.limits.records()
        for slot in self.slots:
            yield from self._slot_records(slot)

    def _slot_records(self, slot: Slot) -> Iterator[bytes]:
        yield _record(
            "Slot",
            code_hash=_hash(slot.artifact.code_hash_bytes),
            name=slot.name,
            fuel=1_000_000,
            timer_ns=50_000_000,
            account=self.limits.node(slot.account),
            strategy=self.limits.node(slot.name),
            desk=self.limits.node("desk"),
            trader=1,
            slot_version=1,
            slot=slot.number,
        )
        for name, offset, scalar, bits in slot.artifact.bits(slot.parameters):
            yield _record("Parameter", name=name, bits=np.uint64(bits), offset=offset, slot=slot.number, scalar=scalar)
        for index, (instrument, venue) in enumerate(slot.listings):
            yield _record("SlotBind", venue=VENUES[venue], instrument=instrument.id, slot=slot.number, index=index)

    def _topology(self) -> dict[str, Any]:
        about: dict[str, Any] = {
            "name": "demo",
            "data_directory": str(self.directory / "data"),
            "metrics": {"port": 9464},
            "venues": {name: {"id": number, "profile": "nasdaq"} for name, number in VENUES.items()},
            "tiles": {},
            "links": {},
        }
        for name in VENUES:
            about["tiles"] |= self._venue_tiles(name)
            about["links"] |= _venue_links(name)
        lower = [name.lower() for name in VENUES]
        about["tiles"]["engine"] = {
            "kind": "engine",
            "settings": {
                "bootstrap": str(self.directory / "bootstrap.rec"),
                "libraries": str(self.slots[0].artifact.path.parent),
                "inputs": [
                    "inbox_engine",
                    *(f"{kind}_{name}_engine" for name in lower for kind in ("gateway", "feed")),
                ],
                "commands": {str(number): f"engine_gateway_{name.lower()}" for name, number in VENUES.items()},
                "outputs": "engine_recorder",
            },
        }
        about["tiles"]["recorder"] = {"kind": "recorder", "process": "engine"}
        about["tiles"]["inbox"] = {"kind": "inbox", "process": "engine"}
        about["links"]["engine_recorder"] = {"producer": "engine", "consumers": {"recorder": "reliable"}, "depth": 4096}
        about["links"]["inbox_engine"] = {"producer": "inbox", "consumers": {"engine": "reliable"}, "depth": 64}
        return about

    def _venue_tiles(self, venue: str) -> dict[str, Any]:
        lower, listed = venue.lower(), [one for one in self.market.instruments if venue in venues_of(one)]
        group = VENUES[venue]
        lines = [f"239.77.{group}.{line}:{{port:itch_{lower}}}" for line in (1, 2)]
        listings = [{"symbol": one.symbol, "instrument": one.id} for one in listed]
        served = {
            "lines": lines,
            "interface": LOOPBACK,
            "retransmission": f"{LOOPBACK}:{{port:retransmission_{lower}}}",
            "snapshot": f"{LOOPBACK}:{{port:snapshot_{lower}}}",
            "midnight_ns": self.midnight_ns,
        }
        exchange = served | {
            "name": f"exchange_{lower}",
            "venue": group,
            "feed_session": f"HOUSE{group:05d}",
            "snapshot_username": "feed",
            "snapshot_password_file": str(self.directory / "snapshot.secret"),
            "ports": [
                {
                    "session": OUR_SESSION,
                    "listen": f"{LOOPBACK}:{{port:ouch_{lower}}}",
                    "username": "mrdn",
                    "password_file": str(self.directory / "gateway.secret"),
                    "owner": 1,
                    "self_trade": "oldest",
                }
            ],
            "inner": [{"session": FLOW_SESSION_FIRST + one.id} for one in listed],
            "flow": [self._flow(one, venue) for one in listed],
            "listings": [_listing(one) for one in listed],
        }
        feed = served | {
            "venue": group,
            "username": "feed",
            "password_file": str(self.directory / "snapshot.secret"),
            "listings": listings,
            "link": f"feed_{lower}_engine",
        }
        gateway = {
            "venue": group,
            "source": OUR_SESSION,
            "address": f"{LOOPBACK}:{{port:ouch_{lower}}}",
            "username": "mrdn",
            "password_file": str(self.directory / "gateway.secret"),
            "listings": listings,
            "midnight_ns": self.midnight_ns,
            "commands": f"engine_gateway_{lower}",
            "events": f"gateway_{lower}_engine",
            "cancel_on_disconnect": False,
        }
        settings = {"exchange": exchange, "feed": feed, "gateway": gateway}
        return {f"{kind}_{lower}": {"kind": kind, "settings": about} for kind, about in settings.items()}

    def _flow(self, one: Instrument, venue: str) -> dict[str, Any]:
        about: dict[str, Any] = {
            "session": FLOW_SESSION_FIRST + one.id,
            "instrument": one.id,
            "symbol": one.symbol,
            "fit": one.family.fit,
            "seed": SEED + one.id,
        }
        if one.file is not None:
            about["file"] = str(one.file.resolve())
        return about if venue == "XNAS" else about | COPY


def venues_of(one: Instrument) -> list[str]:
    """The venues that list it."""
    return list(VENUES) if one.both_venues else ["XNAS"]


def family_tick(one: Instrument) -> str:
    """Its tick, a decimal."""
    return one.family.tick


def family_size(one: Instrument) -> int:
    """Lots of one order."""
    return one.family.size_lots


def _listing(one: Instrument) -> dict[str, Any]:
    tick_nanos = round(float(one.family.tick) * 1e9)
    return {
        "instrument": one.id,
        "symbol": one.symbol,
        "locate": one.id,
        "tick_nanos": tick_nanos,
        "round_lot": one.family.round_lot,
        "protection_ppm": 50_000,
    }


def _venue_links(venue: str) -> dict[str, Any]:
    lower = venue.lower()

    def link(producer: str, consumer: str, depth: int) -> dict[str, Any]:
        return {"producer": producer, "consumers": {consumer: "reliable"}, "depth": depth, "record_bytes_max": 192}

    return {
        f"feed_{lower}_engine": link(f"feed_{lower}", "engine", 4096),
        f"engine_gateway_{lower}": link("engine", f"gateway_{lower}", 1024),
        f"gateway_{lower}_engine": link(f"gateway_{lower}", "engine", 1024),
    }


def _record(layout: str, /, **fields: Any) -> bytes:
    return records.new(layout, **fields).tobytes()


def _hash(digest: bytes) -> Any:
    return np.frombuffer(digest, dtype=np.uint8)


def _secret(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(5))


def now_ns() -> int:
    """The time, ns UTC."""
    return time.time_ns()
