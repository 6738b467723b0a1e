"""A region from its files: topology, reference data, limits, strategies; checked whole, in one pass over all of them.

The strategies file beside a topology:

    version = 1
    [strategies.maker-aapl-xnas]
    class = "inventory-maker"            # a plugin's name, module:Class, or path.py:Class from this file's folder
    listings = [{ instrument = "AAPL", venue = "XNAS" }]
    account = "maker-aapl-xnas-account"  # a node of the limits; default NAME-account
    fuel = 1_000_000                     # loop turns of a call
    timer = "50ms"
    [strategies.maker-aapl-xnas.parameters]
    size_lots = 50

A listing may name the `executor` that runs legs there, and `[executors.NAME]` is a slot that does so for another engine:
meridian.deploy.executors. One that names an engine under `quotes` shows the best prices that it tells: meridian.deploy.quotes.

Invariant: what `load` returns can start: every error of every file was told at once, each with its key, its value and what
is allowed. The engine gets what these files say and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from meridian import records
from meridian._native import links, tiles
from meridian.console import BadInput, Failure
from meridian.deploy import alphas, executors, pairs, quotes
from meridian.deploy import topology as topologies
from meridian.deploy.executors import Executor, ExecutorEntry, ListingName, StrategyListing
from meridian.deploy.specs import Places, tile_errors
from meridian.deploy.topology import Topology, TopologyError
from meridian.risk import Limits
from meridian.strategies import ParameterError, StrategyRefused, build
from meridian.strategies.artifact import Artifact
from meridian.strategies.guard import find_guarded
from meridian.strategies.layouts import LISTINGS_MAX
from meridian.venues.checking import Duration, Entry, Problems, given, read_toml
from meridian.venues.reference import ReferenceData

VERSION = 1
"""The version of the strategies file's format."""
SLOTS_MAX = 63
RECORD = "record.json"
BOOTSTRAP = "bootstrap.rec"
FILES = ("reference", "limits", "strategies")
GATEWAYS = ("gateway", "fix_gateway")
"""Kinds of tiles that orders leave through."""
DAY_NS: int = records.CONSTANTS["DAY_NS"]
ORDER_DAY_ZERO_NS: int = records.CONSTANTS["ORDER_DAY_ZERO_NS"]
CHECK_PORT_FIRST = 40_000
VENUE_ID_MAX = 65_535


