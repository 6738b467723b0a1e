"""The values under `/meridian/v1/` that the API reads and writes, one model a key.

Invariant: field names are those of the key layout; amounts stay texts in the metric's unit until `amounts` reads them. A value
that does not fit its model is never used: the last one that did stays in force here, and the view names the key.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meridian.risk.limits import LEVELS, METRICS, Enforced, NewOrders, Resting

Number = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Metric = Annotated[str, StringConstraints(pattern=f"^({'|'.join(METRICS)})$")]
Level = Annotated[str, StringConstraints(pattern=f"^({'|'.join(LEVELS)})$")]
NEW_ORDERS: list[NewOrders] = ["allow", "reduce_only", "none"]
RESTING: list[Resting] = ["keep", "cancel_increasing", "cancel"]
"""From loose to strict."""


class Value(BaseModel):
    """A value in etcd. Fields that another release wrote are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    v: Literal[1] = 1

    def data(self) -> bytes:
        """The bytes that go into etcd."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"), allow_nan=False).encode()


class Selector(BaseModel):
    """What a limit or a kill selects; absent means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: Name | None = Field(default=None, description="the name of an instrument")
    underlying: Name | None = Field(default=None, description="the name of an underlying")
    sector: Name | None = Field(default=None, description="the name of a sector")
    venue: Name | None = Field(default=None, description="the name of a venue")
    trader: int | None = Field(default=None, ge=1, lt=2**32, description="a trader's number, from 1")

    def covers(self, other: Selector) -> bool:
        """Whether everything that `other` selects is selected here too, as far as names tell."""
        return all(value is None or getattr(other, name) == value for name, value in self)


class TreeNode(BaseModel):
    """A node of the limit tree."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[int, Field(ge=1, le=256)]
    name: Name
    level: Level
    parent: Name | None = None


class Tree(Value):
    """The limit tree, whole; nodes are only ever added."""

    nodes: list[TreeNode]


class Part(Value):
    """One holder's part of a global limit: `upper` for long positions and amounts, `lower` for short positions."""

    upper: str
    lower: str


class PartTarget(BaseModel):
    """A part that a pending change leads to."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    upper: str
    lower: str


class Pending(BaseModel):
    """Where a change of a global limit leads once every holder that gives back has said so."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    value: str
    parts: dict[Name, PartTarget]


class Limit(Value):
    """A limit; removed ones stay as tombstones."""

    id: Annotated[int, Field(ge=1, lt=2**32)]
    version: Number
    node: Name
    metric: Metric
    value: str
    selector: Selector = Selector()
    window_ns: Number | None = None
    burst: Number | None = None
    reference_age_ns: Number | None = None
    soft_percent: Annotated[int, Field(ge=0, le=100)] = 0
    enforcement: Enforced = "engine"
    pending: Pending | None = None
    removed: bool = False
    reason: str
    by: str
    confirmed_by: str | None = None
    at_ns: Number


class Kill(Value):
    """The kill fields at a node for a selector; re-armed ones stay, with fields that allow."""

    node: Name
    selector: Selector = Selector()
    new_orders: NewOrders
    resting: Resting
    flatten: bool
    version: Number
    reason: str
    by: str
    confirmed_by: str | None = None
    at_ns: Number

    @property
    def armed(self) -> bool:
        """Whether nothing is stopped here."""
        return self.new_orders == "allow" and self.resting == "keep" and not self.flatten


class Permission(Value):
    """Whether a node may trade what the selector names; removed ones stay, marked."""

    node: Name
    selector: Selector = Selector()
    allow: bool
    removed: bool = False
    version: Number
    reason: str
    by: str
    confirmed_by: str | None = None
    at_ns: Number


class Restricted(Value):
    """What new orders in an instrument may do, in the whole firm."""

    instrument: Name
    new_orders: NewOrders
    version: Number
    reason: str
    by: str
    confirmed_by: str | None = None
    at_ns: Number


class Generation(Value):
    """A number that an operator raises after a restore."""

    generation: Number
    cluster: str | None = None


class Epoch(Value):
    """The epoch of a holder's engine."""

    epoch: Annotated[int, Field(ge=0, le=65_535)]


