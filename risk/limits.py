"""Limits and the tree they sit in, from one TOML file.

Invariant: words here are the words of `crates/risk` and `crates/records`; what they mean is decided there. A file that
loads names nodes, instruments, venues that exist and values that make sense; all limits of a file are one set, applied
whole. Zero forbids. Absent never means unlimited: `missing()` names what orders will be refused for with NO_LIMIT.

    limits = Limits.load("limits.toml", ReferenceData.load("venues/reference/house.toml"))
    limits.records()                 # Node, LimitSet and Kill records for an engine
    limits.node("market-maker")      # its id
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from meridian import markup, records
from meridian.console import BadInput
from meridian.records import Enforcement, KillNew, KillResting, Metric, NodeLevel, SelectorKind
from meridian.venues.checking import Duration, Entry, Nanos, Problems, given, read_toml
from meridian.venues.reference import ReferenceData

VERSION = 1
"""The version of the format."""
Enforced = Literal["engine", "global"]
NewOrders = Literal["allow", "reduce_only", "none"]
Resting = Literal["keep", "cancel_increasing", "cancel"]
METRICS = {one.name.lower(): one for one in Metric}
LEVELS = {one.name.lower(): one for one in NodeLevel}
VALUES = {
    Metric.ORDER_QUANTITY: "lots",
    Metric.ORDER_NOTIONAL: "money",
    Metric.PRICE_COLLAR: "percent",
    Metric.MESSAGE_RATE: "count",
    Metric.OPEN_ORDERS: "orders",
    Metric.POSITION_LONG: "lots",
    Metric.POSITION_SHORT: "lots",
    Metric.GROSS_EXPOSURE: "money",
    Metric.CANCEL_RATE: "count",
    Metric.MARKET_ORDER: "percent",
    Metric.DUPLICATE_ORDERS: "count",
    Metric.DAILY_VALUE: "money",
    Metric.DAILY_QUANTITY: "lots",
}
"""The key that gives a metric's hard value."""
EXTRAS = {
    Metric.PRICE_COLLAR: {"reference_age"},
    Metric.MESSAGE_RATE: {"window", "burst"},
    Metric.CANCEL_RATE: {"window", "burst"},
    Metric.DUPLICATE_ORDERS: {"window"},
}
"""Further keys of a metric."""
DIVISIBLE = {
    Metric.POSITION_LONG,
    Metric.POSITION_SHORT,
    Metric.GROSS_EXPOSURE,
    Metric.DAILY_VALUE,
    Metric.DAILY_QUANTITY,
    Metric.OPEN_ORDERS,
    Metric.MESSAGE_RATE,
}
"""Metrics whose bound can be divided over engines."""
MANDATORY = [
    Metric.ORDER_QUANTITY,
    Metric.ORDER_NOTIONAL,
    Metric.PRICE_COLLAR,
    Metric.MESSAGE_RATE,
    Metric.OPEN_ORDERS,
    Metric.POSITION_LONG,
    Metric.POSITION_SHORT,
    Metric.GROSS_EXPOSURE,
]
"""Metrics of which the firm and every strategy need a limit."""
WORDS = {"metric": " or ".join(METRICS), "level": " or ".join(LEVELS)}
PARTS_PER_PERCENT = 10_000
DAY_NS: int = records.CONSTANTS["DAY_NS"]
SELECTED = ("instrument", "venue")
LIMITS_SHOWN = 50
"""Of a notebook's table."""
LOTS = "a whole number, not below zero"


class Node(Entry):
    """A node of the tree."""

    id: int = Field(ge=1, le=256, description="a whole number from 1 to 256")
    level: str = Field(pattern=f"^({'|'.join(LEVELS)})$", description=WORDS["level"])
    parent: str | None = Field(default=None, description="the name of a node")


class Selected(Entry):
    """What limits and kills have in common: where they sit and what they select. Absent: all."""

    node: str = Field(description="the name of a node")
    instrument: str | None = Field(default=None, description="the name of an instrument")
    underlying: str | None = Field(default=None, description="the name of an underlying")
    sector: str | None = Field(default=None, description="the name of a sector")
    venue: str | None = Field(default=None, description="the name of a venue")
    trader: int = Field(default=0, ge=0, lt=2**32, description="a trader's number, 0 for all")


