"""The desk: what was read is not read again, what changed is noticed, what cannot be read is said, and an engine is read by a
process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from threading import Thread

import pytest

from meridian import child
from meridian.analytics import Run, break_book, break_reader, breaks, end_of_day_reports, live
from meridian.analytics.break_desk import Desk, NoRegion
from meridian.analytics.breaks import Item
from meridian.console import BadInput, CheckFailed, Unreachable
from tests.analytics.breaks_support import ITEM, NOW_NS, bare_run, many, signed


class Engine:
    """What an engine told, and how often it was asked."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.asked = 0
        self.now = 0.0

    def __call__(self, directory: Path) -> list[Item]:
        self.asked += 1
        self.now += 1.0
        if not self.items:
            raise CheckFailed(f"{directory}: its journal is damaged")
        return list(self.items)


def platform(folder: Path, *names: str) -> Path:
    """Regions under one hand, each with a break of a comparison and a file that passes for a journal."""
    for name in names:
        bare_run(folder / name, many(1))
        (folder / name / "data" / "engine").mkdir(parents=True)
        (folder / name / "data" / "engine" / "journal-00000001.segment").write_bytes(b"1")
    about = {"schema": "meridian.platform/1", "name": "two", "regions": {name: name for name in names}}
    (folder / "platform.json").write_text(json.dumps(about))
    return folder


def test_an_engine_is_read_again_when_it_may_have_told_more_and_not_too_often(tmp_path: Path) -> None:
    engine = Engine()
    engine.items = [ITEM]
    desk = Desk(platform(tmp_path, "ny"), read=engine, clock=lambda: engine.now)
    views, _ = desk.views()
    assert list(views["ny"].known) == [many(1)[0].id] and views["ny"].age_s is None
    assert views["ny"].problems == ["ny: the breaks of its engine are being read; those of its book are told"]
    assert desk.look_at_engines() == {"ny"} and desk.look_at_engines() == set() and engine.asked == 1
    views, _ = desk.views()
    assert len(views["ny"].known) == 2 and views["ny"].problems == [] and views["ny"].age_s == 1.0
    journal = tmp_path / "ny" / "data" / "engine" / "journal-00000001.segment"
    journal.write_bytes(b"12")
    assert desk.look_at_engines() == set() and engine.asked == 1, "a second of reading is followed by five of rest"
    engine.now += 5.0
    engine.items = [ITEM, *many(3)[1:]]
    assert desk.look_at_engines() == {"ny"} and engine.asked == 2 and len(desk.views()[0]["ny"].known) == 4
    engine.now += 50.0
    assert desk.look_at_engines() == set() and engine.asked == 2, "nothing was written since"


def test_an_engine_that_runs_is_read_when_its_count_of_breaks_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, count = Engine(), 3
    engine.items = [ITEM]
    monkeypatch.setattr(live, "counter", lambda run, name: count if name == "engine.breaks" else None)
    place = platform(tmp_path, "ny")
    about = json.loads((tmp_path / "ny" / "record.json").read_text()) | {"ended_ns": None}
    (tmp_path / "ny" / "record.json").write_text(json.dumps(about))
    desk = Desk(place, read=engine, clock=lambda: engine.now)
    assert desk.look_at_engines() == {"ny"}
    engine.now += 100.0
    (tmp_path / "ny" / "data" / "engine" / "journal-00000001.segment").write_bytes(b"1234")
    assert desk.look_at_engines() == set() and engine.asked == 1, "it trades, and tells of no break"
    assert desk.views()[0]["ny"].age_s == 0.0, "it was looked at all the same"
    count = 4
    engine.items = [ITEM, *many(2)[1:]]
    assert desk.look_at_engines() == {"ny"} and engine.asked == 2


def test_an_engine_that_cannot_be_read_is_said_and_what_it_told_before_stays(tmp_path: Path) -> None:
    engine = Engine()
    engine.items = [ITEM]
    desk = Desk(platform(tmp_path, "ny", "chicago"), read=engine, clock=lambda: engine.now)
    desk.look_at_engines()
    engine.items, engine.now = [], 100.0
    for name in ("ny", "chicago"):
        (tmp_path / name / "data" / "engine" / "journal-00000002.segment").write_bytes(b"1")
    desk.look_at_engines()
    views, problems = desk.views()
    assert problems == [] and ITEM.id in views["ny"].known
    assert views["ny"].problems == [f"ny: {tmp_path}/ny: its journal is damaged"]
    shutil.rmtree(tmp_path / "chicago")
    views, problems = desk.views()
    assert list(views) == ["ny"] and "chicago: " in problems[0] and "its directory is gone" in problems[0]
    (tmp_path / "platform.json").unlink()
    with pytest.raises(Unreachable, match="holds no record"):
        desk.views()


