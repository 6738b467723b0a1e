"""Busts, corrections and phases by an operator's command on a running house exchange, as clients and drop copy hear them.

Invariant under test: both sides and the drop copy are told the same of a changed trade, once; what cannot be changed is refused,
counted, and told to nobody else; a restart knows what was changed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meridian._native import links
from meridian.console import Unreachable
from meridian.exchange.operator import Operator, bust, correction
from meridian.records import ExchangeEventKind
from meridian.venues import fix_profile
from meridian.venues.fix_session import Initiator
from tests.exchange.test_fix_ports import log_on, order, reports, wait
from tests.venues.fix_support import free_port, running, typed

SHOWN = (37, 150, 19, 54, 32, 31, 14, 6)


def client(folder: Path, name: str) -> Initiator:
    """A session of the house, whose numbers outlive it."""
    profile = fix_profile.load(str(folder / "profiles" / f"{name}.toml"))
    return log_on(Initiator.of(profile, store=folder / "clients" / name))


def changes(session: Initiator) -> list[tuple[str | None, ...]]:
    """What it was told of trades that were changed, but for the order's number."""
    told = [report for report in reports(session) if report.get(150) in ("G", "H")]
    return [tuple(report.get(tag) for tag in SHOWN[1:]) for report in told]


def told(session: Initiator, count: int) -> bool:
    """Whether it was told of so many changes."""
    return len(changes(session)) == count


def counted(folder: Path) -> dict[str, Any]:
    """Busts, corrections and what was refused of either."""
    names = ("busts", "corrections", "changes_refused")
    found = dict(links.Counters(folder / "exchange.counters").read())
    return {name: found[f"exchange.exchange.{name}"] for name in names}


def close_by_auction(firm: Initiator, other: Initiator, data: tuple[str, str]) -> None:
    """Both sides trade in a closing auction that an operator begins and ends."""
    before = len(reports(firm)), len(reports(other))
    code, (document,), _ = typed("exchange", "phase", "closing_call", "--instrument", "1", *data)
    assert (code, document["state"]) == (0, "auction")
    firm.send("D", [*order("F2", 2, 30, "9.9"), (59, 7)])
    other.send("D", [*order("O2", 1, 20, "10.1"), (59, 7)])
    wait(
        "both are taken",
        lambda: (len(reports(firm)), len(reports(other))) == (before[0] + 1, before[1] + 1),
        firm,
        other,
    )
    code, (document,), _ = typed("exchange", "phase", "closed", "--instrument", "1", *data)
    assert (code, document["state"]) == (0, "closed")
    wait(
        "they trade", lambda: len(reports(firm)) == before[0] + 3 and len(reports(other)) == before[1] + 2, firm, other
    )
    told = [tuple(one.get(tag) for tag in (150, 32, 31, 151)) for one in (*reports(firm)[-2:], reports(other)[-1])]
    # What rests since before takes part, and nothing is left over at its price; the sale for the close alone ends with it.
    assert told == [("F", "20", "9.5", "0"), ("C", None, None, "0"), ("F", "20", "9.5", "0")]


def test_a_trade_is_corrected_and_broken_by_command(tmp_path: Path) -> None:
    port = free_port(3)
    words = ("exchange", "run", "--fix-port", str(port), "--data", str(tmp_path))
    trade = ("--data", str(tmp_path))
    with running(*words, port=port):
        firm, other, copy = (client(tmp_path, name) for name in ("profile", "counterparty", "drop-copy"))
        firm.send("D", order("F1", 2, 100, "9.5"))
        other.send("D", order("O1", 1, 80, "9.5"))
        wait("both sides trade", lambda: len(reports(firm)) == 2 and len(reports(other)) == 2, firm, other)
        code, (document,), _ = typed("exchange", "correct", "M1A", "--price", "9.75", "--lots", "60", *trade)
        assert code == 0 and document["outcome"] == "corrected"
        terms = {key: document[key] for key in ("trade", "lots", "price", "former_lots", "former_price")}
        assert terms == {"trade": 1, "lots": 60, "price": "9.75", "former_lots": 80, "former_price": "9.5"}
        code, (document,), said = typed("exchange", "correct", "1", "--price", "9.755", *trade)
        assert code == 1 and "trade 1 stays as it is: it cannot have this price" in said
        code, (document,), said = typed("exchange", "bust", "M7R", *trade)
        assert code == 1 and "trade 7 is none of today that still stands" in said
        with Operator(tmp_path) as operator:
            with pytest.raises(Unreachable, match="somebody else operates this exchange"):
                Operator(tmp_path)
            assert int(operator.ask(correction(1, lots=61))["event"]) == ExchangeEventKind.CORRECTION_REJECTED
            assert int(operator.ask(bust(1))["event"]) == ExchangeEventKind.BROKEN
            assert int(operator.ask(correction(1, lots=5))["event"]) == ExchangeEventKind.CORRECTION_REJECTED
        sides = {"A": (firm, "2"), "R": (other, "1")}
        for letter, (session, side) in sides.items():
            wait("it is told", partial(told, session, 2), session)
            assert changes(session) == [
                ("G", f"M1{letter}", side, "60", "9.75", "60", "9.75"),
                ("H", f"M1{letter}", side, "60", "9.75", "0", "0"),
            ]
        wait("the copy tells the same", lambda: changes(copy) == changes(firm), copy)
        close_by_auction(firm, other, trade)
        wait("all is counted", lambda: counted(tmp_path) == {"busts": 1, "corrections": 1, "changes_refused": 4})
        for session in (firm, other, copy):
            session.lose()
    with running(*words, port=port):
        again = client(tmp_path, "profile")
        with Operator(tmp_path) as operator:
            assert int(operator.ask(bust(1))["event"]) == ExchangeEventKind.BUST_REJECTED, "it was broken before"
        wait("all is known", lambda: counted(tmp_path) == {"busts": 1, "corrections": 1, "changes_refused": 5}, again)
        assert changes(again) == [], "what was said is not said again"
        again.close()
    with pytest.raises(Unreachable, match="no exchange runs there"), Operator(tmp_path) as operator:
        operator.ask(bust(1))
