"""The coordination store, by calls that are awaited: `AsyncEtcd`, with the verbs and promises of `Etcd`.

Invariant: no call blocks the loop; a cancelled await gives up its request.

    etcd = AsyncEtcd(["http://127.0.0.1:2379"])
    await etcd.put("/key", b"value")
    async with etcd.watch("/meridian/v1/limits/", prefix=True) as watch:
        async for event in watch:
            ...
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from meridian._native import coordination as _native
from meridian._native.coordination import KeyValue
from meridian.coordination import verbs
from meridian.coordination.values import (
    Compare,
    Event,
    Hash,
    Lock,
    MemberStatus,
    Position,
    Range,
    Step,
    Transacted,
    WatchStatus,
    key_bytes,
    value_bytes,
)

Answer = TypeVar("Answer")


def _settle(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


async def _ask(verb: Callable[..., Any], *arguments: Any) -> Any:
    """Awaits one verb of the extension."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def done(answer: Any, error: BaseException | None) -> None:
        # A loop that was closed has nobody who waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, future, answer, error)

    pending = verb(*arguments, done)
    try:
        return await future
    finally:
        if not future.done() or future.cancelled():
            pending.cancel()


class AsyncLease(verbs.Granted):
    """As `Lease`."""

    async def renew(self, *, timeout_s: float | None = None) -> None:
        """Renews it once."""
        await _ask(self.native.renew, timeout_s or self.timeout_s)

    async def revoke(self, *, timeout_s: float | None = None) -> None:
        """Gives it back; its keys go at once."""
        await _ask(self.native.revoke, timeout_s or self.timeout_s)


class AsyncWatch:
    """As `Watch`."""

    def __init__(self, native: _native.Watch) -> None:
        self.native = native
        self.waiting: deque[Event] = deque()
        # Outlives a cancelled or timed-out `next`, so that no event goes with it.
        self.asked: asyncio.Task[Any] | None = None

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> Event:
        event = await self.next()
        assert event is not None, "without a time it waits"
        return event

    async def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None when there was none in time. Raises what ended the watch. One reader at a time."""
        if not self.waiting:
            if self.asked is None:
                self.asked = asyncio.ensure_future(_ask(self.native.next, None))
            await asyncio.wait({self.asked}, timeout=timeout_s)
            if not self.asked.done():
                return None
            asked, self.asked = self.asked, None
            self.waiting.extend(verbs.events(asked.result()))
        return self.waiting.popleft()

    @property
    def status(self) -> WatchStatus:
        """How it is."""
        return verbs.watch_status(self.native)

    def close(self) -> None:
        """Ends it."""
        self.native.close()
        if self.asked is not None:
            self.asked.cancel()
            self.asked = None

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


class AsyncEtcd(verbs.Connected):
    """As `Etcd`; one loop or several may share it."""

    async def put(
        self, key: str, value: bytes | str, *, lease: AsyncLease | None = None, timeout_s: float | None = None
    ) -> int:
        """Sets a key; returns the revision at which it did."""
        arguments = key_bytes(key), value_bytes(value), lease.id if lease else 0, self.time(timeout_s)
        return verbs.revision(await _ask(self.native.put, *arguments))

    async def get(self, key: str, *, timeout_s: float | None = None) -> KeyValue | None:
        """A key as the majority has it; None when it is not there."""
        return verbs.one(await _ask(self.native.get, key_bytes(key), self.time(timeout_s)))

    async def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        revision: int = 0,
        keys_only: bool = False,
        timeout_s: float | None = None,
    ) -> Range:
        """All keys that begin so, in order, of one revision (0: now); at most `limit` of them (0: all)."""
        arguments = key_bytes(prefix), True, limit, revision, keys_only, self.time(timeout_s)
        return verbs.ranged(await _ask(self.native.range, *arguments))

    async def delete(self, key: str, *, prefix: bool = False, timeout_s: float | None = None) -> int:
        """Deletes a key, or all that begin with it; returns how many there were."""
        return verbs.deleted(await _ask(self.native.delete, key_bytes(key), prefix, self.time(timeout_s)))

    async def transact(
        self,
        compare: Sequence[Compare],
        success: Sequence[Step],
        failure: Sequence[Step] = (),
        *,
        timeout_s: float | None = None,
    ) -> Transacted:
        """Does `success` at one revision if every condition holds, else `failure`."""
        plain = [one.plain() for one in compare]
        steps = [step.plain() for step in success], [step.plain() for step in failure]
        return verbs.transacted(await _ask(self.native.transact, plain, *steps, self.time(timeout_s)))

    def watch(
        self,
        key: str,
        *,
        prefix: bool = False,
        after: Position | None = None,
        silence_max_s: float = 2.0,
        audit_every_s: float = 60.0,
    ) -> AsyncWatch:
        """As `Etcd.watch`."""
        place = (after.cluster_id, after.generation, after.revision) if after else None
        return AsyncWatch(self.native.watch(key_bytes(key), prefix, place, silence_max_s, audit_every_s))

    async def lease(self, ttl_s: int, *, renew: bool = True, timeout_s: float | None = None) -> AsyncLease:
        """As `Etcd.lease`."""
        return AsyncLease(await _ask(self.native.grant, ttl_s, renew, self.time(timeout_s)), self.timeout_s)

    async def lock(
        self, name: str, lease: AsyncLease, *, value: bytes | str = b"", timeout_s: float | None = None
    ) -> Lock:
        """As `Etcd.lock`."""
        arguments = key_bytes(name), value_bytes(value), lease.native, self.time(timeout_s)
        return verbs.locked(await _ask(self.native.lock, *arguments))

    async def unlock(self, lock: Lock, *, timeout_s: float | None = None) -> bool:
        """As `Etcd.unlock`."""
        arguments = key_bytes(lock.key), lock.fence, lock.lease_id, self.time(timeout_s)
        return bool(await _ask(self.native.unlock, *arguments))

    async def compact(self, revision: int, *, timeout_s: float | None = None) -> int:
        """Throws away all history before a revision."""
        return verbs.revision(await _ask(self.native.compact, revision, self.time(timeout_s)))

    async def status(self, *, timeout_s: float | None = None) -> list[MemberStatus]:
        """What every member says of itself; one that does not answer says why not."""
        return verbs.members(await _ask(self.native.status, self.time(timeout_s)))

    async def hash(self, member: int, *, revision: int = 0, timeout_s: float | None = None) -> Hash:
        """The hash of one member's keys (by the order of the endpoints)."""
        return verbs.hashed(await _ask(self.native.hash, member, revision, self.time(timeout_s)))

    async def snapshot(self, path: Path, *, timeout_s: float = 60.0) -> int:
        """As `Etcd.snapshot`."""
        return int(await _ask(self.native.snapshot, path, timeout_s))
