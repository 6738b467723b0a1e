"""The limits file: what it gives an engine, and that every error in it is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian import records
from meridian._native import risk as native
from meridian.console import BadInput
from meridian.records import KillNew, Metric, RejectCode, SelectorKind, Side
from meridian.risk import Hold, Limits, LimitTree, Prices, Refusal, code_of
from meridian.risk.limits import LEVELS, MANDATORY, METRICS, example
from meridian.venues.reference import ReferenceData
from tests.risk.support import LIMITS, REFERENCE, write
from tests.support import ROOT

DOLLAR = 10**9


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceData:
    return ReferenceData.load(write(tmp_path, "reference.toml", REFERENCE))


def errors(tmp_path: Path, reference: ReferenceData, text: str) -> list[str]:
    with pytest.raises(BadInput) as refused:
        Limits.load(write(tmp_path, "limits.toml", text), reference)
    return [sentence.split(": ", 1)[1] for sentence in refused.value.errors]


def test_records_are_nodes_then_one_set_of_limits(tmp_path: Path, reference: ReferenceData) -> None:
    text = LIMITS + '[[kills]]\nnode = "desk"\nnew_orders = "reduce_only"\nvenue = "XBOS"\n'
    limits = Limits.load(write(tmp_path, "limits.toml", text), reference)
    found = list(records.split(limits.records(generation=3, revision=9)))
    assert [name for name, _ in found] == ["Node"] * 7 + ["LimitSet"] * 31 + ["Kill"]
    sets = [record for name, record in found if name == "LimitSet"]
    assert [int(record["last_of_set"]) for record in sets] == [0] * 30 + [1]
    gross = next(record for record in sets if record["limit"] == 8)
    assert int(gross["value"]["low"]) | int(gross["value"]["high"]) << 64 == 600_000 * DOLLAR
    collar = next(record for record in sets if record["limit"] == 3)
    assert (int(collar["value"]["low"]), int(collar["window_ns"])) == (50_000, 5 * 10**9)
    by_venue = next(record for record in sets if record["limit"] == 33)
    assert (int(by_venue["venue"]), int(by_venue["selector"])) == (2, SelectorKind.ALL)
    assert (int(by_venue["generation"]), int(by_venue["revision"])) == (3, 9)
    assert int(found[-1][1]["new_orders"]) == KillNew.REDUCE_ONLY
    assert limits.path("tk-1") == ["tk-1", "taker", "desk", "region", "firm"]


def test_five_lines_from_a_file_to_an_answer(tmp_path: Path) -> None:
    reference = ReferenceData.load(ROOT / "venues" / "reference" / "house.toml")
    text = example(accounts={"market-maker": "mm-1", "taker": "tk-1"})
    limits = Limits.load(write(tmp_path, "limits.toml", text), reference)
    tree = LimitTree(limits)
    line = tree.bind("mm-1", "AAPL", "XNAS")
    order = line.hold(Side.BUY, 100, 585_330_000_000)
    assert isinstance(order, Hold) and limits.missing() == []
    assert line.fill(order, 40, 585_330_000_000) == 0
    assert line.exposure()[:4] == (40, 60, 0, 1)
    line.release(order)
    assert line.exposure()[:4] == (40, 0, 0, 0)
    with pytest.raises(ValueError, match="gone already"):
        line.release(order)
    refused = line.hold(Side.BUY, 100, 985_330_000_000)
    assert isinstance(refused, Refusal) and code_of(refused) is RejectCode.PRICE_COLLAR
    fresh = Prices(bid_nanos=985 * DOLLAR, ask_nanos=986 * DOLLAR, touch_time_ns=10**9)
    assert isinstance(line.hold(Side.BUY, 100, 985_330_000_000, now_ns=10**9, prices=fresh), Hold)


def test_what_is_missing_is_named_and_refused(tmp_path: Path, reference: ReferenceData) -> None:
    text = "\n".join(line for line in LIMITS.splitlines() if "id = 28," not in line)
    limits = Limits.load(write(tmp_path, "limits.toml", text), reference)
    assert limits.missing() == ["strategy taker has no limit for gross_exposure: its orders are refused with NO_LIMIT."]
    refusal = LimitTree(limits).bind("tk-1", "AAPL", "XNAS").hold(Side.BUY, 1, 100 * DOLLAR)
    assert isinstance(refusal, Refusal)
    assert (code_of(refusal), refusal.node, refusal.bound) == (RejectCode.NO_LIMIT, 6, Metric.GROSS_EXPOSURE)


def test_every_error_is_named_at_once(tmp_path: Path, reference: ReferenceData) -> None:
    text = """
