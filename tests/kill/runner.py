"""Carries a plan out: one system after the other, each harm followed by the system's recovery and its first orders.

Invariant: a system is harmed again only when it has recovered, and goes only when its journals were compared at rest and after
its end.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian.console import in_words
from meridian.deploy import runs
from tests.kill import harms, invariants
from tests.kill.apart import Means
from tests.kill.plan import CHECK_EVERY, DRIVER, SYSTEM_KILLS, Harm
from tests.kill.system import REGIONS, Broken, System, affected

READY_SECONDS_MAX = 60.0
"""Until a system that came up, or was harmed, is at work again."""
FIRST_SECONDS_MAX = 30.0
"""From then on until the first order."""
SETTLE_SECONDS = 0.3
"""Of trading between two harms, so that something is under way at each."""
LOOK_SECONDS = 0.01
RESTARTS_MAX = 6
"""Of one process: a supervisor gives up after ten, and a harm may take three. Then an operator starts all of it again."""


@dataclass(slots=True, kw_only=True)
class Done:
    """One harm that was done."""

    harm: Harm
    system: int
    ready_s: float | None = None
    """From the harm, or from its end if it lasted, until everything was at work."""
    order_s: float | None = None
    """Until the first order after that."""
    failures: list[str] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """For JSON."""
        harm = self.harm
        return {
            "step": harm.step, "system": self.system, "run": harm.run, "process": harm.process, "kind": harm.kind.value,
            "seconds": harm.seconds, "killed_meanwhile": harm.killed, "ready_s": self.ready_s, "order_s": self.order_s,
            "failures": self.failures,
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Runner:
    """A whole run."""

    seed: int
    means: Means
    plan: list[Harm]
    folder: Path
    tell: Callable[[str], None]
    standby: bool = False
    """New York's engine has one."""
    deadline: float | None = None
    """Monotonic time after which no harm is begun."""
    system_kills: int = SYSTEM_KILLS
    done: list[Done] = field(default_factory=list)
    checks: int = 0
    systems: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Of orders and what became of them, over all systems that came to their end."""
    kept: Path | None = None
    """What a failure left."""

    def run(self) -> None:
        """All of it, until the plan or the time is over or something does not hold."""
        for at in range(0, len(self.plan), self.system_kills):
            if self.is_late() or self.failures:
                return
            self._system(self.plan[at : at + self.system_kills])

    def is_late(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def failures(self) -> list[str]:
        """Everything that did not hold, with the step after which it was seen."""
        return [f"step {one.harm.step}, {one.harm}: {sentence}" for one in self.done for sentence in one.failures]

    def _system(self, harmful: list[Harm]) -> None:
        """One system, from its files to its end."""
        self.systems += 1
        folder = self.folder / f"system-{self.systems}"
        system = System(folder, self.seed + self.systems, self.means.own, self.standby)
        last = Done(harm=harmful[0], system=self.systems)
        try:
            system.make()
            system.up()
            self.ready(system, 0)
            system.command(start=True)
            self.first(system, list(REGIONS))
            for count, harm in enumerate(harmful, start=1):
                if self.is_late():
                    break
                last = Done(harm=harm, system=self.systems)
                self.done.append(last)
                self._harm(system, last)
                if count % CHECK_EVERY == 0 and count < len(harmful):
                    self._check(system)
            self._end(system)
        except (Broken, OSError) as error:
            last.failures += error.sentences if isinstance(error, Broken) else [in_words(error)]
            self.done += [last] if last not in self.done else []
            self._keep(system)
        finally:
            system.close()
            shutil.rmtree(system.folder, ignore_errors=True)

    def _harm(self, system: System, done: Done) -> None:
        harm = done.harm
        if system.restarts() >= RESTARTS_MAX:
            self._again(system)
        time.sleep(SETTLE_SECONDS)
        by_hand = harms.do(system, harm)
        since, since_ns = time.monotonic(), time.time_ns()
        if by_hand:
            self._alone(system, harm)
            self._again(system)
        else:
            self.ready(system, since_ns)
        done.ready_s = round(time.monotonic() - since, 3)
        self.first(system, affected(harm.run, harm.process))
        done.order_s = round(time.monotonic() - since, 3)
        times = f"at work after {done.ready_s:.2f} s, first order after {done.order_s:.2f} s"
        self.tell(f"{harm.step}/{len(self.plan)} {harm}: {times}")

    def _alone(self, system: System, harm: Harm) -> None:
        """A region whose media driver died is stopped; the other one trades on."""
        if harm.process != DRIVER:
            return
        (other,) = (region for region in REGIONS if region != harm.run)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while harm.run in system.runs():
            if time.monotonic() > deadline:
                raise Broken(f"{harm.run}: it was not stopped although its media driver is gone")
            time.sleep(LOOK_SECONDS)
        self.first(system, [other])

    def _again(self, system: System) -> None:
        """As an operator stops what is left and starts everything again."""
        system.down()
        system.up()
        self.ready(system, 0)

    def ready(self, system: System, since_ns: int) -> None:
        """Waits until everything is at work. Raises Broken."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while missing := system.missing(since_ns):
            if time.monotonic() > deadline:
                raise Broken(*(f"after {READY_SECONDS_MAX:.0f} s: {sentence}" for sentence in missing))
            time.sleep(LOOK_SECONDS)

    def first(self, system: System, places: list[str]) -> None:
        """Waits until orders leave at all of these places. Raises Broken."""
        before = system.sent()
        deadline = time.monotonic() + FIRST_SECONDS_MAX
        while idle := [one for one in places if system.sent().get(one, 0) <= before.get(one, 0)]:
            if time.monotonic() > deadline:
                raise Broken(
                    f"no order left {', '.join(idle)} within {FIRST_SECONDS_MAX:.0f} s after everything was at work"
                )
            time.sleep(LOOK_SECONDS)

    def _check(self, system: System) -> None:
        """Strategies stop, everything is compared, and they go on. Raises Broken."""
        self.checks += 1
        system.command(start=False)
        if found := invariants.at_rest(system):
            raise Broken(*found)
        system.command(start=True)
        self.first(system, list(REGIONS))

    def _end(self, system: System) -> None:
        """The last comparison, at rest and when all of it is over. Raises Broken."""
        self.checks += 1
        system.command(start=False)
        found = invariants.at_rest(system)
        system.down()
        if found or (found := invariants.at_end(system)):
            raise Broken(*found)
        self.counts.update(invariants.counted(system))

    def _keep(self, system: System) -> None:
        """Copies what a failed system wrote to where it stays. Its processes are ended first."""
        self.kept = self.folder / "kept"
        for pid in system.pids():
            harms.end(pid)
        for folder, place in ((system.folder, self.kept), (runs.root(), self.kept / "runs")):
            # What goes away meanwhile is not worth more than what does not hold.
            with contextlib.suppress(OSError):
                shutil.copytree(folder, place, dirs_exist_ok=True, ignore=_sockets)


def _sockets(folder: str, names: list[str]) -> set[str]:
    """What cannot be copied."""
    return {name for name in names if (Path(folder) / name).is_socket()}
