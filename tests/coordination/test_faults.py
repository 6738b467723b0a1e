"""What `Etcd` and its watches promise while members are killed, paused, emptied, compacted and restored. E1 to E7 of the known
failures of others, as far as the client alone can show them, by name.

Seeds are not needed: the writers write counters, and what a watch tells is compared with the store's own history.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from meridian.coordination import (
    Etcd,
    EtcdError,
    EtcdServer,
    EventKind,
    LeaseLost,
    NoQuorum,
    OutcomeUnknown,
    Put,
    StoreReplaced,
    Unreachable,
    keys,
    unchanged,
)
from meridian.coordination.server import Member
from tests.coordination.conftest import Stores
from tests.coordination.support import Writer, check_history, collect_until, empty_the_store, leader, serving, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def break_kill(store: EtcdServer, member: Member) -> None:
    member.kill()
    time.sleep(1.5)
    store.start_member(member)


def break_pause(store: EtcdServer, member: Member) -> None:
    member.pause()
    time.sleep(4)
    member.resume()


def break_restart(store: EtcdServer, member: Member) -> None:
    store.stop()
    store.start()


BREAKS = {"killed": break_kill, "paused": break_pause, "stopped-all": break_restart}


@pytest.mark.parametrize("how", list(BREAKS))
def test_e5_a_watch_loses_and_repeats_nothing_while_its_member_is(how: str, stores: Stores) -> None:
    store = stores(members=3)
    watching = store.client()
    prefix = "/test/"
    with (
        watching.watch(prefix, prefix=True, silence_max_s=0.7, audit_every_s=1) as watch,
        Writer(store.client(), prefix) as writer,
    ):
        wait_for(lambda: len(writer.sure) > 50 and watch.status.live)
        for _ in range(2):
            wait_for(lambda: watch.status.live)
            at = watch.status.endpoint
            BREAKS[how](store, store.members[store.endpoints.index(at)])
            writer.wait_for_more(50)
        writer.stopping.set()
        writer.thread.join()
        told = collect_until(watch, max(writer.sure.values()))
        check_history(told, writer)
        wait_for(lambda: watch.status.audits > 0)
        status = watch.status
    # A reader that lags keeps the watch waiting, so the second loss may be met after it is over.
    assert status.reconnects >= 1
    assert status.audits_failed == 0


def test_e5_a_compacted_watch_lists_again_and_then_watches(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        etcd.put("/test/kept", "1")
        etcd.put("/test/gone", "1")
        assert watch.next(5)
        assert watch.next(5)
        # The watch's member is away while others write, delete and compact.
        place = watch.status.position
    for number in range(5):
        etcd.put("/test/kept", str(number))
    etcd.delete("/test/gone")
    etcd.compact(etcd.put("/test/other", "1"))
    with etcd.watch("/test/", prefix=True, after=place) as watch:
        event = watch.next(5)
        assert event
        assert (event.kind, event.reason) == (EventKind.RESYNC, "compacted")
        # The deletion was compacted away and is known by the full set all the same.
        assert {one.key: one.value for one in event.key_values} == {"/test/kept": b"4", "/test/other": b"1"}
        revision = etcd.put("/test/next", "1")
        event = watch.next(5)
        assert event
        assert (event.kind, event.position.revision) == (EventKind.PUT, revision)


def test_e5_a_watch_that_was_away_during_a_compaction_lists_again(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    other = store.client()
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        etcd.put("/test/a", "1")
        assert watch.next(5)
        [member] = store.members
        member.kill()
        wait_for(lambda: not watch.status.live)
        # Where the watch will find its history gone: compacted before it comes back.
        member.client_port, hidden = _port_besides(member), member.client_port
        store.start_member(member)
        elsewhere = Etcd(store.endpoints)
        wait_for(lambda: elsewhere.status()[0].healthy)
        for number in range(5):
            last = elsewhere.put("/test/a", str(number))
        elsewhere.compact(last)
        member.kill()
        member.client_port = hidden
        store.start_member(member)
        event = watch.next(20)
        assert event
        assert (event.kind, event.reason) == (EventKind.RESYNC, "compacted")
        assert [one.value for one in event.key_values] == [b"4"]
        assert watch.status.resyncs == 1
    assert other.get("/test/a") is not None


def _port_besides(member: Member) -> int:
    from meridian.ports import free_ports

    return free_ports(1, member.host)[0]


def test_a_quiet_watch_asks_for_a_word_and_survives_compaction(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    with etcd.watch("/test/", prefix=True, silence_max_s=0.3) as watch:
        assert watch.next(5)
        for _ in range(20):
            last = etcd.put("/other", "1")
        wait_for(lambda: watch.status.position.revision >= last)
        etcd.compact(last)
        [member] = store.members
        member.kill()
        store.start_member(member)
        revision = etcd.put("/test/a", "1", timeout_s=10)
        event = watch.next(10)
        assert event
        assert (event.kind, event.position.revision) == (EventKind.PUT, revision), "no full set was needed"


def test_a_silent_watch_is_seen_and_taken_up_elsewhere(stores: Stores) -> None:
    store = stores(members=3)
    etcd = store.client()
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        wait_for(lambda: watch.status.live)
        at = store.members[store.endpoints.index(watch.status.endpoint)]
        at.pause()
        started = time.monotonic()
        wait_for(lambda: watch.status.reconnects == 1 and watch.status.live, 20)
        assert time.monotonic() - started < 8
        revision = etcd.put("/test/a", "1", timeout_s=10)
        event = watch.next(5)
        assert event
        assert event.position.revision == revision
        at.resume()


def test_without_a_majority_reads_fail_typed_and_a_watch_is_not_live(stores: Stores) -> None:
    store = stores(members=3)
    etcd = store.client()
    etcd.put("/test/a", "1")
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        for member in store.members[:2]:
            member.kill()
        wait_for(lambda: not watch.status.live)
        with pytest.raises(NoQuorum):
            etcd.get("/test/a", timeout_s=5)
        with pytest.raises((Unreachable, OutcomeUnknown)):
            etcd.put("/test/a", "2", timeout_s=2)
        assert watch.next(0.2) is None, "it waits and does not end"
        for member in store.members[:2]:
            store.start_member(member)
        store.wait_healthy()
        revision = etcd.put("/test/b", "1")
        told = collect_until(watch, revision)
        assert told[-1].position.revision == revision
        assert all(one.kind is EventKind.PUT for one in told)


def test_an_emptied_store_is_told_and_never_taken_for_the_old_one(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    for number in range(10):
        etcd.put("/test/a", str(number))
    before = etcd.identity
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        empty_the_store(store)
        with pytest.raises(StoreReplaced, match="earlier state"):
            for _ in range(2):
                etcd.get("/test/a", timeout_s=10)
        assert etcd.get("/test/a") is None, "told once, then it is the store"
        event = watch.next(20)
        assert event
        assert (event.kind, event.reason, event.key_values) == (EventKind.RESYNC, "replaced", [])
        assert event.position.revision < before.revision
        assert etcd.identity.replaced >= 1
        revision = etcd.put("/test/b", "1")
        event = watch.next(5)
        assert event
        assert event.position.revision == revision


@pytest.mark.parametrize("members", [1, 3])
def test_a_restored_store_has_a_new_cluster_and_then_a_new_generation(
    members: int, stores: Stores, tmp_path: Path
) -> None:
    store = stores(members=members)
    etcd = store.client()
    etcd.put(keys.GENERATION.key(), "4")
    etcd.put("/test/a", "1")
    assert etcd.snapshot(tmp_path / "saved.db") > 0
    etcd.put("/test/b", "lost by the restore")
    with etcd.watch("/test/", prefix=True, silence_max_s=0.5) as watch:
        first = watch.next(5)
        assert first
        assert first.position.generation == 4
        store.stop()
        store.restore(tmp_path / "saved.db")
        store.start()
        event = watch.next(30)
        assert event
        assert (event.reason, [one.key for one in event.key_values]) == ("replaced", ["/test/a"])
        assert event.position.cluster_id != first.position.cluster_id
        assert event.position.generation == 4, "nobody has said yet that the restore counts"
        store.client().put(keys.GENERATION.key(), "5")
        event = watch.next(10)
        assert event
        assert (event.reason, event.position.generation) == ("generation", 5)
        store.client().put("/test/c", "1")
        event = watch.next(10)
        assert event
        assert (event.kind, event.position.generation) == (EventKind.PUT, 5)


def test_a_hand_edited_generation_ends_the_watch_with_a_sentence(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    with etcd.watch("/test/", prefix=True, silence_max_s=0.3) as watch:
        assert watch.next(5)
        etcd.put(keys.GENERATION.key(), "five")
        with pytest.raises(EtcdError, match='generation holds "five"; allowed: a whole number'):
            watch.next(20)
        with pytest.raises(EtcdError, match="five"):
            watch.next(1)


def test_a_damaged_snapshot_is_refused(stores: Stores, tmp_path: Path) -> None:
    from meridian.console import BadInput

    store = stores()
    store.client().snapshot(tmp_path / "saved.db")
    data = bytearray((tmp_path / "saved.db").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.db").write_bytes(data)
    with pytest.raises(BadInput, match="runs; stop it first"):
        store.restore(tmp_path / "saved.db")
    store.stop()
    with pytest.raises(BadInput, match="cannot be restored"):
        store.restore(tmp_path / "damaged.db")
    store.start()
    assert store.client().get("/test/a") is None


def test_e1_a_lock_whose_lease_ended_is_not_returned_and_its_guard_fails(stores: Stores) -> None:
    store = stores()
    holder, other = store.client(), store.client()
    lease = holder.lease(2, renew=False)
    held = holder.lock("/test/lock", lease)
    waiting = other.lease(2, renew=False)
    # The waiter's own lease ends while it waits: it must not come back as a holder.

    def renew() -> None:
        for _ in range(8):
            time.sleep(0.4)
            lease.renew()

    keep = threading.Thread(target=renew)
    keep.start()
    with pytest.raises(LeaseLost):
        other.lock("/test/lock", waiting, timeout_s=10)
    keep.join()
    time.sleep(lease.ttl_s + 1.5)
    with pytest.raises(LeaseLost):
        lease.check()
    assert not holder.transact(held.guard(), [Put("/test/work", "late")]).succeeded


def test_e2_of_two_who_believe_to_hold_a_lock_only_the_later_fence_writes(stores: Stores) -> None:
    store = stores()
    first, second = store.client(), store.client()
    lost = first.lease(2, renew=False)
    old = first.lock("/test/lock", lost)
    new = second.lock("/test/lock", second.lease(5), timeout_s=15)
    assert new.fence > old.fence
    assert second.transact(new.guard(), [Put("/test/work", "new")]).succeeded
    assert not first.transact(old.guard(), [Put("/test/work", "old")]).succeeded


def test_e3_a_stale_unlock_leaves_a_newer_lock_alone(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    lease = etcd.lease(10)
    old = etcd.lock("/test/lock", lease)
    assert etcd.unlock(old)
    # The same lease takes it again: the same key, another fence.
    new = etcd.lock("/test/lock", lease)
    assert new.key == old.key
    assert not etcd.unlock(old)
    assert etcd.transact(new.guard(), []).succeeded


def test_e4_what_was_acknowledged_survives_kills_at_any_moment(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    [member] = store.members
    with Writer(etcd, "/test/") as writer:
        for pause_ms in (30, 170, 310, 590, 730):
            writer.wait_for_more(20)
            time.sleep(pause_ms / 1000)
            member.kill()
            store.start_member(member)
            store.wait_healthy()
    last = {number % 50: number for number in sorted(writer.sure)}
    found = {one.key: int(one.value) for one in etcd.range("/test/").key_values}
    for slot, number in last.items():
        there = found[f"/test/{slot}"]
        assert there == number or (there > number and there in writer.unsure)


def test_e4_members_have_equal_hashes_after_kills(stores: Stores) -> None:
    store = stores(members=3)
    etcd = store.client()
    with Writer(etcd, "/test/") as writer:
        for member in store.members:
            writer.wait_for_more(50)
            member.kill()
            time.sleep(0.5)
            store.start_member(member)
            store.wait_healthy()
    revision = etcd.put("/test/end", "1")

    def reached(member: int) -> bool:
        return etcd.status()[member].revision >= revision

    for at in range(3):
        wait_for(partial(reached, at))
    hashes = [etcd.hash(at, revision=revision) for at in range(3)]
    assert len({(one.hash, one.revision) for one in hashes}) == 1


def test_e4_an_old_server_is_refused_with_a_sentence() -> None:
    from meridian._native.coordination import VERSION_MIN, version_is_safe

    assert [version_is_safe(version) for version in ("3.4.23", "3.5.2", "3.5.25", "3.5.26", "3.6.0")] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert VERSION_MIN.startswith("3.5.26")


@pytest.mark.parametrize("pause_s", [0.5, 3, 6])
def test_e6_reads_never_go_back_after_the_leader_was_paused(pause_s: float, stores: Stores) -> None:
    store = stores(members=3)
    etcd = store.client()
    etcd.put("/test/a", "0")
    seen = [0]
    stop = threading.Event()
    failures: list[str] = []

    def read() -> None:
        reader = store.client()
        last = 0
        while not stop.is_set():
            try:
                found = reader.get("/test/a", timeout_s=3)
            except EtcdError:
                continue
            # By revision: a write whose answer was lost may still take place later, over newer ones.
            revision = found.mod_revision if found else -1
            if revision < last:
                failures.append(f"{revision} after {last}")
            last = max(last, revision)
            seen.append(revision)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    paused = leader(store)
    paused.pause()
    number, until = 0, time.monotonic() + pause_s
    while time.monotonic() < until or number == 0:
        number += 1
        try:
            etcd.put("/test/a", str(number), timeout_s=4)
        except EtcdError:
            continue
    paused.resume()
    time.sleep(1)
    final = etcd.put("/test/a", str(number + 1), timeout_s=10)
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert max(seen) >= final


def test_e6_a_lease_is_lost_at_once_to_a_process_that_was_paused(stores: Stores) -> None:
    import signal
    import subprocess
    import sys

    from tests.support import ROOT

    store = stores()
    code = (
        "import sys, time\n"
        "from meridian.coordination import Etcd, LeaseLost\n"
        f"etcd = Etcd({store.endpoints!r})\n"
        "lease = etcd.lease(2)\n"
        "etcd.put('/test/member', '1', lease=lease)\n"
        "print('holds', flush=True)\n"
        "while True:\n"
        "    sys.stdin.readline()\n"
        "    try:\n"
        "        lease.check(); print('holds', flush=True)\n"
        "    except LeaseLost:\n"
        "        print('lost', flush=True); break\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "holds\n"
    time.sleep(3)
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "holds\n", "it renews itself"
    child.send_signal(signal.SIGSTOP)
    etcd = store.client()
    wait_for(lambda: etcd.get("/test/member") is None)
    child.stdin.write("\n")
    child.stdin.flush()
    child.send_signal(signal.SIGCONT)
    assert child.stdout.readline() == "lost\n", "the first thing that it does with the lease is refused"
    child.wait(10)


def test_e7_a_guarded_write_after_an_unknown_outcome_happens_once(stores: Stores) -> None:
    store = stores(members=3)
    etcd = store.client()
    base = etcd.put("/test/count", "0")
    unknown = 0
    for number in range(1, 60):
        if number % 20 == 0:
            serving(etcd, store).kill()
        while True:
            try:
                done = etcd.transact([unchanged("/test/count", base)], [Put("/test/count", str(number))], timeout_s=3)
            except OutcomeUnknown:
                unknown += 1
            except Unreachable:
                pass
            else:
                if done.succeeded:
                    base = done.revision
            found = etcd.get("/test/count", timeout_s=15)
            assert found is not None
            assert int(found.value) in (number - 1, number)
            base = found.mod_revision
            if int(found.value) == number:
                break
        for member in store.members:
            store.start_member(member)
    found = etcd.get("/test/count")
    assert found is not None
    assert (found.value, found.version) == (b"59", 60), "each step once, however often it was asked"


def test_e7_a_compacted_read_in_a_transaction_is_refused_and_harms_nothing(stores: Stores) -> None:
    store = stores()
    etcd = store.client()
    for number in range(100):
        etcd.put("/test/a", str(number))
    last = etcd.put("/test/a", "last")
    with Writer(store.client(), "/test/churn/") as writer:
        for _ in range(5):
            writer.wait_for_more(20)
            etcd.compact(etcd.put("/test/mark", "1"))
    assert not writer.refused
    found = etcd.get("/test/a")
    assert found is not None
    assert (found.value, found.mod_revision) == (b"last", last)
    assert store.client().status()[0].healthy
