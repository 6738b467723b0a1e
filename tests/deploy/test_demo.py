"""The demo, short: both regions trade, a limit and a kill are in force in both by their inputs, every order is accounted for,
the books agree with the exchanges', replays are equal, and it leaves nothing.

Invariant: these runs lie apart from the user's own, and what one leaves behind fails it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meridian import records
from meridian.codes import Side
from meridian.console import BadInput
from meridian.deploy import runs
from meridian.deploy.demo import cli
from meridian.deploy.metrics import read
from meridian.engine import journals
from meridian.strategies import region_number
from tests.deploy import parity_checks
from tests.deploy.support import own_runtime
from tests.support import ROOT, need_data

SECONDS = 20
"""Long enough that makers are hit by recorded flow; generated flow is slower."""
REGIONS = ("new-york", "chicago")
RUNS = 1 + len(REGIONS)
MEMORY_BYTES_MAX = 1 << 30
END_SECONDS_MAX = 400.0


@pytest.fixture(autouse=True)
def own_place() -> Iterator[None]:
    """Runs of these tests lie apart from the user's own, and none is left."""
    with own_runtime():
        yield
        for demo in STARTED.copy():
            os.kill(demo.process.pid, signal.SIGINT)  # Its test has failed.
            demo.ends()


STARTED: list[Demo] = []
"""Demos that have not ended."""


@dataclass(slots=True)
class Demo:
    """A demo that runs, and what was seen of it."""

    seconds: float
    flow: str = ""
    process: subprocess.Popen[str] = field(init=False)
    pids: set[int] = field(default_factory=set)
    shared: set[Path] = field(default_factory=set)
    pss_bytes: int = 0

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "meridian", "demo", "--seconds", str(self.seconds), "--json"]
        self.process = subprocess.Popen(
            [*command, *(["--flow", self.flow] if self.flow else [])],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        STARTED.append(self)

    def look(self) -> bool:
        """Takes note of its processes and shared memory; whether all of them run."""
        children = [self.process.pid, *_children(self.process.pid)]
        self.pids.update(children)
        self.pss_bytes = max(self.pss_bytes, sum(_pss_bytes(pid) for pid in children))
        mine = self.runs()
        self.shared.update(Path(run.shared_directory) for run in mine)
        return len(mine) == RUNS and all(run.state == "running" for run in mine)

    def runs(self) -> list[runs.Run]:
        """Its runs: what is above the regions, and each of them."""
        return [run for run in runs.runs() if run.supervisor_pid == self.process.pid]

    def comes_up(self) -> None:
        """Waits until it trades."""
        deadline = time.monotonic() + END_SECONDS_MAX
        while not self.look():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "the demo does not come up"
            time.sleep(0.1)

    def trades(self) -> None:
        """Waits until each region's engine has sent orders."""
        self.comes_up()
        engines = [run.counters("engine") for run in self.runs() if "engine" in run.processes]
        deadline = time.monotonic() + END_SECONDS_MAX
        while not all(dict(read(path))["engine.orders"] for path in engines):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "the demo does not trade"
            time.sleep(0.1)

    def ends(self) -> tuple[int, str, str]:
        """Watches until it has ended: exit code, what it printed, what it said. Nothing of it may be left."""
        deadline = time.monotonic() + self.seconds + END_SECONDS_MAX
        while self.process.poll() is None and time.monotonic() < deadline:
            self.look()
            time.sleep(0.2)
        if self.process.poll() is None:
            self.process.terminate()
        STARTED.remove(self)
        out, errors = self.process.communicate(timeout=120)
        assert [pid for pid in self.pids if Path(f"/proc/{pid}").exists()] == []
        assert [path for path in self.shared if path.exists()] == []
        return self.process.returncode, out, errors


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for word in words for found in (int(word), *_children(int(word)))]


def _pss_bytes(pid: int) -> int:
    """Memory of a process, with what it shares counted in parts."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def report_of(ended: tuple[int, str, str]) -> dict[str, Any]:
    """The report that a demo printed, checked for what every run must hold."""
    code, out, errors = ended
    assert code == 0, errors
    printed = json.loads(out)
    assert printed["schema"] == "meridian.demo/2"
    assert Path(printed["html"]).stat().st_size > 10_000
    report: dict[str, Any] = printed["report"]
    check = report["reconciliation"]
    assert check["agrees"] and report["problems"] == [], (check["differences"], report["problems"])
    ends = sum(check[key] for key in ("filled", "cancelled", "expired", "rejected", "not_sent", "not_found", "open"))
    assert ends == check["sent"] == sum(row["sent"] for row in report["orders"])
    assert list(report["regions"]) == list(REGIONS)
    assert all(region["run"]["replay_agrees"] for region in report["regions"].values())
    for row in report["positions"]:
        assert row["lots"] == sum(row["regions"].values())
    return report


def steps(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What risk officers did, each in force in both regions at an input of its own."""
    told = {event["kind"]: event for event in report["events"]}
    found = [told[kind] for kind in ("limit", "kill", "rearm")]
    for event in found:
        assert event["in_force"] and event["trouble"] is None and list(event["regions"]) == list(REGIONS), event
    for region in REGIONS:
        inputs = [event["regions"][region]["input"] for event in found]
        assert inputs == sorted(set(inputs))
    return found


