"""The house exchange's FIX ports in a process of their own: QuickFIX and our own initiator trade, the process is killed, and a
drop copy tells the same.

Invariant: whatever dies, each order is answered once, each fill is told once to each side, and the drop copy has every report.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian.child import environment, module
from meridian.ports import free_ports
from meridian.venues.fix_session import Initiator, Message
from tests.support import ROOT, skip_unchecked
from tests.venues.fix_support import QuickFixApplication
from tests.wire.test_oracles import capture, every, tcp, tshark

try:
    import quickfix
except ImportError:
    quickfix = None

WAIT_S_MAX = 30.0
BIND = "127.0.0.1"
DICTIONARIES = ROOT / "venues" / "fix" / "dictionaries"
HEADER = {8, 9, 34, 49, 52, 56, 10, 43, 122, 115, 797}
"""Tags that differ between a report and its copy."""


class House:
    """An exchange with FIX ports, to be killed and started again."""

    def __init__(self, folder: Path, versions: dict[int, str], market_data: str = "FIX.4.4", **more: Any) -> None:
        """`more`: settings of the tile."""
        taken = free_ports(4 + len(versions) + 2)
        self.process: subprocess.Popen[bytes] | None = None
        self.versions = versions
        self.ports = dict(zip([*versions, 20, 30], taken[4:], strict=True))
        password = folder / "password"
        password.write_text("secret\n")
        fix_ports = [self.port(session, "orders", version) for session, version in versions.items()]
        fix_ports.append({**self.port(20, "drop_copy", "FIX.4.4"), "copies": list(versions)})
        fix_ports.append(self.port(30, "market_data", market_data))
        settings = {
            "name": "exchange1",
            "venue": 1,
            "feed_session": "HOUSE1",
            "lines": [f"239.77.9.1:{taken[0]}"],
            "interface": BIND,
            "retransmission": f"{BIND}:{taken[1]}",
            "snapshot": f"{BIND}:{taken[2]}",
            "snapshot_username": "feed",
            "snapshot_password_file": str(password),
            "fix_ports": fix_ports,
            "listings": [{"instrument": 1, "symbol": "AAPL", "locate": 1, "tick_nanos": 10_000_000}],
            "feed_messages": 65_536,
        } | more
        (folder / "counters").mkdir(exist_ok=True)
        specification = {
            "version": 1,
            "topology": "house",
            "process": "house",
            "counters_path": str(folder / "counters" / "house"),
            "data_directory": str(folder / "data"),
            "links": [],
            "threads": [
                {
                    "name": "exchange1",
                    "idle": "back-off",
                    "tiles": [{"name": "exchange1", "kind": "exchange", "settings": settings}],
                }
            ],
        }
        self.specification = folder / "house.json"
        self.specification.write_text(json.dumps(specification))

    def port(self, session: int, role: str, version: str) -> dict[str, Any]:
        """A port's table."""
        return {
            "session": session,
            "role": role,
            "listen": f"{BIND}:{self.ports[session]}",
            "begin_string": version,
            "default_appl_ver_id": "9" if version == "FIXT.1.1" else "",
            "sender_comp_id": "HOUSE",
            "target_comp_id": f"CLIENT{session}",
            "store_bytes": 1 << 20,
        }

    def start(self) -> None:
        command = [*module("meridian.deploy.process"), str(self.specification)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment())

    def kill(self) -> None:
        """As `kill -9` does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def client(self, session: int, **profile: Any) -> Initiator:
        """Our own initiator; orders that were on their way when a connection broke are given again."""
        version = self.versions.get(session, "FIX.4.4")
        profile |= {"begin_string": version, "sender_comp_id": f"CLIENT{session}", "target_comp_id": "HOUSE"}
        profile |= {"default_appl_ver_id": "9" if version == "FIXT.1.1" else "", "replay_order_age_ns_max": 2**62}
        return Initiator((BIND, self.ports[session]), profile)


def log_on(client: Initiator) -> Initiator:
    """Until it is up."""
    until = time.monotonic() + WAIT_S_MAX
    while True:
        try:
            client.log_on()
            return client
        except OSError:
            assert time.monotonic() < until, "no logon"
            time.sleep(0.1)


def wait(what: str, holds: Callable[[], bool], *clients: Initiator) -> None:
    """Until it holds; clients go on meanwhile."""
    until = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < until, f"not within {WAIT_S_MAX:.0f} s: {what}"
        for client in clients:
            client.step(0.005)
        if not clients:
            time.sleep(0.02)


def order(name: str, side: int, lots: int, price: str) -> list[tuple[int, object]]:
    """A limit order for the day."""
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    return [(11, name), (21, 1), (55, "AAPL"), (54, side), (60, now), (38, lots), (40, 2), (44, price)]


def cancel(name: str, original: str) -> list[tuple[int, object]]:
    """A cancel of an order of one side or the other: the exchange goes by the name."""
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    return [(11, name), (41, original), (55, "AAPL"), (54, 1), (60, now)]


def body(message: Message) -> list[tuple[int, bytes]]:
    """What a report says, without what belongs to its session."""
    return [(tag, value) for tag, value in message.fields if tag not in HEADER]


def reports(client: Initiator) -> list[Message]:
    return [message for message in client.messages if message.kind == "8" and message.get(150) != "I"]


class Counterparty(QuickFixApplication):
    """A QuickFIX initiator's application that takes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.up = False
        self.told: list[Any] = []
        self.refused: list[str] = []

    def onCreate(self, _: Any) -> None: ...
    def onLogon(self, _: Any) -> None:
        self.up = True

    def onLogout(self, _: Any) -> None:
        self.up = False

    def toAdmin(self, message: Any, _: Any) -> None:
        if "\x0135=3\x01" in message.toString():
            self.refused.append(message.toString())

    def fromAdmin(self, message: Any, _: Any) -> None: ...
    def toApp(self, message: Any, _: Any) -> None: ...
    def fromApp(self, message: Any, _: Any) -> None:
        fields = [part.split("=", 1) for part in message.toString().split("\x01") if part]
        self.told.append({int(tag): value for tag, value in fields})


