"""The topology file: which tiles run, where, over which links; validated whole before anything starts.

Invariant: `check` returns a topology that can start, or raises `TopologyError` with every error at once, each with its key,
its value and what is allowed; the settings of tiles are checked by the code that the tiles read them with. Ports are not
chosen here: `{port:NAME}` in a setting is filled in by the supervisor.

    name = "demo"
    [region]                             # optional: an engine with strategies, from files beside this one
    reference = "reference.toml"
    limits = "limits.toml"
    strategies = "strategies.toml"
    [coordination]                       # optional: what regions under one hand share
    tls = true                           # store and limits API over TLS, a certificate for each component
    [processes.engine]
    idle = "back-off"                    # spin, yield, park, back-off
    placement = "threads"                # a thread for each tile; or "one-thread": tiles take turns
    restart = "always"                   # or "none"; the topology's own where nothing is said
    reserve = true                       # another one waits, ready, for its place
    [tiles.feed]
    kind = "feed"
    process = "engine"                   # default: a process of the tile's own name
    core = 2                             # pinning, optional
    settings = { group = "239.1.1.1:{port:itch_a}" }
    [links.feed_engine]
    producer = "feed"
    depth = 4096                         # records of the largest size
    record_bytes_max = 256
    transport = "auto"                   # ring, shm, aeron-ipc, aeron-udp
    consumers = { engine = "lossy" }     # or "reliable"

Services are Python processes that may be ends of links, too: see `services`. A region's engine may have a standby: see `pairs`.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meridian.console import BadInput, cut
from meridian.deploy import services
from meridian.venues.checking import read_toml, shown

NAME = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
CONSUMERS_MAX = 16
AERON_RECORD_BYTES_MAX = 65_472
Transport = Literal["auto", "ring", "shm", "aeron-ipc", "aeron-udp"]


class TopologyError(Exception):
    """Everything that is wrong with a topology, one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(errors))


class Strict(BaseModel):
    """Refuses keys that it does not know, and values of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Process(Strict):
    """One process; all keys have defaults, so most processes need no entry."""

    idle: Literal["spin", "yield", "park", "back-off"] = "back-off"
    placement: Literal["threads", "one-thread"] = "threads"
    core: int | None = Field(default=None, ge=0, le=1023)
    restart: Literal["none", "always"] | None = None
    reserve: bool = False
    """Another one waits for its place (`meridian.deploy.reserves`): it is one that is started again, then."""


class Standby(Strict):
    """A second engine that follows a tile's, ready to take its place (`meridian.deploy.pairs`)."""

    process: str
    core: int | None = Field(default=None, ge=0, le=1023)
    silence_ns: int = Field(default=200_000_000, ge=20_000_000, le=60_000_000_000)
    """After so long without a word of it an engine is taken for dead; gateways must wait longer (`engine_silence_ns_max`)."""


class Tile(Strict):
    """One tile."""

    kind: str
    process: str | None = None
    core: int | None = Field(default=None, ge=0, le=1023)
    settings: dict[str, Any] = Field(default_factory=dict)
    standby: Standby | None = None


class Link(Strict):
    """One link: one producer, a depth, consumers each reliable or lossy."""

    producer: str
    consumers: dict[str, Literal["reliable", "lossy"]] = Field(min_length=1, max_length=CONSUMERS_MAX)
    depth: int = Field(ge=1, le=1 << 20)
    record_bytes_max: int = Field(default=256, ge=8, le=1 << 20)
    transport: Transport = "auto"
    endpoint: str | None = None


class Service(Strict):
    """One Python process beside the tiles (`services`)."""

    kind: str
    restart: Literal["none", "always"] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class Venue(Strict):
    """One venue of the topology; its tiles refer to it by name."""

    id: int = Field(ge=1, le=65_535)
    profile: str


class RegionFiles(Strict):
    """The files that a region's engine starts from, beside the topology file; see `meridian.deploy.region`."""

    reference: str
    limits: str
    strategies: str
    engine: str = "engine"
    """The tile whose settings take `{bootstrap}` and `{libraries}`."""
    recorder: str = "recorder"
    inbox: str = "inbox"
    shard: int = Field(default=1, ge=1, le=255)
    """The engine's number among all of the firm's: what its part of a global limit is named by."""


class Coordination(Strict):
    """What the regions of a firm share when they are under one hand (`meridian up --regions`); the same in all of them."""

    tls: bool = False
    """The store and the limits API speak TLS, and the store lets known components in alone, each by its certificate."""


