"""What requests hold and what answers look like: the API's contract, from which OpenAPI is made.

Invariant: a request has no field that is not here; every field says in words what is allowed, which is what a refusal repeats.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from meridian.risk.api.values import Approval, Kill, Limit, Metric, Name, Permission, Restricted, Selector
from meridian.risk.limits import DAY_NS, NewOrders, Resting


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


BLANK = "\u115f\u1160\u3164\uffa0\u2800"
"""Letters and symbols that nobody sees."""


def _seen(text: str) -> str:
    """A text in which somebody can read something, or none at all. Raises ValueError for spaces and what has no width."""
    if text and not any(unicodedata.category(one)[0] in "LNPS" and one not in BLANK for one in text):
        raise ValueError("words that can be read")
    return text


AMOUNT = "a decimal number in the metric's unit, as text"
Amount = Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=60)]
Reason = Annotated[str, StringConstraints(max_length=500), AfterValidator(_seen)]
NAME = "one to sixty-four characters"
Burst = Annotated[int, Field(ge=1, lt=2**32, strict=True)]
Nanoseconds = Annotated[int, Field(gt=0, le=DAY_NS, strict=True)]
Holder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,48}-[0-9]{1,5}$")]
PartsOf = Annotated[dict[Holder, Amount], Field(max_length=256)]
PARTS = "an amount for each holder, named REGION-SHARD, that add up to the value"


class Request(BaseModel):
    """A body. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitWrite(Request):
    """New values of a limit; what is absent stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"value": "80", "reason": "less before the figures"}]},
    )

    value: Amount | None = Field(default=None, description=AMOUNT)
    parts: PartsOf | None = Field(default=None, description=PARTS)
    window_ns: Nanoseconds | None = Field(default=None, description="a time in ns, from 1 to 24 hours")
    burst: Burst | None = Field(default=None, description="a whole number from 1")
    reference_age_ns: Nanoseconds | None = Field(default=None, description="a time in ns, from 1 to 24 hours")
    soft_percent: int | None = Field(
        default=None, ge=0, le=100, strict=True, description="a whole number from 0 (none) to 100"
    )
    reason: Reason = Field(
        default="", description="readable words that say why, up to 500 characters; needed to loosen"
    )


class LimitNew(Request):
    """A limit that is not there yet."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "node": "firm",
                    "metric": "position_long",
                    "value": "100",
                    "selector": {"instrument": "ES"},
                    "enforcement": "global",
                    "parts": {"new-york-1": "60", "chicago-1": "40"},
                    "reason": "a bound over both regions",
                }
            ]
        },
    )

    id: int | None = Field(default=None, ge=1, lt=2**32, strict=True, description="a whole number from 1; absent: next")
    node: Name = Field(description="the name of a node")
    metric: Metric = Field(description="the name of a metric")
    value: Amount = Field(description=AMOUNT)
    selector: Selector = Field(default=Selector(), description="an object that names what it selects; absent is all")
    window_ns: Nanoseconds | None = Field(default=None, description="a time in ns, from 1 to 24 hours")
    burst: Burst | None = Field(default=None, description="a whole number from 1")
    reference_age_ns: Nanoseconds | None = Field(default=None, description="a time in ns, from 1 to 24 hours")
    soft_percent: int = Field(default=0, ge=0, le=100, strict=True, description="a whole number from 0 (none) to 100")
    enforcement: Literal["engine", "global"] = Field(default="engine", description="engine or global")
    parts: PartsOf | None = Field(default=None, description=PARTS + "; absent: equal parts")
    reason: Reason = Field(
        default="", description="readable words that say why, up to 500 characters; needed to loosen"
    )


class Why(Request):
    """A reason alone."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "the venue is back"}]}
    )

    reason: Reason = Field(default="", description="readable words that say why, up to 500 characters")


class KillRequest(Request):
    """What to stop: a level, or fields of its own. The strictest of this and what is in force applies."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"level": "K3", "reason": "orders at the wrong price"}]},
    )

    level: Literal["K1", "K2", "K3", "K4"] | None = Field(default=None, description="K1, K2, K3 or K4")
    new_orders: NewOrders | None = Field(default=None, description="allow, reduce_only or none")
    resting: Resting | None = Field(default=None, description="keep, cancel_increasing or cancel")
    flatten: bool | None = Field(default=None, strict=True, description="true or false")
    selector: Selector = Field(default=Selector(), description="an object that names what it selects; absent is all")
    reason: Reason = Field(default="", description="readable words that say why, up to 500 characters")


class RearmRequest(Request):
    """What to let go on again, and why; it needs a second person."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "the strategy was corrected"}]}
    )

    new_orders: NewOrders = Field(default="allow", description="allow, reduce_only or none")
    resting: Resting = Field(default="keep", description="keep, cancel_increasing or cancel")
    flatten: bool = Field(default=False, strict=True, description="true or false")
    selector: Selector = Field(default=Selector(), description="an object that names what it selects; absent is all")
    reason: Reason = Field(description="readable words that say why, 1 to 500 characters", min_length=1)


class PermissionWrite(Request):
    """What a node may trade."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"state": "deny", "selector": {"instrument": "ES"}, "reason": "not trained"}]},
    )

    state: Literal["allow", "deny", "removed"] = Field(description="allow, deny or removed")
    selector: Selector = Field(default=Selector(), description="an object that names what it selects; absent is all")
    reason: Reason = Field(
        default="", description="readable words that say why, up to 500 characters; needed to loosen"
    )


