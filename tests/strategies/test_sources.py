"""Parquet files and packet captures as data of backtests and books: the same flow gives the same, and bad ones are named."""

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from meridian.strategies import backtest
from meridian.strategies.backtest import Result, options
from meridian.venues import flow
from meridian.venues.flow import parquet
from tests.conftest import Meridian
from tests.strategies import captures
from tests.strategies.classes.backtested import Quoter
from tests.support import need_data

MIDNIGHT_NS = 1_546_491_600 * 10**9
"""New York's of 2019-01-03."""
START_NS = MIDNIGHT_NS + 34_200 * 10**9


@pytest.fixture(scope="module")
def itch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight thousand seeded messages of one symbol."""
    path = tmp_path_factory.mktemp("flow") / "01032019.FLOW_ITCH50"
    path.write_bytes(flow.itch_stream(8_000, 1, 7)[0])
    return path


def go(files: list[Path], code_directory: Path, **words: Any) -> Result:
    """A quoting strategy over the files."""
    return backtest.run(Quoter, files, directory=code_directory, **({"timer": "100us"} | words))


def same(one: Result, two: Result) -> bool:
    """Whether two runs left the same rows, and some."""
    return len(one.fills) > 3 and all(
        np.array_equal(left[column], right[column])
        for left, right in zip(one.tables(), two.tables(), strict=True)
        for column in left.columns
    )


def refused(path: Path | str, code_directory: Path) -> str:
    """What a backtest says of a file."""
    with pytest.raises(options.OptionsError) as told:
        go([Path(path)], code_directory)
    return str(told.value)


@pytest.mark.parametrize(
    "name", ["day.pcap", "micros.pcap", "day.pcapng", "day.pcap.gz", "one.pcap:26477", "apart.pcap:26477"]
)
def test_a_capture_is_the_feed_that_it_holds(name: str, itch: Path, tmp_path: Path, code_directory: Path) -> None:
    data = itch.read_bytes()
    both = captures.lines(data, START_NS)
    other = (START_NS, captures.frame(9_999, captures.mold(1, [b"another day"], b"0000000008")))
    made: dict[str, Callable[[], bytes]] = {
        "day.pcap": lambda: captures.pcap(both),
        "micros.pcap": lambda: captures.pcap(both, micros=True),
        "day.pcapng": lambda: captures.pcapng(both),
        "day.pcap.gz": lambda: gzip.compress(captures.pcap(both), compresslevel=1),
        "one.pcap:26477": lambda: captures.pcap(captures.lines(data, START_NS, (26_477,))),
        "apart.pcap:26477": lambda: captures.pcap([other, *captures.lines(data, START_NS, (26_477,))]),
    }
    path = tmp_path / name
    path.with_name(name.removesuffix(":26477")).write_bytes(made[name]())
    one, two = go([itch], code_directory), go([path], code_directory)
    assert same(one, two) and one.summary["state_hash"] == two.summary["state_hash"]
    assert two.summary["records"] == 8_000 and two.summary["first_ns"] == one.summary["first_ns"]
    (whole,), (read,) = flow.open_files([itch]).files, flow.open_files([path]).files
    assert flow.orders(whole).tobytes() == flow.orders(read).tobytes()


def test_bad_captures_are_named(itch: Path, tmp_path: Path, code_directory: Path) -> None:
    both = captures.lines(itch.read_bytes(), START_NS)
    whole = captures.pcap(both)
    gap = [packet for number, packet in enumerate(both) if number not in (8, 9)]
    sessions = [both[0], (START_NS, captures.frame(7, captures.mold(1, [b"x"], b"0000000008")))]
    cases = {
        "cut.pcap": (whole[:-5], "the capture ends within packet 721"),
        "cut.pcap.gz": (gzip.compress(whole)[:-50], "cut.pcap.gz"),
        "link.pcap": (captures.pcap(both, link=147), "packet 1 is of link type 147; Ethernet (1)"),
        "gap.pcap": (captures.pcap(gap), "messages 101 to 120 of session 0000000007 are missing before packet 9"),
        "sessions.pcap": (captures.pcap(sessions), "FILE:PORT chooses one"),
        "other.pcap": (captures.pcap([(START_NS, captures.frame(53, b"what?"))]), "its 1 datagrams went to port 53"),
        "head.pcap": (whole[:10], "no packet capture"),
    }
    for name, (data, words) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert words in refused(path, code_directory), name
        with pytest.raises(ValueError, match="pcap"):
            flow.open_files([path])
    path = tmp_path / "whole.pcap"
    path.write_bytes(whole)
    assert "no MoldUDP64 datagram to port 5; its datagrams went to ports 26477, 26478" in refused(
        f"{path}:5", code_directory
    )
    assert "there is no such file" in refused(f"{path}:65536", code_directory)
    assert "no packet capture, of which port 5 could be read" in refused(f"{itch}:5", code_directory)


def test_a_real_capture_is_a_book(meridian: Meridian) -> None:
    folder = "pcap/Nasdaq/Nasdaq.Equities.TotalView.Itch.v5.0"
    path = need_data(f"{folder}/Multiple.Packets.pcap", "books of a real capture")
    done = meridian("book", str(path))
    assert done.returncode == 2, "its packets are picked from hours"
    assert "messages 14764497 to 19009116 of session 000010059B are missing before packet 2" in done.stderr
    done = meridian("book", str(need_data(f"{folder}/AddOrderNoMpidAttributionMessage.pcap", "a real order")), "--json")
    assert done.returncode == 0, done.stderr
    (book,) = json.loads(done.stdout)["books"]
    assert book["orders"] == 1 and book["format"] == "itch"


def test_parquet_orders_are_the_flow_that_was_saved(itch: Path, tmp_path: Path, code_directory: Path) -> None:
    (file,) = flow.open_files([itch]).files
    path = tmp_path / "day.parquet"
    parquet.save_orders(flow.orders(file), path, {1: file.symbols[0]["name"]})
    one, two = go([itch], code_directory), go([path], code_directory)
    assert same(one, two) and two.summary["files"] == [str(path)]
    assert two.summary["modelled"]["venues"]["venue"]["queue"] == "exact"
    (read,) = flow.open_files([parquet.handed_over(path, tmp_path / "kept")]).files
    book, again = flow.Book(), flow.Book()
    book.apply(flow.orders(file))
    again.apply(flow.orders(read))
    assert book.levels("buy", 50) == again.levels("buy", 50) and book.levels("sell", 50) == again.levels("sell", 50)


def test_records_of_parquet_that_nobody_asks_for_leave_the_cache(
    itch: Path, tmp_path: Path, code_directory: Path
) -> None:
    orders = flow.orders(flow.open_files([itch]).files[0])
    paths = [tmp_path / f"day-{day}.parquet" for day in range(3)]
    for path in paths:
        parquet.save_orders(orders, path, {int(orders["header"]["instrument"][0]): "FLOW"})
    old, asked_for = (parquet.handed_over(path, tmp_path) for path in paths[:2])
    left_by_a_kill = old.with_name(f".1-{old.name}")
    left_by_a_kill.write_bytes(b"half")
    for kept in (old, asked_for, left_by_a_kill):
        os.utime(kept, times=(time.time() - parquet.KEPT_S - 60,) * 2)
    assert parquet.handed_over(paths[1], tmp_path) == asked_for, "asked for again, it stays"
    made = parquet.handed_over(paths[2], tmp_path)
    assert sorted(made.parent.iterdir()) == sorted([asked_for, made])
    assert parquet.handed_over(paths[0], tmp_path) == old, "and what has left is made again"


def test_parquet_levels_and_trades_are_those_of_other_files(itch: Path, tmp_path: Path, code_directory: Path) -> None:
    rows = flow.levels(flow.orders(flow.open_files([itch]).files[0]), grid_ns=1_000)
    symbol = flow.open_files([itch]).files[0].symbols[0]["name"]
    parquet.save_levels(rows, tmp_path / "levels.parquet", symbol)
    parquet.save_trades(rows, tmp_path / "trades.parquet", symbol)
    tables = flow.save_tardis(rows, tmp_path, symbol)
    words = {"units": {symbol: "0.00000001"}, "queue": "power:2"}
    two = go([tmp_path / "trades.parquet", tmp_path / "levels.parquet"], code_directory, **words)
    assert same(go(tables, code_directory, **words), two)
    assert two.summary["modelled"]["venues"]["venue"]["data"] == ["parquet"]


def table(**columns: Any) -> pyarrow.Table:
    """Three good orders, less what is given."""
    good = {
        "time_ns": [START_NS, START_NS + 1, START_NS + 2], "symbol": ["A", "A", "A"], "action": ["add", "add", "delete"],
        "order_ref": [1, 2, 1], "side": ["buy", "sell", "buy"], "price_nanos": [10**9, 2 * 10**9, None], "lots": [5, 5, 0],
    }  # fmt: skip
    return pyarrow.table({name: column for name, column in (good | columns).items() if column is not None})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "action": ({"action": ["add", "grow", "delete"]}, "row 2: action is none of add, execute"),
    "side": ({"side": ["buy", None, "buy"]}, "row 2: side is neither buy nor sell"),
    "price": ({"price_nanos": [None, 1, None]}, "row 1: price_nanos is null; this action needs a price"),
    "lots": ({"lots": [5, -3, 0]}, "row 2: lots is -3; whole lots up to"),
    "time": ({"time_ns": [0, 1, 2]}, "row 1: time_ns is 0; ns since 1970 are allowed"),
    "float": ({"price_nanos": [1.5, 2.5, 3.5]}, "price_nanos is of type double; whole numbers are allowed"),
    "missing": ({"lots": None}, "taken for orders, it lacks lots; orders have time_ns, symbol"),
    "symbol": ({"symbol": ["A", None, "A"]}, "symbol is None; a word is allowed"),
    "replace": ({"action": ["add", "replace", "delete"]}, "row 2: replace needs a column new_order_ref"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parquet_is_named_by_its_row(name: str, tmp_path: Path, code_directory: Path) -> None:
    changed, words = BAD[name]
    path = tmp_path / "bad.parquet"
    pyarrow.parquet.write_table(table(**changed), path)
    told = refused(path, code_directory)
    assert words in told and str(path) in told
    with pytest.raises(ValueError, match=r"bad\.parquet"):
        parquet.handed_over(path, tmp_path / "kept")
    assert not list((tmp_path / "kept").rglob("*.flow")), "nothing of a bad file is kept"


def test_every_error_of_a_parquet_file_is_told_and_broken_ones_are_named(tmp_path: Path, code_directory: Path) -> None:
    path = tmp_path / "bad.parquet"
    pyarrow.parquet.write_table(
        table(lots=[0, 5, 0], action=["add", "what", "delete"], side=["up", "sell", "buy"]), path
    )
    assert len(refused(path, code_directory).splitlines()) == 3
    path.write_bytes(path.read_bytes()[:200])
    assert "no whole Parquet file" in refused(path, code_directory)
    assert "there is no such file" in refused(tmp_path / "none.parquet", code_directory)


def test_rows_of_one_time_are_one_event_and_a_snapshot_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "levels.parquet"
    made = pyarrow.table({
        "time_ns": [1, 1, 2, 3, 3], "symbol": ["A", "B", "A", "A", "A"], "side": ["buy"] * 5,
        "price_nanos": [10, 20, 11, 12, 13], "lots": [1, 1, 1, 0, 2], "snapshot": [False, False, False, True, True],
    })  # fmt: skip
    pyarrow.parquet.write_table(made, path)
    read = parquet.handed_over(path, tmp_path).read_bytes()
    from meridian import records

    rows = np.frombuffer(read[22:], records.dtype("MarketLevel"))
    last = (rows["header"]["flags"] & records.FLAG_LAST).astype(bool)
    assert rows["header"]["instrument"].tolist() == [1, 2, 1, 1, 1, 1]
    assert last.tolist() == [True, True, True, False, False, True]
    assert rows["action"].tolist() == [
        *[records.BookAction.MODIFY] * 3, records.BookAction.CLEAR, records.BookAction.DELETE, records.BookAction.MODIFY,
    ]  # fmt: skip
    for batch in (1, 2, 4):
        monkeypatch.setattr(parquet, "BATCH_ROWS", batch)
        assert parquet.handed_over(path, tmp_path / str(batch)).read_bytes() == read, "whatever the pieces"


def test_books_of_parquet_and_of_captures(meridian: Meridian, itch: Path, tmp_path: Path) -> None:
    (file,) = flow.open_files([itch]).files
    paths = [tmp_path / "day.parquet", tmp_path / "day.pcap"]
    parquet.save_orders(flow.orders(file), paths[0], {1: file.symbols[0]["name"]})
    paths[1].write_bytes(captures.pcap(captures.lines(itch.read_bytes(), START_NS)))
    told = [json.loads(meridian("book", str(path), "--json").stdout)["books"][0] for path in (itch, *paths)]
    for each in told[1:]:
        assert [each[name] for name in ("bids", "asks", "orders", "executed_lots")] == [
            told[0][name] for name in ("bids", "asks", "orders", "executed_lots")
        ]
    bad = meridian("book", f"{paths[1]}:7")
    assert bad.returncode == 2 and "no MoldUDP64 datagram to port 7" in bad.stderr
    pyarrow.parquet.write_table(table(lots=[1, -1, 0]), paths[0])
    bad = meridian("book", str(paths[0]))
    assert bad.returncode == 2 and "row 2: lots is -1" in bad.stderr