def test_whoever_writes_the_book_is_noticed_once(tmp_path: Path) -> None:
    desk = Desk(platform(tmp_path, "ny", "chicago"), read=Engine())
    number, path = many(1)[0].id, tmp_path / "ny" / break_book.NAME
    assert desk.look_at_books() == set()
    breaks.take(path, [], signed(number, "explain", "ann"), NOW_NS)
    assert desk.views()[0]["ny"].known[number].state == "explained"
    assert desk.look_at_books() == {"ny"} and desk.look_at_books() == set()
    done = desk.step("ny", signed(number, "adopt", "bob"), NOW_NS, 1.0)
    assert done.one.state == desk.views()[0]["ny"].known[number].state == "adopted"
    path.write_bytes(path.read_bytes().replace(b"ann", b"eve"))
    views, _ = desk.views()
    assert views["ny"].known == {} and "line 3 does not follow" in views["ny"].problems[-1]
    assert len(views["chicago"].known) == 1, "the others are told"
    with pytest.raises(CheckFailed, match="line 3 does not follow"):
        desk.step("ny", signed(number, "close", "bob"), NOW_NS, 1.0)
    with pytest.raises(NoRegion, match="region = london: allowed is one of ny, chicago"):
        desk.step("london", signed(number, "close", "bob"), NOW_NS, 1.0)


def test_an_engine_is_read_by_a_process_of_its_own(story: Path, tmp_path: Path) -> None:
    reader = break_reader.Reader()
    assert reader(story) == breaks.of_engine(Run.open(story))
    with pytest.raises(CheckFailed, match=r"none: holds no record\.json"):
        reader(tmp_path / "none")
    reader.close()
    with pytest.raises(Unreachable, match="this process ends"):
        reader(story)


def test_a_reader_that_dies_or_says_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "reader.py"
    monkeypatch.setattr(child, "module", lambda _: ["python3", str(program)])
    program.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(CheckFailed, match=f"the reader ended with {-signal.SIGSEGV}: no word"):
        break_reader.Reader()(tmp_path)
    program.write_text("import signal; signal.pause()")
    with pytest.raises(Unreachable, match=r"were not read within 0\.2 s"):
        break_reader.Reader(0.2)(tmp_path)
    pipe = tmp_path / "began"
    os.mkfifo(pipe)
    program.write_text(f"open({str(pipe)!r}, 'w').close(); import signal; signal.pause()")
    reader = break_reader.Reader()
    ends: list[Exception] = []

    def read() -> None:
        try:
            reader(tmp_path)
        except CheckFailed as error:
            ends.append(error)

    thread = Thread(target=read)
    thread.start()
    pipe.read_bytes()
    reader.close()
    thread.join(10)
    assert not thread.is_alive() and "ended with -9" in str(ends[0])


def test_reports_are_kept_once_and_what_is_none_is_said(tmp_path: Path) -> None:
    run = Run.open(bare_run(tmp_path / "ny", []))
    told = {"agrees": True, "sentence": "all agree", "differences": [], "records": {}}
    for at in (9, 10):
        end_of_day_reports.keep(run, told, at)
    folder = run.directory / end_of_day_reports.FOLDER
    (folder / "11.json").write_text("{}")
    (folder / "12.json").write_text(json.dumps(told | {"schema": end_of_day_reports.SCHEMA, "checked_ns": 13}))
    (folder / "notes.txt").touch()
    found, wrong = end_of_day_reports.listed(run)
    assert [one["checked_ns"] for one in found] == [10, 9]
    assert [one.partition(": ")[0] for one in wrong] == [str(folder / "12.json"), str(folder / "11.json")]
    for name in ("8", "../../record", "11"):
        with pytest.raises(BadInput, match="allowed is"):
            end_of_day_reports.read(run, name)
