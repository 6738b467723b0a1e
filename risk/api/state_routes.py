"""Routes that tell the state of things: tree, propagation, use, positions, regions, strategies, sessions, audit, health.

Invariant: nothing here is a guess: a region that does not report is told as such with the age of what it last said, and in the
worst case it counts with everything it was given.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from meridian.risk.api import amounts, keys
from meridian.risk.api.errors import refused, sentence
from meridian.risk.api.kill_routes import Node
from meridian.risk.api.limit_routes import Number
from meridian.risk.api.models import (
    AuditAnswer,
    HealthAnswer,
    NodeNew,
    PositionsAnswer,
    PropagationAnswer,
    RegionState,
    RowsAnswer,
    TreeAnswer,
    Written,
)
from meridian.risk.api.parts import region_of
from meridian.risk.api.plans import Plan
from meridian.risk.api.service import Reader, Repeatable, Served, Service, allow
from meridian.risk.api.store import Away
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import AuditEntry, Selector, Tree, TreeNode
from meridian.risk.api.view import View
from meridian.risk.limits import LEVELS

router = APIRouter(prefix="/v1")
STALE_MS = 5_000
"""A region's report that is older than this counts as none."""
NODES_MAX = 256
AUDIT_PAGE_MAX = 500
RegionName = Annotated[str | None, Query(max_length=64, description="only this region")]


