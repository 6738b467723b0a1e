"""What changed of a region's files since it was sent, by their bytes: most of them are mapped memory, whose times say nothing.

Most changes are found where the last one was: at the end of the newest file of its kind, in its head, in small files. These
places are looked at in every pass, everything else in turn, so much a pass.

Invariant: what the frames of one pass make of the files is what stood there at one instant, as far as hot places go: those of
all folders are read again until nothing of them differs. So it is what a host leaves whose processes were all killed then.
Where so much is written that this does not come, each folder (a tile's) is of one instant, gateways' before the engine's: a
gateway that goes on from less than its engine knows is told the rest by its venue. What vouches for something is never sent
without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meridian.deploy.spare import frames
from meridian.deploy.spare.frames import BLOCK_BYTES, Kind

SMALL_BYTES = 4 * BLOCK_BYTES
"""A file up to here is looked at whole."""
ROUNDS_MAX = 64
TOGETHER_MAX = 40
COLD_BLOCKS = 64
"""Looked at in a pass beside the hot places: 1 MiB."""
FULL_PASSES = 2
ALL = -1
"""As the block that is due: all of them."""
DIGITS = re.compile(r"[0-9]+")


class Busy(Exception):
    """A folder changed in every round; the pass is begun again."""


@dataclass(slots=True)
class Known:
    """A file as the other end has it, or will once the batch is done."""

    size: int
    digests: list[bytes]
    inode: int = 0
    last: int = 0
    """The block that changed last, or the last one that holds anything."""
    cold: int = 0
    """The block that is looked at next in turn."""


@dataclass(slots=True)
class Folder:
    """Files below a root, and what the other end has of them."""

    root: Path
    leave_out: frozenset[str]
    last: tuple[str, ...]
    """Folders that are read after all others."""
    known: dict[str, Known] = field(default_factory=dict)
    seen: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """Bytes of hot blocks as they were sent last."""
    full_passes: int = 0
    """Passes over everything since the other end said what it has. While the first one lasts much may change behind it."""
    bytes_sent: int = 0
    together: int = 0
    """Passes that found all folders at one instant."""
    apart: int = 0
    """Those that found each folder at an instant of its own."""

    def begin(self, known: dict[str, Known]) -> None:
        """The other end has this much."""
        self.known, self.full_passes = known, 0
        self.seen.clear()

    def frames(self) -> Iterator[bytes]:
        """Frames after which the other end has what stands here, and the batch may be committed.

        Raises Busy, and FileNotFoundError for a file that went meanwhile: then the frames of the next pass go on from these.
        """
        files = self._files()
        for path in [path for path in self.known if path not in files]:
            self._forget(path)
            yield frames.told(Kind.REMOVE, path=path)
        rank = {name: at for at, name in enumerate(self.last, 1)}
        folders = sorted({path.partition("/")[0] for path in files}, key=lambda name: (rank.get(name, 0), name))
        opened: dict[str, int] = {}
        try:
            hot = []
            for name in folders:
                own = [path for path in sorted(files) if path.startswith(f"{name}/")]
                # Before anything moves the places at which changes are expected, and behind that.
                expected = self._hot([path for path in own if path in self.known])
                for path in own:
                    yield from self._looked_at(path)
                hot.append(list(dict.fromkeys([*expected, *self._hot(own)])))
                for path in {path for path, _ in hot[-1]}:
                    opened[path] = os.open(self.root / path, os.O_RDONLY | os.O_CLOEXEC)
            yield from self._at_rest(opened, hot)
            # Places that are no longer hot are known by their digests alone: of a day's journal all were once.
            places = {place for own in hot for place in own}
            self.seen = {place: data for place, data in self.seen.items() if place in places}
        finally:
            for descriptor in opened.values():
                os.close(descriptor)
        if self._files() != files:
            raise Busy
        if self.full_passes < FULL_PASSES:
            self.full_passes += 1
            if self.full_passes < FULL_PASSES:
                raise Busy

    def _files(self) -> set[str]:
        found: set[str] = set()
        tops = sorted(one.name for one in os.scandir(self.root) if one.is_dir(follow_symlinks=False))
        waiting = [name for name in tops if name not in self.leave_out and frames.PART.fullmatch(name)]
        while waiting:
            place = waiting.pop()
            for one in os.scandir(self.root / place):
                path = f"{place}/{one.name}"
                if frames.PART.fullmatch(one.name) is None or path.count("/") >= frames.PARTS_MAX:
                    continue  # Being made, under a name of its own.
                if one.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif one.is_file(follow_symlinks=False):
                    found.add(path)
        return found

    def _forget(self, path: str) -> None:
        del self.known[path]
        for key in [key for key in self.seen if key[0] == path]:
            del self.seen[key]

    def _at_rest(self, opened: dict[str, int], hot: list[list[tuple[str, int]]]) -> Iterator[bytes]:
        """Reads the hot places of all folders until nothing differs in any, or at least in each."""
        for _ in range(TOGETHER_MAX):
            moved = False
            for places in hot:
                for _ in range(ROUNDS_MAX):
                    changed = False
                    for frame in self._round(opened, places):
                        changed = moved = True
                        yield frame
                    if not changed:
                        break
                else:
                    raise Busy
            if not moved:
                self.together += 1
                return
        self.apart += 1

    def _looked_at(self, path: str) -> Iterator[bytes]:
        """A file with its size, and the places of it that are due beside the hot ones."""
        descriptor = os.open(self.root / path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from self._sized(path, os.fstat(descriptor))
            if self.full_passes < FULL_PASSES:
                yield from self._all_of(path, descriptor)
            else:
                yield from self._in_turn(path, descriptor)
        finally:
            os.close(descriptor)

    def _sized(self, path: str, about: os.stat_result) -> Iterator[bytes]:
        """A file that is new or of another size; one that was put in another's place is looked at whole."""
        known = self.known.get(path)
        if known is None or known.size != about.st_size:
            yield frames.told(Kind.FILE, path=path, size=about.st_size)
            known = self.known[path] = Known(about.st_size, list(_digests_of(known, about.st_size)))
        if known.inode != about.st_ino:
            known.inode, known.last, known.cold = about.st_ino, 0, ALL
            for key in [key for key in self.seen if key[0] == path]:
                del self.seen[key]

    def _all_of(self, path: str, descriptor: int) -> Iterator[bytes]:
        known, last = self.known[path], 0
        for block in range(len(known.digests)):
            data = os.pread(descriptor, BLOCK_BYTES, block * BLOCK_BYTES)
            if data.count(0) != len(data):
                last = block
            yield from self._changed(path, block, data)
        known.last, known.cold = last, 0

    def _in_turn(self, path: str, descriptor: int) -> Iterator[bytes]:
        """Some of the blocks that nothing is expected of; of a file that took another's place, all."""
        known = self.known[path]
        if known.cold == ALL:
            yield from self._all_of(path, descriptor)
            return
        if known.size <= SMALL_BYTES:
            return
        share = max(COLD_BLOCKS // max(len(self.known), 1), 1)
        for block in range(known.cold, min(known.cold + share, len(known.digests))):
            yield from self._changed(path, block, os.pread(descriptor, BLOCK_BYTES, block * BLOCK_BYTES))
        known.cold = known.cold + share if known.cold + share < len(known.digests) else 0

    def _hot(self, paths: list[str]) -> list[tuple[str, int]]:
        """Where changes are expected."""
        groups: dict[str, list[str]] = {}
        for path in paths:
            groups.setdefault(DIGITS.sub("#", path), []).append(path)
        found: dict[tuple[str, int], None] = {}
        for group in groups.values():
            group.sort()
            begun = [at for at, path in enumerate(group) if self.known[path].last or self._holds(path)]
            first = max((begun[-1] if begun else 0) - 1, 0)
            for at, path in enumerate(group):
                known = self.known[path]
                if known.size <= SMALL_BYTES:
                    found |= {(path, block): None for block in range(len(known.digests))}
                elif at >= first:
                    around = {0, known.last, known.last + 1}
                    found |= {(path, block): None for block in sorted(around) if block < len(known.digests)}
        return list(found)

    def _holds(self, path: str) -> bool:
        known = self.known[path]
        return bool(known.digests) and known.digests[0] != _zeros(known.size, 0)

    def _round(self, opened: dict[str, int], hot: list[tuple[str, int]]) -> Iterator[bytes]:
        """Reads the hot places once, and those that follow one that changed."""
        places, at = set(hot), 0
        while at < len(hot):
            path, block = hot[at]
            at += 1
            known = self.known[path]
            data = os.pread(opened[path], BLOCK_BYTES, block * BLOCK_BYTES)
            if self.seen.get((path, block)) == data:
                continue
            self.seen[path, block] = data
            changed = False
            for frame in self._changed(path, block, data):
                changed = True
                yield frame
            if changed and (path, block + 1) not in places and block + 1 < len(known.digests):
                places.add((path, block + 1))
                hot.append((path, block + 1))

    def _changed(self, path: str, block: int, data: bytes) -> Iterator[bytes]:
        known = self.known[path]
        if len(data) != min(BLOCK_BYTES, known.size - block * BLOCK_BYTES):
            raise FileNotFoundError(path)
        found = frames.digest(data)
        if known.digests[block] == found:
            return
        known.digests[block] = found
        known.last = max(known.last, block)
        self.bytes_sent += len(data)
        yield frames.file_range(path, block * BLOCK_BYTES, data)


def _digests_of(known: Known | None, size: int) -> Iterator[bytes]:
    """What the other end has once a file is of this size: what it had, and zeros behind."""
    had = 0 if known is None else min(known.size, size)
    for block in range(-(-size // BLOCK_BYTES)):
        end = min((block + 1) * BLOCK_BYTES, size)
        if (
            known is not None
            and end <= had
            and len(known.digests) > block
            and (end % BLOCK_BYTES == 0 or size == known.size)
        ):
            yield known.digests[block]
        else:
            yield _zeros(size, block) if block * BLOCK_BYTES >= had else b""


def _zeros(size: int, block: int) -> bytes:
    """The digest of a block that nothing was written to."""
    length = min(BLOCK_BYTES, size - block * BLOCK_BYTES)
    return ZEROS if length == BLOCK_BYTES else frames.digest(bytes(length))


ZEROS = frames.digest(bytes(BLOCK_BYTES))
