"""An engine and its standby: from one table of a topology to two tiles, a link for each link, and the way between them.

    [tiles.engine]
    kind = "engine"
    standby = { process = "standby" }    # and core = 3, where it is bound to one; silence_ns = 500_000_000 on a busy host

stands for a second engine tile, `engine-standby`, in a process of its own, with the same settings. Of each link that the engine
produces the standby has one like it, and its consumers see both as one; of each link that the engine consumes the standby is a
lossy consumer, so that it holds nobody up. All of them go over rings in files. Two links lie between the two engines, and one
leads from whoever promotes to each.

Invariant: what `problems` finds nothing wrong with, `expanded` makes into a topology that can start; the engine's own tile, its
links and their names stay as they are, so that nothing else of the topology knows that there is a standby.
"""

from __future__ import annotations

from collections.abc import Iterator

from meridian import records
from meridian.deploy.topology import CONSUMERS_MAX, Link, Process, Tile, Topology
from meridian.engine.terms import SUFFIX

HAND = "hand"
"""Stands for the process that promotes, as the producer of links; no tile or service is called so where there is a standby."""
PARTNER_DEPTH = 16_384
"""Inputs that a standby may be behind before it has to catch up from the journal."""
PARTNER_BYTES_MAX = records.CONSTANTS["RECORD_BYTES_MAX"] + 128
"""An input with its frame."""
GATEWAY_SILENCE_NS = 500_000_000
"""As a gateway has it where its settings say nothing (crates/venues/src/settings.rs)."""
LEAD_DEPTH = 16
LEAD_BYTES_MAX = 256


def standby_of(tile: str) -> str:
    """The tile of an engine's standby, and the link of one that stands beside the engine's."""
    return f"{tile}{SUFFIX}"


def paired(topology: Topology) -> list[str]:
    """The engines that have a standby."""
    return [name for name, tile in topology.tiles.items() if tile.standby is not None]


def lead_link(tile: str) -> str:
    """By which one of a pair is told to lead."""
    return f"{tile}_lead"


def known_as(topology: Topology, link: str) -> str | None:
    """Of a standby's link: the link of its engine that its consumers see it as; None for any other."""
    for engine in paired(topology):
        own = link.removesuffix(SUFFIX)
        if own != link and topology.links[link].producer == standby_of(engine) and own in topology.links:
            return own
    return None


def inputs(topology: Topology, engine: str) -> dict[str, tuple[int, int]]:
    """The links that both engines of an expanded topology consume → the places of the engine and of its standby there."""
    found = {}
    for name, link in topology.links.items():
        places = list(link.consumers)
        if engine in places and standby_of(engine) in places:
            found[name] = (places.index(engine), places.index(standby_of(engine)))
    return found


def expanded(topology: Topology) -> Topology:
    """The topology with the standby of each engine that has one."""
    for engine in paired(topology):
        if standby_of(engine) not in topology.tiles:
            topology = _with_standby(topology, engine)
    return topology


def _with_standby(topology: Topology, engine: str) -> Topology:
    tile, standby = topology.tiles[engine], standby_of(engine)
    about = tile.standby
    assert about is not None, "only of an engine that has one"
    there, back = f"{engine}_{standby}", f"{standby}_{engine}"
    first = tile.settings | {"partner": _partner(engine, there, back, standby, about.silence_ns)}
    second = tile.settings | {"partner": _partner(standby, back, there, engine, about.silence_ns)}
    if "bootstrap" in second:
        second["bootstrap"] = f"{second['bootstrap']}{SUFFIX}"
    links: dict[str, Link] = {}
    for name, link in topology.links.items():
        own = link.producer == engine
        consumers = link.consumers | ({standby: "lossy"} if engine in link.consumers else {})
        shared = own or engine in link.consumers
        links[name] = link.model_copy(update={"consumers": consumers, "transport": "shm"}) if shared else link
        if own:
            links[standby_of(name)] = links[name].model_copy(update={"producer": standby})
    for name, producer, consumer in ((there, engine, standby), (back, standby, engine)):
        links[name] = Link(producer=producer, consumers={consumer: "reliable"}, depth=PARTNER_DEPTH,
                           record_bytes_max=PARTNER_BYTES_MAX, transport="shm")  # fmt: skip
    for one in (engine, standby):
        links[lead_link(one)] = Link(producer=HAND, consumers={one: "reliable"}, depth=LEAD_DEPTH,
                                     record_bytes_max=LEAD_BYTES_MAX, transport="shm")  # fmt: skip
    processes = dict(topology.processes)
    own_process = topology.process_of(engine)
    like = processes.get(own_process, Process())
    for name in (own_process, about.process):
        given = processes.get(name, like.model_copy(update={"core": None}))
        # One that does not come back leaves the other without a standby.
        processes[name] = given.model_copy(update={"restart": given.restart or "always"})
    own_tile = tile.model_copy(update={"settings": first})
    # Behind the engine, so that its process starts and stops beside the engine's.
    tiles: dict[str, Tile] = {}
    for known, each in topology.tiles.items():
        tiles[known] = own_tile if known == engine else each
        if known == engine:
            tiles[standby] = Tile(kind=tile.kind, process=about.process, core=about.core, settings=second)
    return topology.model_copy(update={"tiles": tiles, "links": links, "processes": processes})


