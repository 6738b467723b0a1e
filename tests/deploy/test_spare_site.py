"""A region that trades at exchanges which outlive it, from one site, with its copy at another: that one goes on from it.

Invariant under test: by the exchanges' own journals no order is lost, doubled or invented, and none of an older life is taken
behind one of a newer; whatever is killed, paused or started again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from meridian import child
from meridian.analytics.accounting import adopted
from meridian.analytics.reconciliation import reconcile
from meridian.analytics.run import Run as Records
from meridian.console import Failure
from meridian.coordination import EtcdServer
from meridian.coordination.certificates import Authority
from meridian.coordination.install import installed
from meridian.deploy import condition, runs
from meridian.deploy.spare import copies, keep
from meridian.deploy.strategies import RunningEngine, new_request, start_stop
from meridian.ports import free_ports
from meridian.records import OrderState
from tests.deploy import spare_site
from tests.deploy.support import command, own_runtime
from tests.kill import invariants
from tests.kill.venue import Taken
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(590)]
REGION = "new-york"
UP_SECONDS_MAX = 120.0
SECONDS_MAX = 60.0
TRADED_MIN = 60
"""Orders at both venues together, before anything happens."""


def eventually(what: Callable[[], Any], why: str) -> Any:
    """What is said as soon as something is said."""
    deadline = time.monotonic() + SECONDS_MAX
    while not (found := what()):
        assert time.monotonic() < deadline, why
        time.sleep(0.05)
    return found


class World:
    """The exchanges, the store, and the two sites."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.folder, self.ends = folder, ends
        authority = Authority.in_folder(folder / "certificates")
        authority.issue(keep.KEEPER, server_names=["127.0.0.1"])
        authority.issue(keep.SENDER)
        self.certificates = authority.folder
        (self.port,) = free_ports(1)
        sends = {site: {"to": f"127.0.0.1:{self.port}", "certificates": str(authority.folder)} for site in ("a", "b")}
        self.files = spare_site.write(folder / "files", 7, sends)
        self.store = ends.enter_context(EtcdServer(folder / "etcd"))
        self.venues = self.started(["up", str(self.files.venues)], "venues", ["venues"])

    def started(self, words: list[str], name: str, wanted: list[str]) -> subprocess.Popen[bytes]:
        """A process of a person, as soon as the runs are up that are wanted of it."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen([*child.module("meridian"), *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     env=child.environment(), cwd=ROOT, start_new_session=True)  # fmt: skip
        self.ends.callback(ended, popen)
        deadline = time.monotonic() + UP_SECONDS_MAX
        while not set(wanted) <= {
            run.name for run in runs.runs() if run.supervisor_pid == popen.pid and run.state == "running"
        }:
            assert popen.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return popen

    def words(self, site: str, *more: str, data: str | None = None) -> list[str]:
        """What is typed at a site."""
        store = ["--site", site, "--store", self.store.endpoints[0]]
        return [
            "up",
            "--regions",
            str(self.files.sites[site]),
            "--data",
            str(self.folder / (data or site)),
            *store,
            *more,
        ]

    def keeper(self, data: str) -> subprocess.Popen[bytes]:
        """What keeps the copy at site B."""
        listen = ["--listen", f"127.0.0.1:{self.port}", "--certificates", str(self.certificates)]
        return self.started(["spare", "keep", str(self.folder / data), *listen], f"keep-{data}", [])

    def region(self, popen: subprocess.Popen[bytes]) -> runs.Run:
        """The region's run at a site."""
        return next(run for run in runs.runs() if run.supervisor_pid == popen.pid and run.topology == REGION)

    def trade(self, data: str, *, start: bool = True) -> None:
        """Starts or stops every strategy."""
        engine = RunningEngine.of(self.place(data))
        request = new_request()
        engine.command([one for slot in engine.slots() for one in start_stop(slot, request, start=start)], request)

    def taken(self) -> list[Taken]:
        """What the exchanges took of our sessions."""
        record = {"name": "", "exchange_journal": "", "session": 0}
        found = []
        for name in ("xnas", "xbos"):
            about = record | {"name": name, "exchange_journal": str(self.files.exchange_data / f"exchange_{name}")}
            found.append(Taken.read(name, Path(str(about["exchange_journal"])), 1))
        return found

    def orders(self) -> int:
        """Orders that they took."""
        return sum(len(one.ids) for one in self.taken())

    def place(self, data: str) -> Path:
        """The region's records at a site."""
        return self.folder / data / "regions" / REGION

    def copied(self, data: str) -> copies.State | None:
        """What the copy is of."""
        return copies.state_of(self.folder / data)


def ended(popen: subprocess.Popen[bytes]) -> None:
    """Whatever is left of it ends."""
    if popen.poll() is None:
        popen.send_signal(signal.SIGCONT)
        popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            popen.wait(40)
        popen.kill()
        popen.wait()


def processes(popen: subprocess.Popen[bytes]) -> list[int]:
    """All processes of a platform, its supervisor's first."""
    own = [run for run in runs.runs() if run.supervisor_pid == popen.pid]
    return [popen.pid, *(int(about["pid"]) for run in own for about in run.processes.values())]


