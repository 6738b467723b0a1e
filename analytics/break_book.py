"""The book of a run's breaks: every step of every break, by whom, why and when, in one file that only grows.

A line is one JSON object. It carries its number and the SHA-256 of the line before it, so that a line which was changed, taken
out or put in is found. Lines are appended under a lock and forced to the disk before a step counts as done.

Invariant: what a killed writer left half written is no line, and the next writer cuts it; a whole line that does not follow the
one before it is damage, with its number, and nothing is written behind it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian.console import CheckFailed, Unreachable, in_words

NAME = "breaks.jsonl"
"""The file, in the run's directory."""
FIRST = "0" * 64
"""What the first line follows."""
BYTES_MAX = 1 << 30
KEYS = {"sequence": int, "previous": str, "id": str, "step": str, "by": str, "reason": str, "at_ns": int}
Entry = dict[str, Any]
"""A line without `sequence` and `previous`, which the book gives it."""


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
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return Book()
    except OSError as error:
        raise Unreachable(in_words(error)) from None
    return parsed(path, data)


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
    except ValueError:
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


def append(path: Path, plan: Callable[[Book], Sequence[Entry]]) -> Book:
    """Appends what `plan` makes of the book as it is now, alone and forced to the disk; returns the book with it.

    `plan` may refuse by raising; then nothing is written. Raises Unreachable where the file cannot be written, CheckFailed for
    damage.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            data = b"".join(iter(lambda: file.read(1 << 20), b""))
            book = parsed(path, data)
            lines = b"".join(_line(book, entry) for entry in plan(book))
            if lines:
                file.truncate(len(data) - book.torn_bytes)
                file.seek(0, os.SEEK_END)
                _write(file.fileno(), lines)
                os.fsync(file.fileno())
                _force_folder(path.parent)
                book.torn_bytes = 0
            return book
    except OSError as error:
        raise Unreachable(in_words(error) if error.filename else f"{path}: {in_words(error)}") from None


def _line(book: Book, entry: Entry) -> bytes:
    """The bytes of the next line; the book takes it in."""
    whole = {"sequence": len(book.entries) + 1, "previous": book.head, **entry}
    line = json.dumps(whole, ensure_ascii=True).encode() + b"\n"
    book.entries.append(whole)
    book.head = hashlib.sha256(line).hexdigest()
    book.whole_bytes += len(line)
    return line


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _force_folder(folder: Path) -> None:
    """Forces the file's name to the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
