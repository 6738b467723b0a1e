"""A session that a conformance run plays with: the platform's own, over a wire that loses what a case wants lost.

Invariant: whatever passes is recorded, either way, once; the numbers go on from case to case as a trading session's do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.venues.fix.certify.model import Failed, NotOffered
from meridian.venues.fix.message import Message, build
from meridian.venues.fix.orders import OrderEntry, Request
from meridian.venues.fix_session import Initiator, Way

if TYPE_CHECKING:
    from meridian.venues.fix_profile import Profile

Record = Callable[["Party", Way, int, bytes, bool], None]
Matches = Callable[[Message], bool]
WAIT_S = 5.0


class Party:
    """One session of ours."""

    def __init__(
        self, name: str, profile: Profile, folder: Path, record: Record, pump: Callable[[float], None]
    ) -> None:
        """`folder`: keeps its store. `pump`: lets time pass for every party of the run."""
        self.name, self.profile, self.folder = name, profile, folder
        self.record, self.pump = record, pump
        assert profile.dictionary is not None, "a profile has its version's dictionary"
        self.dictionary = profile.dictionary
        orders = profile.orders
        self.entry = OrderEntry(profile.version, account=orders.account, handling=orders.handling, **orders.fields)
        self.inbox: list[Message] = []
        self.at = 0
        """Where a case reads on in the inbox."""
        self.lose_out: Matches | None = None
        self.lose_in: Matches | None = None
        self.session: Initiator = self.made()

    def made(self, **changes: Any) -> Initiator:
        """Its session with changes to the profile, on the same store."""
        profile = self.profile
        changes = {"reset_on_logon": self.begins_anew, **changes}
        place = profile.place
        return Initiator(
            profile.addresses, {**profile.session, **changes}, directory=self.folder, hours=profile.hours, tls=profile.tls,
            server_name=place.tls.server_name if place.tls else None, watch=self._watch,
        )  # fmt: skip

    def stranger(self, **changes: Any) -> Initiator:
        """A session of its own beside this one, with numbers of its own, recorded with it."""
        profile = self.profile
        place = profile.place
        changes = {"reset_on_logon": self.begins_anew, **changes}
        return Initiator(
            profile.addresses, {**profile.session, **changes}, hours=profile.hours, tls=profile.tls,
            server_name=place.tls.server_name if place.tls else None, watch=self._watch,
        )  # fmt: skip

    def _watch(self, way: Way, time_ns: int, raw: bytes) -> bool:
        message = Message(raw, self.dictionary if raw.startswith(b"8=FIX") else None, tolerant=True)
        rule = self.lose_out if way == "out" else self.lose_in
        lost = rule is not None and rule(message)
        self.record(self, way, time_ns, raw, lost)
        if way == "in" and not lost:
            self.inbox.append(message)
            self.entry.take(message)
        return not lost

    # Coming and going.

    @property
    def begins_anew(self) -> bool:
        """Whether the profile has the numbers begin at 1 with each logon."""
        return bool(self.profile.session.get("reset_on_logon", False))

    @property
    def is_up(self) -> bool:
        """Whether both sides are logged on."""
        return hasattr(self, "session") and self.session.is_up

    def log_on(self, *, reset: bool = False) -> None:
        """Logs on unless it is; `reset`: both numbers begin at 1 this once. Raises Failed."""
        if self.is_up:
            return
        if pause := self.profile.certify.logon_pause_s:
            self.pump(pause)
        try:
            self.session.log_on(WAIT_S, reset=reset)
        except OSError as error:
            raise Failed(f"{self.name}: the logon was not taken: {error}") from None
        self.settle()

    def changed(self, **changes: Any) -> None:
        """Logs on with a changed profile. Raises Failed."""
        self.log_out()
        del self.session
        self.session = self.made(**changes)
        self.log_on()

    def log_out(self) -> None:
        """Logs out where it is logged on."""
        if self.session.stream is not None:
            self.session.close(WAIT_S)

    def settle(self, seconds: float = 0.1) -> None:
        """Until nothing has come for a while."""
        seen = -1
        while seen != len(self.inbox):
            seen = len(self.inbox)
            self.pump(seconds)

    # What comes.

    def mark(self) -> None:
        """What came before counts no more."""
        self.at = len(self.inbox)

    def since(self, kind: str | None = None) -> list[Message]:
        """What came since the mark, of a kind."""
        return [message for message in self.inbox[self.at :] if kind in (None, message.type)]

    def wait(self, what: str, holds: Callable[[], bool], within_s: float = WAIT_S) -> None:
        """Until it holds. Raises Failed."""
        until = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > until:
                raise Failed(f"{self.name}: {what} did not come within {within_s:g} s{self._instead()}")
            self.pump(0.02)

    def take(
        self,
        kind: str,
        where: Matches | None = None,
        *,
        what: str = "",
        within_s: float = WAIT_S,
        offered: bool = False,
    ) -> Message:
        """The first message of a kind since the mark, for which `where` holds. Raises Failed, or NotOffered where they say that
        they do not know what was asked, unless it is `offered` by everybody."""
        name = what or f"{self.dictionary.message_name(kind)} (35={kind})"

        def found() -> list[Message]:
            return [one for one in self.since(kind) if where is None or where(one)]

        def refused() -> Message | None:
            if offered:
                return None
            unknown = {"j": (380, "3"), "3": (373, "11")}
            return next((one for one in self.since() if kind not in unknown and _is(one, unknown)), None)

        self.wait(name, lambda: bool(found()) or refused() is not None or self.session.stream is None, within_s)
        if one := found():
            return one[0]
        if no := refused():
            raise NotOffered(f"they do not know the request: {no.name}, {no.get(58) or 'without a text'}")
        raise Failed(
            f"{self.name}: the session ended before {name} came: {self.session.session.ended}{self._instead()}"
        )

    def _instead(self) -> str:
        came = self.since()[-3:]
        return f"; instead: {'; '.join(one.explain() for one in came)}" if came else "; nothing came"

    def alive(self) -> None:
        """Whether they answer a test request. Raises Failed."""
        name = self.entry.name()
        try:
            self.session.ask_whether_there(name)
        except RuntimeError as error:
            raise Failed(f"{self.name}: {error}, {self.session.session.ended}") from None
        self.take("0", lambda one: one.get(112) == name, what="a heartbeat that answers our test request", offered=True)

    # What goes.

    def send(self, request: Request) -> int:
        """Sends a message of the application. Raises Failed."""
        kind, fields = request
        try:
            return self.session.send(kind, fields)
        except RuntimeError as error:
            raise Failed(f"{self.name}: {error}, {self.session.session.ended}") from None

    def written(self, kind: str, fields: list[tuple[int, str]], *, sequence: int | None = None, **more: Any) -> bytes:
        """A message as the session would write it, with what a case wants otherwise: `header`, `time`, `sender`."""
        profile = self.profile
        named: dict[str, Any] = {"sender": profile.sender, "target": profile.target, **more}
        number = self.session.session.numbers[1] if sequence is None else sequence
        body: list[tuple[int | str, Any]] = [*fields]
        return build(kind, body, sequence=number, dictionary=self.dictionary, version=profile.version, **named).raw


def _is(message: Message, unknown: dict[str, tuple[int, str]]) -> bool:
    """Whether a reject says that the type of the message is unknown."""
    if message.type not in unknown:
        return False
    tag, value = unknown[message.type]
    return message.get(tag) == value
