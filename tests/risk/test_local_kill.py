"""A kill past the API: what an agent and an engine say of it, and what is told of that.

Invariant under test: no kill is told as done that no engine has confirmed, and an agent that cannot confirm it is passed by.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian.deploy import runs, strategies
from meridian.risk import local_kill
from meridian.risk.api import sockets
from meridian.risk.api.values import Kill, Selector
from meridian.risk.local_kill import Place
from tests.coordination.region import soon
from tests.risk.support import LIMITS, REFERENCE, write

SILENT = b'{"ok":true,"sent":true,"input":null}\n'
KILL = Kill(node="desk", selector=Selector(), new_orders="none", resting="cancel", flatten=False, version=0,
            reason="wrong prices", by="ann", at_ns=1)  # fmt: skip


async def stopped(folder: Path, answer: bytes, *, engine: bool) -> tuple[bool, str]:
    """What becomes of a kill in a region whose agent answers so."""
    (folder / "inbox").mkdir()
    write(folder, "reference.toml", REFERENCE)
    write(folder, "limits.toml", LIMITS)
    document = {"engine": {"inbox": "inbox", "outputs": "outputs"}, "slots": [], "reference": "reference.toml"}
    (folder / "record.json").write_text(json.dumps(document | {"limits": "limits.toml"}))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / "agent.socket"))
    place = Place(
        name="here", socket=folder / "agent.socket", engine=folder if engine else None, agents=(folder / "a",)
    )
    found = await local_kill.stop_all([place], KILL)
    server.close()
    return found["here"]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not answer is not waited for long."""
    monkeypatch.setattr(strategies, "ANSWER_SECONDS_MAX", 0.2)


def test_what_the_engine_has_not_confirmed_goes_to_its_inbox_and_is_not_done(tmp_path: Path) -> None:
    taken, said = asyncio.run(stopped(tmp_path, SILENT, engine=True))
    assert not taken
    assert said.startswith(f"the agent was passed by ({sockets.UNCONFIRMED}); the engine did not answer"), said
    (message,) = (tmp_path / "inbox").glob("*.control")
    record = records.parse(message.read_bytes()[8 : 8 + records.new("Kill").nbytes])
    assert int(record["new_orders"]) == records.KillNew.NONE
    (left,) = (tmp_path / "a" / "kills").glob("*.json")
    assert json.loads(left.read_text())["reason"] == "wrong prices"


def test_a_region_that_should_run_here_and_does_not_is_named_and_told_when_it_is_back(tmp_path: Path) -> None:
    gone = Place(name="chicago", socket=None, engine=None, agents=(tmp_path / "agent",), gone="it has failed")
    taken, said = asyncio.run(local_kill.stop_all([gone], KILL))["chicago"]
    assert not taken and said == "it has failed; it is left for its agent, which takes it in when it runs again"
    (left,) = (tmp_path / "agent" / "kills").glob("*.json")
    assert json.loads(left.read_text())["node"] == "desk"


@pytest.mark.parametrize("lives", [False, True])
def test_a_region_whose_supervisor_was_killed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    claim = runs.claim("chicago")
    data = claim.directory / "data"
    (claim.directory / "record.json").write_text(json.dumps({"engine": {}, "slots": []}))
    spec = str(claim.directory / "specs" / "engine.json")
    engine = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({60 * lives})", spec])
    if lives:
        # A process has no command line for a moment while it is being started.
        soon(lambda: spec.encode() in Path(f"/proc/{engine.pid}/cmdline").read_bytes())
    else:
        engine.wait()
    run = runs.Run(
        name="chicago", topology="chicago", state="running", supervisor_pid=engine.pid, run_directory=str(claim.directory),
        shared_directory=str(claim.shared_directory), data_directory=str(data), metrics_port=None, ports={},
        processes={"engine": {"pid": engine.pid, "restarts": 0}, "agent": {"pid": 0, "restarts": 0, "service": "agent"}},
    )  # fmt: skip
    run.write()
    os.close(claim._lock)  # As a kill leaves it: its lock is free, its description there.
    try:
        (place,) = local_kill.places()
        assert place.name == "chicago" and place.agents == (data / "agent",)
        # A process of it that is there still is asked; else nothing could take the kill.
        assert (place.engine is not None) == lives and ("its supervisor was killed" in place.gone) != lives
    finally:
        engine.kill()
        engine.wait()
        runs.clear("chicago")


def test_where_there_is_no_engine_it_is_not_done_either(tmp_path: Path) -> None:
    assert asyncio.run(stopped(tmp_path, SILENT, engine=False)) == (False, sockets.UNCONFIRMED)


def test_an_engine_that_confirms_through_its_inbox_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_: Any) -> list[Any]:
        return [records.new("Applied", outcome=1, input=77)]

    monkeypatch.setattr(strategies.RunningEngine, "answers", answers)
    taken, said = asyncio.run(stopped(tmp_path, SILENT, engine=True))
    assert taken and said.startswith("in force at input 77, through the engine's inbox"), said


def test_an_agent_that_refuses_is_right(tmp_path: Path) -> None:
    answer = b'{"ok":false,"error":"node = desk: it is none of this region"}\n'
    taken, said = asyncio.run(stopped(tmp_path, answer, engine=True))
    assert (taken, said) == (False, "refused: node = desk: it is none of this region")
    assert not list((tmp_path / "inbox").iterdir()), "its engine is not asked"