class Metrics(Strict):
    """The Prometheus exporter."""

    port: int = Field(default=9464, ge=0, le=65_535)
    """0 takes a free one; a port that is taken is replaced by a free one, and said."""
    enabled: bool = True


class Topology(Strict):
    """A whole topology."""

    name: str
    restart: Literal["none", "always"] = "none"
    aeron_directory: str | None = None
    data_directory: str | None = None
    """Where journals and other lasting files go, a directory a tile; without it, `data` in the run directory."""
    metrics: Metrics = Metrics()
    region: RegionFiles | None = None
    coordination: Coordination = Coordination()
    processes: dict[str, Process] = Field(default_factory=dict)
    venues: dict[str, Venue] = Field(default_factory=dict)
    tiles: dict[str, Tile] = Field(default_factory=dict)
    """At least one, or a service."""
    services: dict[str, Service] = Field(default_factory=dict)
    links: dict[str, Link] = Field(default_factory=dict)

    def process_of(self, end: str) -> str:
        """The process in which this tile, or service, runs."""
        return (self.tiles[end].process if end in self.tiles else None) or end

    def process_names(self) -> list[str]:
        """Every process, in the order of its first tile in the file."""
        return list(dict.fromkeys(self.process_of(tile) for tile in self.tiles))

    def restart_of(self, process: str) -> str:
        """The restart policy of one process or service."""
        if process in self.services:
            return self.services[process].restart or self.restart
        about = self.processes.get(process, Process())
        return about.restart or ("always" if about.reserve else self.restart)

    def transport_of(self, link: str, *, aeron: bool) -> str:
        """How a link crosses, `auto` resolved.

        Within a process a ring; between processes Aeron, but a ring in a file where a consumer is lossy: Aeron's shared
        memory cannot overrun a consumer (docs/notes/0005), and a service holds ends of such rings only.
        """
        about = self.links[link]
        if about.transport != "auto":
            return about.transport
        if len({self.process_of(tile) for tile in (about.producer, *about.consumers)}) == 1:
            return "ring"
        by_file = "lossy" in about.consumers.values() or self.services_of(link)
        return "aeron-ipc" if aeron and not by_file else "shm"

    def services_of(self, link: str) -> list[str]:
        """The services at the ends of a link."""
        about = self.links[link]
        return [end for end in (about.producer, *about.consumers) if end in self.services]

    def ends_of(self, tile: str) -> tuple[list[str], list[str]]:
        """The links that a tile produces, and those that it consumes."""
        produced = [name for name, link in self.links.items() if link.producer == tile]
        return produced, [name for name, link in self.links.items() if tile in link.consumers]

    def ports(self) -> list[str]:
        """The names of all ports that settings and links ask for, sorted."""
        return self._words("port:")

    def secrets(self) -> list[str]:
        """The names of all secrets that settings ask for, sorted."""
        return self._words("secret:")

    def _words(self, prefix: str) -> list[str]:
        settings = [one.settings for one in self.tiles.values()] + [one.settings for one in self.services.values()]
        texts = [text for one in settings for text in _strings(one)]
        texts += [link.endpoint for link in self.links.values() if link.endpoint]
        found = {word for text in texts for word in PLACEHOLDER.findall(text)}
        return sorted(word.removeprefix(prefix) for word in found if word.startswith(prefix))


Settings = Callable[["Topology", str, list[str], list[str]], list[str]]
"""What is wrong with the settings of one tile of a topology, given the links that it produces and consumes."""


def load(path: str | Path, *, kinds: Iterable[str], aeron: bool = True, settings: Settings | None = None) -> Topology:
    """Reads and checks a topology file. `kinds` are the kinds of tile that this build knows.

    Raises TopologyError with all errors.
    """
    return check(document_of(path), kinds=kinds, aeron=aeron, settings=settings)


def document_of(path: str | Path) -> dict[str, Any]:
    """A topology file as it stands. Raises TopologyError when it cannot be read."""
    try:
        document = read_toml(Path(path))[0]
    except BadInput as error:
        raise TopologyError([f"topology file {sentence}" for sentence in error.errors]) from None
    return {key: _floats(value) for key, value in document.items()}


def check(
    document: Mapping[str, Any], *, kinds: Iterable[str], aeron: bool = True, settings: Settings | None = None
) -> Topology:
    """Checks a topology that is already a mapping: the shape of every key, what keys say of one another, and by `settings`
    those of each tile.

    Raises TopologyError with all errors.
    """
    topology, errors = examine(document, kinds=kinds, aeron=aeron, settings=settings)
    if errors or topology is None:
        raise TopologyError(errors)
    return topology


