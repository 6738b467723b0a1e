"""Data that change between the look at them and the end of the run are told: no result of something else passes for whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meridian.strategies.backtest import options, running
from meridian.strategies.sweep import running as sweeping
from tests.strategies.classes.backtested import Quoter
from tests.strategies.test_backtest import _stream

CHANGED = "changed since it was looked through"


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "01032019.FLOW_ITCH50"
    path.write_bytes(_stream(2_000, 1, 7))
    return path


@pytest.mark.parametrize("change", ["cut", "more", "other", "equal"])
def test_data_that_change_before_they_are_read_are_told(flow: Path, change: str, code_directory: Path) -> None:
    plan = running.prepare(Quoter, [flow], timer="1ms", directory=code_directory)
    whole = flow.read_bytes()
    flow.write_bytes(
        {"cut": _stream(700, 1, 7), "more": _stream(2_500, 1, 7), "other": _stream(2_000, 1, 8)}.get(change, whole)
    )
    if change == "equal":
        state = flow.stat()
        os.utime(flow, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    (told,) = running.start(plan).errors
    assert told.startswith(f"--data {flow}: ") and CHANGED in told


def test_fewer_records_than_were_seen_are_told_whatever_the_files_stamp(flow: Path, code_directory: Path) -> None:
    plan = running.prepare(Quoter, [flow], timer="1ms", directory=code_directory)
    state, size = flow.stat(), flow.stat().st_size
    flow.write_bytes(_stream(700, 1, 7).ljust(size, b"\0"))
    os.utime(flow, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert running.start(plan).errors


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_symbols_that_nobody_asked_for_are_no_change(tmp_path: Path, asked: int, code_directory: Path) -> None:
    path = tmp_path / "01032019.THREE_ITCH50"
    path.write_bytes(_stream(2_000, 3, 7))
    symbols = [listing.instrument.symbol for listing in running.prepare(Quoter, [path]).market.listings][:asked]
    plan = running.prepare(Quoter, [path], symbols=symbols, timer="1ms", directory=code_directory)
    result = running.start(plan)
    assert not result.errors and len(symbols) == asked
    assert result.summary["records"] == plan.market.records, (
        "as many as were counted, the venue's own states among them"
    )


@pytest.mark.parametrize("change", ["gone", "empty", "directory"])
def test_data_that_are_gone_when_the_run_begins_are_a_sentence(flow: Path, change: str, code_directory: Path) -> None:
    plan = running.prepare(Quoter, [flow], timer="1ms", directory=code_directory)
    flow.unlink()
    if change == "empty":
        flow.touch()
    if change == "directory":
        flow.mkdir()
    with pytest.raises(options.OptionsError, match=CHANGED):
        running.start(plan)


@pytest.mark.parametrize("kind", ["fifo", "endless", "directory"])
def test_delays_are_read_from_files_alone(tmp_path: Path, kind: str) -> None:
    path = {"fifo": tmp_path / "fifo", "endless": Path("/dev/zero"), "directory": tmp_path}[kind]
    if kind == "fifo":
        os.mkfifo(path)
    errors: list[str] = []
    assert options.samples("--latency order", path, errors) is None
    assert errors == [f"--latency order: {path}: a file of at most 21,000,000 bytes is allowed"]


def test_a_sweep_tells_all_that_is_wrong_at_once(tmp_path: Path) -> None:
    with pytest.raises(options.OptionsError) as caught:
        sweeping.prepare(Quoter, [tmp_path / "nosuch"], parameters={"foo": [1]}, fees=["z=1"], latency=["z=1"], queue="zz",
                      sample="0", periods=0)  # fmt: skip
    told = "\n".join(caught.value.errors)
    for word in ("foo", "nosuch", "--fees", "--latency", "--queue zz", "--sample 0", "--periods 0"):
        assert word in told, told
