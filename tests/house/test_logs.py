"""What logs of processes tell of failures that nobody expected."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
import structlog

from meridian import logs

SECONDS_MAX = 2.0


@dataclass
class World:
    """As large as what stands around a failure of a supervisor."""

    token: str
    parts: list[dict[str, list[str]]] = field(default_factory=list)

    def look(self) -> None:
        """Fails."""
        password = self.token + "".join(reversed(self.token))
        raise RuntimeError(f"no room for {len(password)} letters")


def test_a_failure_is_told_at_once_with_its_places_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    token = "f00d" + "cafe"
    world = World(token, [{str(at): [f"{token}{inner}" for inner in range(100)]} for at in range(1_000)])
    started = time.monotonic()
    try:
        world.look()
    except RuntimeError:
        structlog.get_logger("room").exception("a look failed; it goes on", holder="new-york-1")
    seconds = time.monotonic() - started
    said = capsys.readouterr()
    assert said.out == "" and "a look failed; it goes on" in said.err and "holder=new-york-1" in said.err
    assert "RuntimeError: no room for 16 letters" in said.err and "test_logs.py" in said.err
    assert token not in said.err and seconds < SECONDS_MAX
