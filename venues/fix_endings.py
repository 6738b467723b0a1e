"""How the last connection of a FIX gateway or drop copy ended, from the file that its tile leaves in its folder.

Invariant: a file that is half written, damaged or of another kind says nothing; what somebody else said is shown on one line,
with what a terminal would obey escaped.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from meridian.console import printable

NAME = "session-ending"
RECORD = "FixSessionEnding"
SUM_BYTES = 4


def last(folder: Path) -> tuple[str | None, str]:
    """The word for the end, and what they said (58 of their logout or reject), of the tile with this folder."""
    end, words, _ = at(folder)
    return end, words


def at(folder: Path) -> tuple[str | None, str, int]:
    """As `last`, with the time in ns UTC."""
    from meridian import records

    size = records.LAYOUTS[RECORD].size
    try:
        with (folder / NAME).open("rb") as file:
            raw = file.read(size)
    except OSError:
        return None, "", 0
    if len(raw) < size or zlib.crc32(raw[:-SUM_BYTES]) != int.from_bytes(raw[-SUM_BYTES:], "little"):
        return None, "", 0
    (ending,) = records.array(raw, RECORD)
    if not ending["change"]:
        return None, "", 0
    words = bytes(ending["words"]).rstrip(b"\0").decode("utf-8", errors="replace")
    return records.text(ending["end"]), printable(words), int(ending["ended_ns"])