class Part(Entry):
    """An engine's part of a global limit, in the unit of the limit."""

    holder: int = Field(ge=1, lt=2**8, description="an engine's shard, from 1")
    lots: int | None = Field(default=None, gt=-(2**63), lt=2**63, description="a whole number")
    orders: int | None = Field(default=None, ge=0, lt=2**63, description=LOTS)
    count: int | None = Field(default=None, ge=0, lt=2**63, description=LOTS)
    money: Nanos | None = Field(default=None, ge=0, lt=2**127, description="an amount of the currency, not below zero")
    burst: int = Field(default=0, ge=0, lt=2**32, description=LOTS)


class Limit(Selected):
    """A limit."""

    id: int = Field(ge=1, lt=2**32, description="a whole number from 1")
    metric: str = Field(pattern=f"^({'|'.join(METRICS)})$", description=WORDS["metric"])
    lots: int | None = Field(default=None, ge=0, lt=2**63, description=LOTS)
    orders: int | None = Field(default=None, ge=0, lt=2**63, description=LOTS)
    count: int | None = Field(default=None, ge=0, lt=2**63, description=LOTS)
    money: Nanos | None = Field(default=None, ge=0, lt=2**127, description="an amount of the currency, not below zero")
    percent: Nanos | None = Field(
        default=None, ge=0, le=100 * records.NANOS, description="a percentage from 0 (forbids) to 100"
    )
    window: Duration | None = Field(default=None, gt=0, le=DAY_NS, description="a time such as 1s, at most 24h")
    burst: int | None = Field(
        default=None, ge=1, lt=2**32, description="a whole number from 1; without it messages keep an even pace"
    )
    reference_age: Duration | None = Field(default=None, gt=0, le=DAY_NS, description="a time such as 5s, at most 24h")
    soft_percent: int = Field(default=0, ge=0, le=100, description="a whole number from 0 (none) to 100")
    enforcement: Enforced = Field(default="engine", description="engine or global")
    parts: list[Part] = Field(default_factory=list, description="a list of parts: holder and its share of the bound")

    @property
    def words(self) -> str:
        """The hard value as a person reads it."""
        value, kind = getattr(self, VALUES[METRICS[self.metric]]), VALUES[METRICS[self.metric]]
        return f"{value / records.NANOS:,.12g} {kind}" if kind in ("money", "percent") else f"{value:,} {kind}"

    @property
    def hard(self) -> int:
        """The hard value as records carry it: lots, orders, messages, parts per million, or nanos of money."""
        value: int = getattr(self, VALUES[METRICS[self.metric]])
        return value // (records.NANOS // PARTS_PER_PERCENT) if self.percent is not None else value


class Kill(Selected):
    """Kill fields that are in force from the start."""

    new_orders: NewOrders = Field(default="allow", description="allow, reduce_only or none")
    resting: Resting = Field(default="keep", description="keep, cancel_increasing or cancel")
    flatten: bool = Field(default=False, description="true or false")


class Permission(Selected):
    """What a node may trade. `allow = false` at the firm: nothing but what nodes below allow."""

    allow: bool = Field(description="true or false")


