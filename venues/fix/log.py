"""Logs of FIX messages of any size, read as a stream.

A log is bytes in which messages stand: a raw stream, or lines that have a time or other words before each message (QuickFIX,
most engines). Fields end with SOH, `|` or `^A`; the first messages tell. Messages are framed by length and checksum; where SOH
was replaced by letters, by their lines, since length and checksum hold for the bytes as they were.

A session's own log (`sessions::fix::FileLog`) is read while it is written: the zeros of its reserved space are its end for now.

Invariant: at most one block and one message are in memory at a time; what is no message is counted by its reason.
"""

from __future__ import annotations

import datetime
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO

from meridian._native import wire as _native
from meridian.venues.fix.dictionary import Dictionary
from meridian.venues.fix.message import Message

BLOCK_BYTES = 1 << 22
MESSAGE_BYTES_MAX = 1 << 20
FRAMES_MAX = 1 << 16
FOLLOW_SECONDS = 0.1
PREFIX_BYTES_MAX = 200
TIME = re.compile(rb"(\d{4})-?(\d\d)-?(\d\d)[-T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?")
LINE = re.compile(rb"8=FIX[^\n]*")


@dataclass(kw_only=True, eq=False)
class Entry:
    """A message of a log."""

    offset: int
    raw: bytes
    prefix: bytes
    dictionary: Dictionary | None = None

    @cached_property
    def message(self) -> Message:
        """The message, as far as it can be read."""
        return Message(self.raw, self.dictionary, tolerant=True)

    @property
    def way(self) -> str | None:
        """`in` or `out`, where the log says so before the message."""
        words = self.prefix.split()
        return next((word.decode() for word in reversed(words) if word in (b"in", b"out")), None)

    @cached_property
    def time_ns(self) -> int | None:
        """When the log says it was written, else SendingTime, in ns UTC; None where neither is a time."""
        for text in (self.prefix, _value(self.raw, b"52")):
            found = TIME.search(text)
            if found is None:
                continue
            year, month, day, hour, minute, second, fraction = found.groups(default=b"0")
            try:
                moment = datetime.datetime(
                    int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=datetime.UTC
                )
            except ValueError:
                continue
            return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, b"0"))
        return None


def _value(raw: bytes, tag: bytes) -> bytes:
    """The first value of a tag, without reading the other fields."""
    start = raw.find(b"\x01" + tag + b"=")
    if start < 0:
        return b""
    start += len(tag) + 2
    return raw[start : raw.find(b"\x01", start)]


@dataclass
class Log:
    """A log that is being read: iterate over it for its entries; the counts are right once it ends."""

    path: Path
    dictionary: Dictionary | None = None
    follow: bool = False
    bad: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    bytes_read: int = 0
    stop: Callable[[], bool] = lambda: False

    def __iter__(self) -> Iterator[Entry]:
        """Every message in order. Raises OSError where the file cannot be read."""
        with self.path.open("rb") as file:
            first = self._read(file)
            separator = _separator(first)
            entries = self._framed(file, first) if separator == b"\x01" else self._lines(file, first, separator)
            for entry in entries:
                self.messages += 1
                yield entry

    def _read(self, file: IO[bytes]) -> bytes:
        """The next block; empty at the end of what is not followed."""
        while True:
            block = file.read(BLOCK_BYTES)
            if (zeros := block.find(b"\0\0\0\0")) >= 0:
                if not self.follow and _goes_on(file, block[zeros:]):
                    # What stands behind it is not read: nobody knows how much is missing.
                    self.bad["hole"] = 1
                # Reserved space: what is not written yet.
                file.seek(zeros - len(block), os.SEEK_CUR)
                block = block[:zeros]
            self.bytes_read += len(block)
            if block or not self.follow or self.stop():
                return block
            time.sleep(FOLLOW_SECONDS)

    def _framed(self, file: IO[bytes], first: bytes) -> Iterator[Entry]:
        held, base = first, 0
        while held:
            frames, taken, reasons = _native.fix_frames(held, MESSAGE_BYTES_MAX, FRAMES_MAX)
            end = 0
            for start, length in frames:
                yield Entry(
                    offset=base + start, raw=held[start : start + length],
                    prefix=held[max(end, start - PREFIX_BYTES_MAX) : start].rpartition(b"\n")[2], dictionary=self.dictionary,
                )  # fmt: skip
                end = start + length
            self._count(reasons, held, frames)
            # What stands before an unfinished message belongs to it.
            keep = max(end, held.rfind(b"\n", end, taken) + 1)
            more = b"" if frames and len(frames) == FRAMES_MAX else self._read(file)
            base, held = base + keep, held[keep:] + more
            if not more and len(frames) < FRAMES_MAX:
                if held[taken - keep :].strip():
                    self.bad["cut"] = self.bad.get("cut", 0) + 1
                return

    def _count(self, reasons: dict[str, int], held: bytes, frames: list[tuple[int, int]]) -> None:
        """Counts what is no message; words before a message are no fault."""
        for reason, count in reasons.items():
            if reason != "begin":
                self.bad[reason] = self.bad.get(reason, 0) + count

    def _lines(self, file: IO[bytes], first: bytes, separator: bytes) -> Iterator[Entry]:
        held, base = first, 0
        while held:
            more = self._read(file)
            end = len(held) if not more else held.rfind(b"\n") + 1
            at = 0
            for found in LINE.finditer(held, 0, end):
                text = found[0].rstrip(b"\r ")
                raw = text.replace(separator, b"\x01")
                raw = raw if raw.endswith(b"\x01") else raw + b"\x01"
                if b"\x0135=" not in raw:
                    self.bad["begin"] = self.bad.get("begin", 0) + 1
                    continue
                prefix = held[max(at, found.start() - PREFIX_BYTES_MAX) : found.start()].rpartition(b"\n")[2]
                yield Entry(offset=base + found.start(), raw=raw, prefix=prefix, dictionary=self.dictionary)
                at = found.end()
            base, held = base + end, held[end:] + more
            if len(held) > 2 * BLOCK_BYTES:
                self.bad["too_long"] = self.bad.get("too_long", 0) + 1
                base, held = base + len(held) - BLOCK_BYTES, held[-BLOCK_BYTES:]


