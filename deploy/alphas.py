"""Alpha tiles of a topology, checked against its region: models, listings, and the link into the engine.

Invariant: what is wrong with an alpha tile is told before anything starts, with its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from meridian.deploy.topology import Topology

if TYPE_CHECKING:
    from meridian.strategies.signals.settings import Settings
    from meridian.venues.reference import ReferenceData

KIND = "alpha"
CHANNELS_MAX = 256
"""Of all alpha tiles of an engine: so many the engine watches for silence (`TILE_CHANNELS_MAX`)."""


def problems(topology: Topology, reference: ReferenceData, folder: Path) -> list[str]:
    """What is wrong with the alpha tiles, beside the form of their settings."""
    from meridian.strategies.signals.settings import examine

    known = [f"{one.instrument}@{one.venue}" for one in reference.listings if one.venue in topology.venues]
    errors: list[str] = []
    total = 0
    users: dict[str, str] = {}
    for name, settings in _alphas(topology):
        key = f"services.{name}"
        errors += [f"{key}.settings.{sentence}" for sentence in examine(settings, folder, known)[1]]
        errors += [f"{key}.{sentence}" for sentence in _links(topology, name, settings)]
        if (other := users.setdefault(settings.channel, name)) != name:
            errors.append(f'{key}.settings.channel = "{settings.channel}": services.{other} has it; each has its own')
        total += len(settings.listings)
    if total > CHANNELS_MAX:
        errors.append(f"services: their alpha tiles have {total} listings; at most {CHANNELS_MAX} are allowed")
    return errors


def _links(topology: Topology, name: str, settings: Settings) -> Iterator[str]:
    """The one link that leads into the engine that the tile follows."""
    engine = topology.tiles.get(settings.engine)
    if engine is None or engine.kind != "engine":
        yield f'settings.engine = "{settings.engine}": the name of a tile of kind engine is allowed'
        return
    produced, consumed = topology.ends_of(name)
    if consumed:
        yield f"consumes links.{consumed[0]}: an alpha tile reads its engine's journal and consumes no link"
    if len(produced) != 1 or topology.links[produced[0]].consumers != {settings.engine: "reliable"}:
        yield f'produces {len(produced)} links; needed is one, to {settings.engine} alone, "reliable"'
    elif produced[0] not in engine.settings.get("inputs", []):
        yield f"produces links.{produced[0]}: tiles.{settings.engine}.settings.inputs must name it"
    if engine.settings.get("durability") == "none":
        yield f'follows the journal of {settings.engine}: tiles.{settings.engine}.settings.durability must not be "none"'


def models(topology: Topology, folder: Path) -> dict[str, Path]:
    """The models' files by the names of their copies in a run's directory."""
    from meridian.strategies.signals.tile import model_file

    return {model_file(name): folder / settings.model for name, settings in _alphas(topology)}


def _alphas(topology: Topology) -> Iterator[tuple[str, Settings]]:
    from meridian.strategies.signals.settings import Settings

    for name, service in topology.services.items():
        if service.kind == KIND:
            try:
                yield name, Settings.model_validate(service.settings)
            except ValidationError:
                continue  # The topology's own check tells it.
