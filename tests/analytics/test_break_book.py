"""The book under several writers, on a disk that fails and under people who are signed in: the chain stays whole, and what was
said to be done is done."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from meridian.analytics import break_book, breaks
from meridian.analytics.break_book import Taken, Unsure
from meridian.analytics.breaks import Changed, Done, KeyUsed, NotNow, NotThisPerson, Step, take
from meridian.console import CheckFailed, Unreachable
from tests.analytics.breaks_support import ITEM, NOW_NS, many, signed, write_found
from tests.support import ROOT


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book with one break."""
    path = tmp_path / break_book.NAME
    write_found(path, [ITEM])
    return path


def do(path: Path, verb: str, by: str, **more: Any) -> Done:
    """A step of somebody who is signed in."""
    return take(path, [], signed(ITEM.id, verb, by, **more), NOW_NS)


def bare(path: Path, verb: str, by: str) -> Done:
    """A step of the command, under a bare name."""
    return take(path, [], Step(number=ITEM.id, verb=verb, by=by, reason="why"), NOW_NS)


# Who may.


def test_two_people_who_are_signed_in_end_a_break(book: Path) -> None:
    assert do(book, "explain", "ann").one.last_signed_in
    with pytest.raises(NotThisPerson, match=r"ann did the step before .explained.; allowed is somebody else than that"):
        do(book, "adopt", "ANN")
    assert do(book, "adopt", "bob").one.state == "adopted"
    done = do(book, "close", "bob").one
    assert not done.is_open and done.next_step == "" and done.version == 4
    assert [entry.get("signed_in") for entry in done.history] == [None, True, True, True]
    assert not {"token", "again", "request"} & {key for entry in done.history for key in entry}


def test_who_is_signed_in_follows_no_bare_name_but_takes_its_step_over(book: Path) -> None:
    bare(book, "explain", "ann")
    with pytest.raises(
        NotThisPerson, match="without being signed in; allowed is to explain it signed in; then somebody"
    ):
        do(book, "adopt", "bob")
    do(book, "explain", "cy")
    with pytest.raises(NotNow, match="it is explained; allowed is adopt or dispute"):
        do(book, "explain", "ann")
    with pytest.raises(NotNow, match="allowed is adopt or dispute"):
        bare(book, "explain", "ann")
    bare(book, "dispute", "ann")
    with pytest.raises(NotThisPerson, match="allowed is to dispute it signed in"):
        do(book, "adopt", "bob")
    do(book, "dispute", "bob")
    assert do(book, "adopt", "cy").one.state == "adopted"


def test_of_each_step_it_is_said_who_may_and_why_not(book: Path) -> None:
    one = do(book, "explain", "ann").one
    assert [verb for verb, why in breaks.refusals(one, "bob", "mark").items() if why is None] == ["adopt", "dispute"]
    why = breaks.refusals(one, "ann", "mark")
    assert why["dispute"] is None and isinstance(why["adopt"], NotThisPerson) and isinstance(why["close"], NotNow)
    assert one.next_step == "somebody else than ann adopts it, or it is disputed"


# Once, on what was read.


def test_a_step_for_another_version_is_refused_with_the_state_that_is(book: Path) -> None:
    do(book, "explain", "ann", version=1)
    kept = book.read_bytes()
    with pytest.raises(Changed, match="it is explained, by ann, in version 2; allowed is that version") as refused:
        do(book, "explain", "bob", version=1)
    assert refused.value.one.state == "explained" and book.read_bytes() == kept


def test_the_same_request_again_is_answered_as_it_was_and_not_done_again(book: Path) -> None:
    first = do(book, "explain", "ann", version=1, key="k")
    do(book, "dispute", "bob")
    kept = book.read_bytes()
    again = do(book, "explain", "ann", version=1, key="k")
    assert again.replayed and not first.replayed and again.one == first.one and book.read_bytes() == kept
    with pytest.raises(KeyUsed):
        do(book, "adopt", "cy", key="k")


def test_of_many_threads_with_one_key_one_writes(book: Path) -> None:
    with ThreadPoolExecutor(8) as people:
        done = list(people.map(lambda _: do(book, "explain", "ann", version=1, key="k"), range(8)))
    assert sorted(one.replayed for one in done) == [False] + [True] * 7
    assert all(one.one == done[0].one for one in done) and len(break_book.read(book).entries) == 2


# One writer at a time.

STEPS = """
import sys
from pathlib import Path
from meridian.analytics.breaks import Step, take
path, by, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
from meridian.console import CheckFailed
done = 0
for at in range(count):
    try:
        take(path, [], Step(number=f"1-XNAS-BTC/USD-{at:08}", verb="explain", by=by, reason="x" * 400), 1)
        done += 1
    except CheckFailed:
        pass
print(done)
"""


