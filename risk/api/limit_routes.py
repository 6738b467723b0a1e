"""Routes of limits and of proposals.

Invariant: tightening is done at once, by one person; loosening becomes a proposal, whatever route it came by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from meridian.risk.api import amounts, approvals, changes
from meridian.risk.api.errors import bad_input, refused
from meridian.risk.api.models import (
    LimitAnswer,
    LimitNew,
    LimitsAnswer,
    LimitWrite,
    ProposalsAnswer,
    Reason,
    Validated,
    Why,
    Written,
)
from meridian.risk.api.parts import givers
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.service import Reader, Repeatable, Served, Service, Version, allow
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Limit, LimitChange, Metric
from meridian.risk.api.writer import Again, Answered

router = APIRouter(prefix="/v1")
Number = Annotated[int, Path(ge=1, lt=2**32, description="a limit's id", examples=[1])]
Proposal = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="a proposal's number, in digits", examples=["17"])]
SECOND_NS = 10**9


def the_limit(service: Service, number: int) -> Limit:
    """A limit that is in force. Raises Refused."""
    limit = service.view.limit(number)
    if limit is None or limit.removed:
        raise refused(404, "not_found", "limit", number, "the id of a limit that is in force")
    return limit


def written(service: Service, answer: Answered, response: Response, number: int | None = None) -> Written:
    """What a write is answered with."""
    response.status_code = answer.status
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    limit = service.view.limit(number) if number is not None else None
    if limit is not None:
        response.headers["ETag"] = f'"{limit.version}"'
        return Written.model_validate({**answer, "limit": service.limit_view(limit)})
    return Written.model_validate(dict(answer))


@dataclass(frozen=True, slots=True)
class Writing:
    """What every route that writes needs beside its token."""

    service: Service
    again: Again
    response: Response

    async def run(self, planner: Callable[[], Plan], actor: Actor) -> Answered:
        """Does it once, however often it is asked for. Raises Refused."""
        return await self.service.writer.run(planner, actor, self.again)

    def written(self, answer: Answered, number: int | None = None) -> Written:
        """As `written`."""
        return written(self.service, answer, self.response, number)


async def _writing(service: Served, again: Repeatable, response: Response) -> Writing:
    return Writing(service, again, response)


Writes = Annotated[Writing, Depends(_writing)]


@router.get("/limits", tags=["limits"], summary="Limits in force")
async def limits(
    service: Served,
    _: Reader,
    node: Annotated[str | None, Query(max_length=64, description="only at this node")] = None,
    metric: Annotated[Metric | None, Query(description="only of this metric")] = None,
    enforcement: Annotated[Literal["engine", "global"] | None, Query(description="engine or global")] = None,
    removed: Annotated[bool, Query(description="removed ones too")] = False,
) -> LimitsAnswer:
    """Every limit, as it is in the store."""
    found = [
        service.limit_view(limit)
        for _, limit in sorted(service.view.limits().items())
        if (removed or not limit.removed)
        and node in (None, limit.node)
        and metric in (None, limit.metric)
        and enforcement in (None, limit.enforcement)
    ]
    return LimitsAnswer(view=service.seen(), limits=found)


@router.get("/limits/{number}", tags=["limits"], summary="One limit; its version is the ETag")
async def limit(service: Served, _: Reader, number: Number, response: Response) -> LimitAnswer:
    """A limit, a removed one too."""
    found = service.view.limit(number)
    if found is None:
        raise refused(404, "not_found", "limit", number, "the id of a limit")
    response.headers["ETag"] = f'"{found.version}"'
    return LimitAnswer(view=service.seen(), limit=service.limit_view(found))


@router.post("/limits/validate", tags=["limits"], summary="What a new limit would do")
async def validate_new(service: Served, _: Annotated[Token, allow("validate")], new: LimitNew) -> Validated:
    """Checks and says which way it goes; writes nothing."""
    return _validated(service, changes.new_change(service.view, new, service.settings.world))


@router.post("/limits/{number}/validate", tags=["limits"], summary="What a change would do")
async def validate(
    service: Served, _: Annotated[Token, allow("validate")], number: Number, write: LimitWrite
) -> Validated:
    """Checks and says which way it goes; writes nothing."""
    return _validated(service, changes.set_change(the_limit(service, number), write))


def _checked(service: Service, change: LimitChange) -> None:
    wrong = changes.problems_of(service.view, change, service.settings.world)
    if wrong:
        raise bad_input(wrong)


def _validated(service: Service, change: LimitChange) -> Validated:
    view = service.view
    _checked(service, change)
    verdict = changes.verdict(view, change)
    answer = Validated(
        view=service.seen(), direction=verdict.direction, why=verdict.why, notes=changes.notes(view, change)
    )
    if change.enforcement == "global":
        current = view.limit(change.id)
        target = changes.target_of(view, change, service.settings.world)
        now = changes.parts_now(view, current) if current else {}
        side, other = ("lower", "upper") if amounts.side_of(change.metric) == "lower" else ("upper", "lower")
        answer.parts = {
            holder: {side: amounts.text_of(change.metric, part), other: "0"} for holder, part in target.items()
        }
        answer.pending_until = givers(now, target)
    return answer


def _decide(service: Service, change: LimitChange, actor: Actor, reason: str) -> Plan:
    """The change itself when it tightens, a proposal of it when it loosens, nothing when it changes nothing."""
    view = service.view
    _checked(service, change)
    verdict = changes.verdict(view, change)
    if verdict.direction == "loosening":
        lasts = service.settings.proposal_seconds * SECOND_NS
        return approvals.plan_proposal(view, change, actor, reason=reason, why=verdict.why, lasts_ns=lasts)
    if verdict.direction == "none":
        plan = Plan(action="limit.set", target=f"limits/{change.id}")
    else:
        plan = changes.plan(view, change, actor, service.settings.world, reason=reason)
    plan.answer = {"applied": True, "direction": verdict.direction}
    return plan


@router.post("/limits", tags=["limits"], summary="A new limit", status_code=200)
async def create(
    token: Annotated[Token, allow("propose")],
    new: LimitNew,
    writes: Writes,
) -> Written:
    """Written at once when a limit of the same metric is there already and binds as widely; else it waits for a second
    person, since orders without it are refused."""
    service = writes.service
    actor = service.actor(token)
    made: list[int] = []

    def planner() -> Plan:
        change = changes.new_change(service.view, new, service.settings.world)
        made.append(change.id)
        return _decide(service, change, actor, new.reason)

    answer = await writes.run(planner, actor)
    return writes.written(answer, made[-1] if made else None)


@router.put("/limits/{number}", tags=["limits"], summary="Change a limit")
async def change(
    token: Annotated[Token, allow("tighten")],
    number: Number,
    write: LimitWrite,
    version: Version,
    writes: Writes,
) -> Written:
    """Tightening is written at once; loosening is answered 202 with a proposal that a second person confirms."""
    service = writes.service
    actor = service.actor(token)

    def planner() -> Plan:
        current = the_limit(service, number)
        changes.stale(current, number, version)
        return _decide(service, changes.set_change(current, write), actor, write.reason)

    return writes.written(await writes.run(planner, actor), number)


@router.delete("/limits/{number}", tags=["limits"], summary="Remove a limit", status_code=202)
async def remove(
    token: Annotated[Token, allow("propose")],
    number: Number,
    version: Version,
    writes: Writes,
    reason: Annotated[Reason, Query(min_length=1, description="readable words that say why, 1 to 500 characters")],
) -> Written:
    """Always loosening: it waits for a second person."""
    service = writes.service
    actor = service.actor(token)

    def planner() -> Plan:
        current = the_limit(service, number)
        changes.stale(current, number, version)
        return _decide(service, changes.remove_change(current), actor, reason)

    return writes.written(await writes.run(planner, actor), number)


@router.get("/proposals", tags=["proposals"], summary="Proposals that wait or waited for a second person")
async def proposals(
    service: Served,
    _: Reader,
    state: Annotated[Literal["open", "confirmed", "refused", "expired"] | None, Query(description="only these")] = None,
) -> ProposalsAnswer:
    """Oldest first."""
    found = [one for _, one in service.view.of("approvals") if state in (None, one.state)]
    return ProposalsAnswer(view=service.seen(), proposals=sorted(found, key=lambda one: int(one.id)))


@router.get("/proposals/{proposal}", tags=["proposals"], summary="One proposal")
async def proposal(service: Served, _: Reader, proposal: Proposal) -> ProposalsAnswer:
    """What it would change, why, and until when."""
    return ProposalsAnswer(view=service.seen(), proposals=[approvals.found(service.view, proposal)])


@router.post("/proposals/{proposal}/confirm", tags=["proposals"], summary="Confirm somebody else's proposal")
async def confirm(
    token: Annotated[Token, allow("confirm")],
    proposal: Proposal,
    writes: Writes,
) -> Written:
    """Writes the change and closes the proposal in one transaction."""
    service = writes.service
    actor = service.actor(token)
    answer = await writes.run(
        lambda: approvals.plan_confirmation(
            service.view, proposal, actor, service.settings.world, service.tokens.named
        ),
        actor,
    )
    change = approvals.found(service.view, proposal).change
    return writes.written(answer, change.id if isinstance(change, LimitChange) else None)


@router.post("/proposals/{proposal}/refuse", tags=["proposals"], summary="Refuse or withdraw a proposal")
async def refuse(
    token: Annotated[Token, allow("withdraw")],
    proposal: Proposal,
    why: Why,
    writes: Writes,
) -> Written:
    """Nothing is changed but the proposal."""
    service = writes.service
    actor = service.actor(token)
    answer = await writes.run(lambda: approvals.plan_refusal(service.view, proposal, actor, why.reason), actor)
    return writes.written(answer)
