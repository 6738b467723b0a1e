"""The files of a conformance run: one page for people, one document for programs, the messages as a log.

Invariant: the three say the same; each is written beside its place and moved there whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.venues.fix.certify.html import moment, page
from meridian.venues.fix.message import Message

if TYPE_CHECKING:
    from meridian.venues.fix.certify.run import Run

SCHEMA = "meridian.fix.certify.report/1"
"""Of report.json."""


def describe(run: Run) -> Callable[[bytes], dict[str, Any]]:
    """What a message says, by the profile's dictionary."""
    dictionary = run.profile.dictionary

    def described(raw: bytes) -> dict[str, Any]:
        if not raw.startswith(b"8=FIX"):
            return {"type": "", "name": "", "text": f"{len(raw)} bytes that are no message", "raw": raw.hex(" ")[:400]}
        message = Message(raw, dictionary, tolerant=True)
        return {"type": message.type, "name": message.name, "text": message.explain(), "raw": message.text()}

    return described


def write(facts: dict[str, Any], run: Run, folder: Path) -> list[Path]:
    """Writes all three; where they are. Raises OSError."""
    lines = b"".join(
        b"%b %-3b %b\n" % (_stamp(one.time_ns), one.way.encode(), one.raw)
        for result in run.results
        for one in result.said
        if not one.lost
    )
    contents = {
        "report.html": page(facts).encode(),
        "report.json": (json.dumps({"schema": SCHEMA, **facts}, indent=1) + "\n").encode(),
        "messages.log": lines,
    }
    for name, content in contents.items():
        beside = folder / f".{name}.new"
        beside.write_bytes(content)
        beside.replace(folder / name)
    return [folder / name for name in contents]


def _stamp(time_ns: int) -> bytes:
    """As a session's own log has it."""
    return moment(time_ns, 9).replace("-", "").replace(" ", "-").encode()
