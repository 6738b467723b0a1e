"""The breaks of the regions for the routes about them: read beside the loop that limits and kills are served from, and only while
somebody asks.

Invariant: nothing here waits in the loop or in the threads of others, and a step that nobody waits for any more is not done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from meridian.console import Failure
from meridian.risk.api.errors import refused, sentence

if TYPE_CHECKING:
    from meridian.analytics.break_desk import Desk

log = structlog.get_logger("limits-api")
THREADS = 8
LOOK_SECONDS = 0.5
WANTED_SECONDS = 30.0
"""After somebody asked, changes are looked for this long."""
FIRST_SECONDS = 6.0
"""Whoever asks first waits so long for what the engines told."""
STEP_SECONDS = 10.0
TAKEN_SECONDS = 4.0
"""For another writer of the book."""
Result = TypeVar("Result")


class Breaks:
    """A desk behind threads of its own; without a place there is none."""

    def __init__(self, place: Path | None, tell: Callable[[set[str]], None]) -> None:
        """`tell` hears of regions of which something changed."""
        self.place = place
        self.tell = tell
        self._desk: Desk | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._wanted = asyncio.Event()
        self._wanted_until = 0.0
        self._listeners = 0
        self._read = asyncio.Event()
        """Set once every engine was looked at."""

    @property
    def desk(self) -> Desk:
        """The desk. Raises Refused where there is none."""
        if self.place is None:
            allowed = "the directory of a run or a platform in the API's settings; this one was started without"
            raise refused(409, "no_runs", "runs", None, allowed)
        if self._desk is None:
            from meridian.analytics.break_desk import Desk

            self._desk = Desk(self.place)
        return self._desk

    async def do(self, work: Callable[..., Result], *given: Any) -> Result:
        """Does what may wait for a disk or another process, in a thread of this desk's own."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "breaks")
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given))

    # Looking for changes.

    async def follow(self) -> None:
        """Looks for changes for as long as somebody wants them."""
        if self.place is None:
            return
        await asyncio.gather(self._look_again(books=True), self._look_again(books=False))

    async def _look_again(self, *, books: bool) -> None:
        while True:
            await self._wanted.wait()
            try:
                changed = await self.do(self.desk.look_at_books if books else self.desk.look_at_engines)
                if changed:
                    self.tell(changed)
            except Failure:
                pass  # Whoever asks is told.
            except Exception as error:
                log.error("breaks could not be looked for", exc_info=error)
            if not books:
                self._read.set()
            if not self._listeners and time.monotonic() >= self._wanted_until:
                self._wanted.clear()
            await asyncio.sleep(LOOK_SECONDS)

    async def asked(self) -> Desk:
        """The desk, once its engines were looked at or that takes too long. Raises Refused."""
        desk = self.desk
        self._wanted_until = time.monotonic() + WANTED_SECONDS
        self._wanted.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._read.wait()
        return desk

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While somebody listens, changes are looked for."""
        self._listeners += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners -= 1

    def close(self) -> None:
        """Ends what is being read."""
        if self._desk is not None:
            self._desk.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def in_time(deadline: float) -> float:
    """How long a step may still wait for another writer. Raises Refused where nobody waits for the step any more."""
    left = deadline - time.monotonic()
    if left <= 0:
        told = "The step was not done: it did not begin in time; nothing was written. Try again with the same Idempotency-Key."
        raise sentence(503, "busy", "book", told, **{"Retry-After": "1"})
    return min(left, TAKEN_SECONDS)
