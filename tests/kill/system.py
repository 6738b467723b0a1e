"""A real system under `meridian up --regions`: two regions with engines, feeds, gateways, exchanges and agents, the store, the
limits API and the line above them; and what can be seen of it from outside.

Invariant: whatever ends is brought back by its supervisor alone; when that is gone, by the command of an operator.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meridian import child
from meridian.console import Failure
from meridian.deploy import condition, platform, runs
from meridian.deploy.metrics import read
from meridian.deploy.runs import Run
from meridian.deploy.strategies import RunningEngine, new_request, start_stop
from meridian.engine import pair
from meridian.engine.pair import IN_STEP, LEADS, STATES
from tests.kill import apart, files
from tests.kill.plan import ABOVE, CHICAGO, DRIVER, NEW_YORK, ROOM, STANDBY, STORE, SUPERVISOR, VENUES

REGIONS = (NEW_YORK, CHICAGO)
RUNS = (ABOVE, *REGIONS)
UP_SECONDS_MAX = 90.0
DOWN_SECONDS_MAX = 40.0
FRESH_NS = 1_000_000_000
"""A tile that did not say so long that it lives is not at work."""
SESSION_UP = FEED_LIVE = 1
ENGINES, BESIDE = ("engine", "engine-standby"), ("recorder", "inbox")
"""Tiles of an engine and its standby, and those beside."""


class Broken(Exception):
    """The system did not do what it has to: a sentence each."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = list(sentences)
        super().__init__("; ".join(sentences))


