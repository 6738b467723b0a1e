"""The breaks of all regions as somebody who serves them knows them: engines' breaks read now and then, books read as they are.

Invariant: a book is never kept longer than it is unchanged, and every step is planned on the file itself, under its lock, so what
is remembered here decides nothing. What an engine told is told for good; how old the last look at it is, and why there was none,
is always said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from meridian.analytics import break_book, breaks, live
from meridian.analytics.break_book import Book
from meridian.analytics.break_reader import Reader
from meridian.analytics.breaks import Done, Item, Known, NoSuchBreak, Step
from meridian.analytics.platform import Platform, opened
from meridian.analytics.run import Run
from meridian.console import Failure, Unreachable

REST_SECONDS = 2.0
REST_SHARE = 5.0
"""After a look at an engine none for this many times as long: its journal is folded whole."""
Mark = tuple[object, ...]


@dataclass(slots=True)
class Region:
    """A region, as it was last looked at."""

    run: Run
    items: list[Item] | None = None
    """What its engine told; None: it was never read."""
    why: str = ""
    """Why it could not be read when it was last tried."""
    read_at: float | None = None
    """When it was last read, by the monotonic clock."""
    due: float = 0.0
    engine_mark: Mark | None = None
    told_mark: Mark | None = None
    """The book as those who wait for changes were told of it."""
    book_mark: Mark | None = None
    book: Book = field(default_factory=Book)
    known: dict[str, Known] = field(default_factory=dict)
    known_of: tuple[Book, list[Item] | None] | None = None
    """What `known` was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of a region now."""

    run: Run
    known: dict[str, Known]
    """Break's id → the break, the oldest first."""
    age_s: float | None
    """Since its engine was last looked at; None: never."""
    problems: list[str]
    """What cannot be read of it, a sentence each."""


class NoRegion(Failure):
    """There is no such region."""


class Desk:
    """Regions below a directory. May be used by several threads."""

    def __init__(
        self, place: Path, *, read: Callable[[Path], list[Item]] | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        """`place`: the directory of a run, or of several regions under one hand. `read` gives what an engine told."""
        self.place = place
        self.reader = Reader()
        self.read = read or self.reader
        self.clock = clock or time.monotonic
        self._lock = Lock()
        self._regions: dict[str, Region] = {}
        self._gone: list[str] = []

    def close(self) -> None:
        """Ends what is being read."""
        self.reader.close()

    # What is looked at.

    def find(self) -> dict[str, Region]:
        """The regions that there are by now. Raises Unreachable where nothing tells of any."""
        try:
            found = opened(self.place)
        except Failure as failure:
            raise Unreachable(failure.errors) from None
        several = found.regions if isinstance(found, Platform) else {found.name: found}
        with self._lock:
            self._gone = found.problems if isinstance(found, Platform) else []
            for name, run in several.items():
                region = self._regions.setdefault(name, Region(run))
                if region.run.directory != run.directory:
                    region = self._regions[name] = Region(run)
                region.run = run
            for name in [name for name in self._regions if name not in several]:
                del self._regions[name]
            return dict(self._regions)

    def look_at_books(self) -> set[str]:
        """The regions whose books are others than when this was last asked. Raises Unreachable."""
        changed = set()
        for name, region in self.find().items():
            mark = _mark(breaks.book_of(region.run))
            if region.told_mark not in (None, mark):
                changed.add(name)
            region.told_mark = mark
        return changed

    def look_at_engines(self) -> set[str]:
        """Reads the engines that have told something since, where that is due; the regions whose breaks are others. It may take
        as long as folding their journals does. Raises Unreachable."""
        return {name for name, region in self.find().items() if self._look_at_engine(region)}

    def _look_at_engine(self, region: Region) -> bool:
        began = self.clock()
        if began < region.due:
            return False
        mark = engine_mark(region.run)
        if mark == region.engine_mark:
            with self._lock:
                region.read_at = began if not region.why else region.read_at
            return False
        items, why = region.items, ""
        try:
            items = self.read(region.run.directory)
        except Failure as failure:
            why = "; ".join(failure.errors)
        now = self.clock()
        with self._lock:
            changed = items != region.items or why != region.why
            region.items, region.why, region.engine_mark = items, why, mark
            region.read_at = region.read_at if why else began
            region.due = now + max(REST_SECONDS, REST_SHARE * (now - began))
        return changed

    # What is asked.

    def views(self) -> tuple[dict[str, View], list[str]]:
        """Every region, and what of the whole cannot be read. Raises Unreachable where nothing tells of any region."""
        found = self.find()
        return {name: self._view(name, region) for name, region in found.items()}, list(self._gone)

    def _view(self, name: str, region: Region) -> View:
        problems = [f"{name}: {region.why}"] if region.why else []
        if region.items is None and not region.why:
            problems.append(f"{name}: the breaks of its engine are being read; those of its book are told")
        known: dict[str, Known] = {}
        try:
            known = self._known(region)
        except Failure as failure:
            problems += [f"{name}: {error}" for error in failure.errors]
        age_s = None if region.read_at is None else max(self.clock() - region.read_at, 0.0)
        return View(run=region.run, known=known, age_s=age_s, problems=problems)

    def _known(self, region: Region) -> dict[str, Known]:
        """The breaks of a region, put together again when something has changed. Raises CheckFailed or Unreachable."""
        book, items = self._book(region), region.items
        made = region.known_of
        if made is None or made[0] is not book or made[1] is not items:
            known = breaks.merged(items or [], book, breaks.book_of(region.run))
            with self._lock:
                region.known, region.known_of = known, (book, items)
            return known
        return region.known

    def _book(self, region: Region) -> Book:
        """The book as it is now, read when it has changed. Raises CheckFailed or Unreachable."""
        path = breaks.book_of(region.run)
        mark = _mark(path)
        if mark != region.book_mark:
            book = break_book.read(path)
            with self._lock:
                region.book, region.book_mark = book, mark
                # Who has seen it as it is now is to be told of whatever comes after.
                region.told_mark = region.told_mark or mark
            return book
        return region.book

    def step(self, name: str, asked: Step, now_ns: int, wait_s: float) -> Done:
        """Does a step in a region. Raises NoRegion, what `breaks.take` raises, Unreachable for what nobody can tell of yet."""
        region = self.region(name)
        try:
            return breaks.take(breaks.book_of(region.run), region.items or [], asked, now_ns, wait_s=wait_s)
        except NoSuchBreak:
            if region.items is None:
                told = region.why or "they are being read, which takes as long as its journal is"
                raise Unreachable(f"{name}: what its engine told is not known yet: {told}; try again") from None
            raise

    def region(self, name: str) -> Region:
        """A region. Raises NoRegion, or Unreachable."""
        found = self.find()
        if name not in found:
            raise NoRegion(f"region = {name}: allowed is one of {', '.join(found) or 'none: there is no region yet'}")
        return found[name]


def _mark(path: Path) -> Mark:
    """What tells a file from what it was."""
    try:
        about = path.stat()
    except OSError as error:
        return (error.errno,)
    return (about.st_ino, about.st_size, about.st_mtime_ns)


def engine_mark(run: Run) -> Mark:
    """What tells an engine from how it was when it was last read: of one that runs, how many breaks it has told."""
    about = run.about["engine"]
    told = None if run.is_over else live.counter(run, f"{about.get('tile', '')}.breaks")
    if told is not None:
        return (about["journal"], told)
    files: Iterable[Path] = sorted(run.engine_journal.glob("journal-*"))
    return (about["journal"], *((path.name, *_mark(path)) for path in files))
