"""Routes of permissions and of the restricted list.

Invariant: as with limits: what forbids more is done at once, by one person; what allows more becomes a proposal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from meridian.risk.api import approvals, keys, rules
from meridian.risk.api.errors import refused
from meridian.risk.api.kill_routes import Node
from meridian.risk.api.limit_routes import SECOND_NS, written
from meridian.risk.api.models import (
    PermissionsAnswer,
    PermissionView,
    PermissionWrite,
    PropagationAnswer,
    RestrictedAnswer,
    RestrictedView,
    RestrictedWrite,
    Written,
)
from meridian.risk.api.plans import Plan
from meridian.risk.api.service import Reader, Repeatable, Served, Service, allow
from meridian.risk.api.state_routes import state_in
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Selector
from meridian.risk.api.writer import Again

router = APIRouter(prefix="/v1")
Instrument = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=r"^[^/\x00-\x1f]+$",
        description="an instrument's name, without slashes and control characters",
    ),
]


@router.get("/permissions", tags=["limits"], summary="Who may trade what")
async def permissions(
    service: Served,
    _: Reader,
    node: Annotated[str | None, Query(max_length=64, description="only at this node")] = None,
    removed: Annotated[bool, Query(description="removed ones too")] = False,
) -> PermissionsAnswer:
    """Denied at the firm: nothing is traded but what nodes below allow. Denied below: forbidden. Without any: all is allowed."""
    found = [
        PermissionView(
            **one.model_dump(),
            state=rules.state_of(one),
            revision=service.view.at(keys.permission(one.node, one.selector)),
        )
        for _, one in service.view.of("permissions")
        if node in (None, one.node) and (removed or not one.removed)
    ]
    return PermissionsAnswer(view=service.seen(), permissions=found)


@router.put("/permissions/{node}", tags=["limits"], summary="Allow, deny, or remove what was said before")
async def permit(
    service: Served,
    token: Annotated[Token, allow("tighten")],
    node: Node,
    write: PermissionWrite,
    again: Repeatable,
    response: Response,
) -> Written:
    """A denial, and the end of a permission, are written at once; anything else waits for a second person."""
    return await _write(
        service, token, again, response, write.reason,
        lambda: rules.permission_change(service.view, node, write.selector, write.state),
    )  # fmt: skip


@router.get("/restricted", tags=["limits"], summary="The restricted list")
async def restricted(service: Served, _: Reader) -> RestrictedAnswer:
    """Instruments that were ever on it, with what new orders may do."""
    found = [
        RestrictedView(**one.model_dump(), revision=service.view.at(keys.restricted(one.instrument)))
        for _, one in service.view.of("restricted")
    ]
    return RestrictedAnswer(view=service.seen(), restricted=found)


@router.put(
    "/restricted/{instrument}", tags=["limits"], summary="Put an instrument on the restricted list, or take it off"
)
async def restrict(
    service: Served,
    token: Annotated[Token, allow("tighten")],
    instrument: Instrument,
    write: RestrictedWrite,
    again: Repeatable,
    response: Response,
) -> Written:
    """Stricter is written at once; looser waits for a second person."""
    return await _write(
        service, token, again, response, write.reason,
        lambda: rules.restricted_change(service.view, instrument, write.new_orders),
    )  # fmt: skip


async def _write(
    service: Service, token: Token, again: Again, response: Response, reason: str, make: Callable[[], rules.Change]
) -> Written:
    actor, view = service.actor(token), service.view

    def planner() -> Plan:
        change = make()
        rules.checked(view, change, service.settings.world)
        way, why = rules.direction(view, change)
        if way == "loosening":
            lasts = service.settings.proposal_seconds * SECOND_NS
            return approvals.plan_proposal(view, change, actor, reason=reason, why=why, lasts_ns=lasts)
        if way == "tightening":
            return rules.plan(view, change, actor, reason=reason)
        plan = Plan(action="rule.set", target=rules.key_of(change))
        plan.answer = {"applied": True, "direction": "none"}
        return plan

    return written(service, await service.writer.run(planner, actor, again), response)


def _propagation(service: Service, key: str, name: str, value: str) -> PropagationAnswer:
    if service.view.get(key) is None:
        raise refused(404, "not_found", name, value, f"a {name} of which something was written")
    states = [state_in(service, region, {key: service.view.at(key)}) for region in service.regions()]
    everywhere = bool(states) and all(one.state == "in_force" for one in states)
    return PropagationAnswer(view=service.seen(), key=key, in_force=everywhere, regions=states)


@router.get(
    "/propagation/permissions/{node}", tags=["propagation"], summary="Where a permission stands in every region"
)
async def permission_propagation(
    service: Served,
    _: Reader,
    node: Node,
    instrument: Annotated[str | None, Query(max_length=64, description="of its selector")] = None,
    underlying: Annotated[str | None, Query(max_length=64, description="of its selector")] = None,
    sector: Annotated[str | None, Query(max_length=64, description="of its selector")] = None,
    venue: Annotated[str | None, Query(max_length=64, description="of its selector")] = None,
    trader: Annotated[int | None, Query(ge=1, lt=2**32, description="of its selector")] = None,
) -> PropagationAnswer:
    """Per region: the revision, the outcome, and the engine input with which it came into force."""
    names = {"instrument": instrument, "underlying": underlying, "sector": sector, "venue": venue}
    selector = Selector(**{name: value or None for name, value in names.items()}, trader=trader)
    return _propagation(service, keys.permission(node, selector), "node", node)


@router.get("/propagation/restricted/{instrument}", tags=["propagation"], summary="Where the restricted list stands")
async def restricted_propagation(service: Served, _: Reader, instrument: Instrument) -> PropagationAnswer:
    """Per region, for one instrument."""
    return _propagation(service, keys.restricted(instrument), "instrument", instrument)
