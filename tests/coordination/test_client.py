"""What `Etcd` and `AsyncEtcd` promise of a store that works: verbs, types, bad input, Ctrl-C, threads."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from meridian.console import BadInput
from meridian.coordination import (
    Access,
    Compacted,
    Delete,
    Etcd,
    EtcdServer,
    EventKind,
    Get,
    LeaseLost,
    Put,
    Refused,
    Unreachable,
    absent,
    holds,
    present,
    unchanged,
)
from tests.support import ROOT

NOWHERE = "http://127.0.0.1:1"


def test_put_get_range_delete(etcd: Etcd, prefix: str) -> None:
    assert etcd.get(prefix + "a") is None
    first = etcd.put(prefix + "a", b"\x00\xff")
    second = etcd.put(prefix + "b", "text")
    assert second == first + 1
    found = etcd.get(prefix + "a")
    assert found is not None
    assert (found.value, found.create_revision, found.mod_revision, found.version) == (b"\x00\xff", first, first, 1)
    assert [one.key for one in etcd.range(prefix).key_values] == [prefix + "a", prefix + "b"]
    assert [one.value for one in etcd.range(prefix, keys_only=True).key_values] == [b"", b""]
    assert len(etcd.range(prefix, limit=1).key_values) == 1
    assert [one.key for one in etcd.range(prefix, revision=first).key_values] == [prefix + "a"]
    assert etcd.delete(prefix, prefix=True) == 2
    assert etcd.delete(prefix + "a") == 0


def test_a_range_over_many_pages_is_of_one_revision(etcd: Etcd, prefix: str) -> None:
    for begin in range(0, 2500, 100):
        etcd.transact([], [Put(f"{prefix}{at:05}", "1") for at in range(begin, begin + 100)])
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            # Taken away in front and added at the end: pages of different revisions would miss one or see both.
            etcd.transact([], [Delete(prefix + "00000"), Put(prefix + "99999", "1")])
            etcd.transact([], [Put(prefix + "00000", "1"), Delete(prefix + "99999")])

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(10):
            keys = [one.key for one in etcd.range(prefix).key_values]
            assert len(keys) == len(set(keys)) == 2500
    finally:
        stop.set()
        thread.join()


def test_a_transaction_does_one_or_the_other_at_one_revision(etcd: Etcd, prefix: str) -> None:
    key = prefix + "k"
    done = etcd.transact([absent(key)], [Put(key, "1"), Put(prefix + "l", "1"), Get(prefix, prefix=True)])
    assert done.succeeded
    found = done.outcomes[2]
    assert isinstance(found, list)
    assert {one.mod_revision for one in found} == {done.revision}
    again = etcd.transact([absent(key)], [Put(key, "2")], [Get(key)])
    assert not again.succeeded
    assert isinstance(again.outcomes[0], list)
    assert again.outcomes[0][0].value == b"1"
    for condition, holding in [
        (present(key), True),
        (holds(key, "1"), True),
        (holds(key, "2"), False),
        (unchanged(key, done.revision), True),
        (unchanged(key, done.revision - 1), False),
    ]:
        assert etcd.transact([condition], []).succeeded is holding
    gone = etcd.transact([], [Delete(prefix, prefix=True)])
    assert gone.outcomes == [2]


def test_a_key_that_is_no_text_finds_itself_again(etcd: Etcd, prefix: str) -> None:
    key = prefix + b"\xff\xfe".decode("utf-8", "surrogateescape")
    etcd.put(key, "1")
    [found] = etcd.range(prefix).key_values
    assert found.key == key
    assert etcd.delete(found.key) == 1


def test_a_compacted_revision_says_so_and_what_is_left(etcd: Etcd, prefix: str) -> None:
    old = etcd.put(prefix + "k", "1")
    new = etcd.put(prefix + "k", "2")
    etcd.compact(new)
    with pytest.raises(Compacted):
        etcd.range(prefix, revision=old)
    with pytest.raises(Compacted):
        etcd.compact(old)


def test_a_lease_takes_its_keys_along(etcd: Etcd, prefix: str) -> None:
    lease = etcd.lease(2, renew=False)
    assert 0 < lease.remaining_s <= lease.ttl_s
    etcd.put(prefix + "k", "1", lease=lease)
    lease.renew()
    found = etcd.get(prefix + "k")
    assert found is not None
    assert found.lease == lease.id
    lease.revoke()
    assert etcd.get(prefix + "k") is None
    assert lease.remaining_s == 0
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        etcd.put(prefix + "k", "1", lease=lease)


def test_a_renewed_lease_lasts_and_an_unrenewed_one_ends(etcd: Etcd, prefix: str) -> None:
    kept, left = etcd.lease(2), etcd.lease(2, renew=False)
    etcd.put(prefix + "kept", "1", lease=kept)
    etcd.put(prefix + "left", "1", lease=left)
    with etcd.watch(prefix + "left") as watch:
        assert (event := watch.next(5)) is not None
        assert event.kind is EventKind.RESYNC
        assert (event := watch.next(10)) is not None
        assert event.kind is EventKind.DELETE
    # By our own clock it ended no later than at the store.
    with pytest.raises(LeaseLost):
        left.check()
    kept.check()
    assert etcd.get(prefix + "kept") is not None
    kept.revoke()


def test_one_holds_a_lock_and_the_next_one_waits(etcd: Etcd, prefix: str) -> None:
    first, second = etcd.lease(5), etcd.lease(5)
    held = etcd.lock(prefix + "lock", first, value="first")
    with pytest.raises(Unreachable, match="held by another"):
        etcd.lock(prefix + "lock", second, timeout_s=0.2)
    assert len(etcd.range(prefix + "lock/").key_values) == 1, "who gave up does not stand in others' way"
    assert etcd.transact(held.guard(), [Put(prefix + "work", "1")]).succeeded
    assert etcd.unlock(held)
    assert not etcd.unlock(held)
    following = etcd.lock(prefix + "lock", second)
    assert following.fence > held.fence
    assert not etcd.transact(held.guard(), [Put(prefix + "work", "2")]).succeeded
    first.revoke()
    second.revoke()


def test_a_watch_begins_with_what_is_there_and_tells_each_change_once(etcd: Etcd, prefix: str) -> None:
    etcd.put(prefix + "a", "1")
    with etcd.watch(prefix, prefix=True) as watch:
        assert (event := watch.next(5)) is not None
        assert (event.kind, event.reason) == (EventKind.RESYNC, "start")
        assert [one.key for one in event.key_values] == [prefix + "a"]
        done = etcd.transact([], [Put(prefix + "b", "1"), Put(prefix + "c", "1"), Delete(prefix + "a")])
        events = [watch.next(5) for _ in range(3)]
        told = [(one.kind.value, one.position.revision, one.last_of_revision) for one in events if one]
        assert sorted(told) == [
            ("delete", done.revision, told[0][0] != "delete" and told[1][0] != "delete"),
            *sorted(one for one in told if one[0] == "put"),
        ]
        assert [one[2] for one in told] == [False, False, True]
        assert watch.next(0.1) is None
        place = watch.status.position
    etcd.put(prefix + "d", "1")
    with etcd.watch(prefix, prefix=True, after=place) as watch:
        assert (event := watch.next(5)) is not None
        assert event.kind is EventKind.PUT, "goes on without the full set"
        assert event.key_value is not None
        assert event.key_value.key == prefix + "d"


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    access = Access(ca=tmp_path / "none", certificate=tmp_path / "none", user="me")
    with pytest.raises(BadInput) as told:
        Etcd([NOWHERE], access, timeout_s=0)
    assert len(told.value.errors) == 5
    with pytest.raises(BadInput) as told:
        Etcd(["ftp://x", "https://127.0.0.1:1"])
    assert len(told.value.errors) == 2
    with pytest.raises(BadInput, match="endpoints is empty"):
        Etcd([])
    with pytest.raises(BadInput, match="members is 2"):
        EtcdServer(tmp_path, members=2)


def test_what_the_store_refuses_is_typed(etcd: Etcd) -> None:
    with pytest.raises(Refused, match="key is not provided"):
        etcd.put("", "1")
    with pytest.raises(Refused, match="larger"):
        etcd.put("/test/large", b"x" * 3_000_000)


def test_no_store_is_told_within_the_time() -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        Etcd([NOWHERE], timeout_s=0.5).get("/k")
    assert time.monotonic() - started < 3


def test_other_threads_run_while_a_call_waits() -> None:
    ticks = 0
    done = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not done.wait(0.01):
            ticks += 1

    thread = threading.Thread(target=count)
    thread.start()
    with pytest.raises(Unreachable):
        Etcd([NOWHERE], timeout_s=1).get("/k")
    done.set()
    thread.join()
    assert ticks > 10


@pytest.mark.parametrize("call", ["etcd.get('/k', timeout_s=60)", "next(etcd.watch('/k'))"])
def test_control_c_ends_a_waiting_call(call: str) -> None:
    code = f"from meridian.coordination import Etcd\netcd = Etcd([{NOWHERE!r}])\nprint('asking', flush=True)\n{call}\n"
    waiting = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "asking\n"
    time.sleep(0.2)
    started = time.monotonic()
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert time.monotonic() - started < 5


def test_a_client_from_before_a_fork_refuses(etcd: Etcd, store: EtcdServer, prefix: str) -> None:
    etcd.put(prefix + "k", "parent")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            etcd.get(prefix + "k")
            said = "no error"
        except RuntimeError as error:
            found = Etcd(store.endpoints).get(prefix + "k")
            said = f"{error}; {found.value.decode() if found else ''}"
        os.write(writer, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reader, 1000).decode()
    assert "before a fork" in said
    assert said.endswith("parent")


def test_awaited_calls_do_the_same_and_block_nobody(store: EtcdServer, prefix: str) -> None:
    async def work() -> None:
        etcd = store.async_client()
        revisions = await asyncio.gather(*(etcd.put(f"{prefix}{at}", "1") for at in range(20)))
        assert len(set(revisions)) == 20
        assert len((await etcd.range(prefix)).key_values) == 20
        lease = await etcd.lease(5)
        lock = await etcd.lock(prefix + "lock", lease)
        assert (await etcd.transact(lock.guard(), [Put(prefix + "work", "1")])).succeeded
        assert await etcd.unlock(lock)
        await lease.revoke()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        with pytest.raises(Unreachable):
            await type(etcd)([NOWHERE], timeout_s=0.5).get("/k")
        assert ticks > 5
        ticking.cancel()

    asyncio.run(work())


def test_a_cancelled_or_late_await_loses_no_event(store: EtcdServer, prefix: str) -> None:
    async def work() -> list[int]:
        etcd = store.async_client()
        told: list[int] = []
        async with etcd.watch(prefix, prefix=True) as watch:
            begun = await watch.next(5)
            assert begun is not None
            putting = asyncio.gather(*(etcd.put(f"{prefix}{at}", "1") for at in range(200)))
            for _ in range(2000):
                asked = asyncio.ensure_future(watch.next(0.001))
                await asyncio.sleep(0)
                if len(told) % 3 == 0 and not asked.done():
                    asked.cancel()
                try:
                    event = await asked
                except asyncio.CancelledError:
                    event = await watch.next(1)
                if event:
                    told.append(event.position.revision)
                if len(told) == 200:
                    break
            assert sorted(told) == sorted(await putting)
        return told

    told = asyncio.run(work())
    assert told == sorted(set(told))
