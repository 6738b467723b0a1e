"""The process around a region's agent: the store's watch, rings to and from the engine, datagrams to other regions, the local
socket. What is decided is decided in `crates/coordination/src/agent`; here is only I/O.

Invariant: nothing that may wait (store, disk, a slow peer) is done while the state machine is held, but for the small file of
what must outlive this process; a kill through the local socket waits for nothing.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import structlog

from meridian import files, logs
from meridian._native import coordination as native
from meridian.console import BadInput
from meridian.coordination import keys, local
from meridian.coordination.agent_settings import (
    MEMORY,
    Settings,
    address,
    directory,
    next_start,
    remembered,
    secret,
)
from meridian.coordination.client import Etcd, Lease
from meridian.coordination.clock import Clock
from meridian.coordination.membership import Membership
from meridian.coordination.sealed import Sealed
from meridian.coordination.sentences import plain
from meridian.coordination.values import Delete as DeleteStep
from meridian.coordination.values import EventKind, Put, Step
from meridian.coordination.verbs import Access
from meridian.deploy.services import Service, run

__all__ = ["AgentProcess", "Settings", "main"]

TICK_S = 0.02
STORE_TIMEOUT_S = 2.0
RETRY_S = 0.5
WRITES_AT_ONCE = 100
CONFIRM_S = 0.5
LEFT_S = 0.5
NO_GENERATION = keys.ROOT + "agent/generation"
logs.configure()
log = structlog.get_logger("agent")


class AgentProcess:
    """One agent. `start`, then `tick` now and then until `stop`."""

    def __init__(self, service: Service, stop: Event) -> None:
        """Raises ValueError or OSError, with everything that is wrong, before anything is started."""
        self.settings = settings = Settings.model_validate(service.settings)
        self.stop_event = stop
        self.clock = Clock()
        self.lock = Lock()
        self.directory = service.data_directory
        self.sealed = Sealed(secret(settings.secret, needed=bool(settings.listen or settings.peers)))
        try:
            names = directory(settings.limits, settings.reference)
            self._client()
        except BadInput as error:
            raise ValueError(str(error)) from None
        config = {
            "region": settings.region,
            "shard": settings.shard,
            "start": next_start(self.directory),
            "peers": list(settings.peers),
            "directory": names,
            "memory": remembered(self.directory),
        }
        self.machine = native.Agent(json.dumps(config))
        self.publisher = service.publisher(settings.to_engine)
        self.subscriber = service.subscriber(settings.from_engine)
        self.peers = [address(where) for where in settings.peers.values()]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address(settings.listen or "127.0.0.1:0"))
        self.socket.settimeout(0.2)
        self.local = local.listen(service.socket_path)
        self.writes: queue.SimpleQueue[tuple[str, str | None, bool]] = queue.SimpleQueue()
        self.membership = Membership(settings.region)
        self.resync = Event()
        self.foreign = 0
        self.offers_refused = 0
        self.store_error = ""
        self.left_at = 0.0
        self.unremembered: str | None = None
        self.disk_error = ""
        self.threads: list[Thread] = []

    def start(self) -> None:
        """Starts to listen and to watch."""
        for work in (self._engine, self._watch, self._write, self._receive, self._answer):
            thread = Thread(target=self._forever, args=(work,), name=work.__name__.strip("_"), daemon=True)
            thread.start()
            self.threads.append(thread)

    def tick(self) -> None:
        """Time passes."""
        with self.lock:
            self.machine.on_tick(self.clock.now_ns())
            self._act()
        if time.monotonic() >= self.left_at:
            self.left_at = time.monotonic() + LEFT_S
            with self.lock:
                if self.unremembered is not None:
                    self._remember(self.unremembered)
                value = self.membership.again(self._sentences_of_process())
                if value is not None and not self.store_error:
                    self.writes.put((self.membership.key, value, True))
            self._take_left()

    def _take_left(self) -> None:
        """Takes in kills that went past this agent while it was away; the files go once this process remembers them."""
        for path, text in local.left_kills(self.directory):
            try:
                with self.lock:
                    self.machine.on_local_kill(self.clock.now_ns(), text)
                    self._act()
            except ValueError as error:
                log.error("a kill that was left for this agent is none", path=str(path), error=str(error))
            if self.unremembered is not None:
                return
            with contextlib.suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Ends everything; the membership's lease runs out."""
        self.stop_event.set()
        for thread in self.threads:
            thread.join(STORE_TIMEOUT_S + 1)
        self.socket.close()
        self.local.close()

    def status(self) -> dict[str, Any]:
        """All that is known."""
        with self.lock:
            known: dict[str, Any] = json.loads(self.machine.status())
        known["datagrams"]["foreign"] = self.foreign
        known["engine"]["offers_refused"] = self.offers_refused
        known["store"]["error"] = self.store_error
        known["sentences"] += self._sentences_of_process()
        if self.store_error:
            known["sentences"].append(f"store: {plain(self.store_error)}")
        return known

    def _sentences_of_process(self) -> list[str]:
        """What is wrong with this process, rather than with what it knows: shown here and to all regions."""
        found = [self.clock.sentence()]
        if self.unremembered is not None:
            path = self.directory / MEMORY
            found.append(
                f"disk: {path} cannot be written ({self.disk_error}); a restart would forget it; make room there"
            )
        return [sentence for sentence in found if sentence]

    def _forever(self, work: Callable[[], None]) -> None:
        """A thread's work, again and again; what goes wrong with it is said and tried again."""
        while not self.stop_event.is_set():
            try:
                work()
            except Exception as error:
                log.error("goes on after an error", work=work.__name__, error=str(error))
                self.stop_event.wait(RETRY_S)

    def _act(self) -> None:
        """Does what the machine asks for. Its lock is held."""
        for action in self.machine.actions():
            what = action[0]
            if what == "engine":
                # What the link does not take is sent again by the machine.
                self.offers_refused += self.publisher.offer(action[1]) != "sent"
            elif what == "peers":
                self._send(action[1])
            elif what == "store":
                self.membership.want(action[1], action[2])
                self.writes.put((action[1], action[2], action[3]))
            elif what == "resync":
                self.resync.set()
            elif what == "remember":
                self._remember(action[1])

    def _remember(self, memory: str) -> None:
        """What must outlive this process; tried again as long as the disk does not take it."""
        try:
            files.write_whole(self.directory / MEMORY, memory, 0o600)
        except OSError as error:
            self.unremembered, self.disk_error = memory, error.strerror or str(error)
        else:
            self.unremembered = None

    def _send(self, datagram: bytes) -> None:
        sealed = self.sealed.seal(datagram)
        for peer in self.peers:
            with contextlib.suppress(OSError):
                self.socket.sendto(sealed, peer)

    def _engine(self) -> None:
        """Reads what the engine says."""
        lost = 0
        while not self.stop_event.is_set():
            outputs = self.subscriber.poll(timeout=0.1)
            missed = self.subscriber.lost
            if not outputs and missed == lost:
                continue
            with self.lock:
                self.machine.on_engine(self.clock.now_ns(), outputs)
                self.machine.on_engine_lost(missed - lost)
                self._act()
            lost = missed

    def _receive(self) -> None:
        """Reads what other regions' agents say."""
        while not self.stop_event.is_set():
            try:
                sealed = self.socket.recv(65_536)
            except TimeoutError:
                continue
            datagram = self.sealed.open(sealed)
            if datagram is None:
                self.foreign += 1
                continue
            with self.lock:
                self.machine.on_peer(self.clock.now_ns(), datagram)
                self._act()

    def _client(self) -> Etcd:
        store = self.settings.store
        ca, certificate, key = (Path(path) if path else None for path in (store.ca, store.certificate, store.key))
        access = Access(ca=ca, certificate=certificate, key=key)
        # The machine reads the generation itself, with all that is wrong with it; watches need not.
        return Etcd(store.endpoints, access, timeout_s=STORE_TIMEOUT_S, generation_key=NO_GENERATION)

    def _watch(self) -> None:
        """Follows the store, until it has to be read whole again."""
        self.resync.clear()
        try:
            with self._client().watch(keys.ROOT, prefix=True, silence_max_s=1.0) as watch:
                while not self.stop_event.is_set() and not self.resync.is_set():
                    event = watch.next(0.1)
                    status = watch.status
                    self.store_error = "" if status.live else status.last_error
                    with self.lock:
                        now_ns = self.clock.now_ns()
                        if event is None and status.live:
                            self.machine.on_progress(now_ns, status.position.revision)
                        while event is not None:
                            self._take(now_ns, event)
                            event = watch.next(0) if watch.waiting else None
                        if not status.live:
                            self.machine.on_store_lost(now_ns)
                        self._act()
        except native.EtcdError as error:
            self.store_error = str(error)
            with self.lock:
                self.machine.on_store_lost(self.clock.now_ns())
                self._act()
            self.stop_event.wait(RETRY_S)

    def _take(self, now_ns: int, event: Any) -> None:
        if event.kind is EventKind.RESYNC:
            entries = [(str(one.key), self._read(one), one.mod_revision) for one in event.key_values]
            self.machine.on_reset(now_ns, event.position.cluster_id, event.position.revision, entries)
        elif event.kind is EventKind.PUT:
            one = event.key_value
            self.machine.on_put(now_ns, str(one.key), self._read(one), one.mod_revision)
        else:
            self.machine.on_delete(now_ns, str(event.key_value.key), event.key_value.mod_revision)

    def _read(self, one: Any) -> bytes:
        return self.membership.incoming(str(one.key), bytes(one.value))

    def _write(self) -> None:
        """Writes what the machine publishes, many keys at once, and keeps the membership's lease."""
        etcd = self._client()
        lease: Lease | None = None
        renew_at = 0.0
        waiting: list[tuple[str, str | None, bool]] = []
        while not self.stop_event.is_set():
            with contextlib.suppress(queue.Empty):
                waiting.append(self.writes.get(timeout=TICK_S))
                while len(waiting) < WRITES_AT_ONCE:
                    waiting.append(self.writes.get_nowait())
            try:
                if lease is None and any(leased for _, _, leased in waiting):
                    lease = etcd.lease(self.settings.lease_seconds, renew=False)
                    renew_at = time.monotonic() + lease.ttl_s / 3
                if lease is not None and time.monotonic() >= renew_at:
                    lease.renew()
                    renew_at = time.monotonic() + lease.ttl_s / 3
                done = not waiting or self._put(etcd, waiting, lease.id if lease else 0)
            except native.EtcdError as error:
                done = False
                self.store_error = str(error)
                if lease is not None and lease.remaining_s <= 0:
                    lease = None
                    with self.lock:
                        self.machine.on_lease_lost()
            if not done:
                self.membership.failed()
            if not done and not waiting:
                self.stop_event.wait(TICK_S)
            with self.lock:
                for key, _, _ in waiting:
                    self.machine.on_stored(key, done)
            waiting.clear()

    def _put(self, etcd: Etcd, waiting: list[tuple[str, str | None, bool]], lease: int) -> bool:
        known = self._sentences_of_process()
        latest = {key: (self.membership.outgoing(key, value, known), leased) for key, value, leased in waiting}
        steps: list[Step] = [
            DeleteStep(key) if value is None else Put(key, value, lease if leased else 0)
            for key, (value, leased) in latest.items()
        ]
        return etcd.transact([], steps).succeeded

    def _answer(self) -> None:
        """Answers callers at the local socket."""
        while not self.stop_event.is_set():
            local.serve(self.local, self._command)

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        word = command.pop("command", None)
        if word == "status":
            return {"status": self.status()}
        if word != "kill":
            raise ValueError(f"command = {word}: allowed are kill, status")
        with self.lock:
            self.machine.on_local_kill(self.clock.now_ns(), json.dumps(command))
            self._act()
            after = self._in_force(json.loads(self.machine.status()))
        deadline = time.monotonic() + CONFIRM_S
        while after is None and time.monotonic() < deadline:
            time.sleep(0.002)
            after = self._in_force(self.status())
        return {"sent": True, "input": after}

    @staticmethod
    def _in_force(status: dict[str, Any]) -> int | None:
        """The input sequence at which all local kills are in force."""
        inputs = [kill["input"] for kill in status["kills"] if kill["local"]]
        return None if not inputs or None in inputs else max(inputs)


def main(service: Service, stop: Event) -> None:
    """Runs the agent until asked to stop."""
    agent = AgentProcess(service, stop)
    agent.start()
    service.ready()
    try:
        while not stop.wait(TICK_S):
            agent.tick()
    finally:
        agent.close()


if __name__ == "__main__":
    sys.exit(run(main))
