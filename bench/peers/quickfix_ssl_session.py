"""quickfix-ssl (QuickFIX with Python's bindings) as a peer of the FIX session rows: what `quickfix_session.cpp` does, in Python.

    python quickfix_ssl_session.py DIRECTORY PORT

Invariant: the commands, the messages and the values that are read are those of `quickfix_session.cpp`.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import quickfix as fix

OURS, THEIRS = "MERIDNY1", "HOUSEVEN1"
ECHOED = (11, 1, 55, 54, 38, 40, 44)
READ = (32, 31, 6, 151, 14, 38, 44)
LOTS = 200


def made(kind: str, fields: list[tuple[int, str]]) -> fix.Message:
    """A message with its time."""
    message = fix.Message()
    message.getHeader().setField(fix.MsgType(kind))
    for tag, value in fields:
        message.setField(fix.StringField(tag, value))
    message.setField(fix.TransactTime())
    return message


class Quiet(fix.Application):
    """What QuickFIX calls, and nobody listens to."""

    def __init__(self) -> None:
        super().__init__()
        self.up = threading.Event()

    def onCreate(self, session: object) -> None: ...
    def onLogon(self, session: object) -> None:
        self.up.set()

    def onLogout(self, session: object) -> None: ...
    def toAdmin(self, message: object, session: object) -> None: ...
    def toApp(self, message: object, session: object) -> None: ...
    def fromAdmin(self, message: object, session: object) -> None: ...


class Venue(Quiet):
    """Answers each order with an execution report."""

    def fromApp(self, order: fix.Message, session: fix.SessionID) -> None:
        """Reads the order's values and says that a part of it traded."""
        said = {tag: order.getField(tag) for tag in (*ECHOED, 60)}
        lots, price = float(said[38]), float(said[44])
        filled = [
            (37, "V00000048213377"),
            (17, "E000000482130"),
            (150, "F"),
            (39, "1"),
            (151, f"{lots - LOTS:g}"),
            (14, "200"),
        ]
        report = made(
            "8", [*filled, *((tag, said[tag]) for tag in ECHOED), (6, f"{price}"), (32, "200"), (31, f"{price}")]
        )
        fix.Session.sendToTarget(report, session)


class Firm(Quiet):
    """Orders again from where the report came."""

    def __init__(self) -> None:
        super().__init__()
        self.session: fix.SessionID | None = None
        self.sent = self.last = self.reports = 0
        self.lots = 0.0
        self.trips: list[int] = []
        self.started = 0
        self.over = threading.Event()

    def order(self, number: int) -> None:
        """One order."""
        terms = [
            (11, f"N20260302{number % 1_000_000:06}"),
            (54, "2"),
            (40, "2"),
            (1, "DESK07"),
            (21, "1"),
            (55, "QXZT"),
        ]
        fix.Session.sendToTarget(made("D", [*terms, (38, "700"), (44, "402.75"), (59, "0")]), self.session)

    def fromApp(self, report: fix.Message, session: fix.SessionID) -> None:
        """Reads the report's values."""
        values = [float(report.getField(tag)) for tag in READ]
        report.getField(11), report.getField(60)
        self.lots += values[0]
        now = time.perf_counter_ns()
        self.trips.append(now - self.started)
        self.started = now
        if self.sent < self.last:
            self.sent += 1
            self.order(self.sent - 1)
        self.reports += 1
        if self.reports == self.last:
            self.over.set()

    def run(self, orders: int, window: int) -> None:
        """So many more orders, `window` of them under way."""
        first, self.last = self.sent, self.sent + orders
        self.over.clear()
        self.trips = []
        self.sent = until = min(first + window, self.last)
        self.started = time.perf_counter_ns()
        for number in range(first, until):
            self.order(number)
        self.over.wait()


def settings(directory: Path, port: str, *, initiator: bool) -> fix.SessionSettings:
    """Of one side, read from a file as the bindings want it."""
    ours, theirs = (OURS, THEIRS) if initiator else (THEIRS, OURS)
    lines = [
        "[DEFAULT]",
        f"ConnectionType={'initiator' if initiator else 'acceptor'}",
        "StartTime=00:00:00",
        "EndTime=00:00:00",
    ]
    lines += ["UseDataDictionary=N", "HeartBtInt=30", "ReconnectInterval=1", "SocketNodelay=Y", "SocketReuseAddress=Y"]
    lines += [f"FileStorePath={directory / ours}", f"SocketAcceptPort={port}", "SocketConnectHost=127.0.0.1"]
    lines += [
        f"SocketConnectPort={port}",
        "[SESSION]",
        "BeginString=FIX.4.4",
        f"SenderCompID={ours}",
        f"TargetCompID={theirs}",
    ]
    file = directory / f"{ours}.cfg"
    file.write_text("\n".join(lines) + "\n")
    return fix.SessionSettings(str(file))


def main(directory: Path, port: str) -> int:
    """Commands until there are no more."""
    venue, firm = Venue(), Firm()
    theirs, ours = settings(directory, port, initiator=False), settings(directory, port, initiator=True)
    stores = fix.FileStoreFactory(theirs), fix.FileStoreFactory(ours)
    acceptor, initiator = fix.SocketAcceptor(venue, stores[0], theirs), fix.SocketInitiator(firm, stores[1], ours)
    acceptor.start()
    initiator.start()
    if not firm.up.wait(20):
        return 3
    firm.session = fix.SessionID("FIX.4.4", OURS, THEIRS)
    for line in sys.stdin:
        work, orders, *window = line.split()
        begun = time.perf_counter_ns()
        firm.run(int(orders), int(window[0]) if window else 1)
        elapsed = time.perf_counter_ns() - begun
        trips = sorted(firm.trips)
        print(f"{trips[len(trips) // 2]} {trips[len(trips) * 99 // 100]}" if work == "trip" else elapsed, flush=True)
    initiator.stop()
    acceptor.stop()
    return 0 if firm.lots == LOTS * firm.sent else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
