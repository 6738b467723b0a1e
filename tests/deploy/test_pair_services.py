"""A region whose engine has a standby, with a keeper that lets its journals' begins go and ships them, and an alpha tile: over
two changes of the leader nothing is lost, the one that led follows again without the begin, and what was shipped is all.

Invariant: the runs lie apart from the user's own; every order is accounted for by the exchanges' own journals.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian._native import alpha as native
from meridian.analytics.parity_cli import parity as command_of_parity
from meridian.deploy import platform as platforms
from meridian.deploy.handover import Request
from meridian.deploy.platform import Platform
from meridian.deploy.strategies import RunningEngine, new_request, start_stop
from meridian.engine import journals, terms
from meridian.engine.keeping import storage
from meridian.engine.keeping.history import fetch_history, gaps, join
from meridian.engine.keeping.retention import Bounds
from meridian.engine.keeping.service import Ship, keep
from meridian.engine.room import kept
from meridian.strategies import channel
from meridian.strategies.signals.model import load as load_model
from meridian.strategies.signals.stage import Stage
from tests.deploy.parity_checks import typed
from tests.deploy.support import own_runtime, printed
from tests.deploy.test_alpha_tile import MODEL, scores
from tests.deploy.test_region import copied, spoil
from tests.engine.object_storage import BUCKET, KEYS, server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(720)]
STRATEGIES = ("maker-aapl-xnas", "taker-aapl")
PAIR = {"engine", "engine-standby"}
CHANNEL = channel("lean:AAPL@XNAS")
BEAT_NS = 200_000_000
SECONDS_MAX = 180.0
"""For anything that is waited for: segments fill as fast as a host trades, and it may be busy."""
ASKED = Request(request="1", by="an operator", reason="a new kernel", asked_ns=1)
SERVICES = """
[services.keeper]
kind = "journal-keeper"
restart = "always"
[services.keeper.settings]
look_s = 0.2
keep_bytes = 1
[services.keeper.settings.ship]
to = "{to}"
run = "one"
endpoint = "{endpoint}"

[services.alpha]
kind = "alpha"
restart = "always"
[services.alpha.settings]
model = "lean.json"
channel = "lean"
listings = [{{ instrument = "AAPL", venue = "XNAS" }}]
step = 0.02
beat = "200ms"

[links.alpha_engine]
producer = "alpha"
consumers = {{ engine = "reliable" }}
depth = 4096
"""


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ship]:
    """An empty storage, and runs of this test's own."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with own_runtime(), server() as address:
        yield Ship(to=f"s3://{BUCKET}/pair", run="one", endpoint=address)


def topology(folder: Path, ship: Ship) -> Path:
    """New York with all of them."""
    path = copied(folder)
    (folder / "lean.json").write_text(json.dumps(MODEL), encoding="utf-8")
    spoil(
        path,
        ("port = 9464", "port = 0"),
        ("[tiles.engine.settings]\n", '[tiles.engine.standby]\nprocess = "standby"\n[tiles.engine.settings]\n'),
        ("segment_bytes = 4_194_304", 'segment_bytes = 65_536\ndurability = "standby"'),
        ('"feed_xbos_engine"]', '"feed_xbos_engine", "alpha_engine"]'),
        *[('process = "engine"', 'process = "room"')] * 2,
    )
    text = path.read_text(encoding="utf-8") + SERVICES.format(to=ship.to, endpoint=ship.endpoint)
    path.write_text(text, encoding="utf-8")
    return path


class Pair:
    """The region while it runs."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.hand = platform, platform.hands["new-york"]
        self.data = Path(platform.below["new-york"].run.data_directory)

    def soon(self, what: Any) -> None:
        """Waits until it is so, and nothing fails meanwhile."""
        deadline = time.monotonic() + SECONDS_MAX
        while not what():
            self.platform.look()
            assert not self.platform.failures, self.platform.failures
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.02)

    def in_step(self) -> bool:
        """Whether the one that follows has all."""
        return self.hand.pending is None and self.hand.in_step and self.hand.value(self.hand.leads, "partner") == 2

    def command(self, *, start: bool) -> None:
        """Starts or stops the strategies."""
        engine = RunningEngine.of(self.data.parent)
        for name in STRATEGIES:
            request = new_request()
            engine.command(start_stop(engine.slot(name), request, start=start), request)

    def begun(self, tile: str) -> int:
        """Segments that a tile's journal has begun."""
        return len(list((self.data / tile).glob("journal-*")))

    def begin_goes(self) -> None:
        """Waits until both journals have lost their begin, and the keeper has nothing to tell."""
        for tile in PAIR:
            self.soon(lambda tile=tile: self.begun(tile) > 5)
            journals.snapshot(self.data / tile)
        for tile in PAIR:
            self.soon(lambda tile=tile: (self.data / tile / "retained.json").exists())
        told = kept(self.data, "keeper")
        assert told is not None and told["alarm"] is None and told["last_error"] is None, told

    def scored(self) -> int:
        """Scores in the journal of the one that leads."""
        return len(scores(self.data / self.hand.leads))

    def scores_on(self) -> None:
        """Waits until the one that leads has more scores."""
        before = self.scored()
        self.soon(lambda: self.scored() > before + 10)


