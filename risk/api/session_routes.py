"""The route that lets a region's open breaker try again.

Invariant: a reset is written with its audit entry and who asked why, is carried out while it is young or never, and the answer
names the engine's input at which it is in force, or says why it is not.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Path

from meridian.risk.api import keys
from meridian.risk.api.errors import refused, sentence
from meridian.risk.api.models import SessionResetAnswer, SessionResetRequest
from meridian.risk.api.plans import Plan
from meridian.risk.api.service import Repeatable, Served, Service, allow
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Ack, SessionRequest

router = APIRouter(prefix="/v1", tags=["regions"])
SECOND_NS = 1_000_000_000
YOUNG_SECONDS = 10
"""A request that its region sees later is not carried out."""
ANSWER_SECONDS = 3.0
NAME = r"^[^/\x00-\x1f]+$"
RegionName = Annotated[
    str,
    Path(
        min_length=1, max_length=64, pattern=NAME, description="a region's name, without slashes and control characters"
    ),
]
VenueName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=NAME,
        description="a venue's name, without slashes and control characters",
        examples=["XNAS"],
    ),
]


def _check(service: Service, region: str, venue: str) -> None:
    """Refuses what names nothing, and what nobody can tell of yet: who has published no sessions has none to reset."""
    view, again = service.view, {"Retry-After": "1"}
    if not view.ready.is_set() or not view.generation:
        text = f"region = {region}: what regions there are is not known yet, the store was not read; try again."
        raise sentence(503, "not_ready", "region", text, **again)
    if region not in service.regions():
        known = ", ".join(service.regions()) or "none yet"
        raise refused(404, "not_found", "region", region, f"one of {known}")
    published = view.get(keys.region("sessions", region))
    if published is None:
        text = f"region = {region}: its agent has not said yet which sessions it has; try again when it has."
        raise sentence(409, "not_ready", "region", text, **again)
    venues = [str(row.get("venue")) for row in published.rows]
    if venue not in venues:
        raise refused(404, "not_found", "venue", venue, f"one of {', '.join(venues) or 'none yet'}")


@router.post("/sessions/{region}/{venue}/reset", summary="Let probes through an open breaker")
async def reset(
    service: Served,
    token: Annotated[Token, allow("session")],
    region: RegionName,
    venue: VenueName,
    request: SessionResetRequest,
    again: Repeatable,
) -> SessionResetAnswer:
    """Good answers to the probes close the breaker, a bad one opens it again. Cancels never depend on it."""
    _check(service, region, venue)
    actor = service.actor(token)

    def planner() -> Plan:
        number = secrets.randbits(63) | 1
        asked = SessionRequest(
            venue=venue,
            reason=request.reason,
            by=actor.name,
            at_ns=actor.now_ns,
            expires_ns=actor.now_ns + YOUNG_SECONDS * SECOND_NS,
        )
        key = keys.request(region, number)
        plan = Plan(action="session.reset", target=key.removeprefix(keys.ROOT), reason=request.reason)
        plan.after = asked.model_dump(mode="json")
        plan.answer = {"request": f"{number:016x}"}
        plan.put(service.view, key, asked)
        return plan

    written: dict[str, Any] = dict(await service.writer.run(planner, actor, again))
    number = str(written["request"])
    ack = await _acknowledged(service, region, keys.request(region, int(number, 16)))
    said: dict[str, Any] = {"outcome": "waiting"}
    if ack is not None:
        outcome = "waiting" if ack.outcome == "pending" else ack.outcome
        said = {"outcome": outcome, "input": ack.input or None, "why": ack.why}
    return SessionResetAnswer(view=service.seen(), region=region, venue=venue, request=number, **said)


async def _acknowledged(service: Service, region: str, key: str) -> Ack | None:
    """What the region says of it, as soon as it does; None when that takes too long."""
    deadline = service.view.clock() + ANSWER_SECONDS
    while (ack := service.view.ack(region, key)) is None:
        left = deadline - service.view.clock()
        if left <= 0 or not await service.view.reach(service.view.revision + 1, left):
            return None
    return ack
