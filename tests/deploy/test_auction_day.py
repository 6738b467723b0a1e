"""A region whose exchanges hold a closing and an opening auction: a strategy for auctions live, over OUCH and FIX, beside its
replay, its parity run and backtests of what was captured, compiled and plain.

Invariant under test: the hosts of the fold give equal orders (compiled live, compiled and plain again), and of a live auction
each step is equal or explained by a record.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian import records
from meridian._native.strategies import StrategyHosts
from meridian.analytics import parity
from meridian.analytics.parity_cli import parity as command_of_parity
from meridian.codes import OrderEventKind, TimeInForce
from meridian.strategies import Plain, backtest
from tests.deploy.parity_checks import typed
from tests.deploy.support import printed
from tests.strategies.classes.auctions import Offsetting
from tests.strategies.test_backtest import same
from tests.support import ROOT

NEW_YORK = ROOT / "deploy" / "topologies" / "new-york.toml"
SLOTS = {"maker-aapl-xnas": "XNAS", "maker-aapl-xbos": "XBOS"}
"""The names that the firm's limits have, and where they trade."""
PHASES = (("closing_call", 20_000), ("closed", 26_000), ("opening_call", 28_000), ("trading", 34_000))
"""Milliseconds since an exchange's start."""
SECONDS_MAX = 60.0
AUCTION = 8
"""Why a fill differs: as in crates/backtest/src/parity/steps.rs."""

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("runs_apart")]


def topology(folder: Path) -> Path:
    """New York with a timetable at both exchanges, and a strategy for auctions at each."""
    for name in ("firm", "new-york"):
        shutil.copytree(NEW_YORK.parent / name, folder / name)
    shutil.copy(ROOT / "tests" / "strategies" / "classes" / "auctions.py", folder / "new-york")
    strategies = ["version = 1"]
    for name, venue in SLOTS.items():
        strategies += [f"[strategies.{name}]", 'class = "auctions.py:Offsetting"']
        strategies += [f'listings = [{{ instrument = "AAPL", venue = "{venue}" }}]']
    (folder / "new-york" / "strategies.toml").write_text("\n".join(strategies) + "\n", encoding="utf-8")
    text = NEW_YORK.read_text(encoding="utf-8").replace("port = 9464", "port = 0")
    rows = ", ".join(f'{{ phase = "{phase}", at_ms = {at_ms}, since = "start" }}' for phase, at_ms in PHASES)
    for venue in SLOTS.values():
        line = f'name = "exchange_{venue.lower()}"\n'
        assert text.count(line) == 1
        text = text.replace(
            line,
            f'{line}indicate_ms = 100\ntimetable = [{{ phase = "trading", at_ms = 0, since = "start" }}, {rows}]\n',
        )
    path = folder / "new-york.toml"
    path.write_text(text, encoding="utf-8")
    return path


def has_ended(directory: str) -> bool:
    """Whether each strategy had an order in each auction, and none is open."""
    orders = printed("orders", directory)["orders"]
    return len(orders) == 4 and all(one["state"] in ("Filled", "Canceled") for one in orders)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run's directory, when it has ended."""
    folder = tmp_path_factory.mktemp("auctions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
        run = printed("up", str(topology(folder)), "--detach")
        try:
            for name in SLOTS:
                printed("strategy", "start", name)
            time.sleep(PHASES[-1][1] / 1_000)
            deadline = time.monotonic() + SECONDS_MAX
            while not has_ended(run["run_directory"]):
                assert time.monotonic() < deadline, printed("orders", run["run_directory"])
                time.sleep(3)
        finally:
            printed("down", run["name"])
    yield Path(run["run_directory"])


def test_orders_for_auctions_trade_live_and_every_step_is_equal_or_explained(ran: Path) -> None:
    told = typed(command_of_parity, str(ran))
    assert told["unexplained"] == 0
    (one,) = told["journals"]
    assert one["replay"]["agrees"] and one["backtest_state_hash"] == one["replay"]["state_hash"]
    found = parity.run(Path(one["journal"]))
    fills = found.steps["what"] == parity.REPORT + int(OrderEventKind.FILLED)
    assert fills.any() and (found.steps["because"][fills] == AUCTION).all(), "who met whom no feed tells"
    assert set(found.steps["venue"][fills].tolist()) == {1, 2}, "over OUCH and over FIX"


def test_the_same_class_in_plain_python_gives_the_orders_of_the_live_run(ran: Path) -> None:
    (journal,) = (Path(one["journal"]) for one in typed(command_of_parity, str(ran))["journals"])
    hosts, slots = StrategyHosts(), [one for name, one in parity._first(journal) if name == "Slot"]
    assert {records.text(one["name"]) for one in slots} == set(SLOTS)
    hosts.add_plain(bytes(slots[0]["code_hash"]), Plain(Offsetting))
    again = parity.run(journal, hosts=hosts)
    assert again.unexplained == 0 and again.told["backtest_hash"] == again.told["replay_hash"]


def test_backtests_of_what_was_captured_send_into_its_auctions_compiled_and_plain_alike(ran: Path) -> None:
    modes = [backtest.run(Offsetting, [ran], symbols=["AAPL"], mode=mode) for mode in ("compiled", "plain")]
    assert same(*modes) and modes[0].summary["state_hash"] == modes[1].summary["state_hash"]
    result = modes[0]
    assert not result.errors and result.summary["breaks"] == 0 and result.summary["venues"] == list(SLOTS.values())
    asked = sorted(int(each) for each in result.orders["time_in_force"])
    assert asked == [int(TimeInForce.AT_OPEN), int(TimeInForce.AT_CLOSE)], "one slot for both venues"
    # Nobody but the live run traded in these auctions: without it there is nothing to trade with.
    assert len(result.fills) == 0
    for counts in result.summary["impact"].values():
        assert counts["unknown"] == 0 and counts["refused"] == {}, counts
