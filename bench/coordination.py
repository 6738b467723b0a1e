"""Rows of the coordination layer: how long a limit change takes into the engine, and a position into another region.

Invariant: every process is the one that runs in production (etcd, limits API, agent, engine, relay), started anew for the row;
times are of one machine's clock, and end when the change is in force or visible, by the engine's journal or the far agent's word.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.bench.method import Estimate
from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run
from meridian.ports import free_ports

if TYPE_CHECKING:
    from meridian.coordination import Etcd, EtcdServer, Watch

FILES = Path(__file__).resolve().parent.parent / "deploy" / "topologies" / "firm"
REGION, FAR = "ny", "chicago"
LIMIT = 6
"""The firm's position limit: lowering it needs no second person."""
DELAY_MS = 4
WAIT_S = 20.0
ACCOUNT, INSTRUMENT = 1, 1
PUT = "etcd put until a watch tells it"
"""The floor of what goes through the store."""


def soon(ready: Callable[[], Any], what: str) -> Any:
    """What `ready` says as soon as it says something. Raises Missing when it says nothing in time."""
    deadline = time.monotonic() + WAIT_S
    while not (value := ready()):
        if time.monotonic() > deadline:
            raise Missing(f"{what} did not come within {WAIT_S:.0f} s")
        time.sleep(0.002)
    return value


def told(samples: list[float]) -> dict[str, float]:
    """The percentiles that so few samples carry."""
    import numpy as np

    values = np.asarray(samples)
    return {name: float(np.percentile(values, share)) for name, share in {"p50": 50, "p90": 90, "p99": 99}.items()} | {
        "max": float(values.max())
    }


@dataclass(frozen=True, slots=True)
class Compared:
    """Blocks of a row in milliseconds beside its floor's."""

    floor: str
    value: Estimate
    floor_value: Estimate | None
    ratio: Estimate | None

    @classmethod
    def of(
        cls, run: Run, ours: Callable[[], list[float]], theirs: Callable[[], list[float]], floor: str = PUT
    ) -> Compared:
        """Measures: each block is the median of its samples."""
        import numpy as np

        found = run.compare(lambda: float(np.median(ours())), lambda: float(np.median(theirs())))
        return cls(floor, *found)

    def result(
        self, run: Run, name: str, title: str, *, about: str, percentiles: dict[str, float], bound_ms: float,
        details: dict[str, Any],
    ) -> Result:  # fmt: skip
        """The row: its goal is a bound on the median of all samples."""
        peer = Peer(name=f"floor ({self.floor})", value=self.floor_value, ratio=self.ratio)
        return Result(
            name=name, title=title, unit="ms", input=about, value=self.value, percentiles=percentiles, peers=[peer],
            goals=[Goal(bound=bound_ms, of="p50")], blocks=run.blocks, details=details,
        )  # fmt: skip


@contextmanager
def place(run: Run) -> Iterator[Path]:
    """A short folder that is gone afterwards; the processes may use every core that this one was given."""
    bound = os.sched_getaffinity(0)
    os.sched_setaffinity(0, run.cores or bound)
    before = os.environ.get("XDG_RUNTIME_DIR")
    try:
        with tempfile.TemporaryDirectory(prefix="mb-") as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            yield Path(folder)
    finally:
        os.sched_setaffinity(0, bound)
        if before is None:
            os.environ.pop("XDG_RUNTIME_DIR", None)
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def files(folder: Path) -> Path:
    """What the regions start from."""
    from meridian.deploy import bare

    bare.write_files(folder / "f", (FILES / "reference.toml").read_text(), (FILES / "limits.toml").read_text())
    return folder / "f"


def put_to_watch(etcd: Etcd, count: int) -> list[float]:
    """The floor: a key put into a store until a watch tells it, in ms."""
    key = "/bench/floor"
    took = []
    with etcd.watch(key) as watch:
        soon(lambda: watch.next(1.0), "the floor's watch")
        for number in range(count):
            begun_ns = time.perf_counter_ns()
            etcd.put(key, str(number))
            soon(lambda: watch.next(1.0), "the floor's change")
            took.append((time.perf_counter_ns() - begun_ns) / 1e6)
    return took