class QuickFix:
    """QuickFIX as a client of the exchange; it holds all that it is told against the standard's dictionary."""

    def __init__(self, folder: Path, house: House, session: int, version: str) -> None:
        names = {"FIX.4.2": "FIX42.xml", "FIX.4.3": "FIX43.xml", "FIX.4.4": "FIX44.xml"}
        lines = ["[DEFAULT]", "ConnectionType=initiator", "ReconnectInterval=1", "HeartBtInt=5", "[SESSION]"]
        lines += [f"FileStorePath={folder / 'quickfix'}", "StartTime=00:00:00", "EndTime=00:00:00"]
        lines += [f"SocketConnectHost={BIND}", f"SocketConnectPort={house.ports[session]}", "UseDataDictionary=Y"]
        lines += [f"BeginString={version}", f"SenderCompID=CLIENT{session}", "TargetCompID=HOUSE"]
        if version == "FIXT.1.1":
            lines += ["DefaultApplVerID=FIX.5.0SP2", f"AppDataDictionary={DICTIONARIES / 'FIX50SP2.xml'}"]
            lines += [f"TransportDataDictionary={DICTIONARIES / 'FIXT11.xml'}"]
        else:
            lines += [f"DataDictionary={DICTIONARIES / names[version]}"]
        (folder / "session.cfg").write_text("\n".join(lines) + "\n")
        self.session = quickfix.SessionID(version, f"CLIENT{session}", "HOUSE")
        settings = quickfix.SessionSettings(str(folder / "session.cfg"))
        self.settings, self.store, self.application = settings, quickfix.FileStoreFactory(settings), Counterparty()
        self.running = quickfix.SocketInitiator(self.application, self.store, settings)

    def send(
        self, kind: str, fields: list[tuple[int, object]], groups: dict[int, list[tuple[int, str]]] | None = None
    ) -> None:
        """Groups: by the tag of their count, entries of one field each."""
        message = quickfix.Message()
        message.getHeader().setField(quickfix.MsgType(kind))
        for tag, value in fields:
            message.setField(quickfix.StringField(tag, str(value)))
        for count, entries in (groups or {}).items():
            for tag, value in entries:
                group = quickfix.Group(count, tag)
                group.setField(quickfix.StringField(tag, value))
                message.addGroup(group)
        assert quickfix.Session.sendToTarget(message, self.session)


