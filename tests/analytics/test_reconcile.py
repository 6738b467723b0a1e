"""Reconciliation: agreement on the story, and every kind of difference named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from meridian import records
from meridian._native import analytics as native
from meridian._native import exchange as matching
from meridian._native import journal as journals
from meridian.analytics import Run, accounting, reconcile
from meridian.analytics.run import table
from meridian.console import Unreachable
from meridian.records import BreakKind, ExchangeEventKind, OrderEventKind
from tests.analytics.support import AAPL, FLOW, OURS, XBOS, XNAS, exchange, make_run, nanos


def test_the_story_agrees(run: Run) -> None:
    """Sums of both sides, to the nano."""
    found = reconcile(run)
    assert found.agrees and found.differences == []
    sums = {(line.venue, line.instrument): line.exchange.described() for line in found.lines}
    assert sums == {line_key(line): line.engine.described() for line in found.lines}
    bought = {"fills": 2, "bought_lots": 10, "sold_lots": 0, "net_lots": 10, "notional_nanos": nanos(1000), "busts": 0}
    bought |= {"corrections": 0}
    sold = {"fills": 2, "bought_lots": 0, "sold_lots": 4, "net_lots": -4, "notional_nanos": nanos(402), "busts": 1}
    sold |= {"corrections": 0}
    assert sums["XNAS", "AAPL"] == bought
    assert sums["XBOS", "AAPL"] == sold
    assert found.positions == [
        {"instrument": "AAPL", "engine_lots": 6, "exchange_lots": 6},
        {"instrument": "ES", "engine_lots": 2, "exchange_lots": 2},
    ]
    assert found.exchange_trades == {"XNAS": 4, "XBOS": 2}


def line_key(line: Any) -> tuple[str, str]:
    """What a line is about."""
    return line.venue, line.instrument


def test_an_order_that_was_lost_on_its_way_is_no_cancelled_one(tmp_path: Path) -> None:
    """Its venue never had it: nothing was cancelled there."""
    found = reconcile(Run.open(make_run(tmp_path, lost=True)))
    assert found.agrees, found.differences
    states = {one.venue: (one.sent, one.states["not_found"], one.states["cancelled"]) for one in found.orders}
    assert states == {"XNAS": (3, 1, 0), "XBOS": (1, 0, 0)}
    assert found.orders[0].exchange["accepted"] == 2


def test_a_fill_that_the_engine_never_heard_of_is_named(tmp_path: Path) -> None:
    """By its number, and in the sums and the position."""
    found = reconcile(Run.open(make_run(tmp_path, further_fill=True)))
    assert not found.agrees
    assert found.differences == [
        "XNAS: fill 5 (buy 5 at 99) is not in the engine",
        "AAPL at XNAS: fills is 2 in the engine and 3 at the exchange",
        "AAPL at XNAS: bought_lots is 10 in the engine and 15 at the exchange",
        "AAPL at XNAS: net_lots is 10 in the engine and 15 at the exchange",
        "AAPL at XNAS: notional_nanos is 1,000,000,000,000 in the engine and 1,495,000,000,000 at the exchange",
        "AAPL: the engine's positions are +6 lots, the exchanges' trades add up to +11",
        "XNAS: 2 orders are filled in the engine and 3 at the exchange",
        "XNAS: 1 orders are open in the engine and 0 at the exchange",
    ]


def test_corrected_trades_agree_and_what_differs_of_them_is_named(tmp_path: Path) -> None:
    """Twice corrected, and one that is unknown; against a drop copy that heard one of the corrections alone."""
    run = Run.open(make_run(tmp_path, corrected=True))
    found = reconcile(run)
    assert found.agrees, found.differences
    sums = {(line.venue, line.instrument): line.engine.described() for line in found.lines}
    bought = {"fills": 2, "bought_lots": 9, "notional_nanos": nanos(5 * 99.50 + 400), "corrections": 2}
    assert sums["XNAS", "AAPL"].items() >= bought.items()
    assert found.positions[0] == {"instrument": "AAPL", "engine_lots": 5, "exchange_lots": 5}
    # Cash -497.50 - 400 + 402 - 0.01, five lots at 100.30.
    (aapl,) = [cell for cell in run.closing if cell["instrument"] == AAPL]
    assert aapl["cash_nanos"] == nanos(-495.51)
    assert aapl["realised_nanos"] + aapl["unrealised_nanos"] == nanos(-495.51 + 501.50)

    def once(fills: list[Any]) -> None:
        fills[-1:] = []

    both = (int(OrderEventKind.FILLED), int(OrderEventKind.CORRECTED))
    assert reconcile(copied(tmp_path / "all", tmp_path, lambda fills: None, both)).agrees
    assert reconcile(copied(tmp_path / "one", tmp_path, once, both)).differences == [
        "XNAS: correction 1: the engine has 5 at 99.5, the drop copy 6 at 99.5"
    ]


def test_what_is_gone_from_the_engine_s_journal_is_a_difference(tmp_path: Path) -> None:
    """Sums that agree over what is left prove nothing."""
    run = Run.open(make_run(tmp_path))
    last = journals.verify(run.engine_journal)["last_sequence"]
    state = {
        "version": 1,
        "input": last + 7,
        "time_ns": 1,
        "state_hash": "0" * 16,
        "full_hash": "0" * 16,
        "closed": False,
    }
    (run.engine_journal / "state.json").write_text(json.dumps(state))
    (difference,) = reconcile(run).differences
    assert (
        difference.startswith(f"the engine's journal: it ends at record {last}")
        and "the last 7 are missing" in difference
    )


def test_a_fill_that_the_exchange_does_not_have_is_named(tmp_path: Path, story: Path) -> None:
    """The other way round: the exchange's journal is cut before the bust and its fill."""
    about = json.loads((story / "run.json").read_text())
    about["engine"]["journal"] = str(story / "data" / "engine")
    about["venues"][0]["exchange_journal"] = str(story / "data" / "exchange_xnas")
    about["venues"][1]["exchange_journal"] = "short"
    native.write_journal(tmp_path / "short", exchange(XBOS).entries[:-2])
    (tmp_path / "run.json").write_text(json.dumps(about))
    found = reconcile(Run.open(tmp_path))
    assert "XBOS: fill 2 (sell 3 at 100.5) is not in the exchange's journal" in found.differences
    assert "XBOS: bust 2 (sell 3 at 100.5) is not in the exchange's journal" in found.differences
    assert "AAPL at XBOS: busts is 1 in the engine and 0 at the exchange" in found.differences


