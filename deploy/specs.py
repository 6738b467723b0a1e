"""From a checked topology to the specifications of its processes, as `meridian._native.tiles.run` reads them.

Invariant: nothing is decided by a tile's process: ports, directories, transports and channels are all in its specification.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian._native import links as native
from meridian._native import tiles as native_tiles
from meridian.deploy import pairs, services
from meridian.deploy.topology import PLACEHOLDER, Link, Topology

SPEC_VERSION = 1
STREAM_ID_FIRST = 1001
RELEASES = "releases"
"""In a run's directory: what its processes said of theirs."""
SOCKET_PATH_BYTES_MAX = 100
"""A socket's path may be 107 bytes long."""
COUNTERS_BYTES = 4 << 20
"""More than a process's counters take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where one run of a topology keeps things, and which ports it was given."""

    run_directory: Path
    shared_directory: Path
    """On a tmpfs: counters, rings, Aeron's files. Taken away when the run ends."""
    data_directory: Path
    aeron_directory: Path
    ports: Mapping[str, int]
    words: Mapping[str, str | int] = field(default_factory=dict)
    """What else stands for a word in braces: secrets' files by `secret:NAME`, what a region gives."""

    def counters(self, process: str) -> Path:
        """The counters file of a process."""
        return self.shared_directory / "counters" / process

    def ready(self, service: str) -> Path:
        """The file by which a service says that it is ready."""
        return self.run_directory / f"{service}.ready"

    def release(self, process: str) -> Path:
        """The file in which a process says its release."""
        return self.run_directory / RELEASES / process

    def socket(self, service: str) -> Path:
        """Where a service answers local commands."""
        return self.run_directory / f"{service}.socket"

    def succession(self, process: str) -> Path:
        """Where a process listens for the one that takes its place."""
        return self.run_directory / f"{process}.place"

    def ring(self, link: str) -> Path:
        """The file of a link of kind `shm`."""
        return self.shared_directory / "links" / link

    def fill(self, value: Any) -> Any:
        """A setting with its placeholders filled in; a text that is one placeholder alone takes its value as it is."""
        if isinstance(value, str):
            words = PLACEHOLDER.findall(value)
            if len(words) == 1 and value == f"{{{words[0]}}}":
                return self._word(words[0])
            return PLACEHOLDER.sub(lambda found: str(self._word(found[1])), value)
        if isinstance(value, Mapping):
            return {key: self.fill(part) for key, part in value.items()}
        return [self.fill(part) for part in value] if isinstance(value, list) else value

    def _word(self, word: str) -> str | int:
        if word.startswith("port:"):
            return self.ports[word.removeprefix("port:")]
        if word in self.words:
            return self.words[word]
        return str({"run_directory": self.run_directory, "data_directory": self.data_directory}[word])


def link_spec(topology: Topology, name: str, stream_id: int, places: Places) -> dict[str, Any]:
    """One link, as the processes at its ends read it."""
    link = topology.links[name]
    kind = topology.transport_of(name, aeron=native.AERON)
    spec: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "depth_records": link.depth,
        "record_bytes_max": link.record_bytes_max,
        "producer": link.producer,
        "consumers": [{"tile": tile, "reliable": how == "reliable"} for tile, how in link.consumers.items()],
    }
    if (shown := pairs.known_as(topology, name)) is not None:
        spec["known_as"] = shown
    if kind == "shm":
        spec["path"] = str(places.ring(name))
    elif kind.startswith("aeron"):
        parameters = native.aeron_channel_parameters(link.depth, link.record_bytes_max)
        medium = "aeron:ipc?" if kind == "aeron-ipc" else f"aeron:udp?endpoint={places.fill(link.endpoint)}|"
        spec |= {"channel": medium + parameters, "stream_id": stream_id}
    return spec


def _links(topology: Topology, ends: list[str], places: Places) -> list[dict[str, Any]]:
    numbered = enumerate(topology.links.items(), STREAM_ID_FIRST)
    return [
        link_spec(topology, name, stream_id, places)
        for stream_id, (name, link) in numbered
        if any(end in ends for end in (link.producer, *link.consumers))
    ]


def service_spec(topology: Topology, service: str, places: Places) -> dict[str, Any]:
    """What one service is given (`services.Service`)."""
    return {
        "version": services.SPEC_VERSION,
        "name": service,
        "topology": topology.name,
        "settings": places.fill(topology.services[service].settings),
        "data_directory": str(places.data_directory / service),
        "ready_path": str(places.ready(service)),
        "socket_path": str(places.socket(service)),
        "links": _links(topology, [service], places),
    }