def whole(world: World, data: str) -> list[str]:
    """What does not hold of a site whose strategies stand still, by the exchanges' journals."""
    place = world.place(data)
    spare_site.with_venues(place / "record.json", world.files)
    try:
        run = Records.open(place)
        found = list(reconcile(run).differences)
        found += list(not_over(run))
        for row, venue in zip(world.taken(), run.venues, strict=True):
            found += list(row.out_of_turn())
            found += list(invariants._acknowledged(run, int(venue["id"]), row))
        return found
    except (Failure, OSError, ValueError) as error:
        return [str(error)]


def not_over(run: Records) -> Iterator[str]:
    """Orders of strategies that stand still which are not over. One that the copy lacked is nobody's, and rests until a person
    pulls it."""
    taken_on = adopted(run)
    if not taken_on:
        yield from invariants._not_over(run)
    for row in run.orders:
        if int(row["state"]) in invariants.RESTING and int(row["first_id"]) not in taken_on:
            yield f"order {int(row['order_id'])} is {OrderState(int(row['state'])).name.lower()} although all was taken back"


def rests(world: World, data: str) -> None:
    """Waits until nothing of ours is open at a site whose strategies stand still, and everything is accounted for."""
    deadline = time.monotonic() + SECONDS_MAX
    while found := whole(world, data):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    installed()
    with own_runtime(), ExitStack() as ends:
        ends.callback(lambda: [runs.clear(one.name) for one in runs.leftovers()])
        yield World(tmp_path, ends)


def test_a_site_that_is_killed_while_it_trades_is_gone_on_from_at_the_other_one(world: World) -> None:
    keeper = world.keeper("b")
    first = world.started(world.words("a"), "a", ["new-york", "platform"])
    world.trade("a")
    eventually(lambda: world.orders() >= TRADED_MIN, "site A trades")
    eventually(lambda: world.copied("b"), "site B has a copy")
    (row,) = condition.spares(world.region(first))
    assert row["connected"] and row["sentences"] == [], row

    pids = processes(first)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    first.wait()
    at_death = world.orders()
    for one in runs.leftovers():
        runs.clear(one.name)
    refused = command(*world.words("b"))
    assert (
        refused.returncode == 1
        and "is a copy of a region that another site leads; --site NAME --take-over" in refused.stderr
    )
    second = world.started(world.words("b", "--take-over"), "b", ["new-york", "platform"])
    assert keeper.wait(10) == 0, "who keeps the copy has ended"
    eventually(lambda: world.orders() >= at_death + TRADED_MIN, "site B trades")
    again = command(*world.words("a"))
    assert again.returncode == 1 and "new-york: is led from site b since" in again.stderr
    world.trade("b", start=False)
    rests(world, "b")
    # What the copy lacked is told as breaks; a person looks at them, and pulls what is left of them.
    pulled = command("kill", "firm", "--local", "--level", "K3", "--reason", "orders that the copy lacked", "--json")
    assert pulled.returncode == 0, pulled.stdout
    eventually(lambda: not list(invariants._not_over(Records.open(world.place("b")))), "nothing is left at the venues")
    epochs = {one >> 32 & 0x3FF for row in world.taken() for one in row.ids}
    assert len(epochs) == 2, "both sites traded"
    done = command("reconcile", str(world.place("b")), "--json")
    assert json.loads(done.stdout)["agrees"], done.stdout
    second.terminate()
    assert second.wait(60) == 0


def test_a_site_that_was_only_paused_ends_and_sends_nothing_that_a_venue_takes_and_the_way_back(world: World) -> None:
    world.keeper("b")
    first = world.started(world.words("a"), "a", ["new-york", "platform"])
    world.trade("a")
    eventually(lambda: world.orders() >= TRADED_MIN, "site A trades")
    eventually(lambda: world.copied("b"), "site B has a copy")
    pids = processes(first)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    second = world.started(world.words("b", "--take-over"), "b", ["new-york-2", "platform-2"])
    paused = world.orders()
    eventually(lambda: world.orders() >= paused + TRADED_MIN, "site B trades")
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert first.wait(30) == 1
    assert "new-york: it is led from site b since" in (world.folder / "a.log").read_text()
    eventually(lambda: all(condition.state_of(pid) == "gone" for pid in pids), "nothing of site A is left")
    gone = world.orders()
    eventually(lambda: world.orders() >= gone + TRADED_MIN, "site B goes on")

    # The way back: site A keeps a copy in a new folder; site B is stopped, and A leads from it.
    keeper = world.keeper("a-again")
    eventually(lambda: world.copied("a-again"), "site A has a copy")
    world.trade("b", start=False)
    rests(world, "b")
    second.terminate()
    assert second.wait(60) == 0
    third = world.started(world.words("a", "--take-over", data="a-again"), "a-again", ["new-york", "platform"])
    assert keeper.wait(10) == 0
    back = world.orders()
    world.trade("a-again")
    eventually(lambda: world.orders() >= back + TRADED_MIN, "site A trades again")
    world.trade("a-again", start=False)
    rests(world, "a-again")
    third.terminate()
    assert third.wait(60) == 0
