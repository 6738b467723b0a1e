"""The book of a run's breaks: every step of every break, by whom, why and when, in one file that only grows.

A line is one JSON object. It carries its number and the SHA-256 of the line before it, so that a line which was changed, taken
out or put in is found; how many there were and the SHA-256 of the last one stand in a file beside, so that an end which was cut
off is. Lines are appended under a lock and forced to the disk before a step counts as done.

Invariant: what a killed writer left half written is no line, and the next writer cuts it; a whole line that does not follow the
one before it is damage, with its number, and nothing is written behind it. Whoever writes, a command or the limits API, writes
through `append`: one at a time, and what the disk did not take whole is taken back before anybody else writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import CheckFailed, Unreachable, in_words

NAME = "breaks.jsonl"
"""The file, in the run's directory."""
HEAD = ".head"
"""Behind its name, for the file beside it."""
FIRST = "0" * 64
"""What the first line follows."""
BYTES_MAX = 1 << 30
WAIT_SECONDS = 10.0
"""For a writer that does not end: it may be stopped."""
LOOK_SECONDS = 0.01
KEYS = {"sequence": int, "previous": str, "id": str, "step": str, "by": str, "reason": str, "at_ns": int}
Entry = dict[str, Any]
"""A line without `sequence` and `previous`, which the book gives it."""


class Taken(Unreachable):
    """Somebody else has been writing for too long: nothing was written."""


class Unsure(Unreachable):
    """The disk failed in the middle, and would not take back what it had: the lines may be in the book or not."""


@dataclass(slots=True)
class Book:
    """What a file of breaks holds."""

    entries: list[Entry] = field(default_factory=list)
    head: str = FIRST
    """SHA-256 of the last line."""
    whole_bytes: int = 0
    torn_bytes: int = 0
    """Behind the last whole line: what a writer that was killed left."""


def read(path: Path) -> Book:
    """The book as it is; an absent file is an empty one. Raises CheckFailed for damage, Unreachable where it cannot be read."""
    try:
        _check_kind(path)
        # First: a book that somebody writes meanwhile has more than this, never less.
        known = _known(path)
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise Unreachable(in_words(error)) from None
    return _not_cut(path, parsed(path, data), known)


def _known(path: Path) -> tuple[int, str]:
    """How many lines the book had when it was written last, at least, and the SHA-256 of the last of them. Raises OSError."""
    place = path.with_name(path.name + HEAD)
    if not place.is_file():
        return 0, FIRST
    try:
        lines, head = place.read_text(encoding="ascii").split()
        return int(lines), head
    except ValueError:
        return 0, FIRST


def _not_cut(path: Path, book: Book, known: tuple[int, str]) -> Book:
    """The book. Raises CheckFailed where it has an end before the one that it had."""
    lines, head = known
    heads = [entry["previous"] for entry in book.entries[lines : lines + 1]] or [book.head]
    if len(book.entries) >= lines and heads == [head]:
        return book
    told = f"{path}: has {len(book.entries)} lines; it had {lines}, the last with SHA-256 {head[:12]}, and that is not among them"
    why = "its end was cut off, or another book was put there; put the file back from a backup"
    raise CheckFailed(f"{told}: {why}, or take {path.name}{HEAD} away to go on from what is here")


def _check_kind(path: Path) -> None:
    """What is no file may keep whoever opens it for ever. Raises Unreachable."""
    if path.exists() and not path.is_file():
        raise Unreachable(f"{path}: is no regular file; allowed is a book of breaks, or none yet")


def parsed(path: Path, data: bytes) -> Book:
    """The book that these bytes are. Raises CheckFailed with the number of the first line that is damaged."""
    if len(data) > BYTES_MAX:
        raise CheckFailed(f"{path}: has more than {BYTES_MAX} bytes; allowed is a book of breaks of at most that")
    book = Book()
    *lines, rest = data.split(b"\n")
    book.torn_bytes = len(rest)
    for line in (one + b"\n" for one in lines):
        book.entries.append(_entry(path, line, len(book.entries) + 1, book.head))
        book.head = hashlib.sha256(line).hexdigest()
        book.whole_bytes += len(line)
    return book