class Restricted(Entry):
    """An instrument of the firm's restricted list."""

    instrument: str = Field(description="the name of an instrument")
    new_orders: NewOrders = Field(description="reduce_only or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A loaded file."""

    hash: str
    nodes: dict[str, Node]
    limits: list[Limit]
    kills: list[Kill]
    permissions: list[Permission]
    restricted: list[Restricted]
    reference: ReferenceData

    @classmethod
    def load(cls, path: str | Path, reference: ReferenceData) -> Limits:
        """Reads and checks a file against the reference data. Raises BadInput with every error at once."""
        loaded, errors = cls.examine(path, reference)
        if errors or loaded is None:
            raise BadInput(errors)
        return loaded

    @classmethod
    def examine(cls, path: str | Path, reference: ReferenceData) -> tuple[Limits | None, list[str]]:
        """What a file says, however wrong, with all errors. None when it cannot be read at all."""
        try:
            document, digest = read_toml(Path(path))
        except BadInput as error:
            return None, error.errors
        problems = Problems(str(path))
        return _check(document, digest, reference, problems), problems.sentences

    def _repr_html_(self) -> str:
        rows = [
            [limit.id, limit.node, limit.metric, *(getattr(limit, name) or "all" for name in SELECTED), limit.words]
            for limit in self.limits[:LIMITS_SHOWN]
        ]
        about = f"{len(self.limits):,} limits; the first {LIMITS_SHOWN} are shown"
        return markup.fragment("Limits", ["id", "node", "metric", *SELECTED, "bound"], rows, about=about)

    def node(self, name: str) -> int:
        """A node's id. Raises KeyError."""
        return self.nodes[name].id

    def path(self, name: str) -> list[str]:
        """A node's name and those above it, up to the firm. Raises KeyError."""
        above = self.nodes[name].parent
        return [name, *(self.path(above) if above else [])]

    def missing(self) -> list[str]:
        """A sentence for each mandatory metric that the firm or a strategy has no limit for, whatever the selector."""
        there = {(limit.node, METRICS[limit.metric]) for limit in self.limits}
        return [
            f"{node.level} {name} has no limit for {metric.name.lower()}: its orders are refused with NO_LIMIT."
            for name, node in self.nodes.items()
            if node.level in ("firm", "strategy")
            for metric in MANDATORY
            if (name, metric) not in there
        ]

    def records(self, *, generation: int = 0, revision: int = 1, holder: int = 0) -> bytes:
        """Node, LimitSet, Kill, Permission and Restricted records, parents first; the limits are one set. `holder`: with the
        parts of that engine."""
        parts = self._parts(generation, revision, holder)
        rules = self._rules(generation, revision)
        return b"".join(
            [*self._nodes(), *self._limits(generation, revision), *parts, *self._kills(generation, revision), *rules]
        )

    def _rules(self, generation: int, revision: int) -> Iterator[bytes]:
        version = {"generation": generation, "revision": revision}
        for one in self.permissions:
            yield records.new("Permission", allow=int(one.allow), **version, **self._selector(one)).tobytes()
        for listed in self.restricted:
            number = self.reference.instruments[listed.instrument].id
            new_orders = KillNew[listed.new_orders.upper()]
            yield records.new("Restricted", instrument=number, new_orders=new_orders, **version).tobytes()

    def _parts(self, generation: int, revision: int, holder: int) -> Iterator[bytes]:
        for limit in self.limits:
            metric = METRICS[limit.metric]
            for part in limit.parts:
                if part.holder != holder:
                    continue
                share = int(getattr(part, VALUES[metric]))
                short = metric is Metric.POSITION_SHORT
                record = records.new(
                    "Allocation", limit=limit.id, holder=holder, generation=generation, revision=revision
                ).copy()
                for name, value in (("upper", 0 if short else share), ("lower", share if short else part.burst)):
                    record[name]["low"] = value & (2**64 - 1)
                    record[name]["high"] = value >> 64
                yield record.tobytes()

    def _nodes(self) -> Iterator[bytes]:
        for name, node in sorted(self.nodes.items(), key=lambda item: (LEVELS[item[1].level], item[1].id)):
            parent = self.node(node.parent) if node.parent else 0
            yield records.new("Node", node=node.id, parent=parent, name=name, level=LEVELS[node.level]).tobytes()

    def _limits(self, generation: int, revision: int) -> Iterator[bytes]:
        for at, limit in enumerate(self.limits, start=1):
            record = records.new(
                "LimitSet",
                limit=limit.id,
                metric=METRICS[limit.metric],
                window_ns=limit.window or limit.reference_age or 0,
                burst=limit.burst or 0,
                soft_percent=limit.soft_percent,
                enforcement=int(Enforcement.GLOBAL) if limit.enforcement == "global" else 0,
                generation=generation,
                revision=revision,
                last_of_set=int(at == len(self.limits)),
                **self._selector(limit),
            ).copy()
            record["value"]["low"] = limit.hard & (2**64 - 1)
            record["value"]["high"] = limit.hard >> 64
            yield record.tobytes()

    def _kills(self, generation: int, revision: int) -> Iterator[bytes]:
        for kill in self.kills:
            record = records.new(
                "Kill",
                new_orders=KillNew[kill.new_orders.upper()],
                resting=KillResting[kill.resting.upper()],
                flatten=int(kill.flatten),
                generation=generation,
                revision=revision,
                **self._selector(kill),
            )
            yield record.tobytes()

    def _selector(self, one: Selected) -> dict[str, Any]:
        kind, selected = SelectorKind.ALL, 0
        if one.instrument:
            kind, selected = SelectorKind.INSTRUMENT, self.reference.instruments[one.instrument].id
        elif one.underlying:
            kind, selected = SelectorKind.UNDERLYING, self.reference.underlyings[one.underlying].id
        elif one.sector:
            kind, selected = SelectorKind.SECTOR, self.reference.sectors[one.sector].id
        venue = self.reference.venues[one.venue].id if one.venue else 0
        node = self.node(one.node)
        return {"node": node, "selector": kind, "selected": selected, "trader": one.trader, "venue": venue}


def _check(document: dict[str, Any], digest: str, reference: ReferenceData, problems: Problems) -> Limits:
    problems.keys(document, {"version", "nodes", "limits", "kills", "permissions", "restricted"})
    if document.get("version") != VERSION:
        problems.add("version", document.get("version"), str(VERSION))
    nodes = problems.tables(document, "nodes", Node)
    limits = problems.rows(document, "limits", Limit)
    kills = problems.rows(document, "kills", Kill)
    permissions = problems.rows(document, "permissions", Permission)
    restricted = problems.rows(document, "restricted", Restricted)
    raw = document.get("nodes", {})
    names: dict[str, Any] = raw if isinstance(raw, dict) else {}
    problems.dense("nodes", {name: nodes[name].id if name in nodes else None for name in names})
    if not names:
        problems.missing("nodes", "one firm and what is below it")
    for name, node in nodes.items():
        _check_node(name, node, nodes, names, problems)
    for key, limit in limits:
        _check_selector(key, limit, names, reference, problems)
        if limit.metric is not None:
            _check_value(key, limit, document, problems)
            _check_parts(key, limit, problems)
    for key, kill in kills:
        _check_selector(key, kill, names, reference, problems)
    _check_rules(permissions, restricted, names, reference, problems)
    seen: dict[int, str] = {}
    for key, limit in limits:
        if given(limit.id) is None:
            continue
        if limit.id in seen:
            problems.add(f"{key}.id", limit.id, f"a number of its own ({seen[limit.id]} has this one)")
        seen.setdefault(limit.id, key)
    return Limits(
        hash=digest,
        nodes=nodes,
        limits=[limit for _, limit in limits],
        kills=[kill for _, kill in kills],
        permissions=[permission for _, permission in permissions],
        restricted=[one for _, one in restricted],
        reference=reference,
    )


def _check_node(name: str, node: Node, nodes: dict[str, Node], names: dict[str, Any], problems: Problems) -> None:
    key = f"nodes.{name}"
    wrote = names[name].get("parent") if isinstance(names[name], dict) else None
    if not name.isascii() or not 1 <= len(name) <= 24:
        problems.add(key, name, "a name of one to twenty-four ASCII characters")
    if given(node.level) is None:
        problems.known(f"{key}.parent", node.parent, names)
    elif node.parent is None:
        if node.level != "firm":
            if wrote is None:
                problems.missing(f"{key}.parent", f"the name of a node above a {node.level}")
        elif next(other for other, one in nodes.items() if one.level == "firm") != name:
            problems.add(f"{key}.level", node.level, "one firm")
    elif problems.known(f"{key}.parent", node.parent, names) and node.parent in nodes:
        above = nodes[node.parent].level
        if above is not None and LEVELS[above] >= LEVELS[node.level]:
            problems.add(f"{key}.parent", node.parent, f"a node above a {node.level} ({node.parent} is a {above})")


def _check_selector(
    key: str, one: Selected, names: dict[str, Any], reference: ReferenceData, problems: Problems
) -> None:
    problems.known(f"{key}.node", one.node, names)
    problems.known(f"{key}.instrument", one.instrument, reference.instruments)
    problems.known(f"{key}.underlying", one.underlying, reference.underlyings)
    problems.known(f"{key}.sector", one.sector, reference.sectors)
    problems.known(f"{key}.venue", one.venue, reference.venues)
    chosen = [name for name in ("instrument", "underlying", "sector") if getattr(one, name)]
    if len(chosen) > 1:
        problems.add(key, " and ".join(chosen), "one of instrument, underlying and sector")


def _check_rules(
    permissions: list[tuple[str, Permission]], restricted: list[tuple[str, Restricted]], names: dict[str, Any],
    reference: ReferenceData, problems: Problems,
) -> None:  # fmt: skip
    places: dict[tuple[Any, ...], str] = {}
    for key, one in permissions:
        _check_selector(key, one, names, reference, problems)
        place = (one.node, one.instrument, one.underlying, one.sector, one.venue, one.trader)
        if place in places:
            problems.add(key, one.node, f"one permission for a node and selector ({places[place]} has this one)")
        places.setdefault(place, key)
    listed: dict[str, str] = {}
    for key, entry in restricted:
        problems.known(f"{key}.instrument", entry.instrument, reference.instruments)
        if entry.new_orders == "allow":
            problems.add(f"{key}.new_orders", entry.new_orders, "reduce_only or none; what is not listed is allowed")
        if given(entry.instrument) is not None and entry.instrument in listed:
            problems.add(f"{key}.instrument", entry.instrument, f"each once ({listed[entry.instrument]} has this one)")
        listed.setdefault(entry.instrument, key)


def _check_value(key: str, limit: Limit, document: dict[str, Any], problems: Problems) -> None:
    raw = problems.raw(document, key)
    metric = METRICS[limit.metric]
    needed = {VALUES[metric], *EXTRAS.get(metric, set())}
    for name in ("lots", "orders", "count", "money", "percent", "window", "burst", "reference_age"):
        value = getattr(limit, name)
        if name in needed and name not in raw and name != "burst":
            problems.missing(f"{key}.{name}", f"{Limit.model_fields[name].description} with {limit.metric}")
        if name not in needed and value is not None:
            problems.field(key, raw, name, f"no {name} with {limit.metric}, which takes {', '.join(sorted(needed))}")
    if limit.percent is not None and limit.percent % (records.NANOS // PARTS_PER_PERCENT):
        problems.field(key, raw, "percent", "at most four decimals")


def _check_parts(key: str, limit: Limit, problems: Problems) -> None:
    metric, parts = METRICS[limit.metric], given(limit.parts) or []
    if limit.enforcement == "global" and metric not in DIVISIBLE:
        words = ", ".join(sorted(one.name.lower() for one in DIVISIBLE))
        problems.add(f"{key}.enforcement", limit.enforcement, f"engine with {limit.metric}; global is for {words}")
    if limit.enforcement != "global" and parts:
        problems.add(f"{key}.parts", len(parts), "no parts, but with enforcement global")
    shares: list[Any] = [getattr(part, VALUES[metric], None) for part in parts]
    holders = [part.holder for part in parts]
    if len(set(holders)) != len(holders):
        problems.add(f"{key}.parts", holders, "one part for each holder")
    if None in shares:
        problems.missing(f"{key}.parts[{shares.index(None)}].{VALUES[metric]}", "the holder's share of the bound")
    elif parts and getattr(limit, VALUES[metric]) is not None and sum(shares) != limit.hard:
        problems.add(f"{key}.parts", sum(shares), f"parts that add up to the bound, {limit.hard}")


def example(*, firm: str = "firm", region: str = "new-york", desk: str = "desk", accounts: dict[str, str]) -> str:
    """The text of a limits file with ample values: a strategy with its account for each entry of `accounts`.

    What `tests` and demonstrations start from; limits ids count from 1.
    """
    lines = [
        "# Nodes: firm, region, desk, strategies, accounts. Zero forbids; a missing limit forbids, too.",
        "version = 1",
    ]
    ids = count(1)

    def node(name: str, level: str, parent: str | None) -> None:
        above = f'parent = "{parent}"' if parent else ""
        lines.extend(["", f"[nodes.{name}]", f"id = {next(ids)}", f'level = "{level}"', *([above] if above else [])])

    node(firm, "firm", None)
    node(region, "region", firm)
    node(desk, "desk", region)
    for strategy, account in accounts.items():
        node(strategy, "strategy", desk)
        node(account, "account", strategy)
    values = {
        "order_quantity": "lots = 1000",
        "order_notional": "money = 2_000_000",
        "price_collar": 'percent = 5, reference_age = "5s"',
        "message_rate": 'count = 5000, window = "1s", burst = 500',
        "open_orders": "orders = 200",
        "position_long": "lots = 5000, soft_percent = 70",
        "position_short": "lots = 5000, soft_percent = 70",
        "gross_exposure": "money = 1_000_000_000, soft_percent = 70",
    }
    numbers = count(1)
    rows = [
        f'  {{ id = {next(numbers)}, node = "{name}", metric = "{metric}", {value} }},'
        for name in (firm, *accounts)
        for metric, value in values.items()
    ]
    top = lines.index("version = 1") + 1
    return "\n".join([*lines[:top], "limits = [", *rows, "]", *lines[top:], ""])