@contextlib.contextmanager
def running(house: House) -> Iterator[House]:
    house.start()
    try:
        yield house
    finally:
        house.kill()


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1"])
def test_quickfix_trades_with_us_through_a_kill_and_the_drop_copy_says_the_same(version: str, tmp_path: Path) -> None:
    if quickfix is None:
        skip_unchecked("the house exchange's FIX ports against QuickFIX", "its wheel is for Python 3.11 alone")
    with running(House(tmp_path, {11: version, 12: "FIX.4.4"})) as house:
        ours, copy = log_on(house.client(12)), log_on(house.client(20))
        theirs = QuickFix(tmp_path, house, 11, version)
        told = theirs.application.told
        theirs.running.start()
        try:
            wait("QuickFIX is logged on", lambda: theirs.application.up)
            theirs.send("D", order("o1", 1, 100, "99.5"))
            wait("an acceptance", lambda: len(told) == 1, ours, copy)
            ours.send("D", order("s1", 2, 40, "99.5"))
            wait("a fill", lambda: len(told) == 2 and len(reports(ours)) == 2, ours, copy)
            theirs.send("G", [(41, "o1"), *order("o2", 1, 80, "99.5")])
            wait("a replacement", lambda: len(told) == 3, ours, copy)
            house.kill()
            wait("QuickFIX has noticed", lambda: not theirs.application.up)
            house.start()
            log_on(ours)
            log_on(copy)
            wait("QuickFIX is logged on again", lambda: theirs.application.up, ours, copy)
            ours.send("D", order("s2", 2, 10, "99.5"))
            wait("a fill after the kill", lambda: len(told) == 4, ours, copy)
            theirs.send("F", cancel("o3", "o2"))
            theirs.send("F", cancel("o4", "nothing"))
            wait("the cancel", lambda: len(told) == 6, ours, copy)
            wait("the copies", lambda: len(reports(copy)) == 5 + len(reports(ours)), ours, copy)
        finally:
            theirs.running.stop()
        fill = "1" if version == "FIX.4.2" else "F"
        shown = [(each[35], each[11], each.get(150), each[39], each.get(14), each.get(151)) for each in told]
        assert shown == [
            ("8", "o1", "0", "0", "0", "100"),
            ("8", "o1", fill, "1", "40", "60"),
            ("8", "o2", "5", "1", "40", "40"),
            ("8", "o2", fill, "1", "50", "30"),
            ("8", "o3", "4", "4", "50", "0"),
            ("9", "o4", None, "8", None, None),
        ]
        assert theirs.application.refused == [], "every message is one of the standard's"
        copied = [body(message) for message in reports(copy)]
        assert all(body(message) in copied for message in reports(ours))
        by_id = {message.get(17): message for message in reports(copy)}
        assert [by_id[each[17]].get(14) for each in told[:5]] == ["0", "40", "40", "50", "50"]
        assert not any(message.poss_dup for message in copy.messages)


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_quickfix_takes_our_market_data(version: str, tmp_path: Path) -> None:
    if quickfix is None:
        skip_unchecked("the house exchange's FIX market data against QuickFIX", "its wheel is for Python 3.11 alone")
    with running(House(tmp_path, {12: "FIX.4.4"}, market_data=version)) as house:
        ours = log_on(house.client(12))
        theirs = QuickFix(tmp_path, house, 30, version)
        told = theirs.application.told
        theirs.running.start()
        try:
            wait("QuickFIX is logged on", lambda: theirs.application.up)
            ours.send("D", order("a", 1, 5, "99"))
            wait("an acceptance", lambda: len(reports(ours)) == 1, ours)
            wants = {267: [(269, "0"), (269, "1"), (269, "2")], 146: [(55, "AAPL")]}
            theirs.send("V", [(262, "R"), (263, 1), (264, 0), (265, 1)], wants)
            wait("the snapshot", lambda: len(told) == 1, ours)
            ours.send("D", order("b", 2, 7, "101"))
            wait("an increment", lambda: len(told) == 2, ours)
            ours.send("D", order("c", 2, 5, "99"))
            wait("a trade and a level that is gone", lambda: sum(int(each[268]) for each in told) >= 4, ours)
        finally:
            theirs.running.stop()
        # Of a group's entries the last one counts in what is taken down.
        assert [(each[35], each[268]) for each in told[:2]] == [("W", "1"), ("X", "1")]
        assert (told[0][269], told[0][270], told[0][271]) == ("0", "99", "5")
        assert (told[1][279], told[1][269], told[1][270], told[1][271]) == ("0", "1", "101", "7")
        assert theirs.application.refused == [], "every message is one of the standard's"


