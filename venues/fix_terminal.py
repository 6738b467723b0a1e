"""A terminal on a FIX session: every message either way as it passes, lines of a person or a script as commands.

Invariant: the session lives in one thread and goes on whatever is typed; what a person is typing is never torn by what is
shown; with a script every failure is in the exit code.
"""

from __future__ import annotations

import contextlib
import datetime
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from meridian._native import wire as _wire
from meridian.console import own_output, print_json, printable
from meridian.files import temporary_folder
from meridian.venues import fix_commands
from meridian.venues.fix.ends import hint
from meridian.venues.fix.message import Message
from meridian.venues.fix.orders import SIDES, TIMES_IN_FORCE, OrderEntry, Request
from meridian.venues.fix.secret import masked
from meridian.venues.fix_session import MESSAGE_BYTES_MAX, Initiator, Way

if TYPE_CHECKING:
    from meridian.venues.fix_profile import Profile

PROMPT = "fix> "
SETTLE_S = 0.3
"""After a script's last line, for answers on their way."""
ARROWS = {"in": "◀", "out": "▶"}
COLOURS = {"in": "\033[36m", "out": "\033[33m", "fault": "\033[31m"}
SHOWN_BYTES_MAX = 16 << 10
"""Of a message; of what is none a sixteenth."""
END = None
"""Among lines: there are no more."""


