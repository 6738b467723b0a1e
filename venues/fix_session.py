"""A FIX session from Python: the platform's own state machine around a plain socket, for notebooks, tools and tests.

    from meridian.venues.fix_session import Initiator

    profile = {"begin_string": "FIX.4.4", "sender_comp_id": "TW44", "target_comp_id": "ISLD"}
    with Initiator(("127.0.0.1", 9880), profile) as session:
        session.send("D", {11: "one", 21: "1", 40: "1", 54: "1", 55: "AAPL", 60: "20260115-14:30:00"})
        message = session.wait_message()

Invariant: everything the session does is done by the code that trades; this file moves bytes and tells it the time.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meridian._native.venues import FixSession

READ_BYTES = 65_536
STEP_S = 0.05
SOH = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the application, in its turn."""

    kind: str
    sequence: int
    poss_dup: bool
    raw: bytes

    @property
    def fields(self) -> list[tuple[int, bytes]]:
        """Tag and value of every field in order; a data field with a SOH inside comes in pieces."""
        pairs = (part.split(b"=", 1) for part in self.raw.split(SOH) if b"=" in part)
        return [(int(tag), value) for tag, value in pairs if tag.isdigit()]

    def get(self, tag: int) -> str | None:
        """The first value of this tag."""
        return next((value.decode("latin-1") for found, value in self.fields if found == tag), None)


class Initiator:
    """One session that logs on to an address; connections come and go, its numbers stay."""

    def __init__(
        self,
        address: tuple[str, int],
        profile: Mapping[str, Any],
        *,
        directory: Path | None = None,
        dictionary: Path | None = None,
    ) -> None:
        """`profile`: keys of a session's profile. `directory`: keeps store and numbers there; else in memory. `dictionary`:
        holds what arrives against it. Raises ValueError with everything that is wrong with the profile, a sentence a line."""
        xml = dictionary.read_text(encoding="utf-8") if dictionary else None
        document = json.dumps({"initiator": True, **profile})
        self.session = FixSession(document, time.time_ns(), directory=directory, dictionary_xml=xml)
        self.address = address
        self.messages: deque[Message] = deque()
        self.texts: list[str] = []
        self.stream: socket.socket | None = None

    def __enter__(self) -> Self:
        self.log_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_up(self) -> bool:
        """Whether both sides are logged on."""
        return self.session.state == "up"

    def log_on(self, timeout_s: float = 10.0) -> None:
        """Connects and logs on. Raises ConnectionError when the other side refuses, TimeoutError when it says nothing."""
        self.lose()
        self.stream = socket.create_connection(self.address, timeout_s)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream.setblocking(False)
        self.session.connect(time.time_ns())
        until = time.monotonic() + timeout_s
        while not self.is_up:
            if self.session.state == "down":
                said = f": {self.texts[-1]}" if self.texts else ""
                raise ConnectionError(f"the logon was not taken, {self.session.ended}{said}")
            if time.monotonic() > until:
                raise TimeoutError(f"no logon within {timeout_s:g} s")
            self.step()

    def send(self, kind: str, fields: Mapping[int, object] | Iterable[tuple[int, object]]) -> int:
        """Sends a message; returns its number. Raises RuntimeError when it was not sent."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        body = [(tag, value if isinstance(value, bytes) else str(value).encode("latin-1")) for tag, value in pairs]
        number = self.session.send(time.time_ns(), kind.encode("ascii"), body)
        self.flush()
        return number

    def step(self, wait_s: float = STEP_S) -> None:
        """Reads what waits (at most `wait_s`), lets time pass, writes."""
        if self.stream is None:
            return
        readable, _, _ = select.select([self.stream], [], [], wait_s)
        if readable:
            try:
                found = self.stream.recv(READ_BYTES)
            except OSError:
                found = b""
            for kind, sequence, poss_dup, raw in self.session.receive(time.time_ns(), found):
                self.messages.append(Message(kind=kind.decode(), sequence=sequence, poss_dup=poss_dup, raw=raw))
            self.texts += self.session.texts()
            if not found:
                self.lose()
                return
        self.session.on_time(time.time_ns())
        self.flush()
        if self.session.state == "down":
            self.lose()

    def wait_message(self, timeout_s: float = 10.0) -> Message:
        """The next message. Raises TimeoutError when none comes, ConnectionError when the session ends."""
        until = time.monotonic() + timeout_s
        while not self.messages:
            if self.stream is None:
                raise ConnectionError(f"the session has ended, {self.session.ended}")
            if time.monotonic() > until:
                raise TimeoutError(f"no message within {timeout_s:g} s")
            self.step()
        return self.messages.popleft()

    def flush(self) -> None:
        """Writes what the session has to say."""
        if self.stream is None:
            return
        waiting = memoryview(self.session.output())
        while waiting:
            try:
                waiting = waiting[self.stream.send(waiting) :]
            except BlockingIOError:
                select.select([], [self.stream], [], STEP_S)
            except OSError:
                self.lose()
                return

    def lose(self) -> None:
        """Drops the connection as a broken network does."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None
            self.session.disconnected(time.time_ns())

    def close(self, timeout_s: float = 5.0) -> None:
        """Logs out and waits for the answer."""
        self.session.log_out(time.time_ns(), "")
        self.flush()
        until = time.monotonic() + timeout_s
        while self.stream is not None and time.monotonic() < until:
            self.step()
        self.lose()