@dataclass
class Logs:
    """The files of a session's own log, one after the other, as one log: the oldest first."""

    paths: list[Path]
    dictionary: Dictionary | None = None
    follow: bool = False
    """Goes on in the file that the session goes on in."""
    bad: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    bytes_read: int = 0
    stop: Callable[[], bool] = lambda: False

    def __iter__(self) -> Iterator[Entry]:
        """Every message in order. Raises OSError where a file cannot be read."""
        at = 0
        while at < len(self.paths):
            path = self.paths[at]
            last = at + 1 == len(self.paths)
            log = Log(path, self.dictionary, follow=self.follow and last, stop=partial(self._ended, path))
            for entry in log:
                self.messages += 1
                yield entry
            self.bytes_read += log.bytes_read
            for reason, count in log.bad.items():
                self.bad[reason] = self.bad.get(reason, 0) + count
            at += 1
            if self.follow and last and not self.stop():
                self.paths += [newer for newer in _numbered(path) if newer > path]

    def _ended(self, path: Path) -> bool:
        """Whether the session writes to a newer file."""
        return self.stop() or any(newer > path for newer in _numbered(path))


def _goes_on(file: IO[bytes], rest: bytes) -> bool:
    """Whether anything but zeros stands in what was read, or behind it."""
    place = file.tell()
    while rest and not rest.strip(b"\0"):
        rest = file.read(BLOCK_BYTES)
    file.seek(place)
    return bool(rest)


def _numbered(path: Path) -> list[Path]:
    """The files of the same log as this one in which something stands, the oldest first."""
    name = path.name.rsplit(".", 2)[0]
    found = []
    for one in sorted(path.parent.glob(f"{name}.*.log")):
        with one.open("rb") as file:
            if file.read(1).strip(b"\0"):
                found.append(one)
    return found


def in_folder(folder: Path) -> dict[str, list[Path]]:
    """The logs of a folder by name, each its files in which something stands, the oldest first."""
    names = sorted({path.name.rsplit(".", 2)[0] for path in folder.glob("*.*.log")})
    found = {name: _numbered(folder / f"{name}.0.log") for name in names}
    return {name: paths for name, paths in found.items() if paths}


def _separator(block: bytes) -> bytes:
    """What ends the fields, by what follows the first BeginString."""
    found = re.search(rb"8=FIXT?\.\d\.\d(\x01|\||\^A|;| )9=", block)
    return found[1] if found else b"\x01"


def read_log(path: str | os.PathLike[str], dictionary: Dictionary | None = None) -> Log:
    """A log of any size, an entry at a time: `for entry in read_log(path): print(entry.message.pretty())`."""
    return Log(Path(path), dictionary)
