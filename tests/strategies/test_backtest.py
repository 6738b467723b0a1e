"""Backtests from end to end: files of recorded flow in, orders, fills, figures and sentences out."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from meridian._native.book import itch_stream
from meridian.child import environment
from meridian.codes import AuctionKind, Side, TimeInForce
from meridian.strategies import backtest
from meridian.strategies.backtest import Result, measures
from meridian.strategies.backtest.cli import backtest as command
from meridian.strategies.plugins.market_maker import InventoryMaker
from tests.strategies.classes.auctions import Repeating
from tests.strategies.classes.backtested import Joiner, Late, Quoter
from tests.strategies.itch_day import Day
from tests.support import ROOT, need_data

CLASSES = "tests/strategies/classes/backtested.py"
MICROSECOND = 1_000


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight thousand seeded messages of one symbol."""
    path = tmp_path_factory.mktemp("flow") / "01032019.FLOW_ITCH50"
    path.write_bytes(_stream(8_000, 1, 7))
    return path


def _stream(messages: int, symbols: int, seed: int) -> bytes:
    made: Any = itch_stream(messages, symbols, seed)
    return made if isinstance(made, bytes) else made[0]


def go(cls: Any, files: list[Any], code_directory: Path, **words: Any) -> Result:
    """A run with a beat that the short flow has many of."""
    return backtest.run(cls, files, directory=code_directory, **({"timer": "100us"} | words))


def same(one: Result, two: Result) -> bool:
    """Whether two runs left the same rows."""
    return all(
        np.array_equal(left[column], right[column])
        for left, right in zip(one.tables(), two.tables(), strict=True)
        for column in left.columns
    )


@pytest.mark.parametrize("cls", [InventoryMaker, Quoter])
def test_compiled_and_plain_leave_the_same_rows(cls: Any, flow: Path, code_directory: Path) -> None:
    compiled = go(cls, [flow], code_directory)
    plain = go(cls, [flow], code_directory, mode="plain")
    assert len(compiled.orders) > 20 and len(compiled.fills) > 3 and not compiled.errors
    assert same(compiled, plain)
    assert compiled.summary["state_hash"] == plain.summary["state_hash"]
    assert compiled.summary["breaks"] == 0


def test_equal_seeds_are_equal_and_latency_counts(flow: Path, tmp_path: Path, code_directory: Path) -> None:
    samples = tmp_path / "delays.csv"
    samples.write_text("\n".join(str(1_000 * (each * each % 977)) for each in range(500)))

    def run(seed: int) -> Result:
        latency = [f"feed=@{samples},order=@{samples},report=1us"]
        return go(Quoter, [flow], code_directory, latency=latency, seed=seed)

    one, two, other = run(5), run(5), run(6)
    assert same(one, two)
    assert not same(one, other)


def queue_day(tmp_path: Path) -> Path:
    day = Day()
    day.add(0, 1, "B", 100, 1_000_000)
    day.add(10, 2, "S", 100, 1_000_200)
    # Ours joins here, behind 1, and after 100 µs there and back before 3.
    day.add(1_000 * MICROSECOND, 3, "B", 100, 1_000_000)
    day.execute(2_000 * MICROSECOND, 1, 60)
    day.execute(3_000 * MICROSECOND, 1, 40)
    day.execute(4_000 * MICROSECOND, 3, 30)
    day.execute(5_000 * MICROSECOND, 3, 30)
    day.delete(6_000 * MICROSECOND, 2)
    return day.save(tmp_path)


def test_an_order_is_filled_at_its_place_in_the_queue(tmp_path: Path, code_directory: Path) -> None:
    result = backtest.run(
        Joiner, [queue_day(tmp_path)], latency=["feed=10us,order=20us,report=30us"], fees=["maker=-0.002"],
        directory=code_directory,
    )  # fmt: skip
    assert list(result.fills["lots"]) == [30, 20]
    after = (result.fills["venue_time_ns"] - result.summary["first_ns"]).tolist()
    assert after == [4_000 * MICROSECOND, 5_000 * MICROSECOND], "not before the lots ahead of it are gone"
    assert (result.fills["time_ns"] - result.fills["venue_time_ns"]).tolist() == [30 * MICROSECOND] * 2
    ((sent, answered),) = zip(result.orders["sent_ns"], result.orders["answered_ns"], strict=True)
    assert answered - sent == 50 * MICROSECOND
    assert result.summary["fees"] == pytest.approx(-0.1)
    assert result.summary["maker_share"] == 1
    impact = result.summary["impact"]["venue"]
    assert (impact["displaced_records"], impact["displaced_lots"], impact["unknown"]) == (2, 50, 0)