def examine(
    document: Mapping[str, Any], *, kinds: Iterable[str], aeron: bool = True, settings: Settings | None = None
) -> tuple[Topology | None, list[str]]:
    """What can be made of a topology, and all that is wrong with it. Entries with an error of their own are left out of it;
    their names still count where others refer to them."""
    from meridian.deploy import pairs

    plain, errors = dict(document), []
    sound: dict[str, Any] = copy.deepcopy(plain)
    try:
        topology = Topology.model_validate(plain)
    except ValidationError as error:
        errors = [sentence(plain, about) for about in error.errors()]
        for about in error.errors():
            _take_out(sound, about["loc"])
        try:
            topology = Topology.model_validate({"name": "unnamed"} | sound)
        except ValidationError:
            return None, errors
    known = Known.of(plain)
    errors += [*_names(topology, known), *_tiles(topology, sorted(kinds)), *_services(topology), *_reserves(topology)]
    errors += _links(topology, known, aeron=aeron)
    errors += pairs.problems(topology)
    if settings is not None:
        # A link with an error of its own is nobody's fault here: it counts as an end of every tile.
        broken = [name for name in known.links if name not in topology.links]
        whole = pairs.expanded(topology)
        for tile in topology.tiles:
            if topology.tiles[tile].kind in kinds:
                produced, consumed = whole.ends_of(tile)
                seen = [link for link in consumed if pairs.known_as(whole, link) is None]
                errors += settings(whole, tile, produced + broken, seen + broken)
    return topology, errors