def history(ship: Ship, folder: Path, whole: Path) -> None:
    """Brings all that was shipped, as one journal."""

    def connect(place: str) -> storage.Storage:
        return storage.connect(place, endpoint=ship.endpoint)

    parts = fetch_history(connect(f"{ship.to}/firm-1/shard-1/{ship.run}"), connect, folder)
    assert [one.epoch for one in parts] == [1, 2, 3] and gaps(parts) == [] and all(one.damage is None for one in parts)
    assert parts[0].first == 1 and parts[2].first > 1, "who follows again did not begin with input 1"
    join(parts, whole)


def test_a_pair_with_a_keeper_and_an_alpha_tile_goes_on_over_two_changes_of_the_leader(
    tmp_path: Path, ship: Ship
) -> None:
    with Platform(platforms.load([str(topology(tmp_path, ship))]), tmp_path / "data") as platform:
        pair = Pair(platform)
        pair.soon(pair.in_step)
        pair.command(start=True)
        pair.soon(lambda: pair.scored() > 20)
        pair.begin_goes()
        leader = pair.hand.child("engine")
        assert leader is not None and leader.popen is not None
        os.kill(leader.popen.pid, signal.SIGKILL)
        pair.soon(lambda: pair.hand.leads == "engine-standby" and pair.in_step())
        joined = journals.verify(pair.data / "engine")
        assert joined["begins_at"] and joined["begins_at"] > 1 and joined["damage"] is None
        assert (pair.hand.value("engine", "hashes_compared") or 0) > 0
        pair.scores_on()
        pair.begin_goes()
        pair.hand.hand_over(ASKED)
        pair.soon(lambda: pair.hand.leads == "engine" and pair.in_step())
        pair.scores_on()
        pair.command(start=False)
        data, leads = pair.data, pair.hand.leads
    found = terms.leader(data, "engine")
    assert found is not None and found[0] == leads == "engine" and found[1].epoch == 3
    passes = keep(data / "engine", Bounds(), ship, lambda *_: None)
    assert all(one.errors == [] and (one.shipped is None or one.shipped.waiting == 0) for one in passes)
    last = journals.verify(data / leads)
    told = (data / leads / "state.json").read_bytes()
    shutil.rmtree(data / leads)
    history(ship, tmp_path / "back", data / leads)
    whole = journals.verify(data / leads)
    assert (whole["first_sequence"], whole["last_sequence"]) == (1, last["last_sequence"]) and whole["damage"] is None
    # What the engine said of itself at its end is compared with the whole history.
    (data / leads / "state.json").write_bytes(told)
    _all_is_accounted_for(data.parent)
    # As fetched, of the life before the first change.
    assert typed(command_of_parity, str(tmp_path / "back" / "epoch-1"))["unexplained"] == 0
    _scores_are_those_of_the_history(data.parent, data / leads)


def _all_is_accounted_for(run: Path) -> None:
    assert printed("journal", "replay", str(run))["agree"]
    report = printed("report", str(run))
    assert report["reconciliation"]["agrees"] and report["problems"] == []
    assert report["orders"]["sent"] > 0


def _scores_are_those_of_the_history(run: Path, journal: Path) -> None:
    """Each is what its input gives, said once, and none goes back."""
    tap = native.JournalTap.open(journal, [(1, 1)], BEAT_NS)
    assert tap is not None
    rows = b""
    while (polled := tap.poll())[0]:
        rows += polled[1]
    stage = Stage(load_model(run / "alpha.model.json"), [CHANNEL], step=0.02, beat_ns=BEAT_NS)
    expected = Counter(map(_words, stage.take(np.frombuffer(rows, dtype=np.int64).reshape(-1, native.WORDS))))
    said = scores(journal)
    # A step and a beat may be of one input: then it is said twice there, too.
    assert len(said) > 50 and not Counter(map(_words, said)) - expected, "each follows from its input, and is said once"
    based_on, published_ns = said["based_on"].astype(np.int64), said["header"]["receive_time_ns"].astype(np.int64)
    assert (np.diff(based_on) >= 0).all() and (np.diff(published_ns) >= 0).all()
    starts = [at for at, _, data in journals.records(journal) if records.name_of(data) == "EngineStart"]
    assert len(starts) == 3 and all((based_on > at).sum() > 10 for at in starts), "it went on in each term"


def _words(signal: Any) -> tuple[int, int, int]:
    """On which input a score is based, at which engine time it was published, and what it is."""
    return int(signal["based_on"]), int(signal["header"]["receive_time_ns"]), int(signal["bits"])
