"""What a demo tells of the engine that it killed: when its standby led, when the first order of that one was at a venue, whether
the engine that was killed follows again, and for how long inputs were held when the standby made way for it.

Invariant: times of orders are the venues' own; that both engines have the same inputs is read from both journals.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian._native import journal as native
from meridian.analytics.platform import Platform as Reported
from meridian.codes import OrderEventKind
from meridian.console import CheckFailed, Unreachable
from meridian.deploy import handover
from meridian.engine.pair import IN_STEP

if TYPE_CHECKING:
    from meridian.deploy.hand import Promotion
    from meridian.deploy.platform import Platform

BACK_SECONDS_MAX = 30.0
"""For the engine that was killed to be started again and to have all that the other one has."""
COMPARED_MIN = 10
"""Hashes that are compared before its state is called equal."""
ASKED_MAX = 3
GOAL_HELD_MS = 100
"""Inputs are held for so long at most when an engine makes way."""
GOAL_MS = 1_000
"""From crash to first order, half of all times at most so long."""


@dataclass(slots=True, kw_only=True)
class Promoted:
    """What was seen while it ran."""

    region: str
    killed_ns: int | None
    promotions: list[Promotion] = field(default_factory=list)
    back: bool = False
    """Whether the engine that was killed has all that the one that leads has."""
    compared: int = 0
    """How often its hash was compared with the leader's, and equal."""
    refused: list[str] = field(default_factory=list)
    """Why the one that took its place did not make way for it."""


def back(platform: Platform, region: str) -> Promoted:
    """Waits until the engine that was killed follows the one that took its place."""
    killed = next((one["at_ns"] for one in platform.events if one["kind"] == "crash"), None)
    found = Promoted(region=region, killed_ns=killed)
    wait(platform, found)
    return found


def give_back(platform: Platform, seen: Promoted) -> None:
    """Has the one that took the engine's place make way for it, as a person would ask."""
    for _ in range(ASKED_MAX):
        if not seen.back:
            return
        try:
            handover.ask(platform.places[seen.region], by="the demo", reason="the engine that was killed is back")
        except (CheckFailed, Unreachable) as error:
            seen.refused = [str(error)]
            platform.pause(1.0)
            continue
        seen.refused = []
        return


def wait(platform: Platform, found: Promoted) -> None:
    """Until the one that does not lead has all that the other one has, and compares equal."""
    hand, found.back = platform.hands.get(found.region), False
    deadline = time.monotonic() + BACK_SECONDS_MAX
    while hand is not None and found.killed_ns is not None and not found.back and time.monotonic() < deadline:
        found.promotions = list(hand.done)
        found.compared = hand.value(hand.follows, "hashes_compared") or 0
        in_step = hand.value(hand.follows, "partner") == IN_STEP and hand.value(hand.leads, "partner") == IN_STEP
        found.back = bool(found.promotions) and in_step and found.compared >= COMPARED_MIN
        platform.pause(0.05)


