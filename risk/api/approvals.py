"""Proposals: a loosening change waits for a second person.

Invariant: a proposal is confirmed by somebody else than its proposer, within its time, on the very version it was proposed for,
while the token that it was made with is in force, and in the same transaction as the change itself; so it is done at most once.
"""

from __future__ import annotations

from collections.abc import Callable

from meridian.risk.api import changes, keys, kills, rules
from meridian.risk.api.changes import World
from meridian.risk.api.errors import bad_input, problem, refused
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Approval, LimitChange, PermissionChange, RearmChange, RestrictedChange
from meridian.risk.api.view import View

OPEN_MAX = 200
Holder = Callable[[str], Token | None]
Proposed = LimitChange | RearmChange | PermissionChange | RestrictedChange
MINUTE_NS = 60 * 10**9


def plan_proposal(view: View, change: Proposed, actor: Actor, *, reason: str, why: list[str], lasts_ns: int) -> Plan:
    """Writes a proposal. Refuses one without a reason."""
    if not reason.strip():
        raise bad_input([problem("reason", None, "readable words that say why, 1 to 500 characters, for what loosens")])
    if sum(one.state == "open" for _, one in view.of("approvals")) >= OPEN_MAX:
        raise refused(409, "too_many", "proposals", OPEN_MAX, f"fewer than {OPEN_MAX} open proposals; refuse some")
    number = str(view.audit_head()[0] + 1)
    approval = Approval(
        id=number,
        change=change,
        reason=reason,
        by=actor.name,
        by_token=actor.token.mark if actor.token else "",
        at_ns=actor.now_ns,
        expires_ns=actor.now_ns + lasts_ns,
        state="open",
    )
    answer = Plan(action="proposal.made", target=f"approvals/{number}", reason=reason, proposal=number, status=202)
    answer.after = approval.model_dump(mode="json")
    answer.answer = {"applied": False, "direction": "loosening", "why": why, "proposal": answer.after}
    answer.put(view, keys.approval(number), approval)
    return answer


def found(view: View, number: str) -> Approval:
    """A proposal. Raises Refused when there is none."""
    approval: Approval | None = view.get(keys.approval(number))
    if approval is None:
        raise refused(404, "not_found", "proposal", number, "the number of a proposal")
    return approval


def _open(approval: Approval, actor: Actor) -> None:
    if approval.state != "open" or actor.now_ns >= approval.expires_ns:
        state = approval.state if approval.state != "open" else "expired"
        raise refused(409, "not_open", "proposal", f"{approval.id} is {state}", "an open proposal; propose it again")


def _still_proposed(approval: Approval, proposer: Token | None) -> None:
    """Refuses what was proposed with a token that is no longer in force, or no longer may propose."""
    if proposer is None or not proposer.may("propose") or approval.by_token not in ("", proposer.mark):
        told = f"{approval.id} was made with a token of {approval.by} that is not in force any more"
        allowed = "a proposal whose proposer still holds that token; somebody who may proposes it again"
        raise refused(409, "proposer_gone", "proposal", told, allowed)


def plan_confirmation(view: View, number: str, actor: Actor, world: World, holder: Holder) -> Plan:
    """The change itself, with its proposal closed in the same transaction. `holder` gives the token in force of a name."""
    approval = found(view, number)
    _open(approval, actor)
    if approval.by == actor.name:
        raise refused(403, "second_person", "token", actor.name, "the token of somebody else than the proposer")
    if not view.seals.is_ours(keys.approval(number)):
        told = f"{number} was written past the API: no audit entry tells of it as it stands"
        raise refused(409, "edited", "proposal", told, "a proposal that the API wrote; propose it again")
    _still_proposed(approval, holder(approval.by))
    change = approval.change
    if isinstance(change, RearmChange):
        answer = kills.plan_rearm(view, change, actor, reason=approval.reason, by=approval.by)
    elif isinstance(change, PermissionChange | RestrictedChange):
        rules.checked(view, change, world)
        answer = rules.plan(view, change, actor, reason=approval.reason, by=approval.by)
    else:
        current = view.limit(change.id)
        if (current.version if current else 0) != change.base_version:
            allowed = f"version {change.base_version}, for which it was made; propose it again"
            raise refused(409, "stale", "proposal", f"version {current.version if current else 0} is there", allowed)
        wrong = changes.problems_of(view, change, world)
        if wrong:
            raise bad_input(wrong)
        answer = changes.plan(view, change, actor, world, reason=approval.reason, by=approval.by)
        answer.answer = {"applied": True, "direction": "loosening"}
    closed = approval.model_copy(update={"state": "confirmed", "decided_by": actor.name, "decided_ns": actor.now_ns})
    answer.put(view, keys.approval(number), closed)
    answer.proposal = number
    answer.answer["proposal"] = closed.model_dump(mode="json")
    return answer


def plan_refusal(view: View, number: str, actor: Actor, reason: str) -> Plan:
    """Closes a proposal; its proposer may withdraw it too."""
    approval = found(view, number)
    _open(approval, actor)
    return _closed(view, approval, "refused", actor, reason)


def plan_expiry(view: View, approval: Approval, actor: Actor) -> Plan:
    """Marks a proposal whose time is over."""
    return _closed(view, approval, "expired", actor, "its time is over")


def _closed(view: View, approval: Approval, state: str, actor: Actor, reason: str) -> Plan:
    closed = approval.model_copy(update={"state": state, "decided_by": actor.name, "decided_ns": actor.now_ns})
    answer = Plan(action=f"proposal.{state}", target=f"approvals/{approval.id}", reason=reason, proposal=approval.id)
    answer.before, answer.after = approval.model_dump(mode="json"), closed.model_dump(mode="json")
    answer.answer = {"applied": False, "direction": "none", "proposal": answer.after}
    answer.put(view, keys.approval(approval.id), closed)
    return answer
