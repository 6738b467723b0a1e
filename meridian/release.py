"""Which release of Meridian this is, and how a process says so before it does anything.

A release is named by a hash over everything of an installation that can run or says how: the extension, the sources, the
tables and topologies that come with them. Strategies and reference data of a region are named by hashes of their own, in its
engine's journal.

Invariant: two installations have one name exactly when these files are the same, wherever they lie; a process hashes what it was
started from and believes no version number. One that was given another name to expect does nothing but say both.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import meridian
from meridian._native import records

SUFFIXES = (".py", ".so", ".toml", ".xml", ".txt")
"""Of files that run or are read by what runs."""
SHOWN_LETTERS = 12
ATTEST, EXPECTED = "MERIDIAN_ATTEST", "MERIDIAN_RELEASE"
"""In the environment of a supervised process: the file in which it says its release, and the one that it must be of."""
IN_RESERVE = "MERIDIAN_IN_RESERVE"
"""In the environment of a process that waits for the place of another one."""
SEEN = ".seen"
"""Beside those files: the hash of each file as the supervisor found it, with where it lay and when it was changed last."""
SETTLED_NS = 2_000_000_000
"""A file that was changed less than this before it was read may change again without its times telling."""
ARMED = "armed"
"""Beside those files: stands there once every process of the run has said the release that was expected of it."""
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What an installation is."""

    name: str
    """SHA-256 in hexadecimal."""
    version: str
    schema: int
    """How far its records' schema has come (`records::SCHEMA`): it reads what is of this one or an older one."""

    @property
    def short(self) -> str:
        """The name as people read it."""
        return shown(self.name)


def shown(name: str | None) -> str:
    """A release's name as people read it."""
    return "unknown" if name is None else name[:SHOWN_LETTERS]


Hashes = dict[str, tuple[list[int], str]]
"""Path → device, inode, size, time of change and of any change, and the hash in hexadecimal."""


def own(seen: Hashes | None = None) -> Release:
    """What this process was started from, as it lies there now; `seen` is what was read before, and takes what is read.

    Raises OSError where a file of it cannot be read.
    """
    # As `records::SCHEMA` is made: the versions of all kinds added up; layouts that are no records have version 0.
    schema = sum(layout["version"] for layout in records.LAYOUTS)
    return Release(name=name_of(Path(meridian.__file__).parent, seen), version=meridian.__version__, schema=schema)


def name_of(package: Path, seen: Hashes | None = None) -> str:
    """The name of the release whose package lies here. A file that is as it was when it was read before is not read again; with
    None every one is. Raises OSError."""
    whole, seen = hashlib.sha256(), {} if seen is None else seen
    for path in _files(package):
        whole.update(str(path.relative_to(package)).encode() + b"\0" + _hash(path, seen))
    return whole.hexdigest()


def _hash(path: Path, seen: Hashes) -> bytes:
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        # Nobody changes a file and sets the last of these back.
        now = [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]
        before = seen.get(str(path))
        if before is not None and list(before[0]) == now:
            return bytes.fromhex(before[1])
        part = hashlib.file_digest(file, "sha256")
    if time.time_ns() - about.st_ctime_ns > SETTLED_NS:
        seen[str(path)] = now, part.hexdigest()
    return part.digest()


def leave_seen(directory: Path, seen: Hashes) -> None:
    """Has the processes of a run read what changed alone. Raises OSError."""
    (directory / SEEN).write_text(json.dumps(seen), encoding="utf-8")


def _seen(directory: Path) -> Hashes:
    try:
        found = json.loads((directory / SEEN).read_text(encoding="utf-8"))
        return {str(path): (list(about), str(part)) for path, (about, part) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _files(package: Path) -> Iterator[Path]:
    """What counts, in one order everywhere; rooms may be links to where they lie."""
    for folder, below, names in os.walk(package, followlinks=True):
        below[:] = sorted(one for one in below if one != "__pycache__" and not one.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def attest() -> None:
    """Says which release this process is, where its supervisor asks for it. Raises ValueError where it expects another one."""
    # Not for processes that this one starts.
    place, expected = os.environ.pop(ATTEST, None), os.environ.pop(EXPECTED, None)
    if place is None:
        return
    path = Path(place)
    found = own(_seen(path.parent))
    making = path.with_name(f".{path.name}.making")
    making.write_text(json.dumps({"pid": os.getpid(), "release": found.name, "version": found.version}))
    making.replace(path)
    if found.name != expected:
        raise ValueError(mismatch(path.name, found.name, expected))


def armed(place: Path, asked: Callable[[], bool]) -> bool:
    """Waits until every process of the run has said that it is what it should be; False when it is asked to stop before."""
    while not place.exists():
        if asked():
            return False
        time.sleep(LOOK_SECONDS)
    return True


def mismatch(process: str, found: str | None, expected: str | None) -> str:
    """Of a process that is of another release than its supervisor expects."""
    return (
        f"process {process} is of release {shown(found)}; expected is {shown(expected)}: nothing trades on two releases that "
        "nobody asked for; start it from one installation, or roll to the other (`meridian roll`)"
    )


def attested(path: Path, pid: int) -> str | None:
    """The release that this process said in this file; None where it has not yet."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(said.get("release")) if isinstance(said, dict) and said.get("pid") == pid else None