def test_a_slower_order_stands_behind(tmp_path: Path, code_directory: Path) -> None:
    result = backtest.run(Joiner, [queue_day(tmp_path)], latency=["order=1500us"], directory=code_directory)
    assert len(result.fills) == 0
    assert list(result.orders["lots"]) == [50]


@pytest.mark.parametrize("mode", ["compiled", "plain"])
def test_a_recorded_auctions_words_reach_a_strategy_and_its_orders_take_part_in_the_cross(
    mode: str, tmp_path: Path, code_directory: Path
) -> None:
    day = Day()
    day.add(0, 1, "B", 100, 999_900)
    day.add(0, 2, "S", 100, 1_000_600)
    told = 1_000 * MICROSECOND
    day.imbalance(told, "O", paired=300, left=100, side="S", far4=1_000_300, near4=1_000_200, reference4=1_000_000)
    day.imbalance(2 * told, "O", paired=310, left=90, side="B", far4=1_000_500, near4=1_000_500, reference4=1_000_000)
    day.cross(5 * told, "O", 350, 1_000_100)
    day.add(9 * told, 3, "B", 100, 999_800)
    result = backtest.run(
        Repeating, [day.save(tmp_path)], mode=mode, latency=["feed=10us,order=20us,report=30us"],
        directory=code_directory,
    )  # fmt: skip
    asked = result.orders
    rows = zip(asked["price_nanos"], asked["lots"], asked["side"], asked["time_in_force"], strict=True)
    near, far, reference = (price * 100_000 for price in (1_000_200, 1_000_300, 1_000_000))
    buy, at_open = int(Side.BUY), int(TimeInForce.AT_OPEN)
    assert sorted(rows) == [
        (reference, int(AuctionKind.OPENING), buy, at_open), (near, 300, buy, at_open), (far, 100, buy, at_open)
    ]  # fmt: skip
    first_ns = result.summary["first_ns"]
    assert set((asked["sent_ns"] - first_ns).tolist()) == {told + 10 * MICROSECOND}, "the feed's delay"
    # By price, up to the cross's lots; at or below its price nothing of ours is known to trade.
    fills = result.fills
    assert list(zip(fills["lots"], fills["price_nanos"], strict=True)) == [(100, 1_000_100 * 100_000),
                                                                           (250, 1_000_100 * 100_000)]  # fmt: skip
    assert set((fills["venue_time_ns"] - first_ns).tolist()) == {5 * told}
    assert result.summary["breaks"] == 0 and not result.errors


def test_packed_and_plain_files_are_the_same(flow: Path, tmp_path: Path, code_directory: Path) -> None:
    packed = tmp_path / "01032019.FLOW_ITCH50.gz"
    packed.write_bytes(gzip.compress(flow.read_bytes(), compresslevel=1))
    one = go(Quoter, [flow], code_directory)
    assert same(one, go(Quoter, [packed], code_directory))


def test_two_venues_are_two_books(flow: Path, tmp_path: Path, code_directory: Path) -> None:
    other = tmp_path / "01032019.OTHER_ITCH50"
    other.write_bytes(_stream(5_000, 1, 9))
    result = go(Quoter, [f"one={flow}", f"two={other}"], code_directory, latency=["two:feed=1ms"])  # fmt: skip
    assert result.summary["venues"] == ["one", "two"]
    assert result.summary["records"] == 13_000
    assert set(result.summary["impact"]) == {"one", "two"}


def test_a_strategy_that_fails_is_named_and_its_results_stand(flow: Path, code_directory: Path) -> None:
    result = backtest.run(Late, [flow], directory=code_directory)
    (error,) = result.errors
    assert error.startswith("Late: on_book, line ") and "division" in error
    assert result.summary["records"] == 8_000, "the data run on to their end"
    assert len(result.orders) == 1