def age_ms(service: Service, key: str, at_ns: int) -> int:
    """Since a region said something: by its clock, and never less than since it arrived here, whatever its clock says."""
    return max(service.view.arrived_ms(key), (service.clock_ns() - at_ns) // 1_000_000)


@router.get("/tree", tags=["limits"], summary="The limit tree")
async def tree(service: Served, _: Reader) -> TreeAnswer:
    """Every node with its level, its parent, and how many limits sit at it."""
    counts: dict[str, int] = {}
    for limit in service.view.limits().values():
        counts[limit.node] = counts.get(limit.node, 0) + (not limit.removed)
    nodes = [{**node.model_dump(), "limits": counts.get(node.name, 0)} for node in service.view.tree.nodes]
    return TreeAnswer(view=service.seen(), nodes=nodes)


@router.post("/tree", tags=["limits"], summary="Add a node to the tree")
async def add_node(service: Served, token: Annotated[Token, allow("tree")], new: NodeNew, again: Repeatable) -> Written:
    """A new node has no limits: its orders are refused until it has."""
    actor = service.actor(token)

    def planner() -> Plan:
        view = service.view
        nodes = {node.name: node for node in view.tree.nodes}
        if new.name in nodes:
            raise refused(409, "taken", "name", new.name, "a name of its own")
        above = nodes.get(new.parent)
        if above is None or LEVELS[above.level] >= LEVELS[new.level]:
            raise refused(422, "bad_input", "parent", new.parent, f"the name of a node above a {new.level}")
        if len(nodes) >= NODES_MAX:
            raise refused(409, "too_many", "tree", len(nodes), f"up to {NODES_MAX} nodes")
        number = max(node.id for node in nodes.values()) + 1
        added = TreeNode(id=number, name=new.name, level=new.level, parent=new.parent)
        plan = Plan(action="tree.add", target="tree", reason=new.reason, after=added.model_dump(mode="json"))
        plan.answer = {"applied": True, "direction": "none"}
        plan.put(view, keys.TREE, Tree(nodes=[*view.tree.nodes, added]))
        return plan

    return Written.model_validate(dict(await service.writer.run(planner, actor, again)))


# Where changes stand.


def state_in(service: Service, region: str, wanted: dict[str, int]) -> RegionState:
    """Where keys stand in a region: the least advanced of them."""
    alive = any(words[1] == region for words, _ in service.view.of("regions"))
    worst: RegionState | None = None
    order = ["unreachable", "refused", "waiting", "pending", "in_force"]
    for key, revision in wanted.items():
        ack = service.view.ack(region, key)
        found = RegionState(region=region, state="waiting", wanted_revision=revision)
        if ack is not None:
            found = found.model_copy(
                update={
                    "revision": ack.revision,
                    "input": ack.input,
                    "inside": ack.inside,
                    "age_ms": age_ms(service, keys.acked(region, key), ack.at_ns),
                    "why": ack.why,
                }
            )
            if ack.revision >= revision and ack.generation == service.view.generation:
                found.state = ack.outcome
        if not alive and found.state == "waiting":
            found.state, found.why = "unreachable", "its agent does not report; what it was given counts in full"
        if worst is None or order.index(found.state) < order.index(worst.state):
            worst = found
    return worst or RegionState(region=region, state="waiting", wanted_revision=0)


@router.get("/propagation/limits/{number}", tags=["propagation"], summary="Where a limit stands in every region")
async def limit_propagation(service: Served, _: Reader, number: Number) -> PropagationAnswer:
    """Per region: the revision, the outcome, and the engine input with which it came into force."""
    view = service.view
    limit = view.limit(number)
    if limit is None:
        raise refused(404, "not_found", "limit", number, "the id of a limit")
    key = keys.limit(number)
    states = []
    for region in service.regions():
        wanted = {key: view.at(key)}
        if limit.enforcement == "global":
            for holder in view.parts(number):
                if region_of(holder) == region:
                    part = keys.part(number, holder)
                    wanted[part] = max(view.at(key), view.at(part))
        states.append(state_in(service, region, wanted))
    everywhere = limit.pending is None and bool(states) and all(one.state == "in_force" for one in states)
    return PropagationAnswer(view=service.seen(), key=key, in_force=everywhere, regions=states)


@router.get("/propagation/kill/{node}", tags=["propagation"], summary="Where a kill stands in every region")
async def kill_propagation(
    service: Served,
    _: Reader,
    node: Node,
    instrument: Annotated[str | None, Query(max_length=64, description="of the kill's selector")] = None,
    underlying: Annotated[str | None, Query(max_length=64, description="of the kill's selector")] = None,
    sector: Annotated[str | None, Query(max_length=64, description="of the kill's selector")] = None,
    venue: Annotated[str | None, Query(max_length=64, description="of the kill's selector")] = None,
    trader: Annotated[int | None, Query(ge=1, lt=2**32, description="of the kill's selector")] = None,
) -> PropagationAnswer:
    """Per region: the revision, the outcome, and the engine input with which it came into force."""
    names = {"instrument": instrument, "underlying": underlying, "sector": sector, "venue": venue}
    selector = Selector(**{name: value or None for name, value in names.items()}, trader=trader)
    key = keys.kill(node, selector)
    if service.view.get(key) is None:
        raise refused(404, "not_found", "node", node, "a node and selector that were stopped once")
    states = [state_in(service, region, {key: service.view.at(key)}) for region in service.regions()]
    everywhere = bool(states) and all(one.state == "in_force" for one in states)
    return PropagationAnswer(view=service.seen(), key=key, in_force=everywhere, regions=states)


# What regions publish.


@router.get("/regions", tags=["regions"], summary="Regions and how they are")
async def regions(service: Served, _: Reader) -> RowsAnswer:
    """A region without a living agent is told as unreachable: it trades on within what it has."""
    there = {words[1]: region for words, region in service.view.of("regions")}
    rows = []
    for name in service.regions():
        region = there.get(name)
        fields = region.model_dump(exclude={"v", "region"}) if region else {"status": ["its agent does not report"]}
        rows.append({"region": name, "reachable": region is not None, **fields})
    return RowsAnswer(view=service.seen(), rows=rows)


@router.get("/epochs", tags=["regions"], summary="The epoch of every engine")
async def epochs(service: Served, _: Reader) -> RowsAnswer:
    """The store's epoch of each holder beside the one that its engine has, and what keeps the engine from opening positions:
    `epoch_unconfirmed`, `fenced`, `reference_differs`, `not_obeyed`."""
    stored = {words[1]: one.epoch for words, one in service.view.of("epochs")}
    regions = {one.holder: one for _, one in service.view.of("regions")}
    rows = []
    for holder in sorted(stored | regions | dict.fromkeys(service.settings.world.holders)):
        region = regions.get(holder)
        engine = {"engine_epoch": region.epoch, "engine": region.engine, "standing": region.standing} if region else {}
        nothing: dict[str, Any] = {"engine_epoch": None, "engine": "not known", "standing": []}
        rows.append({"holder": holder, "epoch": stored.get(holder), **nothing, **engine})
    return RowsAnswer(view=service.seen(), rows=rows)


def _rows(service: Service, kind: str, region: str | None) -> list[dict[str, Any]]:
    return [
        {"region": words[1], "age_ms": age_ms(service, keys.region(kind, words[1]), one.at_ns), **row}
        for words, one in service.view.of(kind)
        if region in (None, words[1])
        for row in one.rows
    ]


@router.get("/strategies", tags=["regions"], summary="Strategy slots of every region")
async def strategies(service: Served, _: Reader, region: RegionName = None) -> RowsAnswer:
    """As the agents write them."""
    return RowsAnswer(view=service.seen(), rows=_rows(service, "slots", region))


@router.get("/sessions", tags=["regions"], summary="Order sessions of every region")
async def sessions(service: Served, _: Reader, region: RegionName = None) -> RowsAnswer:
    """As the agents write them."""
    return RowsAnswer(view=service.seen(), rows=_rows(service, "sessions", region))


@router.get("/positions", tags=["positions"], summary="Positions by region and added up")
async def positions(
    service: Served,
    _: Reader,
    region: RegionName = None,
    account: Annotated[str | None, Query(max_length=64, description="only this account")] = None,
    instrument: Annotated[str | None, Query(max_length=64, description="only this instrument")] = None,
) -> PositionsAnswer:
    """Each region's part as of its watermark (an engine input) and its age; sums are as old as the oldest of them."""
    parts, summed = [], dict[tuple[str, str], dict[str, Any]]()
    for words, one in service.view.of("positions"):
        if region not in (None, words[1]):
            continue
        age = age_ms(service, keys.region("positions", words[1]), one.at_ns)
        parts.append({"region": words[1], "watermark": one.watermark, "age_ms": age, "stale": age > STALE_MS})
        for row in one.rows:
            if account not in (None, row.account) or instrument not in (None, row.instrument):
                continue
            total = summed.setdefault(
                (row.account, row.instrument),
                {
                    "account": row.account,
                    "instrument": row.instrument,
                    "lots": 0,
                    "open_buy": 0,
                    "open_sell": 0,
                    "by_region": {},
                },
            )
            for name in ("lots", "open_buy", "open_sell"):
                total[name] += getattr(row, name)
            total["by_region"][words[1]] = row.lots
    reported = {part["region"] for part in parts}
    for name in service.regions():
        if name not in reported and region in (None, name):
            parts.append({"region": name, "watermark": None, "age_ms": None, "stale": True})
    rows = [summed[key] for key in sorted(summed)]
    return PositionsAnswer(view=service.seen(), regions=sorted(parts, key=lambda part: str(part["region"])), rows=rows)


@router.get("/utilisation", tags=["positions"], summary="Use of every limit, region by region")
async def utilisation(
    service: Served,
    _: Reader,
    limit: Annotated[int | None, Query(ge=1, lt=2**32, description="only this limit")] = None,
    region: RegionName = None,
) -> RowsAnswer:
    """`worst_case` is what a region may have used by now: as reported, or all it was given when the report is old."""
    view = service.view
    rows = []
    for words, usage in view.of("usage"):
        if region not in (None, words[1]):
            continue
        age = age_ms(service, keys.region("usage", words[1]), usage.at_ns)
        stale = age > STALE_MS or not view.live
        for row in usage.rows:
            known = view.limit(row.limit)
            if limit not in (None, row.limit) or known is None:
                continue
            fields = row.model_dump()
            used = _sum(known.metric, row.filled, row.open)
            rows.append(
                {
                    "region": words[1],
                    "node": known.node,
                    "metric": known.metric,
                    **fields,
                    "worst_case": row.bound if stale else used,
                    "age_ms": age,
                    "stale": stale,
                }
            )
    return RowsAnswer(view=service.seen(), rows=rows)


def _sum(metric: str, filled: str, held: str) -> str | None:
    """Filled and open together; None for texts that are no amounts (a region's mistake is shown, not reckoned with)."""
    try:
        signed = [text.removeprefix("-") for text in (filled, held)]
        wholes = [amounts.parse(metric, text) for text in signed]
    except ValueError:
        return None
    total = sum(-whole if text.startswith("-") else whole for whole, text in zip(wholes, (filled, held), strict=True))
    return amounts.text_of(metric, total)


# What happened, and how this process is.


@router.get("/audit", tags=["audit"], summary="What was changed, by whom, and why")
async def audit(
    service: Served,
    _: Reader,
    after: Annotated[int, Query(ge=0, lt=2**63, description="only entries after this sequence")] = 0,
    limit: Annotated[int, Query(ge=1, le=AUDIT_PAGE_MAX, description="how many at most")] = 100,
) -> AuditAnswer:
    """Every entry names the one before it by its SHA-256; with the store away, the newest that this process knows."""
    found = await _audit_entries(service, after, limit + 1)
    page = found[:limit]
    following = page[-1].sequence if len(found) > limit else None
    return AuditAnswer(view=service.seen(), entries=[one.model_dump(mode="json") for one in page], next=following)


async def _audit_entries(service: Service, after: int, limit: int) -> list[AuditEntry]:
    known: dict[int, AuditEntry] = {int(words[1]): entry for words, entry in service.view.of("audit")}
    if known and min(known) > after + 1 and service.view.live:
        try:
            return await _older_entries(service, after, limit)
        except Away as error:
            why = f"The store does not answer ({error}); entries from {min(known)} on are known here."
            raise sentence(503, "store_away", "after", why) from None
    return [known[sequence] for sequence in sorted(known) if sequence > after][:limit]


async def _older_entries(service: Service, after: int, limit: int) -> list[AuditEntry]:
    """Entries from the store itself, a block of a thousand at a time."""
    head = service.view.audit_head()[0]
    found: list[AuditEntry] = []
    for block in range((after + 1) // 1_000, head // 1_000 + 1):
        read = View()
        for entry in await service.store.entries(keys.audit(block * 1_000)[:-3], 1_000):
            read.put(entry)
        found += [one for words, one in read.of("audit") if int(words[1]) > after]
        if len(found) >= limit:
            return found[:limit]
    return found


@router.get("/health", tags=["health"], summary="How this process is")
async def health(service: Served, _: Reader) -> HealthAnswer:
    """Whether writes are possible, and what somebody should look at."""
    return service.health()
