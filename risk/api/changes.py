"""Changes of limits, planned: what is asked is checked, found tightening or loosening, and turned into one transaction.

Invariant: a plan that writes a limit writes it with all of its parts, and they add up to the value it writes (asserted). A
bound grows in etcd before anybody may use it and shrinks only after everybody is inside. Loosening needs a second person;
what is not surely tighter is loosening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from meridian.records import Metric
from meridian.risk.api import amounts, keys
from meridian.risk.api.errors import Problem, bad_input, problem, refused, sentence
from meridian.risk.api.models import LimitNew, LimitWrite
from meridian.risk.api.parts import Parts, advance, givers, lowered, region_of, share
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.values import Limit, LimitChange, Part, PartTarget, Pending, Selector, TreeNode
from meridian.risk.api.view import View
from meridian.risk.limits import EXTRAS, MANDATORY, METRICS
from meridian.venues.reference import ReferenceData

Direction = Literal["tightening", "loosening", "none"]
EXTRA_FIELDS = {"window": "window_ns", "burst": "burst", "reference_age": "reference_age_ns"}
SHORTER_IS_LOOSER = {"window_ns"}
"""More of it means fewer orders; of everything else more means more orders."""
HOLDERS_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What names may be used, and who the holders are."""

    reference: ReferenceData | None = None
    holders: tuple[str, ...] = ()


@dataclass(slots=True)
class Verdict:
    """Which way a change goes, and why."""

    direction: Direction = "none"
    why: list[str] = field(default_factory=list)


def set_change(limit: Limit, write: LimitWrite) -> LimitChange:
    """What a limit would be after a write."""
    aim = limit.pending.value if limit.pending else limit.value
    given = write.model_dump(exclude={"reason"}, exclude_none=True)
    known = limit.model_dump(include={"window_ns", "burst", "reference_age_ns", "soft_percent", "enforcement"})
    return LimitChange(
        action="set",
        id=limit.id,
        base_version=limit.version,
        node=limit.node,
        metric=limit.metric,
        selector=limit.selector,
        **{**known, "value": aim, **given},
    )


def new_change(view: View, new: LimitNew, world: World) -> LimitChange:
    """The limit that a request asks for, with the parts it would have."""
    taken = set(view.limits()) | {int(words[1]) for key in view.revisions if (words := keys.words(key))[0] == "limits"}
    number = new.id if new.id is not None else max(taken, default=0) + 1
    fields = new.model_dump(exclude={"reason", "id", "selector"})
    change = LimitChange(action="create", id=number, base_version=0, selector=new.selector, **fields)
    if new.enforcement == "global" and new.parts is None and not problems_of(view, change, world):
        holders = holders_of(view, world)
        if not holders:
            raise bad_input([problem("parts", None, models_parts())])
        shared = share(amounts.parse(new.metric, new.value), dict.fromkeys(holders, 1))
        change = change.model_copy(
            update={"parts": {holder: amounts.text_of(new.metric, part) for holder, part in shared.items()}}
        )
    return change


def models_parts() -> str:
    """What parts may be, in words."""
    return "an amount for each holder, named REGION-SHARD (no engine has reported one yet)"


def holders_of(view: View, world: World) -> list[str]:
    """Engines that hold parts: configured, and those whose agents are there."""
    return sorted({*world.holders, *(region.holder for _, region in view.of("regions"))})


def remove_change(limit: Limit) -> LimitChange:
    """A limit's end."""
    fields = limit.model_dump(
        include={
            "id",
            "node",
            "metric",
            "value",
            "window_ns",
            "burst",
            "reference_age_ns",
            "soft_percent",
            "enforcement",
        }
    )
    return LimitChange(action="remove", base_version=limit.version, selector=limit.selector, **fields)


# What is wrong with a change.


def problems_of(view: View, change: LimitChange, world: World) -> list[Problem]:
    """Every error of a change."""
    found: list[Problem] = []
    nodes = {node.name: node for node in view.tree.nodes}
    if change.node not in nodes:
        found.append(problem("node", change.node, one_of(nodes)))
    found += _selector_problems(change.selector, world.reference)
    found += _amount_problems("value", change.metric, change.value)
    found += _extra_problems(change)
    if change.enforcement == "global":
        found += _parts_problems(change) + _strangers(view, change, world)
        if change.metric not in amounts.GLOBAL_METRICS:
            found.append(problem("enforcement", "global", f"engine with {change.metric}; global with "
                                 + ", ".join(sorted(amounts.GLOBAL_METRICS))))  # fmt: skip
    elif change.parts is not None:
        found.append(problem("parts", ", ".join(change.parts), "none with enforcement engine"))
    if change.action == "create":
        found += _new_problems(view, change)
    return found


