"""Quarantine: which call of a slot's code an engine's process ended in, and the mark of it beside its journal.

An engine says in its counters which call it is at. Where its process ends within one, the cause decides: a fault, an abort, an
end by itself, or a call that did not end, are the call's own, and it is marked at once. A kill from outside says nothing of the
call that it happened to hit; only where the next life is killed within the same call of the same input, too, is it marked. The
engine's next life, its standby and every replay read the marks and do not make the call (crates/engine/src/marks.rs).

Invariant: a mark is written beside the journals of an engine and of its standby before either begins another life or is told to
lead. A call that a standby ends in and its leader outlives is not marked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import structlog

from meridian import files, records
from meridian._native import engine as native
from meridian._native import journal, links
from meridian.console import in_words
from meridian.deploy import pairs
from meridian.deploy.endings import how
from meridian.deploy.specs import Places
from meridian.deploy.topology import Topology
from meridian.engine import quarantine as room

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
"""What ends a process for what it did itself."""
SUSPECT = "quarantine.suspect"
"""Beside a journal: the call within which its engine was killed last, from outside."""
HUNG_CPU_SECONDS = 1.0
"""Of its thread's time within one call: then it does not end. None that does takes a hundredth of it."""
SILENT_CPU_SECONDS = 0.05
"""The same where its standby has heard nothing of the engine, and it is ended for that anyway."""
COMM_MAX = 15
"""Of a thread's name, as the system keeps it."""
log = structlog.get_logger("quarantine")


@dataclass(frozen=True, slots=True)
class Inside:
    """The call that an engine is at."""

    call: int
    """Slot, callback, call of the pass, slot's version: 8, 8, 16 and 32 bits from the lowest."""
    input: int
    code: int

    @property
    def slot(self) -> int:
        """The slot's number."""
        return self.call & 0xFF

    @property
    def callback(self) -> str:
        """The callback's name, as classes spell it."""
        return room.callback(self.call >> 8 & 0xFF)


@dataclass(frozen=True, slots=True)
class Mark:
    """One that was written."""

    tile: str
    record: bytes
    input: int


@dataclass(slots=True)
class Life:
    """What is seen of an engine in one life of its process."""

    pid: int
    reader: links.Counters | None = None
    inside: Inside | None = None
    """The call that it was at when it was looked at last."""
    cpu_seconds: float = 0.0
    """Its thread's time when it was first seen there."""
    hung: Inside | None = None
    """The call for which its process is ended."""
    judged: bool = False
    mark: Mark | None = None
    """Of the call that it ended in, where that is marked."""


