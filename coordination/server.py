"""A coordination store on this machine: one member or three, each an etcd process with a data folder of its own.

For laptops, demos and tests; in production the members run where `docs/coordination.md` puts them.

Invariant: a member never outlives the process that started it, however that one ended; what it holds stays in its folder, and a
started store is the one of its folder again.

    with EtcdServer(folder, members=3) as store:
        etcd = store.client()
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from meridian._native.coordination import EtcdError
from meridian.console import BadInput, Unreachable, progress
from meridian.coordination.aio import AsyncEtcd
from meridian.coordination.certificates import Authority
from meridian.coordination.client import Etcd
from meridian.coordination.install import installed
from meridian.coordination.users import ADMINISTRATOR, set_up
from meridian.coordination.verbs import Access, is_loopback
from meridian.ports import free_ports

LAUNCH = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
    "sys.exit(0) if os.getppid() != int(sys.argv[1]) else os.execv(sys.argv[2], sys.argv[2:])\n"
)
"""Asks the system to end etcd when its parent is gone, then becomes etcd."""

HEALTHY_MAX_S = 30.0
STOP_MAX_S = 2.0
"""A member waits for its clients' watches to end, which they do not; what it acknowledged is on its disk."""
TOKEN = "meridian"


def kept_ports(folder: Path, count: int) -> list[int]:
    """The ports of the store in a folder, chosen once: its members know each other by them."""
    path = folder / "ports.json"
    try:
        ports = [int(port) for port in json.loads(path.read_text())]
    except FileNotFoundError:
        ports = free_ports(count, "127.0.0.1")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(ports))
    except (ValueError, TypeError):
        raise BadInput(f"{path} is damaged; allowed: {count} ports") from None
    if len(ports) != count:
        raise BadInput(f"members is {count // 2}; the store in {folder} has {len(ports) // 2}")
    return ports


