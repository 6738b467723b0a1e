"""A run read back: arrays and sums equal what was reckoned by hand, and what is no run is refused by a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from meridian.analytics import Run, live, reconcile
from meridian.analytics.report import summary
from meridian.analytics.run import latest
from meridian.console import BadInput, Unreachable
from meridian.records import Metric, OrderEventKind, OrderState, RejectCode, Side
from tests.analytics.support import AAPL, ES, START_NS, XBOS, XNAS, make_run, nanos


def test_fills_are_those_of_the_story(run: Run) -> None:
    """Order, side, price and the position after each; the bust is a row of its own."""
    columns = ["venue", "instrument", "kind", "side", "lots", "price_nanos", "position_lots"]
    filled, broken = int(OrderEventKind.FILLED), int(OrderEventKind.BROKEN)
    buy, sell = int(Side.BUY), int(Side.SELL)
    assert run.fills[columns].tolist() == [
        (XNAS, AAPL, filled, buy, 6, nanos(100), 6),
        (XNAS, AAPL, filled, buy, 4, nanos(100), 10),
        (XBOS, AAPL, filled, sell, 4, nanos(100.5), 6),
        (XBOS, AAPL, filled, sell, 3, nanos(100.5), 3),
        (XNAS, ES, filled, buy, 2, nanos(50), 2),
        (XBOS, AAPL, broken, sell, 3, nanos(100.5), 6),
    ]
    assert run.fills["fee_nanos"].sum() == nanos(0.01)


def test_orders_end_as_the_story_says(run: Run) -> None:
    """Three filled, one open."""
    assert run.orders["state"].tolist() == [OrderState.FILLED] * 3 + [OrderState.LIVE]
    assert run.orders["filled_lots"].tolist() == [10, 7, 2, 0]
    assert run.orders["broken_lots"].tolist() == [0, 3, 0, 0]


def test_profit_is_what_was_reckoned_by_hand(run: Run) -> None:
    """Exact to the nano, and the same in the summary."""
    share, future = sorted(run.closing, key=lambda cell: cell["instrument"])
    assert (share["lots"], share["realised_nanos"], share["unrealised_nanos"]) == (6, nanos(3.49), nanos(0.30))
    assert (share["cash_nanos"], share["fees_nanos"], share["mark_nanos"]) == (
        nanos(-598.01),
        nanos(0.01),
        nanos(100.3),
    )
    assert (future["lots"], future["realised_nanos"], future["unrealised_nanos"]) == (2, 0, nanos(100))
    assert summary(run)["totals"] == [
        {
            "currency": "USD",
            "realised_nanos": nanos(3.49),
            "unrealised_nanos": nanos(100.30),
            "fees_nanos": nanos(0.01),
            "total_nanos": nanos(103.79),
        }
    ]


def test_positions_over_time_end_where_the_run_ends(run: Run) -> None:
    """The last row of an instrument has its closing position and PnL, as floats."""
    last = run.positions[run.positions["instrument"] == AAPL][-1]
    assert (last["lots"], last["venue"]) == (6, last["venue"])
    assert last["realised"] + last["unrealised"] == pytest.approx(3.79)
    assert last["cash"] == pytest.approx(-598.01)
    assert np.all(np.diff(run.positions["time_ns"]) >= 0)


def test_refusals_carry_limit_bound_and_observed(run: Run) -> None:
    """The one order that was too large."""
    (row,) = run.refusals
    assert (row["code"], row["limit"], row["bound"], row["observed"]) == (RejectCode.MAX_ORDER_QTY, 1, 40, 5000)
    assert (row["lots"], row["side"], row["instrument"]) == (5000, Side.BUY, AAPL)
    (counted,) = summary(run)["refusals"]
    assert (counted["code"], counted["count"], counted["node"]) == ("MAX_ORDER_QTY", 1, "firm")


def test_a_soft_limit_that_was_reached_is_told(run: Run) -> None:
    """The fourth open order of six, where half are allowed without a word."""
    (row,) = run.warnings
    assert (row["limit"], row["metric"], row["bound"], row["observed"]) == (15, Metric.OPEN_ORDERS, 6, 4)
    (counted,) = summary(run)["warnings"]
    assert (counted["node"], counted["metric"], counted["count"]) == ("maker", "open_orders", 1)


def test_marks_are_the_touches(run: Run) -> None:
    """The last touch of a listing is the one that positions are marked at."""
    last = run.marks[(run.marks["venue"] == XNAS) & (run.marks["instrument"] == ES)][-1]
    assert (last["bid_nanos"], last["ask_nanos"]) == (nanos(50.75), nanos(51.25))


def test_counts_of_orders_limits_and_flow(run: Run) -> None:
    """What the summary counts."""
    found = summary(run)
    orders = found["orders"]
    assert (orders["sent"], orders["accepted"], orders["filled"], orders["open"]) == (4, 4, 3, 1)
    assert (orders["refused_by_risk"], orders["unknown"], orders["rejected"]) == (1, 0, 0)
    assert (found["fills"]["count"], found["fills"]["lots"], found["fills"]["busts"]) == (5, 19, 1)
    open_orders = next(one for one in found["limits"] if (one["node"], one["metric"]) == ("maker", "open_orders"))
    assert (open_orders["bound"], open_orders["used"], open_orders["most_used"]) == (6, 1, 4)
    (flow,) = found["flow"]
    assert (flow["file"], flow["real_seconds"], flow["replayed"]) == ("AAPL_messages.csv", 2.5, 470)
    assert (flow["skipped"], flow["dropped"]) == ({"hidden <trade>": 25}, {"taken before": 5})
    (way,) = found["latency"]
    assert (way["count"], way["p50_ns"], way["p99.99_ns"]) == (4, 250_000, 250_000)
    (difference,) = found["breaks"]
    assert (difference["kind"], difference["venue_lots"], difference["our_lots"]) == ("BUST", 0, 3)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """By a sentence that names the place and what is allowed, all errors at once."""
    with pytest.raises(BadInput, match=r"holds no record\.json"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text('{"schema": "meridian.run/9"}')
    with pytest.raises(BadInput, match=r"meridian\.run/9.*allowed is 'meridian\.run/1'"):
        Run.open(tmp_path)
    about = {"schema": "meridian.run/1", "engine": {}, "venues": [{"name": "XNAS", "id": "one", "session": 1}]}
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(BadInput) as raised:
        Run.open(tmp_path)
    assert len(raised.value.errors) == 3


def test_an_absent_journal_is_unreachable_and_a_damaged_one_bad_input(tmp_path: Path, story: Path) -> None:
    """Both by a sentence with the directory."""
    about = json.loads((story / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(Unreachable, match="data/engine"):
        _ = Run.open(tmp_path).fills
    segment = next((story / "data" / "engine").iterdir())
    whole = bytearray(segment.read_bytes())
    whole[2_000] ^= 1
    (tmp_path / "data" / "engine").mkdir(parents=True)
    (tmp_path / "data" / "engine" / segment.name).write_bytes(whole)
    with pytest.raises(BadInput, match="data/engine"):
        _ = Run.open(tmp_path).fills


def test_the_latest_run_is_the_one_that_started_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else lies there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    demos = tmp_path / "meridian" / "demos"
    with pytest.raises(BadInput, match="there is no run"):
        latest()
    for name, started_ns in (("a", 2), ("b", 3), ("c", 1)):
        (demos / name).mkdir(parents=True)
        (demos / name / "record.json").write_text(json.dumps({"started_ns": started_ns}))
    (demos / "empty").mkdir()
    assert latest() == demos / "b"


def test_memory_of_a_process_is_read() -> None:
    """This one's, and none of one that is not there."""
    pss_bytes = live.pss_bytes(os.getpid())
    assert pss_bytes is not None and pss_bytes > 1 << 20
    assert live.pss_bytes(2**22 + 1) is None


