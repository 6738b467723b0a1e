"""What is done to a system, and in which order: a list that a seed makes.

Invariant: equal seeds and counts give equal plans; every process is harmed once before any is harmed twice.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

NEW_YORK, CHICAGO, ABOVE = "new-york", "chicago", "platform"
VENUES = {"xnas": NEW_YORK, "xbos": NEW_YORK, "xcme": CHICAGO}
"""Venue, as the names of tiles have it → its region."""
DRIVER, STORE, SUPERVISOR, ALL = "media-driver", "etcd", "supervisor", "everything"
STANDBY, ROOM = "standby", "room"
"""Where New York's engine has a standby: its process, and that of the tiles that else run beside the engine."""
SYSTEM_KILLS = 50
"""Harms that one system takes before another is made."""
CHECK_EVERY = 17
"""Harms between two looks at the journals at rest."""
PAUSE_SECONDS = ((0.70, 0.1, 1.0), (0.20, 1.0, 5.0), (0.09, 5.0, 15.0), (0.01, 15.0, 60.0))
"""Share of all pauses, and between how many seconds these last."""
DISK_SECONDS = ((1.0, 0.3, 3.0),)
"""The same of a disk that is full or read-only: a supervisor starts a process again ten times, and then it ends its region."""
NETWORK_SECONDS = ((0.8, 0.3, 3.0), (0.2, 5.0, 25.0))
"""The same of a network that is down: also for longer than a session waits for its peer."""


class Kind(StrEnum):
    """What is done."""

    KILL = "SIGKILL"
    PAUSE = "SIGSTOP"
    FULL = "full disk"
    READ_ONLY = "read-only disk"
    NETWORK = "network down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One of them."""

    step: int
    """From 1, over all systems."""
    run: str
    """The run of the process: a region, or what is above them."""
    process: str
    kind: Kind
    seconds: float
    """How long it lasts; 0 for a kill."""
    killed: bool
    """A harm of a disk: whether the process is killed in the middle of it, so that it has to come back on such a disk."""

    @property
    def place(self) -> str:
        """The process among all."""
        return self.process if self.process == ALL else f"{self.run}/{self.process}"

    def __str__(self) -> str:
        killed = ", killed meanwhile" if self.killed else ""
        return f"{self.kind} of {self.place}" + (f" for {self.seconds:.2f} s{killed}" if self.seconds else "")


def targets(standby: bool) -> list[tuple[str, str]]:
    """Run and name of every process, the supervisor among them, and all of them at once; `standby`: of a system with one."""
    found = [(NEW_YORK, name) for name in (STANDBY, ROOM) if standby]
    found += [(run, name) for run in (NEW_YORK, CHICAGO) for name in ("engine", "agent")]
    # The links of a pair are rings in files: nothing of that region goes over a media driver.
    found += [(run, DRIVER) for run in (NEW_YORK, CHICAGO) if not (standby and run == NEW_YORK)]
    found += [(run, f"{tile}_{venue}") for venue, run in VENUES.items() for tile in ("exchange", "feed", "gateway")]
    found += [(NEW_YORK, "drop_copy_xbos"), (ABOVE, "limits-api"), (ABOVE, "relay"), (ABOVE, STORE)]
    return [*found, (ABOVE, SUPERVISOR), (ABOVE, ALL)]


def has_disk(process: str) -> bool:
    """Whether a process keeps anything that outlives it."""
    return process not in (DRIVER, SUPERVISOR, ALL, "limits-api", "relay")


def plan(seed: int, kills: int, kinds: frozenset[Kind], *, standby: bool) -> list[Harm]:
    """The harms of a run, of these kinds where the process has them."""
    chance = random.Random(seed)
    waiting: list[tuple[str, str]] = []
    found = []
    for step in range(1, kills + 1):
        if not waiting:
            waiting = targets(standby)
            chance.shuffle(waiting)
        run, process = waiting.pop()
        kind = chance.choice(_choices(process, kinds))
        seconds = _seconds(kind, chance)
        killed = kind in (Kind.FULL, Kind.READ_ONLY) and chance.random() < 0.5
        found.append(Harm(step=step, run=run, process=process, kind=kind, seconds=seconds, killed=killed))
    return found


def _choices(process: str, kinds: frozenset[Kind]) -> list[Kind]:
    """Kinds of harm of a process, each as often as it is to be chosen."""
    often = {Kind.KILL: 5, Kind.PAUSE: 3}
    if process == ALL:
        often = {Kind.KILL: 1, Kind.NETWORK: 2}
    elif process == DRIVER:
        # Without it the region ends, and is brought back with everything else.
        often = {Kind.KILL: 1, Kind.PAUSE: 4}
    elif has_disk(process):
        often |= {Kind.FULL: 1, Kind.READ_ONLY: 1}
    found = [kind for kind, count in often.items() for _ in range(count) if kind in kinds]
    return found or [Kind.KILL]


def _seconds(kind: Kind, chance: random.Random) -> float:
    if kind is Kind.KILL:
        return 0.0
    spans = {Kind.PAUSE: PAUSE_SECONDS, Kind.NETWORK: NETWORK_SECONDS}.get(kind, DISK_SECONDS)
    ((_, least, most),) = chance.choices(spans, [share for share, _, _ in spans])
    return round(math.exp(chance.uniform(math.log(least), math.log(most))), 3)
