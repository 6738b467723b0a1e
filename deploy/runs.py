"""Runs of topologies on this host: their directories, the file that describes each, and how to find them.

A run directory is `$XDG_RUNTIME_DIR/meridian/NAME` or `/tmp/meridian-UID/NAME`. A second run of the same topology beside the
first gets NAME-2, and so on. What must be shared memory lies below /dev/shm.

Invariant: whoever holds the lock file's lock is the run's supervisor; a run whose lock is free is over, whatever its file says.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meridian import files

LOCK = "supervisor.lock"
DESCRIPTION = "run.json"
RUNS_OF_ONE_NAME_MAX = 100


@dataclass(slots=True, kw_only=True)
class Run:
    """What is known of a run; kept in `run.json` while it lasts."""

    name: str
    topology: str
    state: str
    """starting, running, stopping."""
    supervisor_pid: int
    run_directory: str
    shared_directory: str
    data_directory: str
    metrics_port: int | None
    ports: dict[str, int]
    processes: dict[str, Any] = field(default_factory=dict)
    """Name → {"pid", "restarts"}."""
    failed: dict[str, Any] = field(default_factory=dict)
    """Of a platform: region that failed and was stopped → {"why", "at_ns", "run", "agents"}."""

    def counters(self, process: str) -> Path:
        """The counters file of a process."""
        return Path(self.shared_directory) / "counters" / process

    def facts(self) -> dict[str, Any]:
        """What commands tell of it."""
        names = (
            "name",
            "topology",
            "state",
            "supervisor_pid",
            "run_directory",
            "data_directory",
            "metrics_port",
            "ports",
        )
        return {name: getattr(self, name) for name in names}

    def write(self) -> None:
        """Replaces the file at once, so that a reader never sees half of it."""
        files.write_whole(Path(self.run_directory) / DESCRIPTION, json.dumps(asdict(self), indent=1))


def root() -> Path:
    """The directory of this user's runs."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "meridian"
    return Path(f"/tmp/meridian-{os.getuid()}")


def own(directory: Path) -> Path:
    """The directory, made for us alone. Raises OSError where somebody else could write in it: runs hold secrets."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = directory.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise OSError(f"{directory}: belongs to another user or can be written by others; take it away")
    return directory


def shared_root() -> Path:
    """Where shared memory lies: /dev/shm, or the run directories' own root where that cannot be written."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else root()


class Claim:
    """A run directory with its lock held."""

    def __init__(self, name: str, directory: Path, lock: int) -> None:
        self.name = name
        self.directory = directory
        self._lock = lock
        self.shared_directory = shared_root() / _shared_name(name)

    def clear_shared(self) -> None:
        """Takes away the shared memory, this run's or what a killed one of the same name left."""
        shutil.rmtree(self.shared_directory, ignore_errors=True)

    def release(self) -> None:
        """Ends the run: no shared memory, no description, no lock. Data and logs stay."""
        self.clear_shared()
        for name in (DESCRIPTION, LOCK):
            (self.directory / name).unlink(missing_ok=True)
        os.close(self._lock)


def claim(name: str) -> Claim:
    """Takes the first free run directory of this name."""
    for number in range(1, RUNS_OF_ONE_NAME_MAX + 1):
        run_name = name if number == 1 else f"{name}-{number}"
        directory = own(root()) / run_name
        directory.mkdir(exist_ok=True, mode=0o700)
        if (lock := files.lock(directory, LOCK)) is not None:
            claimed = Claim(run_name, directory, lock)
            claimed.clear_shared()
            return claimed
    raise OSError(f"{RUNS_OF_ONE_NAME_MAX} runs of {name} are up already")


def alive(directory: Path) -> bool:
    """Whether a supervisor holds this run."""
    path = directory / LOCK
    if not path.exists():
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a run left whose supervisor was killed: shared memory, maybe its description; its data and logs are no matter."""

    name: str
    run_directory: str
    shared_directory: str
    shared_bytes: int


def leftovers() -> list[Leftover]:
    """What killed supervisors left, by name."""
    base, begin = root(), _shared_name("")
    names = {path.name for path in base.iterdir() if (path / LOCK).exists()} if base.exists() else set()
    shared = shared_root()
    names |= {path.name.removeprefix(begin) for path in shared.glob(f"{begin}*")}
    found = []
    for name in sorted(names):
        if not alive(base / name):
            place = shared / _shared_name(name)
            size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            found.append(
                Leftover(name=name, run_directory=str(base / name), shared_directory=str(place), shared_bytes=size)
            )
    return found


def clear(name: str) -> bool:
    """Takes away what a killed run left; False when a supervisor holds it after all."""
    directory = own(root()) / name
    directory.mkdir(exist_ok=True, mode=0o700)
    if (lock := files.lock(directory, LOCK)) is None:
        return False
    Claim(name, directory, lock).release()
    return True


def _shared_name(name: str) -> str:
    # Users may keep runs in several places; runs of one name there share no memory.
    return f"meridian-{os.getuid()}-{zlib.crc32(str(root()).encode()):08x}-{name}"


def read(directory: Path) -> Run | None:
    """The run of this directory; None when it is over."""
    if not alive(directory):
        return None
    return described(directory)


def described(directory: Path) -> Run | None:
    """What the run of this directory said of itself last, also when its supervisor was killed; None where nothing is left."""
    try:
        return Run(**json.loads((directory / DESCRIPTION).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def runs() -> Iterator[Run]:
    """All runs of this user, by name."""
    base = root()
    for directory in sorted(base.iterdir()) if base.exists() else []:
        if run := read(directory):
            yield run