def test_tables_are_parquet_with_a_schema_and_arrow_streams(flow: Path, tmp_path: Path, code_directory: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    result = go(Quoter, [flow], code_directory)
    written = result.save(tmp_path / "out")
    assert {path.name for path in written} == {
        "orders.parquet", "fills.parquet", "equity.parquet", "positions.parquet", "slots.parquet", "summary.json",
    }  # fmt: skip
    read = pyarrow.parquet.read_table(tmp_path / "out" / "fills.parquet")
    assert read.schema.metadata[b"meridian.schema"] == b"meridian.backtest.fills/1"
    assert read.num_rows == len(result.fills)
    taken = pyarrow.RecordBatchReader.from_stream(result.fills).read_all()
    assert taken["price_nanos"].to_pylist() == result.fills["price_nanos"].tolist()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["fills"] == len(result.fills)


def test_figures_follow_their_definitions() -> None:
    changes = np.array([1.0, -1.0, 3.0, 1.0])
    assert measures.sharpe(changes) == pytest.approx(1.0 / np.sqrt(8 / 3))
    assert measures.sortino(changes) == pytest.approx(1.0 / 0.5)
    assert measures.drawdown(np.array([1.0, 3.0, -1.0, 2.0])) == 4.0
    assert measures.drawdown(np.array([-2.0])) == 2.0, "the curve begins at nothing"
    assert measures.sharpe(np.array([1.0, 1.0])) is None
    assert measures.sortino(np.array([1.0, 2.0])) is None


def test_money_adds_up(flow: Path, code_directory: Path) -> None:
    result = backtest.run(InventoryMaker, [flow], fees=["maker=0.001,taker=0.5bp"], directory=code_directory)
    fills = result.fills
    sign = np.where(fills["side"] == 1, 1, -1)
    cash = -float((sign * fills["lots"] * fills["price_nanos"]).sum()) / 1e9 - float(fills["fee_nanos"].sum()) / 1e9
    (cell,) = result.summary["positions"]
    assert cell["lots"] == int((sign * fills["lots"]).sum())
    assert result.summary["net"] == pytest.approx(cash + cell["lots"] * cell["mark"], abs=1e-6)
    assert result.summary["fees"] == pytest.approx(float(fills["fee_nanos"].sum()) / 1e9)


def test_all_that_is_wrong_is_told_at_once(flow: Path) -> None:
    words = [
        f"{CLASSES}:Quoter", "--data", str(flow), "--data", "nowhere.itch", "--set", "size_lots=0", "--set", "colour=1",
        "--latency", "feed=fast", "--fees", "maker=dear", "--queue", "power:9", "--limit", "speed=1", "--sample", "1",
        "--units", "TEST",
    ]  # fmt: skip
    done = CliRunner().invoke(command, words)
    errors = getattr(done.exception, "errors", [])
    assert getattr(done.exception, "exit_code", None) == 2, done.output
    for word in ("nowhere.itch", "colour", "power:9", "speed=1", "--sample 1", "--units TEST"):
        assert any(word in error for error in errors), (word, errors)
    done = CliRunner().invoke(
        command, [f"{CLASSES}:Quoter", "--data", str(flow), "--symbol", "NONE", "--latency", "x:feed=1us"]
    )
    assert "NONE" in str(done.exception)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"no flow at all", "neither LOBSTER, Databento, ITCH nor Tardis"), (None, "no whole message")],
)
def test_files_without_flow_are_refused(content: bytes | None, words: str, flow: Path, tmp_path: Path) -> None:
    path = tmp_path / "01032019.BAD_ITCH50"
    path.write_bytes(flow.read_bytes()[:-7] if content is None else content)
    with pytest.raises(backtest.OptionsError, match=words):
        backtest.run(Quoter, [path])


def test_a_file_that_ends_within_a_length_is_refused(flow: Path, tmp_path: Path) -> None:
    path = tmp_path / "01032019.BAD_ITCH50"
    path.write_bytes(flow.read_bytes() + b"\0")
    with pytest.raises(backtest.OptionsError, match="1 bytes that are no whole message"):
        backtest.run(Quoter, [path])