def test_tshark_reads_what_the_ports_send_as_we_do(tmp_path: Path) -> None:
    versions = {11: "FIX.4.2", 12: "FIX.4.3", 13: "FIX.4.4", 14: "FIXT.1.1"}
    with running(House(tmp_path, versions)) as house:
        clients = [log_on(house.client(session)) for session in versions]
        for at, client in enumerate(clients):
            client.send("D", order(f"a{at}", 1 + at % 2, 100 + at, "100.25"))
            client.send("D", order(f"b{at}", 1, 7, "100.255"))
            client.send("F", cancel(f"c{at}", f"none{at}"))
        wait("answers", lambda: all(len(client.messages) >= 3 for client in clients), *clients)
    messages = [message for client in clients for message in client.messages]
    packets, sequence = [], 1
    for message in messages:
        packets.append(tcp(sequence, message.raw))
        sequence += len(message.raw)
    layers = tshark(capture(tmp_path / "fix.pcap", packets), "tcp.port==26401,fix", "fix")
    assert len(layers) == len(messages)
    for message, layer in zip(messages, layers, strict=True):
        assert every(layer, "fix.ClOrdID") == [message.get(11)]
        for name, tag in [("OrderID", 37), ("ExecID", 17), ("OrdStatus", 39), ("LeavesQty", 151), ("Symbol", 55)]:
            assert every(layer, f"fix.{name}") == ([found] if (found := message.get(tag)) is not None else [])
        assert every(layer, "fix.checksum_good") == ["1"], layer


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_orders_are_answered_once_through_kills_while_they_are_on_their_way(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    sent: list[set[str]] = [set(), set()]
    with running(House(tmp_path, {11: "FIX.4.4", 12: "FIX.4.2"})) as house:
        clients = [log_on(house.client(session)) for session in (11, 12)]
        for _ in range(4):
            for _ in range(chance.randrange(30, 90)):
                at = chance.randrange(2)
                name = f"{at}-{len(sent[at])}"
                side, lots, price = 1 + chance.randrange(2), chance.randrange(1, 50), chance.randrange(98, 103)
                clients[at].send("D", order(name, side, lots, str(price)))
                sent[at].add(name)
                if chance.randrange(4) == 0:
                    clients[chance.randrange(2)].step(0)
            # Some orders were read, some not, some answers are written, some not.
            time.sleep(chance.random() * 0.004)
            house.kill()
            for client in clients:
                client.lose()
            house.start()
            for client in clients:
                log_on(client)
        copy = log_on(house.client(20))

        def answered(at: int) -> Counter[str]:
            return Counter(str(message.get(11)) for message in reports(clients[at]) if message.get(150) in ("0", "8"))

        wait("every answer", lambda: all(set(answered(at)) == sent[at] for at in (0, 1)), *clients, copy)

        def own() -> int:
            return sum(len(reports(client)) for client in clients)

        wait("every copy", lambda: len(reports(copy)) >= own(), *clients, copy)
        for _ in range(20):
            for client in [*clients, copy]:
                client.step(0.01)
    assert all(set(answered(at).values()) == {1} for at in (0, 1)), f"seed {seed}"
    ids = Counter(message.get(17) for client in clients for message in reports(client))
    assert set(ids.values()) == {1}, f"seed {seed}: each report once"
    assert ids == Counter(message.get(17) for message in reports(copy)), f"seed {seed}: the copy has each of them once"
    fills = {str(name) for name in ids if str(name).startswith("M")}
    assert fills == {name[:-1] + side for name in fills for side in "AR"}, f"seed {seed}: both sides of each trade"
