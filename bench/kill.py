"""The row `kill_to_wire`: how long a kill asked of the limits API takes until the last cancel's bytes arrive at the venue.

A region as New York starts: etcd, limits API, agent, engine, gateway, feed and a stand-in venue, each a process. Between gateway
and venue stands a tap that hands every byte on and notes when it came: by the kernel's own time of its arrival, so that the tap's
turn on a core does not count.

Invariant: a sample counts only when every resting order was cancelled by its own message and the venue confirmed each.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.bench.coordination import FILES, Compared, place, put_to_watch, soon, told
from meridian.bench.row import Missing, Result, Row, Run

if TYPE_CHECKING:
    from meridian.deploy.platform import Platform

REGION, VENUE, GATEWAY = "new-york", "xnas", "gateway_xnas"
SLOTS, ORDERS_A_SLOT = 20, 50
ORDERS = SLOTS * ORDERS_A_SLOT
NODE = "firm"
MIDDLE_E4, APART_E4 = 1_000_000, 5_000
"""Of somebody else's bid and ask, in the venue's unit: without them the price collar has nothing to go by."""
STAMPS = getattr(socket, "SO_TIMESTAMPNS", 35)
ENTER, CANCEL, ACCEPTED, CANCELLED = b"O", b"X", b"A", b"C"


class Frames:
    """SoupBinTCP frames of a stream of bytes: how many messages of a type, and when the last bytes of each came."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, bytes]] = []
        self.arrived_ns: dict[bytes, list[int]] = {}
        self._taken, self._rest = 0, b""

    def of(self, kind: bytes) -> list[int]:
        """When the messages of this OUCH type came, in their order."""
        chunks = self.chunks[self._taken :]
        self._taken += len(chunks)
        for at_ns, data in chunks:
            self._rest += data
            at = 0
            while len(self._rest) >= at + 2 and len(self._rest) >= at + 2 + (size := self._size(at)):
                if self._rest[at + 2 : at + 3] in b"US" and size > 1:
                    self.arrived_ns.setdefault(self._rest[at + 3 : at + 4], []).append(at_ns)
                at += 2 + size
            self._rest = self._rest[at:]
        return self.arrived_ns.setdefault(kind, [])

    def _size(self, at: int) -> int:
        return int.from_bytes(self._rest[at : at + 2], "big")


class Tap:
    """Stands between a gateway and its venue. `venue` says the venue's port once it is known."""

    def __init__(self, venue: Callable[[], int | None]) -> None:
        self.venue = venue
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.sent, self.answered = Frames(), Frames()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No further session; those that are there end with their ends."""
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                port = self.venue()
                try:
                    far = socket.create_connection(("127.0.0.1", port or 1))
                except OSError:
                    near.close()  # The gateway comes again.
                    continue
                for a, b, frames in ((near, far, self.sent), (far, near, self.answered)):
                    threading.Thread(target=self._pump, args=(a, b, frames), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, frames: Frames) -> None:
        for one in (source, target):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        source.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
        with contextlib.suppress(OSError):
            while True:
                data, about, _, _ = source.recvmsg(1 << 16, 256)
                if not data:
                    break
                stamps = [struct.unpack("qq", value[:16]) for level, kind, value in about if kind == STAMPS]
                at_ns = stamps[0][0] * 1_000_000_000 + stamps[0][1] if stamps else time.time_ns()
                target.sendall(data)
                frames.chunks.append((at_ns, data))
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def write_region(folder: Path, tap_port: int) -> Path:
    """New York's files with one venue without flow, and the strategies; the path of the topology."""
    from meridian.deploy.demo.toml_text import dumps

    shipped = FILES.parent / f"{REGION}.toml"
    topology = tomllib.loads(shipped.read_text(encoding="utf-8"))
    for part in ("tiles", "links"):
        topology[part] = {name: about for name, about in topology[part].items() if not name.endswith("xbos")
                          and "xbos" not in name}  # fmt: skip
    del topology["venues"]["XBOS"]
    topology["metrics"] = {"enabled": False}
    topology["region"] |= {name: f"{name}.toml" for name in ("reference", "limits", "strategies")}
    engine = topology["tiles"]["engine"]["settings"]
    engine["inputs"] = [name for name in engine["inputs"] if "xbos" not in name]
    engine["commands"], engine["feeds"] = ({"1": engine[name]["1"]} for name in ("commands", "feeds"))
    venue = topology["tiles"][f"exchange_{VENUE}"]["settings"]
    # A venue keeps every message of its day; the shipped sizes are for a demo.
    venue["feed_messages"] = venue["session_messages"] = 1 << 20
    del venue["flow"], venue["inner"]
    other = {"session": 2, "listen": "127.0.0.1:{port:other}", "username": "other", "password_file": "{secret:other}"}
    venue["ports"].append(other | {"owner": 2})
    topology["tiles"][GATEWAY]["settings"]["address"] = f"127.0.0.1:{tap_port}"
    shutil.copy(FILES / "reference.toml", folder)
    names = [f"resting-{number}" for number in range(1, SLOTS + 1)]
    (folder / "limits.toml").write_text(dumps(_limits(names)), encoding="utf-8")
    (folder / "strategies.toml").write_text(dumps(_strategies(names)), encoding="utf-8")
    (folder / f"{REGION}.toml").write_text(dumps(topology), encoding="utf-8")
    return folder / f"{REGION}.toml"