@dataclass(frozen=True, slots=True)
class Known:
    """Names as the file has them, whether or not their entries are sound: a reference to one is no second error."""

    tiles: dict[str, str]
    """Tile → its process."""
    services: list[str]
    links: list[str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Known:
        """The names of a document."""
        given = document.get("tiles")
        tiles = given if isinstance(given, Mapping) else {}
        processes = {
            tile: about.get("process") if isinstance(about, Mapping) else None for tile, about in tiles.items()
        }
        links, services = document.get("links"), document.get("services")
        return cls(
            {tile: process if isinstance(process, str) else tile for tile, process in processes.items()},
            list(services) if isinstance(services, Mapping) else [],
            list(links) if isinstance(links, Mapping) else [],
        )


def _take_out(document: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """Removes the entry that holds an error: one of a named table, else the whole key."""
    head, *rest = place
    held = document.get(str(head))
    if rest and head in ENTRIES and isinstance(held, dict):
        held.pop(str(rest[0]), None)
    else:
        document.pop(str(head), None)


def _floats(value: Any) -> Any:
    """Numbers with a point as floats: no key of a topology is money or a price."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(part) for key, part in value.items()}
    return [_floats(part) for part in value] if isinstance(value, list) else value


ALLOWED = {
    "literal_error": "allowed are {expected}",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
}


def sentence(document: dict[str, Any], about: Any) -> str:
    """One pydantic error as key, value, what is allowed."""
    key = ".".join(str(part) for part in about["loc"])
    if about["type"] == "missing":
        return f"{key}: is missing; it must be given"
    if about["type"] == "extra_forbidden":
        return f"{key} = {_shown(about['input'])}: is not a key here; {_nearest(document, about['loc'])}"
    known = ALLOWED.get(about["type"])
    allowed = known.format(**about.get("ctx", {})) if known else about["msg"]
    return f"{key} = {_shown(about['input'])}: {allowed}"


ENTRIES = ("processes", "venues", "tiles", "services", "links")
"""Named tables: an error in one entry leaves the others to be checked."""
FIELDS: dict[str, type[BaseModel]] = {
    "region": RegionFiles,
    "processes": Process,
    "tiles": Tile,
    "links": Link,
    "services": Service,
    "venues": Venue,
    "metrics": Metrics,
}


def _nearest(document: dict[str, Any], where: tuple[str | int, ...]) -> str:
    model = FIELDS.get(str(where[0]), Topology) if len(where) > 1 else Topology
    return nearest(str(where[-1]), list(model.model_fields))


def nearest(word: str, allowed: list[str]) -> str:
    """What to write instead of an unknown word: the nearest known one, else all of them."""
    close = difflib.get_close_matches(word, allowed, n=1)
    if close:
        return f"did you mean {close[0]}? Allowed are {', '.join(allowed)}"
    return f"allowed are {', '.join(allowed)}" if allowed else "none is known"


def _shown(value: Any) -> str:
    return cut(f'"{value}"' if isinstance(value, str) else shown(value))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _strings(part)]
    return [text for part in value for text in _strings(part)] if isinstance(value, list) else []


def _names(topology: Topology, known: Known) -> list[str]:
    groups: dict[str, list[str]] = {
        "tiles": list(topology.tiles),
        "services": list(topology.services),
        "links": list(topology.links),
        "processes": list(topology.processes),
    }
    names = [("name", topology.name), *((f"{group}.{name}", name) for group, held in groups.items() for name in held)]
    names += [(f"tiles.{tile}.process", about.process) for tile, about in topology.tiles.items() if about.process]
    allowed = "a name is 1 to 32 of a-z, 0-9, _ and -, a letter first"
    errors = [f'{key} = "{name}": {allowed}' for key, name in names if not NAME.match(name)]
    standbys = [about.standby.process for about in topology.tiles.values() if about.standby]
    errors += [
        f'tiles.{tile}.standby.process = "{about.standby.process}": {allowed}'
        for tile, about in topology.tiles.items()
        if about.standby and not NAME.match(about.standby.process)
    ]
    used = list(dict.fromkeys([*known.tiles.values(), *standbys]))
    errors += [
        f"processes.{name}: no tile runs there; {nearest(name, used)}"
        for name in topology.processes
        if name not in used
    ]
    numbers: dict[int, str] = {}
    for name, venue in topology.venues.items():
        if (other := numbers.setdefault(venue.id, name)) != name:
            errors.append(f"venues.{name}.id = {venue.id}: venue {other} has it; each venue has its own")
    return errors


def _tiles(topology: Topology, kinds: list[str]) -> list[str]:
    errors = [] if topology.tiles or topology.services else ["tiles: is missing; a topology has tiles or services"]
    for name, tile in topology.tiles.items():
        if tile.kind not in kinds:
            errors.append(f'tiles.{name}.kind = "{tile.kind}": is not a kind of tile; {nearest(tile.kind, kinds)}')
        process = topology.processes.get(topology.process_of(name))
        if tile.core is not None and process is not None and process.placement == "one-thread":
            where = topology.process_of(name)
            errors.append(
                f"tiles.{name}.core = {tile.core}: its process {where} is one thread; set processes.{where}.core"
            )
        errors += _placeholders(f"tiles.{name}.settings", tile.settings, region=topology.region is not None)
    return [*errors, *_region(topology)]


def _reserves(topology: Topology) -> list[str]:
    """One in reserve is for a process that may be started again and has no standby."""
    errors = []
    paired = {topology.process_of(name): name for name, tile in topology.tiles.items() if tile.standby is not None}
    for name in (name for name, about in topology.processes.items() if about.reserve):
        key = f"processes.{name}.reserve = true"
        if topology.processes[name].restart == "none":
            errors.append(
                f'{key}: takes its place when it ends; processes.{name}.restart = "none" forbids that, leave it out'
            )
        if name in paired:
            errors.append(f"{key}: tiles.{paired[name]}.standby takes its place; leave out one of them")
    return errors


def _placeholders(key: str, settings: dict[str, Any], *, region: bool) -> list[str]:
    more = f", {', '.join(f'{{{one}}}' for one in REGION_WORDS)}" if region else ""
    return [
        f'{key}: "{{{word}}}" is not known; allowed are {{port:NAME}}, {{secret:NAME}}, {{run_directory}}, '
        f"{{data_directory}}{more}"
        for text in _strings(settings)
        for word in PLACEHOLDER.findall(text)
        if not _word_known(word, region=region)
    ]


def _services(topology: Topology) -> list[str]:
    errors = []
    for name, service in topology.services.items():
        key = f"services.{name}"
        if name in topology.tiles or name in topology.process_names():
            errors.append(f"{key}: a tile or its process has this name; a service has a name of its own")
        if service.kind not in services.KINDS:
            known = sorted(services.KINDS)
            errors.append(f'{key}.kind = "{service.kind}": is not a kind of service; {nearest(service.kind, known)}')
            continue
        wrong = _placeholders(f"{key}.settings", service.settings, region=topology.region is not None)
        errors += wrong
        if not wrong:
            found = services.problems(service.kind, _filled(service.settings))
            errors += [f"{key}.settings.{sentence(document, about)}" for document, about in found]
    return errors


def _filled(value: Any) -> Any:
    """Settings as they may look once ports and directories are known: what their types are checked with."""
    if isinstance(value, str):
        words = PLACEHOLDER.findall(value)
        if words and value == f"{{{words[0]}}}" and words[0].startswith("port:"):
            return 1
        return PLACEHOLDER.sub(lambda found: "1" if found[1].startswith("port:") else "/d", value)
    if isinstance(value, Mapping):
        return {key: _filled(part) for key, part in value.items()}
    return [_filled(part) for part in value] if isinstance(value, list) else value


REGION_WORDS = ("bootstrap", "libraries", "midnight_ns")
"""What a region gives to the settings of its tiles."""


def _word_known(word: str, *, region: bool) -> bool:
    if re.match(r"^(port|secret):[a-z0-9_-]+$", word):
        return True
    return word in ("run_directory", "data_directory") or (region and word in REGION_WORDS)


def _region(topology: Topology) -> list[str]:
    """The tiles that a region names are there, of the right kind."""
    if topology.region is None:
        return []
    errors = []
    if (given := topology.data_directory) is not None and Path(given).name != "data":
        errors.append(
            f'data_directory = "{given}": its last part must be data; the run\'s record, limits and plugins lie beside it'
        )
    for key in ("engine", "recorder", "inbox"):
        name = getattr(topology.region, key)
        tile = topology.tiles.get(name)
        if tile is None:
            errors.append(f'region.{key} = "{name}": no such tile; {nearest(name, list(topology.tiles))}')
        elif tile.kind != key:
            errors.append(f'region.{key} = "{name}": is a tile of kind {tile.kind}; needed is one of kind {key}')
    return errors


def _links(topology: Topology, known: Known, *, aeron: bool) -> list[str]:
    errors = []
    tiles = [*known.tiles, *known.services]
    for name, link in topology.links.items():
        key = f"links.{name}"
        ends = [(f"{key}.producer", link.producer), *((f"{key}.consumers", tile) for tile in link.consumers)]
        unknown = [
            f'{where} = "{tile}": no such tile{" or service" if topology.services else ""}; {nearest(tile, tiles)}'
            for where, tile in ends
            if tile not in tiles
        ]
        errors += unknown
        if link.producer in link.consumers:
            errors.append(f'{key}.consumers = "{link.producer}": is the producer; a link leads to other tiles')
        if unknown or any(end not in topology.tiles and end not in topology.services for _, end in ends):
            continue
        errors += _transport(topology, name, link, aeron=aeron)
    return errors


def _transport(topology: Topology, name: str, link: Link, *, aeron: bool) -> list[str]:
    key, transport = f"links.{name}", topology.transport_of(name, aeron=aeron)
    processes = {topology.process_of(tile) for tile in (link.producer, *link.consumers)}
    over_aeron = transport.startswith("aeron")
    errors = []
    if (at := topology.services_of(name)) and transport != "shm":
        errors.append(f'{key}.transport = "{transport}": {at[0]} is a service; allowed are auto and shm')
        return errors
    for service in (one for one in link.consumers if one in topology.services):
        if link.consumers[service] == "reliable":
            why = "a service that stops must not hold up a tile; allowed is lossy"
            errors.append(f'{key}.consumers.{service} = "reliable": {why}')
    if transport == "ring" and len(processes) > 1:
        where = ", ".join(sorted(processes))
        errors.append(
            f'{key}.transport = "ring": its tiles run in {where}; a ring is within one process, use shm or auto'
        )
    if over_aeron and not aeron:
        errors.append(f'{key}.transport = "{transport}": this build has no Aeron; allowed are auto, ring, shm')
    if transport == "aeron-ipc" and "lossy" in link.consumers.values():
        lossy = next(tile for tile, how in link.consumers.items() if how == "lossy")
        errors.append(f'{key}.consumers.{lossy} = "lossy": aeron-ipc has reliable consumers only; use shm or auto')
    if over_aeron and link.record_bytes_max > AERON_RECORD_BYTES_MAX:
        errors.append(f"{key}.record_bytes_max = {link.record_bytes_max}: over Aeron at most {AERON_RECORD_BYTES_MAX}")
    if (transport == "aeron-udp") != (link.endpoint is not None):
        errors.append(
            f'{key}.endpoint = {_shown(link.endpoint)}: goes with transport = "aeron-udp" and is needed there'
        )
    return errors
