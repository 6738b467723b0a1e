"""What goes to the coordination store and comes back, in Python.

Invariant: keys are `str`, values `bytes`; a key whose bytes are no UTF-8 is kept by lone surrogates and finds itself again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from meridian._native.coordination import KeyValue

PlainCompare = tuple[bytes, str, str, int, bytes]
PlainStep = tuple[str, bytes, bytes, int]


def key_bytes(key: str) -> bytes:
    """A key as the store has it."""
    return key.encode("utf-8", "surrogateescape")


def value_bytes(value: bytes | str) -> bytes:
    """A value as the store has it."""
    return value.encode() if isinstance(value, str) else bytes(value)


@dataclass(frozen=True, slots=True)
class Compare:
    """One condition: `Compare.mod_revision("/k") == 7`, or made by `absent` and `present`."""

    key: str
    target: str
    order: str = "=="
    number: int = 0
    value: bytes = b""

    def plain(self) -> PlainCompare:
        """As the extension takes it."""
        return key_bytes(self.key), self.order, self.target, self.number, self.value


def absent(key: str) -> Compare:
    """The key is not there."""
    return Compare(key, "create_revision", "==", 0)


def present(key: str) -> Compare:
    """The key is there."""
    return Compare(key, "create_revision", ">", 0)


def unchanged(key: str, mod_revision: int) -> Compare:
    """The key's last change is the one at this revision; 0: it is not there."""
    return Compare(key, "mod_revision", "==", mod_revision)


def holds(key: str, value: bytes | str) -> Compare:
    """The key has this value."""
    return Compare(key, "value", "==", 0, value_bytes(value))


@dataclass(frozen=True, slots=True)
class Put:
    """Sets a key; it goes with the lease where one is given."""

    key: str
    value: bytes | str
    lease: int = 0

    def plain(self) -> PlainStep:
        """As the extension takes it."""
        return "put", key_bytes(self.key), value_bytes(self.value), self.lease


@dataclass(frozen=True, slots=True)
class Get:
    """Reads a key, or all that begin with it."""

    key: str
    prefix: bool = False

    def plain(self) -> PlainStep:
        """As the extension takes it."""
        return "get", key_bytes(self.key), b"", int(self.prefix)


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes a key, or all that begin with it."""

    key: str
    prefix: bool = False

    def plain(self) -> PlainStep:
        """As the extension takes it."""
        return "delete", key_bytes(self.key), b"", int(self.prefix)


Step = Put | Get | Delete


@dataclass(frozen=True, slots=True)
class Transacted:
    """What a transaction did: at which revision, whether every condition held, and an outcome a step: None for a put, the
    keys for a get, their number for a delete."""

    cluster_id: int
    revision: int
    succeeded: bool
    outcomes: Sequence[int | list[KeyValue] | None]


@dataclass(frozen=True, slots=True)
class Range:
    """Keys of one revision."""

    cluster_id: int
    revision: int
    """The store's revision when it answered; the keys are of this one unless another was asked for."""
    key_values: list[KeyValue] = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the history of a store. Revisions compare only where cluster and generation are equal."""

    cluster_id: int
    generation: int
    """The number that an operator raises after a restore; 0 where there is none."""
    revision: int


class EventKind(Enum):
    """What a watch tells."""

    PUT = "put"
    DELETE = "delete"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, or with kind RESYNC the full set, which makes void all that was known before."""

    kind: EventKind
    position: Position
    """The store, its generation, and the revision of this change."""
    key_value: KeyValue | None = None
    """PUT: the key as it is. DELETE: its name, and as `mod_revision` when it went."""
    key_values: list[KeyValue] = field(default_factory=list, repr=False)
    """RESYNC: every key there is at the position."""
    reason: str = ""
    """RESYNC: start, compacted, replaced, generation or audit."""
    last_of_revision: bool = True
    """False where the same transaction changed further keys, which follow."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How a watch is."""

    live: bool
    """Whether a member serves it at present."""
    position: Position
    """Up to where it surely delivered everything."""
    silent_s: float
    """Since a member was last heard."""
    endpoint: str
    reconnects: int
    resyncs: int
    """Full sets after the first."""
    repeated: int
    """Changes that came twice, or from before; left out."""
    audits: int
    audits_failed: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held, or was. `guard()` belongs into every transaction that the lock is for; `fence` is the number to
    show wherever its work is done outside the store: a lock by itself does not stop a holder that was paused."""

    key: str
    fence: int
    lease_id: int

    def guard(self) -> list[Compare]:
        """Conditions that hold only while the lock does."""
        return [
            Compare(self.key, "create_revision", "==", self.fence),
            Compare(self.key, "lease", "==", self.lease_id),
        ]


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A member as it says of itself; `error` says why there is nothing more."""

    endpoint: str
    error: str
    version: str
    cluster_id: int
    member_id: int
    leader_id: int
    revision: int
    raft_term: int
    database_bytes: int
    is_learner: bool
    alarms: list[str]

    @property
    def healthy(self) -> bool:
        """It answers, has a leader and raises no alarm."""
        return not self.error and self.leader_id != 0 and not self.alarms


@dataclass(frozen=True, slots=True)
class Hash:
    """The hash of one member's keys up to a revision; equal on all members for equal revisions."""

    hash: int
    revision: int
    compacted_revision: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The store as last seen."""

    cluster_id: int
    revision: int
    replaced: int
    """How often another store, or an earlier state, stood in its place."""
