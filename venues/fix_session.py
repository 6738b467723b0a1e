"""A FIX session from Python: the platform's own state machine around a plain socket, for notebooks, tools and tests.

    from meridian.venues.fix_session import Initiator

    profile = {"begin_string": "FIX.4.4", "sender_comp_id": "TW44", "target_comp_id": "ISLD"}
    with Initiator(("127.0.0.1", 9880), profile) as session:
        session.send("D", {11: "one", 21: "1", 40: "1", 54: "1", 55: "AAPL", 60: "20260115-14:30:00"})
        message = session.wait_message()

With a profile's file: `Initiator.of(fix_profile.load("house"))`.

Invariant: everything the session does is done by the code that trades; this file moves bytes and tells it the time. What `watch`
is shown is every message on the wire, once, in its order.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from meridian._native import wire as _wire
from meridian._native.venues import FixSession
from meridian.console import printable
from meridian.venues.fix.dictionary import Dictionary

if TYPE_CHECKING:
    from meridian.venues.fix_profile import Profile

READ_BYTES = 65_536
STEP_S = 0.05
WRITE_S_MAX = 5.0
"""So long the other side may take no byte of what is written."""
SOH = b"\x01"
MESSAGE_BYTES_MAX = 1 << 20
FRAMES_MAX = 1 << 16

Way = Literal["in", "out"]
Watch = Callable[[Way, int, bytes], bool]
"""Is shown each message with its way and time in ns; a message for which it says False is lost on the wire."""


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
        address: tuple[str, int] | Sequence[tuple[str, int]],
        profile: Mapping[str, Any],
        *,
        directory: Path | None = None,
        dictionary: Dictionary | Path | None = None,
        hours: Mapping[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        log_directory: Path | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`address`: where to, or several, tried in their order. `profile`: keys of a session's profile. `directory`: keeps store
        and numbers there; else in memory. `dictionary`: holds what arrives against it. `hours`: as `fix_hours` makes them.
        `log_directory`: every message is written down there. Raises ValueError with everything that is wrong with the profile,
        a sentence a line."""
        known = Dictionary.load(dictionary) if isinstance(dictionary, Path) else dictionary
        self.session = FixSession(
            json.dumps({"initiator": True, **profile}),
            time.time_ns(),
            directory=directory,
            rules=known.native if known else None,
            hours_json=json.dumps(dict(hours)) if hours else None,
            log_directory=log_directory,
        )
        self.addresses = _addresses(address)
        self.tls, self.server_name, self.watch = tls, server_name, watch
        self.messages: deque[Message] = deque()
        self.texts: list[str] = []
        self.stream: socket.socket | None = None
        self.connected_to: tuple[str, int] | None = None
        self._incoming = b""

    @classmethod
    def of(cls, profile: Profile, *, watch: Watch | None = None, store: Path | None = None, **more: Any) -> Self:
        """The session of a profile's file; `store`: a folder instead of the profile's; `more` replaces keys of its session."""
        place = profile.place
        return cls(
            profile.addresses,
            {**profile.session, **more},
            directory=store or (profile.file(place.store) if place.store else None),
            dictionary=profile.dictionary if place.checks_dictionary else None,
            hours=profile.hours,
            tls=profile.tls,
            server_name=place.tls.server_name if place.tls else None,
            log_directory=profile.file(place.log) if place.log else None,
            watch=watch,
        )

    def __enter__(self) -> Self:
        self.log_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_up(self) -> bool:
        """Whether both sides are logged on."""
        return self.session.state == "up"

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connects to the first address that answers, and begins to log on. Raises OSError when none does."""
        self.lose()
        errors: list[str] = []
        for host, port in self.addresses:
            try:
                self.stream = self._open(host, port, timeout_s)
                self.connected_to = (host, port)
                break
            except OSError as error:
                errors.append(f"{host}:{port}: {_said(error)}")
        if self.stream is None:
            raise ConnectionError("; ".join(errors))
        self._incoming = b""
        self.texts.clear()
        self.session.connect(time.time_ns())
        self.flush()

    def _open(self, host: str, port: int, timeout_s: float) -> socket.socket:
        stream = socket.create_connection((host, port), timeout_s)
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                stream = self.tls.wrap_socket(stream, server_hostname=self.server_name or host)
            stream.setblocking(False)
        except OSError:
            stream.close()
            raise
        return stream

    def log_on(self, timeout_s: float = 10.0, *, reset: bool = False) -> None:
        """Connects and logs on; `reset`: this once both numbers begin at 1.

        Raises ConnectionError when the other side refuses, TimeoutError when it says nothing.
        """
        if reset:
            self.session.reset_at_next_logon()
        self.connect(timeout_s)
        until = time.monotonic() + timeout_s
        while not self.is_up:
            if self.session.state == "down":
                said = f": {printable(self.texts[-1])}" if self.texts else ""
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

    def send_raw(self, raw: bytes) -> None:
        """Writes bytes as they are, past the session: for what a session never says. Raises RuntimeError without a connection."""
        if self.stream is None:
            raise RuntimeError("not sent: there is no connection")
        if self.watch is None or self.watch("out", time.time_ns(), raw):
            self._write(raw)

    def ask_whether_there(self, name: str) -> None:
        """Sends a TestRequest under this name. Raises RuntimeError when it was not sent."""
        self.session.ask_whether_there(time.time_ns(), name.encode("latin-1"))
        self.flush()

    def ask_for(self, begin: int, end: int = 0) -> None:
        """Asks for messages once more; 0: all from `begin` on. Raises RuntimeError when it was not sent."""
        self.session.ask_for(time.time_ns(), begin, end)
        self.flush()

    def reset_numbers(self) -> None:
        """Begins both numbers at 1 without leaving. Raises RuntimeError when it was not sent."""
        self.session.reset_numbers(time.time_ns())
        self.flush()

    def set_numbers(self, incoming: int, outgoing: int) -> None:
        """What is expected, and sent, next. Raises RuntimeError while there is a connection."""
        self.session.set_numbers(time.time_ns(), incoming, outgoing)

    def step(self, wait_s: float = STEP_S) -> None:
        """Reads what waits (at most `wait_s`), lets time pass, writes."""
        if self.stream is None:
            return
        pending = isinstance(self.stream, ssl.SSLSocket) and self.stream.pending() > 0
        readable = pending or select.select([self.stream], [], [], wait_s)[0]
        if readable:
            try:
                found = self.stream.recv(READ_BYTES)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                return
            except OSError:
                found = b""
            for part in self._watched(found):
                for kind, sequence, poss_dup, raw in self.session.receive(time.time_ns(), part):
                    self.messages.append(Message(kind=kind.decode(), sequence=sequence, poss_dup=poss_dup, raw=raw))
                self.texts += self.session.texts()
                if self.watch is not None:
                    self.flush()
            if not found:
                self.flush()
                self.lose()
                return
        self.session.on_time(time.time_ns())
        self.flush()
        if self.session.state == "down":
            self.lose()

    def _watched(self, found: bytes) -> Iterable[bytes]:
        """What came, message by message where somebody watches, without those that are lost."""
        if self.watch is None:
            yield found
            return
        held = self._incoming + found
        frames, taken, _ = _wire.fix_frames(held, MESSAGE_BYTES_MAX, FRAMES_MAX)
        at = 0
        for start, length in frames:
            garbled, raw = held[at:start], held[start : start + length]
            at = start + length
            if garbled:
                self.watch("in", time.time_ns(), garbled)
                yield garbled
            if self.watch("in", time.time_ns(), raw):
                yield raw
        self._incoming = held[max(at, taken) :]
        if taken > at:
            self.watch("in", time.time_ns(), held[at:taken])
            yield held[at:taken]

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
        output = self.session.output()
        if self.watch is None or not output:
            self._write(output)
            return
        frames, _, _ = _wire.fix_frames(output, MESSAGE_BYTES_MAX, FRAMES_MAX)
        for start, length in frames:
            raw = output[start : start + length]
            if self.watch("out", time.time_ns(), raw):
                self._write(raw)

    def _write(self, output: bytes) -> None:
        """Writes it all; who takes no byte for long is gone, and the connection with him."""
        waiting = memoryview(output)
        until = time.monotonic() + WRITE_S_MAX
        while waiting and self.stream is not None:
            if time.monotonic() > until:
                self.lose()
                return
            try:
                waiting = waiting[self.stream.send(waiting) :]
                until = time.monotonic() + WRITE_S_MAX
            except (BlockingIOError, ssl.SSLWantWriteError):
                select.select([], [self.stream], [], STEP_S)
            except ssl.SSLWantReadError:
                select.select([self.stream], [], [], STEP_S)
            except OSError:
                self.lose()

    def lose(self) -> None:
        """Drops the connection as a broken network does."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None
            self.session.disconnected(time.time_ns())

    def close(self, timeout_s: float = 5.0, text: str = "") -> None:
        """Logs out and waits for the answer."""
        self.session.log_out(time.time_ns(), text)
        self.flush()
        until = time.monotonic() + timeout_s
        while self.stream is not None and time.monotonic() < until:
            self.step()
        self.lose()


def _addresses(address: tuple[str, int] | Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """One or several, as several."""
    match address:
        case (str() as host, int() as port):
            return [(host, port)]
        case _:
            return [(str(host), int(port)) for host, port in address]


def _said(error: OSError) -> str:
    """What the system or TLS says, without its numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'refused').replace('_', ' ').lower()}"
    if isinstance(error, TimeoutError):
        return "nobody answers"
    return (error.strerror or str(error)).lower()
