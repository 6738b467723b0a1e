"""Orders over FIX from end to end: engine, exchange, gateway and drop-copy reader as processes of their own, two of which are
killed while they trade.

Invariant: whatever is killed, the engine's fills, the exchange's own journal and the drop copy agree at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from meridian.deploy import runs, view
from tests.deploy.support import command, printed
from tests.deploy.test_region import NEW_YORK
from tests.venues.certificates import Files, make_files

KILLED = ("gateway_xbos", "drop_copy_xbos")
FILLS_MIN = 2
ROUNDS = 3
WAIT_S_MAX = 45.0


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test are seen by nobody else."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))


def new_york(folder: Path, *, reserve: bool = False) -> Path:
    """New York, where the FIX tiles come back when they are killed; with another gateway in reserve."""
    for name in ("firm", "new-york"):
        shutil.copytree(NEW_YORK.parent / name, folder / name)
    path = Path(shutil.copy(NEW_YORK, folder))
    text = path.read_text(encoding="utf-8").replace("port = 9464", "port = 0", 1)
    for link in ("engine_gateway_xbos", "gateway_xbos_engine"):
        text = text.replace(f"[links.{link}]", f'[links.{link}]\ntransport = "shm"', 1)
    processes = "".join(f'[processes.{name}]\nrestart = "always"\n' for name in KILLED)
    if reserve:
        processes = processes.replace("[processes.gateway_xbos]\n", "[processes.gateway_xbos]\nreserve = true\n", 1)
    path.write_text(text + processes, encoding="utf-8")
    return path


def running(name: str) -> dict[str, Any]:
    """A process of the run."""
    (run,) = runs.runs()
    return dict(run.processes[name])


def kill(name: str) -> None:
    """As `kill -9` does it; returns when another one runs in its place."""
    before = running(name)
    os.kill(before["pid"], signal.SIGKILL)
    until = time.monotonic() + WAIT_S_MAX
    while running(name)["restarts"] == before["restarts"]:
        assert time.monotonic() < until, f"{name} does not come back"
        time.sleep(0.1)


def in_reserve(name: str) -> int:
    """Who waits, ready, for the place of a process."""
    until = time.monotonic() + WAIT_S_MAX
    while True:
        (run,) = runs.runs()
        if next(one for one in view.processes(run) if one["name"] == name)["reserve"] == "ready":
            return int(run.processes[name]["reserve"])
        assert time.monotonic() < until, f"nobody is in reserve for {name}"
        time.sleep(0.1)


def copied(run: dict[str, Any]) -> int:
    """Fills that reconciliation finds in the drop copy, with all that may still be on its way."""
    done = command("reconcile", run["run_directory"], "--json")
    return int(json.loads(done.stdout)["drop_copies"]["XBOS"])


def test_a_gateway_and_a_drop_copy_that_are_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    """The gateway's place is taken by one in reserve, which goes on with its session's numbers."""
    run = printed("up", str(new_york(tmp_path, reserve=True)), "--detach")
    try:
        for strategy in printed("strategy", "list")["strategies"]:
            printed("strategy", "start", strategy["name"])
        for _ in range(ROUNDS):
            time.sleep(2)
            waits = in_reserve("gateway_xbos")
            for name in KILLED:
                kill(name)
            assert running("gateway_xbos")["pid"] == waits
        until = time.monotonic() + WAIT_S_MAX
        while copied(run) < FILLS_MIN:
            assert time.monotonic() < until, f"{copied(run)} fills over FIX"
            time.sleep(1)
        for strategy in printed("strategy", "list")["strategies"]:
            printed("strategy", "stop", strategy["name"])
        time.sleep(2)
    finally:
        printed("down", run["name"])
    found = printed("reconcile", run["run_directory"])
    assert found["agrees"] and found["differences"] == []
    assert found["drop_copies"]["XBOS"] >= FILLS_MIN
    over_fix = next(one for one in found["orders"] if one["venue"] == "XBOS")
    assert over_fix["sent"] > 0 and over_fix["open"] == over_fix["unknown"] == over_fix["unanswered"] == 0


def over_tls(path: Path, files: Files, client: str) -> None:
    """The order session of XBOS speaks TLS and asks for the client's certificate; ours shows this one."""
    port = f'tls = {{ certificate_file = "{files["server.pem"]}", key_file = "{files["server.key"]}", '
    port += f'client_ca_file = "{files["ca.pem"]}" }}'
    own = f'certificate_file = "{files[f"{client}.pem"]}", key_file = "{files[f"{client}.key"]}"'
    route = f'route = {{ tls = {{ server_name = "venue.test", ca_file = "{files["ca.pem"]}", {own} }} }}'
    text = path.read_text(encoding="utf-8")
    text = text.replace('{ session = 1, role = "orders",', f'{{ session = 1, role = "orders", {port},', 1)
    text = text.replace("[tiles.gateway_xbos.settings]", f"[tiles.gateway_xbos.settings]\n{route}", 1)
    path.write_text(text, encoding="utf-8")


def test_a_gateway_trades_over_tls_with_its_certificate_and_a_stranger_is_told(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    (tmp_path / "with").mkdir()
    over_tls(known := new_york(tmp_path / "with"), files, "client")
    run = printed("up", str(known), "--detach")
    try:
        for strategy in printed("strategy", "list")["strategies"]:
            printed("strategy", "start", strategy["name"])
        until = time.monotonic() + WAIT_S_MAX
        while copied(run) < FILLS_MIN:
            assert time.monotonic() < until, f"{copied(run)} fills over FIX and TLS"
            time.sleep(1)
        kill("gateway_xbos")
        for strategy in printed("strategy", "list")["strategies"]:
            printed("strategy", "stop", strategy["name"])
        time.sleep(3)
    finally:
        printed("down", run["name"])
    found = printed("reconcile", run["run_directory"])
    assert found["agrees"] and found["differences"] == [] and found["drop_copies"]["XBOS"] >= FILLS_MIN
    (tmp_path / "without").mkdir()
    over_tls(stranger := new_york(tmp_path / "without"), files, "other")
    run = printed("up", str(stranger), "--detach")
    try:
        until = time.monotonic() + WAIT_S_MAX
        while not (sentences := printed("status")["runs"][0]["refused"]):
            assert time.monotonic() < until, "nobody tells of it"
            time.sleep(0.5)
        assert sentences[0].startswith("gateway_xbos: its venue has not let its FIX session in, ")
    finally:
        printed("down", run["name"])


def test_a_venue_that_does_not_let_a_session_in_is_told_and_asked_less_often(tmp_path: Path) -> None:
    path = new_york(tmp_path)
    text = path.read_text(encoding="utf-8")
    gateway = text.index("[tiles.gateway_xbos.settings]")
    path.write_text(
        text[:gateway] + text[gateway:].replace('username = "mrdn"', 'username = "nobody"', 1), encoding="utf-8"
    )
    run = printed("up", str(path), "--detach")
    try:
        until = time.monotonic() + WAIT_S_MAX
        sentences: list[str] = []
        while not sentences:
            assert time.monotonic() < until, "nobody tells of it"
            time.sleep(0.5)
            (found,) = printed("status")["runs"]
            sentences = found["refused"]
        assert sentences[0].startswith("gateway_xbos: its venue has not let its FIX session in, ")
        assert " times disconnected" in sentences[0] and "docs/fix.md" in sentences[0]
        assert "gateway_xbos: its venue has not let its FIX session in, " in command("status").stderr
    finally:
        printed("down", run["name"])
