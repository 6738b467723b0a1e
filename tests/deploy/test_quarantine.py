"""Strategies whose code ends their engine's process, in runs of real processes: the engine begins again without the one, the
others trade on, replays agree, and a standby does not die of it in its turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import engine as native
from meridian.deploy import platform as platforms
from meridian.deploy.metrics import read
from meridian.deploy.platform import Platform
from meridian.deploy.runs import runs
from meridian.deploy.strategies import RunningEngine, new_request, settings, start_stop
from meridian.engine import journals
from tests.deploy import poison
from tests.deploy.support import command, own_runtime, printed, until
from tests.deploy.test_region import copied, spoil

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
POISONED, OTHER = "taker-aapl", "maker-aapl-xnas"
TAKER = """class = "cross-taker"
listings = [{ instrument = "AAPL", venue = "XNAS" }, { instrument = "AAPL", venue = "XBOS" }]
[strategies.taker-aapl.parameters]
edge_nanos = 10_000_000
size_lots = 50
position_lots_max = 500
"""
CAUSES = {1: "SIGSEGV", 2: "SIGABRT", 3: "SIGKILL"}
ALIVE_SECONDS = 3.0


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs and object code of these tests lie apart from the user's own, and no run is left."""
    with own_runtime():
        spec = poison.put(tmp_path / "code")
        monkeypatch.setenv("MERIDIAN_STRATEGIES_CACHE", str(tmp_path / "code"))
        path = copied(tmp_path)
        poisoned = f'class = "{spec}"\nlistings = [{{ instrument = "AAPL", venue = "XNAS" }}]\n'
        spoil(tmp_path / "new-york" / "strategies.toml", (TAKER, poisoned))
        spoil(path, ("port = 9464", "port = 0"))
        yield


def counters(name: str, process: str = "engine") -> dict[str, Any]:
    """What a process of the one run of this name counts."""
    run = next(one for one in runs() if one.name == name)
    return dict(read(run.counters(process)))


def restarts(name: str, process: str = "engine") -> int:
    """How often one was started again."""
    return int(next(one for one in runs() if one.name == name).processes[process]["restarts"])


def cut_off(*words: str) -> None:
    """A command whose answer its engine may not live to give."""
    assert command(*words).returncode in (0, 3)


def listed() -> dict[str, Any]:
    """The poisoned strategy, as it is listed."""
    return next(row for row in printed("strategy", "list")["strategies"] if row["name"] == POISONED)


@pytest.mark.parametrize("how", [1, 3])
def test_an_engine_that_a_strategy_ended_begins_again_without_it_and_the_others_trade_on(
    tmp_path: Path, how: int
) -> None:
    path = tmp_path / "new-york.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[processes.engine]\nrestart = "always"\n', encoding="utf-8")
    run = printed("up", str(path), "--detach")
    name = run["name"]
    try:
        for one in (OTHER, POISONED):
            printed("strategy", "start", one)
        cut_off("strategy", "set", POISONED, f"how={how}")
        until(lambda: restarts(name) == 1)
        until(lambda: counters(name).get("engine.quarantined_slots") == 1 << 4)
        (status,) = printed("status")["runs"]
        (sentence,) = status["quarantined"]
        assert f"slot 4, {POISONED}, is in quarantine: its process " in sentence and f"({CAUSES[how]})" in sentence
        until(lambda: listed()["state"] == "disabled")
        assert listed()["reason"] == "quarantined"
        sent = counters(name)["engine.commands_sent"]
        until(lambda: counters(name)["engine.commands_sent"] > sent)
        refused = command("strategy", "start", POISONED)
        assert refused.returncode == 2 and "is in quarantine" in refused.stderr and "--quarantined" in refused.stderr
        time.sleep(ALIVE_SECONDS)
        assert restarts(name) == 1, "it does not die of it again"
        printed("strategy", "set", POISONED, "how=0")
        printed("strategy", "start", POISONED, "--quarantined")
        assert listed()["state"] == "running" and printed("status")["runs"][0]["quarantined"] == []
        assert restarts(name) == 1
    finally:
        printed("down", name)
    replayed = printed("journal", "replay", run["run_directory"])
    assert replayed["agree"]
    journal = Path(run["run_directory"]) / "data" / "engine"
    kept = [records.parse(data) for _, _, data in journals.records(journal) if records.name_of(data) == "Quarantine"]
    marks = native.marks((journal / native.MARKS_FILE).read_bytes())
    assert [one.tobytes() for one in kept] == marks and len(marks) == 1
    (journal / native.MARKS_FILE).unlink()
    assert printed("journal", "replay", run["run_directory"])["agree"], "by what the journal itself tells"


@pytest.mark.parametrize("how", [2])
def test_a_standby_leads_without_the_slot_that_ended_its_leader(tmp_path: Path, how: int) -> None:
    path = tmp_path / "new-york.toml"
    spoil(path, ("[tiles.engine.settings]\n", '[tiles.engine.standby]\nprocess = "standby"\n[tiles.engine.settings]\n'))
    spoil(path, ("segment_bytes = 4_194_304", 'segment_bytes = 4_194_304\ndurability = "standby"'))
    spoil(path, *[('process = "engine"', 'process = "room"')] * 2)
    with Platform(platforms.load([str(path)]), tmp_path / "data") as platform:
        hand, supervisor = platform.hands["new-york"], platform.below["new-york"]

        def look() -> bool:
            platform.look()
            assert not platform.failures, platform.failures
            return True

        def soon(what: Any) -> None:
            until(lambda: look() and what())

        soon(lambda: hand.in_step and hand.value(hand.leads, "partner") == 2)
        engine = RunningEngine.of(Path(supervisor.run.data_directory).parent)
        for one in (OTHER, POISONED):
            request = new_request()
            engine.command(start_stop(engine.slot(one), request, start=True), request)
        request = new_request()
        engine.tell(settings(engine.slot(POISONED), {"how": str(how)}, request, runs=True), request)
        soon(lambda: hand.leads == "engine-standby" and hand.pending is None)
        soon(lambda: hand.value("engine-standby", "quarantined_slots") == 1 << 4)
        soon(lambda: (hand.value("engine-standby", "commands_sent") or 0) > 0)
        soon(lambda: engine.runs(engine.slot(OTHER)) and engine.quarantined(engine.slot(POISONED)))
        # The one that died follows again, and dies of it no second time.
        soon(lambda: hand.in_step and (hand.value("engine", "hashes_compared") or 0) > 3)
        until_s = time.monotonic() + ALIVE_SECONDS
        while time.monotonic() < until_s:
            look()
            time.sleep(0.05)
        assert {name: about["restarts"] for name, about in supervisor.run.processes.items() if about["restarts"]} == {
            "engine": 1
        }
        assert hand.value("engine", "quarantined_slots") == 1 << 4 and hand.leads == "engine-standby"
        data = Path(supervisor.run.data_directory)
    # Both journals, the older one too, by the marks beside them.
    for folder in ("engine", "engine-standby", "engine.epoch-1"):
        assert native.replay(data / folder, tmp_path / "code")["agrees"] is not False, folder
    assert printed("journal", "replay", str(data / "engine-standby"))["agree"]