def _new_problems(view: View, change: LimitChange) -> list[Problem]:
    if view.at(keys.limit(change.id)) or view.limit(change.id):
        return [problem("id", change.id, "a number of its own; this one is taken (removed limits keep theirs)")]
    return []


def one_of(names: Any) -> str:
    """What is allowed, of these names."""
    listed = sorted(names)
    if not listed:
        return "nothing: none is defined"
    return "one of " + ", ".join(listed[:40]) + (", ..." if len(listed) > 40 else "")


def _selector_problems(selector: Selector, reference: ReferenceData | None) -> list[Problem]:
    found = []
    chosen = [name for name in ("instrument", "underlying", "sector") if getattr(selector, name)]
    if len(chosen) > 1:
        found.append(problem("selector", " and ".join(chosen), "one of instrument, underlying and sector"))
    if reference is None:
        return found
    tables: dict[str, dict[str, Any]] = {
        "instrument": reference.instruments,
        "underlying": reference.underlyings,
        "sector": reference.sectors,
        "venue": reference.venues,
    }
    for name, table in tables.items():
        value = getattr(selector, name)
        if value is not None and value not in table:
            found.append(problem(f"selector.{name}", value, one_of(table)))
    return found


def selector_problems(selector: Selector, world: World) -> list[Problem]:
    """Every error of a selector."""
    return _selector_problems(selector, world.reference)


def _amount_problems(key: str, metric: str, text: str) -> list[Problem]:
    try:
        amounts.parse(metric, text)
    except ValueError:
        return [problem(key, text, amounts.allowed(metric))]
    return []


def _extra_problems(change: LimitChange) -> list[Problem]:
    found = []
    extras = EXTRAS.get(METRICS[change.metric], set())
    for extra, name in EXTRA_FIELDS.items():
        value = getattr(change, name)
        if extra in extras and value is None and extra != "burst":
            found.append(problem(name, None, f"a time in ns, from 1, with {change.metric}"))
        if extra not in extras and value is not None:
            found.append(problem(name, value, f"none with {change.metric}"))
    return found


def _parts_problems(change: LimitChange) -> list[Problem]:
    if change.parts is None:
        return []
    found: list[Problem] = []
    for holder, text in change.parts.items():
        found += _amount_problems(f"parts.{holder}", change.metric, text)
    if not 1 <= len(change.parts) <= HOLDERS_MAX:
        found.append(problem("parts", len(change.parts), f"from 1 to {HOLDERS_MAX} holders"))
    if not found and not _amount_problems("value", change.metric, change.value):
        total = sum(amounts.parse(change.metric, text) for text in change.parts.values())
        if total != amounts.parse(change.metric, change.value):
            text = amounts.text_of(change.metric, total)
            found.append(problem("parts", f"{text} in all", f"parts that add up to the value, {change.value}"))
    return found


def _strangers(view: View, change: LimitChange, world: World) -> list[Problem]:
    """Parts of who holds none: nobody could ever say that it is inside one, so the lots would be lost to all."""
    has = view.parts(change.id)
    known = sorted({*holders_of(view, world), *has})
    allowed = one_of(known) if known else models_parts()
    return [problem(f"parts.{holder}", text, allowed) for holder, text in (change.parts or {}).items()
            if holder not in known]  # fmt: skip


# Which way it goes.


def verdict(view: View, change: LimitChange) -> Verdict:
    """Whether a change tightens or loosens. Against what is aimed at, when a change is pending already."""
    now = view.limit(change.id)
    if change.action == "create":
        return _verdict_of_new(view, change)
    if change.action == "remove":
        return Verdict("loosening", ["a limit that is removed refuses nothing any more"])
    assert now is not None
    answer = Verdict()
    aim = now.pending.value if now.pending else now.value
    _compare(answer, "value", amounts.parse(now.metric, aim), amounts.parse(now.metric, change.value))
    for name in EXTRA_FIELDS.values():
        before, after = getattr(now, name), getattr(change, name)
        if before != after:
            _compare(answer, name, before or 0, after or 0)
    # No soft value warns latest of all.
    _compare(answer, "soft_percent", now.soft_percent or 101, change.soft_percent or 101)
    if change.parts is not None and change.enforcement == "global":
        _compare_parts(answer, now.metric, parts_aimed(view, now), change.parts)
    return answer


