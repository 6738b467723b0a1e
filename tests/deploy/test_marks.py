"""Which ends of an engine's process put the slot that it was calling in quarantine, and what is beside its journal then."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian import files, records
from meridian._native import engine as native
from meridian._native.analytics import write_journal
from meridian.deploy import pairs, quarantine
from meridian.deploy.quarantine import Inside, Watch
from meridian.deploy.specs import Places
from meridian.deploy.topology import Topology, check
from meridian.engine import quarantine as room
from tests.deploy.test_pairs import GOOD, KINDS

CRASHED, HUNG, TWICE = (int(one) for one in (
    records.QuarantineCause.CRASHED, records.QuarantineCause.HUNG, records.QuarantineCause.KILLED_TWICE
))  # fmt: skip
CALL = Inside(call=4 | 2 << 8 | 1 << 16 | 1 << 32, input=2, code=0x0123)


class Seen:
    """What the engines of a run say that they are at."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, document: dict[str, object] | None = None
    ) -> None:
        monkeypatch.setattr("meridian.deploy.services.problems", lambda *_: [])
        alone = {"engine": {"kind": "engine"}}
        self.topology: Topology = check(document or {"name": "alone", "tiles": alone}, kinds=KINDS, aeron=True)
        self.watch = Watch(self.topology, {4: "poison"})
        self.watch.places = Places(run_directory=folder, shared_directory=folder, data_directory=folder / "data",
                                   aeron_directory=folder, ports={})  # fmt: skip
        self.inside: dict[str, Inside | None] = {"engine": CALL}
        monkeypatch.setattr(Watch, "_inside", lambda _, tile, *__: self.inside.get(tile))
        self.journal = folder / "data" / "engine"
        native.run(self.journal, [(at, records.new("Timer").tobytes()) for at in (11, 12)])

    def causes(self) -> list[int]:
        """Of the marks beside the engine's journal."""
        path = self.journal / native.MARKS_FILE
        return [int(records.parse(one)["cause"]) for one in native.marks(path.read_bytes())] if path.exists() else []


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """One engine, whose last input is 2."""
    yield Seen(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "code", [-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE, -signal.SIGBUS, 1, 0]
)
def test_a_fault_or_an_end_by_itself_within_a_call_is_marked_at_once(seen: Seen, code: int) -> None:
    (mark,) = seen.watch.ended("engine", 7, code)
    assert seen.causes() == [CRASHED] and mark.input == 2
    record = records.parse(mark.record)
    assert (int(record["slot"]), int(record["callback"]), int(record["call"])) == (4, records.Callback.BOOK, 1)
    assert (int(record["input_time_ns"]), int(record["code"]), int(record["signal"])) == (12, 0x0123, max(-code, 0))
    # Asked again it is the same one; another life that dies there is no second.
    assert seen.watch.ended("engine", 7, code) == [mark]
    seen.watch.ended("engine", 8, code)
    assert seen.causes() == [CRASHED]


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM])
def test_a_kill_from_outside_is_marked_where_it_comes_again_at_the_same_call(seen: Seen, code: int) -> None:
    assert seen.watch.ended("engine", 1, code) == [] == seen.causes()
    seen.inside["engine"] = Inside(call=CALL.call, input=1, code=CALL.code)
    assert seen.watch.ended("engine", 2, code) == [] == seen.causes(), "another input"
    seen.inside["engine"] = None
    assert seen.watch.ended("engine", 3, code) == []
    seen.inside["engine"] = Inside(call=CALL.call, input=1, code=CALL.code)
    assert seen.watch.ended("engine", 4, code) == [], "between the two it ended in none"
    assert len(seen.watch.ended("engine", 5, code)) == 1 and seen.causes() == [TWICE]
    assert not (seen.journal / quarantine.SUSPECT).exists()


def test_the_first_kill_is_remembered_by_the_next_run(seen: Seen) -> None:
    seen.watch.ended("engine", 1, -signal.SIGKILL)
    another = Watch(seen.topology)
    another.places = seen.watch.places
    assert len(another.ended("engine", 1, -signal.SIGKILL)) == 1 and seen.causes() == [TWICE]


def test_what_ends_outside_of_any_call_is_not_marked(seen: Seen) -> None:
    seen.inside["engine"] = None
    assert seen.watch.ended("engine", 1, -signal.SIGSEGV) == [] == seen.causes()


