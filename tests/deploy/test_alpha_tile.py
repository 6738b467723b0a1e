"""An alpha tile beside a live engine: scores that the journal has, their parity run, a backtest of the capture, and its death.

Invariant under test: the engine's scores are inputs like any other; equal rows give equal scores, live and in a backtest.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian._native import alpha as native
from meridian._native.strategies import StrategyHosts
from meridian.analytics import parity
from meridian.analytics.parity_cli import parity as command_of_parity
from meridian.console import BadInput
from meridian.deploy.region import load
from meridian.engine import journals
from meridian.strategies import channel
from meridian.strategies.backtest import running
from meridian.strategies.signals import tile
from meridian.strategies.signals.model import load as load_model
from meridian.strategies.signals.stage import Stage
from meridian.strategies.signals.tile import measured_ns
from meridian.venues.reference import ReferenceData
from tests.deploy.parity_checks import typed
from tests.deploy.support import printed
from tests.strategies.classes.scores import Listening
from tests.strategies.test_alpha_stage import Ear, listened
from tests.support import ROOT

CHICAGO = ROOT / "deploy" / "topologies" / "chicago.toml"
SLOT = "maker-esm4-xcme"
CHANNEL = channel("lean:ESM4@XCME")
MODEL = {"schema": "meridian.model/1", "kind": "linear", "features": ["queue", "depth", "flow", "lean", "trades"],
         "weights": [0.7, 0.1, -0.2, 0.05, 0.3], "bias": 0.01}  # fmt: skip
SERVICE = """
[services.alpha]
kind = "alpha"
restart = "always"
[services.alpha.settings]
model = "lean.json"
channel = "lean"
listings = [{ instrument = "ESM4", venue = "XCME" }]
step = 0.02
beat = "200ms"

[links.alpha_engine]
producer = "alpha"
consumers = { engine = "reliable" }
depth = 4096
"""
SECONDS_MAX = 120.0

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("runs_apart")]


def topology(folder: Path) -> Path:
    """Chicago with an alpha tile, and a strategy that listens to it."""
    for name in ("firm", "chicago"):
        shutil.copytree(CHICAGO.parent / name, folder / name)
    shutil.copy(ROOT / "tests" / "strategies" / "classes" / "scores.py", folder / "chicago")
    (folder / "chicago" / "strategies.toml").write_text(
        f'version = 1\n[strategies.{SLOT}]\nclass = "scores.py:Listening"\n'
        'listings = [{ instrument = "ESM4", venue = "XCME" }]\n',
        encoding="utf-8",
    )
    (folder / "lean.json").write_text(json.dumps(MODEL), encoding="utf-8")
    text = CHICAGO.read_text(encoding="utf-8").replace("port = 9465", "port = 0")
    inputs = 'inputs = ["inbox_engine", "gateway_xcme_engine", "feed_xcme_engine"]'
    assert inputs in text
    path = folder / "chicago.toml"
    path.write_text(text.replace(inputs, inputs.replace("]", ', "alpha_engine"]')) + SERVICE, encoding="utf-8")
    return path


def scores(journal: Path) -> np.ndarray[Any, Any]:
    """The tile's signals in an engine's journal: arrival, and the records."""
    found = [records.parse(data) for _, _, data in journals.records(journal) if records.name_of(data) == "Signal"]
    return np.array(found, dtype=records.dtype("Signal"))


def rows_of(journal: Path) -> np.ndarray[Any, Any]:
    """What the tile was given."""
    tap = native.JournalTap.open(journal, [(3, 2)], 200_000_000)
    assert tap is not None
    rows = b""
    while (polled := tap.poll())[0]:
        rows += polled[1]
    return np.frombuffer(rows, dtype=np.int64).reshape(-1, native.WORDS)


def until(what: Any) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run's directory, when it has ended; in its midst the tile was killed, and started again."""
    folder = tmp_path_factory.mktemp("alpha")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
        run = printed("up", str(topology(folder)), "--detach")
        directory = Path(run["run_directory"])
        journal = directory / "data" / "engine"
        try:
            printed("strategy", "start", SLOT)
            until(lambda: len(scores(journal)) > 150)
            (status,) = printed("status")["runs"]
            pid = next(row["pid"] for row in status["processes"] if row["name"] == "alpha")
            os.kill(pid, signal.SIGKILL)
            before = len(scores(journal))
            until(lambda: len(scores(journal)) > before + 50)
            time.sleep(1)
        finally:
            printed("down", run["name"])
    yield directory


def test_the_journal_has_the_scores_and_the_parity_run_explains_every_step(ran: Path) -> None:
    journal = ran / "data" / "engine"
    found = scores(journal)
    assert set(found["signal"]) == {CHANNEL} and set(found["slot"]) == {0}
    told = typed(command_of_parity, str(ran))
    assert told["unexplained"] == 0
    (one,) = told["journals"]
    assert one["replay"]["agrees"] and one["backtest_state_hash"] == one["replay"]["state_hash"]
    assert one["given"]["signal"] == len(found)


