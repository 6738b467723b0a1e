"""What is in etcd as this process last saw it: every read is served from here, every write planned on it.

Invariant: a value that does not fit its model, a key that was taken away by somebody else, and a kill that was loosened without
a second person change nothing here but a finding that names the key; what was last read in order is still what is shown. Of
every other value that was written past the API there is a finding, too. Each key's real revision is kept all the same, since
writes are guarded by it. Reads never wait: they carry the revision and the age of the view.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from meridian.risk.api import edits, keys
from meridian.risk.api import words as words_of
from meridian.risk.api.seals import Seals
from meridian.risk.api.store import Delete, Entry, Event, Lost, Progress, Put, Reset
from meridian.risk.api.values import (
    Ack,
    Approval,
    AuditEntry,
    Epoch,
    Generation,
    Idempotency,
    Kill,
    Limit,
    LocalKill,
    Part,
    Permission,
    Positions,
    Reference,
    Region,
    Restricted,
    Rows,
    SessionRequest,
    Tree,
    Usage,
    Value,
)

MODELS: dict[tuple[str, int], type[Value]] = {
    ("generation", 1): Generation,
    ("tree", 1): Tree,
    ("limits", 2): Limit,
    ("parts", 3): Part,
    ("kill", 3): Kill,
    ("permissions", 3): Permission,
    ("restricted", 2): Restricted,
    ("epochs", 2): Epoch,
    ("reference", 1): Reference,
    ("regions", 2): Region,
    ("positions", 2): Positions,
    ("usage", 2): Usage,
    ("slots", 2): Rows,
    ("sessions", 2): Rows,
    ("requests", 3): SessionRequest,
    ("approvals", 2): Approval,
    ("audit", 2): AuditEntry,
    ("idempotency", 2): Idempotency,
    ("local", 5): LocalKill,
}
"""First word of a key and how many there are → its model."""
LASTING = {"generation", "tree", "limits", "parts", "kill", "permissions", "restricted", "epochs", "reference", "audit"}
"""Keys that nobody takes away: one that is gone is a finding."""
TIMED = {"acks", "positions", "usage", "slots", "sessions"}
"""Keys of regions whose age is told."""
KEPT_MAX = {"audit": 1_000, "idempotency": 10_000, "requests": 1_000}
"""Of these only the newest are kept in memory."""
ADOPTED = ("revisions", "values", "revision", "findings", "cluster_id", "arrived", "seals", "_edited", "_sums")
"""What a store that is trusted after all brings with it."""
QUEUE_EVENTS_MAX = 2_000
FINDINGS_MAX = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the view, for those who listen. `value` is None for a key that is gone; `key` is empty for all."""

    kind: str
    key: str
    revision: int
    value: dict[str, Any] | None


@dataclass(slots=True)
class Listener:
    """A bounded queue of changes; one that overflows is told to read everything again."""

    queue: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(QUEUE_EVENTS_MAX))
    overrun: bool = False

    def offer(self, change: Change) -> None:
        """Queues a change, or marks the queue as overrun."""
        try:
            self.queue.put_nowait(change)
        except asyncio.QueueFull:
            self.overrun = True


def model_of(words: list[str]) -> type[Value] | None:
    """The model of a key's value; None for a key that this release does not know."""
    if words[:1] == ["acks"] and len(words) > 2:
        return Ack
    return MODELS.get((words[0], len(words))) if words else None


