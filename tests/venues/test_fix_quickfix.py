"""QuickFIX logs on to our acceptor, and we to its: orders and their echoes, lost connections, resends, gaps, restarts with kept
numbers.

Invariant: what QuickFIX sends comes back once and in order, whatever is cut or lost between, and neither side ever logs the
other out for its numbers.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian.ports import free_ports
from meridian.venues.fix_session import Initiator as OurInitiator
from tests.support import ROOT, skip_unchecked
from tests.venues.fix_support import QuickFixApplication

try:
    import quickfix
except ImportError:
    quickfix = None

WAIT_S_MAX = 60.0
BIND = "127.0.0.1"


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Until it holds."""
    until = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < until, f"not within {WAIT_S_MAX:.0f} s: {what}"
        time.sleep(0.02)


class Acceptor:
    """`meridian fix acceptor` with kept numbers, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        words = ["--port", str(self.port), "--directory", str(self.folder), "--keep-numbers"]
        command = [sys.executable, "-P", "-m", "meridian", "fix", "acceptor", *words]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, text=True)

        def listens() -> bool:
            try:
                socket.create_connection((BIND, self.port), 1).close()
            except OSError:
                return False
            return True

        wait("the acceptor listens", listens)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None


class Wire:
    """Stands between the two: carries bytes, and cuts the connection or loses what one side says when told to."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.deaf = False
        self.listener = socket.create_server((BIND, 0))
        self.port: int = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection((BIND, self.to), 5)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            self.open += [near, far]
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while found := source.recv(65_536):
                if not (answers and self.deaf):
                    sink.sendall(found)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Breaks every connection."""
        for end in self.open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def close(self) -> None:
        self.listener.close()
        self.cut()


class Counterparty(QuickFixApplication):
    """A QuickFIX initiator that takes down what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.up = False
        self.got: list[str] = []
        self.texts: list[str] = []

    def onCreate(self, _: Any) -> None: ...
    def onLogon(self, _: Any) -> None:
        self.up = True

    def onLogout(self, _: Any) -> None:
        self.up = False

    def toAdmin(self, message: Any, _: Any) -> None: ...
    def fromAdmin(self, message: Any, _: Any) -> None:
        text = quickfix.Text()
        if message.isSetField(text):
            message.getField(text)
            self.texts.append(text.getValue())

    def toApp(self, message: Any, _: Any) -> None: ...
    def fromApp(self, message: Any, _: Any) -> None:
        name = quickfix.ClOrdID()
        message.getField(name)
        self.got.append(name.getValue())


class Initiator:
    """QuickFIX with its store in files; stopped and started, it goes on with its numbers."""

    def __init__(self, folder: Path, port: int, version: str, name: str) -> None:
        lines = ["[DEFAULT]", "ConnectionType=initiator", "ReconnectInterval=1", "HeartBtInt=2"]
        lines += [f"FileStorePath={folder / 'store'}", "StartTime=00:00:00", "EndTime=00:00:00", "UseDataDictionary=N"]
        lines += [f"SocketConnectHost={BIND}", f"SocketConnectPort={port}", "[SESSION]", f"BeginString={version}"]
        lines += [
            f"SenderCompID={name}",
            "TargetCompID=ISLD",
            *(["DefaultApplVerID=9"] if version == "FIXT.1.1" else []),
        ]
        (folder / "session.cfg").write_text("\n".join(lines) + "\n")
        self.session = quickfix.SessionID(version, name, "ISLD")
        self.settings = quickfix.SessionSettings(str(folder / "session.cfg"))
        self.store = quickfix.FileStoreFactory(self.settings)
        self.application = Counterparty()
        self.running: Any = None

    def start(self) -> None:
        self.running = quickfix.SocketInitiator(self.application, self.store, self.settings)
        self.running.start()
        wait("QuickFIX is logged on", lambda: self.application.up)

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()
            self.running = None

    def order(self, name: str) -> None:
        message = quickfix.Message()
        message.getHeader().setField(quickfix.MsgType("D"))
        fields = [quickfix.ClOrdID(name), quickfix.HandlInst("1"), quickfix.Symbol("AAPL"), quickfix.Side("1")]
        for field in [*fields, quickfix.OrdType("1"), quickfix.StringField(38, "100"), quickfix.TransactTime()]:
            message.setField(field)
        assert quickfix.Session.sendToTarget(message, self.session)


@pytest.fixture(params=[("FIX.4.2", "TW42"), ("FIX.4.4", "TW44"), ("FIXT.1.1", "TW50SP2")], ids=lambda pair: pair[1])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Initiator, Wire, Acceptor]]:
    """QuickFIX, the wire and our acceptor, all running."""
    if quickfix is None:
        skip_unchecked("FIX sessions against QuickFIX", "its wheel is for Python 3.11 alone")
    acceptor = Acceptor(tmp_path)
    acceptor.start()
    wire = Wire(acceptor.port)
    initiator = Initiator(tmp_path, wire.port, *request.param)
    try:
        initiator.start()
        yield initiator, wire, acceptor
    finally:
        initiator.stop()
        wire.close()
        acceptor.kill()


