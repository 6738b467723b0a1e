"""Starts the processes of a topology, watches them, restarts them by policy, stops them in order.

Invariant: when it ends, by whatever way that lets it act, none of its processes, ports or shared-memory files is left; its
processes ask the system to end with it when it is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import structlog

from meridian import files, logs, release
from meridian._native import links as native
from meridian._native import tiles
from meridian.console import in_words
from meridian.deploy import endings, installations, pairs, quarantine, runs, services
from meridian.deploy.installations import Installation
from meridian.deploy.metrics import Exporter
from meridian.deploy.reserves import Reserves
from meridian.deploy.specs import RELEASES, Places, disk_bytes, logs_bytes, process_spec, service_spec, shared_bytes
from meridian.deploy.topology import Topology
from meridian.ports import free_ports

if TYPE_CHECKING:
    from meridian.deploy.region import Region

MEDIA_DRIVER = "media-driver"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
LOOK_SECONDS = 0.05
RESTART_SECONDS = 0.5
LAST_LINES = 5
"""Of the log of a process that did not start: a line for each error."""
SPARE_SECONDS = 60.0
"""Until one that dies often and is not needed now is started again."""
WANTED_SECONDS_MAX = 10.0
RESTARTS_MAX, RESTARTS_WITHIN_SECONDS = 10, 600.0
"""Of one process within so long; one that dies more often has a reason that a restart does not cure."""

logs.configure()
log = structlog.get_logger("supervisor")


class CannotStart(Exception):
    """A topology did not come up: one sentence an error, the processes' own last words among them."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(errors))


class Interrupted(CannotStart):
    """Asked to stop before everything was up."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process of the run."""

    name: str
    spec: Path
    log: Path
    policy: str
    restarts: int = 0
    """In this run."""
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_MAX))
    """When the last of them were, by the monotonic clock."""
    popen: subprocess.Popen[bytes] | None = None
    restart_at: float | None = None
    ended_on_purpose: bool = False
    """It was ended to be started again: that is no death."""
    successor: subprocess.Popen[bytes] | None = None
    """One that comes for its place: whoever started that looks after both (`successors`)."""
    installation: Installation | None = None
    """From which its next life is started."""
    said: tuple[int, str] | None = None
    """The last life, by its process, that said its release, and which."""
    unstarted: str = ""
    """Why it could not be started when that was tried last."""
    unstarted_since: float | None = None
    """Since when it cannot be, by the monotonic clock; None: it was started, or that was not tried yet."""

    def unstarted_for(self, now: float) -> float:
        """For how long, in seconds, it has not been started though it should be."""
        return 0.0 if self.unstarted_since is None else now - self.unstarted_since

    def dies_often(self, now: float) -> bool:
        """Whether it was restarted so often within so short a time that once more would not help."""
        return len(self.lately) == RESTARTS_MAX and now - self.lately[0] < RESTARTS_WITHIN_SECONDS