def _limits(names: list[str]) -> dict[str, Any]:
    """Limits that stop nothing of this row, with the throttle off."""
    nodes: dict[str, dict[str, Any]] = {"firm": {"level": "firm"}, REGION: {"level": "region", "parent": "firm"}}
    nodes["desk"] = {"level": "desk", "parent": REGION}
    for name in names:
        nodes[name] = {"level": "strategy", "parent": "desk"}
        nodes[f"{name}-account"] = {"level": "account", "parent": name}
    limits: list[dict[str, Any]] = []
    for node in ("firm", *names):
        rows: list[dict[str, Any]] = [
            {"metric": "order_quantity", "lots": 1_000}, {"metric": "order_notional", "money": 2_000_000},
            {"metric": "price_collar", "percent": 50, "reference_age": "1h"},
            {"metric": "message_rate", "count": 100_000_000, "window": "1s", "burst": 1_000_000},
            {"metric": "open_orders", "orders": 10 * ORDERS}, {"metric": "position_long", "lots": 100_000},
            {"metric": "position_short", "lots": 100_000}, {"metric": "gross_exposure", "money": 1_000_000_000},
        ]  # fmt: skip
        limits += [{"id": len(limits) + at, "node": node, **row} for at, row in enumerate(rows, start=1)]
    tree = {name: {"id": number} | about for number, (name, about) in enumerate(nodes.items(), start=1)}
    return {"version": 1, "limits": limits, "nodes": tree}


def _strategies(names: list[str]) -> dict[str, Any]:
    one = {
        "class": f"{Path(__file__).parent / 'resting.py'}:Resting", "timer": "100ms",
        "listings": [{"instrument": "AAPL", "venue": "XNAS"}], "parameters": {"orders_max": ORDERS_A_SLOT},
    }  # fmt: skip
    return {"version": 1, "strategies": dict.fromkeys(names, one)}


def quote(port: int, password: str) -> None:
    """Somebody else's bid and ask at the venue, which stay when the session ends."""
    with socket.create_connection(("127.0.0.1", port)) as session:
        session.settimeout(20)
        _send(session, b"L" + b"other".ljust(6) + password.encode().ljust(10) + b" " * 10 + b"1".rjust(20))
        for number, (side, price) in enumerate(((b"B", MIDDLE_E4 - APART_E4), (b"S", MIDDLE_E4 + APART_E4)), start=1):
            body = struct.pack(">cIcI8sQ", ENTER, number, side, 1_000, b"AAPL".ljust(8), price)
            _send(session, b"U" + body + b"0YPNN" + b"other".ljust(14) + b"\0\0")
        frames = Frames()
        while len(frames.of(ACCEPTED)) < 2:
            if not (data := session.recv(4_096)):
                raise Missing("the venue ended a session that quotes")
            frames.chunks.append((0, data))


def _send(session: socket.socket, packet: bytes) -> None:
    session.sendall(len(packet).to_bytes(2, "big") + packet)