def test_processes_and_threads_that_write_at_once_leave_one_chain(tmp_path: Path) -> None:
    path, count = tmp_path / break_book.NAME, 40
    write_found(path, many(count))
    words = [sys.executable, "-c", STEPS, str(path)]
    others = [
        subprocess.Popen([*words, by, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for by in ("ann", "bob")
    ]

    def mine(at: int) -> int:
        try:
            take(path, [], signed(f"1-XNAS-BTC/USD-{at:08}", "explain", "cy", version=1), NOW_NS)
        except CheckFailed:
            return 0
        return 1

    with ThreadPoolExecutor(4) as people:
        done = sum(people.map(mine, range(count)))
    for other in others:
        said, _ = other.communicate(timeout=60)
        done += int(said)
    # Reading proves the chain; of each break one was first.
    found = breaks.merged([], break_book.read(path), path)
    assert done == count and [one.state for one in found.values()] == ["explained"] * count
    assert all(one.version == 2 for one in found.values())


def test_a_writer_that_is_stopped_keeps_nobody_waiting_for_ever(book: Path) -> None:
    with book.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(
            Taken, match=r"another process has been writing it for 0 s; nothing was written; allowed is"
        ):
            take(book, [], signed(ITEM.id, "explain", "ann"), NOW_NS, wait_s=0)
    assert do(book, "explain", "ann").one.state == "explained"


def test_a_pipe_in_the_place_of_a_book_keeps_nobody_waiting(book: Path) -> None:
    book.unlink()
    os.mkfifo(book)
    told = "is no regular file; allowed is a book of breaks, or none yet"
    with pytest.raises(Unreachable, match=told):
        break_book.read(book)
    with pytest.raises(Unreachable, match=told):
        break_book.append(book, lambda _: [])


@pytest.mark.parametrize("left", ["nothing", "one line", "another book", "no book"])
def test_a_book_whose_end_was_cut_off_at_a_line_is_damaged(book: Path, tmp_path: Path, left: str) -> None:
    do(book, "explain", "ann")
    if left == "no book":
        book.unlink()
    elif left == "another book":
        (tmp_path / "other").mkdir()
        other = tmp_path / "other" / break_book.NAME
        write_found(other, [ITEM])
        for by in ("eve", "mallory"):
            do(other, "explain" if by == "eve" else "adopt", by)
        book.write_bytes(other.read_bytes())
    else:
        book.write_bytes(b"".join(book.read_bytes().splitlines(keepends=True)[: int(left == "one line")]))
    kept = book.read_bytes() if book.exists() else b""
    told = r"it had 2, the last with SHA-256 .* put the file back from a backup, or take"
    with pytest.raises(CheckFailed, match=told):
        break_book.read(book)
    with pytest.raises(CheckFailed, match=told):
        break_book.append(book, lambda _: [])
    assert (book.read_bytes() if book.exists() else b"") == kept
    book.with_name(book.name + break_book.HEAD).unlink()
    assert len(break_book.read(book).entries) == kept.count(b"\n"), "a person decided"


def test_a_book_may_be_longer_than_what_stands_beside_it(book: Path) -> None:
    """A writer was killed, or the disk was full, between the two."""
    head = book.with_name(book.name + break_book.HEAD)
    before = head.read_bytes()
    do(book, "explain", "ann")
    head.write_bytes(before)
    do(book, "adopt", "bob")
    assert len(break_book.read(book).entries) == 3
    head.write_bytes(b"what is this")
    assert len(break_book.read(book).entries) == 3


def test_a_book_that_was_put_in_the_place_of_the_locked_one_is_the_book(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup comes between our opening and our locking."""
    backup, lock = book.with_name("backup"), fcntl.flock
    backup.write_bytes(book.read_bytes())
    opened = []

    def late(descriptor: int, how: int) -> None:
        opened.append(descriptor)
        if len(opened) == 1:
            backup.replace(book)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    do(book, "explain", "ann")
    assert len(opened) == 2 and len(break_book.read(book).entries) == 2


# A disk that fails.


@pytest.fixture
def small_disk(book: Path) -> Iterator[Path]:
    """A disk that has room for some letters of the next line, and no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (book.stat().st_size + 40, before[1]))
    try:
        yield book
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_takes_no_part_of_a_step(small_disk: Path) -> None:
    kept = small_disk.read_bytes()
    with pytest.raises(Unreachable, match=r"breaks.jsonl: file too large"):
        do(small_disk, "explain", "ann", key="k")
    assert small_disk.read_bytes() == kept, "nothing of it is left, not even half a line"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    assert not do(small_disk, "explain", "ann", key="k").replayed, "the same request is done once there is room"


@pytest.mark.parametrize("also", [False, True])
def test_a_disk_that_does_not_force_is_said_and_one_that_takes_nothing_back_too(
    book: Path, monkeypatch: pytest.MonkeyPatch, also: bool
) -> None:
    kept = book.read_bytes()
    calls = []

    def broken(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1 or also:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(Unsure if also else Unreachable) as refused:
        do(book, "explain", "ann")
    assert isinstance(refused.value, Unsure) is also
    assert ("may be in the book or not: look again" in refused.value.errors[0]) is also
    assert book.read_bytes() == kept


HALF = """
import os, signal, sys
from pathlib import Path
from meridian.analytics import break_book
from meridian.analytics.breaks import Step, take
write = os.write
def half(descriptor, data):
    write(descriptor, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = half
take(Path(sys.argv[1]), [], Step(number=sys.argv[2], verb="explain", by="ann", reason="why"), 1)
"""


def test_who_is_killed_in_the_middle_of_a_line_leaves_a_book_that_goes_on(book: Path) -> None:
    kept = break_book.read(book)
    done = subprocess.run([sys.executable, "-c", HALF, str(book), ITEM.id], cwd=ROOT, check=False)
    assert done.returncode == -9
    left = break_book.read(book)
    assert left.torn_bytes > 50 and left.entries == kept.entries
    assert breaks.merged([], left, book)[ITEM.id].state == "found", "what was not answered was not done"
    assert do(book, "explain", "bob").one.last_by == "bob"
    assert break_book.read(book).torn_bytes == 0
    assert [json.loads(line)["sequence"] for line in book.read_bytes().splitlines()] == [1, 2]
