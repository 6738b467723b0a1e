"""The first start writes a limits file into an empty store; every later start says how the two differ.

Invariant: the store wins: nothing that is in it is overwritten by a file. The generation, without which no region takes
anything, is written last, so that a region sees all of the import or none of it; an import that was cut off is gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from meridian.console import BadInput
from meridian.risk import limits as file_format
from meridian.risk.api import amounts, keys
from meridian.risk.api.changes import World, holders_of
from meridian.risk.api.parts import Parts, share
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.values import (
    Generation,
    Kill,
    Limit,
    Part,
    Permission,
    Restricted,
    Selector,
    Tree,
    TreeNode,
    Value,
)
from meridian.risk.api.view import View
from meridian.risk.api.writer import Writer

KEYS_A_TRANSACTION_MAX = 100
"""etcd takes 128."""
SHARD = 1


def selector_of(one: file_format.Selected) -> Selector:
    """A selector as the store has it."""
    return Selector(
        instrument=one.instrument,
        underlying=one.underlying,
        sector=one.sector,
        venue=one.venue,
        trader=one.trader or None,
    )


def limit_of(one: file_format.Limit, actor: Actor, reason: str) -> Limit:
    """A limit of the file as the store has it."""
    return Limit(
        id=one.id,
        version=1,
        node=one.node,
        metric=one.metric,
        value=amounts.text_of(one.metric, one.hard),
        selector=selector_of(one),
        window_ns=one.window,
        burst=one.burst,
        reference_age_ns=one.reference_age,
        soft_percent=one.soft_percent,
        enforcement=one.enforcement,
        reason=reason,
        by=actor.name,
        at_ns=actor.now_ns,
    )


def holders_for(view: View, loaded: file_format.Limits, world: World) -> list[str]:
    """Who shares a global limit of the file: the holders that are known, else one for each region of the tree."""
    known = holders_of(view, world)
    return known or [f"{name}-{SHARD}" for name, node in loaded.nodes.items() if node.level == "region"]


def shares_of(one: file_format.Limit) -> dict[int, int]:
    """Shard → its share in the file; none when it names no parts."""
    unit = amounts.unit_of(one.metric)
    return {part.holder: int(getattr(part, unit) or 0) for part in one.parts}


def strangers(loaded: file_format.Limits, holders: Sequence[str]) -> list[str]:
    """A sentence for every part of the file whose shard is not the one of exactly one holder."""
    found = []
    for one in loaded.limits:
        for shard in shares_of(one):
            inside = [holder for holder in holders if holder.endswith(f"-{shard}")]
            if len(inside) != 1:
                names = ", ".join(holders) or "none"
                found.append(f"limit {one.id}: parts.holder = {shard}: allowed is the shard of one holder of {names}.")
    return found


def parts_of(limit: Limit, shares: Mapping[int, int], holders: Sequence[str]) -> Parts:
    """The parts of a global limit of the file: as given for shards, equal when none are given. They add up to the limit."""
    value = amounts.parse(limit.metric, limit.value)
    if not any(shares.values()):
        return share(value, dict.fromkeys(holders, 1))
    named = {holder: shares[shard] for shard in shares for holder in holders if holder.endswith(f"-{shard}")}
    return {**dict.fromkeys(holders, 0), **share(value, named)}


def is_due(view: View) -> bool:
    """Whether no import was finished, or an operator raised the generation of a store that was emptied."""
    return not view.generation or not (view.tree.nodes or view.limits())


async def bring_in(view: View, writer: Writer, loaded: file_format.Limits, actor: Actor, world: World) -> int:
    """Writes what the store does not have, unless an import was finished before. Returns how many limits it wrote."""
    if not is_due(view):
        return 0
    reason = f"from the limits file {loaded.hash[:12]}"
    holders = holders_for(view, loaded, world)
    if wrong := strangers(loaded, holders):
        raise BadInput(wrong)
    waiting = [one for one in loaded.limits if not view.at(keys.limit(one.id))]
    for at in range(0, len(waiting), 16):
        await writer.run(partial(_batch, view, waiting[at : at + 16], holders, actor, reason), actor)
    rules = [(key, rule) for key, rule in rules_of(loaded, actor, reason).items() if not view.at(key)]
    for at in range(0, len(rules), 16):
        await writer.run(partial(_rules, view, rules[at : at + 16], reason), actor)
    await writer.run(partial(_last, view, loaded, actor, reason), actor)
    return len(waiting)


def _batch(view: View, batch: Sequence[file_format.Limit], holders: Sequence[str], actor: Actor, reason: str) -> Plan:
    answer = Plan(action="import", target="limits", reason=reason, after={"limits": [one.id for one in batch]})
    for one in batch:
        limit = limit_of(one, actor, reason)
        answer.put(view, keys.limit(limit.id), limit)
        if limit.enforcement == "global":
            parts = parts_of(limit, shares_of(one), holders)
            assert sum(parts.values()) == amounts.parse(limit.metric, limit.value), "parts add up to the bound"
            for holder, part in parts.items():
                text = amounts.text_of(limit.metric, part)
                lower = amounts.side_of(limit.metric) == "lower"
                value = Part(upper="0" if lower else text, lower=text if lower else "0")
                answer.put(view, keys.part(limit.id, holder), value)
    assert len(answer.writes) <= KEYS_A_TRANSACTION_MAX, "a batch fits one transaction"
    return answer


def _last(view: View, loaded: file_format.Limits, actor: Actor, reason: str) -> Plan:
    nodes = [
        TreeNode(id=node.id, name=name, level=node.level, parent=node.parent) for name, node in loaded.nodes.items()
    ]
    answer = Plan(action="import", target="tree", reason=reason, after={"nodes": [node.name for node in nodes]})
    if not view.at(keys.TREE):
        answer.put(view, keys.TREE, Tree(nodes=nodes))
    for one in loaded.kills:
        kill = Kill(
            node=one.node,
            selector=selector_of(one),
            new_orders=one.new_orders,
            resting=one.resting,
            flatten=one.flatten,
            version=1,
            reason=reason,
            by=actor.name,
            at_ns=actor.now_ns,
        )
        key = keys.kill(kill.node, kill.selector)
        if not view.at(key):
            answer.put(view, key, kill)
    if not view.generation:
        cluster = f"{view.cluster_id:x}" if view.cluster_id else None
        answer.put(view, keys.GENERATION, Generation(generation=1, cluster=cluster))
    return answer


def rules_of(loaded: file_format.Limits, actor: Actor, reason: str) -> dict[str, Value]:
    """Permissions and the restricted list of the file as the store has them, by key."""
    found: dict[str, Value] = {}
    for one in loaded.permissions:
        permission = Permission(
            node=one.node, selector=selector_of(one), allow=one.allow, version=1, reason=reason, by=actor.name,
            at_ns=actor.now_ns,
        )  # fmt: skip
        found[keys.permission(permission.node, permission.selector)] = permission
    for entry in loaded.restricted:
        found[keys.restricted(entry.instrument)] = Restricted(
            instrument=entry.instrument, new_orders=entry.new_orders, version=1, reason=reason, by=actor.name,
            at_ns=actor.now_ns,
        )  # fmt: skip
    return found


def _rules(view: View, batch: Sequence[tuple[str, Value]], reason: str) -> Plan:
    names = [key.removeprefix(keys.ROOT) for key, _ in batch]
    answer = Plan(action="import", target="rules", reason=reason, after={"rules": names})
    for key, rule in batch:
        answer.put(view, key, rule)
    return answer


def differences(view: View, loaded: file_format.Limits) -> list[str]:
    """How a file differs from the store, one sentence each; the store is what is in force."""
    found = []
    nodes = {node.name: node for node in view.tree.nodes}
    for name, node in loaded.nodes.items():
        there = nodes.get(name)
        if there is None:
            found.append(f"node {name} of the file is not in the store")
        elif (there.level, there.parent, there.id) != (node.level, node.parent, node.id):
            found.append(f"node {name} is another one in the store ({there.level}, id {there.id})")
    for one in loaded.limits:
        limit = view.limit(one.id)
        if limit is None:
            found.append(f"limit {one.id} of the file is not in the store")
        elif limit.removed:
            found.append(f"limit {one.id} of the file was removed in the store")
        else:
            value = amounts.text_of(one.metric, one.hard)
            if (limit.node, limit.metric, limit.selector) != (one.node, one.metric, selector_of(one)):
                found.append(f"limit {one.id} is another one in the store ({limit.metric} at {limit.node})")
            elif limit.value != value:
                found.append(f"limit {one.id}: the file says {value}, the store {limit.value}, which is in force")
    for rule in loaded.permissions:
        there_rule = view.get(keys.permission(rule.node, selector_of(rule)))
        if there_rule is None or there_rule.removed or there_rule.allow != rule.allow:
            found.append(f"the permission of the file at {rule.node} is another one in the store, which is in force")
    for entry in loaded.restricted:
        listed = view.get(keys.restricted(entry.instrument))
        if listed is None or listed.new_orders != entry.new_orders:
            found.append(f"{entry.instrument} is restricted otherwise in the store, which is in force")
    missing = set(view.limits()) - {one.id for one in loaded.limits}
    found += [f"limit {number} of the store is not in the file" for number in sorted(missing)]
    return found
