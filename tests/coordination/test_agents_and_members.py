"""Agents of two regions over a store of three members that are killed, paused, cut off from each other and compacted: each agent
goes on from where it was, acknowledges what is in force and nothing else, and positions of each region stay true in the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian.coordination import EtcdError, EtcdServer, keys
from meridian.coordination.server import Member
from meridian.coordination.values import Put, unchanged
from meridian.ports import free_ports
from tests.coordination.half import Half
from tests.coordination.network import Network
from tests.coordination.region import generation, limit, soon, write_files
from tests.coordination.support import leader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SECONDS_MAX = 40


class Side(Half):
    """A region whose engine takes every control record."""

    def __init__(self, directory: Path, region: str, store: dict[str, Any], port: int, peers: dict[str, str]) -> None:
        self.bounds: list[int] = []
        """What came to the engine of limit 1, in order."""
        super().__init__(directory, region, port, peers, store=store)

    def run(self) -> None:
        """A moment of the agent and its engine, which is alive and takes what it is given."""
        self.agent.tick()
        self.say("Heartbeat", input=self.input, epoch=1)
        for control in self.controls.poll(timeout=0.01):
            about = records.parse(control)
            kind, name = int(about["header"]["kind"]), records.name_of(control)
            answer = {"control": kind, "outcome": 1, "input": self.input + 1}
            if name == "StateRequest":
                self.say("Applied", **answer, request=int(about["request"]))
            elif name == "LimitSet":
                self.bounds.append(int(about["value"]["low"]))
                version = {"generation": int(about["generation"]), "revision": int(about["revision"])}
                self.say("Applied", **answer, **version, subject=int(about["limit"]))

    @property
    def store(self) -> str:
        """How it sees the store."""
        return str(self.agent.status()["store"]["state"])


class World:
    """Three members, each in a namespace; New York's agent knows the first, Chicago's the two others."""

    def __init__(self, network: Network, store: EtcdServer, directory: Path) -> None:
        self.network, self.server, self.etcd = network, store, store.client(timeout_s=5)
        write_files(directory)
        ports = dict(zip(("ny", "chicago"), free_ports(2), strict=True))
        where = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        first, *others = store.endpoints
        access = store.access()
        files = {"ca": str(access.ca), "certificate": str(access.certificate), "key": str(access.key)}
        stores = {"ny": {"endpoints": [first], **files}, "chicago": {"endpoints": others, **files}}
        self.ny, self.chicago = (
            Side(directory, name, stores[name], ports[name], {peer: at for peer, at in where.items() if peer != name})
            for name in ports
        )
        self.both = (self.ny, self.chicago)

    def until(self, what: Callable[[], Any]) -> Any:
        """What is said as soon as something is said, while both regions live."""

        def look() -> Any:
            for one in self.both:
                one.run()
            return what()

        try:
            return soon(look, SECONDS_MAX)
        except AssertionError:
            states = {one.region: one.agent.status() for one in self.both}
            known = {name: (about["store"], about["engine"], about["sentences"]) for name, about in states.items()}
            raise AssertionError(f"it did not come; the agents say {known}") from None

    def put(self, key: str, value: str) -> int:
        """Writes a key once, until a majority has it: what a member cut off took and passes on later must not count."""
        where = keys.ROOT + key
        before: int | None = None

        def done() -> int:
            nonlocal before
            try:
                found = self.etcd.get(where, timeout_s=2)
                at = found.mod_revision if found else 0
                if before not in (None, at):
                    return at  # Written by a call whose answer was lost.
                before = at
                made = self.etcd.transact([unchanged(where, at)], [Put(where, value)])
                return made.revision if made.succeeded else 0
            except EtcdError:
                return 0

        return int(self.until(done))

    def acknowledged(self, half: Side, revision: int) -> bool:
        """Whether a region says that the limit of a revision is in force."""
        try:
            found = self.etcd.get(f"{keys.ROOT}acks/{half.region}/limits/1", timeout_s=2)
        except EtcdError:
            return False
        return found is not None and json.loads(found.value)["revision"] == revision

    def change(self, lots: int, *, of: tuple[Side, ...] | None = None) -> int:
        """A limit that comes into force in these regions."""
        revision = self.put("limits/1", limit(1, lots, version=lots))
        for half in of or self.both:
            self.until(partial(self.acknowledged, half, revision))
            assert half.bounds[-1] == lots
        return revision

    def sees_positions(self, ny: int, chicago: int) -> None:
        """Both regions get a position, and both see both."""
        self.ny.position(ny)
        self.chicago.position(chicago)
        self.until(lambda: all(one.lots() == {"ny": ny, "chicago": chicago} for one in self.both))

    def heal(self) -> None:
        """Every member runs and hears every other; both agents see the store."""
        self.network.heal()
        for member in self.server.members:
            member.resume()
            self.server.start_member(member)
        self.until(lambda: all(one.healthy for one in self.etcd.status(timeout_s=2)))
        self.until(lambda: all(one.store == "present" for one in self.both))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests of this file: each leaves it whole."""
    folder = tmp_path_factory.mktemp("w")
    with Network(3) as network:
        server = EtcdServer(folder / "store", members=3, tls=True)
        network.place(server)
        made = None
        try:
            server.start()
            made = World(network, server, folder)
            made.put("generation", generation(1))
            made.until(lambda: all(one.store == "present" for one in made.both))
            yield made
        finally:
            for one in made.both if made else ():
                one.agent.close()
            for member in server.members:
                member.kill()


