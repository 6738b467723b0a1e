"""The session's cases of `meridian fix certify` against a QuickFIX acceptor: a counterparty that shares no code with us.

Invariant under test: what passes against the house exchange passes against the engine that many venues' test systems are made
of, and what that one lacks is said to be not offered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import ROOT, skip_unchecked
from tests.venues.fix_support import QuickFixApplication, free_port, typed

try:
    import quickfix
except ImportError:
    quickfix = None

DICTIONARY = ROOT / "venues" / "fix" / "dictionaries" / "FIX44.xml"


class Reports(QuickFixApplication):
    """Answers whatever bears a ClOrdID with a report of an unknown order."""

    def onCreate(self, _: Any) -> None: ...
    def onLogon(self, _: Any) -> None: ...
    def onLogout(self, _: Any) -> None: ...
    def toAdmin(self, message: Any, _: Any) -> None: ...
    def fromAdmin(self, message: Any, _: Any) -> None: ...
    def toApp(self, message: Any, _: Any) -> None: ...
    def fromApp(self, message: Any, session: Any) -> None:
        name = quickfix.ClOrdID()
        if not message.isSetField(name):
            return
        message.getField(name)
        answer = quickfix.Message()
        answer.getHeader().setField(quickfix.MsgType("8"))
        values = {37: "NONE", 17: "0", 150: "I", 39: "8", 55: "AAPL", 54: "1", 151: "0", 14: "0", 6: "0"}
        answer.setField(quickfix.ClOrdID(name.getValue()))
        for tag, value in values.items():
            answer.setField(quickfix.StringField(tag, value))
        quickfix.Session.sendToTarget(answer, session)


def test_the_sessions_cases_pass_against_quickfix(tmp_path: Path) -> None:
    if quickfix is None:
        skip_unchecked("FIX conformance against QuickFIX", "its wheel is for Python 3.11 alone")
    port = free_port()
    lines = ["[DEFAULT]", "ConnectionType=acceptor", f"SocketAcceptPort={port}", "SocketReuseAddress=Y"]
    lines += [f"FileStorePath={tmp_path / 'theirs'}", "StartTime=00:00:00", "EndTime=00:00:00", "UseDataDictionary=Y"]
    lines += [f"DataDictionary={DICTIONARY}", "[SESSION]", "BeginString=FIX.4.4", "SenderCompID=QF", "TargetCompID=US"]
    (tmp_path / "acceptor.cfg").write_text("\n".join(lines) + "\n")
    settings = quickfix.SessionSettings(str(tmp_path / "acceptor.cfg"))
    store, application = quickfix.FileStoreFactory(settings), Reports()
    running = quickfix.SocketAcceptor(application, store, settings)
    running.start()
    profile = tmp_path / "quickfix.toml"
    head = f'[session]\naddresses = ["127.0.0.1:{port}"]\nbegin_string = "FIX.4.4"\n'
    profile.write_text(f'{head}sender_comp_id = "US"\ntarget_comp_id = "QF"\n')
    try:
        code, documents, said = typed(
            "fix", "certify", str(profile), "--only", "session", "--out", str(tmp_path / "out")
        )
    finally:
        running.stop()
    verdicts = {one["title"]: (one["verdict"], one["reason"]) for one in documents[:-1]}
    assert code == 0, said
    assert documents[-1]["counts"]["passed"] >= 20, verdicts
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
