"""The journals of an engine that has a standby: of the one that leads, of the one that follows, and those that were set aside.

What is shipped is each journal that led, to a place of its own (`shipping.py`); what the one that follows has is in the places
of those that lead and led. Folders are held open while a pass looks at them: one that is given another name meanwhile is kept
on under that, and never taken for the new one that has its name.

Invariant: no input goes from a folder that no storage has, where there is one; none goes from the one that leads that the one
that follows is about to read there; and neither of both ever loses what it needs to start.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from meridian._native import journal as native
from meridian.console import in_words
from meridian.engine import terms
from meridian.engine.journals import holds
from meridian.engine.keeping.compression import Compressed
from meridian.engine.keeping.keeper import Busy, Keeper, Pass, Step
from meridian.engine.keeping.retention import NOT_SHIPPED, STATE, Bounds, Held, Retained, retain_ended
from meridian.engine.keeping.shipping import Shipped, Shipper
from meridian.engine.keeping.storage import Away
from meridian.engine.terms import Term

__all__ = ["PairKeeper", "is_of_a_pair", "summed"]

NOT_TAKEN = "the engine that follows has not taken them yet"
Ship = Callable[[Path, Term, int], Shipper | None]
"""The shipper of a journal that led in a term, given the newest term's epoch; None where the journal has not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One that a pass looks at."""

    name: str
    path: Path
    """By its descriptor: the same folder whatever its name is by now."""
    shown: Path
    """As it was called when the pass began."""
    descriptor: int
    term: Term | None
    ended: bool
    """It was set aside."""


def is_of_a_pair(data: Path, engine: str) -> bool:
    """Whether an engine has, or had, a standby."""
    return terms.leader(data, engine) is not None