def fills_by_venue(report: dict[str, Any]) -> dict[str, int]:
    """Our fills, as the exchanges' own journals say."""
    fills = dict.fromkeys(("XNAS", "XBOS", "XCME"), 0)
    for region in report["regions"].values():
        for line in region["reconciliation"]["lines"]:
            fills[line["venue"]] += line["exchange"]["fills"]
    return fills


def regions_know_each_other(directory: Path, fills: list[dict[str, Any]]) -> None:
    """Each engine was told, in its input, what the other one held at the end, as that one's fills say."""
    told_at_all = 0
    for region, other in (REGIONS, REGIONS[::-1]):
        told: dict[tuple[int, int], int] = {}
        for _, _, data in journals.records(directory / region / "data" / "engine"):
            if records.name_of(data) == "RegionPosition":
                row = records.parse(data)
                assert int(row["region"]) == region_number(other)
                told[int(row["account"]), int(row["header"]["instrument"])] = int(row["lots"])
        held: dict[tuple[int, int], int] = dict.fromkeys(told, 0)
        for fill in fills:
            if fill["journal"].endswith(f"{other}/data/engine"):
                key = (fill["account"], fill["instrument"])
                held[key] = held.get(key, 0) + (fill["lots"] if fill["side"] == Side.BUY else -fill["lots"])
        assert told == held, f"{region} of {other}"
        told_at_all += len(told)
    assert told_at_all > 0, "somebody held something"


def etcd_of(demo: Demo) -> int:
    """The process that is the store."""
    return next(int(run.processes["etcd"]["pid"]) for run in demo.runs() if "etcd" in run.processes)


@pytest.mark.timeout(600)
def test_both_regions_trade_under_one_hand_also_while_the_store_is_killed(meridian: Any, tmp_path: Path) -> None:
    demo = Demo(SECONDS)
    demo.trades()
    os.kill(etcd_of(demo), signal.SIGKILL)
    report = report_of(demo.ends())
    assert 0 < demo.pss_bytes < MEMORY_BYTES_MAX, f"{demo.pss_bytes >> 20} MiB"
    held = sorted(((row["pss_bytes"] or 0) >> 20, row["name"]) for row in report["processes"])
    assert 0 < report["memory_bytes"] < MEMORY_BYTES_MAX, f"MiB: {held}"
    assert {row["name"]: row["restarts"] for row in report["processes"] if row["region"] is None}["etcd"] == 1

    limit, kill, rearm = steps(report)
    assert (limit["before"], limit["after"]) == ("200", "120")
    assert rearm["own_confirmation_refused"] and rearm["confirmed_by"] != rearm["by"]
    for region in REGIONS:
        assert limit["regions"][region]["record"] == "Allocation" and kill["regions"][region]["record"] == "Kill"
        told = kill["regions"][region]
        assert told["resting"] > 0 and told["cancelled"] + told["filled"] == told["resting"], told
        assert told["left"] == told["sent_while_killed"] == 0 and told["sent_after"] > 0, told
        bounds = [one["bound"] for one in report["regions"][region]["limits"] if one["limit"] == limit["limit"]]
        assert bounds == [60]

    directory = report["run"]["directory"]
    told = json.loads(meridian("reconcile", directory, "--json").stdout)
    assert told["agrees"] and list(told["regions"]) == list(REGIONS)
    again = json.loads(meridian("report", directory, "--json").stdout)
    assert again["orders"] == report["orders"] and again["events"] == report["events"]
    orders = json.loads(meridian("orders", directory, "--json").stdout)["orders"]
    assert len(orders) >= report["reconciliation"]["sent"] and len({row["journal"] for row in orders}) == len(REGIONS)
    fills = json.loads(meridian("fills", directory, "--json").stdout)["fills"]
    assert len(fills) == report["reconciliation"]["fills"]
    regions_know_each_other(Path(directory), fills)
    for region in REGIONS:
        single = json.loads(meridian("report", f"{directory}/{region}", "--json").stdout)
        assert single["schema"] == "meridian.report/1" and single["reconciliation"]["agrees"]
    replayed = json.loads(meridian("journal", "replay", directory, "--json").stdout)
    assert replayed["agree"]

    parity_checks.live_is_the_backtest(Path(directory))
    parity_checks.departures_are_unexplained(Path(directory, "new-york", "data", "engine"), tmp_path / "edited")
    parity_checks.a_run_is_data(Path(directory), "new-york")
    filled = {row["venue"]: row["order_id"] for row in orders if row["journal"].endswith("new-york/data/engine")}
    assert len(filled) == 2
    for order_id in filled.values():
        parity_checks.an_order_is_explained(Path(directory), order_id)
    parity_checks.the_guides_commands_run(Path(directory), order_id)