class Limits:
    """A region whose limit is lowered through the API, one lot at a time."""

    def __init__(self, address: str, token: str, store: EtcdServer, journals: Path) -> None:
        from meridian.coordination import keys
        from meridian.risk.api.client import Client

        self.client = Client(address, token)
        self.journals = journals
        self.etcd = store.client()
        self.acks: Watch = self.etcd.watch(keys.ACKS.key(REGION, f"limits/{LIMIT}"))
        self.ack: dict[str, Any] = {}
        soon(lambda: self._acked().get("outcome") == "in_force", "the limits file's limit in force")
        self.limit = self.client.get(f"/v1/limits/{LIMIT}")["limit"]
        self.left = int(self.limit["value"])
        self.in_force_ms: list[float] = []
        self.from_request_ms: list[float] = []
        self.from_answer_ms: list[float] = []

    def _acked(self) -> dict[str, Any]:
        event = self.acks.next(0.1)
        entries = [] if event is None else list(event.key_values)
        if event is not None and event.key_value is not None:
            entries.append(event.key_value)
        for entry in entries:
            self.ack = json.loads(bytes(entry.value))
        return self.ack

    def _acked_since(self, revision: int) -> dict[str, Any] | None:
        ack = self._acked()
        return ack if ack.get("revision", 0) >= revision else None

    def lower(self, count: int) -> list[float]:
        """Lowers the limit so many times, each after the one before is in force; how long each took in ms from the time at which
        the API took the request, which stands in the limit."""
        times: dict[int, tuple[int, int, int]] = {}
        for _ in range(count):
            self.left -= 1
            begun_ns = time.time_ns()
            body = {"value": str(self.left), "reason": "measured"}
            done = self.client.write("PUT", f"/v1/limits/{LIMIT}", body, version=self.limit["version"])
            answered_ns = time.time_ns()
            self.limit = done["limit"]
            ack = soon(partial(self._acked_since, done["revision"]), "an ack")
            times[int(ack["input"])] = (int(self.limit["at_ns"]), begun_ns, answered_ns)
        inputs = self._journaled(set(times))
        took, from_request, from_answer = (
            [(inputs[at] - since[which]) / 1e6 for at, since in times.items()] for which in range(3)
        )
        self.in_force_ms += took
        self.from_request_ms += from_request
        self.from_answer_ms += from_answer
        return took

    def _journaled(self, wanted: set[int]) -> dict[int, int]:
        """When the engine took each of these inputs, by its journal."""
        from meridian.engine import journals

        (where,) = journals.find(self.journals)
        found = {sequence: time_ns for sequence, time_ns, _ in journals.records(where) if sequence in wanted}
        assert set(found) == wanted, "what an agent acknowledges is in the journal"
        return found


@contextmanager
def limits(run: Run) -> Iterator[Limits]:
    """etcd, engine, agent and limits API as processes."""
    from meridian.coordination import EtcdServer
    from meridian.deploy import bare
    from meridian.deploy.supervisor import Supervisor
    from meridian.risk.api import tokens

    with place(run) as folder, EtcdServer(folder / "e") as store:
        made = files(folder)
        token = tokens.create(made / "tokens.json", "bench", "risk", [])
        agent = bare.agent_settings(made, REGION, {"endpoints": store.endpoints})
        address = f"unix:{folder}/a"
        api = {
            "listen": address,
            "tokens": str(made / "tokens.json"),
            "etcd": store.endpoints,
            "limits": str(made / "limits.toml"),
            "reference": str(made / "reference.toml"),
            "holders": [f"{REGION}-1", f"{FAR}-2"],
        }
        with Supervisor(bare.topology("bench", made, agent, api)) as supervisor:
            yield Limits(address, token, store, Path(supervisor.run.data_directory))


