"""The roll of an engine and its standby to another release while they trade: the one that follows is started from the other
installation and follows again, the one that leads makes way for it, and is then started from there, too.

It goes by what is, not by what it did: whichever of the two is not of the release that is asked for comes next, first the one
that follows. So one that was broken off is gone on with by asking again, and a leader that dies meanwhile costs nothing: its
standby leads, as ever.

Invariant: at each moment the engine that leads is one that led or that followed in step, with its hash compared. A step that does
not come to its end ends the roll: who leads goes on, and who follows is started from the installation that it was of.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import structlog

from meridian.console import BadInput, in_words
from meridian.deploy import endings, handover, installations, roll_requests
from meridian.deploy.exchange_rolling import Exchanges
from meridian.deploy.hand import CannotHandOver, Hand, Promotion
from meridian.deploy.installations import Installation
from meridian.deploy.roll_requests import CannotRoll, Request, Told
from meridian.deploy.supervisor import Child, Supervisor
from meridian.engine.pair import DIVERGED, IN_STEP, LEADS, UNFIT

LOOK_SECONDS = 0.05
AGAIN_SECONDS = 0.5
"""Between two tries to tell how a roll ended, where the disk takes nothing."""
STEP_SECONDS_MAX = 120.0
"""For one that was started again to have all that its leader has: it reads the whole journal of one that it did not follow."""
READY_SECONDS_MAX = 10.0
"""From its being in step until the one that leads may make way for it: it is waited for again, the store says so."""
COMPARED_MIN = 1
"""Hashes that are compared, and equal, before one may lead."""
HAND_OVERS_MAX = 3
START_SECONDS_MAX = 5.0
"""For one that cannot be started: its installation may be gone, or a disk have no room for a moment."""
STOP_SECONDS_MAX = 10.0
TURNS_MAX = 6
"""Steps of one roll; two starts and a hand-over, and as many where the leader dies meanwhile."""
log = structlog.get_logger("roll")


@dataclass(slots=True)
class Roller:
    """Over the pair of a run, beside its hand, and over its exchanges. `start` once all run, `stop` before the hand is."""

    supervisor: Supervisor
    pair: Hand | None
    """None: the run has no engine with a standby."""
    before: Installation | None = None
    """What a roll back leads to."""
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None
    """Takes requests."""
    _work: Thread | None = None
    """Carries one out."""
    _told: Told | None = None
    _untold: bool = False
    """Whether the disk did not take what became of it last."""
    exchanges: Exchanges = field(init=False)

    def __post_init__(self) -> None:
        self.exchanges = Exchanges(supervisor=self.supervisor)

    @property
    def hand(self) -> Hand:
        """Over the pair."""
        assert self.pair is not None, "without one no step is begun"
        return self.pair

    @property
    def holder(self) -> str:
        """Whose rolls these are, in its log."""
        return self.supervisor.topology.name if self.pair is None else self.pair.holder

    @property
    def _directory(self) -> Path:
        return self.supervisor.places.run_directory

    def start(self) -> None:
        """Takes requests from now on, until `stop`."""
        for name in (roll_requests.ASKED, roll_requests.TOLD, roll_requests.REFUSED):
            (self._directory / name).unlink(missing_ok=True)
        self._thread = Thread(target=self._run, name=f"roll-{self.holder}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No further step is begun. Again is no harm."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._work is not None:
            # One that asks another installation what it is may take its time; it begins nothing any more.
            self._work.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        told = ""
        while not self._ended.wait(LOOK_SECONDS):
            # Whatever goes wrong once (a disk that takes nothing), the next request is due all the same.
            try:
                if (request := roll_requests.taken(self._directory)) is not None:
                    self._take(request)
                told = ""
            except OSError as error:
                if told != (told := in_words(error)):
                    log.error("a request for a roll is not taken", holder=self.holder, why=told)
            except Exception as error:
                if told != (told := f"{type(error).__name__}: {error}"):
                    log.exception("a request for a roll failed", holder=self.holder)

    def _take(self, request: Request) -> None:
        """Begins one, where none is under way."""
        if self._work is not None and self._work.is_alive() and self._told is not None:
            asked = self._told.request
            seconds = (time.time_ns() - asked.asked_ns) / 1e9
            why = f"a roll is under way, asked by {asked.by} {seconds:,.0f} s ago: {asked.reason}; nothing was done"
            roll_requests.refuse(self._directory, request, [why])
            return
        self._told = Told(request=request)
        self._told.write(self._directory)
        self._work = Thread(target=self._carry_out, args=(self._told,), name=f"roll-{request.request}", daemon=True)
        self._work.start()

    def _carry_out(self, told: Told) -> None:
        request = told.request
        try:
            target = self._target(request)
            if request.of == roll_requests.EXCHANGE:
                told.facts = self.exchanges.roll(target, self._say, self._pause, back=request.to is None)
            else:
                told.facts = self._roll(target, request)
            told.state = roll_requests.DONE
        except CannotRoll as error:
            told.state, told.refused = roll_requests.NOT_DONE, error.sentences
        except OSError as error:
            told.state = roll_requests.NOT_DONE
            told.refused = [
                f"{in_words(error)}; `meridian status` says which engine leads and of which release each is"
            ]
        except Exception as error:
            log.exception("a roll failed", holder=self.holder)
            told.state, told.refused = roll_requests.NOT_DONE, [f"{type(error).__name__}: {error}{self._stands_too()}"]
        # Until a disk that takes nothing now has room for it: who asked waits for it.
        while not self._tell(told) and not self._ended.wait(AGAIN_SECONDS):
            pass

    def _tell(self, told: Told) -> bool:
        """Writes what became of a request so far, for whoever asked; whether the disk took it."""
        try:
            told.write(self._directory)
        except OSError as error:
            if not self._untold:
                log.error("who asked for a roll is not told how it goes", holder=self.holder, why=in_words(error))
            self._untold = True
        else:
            self._untold = False
        return not self._untold

    def _target(self, request: Request) -> Installation:
        """Where it leads. Raises CannotRoll with everything that keeps it from being done."""
        of_exchanges = request.of == roll_requests.EXCHANGE
        if self.pair is None and not of_exchanges:
            raise CannotRoll("no engine of this run has a standby; allowed is --of exchange")
        if request.to is None:
            before = self.exchanges.before if of_exchanges else self.before
            if before is None:
                raise CannotRoll("--back: nothing was rolled in this run; there is no installation before")
            found = before
        else:
            try:
                found = installations.examined(Path(request.to), "--to")
            except BadInput as error:
                raise CannotRoll(*error.errors) from None
        unreadable = self.exchanges.refused if of_exchanges else self._unreadable
        if wrong := list(unreadable(found, "--back" if request.to is None else f"--to = {request.to}")):
            raise CannotRoll(*wrong)
        return found

    def _unreadable(self, target: Installation, key: str) -> Iterator[str]:
        """What of the engine that leads a release could not read."""
        leads = self.hand.leads
        schema = self._of(leads).release.schema
        if target.release.schema < schema:
            yield (
                f"{key}: release {target.release.short} reads records up to schema {target.release.schema}, and {leads}, which "
                f"leads, writes schema {schema}: it could neither follow {leads} nor read its journal; needed is schema {schema} "
                "or newer (the way back past a schema is open only until the newer release leads)"
            )

    def _roll(self, target: Installation, request: Request) -> dict[str, Any]:
        """All steps. Returns what was done. Raises CannotRoll."""
        started, was = time.monotonic(), self._of(self.hand.leads)
        name, promotions = target.release.name, list[Promotion]()
        if all(self._of(tile).release.name == name for tile in self.hand.tiles):
            self._say(f"both engines are of release {target.release.short} already; nothing to do")
            return self._facts(target, was, promotions, started)
        # One of both is of another release. What is broken off before that leads leaves the way back as it is, and so does a roll
        # back that is broken off anywhere: it is asked for again.
        origin = was if was.release.name != name else self._of(self.hand.follows)
        for _ in range(TURNS_MAX):
            self._until_decided()
            if self._of(self.hand.follows).release.name != name:
                self._start_again(self.hand.follows, target)
            elif self._of(self.hand.leads).release.name != name:
                led = self.hand.leads
                before = self._of(led)
                done = self._hand_over(target, request)
                self.before = self.before if request.to is None else origin
                if done is not None:
                    promotions.append(done)
                    self._followed(led, target, before)
            else:
                self.before = origin
                return self._facts(target, was, promotions, started)
        raise CannotRoll(f"engines died again and again meanwhile; {self._stands()}")

    def _facts(
        self, target: Installation, was: Installation, promotions: list[Promotion], started: float
    ) -> dict[str, Any]:
        last = promotions[-1] if promotions else None
        return {
            "release": target.release.name, "installation": str(target.prefix), "release_before": was.release.name,
            "leads": self.hand.leads, "follows": self.hand.follows, "epoch": self.hand.epoch,
            "input": None if last is None else last.input, "held_ms": None if last is None else last.held_ms,
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip

    def _until_decided(self) -> None:
        """While one takes the place of one that died, who follows is not known."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while self.hand.pending is not None and time.monotonic() < deadline:
            self._pause()

    def _start_again(self, tile: str, target: Installation) -> None:
        """The one that follows, from another installation, until it follows again. Raises CannotRoll; then it is of its own."""
        was = self._of(tile)
        try:
            self._begin(tile, target)
        except CannotRoll as error:
            raise CannotRoll(f"{error}; {self._stands()}") from None
        self._followed(tile, target, was)

    def _followed(self, tile: str, target: Installation, was: Installation) -> None:
        """Until one that is started again follows. Raises CannotRoll; then it is started from where it was of before."""
        begun = time.monotonic()
        self._say(f"{tile} is started again from {target.prefix}, release {target.release.short}")
        try:
            self._until_in_step(tile, target)
        except CannotRoll as error:
            if self._ended.is_set() or self.hand.leads == tile:
                raise
            raise CannotRoll(f"{error}; {self._given_back(tile, was)}") from None
        what = "leads, since the other one ended meanwhile" if self.hand.leads == tile else "follows in step"
        self._say(f"{tile} {what}, after {time.monotonic() - begun:,.1f} s")

    def _given_back(self, tile: str, was: Installation) -> str:
        """Starts the one that follows from the installation that it was of; what came of it."""
        schema = self._of(self.hand.leads).release.schema
        if was.release.schema < schema:
            own = was.release.short
            return (
                f"{self._stands()}; {tile} cannot go back to release {own}, which reads no records of schema {schema}"
            )
        try:
            self._begin(tile, was)
            self._until_in_step(tile, was)
        except CannotRoll as error:
            return f"{self._stands()}; {tile} is started from {was.prefix} again: {error}"
        return f"{self._stands()}, in step"

    def _begin(self, tile: str, target: Installation) -> None:
        try:
            self.hand.begin_again(tile, target)
        except CannotHandOver as error:
            raise CannotRoll(str(error)) from None

    def _until_in_step(self, tile: str, target: Installation) -> None:
        """Until it runs, of this release, and has all that the one that leads has. Raises CannotRoll with what keeps it."""
        life: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + STEP_SECONDS_MAX
        child = self.hand.child(tile)
        assert child is not None, "both have one"
        # The life that was ended for this says nothing of the next one.
        before = child.popen if child.popen is not None and child.popen.poll() is not None else None
        while self.hand.leads != tile:
            self._pause()
            said = self.supervisor.attested(child)
            if life is not None and (child.popen is not life or life.poll() is not None):
                raise CannotRoll(f"{tile} did not follow from {target.prefix}: {_ended_how(child, life)}")
            if time.monotonic() > deadline:
                raise CannotRoll(
                    f"{tile} did not follow from {target.prefix} within {STEP_SECONDS_MAX:.0f} s; `meridian status` says how "
                    "far it is"
                )
            if life is None:
                alive = child.popen is not None and child.popen.poll() is None
                if alive and said == target.release.name:
                    life = child.popen
                elif wrong := self.supervisor.mismatch(child):
                    raise CannotRoll(f"{tile} did not follow from {target.prefix}: {wrong}")
                elif alive and said is not None:
                    # It was being started while its installation was changed.
                    self._begin(tile, target)
                elif child.unstarted_for(time.monotonic()) > START_SECONDS_MAX:
                    raise CannotRoll(f"{tile} cannot be started from {target.prefix}: {child.unstarted}")
                elif child.popen is not None and not alive and child.popen is not before and self._is_of(child, target):
                    raise CannotRoll(f"{tile} did not follow from {target.prefix}: {_ended_how(child, child.popen)}")
            elif why := self._unfit(tile):
                raise CannotRoll(f"{tile} does not follow from {target.prefix}: {why}")
            elif self._in_step(tile):
                return

    def _is_of(self, child: Child, target: Installation) -> bool:
        """Whether its present life was started from there."""
        return bool(self.supervisor.run.processes[child.name].get("release") == target.release.name)

    def _unfit(self, tile: str) -> str | None:
        if self.hand.value(tile, "partner") == DIVERGED:
            return "its state differs from that of the engine that leads"
        code = self.hand.value(tile, "unfit")
        return UNFIT.get(code, f"it says {code}") if code else None

    def _in_step(self, tile: str) -> bool:
        """By both, and with a hash that was compared: another release folds as the one that leads does."""
        hand = self.hand
        both = hand.value(tile, "partner") == hand.value(hand.leads, "partner") == IN_STEP
        compared = hand.value(tile, "hashes_compared") or 0
        return both and hand.value(hand.leads, "role") == LEADS and compared >= COMPARED_MIN

    def _hand_over(self, target: Installation, request: Request) -> Promotion | None:
        """Has the one that leads make way; its next life is of the new installation. None where it died before, and its standby
        leads. Raises CannotRoll; then who leads goes on."""
        tile, was = self.hand.follows, self.hand.leads
        what = f"roll to release {target.release.short}: {request.reason}"[: handover.TEXT_MAX]
        asked = handover.Request(request=request.request, by=request.by, reason=what, asked_ns=request.asked_ns)
        for _ in range(HAND_OVERS_MAX):
            deadline = time.monotonic() + READY_SECONDS_MAX
            while (why := self.hand.unready()) and time.monotonic() < deadline and self.hand.leads == was:
                self._pause()
            if self.hand.leads != was:
                return None
            if why:
                break
            try:
                done = self.hand.hand_over(asked, then=target)
            except CannotHandOver as error:
                why = str(error)
                continue
            held = f"inputs were held for {done.held_ms or 0:,.1f} ms"
            self._say(f"{was} made way for {tile}, which leads with epoch {done.epoch}; {held}")
            return done
        raise CannotRoll(f"{was} does not make way for {tile}: {why}; {self._given_back(tile, self._of(was))}")

    def _stands(self) -> str:
        """Which of the two does what, of which release."""
        leads, follows = self.hand.leads, self.hand.follows
        return (
            f"{leads} leads on release {self._of(leads).release.short} and trades on, {follows} follows from release "
            f"{self._of(follows).release.short}"
        )

    def _stands_too(self) -> str:
        return "" if self.pair is None else f"; {self._stands()}"

    def _of(self, tile: str) -> Installation:
        """From which the next life of one of the two is started."""
        child = self.hand.child(tile)
        assert child is not None and child.installation is not None, "the supervisor started it"
        return child.installation

    def _say(self, step: str) -> None:
        log.warning(step, holder=self.holder)
        if self._told is not None:
            self._told.steps.append(step)
            self._tell(self._told)  # A step is done, told or not.

    def _pause(self) -> None:
        """Between two looks. Raises CannotRoll where the run is being stopped."""
        if self._ended.wait(LOOK_SECONDS):
            raise CannotRoll(f"the run is being stopped{self._stands_too()}")


def _ended_how(child: Child, life: subprocess.Popen[bytes]) -> str:
    """How one life of it ended, with its last words."""
    return f"its process {endings.how_with_words(life.returncode, child.log)}"