class View:
    """Keys, their parsed values and revisions, and what is wrong with some."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.revision = 0
        self.cluster_id = 0
        self.revisions: dict[str, int] = {}
        """Key → the revision that wrote it, whatever it holds."""
        self.values: dict[str, OrderedDict[str, Value]] = {}
        """First word → key → the last value that was in order."""
        self.arrived: dict[str, float] = {}
        """Key of a region's → when its value came here, by the monotonic clock."""
        self.findings: dict[str, str] = {}
        self.seals = Seals()
        self._edited: set[str] = set()
        """Keys with a finding that they were written past the API."""
        self._sums: dict[str, int] = {}
        """Limit whose parts are to be added up → the revision from which on."""
        self.live = False
        self.why_away = "not reached since the start"
        self.seen_at = clock()
        self.ready = asyncio.Event()
        self._shadow: View | None = None
        """What an older or another store holds that is not trusted (yet)."""
        self._listeners: list[Listener] = []
        self._moved = asyncio.Condition()

    # What is read.

    def get(self, key: str) -> Any:
        """A key's value, or None."""
        words = keys.words(key)
        table = self.values.get(words[0]) if words else None
        return table.get(key) if table else None

    def of(self, kind: str) -> Iterator[tuple[list[str], Any]]:
        """The words and the value of every key of a kind."""
        for key, value in self.values.get(kind, {}).items():
            yield keys.words(key), value

    def at(self, key: str) -> int:
        """The revision that wrote a key as it is in etcd; 0 when it is not there."""
        return self.revisions.get(key, 0)

    @property
    def tree(self) -> Tree:
        """The limit tree; empty before there is one."""
        found: Tree | None = self.get(keys.TREE)
        return found or Tree(nodes=[])

    @property
    def generation(self) -> int:
        """The generation's number; 0 before there is one."""
        found: Generation | None = self.get(keys.GENERATION)
        return found.generation if found else 0

    def limits(self) -> dict[int, Limit]:
        """Every limit by its id, tombstones too."""
        return {int(words[1]): value for words, value in self.of("limits")}

    def limit(self, number: int) -> Limit | None:
        """One limit, a tombstone too."""
        found: Limit | None = self.get(keys.limit(number))
        return found

    def parts(self, number: int) -> dict[str, Part]:
        """Holder → its part of a global limit."""
        return {words[2]: value for words, value in self.of("parts") if words[1] == str(number)}

    def local_kills(self, place: str) -> dict[str, str]:
        """Region → key of what its agent took locally at a key of `kill/`."""
        ending = "/" + place.removeprefix(keys.ROOT)
        return {keys.words(key)[1]: key for key in self.values.get("local", {}) if key.endswith(ending)}

    def ack(self, region: str, key: str) -> Ack | None:
        """What a region said about a key."""
        found: Ack | None = self.get(keys.acked(region, key)) if region else None
        return found

    def age_ms(self) -> int:
        """Since etcd was last heard."""
        return max(0, int((self.clock() - self.seen_at) * 1_000))

    def arrived_ms(self, key: str) -> int:
        """Since a region's value came here."""
        return max(0, int((self.clock() - self.arrived.get(key, self.clock())) * 1_000))

    def audit_head(self) -> tuple[int, str]:
        """The last audit entry's sequence and key; 0 when there is none."""
        entries = self.values.get("audit")
        if not entries:
            return 0, ""
        last = max(entries)
        return int(keys.words(last)[1]), last

    # What changes it.

    async def follow(self, events: AsyncIterator[Event]) -> None:
        """Takes events until they end."""
        async for event in events:
            await self.take(event)

    async def take(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Lost):
            self.live, self.why_away = False, event.why
            self._tell(Change("view", "", self.revision, {"live": False, "why": event.why}))
            return
        if self._shadow is not None or (isinstance(event, Reset) and self._is_another(event)):
            self._doubt(event)
        else:
            self.live, self.seen_at = True, self.clock()
            self._take(event)
        self.ready.set()
        async with self._moved:
            self._moved.notify_all()

    def _is_another(self, event: Reset) -> bool:
        return event.revision < self.revision or (self.cluster_id != 0 and event.cluster_id != self.cluster_id)

    def _take(self, event: Event) -> None:
        if isinstance(event, Reset):
            self.cluster_id = event.cluster_id
            self._reset(event)
        elif isinstance(event, Put):
            self.put(event.entry)
            self.revision = max(self.revision, event.entry.revision)
        elif isinstance(event, Delete):
            self._delete(event.key, event.revision)
            self.revision = max(self.revision, event.revision)
        elif isinstance(event, Progress):
            self.revision = max(self.revision, event.revision)
            self.seen_at -= event.silent_seconds
        whole = isinstance(event, Reset | Progress)
        self.seals.settled = max(self.seals.settled, self.revision if whole else self.revision - 1)
        self._judge()

    def _doubt(self, event: Event) -> None:
        """An older store than the one known (emptied, restored) is watched and not used until its generation is higher."""
        if self._shadow is None or isinstance(event, Reset):
            self._shadow = View(self.clock)
        shadow = self._shadow
        shadow._take(event)
        same = shadow.cluster_id == self.cluster_id and shadow.revision >= self.revision
        if shadow.generation <= self.generation and not same:
            self.live = False
            self.why_away = (
                f"another or an older store answers (revision {shadow.revision} after {self.revision}) with no higher "
                "generation: it was emptied or restored; an operator raises the generation when that is meant"
            )
            self._find(keys.ROOT, self.why_away)
            return
        self.findings.pop(keys.ROOT, None)
        for name in ADOPTED:
            setattr(self, name, getattr(shadow, name))
        self._shadow, self.live, self.seen_at = None, True, self.clock()
        self._tell(Change("reset", "", self.revision, {}))

    async def reach(self, revision: int, seconds: float) -> bool:
        """Waits until the view is as new as a revision; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.revision >= revision)
        except TimeoutError:
            return False
        return True

    def put(self, entry: Entry) -> None:
        """A key as it was written; an older write than the one known is nothing."""
        if entry.revision <= self.at(entry.key):
            return
        self.revisions[entry.key] = entry.revision
        words = keys.words(entry.key)
        model = model_of(words)
        if model is None:
            return
        try:
            value = model.model_validate_json(entry.value)
            self._check_key(words, value)
        except (ValidationError, ValueError) as error:
            self.seals.forget(entry.key)
            self._find(entry.key, f"its value is not one of ours and is not used: {_told(error)}")
            return
        self.findings.pop(entry.key, None)
        table = self.values.setdefault(words[0], OrderedDict())
        if words[0] in edits.SEALED or isinstance(value, AuditEntry):
            value = self.seals.take(entry, value, table.get(entry.key))
            if isinstance(value, Limit | Part) and words[1].isdecimal():
                self._sums[words[1]] = entry.revision
        table[entry.key] = value
        if words[0] in TIMED:
            self.arrived[entry.key] = self.clock()
        while len(table) > KEPT_MAX.get(words[0], len(table)):
            oldest, _ = table.popitem(last=False)
            self.seals.forget(oldest)
            if words[0] == "idempotency":
                self.revisions.pop(oldest, None)
        self._tell(Change(words[0], entry.key, entry.revision, value.model_dump(mode="json")))

    def _judge(self) -> None:
        """Looks at what was written as soon as the whole of its transaction is here."""
        for key, wrong in self.seals.judged(self.at):
            self._tell_edited(key, wrong)
        for number in [number for number, revision in self._sums.items() if revision <= self.seals.settled]:
            del self._sums[number]
            limit, place = self.limit(int(number)), keys.parts(int(number)).removesuffix("/")
            self._tell_edited(place, edits.sum_of_parts(limit, self.parts(int(number))) if limit else None)

    def _tell_edited(self, key: str, wrong: str | None) -> None:
        if wrong is not None:
            self._edited.add(key)
            self._find(key, wrong)
        elif key in self._edited:
            self._edited.discard(key)
            self.findings.pop(key, None)

    def _check_key(self, words: list[str], value: Value) -> None:
        if isinstance(value, Limit) and words[1] != str(value.id):
            raise ValueError(f"its id is {value.id}")
        if isinstance(value, Kill) and keys.kill(value.node, value.selector) != keys.kill(words[1], value.selector):
            raise ValueError(f"its node is {value.node}")
        if isinstance(value, Permission) and keys.permission(words[1], value.selector) != keys.permission(
            value.node, value.selector
        ):
            raise ValueError(f"its node is {value.node}")
        if isinstance(value, Restricted) and value.instrument != words[1]:
            raise ValueError(f"its instrument is {value.instrument}")

    def _delete(self, key: str, revision: int) -> None:
        words = keys.words(key)
        if not words or revision < self.at(key):
            return
        self.revisions.pop(key, None)
        self.arrived.pop(key, None)
        self.seals.forget(key)
        if words[0] in LASTING:
            self._find(key, "it was taken away by somebody else; what it held is still shown and in force")
            return
        if self.values.get(words[0], OrderedDict()).pop(key, None) is not None:
            self._tell(Change(words[0], key, revision, None))
        self.findings.pop(key, None)

    def _reset(self, event: Reset) -> None:
        self.revision = event.revision
        there = {entry.key for entry in event.entries}
        for key in [key for key in self.revisions if key not in there]:
            self._delete(key, event.revision)
        for entry in event.entries:
            self.put(entry)
        self._tell(Change("reset", "", event.revision, {}))

    def _find(self, key: str, why: str) -> None:
        if key in self.findings or len(self.findings) < FINDINGS_MAX:
            self.findings[key] = f"{key}: {why}"
        self._tell(Change("finding", key, self.revision, {"why": why}))

    # Who listens.

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Changes from now on."""
        listener = Listener()
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    def tell(self, change: Change) -> None:
        """What listeners hear beside what the store holds."""
        self._tell(change)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener.offer(change)


def _told(error: Exception) -> str:
    return words_of.told(error) if isinstance(error, ValidationError) else str(error)
