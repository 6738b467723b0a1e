"""What an exchange says when a disk has no room for what it must keep, read from its counters.

Invariant: as long as requests are refused, or a session is not let in, for want of room, there is a sentence that says so, how
often it was seen, and what to do; when there is room again there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event

from meridian._native import links

NO_ROOM = ".exchange.no_room"
REFUSED = ".exchange.refused_no_room"
STORE_FULL = re.compile(r"(?P<tile>.+)\.fix(?P<session>\d+)\.store_full")
LOOK_SECONDS = 0.5


def sentences(counters: Mapping[str, object], data: Path) -> Iterator[str]:
    """One for each exchange, and each session, that has no room; `data`: where room must be made."""
    again = f"make room in {data}, it goes on by itself; nothing that was acknowledged is lost"
    for name, value in counters.items():
        if value != 1:
            continue
        if name.endswith(NO_ROOM):
            tile = name.removesuffix(NO_ROOM)
            refused = counters.get(f"{tile}{REFUSED}", 0)
            yield f"{tile}: takes no orders: its journal has no room ({refused} requests refused so far); {again}"
        elif found := STORE_FULL.fullmatch(name):
            tile, session = found["tile"], found["session"]
            yield f"{tile}: FIX session {session} is not let in: its message store has no room; {again}"


def watch(counters: Path, data: Path, told: Callable[[list[str]], None], stop: Event) -> None:
    """Tells what is so whenever that changes, until asked to stop; for a thread of its own."""
    last: list[str] = []
    while not stop.wait(LOOK_SECONDS):
        try:
            found = list(sentences(dict(links.Counters(counters).read()), data))
        except OSError:
            continue  # Not written yet.
        if [_without_count(one) for one in found] != [_without_count(one) for one in last]:
            told(found)
        last = found


def _without_count(sentence: str) -> str:
    return re.sub(r"\d+ requests", "", sentence)
