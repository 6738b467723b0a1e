"""What tests of faults share: a writer that keeps account, and the comparison of what a watch told with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from meridian.coordination import Etcd, EtcdServer, Event, EventKind, OutcomeUnknown, Unreachable, Watch
from meridian.coordination.server import Member


def leader(store: EtcdServer) -> Member:
    """The member that leads."""
    for member, status in zip(store.members, store.client().status(), strict=True):
        if status.member_id and status.member_id == status.leader_id:
            return member
    raise AssertionError("no leader")


def serving(etcd: Etcd, store: EtcdServer) -> Member:
    """The member that answers this client."""
    return store.members[store.endpoints.index(etcd.serving)]


class Writer:
    """Writes a counter under one prefix as fast as it can; keeps what was surely written and what may have been."""

    def __init__(self, etcd: Etcd, prefix: str) -> None:
        self.etcd, self.prefix = etcd, prefix
        self.sure: dict[int, int] = {}
        self.unsure: set[int] = set()
        self.refused: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                revision = self.etcd.put(f"{self.prefix}{number % 50}", str(number), timeout_s=2)
                self.sure[number] = revision
            except OutcomeUnknown:
                self.unsure.add(number)
            except Unreachable as error:
                self.refused.append(str(error))

    def wait_for_more(self, count: int) -> None:
        """Waits until more than so many further writes were acknowledged."""
        before = len(self.sure)
        wait_for(lambda: len(self.sure) > before + count)

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()


def collect_until(watch: Watch, revision: int, timeout_s: float = 60) -> list[Event]:
    """What a watch tells until it is past a revision."""
    told: list[Event] = []
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        event = watch.next(0.2)
        if event:
            told.append(event)
        if watch.status.position.revision >= revision and not watch.waiting and event is None:
            return told
    raise AssertionError(f"not at {revision} in time: {watch.status}")


def empty_the_store(store: EtcdServer) -> None:
    """The only member comes back as a store that has nothing and knows nobody."""
    [member] = store.members
    member.kill()
    member.empty()
    store.start_member(member)
    store.wait_healthy()


def check_history(told: list[Event], writer: Writer) -> None:
    """Nothing lost, nothing twice, nothing back, nothing that nobody wrote."""
    assert [one.kind for one in told[:1]] == [EventKind.RESYNC]
    changes = told[1:]
    assert all(one.kind is EventKind.PUT for one in changes), "no further full set was needed"
    revisions = [one.position.revision for one in changes]
    assert revisions == sorted(set(revisions))
    values = {int(one.key_value.value): one.position.revision for one in changes if one.key_value}
    assert len(values) == len(changes)
    # What was written before the full set is in it.
    after = {number: at for number, at in writer.sure.items() if at > told[0].position.revision}
    assert len(after) > 50
    assert {number: values.get(number) for number in after} == after
    assert set(values) <= set(writer.sure) | writer.unsure


def wait_for(what: Callable[[], bool], timeout_s: float = 30) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
