"""A process in reserve for another one of its run: started ahead, its code loaded and its release said, it waits for its turn.

    [processes.gateway_xnas]
    reserve = true

When that process ends, whatever ended it, the one in reserve has its place at once: the pause before a restart, the interpreter,
the extension and the hash of the release are behind it. A gateway goes on in its sessions with the numbers that the ended one
left in its files, which outlive it to the last byte that it wrote.

Invariant: before its turn it opens nothing of the one whose place it is for, and it has its turn only once that one has ended: of
one specification there is never more than one at work.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from meridian import logs, release
from meridian.console import in_words
from meridian.deploy.condition import state_of
from meridian.deploy.installations import Installation

if TYPE_CHECKING:
    from meridian.deploy.supervisor import Child, Supervisor

BESIDE = ".reserve"
"""Behind a process's name, for the file in which the one in reserve says its release."""
SETTLED_SECONDS = 1.0
"""For so long a process must have been at work before one is put in reserve for it: none is for one that dies as it starts."""
TRIES_MAX = 10
"""Of one place, between two lives of it; one that ends so often while it waits has a reason."""
END_SECONDS_MAX = 2.0

logs.configure()
log = structlog.get_logger("reserves")


@dataclass(slots=True, kw_only=True)
class Reserve:
    """One that waits."""

    popen: subprocess.Popen[bytes]
    installation: Installation
    says: Path
    """Where it says its release."""

    def ready(self) -> bool:
        """Whether it could have its turn: it waits, is not paused, and is of the release that it was started from."""
        runs = self.popen.poll() is None and state_of(self.popen.pid) == "runs"
        return runs and release.attested(self.says, self.popen.pid) == self.installation.release.name

    def give_turn(self) -> None:
        """It goes on. Raises OSError where it has ended."""
        assert self.popen.stdin is not None, "it waits there"
        with self.popen.stdin as turn:
            turn.write(b"\n")

    def end(self) -> None:
        """Without a turn; also one that is paused."""
        assert self.popen.stdin is not None, "it waits there"
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        self.popen.kill()
        self.popen.wait()
        with contextlib.suppress(OSError):
            self.says.unlink(missing_ok=True)


@dataclass(slots=True)
class Reserves:
    """Those of one run, by the process whose place each is for."""

    supervisor: Supervisor
    waiting: dict[str, Reserve] = field(default_factory=dict)
    _settled: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Process → its present life, and since when that is seen at work, by the monotonic clock."""
    _tries: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Process → its present life, and how many were put in reserve during it."""

    def look(self, child: Child) -> None:
        """Puts one in reserve where one is due, at most one in a look; ends one that is of no use."""
        if not self.wanted(child.name) or child.popen is None or child.restart_at is not None:
            return
        one, of, pid = self.waiting.get(child.name), child.installation or self.supervisor.own, child.popen.pid
        if one is not None and (one.popen.poll() is not None or one.installation is not of):
            log.warning("no longer in reserve", process=child.name, code=one.popen.poll())
            self._drop(child.name)
            one = None
        life, tries = self._tries.get(child.name, (pid, 0))
        tries = tries if life == pid else 0
        # What runs from elsewhere may be of a release that does not know to wait.
        if one is not None or of.foreign or tries == TRIES_MAX or not self._at_work(child):
            return
        self._tries[child.name] = pid, tries + 1
        try:
            self.waiting[child.name] = self._begin(child, of)
        except OSError as error:
            log.warning("nothing in reserve", process=child.name, why=in_words(error))
            return
        self.supervisor.tell_of(child)

    def steps_in(self, child: Child) -> bool:
        """Gives the place of a process that has ended to the one in reserve, if that can take it; whether it did."""
        one = self.waiting.get(child.name)
        if one is None:
            return False
        try:
            if not one.ready() or one.installation is not (child.installation or self.supervisor.own):
                raise OSError("it was not ready")
            self.supervisor.before_life(child)
            one.says.replace(self.supervisor.places.release(child.name))
            one.give_turn()
        except OSError as error:
            log.warning("the one in reserve does not step in", process=child.name, why=in_words(error))
            self._drop(child.name)
            return False
        del self.waiting[child.name]
        child.popen = one.popen
        return True

    def wanted(self, process: str) -> bool:
        """Whether the topology asks for one in reserve for a process."""
        about = self.supervisor.topology.processes.get(process)
        return about is not None and about.reserve

    def pid(self, process: str) -> int | None:
        """The process in reserve for another; None: there is none."""
        one = self.waiting.get(process)
        return None if one is None else one.popen.pid

    def end(self) -> None:
        """All of them."""
        for process in list(self.waiting):
            self._drop(process)

    def _begin(self, child: Child, of: Installation) -> Reserve:
        says = self.supervisor.places.release(child.name + BESIDE)
        says.unlink(missing_ok=True)
        popen = self.supervisor.popen_of(child, of, child.spec, says, in_reserve=True)
        return Reserve(popen=popen, installation=of, says=says)

    def _drop(self, process: str) -> None:
        self.waiting.pop(process).end()

    def _at_work(self, child: Child) -> bool:
        """Whether its present life has been ready for a while."""
        assert child.popen is not None, "it was started"
        now, pid = time.monotonic(), child.popen.pid
        if not self.supervisor.child_ready(child.name):
            self._settled.pop(child.name, None)
            return False
        life, since = self._settled.setdefault(child.name, (pid, now))
        if life != pid:
            self._settled[child.name] = pid, now
            return False
        return now - since >= SETTLED_SECONDS
