"""The six examples: each on generated flow, where its idea holds by construction, and on sample data; equal in both modes.

What is promised of each is looked at in the rows that it left: its position's bound, its hedge, when it goes and when it leaves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian.codes import AuctionKind, Callback, Side, TimeInForce
from meridian.console import BadInput
from meridian.strategies import backtest, discover
from meridian.strategies.backtest import Result, calls
from meridian.strategies.new import EXAMPLES, make
from meridian.strategies.plugins.opening_auction import OpeningAuction
from meridian.strategies.try_out import TryOut
from tests.strategies.test_backtest import same
from tests.support import need_data

SECOND_NS = 10**9


@pytest.fixture(scope="module")
def ran(code_directory: Path) -> dict[str, Result]:
    """Every example on its flow."""
    return {name: backtest.run(name, [data], directory=code_directory) for name, data in EXAMPLES.items()}


def positions(result: Result, instrument: int) -> Any:
    """The position after each fill in an instrument."""
    fills = result.fills
    here = fills["instrument"] == instrument
    return np.cumsum(np.where(fills["side"][here] == Side.BUY, 1, -1) * fills["lots"][here])


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_trades_without_failure_and_plain_python_leaves_the_same_rows(
    name: str, ran: dict[str, Result], code_directory: Path
) -> None:
    result = ran[name]
    assert not result.errors and result.summary["breaks"] == 0 and not result.summary["refused"]
    assert len(result.fills) >= (2 if name == "opening-auction" else 30), "one auction is one position"
    assert discover.find(name).__doc__
    short = [EXAMPLES[name].replace("seconds=40", "seconds=8").replace("seconds=60", "seconds=15")]
    modes = [backtest.run(name, short, mode=mode, directory=code_directory) for mode in ("compiled", "plain")]
    assert same(*modes)


def test_positions_stay_within_what_was_asked_for(ran: dict[str, Result]) -> None:
    for name, instrument, most in (
        ("inventory-maker", 1, 510), ("pairs", 1, 100), ("order-flow", 1, 50), ("futures-basis", 2, 220),
        ("cross-taker", 1, 200), ("opening-auction", 1, 100),
    ):  # fmt: skip
        assert np.abs(positions(ran[name], instrument)).max() <= most, name


def test_the_arbitrage_earns_what_the_slow_venue_gives_and_ends_flat(ran: dict[str, Result]) -> None:
    result = ran["cross-taker"]
    assert result.summary["net"] > 0 and result.summary["max_drawdown"] < result.summary["net"]
    assert set(result.fills["venue"].tolist()) == {1, 2}
    assert set(result.orders["time_in_force"].tolist()) == {int(TimeInForce.IMMEDIATE_OR_CANCEL)}


def test_a_pair_is_held_in_opposite_legs_of_the_same_money(ran: dict[str, Result]) -> None:
    result = ran["pairs"]
    legs = {number: positions(result, number) for number in (1, 2)}
    fills = result.fills
    prices = [fills["price_nanos"][fills["instrument"] == number].mean() for number in (1, 2)]
    for side in (1, -1):
        first, second = (int((side * sign * legs[number]).max()) for number, sign in ((1, 1), (2, -1)))
        assert first * prices[0] == pytest.approx(second * prices[1], rel=0.1) and first > 0
    assert result.summary["net"] > 0


def test_the_flow_is_followed_and_left(ran: dict[str, Result]) -> None:
    result = ran["order-flow"]
    after = {(row["horizon_ns"], row["liquidity"]): row for row in result.summary["markouts"]}
    assert after[SECOND_NS, "taker"]["mean"] > after[10**6, "taker"]["mean"], "the price went on"
    assert (positions(result, 1) == 0).any()


def test_each_lot_of_the_future_is_hedged(ran: dict[str, Result]) -> None:
    result = ran["futures-basis"]
    fills, bare = result.fills, 0
    gaps = []
    for at in range(len(fills)):
        bare += int(fills["lots"][at]) * (1 if fills["side"][at] == Side.BUY else -1)
        gaps.append(abs(bare))
    assert gaps[-1] == 0 and max(gaps) <= 60
    future = fills["instrument"] == 2
    assert (fills["liquidity"][future] == 1).all() and (fills["liquidity"][~future] == 2).all()


def test_what_an_opening_left_over_is_followed_from_the_open_on_and_left(ran: dict[str, Result]) -> None:
    fills, first_ns = ran["opening-auction"].fills, ran["opening-auction"].summary["first_ns"]
    lean = Side.BUY if calls.leaning(4, "GENA") > 0 else Side.SELL
    held = positions(ran["opening-auction"], 1)
    assert fills["side"][0] == lean and np.abs(held).max() == 100 and held[-1] == 0
    after_ns = (fills["time_ns"] - first_ns - calls.CALL_NS).astype(np.int64)
    entered, left = after_ns[fills["side"] == lean], after_ns[fills["side"] != lean]
    assert 0 < entered[0] < SECOND_NS and 5 * SECOND_NS <= left[0] - entered[0] < 7 * SECOND_NS


def test_following_the_opening_earns_over_days_of_which_each_has_one(code_directory: Path) -> None:
    nets = [
        backtest.run(OpeningAuction, [f"generated:seed={seed},seconds=8,calls=1"], directory=code_directory).summary[
            "net"
        ]
        for seed in range(1, 13)
    ]
    assert sum(nets) > 0 and min(nets) < 0, "by construction, and not every day"


def test_an_auction_that_left_much_over_is_followed_then_left() -> None:
    tried = TryOut(OpeningAuction, hold_ns=500)
    word: dict[str, Any] = {"instrument": 1, "venue": 1, "kind": int(AuctionKind.OPENING), "paired_lots": 1_000}
    assert tried.call(Callback.AUCTION, **word, imbalance_lots=500, side=int(Side.SELL)) == []
    (asked,) = tried.book(bid=100.00, ask=100.02)
    assert (asked.side, asked.price, asked.lots) == ("sell", 100.00, 100)
    (asked,) = tried.book(bid=99.90, ask=99.92, position_lots=-100)
    assert (asked.side, asked.price, asked.lots) == ("buy", 99.92, 100)
    tried = TryOut(OpeningAuction)
    assert tried.call(Callback.AUCTION, **word, imbalance_lots=50, side=int(Side.SELL)) == []
    assert tried.book(bid=100.00, ask=100.02) == [], "too little was left over"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("inventory-maker", ["dbn/esm4_mbo_2024-05-08_2s.dbn.zst"]),
        ("cross-taker", ["one=lobster/AAPL_2012-06-21_message_10_rows1-500.csv",
                         "two=lobster/AAPL_2012-06-21_message_10_rows1-500.csv"]),
        ("pairs", ["itch_synthetic/ex20101224.TEST_ITCH_50"]),
        ("order-flow", ["lobster/AAPL_2012-06-21_message_10_rows1-500.csv"]),
        ("futures-basis", ["itch_synthetic/ex20101224.TEST_ITCH_50"]),
        ("opening-auction", ["itch_synthetic/ex20101224.TEST_ITCH_50"]),
    ],
)  # fmt: skip
def test_each_runs_on_the_sample_data(name: str, files: list[str], code_directory: Path) -> None:
    folder = need_data("", "examples on the sample data")
    named = [f"{venue}={folder / path}" if venue else str(folder / path)
             for venue, _, path in (each.rpartition("=") for each in files)]  # fmt: skip
    result = backtest.run(name, named, directory=code_directory)
    assert not [error for error in result.errors if "reject storm" not in error], result.errors
    assert result.summary["breaks"] == 0 and result.summary["records"] > 100


def test_each_is_a_start_under_a_new_name(tmp_path: Path) -> None:
    for example in EXAMPLES:
        made = make(f"my-{example}", tmp_path, example)
        (cls,) = discover.classes(str(made.plugin))
        assert cls.__name__ == made.cls and made.cls in made.test.read_text()
        assert EXAMPLES[example] in made.test.read_text()
    with pytest.raises(BadInput, match="--from = nothing: inventory-maker, cross-taker, pairs"):
        make("another", tmp_path, "nothing")