def limit_change(run: Run) -> Result:
    """From the request to the API until the engine has the limit."""
    each = run.pick(10, 3)
    with limits(run) as made:
        compared = Compared.of(run, lambda: made.lower(each), lambda: put_to_watch(made.etcd, each))
    return compared.result(
        run, "limit_change_in_force", "limit change: accepted by the limits API until in force in a region's engine",
        about=f"{len(made.in_force_ms)} lowerings of a firm's position limit, one after the other, {each} a block; etcd with "
        "one member on disk, limits API, agent and engine as processes on this machine; from when the API took the request "
        "until the engine took the input that the agent acknowledges, by its journal",
        percentiles=told(made.in_force_ms), bound_ms=5,
        details={
            "changes": len(made.in_force_ms), "from_request_ms": told(made.from_request_ms),
            "from_answer_ms": told(made.from_answer_ms),
        },
    )  # fmt: skip


class Half:
    """A region's agent as a process, and the engine's end of its links in this one."""

    def __init__(self, folder: Path, made: Path, region: str, listen: int, peer: str, peer_port: int) -> None:
        from meridian import records
        from meridian._native import links
        from meridian.deploy import bare

        self.region, self.home = region, folder / region
        self.home.mkdir()
        ends = {"agent_engine": ("agent", "engine", True), "engine_agent": ("engine", "agent", False)}
        rings = []
        for name, (producer, consumer, reliable) in ends.items():
            path = self.home / name
            links.create_ring(path, 1024, records.CONSTANTS["RECORD_BYTES_MAX"], [reliable])
            rings.append({"name": name, "path": str(path), "producer": producer, "consumers": [{"tile": consumer}]})
        self.controls = links.Subscriber(self.home / "agent_engine", 0)
        self.outputs = links.Publisher(self.home / "engine_agent")
        address = {"listen": f"127.0.0.1:{listen}", "peers": {peer: f"127.0.0.1:{peer_port}"}}
        # Without a store: positions between regions need none.
        settings = bare.agent_settings(made, region, {"endpoints": ["http://127.0.0.1:1"]}, **address)
        self.process = started("meridian.coordination.agent", "agent", self.home, settings, rings)
        self.input = 0

    def say(self, name: str, **fields: Any) -> None:
        """An output of the engine."""
        from meridian import records

        self.input += 1
        self.outputs.offer(records.new(name, sequence=self.input, **fields).tobytes())

    def answer(self) -> bool:
        """Answers the agent's request for the state, as an engine does."""
        from meridian import records

        asked = [
            records.parse(one) for one in self.controls.poll(timeout=0.1) if records.name_of(one) == "StateRequest"
        ]
        for one in asked:
            kind, request = int(one["header"]["kind"]), int(one["request"])
            self.say("Applied", control=kind, outcome=1, request=request, input=self.input + 1)
        return bool(asked)

    def lots_of(self, region: str) -> int | None:
        """What this agent knows of another region's position."""
        from meridian.coordination import local

        rows = local.ask(self.home / "s", {"command": "status"})["status"]["positions"]
        found = [row["regions"][region] for row in rows if region in row["regions"]]
        return int(found[0]) if found else None


