"""Recorded flow: what is refused and in which words, what the samples give, and the command `meridian book`."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from meridian.venues import flow
from tests.support import need_data

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]

ESM4 = "dbn/esm4_mbo_2024-05-08_2s.dbn.zst"
AAPL = "lobster/AAPL_2012-06-21_message_10_rows1-500.csv"


def refused(*paths: Path) -> list[str]:
    with pytest.raises(ValueError) as caught:
        flow.open_files(paths)
    return str(caught.value).splitlines()


def pair(folder: Path, messages: str, books: str) -> Path:
    path = folder / "XYZ_2012-06-21_34200000_57600000_message_1.csv"
    path.write_text(messages)
    (folder / path.name.replace("_message_", "_orderbook_")).write_text(books)
    return path


def test_every_error_of_a_pair_is_told_at_once(tmp_path: Path) -> None:
    errors = refused(pair(tmp_path, "34200.5,9,1,5,100,1\n34200.1,1,2,0,100,3\nx\n", "100,5,90,5\n100,5\n"))
    words = "\n".join(errors)
    assert 'line 1: type is "9"; 1 to 7 are allowed' in words
    assert 'line 2: size is "0"' in words
    assert 'line 2: direction is "3"' in words
    assert "line 3: 1 fields; six are needed" in words
    assert "orderbook_1.csv, line 2: 2 fields" in words


def test_a_small_pair_is_read_with_its_first_levels_seeded(tmp_path: Path) -> None:
    messages = "34200.000000001,1,7,3,1000000,1\n34200.5,4,6,5,1010000,-1\n34201,5,0,2,1005000,1\n"
    books = "1010000,5,1000000,3\n9999999999,0,1000000,3\n9999999999,0,1000000,3\n"
    opened = flow.open_files([pair(tmp_path, messages, books)]).files[0]
    orders = flow.orders(opened)
    assert orders["action"].tolist() == [1, 1, 2]
    assert orders["header"]["flags"].tolist() == [5, 1, 1]
    assert orders["price_nanos"][:2].tolist() == [101_000_000_000, 100_000_000_000]
    assert int(orders["header"]["venue_time_ns"][1]) == 1_340_251_200_000_000_000 + 34_200_000_000_001
    assert flow.trades(opened)["lots"].tolist() == [2]


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "notes.txt"
    foreign.write_text("no flow at all")
    errors = refused(tmp_path / "absent.csv", foreign)
    assert "there is no such file" in errors[0]
    assert "neither LOBSTER, Databento nor ITCH" in errors[1]
    broken = tmp_path / "x.dbn.zst"
    broken.write_bytes(b"\x28\xb5\x2f\xfd broken")
    assert "zstd frame at byte 0 is broken" in refused(broken)[0]
    short = tmp_path / "y.dbn"
    short.write_bytes(b"DBN\x09")
    assert "version 9; 1, 2 and 3 are allowed" in refused(short)[0]


def test_a_cut_databento_file_is_refused_with_the_record(tmp_path: Path) -> None:
    path = need_data("dbn/unit/test_data.mbo.v3.dbn", "a cut Databento file")
    cut = tmp_path / "cut.dbn"
    cut.write_bytes(path.read_bytes()[:-7])
    assert "record 2: 56 bytes long with 49 left" in refused(cut)[0]


def test_itch_streams_are_read_plain_and_packed_and_refused_broken(tmp_path: Path) -> None:
    data, mix, live_max = flow.itch_stream(2_000, symbols=5, seed=3)
    assert sum(mix.values()) == 2_000 and live_max > 100
    plain = tmp_path / "01302020.NASDAQ_ITCH50"
    plain.write_bytes(data)
    packed = tmp_path / "01302020.NASDAQ_ITCH50.gz"
    packed.write_bytes(gzip.compress(data))
    first, second = flow.open_files([tmp_path]).files
    assert first.orders() == second.orders() and first.messages == 2_000
    assert all(not entry["anomalies"] for entry in first.replay())
    plain.write_bytes(data[:-1])
    assert "no ITCH 5.0 message" in refused(plain)[0]


def test_the_books_benchmark_runs_and_the_bijection_changes_no_book() -> None:
    data, _, live_max = flow.itch_stream(20_000, symbols=50)
    dense = flow.bench_books(data, False, symbols=50, orders_max=live_max)
    scattered = flow.bench_books(data, True, symbols=50, orders_max=live_max)
    assert dense["anomalies"] == scattered["anomalies"] == dense["bad"] == 0
    assert dense["touch_changes"] == scattered["touch_changes"] > 1_000
    assert dense["state_hash"] != scattered["state_hash"]


def test_book_writes_the_reference_best_prices(meridian: Meridian, tmp_path: Path) -> None:
    path = need_data(ESM4, "best prices of ES row for row")
    reference = need_data("dbn/esm4_mbo_2024-05-08_2s.bbo.csv", "best prices of ES row for row")
    target = tmp_path / "bbo.csv"
    done = meridian("book", str(path), "--bbo", str(target), "--levels", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert target.read_text() == reference.read_text()
    book = json.loads(done.stdout)["books"][0]
    assert (book["symbol"], book["anomalies"], len(book["bids"])) == ("ESM4", {}, 2)


def test_book_shows_the_ten_levels_of_the_last_row(meridian: Meridian) -> None:
    path = need_data(AAPL, "the LOBSTER book after its last message")
    done = meridian("book", str(path), "--json")
    book = json.loads(done.stdout)["books"][0]
    last = path.with_name(path.name.replace("_message_", "_orderbook_")).read_text().split()[-1]
    numbers = [int(field) for field in last.split(",")]
    expected = [
        [(price * 100_000, lots) for price, lots in zip(side[::4], side[1::4], strict=True)]
        for side in ([*numbers[2:], 0, 0], numbers)
    ]
    assert [tuple(level[:2]) for level in book["bids"]] == expected[0][:10]
    assert [tuple(level[:2]) for level in book["asks"]] == expected[1]


def test_book_refuses_with_one_sentence_an_error(meridian: Meridian, tmp_path: Path) -> None:
    done = meridian("book", str(tmp_path / "absent.csv"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "no such file" in done.stderr
