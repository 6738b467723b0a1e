"""Permissions and the restricted list, planned (controls 21 and 23).

A permission sits at a node with a selector. Denied at the firm: nothing is traded there but what a node below allows. Denied
below the firm: forbidden, whatever others allow. The restricted list says by instrument what new orders of the firm may do.

Invariant: what surely forbids more is written at once, by one person; anything else waits for a second one. Keys stay: a
permission ends by a mark, an instrument comes off the list by a value that allows.
"""

from __future__ import annotations

from meridian.risk.api import keys
from meridian.risk.api.changes import Direction, World, one_of, selector_problems
from meridian.risk.api.errors import Problem, bad_input, problem, refused
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.values import (
    NEW_ORDERS,
    Permission,
    PermissionChange,
    Restricted,
    RestrictedChange,
    Selector,
)
from meridian.risk.api.view import View
from meridian.risk.limits import NewOrders

Change = PermissionChange | RestrictedChange


def permission_change(view: View, node: str, selector: Selector, state: str) -> PermissionChange:
    """What a permission would become: allow, deny or removed."""
    now: Permission | None = view.get(keys.permission(node, selector))
    return PermissionChange(
        node=node, selector=selector, allow=state == "allow", removed=state == "removed",
        base_version=now.version if now else 0,
    )  # fmt: skip


def restricted_change(view: View, instrument: str, new_orders: NewOrders) -> RestrictedChange:
    """What new orders in an instrument would be allowed."""
    now: Restricted | None = view.get(keys.restricted(instrument))
    return RestrictedChange(instrument=instrument, new_orders=new_orders, base_version=now.version if now else 0)


def problems_of(view: View, change: Change, world: World) -> list[Problem]:
    """Every error of a change."""
    if isinstance(change, RestrictedChange):
        known = world.reference.instruments if world.reference else None
        if known is not None and change.instrument not in known:
            return [problem("instrument", change.instrument, one_of(known))]
        return []
    found = selector_problems(change.selector, world)
    names = [node.name for node in view.tree.nodes]
    if change.node not in names:
        found.append(problem("node", change.node, one_of(names)))
    return found


def key_of(change: Change) -> str:
    """The key that a change writes."""
    if isinstance(change, RestrictedChange):
        return keys.restricted(change.instrument)
    return keys.permission(change.node, change.selector)


def direction(view: View, change: Change) -> tuple[Direction, list[str]]:
    """Which way it goes, and why."""
    now = view.get(key_of(change))
    if isinstance(change, RestrictedChange):
        listed: NewOrders = now.new_orders if now else "allow"
        steps = NEW_ORDERS.index(change.new_orders) - NEW_ORDERS.index(listed)
        if steps == 0:
            return "none", []
        why = f"new orders in {change.instrument}: from {listed} to {change.new_orders}"
        return ("tightening", []) if steps > 0 else ("loosening", [why])
    before = state_of(now)
    after = "removed" if change.removed else "allow" if change.allow else "deny"
    if before == after:
        return "none", []
    if after == "deny" or (before, after) == ("allow", "removed"):
        return "tightening", []
    return "loosening", [f"the permission at {change.node}: from {before} to {after}"]


def state_of(permission: Permission | None) -> str:
    """allow, deny or removed."""
    if permission is None or permission.removed:
        return "removed"
    return "allow" if permission.allow else "deny"


def plan(view: View, change: Change, actor: Actor, *, reason: str, by: str | None = None) -> Plan:
    """The transaction of a change; with `by`, who proposed what `actor` confirms."""
    key = key_of(change)
    now = view.get(key)
    version = now.version if now else 0
    if version != change.base_version:
        allowed = f"version {change.base_version}, for which it was made; propose it again"
        raise refused(409, "stale", "proposal", f"version {version} is there", allowed)
    confirmed_by = actor.name if by else None
    value: Permission | Restricted
    if isinstance(change, RestrictedChange):
        action = "restricted.set"
        value = Restricted(
            instrument=change.instrument, new_orders=change.new_orders, version=version + 1, reason=reason,
            by=by or actor.name, confirmed_by=confirmed_by, at_ns=actor.now_ns,
        )  # fmt: skip
    else:
        action = "permission.set"
        value = Permission(
            node=change.node, selector=change.selector, allow=change.allow, removed=change.removed, version=version + 1,
            reason=reason, by=by or actor.name, confirmed_by=confirmed_by, at_ns=actor.now_ns,
        )  # fmt: skip
    answer = Plan(action=action, target=key.removeprefix(keys.ROOT), reason=reason)
    answer.confirmed_by = confirmed_by
    answer.before = now.model_dump(mode="json") if now else None
    answer.after = value.model_dump(mode="json")
    answer.answer = {"applied": True, "direction": "loosening" if by else "tightening", "rule": answer.after}
    answer.put(view, key, value)
    return answer


def checked(view: View, change: Change, world: World) -> None:
    """Raises Refused with every error."""
    if wrong := problems_of(view, change, world):
        raise bad_input(wrong)
