"""The keeper as a service of a topology, beside an engine: it looks at the engine's journal every few seconds, and at that of
its standby where it has one.

    [services.keeper]
    kind = "journal-keeper"
    restart = "always"
    settings = { engine = "engine", keep_days = 30, ship = { to = "s3://books/prod", run = "2026", credentials = "keys.ini" } }

Invariant: settings are checked before anything starts; what a pass could not do is in `keeper.json` of the service's
own directory, which `meridian status` and the metrics read, and is tried again after a pause that grows.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from meridian import files, logs
from meridian._native import journal as native
from meridian.deploy.services import Service, run
from meridian.engine import journals
from meridian.engine.keeping import storage
from meridian.engine.keeping.keeper import Keeper, Pass, Step
from meridian.engine.keeping.pair import PairKeeper, is_of_a_pair, summed
from meridian.engine.keeping.retention import Bounds
from meridian.engine.keeping.shipping import Shipper, claim, term_path
from meridian.engine.room import KEEPER_STATE
from meridian.engine.terms import SUFFIX, Term

RUN = r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,63}"
LOOK_SECONDS = 5.0
PAUSE_SECONDS_MAX = 60.0
"""Between two passes that could not do all; each waits twice as long as the one before, and a little more or less."""
NICE = 10

logs.configure()
log = structlog.get_logger("keeper")


class Ship(BaseModel):
    """Where closed segments are shipped to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    run: str = Field(pattern=f"^{RUN}$", description="1 to 64 letters, digits, _ . = and -")
    """What this journal is called there, beside the engine's firm and shard: one journal, one name."""
    endpoint: str | None = None
    """https://HOST:PORT of a server other than Amazon's."""
    region: str | None = None
    credentials: str | None = None
    """A file with the keys; else the environment."""
    reference: str | None = None
    """The file of the engine's reference data."""

    @model_validator(mode="after")
    def _reachable(self) -> Ship:
        if wrong := storage.problems(self.to, self.endpoint):
            raise ValueError(" ".join(wrong))
        return self


class Settings(BaseModel):
    """What the topology may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str = "engine"
    """The tile whose journal is kept, and that of its standby."""
    look_s: float = Field(default=LOOK_SECONDS, ge=0.1, le=3600, description="seconds from 0.1 to 3600")
    keep_days: float | None = Field(default=None, gt=0, le=100_000, description="days, more than 0")
    keep_bytes: int | None = Field(default=None, ge=1, description="bytes, at least 1")
    ship: Ship | None = None

    @field_validator("engine")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if "/" in name or name.startswith("."):
            raise ValueError("must be the name of a tile")
        return name


class Stopped(Exception):
    """Asked to stop between two segments."""


def shipper(journal: Path, ship: Ship, term: Term | None = None, newest: int = 0) -> Shipper | None:
    """Ships a journal that has begun; None where it has not: whose it is, its first segment says. Of an engine that has a
    standby: of this term, of which `newest` is the newest one here. Raises BadInput."""
    whose = next((one for one in native.segments(journal) if one["firm"] is not None), None)
    key_file = Path(ship.credentials) if ship.credentials else None
    connect = partial(storage.connect, endpoint=ship.endpoint, region=ship.region, key_file=key_file)
    there = connect(ship.to)
    if whose is None:
        return None
    run_place = there.place.below(f"firm-{whose['firm']}", f"shard-{whose['shard']}", ship.run)
    reference = Path(ship.reference) if ship.reference else None
    if term is None:
        return Shipper(journal=journal, storage=connect(str(run_place)), reference=reference)
    before = partial(claim, connect(str(run_place)), term, newest)
    own = connect(str(run_place.below(term_path(term.epoch))))
    return Shipper(journal=journal, storage=own, reference=reference, before=before)


def keep(journal: Path, bounds: Bounds, ship: Ship | None, step: Step) -> list[Pass]:
    """One pass over the journal of an engine, of one that has a standby over all of both, first that of the one that leads;
    nothing where none has begun. Raises BadInput, Busy, OSError."""
    whole = journal.resolve()
    engine = whole.name.partition(".")[0].removesuffix(SUFFIX)
    if is_of_a_pair(whole.parent, engine):
        ships = None if ship is None else lambda path, term, newest: shipper(path, ship, term, newest)
        return PairKeeper(data=whole.parent, engine=engine, bounds=bounds, ship=ships).once(step)
    if not journal.is_dir() or not journals.holds(journal):
        return []
    return [Keeper(journal=journal, bounds=bounds, shipper=shipper(journal, ship) if ship else None).once(step)]


def pause(failed: int, look_s: float, chance: random.Random) -> float:
    """Seconds until the next pass, after so many in a row that could not do all."""
    if failed == 0:
        return look_s
    return float(max(look_s, min(PAUSE_SECONDS_MAX, look_s * 2.0**failed)) * chance.uniform(0.8, 1.2))


def written(path: Path, passes: list[Pass], failed: int, errors: list[str], last_error: str | None) -> None:
    """Puts down what the keeper says of itself."""
    state: dict[str, Any] = {"version": 1, "at_ns": time.time_ns(), "failed_in_a_row": failed, "errors": errors}
    state |= {"last_error": last_error, "pass": summed(passes).entry() if passes else None}
    state["journals"] = [one.entry() for one in passes]
    files.write_whole(path, json.dumps(state) + "\n")


def main(service: Service, stop: Event) -> None:
    """Keeps the engine's journals until asked to stop. Raises BadInput for credentials that cannot be read."""
    settings = Settings.model_validate(service.settings)
    journal = service.data_directory.parent / settings.engine
    if settings.ship is not None:
        storage.credentials(Path(settings.ship.credentials) if settings.ship.credentials else None)
    os.nice(NICE)
    bounds = Bounds(keep_days=settings.keep_days, keep_bytes=settings.keep_bytes)
    path = service.data_directory / KEEPER_STATE
    chance, failed, last_error = random.Random(), 0, None
    service.ready()

    def step(*_: object) -> None:
        if stop.is_set():
            raise Stopped

    while not stop.is_set():
        passes: list[Pass] = []
        errors: list[str] = []
        try:
            passes = keep(journal, bounds, settings.ship, step)
            errors = [sentence for one in passes for sentence in one.errors]
        except Stopped:
            return
        except Exception as error:  # What it is, a person reads in the status; the next pass may do better.
            errors = [f"{journal}: {error}"]
        failed = failed + 1 if errors else 0
        for sentence in errors:
            if sentence != last_error:
                log.warning("not kept", why=sentence)
        last_error = errors[-1] if errors else last_error
        try:
            written(path, passes, failed, errors, last_error)
        except OSError as error:
            log.warning("status not written", why=str(error))
        stop.wait(pause(failed, settings.look_s, chance))


if __name__ == "__main__":
    sys.exit(run(main))
