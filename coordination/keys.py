"""The keys of the coordination store, version 1: the one place of Python that builds and parses them. `docs/coordination.md`
explains them; agents build theirs in `crates/coordination/src/keys.rs`, and a test compares the two.

Every key is `/meridian/v1/` and a kind's path. Its words in capitals are fields: names, percent-encoded except letters, digits
and `-._~`, so that no name can hold a slash; numbers without leading zeros; and three of a form of their own (`FORMS`). Another
layout would be `/meridian/v2/` beside this one.

Invariant: `parse(kind.key(*fields)) == (kind, fields)`; a key that no kind builds is refused with a sentence, never guessed at.

    keys.PARTS.key("7", "new-york-1")     # /meridian/v1/parts/7/new-york-1
    keys.ACKS.prefix("new-york")          # /meridian/v1/acks/new-york/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

ROOT = "/meridian/v1/"
SELECTED = ("instrument", "underlying", "sector", "venue", "trader")
"""What a selector may name, in the order of its word."""
AUDIT_DIGITS = 20


class BadKey(ValueError):
    """A key that this layout does not know, or fields that it cannot hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of key."""

    path: str
    """Below the root; the words in capitals are fields."""
    value: str
    """What stands under it, in a line."""
    writers: tuple[str, ...]
    """Roles that may write it; `agent` writes under its own region alone."""
    leased: bool = False
    """Whether it vanishes with its writer's lease."""

    @property
    def name(self) -> str:
        """The first word, which no other kind has."""
        return self.path.partition("/")[0]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields' names."""
        return tuple(word.lower() for word in self.path.split("/") if word.isupper())

    def key(self, *fields: str) -> str:
        """The key for these fields. BadKey when they are too few, too many or none that may stand there."""
        wanted = self.fields
        if len(fields) != len(wanted):
            raise BadKey(f"{self.name} takes {', '.join(wanted) or 'no fields'}, not {', '.join(fields) or 'none'}")
        return ROOT + "/".join(self._filled(fields))

    def prefix(self, *fields: str) -> str:
        """What every key begins with that has these first fields."""
        if len(fields) >= len(self.fields):
            raise BadKey(f"{self.name} has {len(self.fields)} fields, so a prefix takes fewer, not {len(fields)}")
        return ROOT + "/".join(self._filled(fields)) + "/"

    def _filled(self, fields: Sequence[str]) -> list[str]:
        """The words up to the first field that is not given."""
        given = list(fields)
        words: list[str] = []
        for word in self.path.split("/"):
            if not word.isupper():
                words.append(word)
            elif given:
                words.append(self._encoded(word.lower(), given.pop(0)))
            else:
                break
        return words

    def _encoded(self, name: str, field: str) -> str:
        if not field:
            raise BadKey(f"{self.name}: {name} is empty; allowed: at least one character")
        if name not in FORMS:
            return quote(field, safe="")
        is_one, allowed = FORMS[name]
        if not is_one(field):
            raise BadKey(f"{self.name}: {name} is {field}; allowed: {allowed}")
        return field

    def taken_apart(self, key: str) -> tuple[str, ...] | None:
        """The fields of a key of this kind; None for another."""
        words = key.removeprefix(ROOT).split("/")
        shape = self.path.split("/")
        if shape[-1] == "SUBJECT" and len(words) > len(shape):
            words = [*words[: len(shape) - 1], "/".join(words[len(shape) - 1 :])]
        if len(words) != len(shape):
            return None
        pairs = [(part.lower(), word) for part, word in zip(shape, words, strict=True) if part.isupper()]
        fields = tuple(word if name in FORMS else unquote(word) for name, word in pairs)
        try:
            return fields if self.key(*fields) == key else None
        except BadKey:
            return None


