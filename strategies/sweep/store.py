"""What a sweep keeps in its directory: its words, each finished point, the results.

    sweep.json          what was asked for; `--resume` reads it
    points/KEY.json     one finished point on one day
    results.parquet     a row a point and day
    summary.json        the best points and what they are worth; report.html shows them

Invariant: a finished point is there whole or not at all, whatever kills the process; its name is a hash of everything that its
result follows from, so that it is found again by whoever asks the same and by nobody else. A file whose digest is not that of
what it holds is not there: the point is run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from meridian import files

__all__ = ["Store", "StoreTaken", "digest"]

SCHEMA = 2
ABOUT = "sweep.json"


class StoreTaken(OSError):
    """Another process runs a sweep in the directory."""


def digest(value: Any) -> str:
    """A hash of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:32]


def described(directory: Path) -> dict[str, Any] | None:
    """What the sweep in a directory was asked for; None where nothing whole says so."""
    return _whole(directory / ABOUT, "words")


def _whole(path: Path, key: str) -> dict[str, Any] | None:
    """What a file of ours holds under a key; None where it is not there, damaged, or of another schema."""
    try:
        about = json.loads(path.read_bytes())
        found = about[key]
        if about["schema"] != SCHEMA or about["digest"] != digest(found):
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Store:
    """The directory, this process's alone until `close`. Raises StoreTaken."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._points = directory / "points"
        locked = files.lock(directory)
        if locked is None:
            raise StoreTaken(f"--out {directory}: another sweep runs there; wait for it or choose another directory")
        self._lock = locked
        self._points.mkdir(exist_ok=True)

    def close(self) -> None:
        """Lets others at it."""
        os.close(self._lock)

    def describe(self, words: dict[str, Any]) -> None:
        """Keeps what was asked for."""
        about = {"schema": SCHEMA, "words": words, "digest": digest(words)}
        files.write_whole(self.directory / ABOUT, json.dumps(about, indent=2))

    def finished(self, key: str) -> dict[str, Any] | None:
        """The outcome of a point that was finished before."""
        found = _whole(self._points / f"{key}.json", "outcome")
        return found if found is not None and found.get("key") == key else None

    def finish(self, outcome: dict[str, Any]) -> None:
        """Keeps an outcome."""
        about = {"schema": SCHEMA, "outcome": outcome, "digest": digest(outcome)}
        content = json.dumps(about, allow_nan=False)
        files.write_whole(self._points / f"{outcome['key']}.json", content)
