"""Runs of real processes: they come up, carry records, are seen, restart, and leave nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian._native import links
from meridian.deploy import endings, runs, view
from meridian.deploy.supervisor import CannotStart, Supervisor
from meridian.deploy.topology import Topology, check
from tests.deploy.support import command
from tests.support import skip_unchecked

KINDS = ["probe-sink", "probe-source"]


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of these tests lie apart from the user's own, and none is left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    assert list(runs.runs()) == []


def probes(name: str, *, transport: str = "auto", how: str = "reliable", **more: Any) -> Topology:
    document = {
        "name": name,
        "tiles": {
            "source": {"kind": "probe-source", "settings": {"link": "source_sink", "rate_per_second": 5000}},
            "sink": {"kind": "probe-sink", "settings": {"link": "source_sink"}},
        },
        "links": {
            "source_sink": {
                "producer": "source",
                "depth": 512,
                "record_bytes_max": 64,
                "transport": transport,
                "consumers": {"sink": how},
            }
        },
        "metrics": {"port": 0},
    } | more
    return check(document, kinds=KINDS, aeron=links.AERON)


def soon(ready: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := ready()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return value


def counter(supervisor: Supervisor, process: str, name: str) -> int:
    readings = dict(links.Counters(supervisor.run.counters(process)).read())
    value = readings.get(name, 0)
    assert isinstance(value, int)
    return value


def unique(word: str) -> str:
    return f"t-{word}-{os.getpid()}"


def gone(run: runs.Run) -> bool:
    alive = [name for name, about in run.processes.items() if Path(f"/proc/{about['pid']}").exists()]
    return not alive and not Path(run.shared_directory).exists()


@pytest.mark.parametrize(("transport", "how"), [("shm", "reliable"), ("shm", "lossy"), ("aeron-ipc", "reliable")])
def test_two_processes_meet_and_leave_nothing_behind(transport: str, how: str) -> None:
    if transport.startswith("aeron") and not links.AERON:
        skip_unchecked("links over Aeron between processes", "this build has no Aeron")
    with Supervisor(probes(unique(transport), transport=transport, how=how)) as supervisor:
        soon(lambda: counter(supervisor, "sink", "sink.received") > 1000)
        assert counter(supervisor, "sink", "sink.missing") == 0
        look = view.Look(supervisor.run)
        time.sleep(0.3)
        taken = look.take()
        assert {row["tile"] for row in taken["tiles"]} == {"source", "sink"}
        (latency,) = taken["latencies"]
        assert latency["count"] > 100
        assert 0 < latency["p50_us"] <= latency["p99_us"] <= latency["p99.99_us"]
        assert json.dumps(taken)
        run = supervisor.run
        url = f"http://127.0.0.1:{run.metrics_port}/metrics"
        text = urllib.request.urlopen(url, timeout=5).read().decode()
        assert 'meridian_counter{name="sink.received",process="sink"}' in text
        assert 'meridian_latency_seconds_bucket{le="+Inf",name="sink.latency_ns",process="sink"}' in text
    assert gone(run)
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=1)


def test_tiles_of_one_process_take_turns_on_one_thread() -> None:
    tiles = {
        name: {"kind": f"probe-{name}", "process": "both", "settings": {"link": "source_sink"}}
        for name in ("source", "sink")
    }
    tiles["source"]["settings"] = {"link": "source_sink", "rate_per_second": 5000}
    with Supervisor(probes(unique("one"), tiles=tiles, processes={"both": {"placement": "one-thread"}})) as supervisor:
        soon(lambda: counter(supervisor, "both", "sink.received") > 500)
        (pid,) = [about["pid"] for about in supervisor.run.processes.values()]
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 2, "the tiles' thread and the main one"


def test_a_second_run_beside_the_first_has_a_name_of_its_own() -> None:
    name = unique("beside")
    with Supervisor(probes(name)) as first, Supervisor(probes(name)) as second:
        assert (first.run.name, second.run.name) == (name, f"{name}-2")
        assert {run.name for run in runs.runs()} == {name, f"{name}-2"}
        soon(lambda: counter(first, "sink", "sink.received") > 100)
        soon(lambda: counter(second, "sink", "sink.received") > 100)


def test_two_runs_never_write_one_folder(tmp_path: Path) -> None:
    """Two engines that map the same segments destroy both journals."""
    name = unique("folder")
    data = str(tmp_path / "data")
    with Supervisor(probes(name, data_directory=data)):
        second = Supervisor(probes(name, data_directory=data))
        with pytest.raises(CannotStart, match="another run writes there"):
            second.start()
    # The folder is free again, and the first one's end was not disturbed.
    with Supervisor(probes(name, data_directory=data)) as third:
        assert third.run.name == name


def test_a_killed_process_comes_back_where_the_policy_says_so() -> None:
    with Supervisor(probes(unique("restart"), transport="shm", restart="always")) as supervisor:
        soon(lambda: counter(supervisor, "sink", "sink.received") > 100)
        os.kill(supervisor.run.processes["sink"]["pid"], signal.SIGKILL)

        def back() -> None:
            about = supervisor.run.processes["sink"]
            if about["restarts"] == 1 and counter(supervisor, "sink", "sink.received") > 100:
                supervisor.ask()

        start = time.monotonic()
        supervisor.watch(lambda: back() if time.monotonic() < start + 20 else supervisor.ask())
        assert supervisor.run.processes["sink"]["restarts"] == 1
        assert supervisor.failures == []


def test_a_life_that_cannot_be_written_down_is_not_begun_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the run's directory is full when a process is started again: two lives of it would write one journal."""
    monkeypatch.setattr("meridian.deploy.supervisor.RESTART_SECONDS", 0.0)
    write, begin, full, lives = runs.Run.write, Supervisor.popen_of, [False], []

    def written(run: runs.Run) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), run.run_directory)
        write(run)

    def begun(supervisor: Supervisor, *about: Any) -> subprocess.Popen[bytes]:
        lives.append(begin(supervisor, *about))
        return lives[-1]

    monkeypatch.setattr(runs.Run, "write", written)
    monkeypatch.setattr(Supervisor, "popen_of", begun)
    with Supervisor(probes(unique("untold"), transport="shm", restart="always")) as supervisor:
        sink = next(child for child in supervisor.children if child.name == "sink")
        lives.clear()
        full[0] = True
        os.kill(supervisor.run.processes["sink"]["pid"], signal.SIGKILL)

        def looked() -> list[subprocess.Popen[bytes]]:
            supervisor.look()
            return lives

        soon(looked)
        for _ in range(20):
            supervisor.look()
        assert len(lives) == 1 and sink.popen is lives[0] and sink.popen.poll() is None
        described = Path(supervisor.run.run_directory) / "run.json"
        assert json.loads(described.read_text())["processes"]["sink"]["pid"] != lives[0].pid
        full[0] = False
        supervisor.look()
        assert json.loads(described.read_text())["processes"]["sink"]["pid"] == lives[0].pid
        assert supervisor.failures == []


