"""Processes in reserve: real ones, that have the place of another one once it has ended and never before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meridian import release
from meridian._native import links
from meridian.deploy import reserves, runs, view
from meridian.deploy.supervisor import Supervisor
from meridian.deploy.topology import Topology, TopologyError, check
from tests.support import ROOT

SECONDS_MAX = 30.0
GOOD: dict[str, Any] = {
    "tiles": {
        "source": {"kind": "probe-source", "settings": {"link": "source_sink", "rate_per_second": 2000}},
        "sink": {"kind": "probe-sink", "settings": {"link": "source_sink"}},
    },
    "links": {
        "source_sink": {
            "producer": "source", "depth": 512, "record_bytes_max": 64, "transport": "shm",
            "consumers": {"sink": "reliable"},
        },
    },
    "processes": {"sink": {"reserve": True}},
    "metrics": {"port": 0},
}  # fmt: skip


@pytest.fixture(autouse=True)
def soon_in_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs apart from the user's own, in which nobody waits long for one in reserve."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(reserves, "SETTLED_SECONDS", 0.1)


def with_reserve(word: str, **more: Any) -> Topology:
    document = GOOD | {"name": f"t-{word}-{os.getpid()}"} | more
    return check(document, kinds=["probe-sink", "probe-source"], aeron=links.AERON)


def looks(supervisor: Supervisor, until: Callable[[], Any]) -> Any:
    """Has the supervisor look until something is said; what."""
    deadline = time.monotonic() + SECONDS_MAX
    while not (value := until()):
        assert time.monotonic() < deadline, "it did not come"
        supervisor.look()
        time.sleep(0.01)
    return value


def row(supervisor: Supervisor) -> dict[str, Any]:
    """What a person is told of the sink."""
    return next(one for one in view.processes(supervisor.run) if one["name"] == "sink")


def in_reserve(supervisor: Supervisor) -> int:
    """The process in reserve, once it could have its turn."""
    looks(supervisor, lambda: row(supervisor)["reserve"] == "ready")
    pid = supervisor.reserves.pid("sink")
    assert pid is not None
    return pid


def restarted(supervisor: Supervisor, times: int) -> None:
    """Waits until the sink was so often, and lives."""
    looks(supervisor, lambda: row(supervisor)["restarts"] == times and row(supervisor)["alive"])


def received(supervisor: Supervisor) -> int:
    return int(str(dict(links.Counters(supervisor.run.counters("sink")).read()).get("sink.received", 0)))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_one_in_reserve_goes_on_in_the_place_of_one_that_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.deploy.supervisor.RESTART_SECONDS", 1_000.0)
    with Supervisor(with_reserve("steps")) as supervisor:
        for life in (1, 2):
            waits, works = in_reserve(supervisor), row(supervisor)["pid"]
            os.kill(works, signal.SIGKILL)
            restarted(supervisor, life)
            assert row(supervisor)["pid"] == waits, "no other process has the place"
            looks(supervisor, lambda: row(supervisor)["ready"] and received(supervisor) > 100)
            assert row(supervisor)["release"] == supervisor.own.release.name
        last = in_reserve(supervisor)
        run = supervisor.run
    assert not alive(last) and not Path(run.shared_directory).exists() and list(runs.runs()) == []


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_where_the_one_in_reserve_cannot_a_restart_takes_the_place(how: str) -> None:
    with Supervisor(with_reserve(how)) as supervisor:
        waits, works = in_reserve(supervisor), row(supervisor)["pid"]
        os.kill(waits, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        if how == "paused":
            looks(supervisor, lambda: row(supervisor)["reserve"] == "paused")
        os.kill(works, signal.SIGKILL)
        looks(supervisor, lambda: row(supervisor)["restarts"] == 1 and received(supervisor) > 100)
        assert row(supervisor)["pid"] not in (waits, works) and not alive(waits)
        assert in_reserve(supervisor) not in (waits, works)
        assert supervisor.failures == []


def test_one_in_reserve_that_ends_is_replaced_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserves, "TRIES_MAX", 2)
    with Supervisor(with_reserve("tries")) as supervisor:
        first = in_reserve(supervisor)
        os.kill(first, signal.SIGKILL)
        looks(supervisor, lambda: row(supervisor)["reserve"] != "ready" and supervisor.reserves.pid("sink") != first)
        second = in_reserve(supervisor)
        assert second != first
        os.kill(second, signal.SIGKILL)
        looks(supervisor, lambda: supervisor.reserves.pid("sink") is None)
        for _ in range(50):
            supervisor.look()
        assert row(supervisor)["reserve"] == "none" and supervisor.reserves.pid("sink") is None
        # Its next life has as many again.
        os.kill(row(supervisor)["pid"], signal.SIGKILL)
        looks(supervisor, lambda: row(supervisor)["restarts"] == 1)
        assert in_reserve(supervisor) not in (first, second)


def test_nobody_is_in_reserve_for_one_that_dies_as_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.deploy.supervisor.RESTART_SECONDS", 0.0)
    monkeypatch.setattr(reserves, "SETTLED_SECONDS", 1_000.0)
    with Supervisor(with_reserve("loops")) as supervisor:
        for life in (1, 2, 3):
            os.kill(row(supervisor)["pid"], signal.SIGKILL)
            restarted(supervisor, life)
            assert supervisor.reserves.pid("sink") is None and row(supervisor)["reserve"] == "none"


def test_one_whose_turn_does_not_come_ends_with_its_supervisor_and_leaves_nothing(tmp_path: Path) -> None:
    with Supervisor(with_reserve("waits")) as supervisor:
        child = next(one for one in supervisor.children if one.name == "sink")
        spec = json.loads(child.spec.read_text()) | {"counters_path": str(tmp_path / "counters")}
    path = tmp_path / "sink.json"
    path.write_text(json.dumps(spec))
    environment = os.environ | {release.IN_RESERVE: "1"}
    line = [sys.executable, "-m", "meridian.deploy.process", str(path)]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as waits:
        assert waits.stdin is not None and waits.stderr is not None
        waits.stdin.close()
        assert waits.wait(SECONDS_MAX) == 0
        assert waits.stderr.read() == b""
    assert not (tmp_path / "counters").exists()


def test_what_cannot_have_one_in_reserve_is_refused_with_its_key() -> None:
    processes = {"sink": {"reserve": True, "restart": "none"}, "source": {"reserve": 1}}
    with pytest.raises(TopologyError) as refused:
        with_reserve("bad", processes=processes)
    assert sorted(refused.value.errors) == [
        'processes.sink.reserve = true: takes its place when it ends; processes.sink.restart = "none" forbids that, leave it out',
        "processes.source.reserve = 1: must be true or false",
    ]