GENERATION = Kind(
    path="generation",
    value="the number that an operator raises after a restore; the first import writes 1",
    writers=("operator", "limits-api"),
)
TREE = Kind(
    path="tree",
    value="the limit tree: id, name, level and parent of every node; only grows",
    writers=("limits-api",),
)
LIMITS = Kind(
    path="limits/LIMIT",
    value="a limit: node, metric, value, selector, what is pending, version, who and why; removed by a mark, never deleted",
    writers=("limits-api",),
)
PARTS = Kind(
    path="parts/LIMIT/HOLDER",
    value="a holder's part of a global limit, the holder being REGION-SHARD: upper and lower; parts add up to the limit",
    writers=("limits-api",),
)
KILL = Kind(
    path="kill/NODE/SELECTOR",
    value="what is killed at a node: new orders, resting, flatten; who and why; re-armed by writing, never deleted",
    writers=("limits-api",),
)
PERMISSIONS = Kind(
    path="permissions/NODE/SELECTOR",
    value="who may trade what at a node: allow or not; who and why; removed by a mark, never deleted",
    writers=("limits-api",),
)
RESTRICTED = Kind(
    path="restricted/INSTRUMENT",
    value="the firm's restricted list: what new orders in an instrument may do; who and why; taken off by writing, never deleted",
    writers=("limits-api",),
)
REFERENCE = Kind(
    path="reference",
    value="the hash of the reference data that all regions trade on",
    writers=("operator",),
)
EPOCHS = Kind(
    path="epochs/HOLDER",
    value="the epoch of the engine in office, and the site that leads it; each life raises it before it trades; only rises",
    writers=("operator",),
)
REGIONS = Kind(
    path="regions/REGION",
    value="a region's agent: its holder, since when, its engine, what is wrong there",
    writers=("agent",),
    leased=True,
)
ACKS = Kind(
    path="acks/REGION/SUBJECT",
    value="what a region made of a key: its revision, from which input of the engine on it is in force, or why not",
    writers=("agent",),
)
LOCAL = Kind(
    path="local/REGION/kill/NODE/SELECTOR",
    value="what was killed at a region's own socket, or kept when its key was edited; goes when a re-arm was written after it",
    writers=("agent",),
)
POSITIONS = Kind(
    path="positions/REGION",
    value="positions of a region's accounts, with the engine's input that they are true of",
    writers=("agent",),
)
USAGE = Kind(
    path="usage/REGION",
    value="how much of each limit is used: filled, open, free",
    writers=("agent",),
)
SLOTS = Kind(
    path="slots/REGION",
    value="strategy slots: whether they run, their last status",
    writers=("agent",),
)
SESSIONS = Kind(
    path="sessions/REGION",
    value="venue sessions: state, epoch, window",
    writers=("agent",),
)
REQUESTS = Kind(
    path="requests/REGION/REQUEST",
    value="what an operator asks a region to do: who, what, until when",
    writers=("operator", "limits-api"),
)
APPROVALS = Kind(
    path="approvals/APPROVAL",
    value="a change that waits for a second person, or had one",
    writers=("limits-api",),
)
AUDIT = Kind(
    path="audit/SEQUENCE",
    value="who changed what, and why; written with the change itself",
    writers=("limits-api",),
)
IDEMPOTENCY = Kind(
    path="idempotency/DIGEST",
    value="what a write with an idempotency key was answered; kept for a day",
    writers=("limits-api",),
)
LOCKS = Kind(
    path="locks/LOCK/HOLDER",
    value="who waits for a lock or holds it; the oldest holds",
    writers=("operator", "limits-api"),
    leased=True,
)

KINDS = (
    GENERATION,
    TREE,
    LIMITS,
    PARTS,
    KILL,
    PERMISSIONS,
    RESTRICTED,
    REFERENCE,
    EPOCHS,
    REGIONS,
    ACKS,
    LOCAL,
    POSITIONS,
    USAGE,
    SLOTS,
    SESSIONS,
    REQUESTS,
    APPROVALS,
    AUDIT,
    IDEMPOTENCY,
    LOCKS,
)


