"""One pass over a journal: compress what is closed, ship it, let the oldest go; and what such a pass says of itself.

Invariant: one keeper is at work on a journal at a time; it reads what the engine writes and never waits for it, and
what goes wrong is told and tried again, never passed over. What cannot be done of one of the three does not keep the
others from being done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import in_words
from meridian.engine.keeping.compression import Compressed, compress_settled
from meridian.engine.keeping.retention import NOT_SHIPPED, Bounds, Held, Retained, retain
from meridian.engine.keeping.shipping import Conflict, Shipped, Shipper
from meridian.engine.keeping.storage import Away

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
    retained: Retained | None
    """None where there is no bound."""
    shipped: Shipped | None
    """None where shipping is off."""
    alarm: str | None
    """Two writers have this journal's name in the storage."""
    errors: list[str]
    """A sentence for each thing that could not be done, the alarm among them; it is tried again in the next pass."""

    def entry(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps the journal in a directory."""

    journal: Path
    bounds: Bounds = field(default_factory=Bounds)
    shipper: Shipper | None = None
    called: Path | None = None
    """What a person calls the directory, where it is held by another name."""
    ended: bool = False
    """No engine starts from this journal any more."""
    held: Held | None = None
    """What keeps a segment here, beside what keeps any."""
    shipped_to: str | None = None
    """Where what goes from here was put, where that is told otherwise than by the shipper."""

    def once(self, step: Step = lambda what, done, total: None) -> Pass:
        """One pass. Raises Busy where another process keeps this journal, OSError when its directory cannot be read."""
        with self._alone():
            errors: list[str] = []
            compressed, retained, shipped, alarm = Compressed(), None, None, None
            with self._told("not compressed", errors):
                compressed = compress_settled(
                    self.journal, lambda done, total: step("segments compressed", done, total), ended=self.ended
                )
            if self.shipper is not None:
                try:
                    with self._told("not shipped", errors):
                        shipped = self.shipper.run(lambda done, total: step("segments shipped", done, total))
                except Conflict as error:
                    alarm = str(error)
                    errors.append(alarm)
                shipped = shipped or self.shipper.state()
            if self.bounds.any():
                with self._told("not taken away", errors):
                    retained = self._retain()
            return Pass(
                journal=str(self.called or self.journal), at_ns=time.time_ns(), compressed=compressed, retained=retained,
                shipped=shipped, alarm=alarm, errors=errors,
            )  # fmt: skip

    def _retain(self) -> Retained:
        one = self.shipper

        def held(number: int, last: int) -> str | None:
            if one is not None and not (one.has(number) and one.still_there(number)):
                return NOT_SHIPPED
            return None if self.held is None else self.held(number, last)

        shipped_to = self.shipped_to if one is None else str(one.storage.place)
        return retain(self.journal, self.bounds, held=held, shipped_to=shipped_to)

    @contextmanager
    def _told(self, what: str, errors: list[str]) -> Iterator[None]:
        """What goes wrong becomes a sentence."""
        why = ""
        try:
            yield
        except ValueError as error:
            why = f"{error}; `meridian journal verify` tells more"
        except Away as error:
            why = str(error)
        except OSError as error:
            why = in_words(error)
        if why:
            called = str(self.called or self.journal)
            errors.append(f"{called}: {what}: {why.replace(str(self.journal), called)}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        held = files.lock(self.journal, LOCK)
        if held is None:
            raise Busy(f"{self.called or self.journal}: another process is keeping this journal")
        try:
            yield
        finally:
            os.close(held)
