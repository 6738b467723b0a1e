"""What must hold of a demo's journals beside their backtest, and that the comparison can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meridian import records
from meridian._native import analytics as native
from meridian._native.strategies import StrategyHosts
from meridian.analytics import parity
from meridian.analytics.explain_cli import explain
from meridian.analytics.parity_cli import parity as command
from meridian.codes import BookAction, OrderEventKind
from meridian.console import BadInput, CheckFailed
from meridian.engine import journals
from meridian.engine.cli import cat_command
from meridian.strategies import Book, Orders, Plain, Strategy, backtest
from meridian.strategies.backtest.cli import backtest as run_backtest
from meridian.strategies.backtest.result import Result
from tests.support import ROOT

SIZES = {"instruments_max": 64, "book_orders_max": 32_768}
"""Of the demo's engines."""


class Idle(Strategy):
    """Asks for nothing."""

    def on_book(self, book: Book, orders: Orders) -> None:
        """Looks on."""


def typed(command: Any, *words: str) -> dict[str, Any]:
    """What a command prints for programs."""
    ended = CliRunner().invoke(command, [*words, "--json"])
    assert ended.exit_code == 0, (ended.output, ended.exception)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def before_it(one: dict[str, Any]) -> str:
    """What came in before the first difference that nobody explains, and those differences: the journal goes with its run."""
    unexplained = [each for each in one["differences"] if each["because"] == "unexplained"]
    if not unexplained:
        return ""
    first = max(1, unexplained[0]["input"] - 60)
    inputs = CliRunner().invoke(cat_command, [one["journal"], "--from", str(first), "--limit", "80"]).output
    return f"{one['journal']}:\n{inputs}" + "".join(f"{each}\n" for each in unexplained[:10])


def live_is_the_backtest(directory: Path) -> None:
    """Both regions: equal replays, no unexplained difference, the live state at the end."""
    ended = CliRunner().invoke(command, [str(directory), "--json"])
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["unexplained"]) == (0, 0), "".join(map(before_it, told["journals"]))
    for one in told["journals"]:
        assert one["replay"]["agrees"] and one["backtest_state_hash"] == one["replay"]["state_hash"], one["journal"]
        assert one["commands"] > 0 and one["equal"] + sum(one["explained"].values()) == one["commands"] + one["reports"]
        assert one["given"]["strategy_control"] > 0 and one["median_ns"]["order"] > 0


def departures_are_unexplained(journal: Path, copy: Path) -> None:
    """Another parameter, delay, strategy or fill is reported."""
    slot = next(records.text(one["name"]) for name, one in parity._first(journal) if name == "Slot")
    for words in ({"latency": "order=5ms,report=5ms", "settings": ()},
                  {"latency": None, "settings": (f"{slot}:size_lots=7",)}):  # fmt: skip
        found = parity.run(journal, departures=parity.departures(journal, **words))
        assert found.replay_agrees and found.unexplained > 10, words
    hashes = parity._code_hashes(journal)
    hosts = StrategyHosts()
    for code in set(hashes.values()):
        hosts.add_plain(bytes.fromhex(code), Plain(Idle))
    idle = parity.run(journal, hosts=hosts)
    asked = idle.steps["what"] < parity.REPORT
    assert idle.replay_agrees and asked.any() and not (idle.steps["in_backtest"][asked] == 1).any()
    assert (idle.steps["because"][asked] == parity.UNEXPLAINED).all()
    with pytest.raises(BadInput, match=rf"object code {next(iter(hashes.values()))[:16]} is not in .*--libraries"):
        parity.run(journal, libraries=copy.parent)
    native.write_journal(copy, [*edited(journal)], engine_sizes=SIZES)
    assert parity.run(copy, libraries=journals.libraries_of(journal)).unexplained > 0


def edited(journal: Path) -> Any:
    """The journal's records, the first answer to an order with a lot more."""
    changed = False
    for _, time_ns, data in journals.records(journal):
        if not changed and records.name_of(data) == "OrderEvent":
            event = records.parse(data).copy()
            event["lots"] += 1
            data, changed = event.tobytes(), True
        yield time_ns, data


