"""Sweeps from end to end: equal results however they are run, killed in the middle, with points that fail."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from meridian import child
from meridian._native.book import itch_stream
from meridian.strategies import sweep
from meridian.strategies.backtest import OptionsError
from meridian.strategies.sweep import space
from meridian.strategies.sweep.cli import sweep as command
from tests.strategies.classes.backtested import Late, Quoter
from tests.support import ROOT

CLASSES = ROOT / "tests/strategies/classes/backtested.py"
GRID: dict[str, Any] = {"size_lots": [1, 5, 9], "limit_lots": [20, 100]}
WORDS: dict[str, Any] = {"timer": "100us", "sample": "1ms", "periods": 16, "blocks": 8}


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two days of one symbol."""
    folder = tmp_path_factory.mktemp("days")
    paths = []
    for day, seed in (("0103", 7), ("0104", 8)):
        paths.append(folder / f"{day}2019.FLOW_ITCH50")
        made: Any = itch_stream(6_000, 1, seed)
        paths[-1].write_bytes(made if isinstance(made, bytes) else made[0])
    return paths


@pytest.fixture(scope="module")
def whole(days: list[Path]) -> sweep.Result:
    """The grid in one go, with one worker."""
    return sweep.run(Quoter, days, parameters=GRID, workers=1, **WORDS)


def same(one: sweep.Result, other: sweep.Result) -> bool:
    """Whether two sweeps are equal, row by row and figure by figure."""
    tables = (one.results.to_arrow(), other.results.to_arrow())
    return bool(
        tables[0].equals(tables[1]) and one.summary == other.summary and np.array_equal(one.profits, other.profits)
    )


def test_a_sweep_ranks_every_point_over_every_day(whole: sweep.Result) -> None:
    assert len(whole.results) == 12 and not whole.failures
    assert whole.summary["days"] == ["2019-01-03", "2019-01-04"]
    ratios = [row["sharpe"] for row in whole.ranked]
    assert ratios == sorted(ratios, reverse=True) and len(ratios) == 6
    # A point's profit is the sum of its days', and of its periods.
    best = whole.best[0]
    rows = whole.results["point"] == best["point"]
    assert best["net"] == pytest.approx(whole.results["net"][rows].sum())
    assert whole.profits.shape == (2, 16, 6)
    assert whole.summary["deflated"]["trials"] == 6 and whole.summary["overfitting"]["splits"] == 70


def test_one_worker_and_several_give_the_same(days: list[Path], whole: sweep.Result, tmp_path: Path) -> None:
    several = sweep.run(Quoter, days[::-1], parameters=GRID, workers=2, out=tmp_path / "out", **WORDS)
    assert same(whole, several)
    saved = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert saved == json.loads(json.dumps(whole.summary))
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") == 2 and not re.search(r"(src|href)=\"(?!#|data:)|url\((?!#)", page), (
        "it refers to nothing outside"
    )
    assert f"{whole.summary['overfitting']['splits']} ways to halve it" in page