def test_a_gap_and_bad_prices_are_warned_of(tmp_path: Path, code_directory: Path) -> None:
    day = Day()
    day.add(0, 1, "B", 100, 1_000_000)
    day.add(10, 2, "S", 100, 1_000_200)
    day.execute(20, 99, 10)
    day.add(30, 1, "B", 5, 1_000_100)
    result = backtest.run(Joiner, [day.save(tmp_path)], directory=code_directory)
    assert any("1 records are about orders that the data never began" in warning for warning in result.warnings)
    assert any("1 duplicate id" in warning for warning in result.warnings)


PEAK = """
import sys
from pathlib import Path
from meridian.strategies import backtest
backtest.run(sys.argv[1], [sys.argv[2]], parameters={"size_lots": 1, "limit_lots": 1}, timer="1h")
# Of this program alone; the usage that the system adds up has its parent's, too.
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak_bytes(messages: int) -> int:
        path = tmp_path / f"0103201{messages % 10}.LONG_ITCH50"
        path.write_bytes(_stream(messages, 1, 3))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, f"{CLASSES}:Quoter", str(path)], capture_output=True, text=True, check=True,
            env=environment(), cwd=ROOT,
        )  # fmt: skip
        return int(done.stdout) * 1024

    short, long = peak_bytes(100_001), peak_bytes(1_500_002)
    assert long - short < 16 << 20, "the longer file has 40 MiB more"


def test_sample_data_of_three_formats_run(code_directory: Path) -> None:
    folder = need_data("", "backtests on the sample data")
    for name, most in (
        ("lobster/AAPL_2012-06-21_message_10_rows1-500.csv", 10**9),
        ("dbn/esm4_mbo_2024-05-08_2s.dbn.zst", 10**9),
        ("itch_synthetic/ex20101224.TEST_ITCH_50", 10**9),
    ):
        result = backtest.run(InventoryMaker, [folder / name], directory=code_directory)
        assert not [error for error in result.errors if "reject storm" not in error], (name, most)
        assert result.summary["breaks"] == 0 and result.summary["records"] > 500
        assert not any("engine's book" in warning for warning in result.warnings), name


def test_levels_and_trades_of_two_files_are_one_venue(tmp_path: Path, code_directory: Path) -> None:
    head = "exchange,symbol,timestamp,local_timestamp,"
    at = 1_704_067_200_000_000
    book = [head + "is_snapshot,side,price,amount"]
    book += [f"own,BTC,{at},{at},true,{side},{price},1.0" for side, price in (("bid", 41_999), ("ask", 42_000))]
    book += [f"own,BTC,{at + 10_000},{at + 10_000},false,bid,41998,2.5"]
    trades = [head + "id,side,price,amount"]
    trades += [
        f"own,BTC,{at + 5_000},{at + 5_000},1,sell,41999,0.75",
        f"own,BTC,{at + 6_000},{at + 6_000},2,sell,41999,0.5",
    ]
    for name, rows in (("book.csv", book), ("trades.csv", trades)):
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    words: dict[str, Any] = {
        "parameters": {"size_lots": 100_000_000},
        "limits": {"order_quantity": 10**9, "position_long": 10**9},
    }
    result = backtest.run(
        Joiner, [tmp_path / "book.csv", tmp_path / "trades.csv"], queue="pessimistic", directory=code_directory, **words
    )
    assert list(result.fills["lots"]) == [25_000_000], "one coin ahead, one and a quarter traded"
    assert list(result.fills["price_nanos"]) == [41_999 * 10**9]
    assert result.summary["symbols"] == ["BTC"]


def test_the_commands_of_the_guide_run(
    flow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code_directory: Path
) -> None:
    guide = (ROOT / "docs" / "quants.md").read_text().partition("## Backtest")[2]
    commands = guide.partition("```console\n")[2].partition("```")[0].replace("\\\n", " ").strip().splitlines()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MERIDIAN_STRATEGIES_CACHE", str(code_directory))
    Path("01032019.FLOW_ITCH50").write_bytes(flow.read_bytes())
    assert len(commands) == 2
    for line in commands:
        words = line.split()
        assert words[:2] == ["meridian", "backtest"]
        done = CliRunner().invoke(command, words[2:])
        assert done.exit_code == 0, (line, done.output, done.exception)
    assert json.loads(done.stdout.splitlines()[-1])["schema"] == "meridian.backtest/1"
    assert Path("results/fills.parquet").is_file()
