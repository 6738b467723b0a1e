"""Installations of Meridian on this host: the one that this process runs from, and another one that processes are started from.

Invariant: nothing of another installation is believed before it was asked, in a process of its own; what is started from it finds
no module of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian import child, release
from meridian._native.exchange import HANDOVER_VERSION as HANDOVER_VERSION
from meridian.console import BadInput, in_words, printable
from meridian.deploy.specs import SPEC_VERSION
from meridian.release import Release

PYTHON = ("bin/python", ".venv/bin/python")
"""Where the interpreter of an installation lies: a folder as `python -m venv` makes it, or a checkout that has one."""
ASK_SECONDS_MAX = 60.0
OF_OURS = ("PYTHONPATH", "PYTHONHOME", release.ATTEST, release.EXPECTED)
"""What would have another interpreter find our modules."""
SCHEMA = "meridian.release/1"
LETTERS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """From which processes are started."""

    prefix: Path
    python: Path
    release: Release
    foreign: bool = True
    """It is not the one that this process runs from."""
    handover: int = HANDOVER_VERSION
    """In which version its exchanges take the place of a running one; 0: in none."""

    def module(self, name: str) -> list[str]:
        """The words that run a module."""
        return [str(self.python), "-P", "-m", name]

    def environment(self, **more: str) -> dict[str, str]:
        """This process's environment and what is given; of another installation without our paths of modules."""
        if not self.foreign:
            return child.environment(**more)
        return {key: value for key, value in os.environ.items() if key not in OF_OURS} | more


def own(seen: release.Hashes | None = None) -> Installation:
    """The one that this process runs from, as it lies there now; `seen` takes the hashes of its files. Raises OSError where it
    cannot be read."""
    return Installation(
        prefix=Path(sys.prefix), python=Path(sys.executable), release=release.own(seen), foreign=False
    )  # fmt: skip


def described() -> dict[str, Any]:
    """What `examined` asks of another one: this installation, for programs."""
    found = release.own()
    return {"release": found.name, "version": found.version, "records_schema": found.schema,
            "process_spec": SPEC_VERSION, "prefix": sys.prefix, "python": sys.version.split()[0],
            "handover": HANDOVER_VERSION}  # fmt: skip


def interpreter(prefix: Path, key: str) -> Path:
    """The interpreter of an installation. Raises BadInput with `key` where the folder has none."""
    if not prefix.is_dir():
        raise BadInput(f"{key} = {prefix}: is no folder; needed is an installation of Meridian")
    python = next((prefix / place for place in PYTHON if os.access(prefix / place, os.X_OK)), None)
    if python is None or not python.is_file():
        raise BadInput(f"{key} = {prefix}: has no {' and no '.join(PYTHON)}; needed is an installation of Meridian")
    return python.absolute()


def examined(prefix: Path, key: str) -> Installation:
    """The installation of this folder. Raises BadInput with `key` and why it is none from which processes can be started."""
    python = interpreter(prefix, key)
    said = _asked(prefix, python, key)
    if (spec := said["process_spec"]) != SPEC_VERSION:
        raise BadInput(
            f"{key} = {prefix}: it reads specifications of processes of version {spec}; this release writes {SPEC_VERSION}, and "
            "a process of it could not be started"
        )
    found = Release(name=said["release"], version=said["version"], schema=said["records_schema"])
    handover = said.get("handover", 0)
    return Installation(
        prefix=prefix.absolute(), python=python, release=found, handover=handover if type(handover) is int else 0
    )


def _asked(prefix: Path, python: Path, key: str) -> dict[str, Any]:
    """What it says of itself."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_OURS}
    command = [str(python), "-P", "-m", "meridian", "release", "--json"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              env=environment, timeout=ASK_SECONDS_MAX, check=False)  # fmt: skip
    except OSError as error:
        raise BadInput(f"{key} = {prefix}: {python} does not run: {in_words(error)}") from None
    except subprocess.TimeoutExpired:
        raise BadInput(f"{key} = {prefix}: did not say its release within {ASK_SECONDS_MAX:.0f} s") from None
    try:
        said = json.loads(done.stdout)
        kinds = {"release": str, "version": str, "records_schema": int, "process_spec": int}
        if said["schema"] == SCHEMA and all(type(said[name]) is kind for name, kind in kinds.items()):
            return dict(said)
    except (ValueError, KeyError, TypeError):
        pass
    words = [line for line in done.stderr.splitlines() if line.strip()]
    last = f'; its last words: "{printable(words[-1], LETTERS_MAX)}"' if words else ""
    raise BadInput(
        f"{key} = {prefix}: is no installation of Meridian whose release can be asked: `meridian release --json` there ended "
        f"with exit code {done.returncode}{last}"
    )
