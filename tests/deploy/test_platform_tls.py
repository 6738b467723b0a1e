"""A platform whose store and API speak TLS, each component known by its certificate and denied what is not its own. And a kill
needs no more than the engine that it is for: with the agent, the API and the store killed it is in force all the same, and
everybody knows of it once they are back."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian import records
from meridian._native import journal
from meridian.console import BadInput, Unreachable
from meridian.coordination import Access, Etcd, EtcdError, EtcdServer, Forbidden
from meridian.coordination.certificates import Authority
from meridian.coordination.install import installed
from meridian.deploy import platform as platforms
from meridian.deploy import strategies
from meridian.deploy.platform import Platform
from meridian.deploy.strategies import MESSAGE_BYTES, RunningEngine, new_request, start_stop
from meridian.risk import local_kill
from meridian.risk.api import kills
from meridian.risk.api.values import Kill, Selector
from tests.deploy.support import World, command, own_runtime
from tests.support import skip_unchecked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
REGION = "chicago"


class Chicago(World):
    """A platform of one region."""

    @property
    def engine(self) -> RunningEngine:
        """Its engine, as commands find it."""
        return RunningEngine.of(Path(self.platform.below[REGION].run.data_directory).parent)

    def kill_nine(self, *names: str) -> None:
        """SIGKILL to processes, which nobody starts again before `platform.look`."""
        for one in (self.platform.above, *self.platform.below.values()):
            for name in set(names) & set(one.run.processes):
                os.kill(one.run.processes[name]["pid"], signal.SIGKILL)

    def goes_on(self) -> int:
        """Two officers let the region go on; the input at which its engine does."""
        asked = self.first.write("POST", f"/v1/rearm/{REGION}", {"reason": "it was a test"})
        assert self.second.write("POST", f"/v1/proposals/{asked['proposal']['id']}/confirm")["applied"]

        def armed() -> int | None:
            (row,) = self.agent(REGION)["kills"]
            return row["input"] if (row["new_orders"], row["local"]) == ("allow", False) else None

        return int(self.until(armed))

    def starts_again(self) -> None:
        """Everything that was killed is there again and knows the store."""

        def there() -> bool:
            self.platform.look()
            try:
                return bool(self.agent(REGION)["store"]["state"] == "present" and self.first.get("/v1/kill"))
            except (OSError, ValueError, Unreachable):
                return False

        self.until(there)


@pytest.fixture(scope="module")
def world() -> Iterator[Chicago]:
    """The platform, and where all of it lies."""
    installed()
    with own_runtime() as folder:
        for name in ("firm", REGION):
            shutil.copytree(platforms.TOPOLOGIES / name, folder / name)
        text = (platforms.TOPOLOGIES / f"{REGION}.toml").read_text(encoding="utf-8")
        (folder / f"{REGION}.toml").write_text(f"{text}\n[coordination]\ntls = true\n", encoding="utf-8")
        with Platform(platforms.load([str(folder / f"{REGION}.toml")]), folder / "data") as platform:
            made = Chicago(platform)
            made.until(lambda: made.agent(REGION)["store"]["state"] == "present")
            made.until(lambda: len(made.first.get("/v1/limits")["limits"]) > 1)
            yield made
        assert not platform.failures


def test_all_that_could_leave_the_host_is_tls_and_commands_know_the_authority(world: Chicago) -> None:
    assert all(address.startswith("https://") for address in (world.platform.api, *world.platform.store.endpoints))
    token = str(world.platform.token_file("risk-1"))
    listed = command("limits", "list", "--json", "--token-file", token)
    assert listed.returncode == 0 and len(json.loads(listed.stdout)["limits"]) > 1, listed.stderr
    plain = world.platform.api.replace("https", "http")
    refused = command("limits", "list", "--token-file", token, "--api", plain)
    assert refused.returncode == 3, refused.stderr
    unknown = command("limits", "list", "--token-file", token, "--api", world.platform.api)
    assert unknown.returncode == 3 and "ertificate" in unknown.stderr, "its authority is none of the system's"
    (store,) = [run["store"] for run in json.loads(command("status", "--json").stdout)["runs"] if run["store"]]
    assert (store["state"], store["tls"], store["sentences"]) == ("present", True, [])
    assert "over TLS" in command("status").stderr


OWN = {
    "agent-chicago": "acks/chicago/limits/999",
    "limits-api": "limits/999",
    "operator": "epochs/elsewhere-1",
    "viewer": None,
}


@pytest.mark.parametrize("user", OWN)
def test_each_component_writes_what_is_its_own_and_nothing_else(world: Chicago, user: str) -> None:
    etcd = world.platform.store.client(user)
    for owner, key in OWN.items():
        if key is None:
            continue
        if owner == user:
            assert etcd.put(f"/meridian/v1/{key}", "{}") > 0
            assert world.platform.store.client().delete(f"/meridian/v1/{key}") == 1
        else:
            with pytest.raises(Forbidden):
                etcd.put(f"/meridian/v1/{key}", "{}")
    assert etcd.range("/meridian/v1/").key_values


def test_who_has_no_certificate_of_the_store_is_not_let_in(world: Chicago) -> None:
    store = world.platform.store
    ca = store.access("viewer").ca
    with pytest.raises(EtcdError):
        Etcd(store.endpoints, Access(ca=ca), timeout_s=3).get("/meridian/v1/tree")
    with pytest.raises(EtcdError):
        Etcd([one.replace("https", "http") for one in store.endpoints], timeout_s=3).get("/meridian/v1/tree")
    # The API's authority is another one: what it signed opens no store.
    strange = Authority.in_folder(world.platform.data / "tls").issue("root")
    access = Access(ca=ca, certificate=strange.certificate, key=strange.key)
    with pytest.raises(EtcdError):
        Etcd(store.endpoints, access, timeout_s=3).put("/meridian/v1/limits/1", "{}")


def test_a_store_with_users_is_not_started_without(world: Chicago) -> None:
    with pytest.raises(BadInput, match="allowed is true"):
        EtcdServer(world.platform.data / "etcd")


def test_a_kill_is_in_force_with_agent_api_and_store_killed_and_known_when_they_are_back(world: Chicago) -> None:
    world.kill_nine("agent", "limits-api", "etcd")
    done = command("kill", "chicago", "--local", "--reason", "all of them are gone", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["regions"][REGION]["said"]
    at = int(said.partition("in force at input ")[2].partition(",")[0])
    taken = world.journaled(REGION, at)
    assert int(taken["new_orders"]) == records.KillNew.NONE and int(taken["resting"]) == records.KillResting.CANCEL
    assert "through the engine's inbox: the agent was passed by" in said
    again = command("kill", "chicago", "--local", "--json")
    assert "was in force already" in json.loads(again.stdout)["regions"][REGION]["said"]
    # What it names is looked up where the engine's own names are.
    wrong = command("kill", "chicargo", "--local", "--select", "venue=XMOO")
    assert wrong.returncode == 1 and "node = chicargo: the limits file has no such node" in wrong.stdout
    world.starts_again()
    place = "chicago/all"
    world.until(lambda: [row["place"] for row in world.agent(REGION)["kills"] if row["input"]] == [place])
    assert f"kill at {place}: from the local socket" in " ".join(world.agent(REGION)["sentences"])
    # The API knows of it, and two persons let the region go on.
    world.until(lambda: world.etcd.range("/meridian/v1/local/chicago/").key_values)
    assert world.goes_on() > at
    world.until(lambda: not world.agent(REGION)["sentences"])
    assert not list((Path(world.platform.below[REGION].run.data_directory) / "agent" / "kills").iterdir())


def test_an_agent_that_is_paused_is_passed_by(world: Chicago) -> None:
    pid = world.platform.below[REGION].run.processes["agent"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = command("kill", "chicago", "--local", "--level", "K1", "--json")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 0, done.stdout
    assert "unknown: no answer within 2 s" in json.loads(done.stdout)["regions"][REGION]["said"]
    world.until(lambda: world.etcd.range("/meridian/v1/local/chicago/").key_values)
    assert world.goes_on()


def test_a_kill_that_a_paused_engine_has_not_confirmed_is_not_told_as_done(
    world: Chicago, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by the command: after ten seconds the media driver would take a paused engine for dead.
    monkeypatch.setattr(strategies, "ANSWER_SECONDS_MAX", 1.0)
    new, resting, flatten = kills.LEVELS["K1"]
    asked = Kill(
        node=REGION, selector=Selector(), new_orders=new, resting=resting, flatten=flatten, version=0, reason="a test",
        by="test", at_ns=time.time_ns(),
    )  # fmt: skip
    places = list(local_kill.places())
    pid = world.platform.below[REGION].run.processes["engine"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        taken, said = asyncio.run(local_kill.stop_all(places, asked))[REGION]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert not taken and "the engine did not answer within 1 s" in said, said
    # It was sent on both ways, and is in force as soon as the engine goes on.
    world.until(lambda: [row["place"] for row in world.agent(REGION)["kills"] if row["input"]] == ["chicago/all"])
    world.until(lambda: world.etcd.range("/meridian/v1/local/chicago/").key_values)
    assert world.goes_on()


def test_a_full_disk_is_said_with_the_place_and_what_to_do(world: Chicago, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        skip_unchecked("strategies: a command on a full disk", "a disk of our own needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", tmp_path], check=False).returncode:
        skip_unchecked("strategies: a command on a full disk", "no disk can be mounted here")
    try:
        live = world.engine
        inbox = tmp_path / "inbox"
        inbox.mkdir()
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "filler").write_bytes(bytes(64 << 10))
        about = live.document["engine"] | {"inbox": str(inbox)}
        full = RunningEngine(live.directory, {**live.document, "engine": about})
        request = new_request()
        with pytest.raises(Unreachable) as refused:
            full.command(start_stop(full.slots()[0], request, start=False), request)
        (sentence,) = refused.value.errors
        assert (
            sentence
            == f"{inbox}: the disk is full; make room for {MESSAGE_BYTES} bytes there and ask again; nothing was sent"
        )
        assert list(inbox.iterdir()) == [], "nothing half-written is left"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_where_the_outputs_end_is_found_without_reading_them_all(world: Chicago) -> None:
    world.platform.stop()
    engine = RunningEngine.of(next(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("record.json")).parent)
    outputs = engine.directory / engine.document["engine"]["outputs"]
    *_, (last, _, _) = journal.Reader(outputs)
    assert last > 100
    assert engine.recorded() == last
