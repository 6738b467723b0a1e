"""What the API needs of etcd, and no more: one watched view, and guarded transactions.

Invariant: a transaction is done whole or not at all, only while every guard holds; when its fate is not known, that is said
(`Unknown`) and it is never done again by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it is in etcd."""

    key: str
    value: bytes
    revision: int
    """The revision that wrote it."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Everything there is, as of a revision; what is not in it is not there."""

    entries: Sequence[Entry]
    revision: int
    cluster_id: int = 0
    """Which store it is; another one is not taken for the one known."""


@dataclass(frozen=True, slots=True)
class Put:
    """A key was written."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Delete:
    """A key was taken away."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Nothing else happened up to a revision, as of some seconds ago."""

    revision: int
    silent_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """etcd does not answer; a Reset or further events follow when it does again."""

    why: str


Event = Reset | Put | Delete | Progress | Lost


@dataclass(frozen=True, slots=True)
class Guard:
    """A key must still be as it was read: written by this revision, 0 when it is not there."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Write:
    """A key to write; None takes it away."""

    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the guards held, and etcd's revision after it."""

    done: bool
    revision: int


class Away(Exception):
    """etcd did not take the request: nothing was done."""


class Unknown(Exception):
    """etcd did not answer in time: it may or may not have been done."""


class Store(Protocol):
    """etcd, or a double of it."""

    def watch(self, prefix: str) -> AsyncIterator[Event]:
        """A Reset, then whatever happens below the prefix; never ends by itself."""
        ...

    async def transaction(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Outcome:
        """Does all writes when every guard holds. Raises Away or Unknown."""
        ...

    async def entries(self, prefix: str, limit: int) -> list[Entry]:
        """Up to `limit` keys that begin so, in their order. Raises Away."""
        ...

    async def close(self) -> None:
        """Ends every watch."""
        ...