def _partner(own: str, to: str, back: str, other: str, silence_ns: int) -> dict[str, str | int]:
    history = f"{{data_directory}}/{other}"
    return {"to": to, "from": back, "lead": lead_link(own), "history": history, "silence_ns": silence_ns}


def problems(topology: Topology) -> list[str]:
    """Everything that keeps engines of a topology from having the standbys that it asks for."""
    return [sentence for engine in paired(topology) for sentence in _problems(topology, engine)]


def _problems(topology: Topology, engine: str) -> Iterator[str]:
    tile, key = topology.tiles[engine], f"tiles.{engine}.standby"
    about = tile.standby
    assert about is not None, "only of an engine that has one"
    if tile.kind != "engine":
        yield f'{key}: tiles.{engine}.kind is "{tile.kind}"; allowed for a tile of kind engine'
        return
    if topology.region is None or topology.region.engine != engine:
        yield f"{key}: allowed for the engine of a region (region.engine)"
    if "partner" in tile.settings:
        yield f"tiles.{engine}.settings.partner: is made from {key}; leave it out"
    if tile.settings.get("durability") == "none":
        yield f'{key}: tiles.{engine}.settings.durability = "none": a standby follows the journal; allowed is any other'
    own = topology.process_of(engine)
    if beside := [name for name in topology.tiles if name != engine and topology.process_of(name) == own]:
        yield (
            f"{key}: {', '.join(beside)} run in the engine's process {own} and would end with it; an engine with a standby "
            "needs a process of its own"
        )
    taken = {*topology.process_names(), *topology.services, *topology.tiles}
    if about.process in taken:
        yield f'{key}.process = "{about.process}": a process, tile or service has this name; the standby needs its own'
    yield from _names_taken(topology, engine, key)
    yield from _links(topology, engine, key)
    yield from _silence(topology, engine, key)


def _silence(topology: Topology, engine: str, key: str) -> Iterator[str]:
    """A gateway that pulls a silent engine's orders before its standby leads would pull those of a good one."""
    about = topology.tiles[engine].standby
    assert about is not None, "only of an engine that has one"
    links = [link for link in topology.links.values() if link.producer == engine]
    for name in sorted({consumer for link in links for consumer in link.consumers if consumer in topology.tiles}):
        tile = topology.tiles[name]
        waits_ns = tile.settings.get("engine_silence_ns_max", GATEWAY_SILENCE_NS if "gateway" in tile.kind else None)
        if type(waits_ns) is int and waits_ns <= about.silence_ns:
            yield (
                f"tiles.{name}.settings.engine_silence_ns_max = {waits_ns}: pulls the engine's orders before its standby takes "
                f"its place; must be above {key}.silence_ns = {about.silence_ns}"
            )


def _names_taken(topology: Topology, engine: str, key: str) -> Iterator[str]:
    standby = standby_of(engine)
    made = [f"{engine}_{standby}", f"{standby}_{engine}", lead_link(engine), lead_link(standby)]
    made += [standby_of(name) for name, link in topology.links.items() if link.producer == engine]
    for name in (name for name in made if name in topology.links):
        yield f"{key}: needs a link {name}; there is one, give links.{name} another name"
    ends = {*topology.tiles, *topology.services}
    for name in (name for name in (standby, HAND) if name in ends):
        yield f"{key}: needs the name {name}; a tile or service has it, give that another"


def _links(topology: Topology, engine: str, key: str) -> Iterator[str]:
    for name, link in topology.links.items():
        if link.producer != engine and engine not in link.consumers:
            continue
        if link.transport not in ("auto", "shm"):
            yield f'links.{name}.transport = "{link.transport}": its end {engine} has a standby; allowed are auto and shm'
        if engine in link.consumers and len(link.consumers) == CONSUMERS_MAX:
            yield f"links.{name}.consumers: has {CONSUMERS_MAX}, the most that a link takes; {key} would be one more"
        if (how := link.consumers.get(engine)) == "lossy":
            yield f'links.{name}.consumers.{engine} = "{how}": has a standby, which loses what it loses; allowed is reliable'
        for end in (link.producer, *link.consumers):
            if end != engine and end in topology.tiles and topology.tiles[end].standby is not None:
                yield f"links.{name}: leads from one engine with a standby to another; leave out the standby of {end}"
