"""The site that a platform's regions are led from, of several that could: what it asks the store, and what ends it here.

A region is led from one site at a time. Which one stands with the epoch of its engine in the store (`coordination/epochs.py`); it
changes because a person says so at the other site, and never by a time that runs out.

Invariant: a site that has seen that another one leads a region has no engine and no gateway of it any more, and starts none. One
that cannot reach the store goes on as it is; whatever it then starts anew only reduces positions.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import structlog

from meridian import files
from meridian.coordination import EtcdError
from meridian.coordination.epochs import BadEpoch, Claim, Place
from meridian.deploy.epochs import Epochs
from meridian.deploy.spare import copies
from meridian.deploy.supervisor import CannotStart, Supervisor

FILE = "site.json"
"""In the data: what tells it from another site's."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
LOOK_SECONDS = 0.1
log = structlog.get_logger("sites")


def place_of(data: Path, site: str) -> Place:
    """This site with its data, which get a mark of their own once. Raises OSError."""
    path = data / FILE
    with suppress(OSError, ValueError, TypeError, KeyError):
        mark = json.loads(path.read_text(encoding="utf-8"))["data"]
        if isinstance(mark, str) and re.fullmatch(r"[0-9a-f]{32}", mark):
            return Place(site, mark)
    mark = secrets.token_hex(16)
    files.write_whole(path, json.dumps({"data": mark}), 0o600)
    return Place(site, mark)


def refused(region: str, claim: Claim, own: Place | None) -> str:
    """The sentence for a region that another site leads."""
    if own is None:
        todo = "name this site with --site, and add --take-over"
    else:
        alike = ", with other data" if own.site == claim.place.site else ""
        todo = f"this is site {own.site}{alike}; add --take-over"
    return f"{region}: is led from {claim.words}; {todo}, once nothing of it trades there, to lead it from here"


def settle(regions: Sequence[tuple[str, str]], epochs: Epochs, data: Path, *, take_over: bool) -> None:
    """Before anything starts: of each region, with its engine's holder, whether it is led from here, or is taken over.

    Where `data` are a copy, they are made whole, and are none from then on. Raises CannotStart with a sentence for each
    region that is not led from here, and for a copy from which it cannot be; then none is taken over."""
    sentences, taken = list[str](), list[tuple[str, str, Claim]]()
    claims: dict[str, Claim | None] = {}
    for region, holder in regions:
        try:
            claim = epochs.elsewhere(holder)
        except (EtcdError, BadEpoch) as error:
            sentences.append(f"{region}: whether another site leads it is not known: {error}")
            continue
        claims[region] = claim
        if claim is not None and not take_over:
            sentences.append(refused(region, claim, epochs.own))
        elif claim is not None:
            taken.append((region, holder, claim))
    copied = copies.is_copy(data)
    if copied and not sentences:
        sentences += copies.problems(data, copies.finish(data), claims)
    if sentences:
        raise CannotStart(sentences)
    for region, holder, claim in taken:
        try:
            epoch = epochs.claim(holder)
        except (EtcdError, BadEpoch) as error:
            raise CannotStart([f"{region}: is not taken over: {error}"]) from None
        log.warning("a region is taken over", region=region, was=claim.words, epoch=epoch)
    if copied and (state := copies.lead(data)) is not None:
        old = max(time.time_ns() - state.taken_ns, 0) / 1e9
        log.warning("a region is led from a copy", region=state.region, of=state.site, seconds_old=round(old, 3))


def take(data: Path, *, take_over: bool) -> None:
    """Before a platform has its data: a copy is kept by nobody any more. Raises CannotStart, OSError, ValueError."""
    if not copies.is_copy(data):
        return
    if not take_over:
        raise CannotStart(
            [f"{data}: is a copy of a region that another site leads; --site NAME --take-over leads it from here"]
        )
    copies.end_keeper(data)


@dataclass(slots=True)
class Watch:
    """Looks, in a thread, whether the regions are led from here still. `start` once they run, `stop` before they are stopped."""

    epochs: Epochs
    regions: dict[str, tuple[str, Supervisor]]
    """Region → its engine's holder, and who runs it."""
    lost: dict[str, str] = field(default_factory=dict)
    """Region → the sentence why its processes were ended."""
    tell: Callable[[], None] = lambda: None
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def start(self) -> None:
        """Looks from now on, until `stop`."""
        self._thread = Thread(target=self._run, name="sites", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Again is no harm."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            for region, (holder, supervisor) in self.regions.items():
                if region not in self.lost:
                    self._look(region, holder, supervisor)

    def _look(self, region: str, holder: str, supervisor: Supervisor) -> None:
        try:
            claim = self.epochs.elsewhere(holder)
        except (EtcdError, BadEpoch):
            return  # It goes on; agents and `meridian status` say that the store is away.
        if claim is not None:
            self.leave(region, supervisor, claim)

    def leave(self, region: str, supervisor: Supervisor, claim: Claim) -> None:
        """Ends every process of the region at once, paused ones too: another site leads it."""
        self.lost[region] = (
            f"it is led from {claim.words} now; all that it ran here is ended, and what its data hold beyond that site's copy "
            "was not copied"
        )
        for child in list(supervisor.children):
            if child.popen is not None and child.popen.poll() is None:
                with suppress(ProcessLookupError):
                    child.popen.kill()
        log.error("a region is led from another site now; it is ended here", region=region, claim=claim.words)
