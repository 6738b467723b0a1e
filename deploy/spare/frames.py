"""What goes between the two ends of a copy: frames with a kind, a length and a checksum, each of a bounded length.

The sender says who it is (HELLO); the keeper tells what it has, file by file, as digests of blocks (HAVE, HAVE_END). Then the
sender sends batches: FILE, RANGE and REMOVE in any number, and COMMIT; the keeper answers each with DONE once it has done all
of it, or with REFUSED, a sentence. A batch is done whole or not at all.

Invariant: what `read` and `path_of` let through is whole and of the lengths that are stated here, and no path leaves the
folder that it is for.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any

HEAD = struct.Struct("<4sBxxxII")
"""Magic, kind, bytes of the payload, CRC-32 of kind and payload."""
RANGE_HEAD = struct.Struct("<HQ")
"""Bytes of the path, offset."""
MAGIC = b"MSP1"
BLOCK_BYTES = 16 << 10
RANGE_BYTES_MAX = BLOCK_BYTES
PAYLOAD_BYTES_MAX = 1 << 20
DIGEST_BYTES = 12
DIGESTS_MAX = 16_384
"""In one HAVE."""
FILE_BYTES_MAX = 1 << 40
FILES_MAX = 200_000
PARTS_MAX = 4
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,127}")
REGION = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Kind(IntEnum):
    """Of a frame."""

    HELLO = 1
    HAVE = 2
    HAVE_END = 3
    FILE = 4
    RANGE = 5
    REMOVE = 6
    COMMIT = 7
    DONE = 8
    REFUSED = 9


KINDS = frozenset(map(int, Kind))


class BadFrame(ValueError):
    """What the other end sent is no frame, or none that is due now."""


def digest(block: bytes) -> bytes:
    """Of one block; a file's last one may be shorter."""
    return hashlib.blake2b(block, digest_size=DIGEST_BYTES).digest()


def encoded(kind: Kind, payload: bytes) -> bytes:
    """A frame."""
    assert len(payload) <= PAYLOAD_BYTES_MAX, "a frame is bounded"
    return HEAD.pack(MAGIC, kind, len(payload), zlib.crc32(payload, kind)) + payload


def told(kind: Kind, **words: Any) -> bytes:
    """A frame of words and numbers."""
    return encoded(kind, json.dumps(words).encode())


def file_range(path: str, offset: int, data: bytes) -> bytes:
    """A frame with bytes of a file."""
    name = path.encode("ascii")
    return encoded(Kind.RANGE, RANGE_HEAD.pack(len(name), offset) + name + data)


def have(path: str, size: int, digests: list[bytes]) -> Iterator[bytes]:
    """Frames that tell what is there of a file."""
    for first in range(0, max(len(digests), 1), DIGESTS_MAX):
        text = base64.b64encode(b"".join(digests[first : first + DIGESTS_MAX])).decode()
        yield told(Kind.HAVE, path=path, size=size, first=first, digests=text)


def head_of(head: bytes) -> tuple[Kind, int, int]:
    """Kind, length and checksum. Raises BadFrame."""
    magic, kind, length, checksum = HEAD.unpack(head)
    if magic != MAGIC or length > PAYLOAD_BYTES_MAX or kind not in KINDS:
        raise BadFrame(f"a frame begins with {head.hex()}; that is none of version 1")
    return Kind(kind), length, checksum


def checked(kind: Kind, payload: bytes, checksum: int) -> bytes:
    """The payload. Raises BadFrame."""
    if zlib.crc32(payload, kind) != checksum:
        raise BadFrame(f"a frame of kind {kind.name.lower()} was changed on its way")
    return payload


async def read(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next frame. Raises BadFrame, asyncio.IncompleteReadError, OSError."""
    kind, length, checksum = head_of(await reader.readexactly(HEAD.size))
    return kind, checked(kind, await reader.readexactly(length), checksum)


def words_of(payload: bytes, **wanted: type) -> dict[str, Any]:
    """Words and numbers of a frame, each of its type; numbers are not negative. Raises BadFrame."""
    try:
        found = json.loads(payload)
        good = isinstance(found, dict) and all(type(found[name]) is kind for name, kind in wanted.items())
    except (ValueError, KeyError, RecursionError):
        good = False
    if not good or any(kind is int and not 0 <= found[name] < 1 << 63 for name, kind in wanted.items()):
        raise BadFrame(f"a frame lacks one of {', '.join(wanted)}, or has another type there")
    return {name: found[name] for name in wanted}


def path_of(text: str) -> str:
    """A path below a region's data. Raises BadFrame for any that could lead elsewhere."""
    parts = text.split("/")
    if not 2 <= len(parts) <= PARTS_MAX or not all(PART.fullmatch(part) for part in parts):
        raise BadFrame(
            f"{text[:200]!r} is no path of a tile's file; allowed: TILE/FILE, of letters, digits, _ . = and -"
        )
    return str(PurePosixPath(*parts))


def range_of(payload: bytes) -> tuple[str, int, bytes]:
    """Path, offset and bytes. Raises BadFrame."""
    if len(payload) < RANGE_HEAD.size:
        raise BadFrame("a range is cut short")
    length, offset = RANGE_HEAD.unpack_from(payload)
    at = RANGE_HEAD.size + length
    data = payload[at:]
    if at > len(payload) or len(data) > RANGE_BYTES_MAX or offset + len(data) > FILE_BYTES_MAX:
        raise BadFrame("a range is of other lengths than it may have")
    return path_of(payload[RANGE_HEAD.size : at].decode("ascii", "replace")), offset, data


def file_of(payload: bytes) -> tuple[str, int]:
    """A file that is to be there, and its size. Raises BadFrame."""
    about = words_of(payload, path=str, size=int)
    if about["size"] > FILE_BYTES_MAX:
        raise BadFrame(f"a file of {about['size']} bytes; allowed: {FILE_BYTES_MAX}")
    return path_of(about["path"]), about["size"]


def had(payload: bytes) -> tuple[str, int, int, list[bytes]]:
    """Of a file that the keeper has: path, size, the first block told here, digests. Raises BadFrame."""
    about = words_of(payload, path=str, size=int, first=int, digests=str)
    try:
        raw = base64.b64decode(about["digests"], validate=True)
    except binascii.Error:
        raise BadFrame("digests are no base64") from None
    found = [raw[at : at + DIGEST_BYTES] for at in range(0, len(raw), DIGEST_BYTES)]
    return path_of(about["path"]), about["size"], about["first"], found