class RestrictedWrite(Request):
    """What new orders in an instrument may do."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"new_orders": "none", "reason": "we advise the company"}]},
    )

    new_orders: NewOrders = Field(description="allow (off the list), reduce_only or none")
    reason: Reason = Field(
        default="", description="readable words that say why, up to 500 characters; needed to loosen"
    )


class NodeNew(Request):
    """A node to add to the tree."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"name": "mm-2", "level": "account", "parent": "market-maker"}]},
    )

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$")] = Field(
        description="one to twenty-four letters, digits and any of `. _ -`"
    )
    level: Literal["region", "desk", "strategy", "account"] = Field(description="region, desk, strategy or account")
    parent: Name = Field(description="the name of a node above it")
    reason: Reason = Field(default="", description="readable words that say why, up to 500 characters")


class Seen(BaseModel):
    """How young what is told is."""

    revision: int = Field(description="the store's revision", examples=[812])
    age_ms: int = Field(description="since the store was last heard", examples=[12])
    live: bool = Field(description="false: the store is away and this is what was last known", examples=[True])
    why: str | None = Field(default=None, description="why it is not live")


class Answer(BaseModel):
    """What every answer holds."""

    view: Seen


class LimitView(Limit):
    """A limit with its parts and the revision that wrote it."""

    unit: str = Field(examples=["lots"])
    parts: dict[str, dict[str, str]] = Field(default_factory=dict)
    revision: int


class LimitAnswer(Answer):
    """One limit."""

    limit: LimitView


class LimitsAnswer(Answer):
    """Limits."""

    limits: list[LimitView]


class Written(BaseModel):
    """What a write did: applied at once, or waiting for a second person."""

    applied: bool = Field(description="false: it waits for a second person; see `proposal`")
    direction: Literal["tightening", "loosening", "none"]
    revision: int = Field(description="the store's revision of the write", examples=[813])
    why: list[str] = Field(default=[], description="why it is loosening")
    limit: LimitView | None = None
    kill: Kill | None = None
    rule: dict[str, Any] | None = Field(default=None, description="the permission or the restriction as written")
    proposal: Approval | None = None
    handed_over: dict[str, str] = Field(default={}, description="region → what its local socket said")


class Validated(Answer):
    """What a write would do."""

    direction: Literal["tightening", "loosening", "none"]
    why: list[str]
    notes: list[str] = Field(description="what to know before writing it")
    parts: dict[str, dict[str, str]] = Field(default={}, description="holder → the part it would end with")
    pending_until: list[str] = Field(default=[], description="holders that must give back first")


class ProposalsAnswer(Answer):
    """Proposals."""

    proposals: list[Approval]


class KillView(Kill):
    """Kill fields at a node."""

    revision: int
    stopped: bool = Field(description="whether anything is stopped here")
    local_in: list[str] = Field(default=[], description="regions that were stopped at their local socket")


class KillsAnswer(Answer):
    """Kill fields of every node that has some."""

    kills: list[KillView]


class PermissionView(Permission):
    """A permission."""

    state: str = Field(description="allow, deny or removed")
    revision: int


class PermissionsAnswer(Answer):
    """Permissions."""

    permissions: list[PermissionView]


class RestrictedView(Restricted):
    """An instrument that is or was on the restricted list."""

    revision: int


class RestrictedAnswer(Answer):
    """The restricted list."""

    restricted: list[RestrictedView]


class TreeAnswer(Answer):
    """The limit tree."""

    nodes: list[dict[str, Any]]


class RegionState(BaseModel):
    """Where a key stands in one region."""

    region: str
    state: Literal["in_force", "waiting", "refused", "pending", "unreachable"]
    wanted_revision: int
    revision: int | None = None
    input: int | None = Field(default=None, description="the engine input with which it came into force")
    inside: bool | None = None
    age_ms: int | None = None
    why: str | None = None


class PropagationAnswer(Answer):
    """Where a change stands in every region."""

    key: str
    in_force: bool = Field(description="in every region")
    regions: list[RegionState]


class RowsAnswer(Answer):
    """Rows as their regions publish them, each with its region and age."""

    rows: list[dict[str, Any]]


class SessionResetRequest(Request):
    """Why an open breaker is to let probes through."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "the venue answers again"}]}
    )

    reason: Reason = Field(description="readable words that say why, 1 to 500 characters", min_length=1)


class SessionResetAnswer(Answer):
    """What became of a reset: in force at an engine input, refused, or not answered yet."""

    region: str
    venue: str
    request: str = Field(description="its number; asked again with the same Idempotency-Key, the same one is told of")
    outcome: Literal["in_force", "refused", "waiting"]
    input: int | None = Field(default=None, description="the engine input with which it came into force")
    why: str | None = None


class PositionsAnswer(Answer):
    """Positions added up over regions, and how old each region's part is."""

    regions: list[dict[str, Any]]
    rows: list[dict[str, Any]]


class AuditAnswer(Answer):
    """Audit entries, oldest first; `next` continues."""

    entries: list[dict[str, Any]]
    next: int | None = None


class HealthAnswer(Answer):
    """Whether this process can do its work, and what is wrong."""

    status: Literal["ok", "store_away", "findings"]
    findings: list[str]
    pending: list[int] = Field(description="limits whose change waits for holders")
    unwritten_kills: int = Field(description="kills handed to regions that the store has not taken yet")
    version: str
