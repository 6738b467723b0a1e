"""Kills and re-arms, planned.

Invariant: a kill never loosens: each field becomes the stricter of what is asked and what is in force. A re-arm is a proposal
that a second person confirms; it always writes the key anew, since only a later write loosens what a region stopped by itself.
"""

from __future__ import annotations

from meridian.risk.api import keys
from meridian.risk.api.changes import World, selector_problems
from meridian.risk.api.errors import bad_input, problem, refused
from meridian.risk.api.models import KillRequest, RearmRequest
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import NEW_ORDERS, RESTING, Kill, LocalKill, RearmChange, Selector
from meridian.risk.api.view import View
from meridian.risk.limits import NewOrders, Resting

LEVELS: dict[str, tuple[NewOrders, Resting, bool]] = {
    "K1": ("reduce_only", "cancel_increasing", False),
    "K2": ("none", "keep", False),
    "K3": ("none", "cancel", False),
    "K4": ("none", "cancel", True),
}
"""Named levels as the three fields."""


def own(view: View, token: Token, node: str) -> bool:
    """Whether a node is one of the trader's own, or below one."""
    nodes = {one.name: one for one in view.tree.nodes}
    seen: set[str] = set()
    at: str | None = node
    while at is not None and at not in seen:
        if at in token.strategies:
            return True
        seen.add(at)
        at = nodes[at].parent if at in nodes else None
    return False


def check_node(view: View, node: str, selector: Selector, world: World) -> None:
    """Refuses what names nothing. A node that the view does not know yet is refused too: its name may be mistyped."""
    found = selector_problems(selector, world)
    names = [one.name for one in view.tree.nodes]
    if node not in names:
        if not found:
            raise refused(404, "not_found", "node", node, "one of " + (", ".join(sorted(names)[:40]) or "none yet"))
        found.append(problem("node", node, "the name of a node"))
    if found:
        raise bad_input(found)


def wanted(request: KillRequest) -> tuple[NewOrders, Resting, bool]:
    """The fields that a request asks for. Raises Refused when it asks for nothing."""
    new, resting, flatten = LEVELS[request.level] if request.level else ("allow", "keep", False)
    fields = (
        request.new_orders or new,
        request.resting or resting,
        flatten if request.flatten is None else request.flatten,
    )
    if fields == ("allow", "keep", False):
        raise bad_input([problem("level", request.level, "a level, or at least one field that stops something")])
    if request.level and (request.new_orders or request.resting or request.flatten is not None):
        raise bad_input([problem("level", request.level, "a level or fields of its own, not both")])
    return fields


def strictest(kill: Kill, known: Kill | LocalKill | None) -> Kill:
    """The kill, each field as strict as the known one's."""
    if known is None:
        return kill
    new = max(kill.new_orders, known.new_orders, key=NEW_ORDERS.index)
    resting = max(kill.resting, known.resting, key=RESTING.index)
    return kill.model_copy(update={"new_orders": new, "resting": resting, "flatten": kill.flatten or known.flatten})


def plan_kill(view: View, node: str, request: KillRequest, actor: Actor) -> Plan:
    """The transaction of a kill: at once, by one person."""
    key = keys.kill(node, request.selector)
    now: Kill | None = view.get(key)
    new, resting, flatten = wanted(request)
    # What is written here takes the place of local kills as well: it must stop as much as any of them.
    local = [view.get(one) for one in view.local_kills(key).values()]
    stopped: list[Kill | LocalKill] = [*local, *([now] if now else [])]
    killed = Kill(
        node=node,
        selector=request.selector,
        new_orders=new,
        resting=resting,
        flatten=flatten,
        version=(now.version if now else 0) + 1,
        reason=request.reason,
        by=actor.name,
        at_ns=actor.now_ns,
    )
    for known in stopped:
        killed = strictest(killed, known)
    answer = Plan(action="kill", target=key.removeprefix(keys.ROOT), reason=request.reason)
    answer.before = now.model_dump(mode="json") if now else None
    answer.after = killed.model_dump(mode="json")
    answer.answer = {"applied": True, "direction": "tightening", "kill": answer.after}
    answer.put(view, key, killed)
    return answer


def rearm_change(view: View, node: str, request: RearmRequest) -> RearmChange:
    """What a re-arm would write. Refuses one that stops more than what is in force, and one of what is not stopped."""
    key = keys.kill(node, request.selector)
    now: Kill | None = view.get(key)
    local = view.local_kills(key)
    if (now is None or now.armed) and not local:
        raise refused(409, "not_stopped", "node", node, "a node and selector that are stopped")
    if now is not None and not local:
        stricter = (
            NEW_ORDERS.index(request.new_orders) > NEW_ORDERS.index(now.new_orders)
            or RESTING.index(request.resting) > RESTING.index(now.resting)
            or (request.flatten and not now.flatten)
        )
        if stricter:
            raise bad_input([problem("new_orders", request.new_orders, "fields that stop no more than those in force; a "
                                     "kill tightens")])  # fmt: skip
    return RearmChange(
        node=node,
        selector=request.selector,
        base_version=now.version if now else 0,
        base_local=_local_revisions(view, key),
        new_orders=request.new_orders,
        resting=request.resting,
        flatten=request.flatten,
    )


def _local_revisions(view: View, key: str) -> dict[str, int]:
    """Region → the revision that wrote its local kill."""
    return {region: view.at(local) for region, local in view.local_kills(key).items()}


def plan_rearm(view: View, change: RearmChange, actor: Actor, *, reason: str, by: str) -> Plan:
    """The transaction of a confirmed re-arm."""
    key = keys.kill(change.node, change.selector)
    now: Kill | None = view.get(key)
    version = now.version if now else 0
    if version != change.base_version:
        allowed = f"version {change.base_version}, which was there when it was proposed; propose it again"
        raise refused(409, "stale", "proposal", f"version {version} is there", allowed)
    local = _local_revisions(view, key)
    if local != change.base_local:
        later = ", ".join(sorted(region for region in local if local[region] != change.base_local.get(region)))
        told = f"killed locally since: {later}" if later else "local kills have gone since"
        raise refused(409, "stale", "proposal", told, "what stood when it was proposed; propose it again")
    armed = Kill(
        **change.model_dump(exclude={"kind", "base_version", "base_local", "selector"}),
        selector=change.selector,
        version=version + 1,
        reason=reason,
        by=by,
        confirmed_by=actor.name,
        at_ns=actor.now_ns,
    )
    answer = Plan(action="rearm", target=key.removeprefix(keys.ROOT), reason=reason, confirmed_by=actor.name)
    answer.before = now.model_dump(mode="json") if now else None
    answer.after = armed.model_dump(mode="json")
    answer.answer = {"applied": True, "direction": "loosening", "kill": answer.after}
    answer.put(view, key, armed)
    return answer
