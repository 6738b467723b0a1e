"""What an engine says of the disk that its journal lies on, read from its counters; and what the keeper of its journal says.

Invariant: as long as an engine sends no new orders because its disk refused what the journal wrote, there is a sentence that says
so and what to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

KEEPER = "journal-keeper"
"""The kind of service."""
KEEPER_STATE = "keeper.json"
"""In a keeper's own directory: what its last pass did and found."""
KEEPER_OLD_NS = 300_000_000_000
FAILED = ".journal_flush_failed"


def sentences(counters: Mapping[str, object], data: Path) -> Iterator[str]:
    """One for each engine whose disk refused; `data`: where that is."""
    for name, value in counters.items():
        if name.endswith(FAILED) and value == 1:
            tile = name.removesuffix(FAILED)
            yield (
                f"{tile}: sends no new orders: the disk of {data} refused what its journal wrote, and is not believed again; "
                f"cancels go on; put {tile} on a disk that works, `meridian journal verify` its journal there, and start again"
            )


def kept(data: Path, service: str) -> dict[str, Any] | None:
    """What the keeper of an engine's journal says of itself; None where it has said nothing yet."""
    try:
        state = json.loads((data / service / KEEPER_STATE).read_text(encoding="utf-8"))
        done = state["pass"] or {}
        shipped, retained = done.get("shipped") or {}, done.get("retained") or {}
        since = shipped.get("waiting_since_ns")
        return {
            "name": service,
            "journal": done.get("journal"),
            "at_ns": int(state["at_ns"]),
            "segments_not_shipped": shipped.get("waiting") if shipped else None,
            "oldest_not_shipped_s": round(max(time.time_ns() - since, 0) / 1e9, 3) if since else 0.0,
            "shipped_to": shipped.get("to"),
            "segments_held": retained.get("held", 0),
            "failed_in_a_row": int(state["failed_in_a_row"]),
            "last_error": state["last_error"],
            "alarm": done.get("alarm"),
            "sentences": list(_of_keeper(service, state, done)),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _of_keeper(service: str, state: dict[str, Any], done: dict[str, Any]) -> Iterator[str]:
    """What a person should know of a keeper."""
    if alarm := done.get("alarm"):
        yield f"{service}: ALARM: {alarm}"
    yield from (
        f"{service}: {sentence}; it is tried again" for sentence in state["errors"] if sentence != done.get("alarm")
    )
    retained = done.get("retained") or {}
    if retained.get("held"):
        yield f"{service}: {retained['held']} segments beyond the bounds stay: {retained['held_why']}"
    silent_ns = time.time_ns() - int(state["at_ns"])
    if silent_ns > KEEPER_OLD_NS:
        yield f"{service}: has said nothing for {silent_ns // 1_000_000_000} s; the engine trades on, its closed segments wait"