def _compare_parts(answer: Verdict, metric: str, before: Parts, given: Mapping[str, str]) -> None:
    """A part that grows lets more through in its region, whatever the others give up."""
    after = {holder: amounts.parse(metric, text) for holder, text in given.items()}
    for holder in sorted(before.keys() | after.keys()):
        was, is_now = before.get(holder, 0), after.get(holder, 0)
        if is_now > was:
            answer.direction = "loosening"
            texts = amounts.text_of(metric, was), amounts.text_of(metric, is_now)
            answer.why.append(f"the part of {holder} grows from {texts[0]} to {texts[1]}")
        elif is_now < was and answer.direction == "none":
            answer.direction = "tightening"


def _compare(answer: Verdict, name: str, before: int, after: int) -> None:
    if before == after:
        return
    looser = (after < before) if name in SHORTER_IS_LOOSER else (after > before)
    if looser:
        answer.direction = "loosening"
        answer.why.append(f"{name} goes from {before} to {after}" if name != "value" else "value grows")
    elif answer.direction == "none":
        answer.direction = "tightening"


def _verdict_of_new(view: View, change: LimitChange) -> Verdict:
    if METRICS[change.metric] not in MANDATORY:
        return Verdict("tightening")
    for limit in view.limits().values():
        same_place = limit.node == change.node and limit.metric == change.metric and not limit.removed
        if same_place and limit.selector.covers(change.selector):
            return Verdict("tightening")
    why = f"{change.metric} is mandatory: without this limit {change.node}'s orders there are refused with NO_LIMIT"
    return Verdict("loosening", [why])


# What it writes.


def parts_now(view: View, limit: Limit) -> Parts:
    """The parts in force, as whole numbers."""
    side = amounts.side_of(limit.metric)
    return {holder: _whole(limit.metric, getattr(part, side)) for holder, part in view.parts(limit.id).items()}


def parts_aimed(view: View, limit: Limit) -> Parts:
    """The parts that a pending change leads to; those in force when none is pending."""
    if limit.pending is None:
        return parts_now(view, limit)
    side = amounts.side_of(limit.metric)
    return {holder: _whole(limit.metric, getattr(part, side)) for holder, part in limit.pending.parts.items()}


def _whole(metric: str, text: str) -> int:
    try:
        return amounts.parse(metric, text)
    except ValueError:
        raise sentence(409, "damaged", "parts", "A part in the store is no amount; an operator "
                       "restores it before the limit can be changed.") from None  # fmt: skip


def target_of(view: View, change: LimitChange, world: World) -> Parts:
    """The parts that a change of a global limit leads to: as given, or in the proportions there are."""
    if change.parts is not None:
        return {holder: amounts.parse(change.metric, text) for holder, text in change.parts.items()}
    limit = view.limit(change.id)
    aimed = parts_aimed(view, limit) if limit else {}
    value = amounts.parse(change.metric, change.value)
    if sum(aimed.values()) == 0:
        aimed = dict.fromkeys(aimed or holders_of(view, world), 1)
    if not aimed:
        raise bad_input([problem("parts", None, models_parts())])
    return lowered(value, aimed) if value < sum(aimed.values()) else share(value, aimed)


def plan(view: View, change: LimitChange, actor: Actor, world: World, *, reason: str, by: str | None = None) -> Plan:
    """The transaction of a change. `by` is the proposer when somebody else confirms."""
    now = view.limit(change.id)
    answer = Plan(
        action=f"limit.{change.action}",
        target=f"limits/{change.id}",
        before=now.model_dump(mode="json") if now else None,
        reason=reason,
        confirmed_by=actor.name if by else None,
    )
    limit = Limit(
        version=(now.version if now else 0) + 1,
        removed=change.action == "remove",
        reason=reason,
        by=by or actor.name,
        confirmed_by=actor.name if by else None,
        at_ns=actor.now_ns,
        pending=None,
        **change.model_dump(exclude={"kind", "action", "base_version", "parts", "selector"}),
        selector=change.selector,
    )
    limit = limit.model_copy(update={"value": canonical(change.metric, change.value)})
    if change.enforcement == "global" and not limit.removed:
        written = _write_parts(answer, view, limit, parts_now(view, now) if now else {}, target_of(view, change, world))
        limit = written
    answer.put(view, keys.limit(limit.id), limit)
    answer.after = limit.model_dump(mode="json")
    return answer


