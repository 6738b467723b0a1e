"""Requests and their first answers in a log, and the time between them.

Invariant: at most `OPEN_MAX` requests wait for an answer; older ones count as unanswered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian.venues.fix.log import Entry

OPEN_MAX = 1_000_000
REQUESTS = {
    "D": 11, "F": 11, "G": 11, "H": 11, "q": 11, "AF": 584, "E": 66, "1": 112, "V": 262, "R": 131, "S": 117, "i": 117,
    "c": 320, "x": 320, "g": 335, "e": 324,
}  # fmt: skip
"""MsgType of a request → tag of the identifier that its answer repeats."""

ANSWERS: dict[str, tuple[int, ...]] = {
    "8": (11, 41, 584), "9": (11,), "r": (11, 531), "N": (66,), "0": (112,), "W": (262,), "X": (262,), "Y": (262,), "AG": (131,),
    "b": (117,), "AI": (117,), "d": (320,), "y": (320,), "h": (335,), "f": (324,), "j": (379,),
}  # fmt: skip
"""MsgType of an answer → tags that may hold a request's identifier."""


def latencies(entries: Iterable[Entry], percentiles: Sequence[float]) -> tuple[list[dict[str, Any]], int]:
    """Rows of request, answer, count and percentiles in ns, and how many requests had no answer.

    A request's time is the log's where the lines bear one, else SendingTime; an entry without either is left out.
    """
    import numpy as np

    waiting: OrderedDict[tuple[int, str], tuple[str, int]] = OrderedDict()
    found: dict[tuple[str, str], list[int]] = {}
    unanswered = 0
    for entry in entries:
        message, time_ns = entry.message, entry.time_ns
        if time_ns is None:
            continue
        asked = REQUESTS.get(message.type)
        if asked is not None:
            identifier = message.get(asked)
            if identifier is not None:
                waiting[asked, identifier] = (message.name, time_ns)
                waiting.move_to_end((asked, identifier))
            if len(waiting) > OPEN_MAX:
                waiting.popitem(last=False)
                unanswered += 1
        for tag in ANSWERS.get(message.type, ()):
            begun = _taken(waiting, tag, message.get(tag))
            if begun is not None:
                found.setdefault((begun[0], message.name), []).append(time_ns - begun[1])
                break
    rows = []
    for (request, answer), times in sorted(found.items()):
        values = np.percentile(np.asarray(times, dtype=np.int64), percentiles)
        row: dict[str, Any] = {"request": request, "answer": answer, "count": len(times)}
        row |= {f"p{each:g}_ns": int(value) for each, value in zip(percentiles, values, strict=True)}
        rows.append(row | {"max_ns": max(times)})
    return rows, unanswered + len(waiting)


def _taken(
    waiting: OrderedDict[tuple[int, str], tuple[str, int]], tag: int, identifier: str | None
) -> tuple[str, int] | None:
    """The request of this identifier, which waits no longer."""
    if identifier is None:
        return None
    asked = 11 if tag in (41, 379, 531) else tag
    return waiting.pop((asked, identifier), None)
