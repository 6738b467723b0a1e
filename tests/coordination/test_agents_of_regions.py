"""Two agents: positions of one region are seen in the other, added up, with watermark and age; what is forged is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from meridian import records
from meridian._native import links
from meridian._native.coordination import agent_key, datagram_region
from meridian.coordination.agent import AgentProcess
from meridian.coordination.agent_settings import address
from meridian.coordination.sealed import Sealed
from meridian.coordination.server import free_ports
from meridian.deploy.services import Service
from tests.coordination.region import settings, soon, write_files

SECRET = "secret"


class Half:
    """An agent without a store, and the engine's end of its links."""

    def __init__(self, directory: Path, region: str, port: int, peer: str, peer_port: int) -> None:
        self.region = region
        home = directory / region
        home.mkdir()
        rings = {"agent_engine": [True], "engine_agent": [False]}
        ends = {"agent_engine": ("agent", "engine"), "engine_agent": ("engine", "agent")}
        specs: dict[str, dict[str, Any]] = {}
        for name, reliable in rings.items():
            path = home / name
            links.create_ring(path, 1024, records.CONSTANTS["RECORD_BYTES_MAX"], reliable)
            producer, consumer = ends[name]
            specs[name] = {"path": str(path), "producer": producer, "consumers": [{"tile": consumer}]}
        self.controls = links.Subscriber(home / "agent_engine", 0)
        self.outputs = links.Publisher(home / "engine_agent")
        self.stop = Event()
        about = settings(
            directory,
            ["http://127.0.0.1:1"],
            region=region,
            listen=f"127.0.0.1:{port}",
            peers={peer: f"127.0.0.1:{peer_port}"},
        )
        service = Service(
            name="agent",
            topology="t",
            settings=about,
            data_directory=home,
            ready_path=home / "ready",
            socket_path=home / "s",
            links=specs,
        )
        self.agent = AgentProcess(service, self.stop)
        self.input = 0
        self.agent.start()

    def say(self, name: str, **fields: Any) -> None:
        """An output of the engine."""
        self.input += 1
        self.outputs.offer(records.new(name, sequence=self.input, **fields).tobytes())

    def answer(self) -> None:
        """Answers the agent's request for the state, as an engine does."""
        for control in self.controls.poll(timeout=2):
            if records.name_of(control) == "StateRequest":
                asked = records.parse(control)
                kind = int(asked["header"]["kind"])
                self.say("Applied", control=kind, outcome=1, request=int(asked["request"]), input=self.input + 1)

    def position(self, lots: int) -> None:
        """A position after a fill; the account is `maker-1`."""
        self.say("Position", account=self.agent_account(), instrument=1, lots=lots)

    def agent_account(self) -> int:
        """An account's id in the limits file."""
        return 5

    def lots(self) -> dict[str, int]:
        """What this agent knows of the instrument, by region."""
        rows = self.agent.status()["positions"]
        return {region: lots for row in rows for region, lots in row["regions"].items()}


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[tuple[Half, Half]]:
    """New York and Chicago."""
    write_files(tmp_path)
    first, second = free_ports(2)
    both = Half(tmp_path, "ny", first, "chicago", second), Half(tmp_path, "chicago", second, "ny", first)
    for one in both:
        one.agent.tick()
        one.answer()
    yield both
    for one in both:
        one.agent.close()


def test_positions_are_added_up_over_regions(halves: tuple[Half, Half]) -> None:
    ny, chicago = halves
    ny.position(70)
    chicago.position(-30)

    def known() -> bool:
        for one in halves:
            one.agent.tick()
        return all(one.lots() == {"ny": 70, "chicago": -30} for one in halves)

    soon(known)
    (row,) = ny.agent.status()["positions"]
    assert row["lots"] == 40
    (peer,) = ny.agent.status()["peers"]
    assert peer["watermark"] == chicago.input
    assert peer["age_ns"] is not None


def test_a_datagram_without_the_secret_changes_nothing(
    halves: tuple[Half, Half], monkeypatch: pytest.MonkeyPatch
) -> None:
    ny, chicago = halves
    sent: list[bytes] = []
    monkeypatch.setattr(chicago.agent, "_send", sent.append)
    chicago.position(-30)
    soon(lambda: sent)
    assert datagram_region(sent[-1]) == "chicago"
    to = address(str(ny.agent.settings.listen))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        mine = chicago.agent.sealed.seal(sent[-1])
        assert sent[-1] not in mine and b"chicago" not in mine
        for foreign in (
            sent[-1],
            b"",
            mine[:20],
            mine[:-1] + bytes([mine[-1] ^ 1]),
            Sealed(b"another" * 8).seal(sent[-1]),
        ):
            one.sendto(foreign, to)
    soon(lambda: ny.agent.status()["datagrams"]["foreign"] == 5)
    assert "chicago" not in ny.lots()


def test_an_agent_builds_no_other_key() -> None:
    with pytest.raises(ValueError, match="no key of an agent"):
        agent_key("limits", "7", "8")
