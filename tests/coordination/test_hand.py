"""The hand over an engine and its standby: whom it promotes and whom not, over a real store, real rings and processes that are
really killed. What the two engines say of themselves is given."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from meridian import files, records
from meridian._native import analytics, engine, links
from meridian.console import CheckFailed, Unreachable
from meridian.coordination import Etcd, EtcdServer, keys
from meridian.coordination import epochs as offices
from meridian.deploy import epochs, handover, installations, pairs, quarantine
from meridian.deploy.hand import CannotHandOver, Hand, Promotion
from meridian.deploy.handover import Request
from meridian.deploy.specs import Places
from meridian.deploy.supervisor import Child, Supervisor
from meridian.deploy.topology import check
from meridian.engine import journals, terms
from meridian.engine.keeping.keeper import Keeper
from meridian.engine.keeping.retention import Bounds
from tests.deploy.test_pairs import GOOD, KINDS
from tests.engine.test_compression import SEGMENT_BYTES, many

HOLDER = "ny-1"
FIRST, SECOND = "engine", "engine-standby"
IN_STEP = {
    FIRST: {"role": 1, "partner": 2, "alone": 0},
    SECOND: {"role": 0, "partner": 2, "suspects": 0, "unfit": 0},
}


@dataclass(slots=True)
class World:
    """A pair of which each process sleeps."""

    hand: Hand
    children: dict[str, Child]
    folder: Path
    said: dict[str, dict[str, int]]
    heard: list[Promotion | None]
    reached: list[Etcd]
    leads: dict[str, links.Subscriber] = field(default_factory=dict)

    def start(self, tile: str) -> None:
        """A life of one of the two begins."""
        child = self.children[tile]
        self.hand.before_start(child.name)
        child.popen = subprocess.Popen(["sleep", "60"])
        self.leads[tile] = links.Subscriber(self.folder / "links" / f"{tile}_lead", 0)
        (self.folder / "data" / tile).mkdir(parents=True, exist_ok=True)

    def kill(self, tile: str) -> None:
        child = self.children[tile]
        assert child.popen is not None
        child.popen.kill()
        child.popen.wait()

    def told(self, tile: str) -> list[int]:
        """The epochs with which one of the two was told to lead."""
        said = self.words(tile)
        assert all(kind == "Lead" for kind, _ in said), said
        return [epoch for _, epoch in said]

    def words(self, tile: str) -> list[tuple[str, int]]:
        """What one of the two was told: kind of record and epoch."""
        return [(records.name_of(one), int(records.parse(one)["epoch"])) for one in self.leads[tile].poll()]

    def pending(self) -> str | None:
        """Who was told to lead and is not known to."""
        return None if self.hand.pending is None else self.hand.pending.tile

    def epoch_of(self, tile: str) -> int:
        """The epoch that its first record gives it."""
        name = "bootstrap.rec" if tile == FIRST else "bootstrap.rec-standby"
        return int(records.parse((self.folder / name).read_bytes())["epoch"])

    def look(self, **said: dict[str, int]) -> None:
        """What they say from now on, then a look."""
        for tile, values in said.items():
            self.said[tile.replace("_", "-")].update(values)
        self.hand.look()


@pytest.fixture
def world(store: EtcdServer, etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Both run, the standby in step."""
    etcd.delete(keys.EPOCHS.prefix(), prefix=True)
    monkeypatch.setattr("meridian.deploy.services.problems", lambda *_: [])
    topology = pairs.expanded(check(GOOD, kinds=KINDS, aeron=True))
    (tmp_path / "links").mkdir()
    start = records.new("EngineStart", epoch=1, shard=1).tobytes()
    (tmp_path / "bootstrap.rec").write_bytes(start)
    places = Places(run_directory=tmp_path, shared_directory=tmp_path, data_directory=tmp_path / "data",
                    aeron_directory=tmp_path, ports={})  # fmt: skip
    for name in pairs.inputs(topology, FIRST):
        links.create_ring(places.ring(name), 8, 192, [True, False])
    children = {
        tile: Child(name=topology.process_of(tile), spec=tmp_path, log=tmp_path, policy="always")
        for tile in (FIRST, SECOND)
    }
    watched = quarantine.Watch(topology)
    watched.places = places
    supervisor = SimpleNamespace(
        topology=topology,
        region=SimpleNamespace(shard=1),
        places=places,
        children=list(children.values()),
        watched=watched,
    )
    said = {tile: dict(values) for tile, values in IN_STEP.items()}
    monkeypatch.setattr(Hand, "value", lambda self, tile, name: said[tile].get(name))
    reached, heard = [store.client()], list[Promotion | None]()
    given = epochs.Epochs(lambda: reached[0], tmp_path / epochs.FILE)
    hand = Hand(cast("Supervisor", supervisor), given, HOLDER, heard.append)
    made = World(hand, children, tmp_path, said, heard, reached)
    for tile in (FIRST, SECOND):
        made.start(tile)
    hand.look()
    yield made
    for child in children.values():
        if child.popen is not None:
            child.popen.kill()
            child.popen.wait()


