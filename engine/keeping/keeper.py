"""One pass over a journal: compress what is closed; and what such a pass says of itself.

Invariant: one keeper is at work on a journal at a time; it reads what the engine writes and never waits for it. What goes
wrong is told and tried again, never passed over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import in_words
from meridian.engine.keeping.compression import Compressed, compress_settled

__all__ = ["Busy", "Keeper", "Pass"]

LOCK = "keeper.lock"
Step = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""


class Busy(Exception):
    """Another keeper is at work on this journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass did and found."""

    journal: str
    at_ns: int
    compressed: Compressed
    errors: list[str]
    """A sentence for each thing that could not be done; it is tried again in the next pass."""

    def entry(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps the journal in a directory."""

    journal: Path

    def once(self, step: Step = lambda what, done, total: None) -> Pass:
        """One pass. Raises Busy where another process keeps this journal, OSError when its directory cannot be read."""
        with self._alone():
            errors: list[str] = []
            compressed = Compressed()
            try:
                compressed = compress_settled(
                    self.journal, lambda done, total: step("segments compressed", done, total)
                )
            except ValueError as error:
                errors.append(f"{self.journal}: not compressed: {error}; `meridian journal verify` tells more")
            except OSError as error:
                errors.append(f"{self.journal}: not compressed: {in_words(error)}")
            return Pass(journal=str(self.journal), at_ns=time.time_ns(), compressed=compressed, errors=errors)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        held = files.lock(self.journal, LOCK)
        if held is None:
            raise Busy(f"{self.journal}: another process is keeping this journal")
        try:
            yield
        finally:
            os.close(held)
