"""The order sessions of a running engine: how each does, its breaker and its throttle; and letting an open breaker try again.

Invariant: what is shown is what the engine said last, a tenth of a second ago where anything goes on; a reset that this module
calls done is in force at the input sequence that it returns, and stands in the engine's journal with who asked and why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian.console import BadInput, CheckFailed
from meridian.deploy.strategies import APPLIED, RunningEngine, kept, new_request

OLDER = 2
BY_BYTES, REASON_BYTES = 24, 80
"""What a record holds of who asked and why."""


def venue_names(engine: RunningEngine) -> dict[int, str]:
    """Number → name of the run's venues."""
    return {int(about["id"]): str(about["name"]) for about in engine.document["venues"]}


def rows(engine: RunningEngine) -> list[dict[str, Any]]:
    """Every session of an engine, by venue."""
    names = venue_names(engine)
    found: dict[int, dict[str, Any]] = {}
    outputs = engine.directory / engine.document["engine"]["outputs"]
    for _, one in kept(outputs, "SessionHealth"):
        venue = int(one["header"]["venue"])
        found[venue] = {"venue": names.get(venue, f"#{venue}"), **row(one)}
    return [found[venue] for venue in sorted(found)]


def row(health: Any) -> dict[str, Any]:
    """A `SessionHealth` record in the words in which a region publishes it."""
    cause = int(health["cause"])
    words = {
        "state": records.SessionState(int(health["session"])).name.lower(),
        "breaker": records.BreakerState(int(health["state"])).name.lower(),
        "cause": records.BreakerCause(cause).name.lower() if cause else None,
    }
    numbers = (
        "trips", "until_ns", "probes_left", "answers", "rejects", "rejects_now", "slow_now", "round_trip_ns", "throttle_used",
        "throttle_messages", "throttle_reserved", "refused_breaker", "refused_throttle", "heard_ns", "input",
    )  # fmt: skip
    return words | {name: int(health[name]) for name in numbers} | {"at_ns": int(health["time_ns"])}


def reset(engine: RunningEngine, venue: str, *, reason: str, by: str) -> int:
    """Lets probes through the open breaker of a venue's session; returns the input at which that is in force.

    Raises BadInput with every error, CheckFailed when there is nothing to reset, Unreachable when nobody answers.
    """
    numbers = {name: number for number, name in venue_names(engine).items()}
    errors = []
    if venue not in numbers:
        errors.append(f"VENUE = {venue}: no orders go there; allowed are {', '.join(numbers)}")
    if not reason.strip():
        errors.append("--reason = : must say why")
    if errors:
        raise BadInput(errors)
    request, after = new_request(), engine.recorded()
    fields = {"by": field(by, BY_BYTES), "reason": field(reason, REASON_BYTES)}
    record = records.new("SessionReset", venue=numbers[venue], request=np.uint64(request), **fields)
    engine.tell([record.tobytes()], request)
    (answer,) = engine.answers(lambda one: int(one["request"]) == request, 1, after)
    outcome = int(answer["outcome"])
    if outcome == OLDER:
        raise CheckFailed(f"{venue}: its breaker is not open; nothing was changed")
    if outcome != APPLIED:
        raise CheckFailed(f"{venue}: its session is down, or has no breaker; nothing was changed")
    return int(answer["input"])


def field(text: str, size: int) -> NDArray[np.uint8]:
    """As much of a text as fits so many bytes, cut at a letter's end and padded with zeros."""
    cut = text.encode()[:size].decode(errors="ignore").encode()
    return np.frombuffer(cut.ljust(size, b"\0"), np.uint8)
