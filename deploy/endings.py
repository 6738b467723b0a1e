"""How a run ended that nobody stopped: which of its processes died, how, and where its log lies.

Invariant: a run that ended by itself leaves this beside its logs until the next run of its name or until `meridian down` clears
it; whoever asks after the run meanwhile is told when it ended and because of what.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from meridian.console import cut_words, printable
from meridian.deploy import runs

ENDING = "ending.json"
"""In the run's directory."""
TAIL_BYTES = 64 << 10
"""Of a log, in which its last line is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a run left that ended by itself."""

    name: str
    run_directory: str
    ended_ns: int
    why: list[str]
    """A sentence for each process that ended and was not started again."""

    def sentence(self) -> str:
        """All of it, for a person."""
        at = datetime.fromtimestamp(self.ended_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"run {self.name}: ended by itself at {at}: {'; '.join(self.why)}"


def how(code: int) -> str:
    """An exit code of `subprocess` in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def last_lines(log: Path, most: int) -> list[str]:
    """The last lines of a log that are not empty; none where it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return []
    return [cut_words(printable(line.strip())) for line in text.splitlines() if line.strip()][-most:]


def died(process: str, code: int, log: Path, restarts: int) -> str:
    """The sentence for a process that ended, was not asked to, and is not started again."""
    again = f" after {restarts} restarts" if restarts else ""
    lines = last_lines(log, 1)
    said = f'its last words: "{lines[0]}"' if lines else "it said nothing"
    return f"process {process} {how(code)}{again}; its log: {log}; {said}"


def how_with_words(code: int, log: Path) -> str:
    """How a process ended, with its last words."""
    # What a killed one said last was no reason.
    words = last_lines(log, 1) if code > 0 else []
    return how(code) + (f'; its last words: "{words[-1]}"' if words else "")


def keep(directory: Path, name: str, ended_ns: int, why: list[str]) -> None:
    """Leaves word of the end. Raises OSError."""
    ending = Ending(name=name, run_directory=str(directory), ended_ns=ended_ns, why=why)
    making = directory / f"{ENDING}.making"
    making.write_text(json.dumps(asdict(ending), indent=1), encoding="utf-8")
    making.replace(directory / ENDING)


def endings() -> Iterator[Ending]:
    """Of this user's runs that are over, those that ended by themselves; by name."""
    base = runs.root()
    for directory in sorted(base.iterdir()) if base.exists() else []:
        if not runs.alive(directory) and (found := _read(directory)) is not None:
            yield found


def _read(directory: Path) -> Ending | None:
    try:
        return Ending(**json.loads((directory / ENDING).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(directory: Path) -> bool:
    """Takes the word away; whether there was one."""
    try:
        (directory / ENDING).unlink()
    except OSError:
        return False
    return True
