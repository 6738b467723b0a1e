"""The hand over an engine and its standby: which of them leads, and who takes the place of one that is gone.

It looks at both every few milliseconds, from a thread beside the supervisor. When the engine that leads has ended, or its standby
has heard nothing of it for a while, the standby is promoted: an epoch from the store, in which it says who leads; an end to the
process that led, a paused one too; the word to lead. The other one comes back, by the supervisor, as the standby. Asked for it
(`handover.py`), the engine that leads first makes way: it takes nothing more until its standby has all that it took.

Invariant: nobody is promoted without an epoch from the store, and none that the leader may have stopped waiting for: before it is
let off its standby that is written down (`alone`), and once the standby has all again, that it is waited for. A journal of an
engine that led is never written on by one that follows: it is set aside, under a name with its epoch, and never deleted.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any

import structlog

from meridian import records
from meridian._native import journal, links
from meridian.console import in_words
from meridian.coordination import EtcdError
from meridian.coordination.epochs import BadEpoch
from meridian.deploy import epochs, handover, joining, pairs, quarantine
from meridian.deploy.handover import Request
from meridian.deploy.installations import Installation
from meridian.deploy.region import BOOTSTRAP
from meridian.deploy.supervisor import Child, Supervisor
from meridian.engine import journals, terms
from meridian.engine.pair import BEHIND, DIVERGED, IN_STEP, LEADS, UNFIT

LOOK_SECONDS = 0.01
LEAD_SECONDS_MAX = 5.0
"""From the word to lead to its being done; a standby that takes longer is not waited for."""
AGAIN_SECONDS = 0.2
"""Between two tries, where the store does not answer; between two words to a leader that its standby is not waited for."""
CEDE_SECONDS_MAX = 0.5
"""For so long a standby may take to have all that the engine took that makes way for it; less than that one waits."""
CLOSELY_SECONDS = 0.001
"""Between two looks while inputs are held."""
GRACE_SECONDS = 0.1
"""For so long a leader waits for a standby that is away, before it is let off."""
BEHIND_SECONDS = 1.0
"""Between two looks at whether the leader's journal still has what its standby lacks."""
FOLLOWS = 0
UNFINISHED = "set-aside.unfinished"
"""Stands in an engine's folder while its files are moved."""
log = structlog.get_logger("hand")


class CannotHandOver(Exception):
    """Why an engine does not make way for its standby now, a sentence."""


@dataclass(slots=True)
class Promotion:
    """One that is under way, or was done."""

    tile: str
    was: str
    epoch: int
    why: str
    at_ns: int
    """When it was seen that the leader is gone, or was told to make way."""
    told_ns: int = 0
    """When the standby was told to lead."""
    led_ns: int | None = None
    """When it was seen to lead."""
    input: int | None = None
    """The first input of its epoch."""
    deadline: float = 0.0
    request: Request | None = None
    """Who asked for it; None where the leader was gone."""

    @property
    def held_ms(self) -> float | None:
        """For how long inputs were held, at most, where it was asked for; None until it leads."""
        return None if self.led_ns is None else (self.led_ns - self.at_ns) / 1e6


@dataclass(slots=True)
class Seen:
    """The counters of one of the two, read anew in each of its lives."""

    tile: str
    path: Path
    pid: int = 0
    reader: links.Counters | None = None

    def value(self, name: str, pid: int) -> int | None:
        """One counter of this process's life; None where it has not written it yet."""
        if self.reader is None or self.pid != pid:
            self.reader = None
            with contextlib.suppress(OSError):
                reader = links.Counters(self.path)
                if reader.pid == pid:
                    self.reader, self.pid = reader, pid
        return None if self.reader is None else self.reader.value(f"{self.tile}.{name}")


