"""The roll of the house exchanges of a run to another release while members trade there: beside each, one is started from the
other installation, which follows its journal and takes its place, its sockets with it.

Invariant: at each moment one of both has the place; one that comes and does not come to its end ends the roll, and the one that
has the place goes on. Exchanges that were rolled before stay so: by asking again, or with --back, it goes on by what is.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian._native import tiles as native_tiles
from meridian.deploy import endings, successors
from meridian.deploy.installations import HANDOVER_VERSION, Installation
from meridian.deploy.roll_requests import CannotRoll
from meridian.deploy.specs import exchanges_of, process_spec, tile_in_succession, tile_spec
from meridian.deploy.successors import WHY, Stage, Successor
from meridian.deploy.supervisor import Child, Supervisor

STEP_SECONDS_MAX = 120.0
"""For one that comes to have read the whole journal, and to have the place."""
SETTLED_SECONDS_MAX = 2.0
"""For the one that has the place to take it again, or for the first turn of the one that took it."""


@dataclass(slots=True, kw_only=True)
class Exchanges:
    """Those of one run."""

    supervisor: Supervisor
    before: Installation | None = None
    """What a roll back leads to: where the last roll led from, as soon as one exchange has gone. A roll back that is broken off
    leads there again."""

    @property
    def names(self) -> list[str]:
        """Processes of one exchange each that can give their places."""
        topology, places = self.supervisor.topology, self.supervisor.places
        return [name for name in exchanges_of(topology) if "succession" in process_spec(topology, name, places)]

    def refused(self, target: Installation, key: str) -> Iterator[str]:
        """What keeps each of them from being followed by one of this installation."""
        if not self.names:
            yield "no exchange of this run is rolled: allowed are runs with an exchange in a process of its own, without links"
        if target.handover != HANDOVER_VERSION:
            yield (
                f"{key}: release {target.release.short} takes the place of a running exchange in version {target.handover} of "
                f"doing so; needed is version {HANDOVER_VERSION}"
            )
        for name in self.names:
            of = self._of(name).release
            if target.release.schema < of.schema:
                yield (
                    f"{key}: release {target.release.short} reads records up to schema {target.release.schema}, and {name} "
                    f"writes schema {of.schema}: it could not read its journal; needed is schema {of.schema} or newer"
                )
            yield from self._without_room(name)

    def _without_room(self, name: str) -> Iterator[str]:
        tile, places = tile_in_succession(self.supervisor.topology, name), self.supervisor.places
        assert tile is not None, "it is one of them"
        needed = native_tiles.disk_bytes(json.dumps(tile_spec(self.supervisor.topology, tile, places)))
        free = shutil.disk_usage(places.data_directory).free
        if free < needed:
            yield f"{name}: needs {needed} bytes in {places.data_directory} to begin, {free} are free there; make room"

    def roll(
        self, target: Installation, say: Callable[[str], None], pause: Callable[[], None], *, back: bool
    ) -> dict[str, Any]:
        """One after the other. `pause` waits a moment, and raises CannotRoll where the run is being stopped.

        Returns what was done. Raises CannotRoll, OSError.
        """
        started, was = time.monotonic(), self._of(self.names[0])
        others = [one for one in map(self._of, self.names) if one.release.name != target.release.name]
        if not others:
            say(f"all exchanges are of release {target.release.short} already; nothing to do")
        else:
            was = others[0]
        done = []
        for name in self.names:
            if self._of(name).release.name != target.release.name:
                done.append(self._roll_one(name, target, say, pause))
                self.before = self.before if back else was
        if back and done:
            self.before = was
        return {
            "of": "exchange", "release": target.release.name, "installation": str(target.prefix),
            "release_before": was.release.name, "exchanges": done,
            "held_ms": max((one["held_ms"] for one in done), default=None),
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip

    def _roll_one(
        self, name: str, target: Installation, say: Callable[[str], None], pause: Callable[[], None]
    ) -> dict[str, Any]:
        child, was = self._child(name), self._of(name)
        comes = successors.begin(self.supervisor, child, target)
        try:
            say(f"{name} is followed from {target.prefix}, release {target.release.short}")
            self._until_it_took(comes, pause)
            told = comes.counters()
            comes.succeed()
        except CannotRoll as error:
            comes.end()
            raise CannotRoll(f"{error}; {self._stands(name, was)}") from None
        finally:
            comes.end()
        held_ms = round(told["handover.held_ns"] / 1e6, 3)
        say(f"{name} runs on release {target.release.short}; it took nothing for {held_ms:,.1f} ms")
        return {"exchange": name, "input": told["handover.input"], "held_ms": held_ms}

    def _until_it_took(self, comes: Successor, pause: Callable[[], None]) -> None:
        """Until it has the place. Raises CannotRoll with what keeps it."""
        name, prefix = comes.child.name, comes.installation.prefix
        deadline, took, gone = time.monotonic() + STEP_SECONDS_MAX, None, False
        while True:
            pause()
            # Whether it took the place comes first: one that died behind that has it, and is started again.
            told = comes.counters()
            stage = told.get("handover.stage")
            if stage == Stage.TOOK:
                took = took or time.monotonic()
                ended = comes.popen.poll() is not None or time.monotonic() - took > SETTLED_SECONDS_MAX
                if told["handover.held_ns"] or ended:
                    return
                continue
            said = comes.attested()
            if said is not None and said != comes.installation.release.name:
                raise CannotRoll(f"{name} was not followed from {prefix}: its files changed meanwhile")
            if (code := comes.popen.poll()) is not None:
                how = endings.how_with_words(code, comes.child.log)
                raise CannotRoll(f"{name} was not followed from {prefix}: its process {how}")
            gone, gone_before = stage == Stage.GONE, gone
            if gone_before and comes.child.popen is not None and comes.child.popen.poll() is None:
                raise CannotRoll(f"{name} was not followed from {prefix}: {WHY.get(told['handover.why'], 'unknown')}")
            if comes.child.popen is None or comes.child.popen.poll() is not None:
                raise CannotRoll(f"{name} ended meanwhile, and is started again as after any death")
            if time.monotonic() > deadline:
                raise CannotRoll(f"{name} was not followed from {prefix} within {STEP_SECONDS_MAX:.0f} s")

    def _stands(self, name: str, was: Installation) -> str:
        """What became of the one that has the place."""
        tile = tile_in_succession(self.supervisor.topology, name)
        assert tile is not None, "it is one of them"
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        while successors.counted(self.supervisor, name, tile).get("handover.stage") in (Stage.GIVES, Stage.GAVE):
            if time.monotonic() > deadline:
                return f"{name} of release {was.release.short} does not say that it goes on; `meridian status` says how it is"
            time.sleep(0.01)
        return f"{name} goes on from release {was.release.short}"

    def _child(self, name: str) -> Child:
        return next(child for child in self.supervisor.children if child.name == name)

    def _of(self, name: str) -> Installation:
        """From which the next life of one of them is started."""
        found = self._child(name).installation
        assert found is not None, "the supervisor started it"
        return found


def rolled_in(run_directory: Path) -> list[str]:
    """The processes of a run that `roll` takes to another release as exchanges."""
    found = []
    for path in sorted((run_directory / "specs").glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and document.get("succession") and path.stem == document.get("process"):
            found.append(path.stem)
    return found