def canonical(metric: str, text: str) -> str:
    """An amount in its one way of writing."""
    return amounts.text_of(metric, amounts.parse(metric, text))


def _part(metric: str, whole: int) -> dict[str, str]:
    text = amounts.text_of(metric, whole)
    return {"upper": "0", "lower": text} if amounts.side_of(metric) == "lower" else {"upper": text, "lower": "0"}


def _write_parts(
    answer: Plan, view: View, limit: Limit, now: Parts, target: Parts, gave_back: frozenset[str] = frozenset()
) -> Limit:
    """Adds one step of the parts towards the target to a plan; returns the limit with the bound then in force."""
    stepped = advance(now, target, gave_back)
    for holder, part in stepped.items():
        answer.put(view, keys.part(limit.id, holder), Part.model_validate(_part(limit.metric, part)))
    bound = amounts.text_of(limit.metric, sum(stepped.values()))
    pending = None
    if givers(stepped, target):
        aim = amounts.text_of(limit.metric, sum(target.values()))
        parts = {holder: PartTarget.model_validate(_part(limit.metric, target.get(holder, 0))) for holder in stepped}
        pending = Pending(value=aim, parts=parts)
    limit = limit.model_copy(update={"value": bound, "pending": pending})
    assert sum(stepped.values()) == amounts.parse(limit.metric, limit.value), "parts add up to the bound"
    return limit


def gave_back(view: View, limit: Limit) -> list[str]:
    """Holders of a pending change whose engines said, of this very change, that they are inside their smaller part."""
    now, target = parts_now(view, limit), parts_aimed(view, limit)
    found = []
    for holder in givers(now, target):
        key = keys.part(limit.id, holder)
        wanted = max(view.at(keys.limit(limit.id)), view.at(key))
        ack = view.ack(region_of(holder), key)
        if (
            ack is not None
            and ack.outcome == "in_force"
            and ack.inside
            and ack.revision >= wanted
            and ack.generation == view.generation
        ):
            found.append(holder)
    return found


def step(view: View, limit: Limit, actor: Actor) -> Plan | None:
    """The next transaction of a pending change; None while nobody has given back."""
    back = gave_back(view, limit)
    if not back:
        return None
    answer = Plan(
        action="limit.step",
        target=f"limits/{limit.id}",
        before=limit.model_dump(mode="json"),
        reason=f"given back by {', '.join(back)}",
    )
    moved = limit.model_copy(update={"version": limit.version + 1, "at_ns": actor.now_ns})
    moved = _write_parts(answer, view, moved, parts_now(view, limit), parts_aimed(view, limit), frozenset(back))
    answer.put(view, keys.limit(limit.id), moved)
    answer.after = moved.model_dump(mode="json")
    return answer


def stale(limit: Limit | None, number: int, version: int) -> None:
    """Refuses a change of a version that is no longer there. Raises Refused."""
    if limit is None:
        raise refused(404, "not_found", "limit", number, "the id of a limit")
    if limit.version != version:
        allowed = f'the version that is there now, "{limit.version}" (read it again)'
        raise refused(412, "stale", "If-Match", f'"{version}"', allowed)


def notes(view: View, change: LimitChange) -> list[str]:
    """What is worth knowing before a change is written."""
    found = []
    above: dict[str, TreeNode] = {node.name: node for node in view.tree.nodes}
    path, name = set(), above[change.node].parent if change.node in above else None
    while name in above and name not in path:
        path.add(name)
        name = above[name].parent
    value = amounts.parse(change.metric, change.value)
    for limit in view.limits().values():
        if limit.metric == change.metric and limit.node in path and not limit.removed and limit.id != change.id:
            bound = amounts.parse(limit.metric, limit.value)
            if limit.selector.covers(change.selector) and bound < value:
                found.append(f"limit {limit.id} at {limit.node} is tighter ({limit.value}): that one binds.")
    if value == 0:
        found.append("zero forbids every order that it matches.")
    if METRICS[change.metric] is Metric.CANCEL_RATE:
        found.append("cancels are counted and never refused.")
    return found