def test_the_engine_leads_first_and_its_standby_has_no_epoch(world: World, etcd: Etcd) -> None:
    assert (world.epoch_of(FIRST), world.epoch_of(SECOND)) == (1, 0)
    assert offices.office(etcd, HOLDER) == offices.Office(1, FIRST)
    assert world.told(FIRST) == world.told(SECOND) == []


def test_a_standby_takes_the_place_of_an_engine_whose_process_ended(world: World, etcd: Etcd) -> None:
    feed = links.Publisher(world.folder / "links" / "feed_engine")
    own, second = (links.Subscriber(world.folder / "links" / "feed_engine", place) for place in (0, 1))
    del own
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [2] and offices.office(etcd, HOLDER) == offices.Office(2, SECOND)
    assert world.heard == [] and world.pending() == SECOND, "told, and not known to lead"
    world.look(engine_standby={"role": 1})
    (promotion,) = world.heard
    assert promotion is not None and (promotion.tile, promotion.epoch, promotion.why) == (
        SECOND,
        2,
        "its process ended",
    )
    assert world.pending() is None and world.hand.leads == SECOND
    # The input links wait for the one that leads.
    sent = 0
    while feed.offer(b"word") == "sent":
        sent += 1
        assert sent < 1_000
    assert len(second.poll()) == sent and second.lost == 0
    # Who led, follows: with a journal of its own.
    world.said[FIRST] |= {"role": 0}
    (world.folder / "data" / FIRST / "journal").write_text("what it did")
    world.start(FIRST)
    assert world.epoch_of(FIRST) == 0
    assert (world.folder / "data" / f"{FIRST}.epoch-1" / "journal").read_text() == "what it did"
    # And takes its place back, with an epoch of its own, once it has all again.
    world.look(engine={"partner": 2, "suspects": 0}, engine_standby={"partner": 2, "alone": 0})
    world.kill(SECOND)
    world.look()
    assert world.told(FIRST) == [3] and offices.office(etcd, HOLDER) == offices.Office(3, FIRST)


def test_who_leads_is_written_down_beside_its_journal_and_goes_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = world.folder / "data"
    first = terms.term_of(data / FIRST)
    assert first is not None and first.epoch == 1 and terms.leader(data, FIRST) == (FIRST, first)
    world.kill(FIRST)
    world.start(FIRST)
    assert world.epoch_of(FIRST) == 2 and terms.term_of(data / FIRST) == first, "through its restarts"
    world.kill(FIRST)
    world.look()
    # A disk that takes nothing for a moment keeps nobody from leading.
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_whole", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        world.hand._leads_now(world.hand.pending or pytest.fail("it is told to lead"))
    assert world.hand.leads == SECOND and terms.term_of(data / SECOND) is None
    world.look(engine_standby={"role": 1}, engine={"role": 0})
    assert terms.leader(data, FIRST) == (SECOND, terms.Term(epoch=3, lineage=first.lineage))
    world.start(FIRST)
    assert terms.term_of(data / FIRST) is None and terms.term_of(data / f"{FIRST}.epoch-2") == first