def test_each_score_is_what_its_input_gives(ran: Path) -> None:
    journal = ran / "data" / "engine"
    rows = rows_of(journal)
    model = load_model(ran / "alpha.model.json")
    again = Stage(model, [CHANNEL], step=0.02, beat_ns=200_000_000)
    expected = {int(one["based_on"]): int(one["bits"]) for one in again.take(rows)}
    live = scores(journal)
    assert len(live) > 50 and all(expected[int(one["based_on"])] == int(one["bits"]) for one in live)
    # Each is older than its arrival, and most come soon.
    ages = np.array(measured_ns(ran))
    assert (ages > 0).all() and np.median(ages) < 1_000_000_000


def test_a_backtest_of_the_capture_has_the_same_scores(ran: Path, tmp_path: Path) -> None:
    journal = ran / "data" / "engine"
    shutil.copy(ran / "alpha.model.json", tmp_path / "lean.json")
    settings = f"""
model = "lean.json"
channel = "lean"
listings = [{{ instrument = "ESM4", venue = "XCME" }}]
step = 0.02
beat = "200ms"
latency = "@{ran}"
"""
    path = tmp_path / "alpha.toml"
    path.write_text(settings, encoding="utf-8")
    plan = running.prepare(Listening, [ran], alpha=path)
    heard, result = listened(plan)
    assert result.summary["modelled"]["alpha"]["latency_ns"].endswith("measured")
    there = iter([one["value"] for one in heard if one["flags"] == 0])
    # What is told on beats falls where the engines' times do. The last are on their way when the strategy is stopped.
    rows = rows_of(journal)
    without = Stage(load_model(ran / "alpha.model.json"), [CHANNEL], step=0.02).take(rows[rows[:, 1] != native.BEAT])
    steps = set(without["based_on"].tolist())
    live = scores(journal)
    live = live[live["header"]["receive_time_ns"] < live["header"]["receive_time_ns"][-1] - 2_000_000_000]
    by_input = {
        int(one["based_on"]): float(one["bits"].view(np.float64)) for one in live if int(one["based_on"]) in steps
    }
    moved = list(by_input.values())
    assert len(moved) > 20 and all(value in there for value in moved), "to the bit, in order"


def test_the_engine_goes_on_without_its_tile_and_tells_the_strategy(ran: Path) -> None:
    journal = ran / "data" / "engine"
    times = [(time_ns, records.name_of(data)) for _, time_ns, data in journals.records(journal)]
    told = np.array([time_ns for time_ns, name in times if name == "Signal"], dtype=np.int64)
    gap = int(np.argmax(np.diff(told)))
    begins, ends = told[gap], told[gap + 1]
    assert ends - begins > 600_000_000, "it was dead for longer than three beats"
    assert sum(begins < time_ns < ends for time_ns, name in times if name == "MarketOrder") > 10
    (slot,) = (records.parse(data) for _, _, data in journals.records(journal) if records.name_of(data) == "Slot")
    ear, hosts = Ear(Listening), StrategyHosts()
    hosts.add_plain(bytes(slot["code_hash"]), ear)
    again = parity.run(journal, hosts=hosts)
    assert again.unexplained == 0 and again.told["backtest_hash"] == again.told["replay_hash"]
    stale = [one for one in ear.heard if one["flags"] == 1]
    assert [one for one in stale if begins < one["time_ns"] < ends], "it was told meanwhile"
    assert all(one["age_ns"] > 600_000_000 for one in stale) and ear.heard[-1]["flags"] == 0


def test_what_is_wrong_with_a_tile_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = topology(tmp_path)
    load(path)
    (tmp_path / "lean.json").write_text(json.dumps(MODEL | {"weights": [1.0]}), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    head, service = text.replace(', "alpha_engine"]', "]").split("[services.alpha]")
    service = service.replace('"ESM4"', '"ESM5"').replace("step = 0.02", 'step = 0.02\ncompute = "cupy"')
    path.write_text(f"{head}[services.alpha]{service}", encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        load(path)
    told = "\n".join(refused.value.errors)
    for words in (
        "services.alpha.settings.model", "weights = [1.0]", "ESM5@XCME: is listed nowhere", "compute = cupy",
        "tiles.engine.settings.inputs must name it",
    ):  # fmt: skip
        assert words in told, (words, told)
    path.write_text(text.replace('channel = "lean"', 'channel = "LEAN"\nmoon = 1'), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        load(path)
    told = "\n".join(refused.value.errors)
    assert "services.alpha.settings.channel" in told and "services.alpha.settings.moon" in told


def test_it_says_that_it_is_ready_when_its_kernels_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    stop = Event()

    def ready() -> None:
        said.append("ready")
        stop.set()

    monkeypatch.setattr(tile, "stage_of", lambda *_: SimpleNamespace(warm=lambda: said.append("warm")))
    known = SimpleNamespace(venues={"XCME": SimpleNamespace(id=2)}, instruments={"ESM4": SimpleNamespace(id=3)})
    monkeypatch.setattr(ReferenceData, "load", lambda _: known)
    service: Any = SimpleNamespace(
        name="alpha",
        settings={"model": "lean.json", "channel": "lean", "listings": [{"instrument": "ESM4", "venue": "XCME"}]},
        data_directory=tmp_path / "data" / "alpha",
        links={"alpha_engine": {"producer": "alpha"}},
        publisher=lambda _: None,
        ready=ready,
    )
    tile.main(service, stop)
    assert said == ["warm", "ready"]