@pytest.mark.timeout(600)
def test_recorded_flow_fills_our_orders(tmp_path: Path) -> None:
    data = need_data("lobster", "the demo on recorded flow").parent
    report = report_of(Demo(SECONDS, f"{data / 'lobster'},{data / 'dbn'}").ends())
    steps(report)
    directory = Path(report["run"]["directory"])
    parity_checks.live_is_the_backtest(directory)
    parity_checks.a_fill_out_of_turn_is_told(directory / "new-york" / "data" / "engine", tmp_path / "crowded")
    assert min(fills_by_venue(report)[venue] for venue in ("XNAS", "XBOS")) > 0
    assert sum(flow["replayed"] for flow in report["regions"]["new-york"]["flow"]) > 0
    assert [flow["replayed"] for flow in report["regions"]["chicago"]["flow"]] == [0]


@pytest.mark.timeout(600)
def test_an_interrupt_ends_it_early_with_a_report_and_leaves_nothing_also_beside_another() -> None:
    first = Demo(100)
    first.comes_up()
    second = Demo(100)
    second.comes_up()
    assert not first.shared & second.shared
    for demo in (first, second):
        os.kill(demo.process.pid, signal.SIGINT)
    for demo in (first, second):
        report_of(demo.ends())


@pytest.mark.timeout(600)
def test_what_a_killed_demo_leaves_is_read_and_cleared(meridian: Any) -> None:
    demo = Demo(100)
    demo.trades()
    demo.process.kill()
    demo.process.communicate()
    STARTED.remove(demo)
    deadline = time.monotonic() + END_SECONDS_MAX
    while any(Path(f"/proc/{pid}").exists() for pid in demo.pids):
        assert time.monotonic() < deadline, "its processes end with it"
        time.sleep(0.1)
    assert len(runs.leftovers()) == RUNS and all(path.exists() for path in demo.shared)
    cleared = json.loads(meridian("down", "--json").stdout)["cleared"]
    assert sorted(cleared) == ["demo-chicago", "demo-new-york", "demo-platform"]
    assert [path for path in demo.shared if path.exists()] == []
    report = json.loads(meridian("report", "--json").stdout)
    assert list(report["regions"]) == list(REGIONS) and not report["run"]["over"]
    assert any("ended without its supervisor" in sentence for sentence in report["problems"]), report["problems"]


@pytest.mark.timeout(600)
def test_a_region_that_dies_is_named_and_the_other_trades_on() -> None:
    demo = Demo(8)
    demo.trades()
    engine = next(run.processes["engine"]["pid"] for run in demo.runs() if run.name == "demo-chicago")
    os.kill(int(engine), signal.SIGKILL)
    code, out, errors = demo.ends()
    assert code == 1 and "chicago: process engine was ended by SIGKILL" in errors, errors
    report = json.loads(out)["report"]
    assert any(one.startswith("chicago: process engine was ended") for one in report["problems"]), report["problems"]
    told = {event["kind"]: event for event in report["events"]}
    assert told["kill"]["regions"]["new-york"]["input"] and "chicago" in told["kill"]["trouble"]
    assert told["kill"]["regions"]["new-york"]["sent_after"] > 0, "New York goes on after the re-arm"


def test_demos_of_one_second_have_directories_of_their_own_and_running_ones_are_kept(tmp_path: Path) -> None:
    claimed = [cli._claim(tmp_path) for _ in range(cli.RUNS_KEPT + 3)]
    assert len({directory for directory, _ in claimed}) == len(claimed)
    cli._forget_old(tmp_path)
    assert all(directory.is_dir() for directory, _ in claimed), "they still trade"
    for _, lock in claimed:
        os.close(lock)
    cli._forget_old(tmp_path)
    assert len(list(tmp_path.iterdir())) == cli.RUNS_KEPT


def test_all_that_is_wrong_with_the_options_is_told_at_once(tmp_path: Path) -> None:
    missing, page = tmp_path / "no.csv", tmp_path / "no" / "page.html"
    result = CliRunner().invoke(cli.demo, ["--flow", str(missing), "--html", str(page), "--seconds", "nan"])
    assert isinstance(result.exception, BadInput)
    assert [str(missing) in line or str(page) in line or "nan" in line for line in result.exception.errors] == [
        True
    ] * 3


def test_of_several_paths_the_missing_one_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    paths = [tmp_path / name for name in ("a", "b", "missing")]
    result = CliRunner().invoke(cli.demo, ["--flow", ",".join(map(str, paths))])
    assert isinstance(result.exception, BadInput)
    assert result.exception.errors == [f"--flow = {paths[2]}: there is no such file or directory"]
    assert not (tmp_path / "runtime").exists()
