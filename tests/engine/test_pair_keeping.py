"""The journals of an engine and its standby are kept together: each that led is shipped to a place of its own, over changes
of the leader, without a gap and without a false alarm; what was set aside goes by the bounds; what comes back replays."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian import records
from meridian._native import engine as native
from meridian._native import journal as native_journal
from meridian.engine import journals, terms
from meridian.engine.keeping import storage
from meridian.engine.keeping.fetching import Fetched
from meridian.engine.keeping.history import Part, fetch_history, gaps, join
from meridian.engine.keeping.keeper import Pass
from meridian.engine.keeping.retention import Bounds
from meridian.engine.keeping.service import Ship, keep
from tests.engine.keep_journal import inputs
from tests.engine.object_storage import BUCKET, KEYS, server
from tests.engine.test_compression import many

LEADS_BYTES, FOLLOWS_BYTES = 16_384, 12_288
"""Of their segments: those of an engine and its standby end at other inputs."""
TAKEN_OVER_AT = 900
KEPT = Bounds(keep_bytes=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A storage for all tests of this file."""
    with server() as address:
        yield address


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage's keys."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ship(request: pytest.FixtureRequest, s3: str) -> Ship:
    """A place of each test's own."""
    name = re.sub("[^a-z_]", "_", request.node.name)
    return Ship(to=f"s3://{BUCKET}/{name}", run="one", endpoint=s3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A run's data, of an engine that leads since epoch 1 and its standby, which has the same inputs."""
    made = tmp_path / "run" / "data"
    for tile, size in (("engine", LEADS_BYTES), ("engine-standby", FOLLOWS_BYTES)):
        (made / tile).mkdir(parents=True)
        native.run(made / tile, history()[:TAKEN_OVER_AT], None, size)
    terms.begin(made, "engine", "engine", 1)
    return made


def history() -> list[tuple[int, bytes]]:
    """Inputs of two terms: the second one begins behind `TAKEN_OVER_AT`."""
    made = many(3_000)
    start = records.new("EngineStart", day=2000, shard=1, epoch=2, firm=1, takes_over=1)
    return [*made[:TAKEN_OVER_AT], (made[TAKEN_OVER_AT - 1][0], start.tobytes()), *made[TAKEN_OVER_AT:]]


def taken_over(data: Path) -> None:
    """The standby led on, and the engine that led came back to follow it."""
    shutil.rmtree(data / "engine-standby")
    native.run(data / "engine-standby", history(), None, FOLLOWS_BYTES)
    terms.begin(data, "engine", "engine-standby", 2)
    (data / "engine").rename(data / "engine.epoch-1")
    (data / "engine").mkdir()
    native.run(data / "engine", history(), None, LEADS_BYTES)


def sound(passes: list[Pass]) -> list[Pass]:
    """Passes in which nothing went wrong."""
    assert [error for one in passes for error in one.errors] == [] and all(one.alarm is None for one in passes)
    return passes


def numbers(journal: Path) -> list[int]:
    """The segments that are there."""
    return [one["segment"] for one in native_journal.segments(journal)]


def fetched(ship: Ship, to: Path) -> list[Part]:
    """What was shipped, brought back."""

    def connect(place: str) -> storage.Storage:
        return storage.connect(place, endpoint=ship.endpoint)

    return fetch_history(connect(f"{ship.to}/firm-0/shard-0/{ship.run}"), connect, to)


def test_what_led_is_shipped_term_by_term_and_every_input_comes_back_and_replays(
    data: Path, ship: Ship, tmp_path: Path
) -> None:
    first = sound(keep(data / "engine", Bounds(), ship, lambda *_: None))
    assert [Path(one.journal).name for one in first] == ["engine", "engine-standby"]
    assert first[0].shipped and first[0].shipped.to.endswith("/one/epoch-1") and first[0].shipped.waiting == 0
    assert first[1].shipped is None and first[1].compressed.segments > 0, "who follows is kept, and not shipped"
    taken_over(data)
    second = sound(keep(data / "engine", Bounds(), ship, lambda *_: None))
    assert [Path(one.journal).name for one in second] == ["engine-standby", "engine.epoch-1", "engine"]
    assert second[0].shipped and second[0].shipped.to.endswith("/one/epoch-2") and second[0].shipped.segments > 0
    ended = native_journal.segments(data / "engine.epoch-1")
    assert all(one["plain_bytes"] is None for one in ended if one["closed"]), "no engine starts from it any more"
    again = sound(keep(data / "engine-standby", Bounds(), ship, lambda *_: None))
    assert all(one.compressed.segments == 0 and (one.shipped is None or one.shipped.segments == 0) for one in again)
    parts = fetched(ship, tmp_path / "back")
    assert [(one.epoch, one.first, one.damage) for one in parts] == [(1, 1, None), (2, 1, None)] and gaps(parts) == []
    assert parts[0].counts_to == TAKEN_OVER_AT and parts[1].counts_to == parts[1].last > TAKEN_OVER_AT
    for one in parts:
        whole = {at: record for at, _, record in journals.records(data / "engine")}
        assert all(whole[at] == record for at, _, record in journals.records(one.directory))
        assert journals.replay(one.directory)["last_sequence"] == one.last
    assert join(parts, tmp_path / "whole") == parts[1].last
    assert list(journals.records(tmp_path / "whole")) == list(journals.records(parts[1].directory))
    assert journals.replay(tmp_path / "whole")["last_sequence"] == parts[1].last
    with pytest.raises(FileExistsError):
        join(parts, tmp_path / "whole")
    assert fetched(ship, tmp_path / "back")[0].fetched.segments == 0, "nothing comes twice"


def test_of_who_leads_and_who_follows_goes_what_is_shipped_and_no_snapshot_needs(
    data: Path, ship: Ship, tmp_path: Path
) -> None:
    before = {tile: numbers(data / tile) for tile in ("engine", "engine-standby")}
    held = sound(keep(data / "engine", KEPT, ship, lambda *_: None))
    assert all(one.retained and one.retained.segments == 0 for one in held), "none has a snapshot"
    made = journals.snapshot(data / "engine")
    held = sound(keep(data / "engine", KEPT, ship, lambda *_: None))
    assert held[0].retained and held[0].retained.segments > 0
    assert held[1].retained and held[1].retained.segments == 0, "the other one's snapshot is none of it"
    assert held[1].retained.held_why and "no snapshot" in held[1].retained.held_why
    journals.snapshot(data / "engine-standby")
    both = sound(keep(data / "engine", KEPT, ship, lambda *_: None))
    assert both[1].retained and both[1].retained.segments > 0
    for tile in before:
        found = native_journal.verify(data / tile)
        assert numbers(data / tile)[0] > before[tile][0] and found["damage"] is None
        assert (
            found["begins_at"] and 1 < found["begins_at"] <= made.input and str(found["shipped_to"]).endswith("epoch-1")
        )
    # A run is still known by its journals, and both of a pair get snapshots.
    assert journals.engines(data) and journals.followers([data / "engine"]) == [data / "engine-standby"]
    (part,) = fetched(ship, tmp_path / "back")
    assert (part.first, part.damage) == (1, None) and journals.replay(part.directory)["last_sequence"] == part.last


def test_nothing_goes_that_the_one_that_follows_has_not_taken(data: Path) -> None:
    shutil.rmtree(data / "engine-standby")
    native.run(data / "engine-standby", history()[:300], None, FOLLOWS_BYTES)
    journals.snapshot(data / "engine")
    (leads, _) = sound(keep(data / "engine", KEPT, None, lambda *_: None))
    assert leads.retained and leads.retained.held > 0 and "follows has not taken" in str(leads.retained.held_why)
    begins = native_journal.segments(data / "engine")[0]["first_sequence"]
    assert begins is not None and begins <= 300
    # One that is gone, or lacks what is gone already, begins anew with a snapshot: nothing is kept for it.
    shutil.rmtree(data / "engine-standby")
    (leads,) = sound(keep(data / "engine", KEPT, None, lambda *_: None))
    assert leads.retained and leads.retained.segments > 0


def test_what_was_set_aside_goes_by_the_bounds_once_it_is_shipped_and_its_folder_at_last(
    data: Path, ship: Ship
) -> None:
    taken_over(data)
    old = data / "engine.epoch-1"
    away = ship.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    passes = keep(data / "engine", KEPT, away, lambda *_: None)
    assert numbers(old) and passes[1].errors, "what is not shipped stays"
    sound(keep(data / "engine", Bounds(keep_days=1), ship, lambda *_: None))
    assert numbers(old), "it is young"
    for path in old.iterdir():
        os.utime(path, (time.time() - 3 * 86_400,) * 2)
    sound(keep(data / "engine", Bounds(keep_days=1), ship, lambda *_: None))
    assert not old.exists() and numbers(data / "engine") and numbers(data / "engine-standby")
    # By what all of them take together, the oldest first.
    for epoch in (3, 4):
        aside = data / f"engine-standby.epoch-{epoch}"
        aside.mkdir()
        native.run(aside, history()[:600], None, FOLLOWS_BYTES)
        (aside / terms.FILE).write_text(json.dumps({"version": 1, "epoch": epoch, "lineage": "1" * 32}))
    sound(keep(data / "engine", Bounds(), None, lambda *_: None))
    size = sum(path.stat().st_size for path in aside.glob("journal-*"))
    sound(keep(data / "engine", Bounds(keep_bytes=size), None, lambda *_: None))
    assert not (data / "engine-standby.epoch-3").exists() and aside.exists()


@pytest.mark.parametrize("at", ["segments compressed", "segments shipped"])
def test_a_change_of_the_leader_in_the_middle_of_a_pass_touches_nothing_of_the_new_journal(
    data: Path, ship: Ship, at: str
) -> None:
    journals.snapshot(data / "engine")
    fresh = data.parent / "fresh"
    fresh.mkdir()
    native.run(fresh, inputs(), None, LEADS_BYTES)
    files = {path.name: path.read_bytes() for path in fresh.iterdir()}
    done: list[str] = []

    def step(what: str, *_: int) -> None:
        if what == at and not done and (data / "engine").exists():
            done.append(what)
            terms.begin(data, "engine", "engine-standby", 2)
            (data / "engine").rename(data / "engine.epoch-1")
            fresh.rename(data / "engine")

    keep(data / "engine", KEPT, ship, step)
    assert done == [at]
    assert {path.name: path.read_bytes() for path in (data / "engine").iterdir()} == files
    assert native_journal.verify(data / "engine.epoch-1")["damage"] is None
    assert all(one.alarm is None for one in keep(data / "engine", Bounds(), ship, lambda *_: None))


def test_a_second_writer_is_an_alarm_whichever_of_them_led_later(data: Path, ship: Ship, tmp_path: Path) -> None:
    other = tmp_path / "other" / "data"
    shutil.copytree(data, other)
    sound(keep(data / "engine", Bounds(), ship, lambda *_: None))
    # Another history under this name: nothing of it is shipped, whatever its epoch.
    for epoch in (1, 7):
        (other / "engine" / terms.FILE).write_text(json.dumps({"version": 1, "epoch": epoch, "lineage": "2" * 32}))
        told = keep(other / "engine", Bounds(), ship, lambda *_: None)[0]
        assert told.alarm and "two writers" in told.alarm and told.shipped and told.shipped.segments == 0
    # A copy that went on and leads with an epoch of its own: the one that did not hear of it is told.
    shutil.copy(data / "engine" / terms.FILE, other / "engine" / terms.FILE)
    taken_over(other)
    sound(keep(other / "engine", Bounds(), ship, lambda *_: None))
    (data / "engine" / "shipped.json").unlink()
    told = keep(data / "engine", Bounds(), ship, lambda *_: None)[0]
    assert told.alarm and "epoch-2" in told.alarm


def test_inputs_that_no_term_has_are_told(tmp_path: Path) -> None:
    nothing = Fetched(
        segments=0, there_already=0, snapshots=0, reference=None, bytes=0, first_segment=0, last_segment=0
    )
    parts = [
        Part(epoch=epoch, directory=tmp_path / f"epoch-{epoch}", fetched=nothing, first=first, last=last, counts_to=last,
             damage=None)
        for epoch, first, last in ((1, 1, 100), (3, 90, 200), (4, 250, 300))
    ]  # fmt: skip
    assert [sentence.partition(": ")[2] for sentence in gaps(parts)] == [
        "begins at input 250; 201 to 249 are in no term"
    ]