@dataclass(slots=True)
class Member:
    """One etcd process, or the place for one."""

    name: str
    host: str
    client_port: int
    peer_port: int
    folder: Path
    peer_host: str
    """Where the other members reach it; clients do at `host`."""
    command_prefix: list[str] = field(default_factory=list)
    """Runs the member elsewhere, as `ip netns exec NAME`."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """What the member holds."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    @property
    def running(self) -> bool:
        """Whether its process is there, paused or not."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Ends it at once, as a lost host would."""
        self._signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def pause(self) -> None:
        """Stops it where it is."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Throws away what it holds; it must not run."""
        assert not self.running, f"{self.name} runs"
        shutil.rmtree(self.data, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def last_words(self) -> str:
        """The end of its log, for an error; nothing is there of one that was killed."""
        code = self.process.poll() if self.process else None
        if code is not None and code < 0:
            return f"ended by {signal.Signals(-code).name}"
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        told = [line for line in lines if '"level":"fatal"' in line or '"level":"panic"' in line or "rror" in line]
        return (told or lines or ["no log"])[-1][:400]


class EtcdServer:
    """A store of one member or three."""

    def __init__(
        self,
        folder: Path,
        *,
        members: int = 1,
        tls: bool = False,
        users_of_regions: Sequence[str] | None = None,
        hosts: Sequence[str] = ("127.0.0.1",),
        heartbeat_ms: int = 100,
        election_ms: int = 1000,
        flags: Sequence[str] = (),
    ) -> None:
        """`tls`: all speak TLS and clients need certificates of the store's own authority (in `folder/tls`).
        `users_of_regions`: only known users are let in, set up for these regions; needs `tls`. Raises BadInput."""
        wrong = []
        if members not in (1, 3, 5):
            wrong.append(f"members is {members}; allowed: 1, 3 or 5")
        if users_of_regions is not None and not tls:
            wrong.append(
                "users_of_regions is given without tls; allowed: with tls, since users are known by certificates"
            )
        if not tls:
            wrong += [f"hosts: {host}: allowed beyond loopback is tls alone" for host in hosts if not is_loopback(host)]
            if (folder / "tls" / f"{ADMINISTRATOR}.pem").exists():
                wrong.append(
                    f"tls is false; the store in {folder} lets users with certificates in alone: allowed is true"
                )
        if election_ms < 5 * heartbeat_ms:
            wrong.append(f"election_ms is {election_ms}; allowed: at least 5 × heartbeat_ms, {5 * heartbeat_ms}")
        if wrong:
            raise BadInput(wrong)
        self.folder = folder
        self.tls = tls
        self.users_of_regions = users_of_regions
        self.times = [f"--heartbeat-interval={heartbeat_ms}", f"--election-timeout={election_ms}"]
        self.flags = list(flags)
        self.authority: Authority | None = None
        each = [hosts[at % len(hosts)] for at in range(members)]
        ports = kept_ports(folder, 2 * members)
        self.members = [
            Member(
                f"member-{at + 1}", each[at], ports[2 * at], ports[2 * at + 1], folder / f"member-{at + 1}", each[at]
            )
            for at in range(members)
        ]

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.tls else "http"

    @property
    def endpoints(self) -> list[str]:
        """Where clients reach the members."""
        return [f"{self.scheme}://{member.host}:{member.client_port}" for member in self.members]

    def access(self, user: str = ADMINISTRATOR) -> Access:
        """What lets a user in: nothing needed without TLS, else a certificate, issued when there is none."""
        if not self.tls:
            return Access()
        authority = self._authority()
        certificate, key = authority.folder / f"{user}.pem", authority.folder / f"{user}-key.pem"
        if not certificate.exists():
            issued = authority.issue(user)
            certificate, key = issued.certificate, issued.key
        return Access(ca=authority.certificate, certificate=certificate, key=key)

    def client(self, user: str = ADMINISTRATOR, *, timeout_s: float = 5.0) -> Etcd:
        """A client as this user."""
        return Etcd(self.endpoints, self.access(user), timeout_s=timeout_s)

    def async_client(self, user: str = ADMINISTRATOR, *, timeout_s: float = 5.0) -> AsyncEtcd:
        """A client as this user, whose calls are awaited."""
        return AsyncEtcd(self.endpoints, self.access(user), timeout_s=timeout_s)

    def _authority(self) -> Authority:
        if self.authority is None:
            self.authority = Authority.in_folder(self.folder / "tls")
        return self.authority

    def start(self) -> EtcdServer:
        """Starts every member that does not run and waits until all are healthy. Unreachable when they do not become so.

        Call it from a thread that lives as long as the store: to the system, that thread is the members' parent."""
        for member in self.members:
            self.start_member(member)
        self.wait_healthy()
        if self.users_of_regions is not None:
            set_up(self.client(), self.users_of_regions)
        return self

    def start_member(self, member: Member) -> None:
        """Starts one member, which takes up what its folder holds."""
        if member.running:
            return
        member.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        launch = [*member.command_prefix, sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid())]
        command = [*launch, str(installed().server), *self.arguments(member)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        with member.log.open("ab") as log:
            # A group of its own: the terminal's signals are for whoever started it.
            member.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def arguments(self, member: Member) -> list[str]:
        """etcd's flags for a member."""
        client = f"{self.scheme}://{member.host}:{member.client_port}"
        peer = self.peer_url(member)
        found = [
            f"--name={member.name}",
            f"--data-dir={member.data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={self.initial_cluster()}",
            f"--initial-cluster-token={TOKEN}",
            "--log-level=warn",
            *self.times,
            *self.flags,
        ]
        if self.tls:
            authority = self._authority()
            names = sorted({"localhost", "127.0.0.1", member.host, member.peer_host})
            files = authority.issue(member.name, server_names=names)
            for side in ("", "peer-"):
                found += [
                    f"--{side}cert-file={files.certificate}",
                    f"--{side}key-file={files.key}",
                    f"--{side}trusted-ca-file={authority.certificate}",
                    f"--{side}client-cert-auth",
                ]
        return found

    def peer_url(self, member: Member) -> str:
        """Where the other members reach one."""
        return f"{self.scheme}://{member.peer_host}:{member.peer_port}"

    def initial_cluster(self) -> str:
        """The members as etcd takes them."""
        return ",".join(f"{one.name}={self.peer_url(one)}" for one in self.members)

    def wait_healthy(self, timeout_s: float = HEALTHY_MAX_S) -> None:
        """Waits until every member answers and has a leader."""
        deadline = time.monotonic() + timeout_s
        client = self.client()
        with progress("waiting for etcd", timeout_s) as bar:
            while True:
                try:
                    statuses = client.status(timeout_s=2)
                except EtcdError as error:
                    raise Unreachable(f"etcd does not let this client in: {error}") from None
                if all(status.healthy for status in statuses):
                    return
                for member in self.members:
                    if not member.running:
                        raise Unreachable(f"{member.name} of etcd ended: {member.last_words()}")
                if time.monotonic() > deadline:
                    sick = "; ".join(
                        f"{one.endpoint}: {one.error or 'no leader'}" for one in statuses if not one.healthy
                    )
                    raise Unreachable(f"etcd is not healthy after {timeout_s:.0f} s: {sick}")
                bar(timeout_s - (deadline - time.monotonic()))
                time.sleep(0.05)

    def stop(self) -> None:
        """Stops every member; their folders stay."""
        for member in self.members:
            member.resume()
            member._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_MAX_S
        for member in self.members:
            if member.process is None:
                continue
            try:
                member.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.kill()
            member.process = None

    def restore(self, snapshot: Path) -> None:
        """Puts every member back to a snapshot, as a new store with a new cluster id; none may run. An operator then raises the
        generation: what regions had of the old store is void."""
        wrong = [f"{member.name} runs; stop it first" for member in self.members if member.running]
        if not snapshot.is_file():
            wrong.append(f"snapshot is {snapshot}, which is no file; allowed: what `snapshot` wrote")
        if wrong:
            raise BadInput(wrong)
        token = f"{TOKEN}-{time.time_ns()}"
        for member in self.members:
            making = member.folder / "restoring"
            shutil.rmtree(making, ignore_errors=True)
            peer = self.peer_url(member)
            command = [
                str(installed().tool), "snapshot", "restore", str(snapshot), f"--data-dir={making}", f"--name={member.name}",
                f"--initial-cluster={self.initial_cluster()}", f"--initial-cluster-token={token}",
                f"--initial-advertise-peer-urls={peer}",
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                shutil.rmtree(making, ignore_errors=True)
                why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise BadInput(f"snapshot {snapshot} cannot be restored: {why}")
            shutil.rmtree(member.data, ignore_errors=True)
            making.rename(member.data)

    def __enter__(self) -> EtcdServer:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