class StrategyEntry(Entry):
    """One strategy of the file."""

    class_: str = Field(alias="class", min_length=1, description="a plugin's name, module:Class or path.py:Class")
    listings: list[StrategyListing] = Field(
        min_length=1, max_length=LISTINGS_MAX, description=f"1 to {LISTINGS_MAX} tables with instrument and venue"
    )
    account: str | None = Field(default=None, description="the name of a node of level account")
    fuel: int = Field(default=1_000_000, ge=1, lt=2**63, description="a whole number above zero")
    timer: Duration = Field(
        default=50_000_000, ge=1_000_000, le=DAY_NS, description="a time from 1ms to 24h, such as 50ms"
    )
    trader: int = Field(default=1, ge=0, lt=2**32, description="a trader's number")
    parameters: dict[str, Any] = Field(default_factory=dict, description="a table of the class's parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One strategy, built."""

    number: int
    name: str
    account: str
    artifact: Artifact
    entry: StrategyEntry
    parameters: dict[str, Any]

    @property
    def listings(self) -> list[tuple[str, str]]:
        """Instrument and venue, by name."""
        return [(one.instrument, one.venue) for one in self.entry.listings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What an engine of a topology starts from."""

    topology: Topology
    reference: ReferenceData
    limits: Limits
    slots: list[Slot]
    executors: list[Executor]
    """Slots that run legs for other engines; numbered after the strategies'."""
    files: Mapping[str, Path]
    """The files that it was read from, by FILES."""
    models: Mapping[str, Path]
    """The alpha tiles' models, by the name of their copy in a run's directory."""

    @property
    def shard(self) -> int:
        """The engine's number among all of the firm's."""
        assert self.topology.region is not None
        return self.topology.region.shard

    @property
    def midnight_ns(self) -> int:
        """Today's midnight, UTC, by the calendar of the topology's first venue."""
        zone = ZoneInfo(self.reference.calendar(next(iter(self.topology.venues))).time_zone)
        midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(midnight.timestamp()) * 1_000_000_000

    @property
    def libraries(self) -> Path:
        """Where the strategies' object code lies."""
        return self.slots[0].artifact.path.parent

    def prepare(self, directory: Path) -> dict[str, str | int]:
        """Writes what the engine starts from into a run's directory; returns what the words in braces stand for."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, path in self.files.items():
            if path.resolve() != (directory / f"{name}.toml").resolve():
                shutil.copyfile(path, directory / f"{name}.toml")
        for name, path in self.models.items():
            if path.resolve() != (directory / name).resolve():
                shutil.copyfile(path, directory / name)
        midnight_ns = self.midnight_ns
        (directory / BOOTSTRAP).write_bytes(b"".join(self._bootstrap(midnight_ns)))
        return {
            "bootstrap": str(directory / BOOTSTRAP),
            "libraries": str(self.libraries),
            "midnight_ns": midnight_ns,
        }

    def write_record(
        self, directory: Path, *, started_ns: int, ended_ns: int | None = None, failures: Sequence[str] = (),
        skipped: Sequence[tuple[str, str]] = (), leads: str | None = None,
    ) -> None:  # fmt: skip
        """What reports read: where everything lies, what ran. Of an engine and its standby: which of the two `leads`."""
        files = self.topology.region
        assert files is not None
        leader = leads or files.engine
        document = {
            "schema": "meridian.run/1",
            "name": self.topology.name,
            "started_ns": started_ns,
            "ended_ns": ended_ns,
            "failures": list(failures),
            "reference": "reference.toml",
            "limits": "limits.toml",
            "strategies": str(self.libraries),
            "engine": {
                "tile": leader,
                "journal": f"data/{leader}",
                "outputs": f"data/{files.recorder}",
                "inbox": f"data/{files.inbox}",
            }
            | ({"pair": [files.engine, pairs.standby_of(files.engine)]} if leads else {}),
            "venues": list(self._venues()),
            "slots": [self._described(slot) for slot in self.slots]
            + [one.described(self.limits) for one in self.executors],
            "skipped_files": [{"path": path, "reason": reason} for path, reason in skipped],
        }
        making = directory / (RECORD + ".making")
        making.write_text(json.dumps(document, indent=1), encoding="utf-8")
        making.replace(directory / RECORD)

    def _described(self, slot: Slot) -> dict[str, Any]:
        return {
            "slot": slot.number,
            "name": slot.name,
            "class": slot.artifact.name,
            "artifact": str(slot.artifact.path),
            "parameters": slot.parameters,
            "listings": [{"instrument": instrument, "venue": venue} for instrument, venue in slot.listings],
            "account": self.limits.node(slot.account),
            "strategy": self.limits.node(slot.name),
        }

    def _venues(self) -> Iterator[dict[str, Any]]:
        """Venues that an exchange of this topology stands in for, with their tiles."""
        for name, venue in self.topology.venues.items():
            found = {
                about.kind: (tile, about.settings)
                for tile, about in self.topology.tiles.items()
                if about.settings.get("venue") == venue.id
            }
            gateway = next((found[kind] for kind in GATEWAYS if kind in found), None)
            if gateway is not None and {"exchange", "feed"} <= set(found):
                exchange, copy = found["exchange"][0], found.get("fix_drop_copy")
                yield {
                    "name": name,
                    "id": venue.id,
                    "exchange_tile": exchange,
                    "exchange_journal": f"data/{exchange}",
                    "flow": f"data/{exchange}/flow.json",
                    "gateway_tile": gateway[0],
                    "feed_tile": found["feed"][0],
                    "session": gateway[1]["source"],
                    "orders_by": gateway[1].get("profile", {}).get("begin_string", "OUCH 5.0"),
                } | ({"drop_copy_journal": f"data/{copy[0]}"} if copy else {})

    def _bootstrap(self, midnight_ns: int) -> Iterator[bytes]:
        shard = self.shard
        # With an agent the store says what part an engine has; until it has, it has none of any global limit.
        by_agent = any(service.kind == "agent" for service in self.topology.services.values())
        release = hashlib.sha256("".join(slot.artifact.code_hash for slot in self.slots).encode()).digest()
        yield _record(
            "EngineStart",
            reference_hash=_hash(bytes.fromhex(self.reference.hash)),
            release_hash=_hash(release),
            day_start_ns=midnight_ns,
            day=(midnight_ns - ORDER_DAY_ZERO_NS) // DAY_NS,
            region=self.limits.node(self._above(self.slots[0].name, "region")),
            shard=shard,
            epoch=1,
            firm=1,
        )
        yield self.reference.records()
        yield self.limits.records(holder=0 if by_agent else shard)
        for slot in self.slots:
            yield from self._slot_records(slot)
        for one in self.executors:
            yield from one.records(self.limits, self.reference, self._above(one.name, "desk"))

    def _above(self, node: str, level: str) -> str:
        return next(name for name in self.limits.path(node) if self.limits.nodes[name].level == level)

    def _slot_records(self, slot: Slot) -> Iterator[bytes]:
        yield _record(
            "Slot",
            code_hash=_hash(slot.artifact.code_hash_bytes),
            name=slot.name,
            fuel=slot.entry.fuel,
            timer_ns=slot.entry.timer,
            account=self.limits.node(slot.account),
            strategy=self.limits.node(slot.name),
            desk=self.limits.node(self._above(slot.name, "desk")),
            trader=slot.entry.trader,
            slot_version=1,
            slot=slot.number,
        )
        for name, offset, scalar, bits in slot.artifact.bits(slot.parameters):
            yield _record("Parameter", name=name, bits=np.uint64(bits), offset=offset, slot=slot.number, scalar=scalar)
        for index, one in enumerate(slot.entry.listings):
            ids = {
                "venue": self.reference.venues[one.venue].id,
                "instrument": self.reference.instruments[one.instrument].id,
            }
            watch_only = int(one.quotes is not None and one.executor is None)
            row = {"slot": slot.number, "index": index, "executor": one.executor or 0, "watch_only": watch_only}
            yield _record("SlotBind", **ids, **row)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A topology that can start, and the region of it where it has one."""

    topology: Topology
    region: Region | None


def load(path: str | Path) -> Loaded:
    """Reads and checks a topology file and all files that it names. Raises BadInput with every error of all of them."""
    path = Path(path)
    try:
        document = topologies.document_of(path)
    except TopologyError as error:
        raise BadInput(error.errors) from None
    with tempfile.TemporaryDirectory(prefix="meridian-check-") as folder:
        topology, errors = topologies.examine(
            document, kinds=tiles.kinds(), aeron=links.AERON, settings=_settings(Path(folder))
        )
    region = None
    if topology is not None and topology.region is not None:
        region, more = _examine(topology, path.parent)
        errors += more
    if errors or topology is None:
        raise BadInput(errors)
    return Loaded(topology, region)


def _settings(folder: Path) -> topologies.Settings:
    """Checks the settings of a tile with stand-ins for what is only there once a run begins."""
    (folder / BOOTSTRAP).write_bytes(_record("EngineStart"))
    (folder / "secret").write_text("stand-in")

    def check(topology: Topology, tile: str, produced: list[str], consumed: list[str]) -> list[str]:
        words = {f"secret:{name}": str(folder / "secret") for name in topology.secrets()}
        ports = {name: CHECK_PORT_FIRST + at for at, name in enumerate(topology.ports())}
        places = Places(
            run_directory=folder, shared_directory=folder, data_directory=folder, aeron_directory=folder, ports=ports,
            words=words | {"bootstrap": str(folder / BOOTSTRAP), "libraries": str(folder), "midnight_ns": 0},
        )  # fmt: skip
        return tile_errors(topology, tile, places, produced, consumed)

    return check


def _examine(topology: Topology, folder: Path) -> tuple[Region | None, list[str]]:
    """The region of a topology, and all that is wrong with its files."""
    files = topology.region
    assert files is not None
    paths = {name: folder / getattr(files, name) for name in FILES}
    reference, errors = ReferenceData.examine(paths["reference"])
    if reference is None:
        return None, errors
    limits, more = Limits.examine(paths["limits"], reference)
    errors += more
    slots, run_for_others, more = _strategies(paths["strategies"], reference, limits, files.shard)
    errors += more + _venues_agree(topology, reference) + _listings_agree(topology, reference)
    errors += alphas.problems(topology, reference, folder)
    if errors or limits is None:
        return None, errors
    models = alphas.models(topology, folder)
    own = Region(
        topology=topology, reference=reference, limits=limits, slots=slots, executors=run_for_others, files=paths,
        models=models,
    )  # fmt: skip
    return own, []


def _venues_agree(topology: Topology, reference: ReferenceData) -> list[str]:
    errors = [] if topology.venues else ["venues: is missing; a region needs the venues that it trades at"]
    for name, venue in topology.venues.items():
        known = reference.venues.get(name)
        if known is None:
            errors.append(
                f"venues.{name}: the reference data has no such venue; {topologies.nearest(name, list(reference.venues))}"
            )
        elif known.id is not None and known.id != venue.id:
            errors.append(f"venues.{name}.id = {venue.id}: the reference data says {known.id}")
    return errors


def _listings_agree(topology: Topology, reference: ReferenceData) -> list[str]:
    """What tiles say of instruments is what the reference data says."""
    listed: dict[int, dict[int, str]] = {}
    for one in reference.listings:
        venue, instrument = reference.venues.get(one.venue), reference.instruments.get(one.instrument)
        if venue is not None and instrument is not None and one.symbol is not None:
            listed.setdefault(venue.id, {})[instrument.id] = one.symbol
    errors = []
    for name, tile in topology.tiles.items():
        rows, venue_id = tile.settings.get("listings"), tile.settings.get("venue")
        if not isinstance(rows, list) or not isinstance(venue_id, int) or not 1 <= venue_id <= VENUE_ID_MAX:
            continue
        if venue_id not in listed:
            errors.append(f"tiles.{name}.settings.venue = {venue_id}: the reference data lists nothing at such a venue")
            continue
        for at, row in enumerate(row for row in rows if isinstance(row, dict)):
            key, number, symbol = f"tiles.{name}.settings.listings[{at}]", row.get("instrument"), row.get("symbol")
            known = listed.get(venue_id, {}).get(number) if isinstance(number, int) else None
            if isinstance(number, int) and known is None:
                errors.append(
                    f"{key}.instrument = {number}: the reference data lists no such instrument at venue {venue_id}"
                )
            elif isinstance(symbol, str) and known is not None and known != symbol:
                errors.append(f'{key}.symbol = "{symbol}": the reference data says "{known}" for instrument {number}')
    return errors


def _strategies(
    path: Path, reference: ReferenceData, limits: Limits | None, shard: int
) -> tuple[list[Slot], list[Executor], list[str]]:
    try:
        document, _ = read_toml(path)
    except BadInput as error:
        return [], [], error.errors
    problems = Problems(str(path))
    problems.keys(document, {"version", "strategies", "executors"})
    if document.get("version") != VERSION:
        problems.add("version", document.get("version"), str(VERSION))
    entries = problems.tables(document, "strategies", StrategyEntry)
    others = problems.tables(document, "executors", ExecutorEntry)
    if not document.get("strategies"):
        problems.missing("strategies", "one strategy at least")
    if len(entries) + len(others) > SLOTS_MAX:
        count = f"{len(entries)} strategies and {len(others)} executors"
        problems.add("strategies", count, f"at most {SLOTS_MAX} of an engine")
    slots = []
    for number, (name, entry) in enumerate(entries.items(), start=1):
        account = entry.account or f"{name}-account"
        _check_listings(f"strategies.{name}", entry.listings, reference, problems)
        for at, one in enumerate(entry.listings or []):
            if one.executor == shard:
                problems.add(
                    f"strategies.{name}.listings[{at}].executor", shard, "another engine's shard; this one needs none"
                )
        if limits is not None:
            _check_nodes(f"strategies.{name}", name, account, limits, problems)
        if given(entry.class_) is None or not isinstance(entry.parameters, dict | None):
            continue
        if (built := _built(name, entry, path.parent, problems)) is not None:
            artifact, parameters = built
            slots.append(
                Slot(number=number, name=name, account=account, artifact=artifact, entry=entry, parameters=parameters)
            )
    executors.check(others, shard, limits, problems)
    quotes.check(entries, shard, problems)
    found = []
    for number, (name, other) in enumerate(others.items(), start=len(entries) + 1):
        account = other.account or f"{name}-account"
        _check_listings(f"executors.{name}", other.listings, reference, problems)
        if name in entries:
            problems.add(f"executors.{name}", name, "another name than a strategy's")
        if limits is not None:
            _check_nodes(f"executors.{name}", name, account, limits, problems)
        found.append(Executor(number=number, name=name, account=account, entry=other))
    return slots, found, problems.sentences


def _check_listings(
    place: str, listings: Sequence[ListingName] | None, reference: ReferenceData, problems: Problems
) -> None:
    known = {(one.instrument, one.venue) for one in reference.listings}
    seen: set[tuple[str, str]] = set()
    for at, one in enumerate(listings or []):
        key, pair = f"{place}.listings[{at}]", (one.instrument, one.venue)
        if pair not in known:
            allowed = ", ".join(f"{instrument} at {venue}" for instrument, venue in sorted(known, key=str))
            problems.add(key, f"{one.instrument} at {one.venue}", f"a listing of the reference data: {allowed}")
        elif pair in seen:
            problems.add(key, f"{one.instrument} at {one.venue}", "each listing once")
        seen.add(pair)


def _check_nodes(key: str, name: str, account: str, limits: Limits, problems: Problems) -> None:
    nodes = limits.nodes
    for field, node, level in ((key, name, "strategy"), (f"{key}.account", account, "account")):
        about = nodes.get(node)
        if about is None or (about.level is not None and about.level != level):
            known = [other for other, one in nodes.items() if one.level == level]
            problems.add(
                field, node, f"the name of a node of level {level} of the limits: {', '.join(known) or 'none'}"
            )
    if account in nodes and nodes[account].parent not in (None, name):
        problems.add(f"{key}.account", account, f"an account below {name} (its parent is {nodes[account].parent})")
    if name in nodes and nodes[name].level == "strategy":
        levels: list[str] = []
        above = nodes[name].parent
        while above in nodes and len(levels) < len(nodes):
            levels.append(nodes[above].level)
            above = nodes[above].parent
        if not {"desk", "region"} <= set(levels) and None not in levels:
            problems.add(key, name, "a node below a desk and a region of the limits")


def _built(name: str, entry: StrategyEntry, folder: Path, problems: Problems) -> tuple[Artifact, dict[str, Any]] | None:
    """The object code of a strategy, its parameters checked."""
    spec, key = entry.class_, f"strategies.{name}"
    place, colon, rest = spec.partition(":")
    if place.endswith(".py"):
        spec = f"{folder / place}{colon}{rest}"
    try:
        artifact = build(find_guarded(spec))
    except (Failure, StrategyRefused, ParameterError) as error:
        errors = error.errors
        problems.sentences += [f"{problems.source}: {key}.class = {entry.class_!r}: {line}" for line in errors]
        return None
    kinds = {about["name"]: about["type"] for about in artifact.parameters}
    values = {
        word: float(value) if isinstance(value, Decimal) and kinds.get(word) == "float" else value
        for word, value in (entry.parameters or {}).items()
    }
    try:
        artifact.bits(values)
    except ParameterError as error:
        problems.sentences += [f"{problems.source}: {key}.parameters.{line}" for line in error.errors]
        return None
    return artifact, values


def _record(layout: str, /, **fields: Any) -> bytes:
    return records.new(layout, **fields).tobytes()


def _hash(digest: bytes) -> Any:
    return np.frombuffer(digest, dtype=np.uint8)


def now_ns() -> int:
    """The time, ns UTC."""
    return time.time_ns()