def test_orders_come_back_through_cuts_losses_and_restarts_of_either_side(
    pair: tuple[Initiator, Wire, Acceptor],
) -> None:
    initiator, wire, acceptor = pair
    got = initiator.application.got
    sent: list[str] = []

    def send(count: int) -> None:
        for _ in range(count):
            sent.append(f"o{len(sent)}")
            initiator.order(sent[-1])

    def all_back() -> bool:
        return got == sent

    send(20)
    wait("orders come back", all_back)
    # Answers are lost on the way: a gap, which QuickFIX asks for when the next message comes.
    wire.deaf = True
    send(10)
    time.sleep(0.5)
    wire.deaf = False
    send(5)
    wait("lost answers are given again", all_back)
    # The connection breaks, with orders on the way.
    wire.cut()
    wait("logged on again", lambda: initiator.application.up)
    send(5)
    wait("orders after a cut", all_back)
    # Our side is killed and comes back from its files.
    acceptor.kill()
    acceptor.start()
    wait("logged on after our restart", lambda: initiator.application.up)
    send(5)
    wait("orders after our restart", all_back)
    # Theirs stops and comes back from its own.
    initiator.stop()
    initiator.start()
    send(5)
    wait("orders after their restart", all_back)
    assert not [text for text in initiator.application.texts if "MsgSeqNum" in text], initiator.application.texts


class Echo(QuickFixApplication):
    """A QuickFIX acceptor's application: orders go back by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []

    def onCreate(self, _: Any) -> None: ...
    def onLogon(self, _: Any) -> None: ...
    def onLogout(self, _: Any) -> None: ...
    def toAdmin(self, message: Any, _: Any) -> None: ...
    def fromAdmin(self, message: Any, _: Any) -> None: ...
    def toApp(self, message: Any, _: Any) -> None: ...
    def fromApp(self, message: Any, session: Any) -> None:
        name = quickfix.ClOrdID()
        message.getField(name)
        self.got.append(name.getValue())
        answer = quickfix.Message()
        answer.getHeader().setField(quickfix.MsgType("8"))
        for field in (quickfix.ClOrdID(name.getValue()), quickfix.OrderID("1")):
            answer.setField(field)
        quickfix.Session.sendToTarget(answer, session)


class TheirAcceptor:
    """QuickFIX as an acceptor, with its store in files."""

    def __init__(self, folder: Path, version: str) -> None:
        self.port = free_ports(1)[0]
        lines = ["[DEFAULT]", "ConnectionType=acceptor", f"SocketAcceptPort={self.port}", "SocketReuseAddress=Y"]
        lines += [f"FileStorePath={folder / 'theirs'}", "StartTime=00:00:00", "EndTime=00:00:00", "UseDataDictionary=N"]
        lines += ["[SESSION]", f"BeginString={version}", "SenderCompID=QF", "TargetCompID=US"]
        lines += ["DefaultApplVerID=9"] if version == "FIXT.1.1" else []
        (folder / "acceptor.cfg").write_text("\n".join(lines) + "\n")
        self.settings = quickfix.SessionSettings(str(folder / "acceptor.cfg"))
        self.store = quickfix.FileStoreFactory(self.settings)
        self.application = Echo()
        self.running: Any = None

    def start(self) -> None:
        self.running = quickfix.SocketAcceptor(self.application, self.store, self.settings)
        self.running.start()

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()
            self.running = None


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_we_log_on_to_quickfix_and_lose_nothing_through_cuts_and_restarts(version: str, tmp_path: Path) -> None:
    if quickfix is None:
        skip_unchecked("FIX sessions against QuickFIX", "its wheel is for Python 3.11 alone")
    theirs = TheirAcceptor(tmp_path, version)
    theirs.start()
    # An order that was on its way is passed over by default; here it is to arrive.
    profile: dict[str, Any] = {
        "begin_string": version,
        "sender_comp_id": "US",
        "target_comp_id": "QF",
        "heartbeat_s": 2,
    }
    profile |= {"replay_order_age_ns_max": 2**62, "default_appl_ver_id": "9" if version == "FIXT.1.1" else ""}
    sent: list[str] = []
    got: list[str] = []

    def start() -> OurInitiator:
        ours = OurInitiator((BIND, theirs.port), profile, directory=tmp_path / "ours")
        until = time.monotonic() + WAIT_S_MAX
        while True:
            try:
                ours.log_on()
                return ours
            except OSError:
                assert time.monotonic() < until, "no logon"
                time.sleep(0.2)

    def order(ours: OurInitiator, count: int) -> None:
        for _ in range(count):
            sent.append(f"o{len(sent)}")
            ours.send("D", [(11, sent[-1]), (21, 1), (55, "AAPL"), (54, 1), (38, 100), (40, 1)])

    def settle(ours: OurInitiator) -> None:
        def all_back() -> bool:
            ours.step()
            while ours.messages:
                got.append(ours.messages.popleft().get(11) or "")
            return got == sent

        wait("answers come back", all_back)

    try:
        ours = start()
        order(ours, 20)
        settle(ours)
        # Cut with orders and answers on the way.
        order(ours, 10)
        ours.lose()
        ours.log_on()
        settle(ours)
        # Our process is gone without a goodbye; another takes up its files.
        order(ours, 5)
        ours.lose()
        ours = start()
        settle(ours)
        # Theirs is stopped and started again.
        theirs.stop()
        ours.lose()
        theirs.start()
        ours = start()
        order(ours, 5)
        settle(ours)
        assert theirs.application.got == sent
        assert not [text for text in ours.texts if "MsgSeqNum" in text], ours.texts
        ours.close()
        assert ours.session.ended == "logged_out"
    finally:
        theirs.stop()


def test_a_profile_is_refused_in_sentences_all_at_once() -> None:
    with pytest.raises(ValueError) as refused:
        OurInitiator((BIND, 1), {"begin_string": "FIX.9", "sender_comp_id": "", "target_comp_id": "X", "odd": 1})
    assert len(str(refused.value).splitlines()) == 3
