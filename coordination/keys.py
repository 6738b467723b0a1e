"""The keys of the coordination store, version 1: the one place that builds and parses them. `docs/coordination.md` explains them.

Every key is `/meridian/v1/NAME/FIELD/FIELD…`. A field is a name of ours, percent-encoded except letters, digits and `-._~`, so
that no field can hold a slash. Another layout would be `/meridian/v2/` beside this one.

Invariant: `parse(kind.key(*fields)) == (kind, fields)`; a key that no kind builds is refused with a sentence, never guessed at.

    keys.LIMIT_PARTS.key("firm-net", "ny", "equities")     # /meridian/v1/limits/parts/firm-net/ny/equities
    keys.POSITIONS.prefix("ny")                             # /meridian/v1/positions/ny/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

ROOT = "/meridian/v1/"
GENERATION = ROOT + "generation"
"""The number that an operator raises after a restore, as decimal text; absent means 0."""


class BadKey(ValueError):
    """A key that this layout does not know, or fields that it cannot hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of key."""

    name: str
    fields: tuple[str, ...]
    value: str
    """What stands under it, in a line."""
    writers: tuple[str, ...]
    """Roles that may write it; `agent` writes under its own region alone where `region` is a field."""
    leased: bool = False
    """Whether it vanishes with its writer's lease."""

    def key(self, *fields: str) -> str:
        """The key for these fields. BadKey when they are too few, too many or empty."""
        if len(fields) != len(self.fields):
            raise BadKey(
                f"{self.name} takes {', '.join(self.fields) or 'no fields'}, not {', '.join(fields) or 'none'}"
            )
        return ROOT + "/".join([self.name, *map(self._encode, fields)])

    def prefix(self, *fields: str) -> str:
        """What every key begins with that has these first fields."""
        if len(fields) >= len(self.fields):
            raise BadKey(f"{self.name} has {len(self.fields)} fields, so a prefix takes fewer, not {len(fields)}")
        return ROOT + "/".join([self.name, *map(self._encode, fields)]) + "/"

    def _encode(self, field: str) -> str:
        if not field:
            raise BadKey(f"{self.name}: a field is empty; allowed: at least one character")
        return quote(field, safe="")


MEMBERS = Kind(
    name="members",
    fields=("region", "engine"),
    value="an engine that runs: instance, release, since when",
    writers=("agent",),
    leased=True,
)
EPOCHS = Kind(
    name="epochs",
    fields=("region", "shard"),
    value="the epoch that gateways take orders of, as decimal text; only rises",
    writers=("agent", "limits-api"),
)
LIMIT_DEFINITIONS = Kind(
    name="limits/definitions",
    fields=("limit",),
    value="a limit: node, selector, metric, bound, pending bound, version, who and why",
    writers=("limits-api",),
)
LIMIT_PARTS = Kind(
    name="limits/parts",
    fields=("limit", "region", "shard"),
    value="a holder's part: signed u and d of a net-position limit, or a of a consumable one",
    writers=("limits-api",),
)
KILLS = Kind(
    name="kills",
    fields=("node",),
    value="what is killed at a node: new orders, resting, flatten; who and why",
    writers=("limits-api",),
)
REFERENCE = Kind(
    name="reference",
    fields=("line",),
    value="the hash of the reference data in force; the line is `version` for what all regions trade on",
    writers=("operator",),
)
POSITIONS = Kind(
    name="positions",
    fields=("region", "shard"),
    value="positions of a shard, added up, with the engine's sequence they are true of",
    writers=("agent",),
)
SESSIONS = Kind(
    name="sessions",
    fields=("region", "session"),
    value="a venue session: state, circuit breaker, throttle, open and unknown orders",
    writers=("agent",),
)
STRATEGIES = Kind(
    name="strategies",
    fields=("region", "slot"),
    value="a strategy slot: state, release, orders, reason where it is stopped",
    writers=("agent",),
)
APPLIED = Kind(
    name="applied",
    fields=("region", "shard", "subject"),
    value="from which sequence of the engine the subject's revision is in force; the subject is a key below the root",
    writers=("agent",),
)
REQUESTS = Kind(
    name="requests",
    fields=("region", "request"),
    value="what an operator asks a region to do: who, what, until when",
    writers=("operator", "limits-api"),
)
ANSWERS = Kind(
    name="answers",
    fields=("region", "request"),
    value="what a region did about a request",
    writers=("agent",),
)
APPROVALS = Kind(
    name="approvals",
    fields=("approval",),
    value="a change that waits for a second person, or had one",
    writers=("limits-api",),
)
LOCKS = Kind(
    name="locks",
    fields=("lock", "holder"),
    value="who waits for a lock or holds it; the oldest holds",
    writers=("limits-api", "operator"),
    leased=True,
)

KINDS = (
    MEMBERS,
    EPOCHS,
    LIMIT_DEFINITIONS,
    LIMIT_PARTS,
    KILLS,
    REFERENCE,
    POSITIONS,
    SESSIONS,
    STRATEGIES,
    APPLIED,
    REQUESTS,
    ANSWERS,
    APPROVALS,
    LOCKS,
)

REFERENCE_VERSION = REFERENCE.key("version")


def parse(key: str) -> tuple[Kind, tuple[str, ...]]:
    """The kind of a key and its fields. BadKey with a sentence for any other."""
    if not key.startswith(ROOT):
        raise BadKey(f"{key} is not below {ROOT}")
    rest = key[len(ROOT) :]
    for kind in KINDS:
        if not rest.startswith(kind.name + "/"):
            continue
        parts = rest[len(kind.name) + 1 :].split("/")
        fields = tuple(unquote(part) for part in parts)
        if len(fields) == len(kind.fields) and all(fields) and kind.key(*fields) == key:
            return kind, fields
        raise BadKey(f"{key} is no key of {kind.name}; it takes {', '.join(kind.fields)}, percent-encoded")
    raise BadKey(f"{key} is of no kind in this layout; kinds: {', '.join(kind.name for kind in KINDS)}")


def subject_of(key: str) -> str:
    """How APPLIED names a key: what stands below the root."""
    if not key.startswith(ROOT):
        raise BadKey(f"{key} is not below {ROOT}")
    return key[len(ROOT) :]


def lock_name(lock: str) -> str:
    """The name under which `Etcd.lock` keeps its queue."""
    return LOCKS.prefix(lock)[:-1]


def generation(value: bytes | None) -> int:
    """The number under GENERATION. BadKey when it was edited into something else."""
    if value is None:
        return 0
    text = value.decode("utf-8", "replace").strip()
    if not text.isascii() or not text.isdecimal():
        raise BadKey(f"{GENERATION} holds {text!r}; allowed: a whole number, 0 or more")
    return int(text)


def written_by(role: str) -> Sequence[Kind]:
    """The kinds that a role may write."""
    return [kind for kind in KINDS if role in kind.writers]