class Reference(Value):
    """The reference data that all regions are to run."""

    hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class LocalKill(Value):
    """A kill that a region's agent took at its local socket; only a re-arm written after it loosens it."""

    node: Name
    selector: Selector = Selector()
    new_orders: NewOrders
    resting: Resting
    flatten: bool
    by: str = ""
    at_ns: Number = 0


class Ack(Value):
    """What an agent says about a key: with which engine input it came into force."""

    revision: Number
    generation: Number = 0
    outcome: Literal["in_force", "refused", "pending"]
    input: Number = 0
    inside: bool = True
    at_ns: Number = 0
    why: str | None = None


class Region(Value):
    """A region's agent, alive as long as its lease."""

    region: Name
    holder: Name
    agent_start_ns: Number = 0
    engine: str
    epoch: Number = 0
    store_revision: Number = 0
    standing: list[str] = []
    """What keeps its engine from opening positions."""
    status: list[str] = []


class PositionRow(BaseModel):
    """One account's position in one instrument, in one region."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    account: str
    instrument: str
    lots: int
    bought: int = 0
    sold: int = 0
    realised: str = "0"
    open_buy: int = 0
    open_sell: int = 0


class Positions(Value):
    """A region's positions as of an engine input."""

    watermark: Number
    at_ns: Number
    rows: list[PositionRow]


class UsageRow(BaseModel):
    """The use of one limit in one region."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    limit: int
    instrument: str | None = None
    bound: str
    filled: str
    open: str
    free: str
    high_water: str


class Usage(Value):
    """A region's use of its limits as of an engine input."""

    at_ns: Number
    input: Number = 0
    rows: list[UsageRow]


class Rows(Value):
    """Strategy slots or sessions of a region: rows as its agent writes them."""

    at_ns: Number = 0
    rows: list[dict[str, str | int | bool | None]] = []


class SessionRequest(Value):
    """What an operator asks of a region's session: that its open breaker lets probes through."""

    kind: Literal["session_reset"] = "session_reset"
    venue: Name
    reason: str
    by: str
    at_ns: Number
    expires_ns: Number


class LimitChange(BaseModel):
    """What a proposal would write of a limit; parts are whole targets a holder, absent for the engine's own limits."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["limit"] = "limit"
    action: Literal["create", "set", "remove"]
    id: int
    base_version: int
    node: str
    metric: str
    value: str
    selector: Selector = Selector()
    window_ns: int | None = None
    burst: int | None = None
    reference_age_ns: int | None = None
    soft_percent: int = 0
    enforcement: Enforced = "engine"
    parts: dict[str, str] | None = None


class RearmChange(BaseModel):
    """What a proposal would write of a kill."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["rearm"] = "rearm"
    node: str
    selector: Selector = Selector()
    base_version: int
    base_local: dict[str, int] = Field(default_factory=dict)
    """Region → revision of its local kill, as they were when it was proposed: no later one is loosened."""
    new_orders: NewOrders = "allow"
    resting: Resting = "keep"
    flatten: bool = False


class PermissionChange(BaseModel):
    """What a proposal would write of a permission."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["permission"] = "permission"
    node: str
    selector: Selector = Selector()
    base_version: int
    allow: bool
    removed: bool = False


class RestrictedChange(BaseModel):
    """What a proposal would write of the restricted list."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["restricted"] = "restricted"
    instrument: str
    base_version: int
    new_orders: NewOrders


class Approval(Value):
    """A proposal that waits, or waited, for a second person."""

    id: str
    change: Annotated[LimitChange | RearmChange | PermissionChange | RestrictedChange, Field(discriminator="kind")]
    reason: str
    by: str
    by_token: str = ""
    """The mark of the token that it was made with."""
    at_ns: Number
    expires_ns: Number
    state: Literal["open", "confirmed", "refused", "expired"]
    decided_by: str | None = None
    decided_ns: Number | None = None


class AuditEntry(Value):
    """One change, written in the transaction of the change; `previous` is the SHA-256 of the entry before it."""

    sequence: Number
    previous: str
    at_ns: Number
    by: str
    role: str
    action: str
    target: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    reason: str = ""
    confirmed_by: str | None = None
    proposal: str | None = None
    written: dict[str, str] | None = None
    """Key below the root → SHA-256 of the value that was written under it; absent in entries of earlier releases."""


class Idempotency(Value):
    """What a write was answered, so that the same request again is not done again."""

    request: str
    status: int
    answer: dict[str, object]
    at_ns: Number
