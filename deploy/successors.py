"""A process that comes for the place of another one of its run, started beside it from another installation.

Until the place is its own it has a name of its own: that of the other one with `.next` behind it, for its specification, its
counters and the file in which it says its release. Which of both has the place they settle themselves, over a socket in the run's
directory (`crates/exchange/src/handover`); here is only seen how far they are.

Invariant: while there is one, the supervisor leaves both alone, and at the end one of both is its child and the other has ended.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from meridian import release
from meridian.deploy.installations import Installation
from meridian.deploy.metrics import read
from meridian.deploy.specs import process_spec, tile_in_succession
from meridian.deploy.supervisor import STOP_SECONDS_MAX, Child, Supervisor

COMING = ".next"


class Stage(IntEnum):
    """Where a tile stands, by its counter `handover.stage` (`crates/exchange/src/handover/mod.rs`)."""

    KEEPS = 0
    FOLLOWS = 1
    COMPARED = 2
    GIVES = 3
    GAVE = 4
    TOOK = 5
    GONE = 6


WHY = {
    1: "its state differs from that of the one that has the place",
    2: "the one that has the place kept it: the other one was too late, or spoke another version",
    3: "what the one that has the place says is not known to it",
    4: "it could not follow the journal",
}
"""By its counter `handover.why`."""


@dataclass(slots=True, kw_only=True)
class Successor:
    """The one that comes."""

    supervisor: Supervisor
    child: Child
    """The one whose place it comes for."""
    installation: Installation
    popen: subprocess.Popen[bytes]

    @property
    def tile(self) -> str:
        """The tile of both."""
        found = tile_in_succession(self.supervisor.topology, self.child.name)
        assert found is not None, "only one that can be followed is"
        return found

    def counters(self) -> dict[str, Any]:
        """What it counts, without its tile's name."""
        return counted(self.supervisor, self.child.name + COMING, self.tile)

    def attested(self) -> str | None:
        """The release that it said."""
        return release.attested(self.supervisor.places.release(self.child.name + COMING), self.popen.pid)

    def succeed(self) -> None:
        """It is the supervisor's child, the other one ends: as one that stands still is ended, too."""
        places, child, before = self.supervisor.places, self.child, self.child.popen
        for place in (places.counters, places.release):
            place(child.name + COMING).replace(place(child.name))
        child.installation, child.said, child.popen = self.installation, None, self.popen
        self.supervisor.tell_of(child)
        child.successor = None
        _end(before)

    def end(self) -> None:
        """It goes, and nothing of it is left, unless it succeeded."""
        if self.child.popen is not self.popen:
            self.popen.kill()
            self.popen.wait()
            for place in (self.supervisor.places.counters, self.supervisor.places.release):
                with contextlib.suppress(OSError):
                    place(self.child.name + COMING).unlink(missing_ok=True)
        self.child.successor = None


def begin(supervisor: Supervisor, child: Child, installation: Installation) -> Successor:
    """Starts one for the place of `child`. Raises OSError."""
    name, places = child.name + COMING, supervisor.places
    spec = process_spec(supervisor.topology, child.name, places)
    spec["counters_path"] = str(places.counters(name))
    spec["succession"] = dict(spec["succession"], takes_over=True)
    path = child.spec.with_name(f"{name}.json")
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    for old in (places.counters(name), places.release(name)):
        old.unlink(missing_ok=True)
    popen = supervisor.start_for_another(lambda: supervisor.popen_of(child, installation, path, places.release(name)))
    child.successor = popen
    return Successor(supervisor=supervisor, child=child, installation=installation, popen=popen)


def counted(supervisor: Supervisor, process: str, tile: str) -> dict[str, Any]:
    """What a tile of a process counts, without its name."""
    found = dict(read(supervisor.places.counters(process)))
    return {name.removeprefix(f"{tile}."): value for name, value in found.items() if name.startswith(f"{tile}.")}


def _end(popen: subprocess.Popen[bytes] | None) -> None:
    if popen is None or popen.poll() is not None:
        return
    popen.terminate()
    try:
        popen.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