version = 2
surprise = 1
limits = [
  { id = 1, node = "nowhere", metric = "order_quantity", lots = -1 },
  { id = 2, node = "firm", metric = "order_size", lots = 1 },
  { id = 3, node = "nowhere", metric = "message_rate", count = 5, window = "1 second" },
  { id = 4, node = "firm", metric = "gross_exposure", lots = 5 },
  { id = 4, node = "firm", metric = "open_orders", orders = 5, instrument = "AAPL", sector = "technology" },
  { id = 5, node = "firm", metric = "position_long", lots = 5, instrument = "MSFT", venue = "XLON" },
  { id = 6, node = "firm", metric = "price_collar", percent = 5 },
]
[nodes.firm]
id = 1
level = "firm"
[nodes.desk]
id = 3
level = "desk"
parent = "firm"
[nodes.odd]
id = 2
level = "region"
parent = "desk"
[nodes.lost]
id = 9
level = "account"
"""
    found = errors(tmp_path, reference, text)
    expected = [
        "version = 2: allowed is 1.",
        "surprise = 1: allowed is one of the keys kills, limits, nodes, permissions, restricted, version.",
        "limits[0].lots = -1: allowed is a whole number, not below zero.",
        "limits[0].node = 'nowhere': allowed is one of desk, firm, lost, odd.",
        "limits[2].node = 'nowhere': allowed is one of desk, firm, lost, odd.",
        "limits[2].window = '1 second': allowed is a time such as 1s, at most 24h.",
        "limits[3].money is missing: allowed is an amount of the currency, not below zero with gross_exposure.",
        "limits[3].lots = 5: allowed is no lots with gross_exposure, which takes money.",
        "limits[4] = 'instrument and sector': allowed is one of instrument, underlying and sector.",
        "limits[4].id = 4: allowed is a number of its own (limits[3] has this one).",
        "limits[5].instrument = 'MSFT': allowed is one of AAPL, ES.",
        "limits[5].venue = 'XLON': allowed is one of XBOS, XNAS.",
        "limits[6].reference_age is missing: allowed is a time such as 5s, at most 24h with price_collar.",
        "nodes.lost.id = 9: allowed is from 1 to 4 without gaps.",
        "nodes.lost.parent is missing: allowed is the name of a node above a account.",
        "nodes.odd.parent = 'desk': allowed is a node above a region (desk is a desk).",
    ]
    assert set(expected) <= set(found), set(expected) - set(found)
    assert any(
        sentence.startswith("limits[1].metric = 'order_size': allowed is order_quantity or ") for sentence in found
    )
    assert len(found) == len(expected) + 1


@pytest.mark.parametrize("text", ["version = ", "limits = 3\nversion = 1\nnodes = []\n"])
def test_what_is_no_limits_file_is_refused(tmp_path: Path, reference: ReferenceData, text: str) -> None:
    assert errors(tmp_path, reference, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, reference: ReferenceData) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        Limits.load(tmp_path / "none.toml", reference)


def test_parts_of_a_global_limit_add_up_and_bind(tmp_path: Path, reference: ReferenceData) -> None:
    whole = '{ id = 6, node = "firm", metric = "position_long", lots = 100 }'
    parts = "parts = [{ holder = 1, lots = 70 }, { holder = 2, lots = 30 }]"
    text = LIMITS.replace(whole, whole[:-2] + f', enforcement = "global", {parts} }}')
    limits = Limits.load(write(tmp_path, "limits.toml", text), reference)
    for holder, headroom in ((1, 40), (2, 30), (0, 0)):
        tree = native.LimitTree()
        tree.set_holder(holder)
        outcomes = tree.apply(reference.records() + limits.records(holder=holder))
        assert set(outcomes) <= {"applied", "in set"}
        line = tree.bind(limits.node("mm-1"), 0, 1, 1)
        assert tree.headroom(line)[0] == headroom
    wrong = {
        "lots = 30": "limits[5].parts = 101: allowed is parts that add up to the bound, 100.",
        "holder = 2": "limits[5].parts = [1, 1]: allowed is one part for each holder.",
        'enforcement = "global"': "limits[5].parts = 2: allowed is no parts, but with enforcement global.",
        ", lots = 30": "limits[5].parts[1].lots is missing: allowed is the holder's share of the bound.",
    }
    instead = ["lots = 31", "holder = 1", 'enforcement = "engine"', ""]
    for (old, sentence), new in zip(wrong.items(), instead, strict=True):
        assert errors(tmp_path, reference, text.replace(old, new)) == [sentence]


def test_the_words_are_those_of_the_schema() -> None:
    assert set(METRICS.values()) == set(Metric) and len(MANDATORY) == 8
    assert list(LEVELS) == ["firm", "region", "desk", "strategy", "account"]


def test_the_benchmarks_row_runs() -> None:
    row = native.bench_row(1, 7)
    assert row["ns_per_order"] > 0 and row["controls"] == [1, 2, 3, 4, 7, 8, 11, 12, 14, 15, 21, 23, 25, 31, 32]
    assert native.bench(1, 7) > 0


def test_a_version_that_is_not_there_is_missing(tmp_path: Path, reference: ReferenceData) -> None:
    text = LIMITS.replace("version = 1\n", "", 1)
    assert errors(tmp_path, reference, text) == ["version is missing: allowed is 1."]