def process_spec(topology: Topology, process: str, places: Places) -> dict[str, Any]:
    """What one process runs."""
    tiles = [name for name in topology.tiles if topology.process_of(name) == process]
    links = _links(topology, tiles, places)
    spec: dict[str, Any] = {
        "version": SPEC_VERSION,
        "topology": topology.name,
        "process": process,
        "counters_path": str(places.counters(process)),
        "data_directory": str(places.data_directory),
        "links": links,
        "threads": threads(topology, process, tiles, places),
    }
    if any(link["kind"].startswith("aeron") for link in links):
        spec["aeron_directory"] = str(places.aeron_directory)
    at = str(places.succession(process))
    if tile_in_succession(topology, process) and len(os.fsencode(at)) <= SOCKET_PATH_BYTES_MAX:
        spec["succession"] = {"at": at}
    return spec


def tile_in_succession(topology: Topology, process: str) -> str | None:
    """The tile of a process that another process may take the place of: an exchange that is alone there and has no links."""
    tiles = [name for name in topology.tiles if topology.process_of(name) == process]
    if len(tiles) != 1 or topology.tiles[tiles[0]].kind != "exchange":
        return None
    linked = any(tiles[0] in (link.producer, *link.consumers) for link in topology.links.values())
    return None if linked else tiles[0]


def exchanges_of(topology: Topology) -> list[str]:
    """The processes of which that holds."""
    return [process for process in topology.process_names() if tile_in_succession(topology, process)]


def threads(topology: Topology, process: str, tiles: list[str], places: Places) -> list[dict[str, Any]]:
    """The threads of one process."""
    about = topology.processes.get(process)
    idle, core = (about.idle, about.core) if about else ("back-off", None)
    specs = [tile_spec(topology, name, places) for name in tiles]
    if about and about.placement == "one-thread":
        return [{"name": process, "idle": idle, "core": core, "tiles": specs}]
    cores = [topology.tiles[name].core if topology.tiles[name].core is not None else core for name in tiles]
    return [
        {"name": name, "idle": idle, "core": core, "tiles": [spec]}
        for name, core, spec in zip(tiles, cores, specs, strict=True)
    ]


def tile_spec(topology: Topology, name: str, places: Places) -> dict[str, Any]:
    """One tile, its settings filled in."""
    about = topology.tiles[name]
    return {"name": name, "kind": about.kind, "settings": places.fill(about.settings)}


def tile_errors(topology: Topology, name: str, places: Places, produced: list[str], consumed: list[str]) -> list[str]:
    """What is wrong with the settings of a tile, by the code that the tile itself reads them with."""
    try:
        spec = json.dumps(tile_spec(topology, name, places), allow_nan=False)
    except (TypeError, ValueError):
        return [f"tiles.{name}.settings: dates, times and numbers that are not finite are not allowed"]
    except KeyError:
        return []  # A word in braces that nobody knows: told by the topology's own check.
    return native_tiles.check(spec, produced, consumed)


def disk_bytes(topology: Topology, places: Places) -> int:
    """Bytes that the tiles' files take below the data directory when they start."""
    return sum(native_tiles.disk_bytes(json.dumps(tile_spec(topology, name, places))) for name in topology.tiles)


def shared_bytes(topology: Topology) -> int:
    """Bytes that counters and rings take in shared memory."""
    rings = [link for name, link in topology.links.items() if topology.transport_of(name, aeron=native.AERON) == "shm"]
    # A ring keeps a head and padding beside its records: twice the records is more than it ever takes.
    return len(topology.process_names()) * COUNTERS_BYTES + sum(2 * ring_bytes(link) for link in rings)


def ring_bytes(link: Link) -> int:
    """Bytes of a link's records."""
    return link.depth * (link.record_bytes_max + 16)


def logs_bytes(topology: Topology) -> int:
    """Bytes that all links over Aeron take in the driver's directory; 0 when there is none."""
    over = [name for name in topology.links if topology.transport_of(name, aeron=native.AERON).startswith("aeron")]
    total = 0
    for name in over:
        link = topology.links[name]
        # The producer's log; over UDP each consumer has an image of its own too.
        copies = 1 if topology.transport_of(name, aeron=native.AERON) == "aeron-ipc" else 1 + len(link.consumers)
        total += copies * native.aeron_log_bytes(link.depth, link.record_bytes_max)
    return total
