"""What the client promises while members are cut off from each other, from the clients, or from both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian.coordination import EtcdError, EtcdServer, LeaseLost, NoQuorum, OutcomeUnknown, Put, Unreachable
from tests.coordination.network import Network
from tests.coordination.support import Writer, check_history, collect_until, leader, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def network() -> Iterator[Network]:
    """Three namespaces."""
    with Network(3) as made:
        yield made


@pytest.fixture
def store(network: Network, tmp_path: Path) -> Iterator[EtcdServer]:
    """Three members, each in a namespace."""
    server = EtcdServer(tmp_path, members=3)
    network.place(server)
    try:
        yield server.start()
    finally:
        for member in server.members:
            member.kill()


@pytest.mark.parametrize("lines", ["c", "p", "cp"])
def test_e5_a_watch_loses_nothing_when_its_member_is_cut_off(lines: str, network: Network, store: EtcdServer) -> None:
    watching = store.client()
    with (
        watching.watch("/test/", prefix=True, silence_max_s=0.7, audit_every_s=1) as watch,
        Writer(store.client(), "/test/") as writer,
    ):
        wait_for(lambda: len(writer.sure) > 50 and watch.status.live)
        at = store.members[store.endpoints.index(watch.status.endpoint)]
        network.cut(store, at, lines)
        wait_for(lambda: watch.status.reconnects > 0 and watch.status.live, 60)
        before = len(writer.sure)
        wait_for(lambda: len(writer.sure) > before + 50)
        network.heal()
        time.sleep(2)
        writer.stopping.set()
        writer.thread.join()
        told = collect_until(watch, max(writer.sure.values()))
        check_history(told, writer)
        assert watch.status.audits_failed == 0


def test_e2_a_leader_cut_off_from_its_peers_takes_no_write_and_gives_no_old_answer(
    network: Network, store: EtcdServer
) -> None:
    everywhere = store.client()
    everywhere.put("/test/a", "before")
    old = leader(store)
    alone = EtcdServer.client(_only(store, old), timeout_s=3)
    assert alone.get("/test/a") is not None
    network.cut(store, old, "p")
    with pytest.raises((NoQuorum, OutcomeUnknown, Unreachable)):
        alone.put("/test/a", "of the minority")
    everywhere.put("/test/a", "of the majority", timeout_s=20)
    with pytest.raises((NoQuorum, Unreachable)):
        alone.get("/test/a")
    network.heal()
    wait_for(lambda: _reads(alone) == b"of the majority", 30)


def _only(store: EtcdServer, member: object) -> EtcdServer:
    """The same store as a client sees it that knows one member alone."""
    from copy import copy

    seen = copy(store)
    seen.members = [one for one in store.members if one is member]
    return seen


def _reads(etcd: object) -> bytes | None:
    from meridian.coordination import Etcd

    assert isinstance(etcd, Etcd)
    try:
        found = etcd.get("/test/a", timeout_s=2)
    except EtcdError:
        return None
    return found.value if found else None


def test_e1_a_holder_that_is_cut_off_loses_its_lease_no_later_than_the_store_says(
    network: Network, store: EtcdServer
) -> None:
    other = store.client()
    member = store.members[0]
    alone = EtcdServer.client(_only(store, member), timeout_s=3)
    lease = alone.lease(3)
    held = alone.lock("/test/lock", lease)
    time.sleep(4)
    lease.check()
    network.cut(store, member, "c")
    following = other.lock("/test/lock", other.lease(5), timeout_s=30)
    # Whoever follows may be sure that the one before knows.
    with pytest.raises(LeaseLost):
        lease.check()
    assert following.fence > held.fence
    network.heal()
    wait_for(lambda: _reads(alone) is None and alone.status()[0].healthy, 30)
    assert not alone.transact(held.guard(), [Put("/test/work", "late")], timeout_s=10).succeeded
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_client_that_reaches_nobody_says_so_and_goes_on_when_it_can(network: Network, store: EtcdServer) -> None:
    etcd = store.client()
    etcd.put("/test/a", "1")
    with etcd.watch("/test/", prefix=True, silence_max_s=0.7) as watch:
        assert watch.next(5)
        wait_for(lambda: watch.status.live)
        for member in store.members:
            network.cut(store, member, "c")
        with pytest.raises(EtcdError):
            etcd.get("/test/a", timeout_s=3)
        wait_for(lambda: not watch.status.live)
        assert watch.status.silent_s > 0.7
        assert watch.status.last_error
        network.heal()
        revision = 0
        deadline = time.monotonic() + 30
        while not revision and time.monotonic() < deadline:
            try:
                revision = etcd.put("/test/b", "1", timeout_s=5)
            except EtcdError:
                continue
        event = watch.next(30)
        assert event
        assert event.key_value is not None
        assert event.key_value.key == "/test/b"
