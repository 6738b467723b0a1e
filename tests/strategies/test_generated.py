"""Generated flow: equal words give equal bytes, sound books, and words that are not understood are told."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian._native import wire
from meridian.records import UNDEF_PRICE
from meridian.strategies.backtest import calls, generated
from meridian.strategies.backtest.data import look_through
from meridian.venues import flow as recorded
from tests.oracle import auction

WORDS = "seed=5,seconds=8,symbols=2,venues=2,futures=1"


def test_equal_words_make_equal_bytes_and_sound_books(tmp_path: Path) -> None:
    made, errors = generated.flow(WORDS)
    assert made is not None and errors == []
    first = generated.files(made, tmp_path / "one")
    again = generated.files(made, tmp_path / "two")
    assert [venue for venue, _ in first] == ["first", "second"]
    assert [path.read_bytes() for _, path in first] == [path.read_bytes() for _, path in again]
    for _, path in first:
        (file,) = recorded.open_files([path]).files
        for book in file.replay():
            assert book["events"] > 1_000 and book["executed_lots"] > 2_000 and book["anomalies"] == {}
            assert book["bids"] and book["asks"] and not book["crossed"]
        assert sorted(about["name"] for about in file.symbols) == ["GENA", "GENAF", "GENB"]
        times = recorded.orders(file)["header"]["venue_time_ns"].astype(np.int64)
        assert (np.diff(times) >= 0).all() and times[-1] - times[0] > 7 * 10**9


def messages(path: Path) -> list[dict[str, Any]]:
    """A file's messages, decoded."""
    content, found, at = path.read_bytes(), [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 2], "big")
        found.append(wire.decode("itch50", content[at + 2 : at + 2 + length]))
        at += 2 + length
    return found


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_day_with_calls_says_what_its_crosses_give(seed: int, tmp_path: Path) -> None:
    made, _ = generated.flow(f"seed={seed},seconds=6,symbols=2,futures=1,calls=1")
    assert made is not None
    ((_, path),) = generated.files(made, tmp_path)
    (file,) = recorded.open_files([path]).files
    for book in file.replay():
        assert book["anomalies"] == {} and book["bids"] and book["asks"] and not book["crossed"]
    all_of_it = messages(path)
    times = [message["timestamp"] for message in all_of_it]
    assert times == sorted(times)
    leans = {}
    for locate in (1, 2, 3):
        day = [message for message in all_of_it if message["stock_locate"] == locate]
        states = [
            (each["trading_state"], each["reason"].strip()) for each in day if each["type"] == "StockTradingAction"
        ]
        assert states == [("H", "PREO"), ("Q", "AUCO"), ("T", ""), ("Q", "AUCC"), ("H", "CLSD")]
        for letter in "OC":
            said = [each for each in day if each["type"] == "NetOrderImbalance" and each["cross_type"] == letter]
            (cross,) = [each for each in day if each["type"] == "CrossTrade" and each["cross_type"] == letter]
            assert {int(two["timestamp"]) - int(one["timestamp"]) for one, two in pairwise(said)} == {10**9}
            last = said[-1]
            assert (last["near_price"], last["paired_shares"]) == (cross["cross_price"], cross["shares"])
            assert last["imbalance_shares"] >= 0.2 * last["paired_shares"] > 0, "much is left over"
            told = [each for each in day if each["type"] == "OrderExecutedWithPrice"
                    and each["timestamp"] == cross["timestamp"]]  # fmt: skip
            assert sum(each["executed_shares"] for each in told) <= 2 * cross["shares"]
            assert all(each["printable"] == "N" and each["execution_price"] == cross["cross_price"] for each in told)
            assert bool(told) == (letter == "C"), "before an open nothing is displayed"
            leans[locate, letter] = last["imbalance_direction"]
    assert leans[1, "O"] == leans[3, "O"] == ("B" if calls.leaning(seed, "GENA") > 0 else "S")


@pytest.mark.parametrize("seed", range(20))
def test_a_call_gives_what_the_naive_auction_gives(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        orders = [
            calls.Collected(
                chance.choice("BS"), chance.choice((calls.MARKET, *range(96, 105))), chance.randint(1, 9), 0
            )
            for _ in range(chance.randint(0, 9))
        ]
        sides = {
            side: [(each.ticks or UNDEF_PRICE, each.lots) for each in orders if each.side == side] for side in "BS"
        }
        found, wanted = calls.clear(orders, 100), auction.clearing(sides["B"], sides["S"], 100)
        assert (found is None) == (wanted is None)
        if found is not None and wanted is not None:
            assert (found.ticks, found.paired, found.surplus) == (wanted.price, wanted.paired, wanted.surplus)


def test_a_cross_trades_by_price_display_and_time_and_loses_no_lot() -> None:
    call = calls.Call("C", 0, 100)
    call.orders = [
        calls.Collected("S", 100, 40, 0, reference=1, shown=True), calls.Collected("S", 101, 40, 0, reference=2, shown=True),
        calls.Collected("S", 100, 30, 5, alone=True), calls.Collected("B", 100, 60, 9, alone=True),
        calls.Collected("B", 99, 60, 0, reference=3, shown=True),
    ]  # fmt: skip
    found, told = call.cross()
    assert found == calls.Clearing(100, 60, -10)
    assert told == [(1, 40)] and [each.lots for each in call.orders] == [0, 40, 10, 0, 60]


def test_a_seed_is_a_flow_of_its_own(tmp_path: Path) -> None:
    flows = [generated.Flow(seed=seed, seconds=2) for seed in (1, 2)]
    one, two = (generated.files(each, tmp_path)[0][1].read_bytes() for each in flows)
    assert one != two


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("generated:seconds=0", "--data generated:seconds=0: a whole number from 1 to 3600 is allowed"),
        (
            "generated:colour=1",
            "--data generated:colour=1: seed, seconds, symbols, venues, futures, rate, calls are allowed",
        ),
        ("generated:seed=one", "--data generated:seed=one: a whole number from 0 to 4294967295 is allowed"),
        ("generated:calls=2", "--data generated:calls=2: a whole number from 0 to 1 is allowed"),
        ("generated:futures=2", "at most a future of each symbol is allowed, futures=1"),
        ("generated:seconds=3600,rate=5000", "18,000,000 events; at most 5,000,000 are allowed"),
        ("here=generated:venues=2", "several venues have their own names; leave here= out"),
    ],
)
def test_words_that_are_not_understood_are_told(spec: str, sentence: str) -> None:
    market, errors = look_through([spec], None, {}, lambda *_: None)
    assert market is None and len(errors) == 1 and sentence in errors[0]


def test_a_folder_that_takes_no_file_is_a_sentence() -> None:
    market, errors = look_through(["generated:seconds=1"], None, {}, lambda *_: None, Path("/proc/absent"))
    assert market is None and len(errors) == 1 and "it cannot be kept: /proc/absent" in errors[0]
