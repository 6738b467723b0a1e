"""`Store` on the coordination store.

Invariant: an answer that was lost becomes `Unknown`, everything else that kept a transaction from being done becomes `Away`;
both are told in our words, the client's own are logged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog

from meridian.coordination import (
    AsyncEtcd,
    Compare,
    EtcdError,
    EventKind,
    KeyValue,
    OutcomeUnknown,
    unchanged,
)
from meridian.coordination import Delete as DeleteStep
from meridian.coordination import Event as StoreEvent
from meridian.coordination import Put as PutStep
from meridian.coordination.sentences import plain
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

log = structlog.get_logger("limits-api")
LOOK_SECONDS = 0.25
TRANSACTION_SECONDS = 3.0


def _entry(key_value: KeyValue) -> Entry:
    # A key that is no text is nobody's: it is shown as it can be, and no model takes it.
    name = key_value.key if isinstance(key_value.key, str) else bytes(key_value.key).decode("utf-8", "replace")
    return Entry(name, bytes(key_value.value), key_value.mod_revision)


class EtcdStore:
    """The store behind an `AsyncEtcd`."""

    def __init__(self, etcd: AsyncEtcd) -> None:
        self.etcd = etcd

    async def watch(self, prefix: str) -> AsyncIterator[Event]:
        """A Reset, then each change; between them how young the view is."""
        with_reason = ""
        async with self.etcd.watch(prefix, prefix=True) as watch:
            while True:
                event = await watch.next(LOOK_SECONDS)
                if event is not None:
                    yield _event(event)
                    continue
                status = watch.status
                if status.live:
                    yield Progress(status.position.revision, status.silent_s)
                    with_reason = ""
                else:
                    why = status.last_error or "no member answers"
                    if why != with_reason:
                        log.warning("the store is away", why=why)
                        yield Lost(plain(why))
                    with_reason = why

    async def transaction(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Outcome:
        """One transaction of etcd."""
        compare: list[Compare] = [unchanged(guard.key, guard.revision) for guard in guards]
        steps = [DeleteStep(write.key) if write.value is None else PutStep(write.key, write.value) for write in writes]
        try:
            done = await self.etcd.transact(compare, steps, timeout_s=TRANSACTION_SECONDS)
        except OutcomeUnknown as error:
            raise Unknown(_told(error)) from None
        except EtcdError as error:
            raise Away(_told(error)) from None
        return Outcome(done.succeeded, done.revision)

    async def entries(self, prefix: str, limit: int) -> list[Entry]:
        """Keys below a prefix, in order."""
        try:
            found = await self.etcd.range(prefix, limit=limit, timeout_s=TRANSACTION_SECONDS)
        except EtcdError as error:
            raise Away(_told(error)) from None
        return [_entry(key_value) for key_value in found.key_values]

    async def close(self) -> None:
        """Watches end with the tasks that read them."""


def _told(error: EtcdError) -> str:
    log.warning("the store did not do what it was asked", why=str(error))
    return plain(str(error))


def _event(event: StoreEvent) -> Event:
    if event.kind is EventKind.RESYNC:
        entries = [_entry(key_value) for key_value in event.key_values]
        return Reset(entries, event.position.revision, event.position.cluster_id)
    assert event.key_value is not None, "a change names its key"
    entry = _entry(event.key_value)
    return Put(entry) if event.kind is EventKind.PUT else Delete(entry.key, entry.revision)
