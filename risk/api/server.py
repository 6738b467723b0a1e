"""The process of the limits API: `meridian limits serve FILE.toml`, or the service `limits-api` of a topology.

Invariant: it listens without TLS on loopback and unix sockets alone; anywhere else it needs a certificate, or refuses to start.
Its logs hold no header, no body and no token. As a service of a run it tells how it is at a local socket, without a token, to the
user whom it belongs to alone; nothing can be changed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from pydantic import Field

from meridian import logs
from meridian.child import set_by_signals
from meridian.console import BadInput, Unreachable
from meridian.coordination import Access, AsyncEtcd, local
from meridian.coordination.verbs import is_loopback, leaves_in_plain
from meridian.risk.api import connections, keys, stream
from meridian.risk.api.app import create_app
from meridian.risk.api.changes import World
from meridian.risk.api.etcd import EtcdStore
from meridian.risk.api.importing import strangers
from meridian.risk.api.models import Holder
from meridian.risk.api.service import Service
from meridian.risk.api.service import Settings as ServiceSettings
from meridian.risk.api.tokens import existing
from meridian.risk.api.view import Change
from meridian.risk.limits import Limits
from meridian.venues.checking import Entry, Problems, read_toml
from meridian.venues.reference import ReferenceData

if TYPE_CHECKING:
    from meridian.deploy.services import Service as Process

logs.configure()
log = structlog.get_logger("limits-api")
UNIX = "unix:"
LOOK_SECONDS = 0.1
NO_GENERATION = keys.ROOT + "api/generation"


class Settings(Entry):
    """What the process is started with."""

    listen: str = Field(default="127.0.0.1:8420", description="ADDRESS:PORT or unix:PATH")
    certificate: str | None = Field(default=None, description="a PEM file; needed beyond loopback")
    key: str | None = Field(default=None, description="the certificate's key, a file that its owner alone can read")
    tokens: str = Field(description="the file of `meridian limits token`")
    etcd: list[str] = Field(description="addresses of the store's members", min_length=1)
    etcd_ca: str | None = Field(default=None, description="a PEM file")
    etcd_certificate: str | None = Field(default=None, description="a PEM file")
    etcd_key: str | None = Field(default=None, description="a PEM file")
    reference: str | None = Field(default=None, description="a file of reference data")
    limits: str | None = Field(default=None, description="a limits file, which an empty store takes in")
    holders: list[Holder] = Field(default=[], description="engines that hold parts, as REGION-SHARD")
    kill_sockets: dict[str, str] = Field(default={}, description="the path of each region's local socket")
    runs: str | None = Field(default=None, description="the directory of a run or a platform, whose breaks are served")
    proposal_seconds: int = Field(default=900, ge=1, le=86_400, description="a whole number from 1 to 86400")


def address_of(listen: str) -> tuple[str, int]:
    """Host and port. Raises ValueError."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"listen = {listen}: allowed is ADDRESS:PORT or unix:PATH.")
    return host, int(port)


def problems_of(settings: Settings) -> list[str]:
    """Every error of the settings as a whole."""
    found = []
    inside = settings.listen.startswith(UNIX)
    if not inside:
        try:
            inside = is_loopback(address_of(settings.listen)[0])
        except ValueError as error:
            return [str(error)]
    if not inside and settings.certificate is None:
        found.append(
            f"listen = {settings.listen}: allowed beyond loopback is only an address with certificate and key."
        )
    for address in settings.etcd:
        if leaves_in_plain(address):
            found.append(
                f"etcd = {address}: allowed beyond loopback is https, with etcd_ca, etcd_certificate and etcd_key."
            )
    if (settings.certificate is None) != (settings.key is None):
        found.append("certificate and key: allowed is both or neither.")
    for name in ("certificate", "key", "reference", "limits", "etcd_ca", "etcd_certificate", "etcd_key"):
        path = getattr(settings, name)
        if path is not None and not Path(path).is_file():
            found.append(f"{name} = {path}: allowed is a file that is there.")
    if settings.key is not None and Path(settings.key).is_file():
        mode = stat.S_IMODE(Path(settings.key).stat().st_mode)
        if mode & 0o077:
            found.append(f"key = {settings.key}: mode {mode:o}; allowed is mode 600 (chmod 600).")
    if settings.runs is not None and not Path(settings.runs).is_dir():
        found.append(f"runs = {settings.runs}: allowed is a directory that is there.")
    if settings.limits is not None and settings.reference is None:
        found.append("reference is missing: allowed with limits is the file of its reference data.")
    return found


def examine(settings: Settings) -> list[str]:
    """Every error of the settings and of the files that they name: what a start would be refused for, or be of no use."""
    found = problems_of(settings)
    try:
        if not existing(Path(settings.tokens)).tokens:
            found.append(
                f"tokens = {settings.tokens}: it holds no token; allowed is a file with one (`limits token create`)."
            )
    except BadInput as error:
        found += error.errors
    if not found:
        try:
            _files(settings)
        except BadInput as error:
            found += error.errors
    return found


def _files(settings: Settings) -> tuple[ReferenceData | None, Limits | None]:
    """The reference data and the limits that the settings name. Raises BadInput with every error."""
    reference = ReferenceData.load(settings.reference) if settings.reference else None
    limits = Limits.load(settings.limits, reference) if settings.limits and reference else None
    if limits and settings.holders and (unknown := strangers(limits, settings.holders)):
        raise BadInput(unknown)
    return reference, limits