class Terminal:
    """One run."""

    def __init__(self, profile: Profile, *, as_json: bool, raw: bool = False, interactive: bool = False) -> None:
        self.profile = profile
        self.as_json, self.raw, self.interactive = as_json, raw, interactive
        assert profile.dictionary is not None, "a profile has its version's dictionary"
        self.dictionary = profile.dictionary
        self._held = contextlib.ExitStack()
        self._resets = profile.place.store is None
        """Without a store nobody knows the numbers: the first logon begins them at 1."""
        store = self._held.enter_context(temporary_folder("meridian-fix-connect-")) if self._resets else None
        self.session = Initiator.of(profile, watch=self.watch, store=store)
        orders = profile.orders
        self.entry = OrderEntry(profile.version, account=orders.account, handling=orders.handling, **orders.fields)
        self.errors: list[str] = []
        """Checks that did not hold: what was expected and did not come."""
        self.counts = {"in": 0, "out": 0}
        self._garbled_bytes = self._garbled_more = 0
        self.over = False
        self._came: deque[Message] = deque(maxlen=100_000)
        self._was_up = False
        self._leaves = False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def run(self, actions: Iterator[fix_commands.Action | str | None]) -> None:
        """Logs on, does what `actions` say (a text is a sentence about a line that says nothing), logs out.

        Raises ConnectionError or TimeoutError where the logon is not taken; ValueError with the first line of a script that
        cannot be done.
        """
        self.log_on()
        for action in actions:
            self.pump()
            if isinstance(action, str):
                self.fault(action)
            elif action is not None:
                self.act(action)
            if self.over:
                break
        if not self.over:
            self.wait(SETTLE_S)
        self.leave()

    def act(self, action: fix_commands.Action) -> None:
        """Does it; what keeps it from being done is said, or ends a script."""
        try:
            action(self)
        except (RuntimeError, ValueError, ConnectionError, TimeoutError) as error:
            self.fault(str(error))

    def fault(self, sentence: str) -> None:
        """A line that could not be done."""
        if not self.interactive:
            raise ValueError(sentence)
        self.show(f"error: {sentence}", "fault")

    def leave(self) -> None:
        """Logs out where logged on."""
        self._leaves = True
        if self.session.stream is not None:
            self._end()
        self._tell_garbled()
        self._held.close()

    # What commands act on.

    def tell(self, text: str) -> None:
        if self.as_json:
            _document("fix.connect.note", {"text": text})
        else:
            self.show(text)

    def send(self, request: Request) -> None:
        kind, fields = request
        self.session.send(kind, fields)

    def log_on(self) -> None:
        if self.session.is_up:
            return
        self._leaves = False
        self.session.log_on(reset=self._resets)
        self._resets = False
        host, port = self.session.connected_to or ("", 0)
        self._was_up = True
        self.event("up", f"logged on to {self.profile.target} at {host}:{port} as {self.profile.sender}")

    def log_out(self) -> None:
        if self.session.stream is None:
            raise RuntimeError("there is no connection")
        self._leaves = True
        self._end()

    def _end(self) -> None:
        """Logs out; a logout that is not answered leaves both sides unsure of what the other one has."""
        was_up = self._was_up
        self.session.close()
        self.pump()
        if was_up and (ended := self.session.session.ended) != "logged_out":
            why = (ended or "disconnected").replace("_", " ")
            self.errors.append(f"the session did not end well: our logout was not answered ({why}){hint(ended)}")

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.pump(min(left, 0.05))

    def expect(self, kind: str, fields: Sequence[tuple[int, str]], seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            while self._came:
                message = self._came.popleft()
                have = set(message)
                if message.type == kind and all(field in have for field in fields):
                    return
            if time.monotonic() >= until:
                break
            self.pump(0.02)
        wanted = " ".join([self.dictionary.message_name(kind), *(f"{tag}={value}" for tag, value in fields)])
        sentence = f"expected {wanted} within {seconds:g} s, and none came"
        self.errors.append(sentence)
        if not self.as_json:
            self.show(f"error: {sentence}", "fault")

    def quit(self) -> None:
        self.over = True

    # What passes.

    def pump(self, wait_s: float = 0.0) -> None:
        """Lets the session live for a moment."""
        if self.session.stream is None:
            if wait_s:
                time.sleep(wait_s)
        else:
            self.session.step(wait_s)
        while self.session.messages:
            self.entry.take(Message(self.session.messages.popleft().raw, self.dictionary, tolerant=True))
        if self._was_up and not self.session.is_up and self.session.stream is None:
            self._was_up = False
            ended = self.session.session.ended or "disconnected"
            said = f", they said: {printable(self.session.texts[-1])}" if self.session.texts else ""
            why = f"{ended.replace('_', ' ')}{said}"
            # Who logged out himself knows what to do.
            todo = "" if self._leaves or ended == "disconnected" else hint(ended)
            self.event("down", f"the session is down: {why}{todo}")
            if not self._leaves and not self.interactive:
                self.errors.append(f"the session ended before the last line: {why}{todo}")
                self.over = True

    def watch(self, way: Way, time_ns: int, raw: bytes) -> bool:
        """Shows a message; of a giant one, and of what is none, the beginning, its length, and the reason."""
        if way == "in" and not (raw.startswith(b"8=") and _wire.fix_frames(raw, MESSAGE_BYTES_MAX, 1)[0]):
            self._garbled(time_ns, raw)
            return True
        self._tell_garbled()
        self.counts[way] += 1
        raw = masked(raw)
        message = Message(raw, self.dictionary if raw.startswith(b"8=") else None, tolerant=True)
        if way == "in":
            self._came.append(message)
        if len(raw) > SHOWN_BYTES_MAX:
            self._show_part(way, time_ns, raw[:SHOWN_BYTES_MAX], len(raw), f"{message.name}, too long to be shown")
        elif self.as_json:
            fields = [{"tag": tag, "name": message.dictionary.name(tag), "value": value} for tag, value in message]
            about = {"way": way, "time_ns": time_ns, "type": message.type, "name": message.name}
            _document("fix.connect.message", {**about, "text": message.explain(), "fields": fields})
        else:
            text = message.text() if self.raw else message.explain()
            self.show(f"{_moment(time_ns)} {ARROWS[way]} {text}", way)
        return True

    def _garbled(self, time_ns: int, raw: bytes) -> None:
        """What is no message: the beginning of the first piece is shown, of further ones how many bytes came."""
        if self._garbled_bytes == 0:
            reasons = _wire.fix_frames(raw, MESSAGE_BYTES_MAX, 1)[2]
            why = ", ".join(reason.replace("_", " ") for reason in reasons) or "cut"
            shown = masked(raw[: SHOWN_BYTES_MAX // 16])
            self._show_part("in", time_ns, shown, len(raw), f"no message ({why})")
        else:
            self._garbled_more += len(raw)
        self._garbled_bytes += len(raw)

    def _tell_garbled(self) -> None:
        """Says how much more came, once something else does."""
        more, self._garbled_bytes, self._garbled_more = self._garbled_more, 0, 0
        if more:
            self.tell(f"{more} further bytes that are no message")

    def _show_part(self, way: Way, time_ns: int, raw: bytes, length: int, why: str) -> None:
        text = printable(raw.decode("latin-1"), SHOWN_BYTES_MAX)
        if self.as_json:
            about = {"way": way, "time_ns": time_ns, "bytes": length, "reason": why, "text": text}
            _document("fix.connect.part", about)
        else:
            self.show(f"{_moment(time_ns)} {ARROWS[way]} {why}, {length} bytes, the first {len(raw)}: {text}", way)

    def event(self, what: str, text: str) -> None:
        """The session is up, or down."""
        if self.as_json:
            incoming, outgoing = self.session.session.numbers
            numbers = {"expected_next": incoming, "sent_next": outgoing}
            _document("fix.connect.event", {"event": what, "text": text, "time_ns": time.time_ns(), **numbers})
        else:
            self.show(text)

    @own_output()
    def show(self, text: str, colour: str = "") -> None:
        """Prints; a line that is being typed moves down."""
        if sys.stdout.isatty() and colour:
            text = f"{COLOURS[colour]}{text}\033[0m"
        if not self.interactive:
            print(text, flush=True)
            return
        import readline

        typed = readline.get_line_buffer()
        sys.stdout.write(f"\r\033[K{text}\n{PROMPT}{typed}")
        sys.stdout.flush()

    def totals(self) -> dict[str, Any]:
        """What a run is told by."""
        counts = {name: count for name, count in self.session.session.counts.items() if count}
        address = self.session.connected_to
        return {
            "profile": str(self.profile.path),
            "address": f"{address[0]}:{address[1]}" if address else None,
            "messages": self.counts,
            "ended": self.session.session.ended,
            "orders": len({id(order) for order in self.entry.orders.values()}),
            "counts": counts,
        }

    # Lines.

    def typed(self) -> Iterator[fix_commands.Action | str | None]:
        """Commands as a person types them; the session lives meanwhile."""
        threading.Thread(target=self._read_terminal, daemon=True).start()
        yield from self._queued()

    def streamed(self) -> Iterator[fix_commands.Action | str | None]:
        """Commands as lines come out of a pipe."""
        threading.Thread(target=self._read_pipe, daemon=True).start()
        yield from self._queued()

    def _queued(self) -> Iterator[fix_commands.Action | str | None]:
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                self.pump(0.05)
                yield None
                continue
            if line is END:
                return
            try:
                yield fix_commands.read(line, self.dictionary)
            except ValueError as error:
                yield str(error)

    def _read_pipe(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
        self._lines.put(END)

    def _read_terminal(self) -> None:
        """Lines with completion and history, in a thread of their own."""
        import readline

        words = sorted([*fix_commands.COMMANDS, *SIDES, *TIMES_IN_FORCE, "market", "last", "all"])

        def complete(begun: str, at: int) -> str | None:
            names = [name for name in list(self.entry.orders) if name.startswith(begun)]
            found = [f"{word} " for word in words if word.startswith(begun)] + names
            return found[at] if at < len(found) else None

        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete")
        while True:
            try:
                line = input(PROMPT)
            except EOFError:
                self._lines.put(END)
                return
            self._lines.put(line)
            if line.strip().lower() == "quit":
                return


def _moment(time_ns: int) -> str:
    return f"{datetime.datetime.fromtimestamp(time_ns / 1e9, datetime.UTC):%H:%M:%S.%f}"


@own_output()
def _document(schema: str, value: dict[str, Any]) -> None:
    print_json(schema, value)


@contextlib.contextmanager
def terminal_kept() -> Iterator[None]:
    """Gives the terminal back as it was: a line may be half typed when the run ends."""
    try:
        import termios

        before = termios.tcgetattr(sys.stdin)
    except (ImportError, ValueError, OSError, termios.error):
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def parsed(lines: Sequence[str], read: Callable[[str], fix_commands.Action | None]) -> list[fix_commands.Action]:
    """A script's commands. Raises ValueError with a sentence for every line that says nothing, a line each."""
    actions, errors = [], []
    for number, line in enumerate(lines, 1):
        try:
            action = read(line)
        except ValueError as error:
            errors.append(f"line {number}: {error}")
            continue
        if action is not None:
            actions.append(action)
    if errors:
        raise ValueError("\n".join(errors))
    return actions