def copied(
    tmp_path: Path,
    story: Path,
    change: Callable[[list[Any]], None],
    kinds: tuple[int, ...] = (int(OrderEventKind.FILLED),),
) -> Run:
    """The story with a drop copy of XNAS: its fills, and what else is of `kinds`, changed by the test."""
    tmp_path.mkdir(exist_ok=True)
    about = json.loads((story / "run.json").read_text())
    about["engine"]["journal"] = str(story / "data" / "engine")
    for venue in about["venues"]:
        venue["exchange_journal"] = str(story / venue["exchange_journal"])
    about["venues"][0]["drop_copy_journal"] = "copy"
    fills = []
    for fill in Run.open(story).fills:
        if int(fill["venue"]) == XNAS and int(fill["kind"]) in kinds:
            said = {name: int(fill[name]) for name in ("execution_id", "side", "lots", "price_nanos")}
            fills.append(records.new("OrderEvent", venue=XNAS, event=int(fill["kind"]), **said))
    change(fills)
    native.write_journal(tmp_path / "copy", [(1_000 + at, one.tobytes()) for at, one in enumerate(fills)])
    (tmp_path / "run.json").write_text(json.dumps(about))
    return Run.open(tmp_path)


def test_a_drop_copy_that_tells_the_same_is_a_third_voice(tmp_path: Path, story: Path) -> None:
    """Also where it tells a fill twice, as after a death of its reader."""
    found = reconcile(copied(tmp_path, story, lambda fills: fills.append(fills[0])))
    assert found.agrees and found.drop_copies == {"XNAS": 3}
    assert found.sentence.endswith("; drop copies (XNAS) tell of the same 3")
    assert found.described()["drop_copies"] == {"XNAS": 3}


