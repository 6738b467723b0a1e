"""The alpha tile: a service of a topology that follows its engine's journal and publishes scores as signal records.

    [services.alpha]
    kind = "alpha"
    restart = "always"
    settings = { model = "lean.json", channel = "lean", listings = [{ instrument = "AAPL", venue = "XNAS" }], step = 0.01 }
    [links.alpha_engine]                  # and alpha_engine among the engine's inputs
    producer = "alpha"
    consumers = { engine = "reliable" }
    depth = 4096

The engine's journal is what it is given: so each score names the input sequence that it is based on, nothing is lost between, and
the engine does nothing for it. A tile that starts again folds the journal anew and says nothing of the past. Of an engine that
has a standby it follows the journal of the one that leads, and goes on in the other one's, which has the same inputs, behind the
input that it took last.

Invariant: the engine never waits for it: a full link drops the score, counted and told on standard error at the end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

from meridian import records
from meridian._native import alpha as native
from meridian._native.links import Publisher
from meridian.deploy.services import Service, run
from meridian.engine import terms
from meridian.strategies.signals.model import load
from meridian.strategies.signals.settings import Settings, channels
from meridian.strategies.signals.stage import Stage
from meridian.venues.reference import ReferenceData

__all__ = ["Settings", "main", "measured_ns", "model_file", "stage_of"]

LOOK_SECONDS, LOOK_SECONDS_MAX = 20e-6, 500e-6
"""Between two looks into the journal: the longer, the longer nothing came."""
WAIT_SECONDS = 0.02
SILENT_SECONDS = 0.05
"""An engine that leads writes more often than that, a timer where nothing else comes."""
REFERENCE = "reference.toml"


def model_file(service: str) -> str:
    """The copy of a service's model in the run's directory."""
    return f"{service}.model.json"


def stage_of(settings: Settings, model: Path) -> Stage:
    """The stage of these settings."""
    return Stage(
        load(model), channels(settings), on=settings.on, step=settings.step, beat_ns=settings.beat,
        half_ns=float(settings.half), compute=settings.compute,
    )  # fmt: skip


def main(service: Service, stop: Event) -> None:
    """Publishes until asked to stop."""
    settings = Settings.model_validate(service.settings)
    run_directory = service.data_directory.parents[1]
    model = run_directory / model_file(service.name)
    stage = stage_of(settings, model)
    reference = ReferenceData.load(run_directory / REFERENCE)
    listings = [
        (_id(reference.venues[one.venue].id), _id(reference.instruments[one.instrument].id))
        for one in settings.listings
    ]
    (link,) = (name for name, about in service.links.items() if about["producer"] == service.name)
    publisher = service.publisher(link)
    stage.warm()
    # It computes. The journal that it follows is its engine's, which starts beside it: what there is to read it reads from now
    # on, and strategies are told that it has by the first score.
    service.ready()
    dropped = 0
    while not stop.is_set():
        followed = Followed(service.data_directory.parent, settings.engine, listings, settings.beat)
        if not followed.opened(stop):
            return
        dropped += _score(followed, stage, publisher, settings.idle, stop)
        if not stop.is_set():
            stage = stage_of(settings, model)  # Of inputs that were taken in and are not the history, nothing stays.
    if dropped:
        print(f"{service.name}: {dropped} scores found a full link, or no engine, and were dropped", file=sys.stderr)


class Followed:
    """The journal of an engine; of one that has a standby, of whichever of both leads."""

    def __init__(self, data: Path, engine: str, listings: list[tuple[int, int]], beat_ns: int) -> None:
        self._data, self._engine, self._listings, self._beat_ns = data, engine, listings, beat_ns
        self._tap: native.JournalTap | None = None
        self._epoch = 0
        self._heard = 0.0
        self._moved_at: int | None = None

    def opened(self, stop: Event) -> bool:
        """Waits for a journal that has begun; False when asked to stop. Raises RuntimeError as `JournalTap` does."""
        while self._tap is None:
            if stop.wait(WAIT_SECONDS):
                return False
            tile, self._epoch = self._leads()
            self._tap = native.JournalTap.open(self._data / tile, self._listings, self._beat_ns)
        if self._tap.waits_for_start:
            print(f"the begin of {tile}'s journal was taken away: inputs count from the first life on that begins in the rest",
                  file=sys.stderr)  # fmt: skip
        self._heard = time.monotonic()
        return True

    def poll(self) -> tuple[int, bytes] | None:
        """Records taken in and the rows that they gave; None where the one that leads now has other inputs than were taken in:
        then all is to be folded anew. Raises RuntimeError when the journal is damaged."""
        assert self._tap is not None, "opened"
        try:
            taken, rows = self._tap.poll()
            if taken:
                self._heard = time.monotonic()
                self._moved_at = self._moved_at if self._tap.last == self._moved_at else None
            elif time.monotonic() > self._heard + SILENT_SECONDS:
                self._heard = time.monotonic()
                self._go_on(self._tap)
        except RuntimeError:
            if self._moved_at is None:
                raise
            return None
        return taken, rows

    def _go_on(self, tap: native.JournalTap) -> None:
        """Nothing was written for a while: another may lead."""
        tile, epoch = self._leads()
        if epoch > self._epoch:
            self._moved_at = tap.last
            if tap.go_on(self._data / tile):
                self._epoch = epoch

    def _leads(self) -> tuple[str, int]:
        found = terms.leader(self._data, self._engine)
        return (self._engine, 0) if found is None else (found[0], found[1].epoch)


def _score(followed: Followed, stage: Stage, publisher: Publisher, idle: str, stop: Event) -> int:
    """Publishes until asked to stop, or until the journal is to be folded anew; how many scores found no room."""
    while not stop.is_set():
        polled = followed.poll()
        if polled is None:
            return 0
        stage.take(polled[1])  # What was before this life is not published.
        if polled[0] == 0:
            break
    dropped, look_seconds = 0, LOOK_SECONDS
    while not stop.is_set() and (polled := followed.poll()) is not None:
        taken, rows = polled
        if taken:
            look_seconds = LOOK_SECONDS
        if rows:
            for signal in stage.take(rows):
                dropped += publisher.offer(signal.tobytes()) != "sent"
        elif taken == 0 and idle == "back-off":
            time.sleep(look_seconds)
            look_seconds = min(2 * look_seconds, LOOK_SECONDS_MAX)
    return dropped


def _id(number: int | None) -> int:
    assert number is not None
    return number


def measured_ns(directory: Path) -> list[int]:
    """How long each score of a run's tiles took, ns: from the input at which it was published to its arrival at the engine.

    Raises JournalNotFound where there is no journal.
    """
    from meridian.engine import journals

    found = []
    for journal in journals.engines(directory):
        for _, time_ns, data in journals.records(journal):
            if records.name_of(data) == "Signal":
                signal: Any = records.parse(data)
                found.append(time_ns - int(signal["header"]["receive_time_ns"]))
    return found


if __name__ == "__main__":
    sys.exit(run(main))