def parse(key: str) -> tuple[Kind, tuple[str, ...]]:
    """The kind of a key and its fields. BadKey with a sentence for any other."""
    if not key.startswith(ROOT):
        raise BadKey(f"{key} is not below {ROOT}")
    name = key[len(ROOT) :].partition("/")[0]
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if kind is None:
        raise BadKey(f"{key} is of no kind in this layout; kinds: {', '.join(kind.name for kind in KINDS)}")
    fields = kind.taken_apart(key)
    if fields is None:
        raise BadKey(f"{key} is no key of {kind.name}; allowed: {ROOT}{kind.path}, names percent-encoded")
    return kind, fields


def words(key: str) -> list[str]:
    """The words of a key below the root, unquoted; nothing for a key of somebody else."""
    return [unquote(word) for word in key.removeprefix(ROOT).split("/")] if key.startswith(ROOT) else []


def selector(named: Mapping[str, object]) -> str:
    """A selector as the last word of a key: `all`, or what it names in a fixed order. BadKey for a name that none has."""
    if strange := [name for name in named if name not in SELECTED]:
        raise BadKey(f"a selector names {', '.join(strange)}; allowed: {', '.join(SELECTED)}")
    chosen = [(name, named[name]) for name in SELECTED if named.get(name) is not None]
    return ",".join(f"{name}={quote(str(value), safe='')}" for name, value in chosen) or "all"


def subject(key: str) -> str:
    """How ACKS names a key: what stands below the root."""
    if not key.startswith(ROOT):
        raise BadKey(f"{key} is not below {ROOT}")
    return key[len(ROOT) :]


def lock_name(lock: str) -> str:
    """The name under which `Etcd.lock` keeps its queue."""
    return LOCKS.prefix(lock)[:-1]


def generation(value: bytes | None) -> int:
    """The number under GENERATION; 0 where there is none. BadKey when it was edited into something else."""
    if value is None:
        return 0
    text = value.decode("utf-8", "replace").strip()
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        number = json.loads(text)["generation"]
    except (ValueError, TypeError, KeyError, RecursionError):
        number = None
    if type(number) is not int or number < 0:
        raise BadKey(f"{GENERATION.key()} holds {text!r}; allowed: a generation, 0 or more")
    return number


def generation_value(number: int, *, by: str, reason: str, at_ns: int, cluster_id: int | None = None) -> str:
    """What an operator writes under GENERATION; with the store's cluster id it counts for no other store."""
    value: dict[str, object] = {"v": 1, "generation": number, "reason": reason, "by": by, "at_ns": at_ns}
    if cluster_id is not None:
        value["cluster"] = f"{cluster_id:x}"
    return json.dumps(value)


def written_by(role: str) -> Sequence[Kind]:
    """The kinds that a role may write."""
    return [kind for kind in KINDS if role in kind.writers]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"0|[1-9][0-9]{0,19}", text) is not None


def _is_selector(text: str) -> bool:
    pairs = [word.partition("=") for word in text.split(",")]
    try:
        return text == selector({} if text == "all" else {name: unquote(value) for name, _, value in pairs if value})
    except BadKey:
        return False


@lru_cache(maxsize=16_384)
def _is_subject(text: str) -> bool:
    try:
        kind, _ = parse(ROOT + text)
    except BadKey:
        return False
    return kind is not ACKS


FORMS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "limit": (_is_number, "a whole number without leading zeros"),
    "sequence": (lambda text: re.fullmatch(rf"[0-9]{{{AUDIT_DIGITS}}}", text) is not None, f"{AUDIT_DIGITS} digits"),
    "selector": (
        _is_selector,
        f"all, or NAME=VALUE with commas between; the names, in this order: {', '.join(SELECTED)}",
    ),
    "subject": (_is_subject, "a key below the root, but none of acks"),
}
"""Fields that are not names: whether a text is one, and what is allowed."""