def summed(passes: list[Pass]) -> Pass:
    """What the passes over several journals did together; called as the first of them, the one that leads."""
    first = passes[0]
    shipped = [one.shipped for one in passes if one.shipped is not None]
    retained = [one.retained for one in passes if one.retained is not None]
    since = [one.waiting_since_ns for one in shipped if one.waiting_since_ns is not None]
    return Pass(
        journal=first.journal,
        at_ns=max(one.at_ns for one in passes),
        compressed=Compressed(
            segments=sum(one.compressed.segments for one in passes),
            bytes_before=sum(one.compressed.bytes_before for one in passes),
            bytes_after=sum(one.compressed.bytes_after for one in passes),
        ),
        retained=Retained(
            segments=sum(one.segments for one in retained),
            bytes=sum(one.bytes for one in retained),
            first_segment=retained[0].first_segment,
            held=sum(one.held for one in retained),
            held_why=next((one.held_why for one in retained if one.held_why), None),
        ) if retained else None,
        shipped=Shipped(
            to=shipped[0].to,
            segments=sum(one.segments for one in shipped),
            snapshots=sum(one.snapshots for one in shipped),
            bytes=sum(one.bytes for one in shipped),
            waiting=sum(one.waiting for one in shipped),
            waiting_since_ns=min(since, default=None),
        ) if shipped else None,
        alarm=next((one.alarm for one in passes if one.alarm), None),
        errors=[error for one in passes for error in one.errors],
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PairKeeper:
    """Keeps all journals of an engine and its standby."""

    data: Path
    """The run's data: the folders of the two tiles lie here."""
    engine: str
    bounds: Bounds = field(default_factory=Bounds)
    ship: Ship | None = None

    def once(self, step: Step = lambda what, done, total: None) -> list[Pass]:
        """One pass over each of them, first that of the one that leads; nothing where none has begun.

        Raises OSError when the run's data cannot be read, or none of them can be kept.
        """
        with ExitStack() as stack:
            errors: list[str] = []
            folders = list(self._opened(stack, errors))
            newest = max((one.term.epoch for one in folders if one.term), default=0)
            shippers = {one.name: self._shipper(one, newest, errors) for one in folders}
            done: dict[str, Pass] = {}
            for one in sorted(folders, key=lambda one: (not one.ended, one.term is None, one.name)):
                held = self._held(one, folders, shippers, done)
                bounds = Bounds() if one.ended else self.bounds
                keeper = Keeper(journal=one.path, bounds=bounds, shipper=shippers[one.name], called=one.shown,
                                ended=one.ended, held=held, shipped_to=_place(one, folders, shippers))  # fmt: skip
                try:
                    done[one.name] = keeper.once(step)
                except (Busy, OSError) as error:
                    errors.append(in_words(error) if isinstance(error, OSError) else str(error))
            self._retain_ended([one for one in folders if one.ended and one.name in done], shippers, done, folders)
            leads = _leader(folders)
            ordered = sorted(done.values(), key=lambda one: leads is None or one.journal != str(leads.shown))
            if errors and not ordered:
                raise OSError(errno.ENOTSUP, "; ".join(errors))
            return [replace(ordered[0], errors=[*errors, *ordered[0].errors]), *ordered[1:]] if ordered else []

    def _opened(self, stack: ExitStack, errors: list[str]) -> Iterator[Folder]:
        tiles = (self.engine, self.engine + terms.SUFFIX)
        paths = [(self.data / tile, False) for tile in tiles]
        paths += [(path, True) for tile in tiles for path in terms.set_aside(self.data, tile)]
        for path, ended in paths:
            if path.is_mount():
                errors.append(
                    f"{path}: is a volume of its own, and its engine has a standby; let the run's data be one: not kept"
                )
                continue
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                continue  # It has not begun, or was just given another name.
            stack.callback(os.close, descriptor)
            held = Path(f"/proc/self/fd/{descriptor}")
            # A folder in which a follower's journal is made ready is its maker's alone; of one set aside all may have gone.
            if holds(held) or (ended and (held / STATE).exists()):
                yield Folder(
                    name=path.name, path=held, shown=path, descriptor=descriptor, term=terms.term_of(held), ended=ended
                )

    def _shipper(self, one: Folder, newest: int, errors: list[str]) -> Shipper | None:
        if self.ship is None or one.term is None:
            return None
        try:
            return self.ship(one.path, one.term, newest)
        except OSError as error:
            errors.append(in_words(error))
            return None

    def _held(
        self, one: Folder, folders: list[Folder], shippers: dict[str, Shipper | None], done: dict[str, Pass]
    ) -> Held | None:
        """What keeps a segment in one that leads or follows, beside what keeps any."""
        if one.ended:
            return None
        others = [other for other in folders if not other.ended and other.name != one.name]
        if one.term is None:
            return (
                None
                if self.ship is None
                else lambda number, last: self._not_shipped(one, last, folders, shippers, done)
            )
        # Another one that led, and was not set aside yet, reads nothing more.
        return next((_not_taken(one, other) for other in others if other.term is None), None)

    def _not_shipped(
        self, one: Folder, last: int, folders: list[Folder], shippers: dict[str, Shipper | None], done: dict[str, Pass]
    ) -> str | None:
        """Why the storage is not known to have the inputs of one that follows, up to this one. Raises Away."""
        leads = _leader(folders)
        shipper = shippers.get(leads.name) if leads else None
        led = [done.get(other.name) for other in folders if other.term and other is not leads]
        if shipper is None or leads is None or not all(one and one.shipped and one.shipped.waiting == 0 for one in led):
            return NOT_SHIPPED
        if last > shipper.through():
            return NOT_SHIPPED
        first = next((stored["first_sequence"] or 1 for stored in native.segments(one.path)), 1)
        stored = [each for each in native.segments(leads.path) if each["first_sequence"] is not None]
        for each, after in pairwise(stored):
            overlaps = (each["first_sequence"] or 0) <= last and (after["first_sequence"] or 0) > first
            if overlaps and not shipper.still_there(each["segment"]):
                return NOT_SHIPPED
        return None

    def _retain_ended(
        self, ended: list[Folder], shippers: dict[str, Shipper | None], done: dict[str, Pass], folders: list[Folder]
    ) -> None:
        if not self.bounds.any() or not ended:
            return
        ordered = sorted(ended, key=lambda one: (_epoch(one), one.name))
        by_path = {one.path: one for one in ordered}

        def held(journal: Path, number: int, last: int | None) -> str | None:
            if self.ship is None:
                return None
            one = by_path[journal]
            shipper = shippers[one.name]
            if shipper is None:
                return NOT_SHIPPED
            if last is not None:
                return None if shipper.has(number) and shipper.still_there(number) else NOT_SHIPPED
            # Its last segment was never closed, and its inputs are those of who led after it.
            return self._not_shipped(one, _last_input(journal, number), folders, shippers, done)

        told = done[ordered[0].name]
        try:
            found = retain_ended([one.path for one in ordered], self.bounds, held)
            for one, retained in zip(ordered, found, strict=True):
                done[one.name] = replace(done[one.name], retained=retained)
                _remove_empty(one)
        except (Away, ValueError) as error:
            done[ordered[0].name] = replace(told, errors=[*told.errors, f"{ordered[0].shown}: not taken away: {error}"])
        except OSError as error:
            why = in_words(error)
            done[ordered[0].name] = replace(told, errors=[*told.errors, f"{ordered[0].shown}: not taken away: {why}"])


def _place(one: Folder, folders: list[Folder], shippers: dict[str, Shipper | None]) -> str | None:
    """Where what goes of a journal was shipped to: of one that follows, by the one that leads."""
    leads = _leader(folders) or one
    shipper = shippers[one.name] or shippers[leads.name]
    return None if shipper is None else str(shipper.storage.place)


def _leader(folders: list[Folder]) -> Folder | None:
    """The one that leads, or led last."""
    return max((one for one in folders if one.term and not one.ended), key=_epoch, default=None)


def _epoch(one: Folder) -> int:
    """For an order: one that was set aside before terms were written down is older than all that have one."""
    return one.term.epoch if one.term else 0


def _not_taken(leads: Folder, follows: Folder) -> Held:
    """What keeps a segment of the one that leads: the other one reads it there."""

    def held(number: int, last: int) -> str | None:
        begun = [
            one["first_sequence"] or 1 for one in native.segments(follows.path) if one["first_sequence"] is not None
        ]
        first = next((one["first_sequence"] or 1 for one in native.segments(leads.path)), 1)
        taken = begun[-1] - 1 if begun else 0
        # One that lacks what is gone already begins anew, with a snapshot.
        return NOT_TAKEN if begun and taken + 1 >= first and last > taken else None

    return held


def _last_input(journal: Path, number: int) -> int:
    """The last input of a journal whose last segment has this number."""
    first = next((one["first_sequence"] for one in native.segments(journal) if one["segment"] == number), None)
    if first is None:
        return 0
    return max((sequence for sequence, _, _ in native.Reader(journal, first - 1)), default=first - 1)


def _remove_empty(one: Folder) -> None:
    """Takes away a folder that was set aside and of which every segment went, unless its name is another's by now."""
    with contextlib.suppress(FileNotFoundError):
        if not holds(one.path) and os.path.samestat(one.shown.stat(), os.fstat(one.descriptor)):
            shutil.rmtree(one.shown)