def test_a_disk_that_takes_nothing_ends_nobody(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("unlink", "write_bytes", "write_text", "mkdir"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(files, "write_whole", refuse)
    assert seen.watch.ended("engine", 1, -signal.SIGKILL) == []
    assert seen.watch.ended("engine", 2, -signal.SIGSEGV) == [], "told, and not written"
    seen.inside["engine"] = None
    assert seen.watch.ended("engine", 3, -signal.SIGKILL) == []


def test_two_engines_of_one_process_are_not_marked_for_what_one_of_them_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = {name: {"kind": "engine", "process": "both"} for name in ("engine", "second")}
    both = Seen(tmp_path, monkeypatch, {"name": "both", "tiles": tiles})
    both.inside["second"] = CALL
    native.run(both.journal.with_name("second"), [(at, records.new("Timer").tobytes()) for at in (11, 12)])
    assert both.watch.ended("both", 1, -signal.SIGSEGV) == []
    both.inside["second"] = None
    assert [mark.tile for mark in both.watch.ended("both", 2, -signal.SIGSEGV)] == ["engine"]


def test_a_call_that_takes_its_processor_for_long_is_hung_and_one_that_stands_still_is_not(seen: Seen) -> None:
    spins = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    rests = subprocess.Popen(["sleep", "60"])
    try:
        deadline = time.monotonic() + 60
        while not (hung := seen.watch.look("engine", spins.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert hung and quarantine.cpu_seconds(spins.pid, "engine") >= quarantine.HUNG_CPU_SECONDS
        spins.kill()
        spins.wait()
        assert len(seen.watch.ended("engine", spins.pid, -signal.SIGKILL)) == 1 and seen.causes() == [HUNG]
        os.kill(rests.pid, signal.SIGSTOP)
        until = time.monotonic() + 2 * quarantine.HUNG_CPU_SECONDS
        while time.monotonic() < until:
            assert not seen.watch.look("engine", rests.pid)
            seen.watch.silent("engine", rests.pid)
            time.sleep(0.05)
        rests.kill()
        rests.wait()
        seen.inside["engine"] = Inside(call=CALL.call, input=1, code=CALL.code)
        assert seen.watch.ended("engine", rests.pid, -signal.SIGKILL) == []
    finally:
        for one in (spins, rests):
            one.kill()
            one.wait()


def test_both_of_a_pair_have_the_mark_and_who_follows_is_marked_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = paired(tmp_path, monkeypatch, "engine-standby")
    told = list[quarantine.Mark]()
    pair.watch.tell = told.append
    assert pair.watch.ended("engine", 1, -signal.SIGSEGV) == [] == pair.causes()
    pair.watch.leads = lambda tile: tile == "engine"
    made = pair.watch.ended("engine", 2, -signal.SIGSEGV)
    assert told == made and len(made) == 1
    for folder in pair.watch.journals("engine"):
        assert native.marks((folder / native.MARKS_FILE).read_bytes()) == [made[0].record]
    assert {folder.name for folder in pair.watch.journals("engine-standby")} == {"engine", "engine-standby"}
    quarantine.share(pair.journal, tmp_path / "new")
    assert (tmp_path / "new" / native.MARKS_FILE).read_bytes() == (pair.journal / native.MARKS_FILE).read_bytes()


def paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads: str) -> Seen:
    """An engine and its standby, of which this one leads."""
    pair = Seen(tmp_path, monkeypatch, GOOD)
    pair.watch.topology = pairs.expanded(pair.topology)
    pair.watch.leads = lambda tile: tile == leads
    return pair


def test_a_mark_counts_where_the_file_of_the_other_one_of_a_pair_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the standby would die of the call next, though it hears of the mark over its link."""
    pair = paired(tmp_path, monkeypatch, "engine")
    other = pair.journal.with_name("engine-standby")
    other.mkdir()
    (other / native.MARKS_FILE).write_bytes(b"MRDNQUA1 and more")
    told = list[quarantine.Mark]()
    pair.watch.tell = told.append
    made = pair.watch.ended("engine", 1, -signal.SIGSEGV)
    assert told == made and len(made) == 1 and pair.causes() == [CRASHED]
    assert (other / native.MARKS_FILE).read_bytes() == b"MRDNQUA1 and more"


def test_a_standby_that_dies_of_a_call_is_given_the_marks_of_its_leaders_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader's file was taken away: it died of that call before, and its journal says so. Nobody else would tell a standby
    that reads that journal from its begin, and it would die of it in every life."""
    pair = paired(tmp_path, monkeypatch, "engine")
    (mark,) = pair.watch.ended("engine", 1, -signal.SIGSEGV)
    (pair.journal / native.MARKS_FILE).unlink()
    leader = pair.journal.with_name("engine-standby")
    (leader / native.MARKS_FILE).unlink()
    timers = [records.new("Timer").tobytes()] * 2
    write_journal(leader, list(enumerate([*timers, mark.record, timers[0]], start=11)))
    pair.watch.leads = lambda tile: tile == "engine-standby"
    assert pair.watch.ended("engine", 2, -signal.SIGSEGV) == [] and pair.causes() == [CRASHED]
    assert native.marks((pair.journal / native.MARKS_FILE).read_bytes()) == [mark.record]
    assert not (leader / native.MARKS_FILE).exists()


def test_a_damaged_file_of_marks_stays_as_it_is_and_is_told(seen: Seen) -> None:
    path = seen.journal / native.MARKS_FILE
    path.write_bytes(b"MRDNQUA1 and more")
    assert seen.watch.ended("engine", 1, -signal.SIGSEGV) == []
    assert path.read_bytes() == b"MRDNQUA1 and more"
    with pytest.raises(ValueError, match=r"quarantine\.marks: is damaged"):
        native.marks(path.read_bytes())


def test_a_slot_in_quarantine_is_a_sentence(seen: Seen) -> None:
    seen.watch.ended("engine", 1, -signal.SIGSEGV)
    told = list(room.sentences({"engine.quarantined_slots": 1 << 4, "engine.inputs": 3}, seen.journal.parent))
    (sentence,) = told
    assert sentence == (
        "engine: slot 4 is in quarantine: its process ended within on_book at input 2 (SIGSEGV); its orders are cancelled, the "
        "others trade on; start it with other code, or `meridian strategy start NAME --quarantined` calls it again as it is"
    )
    assert list(room.sentences({"engine.quarantined_slots": 0}, seen.journal.parent)) == []