def test_times_count_from_the_start(run: Run) -> None:
    """Header of the summary."""
    about = summary(run)["run"]
    assert (about["started_ns"], about["seconds"], about["over"]) == (START_NS, 10.0, True)


def test_a_run_and_its_tables_show_themselves_and_are_arrow_streams(run: Run) -> None:
    """In a notebook, and to whatever reads Arrow."""
    assert "order_quantity" in run._repr_html_() and "rows" in run._repr_html_()
    for name in ("fills", "orders", "positions", "marks", "refusals"):
        rows: Any = getattr(run, name)
        assert f"{len(rows):,} rows" in rows._repr_html_() and pyarrow.table(rows).num_rows == len(rows)
    bought: Any = run.fills[run.fills["side"] == Side.BUY]
    assert "buy" in bought._repr_html_() and "sell" not in bought._repr_html_()


def test_an_order_that_its_session_settled_is_what_the_engine_has_of_it(tmp_path: Path) -> None:
    """It was in doubt when its venue said again that it took it; that the session is up then settles it without a report."""
    found = Run.open(make_run(tmp_path / "run", cut=True))
    assert found.order_events["event"].tolist().count(int(OrderEventKind.ACCEPTED)) == 5
    assert found.orders["state"].tolist() == [OrderState.FILLED] * 3 + [OrderState.LIVE]
    assert reconcile(found).differences == []
