"""A backtest that reads its records on a thread of its own leaves what one thread leaves, and leaves no thread."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from meridian.bench import backtest as rows
from meridian.bench.quoter import TouchQuoter
from meridian.strategies import sweep
from meridian.strategies.backtest import Result, options, running
from meridian.strategies.sweep import running as sweeping
from tests.strategies.classes.backtested import Quoter
from tests.strategies.test_backtest import _stream, same


@pytest.fixture(scope="module")
def long_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More messages than a run takes before it says how far it is."""
    path = tmp_path_factory.mktemp("flow") / "01032019.FLOW_ITCH50"
    path.write_bytes(_stream(running.STEP_RECORDS * 2, 1, 7))
    return path


def both(plan: running.Plan) -> tuple[Result, Result]:
    """The plan on one thread and on two."""
    one, two = (running.start(dataclasses.replace(plan, threads=threads)) for threads in running.THREADS)
    return one, two


def readers() -> int:
    """Threads of this process that read records."""
    return sum((task / "comm").read_text().strip() == "records" for task in Path("/proc/self/task").iterdir())


@pytest.mark.parametrize("queue", ["power:3", "pessimistic"])
def test_levels_read_ahead_leave_the_same_rows(queue: str, tmp_path: Path, code_directory: Path) -> None:
    files = rows.save(rows.levels(30_000, 5), tmp_path)
    plan = running.prepare(TouchQuoter, files, timer="10ms", queue=queue, directory=code_directory, limits=rows.LIMITS)
    one, two = both(plan)
    assert len(one.orders) > 500 and len(one.fills) > 500 and not one.errors
    assert same(one, two) and one.summary == two.summary


def test_orders_read_ahead_leave_the_same_rows(long_flow: Path, code_directory: Path) -> None:
    one, two = both(running.prepare(Quoter, [long_flow], timer="1ms", directory=code_directory))
    assert len(one.fills) > 100 and not one.errors
    assert same(one, two) and one.summary == two.summary


def test_a_file_that_breaks_while_it_is_read_is_told_of_alike(tmp_path: Path, code_directory: Path) -> None:
    files = rows.save(rows.levels(60_000, 6), tmp_path)
    plan = running.prepare(TouchQuoter, files, timer="10ms", directory=code_directory, limits=rows.LIMITS)
    lines = files[0].read_text().splitlines()
    lines[40_000] = lines[40_000].replace("bid", "bod").replace("ask", "asc")
    files[0].write_text("\n".join(lines) + "\n")
    one, two = both(plan)
    assert len(one.errors) == 1 and "40001" in one.errors[0].replace(",", ""), one.errors
    assert one.errors == two.errors
    assert same(one, two) and one.summary == two.summary and 30_000 < one.summary["records"] < 60_000


def test_a_run_that_is_interrupted_leaves_no_thread(long_flow: Path, code_directory: Path) -> None:
    plan = running.prepare(Quoter, [long_flow], timer="1ms", directory=code_directory, threads=2)
    seen: list[int] = []

    def tell(_what: str, _share: float) -> None:
        seen.append(readers())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.start(plan, tell)
    assert seen == [1] and readers() == 0


def test_there_are_as_many_threads_as_were_asked_for(
    long_flow: Path, code_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(usable: Sequence[int], asked: int | None) -> int:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(usable))
        return running.prepare(Quoter, [long_flow], directory=code_directory, threads=asked).threads

    assert [threads([0], None), threads([0, 1], None), threads(range(8), None)] == [1, 2, 2]
    assert [threads([0], 2), threads([0, 1], 1)] == [2, 1]
    with pytest.raises(options.OptionsError, match="--threads 3: 1 or 2 is allowed"):
        threads([0, 1], 3)


def test_a_sweep_has_a_run_on_each_core_and_reads_in_it(code_directory: Path) -> None:
    data = ["generated:seed=1,seconds=1"]
    plan = sweeping.prepare(Quoter, data)
    assert {job.plan.threads for job in plan.jobs} == {1}
    with pytest.raises(options.OptionsError, match="threads"):
        sweep.run(Quoter, data, threads=2)