def test_what_was_finished_before_a_kill_is_not_run_again(days: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [f"{CLASSES}:Quoter", "--data", str(days[0]), "--set", "size_lots=1:15", "--set",
             "limit_lots=[20,60]", "--timer", "100us", "--sample", "1ms", "--out", str(out), "--workers", "1"]  # fmt: skip
    process = subprocess.Popen(
        [*child.module("meridian"), "sweep", *words], env=child.environment(), cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: len(list(out.glob("points/*.json"))) >= 3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("points/*.json")}
    assert 3 <= len(before) < 30 and not (out / "results.parquet").exists()
    resumed = sweep.resume(out, workers=2)
    assert resumed.found == len(before) and resumed.ran + resumed.found == 30
    assert all((out / "points" / name).stat().st_mtime_ns == at for name, at in before.items())
    assert len(resumed.results) == 30 and not resumed.failures
    again = CliRunner().invoke(command, ["--resume", str(out), "--json"])
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    assert (told["ran"], told["found"], told["schema"]) == (0, 30, "meridian.sweep/1")
    assert told["best"] == json.loads(json.dumps(resumed.best))


def until(holds: Callable[[], bool]) -> None:
    """Waits for it."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_points_and_days_that_fail_are_named_and_the_others_stand(days: list[Path], tmp_path: Path) -> None:
    empty = tmp_path / "01052019.EMPTY_ITCH50"
    empty.write_bytes(b"")
    words = ["--set", "after=[100,10000000]", "--timer", "100us", "--periods", "8", "--blocks", "4", "--workers", "1"]
    done = CliRunner().invoke(
        command, [f"{CLASSES}:Late", "--data", str(days[0]), "--data", str(empty), *words, "--json"]
    )
    errors = getattr(done.exception, "errors", [])
    assert getattr(done.exception, "exit_code", None) == 1, done.output
    assert (
        len(errors) == 2
        and "EMPTY" in errors[0]
        and errors[1].startswith("after=100 on 2019-01-03: Late: on_book, line")
    )
    told = json.loads(done.stdout)
    assert (told["points"], told["ranked"], len(told["failures"])) == (2, 1, 1)


KILLED = """
import os, sys
from meridian.strategies import Orders, Strategy, Timer, param

if sys.argv[0].endswith("local.py"):
    os.kill(os.getpid(), 9)


class Dies(Strategy):
    size_lots: int = param(1)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        orders.cancel_all()
"""


def test_a_worker_that_is_killed_loses_its_point_and_no_other(days: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "dies.py"
    file.write_text(KILLED)
    result = sweep.run(f"{file}:Dies", days[:1], parameters={"size_lots": [1, 2, 3]}, workers=2, out=tmp_path / "out")
    assert [each["reason"] for each in result.failures] == ["the process that ran it was ended by signal 9"] * 3
    assert not list((tmp_path / "out" / "points").glob("*.json")), "lost points are tried again"


def test_other_data_under_the_same_name_are_run_again(days: list[Path], tmp_path: Path) -> None:
    path = tmp_path / days[0].name
    for day, ran in ((days[0], 1), (days[1], 1), (days[1], 0)):
        path.write_bytes(day.read_bytes())
        assert sweep.run(Late, [path], parameters={"after": 10**7}, out=tmp_path / "out").ran == ran


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("size_lots=1:10:3", [1, 4, 7, 10]),
        ("size_lots=3:5", [3, 4, 5]),
        ("size_lots=[7, 2,7]", [7, 2]),
        ("size_lots=4", [4]),
    ],
)
def test_values_are_ranges_lists_or_one(text: str, values: list[int]) -> None:
    errors: list[str] = []
    made = space.points(Quoter.table, space.parse(Quoter.table, [text], errors), errors)
    assert [point["size_lots"] for point in made] == values and not errors


def test_all_that_is_wrong_is_told_before_anything_runs(days: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionsError) as raised:
        sweep.run(Quoter, days, parameters={"size_lots": [0, 5], "colour": 1}, walk_forward="never", blocks=3, speed=1)
    for word in ("size_lots = 0", "colour", "--walk-forward never", "--blocks 3", "speed"):
        assert any(word in error for error in raised.value.errors), raised.value.errors
    with pytest.raises(OptionsError, match="2019-01-09"):
        sweep.run(Quoter, days, days=["2019-01-09"], latency=["feed=fast"])
    done = CliRunner().invoke(command, [f"{CLASSES}:Quoter", "--data", str(days[0]), "--set", "size_lots=5:1", "--set",
                                        "limit_lots=[1,x]", "--set", "colour=1", "--limit", "x=y"])  # fmt: skip
    errors = getattr(done.exception, "errors", [])
    assert getattr(done.exception, "exit_code", None) == 2
    assert len(errors) == 4 and all(any(w in e for e in errors) for w in ("5:1", "'x'", "colour", "x=y")), errors
    done = CliRunner().invoke(command, ["--resume", str(tmp_path), "--periods", "4"])
    assert "leave --periods out" in str(done.exception)
