"""What a stranger gets wrong: told in sentences, before anything runs, and nothing that is wrong gives a number."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from meridian.console import BadInput, Failure
from meridian.strategies import backtest, sweep
from meridian.strategies.artifact import build
from meridian.strategies.backtest import OptionsError, measures, options, running
from meridian.strategies.backtest.cli import backtest as backtest_command
from meridian.strategies.fields import Table
from meridian.strategies.plugins.market_maker import InventoryMaker
from meridian.strategies.sweep import space, splits, statistics
from meridian.strategies.sweep.cli import sweep as sweep_command
from tests.strategies.classes.backtested import Joiner, Quoter
from tests.support import ROOT

CLASSES = str(ROOT / "tests/strategies/classes/backtested.py")
START_NS = 1_600_000_000 * 10**9
PRICE_NANOS = 100 * 10**9
GENERATED = "generated:seed=1,seconds=1"
TOO_MUCH = "1e999999999"


def flow(path: Path, *, symbol: str = "TEST", lots: int = 100, gap_ns: int = 10**8) -> Path:
    """Twenty orders a side, whose prices move."""
    rows = 40
    sides = ["buy", "sell"] * (rows // 2)
    moved = [at // 2 % 5 * 10**7 for at in range(rows)]
    pyarrow.parquet.write_table(
        pyarrow.table({
            "time_ns": [START_NS + at * gap_ns for at in range(rows)],
            "symbol": [symbol] * rows,
            "action": ["add"] * rows,
            "order_ref": pyarrow.array(range(1, rows + 1), pyarrow.uint64()),
            "side": sides,
            "price_nanos": [PRICE_NANOS + (move + 10**7 if side == "sell" else -move)
                            for side, move in zip(sides, moved, strict=True)],
            "lots": [lots] * rows,
        }),
        path,
    )  # fmt: skip
    return path


def refused(command: Any, *words: str) -> tuple[int, list[str]]:
    """Exit code and sentences of a command that is not taken."""
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert isinstance(done.exception, Failure), (done.output, done.exception)
    return done.exception.exit_code, done.exception.errors


@pytest.mark.parametrize("command", [backtest_command, sweep_command])
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["        try:", "            self.seen = 1", "        except ValueError:", "            pass"],
            "wrong.py:9: ",
        ),
        (["        self.nowhere = 1"], "wrong.py:9: self.nowhere is no state field"),
    ],
)
def test_a_class_that_no_engine_takes_is_told_by_its_line(
    command: Any, lines: list[str], words: str, tmp_path: Path
) -> None:
    head = [
        "from meridian.strategies import Book, Orders, Strategy, state", "", "", "class Wrong(Strategy):",
        "    seen: int = state(0)", "", "    def on_book(self, book: Book, orders: Orders) -> None:",
        '        """Does what is not done."""',
    ]  # fmt: skip
    path = tmp_path / "wrong.py"
    path.write_text("\n".join([*head, *lines]) + "\n")
    code, errors = refused(command, str(path), "--data", GENERATED)
    assert code == 1 and any(words in error for error in errors), errors
    # Beside other errors it is told, too.
    code, errors = refused(command, str(path), "--data", GENERATED, "--set", "no=1")
    assert code == 2 and any(words in error for error in errors) and any("no=1" in error for error in errors)


def test_a_version_of_the_api_that_there_is_not_is_told_in_a_backtest(tmp_path: Path) -> None:
    path = tmp_path / "later.py"
    path.write_text(
        "from meridian.strategies import Book, Orders, Strategy\n\n\nclass Later(Strategy):\n    api = 99\n\n"
        "    def on_book(self, book: Book, orders: Orders) -> None:\n        orders.cancel_all()\n"
    )
    code, (error,) = refused(backtest_command, str(path), "--data", GENERATED)
    assert code == 1 and "later.py:5: api = 99" in error


def test_numbers_without_bounds_are_refused_at_once(tmp_path: Path) -> None:
    delays = tmp_path / "delays.csv"
    delays.write_text("1" * 5_000)
    code, errors = refused(
        backtest_command, f"{CLASSES}:Quoter", "--data", "nowhere.itch", "--fees", f"maker={TOO_MUCH}",
        "--units", f"A={TOO_MUCH}", "--latency", f"feed=@{delays}", "--latency", "XNAS:order=soon",
        "--set", "size_lots=1", "--set", "size_lots=2", "--limit", "open_orders=1", "--limit", "open_orders=2",
    )  # fmt: skip
    assert code == 2
    for word in ("nowhere.itch", "--fees maker=", "--units A=", "line 1 is '111", "order=soon", "size_lots is given twice",
                 "open_orders is given twice"):  # fmt: skip
        assert sum(word in error for error in errors) == 1, (word, errors)
    assert max(map(len, errors)) < 400


@pytest.mark.parametrize("text", [f"0:{TOO_MUCH[:-2]}:1", "0:1e999999:1e-999999", "0:1e400:1", "1:10001"])
def test_a_range_without_end_is_refused_at_once(text: str) -> None:
    errors: list[str] = []
    table: Table = Quoter.table
    assert space.parse(table, [f"size_lots={text}"], errors) == {"size_lots": []}
    assert f"--set size_lots={text}: more than 10,000 values; at most so many are allowed" in errors
    errors = []
    assert space.points(table, {"size_lots": [[1], 2]}, errors) == [] and "size_lots" in errors[0]


def test_the_option_that_names_no_symbol_is_named(tmp_path: Path) -> None:
    _, errors = refused(
        backtest_command, f"{CLASSES}:Quoter", "--data", str(flow(tmp_path / "day.parquet")), "--units", "NONE=5"
    )
    assert errors == ["--units NONE: the data hold no such symbol; allowed are TEST"]


@pytest.mark.parametrize("copied", [True, False])
def test_flow_that_is_given_twice_is_refused(copied: bool, tmp_path: Path) -> None:
    one = flow(tmp_path / "day.parquet")
    two = flow(tmp_path / "again.parquet") if copied else one
    words = "both tell of TEST at venue order by order at the same time" if copied else "is given twice for venue"
    with pytest.raises(OptionsError, match=words):
        backtest.run(Joiner, [one, two])
    running.prepare(Joiner, [f"here={one}", f"there={two}"])
    with pytest.raises(OptionsError, match=words):
        sweep.run(Joiner, [one, two])


def test_a_file_whose_path_has_an_equals_sign_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seed=1").mkdir()
    flow(Path("seed=1/day.parquet"))
    assert running.prepare(Joiner, ["seed=1/day.parquet"]).market.venues == ("venue",)
    assert running.prepare(Joiner, ["XNAS=seed=1/day.parquet"]).market.venues == ("XNAS",)


@pytest.mark.parametrize("symbol", ["€URO", "A\nB", "A\x1b[31m"])
def test_a_symbol_that_no_record_holds_is_refused(symbol: str, tmp_path: Path) -> None:
    with pytest.raises(OptionsError) as told:
        backtest.run(Joiner, [flow(tmp_path / "day.parquet", symbol=symbol)])
    (error,) = told.value.errors
    assert error.startswith("--data: symbol '") and error.isascii() and error.isprintable()


def test_lots_that_do_not_add_up_in_64_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="row 1: lots is 4611686018427387904; whole lots up to"):
        backtest.run(Joiner, [flow(tmp_path / "day.parquet", lots=2**62)])


def test_a_time_that_makes_years_of_beats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"from 2020-09-13 to 2033-.*is a time wrong, or its unit\?"):
        backtest.run(Joiner, [flow(tmp_path / "day.parquet", gap_ns=10**16)])


def test_results_that_cannot_be_kept_are_told_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "start", lambda *_: pytest.fail("it ran"))
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(
        backtest_command, [f"{CLASSES}:Quoter", "--data", GENERATED, "--out", str(tmp_path / "file" / "out")]
    )
    assert isinstance(done.exception, BadInput)


@contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    """No file becomes larger, as on a disk that is full."""
    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, held[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)


@pytest.mark.parametrize(("file_bytes", "names"), [(20_000, "report.html"), (1_000, "orders.parquet")])
def test_a_full_disk_takes_nothing_from_what_was_found(file_bytes: int, names: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [f"{CLASSES}:Quoter", "--data", GENERATED, "--out", str(out), "--json"]
    whole = CliRunner().invoke(backtest_command, words)
    assert whole.exit_code == 0 and len(list(out.iterdir())) == 7, whole.output
    with room_for(file_bytes):
        done = CliRunner().invoke(backtest_command, words)
    assert isinstance(done.exception, Failure), done.exception
    (error,) = done.exception.errors
    assert error.startswith(f"--out {out}: not all of it could be kept: {out}/{names}: ")
    told, before = (json.loads(each.stdout.splitlines()[-1]) for each in (done, whole))
    assert told["state_hash"] == before["state_hash"] and told["net"] == before["net"] and told["written"] == []
    assert not list(out.glob(".*")) and not (out / "report.html").exists(), "nothing half, and no page of another run"
    assert (out / "summary.json").exists() == (names == "report.html")


@pytest.mark.parametrize(("walk", "least"), [("train=20", 21), ("train=1", 2), ("train=1,embargo=4", 6)])
def test_days_that_are_too_few_to_walk_are_refused(walk: str, least: int, tmp_path: Path) -> None:
    code, (error,) = refused(sweep_command, f"{CLASSES}:Quoter", "--data", GENERATED, "--walk-forward", walk)
    assert (
        code == 2
        and error.startswith(f"--walk-forward {walk}: the data hold 1 sound day;")
        and error.endswith(str(least))
    )


def test_a_damaged_sweep_is_not_gone_on_with(tmp_path: Path) -> None:
    words: dict[str, Any] = {"timer": "1ms", "sample": "100ms", "periods": 4, "workers": 1}
    sweep.run(Quoter, [GENERATED], out=tmp_path / "out", **words)
    kept = tmp_path / "out" / "sweep.json"
    whole = kept.read_text()
    assert sweep.resume(tmp_path / "out", workers=1).found == 1
    about = json.loads(whole)
    without = {name: value for name, value in about["words"].items() if name != "strategy"}
    for damaged in (
        whole[:-9], "[]", '{"words": {}}', json.dumps(about | {"words": without}), json.dumps(about | {"words": [1]}),
        json.dumps(about | {"words": about["words"] | {"seed": 9}}),
    ):  # fmt: skip
        kept.write_text(damaged)
        code, (error,) = refused(sweep_command, "--resume", str(tmp_path / "out"))
        assert code == 2 and "there is no whole sweep" in error


def test_a_point_that_was_altered_is_run_again(tmp_path: Path) -> None:
    words: dict[str, Any] = {"timer": "1ms", "sample": "100ms", "periods": 4, "workers": 1, "out": tmp_path / "out"}
    whole = sweep.run(Quoter, [GENERATED], **words)
    (kept,) = (tmp_path / "out" / "points").glob("*.json")
    for damage in ('"net": ', '"profits": ['):
        kept.write_text(kept.read_text().replace(damage, f"{damage}1", 1))
        again = sweep.run(Quoter, [GENERATED], **words)
        assert (again.ran, again.found) == (1, 0) and again.summary == whole.summary


def test_a_price_in_the_middle_of_a_day_is_another_day(tmp_path: Path) -> None:
    path = tmp_path / "long"
    content = bytearray(4 << 20)
    path.write_bytes(content)
    before = sweep.running._print_of(path)
    content[len(content) // 2] = 1
    path.write_bytes(content)
    assert sweep.running._print_of(path) != before


@pytest.mark.parametrize(("suffix", "content"), [(".built", b"\xff\xfe"), (".built", b"a\0b c"), (".json", b"{")])
def test_what_is_damaged_in_the_cache_is_built_anew(content: bytes, suffix: str, tmp_path: Path) -> None:
    first = build(InventoryMaker, directory=tmp_path)
    (damaged,) = tmp_path.glob(f"*{suffix}")
    damaged.write_bytes(content)
    assert build(InventoryMaker, directory=tmp_path) == first


def test_a_description_that_was_altered_gives_no_other_start(tmp_path: Path) -> None:
    first = build(InventoryMaker, directory=tmp_path)
    described = first.path.with_suffix(".json")
    about = json.loads(described.read_text())
    about["initial"] = "ff" * (len(about["initial"]) // 2)
    described.write_text(json.dumps(about))
    assert build(InventoryMaker, directory=tmp_path).initial == first.initial


def test_ratios_of_what_does_not_vary_are_nothing() -> None:
    equal = np.full(7, 0.1)
    assert np.std(equal, ddof=1) > 0, "rounding alone"
    assert measures.sharpe(equal) is None
    assert statistics.sharpe_ratios(np.column_stack([equal, np.arange(7.0)]))[0] == 0
    # One period has no deviation, and warns of none.
    assert splits.walk_forward(np.ones((2, 1, 3)), splits.Walk(train=1))[0]["test_sharpe"] == 0


def test_words_of_the_wrong_type_are_refused_and_one_word_is_one(tmp_path: Path) -> None:
    path = flow(tmp_path / "day.parquet")
    wrong: dict[str, Any] = {"sample": 5, "timer": None, "limits": {"position_long": 5.5, "open_orders": "5"}}
    with pytest.raises(OptionsError) as told:
        running.prepare(Joiner, [path], **wrong)
    keys = ["--sample 5", "--timer None", "--limit position_long=5.5", "--limit open_orders=5"]
    assert [error.partition(": ")[0] for error in told.value.errors] == keys
    single: dict[str, Any] = {"symbols": "TEST", "fees": "maker=1", "latency": "feed=1us"}
    alone: Any = path
    plan = running.prepare(Joiner, alone, **single)
    assert plan.models["venue"].maker.nanos_per_lot == 10**9 and plan.models["venue"].feed.constant_ns == 1_000


def test_venues_that_nobody_knows_yet_are_no_error() -> None:
    models, errors = options.venue_models(["XNAS:feed=1us"], ["maker=1,maker=x"], None)
    assert models == {} and len(errors) == 1 and "maker=x" in errors[0]


@pytest.mark.parametrize("command", [backtest_command, sweep_command])
@pytest.mark.parametrize("out", ["", "file/out"])
def test_a_directory_that_cannot_be_written_is_told_before_the_run_with_all_else(
    command: Any, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.chdir(tmp_path)
    code, told = refused(
        command, f"{CLASSES}:Quoter", "--data", str(tmp_path / "none.csv"), "--out", out, "--queue", "what"
    )
    assert code == 2 and told[0].startswith(f"--out {out!r}: "), told
    assert all(any(word in one for one in told) for word in ("none.csv", "--queue what")), told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("command", [backtest_command, sweep_command])
def test_digits_of_other_scripts_are_no_value_of_a_parameter(command: Any, tmp_path: Path) -> None:
    whole, _ = next((name, one) for name, one in InventoryMaker.table.parameters.items() if one.scalar is int)
    data = flow(tmp_path / "flow.parquet")
    _, told = refused(
        command,
        "meridian.strategies.plugins.market_maker:InventoryMaker",
        "--data",
        str(data),
        "--set",
        f"{whole}=\u0663",
    )
    assert any(f"{whole}=\u0663" in one and "whole number" in one for one in told), told