def test_what_a_drop_copy_tells_otherwise_is_named(tmp_path: Path, story: Path) -> None:
    """A fill that it lacks, one that it has alone, one of other lots."""

    def change(fills: list[Any]) -> None:
        alone = records.new("OrderEvent", venue=XNAS, event=OrderEventKind.FILLED)
        alone["execution_id"], alone["side"], alone["lots"], alone["price_nanos"] = 77, 2, 9, nanos(7)
        fills[0]["lots"] = 5
        fills[1:2] = [alone]

    assert reconcile(copied(tmp_path, story, change)).differences == [
        "XNAS: fill 77 (sell 9 at 7) is not in the engine",
        "XNAS: fill 2 (buy 4 at 100) is not in the drop copy",
        "XNAS: fill 1: the engine has 6 at 100, the drop copy 5 at 100",
    ]


def test_an_absent_exchange_journal_is_unreachable(tmp_path: Path, story: Path) -> None:
    """It is said, never taken for agreement."""
    about = json.loads((story / "run.json").read_text())
    about["engine"]["journal"] = str(story / "data" / "engine")
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(Unreachable, match="exchange_xnas"):
        reconcile(Run.open(tmp_path))


def test_executions_are_those_of_the_matching_core(story: Path) -> None:
    """The same commands through the core that Python drives give the same trades, of one session and of both."""
    core = matching.Matching(sessions=FLOW)
    events = core.apply(b"".join(record for _, record in exchange(XNAS).entries))
    traded = [event for _, event in records.split(events) if int(event["event"]) == ExchangeEventKind.EXECUTED]
    journal = story / "data" / "exchange_xnas"
    ours = native.executions(journal, [OURS])
    assert ours["trades"] == len(traded)
    both = table(native.executions(journal, [OURS, FLOW])["executions"])
    assert len(both) == 2 * len(traded)
    assert both["lots"].sum() == 2 * sum(int(event["lots"]) for event in traded)
    assert len(table(ours["executions"])) == 3
    assert len(table(native.executions(journal, [77])["executions"])) == 0


def test_an_order_that_its_venue_told_the_engine_of_is_accounted_for_beside_those_that_were_sent() -> None:
    def row(order: int, event: int, kind: int, at: int) -> tuple[int, int, int, int]:
        return (order, int(event), int(kind), at)

    told = [("order_id", "u8"), ("event", "u1"), ("kind", "u1"), ("input", "u8")]
    breaks = np.array(
        [
            row(7, OrderEventKind.ACCEPTED, BreakKind.UNKNOWN_ORDER, 50),
            row(8, OrderEventKind.FILLED, BreakKind.UNKNOWN_ORDER, 51),
            row(3, OrderEventKind.ACCEPTED, BreakKind.OVERFILL, 52),
            row(9, OrderEventKind.ACCEPTED, BreakKind.UNKNOWN_ORDER, 53),
            row(4, OrderEventKind.ACCEPTED, BreakKind.UNKNOWN_ORDER, 54),
        ],
        dtype=told,
    )
    events = np.array([(4, 20), (7, 50), (4, 54)], dtype=[("order_id", "u8"), ("sequence", "u8")])
    orders = np.array([(3,), (4,), (7,), (8,)], dtype=[("first_id", "u8")])
    run = cast(
        Run, SimpleNamespace(breaks=breaks, order_events=events, orders=orders, folded={"statistics": {"orders": 3}})
    )
    assert accounting.adopted(run) == {7}, "9 was over when it was told of; 3, 4 and 8 were sent"
    here = accounting.Accounted(venue="XNAS", sent=4, states={}, exchange={})
    assert accounting.unaccounted(run, [here]) == []
    (sentence,) = accounting.unaccounted(run, [here, here])
    assert sentence == "the engine sent 3 orders and took on 1 that a venue told it of, 8 of them to the run's venues"
