"""What a person sees and what stays in force, case by case, when the store, its keys, an agent or a clock is not as it should be:
over a real etcd, a real agent and a real engine, with the words of `meridian status`.

In every case the limit and the kill that were in force stay so, nothing looser reaches the engine, and it goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian import records
from meridian.coordination import EtcdServer
from meridian.deploy import runs
from meridian.deploy.cli import status as status_command
from meridian.deploy.supervisor import Supervisor
from meridian.engine import journals
from tests.coordination.conftest import Stores
from tests.coordination.region import Region, generation, kill, limit, soon, topology, write_files

LOTS = 33
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def seen() -> str:
    """What `meridian status` tells a person."""
    done = CliRunner().invoke(status_command, [])
    assert done.exit_code == 0, done.output
    return done.output


def show_store(region: Region) -> None:
    """The store among the run's processes, as `meridian up --regions` has it."""
    process = region.store.members[0].process
    if process is not None:
        about = {"pid": process.pid, "restarts": 0, "service": "etcd", "endpoints": region.store.endpoints}
        region.supervisor.run.processes["etcd"] = about
        region.supervisor.run.write()


@contextmanager
def started(server: EtcdServer, short: Path, endpoints: list[str] | None = None) -> Iterator[Region]:
    """A region over a store."""
    write_files(short / "files")
    with Supervisor(topology("ny", short / "files", endpoints or server.endpoints)) as supervisor:
        yield Region(supervisor, server)
        assert not supervisor.failures
    assert list(runs.runs()) == []


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a short path, where runs lie."""
    folder = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@contextmanager
def ready(server: EtcdServer, short: Path) -> Iterator[Region]:
    """A region with a limit and a kill in force."""
    with started(server, short) as made:
        made.put("generation", generation(1))
        soon(lambda: made.status().get("engine", {}).get("whole"))
        made.acknowledged("limits/1", made.put("limits/1", limit(1, LOTS)))
        made.acknowledged("kill/firm/all", made.put("kill/firm/all", kill("reduce_only", "keep")))
        show_store(made)
        assert "store: present, revision" in seen()
        yield made


@pytest.fixture
def region(short: Path, stores: Stores) -> Iterator[Region]:
    """A region whose store, agent or engine a test may break."""
    with ready(stores(), short) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region for cases of single keys, which leave it as it was."""
    folder = tmp_path_factory.mktemp("s")
    with pytest.MonkeyPatch.context() as patch, EtcdServer(folder / "store") as server:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        with ready(server, folder) as made:
            yield made


def restarted(region: Region, change: Callable[[Path], None]) -> None:
    """The store ends, its data is changed, it is there again."""
    (member,) = region.store.members
    member.kill()
    change(member.data)
    region.store.start()
    show_store(region)


def emptied(region: Region) -> None:
    restarted(region, shutil.rmtree)


def restored(region: Region) -> None:
    saved = region.store.folder / "saved.db"
    region.etcd.snapshot(saved)
    region.put("limits/1", limit(1, LOTS, version=2))
    restarted(region, lambda _: region.store.restore(saved))


def older_copy(region: Region) -> None:
    (member,) = region.store.members
    member.kill()
    copy = member.folder / "copy"
    shutil.copytree(member.data, copy)
    region.store.start()
    revision = region.put("limits/1", limit(1, LOTS, version=2))
    region.acknowledged("limits/1", revision)

    def back(data: Path) -> None:
        shutil.rmtree(data)
        copy.rename(data)

    restarted(region, back)
    # What the copy holds is looser, and nobody takes it.
    region.put("kill/firm/all", kill("allow", "keep"))


def paused(region: Region) -> None:
    region.store.members[0].pause()


def killed(region: Region) -> None:
    region.store.members[0].kill()


def written(key: str, value: str) -> Callable[[Region], None]:
    def do(region: Region) -> None:
        region.put(key, value)

    return do


def deleted(key: str) -> Callable[[Region], None]:
    def do(region: Region) -> None:
        region.etcd.delete(f"/meridian/v1/{key}")

    return do


def everything_deleted(region: Region) -> None:
    region.etcd.delete("/meridian/v1/", prefix=True)


def signalled(name: str, number: signal.Signals) -> Callable[[Region], None]:
    return lambda region: os.kill(region.pid(name), number)


