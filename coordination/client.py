"""The coordination store, by calls that wait: `Etcd`.

Keys are text, values bytes; every call has a time and ends by it; while it waits other threads run and Ctrl-C is heard. Errors
are typed (`EtcdError` and what is under it). A write whose answer was lost raises OutcomeUnknown: read before doing it again, or
make it a transaction with a condition, which may be repeated.

Invariant: a watch goes on after its last revision through loss of members, restarts and compaction; where that cannot be, it
says RESYNC with the full set. It ends only by `close` or with an error raised.

    etcd = Etcd(["http://127.0.0.1:2379"])
    revision = etcd.put("/meridian/v1/reference", '{"v": 1, "hash": "9c1f…"}')
    with etcd.watch("/meridian/v1/limits/", prefix=True) as watch:
        for event in watch:                  # RESYNC first, then each change once
            ...
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

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


class Lease(verbs.Granted):
    """A promise to be here; keys that go with it vanish when it ends. `check()` belongs before every act that needs it."""

    def renew(self, *, timeout_s: float | None = None) -> None:
        """Renews it once."""
        self.native.renew(timeout_s or self.timeout_s)

    def revoke(self, *, timeout_s: float | None = None) -> None:
        """Gives it back; its keys go at once."""
        self.native.revoke(timeout_s or self.timeout_s)


class Watch(Iterator[Event]):
    """Events without end."""

    def __init__(self, native: _native.Watch) -> None:
        self.native = native
        self.waiting: deque[Event] = deque()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> Event:
        event = self.next()
        assert event is not None, "without a time it waits"
        return event

    def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None when there was none in time. Raises what ended the watch."""
        if not self.waiting:
            delivery = self.native.next(timeout_s)
            if delivery is None:
                return None
            self.waiting.extend(verbs.events(delivery))
        return self.waiting.popleft()

    @property
    def status(self) -> WatchStatus:
        """How it is: whether a member serves it, since when none was heard, what it left out."""
        return verbs.watch_status(self.native)

    def close(self) -> None:
        """Ends it."""
        self.native.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Etcd(verbs.Connected):
    """A handle on the store; threads may share it."""

    def put(self, key: str, value: bytes | str, *, lease: Lease | None = None, timeout_s: float | None = None) -> int:
        """Sets a key; returns the revision at which it did."""
        number = lease.id if lease else 0
        return verbs.revision(self.native.put(key_bytes(key), value_bytes(value), number, self.time(timeout_s)))

    def get(self, key: str, *, timeout_s: float | None = None) -> KeyValue | None:
        """A key as the majority has it; None when it is not there."""
        return verbs.one(self.native.get(key_bytes(key), self.time(timeout_s)))

    def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        revision: int = 0,
        keys_only: bool = False,
        timeout_s: float | None = None,
    ) -> Range:
        """All keys that begin so, in order, of one revision (0: now); at most `limit` of them (0: all)."""
        time = self.time(timeout_s)
        return verbs.ranged(self.native.range(key_bytes(prefix), True, limit, revision, keys_only, time))

    def delete(self, key: str, *, prefix: bool = False, timeout_s: float | None = None) -> int:
        """Deletes a key, or all that begin with it; returns how many there were."""
        return verbs.deleted(self.native.delete(key_bytes(key), prefix, self.time(timeout_s)))

    def transact(
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
        return verbs.transacted(self.native.transact(plain, *steps, self.time(timeout_s)))

    def watch(
        self,
        key: str,
        *,
        prefix: bool = False,
        after: Position | None = None,
        silence_max_s: float = 2.0,
        audit_every_s: float = 60.0,
    ) -> Watch:
        """Watches a key, or all that begin with it: RESYNC with what is there, then each change once. With `after` it goes on
        after that place without RESYNC, where the store still can.

        After `silence_max_s` without a word the store is asked for one, after as long again another member is asked. Every
        `audit_every_s` (0: never) all keys are compared with what was delivered.
        """
        place = (after.cluster_id, after.generation, after.revision) if after else None
        return Watch(self.native.watch(key_bytes(key), prefix, place, silence_max_s, audit_every_s))

    def lease(self, ttl_s: int, *, renew: bool = True, timeout_s: float | None = None) -> Lease:
        """A lease of at least so many seconds. With `renew` this process renews it by itself as long as it runs, whatever its
        Python does; without, the caller does, which shows that the caller still works."""
        time = self.time(timeout_s)
        return Lease(self.native.grant(ttl_s, renew, time), self.timeout_s)

    def lock(self, name: str, lease: Lease, *, value: bytes | str = b"", timeout_s: float | None = None) -> Lock:
        """Takes a lock under a lease, waiting for its turn; `value` says who. See `Lock` for what it cannot promise."""
        time = self.time(timeout_s)
        return verbs.locked(self.native.lock(key_bytes(name), value_bytes(value), lease.native, time))

    def unlock(self, lock: Lock, *, timeout_s: float | None = None) -> bool:
        """Gives a lock back; False when it was no longer held. Never touches a newer holder's."""
        return bool(self.native.unlock(key_bytes(lock.key), lock.fence, lock.lease_id, self.time(timeout_s)))

    @contextmanager
    def locked(
        self, name: str, *, ttl_s: int = 5, value: bytes | str = b"", timeout_s: float | None = None
    ) -> Iterator[Lock]:
        """A lock with a lease of its own, for a block."""
        lease = self.lease(ttl_s)
        try:
            lock = self.lock(name, lease, value=value, timeout_s=timeout_s)
            try:
                yield lock
            finally:
                self.unlock(lock)
        finally:
            lease.revoke()

    def compact(self, revision: int, *, timeout_s: float | None = None) -> int:
        """Throws away all history before a revision."""
        return verbs.revision(self.native.compact(revision, self.time(timeout_s)))

    def status(self, *, timeout_s: float | None = None) -> list[MemberStatus]:
        """What every member says of itself; one that does not answer says why not."""
        return verbs.members(self.native.status(self.time(timeout_s)))

    def hash(self, member: int, *, revision: int = 0, timeout_s: float | None = None) -> Hash:
        """The hash of one member's keys (by the order of the endpoints)."""
        return verbs.hashed(self.native.hash(member, revision, self.time(timeout_s)))

    def snapshot(self, path: Path, *, timeout_s: float = 60.0) -> int:
        """Writes the whole store to a file, checks its checksum, and only then names it so; returns its bytes."""
        return int(self.native.snapshot(path, timeout_s))

    def add_role(
        self, role: str, permissions: Sequence[tuple[str, bool, str]], *, timeout_s: float | None = None
    ) -> None:
        """Makes a role: (key, whether it is a prefix, read | write | read-write) each. Again does no harm."""
        plain = [(key_bytes(key), prefix, access) for key, prefix, access in permissions]
        self.native.add_role(role, plain, self.time(timeout_s))

    def add_user(
        self, user: str, roles: Sequence[str], *, password: str | None = None, timeout_s: float | None = None
    ) -> None:
        """Makes a user; without a password it is known by its certificate's common name alone. Again does no harm."""
        self.native.add_user(user, password, list(roles), self.time(timeout_s))

    def require_users(self, *, timeout_s: float | None = None) -> None:
        """From here on every caller must be a known user; `root` must be one."""
        self.native.require_users(self.time(timeout_s))