def a_fill_out_of_turn_is_told(journal: Path, copy: Path) -> None:
    """Somebody's lot put before an order of ours that was filled: by such a record it was filled too early."""
    held = [*journals.records(journal)]
    read = [(records.name_of(data), records.parse(data)) for _, _, data in held]
    rested = next(
        one
        for name, one in read
        if name == "OrderEvent" and one["event"] == OrderEventKind.FILLED and one["liquidity"] == 1
    )
    entries = []
    for (_, time_ns, data), (name, one) in zip(held, read, strict=True):
        new = {BookAction.ADD: "order_ref", BookAction.REPLACE: "new_order_ref"}
        field = new.get(one["action"].item()) if name == "MarketOrder" else None
        here = one["header"]["venue"] == rested["header"]["venue"]
        if here and field and one[field] == rested["venue_order_ref"]:
            before = one.copy()
            before["action"], before["side"], before["lots"] = BookAction.ADD, rested["side"], 1
            before["order_ref"], before["new_order_ref"] = 1 << 40, 0
            entries.append((time_ns, before.tobytes()))
        entries.append((time_ns, data))
    assert len(entries) == len(held) + 1
    native.write_journal(copy, entries, engine_sizes=SIZES)
    found = parity.run(copy, libraries=journals.libraries_of(journal))
    told = [one for one in found.differences() if one["order_id"] == rested["owner"]["order_id"]]
    assert [(one["field"], one["because"]) for one in told][:1] == [("queue", "unexplained")], told


def a_run_is_data(directory: Path, region: str) -> Result:
    """A backtest over what a region captured: its venues, whole, without our own live orders."""
    result = backtest.run("inventory-maker", [directory / region], symbols=["AAPL"], latency=["order=1ms,report=1ms"])
    assert result.summary["venues"] == ["XNAS", "XBOS"] and len(result.orders) > 0 and not result.errors
    for counts in result.summary["impact"].values():
        assert counts["unknown"] == 0 and counts["refused"] == {}, counts
    return result


def an_order_is_explained(directory: Path, order_id: int) -> None:
    """From the packet to the end, over both protocols' gateways."""
    told = typed(explain, str(order_id), "--run", str(directory))
    steps = [step["step"] for step in told["steps"]]
    assert {"input", "book", "decision", "checks", "command", "wire", "report"} <= set(steps) and told["replay_agrees"]
    assert steps.index("input") < steps.index("command") < steps.index("report")
    sent = [step for step in told["steps"] if step["step"] == "command"]
    wires = [step for step in told["steps"] if step["step"] == "wire"]
    assert {(one["order_id"], one["kind"]) for one in wires} == {(one["order_id"], one["kind"]) for one in sent}
    client = told["client_id"].encode().hex()
    assert any(client in one["bytes"] for one in wires)
    checks = [one for step in told["steps"] if step["step"] == "checks" for one in step["checks"]]
    assert checks and all(one["observed"] <= one["bound"] for one in checks if one["check"] != "global_quota")
    assert typed(explain, told["client_id"], "--run", str(directory)) == told


def the_guides_commands_run(directory: Path, order_id: int) -> None:
    """The block of the quants' guide; delays that are not the live ones are told as a check that does not hold."""
    guide = (ROOT / "docs" / "quants.md").read_text().partition("## Live beside backtest")[2]
    block = guide.partition("```console\n")[2].partition("```")[0]
    commands = {"backtest": run_backtest, "parity": command, "explain": explain}
    lines = [line.replace("RUN", str(directory)).replace("ORDER", str(order_id)).split() for line in block.splitlines()]
    assert [words[1] for words in lines] == ["backtest", "parity", "parity", "explain"]
    for words in lines:
        ended = CliRunner().invoke(commands[words[1]], words[2:])
        if "--latency" in words:
            assert isinstance(ended.exception, CheckFailed) and "unexplained" in str(ended.exception), ended.exception
        else:
            assert ended.exit_code == 0 and len(ended.output.splitlines()) > 5, (words, ended.output, ended.exception)