@dataclass(frozen=True, slots=True)
class Case:
    """What is done, and what a person then reads."""

    name: str
    do: Callable[[Region], None]
    says: tuple[str, ...]
    agent_answers: bool = True
    of_a_key: bool = False


AWAY = "store: away; trading goes on with what is in force"
UNTRUSTED = "store: not trusted, nothing is taken but kills: "
GONE = "it was deleted by hand; what it said stays in force"
KILL = "/meridian/v1/kill/firm/all"
ALONE = f"{KILL}: it stops less and no second person confirmed it; what was before stays in force"
KEPT = "kill at firm/all: loosened in the store without a second person; in force until it is re-armed by the API"
LOOSER = "/meridian/v1/limits/1: it lets more through and no second person confirmed it; what was before stays in force"
EPOCH = '{"v": 1, "epoch": 99999999}'
NO_NODE = limit(1, 10_000, node="moon")
NODES = json.dumps({"v": 1, "nodes": [{"id": 2, "name": "firm", "level": "firm", "parent": None}]})
CASES = (
    Case("etcd killed", killed, (AWAY, "store: gone", "is gone; its supervisor starts it again")),
    Case("etcd paused", paused, (AWAY, "store: paused", "is paused; `kill -CONT")),
    Case("etcd emptied", emptied, (UNTRUSTED + "it has no generation: it is empty or was emptied", "store: empty")),
    Case("etcd restored from a snapshot", restored, (UNTRUSTED + "it is cluster", "is known: raise the generation")),
    Case("etcd from an older copy", older_copy, (UNTRUSTED, "is known: raise the generation")),
    Case("generation lowered", written("generation", generation(0)), (UNTRUSTED + "its generation is 0, 1 is in force",)),
    Case("generation edited", written("generation", "five"), (UNTRUSTED + "generation: ", "its generation cannot be read")),
    Case("generation deleted", deleted("generation"), (UNTRUSTED + "it has no generation",)),
    Case("limit edited", written("limits/1", "{"), ("/meridian/v1/limits/1: ",), of_a_key=True),
    Case("limit of another id", written("limits/1", limit(2, 10_000)), ("/meridian/v1/limits/1: ",), of_a_key=True),
    Case("limit of no node", written("limits/1", NO_NODE), ("/meridian/v1/limits/1: ", "moon"), of_a_key=True),
    Case("limit raised by one", written("limits/1", limit(1, 10_000, confirmed_by=None)), (LOOSER,), of_a_key=True),
    Case("limit deleted", deleted("limits/1"), (f"/meridian/v1/limits/1: {GONE}",), of_a_key=True),
    Case("kill edited", written("kill/firm/all", '{"v": 1}'), (f"{KILL}: ", "edited by hand; in force until"), of_a_key=True),
    Case("kill deleted", deleted("kill/firm/all"), (f"{KILL}: {GONE}", "deleted by hand; in force until"), of_a_key=True),
    Case("kill armed by one", written("kill/firm/all", kill("allow", "keep", by=("one", None))), (ALONE, KEPT), of_a_key=True),
    Case("generation again", written("generation", generation(1)), (UNTRUSTED + "its generation 1 was written again",)),
    Case("tree edited", written("tree", NODES), ("/meridian/v1/tree: nodes.firm: here firm has the id 1",), of_a_key=True),
    Case("epoch edited", written("epochs/ny-1", EPOCH), ("/meridian/v1/epochs/ny-1: epoch = 99999999",), of_a_key=True),
    Case("everything deleted", everything_deleted, (UNTRUSTED + "it has no generation",)),
    Case("agent killed", signalled("agent", signal.SIGKILL), ("agent: it does not answer", "is gone"), agent_answers=False),
    Case("agent paused", signalled("agent", signal.SIGSTOP), ("agent: it does not answer", "is paused"), agent_answers=False),
    Case("engine paused", signalled("engine", signal.SIGSTOP), ("engine: silent", "engine (process "), agent_answers=False),
)  # fmt: skip