def load(path: Path) -> Settings:
    """Settings of a file. Raises BadInput with every error."""
    document, _ = read_toml(path)
    problems = Problems(str(path))
    settings = problems.entry("limits-api", document, Settings)
    problems.raise_any()
    assert settings is not None, "what has no problem is there"
    return settings


def build(settings: Settings) -> Service:
    """The service of the settings. Raises BadInput with every error."""
    wrong = problems_of(settings)
    if wrong:
        raise BadInput(wrong)
    reference, limits = _files(settings)
    paths = [Path(one) if one else None for one in (settings.etcd_ca, settings.etcd_certificate, settings.etcd_key)]
    access = Access(ca=paths[0], certificate=paths[1], key=paths[2])
    # The view reads the generation itself, with everything else that is written there; watches need not.
    etcd = AsyncEtcd(settings.etcd, access, generation_key=NO_GENERATION)
    about = ServiceSettings(
        tokens=Path(settings.tokens),
        world=World(reference=reference, holders=tuple(settings.holders)),
        limits=limits,
        kill_sockets={region: Path(path) for region, path in settings.kill_sockets.items()},
        runs=Path(settings.runs) if settings.runs else None,
        proposal_seconds=settings.proposal_seconds,
    )
    service = Service(about, EtcdStore(etcd))
    if service.tokens.trouble:
        raise BadInput(service.tokens.trouble)
    return service


def bound(listen: str) -> socket.socket:
    """A socket that listens there. Raises Unreachable."""
    try:
        if listen.startswith(UNIX):
            path = Path(listen.removeprefix(UNIX))
            if path.is_socket():
                path.unlink()
            local = socket.socket(socket.AF_UNIX)
            local.bind(str(path))
            path.chmod(0o600)
            return local
        host, port = address_of(listen)
        listening = socket.create_server((host, port), family=_family(host), backlog=connections.BACKLOG)
        # Connections inherit it; without it an answer waits 40 ms for the acknowledgement of its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise Unreachable(
            f"listen = {listen}: {error.strerror or error}; allowed is an address that is free."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Server(uvicorn.Server):
    """uvicorn, stopped by an event instead of by its own handlers of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's own handlers stay."""
        yield


def serve(settings: Settings, stop: Event, ready: Callable[[], None], status: Path | None = None) -> None:
    """Serves until asked to stop; `status` is where the local socket goes. Raises BadInput or Unreachable before anything
    starts."""
    service = build(settings)
    listening = bound(settings.listen)
    config = connections.config(create_app(service), ssl_certfile=settings.certificate, ssl_keyfile=settings.key)
    server = Server(config)

    async def main() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        if status is not None:
            Thread(target=tell, args=(status, service, asyncio.get_running_loop(), stop), daemon=True).start()
        told = False
        while not serving.done():
            if server.started and not told:
                ready()
                told = True
            if stop.is_set() and not server.should_exit:
                # Streams would hold it up, and be cut off in the middle.
                service.view.tell(Change(stream.END, "", service.view.revision, None))
                server.should_exit = True
            await asyncio.wait({serving}, timeout=LOOK_SECONDS)
        await serving

    try:
        asyncio.run(main())
    finally:
        listening.close()
        if settings.listen.startswith(UNIX):
            Path(settings.listen.removeprefix(UNIX)).unlink(missing_ok=True)


def tell(path: Path, service: Service, loop: asyncio.AbstractEventLoop, stop: Event) -> None:
    """Answers at the local socket: what `meridian status` says of this process."""

    async def health() -> dict[str, Any]:
        return service.health().model_dump(mode="json")

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        if command != {"command": "status"}:
            raise ValueError("allowed is the command status alone")
        try:
            return {"status": asyncio.run_coroutine_threadsafe(health(), loop).result(local.PATIENCE_S)}
        except TimeoutError:
            raise ValueError("it is busy") from None

    try:
        listener = local.listen(path)
    except OSError as error:
        log.error("meridian status will not hear of this process", why=str(error))
        return
    with listener:
        while not stop.is_set():
            local.serve(listener, answer)


def serve_until_signal(settings: Settings, ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM."""
    stop = Event()
    set_by_signals(stop, signal.SIGINT, signal.SIGTERM)
    serve(settings, stop, ready)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The API in a thread of this process, for notebooks and tests; gives its address. Raises what it cannot start for."""
    stop, up = Event(), Event()
    ends: list[BaseException] = []

    def work() -> None:
        try:
            serve(settings, stop, up.set)
        except BaseException as error:
            ends.append(error)
        finally:
            up.set()

    thread = Thread(target=work, name="limits-api")
    thread.start()
    try:
        up.wait()
        if ends:
            raise ends[0]
        yield settings.listen if settings.listen.startswith(UNIX) else f"http://{settings.listen}"
    finally:
        stop.set()
        thread.join()


def main(process: Process, stop: Event) -> None:
    """As a service of a topology."""
    try:
        serve(Settings.model_validate(process.settings), stop, process.ready, process.socket_path)
    except BadInput as error:
        raise ValueError("\n".join(error.errors)) from None
    except Unreachable as error:
        raise OSError("\n".join(error.errors)) from None


if __name__ == "__main__":
    from meridian.deploy.services import run

    sys.exit(run(main))