@dataclass(slots=True)
class Watch:
    """Over the engines of one run."""

    topology: Topology
    names: dict[int, str] = field(default_factory=dict)
    """Slot → its strategy's name."""
    leads: Callable[[str], bool] = lambda tile: True
    """Whether this engine is not one that follows another."""
    tell: Callable[[Mark], None] = lambda mark: None
    """Hears of each mark once it is written, maybe more than once."""
    places: Places = field(init=False)
    """Of the run, once it has any."""
    _lives: dict[str, Life] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def engines(self, process: str) -> list[str]:
        """The engines with a journal that run in a process."""
        return [
            name
            for name, tile in self.topology.tiles.items()
            if tile.kind == "engine"
            and tile.settings.get("durability") != "none"
            and self.topology.process_of(name) == process
        ]

    def journals(self, tile: str) -> list[Path]:
        """The folders of an engine's journal and, where it has one, of the other's of its pair."""
        names = [tile]
        for engine in pairs.paired(self.topology):
            both = [engine, pairs.standby_of(engine)]
            names = both if tile in both else names
        return [self.places.data_directory / name for name in names]

    def look(self, process: str, pid: int) -> bool:
        """Looks at a process that runs; whether an engine of it is in a call that does not end, for which it is to be ended."""
        return self._any_hung(process, pid, HUNG_CPU_SECONDS)

    def silent(self, process: str, pid: int) -> None:
        """Notes the call that one is in of which its standby hears nothing any more, and which is ended for that."""
        self._any_hung(process, pid, SILENT_CPU_SECONDS)

    def _any_hung(self, process: str, pid: int, seconds: float) -> bool:
        with self._lock:
            hung = [self._hangs(tile, process, pid, seconds) for tile in self.engines(process)]  # Each is looked at.
            return any(hung)

    def _hangs(self, tile: str, process: str, pid: int, seconds: float) -> bool:
        life = self._life(tile, pid)
        inside = self._inside(tile, process, life)
        if inside is None or inside != life.inside:
            life.inside = inside
            life.cpu_seconds = 0.0 if inside is None else cpu_seconds(pid, tile)
            return False
        if cpu_seconds(pid, tile) - life.cpu_seconds < seconds:
            return False
        life.hung = inside
        return True

    def ended(self, process: str, pid: int, code: int) -> list[Mark]:
        """Judges the end of a process, once; the marks that are beside the journals since. Again is no harm."""
        with self._lock:
            lives = [(tile, self._life(tile, pid)) for tile in self.engines(process)]
            found = [(tile, life, self._inside(tile, process, life)) for tile, life in lives if not life.judged]
            several = len([inside for _, _, inside in found if inside]) > 1  # One of them, and nobody knows which.
            for tile, life, inside in found:
                life.judged = True
                if inside is None:
                    self._clear(tile)
                else:
                    life.mark = self._judge(tile, life, inside, code, several)
            marks = [life.mark for _, life in lives if life.mark is not None]
        for mark in marks:
            self.tell(mark)
        return marks

    def _judge(self, tile: str, life: Life, inside: Inside, code: int, several: bool) -> Mark | None:
        slot = self.names.get(inside.slot, f"slot {inside.slot}")
        about = {"engine": tile, "slot": slot, "callback": inside.callback, "input": inside.input, "end": how(code)}
        if not self.leads(tile):
            log.warning(
                "a standby ended within a call that its leader has outlived, or dies of next; it is not marked", **about
            )
            self._lend(tile, inside, about)
            return None
        if life.hung == inside and code == -signal.SIGKILL:
            cause = records.QuarantineCause.HUNG
        elif (code >= 0 or -code in FAULTS) and not several:
            cause = records.QuarantineCause.CRASHED
        elif self._again(tile, inside):
            cause = records.QuarantineCause.KILLED_TWICE
        else:
            log.warning(
                "an engine was killed within a call; killed there again, its slot is put in quarantine", **about
            )
            return None
        try:
            mark = self._write(tile, inside, int(cause), max(-code, 0))
        except (OSError, ValueError) as error:
            log.error("a slot is not put in quarantine: its mark cannot be written", why=_why(error), **about)
            return None
        log.error("a slot is put in quarantine: its code ended its engine, which begins again without it",
                  cause=cause.name.lower(), **about)  # fmt: skip
        return mark

    def _write(self, tile: str, inside: Inside, cause: int, by: int) -> Mark:
        own = self.places.data_directory / tile
        record = native.mark_of(own, (inside.call, inside.input, inside.code), cause, by, time.time_ns())
        assert record is not None, "it was in a call"
        add(own, [record])
        for folder in self.journals(tile):
            try:
                add(folder, [record])
            except (OSError, ValueError) as error:
                # The other one is told over its link all the same; it does not start again until a person has looked at its file.
                log.error(
                    "a mark is not beside the journal of the other one of a pair", engine=folder.name, why=_why(error)
                )
        self._clear(tile)
        return Mark(tile, record, inside.input)

    def _lend(self, tile: str, inside: Inside, about: Mapping[str, object]) -> None:
        """Gives a standby the marks that its leader's journal has from that call on. They stand in it since lives of the leader
        honoured them, also where the file beside it was damaged or taken away since."""
        for folder in self.journals(tile):
            if folder.name == tile:
                continue
            try:
                found = [data for _, _, data in journal.Reader(folder, inside.input) if _is_mark(data)]
                if found:
                    add(self.places.data_directory / tile, found)
            except (OSError, ValueError) as error:
                log.error("a standby is not given the marks of its leader's journal", why=_why(error), **about)

    def _again(self, tile: str, inside: Inside) -> bool:
        """Whether it was killed there the last time, too; else that is noted."""
        path, here = self._suspect(tile), [inside.call, inside.input, inside.code]
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_text(encoding="utf-8")) == here:
                return True
        with contextlib.suppress(OSError):
            files.write_whole(path, json.dumps(here))
        return False

    def _clear(self, tile: str) -> None:
        """Nothing is suspected. A disk that takes nothing keeps a note that says of one call of one input what it said before."""
        with contextlib.suppress(OSError):
            self._suspect(tile).unlink(missing_ok=True)

    def _suspect(self, tile: str) -> Path:
        return self.places.data_directory / tile / SUSPECT

    def _life(self, tile: str, pid: int) -> Life:
        life = self._lives.get(tile)
        if life is None or life.pid != pid:
            life = self._lives[tile] = Life(pid)
        return life

    def _inside(self, tile: str, process: str, life: Life) -> Inside | None:
        """The call that it says it is at; None: at none, or it has said nothing yet in this life."""
        if life.reader is None:
            with contextlib.suppress(OSError):
                reader = links.Counters(self.places.counters(process))
                life.reader = reader if reader.pid == life.pid else None
        if life.reader is None:
            return None
        value = life.reader.value
        call = value(f"{tile}.inside_call") or 0
        about = value(f"{tile}.inside_input") or 0, value(f"{tile}.inside_code") or 0
        return Inside(call, *about) if call and value(f"{tile}.inside_call") == call else None


def _is_mark(data: bytes) -> bool:
    return records.name_of(data) == "Quarantine"


def _why(error: OSError | ValueError) -> str:
    return in_words(error) if isinstance(error, OSError) else str(error)


def add(folder: Path, marks: list[bytes]) -> None:
    """Adds marks to those beside a journal, whether it has begun or not. Raises OSError, ValueError where those are damaged."""
    path = folder / room.MARKS
    content = path.read_bytes() if path.exists() else None
    if (made := native.with_marks(content, marks)) != content:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_whole(path, made)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def share(source: Path, target: Path) -> None:
    """Gives an engine that is to follow the marks of the one that leads: it has its inputs. Raises OSError, ValueError."""
    path = source / room.MARKS
    if path.exists():
        add(target, native.marks(path.read_bytes()))


def cpu_seconds(pid: int, thread: str) -> float:
    """The processor time that a thread of a process has had, of all where none has this name; 0 for one that is gone."""
    ticks = os.sysconf("SC_CLK_TCK")
    times: list[tuple[str, int]] = list(_times(Path(f"/proc/{pid}/task")))
    own = [spent for name, spent in times if name == thread[:COMM_MAX]]
    return sum(own or [spent for _, spent in times]) / ticks


def _times(tasks: Path) -> Iterator[tuple[str, int]]:
    """Name and ticks of each thread (proc(5), /proc/pid/stat: comm, utime, stime)."""
    with contextlib.suppress(OSError):
        for task in tasks.iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                head, _, rest = (task / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")
                words: list[Any] = rest.split()
                yield head.partition("(")[2], int(words[11]) + int(words[12])
