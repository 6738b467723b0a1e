"""Routes of kills and re-arms.

Invariant: a kill is taken whatever else does not work: with the store away it goes to the regions' own sockets, and the answer
says region by region what became of it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from meridian.risk.api import approvals, keys, kills, sockets
from meridian.risk.api.errors import Problem, Refused, refused
from meridian.risk.api.housekeeping import Handed
from meridian.risk.api.limit_routes import SECOND_NS, Writes, written
from meridian.risk.api.models import KillRequest, KillsAnswer, KillView, RearmRequest, Written
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.service import MaybeRepeatable, Reader, Served, Service, allow
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Kill

router = APIRouter(prefix="/v1", tags=["kill"])
Node = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=r"^[^/\x00-\x1f]+$",
        description="a node's name, without slashes and control characters",
        examples=["desk"],
    ),
]


@router.get("/kill", summary="Kill fields of every node that was ever stopped")
async def state(service: Served, _: Reader) -> KillsAnswer:
    """What the store says, and regions that were stopped at their own socket."""
    kills_by_key: dict[str, Kill] = {
        keys.kill(words[1], kill.selector): kill for words, kill in service.view.of("kill")
    }
    handed: dict[str, set[str]] = {}
    for one in service.housekeeping.unwritten:
        key = keys.kill(one.kill.node, one.kill.selector)
        kills_by_key[key] = kills.strictest(one.kill, kills_by_key.get(key))
        handed.setdefault(key, set()).update(one.regions)
    found = []
    for key, kill in kills_by_key.items():
        found.append(
            KillView(
                **kill.model_dump(),
                revision=service.view.at(key),
                stopped=not kill.armed,
                local_in=sorted(handed.get(key, set()) | set(service.view.local_kills(key))),
            )
        )
    return KillsAnswer(view=service.seen(), kills=found)


@router.post("/kill/{node}", summary="Stop: at once, by one person")
async def kill(
    service: Served,
    token: Annotated[Token, allow("kill_own")],
    node: Node,
    request: KillRequest,
    again: MaybeRepeatable,
    response: Response,
) -> Written:
    """Each field becomes the stricter of what is asked and what is in force; repeating it changes nothing."""
    _allowed(service, token, node)
    if service.view.tree.nodes:
        kills.check_node(service.view, node, request.selector, service.settings.world)
    actor = service.actor(token)
    try:
        answer = await service.writer.run(lambda: kills.plan_kill(service.view, node, request, actor), actor, again)
    except Refused as error:
        if error.body.code not in ("store_away", "unknown", "busy"):
            raise
        return await _hand_over(service, node, request, actor, response, error)
    return written(service, answer, response)


def _allowed(service: Service, token: Token, node: str) -> None:
    if not token.may("kill") and not kills.own(service.view, token, node):
        raise refused(403, "not_own", "node", node, "one of the token's own: " + ", ".join(token.strategies))


async def _hand_over(
    service: Service, node: str, request: KillRequest, actor: Actor, response: Response, why: Refused
) -> Written:
    """The kill goes to the regions themselves, and to the store when it is back."""
    plan = kills.plan_kill(service.view, node, request, actor)
    killed = Kill.model_validate(plan.answer["kill"])
    said = await sockets.send_all(service.settings.kill_sockets, killed)
    took = tuple(region for region, (taken, _) in said.items() if taken)
    service.housekeeping.remember(Handed(killed, took, lambda _: kills.plan_kill(service.view, node, request, actor)))
    told = {region: sentence for region, (_, sentence) in said.items()}
    # An agent that has it sends it until its engine has answered: that is handed over, and not applied.
    if not any(taken or sentence == sockets.UNCONFIRMED for taken, sentence in said.values()):
        problems = [*why.body.errors]
        problems += [
            Problem(key=f"regions.{region}", allowed="a region that answers", sentence=f"{region}: {sentence}")
            for region, sentence in told.items()
        ]
        raise Refused(503, "kill_not_delivered", problems, {"Retry-After": "1"})
    response.status_code = 202
    return Written(
        applied=all(taken for taken, _ in said.values()),
        direction="tightening",
        revision=service.view.revision,
        why=[one.sentence for one in why.body.errors],
        kill=killed,
        handed_over=told,
    )


@router.post("/rearm/{node}", summary="Propose to let go on", status_code=202)
async def rearm(
    token: Annotated[Token, allow("rearm")],
    node: Node,
    request: RearmRequest,
    writes: Writes,
) -> Written:
    """A second person confirms it under `/proposals`."""
    service = writes.service
    kills.check_node(service.view, node, request.selector, service.settings.world)
    actor = service.actor(token)
    lasts = service.settings.proposal_seconds * SECOND_NS

    def planner() -> Plan:
        change = kills.rearm_change(service.view, node, request)
        why = ["a re-arm lets orders through again"]
        return approvals.plan_proposal(service.view, change, actor, reason=request.reason, why=why, lasts_ns=lasts)

    return writes.written(await writes.run(planner, actor))