@pytest.mark.parametrize(("within_seconds", "ends"), [(600.0, True), (0.0, False)])
def test_one_that_dies_often_within_a_short_time_ends_the_run_and_one_that_died_long_ago_does_not(
    monkeypatch: pytest.MonkeyPatch, within_seconds: float, ends: bool
) -> None:
    monkeypatch.setattr("meridian.deploy.supervisor.RESTARTS_MAX", 1)
    monkeypatch.setattr("meridian.deploy.supervisor.RESTARTS_WITHIN_SECONDS", within_seconds)
    monkeypatch.setattr("meridian.deploy.supervisor.RESTART_SECONDS", 0.0)
    with Supervisor(probes(unique("often"), transport="shm", restart="always")) as supervisor:
        killed, start = set[int](), time.monotonic()

        def again() -> None:
            about = supervisor.run.processes["sink"]
            if about["pid"] not in killed and about["restarts"] < 3:
                killed.add(about["pid"])
                os.kill(about["pid"], signal.SIGKILL)
            if about["restarts"] == 3 or time.monotonic() > start + 20:
                supervisor.ask()

        supervisor.watch(again)
        assert supervisor.run.processes["sink"]["restarts"] == (1 if ends else 3)
        assert bool(supervisor.failures) == ends


@pytest.mark.parametrize("how", ["ended on purpose", "others go on without it"])
def test_an_end_on_purpose_and_one_that_others_go_on_without_do_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for name, value in (("RESTARTS_MAX", 1), ("RESTART_SECONDS", 0.0), ("SPARE_SECONDS", 0.2)):
        monkeypatch.setattr(f"meridian.deploy.supervisor.{name}", value)
    with Supervisor(probes(unique("spare"), transport="shm", restart="always")) as supervisor:
        sink = next(child for child in supervisor.children if child.name == "sink")
        supervisor.spare = (lambda process: process == "sink") if how == "others go on without it" else None
        pids, start = {supervisor.run.processes["sink"]["pid"]}, time.monotonic()

        def again() -> None:
            pid = supervisor.run.processes["sink"]["pid"]
            if sink.popen is not None and sink.popen.pid == pid and (pid not in pids or len(pids) == 1):
                pids.add(pid)
                pids.add(0)
                sink.ended_on_purpose = how == "ended on purpose"
                os.kill(pid, signal.SIGKILL)
            if len(pids) > 4 or time.monotonic() > start + 20:
                supervisor.ask()

        supervisor.watch(again)
        assert len(pids) > 4 and supervisor.failures == []