@dataclass(slots=True)
class System:
    """One system in a folder of its own."""

    folder: Path
    seed: int
    own_disks: bool
    standby: bool = False
    """New York's engine has one."""
    popen: subprocess.Popen[bytes] | None = None
    topologies: list[Path] = field(default_factory=list)
    mounted: list[Path] = field(default_factory=list)
    lives: int = 0

    @property
    def data(self) -> Path:
        """What outlives its runs."""
        return self.folder / "data"

    def region(self, name: str) -> Path:
        """The records of a region."""
        return self.data / "regions" / name

    def disks(self, run: str, process: str) -> list[Path]:
        """The folders in which a process keeps what outlives it."""
        if process == STORE:
            return [self.data / STORE]
        paired = self.standby and run == NEW_YORK
        tiles = {"engine": ENGINES[:1] if paired else (*ENGINES[:1], *BESIDE), STANDBY: ENGINES[1:], ROOM: BESIDE}
        return [self.region(run) / "data" / tile for tile in tiles.get(process, (process,))]

    def make(self) -> None:
        """Its files, checked, their strategies built; and a disk for each process that keeps something. Raises BadInput."""
        self.topologies = files.write(self.folder / "files", self.seed, standby=self.standby)
        platform.load(list(map(str, self.topologies)))
        if not self.own_disks:
            return
        kept = [(ABOVE, STORE), (NEW_YORK, "drop_copy_xbos")]
        kept += [(region, name) for region in REGIONS for name in ("engine", "agent")]
        kept += [(NEW_YORK, name) for name in (STANDBY, ROOM) if self.standby]
        kept += [
            (region, f"{tile}_{venue}") for venue, region in VENUES.items() for tile in ("exchange", "feed", "gateway")
        ]
        for place in (place for run, name in kept for place in self.disks(run, name)):
            apart.mount_disk(place)
            self.mounted.append(place)

    def up(self) -> None:
        """As an operator starts it; returns when every process is up. Raises Broken."""
        regions = ",".join(map(str, self.topologies))
        command = [*child.module("meridian"), "up", "--regions", regions, "--data", str(self.data), "--json"]
        self.lives += 1
        with (self.folder / f"up-{self.lives}.log").open("wb") as log:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child.environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + UP_SECONDS_MAX
        while not (
            (found := self.runs()).keys() == set(RUNS) and all(one.state == "running" for one in found.values())
        ):
            if self.popen.poll() is not None:
                raise Broken(f"it did not start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Broken(f"it was not up after {UP_SECONDS_MAX:.0f} s: {self.last_words()}")
            time.sleep(0.1)

    def last_words(self) -> str:
        """What the supervisor said last."""
        text = (self.folder / f"up-{self.lives}.log").read_text(encoding="utf-8", errors="replace")
        return " / ".join(text.strip().splitlines()[-4:])

    def down(self) -> None:
        """As an operator stops it. Raises Broken where something is left."""
        if self.popen is None:
            return
        pids = self.pids()
        self.popen.send_signal(signal.SIGCONT)
        self.popen.terminate()
        try:
            self.popen.wait(DOWN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            self.gone(pids)
            raise Broken(f"it was not down after {DOWN_SECONDS_MAX:.0f} s: {self.last_words()}") from None
        self.popen = None
        self.gone(pids)

    def gone(self, pids: list[int]) -> None:
        """Waits until none of these processes is left. Raises Broken."""
        deadline = time.monotonic() + DOWN_SECONDS_MAX
        while left := [pid for pid in pids if condition.state_of(pid) != "gone"]:
            if time.monotonic() > deadline:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise Broken(f"{len(left)} processes outlived their supervisor by {DOWN_SECONDS_MAX:.0f} s")
            time.sleep(0.02)

    def close(self) -> None:
        """Ends whatever is left, whatever state it is in, and gives the disks back."""
        pids = self.pids()
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()
            self.popen = None
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for place in reversed(self.mounted):
            apart.unmount(place)
        self.mounted.clear()
        for run in runs.leftovers():
            runs.clear(run.name)

    def runs(self) -> dict[str, Run]:
        """The runs that are up, by name."""
        return {run.name: run for run in runs.runs()}

    def pid(self, run: str, process: str) -> int:
        """A process of it. Raises Broken."""
        assert self.popen is not None, "it is up"
        if process == SUPERVISOR:
            return self.popen.pid
        found = self.runs().get(run)
        if found is None or process not in found.processes:
            raise Broken(f"{run} is not up any more: {self.last_words()}")
        return int(found.processes[process]["pid"])

    def pids(self) -> list[int]:
        """All of its processes but the supervisor."""
        described = [runs.described(runs.root() / name) for name in RUNS]
        return [int(about["pid"]) for run in described if run is not None for about in run.processes.values()]

    def restarts(self) -> int:
        """How often the process was started again that was so most often, in this life."""
        return max((about["restarts"] for run in self.runs().values() for about in run.processes.values()), default=0)

    def counters(self, run: Run) -> dict[str, dict[str, int]]:
        """Process → its counters."""
        return {
            name: {key: value for key, value in dict(read(run.counters(name))).items() if isinstance(value, int)}
            for name in run.processes
        }

    def missing(self, since_ns: int) -> list[str]:
        """What is not at work as it was before something happened at `since_ns`, ns UTC; a sentence each."""
        assert self.popen is not None, "it is up"
        if (code := self.popen.poll()) is not None:
            raise Broken(f"the supervisor ended with exit code {code}: {self.last_words()}")
        found = self.runs()
        if lost := set(RUNS) - found.keys():
            return [f"{name} is not up" for name in sorted(lost)]
        if failed := found[ABOVE].failed:
            raise Broken(*(f"{name} failed and was stopped: {'; '.join(one['why'])}" for name, one in failed.items()))
        sentences = [sentence for run in found.values() for sentence in self._missing_of(run, since_ns)]
        sentences += self._unpaired(found[NEW_YORK]) if self.standby else ()
        return sentences or list(self._above(found))

    def _missing_of(self, run: Run, since_ns: int) -> Iterator[str]:
        counters = self.counters(run)
        for name, about in run.processes.items():
            if condition.state_of(about["pid"]) != "runs":
                yield f"{run.name}: {name} is {condition.state_of(about['pid'])}"
            elif about.get("service"):
                if not (Path(run.run_directory) / f"{name}.ready").exists():
                    yield f"{run.name}: {name} is not ready"
            elif name != DRIVER:
                yield from self._tiles(run, name, counters[name], since_ns)

    def _unpaired(self, run: Run) -> Iterator[str]:
        """Whether one of the two leads and the other could take its place."""
        rows = condition.pairs(run)
        if sorted(row["role"] for row in rows) != ["follows", "leads"]:
            yield f"{run.name}: not one engine leads and another follows"
        for row in rows:
            if row["partner"] != STATES[IN_STEP] or row["alone"]:
                yield f"{run.name}: {pair.line(row)}"

    def _tiles(self, run: Run, process: str, counters: dict[str, int], since_ns: int) -> Iterator[str]:
        """Of the tiles of one process: whether they turn, and sessions and feeds are up."""
        least_ns = max(since_ns, time.time_ns() - FRESH_NS)
        beats = [value for key, value in counters.items() if key.endswith(".heartbeat_ns")]
        if counters.get("process.ready") != 1 or not beats or min(beats) < least_ns:
            yield f"{run.name}: {process} does not turn"
        for key, value in counters.items():
            if key.endswith(".gateway.state") and value != SESSION_UP:
                yield f"{run.name}: {process} has no session"
            if key.endswith(".feed.mode") and value != FEED_LIVE:
                yield f"{run.name}: {process} is not live"

    def _above(self, found: dict[str, Run]) -> Iterator[str]:
        """Whether the agents see the store, and the limits API does."""
        for region in REGIONS:
            for row in condition.agents(found[region]):
                if row["store"] != "present":
                    yield f"{region}: the agent's store is {row['store']}"
        api = condition.api(found[ABOVE])
        if api is None or api["sentences"]:
            yield "platform: " + ("it has no limits API" if api is None else api["sentences"][0])

    def sent(self) -> dict[str, int]:
        """What grows with each order: of each region its engine's orders, of each gateway what it sent."""
        found: dict[str, int] = {}
        for name in REGIONS:
            run = self.runs().get(name)
            for counters in self.counters(run).values() if run is not None else ():
                for key, value in counters.items():
                    tile, _, what = key.rpartition(".")
                    if tile in ENGINES and what == "orders" and counters.get(f"{tile}.role", LEADS) == LEADS:
                        found[name] = value
                    elif key.endswith(".gateway.sent"):
                        found[key.removesuffix(".gateway.sent")] = value
        return found

    def command(self, *, start: bool) -> None:
        """Starts or stops every strategy; stopped ones take their orders back. Raises Broken."""
        for name in REGIONS:
            engine = RunningEngine.of(self.region(name))
            request = new_request()
            commands = [record for slot in engine.slots() for record in start_stop(slot, request, start=start)]
            try:
                engine.command(commands, request)
            except Failure as error:
                raise Broken(*(f"{name}: {sentence}" for sentence in error.errors)) from None


def affected(run: str, process: str) -> list[str]:
    """Where the first order after a harm of this process is waited for, as `System.sent` names it."""
    venue = process.rpartition("_")[2]
    if venue in VENUES:
        return [f"gateway_{venue}"]
    regions = REGIONS if run == ABOVE else (run,)
    return [*regions, *(f"gateway_{venue}" for venue, region in VENUES.items() if region in regions)]
