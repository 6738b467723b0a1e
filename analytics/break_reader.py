"""The breaks that a run's engine told, read by a process of its own: `python -m meridian.analytics.break_reader DIRECTORY`.

A journal is folded with its strategies' object code. That takes a core for as long as the journal is long, and memory, and it
runs code of others: none of it is done in a process that limits and kills depend on.

Invariant: it prints one JSON object, `{"items": […]}` or `{"errors": […], "exit_code": n}`, changes nothing, and leaves the
machine to those who trade.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from meridian import child
from meridian.analytics.breaks import TYPES, Item
from meridian.console import CheckFailed, Failure, Unreachable

NICE = 15
READ_SECONDS_MAX = 600.0
MODULE = "meridian.analytics.break_reader"


class Reader:
    """Reads runs, one at a time. `close` ends what it is reading, from any thread."""

    def __init__(self, seconds_max: float = READ_SECONDS_MAX) -> None:
        self.seconds_max = seconds_max
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self, directory: Path) -> list[Item]:
        """The breaks of the engine of a run's directory. Raises a Failure."""
        with self._lock:
            if self._closed:
                raise Unreachable(f"{directory}: is not read any more: this process ends")
            words = [*child.module(MODULE), str(directory)]
            self._process = process = subprocess.Popen(
                words, env=child.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        try:
            said, why = process.communicate(timeout=self.seconds_max)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Unreachable(f"{directory}: its engine's breaks were not read within {self.seconds_max:g} s") from None
        return _items(directory, said, why, process.returncode)

    def close(self) -> None:
        """Ends what is being read."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()


def _items(directory: Path, said: bytes, why: bytes, code: int) -> list[Item]:
    try:
        told = json.loads(said)
        if errors := told.get("errors"):
            raise CheckFailed([str(error) for error in errors])
        return [Item(**{name: one[name] for name in TYPES}) for one in told["items"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        last = why.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        told = f"{directory}: its engine's breaks cannot be read: the reader ended with {code}: {last[0]}"
        raise CheckFailed(told) from None


def main(words: list[str]) -> int:
    """Prints what the engine of a run told."""
    from meridian.analytics.breaks import of_engine
    from meridian.analytics.run import Run

    os.nice(NICE)
    try:
        told: dict[str, Any] = {"items": [asdict(item) for item in of_engine(Run.open(words[0]))]}
    except Failure as failure:
        told = {"errors": failure.errors, "exit_code": failure.exit_code}
    print(json.dumps(told))
    return int(told.get("exit_code", 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