def kill(world: World, member: Member) -> None:
    member.kill()


def pause(world: World, member: Member) -> None:
    member.pause()


def cut_off(world: World, member: Member) -> None:
    world.network.cut(world.server, member)


@pytest.mark.parametrize("what", [kill, pause, cut_off])
def test_agents_go_on_when_the_leader_is_lost(world: World, what: Callable[[World, Member], None]) -> None:
    world.change(50)
    lost = leader(world.server)
    alone = world.server.members.index(lost) == 0
    what(world, lost)
    # Who still has a member of the majority goes on with it; who has none says so, and trades on.
    world.change(40, of=(world.chicago,) if alone else world.both)
    if alone:
        world.until(lambda: world.ny.store == "away")
        assert world.ny.bounds[-1] == 50
    world.sees_positions(70, -30)
    world.heal()
    world.change(30)
    for one in world.both:
        ordered = [bound for at, bound in enumerate(one.bounds) if at == 0 or bound != one.bounds[at - 1]]
        assert ordered[-1] == 30 and ordered.count(30) >= 1, ordered


def test_two_sides_of_a_partition(world: World) -> None:
    world.change(45)
    before = len(world.ny.bounds)
    # The lines between members are cut, those to the agents are not: New York's member answers, and may not be believed.
    world.network.cut(world.server, world.server.members[0], "p")
    revision = world.change(35, of=(world.chicago,))
    world.until(lambda: world.ny.store == "away")
    assert world.ny.bounds[before:] == [], "the minority gives nothing out"
    assert not world.acknowledged(world.ny, revision)
    sentences = " ".join(world.ny.agent.status()["sentences"])
    assert "store: away; trading goes on with what is in force" in sentences
    # The line between the regions does not need the store.
    world.sees_positions(-5, 12)
    answer = world.ny.agent._command(
        {"command": "kill", "node": "firm", "new_orders": "none", "resting": "keep", "by": "test", "reason": "test"}
    )
    assert answer["sent"]
    world.heal()
    world.until(lambda: world.acknowledged(world.ny, revision))
    assert world.ny.bounds[-1] == 35
    world.until(lambda: world.etcd.get(f"{keys.ROOT}local/ny/kill/firm/all"))


def test_what_was_compacted_while_an_agent_was_away_is_known_by_the_full_set(world: World) -> None:
    world.change(44)
    resyncs = world.ny.agent.status()["store"]["resyncs"]
    world.network.cut(world.server, world.server.members[0], "c")
    world.until(lambda: world.ny.store == "away")
    for lots in (43, 42, 41):
        revision = world.change(lots, of=(world.chicago,))
    world.etcd.compact(revision)
    world.heal()
    world.until(lambda: world.acknowledged(world.ny, revision))
    assert world.ny.bounds[-1] == 41
    assert world.ny.agent.status()["store"]["resyncs"] >= resyncs
    assert not [one for one in world.ny.agent.status()["sentences"] if "not trusted" in one]


def test_a_store_restored_from_before_is_believed_only_when_the_generation_is_raised(
    world: World, tmp_path: Path
) -> None:
    world.change(39)
    world.etcd.snapshot(tmp_path / "saved.db")
    world.change(20)
    for member in world.server.members:
        member.kill()
    world.server.restore(tmp_path / "saved.db")
    for member in world.server.members:
        world.server.start_member(member)
    world.until(lambda: all("not trusted" in " ".join(one.agent.status()["sentences"]) for one in world.both))
    assert [one.bounds[-1] for one in world.both] == [20, 20], "what is older is not in force again"
    world.sees_positions(1, 2)
    raised = world.put("generation", generation(2))
    assert raised
    world.until(lambda: all(one.store == "present" for one in world.both))
    world.until(lambda: all(one.bounds[-1] == 39 for one in world.both))
    world.change(38)