@dataclass(slots=True)
class Supervisor:
    """One run of a topology. `start`, then `watch` until it returns, then `stop`; or use it as a context."""

    topology: Topology
    region: Region | None = None
    """What the topology's engine starts from; its files are written into the run."""
    promised: Sequence[int] = ()
    """Ports that this run must leave to others."""
    name: str = ""
    """What the run is called; the topology's own name where nothing is said."""
    claim: runs.Claim = field(init=False)
    places: Places = field(init=False)
    run: runs.Run = field(init=False)
    own: Installation = field(init=False)
    """From which this one runs, as it was when it prepared its run."""
    children: list[Child] = field(default_factory=list)
    exporter: Exporter | None = None
    data_lock: int | None = None
    asked: bool = False
    failures: list[str] = field(default_factory=list)
    untold: bool = False
    """Whether the run's description could not be written when something of it changed."""
    before_start: Callable[[str], None] | None = None
    """Called with a process's name before each of its lives."""
    spare: Callable[[str], bool] | None = None
    """Whether the others go on without a process: one that dies often does not end the run then."""
    wanted: SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]] = field(
        default_factory=SimpleQueue
    )
    """Processes that others than the thread that looks want started."""
    watched: quarantine.Watch = field(init=False)
    """Looks at which calls of strategies engines are in, and marks those that end them."""
    reserves: Reserves = field(init=False)
    """Processes that wait for the place of others."""

    def __post_init__(self) -> None:
        self.topology = pairs.expanded(self.topology)
        self.reserves = Reserves(self)
        slots = self.region.slots if self.region is not None else []
        self.watched = quarantine.Watch(self.topology, {slot.number: slot.name for slot in slots})

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self) -> None:
        """Asks `watch` to return; safe in a signal handler."""
        self.asked = True

    def reserve(self) -> Path:
        """Takes the run's directory, before the start if others must know it; returns it. Raises CannotStart."""
        if not hasattr(self, "claim"):
            try:
                self.claim = runs.claim(self.name or self.topology.name)
            except OSError as error:
                raise CannotStart([in_words(error)]) from None
            endings.forget(self.claim.directory)
        return self.claim.directory

    def start(self) -> None:
        """Brings everything up. Raises CannotStart, with nothing left running."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts every process and waits for none, so that several runs may come up together. Raises CannotStart."""
        self.reserve()
        with self._or_nothing():
            self._prepare()
            self._launch_all()

    def wait(self) -> None:
        """Waits until every process of a launched run has said the release that is expected of it, has their tiles begin, and
        waits until every process is ready. Raises CannotStart, with nothing left running."""
        with self._or_nothing():
            self._until(self._all_attested, "the release of every process")
            self.places.release(release.ARMED).touch()
            self._until(self._all_ready, "every process")
            self.run.state = "running"
            self.run.write()

    @contextlib.contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.stop()
            raise CannotStart([in_words(error)]) from None
        except BaseException:
            self.stop()
            raise

    def watch(self, each: Callable[[], None] | None = None) -> None:
        """Watches until asked to stop or until a process that is not to be restarted has ended (see `failures`)."""
        while not self.asked and not self.failures:
            self.look()
            if each:
                each()
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Looks at every process once: what died is restarted by policy, or is a failure; what others want started is."""
        while not self.wanted.empty():
            start, started = self.wanted.get()
            if started.set_running_or_notify_cancel():
                try:
                    started.set_result(start())
                except OSError as error:
                    started.set_exception(error)
        for child in self.children:
            self._look(child)
            self.reserves.look(child)
        if self.untold:
            self._tell()

    def stop(self) -> None:
        """Stops all processes in the reverse order of their start, then takes away what they shared. Again is no harm."""
        if not hasattr(self, "claim"):
            return
        self.halt()
        if self.exporter:
            self.exporter.close()
            self.exporter = None
        if self.failures:
            with contextlib.suppress(OSError):  # Told by `failures`, too.
                endings.keep(self.claim.directory, self.claim.name, time.time_ns(), self.failures)
        self.claim.release()
        del self.claim
        if self.data_lock is not None:
            os.close(self.data_lock)
            self.data_lock = None

    def halt(self) -> None:
        """Stops all processes and keeps the run's directory, for who must end before the run is over."""
        if hasattr(self, "run"):
            self.run.state = "stopping"
            with contextlib.suppress(OSError):  # A full disk must not keep processes alive.
                self.run.write()
        self.reserves.end()
        for child in reversed(self.children):
            _end(child)
            if child.successor is not None:
                child.successor.kill()
                child.successor.wait()
        self.children.clear()

    def _prepare(self) -> None:
        seen: release.Hashes = {}
        self.own = installations.own(seen)
        directory = self.claim.directory
        shared = self.claim.shared_directory
        for part in (shared / "counters", shared / "links", directory / "logs", directory / "specs"):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What processes of an earlier run said counts for none of this one.
        shutil.rmtree(directory / RELEASES, ignore_errors=True)
        (directory / RELEASES).mkdir(mode=0o700)
        release.leave_seen(directory / RELEASES, seen)
        data = Path(self.topology.data_directory or directory / "data").resolve()
        self.data_lock = files.lock(data)
        if self.data_lock is None:
            raise CannotStart(
                [
                    f"data_directory = {str(data)!r}: another run writes there; `meridian down` ends it, or name another folder"
                ]
            )
        aeron = Path(self.topology.aeron_directory or shared / "aeron").resolve()
        needed = self.topology.ports()
        ports = dict(zip(needed, free_ports(len(needed), promised=self.promised), strict=True))
        words: dict[str, str | int] = dict(_secrets(directory / "secrets", self.topology.secrets()))
        if self.region is not None:
            words |= self.region.prepare(data.parent)
        self.places = Places(
            run_directory=directory, shared_directory=shared, data_directory=data, aeron_directory=aeron, ports=ports,
            words=words,
        )  # fmt: skip
        self.watched.places = self.places
        if short := no_space(self.topology, self.places):
            raise CannotStart(short)
        self.run = runs.Run(
            name=self.claim.name,
            topology=self.topology.name,
            state="starting",
            supervisor_pid=os.getpid(),
            run_directory=str(directory),
            shared_directory=str(shared),
            data_directory=str(data),
            metrics_port=None,
            ports=ports,
        )
        self._make_rings()
        if self.topology.metrics.enabled:
            self.exporter = Exporter(self.run, self.topology.metrics.port)
            self.run.metrics_port = self.exporter.port
        self.run.write()

    def _make_rings(self) -> None:
        for name, link in self.topology.links.items():
            if self.topology.transport_of(name, aeron=native.AERON) == "shm":
                reliable = [how == "reliable" for how in link.consumers.values()]
                native.create_ring(self.places.ring(name), link.depth, link.record_bytes_max, reliable)

    def _launch_all(self) -> None:
        if needed := logs_bytes(self.topology):
            directory = self.places.aeron_directory
            try:
                native.aeron_check_space(directory, needed)
            except OSError as error:
                raise CannotStart([in_words(error)]) from None
            about = {"directory": str(directory), "logs_bytes": needed, "spin": False}
            driver = self._child(MEDIA_DRIVER, {"media_driver": about}, "none")
            self._spawn(driver)
            self._until(lambda: (directory / "cnc.dat").exists(), "the media driver")
        for service in self.topology.services:
            spec = service_spec(self.topology, service, self.places)
            Path(str(spec["data_directory"])).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._spawn(self._child(service, spec, self.topology.restart_of(service)))
        for process in self.topology.process_names():
            spec = process_spec(self.topology, process, self.places)
            self._spawn(self._child(process, spec, self.topology.restart_of(process)))

    def _child(self, name: str, spec: dict[str, object], policy: str) -> Child:
        path = self.claim.directory / "specs" / f"{name}.json"
        path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
        log_path = self.claim.directory / "logs" / f"{name}.log"
        child = Child(name=name, spec=path, log=log_path, policy=policy, installation=self.own)
        child.log.unlink(missing_ok=True)
        self.children.append(child)
        return child

    def before_life(self, child: Child) -> None:
        """What comes before every life of a process. Raises OSError."""
        self.places.ready(child.name).unlink(missing_ok=True)
        if self.before_start:
            self.before_start(child.name)

    def _spawn(self, child: Child) -> None:
        self.before_life(child)
        child.popen = self.popen_of(child, child.installation or self.own, child.spec, self.places.release(child.name))
        child.restart_at = child.unstarted_since = None
        self.tell_of(child)

    def popen_of(
        self, child: Child, of: Installation, spec: Path, says: Path, *, in_reserve: bool = False
    ) -> subprocess.Popen[bytes]:
        """A life of a process by this specification, which says its release in `says`; one in reserve waits for a line on its
        standard input before it does anything else. Raises OSError."""
        service = self.topology.services.get(child.name)
        module = services.KINDS[service.kind] if service else "meridian.deploy.process"
        more = {release.ATTEST: str(says), release.EXPECTED: of.release.name}
        more |= {release.IN_RESERVE: "1"} if in_reserve else {}
        environment = of.environment(MERIDIAN_SUPERVISOR=str(os.getpid()), **more)
        with child.log.open("ab") as output:
            return subprocess.Popen(
                [*of.module(module), str(spec)],
                stdin=subprocess.PIPE if in_reserve else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # A terminal's signals reach the supervisor alone, which stops all in order.
            )

    def start_for_another(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Has the thread that looks start a process: one ends with the thread that started it. Raises OSError."""
        started: Future[subprocess.Popen[bytes]] = Future()
        self.wanted.put((start, started))
        try:
            return started.result(WANTED_SECONDS_MAX)
        except TimeoutError:
            if started.cancel():
                raise
            return started.result()

    def tell_of(self, child: Child) -> None:
        """The run says which process a child is now, and of which release; once its disk takes that, where it does not now: the
        process runs, and is not started a second time for it."""
        assert child.popen is not None, "it was started"
        of, service = child.installation or self.own, self.topology.services.get(child.name)
        about = {"pid": child.popen.pid, "restarts": child.restarts, "release": of.release.name}
        about |= {"installation": str(of.prefix)} if of.foreign else {}
        about |= {"reserve": self.reserves.pid(child.name)} if self.reserves.wanted(child.name) else {}
        self.run.processes[child.name] = about | ({"service": service.kind} if service else {})
        self._tell()

    def _tell(self) -> None:
        try:
            self.run.write()
            self.untold = False
        except OSError as error:
            if not self.untold:
                log.error(
                    "the run's description is older than the run, until its disk takes another", why=in_words(error)
                )
            self.untold = True

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        """Waits at start; a process that ends meanwhile fails the start."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ready():
            ended = [child for child in self.children if child.popen and self._has_ended(child)]
            if ended:
                raise CannotStart([line for child in ended for line in self._not_started(child)])
            if self.asked:
                raise Interrupted(["interrupted while starting; nothing is left running"])
            if time.monotonic() > deadline:
                raise CannotStart(
                    [f"{what} was not ready after {START_SECONDS_MAX:.0f} s; see {self.claim.directory}/logs"]
                )
            time.sleep(LOOK_SECONDS)

    def _all_attested(self) -> bool:
        """Whether each has said its release. Raises CannotStart with a sentence for each that is of another one."""
        wrong = [sentence for child in self.children if (sentence := self.mismatch(child)) is not None]
        if wrong:
            raise CannotStart(wrong)
        return all(self.attested(child) is not None for child in self.children)

    def attested(self, child: Child) -> str | None:
        """The release that a process said in its present life; None where it has not yet."""
        if child.popen is None:
            return None
        pid = child.popen.pid
        if child.said is None or child.said[0] != pid:
            found = release.attested(self.places.release(child.name), pid)
            child.said = None if found is None else (pid, found)
        return None if child.said is None else child.said[1]

    def mismatch(self, child: Child) -> str | None:
        """What is wrong with the release that a process said; None where nothing is, or it has not said any."""
        found, expected = self.attested(child), self.run.processes[child.name].get("release")
        return None if found in (None, expected) else release.mismatch(child.name, found, expected)

    def _all_ready(self) -> bool:
        return all(self.child_ready(child.name) for child in self.children if child.name != MEDIA_DRIVER)

    def child_ready(self, name: str) -> bool:
        """Whether a process is at work."""
        if name in self.topology.services:
            return self.places.ready(name).exists()
        return _ready(self.run.counters(name))

    def _not_started(self, child: Child) -> list[str]:
        """How a process ended that was to start, and everything that it said of it."""
        assert child.popen is not None, "it has ended"
        said = [f"{child.name}: {line}" for line in endings.last_lines(child.log, LAST_LINES)]
        marks = self.watched.ended(child.name, child.popen.pid, child.popen.returncode)
        said += [f"{mark.tile}: a strategy ended it and is put in quarantine; start again" for mark in marks]
        return [f"process {child.name} {endings.how(child.popen.returncode)}; its log: {child.log}", *said]

    def _look(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self._try_again(child)
            return
        if child.popen is None or child.successor is not None:
            return
        self._goes_on(child)
        if not self._has_ended(child):
            return
        often = child.dies_often(time.monotonic()) and not child.ended_on_purpose
        later = often and self.spare is not None and self.spare(child.name)
        if (wrong := self.mismatch(child)) and not (self.spare is not None and self.spare(child.name)):
            # Started again it would be of that release, too.
            self.failures.append(wrong)
            child.popen = None
            return
        if child.policy != "always" or (often and not later):
            self.failures.append(endings.died(child.name, child.popen.returncode, child.log, child.restarts))
            child.popen = None
            return
        child.restarts += 1
        if not child.ended_on_purpose:
            child.lately.append(time.monotonic())
        child.ended_on_purpose = False
        for name in self.topology.links:
            if (path := self.places.ring(name)).exists():
                native.detach_dead(path)
        code = child.popen.returncode
        if self.reserves.steps_in(child):
            log.warning("the one in reserve goes on", process=child.name, code=code, restarts=child.restarts)
            self.tell_of(child)
            return
        seconds = SPARE_SECONDS if later else RESTART_SECONDS
        child.restart_at = time.monotonic() + seconds
        log.warning("restart", process=child.name, code=code, restarts=child.restarts, seconds=seconds)

    def _goes_on(self, child: Child) -> bool:
        """Whether it runs and may: one that says another release than is expected of it is ended."""
        assert child.popen is not None, "it was started"
        if child.popen.poll() is not None:
            return False
        if self.mismatch(child) is None:
            return True
        child.popen.kill()
        child.popen.wait()
        return False

    def _has_ended(self, child: Child) -> bool:
        """Whether a process has ended; one that does not come back from a call is ended. Its marks come first."""
        assert child.popen is not None, "it was started"
        if child.popen.poll() is None and self.watched.look(child.name, child.popen.pid):
            log.error("an engine does not come back from a call of a strategy; it is ended", process=child.name)
            child.popen.kill()
            child.popen.wait()
        if (code := child.popen.poll()) is None:
            return False
        self.watched.ended(child.name, child.popen.pid, code)
        return True

    def _try_again(self, child: Child) -> None:
        """A disk that takes nothing may keep it from starting: it is started once that is over."""
        try:
            self._spawn(child)
        except OSError as error:
            child.restart_at = time.monotonic() + RESTART_SECONDS
            child.unstarted, child.unstarted_since = in_words(error), child.unstarted_since or time.monotonic()
            log.error("not restarted yet", process=child.name, why=child.unstarted)


def no_space(topology: Topology, places: Places) -> list[str]:
    """A sentence for each place without the room that the topology needs to start."""
    needed = {
        "data_directory": (places.data_directory, disk_bytes(topology, places)),
        "shared memory": (places.shared_directory, shared_bytes(topology)),
    }
    errors = []
    for what, (path, bytes_needed) in needed.items():
        about = os.statvfs(next(part for part in (path, *path.parents) if part.exists()))
        free = about.f_bavail * about.f_frsize
        if free < bytes_needed:
            errors.append(
                f"{what} = {path}: needs {bytes_needed} bytes, {free} are free there; make room or name another"
            )
    return errors


def _secrets(folder: Path, names: list[str]) -> dict[str, str]:
    """A password for each name, in a file that only its owner reads; the file by `secret:NAME`."""
    if names:
        folder.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(5))
    return {f"secret:{name}": str(folder / name) for name in names}


def _ready(counters: Path) -> bool:
    try:
        return dict(native.Counters(counters).read()).get("process.ready") == 1
    except OSError:
        return False


def _end(child: Child) -> None:
    popen = child.popen
    if popen is None or popen.poll() is not None:
        return
    popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        log.error("does not stop; killed", process=child.name)
        popen.kill()
        popen.wait()


def kinds() -> list[str]:
    """The kinds of tile that this build knows."""
    return tiles.kinds()
