"""A region's agent as a process, with a real store and a real engine: what is in force, since when, and what happens when one of
the three is killed, paused or edited."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meridian.console import BadInput
from meridian.coordination import EtcdServer, keys, local
from meridian.coordination.agent_settings import Store, next_start, secret
from meridian.deploy import runs
from meridian.deploy.supervisor import Supervisor
from meridian.venues.reference import ReferenceData
from tests.coordination.region import Region, generation, kill, limit, soon, topology, write_files

Stores = Callable[..., EtcdServer]


@pytest.fixture
def region(
    tmp_path_factory: pytest.TempPathFactory, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Region]:
    """A store with a generation, and a region that has read it."""
    short = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    server = stores()
    write_files(short / "files")
    with Supervisor(topology("ny", short / "files", server.endpoints)) as supervisor:
        made = Region(supervisor, server)
        made.put("generation", generation(1))
        soon(lambda: made.status().get("store", {}).get("state") == "present")
        soon(lambda: made.status()["engine"]["whole"])
        yield made
        assert not supervisor.failures
    assert list(runs.runs()) == []


def test_a_limit_is_in_force_where_its_acknowledgement_says(region: Region) -> None:
    revision = region.put("limits/1", limit(1, 33))
    ack = region.acknowledged("limits/1", revision)
    assert (ack["outcome"], ack["inside"]) == ("in_force", True)
    record = region.journaled(ack["input"])
    assert (int(record["limit"]), int(record["value"]["low"]), int(record["revision"])) == (1, 33, revision)
    # By hand: named, and the old value stays.
    region.put("limits/1", "{")
    soon(lambda: region.says("limits/1"))
    region.etcd.delete("/meridian/v1/limits/1")
    soon(lambda: region.says("limits/1: it was deleted by hand"))
    assert region.ack("limits/1") == ack
    newer = region.put("limits/1", limit(1, 32))
    assert region.acknowledged("limits/1", newer)["input"] > ack["input"]
    assert not region.says("limits/1")


def test_a_global_limit_binds_by_its_part(region: Region) -> None:
    bound = {"metric": "position_long", "enforcement": "global"}
    region.put("limits/6", limit(6, 100, **bound))
    region.put("parts/6/ny-1", json.dumps({"v": 1, "upper": "60", "lower": "0"}))
    ack = soon(lambda: region.ack("parts/6/ny-1"))
    record = region.journaled(ack["input"])
    assert (int(record["limit"]), int(record["upper"]["low"]), int(record["holder"])) == (6, 60, 1)
    pending = {"value": "50", "parts": {"ny-1": {"upper": "20", "lower": "0"}}}
    revision = region.put("limits/6", limit(6, 100, pending=pending, **bound))
    ack = soon(lambda: (one := region.ack("parts/6/ny-1"))["revision"] == revision and one["inside"] and one)
    assert int(region.journaled(ack["input"])["upper"]["low"]) == 20


def test_rules_epoch_and_reference_data_reach_the_engine_and_are_told(region: Region) -> None:
    listed = region.put("restricted/ES", json.dumps({"v": 1, "instrument": "ES", "new_orders": "none"}))
    ack = region.acknowledged("restricted/ES", listed)
    record = region.journaled(ack["input"])
    assert (ack["outcome"], int(record["new_orders"]), int(record["revision"])) == ("in_force", 3, listed)
    allowed = region.put("permissions/maker/all", json.dumps({"v": 1, "node": "maker", "allow": True}))
    record = region.journaled(region.acknowledged("permissions/maker/all", allowed)["input"])
    assert (int(record["allow"]), int(record["revision"])) == (1, allowed)
    # Both stay when etcd is read anew, and when a key is taken away by hand.
    region.etcd.delete(keys.RESTRICTED.key("ES"))
    soon(lambda: region.says("restricted/ES: it was deleted by hand"))

    other = region.put("reference", json.dumps({"v": 1, "hash": "ab" * 32}))
    assert region.acknowledged("reference", other)["outcome"] == "refused"
    soon(lambda: region.status()["engine"]["standing"] == ["reference_differs"])
    own = ReferenceData.load(Path(region.supervisor.topology.services["agent"].settings["reference"])).hash
    same = region.put("reference", json.dumps({"v": 1, "hash": own}))
    assert region.acknowledged("reference", same)["outcome"] == "in_force"
    soon(lambda: region.status()["engine"]["standing"] == [])

    first = region.put("epochs/ny-1", json.dumps({"v": 1, "epoch": 1}))
    assert region.acknowledged("epochs/ny-1", first)["outcome"] == "in_force"
    region.put("epochs/ny-1", json.dumps({"v": 1, "epoch": 2}))
    soon(lambda: region.status()["engine"]["standing"] == ["fenced"])
    assert region.says("a newer epoch than 1 is in its place")


def test_etcd_killed_stops_nothing_and_back_it_catches_up(region: Region) -> None:
    region.acknowledged("limits/1", region.put("limits/1", limit(1, 33)))
    (member,) = region.store.members
    member.kill()
    soon(lambda: region.says("store: away"))
    before = region.status()["engine"]["watermark"]
    assert region.ask(command="kill", node="firm", new_orders="none", resting="cancel", by="test")["input"] > before
    assert region.kill_in_force() == ("none", "cancel")
    region.store.start()
    soon(lambda: region.status()["store"]["state"] == "present")
    assert region.kill_in_force() == ("none", "cancel")
    revision = region.put("limits/1", limit(1, 31))
    assert region.acknowledged("limits/1", revision)["outcome"] == "in_force"
    soon(lambda: region.etcd.get("/meridian/v1/local/ny/kill/firm/all"))
    assert region.kill_in_force() == ("none", "cancel")
    region.put("kill/firm/all", kill("allow", "keep"))
    soon(lambda: region.kill_in_force() == ("allow", "keep"))
    soon(lambda: region.etcd.get("/meridian/v1/local/ny/kill/firm/all") is None)


def test_an_emptied_store_is_not_believed(region: Region) -> None:
    region.acknowledged("limits/1", region.put("limits/1", limit(1, 33)))
    region.acknowledged("kill/firm/all", region.put("kill/firm/all", kill("none", "keep")))
    (member,) = region.store.members
    member.kill()
    member.empty()
    region.store.start()
    soon(lambda: region.says("not trusted"))
    region.put("generation", generation(1))
    region.put("kill/firm/all", kill("allow", "keep"))
    region.put("limits/1", limit(1, 10_000))
    time.sleep(0.5)
    assert region.says("not trusted")
    assert region.kill_in_force() == ("none", "keep")
    region.put("kill/firm/all", kill("none", "cancel"))
    soon(lambda: region.kill_in_force() == ("none", "cancel"))
    region.put("generation", generation(2))
    soon(lambda: not region.says("not trusted"))
    soon(lambda: region.ack("limits/1").get("generation") == 2)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_agent_gone_or_paused_catches_up(region: Region, number: signal.Signals) -> None:
    ack = region.acknowledged("limits/1", region.put("limits/1", limit(1, 33)))
    pid = region.pid("agent")
    os.kill(pid, number)
    revision = region.put("limits/1", limit(1, 30))
    time.sleep(1.5)
    assert region.pid("engine") and region.ack("limits/1") == ack, "nobody says what is not so"
    assert Path(f"/proc/{region.pid('engine')}").exists()
    os.kill(pid, signal.SIGCONT) if number is signal.SIGSTOP else region.supervisor.look()

    def caught_up() -> bool:
        region.supervisor.look()
        return bool(region.ack("limits/1")["revision"] == revision)

    soon(caught_up)
    record = region.journaled(region.ack("limits/1")["input"])
    assert int(record["value"]["low"]) == 30


def test_an_engine_that_starts_again_has_everything_still(region: Region) -> None:
    region.acknowledged("limits/1", region.put("limits/1", limit(1, 33)))
    ack = region.acknowledged("kill/firm/all", region.put("kill/firm/all", kill("reduce_only", "keep")))
    os.kill(region.pid("engine"), signal.SIGKILL)

    def back() -> bool:
        region.supervisor.look()
        return bool(region.status().get("engine", {}).get("restarts", 0) > 0 and region.status()["engine"]["whole"])

    soon(back)
    soon(lambda: region.kill_in_force() == ("reduce_only", "keep"))
    assert region.ack("kill/firm/all") == ack, "its journal stood"


def test_the_local_socket_is_for_its_owner_and_refuses_what_makes_no_sense(region: Region) -> None:
    path = region.places.socket("agent")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for command, why in [
        ({"command": "rearm"}, "allowed are kill, status"),
        ({"command": "kill", "node": "moon", "new_orders": "none", "resting": "keep"}, "node = moon"),
        ({"command": "kill", "node": "firm", "new_orders": "allow", "resting": "keep"}, "never re-arms"),
        ({"command": "kill", "node": "firm"}, "missing field"),
    ]:
        answer = local.ask(path, command)
        assert not answer["ok"] and why in answer["error"], answer
    assert region.kill_in_force() is None


def test_a_membership_goes_with_its_agent(region: Region) -> None:
    def there() -> bool:
        return region.etcd.get("/meridian/v1/regions/ny") is not None

    soon(there)
    time.sleep(3)
    assert there(), "its lease is renewed"
    os.kill(region.pid("agent"), signal.SIGSTOP)
    soon(lambda: not there())
    os.kill(region.pid("agent"), signal.SIGCONT)
    soon(there)


def test_what_leaves_the_host_is_never_plain() -> None:
    for plain in ("http://10.0.0.5:2379", "http://etcd.example:2379", "http://[2001:db8::1]:2379"):
        with pytest.raises(ValueError, match="beyond this host it must be https"):
            Store(endpoints=["http://127.0.0.1:2379", plain])
    assert Store(endpoints=["https://10.0.0.5:2379", "http://localhost:1", "http://[::1]:1"])
    with pytest.raises(BadInput, match=r"hosts: 10\.0\.0\.5: allowed beyond loopback is tls alone"):
        EtcdServer(Path("none"), hosts=["10.0.0.5"])


def test_a_start_is_later_than_every_start_before(tmp_path: Path) -> None:
    first = next_start(tmp_path)
    assert next_start(tmp_path) > first
    (tmp_path / "start").write_text(str(first + 10**18), encoding="ascii")
    assert next_start(tmp_path) == first + 10**18 + 1, "the clock was set back"


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x" * 64, encoding="ascii")
    path.chmod(0o640)
    with pytest.raises(ValueError, match="others may read it"):
        secret(str(path), needed=True)
    path.chmod(0o600)
    assert secret(str(path), needed=True) == b"x" * 64
    path.write_text("short", encoding="ascii")
    with pytest.raises(ValueError, match="at least 32"):
        secret(str(path), needed=True)
    with pytest.raises(ValueError, match="No such file"):
        secret(str(tmp_path / "none"), needed=True)
    with pytest.raises(ValueError, match="missing"):
        secret(None, needed=True)
