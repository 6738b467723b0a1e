"""A store in memory: the double of etcd for tests that need breadth; the same tests run against etcd where it counts.

Invariant: it answers as etcd does: one revision a transaction, guards by the revision of the last write, watches in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from meridian.risk.api.store import (
    Away,
    Delete,
    Entry,
    Event,
    Guard,
    Lost,
    Outcome,
    Progress,
    Put,
    Reset,
    Unknown,
    Write,
)


class Double:
    """Keys with their revisions. `away` makes it refuse everything; `forget_answers` commits and then says Unknown."""

    def __init__(self) -> None:
        self.revision = 1
        self.entries_by_key: dict[str, Entry] = {}
        self.away = False
        self.forget_answers = 0
        self.transactions: list[list[Write]] = []
        self._queues: list[asyncio.Queue[Event]] = []

    async def watch(self, prefix: str) -> AsyncIterator[Event]:
        """A Reset, then what happens."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        there = [entry for key, entry in sorted(self.entries_by_key.items()) if key.startswith(prefix)]
        queue.put_nowait(Reset(there, self.revision))
        self._queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    async def transaction(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Outcome:
        """As etcd does it."""
        await asyncio.sleep(0)
        if self.away:
            raise Away("it was sent away")
        assert len({write.key for write in writes}) == len(writes), "etcd refuses a key twice"
        assert max(len(guards), len(writes)) <= 128, "etcd takes 128"
        if any(self._at(guard.key) != guard.revision for guard in guards):
            return Outcome(False, self.revision)
        self.transactions.append(list(writes))
        self.put_all({write.key: write.value for write in writes})
        if self.forget_answers:
            self.forget_answers -= 1
            raise Unknown("the answer was lost")
        return Outcome(True, self.revision)

    async def entries(self, prefix: str, limit: int) -> list[Entry]:
        """Keys that begin so."""
        if self.away:
            raise Away("it was sent away")
        there = [key for key in sorted(self.entries_by_key) if key.startswith(prefix)]
        return [self.entries_by_key[key] for key in there[:limit]]

    async def close(self) -> None:
        """Nothing to close."""

    def put_all(self, values: dict[str, bytes | None]) -> int:
        """Writes by somebody else, in one revision; None takes away."""
        self.revision += 1
        for key, value in values.items():
            if value is None:
                self.entries_by_key.pop(key, None)
                self._tell(Delete(key, self.revision))
            else:
                entry = Entry(key, value, self.revision)
                self.entries_by_key[key] = entry
                self._tell(Put(entry))
        return self.revision

    def quiet(self) -> None:
        """Nothing else has happened: what etcd says of itself now and then."""
        self._tell(Progress(self.revision))

    def send_away(self) -> None:
        """It answers no more."""
        self.away = True
        self._tell(Lost("it was sent away"))

    def bring_back(self) -> None:
        """It answers again, and watches begin with everything there is."""
        self.away = False
        self._tell(Reset([entry for _, entry in sorted(self.entries_by_key.items())], self.revision))

    def _at(self, key: str) -> int:
        entry = self.entries_by_key.get(key)
        return entry.revision if entry else 0

    def _tell(self, event: Event) -> None:
        for queue in self._queues:
            queue.put_nowait(event)