class Firm:
    """A firm with its orders at rest, killed and re-armed."""

    def __init__(self, platform: Platform, tap: Tap) -> None:
        from meridian.deploy.platform import TOKEN_HOLDERS
        from meridian.deploy.strategies import RunningEngine, new_request, start_stop
        from meridian.risk.api.client import Client, read_token

        self.tap = tap
        self.clients = [Client(platform.api, read_token(platform.token_file(holder))) for holder in TOKEN_HOLDERS]
        self.etcd = platform.store.client()
        soon(lambda: len(self.clients[0].get("/v1/limits")["limits"]) == 8 * (SLOTS + 1), "the limits of the file")
        running = platform.below[REGION]
        quote(running.run.ports["other"], (running.places.run_directory / "secrets" / "other").read_text())
        engine = RunningEngine.of(Path(running.run.data_directory).parent)
        for slot in engine.slots():
            request = new_request()
            engine.command(start_stop(slot, request, start=True), request)
        self.journals = Path(running.run.data_directory) / "engine"
        self.times_ns: list[tuple[int, int, int]] = []
        self.kill(1)
        self.times_ns.clear()

    def resting(self) -> int:
        """Orders of the firm that the venue holds."""
        return len(self.tap.answered.of(ACCEPTED)) - len(self.tap.answered.of(CANCELLED))

    def kill(self, count: int) -> list[float]:
        """Kills the firm so many times with all its orders at rest; how long each took until the last cancel's bytes came to
        the venue, in ms from the request to the API."""
        took = []
        for _ in range(count):
            soon(lambda: self.resting() == ORDERS, "the orders at rest")
            before = len(self.tap.sent.of(CANCEL))
            begun_ns = time.time_ns()
            done = self.clients[0].write("POST", f"/v1/kill/{NODE}", {"level": "K3", "reason": "measured"})
            soon(lambda: self.resting() == 0, "the venue's word on every cancel")
            cancels = self.tap.sent.of(CANCEL)[before:]
            assert len(cancels) == ORDERS, "one cancel for each order"
            took.append((cancels[-1] - begun_ns) / 1e6)
            self.times_ns.append((begun_ns, int(done["kill"]["at_ns"]), cancels[-1]))
            asked = self.clients[0].write("POST", f"/v1/rearm/{NODE}", {"reason": "measured"})
            self.clients[1].write("POST", f"/v1/proposals/{asked['proposal']['id']}/confirm")
        return took

    def stages(self) -> dict[str, list[float]]:
        """The parts of every kill in ms: until the API takes the request, until the engine has the kill by its journal, until
        the last cancel is at the venue; and the whole."""
        from meridian import records
        from meridian.engine import journals

        (where,) = journals.find(self.journals)
        taken = [
            time_ns for _, time_ns, data in journals.records(where)
            if records.name_of(data) == "Kill" and records.parse(data)["new_orders"] == records.KillNew.NONE
        ][-len(self.times_ns) :]  # fmt: skip
        assert len(taken) == len(self.times_ns)
        parts: dict[str, list[float]] = {"request_to_api": [], "api_to_engine": [], "engine_to_wire": [], "whole": []}
        for (begun_ns, api_ns, wire_ns), engine_ns in zip(self.times_ns, taken, strict=True):
            assert begun_ns <= api_ns <= engine_ns <= wire_ns, "one clock, in order"
            whole = {"request_to_api": api_ns - begun_ns, "api_to_engine": engine_ns - api_ns,
                     "engine_to_wire": wire_ns - engine_ns, "whole": wire_ns - begun_ns}  # fmt: skip
            for name, value_ns in whole.items():
                parts[name].append(value_ns / 1e6)
        return parts


@contextmanager
def firm(run: Run) -> Iterator[Firm]:
    """Every process, and the orders at rest."""
    from meridian.deploy import platform as platforms

    with place(run) as folder, contextlib.ExitStack() as stack:
        running: list[Platform] = []

        def venue_port() -> int | None:
            found = [
                one.below[REGION].run.ports.get(f"ouch_{VENUE}") for one in running if hasattr(one.below[REGION], "run")
            ]
            return found[0] if found else None

        tap = stack.enter_context(contextlib.closing(Tap(venue_port)))
        platform = platforms.Platform(platforms.load([str(write_region(folder, tap.port))]), folder / "d")
        running.append(platform)
        stack.enter_context(platform)
        yield Firm(platform, tap)


def kill_to_wire(run: Run) -> Result:
    """From the request to the API until the venue has the last cancel."""
    with firm(run) as made:
        compared = Compared.of(run, lambda: made.kill(1), lambda: put_to_watch(made.etcd, 3))
        stages = {name: told(samples) for name, samples in made.stages().items()}
    percentiles = stages.pop("whole")
    return compared.result(
        run, "kill_to_wire", f"kill K3 asked of the limits API until the last of {ORDERS} cancels is at the venue",
        about=f"{len(made.times_ns)} kills of the firm with {ORDERS} orders at rest, one by one; throttle off; etcd with one "
        "member on disk, limits API, agent, engine, gateway, feed and venue as processes on this machine; from when the "
        "request was sent until the kernel had the last cancel's bytes at the venue's end, each order cancelled and confirmed",
        percentiles=percentiles, bound_ms=10,
        details={"kills": len(made.times_ns), "orders": ORDERS, "stages_ms": stages},
    )  # fmt: skip


ROWS = [
    Row(name="kill_to_wire", title="kill at the limits API until the venue has the last cancel", unit="ms", measure=kill_to_wire),
]  # fmt: skip