def test_one_that_lacks_what_its_leader_no_longer_has_begins_with_its_snapshot(world: World) -> None:
    leads, follows = world.folder / "data" / FIRST, world.folder / "data" / SECOND
    for folder, inputs in ((leads, many(1_500)), (follows, many(1_500)[:60])):
        engine.run(folder, inputs, None, SEGMENT_BYTES)
    made = journals.snapshot(leads)
    done = Keeper(journal=leads, bounds=Bounds(keep_bytes=1)).once()
    assert done.errors == [] and done.retained and done.retained.segments > 0
    child = world.children[SECOND]
    first = child.popen
    assert first is not None
    # One that catches up is left alone, one that never will is ended.
    world.hand._behind_at = 0.0
    world.look(engine_standby={"partner": 1, "followed": made.input})
    assert first.poll() is None
    world.hand._behind_at = 0.0
    world.look(engine_standby={"partner": 1, "followed": 60})
    assert first.poll() == -signal.SIGKILL and child.ended_on_purpose
    world.start(SECOND)
    assert [file for file, _, wrong in journals.snapshots(follows) if wrong is None] == [made.name]
    (kept,) = follows.parent.glob(f"{SECOND}.behind-*")
    assert journals.verify(kept)["last_sequence"] == 60 and journals.verify(follows)["last_sequence"] == made.input
    assert world.epoch_of(SECOND) == 0 and terms.term_of(follows) is None


def test_one_that_stands_still_is_ended_first(world: World) -> None:
    leader = world.children[FIRST].popen
    assert leader is not None
    os.kill(leader.pid, signal.SIGSTOP)
    world.look(engine_standby={"suspects": 1, "partner": 0})
    assert leader.poll() == -signal.SIGKILL and world.told(SECOND) == [2]


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_journal_of_one_that_led_is_set_aside_within_a_volume_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    """A mount point cannot be given another name."""
    monkeypatch.setattr(Path, "is_mount", lambda path: path == world.folder / "data" / FIRST)
    folder = world.folder / "data" / FIRST
    for name in ("journal-0", "journal-1"):
        (folder / name).write_text(name)
    world.kill(FIRST)
    world.look()
    world.look(engine_standby={"role": 1})
    if interrupted:
        whole = Path.rename

        def refuses(path: Path, to: Path) -> Path:
            if path.name == "journal-1":
                raise OSError(30, "Read-only file system")
            return whole(path, to)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", refuses)
            with pytest.raises(OSError, match="Read-only"):
                world.start(FIRST)
        assert (folder / "journal-1").exists(), "it is no follower's yet, and no life has begun"
    world.start(FIRST)
    assert [path.name for path in sorted((folder / "epoch-1").iterdir())] == ["journal-0", "journal-1", "led.json"]
    assert [path.name for path in folder.iterdir()] == ["epoch-1"] and world.epoch_of(FIRST) == 0


@pytest.mark.parametrize(
    "said", [{"partner": 1}, {"partner": 3}, {"role": 1}], ids=["it is behind", "it diverged", "it leads already"]
)
def test_who_is_not_to_lead_is_not_promoted(world: World, etcd: Etcd, said: dict[str, int]) -> None:
    world.look(engine_standby=said)
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [] and offices.current(etcd, HOLDER) == 1
    world.start(FIRST)
    assert world.epoch_of(FIRST) == 2, "the engine itself goes on"


