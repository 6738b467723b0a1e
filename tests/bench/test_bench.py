"""Every row runs, small; the schema of its JSON; the arithmetic of medians, ratios and goals."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from meridian.bench import report
from meridian.bench.method import Estimate, alternate, estimate, ratios
from meridian.bench.row import Goal, Peer, Result
from meridian.bench.rows import GROUPS, ROWS, find
from meridian.console import BadInput
from tests.conftest import Meridian

ROW_KEYS: dict[str, Any] = {
    "name": str, "title": str, "unit": str, "value": (float, type(None)), "interval": (list, type(None)),
    "percentiles": dict, "peers": list, "goals": list, "goals_met": (bool, type(None)), "input": str, "details": dict,
    "blocks": int, "missing": (str, type(None)), "machine": dict, "commit": (str, type(None)),
}  # fmt: skip
PEER_KEYS = {"name", "value", "interval", "ratio", "ratio_interval", "table_value", "why_missing"}
GOAL_KEYS = {"of", "bound", "at_most", "figure", "met", "scaled_bound", "scaled_met"}


def measured(meridian: Meridian, *arguments: str) -> dict[str, Any]:
    """The JSON of a quick run."""
    done = meridian("bench", "--quick", "--json", *arguments, timeout=110)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_a_row_runs_and_keeps_its_schema(meridian: Meridian, name: str) -> None:
    document = measured(meridian, name)
    assert document["schema"] == "meridian.bench/1"
    assert document["quick"] is True and document["figures_count"] is False
    assert {"machine", "build", "blocks", "seed", "rows"} <= set(document)
    assert {"cores", "model", "level_2_cache_bytes", "system", "python", "load_average"} <= set(document["machine"])
    assert {"version", "profile", "commit", "changed"} == set(document["build"])
    (row,) = document["rows"]
    assert set(row) == set(ROW_KEYS)
    for key, kind in ROW_KEYS.items():
        assert isinstance(row[key], kind), key
    for peer in row["peers"]:
        assert set(peer) == PEER_KEYS and (peer["value"] is None) == (peer["ratio"] is None)
        assert peer["value"] is not None or peer["why_missing"]
    for goal in row["goals"]:
        assert set(goal) == GOAL_KEYS
    assert row["missing"] is not None or (row["value"] > 0 and row["interval"][0] <= row["value"] <= row["interval"][1])
    assert row["missing"] is not None or (row["input"] and row["blocks"] == document["blocks"])


def test_lines_are_name_value_unit_peer_ratio(meridian: Meridian) -> None:
    done = meridian("bench", "--quick", "matching", "strategy_call")
    assert done.returncode == 0, done.stderr
    assert "These figures do not count" in done.stdout
    lines = done.stdout.splitlines()
    assert any(line.startswith("matching ") and " ns/command | " in line for line in lines)
    assert any(line.startswith("strategy_call ") and line.count(" | ") == 2 and "[" in line for line in lines)


def test_a_group_names_its_rows() -> None:
    found, unknown = find(["coordination"])
    assert [row.name for row in found] == [
        "limit_change_in_force",
        "position_other_region",
        "kill_to_wire",
    ] and not unknown
    assert not set(GROUPS) & {row.name for row in ROWS}
    both, _ = find(["coordination", "matching", "position_other_region"])
    assert [row.name for row in both] == ["matching", "limit_change_in_force", "position_other_region", "kill_to_wire"]


def test_an_unknown_row_is_refused_before_anything_runs(meridian: Meridian) -> None:
    done = meridian("bench", "--quick", "matching", "latency", "speed")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("allowed are itch_decode") == 2 and "row latency" in done.stderr


def test_figures_of_an_unoptimised_build_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from meridian import _native
    from meridian.bench.cli import bench

    monkeypatch.setattr(_native, "PROFILE", "dev")
    with pytest.raises(BadInput, match="tools/native --release"):
        bench.main(["matching"], standalone_mode=False)


def test_the_interval_holds_the_median_and_comes_from_the_seed() -> None:
    samples = [10.0, 11.0, 9.0, 10.5, 30.0, 9.5, 10.2]
    found = estimate(samples, seed=5)
    assert found.median == 10.2 and found.low <= found.median <= found.high < 30
    assert estimate(samples, seed=5) == found
    with pytest.raises(ValueError, match="no block"):
        estimate([], seed=5)


def test_blocks_take_turns_and_the_first_pair_only_warms_up() -> None:
    order: list[str] = []
    progressed = [0]

    def block(who: str) -> float:
        order.append(who)
        return float(len(order))

    def done() -> None:
        progressed[0] += 1

    ours, peer = alternate(lambda: block("ours"), lambda: block("peer"), blocks=3, done=done)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer", "peer", "ours"]
    assert (ours, peer) == ([4.0, 5.0, 8.0], [3.0, 6.0, 7.0])
    assert ratios([2.0, 9.0], [4.0, 3.0]) == [0.5, 3.0] and progressed[0] == 3


def test_a_goal_is_met_by_the_median_and_scaled_by_a_peer_that_ran() -> None:
    def result(value: float) -> Result:
        return Result(
            name="row", title="row", unit="ns", input="none", value=Estimate(value, value, value),
            peers=[
                Peer(name="far", table_value=5, why_missing="not here"),
                Peer(name="near", value=Estimate(200, 200, 200), ratio=Estimate(0.1, 0.1, 0.1), table_value=100),
            ],
            goals=[Goal(bound=10), Goal(bound=2, of="ratio"), Goal(bound=7, of="p50"), Goal(bound=5, at_most=False)],
            percentiles={"p50": 7.0},
        )  # fmt: skip

    told = [result(12).judged(goal) for goal in result(12).goals]
    assert [goal["met"] for goal in told] == [False, True, True, True]
    assert [goal["scaled_bound"] for goal in told] == [20, None, 14, 2.5]
    assert told[0]["scaled_met"] is True and "missed by 20%" in report.sentence(told[0])
    assert result(10).judged(Goal(bound=10))["met"] is True


def test_changes_told_to_a_peer_leave_the_book_of_the_record(tmp_path: Path) -> None:
    from meridian.bench.backtest import changes
    from meridian.codes import BookAction
    from meridian.venues import flow

    path = tmp_path / "01032019.FLOW_ITCH50"
    path.write_bytes(flow.itch_stream(6_000, 1, seed=3)[0])
    told = changes(path, 5_000)
    resting: dict[int, tuple[int, int, int]] = {}
    names = ("action", "side", "price_nanos", "lots", "order_ref")
    for action, side, price, lots, reference in zip(*(told[name].tolist() for name in names), strict=True):
        assert (reference in resting) == (action != 1)
        resting[reference] = (side, price, lots)
        if action == 3:
            del resting[reference]
    levels: Counter[tuple[int, int]] = Counter()
    for side, price, lots in resting.values():
        levels[side, price] += lots
    records = flow.orders(flow.open_files([path]).files[0])[:5_000]
    book = flow.Book()
    book.apply(records)
    sides = ((1, "buy"), (2, "sell"))
    whole = {(side, price): lots for side, name in sides for price, lots, _ in book.levels(name, 9_999)}
    assert len(whole) > 20 and whole == levels
    executed = records["lots"][records["action"] == BookAction.EXECUTE]
    assert int(told["traded_lots"].sum()) == int(executed.sum()) > 0
