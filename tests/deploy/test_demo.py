"""The demo, short: it trades on every venue, its books agree with the exchanges', its replay is equal, and it leaves nothing.

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

from meridian.console import BadInput
from meridian.deploy import runs
from meridian.deploy.demo import cli
from tests.support import ROOT, need_data

SECONDS = 15
"""Long enough that the market maker is hit at both venues; the seed of the generated flow is fixed."""
MEMORY_BYTES_MAX = 1 << 30
END_SECONDS_MAX = 90.0


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of these tests lie apart from the user's own, and none is left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    assert list(runs.runs()) == []


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

    def look(self) -> bool:
        """Takes note of its processes and shared memory; whether all of them run."""
        children = [self.process.pid, *_children(self.process.pid)]
        self.pids.update(children)
        self.pss_bytes = max(self.pss_bytes, sum(_pss_bytes(pid) for pid in children))
        mine = [run for run in runs.runs() if run.supervisor_pid == self.process.pid]
        self.shared.update(Path(run.shared_directory) for run in mine)
        return any(run.state == "running" for run in mine)

    def comes_up(self) -> None:
        """Waits until it trades."""
        deadline = time.monotonic() + END_SECONDS_MAX
        while not self.look():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "the demo does not come up"
            time.sleep(0.1)

    def ends(self) -> tuple[int, str, str]:
        """Watches until it has ended: exit code, what it printed, what it said. Nothing of it may be left."""
        deadline = time.monotonic() + self.seconds + END_SECONDS_MAX
        while self.process.poll() is None and time.monotonic() < deadline:
            self.look()
            time.sleep(0.2)
        if self.process.poll() is None:
            self.process.terminate()
        out, errors = self.process.communicate(timeout=30)
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
    assert Path(printed["html"]).stat().st_size > 10_000
    report: dict[str, Any] = printed["report"]
    assert report["reconciliation"]["agrees"], report["reconciliation"]["differences"]
    assert report["run"]["replay_agrees"]
    return report


def fills_by_venue(report: dict[str, Any]) -> dict[str, int]:
    """Our fills, as the exchanges' own journals say."""
    fills = dict.fromkeys(report["run"]["venues"], 0)
    for line in report["reconciliation"]["lines"]:
        fills[line["venue"]] += line["exchange"]["fills"]
    return fills


def test_generated_flow_fills_our_orders_on_every_venue(meridian: Any) -> None:
    demo = Demo(SECONDS)
    report = report_of(demo.ends())
    assert min(fills_by_venue(report).values()) > 0
    assert 0 < demo.pss_bytes < MEMORY_BYTES_MAX, f"{demo.pss_bytes >> 20} MiB"

    directory = report["run"]["directory"]
    told = meridian("reconcile", directory, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["agrees"]
    replayed = meridian("journal", "replay", str(Path(directory) / "data" / "engine"), "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert report["run"]["state_hash"] in replayed.stdout


@pytest.mark.timeout(240)
def test_recorded_flow_fills_our_orders_on_every_venue() -> None:
    data = need_data("lobster", "the demo on recorded flow").parent
    report = report_of(Demo(SECONDS, f"{data / 'lobster'},{data / 'dbn'}").ends())
    assert min(fills_by_venue(report).values()) > 0
    assert sum(flow["replayed"] for flow in report["flow"]) > 0


def test_an_interrupt_ends_it_early_with_a_report_and_leaves_nothing() -> None:
    demo = Demo(100)
    demo.comes_up()
    time.sleep(2)
    os.kill(demo.process.pid, signal.SIGINT)
    started = time.monotonic()
    report_of(demo.ends())
    assert time.monotonic() - started < 40


@pytest.mark.timeout(240)
def test_two_at_the_same_time() -> None:
    first = Demo(8)
    first.comes_up()
    second = Demo(5)
    second.comes_up()
    assert not first.shared & second.shared
    for demo in (second, first):
        report_of(demo.ends())


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