def test_without_the_store_nobody_is_promoted_and_it_is_tried_again(
    world: World, store: EtcdServer, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meridian.deploy.hand.AGAIN_SECONDS", 0.0)
    world.reached[0] = Etcd(["http://127.0.0.1:1"], timeout_s=0.2)
    world.kill(FIRST)
    for _ in range(3):
        world.look()
    assert world.told(SECOND) == [] and world.hand.leads == FIRST
    world.reached[0] = store.client()
    world.look()
    assert world.told(SECOND) == [2] and offices.office(etcd, HOLDER) == offices.Office(2, SECOND)


def test_an_engine_is_let_off_its_standby_in_writing_and_is_not_replaced_by_it_before_it_waits_again(
    world: World, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meridian.deploy.hand.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("meridian.deploy.hand.AGAIN_SECONDS", 0.0)
    world.look(engine={"partner": 0})
    world.look()
    assert world.hand.epochs.alone(HOLDER) and set(world.told(FIRST)) == {1}, "its own epoch"
    world.look(engine={"alone": 1})
    assert world.told(FIRST) == []
    world.look(engine={"partner": 2})
    assert world.hand.epochs.alone(HOLDER), "it does not wait for it yet"
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [] and offices.current(etcd, HOLDER) == 1
    world.start(FIRST)
    world.look(engine={"alone": 0})
    assert not world.hand.epochs.alone(HOLDER)
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [3]


def test_the_engine_that_led_goes_on_where_its_standby_cannot_lead(world: World, etcd: Etcd) -> None:
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [2]
    world.look(engine_standby={"unfit": 3})
    standby = world.children[SECOND].popen
    assert standby is not None and standby.poll() is not None, "it is ended"
    assert world.heard == [None] and world.hand.leads == FIRST
    world.start(FIRST)
    assert world.epoch_of(FIRST) == 3 and offices.office(etcd, HOLDER) == offices.Office(3, FIRST)
    assert (world.folder / "data" / FIRST).exists(), "its journal is its own"
    world.start(SECOND)
    assert world.epoch_of(SECOND) == 0 and (world.folder / "data" / f"{SECOND}.epoch-2").exists()


def test_a_standby_that_led_and_died_before_that_was_seen_is_the_one_that_leads(world: World, etcd: Etcd) -> None:
    """What it sent in its epoch stands in its journal alone."""
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [2]
    folder = world.folder / "data" / SECOND
    folder.rmdir()
    starts = [(number, records.new("EngineStart", epoch=number, shard=1).tobytes()) for number in (1, 2)]
    analytics.write_journal(folder, starts)
    world.kill(SECOND)
    world.look()
    (promotion,) = world.heard
    assert promotion is not None and (promotion.tile, promotion.epoch, promotion.input) == (SECOND, 2, 2)
    assert world.pending() is None and world.hand.leads == SECOND
    world.start(FIRST)
    assert world.epoch_of(FIRST) == 0 and (world.folder / "data" / f"{FIRST}.epoch-1").exists()
    world.start(SECOND)
    assert world.epoch_of(SECOND) == 3 and offices.office(etcd, HOLDER) == offices.Office(3, SECOND)
    assert list(folder.iterdir()), "it goes on in its journal"


ASKED = Request(request="1", by="an operator", reason="a new kernel", asked_ns=1)


def test_an_engine_that_is_asked_to_makes_way_for_its_standby(
    world: World, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended only once its standby has all that it took; the standby is seen to lead once it was told to."""
    leader, given = world.children[FIRST].popen, dict(world.said[FIRST])
    assert leader is not None

    def value(_: Hand, tile: str, name: str) -> int | None:
        if (tile, name) == (FIRST, "ceded"):
            assert leader.poll() is None and offices.current(etcd, HOLDER) == 1
            said.extend(world.words(FIRST))
            return int(len(looks := said) > 0 and looks[0] == ("Cede", 1))
        if (tile, name) == (SECOND, "role"):
            said.extend(world.words(SECOND))
            return int(("Lead", 2) in said)
        return {FIRST: given, SECOND: IN_STEP[SECOND]}[tile].get(name)

    said: list[tuple[str, int]] = []
    monkeypatch.setattr(Hand, "value", value)
    own = installations.own()
    other = replace(own, prefix=world.folder)
    for child in world.children.values():
        child.installation = own
    done = world.hand.hand_over(ASKED, then=other)
    assert world.children[FIRST].installation is other, "from there its next life is started"
    assert world.children[SECOND].installation is own
    assert said == [("Cede", 1), ("Lead", 2)] and leader.poll() == -signal.SIGKILL
    assert world.children[FIRST].ended_on_purpose, "that is no death of which a supervisor counts ten"
    assert (done.was, done.tile, done.epoch, done.request) == (FIRST, SECOND, 2, ASKED) and world.heard == [done]
    assert done.held_ms is not None and done.held_ms > 0 and "an operator: a new kernel" in done.why
    assert world.hand.leads == SECOND and offices.office(etcd, HOLDER) == offices.Office(2, SECOND)


@pytest.mark.parametrize(
    ("tile", "said", "why"),
    [
        (FIRST, {"role": 0}, "does not run, or does not lead yet"),
        (FIRST, {"alone": 1}, "has not all"),
        (FIRST, {"partner": 1}, "has not all"),
        (SECOND, {"partner": 1}, "has not all"),
        (SECOND, {"partner": 3}, "has diverged"),
        (SECOND, {"role": 1}, "its standby, does not run"),
    ],
)
def test_an_engine_does_not_make_way_for_one_that_could_not_lead(
    world: World, etcd: Etcd, tile: str, said: dict[str, int], why: str
) -> None:
    world.said[tile] |= said
    with pytest.raises(CannotHandOver, match=why):
        world.hand.hand_over(ASKED)
    assert world.words(FIRST) == world.words(SECOND) == [] and offices.current(etcd, HOLDER) == 1


def test_an_engine_goes_on_where_its_standby_or_the_store_does_not_come_up_to_it(
    world: World, store: EtcdServer, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meridian.deploy.hand.CEDE_SECONDS_MAX", 0.05)
    with pytest.raises(CannotHandOver, match="did not have all that engine took"):
        world.hand.hand_over(ASKED, then=installations.own())
    assert world.children[FIRST].installation is None, "it goes on as what it is"
    assert world.words(FIRST) == [("Cede", 1), ("Lead", 1)]
    world.reached[0] = Etcd(["http://127.0.0.1:1"], timeout_s=0.2)
    with pytest.raises(CannotHandOver, match="store does not answer"):
        world.hand.hand_over(ASKED)
    assert world.words(FIRST) == [], "it is not asked to make way"
    # The store answers a moment before, and then no more.
    monkeypatch.setattr(epochs.Epochs, "unreachable", lambda *_: None)
    world.said[FIRST]["ceded"] = 1
    with pytest.raises(CannotHandOver, match="no epoch is given"):
        world.hand.hand_over(ASKED)
    assert world.words(FIRST) == [("Cede", 1), ("Lead", 1)] and world.words(SECOND) == []
    leader = world.children[FIRST].popen
    assert leader is not None and leader.poll() is None and world.hand.leads == FIRST
    world.reached[0] = store.client()
    world.said[SECOND]["unfit"] = 3
    with pytest.raises(CannotHandOver, match="could not; engine is started again"):
        world.hand.hand_over(ASKED)
    assert world.hand.leads == FIRST and world.heard == [None] and offices.current(etcd, HOLDER) == 2


def test_a_request_is_a_file_that_is_taken_once_and_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.deploy.hand.CEDE_SECONDS_MAX", 0.05)
    asked = world.folder / handover.ASKED
    old = {"request": "1", "by": "somebody", "reason": "long ago", "asked_ns": 1}
    bad = {"request": "1", "by": "somebody", "reason": "\x1b[31m", "asked_ns": time.time_ns()}
    deep = b"[" * 4000 + b"]" * 4000
    for rubbish in (b"no request", b"\xff\xfe", deep, b"{}", json.dumps(old).encode(), json.dumps(bad).encode()):
        asked.write_bytes(rubbish)
        assert handover.taken(world.folder) is None and not asked.exists(), rubbish[:20]
    os.mkfifo(asked)
    assert handover.taken(world.folder) is None and not asked.exists()
    asked.write_bytes(b"\xff\xfe")
    world.hand.start()
    with pytest.raises(CheckFailed, match="did not have all that engine took"):
        handover.ask(world.folder, by="an operator", reason="a new kernel")
    # A disk that takes nothing for a moment does not end the looks.
    with monkeypatch.context() as patch:
        patch.setattr(Hand, "look", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        time.sleep(0.1)
    with pytest.raises(CheckFailed, match="did not have all that engine took"):
        handover.ask(world.folder, by="an operator", reason="a new kernel")
    world.hand.stop()
    assert not asked.exists()
    with (world.folder / handover.ASKING).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CheckFailed, match="somebody else asks"):
            handover.ask(world.folder, by="another", reason="at once")
    monkeypatch.setattr(handover, "TAKEN_SECONDS_MAX", 0.1)
    with pytest.raises(Unreachable, match="nobody took the request"):
        handover.ask(world.folder, by="an operator", reason="a new kernel")
    assert handover.taken(world.folder) is None, "it is not carried out later"


def test_nobody_is_promoted_once_it_was_asked_to_stop(world: World, etcd: Etcd) -> None:
    world.hand.start()
    world.hand.stop()
    world.kill(FIRST)
    world.look()
    assert world.told(SECOND) == [] and offices.current(etcd, HOLDER) == 1


def test_one_that_follows_begins_again_from_another_installation_and_the_leader_does_not(world: World) -> None:
    own = installations.own()
    older = replace(own, release=replace(own.release, schema=own.release.schema - 1))
    follows, leads = world.children[SECOND], world.children[FIRST]
    follows.installation = leads.installation = own
    journal = world.folder / "data" / SECOND / "journal"
    journal.write_text("what it followed")
    with pytest.raises(CannotHandOver, match="engine does not follow now; it is not started again"):
        world.hand.begin_again(FIRST, older)
    assert leads.popen is not None and leads.popen.poll() is None and leads.installation is own
    world.hand.begin_again(SECOND, own)
    assert follows.popen is not None and follows.popen.poll() == -signal.SIGKILL and follows.ended_on_purpose
    assert journal.read_text() == "what it followed"
    # What a newer release began an older one cannot go on with.
    world.start(SECOND)
    world.hand.begin_again(SECOND, older)
    assert follows.installation is older and not journal.exists()
    kept = world.folder / "data" / f"{SECOND}.release-{own.release.short}" / "journal"
    assert kept.read_text() == "what it followed"


def test_a_standby_is_told_of_the_call_that_ended_its_leader_before_it_is_told_to_lead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = world.folder / "data"
    engine.run(data / FIRST, [(at, records.new("Timer").tobytes()) for at in (5, 6, 7)])
    inside = quarantine.Inside(call=3 | 2 << 8 | 1 << 16 | 9 << 32, input=3, code=77)
    monkeypatch.setattr(quarantine.Watch, "_inside", lambda self, tile, *_: inside if tile == FIRST else None)
    child = world.children[FIRST]
    assert child.popen is not None
    child.popen.send_signal(signal.SIGSEGV)
    child.popen.wait()
    world.look()
    said = world.leads[SECOND].poll()
    assert [records.name_of(one) for one in said] == ["Quarantine", "Lead"]
    mark = records.parse(said[0])
    assert (int(mark["slot"]), int(mark["input"]), int(mark["input_time_ns"]), int(mark["code"])) == (3, 3, 7, 77)
    assert int(mark["cause"]) == records.QuarantineCause.CRASHED and int(mark["signal"]) == signal.SIGSEGV
    for tile in (FIRST, SECOND):
        assert engine.marks((data / tile / engine.MARKS_FILE).read_bytes()) == [bytes(said[0])]
    # The one that died begins a journal of its own, and has the mark of what it will be sent.
    world.look(engine_standby={"role": 1})
    world.start(FIRST)
    assert engine.marks((data / FIRST / engine.MARKS_FILE).read_bytes()) == [bytes(said[0])]