@dataclass(slots=True)
class Hand:
    """Over one pair. `before_start` before each life of a process, `start` once both run, `stop` before they are stopped."""

    supervisor: Supervisor
    epochs: epochs.Epochs
    holder: str
    tell: Callable[[Promotion | None], None]
    """Hears of each promotion, and with None that the run's record is to name another leader."""
    leads: str = ""
    epoch: int = 0
    pending: Promotion | None = None
    done: list[Promotion] = field(default_factory=list)
    in_step: bool = False
    """Whether the standby was when its leader was last heard."""
    _lock: RLock = field(default_factory=RLock)
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _seen: dict[str, Seen] = field(default_factory=dict)
    _publishers: dict[str, links.Publisher] = field(default_factory=dict)
    _rings_set: bool = False
    _again_at: float = 0.0
    _away_since: float | None = None
    _told_without: bool = False
    _behind_at: float = 0.0
    _term_due: tuple[str, int] | None = None
    """Who leads from which epoch, where that is not written down in its journal's folder yet."""

    def __post_init__(self) -> None:
        watched = self.supervisor.watched
        watched.leads, watched.tell = lambda tile: tile == self.leads, self._tell_mark
        led = self.epochs.leader(self.holder)
        self.leads = led if led in self.tiles else self.engine

    @property
    def engine(self) -> str:
        """The tile that the topology calls the engine."""
        region = self.supervisor.topology.region
        assert region is not None, "only an engine of a region has a standby"
        return region.engine

    @property
    def tiles(self) -> tuple[str, str]:
        """Both tiles, the engine's first."""
        return self.engine, pairs.standby_of(self.engine)

    @property
    def follows(self) -> str:
        """The tile that does not lead."""
        return next(tile for tile in self.tiles if tile != self.leads)

    def goes_on_without(self, process: str) -> bool:
        """Whether this process is that of the one that follows, while the other one leads."""
        leader = self.child(self.leads)
        own = self.supervisor.topology.process_of(self.follows) == process
        return own and leader is not None and _alive(leader) and self.value(self.leads, "role") == LEADS

    @property
    def _waits(self) -> bool:
        """Whether the leader sends nothing that its standby lacks."""
        return str(self.supervisor.topology.tiles[self.engine].settings.get("durability", "")).startswith("standby")

    def start(self) -> None:
        """Looks from now on, until `stop`."""
        self._thread = Thread(target=self._run, name=f"hand-{self.holder}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody is promoted any more. Again is no harm."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        directory, told = self.supervisor.places.data_directory.parent, ""
        while not self._ended.wait(LOOK_SECONDS):
            # Whatever goes wrong once (a disk that takes nothing), the next look is due all the same: told when it changes.
            try:
                self.look()
                if (request := handover.taken(directory)) is not None:
                    handover.answer(directory, request, self._answer(request))
                told = ""
            except OSError as error:
                if told != (told := in_words(error)):
                    log.error("a look at an engine and its standby failed; it goes on", holder=self.holder, why=told)
            except Exception as error:
                if told != (told := f"{type(error).__name__}: {error}"):
                    log.exception("a look at an engine and its standby failed; it goes on", holder=self.holder)

    def _answer(self, request: Request) -> dict[str, Any]:
        """What was done about a request, for whoever asked."""
        try:
            done = self.hand_over(request)
        except CannotHandOver as error:
            return {"refused": [str(error)]}
        except OSError as error:
            return {"refused": [f"{in_words(error)}; `meridian status` says which engine leads"]}
        return {"was": done.was, "leads": done.tile, "epoch": done.epoch, "input": done.input, "asked_ns": done.at_ns,
                "led_ns": done.led_ns, "held_ms": done.held_ms}  # fmt: skip

    def before_start(self, process: str) -> None:
        """Decides as what one of the two begins a life: the leader with a new epoch, the other with none."""
        tile = next((one for one in self.tiles if self.supervisor.topology.process_of(one) == process), None)
        if tile is None:
            return
        with self._lock:
            while self.pending is not None:  # Who leads is not decided yet.
                self._follow_up(self.pending)
                time.sleep(LOOK_SECONDS)
            self._prepare_links(tile)
            first = self.supervisor.places.data_directory.parent / BOOTSTRAP
            own = first if tile == self.engine else first.with_name(f"{first.name}{terms.SUFFIX}")
            if tile == self.leads:
                self.epoch, confirmed = self.epochs.take(self.holder, tile)
                marked = self.holder in self.epochs.marked
                epochs.write(first, self.epoch, unconfirmed=not confirmed if marked else None, to=own)
                self._note_term((tile, self.epoch))
                return
            self._set_aside(tile)
            self.in_step = False
        # Nobody promotes one that does not run, and meanwhile its leader may have to be let off.
        self._join(tile)
        with self._lock:
            self._share_marks(tile)
            epochs.write(first, 0, unconfirmed=False, to=own)

    def look(self) -> None:
        """Looks at both once."""
        with self._lock:
            if self._ended.is_set():
                return
            self._note_term(self._term_due)
            if self.pending is not None:
                self._follow_up(self.pending)
                return
            leader, standby = self.child(self.leads), self.child(self.follows)
            if standby is None or leader is None:
                return
            if _alive(standby) and self.value(self.follows, "role") == LEADS:
                log.error(
                    "two engines of one shard lead; the older one is ended", holder=self.holder, tile=self.follows
                )
                _kill(standby)
            if why := self._gone(leader, standby):
                self._promote(why)
            elif _alive(leader):
                self._let_off()
                self._end_one_left_behind(standby)

    def _gone(self, leader: Child, standby: Child) -> str | None:
        """Why the leader is to be replaced and the standby may take its place; None where not."""
        if not _alive(standby) or self.value(self.follows, "role") != FOLLOWS:
            return None
        suspects = self.value(self.follows, "suspects") == 1
        state = self.value(self.follows, "partner")
        if not suspects:
            self.in_step = state == IN_STEP
        if state == DIVERGED or not self.in_step or (self._waits and self.epochs.alone(self.holder)):
            return None
        if not _alive(leader):
            return "its process ended"
        return "it was not heard" if suspects else None

    def _promote(self, why: str) -> None:
        if time.monotonic() < self._again_at:
            return
        at_ns, tile, was = time.time_ns(), self.follows, self.leads
        try:
            epoch = self.epochs.promote(self.holder, tile)
        except (EtcdError, BadEpoch, OSError) as error:
            self._again_at = time.monotonic() + AGAIN_SECONDS
            if not self._told_without:
                self._told_without = True
                log.error("an engine is gone and its standby is not promoted: that needs an epoch of the store",
                          holder=self.holder, gone=was, why=why, store=str(error))  # fmt: skip
            return
        self._told_without = False
        self._replace(Promotion(tile, was, epoch, why, at_ns))

    def _replace(self, promotion: Promotion) -> None:
        """Ends the one that led and tells the other one to lead, with an epoch that the store gave."""
        if (leader := self.child(promotion.was)) is not None:
            leader.ended_on_purpose = promotion.request is not None and _alive(leader)
            watched = self.supervisor.watched
            if leader.popen is not None and promotion.request is None and _alive(leader):
                watched.silent(leader.name, leader.popen.pid)
            _kill(leader)
            if leader.popen is not None and leader.popen.returncode is not None and promotion.request is None:
                # While it is still the one that leads: a call that it ended in is marked, and its standby told.
                watched.ended(leader.name, leader.popen.pid, leader.popen.returncode)
        self.leads, self.epoch = promotion.tile, promotion.epoch
        promotion.told_ns, promotion.deadline = time.time_ns(), time.monotonic() + LEAD_SECONDS_MAX
        self.pending = promotion
        self._say("Lead", promotion.tile, promotion.epoch)
        log.warning("a standby is to lead", holder=self.holder, tile=promotion.tile, epoch=promotion.epoch,
                    gone=promotion.was, why=promotion.why)  # fmt: skip

    def hand_over(self, request: Request, then: Installation | None = None) -> Promotion:
        """Has the engine that leads make way for its standby, and returns once that one leads. `then`: from which installation
        the one that made way is started again.

        Nothing that came is lost or waits for longer than that: links hold it. Raises CannotHandOver; then the engine that led
        goes on, or is started again where its standby was told to lead and could not.
        """
        with self._lock:
            if why := self._unready():
                raise CannotHandOver(why)
            tile, was, own = self.follows, self.leads, self.epoch
            at_ns = time.time_ns()
            self._say("Cede", was, own)
            if why := self._ceded(was, tile):
                self._say("Lead", was, own)
                raise CannotHandOver(why)
            try:
                epoch = self.epochs.promote(self.holder, tile)
            except (EtcdError, BadEpoch, OSError) as error:
                self._say("Lead", was, own)
                with contextlib.suppress(OSError):
                    self.epochs.fall_back(self.holder, was)
                raise CannotHandOver(f"no epoch is given and kept: {error}; {was} goes on") from None
            why = f"it made way, asked by {request.by}: {request.reason}"
            promotion = Promotion(tile, was, epoch, why, at_ns, request=request)
            self._replace(promotion)
            while self.pending is not None:
                self._follow_up(self.pending)
                time.sleep(CLOSELY_SECONDS)
            if promotion.led_ns is None:
                raise CannotHandOver(f"{tile} was told to lead and could not; {was} is started again and leads")
            if then is not None and (child := self.child(was)) is not None:
                child.installation = then
            return promotion

    def begin_again(self, tile: str, installation: Installation) -> None:
        """Ends the life of the one that follows, on purpose; its next one is of this installation.

        A journal that it began with a newer release is set aside. Raises CannotHandOver where it does not follow.
        """
        with self._lock:
            child = self.child(tile)
            if tile != self.follows or self.pending is not None or child is None or self._ended.is_set():
                raise CannotHandOver(f"{tile} does not follow now; it is not started again from {installation.prefix}")
            was, child.installation = child.installation, installation
            child.unstarted_since = None
            child.ended_on_purpose = _alive(child)
            _kill(child)
            self.in_step = False
            folder = self.supervisor.places.data_directory / tile
            if was is not None and was.release.schema > installation.release.schema and folder.exists():
                self._keep(folder, f"release-{was.release.short}")

    def unready(self) -> str | None:
        """What keeps the engine that leads from making way now; None where nothing does."""
        with self._lock:
            return self._unready()

    def _unready(self) -> str | None:
        if self._ended.is_set():
            return "the run is being stopped"
        leader, standby = self.child(self.leads), self.child(self.follows)
        if leader is None or not _alive(leader) or self.value(self.leads, "role") != LEADS:
            return f"{self.leads} does not run, or does not lead yet; try again once it does"
        if standby is None or not _alive(standby) or self.value(self.follows, "role") != FOLLOWS:
            return f"{self.follows}, its standby, does not run yet; the supervisor starts it, try again in a moment"
        state = self.value(self.follows, "partner")
        if state == DIVERGED:
            return f"{self.follows}, its standby, has diverged and is not to lead; `meridian status` says what to do"
        if state != IN_STEP or self.value(self.leads, "partner") != IN_STEP or self.value(self.leads, "alone"):
            return f"{self.follows}, its standby, has not all that {self.leads} has; try again once it is in step"
        if self._waits and self.epochs.alone(self.holder):
            return f"{self.leads} is not known to wait for its standby again; try again in a moment"
        return self.epochs.unreachable(self.holder)

    def _ceded(self, was: str, tile: str) -> str | None:
        """Waits until the standby has all that the engine took that makes way for it; why not, where it does not come to that."""
        deadline = time.monotonic() + CEDE_SECONDS_MAX
        while self.value(was, "ceded") != 1:
            leader, standby = self.child(was), self.child(tile)
            if leader is None or standby is None or not (_alive(leader) and _alive(standby)):
                return f"{was} or {tile} ended meanwhile; what follows is as after any crash"
            if time.monotonic() > deadline:
                return f"{tile} did not have all that {was} took within {CEDE_SECONDS_MAX} s; {was} goes on"
            time.sleep(CLOSELY_SECONDS)
        return None

    def _follow_up(self, promotion: Promotion) -> None:
        """Whether one that was told to lead does."""
        child = self.child(promotion.tile)
        fault: str | None = None
        if child is None or not _alive(child):
            fault = "its process ended"
        elif self.value(promotion.tile, "role") == LEADS:
            self._leads_now(promotion)
            return
        elif code := self.value(promotion.tile, "unfit"):
            fault = UNFIT.get(code, f"it says {code}")
        elif time.monotonic() > promotion.deadline:
            fault = f"it does not within {LEAD_SECONDS_MAX:.0f} s"
        if fault is None:
            return
        if child is not None:
            _kill(child)
        promotion.input = self._first_input(promotion)
        if promotion.input is not None:
            # What it sent stands in no other journal. It is started again as any engine that leads and died.
            log.error("a standby led and was gone before that was seen; it is started again and leads", holder=self.holder,
                      tile=promotion.tile, why=fault)  # fmt: skip
            self._leads_now(promotion)
            return
        log.error("a standby could not lead; the engine that led is started again", holder=self.holder,
                  tile=promotion.tile, why=fault)  # fmt: skip
        self.epochs.fall_back(self.holder, promotion.was)
        self.leads, self.pending, self.in_step = promotion.was, None, False
        self.tell(None)

    def _leads_now(self, promotion: Promotion) -> None:
        promotion.led_ns = time.time_ns()
        self._set_rings(promotion.tile, promotion.was)
        self._note_term((promotion.tile, promotion.epoch))
        promotion.input = promotion.input or self._first_input(promotion)
        self.pending, self._away_since = None, None
        self.done.append(promotion)
        log.warning("a standby leads", holder=self.holder, tile=promotion.tile, epoch=promotion.epoch,
                    after_ms=(promotion.led_ns - promotion.at_ns) // 1_000_000)  # fmt: skip
        self.tell(promotion)

    def _let_off(self) -> None:
        """Tells a leader whose standby is away or behind that it is not waited for, once that is written down; and writes down
        when it is waited for again."""
        if not self._waits or self.value(self.leads, "role") != LEADS:
            return
        partner, alone = self.value(self.leads, "partner"), self.value(self.leads, "alone")
        now = time.monotonic()
        if partner == IN_STEP or alone:
            self._away_since = None
            if partner == IN_STEP and alone == 0 and self.epochs.alone(self.holder):
                self.epochs.set_alone(self.holder, alone=False)
            return
        self._away_since = self._away_since or now
        if now - self._away_since >= GRACE_SECONDS and now >= self._again_at:
            self._again_at = now + AGAIN_SECONDS
            self.epochs.set_alone(self.holder, alone=True)
            self._say("Lead", self.leads, self.epoch)

    def _say(self, kind: str, tile: str, epoch: int) -> None:
        """A `Lead` or a `Cede` for one of the two."""
        shard = self.supervisor.region.shard if self.supervisor.region is not None else 0
        self._offer(tile, records.new(kind, shard=shard, epoch=epoch).tobytes())

    def _offer(self, tile: str, record: bytes) -> None:
        name = pairs.lead_link(tile)
        if name not in self._publishers:
            self._publishers[name] = links.Publisher(self.supervisor.places.ring(name))
        self._publishers[name].offer(record)

    def _tell_mark(self, mark: quarantine.Mark) -> None:
        """Tells the other one of the two, which has not come to that input yet, not to make the call."""
        with self._lock:
            other = next((tile for tile in self.tiles if tile != mark.tile), "")
            child = self.child(other)
            if child is not None and _alive(child) and mark.tile in self.tiles:
                self._offer(other, mark.record)

    def _share_marks(self, tile: str) -> None:
        """One that follows has its leader's inputs, and makes none of the calls that are marked there."""
        data = self.supervisor.places.data_directory
        try:
            quarantine.share(data / self.leads, data / tile)
        except (OSError, ValueError) as error:
            log.error("a standby is not given its leader's marks", holder=self.holder, why=str(error))

    def _prepare_links(self, tile: str) -> None:
        """Of a life that begins: no older life's word to lead, and input links that wait for the leader alone."""
        name = pairs.lead_link(tile)
        self._publishers.pop(name, None)
        path = self.supervisor.places.ring(name)
        path.unlink(missing_ok=True)
        links.create_ring(path, pairs.LEAD_DEPTH, pairs.LEAD_BYTES_MAX, [True])
        if not self._rings_set:
            self._rings_set = True
            if self.leads != self.engine:
                self._set_rings(self.leads, self.follows)

    def _set_rings(self, leads: str, follows: str) -> None:
        """The input links wait for the one that leads and not for the other, whose process is gone."""
        for name, (own, second) in pairs.inputs(self.supervisor.topology, self.engine).items():
            place = {self.engine: own, pairs.standby_of(self.engine): second}
            path = self.supervisor.places.ring(name)
            links.detach_dead(path)
            links.set_reliable(path, place[leads], True)
            links.set_reliable(path, place[follows], False)

    def _set_aside(self, tile: str) -> None:
        """An engine that led and now follows begins a journal of its own."""
        if (epoch := self.epochs.led(self.holder, tile)) is None:
            return
        folder = self.supervisor.places.data_directory / tile
        if folder.exists():
            self._keep(folder, f"epoch-{epoch}")
        self.epochs.forget_led(self.holder, tile)

    def _note_term(self, due: tuple[str, int] | None) -> None:
        """Writes down who leads, beside its journal; where the disk takes nothing, with the next look."""
        if due is None:
            return
        tile, epoch = due
        try:
            terms.begin(self.supervisor.places.data_directory, self.engine, tile, epoch)
            self._term_due = None
        except OSError as error:
            if self._term_due is None:
                log.error("who leads is not written down; it is tried again", holder=self.holder, why=in_words(error))
            self._term_due = due

    def _join(self, tile: str) -> None:
        """One that lacks what its leader's journal no longer has begins a new one, with the leader's snapshot."""
        data, holder = self.supervisor.places.data_directory, self.holder
        own, leader = data / tile, data / self.leads
        try:
            if not joining.lacks(own, leader):
                return
            if journals.holds(own):
                self._keep(own, f"behind-{joining.begins_at(leader)}")
            at = joining.begin_from(leader, own)
        except (joining.CannotJoin, OSError) as error:
            why = in_words(error) if isinstance(error, OSError) else str(error)
            log.error("an engine cannot follow", holder=holder, tile=tile, why=why)
        else:
            log.warning("an engine follows from a snapshot of its leader's", holder=holder, tile=tile, input=at)

    def _end_one_left_behind(self, standby: Child) -> None:
        """One that waits for what its leader's journal no longer has is ended: its next life begins with a snapshot."""
        if time.monotonic() < self._behind_at or self.value(self.follows, "partner") != BEHIND:
            return
        self._behind_at = time.monotonic() + BEHIND_SECONDS
        first = joining.taken_away_before(self.supervisor.places.data_directory / self.leads)
        if first > (self.value(self.follows, "followed") or 0) + 1 and _alive(standby):
            log.warning("an engine that follows lacks what its leader's journal no longer has; it begins again",
                        holder=self.holder, tile=self.follows, begins_at=first)  # fmt: skip
            standby.ended_on_purpose = True
            _kill(standby)

    def _keep(self, folder: Path, what: str) -> None:
        """Gives a tile's folder another name, so that it begins a new one."""
        # A volume of its own cannot be given another name: then its files go into a folder of it.
        own = folder.is_mount()
        like = folder / what if own else folder.with_name(f"{folder.name}.{what}")
        kept, number = like, 1
        while kept.exists() and not (own and (folder / UNFINISHED).exists()):
            number += 1
            kept = like.with_name(f"{like.name}.{number}")
        if own:
            _move_files(folder, kept)
        else:
            folder.rename(kept)
        log.warning(
            "the journal of an engine is set aside; it follows with a new one", holder=self.holder, kept=str(kept)
        )

    def _first_input(self, promotion: Promotion) -> int | None:
        """Where an epoch begins, by the journal of the engine that leads."""
        followed = self.value(promotion.tile, "followed") or 0
        with contextlib.suppress(OSError, ValueError):
            for sequence, _, data in journal.Reader(self.supervisor.places.data_directory / promotion.tile, followed):
                if records.name_of(data) == "EngineStart" and int(records.parse(data)["epoch"]) == promotion.epoch:
                    return sequence
        return None

    def child(self, tile: str) -> Child | None:
        """The process of one of the two; None before it is first started."""
        name = self.supervisor.topology.process_of(tile)
        return next((one for one in self.supervisor.children if one.name == name), None)

    def value(self, tile: str, name: str) -> int | None:
        """A counter of one of the two in its present life; None where it has none yet."""
        child = self.child(tile)
        if child is None or child.popen is None:
            return None
        seen = self._seen.setdefault(tile, Seen(tile, self.supervisor.run.counters(child.name)))
        return seen.value(name, child.popen.pid)


def _move_files(folder: Path, kept: Path) -> None:
    """Moves the files of a folder into one of its own; one that was interrupted is gone on with."""
    (folder / UNFINISHED).touch()
    kept.mkdir(exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != UNFINISHED:
            path.rename(kept / path.name)
    (folder / UNFINISHED).unlink()


def _alive(child: Child) -> bool:
    return child.popen is not None and child.popen.poll() is None


def _kill(child: Child) -> None:
    """Ends a process, a paused one too, and waits until it is gone: the supervisor starts it again."""
    if child.popen is not None and child.popen.poll() is None:
        child.popen.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.popen.wait(LEAD_SECONDS_MAX)