def _entry(path: Path, line: bytes, number: int, previous: str) -> Entry:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    why = ""
    if not isinstance(entry, dict) or any(not isinstance(entry.get(key), kind) for key, kind in KEYS.items()):
        why = "is no entry of a book of breaks"
    elif entry["sequence"] != number or entry["previous"] != previous:
        why = "does not follow the line before it"
    if why:
        told = f"{path}: line {number} {why}: it was edited or damaged; the {number - 1} lines before it are whole"
        raise CheckFailed(f"{told}; put the file back from a backup")
    return dict(entry)


def append(path: Path, plan: Callable[[Book], Sequence[Entry]], *, wait_s: float = WAIT_SECONDS) -> Book:
    """Appends what `plan` makes of the book as it is now, alone and forced to the disk; returns the book with it.

    `plan` may refuse by raising; then nothing is written. Waits so many seconds for another writer. Raises Taken, Unreachable
    where the file cannot be written (nothing is then), Unsure where nobody knows, CheckFailed for damage.
    """
    try:
        with _alone(path, wait_s) as file:
            data = b"".join(iter(lambda: file.read(1 << 20), b""))
            book = _not_cut(path, parsed(path, data), _known(path))
            kept = book.whole_bytes
            lines = b"".join(_line(book, entry) for entry in plan(book))
            if lines:
                _write(path, file.fileno(), kept, lines)
                book.torn_bytes = 0
                with contextlib.suppress(OSError):  # It is a step behind, then, and the book is longer.
                    files.write_whole(path.with_name(path.name + HEAD), f"{len(book.entries)} {book.head}\n")
            return book
    except OSError as error:
        raise Unreachable(in_words(error) if error.filename else f"{path}: {in_words(error)}") from None


def _alone(path: Path, wait_s: float) -> FileIO:
    """The file, locked until it is closed. Raises Taken, or OSError."""
    deadline = time.monotonic() + wait_s
    while True:
        _check_kind(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = FileIO(descriptor, "r+")
        try:
            _lock(path, descriptor, deadline, wait_s)
            # A backup may have been put in its place between our opening and our locking: then this is not the book.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(path: Path, descriptor: int, deadline: float, wait_s: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                told = f"{path}: another process has been writing it for {wait_s:g} s; nothing was written"
                raise Taken(
                    f"{told}; allowed is one writer at a time: try again, or look for one that is stopped"
                ) from None
            time.sleep(LOOK_SECONDS)


def _line(book: Book, entry: Entry) -> bytes:
    """The bytes of the next line; the book takes it in."""
    whole = {"sequence": len(book.entries) + 1, "previous": book.head, **entry}
    line = json.dumps(whole, ensure_ascii=True).encode() + b"\n"
    book.entries.append(whole)
    book.head = hashlib.sha256(line).hexdigest()
    book.whole_bytes += len(line)
    return line


def _write(path: Path, descriptor: int, kept: int, lines: bytes) -> None:
    """Puts lines behind the first `kept` bytes and forces them to the disk: all of them, or none. Raises OSError, or Unsure."""
    try:
        os.ftruncate(descriptor, kept)
        os.lseek(descriptor, kept, os.SEEK_SET)
        left = lines
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
        _force_folder(path.parent)
    except OSError as error:
        try:
            os.ftruncate(descriptor, kept)
            os.fsync(descriptor)
        except OSError:
            told = f"{path}: {in_words(error)}, and what was begun could not be taken back"
            raise Unsure(f"{told}; the step may be in the book or not: look again before it is repeated") from None
        raise


def _force_folder(folder: Path) -> None:
    """Forces the file's name to the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
