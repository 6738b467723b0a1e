"""Closed segments as `journal-NNN.segment.zst`, one frame of zstd (RFC 8878) a block, beside and then instead of the plain file.

Invariant: a plain segment goes only when its compressed file is on the device, was read back from there, and gives the same bytes
by a decoder that is not the compressor's. Whatever ends this process, each segment is there plain, compressed or both, and both
is read as the plain one; the next run tidies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from meridian import files
from meridian._native import journal as native
from meridian.engine.journals import packed_path, plain_path

__all__ = ["Compressed", "compress", "compress_settled", "packed"]

LEVEL = 3
"""zstd's own default: a sixth of the bytes, at about 300 MB/s."""
LEFT_BEHIND = (".journal-*.making", ".snapshot-*.making", ".retained.json.making")
"""What a process that was killed left of a file that it was writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What a run did."""

    segments: int = 0
    bytes_before: int = 0
    bytes_after: int = 0


def packed(segment: bytes) -> bytes:
    """A closed segment as its compressed file's bytes. Raises ValueError when it is not closed and whole."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    size = native.PACK_BLOCK_BYTES
    blocks = [compressor.compress(segment[at : at + size]) for at in range(0, len(segment), size)]
    return native.pack(segment, blocks)


def compress(journal: Path, number: int) -> Compressed:
    """Compresses one settled segment and takes the plain file away; one that is there both ways is compared first.

    Raises ValueError when the segment is damaged, OSError when it cannot be read or written; the plain file stays then.
    """
    plain, path = plain_path(journal, number), packed_path(journal, number)
    segment, about = plain.read_bytes(), plain.stat()
    if not _holds(path, segment):
        try:
            made = packed(segment)
        except ValueError as error:
            raise ValueError(f"segment {number}, {error}; it is left as it is") from None
        files.write_whole(path, made, about.st_mode & 0o777)
        if _from_device(path) != made:
            path.unlink(missing_ok=True)
            raise OSError(f"{path}: what was read back differs from what was written; the segment is left as it is")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    files.force(path)
    files.force(journal)
    plain.unlink()
    return Compressed(segments=1, bytes_before=len(segment), bytes_after=path.stat().st_size)


def compress_settled(
    journal: Path, step: Callable[[int, int], None] = lambda done, total: None, *, ended: bool = False
) -> Compressed:
    """Compresses every segment that no restart changes any more, the oldest first; `step`: how many of how many are done. Of a
    journal that has `ended`, so that no engine starts from it, that is each closed one.

    Raises as `compress` does, at the first segment that cannot be.
    """
    clear(journal)
    found = [one for one in native.segments(journal) if is_final(one, ended=ended)]
    due = [one["segment"] for one in found if one["plain_bytes"] is not None]
    segments = before = after = 0
    for done, number in enumerate(due):
        step(done, len(due))
        one = compress(journal, number)
        segments, before, after = segments + 1, before + one.bytes_before, after + one.bytes_after
    step(len(due), len(due))
    return Compressed(segments=segments, bytes_before=before, bytes_after=after)


def is_final(one: native.Stored, *, ended: bool) -> bool:
    """Whether a segment never changes again."""
    return one["closed"] if ended else one["settled"]


def clear(journal: Path) -> None:
    """Takes away what is left of files that were never whole. Raises OSError."""
    for pattern in LEFT_BEHIND:
        for path in journal.glob(pattern):
            path.unlink(missing_ok=True)


def _holds(path: Path, segment: bytes) -> bool:
    """Whether a compressed file is there and holds this segment, or one whose plain file was emptied."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        held = native.unpack(path.read_bytes())
        return held == segment or not any(segment)
    return False


def _from_device(path: Path) -> bytes:
    """A file's bytes, as the device has them where the system lets go of its copy."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()
