"""The topology file: which tiles run, where, over which links; validated whole before anything starts.

Invariant: `load` returns a topology that can start, or raises `TopologyError` with every error at once, each with its key,
its value and what is allowed. Ports are not chosen here: `{port:NAME}` in a setting is filled in by the supervisor.

    name = "demo"
    [processes.engine]
    idle = "back-off"                    # spin, yield, park, back-off
    placement = "threads"                # a thread for each tile; or "one-thread": tiles take turns
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

Services are Python processes that may be ends of links, too: see `services`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meridian.deploy import services

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


class Tile(Strict):
    """One tile."""

    kind: str
    process: str | None = None
    core: int | None = Field(default=None, ge=0, le=1023)
    settings: dict[str, Any] = Field(default_factory=dict)


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
        return (self.processes[process].restart if process in self.processes else None) or self.restart

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

    def ports(self) -> list[str]:
        """The names of all ports that settings and links ask for, sorted."""
        settings = [one.settings for one in self.tiles.values()] + [one.settings for one in self.services.values()]
        texts = [text for one in settings for text in _strings(one)]
        texts += [link.endpoint for link in self.links.values() if link.endpoint]
        found = {word for text in texts for word in PLACEHOLDER.findall(text)}
        return sorted(word.removeprefix("port:") for word in found if word.startswith("port:"))


def load(path: str | Path, *, kinds: Iterable[str], aeron: bool = True) -> Topology:
    """Reads and checks a topology file. `kinds` are the kinds of tile that this build knows.

    Raises TopologyError with all errors.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TopologyError([f"topology file {path}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError([f"topology file {path}: not TOML: {error}"]) from None
    return check(document, kinds=kinds, aeron=aeron)


def check(document: Mapping[str, Any], *, kinds: Iterable[str], aeron: bool = True) -> Topology:
    """Checks a topology that is already a mapping: first the shape of every key, then what keys say of one another.

    Raises TopologyError with all errors.
    """
    try:
        topology = Topology.model_validate(dict(document))
    except ValidationError as error:
        raise TopologyError([sentence(dict(document), about) for about in error.errors()]) from None
    errors = [
        *_names(topology),
        *_tiles(topology, sorted(kinds)),
        *_services(topology),
        *_links(topology, aeron=aeron),
    ]
    if errors:
        raise TopologyError(errors)
    return topology


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


FIELDS: dict[str, type[BaseModel]] = {
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
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _strings(part)]
    return [text for part in value for text in _strings(part)] if isinstance(value, list) else []


def _names(topology: Topology) -> list[str]:
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
    used = topology.process_names()
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
        errors += _placeholders(f"tiles.{name}.settings", tile.settings)
    return errors


def _placeholders(key: str, settings: dict[str, Any]) -> list[str]:
    return [
        f'{key}: "{{{word}}}" is not known; allowed are {{port:NAME}}, {{run_directory}}, {{data_directory}}'
        for text in _strings(settings)
        for word in PLACEHOLDER.findall(text)
        if word not in ("run_directory", "data_directory") and not re.match(r"^port:[a-z0-9_-]+$", word)
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
        wrong = _placeholders(f"{key}.settings", service.settings)
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


def _links(topology: Topology, *, aeron: bool) -> list[str]:
    errors = []
    tiles = [*topology.tiles, *topology.services]
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
        if unknown:
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
