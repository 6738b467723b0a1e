"""An agent in this process and the engine's end of its links, for tests of several regions."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

from meridian import records
from meridian._native import links
from meridian.coordination.agent import AgentProcess
from meridian.deploy.services import Service
from tests.coordination.region import settings

ENDS = {"agent_engine": ("agent", "engine"), "engine_agent": ("engine", "agent")}
"""Link → producer and consumer."""
NO_STORE = ["http://127.0.0.1:1"]
ACCOUNT = 5
"""Of the limits file."""


class Half:
    """One region's agent, which runs, and its engine, of which a test plays the part. Without `store`: over none."""

    def __init__(self, directory: Path, region: str, port: int, peers: dict[str, str], **more: Any) -> None:
        self.region, self.input = region, 0
        home = directory / region
        home.mkdir()
        specs: dict[str, dict[str, Any]] = {}
        for name, (producer, consumer) in ENDS.items():
            links.create_ring(home / name, 1024, records.CONSTANTS["RECORD_BYTES_MAX"], [name == "agent_engine"])
            specs[name] = {"path": str(home / name), "producer": producer, "consumers": [{"tile": consumer}]}
        self.controls = links.Subscriber(home / "agent_engine", 0)
        self.outputs = links.Publisher(home / "engine_agent")
        service = Service(
            name="agent",
            topology="t",
            settings=settings(directory, NO_STORE, region=region, listen=f"127.0.0.1:{port}", peers=peers, **more),
            data_directory=home,
            ready_path=home / "ready",
            socket_path=home / "s",
            links=specs,
        )
        self.agent = AgentProcess(service, Event())
        self.agent.start()

    def say(self, name: str, **fields: Any) -> None:
        """An output of the engine."""
        self.input += 1
        self.outputs.offer(records.new(name, sequence=self.input, **fields).tobytes())

    def position(self, lots: int) -> None:
        """A position after a fill."""
        self.say("Position", account=ACCOUNT, instrument=1, lots=lots)

    def lots(self) -> dict[str, int]:
        """What this agent knows of the instrument, by region."""
        return {region: lots for row in self.agent.status()["positions"] for region, lots in row["regions"].items()}
