"""An engine and its standby, read from their counters: which leads, how far the other one is, what keeps it from leading.

Invariant: whatever keeps a standby from taking its engine's place, or an engine from sending new orders for want of its standby,
is a sentence here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ROLE = ".role"
KEYS = ("partner", "epoch", "partner_acked", "followed", "hashes_compared", "suspects", "superseded", "alone", "unfit")
LEADS = 1
AWAY, BEHIND, IN_STEP, DIVERGED = range(4)
STATES = {AWAY: "away", BEHIND: "catching up", IN_STEP: "in step", DIVERGED: "diverged"}
UNFIT = {
    1: "it never had all that the leader had",
    2: "its state or its inputs differ from the leader's",
    3: "an input went past it",
    4: "its epoch is not below the new one",
    5: "the engine that leads is of a newer release, whose records it may not know",
    6: "it made a call of a strategy that ended its leader and is marked since; it begins again without that call",
    7: "its disk refused what its leader had",
}
"""Why one that was told to lead could not (crates/engine/src/partner/following.rs)."""


def rows(processes: Mapping[str, Mapping[str, object]]) -> list[dict[str, Any]]:
    """Each engine that is one of a pair, from the counters of processes; with `sentences` for what is wrong."""
    found = []
    for process, counters in processes.items():
        for name, role in counters.items():
            tile = name.removesuffix(ROLE)
            if tile == name or f"{tile}.suspects" not in counters:
                continue
            row: dict[str, Any] = {"tile": tile, "process": process, "role": "leads" if role == LEADS else "follows"}
            row |= {key: counters.get(f"{tile}.{key}", 0) for key in KEYS}
            row["partner"] = STATES.get(row["partner"], str(row["partner"]))
            found.append(row | {"sentences": list(_sentences(row))})
    return found


def line(row: Mapping[str, Any]) -> str:
    """One of them in a line."""
    if row["role"] == "leads":
        alone = ", which it does not wait for" if row["alone"] else ""
        return (
            f"{row['tile']} leads with epoch {row['epoch']}; its standby is {row['partner']}{alone}, and has acknowledged input "
            f"{row['partner_acked']:,}"
        )
    return (
        f"{row['tile']} follows, {row['partner']}, at input {row['followed']:,}; {row['hashes_compared']:,} hashes compared and "
        "equal"
    )


def _sentences(row: Mapping[str, Any]) -> Iterator[str]:
    tile, state = row["tile"], row["partner"]
    if row["role"] == "leads":
        if row["superseded"]:
            yield f"{tile}: another engine leads with a newer epoch; it is ended, and follows once it is started again"
        if state == STATES[AWAY] and row["alone"]:
            yield f"{tile}: its standby is away; it goes on without, and what it sends now is lost with its host"
        elif state == STATES[AWAY]:
            yield f"{tile}: its standby is away; at durability standby nothing new leaves until the engine is let off it"
        return
    if state == STATES[DIVERGED]:
        yield (
            f"{tile}: ALERT: its state differs from the engine's that leads, and it is not promoted; keep both journals for "
            f"whoever looks into it; to have a standby again stop the run, move the folder {tile} of its data away, and start"
        )
    if row["unfit"]:
        yield f"{tile}: it was told to lead and could not: {UNFIT.get(row['unfit'], row['unfit'])}"
    if row["suspects"]:
        yield f"{tile}: has heard nothing of the engine that leads; it takes its place once the store gives it an epoch"