def started(
    module: str, name: str, home: Path, settings: dict[str, Any], rings: list[dict[str, Any]]
) -> subprocess.Popen[bytes]:
    """A service's process that has said that it is ready."""
    from meridian.deploy.services import SPEC_VERSION

    ready, spec = home / f"{name}.ready", home / f"{name}.json"
    about = {"version": SPEC_VERSION, "name": name, "topology": "bench", "settings": settings, "links": rings}
    paths = {"data_directory": str(home), "ready_path": str(ready), "socket_path": str(home / "s")}
    spec.write_text(json.dumps(about | paths))
    environment = os.environ | {"MERIDIAN_SUPERVISOR": str(os.getpid())}
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", module, str(spec)], env=environment, stdout=log, stderr=log)
    soon(ready.exists, f"the process {name}")
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that was started here."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Line:
    """Two regions with a relay between them, and a socket of its own at the same relay."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        made = files(folder)
        ends = [REGION, FAR, "to_" + REGION, "to_" + FAR, "floor", "to_floor"]
        ports = dict(zip(ends, free_ports(len(ends)), strict=True))
        routes = [
            {"listen": f"127.0.0.1:{ports['to_' + end]}", "to": f"127.0.0.1:{ports[end]}", "delay": f"{DELAY_MS}ms"}
            for end in (REGION, FAR, "floor")
        ]
        home = folder / "line"
        home.mkdir()
        stack.callback(ended, started("meridian.deploy.relay", "relay", home, {"routes": routes}, []))
        self.near = Half(folder, made, REGION, ports[REGION], FAR, ports["to_" + FAR])
        stack.callback(ended, self.near.process)
        self.far = Half(folder, made, FAR, ports[FAR], REGION, ports["to_" + REGION])
        stack.callback(ended, self.far.process)
        self.floor = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.floor.bind(("127.0.0.1", ports["floor"]))
        self.floor.settimeout(WAIT_S)
        self.to_floor = ("127.0.0.1", ports["to_floor"])
        for half in (self.near, self.far):
            soon(half.answer, "an agent's request for the state")
        self.lots = 0
        self.visible_ms: list[float] = []
        self.move(3)
        self.visible_ms.clear()

    def move(self, count: int) -> list[float]:
        """Changes the near region's position so many times; how long each took until the far agent told it, in ms."""
        took = []
        for _ in range(count):
            self.lots += 1
            begun_ns = time.perf_counter_ns()
            self.near.say("Position", account=ACCOUNT, instrument=INSTRUMENT, lots=self.lots)
            deadline = time.monotonic() + WAIT_S
            while self.far.lots_of(REGION) != self.lots:
                if time.monotonic() > deadline:
                    raise Missing(f"a position was not seen in the other region within {WAIT_S:.0f} s")
            took.append((time.perf_counter_ns() - begun_ns) / 1e6)
        self.visible_ms += took
        return took

    def send(self, count: int) -> list[float]:
        """The floor: a datagram over the same relay, in ms."""
        took = []
        for number in range(count):
            begun_ns = time.perf_counter_ns()
            self.floor.sendto(number.to_bytes(8, "little") + secrets.token_bytes(120), self.to_floor)
            self.floor.recv(2_048)
            took.append((time.perf_counter_ns() - begun_ns) / 1e6)
        return took


def position(run: Run) -> Result:
    """From an engine's output until another region's agent tells it."""
    each = run.pick(20, 3)
    with place(run) as folder, ExitStack() as stack:
        line = Line(folder, stack)
        compared = Compared.of(
            run, lambda: line.move(each), lambda: line.send(each), f"datagram over the same {DELAY_MS} ms relay"
        )
    percentiles = told(line.visible_ms)
    return compared.result(
        run, "position_other_region", "position change: engine's output until the other region's agent tells it",
        about=f"{len(line.visible_ms)} changes of one position, one after the other, {each} a block; two agents as processes "
        f"without a store, a relay of {DELAY_MS} ms between them; asked at the far agent's local socket again and again, "
        "which is in the figure",
        percentiles=percentiles, bound_ms=DELAY_MS + 5,
        details={"changes": len(line.visible_ms), "delay_ms": DELAY_MS, "beyond_the_delay_ms": percentiles["p50"] - DELAY_MS},
    )  # fmt: skip


ROWS = [
    Row(name="limit_change_in_force", title="limit change through the API into the engine", unit="ms", measure=limit_change),
    Row(name="position_other_region", title="position change seen in another region", unit="ms", measure=position),
]  # fmt: skip