def in_force(region: Region) -> tuple[int, set[int]]:
    """By the engine's own journal: the limit's bound, and what all kills at the firm said of new orders."""
    (where,) = journals.find(Path(region.supervisor.run.data_directory))
    bound, kills = 0, set[int]()
    for _, _, data in journals.records(where):
        if records.name_of(data) == "LimitSet" and int(records.parse(data)["limit"]) == 1:
            bound = int(records.parse(data)["value"]["low"])
        elif records.name_of(data) == "Kill":
            kills.add(int(records.parse(data)["new_orders"]))
    return bound, kills


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_is_explained_and_what_was_in_force_stays(request: pytest.FixtureRequest, case: Case) -> None:
    region: Region = request.getfixturevalue("shared" if case.of_a_key else "region")
    case.do(region)
    text = ""

    def explained() -> bool:
        nonlocal text
        text = seen()
        return all(sentence in text for sentence in case.says)

    try:
        soon(explained)
    except AssertionError:
        raise AssertionError(f"{case.says} in:\n{text}") from None
    if case.agent_answers:
        # The region goes on: a kill comes into force, whatever the store says.
        answer = region.ask(command="kill", node="maker", new_orders="none", resting="cancel", by="test", reason="test")
        assert answer["input"], answer
    assert Path(f"/proc/{region.pid('engine')}").exists()
    bound, kills = in_force(region)
    assert bound == LOTS
    assert kills <= {records.KillNew.REDUCE_ONLY, records.KillNew.NONE}
    if case.of_a_key:
        region.acknowledged("limits/1", region.put("limits/1", limit(1, LOTS, version=9)))
        if "kill" in case.name:
            # Everybody else reads it in the store, too; so a re-arm finds it.
            kept = soon(lambda: region.etcd.get("/meridian/v1/local/ny/kill/firm/all"))
            assert json.loads(kept.value)["new_orders"] == "reduce_only"
            soon(lambda: region.status()["store"]["revision"] >= kept.mod_revision)
        region.acknowledged("kill/firm/all", region.put("kill/firm/all", kill("reduce_only", "keep")))
        soon(lambda: not region.says("kill at firm/all"))
    for name in ("agent", "engine"):
        if (process := Path(f"/proc/{region.pid(name)}")).exists() and "T" in (process / "stat").read_text().split()[2]:
            os.kill(region.pid(name), signal.SIGCONT)


class Older:
    """Between an agent and its store: every answer names an etcd of an older release."""

    def __init__(self, port: int, version: bytes) -> None:
        self.version, self.port = version, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.port))
            for source, sink, change in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, args=(source, sink, change), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, change: bool) -> None:
        older = b"3.5.1"
        assert len(older) == len(self.version), "what is carried keeps its length"
        while True:
            try:
                data = source.recv(65_536)
                if not data:
                    break
                sink.sendall(data.replace(self.version, older) if change else data)
            except OSError:
                break
        for one in (source, sink):
            one.close()


def test_a_store_of_an_old_release_is_refused_by_the_agent_and_said(short: Path, stores: Stores) -> None:
    from meridian.coordination.install import installed

    server = stores()
    older = Older(server.members[0].client_port, installed().version.encode())
    with started(server, short, [older.address]) as region:
        region.put("generation", generation(1))
        region.put("limits/1", limit(1, LOTS))
        soon(lambda: region.says("is etcd 3.5.1; needed: 3.5.26"))
        assert "store: not heard of yet; trading goes on with what is in force" in seen()
        assert region.ask(command="kill", node="maker", new_orders="none", resting="keep", by="test")["input"]
        assert in_force(region)[0] != LOTS, "nothing is taken of it"
    older.listener.close()


def test_a_host_whose_clock_is_set_changes_nothing_but_what_is_said() -> None:
    from meridian.coordination.clock import Clock

    wall, monotonic = [1_000 * 10**9], [50 * 10**9]
    clock = Clock(lambda: wall[0], lambda: monotonic[0])
    assert clock.sentence() is None
    monotonic[0] += 10**9
    wall[0] += 10**9 + 5_000_000
    before = clock.now_ns()
    assert clock.sentence() is None, "clocks differ a little"
    for seconds, way in ((-7_200, "back by 7,200 s"), (86_400, "ahead by 86,400 s")):
        wall[0] += (seconds * 10**9) - (wall[0] - before)
        assert clock.now_ns() == before
        assert way in str(clock.sentence())
    monotonic[0] += 5
    assert clock.now_ns() == before + 5
