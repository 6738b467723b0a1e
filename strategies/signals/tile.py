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
the engine does nothing for it. A tile that starts again folds the journal anew and says nothing of the past.

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
from meridian.deploy.services import Service, run
from meridian.strategies.signals.model import load
from meridian.strategies.signals.settings import Settings, channels
from meridian.strategies.signals.stage import Stage
from meridian.venues.reference import ReferenceData

__all__ = ["Settings", "main", "measured_ns", "model_file", "stage_of"]

LOOK_SECONDS, LOOK_SECONDS_MAX = 20e-6, 500e-6
"""Between two looks into the journal: the longer, the longer nothing came."""
WAIT_SECONDS = 0.02
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
    stage = stage_of(settings, run_directory / model_file(service.name))
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
    tap = None
    while tap is None:
        if stop.wait(WAIT_SECONDS):
            return
        tap = native.JournalTap.open(service.data_directory.parent / settings.engine, listings, settings.beat)
    while not stop.is_set():
        taken, rows = tap.poll()
        stage.take(rows)  # What was before this life is not published.
        if taken == 0:
            break
    dropped, look_seconds = 0, LOOK_SECONDS
    while not stop.is_set():
        taken, rows = tap.poll()
        if taken:
            look_seconds = LOOK_SECONDS
        if rows:
            for signal in stage.take(rows):
                dropped += publisher.offer(signal.tobytes()) != "sent"
        elif taken == 0 and settings.idle == "back-off":
            time.sleep(look_seconds)
            look_seconds = min(2 * look_seconds, LOOK_SECONDS_MAX)
    if dropped:
        print(f"{service.name}: {dropped} scores found a full link, or no engine, and were dropped", file=sys.stderr)


def _id(number: int | None) -> int:
    assert number is not None
    return number


def measured_ns(directory: Path) -> list[int]:
    """How long each score of a run's tiles took, ns: from the input at which it was published to its arrival at the engine.

    Raises JournalNotFound where there is no journal.
    """
    from meridian.engine import journals

    found = []
    for journal in journals.find(directory):
        for _, time_ns, data in journals.records(journal):
            if records.name_of(data) == "Signal":
                signal: Any = records.parse(data)
                found.append(time_ns - int(signal["header"]["receive_time_ns"]))
    return found


if __name__ == "__main__":
    sys.exit(run(main))