def test_without_a_restart_policy_a_killed_process_ends_the_run_and_is_named() -> None:
    with Supervisor(probes(unique("ends"))) as supervisor:
        run = supervisor.run
        os.kill(run.processes["source"]["pid"], signal.SIGKILL)
        supervisor.watch()
        (why,) = supervisor.failures
    assert gone(run)
    log = Path(run.run_directory) / "logs" / "source.log"
    assert why == f"process source was ended by SIGKILL; its log: {log}; it said nothing"
    (ending,) = endings.endings()
    assert (ending.name, ending.why) == (run.name, [why])
    with Supervisor(probes(run.topology)) as again:
        assert again.run.name == run.name
        assert list(endings.endings()) == [], "a run of the name is up: the one before is history"
    assert list(endings.endings()) == [], "it was asked to stop"


def test_a_run_that_ended_by_itself_is_told_by_up_and_status_until_it_is_cleared(tmp_path: Path) -> None:
    path, name = tmp_path / "probes.toml", unique("dies")
    path.write_text(TOML.format(name=name), encoding="utf-8")
    line = [sys.executable, "-m", "meridian", "up", str(path)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as child:
        run = soon(lambda: next((run for run in runs.runs() if run.state == "running"), None))
        log = Path(run.run_directory) / "logs" / "source.log"
        with log.open("a") as file:
            file.write("the venue\x1b[2J is on fire\n\n")
        os.kill(run.processes["source"]["pid"], signal.SIGSEGV)
        _, said = child.communicate(timeout=20)
        assert child.returncode == 1
    because = f'process source was ended by SIGSEGV; its log: {log}; its last words: "the venue\\x1b[2J is on fire"'
    assert said.splitlines()[-1] == f"error: {because}"
    told = json.loads(command("status", "--json").stdout)
    assert told["runs"] == [] and [one["name"] for one in told["ended"]] == [name]
    sentence = told["ended"][0]["sentence"]
    assert sentence.startswith(f"run {name}: ended by itself at 2") and sentence.endswith(f" UTC: {because}")
    assert sentence in command("status", name).stderr
    assert sentence in command("top", name).stderr
    wrong = command("down", "--run", str(tmp_path))
    assert wrong.returncode == 2 and "is not the directory of a run" in wrong.stderr
    assert command("down", name, "--run", name).returncode == 2
    assert command("down", "--run", run.run_directory).returncode == 0
    assert json.loads(command("status", "--json").stdout)["ended"] == []
    assert command("down", "--run", name).returncode == 3


def test_a_tile_that_refuses_to_start_is_quoted_and_nothing_is_left() -> None:
    topology = probes(unique("refused"))
    topology.tiles["source"].settings["rate_per_second"] = 0
    supervisor = Supervisor(topology)
    with pytest.raises(CannotStart) as raised:
        supervisor.start()
    assert any(
        "tiles.source.settings.rate_per_second = 0: must be a whole number from 1" in error
        for error in raised.value.errors
    )
    assert gone(supervisor.run)


TOML = """
name = "{name}"
[metrics]
port = 0
[tiles.source]
kind = "probe-source"
settings = {{ link = "source_sink", rate_per_second = 1000 }}
[tiles.sink]
kind = "probe-sink"
settings = {{ link = "source_sink" }}
[links.source_sink]
producer = "source"
depth = 256
consumers = {{ sink = "reliable" }}
"""


def test_up_status_top_down(tmp_path: Path) -> None:
    path, name = tmp_path / "probes.toml", unique("cli")
    path.write_text(TOML.format(name=name), encoding="utf-8")
    up = command("up", str(path), "--detach", "--json")
    assert up.returncode == 0, up.stderr
    run = runs.read(Path(json.loads(up.stdout)["run_directory"]))
    assert run is not None
    try:
        status = json.loads(command("status", "--json").stdout)
        processes = {row["name"]: row for row in status["runs"][0]["processes"]}
        assert processes["source"]["ready"] and processes["sink"]["alive"]
        top = json.loads(command("top", "--json", "--interval", "0.5").stdout)
        assert any(row["name"] == "sink.received" and row["per_second"] > 100 for row in top["counters"])
        assert "sink.received" in command("top", "--once", "--interval", "0.2").stdout
    finally:
        down = command("down", name)
    assert down.returncode == 0, down.stderr
    assert gone(run)
    assert command("down", name).returncode == 3
    assert command("top").returncode == 3


def test_control_c_leaves_no_process_and_no_shared_memory(tmp_path: Path) -> None:
    path, name = tmp_path / "probes.toml", unique("ctrl-c")
    path.write_text(TOML.format(name=name), encoding="utf-8")
    line = [sys.executable, "-m", "meridian", "up", str(path)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, start_new_session=True) as child:
        run = soon(lambda: next((run for run in runs.runs() if run.state == "running"), None))
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(20) == 0
    assert gone(run)


def test_a_killed_supervisor_takes_its_processes_with_it(tmp_path: Path) -> None:
    path, name = tmp_path / "probes.toml", unique("killed")
    path.write_text(TOML.format(name=name), encoding="utf-8")
    line = [sys.executable, "-m", "meridian", "up", str(path)]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as child:
        run = soon(lambda: next((run for run in runs.runs() if run.state == "running"), None))
        child.kill()
    soon(lambda: not any(Path(f"/proc/{about['pid']}").exists() for about in run.processes.values()))
    runs.claim(name).release()
    assert gone(run), "the next run of the name clears what the killed one left"


def test_a_wrong_topology_is_bad_input_and_says_all(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(TOML.format(name="x").replace('"probe-sink"', '"probe-snk"').replace("256", "0"), encoding="utf-8")
    done = command("up", str(path), "--check", "--json")
    assert done.returncode == 2
    depth, kind = json.loads(done.stdout)["errors"]
    assert depth == "links.source_sink.depth = 0: must be at least 1"
    assert kind.startswith('tiles.sink.kind = "probe-snk": is not a kind of tile; did you mean probe-sink?')
