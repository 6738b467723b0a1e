"""A region and the limits API over a store that lets in known users alone: each works with its own certificate, each is denied
what is not its own, and all that they wrote is in the layout of keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from meridian.coordination import EtcdServer, Forbidden, keys, users
from meridian.deploy import bare
from meridian.deploy.supervisor import Supervisor
from meridian.risk.api import tokens
from meridian.risk.api.client import Client
from tests.coordination.region import Region, soon, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass
class Guarded:
    """The region, the address of its API, and a token."""

    region: Region
    address: str
    token: str


def certified(store: EtcdServer, user: str) -> dict[str, str]:
    """The files that let a user in."""
    access = store.access(user)
    return {"ca": str(access.ca), "certificate": str(access.certificate), "key": str(access.key)}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Engine, agent and API as processes."""
    short = tmp_path_factory.mktemp("g")
    with (
        pytest.MonkeyPatch.context() as patch,
        EtcdServer(short / "e", tls=True, users_of_regions=["ny", "ny-2"]) as store,
    ):
        patch.setenv("XDG_RUNTIME_DIR", str(short))
        files = short / "f"
        write_files(files)
        token = tokens.create(files / "tokens.json", "risk", "risk", [])
        agent = bare.agent_settings(files, "ny", {"endpoints": store.endpoints, **certified(store, "agent-ny")})
        api: dict[str, Any] = {
            "listen": f"unix:{short}/a",
            "tokens": str(files / "tokens.json"),
            "etcd": store.endpoints,
            **{f"etcd_{name}": path for name, path in certified(store, "limits-api").items()},
            "limits": str(files / "limits.toml"),
            "reference": str(files / "reference.toml"),
        }
        with Supervisor(bare.topology("ny", files, agent, api)) as supervisor:
            region = Region(supervisor, store, "viewer")
            soon(lambda: region.status().get("store", {}).get("state") == "present", 40)
            soon(lambda: region.ack("limits/1").get("outcome") == "in_force", 40)
            yield Guarded(region, api["listen"], token)
            assert not supervisor.failures


def test_a_limit_and_a_kill_come_into_force_with_each_ones_own_certificate(guarded: Guarded) -> None:
    region = guarded.region
    with Client(guarded.address, guarded.token) as client:
        limit = client.get("/v1/limits/1")["limit"]
        written = client.write("PUT", "/v1/limits/1", {"value": "9"}, version=limit["version"])
        assert written["applied"]
        ack = region.acknowledged("limits/1", written["revision"])
        record = region.journaled(ack["input"])
        assert (int(record["limit"]), int(record["value"]["low"])) == (1, 9)
        killed = client.write("POST", "/v1/kill/maker", {"level": "K3", "reason": "test"})
        assert region.acknowledged("kill/maker/all", killed["revision"])["outcome"] == "in_force"
        assert client.get("/v1/propagation/limits/1")["in_force"]
    answer = region.ask(command="kill", node="taker", new_orders="none", resting="keep", by="test", reason="test")
    assert answer["sent"]
    soon(lambda: region.etcd.get(keys.LOCAL.key("ny", "taker", "all")))
    soon(lambda: region.etcd.get(keys.POSITIONS.key("ny")))
    assert not region.says("denied") and not region.says("not allowed")
    for entry in region.etcd.range(keys.ROOT).key_values:
        kind, _ = keys.parse(str(entry.key))
        assert {"agent", "limits-api"} & set(kind.writers), entry.key


@pytest.mark.parametrize("user", ["agent-ny", "agent-ny-2", "limits-api", "operator", "viewer"])
def test_each_is_denied_what_is_not_its_own(guarded: Guarded, user: str) -> None:
    role = next(role for role in users.roles(["ny", "ny-2"]) if role.name == user)
    etcd = guarded.region.store.client(user)
    root = guarded.region.store.client()
    # Beside those that are in use, so that nothing of the region changes.
    tried = {
        keys.REGIONS.key("ny-2"): "agent-ny-2",
        keys.ACKS.key("ny-2", "limits/1"): "agent-ny-2",
        keys.LOCAL.key("ny-2", "maker", "all"): "agent-ny-2",
        keys.ACKS.key("ny", "limits/999"): "agent-ny",
        keys.LIMITS.key("999"): "limits-api",
        keys.PARTS.key("999", "ny-1"): "limits-api",
        keys.EPOCHS.key("elsewhere-1"): "operator",
        keys.REFERENCE.key() + "/no-key-of-ours": None,
        "/elsewhere": None,
    }
    wrote = 0
    for key, owner in tried.items():
        if owner == user:
            assert etcd.put(key, "{}") > 0
            assert root.delete(key) == 1
            wrote += 1
        else:
            with pytest.raises(Forbidden):
                etcd.put(key, "{}")
    assert (wrote > 0) == (len(role.permissions) > 1)
    with pytest.raises(Forbidden):
        etcd.delete(keys.ROOT, prefix=True)