def facts(directory: Path, seen: Promoted, run: Reported) -> dict[str, Any]:
    """What became of it, by the journals; `problems` has a sentence for each thing that did not."""
    told: dict[str, Any] = {"region": seen.region, "killed_ns": seen.killed_ns, "goal_ms": GOAL_MS, "problems": []}
    problems = told["problems"]
    if seen.killed_ns is None:
        problems.append(f"{seen.region}: its engine was not killed; the demo ended before")
        return told
    # On a host that is busy one may stand still for so long that it is replaced, before or after: told, and no fault.
    followed = [one for one in seen.promotions if one.at_ns >= seen.killed_ns]
    if not followed:
        problems.append(f"{seen.region}: its engine was killed and nobody took its place")
        return told
    one, last = followed[0], followed[-1]
    first_ns = first_order_ns(run, seen.region, one)
    told |= {"was": one.was, "leads": one.tile, "epoch": one.epoch, "seen_ns": one.at_ns, "told_ns": one.told_ns}
    told |= {"promotions": len(seen.promotions), "leads_at_end": last.tile, "follows_at_end": last.was}
    told |= {"led_ns": one.led_ns, "first_order_ns": first_ns, "back": seen.back, "hashes_compared": seen.compared}
    for name in ("seen", "told", "led", "first_order"):
        at_ns = told[f"{name}_ns"]
        told[f"{name}_after_ms"] = None if at_ns is None else round((at_ns - seen.killed_ns) / 1e6, 1)
    asked = next((one for one in followed if one.request is not None), None)
    told["hand_over"] = None
    if asked is not None:
        told["hand_over"] = {"was": asked.was, "leads": asked.tile, "epoch": asked.epoch, "goal_ms": GOAL_HELD_MS,
                             "held_ms": asked.held_ms}  # fmt: skip
    elif seen.back:
        problems.append(f"{seen.region}: {one.tile} did not make way: {'; '.join(seen.refused) or 'it was not asked'}")
    data = directory / seen.region / "data"
    told["inputs_equal"], difference = _same(data / last.tile, data / last.was)
    if difference is not None:
        problems.append(f"{seen.region}: the journals of {last.tile} and {last.was} differ at input {difference}")
    if first_ns is None:
        problems.append(f"{seen.region}: no order of {one.tile} reached a venue after it led")
    if not seen.back:
        problems.append(
            f"{seen.region}: {last.was} does not follow {last.tile} again: {seen.compared} hashes compared within "
            f"{BACK_SECONDS_MAX:.0f} s"
        )
    elif last.input is None or told["inputs_equal"] < last.input:
        problems.append(f"{seen.region}: the journal of {last.was} ends before {last.tile} began to lead")
    return told


def first_order_ns(run: Reported, region: str, promotion: Promotion) -> int | None:
    """When a venue took the first order that was sent in the new epoch, by its own word."""
    found = run.regions[region]
    begun_ns = next(
        (time_ns for at, time_ns, _ in native.Reader(found.engine_journal, promotion.input - 1) if at == promotion.input),
        None,
    ) if promotion.input is not None else None  # fmt: skip
    if begun_ns is None:
        return None
    events = found.order_events
    taken = events[(events["event"] == OrderEventKind.ACCEPTED) & (events["sent_time_ns"] >= begun_ns)]
    return int(taken["venue_time_ns"].min()) if len(taken) else None


def _same(leads: Path, follows: Path) -> tuple[int, int | None]:
    """How many inputs of a standby's journal are its leader's, and the first one that is not; None: all are."""
    equal = 0
    try:
        ours, theirs = iter(native.Reader(leads, 0)), iter(native.Reader(follows, 0))
        for own in theirs:
            if next(ours, None) != own:
                return equal, own[0]
            equal = own[0]
    except (OSError, ValueError):
        return equal, equal + 1
    return equal, None


def sentence(told: dict[str, Any]) -> str:
    """All of it in a line."""
    if "leads" not in told:
        return f"failover: {'; '.join(told['problems'])}"

    def after(name: str) -> str:
        value = told[f"{name}_after_ms"]
        return "never" if value is None else f"after {value:,.1f} ms"

    other = told["follows_at_end"]
    follows = f"{other} follows" if told["back"] else f"{other} does not follow"
    if (asked := told["hand_over"]) is not None:
        follows = (
            f"asked to, {asked['was']} made way for {asked['leads']}, inputs were held for {asked['held_ms']:,.1f} ms (goal: "
            f"{asked['goal_ms']} ms); {follows}"
        )
    return (
        f"failover: {told['was']} of {told['region']} was killed; seen {after('seen')}, {told['leads']} led {after('led')}, "
        f"its first order was at a venue {after('first_order')} (goal: half of all within {told['goal_ms']:,} ms); {follows}, "
        f"{told['hashes_compared']:,} hashes compared and equal, {told['inputs_equal']:,} inputs the same in both journals"
    )
