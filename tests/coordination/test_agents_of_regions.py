"""Two agents: positions of one region are seen in the other, added up, with watermark and age; what is forged is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian import records
from meridian._native.coordination import agent_key, datagram_region
from meridian.coordination.agent_settings import address
from meridian.coordination.sealed import Sealed
from meridian.ports import free_ports
from tests.coordination.half import Half
from tests.coordination.region import soon, write_files


def answer(half: Half) -> None:
    """Answers the agent's request for the state, as an engine does."""
    for control in half.controls.poll(timeout=2):
        if records.name_of(control) == "StateRequest":
            asked = records.parse(control)
            kind = int(asked["header"]["kind"])
            half.say("Applied", control=kind, outcome=1, request=int(asked["request"]), input=half.input + 1)


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[tuple[Half, Half]]:
    """New York and Chicago."""
    write_files(tmp_path)
    first, second = free_ports(2)
    both = (
        Half(tmp_path, "ny", first, {"chicago": f"127.0.0.1:{second}"}),
        Half(tmp_path, "chicago", second, {"ny": f"127.0.0.1:{first}"}),
    )
    for one in both:
        one.agent.tick()
        answer(one)
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
