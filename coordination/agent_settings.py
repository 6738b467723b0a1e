"""What a topology says of a region's agent, and what it starts from: names and ids, its secret, what an earlier run left.

Invariant: everything is read and checked before anything starts; a secret that others could read is refused.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from meridian import files
from meridian.coordination.verbs import leaves_in_plain

SECRET_BYTES_MIN = 32
MEMORY = "memory.json"
NAME = r"^[a-z][a-z0-9_-]{0,31}$"


class Strict(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Store(Strict):
    """How to reach etcd."""

    endpoints: list[str] = Field(min_length=1)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    @field_validator("endpoints")
    @classmethod
    def _endpoints(cls, endpoints: list[str]) -> list[str]:
        for one in endpoints:
            if leaves_in_plain(one):
                raise ValueError(f"{one}: beyond this host it must be https, with ca, certificate and key")
        return endpoints


class Settings(Strict):
    """The settings of a service of the kind `agent`."""

    region: str = Field(pattern=NAME)
    shard: int = Field(default=1, ge=0, le=255)
    to_engine: str = "agent_engine"
    """The link that carries control records to the engine."""
    from_engine: str = "engine_agent"
    """The link that carries the engine's outputs."""
    limits: str
    """The limits file that the engine started from: its tree."""
    reference: str
    store: Store
    listen: str | None = None
    """Where other regions' agents send to: address:port."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Region → address:port of its agent."""
    secret: str | None = None
    """A file that its owner alone may read, the same in all regions: what datagrams are encrypted with."""
    lease_seconds: int = Field(default=5, ge=2, le=60)

    @field_validator("peers")
    @classmethod
    def _regions(cls, peers: dict[str, str]) -> dict[str, str]:
        for region, where in peers.items():
            address(where)
            if not region or len(region) > 32:
                raise ValueError(f"{region}: a region's name has 1 to 32 characters")
        return peers

    @field_validator("listen")
    @classmethod
    def _listen(cls, listen: str | None) -> str | None:
        if listen is not None:
            address(listen)
        return listen


def address(text: str) -> tuple[str, int]:
    """Address and port. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"{text}: must be address:port")
    return host, int(port)


def secret(path: str | None, *, needed: bool) -> bytes:
    """What datagrams are encrypted with. Raises ValueError."""
    if path is None:
        if needed:
            raise ValueError("secret is missing; it must be given with peers or listen")
        return os.urandom(SECRET_BYTES_MIN)
    try:
        about = Path(path).stat()
        data = Path(path).read_bytes().strip()
    except OSError as error:
        raise ValueError(f"secret = {path}: {error.strerror}") from None
    if about.st_mode & 0o077 or about.st_uid != os.getuid():
        raise ValueError(f"secret = {path}: others may read it; allowed is a file of mode 0600 of this user")
    if len(data) < SECRET_BYTES_MIN:
        raise ValueError(f"secret = {path}: has {len(data)} bytes; at least {SECRET_BYTES_MIN} are needed")
    return data


def directory(limits_path: str, reference_path: str) -> dict[str, Any]:
    """Names and ids of the tree and of the reference data, as the state machine takes them. Raises BadInput."""
    from meridian.risk import Limits
    from meridian.venues.reference import ReferenceData

    reference = ReferenceData.load(reference_path)
    limits = Limits.load(limits_path, reference)
    nodes = {
        name: {"id": node.id, "name": name, "level": node.level, "parent": node.parent}
        for name, node in limits.nodes.items()
    }

    def ids(held: Any) -> dict[str, int]:
        return {name: one.id for name, one in held.items()}

    return {
        "nodes": nodes,
        "instruments": ids(reference.instruments),
        "underlyings": ids(reference.underlyings),
        "sectors": ids(reference.sectors),
        "venues": ids(reference.venues),
        "reference": str(reference.hash),
    }


def next_start(directory: Path) -> int:
    """A number larger than at any start before, also when the clock was set back."""
    path = directory / "start"
    try:
        before = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        before = 0
    start = max(before + 1, time.time_ns())
    files.write_whole(path, str(start), 0o600)
    return start


def remembered(directory: Path) -> dict[str, Any]:
    """What an earlier run of this agent was told to remember; nothing when there is none or it cannot be read."""
    try:
        memory = json.loads((directory / MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}
