"""A bare region: one engine and its agent, and beside them the limits API where it is asked for; nothing to trade with.

What tests and benchmarks of the coordination start from.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import links, tiles
from meridian.deploy.topology import Topology, check
from meridian.risk import Limits
from meridian.venues.reference import ReferenceData

DAY = 2_000
"""The engine's day; nothing here depends on it."""


def write_files(directory: Path, reference: str, limits: str) -> None:
    """Reference data, limits, the engine's first inputs, and a secret for the agents. Raises BadInput."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "reference.toml").write_text(reference, encoding="utf-8")
    (directory / "limits.toml").write_text(limits, encoding="utf-8")
    known = ReferenceData.load(directory / "reference.toml")
    tree = Limits.load(directory / "limits.toml", known)
    digest = np.frombuffer(bytes.fromhex(known.hash), dtype=np.uint8)
    start = records.new("EngineStart", day=DAY, shard=1, epoch=1, firm=1, reference_hash=digest)
    (directory / "bootstrap.rec").write_bytes(start.tobytes() + known.records() + tree.records())
    secret = directory / "secret"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_hex(32), encoding="ascii")


def agent_settings(directory: Path, region: str, store: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An agent's settings over the files; `store` says how to reach etcd."""
    return {
        "region": region,
        "limits": str(directory / "limits.toml"),
        "reference": str(directory / "reference.toml"),
        "secret": str(directory / "secret"),
        "store": dict(store),
        "lease_seconds": 2,
    } | more


def topology(name: str, directory: Path, agent: Mapping[str, Any], api: Mapping[str, Any] | None = None) -> Topology:
    """The engine, the agent of these settings, and the limits API of those where they are given."""
    ring = {"depth": 1024, "record_bytes_max": records.CONSTANTS["RECORD_BYTES_MAX"], "transport": "shm"}
    engine = {
        "bootstrap": str(directory / "bootstrap.rec"),
        "inputs": ["agent_engine"],
        "commands": {},
        "outputs": "engine_agent",
        "segment_bytes": 1 << 20,
    }
    beside = {"api": {"kind": "limits-api", "settings": dict(api)}} if api else {}
    document = {
        "name": name,
        "restart": "always",
        "tiles": {"engine": {"kind": "engine", "settings": engine}},
        "services": {"agent": {"kind": "agent", "settings": dict(agent)}, **beside},
        "links": {
            "agent_engine": ring | {"producer": "agent", "consumers": {"engine": "reliable"}},
            "engine_agent": ring | {"producer": "engine", "consumers": {"agent": "lossy"}},
        },
        "metrics": {"enabled": False},
    }
    return check(document, kinds=tiles.kinds(), aeron=links.AERON)
