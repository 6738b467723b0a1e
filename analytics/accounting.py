"""Every order accounted for: what became of each by the engine's journal, and of as many by the exchanges' own.

An order is counted once with all its replacements. The exchanges' side applies their sequenced input to a fresh matching core and
follows each order of our sessions through its replacements to its end.

Invariant: the final states of a venue add up to the orders sent there; where they do not, or where an exchange counts otherwise,
there is a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import exchange as native
from meridian._native import journal as journals
from meridian.analytics.run import Rows, Run
from meridian.console import BadInput, Unreachable
from meridian.records import BreakKind, ExchangeEventKind, OrderEventKind, OrderState

ENDS = {
    OrderState.FILLED: "filled",
    OrderState.CANCELED: "cancelled",
    OrderState.REJECTED: "rejected",
    OrderState.NOT_SENT: "not_sent",
    OrderState.LIVE: "open",
    OrderState.PENDING_REPLACE: "open",
    OrderState.PENDING_CANCEL: "open",
    OrderState.PENDING_NEW: "unanswered",
    OrderState.UNKNOWN: "unknown",
}
STATES = ("filled", "cancelled", "expired", "rejected", "not_sent", "not_found", "open", "unanswered", "unknown")
"""What an order can have become; the first six are ends. `not_found`: it was lost on its way to a venue, which says that it never
had it."""
AT_ONCE = 4096
"""Commands that a core takes in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounted:
    """The orders of one venue."""

    venue: str
    sent: int
    states: dict[str, int]
    """State → orders, by the engine's journal."""
    exchange: dict[str, int]
    """accepted, filled, cancelled, open: by the exchange's own journal."""

    @property
    def differences(self) -> list[str]:
        """Sums that are none, and what the exchange counts otherwise."""
        found = []
        told = sum(self.states.values())
        if told != self.sent:
            found.append(f"{self.venue}: {self.sent:,} orders were sent and {told:,} are accounted for")
        ours = {
            "filled": self.states["filled"],
            # A venue cancels what expires.
            "cancelled": self.states["cancelled"] + self.states["expired"],
            "open": self.states["open"],
        }
        for key, count in ours.items():
            if count != self.exchange[key]:
                found.append(
                    f"{self.venue}: {count:,} orders are {key} in the engine and {self.exchange[key]:,} at the exchange"
                )
        return found

    def described(self) -> dict[str, Any]:
        """For JSON."""
        return {"venue": self.venue, "sent": self.sent} | self.states | {"exchange": self.exchange}


def accounted(run: Run) -> list[Accounted]:
    """The orders of each venue. Raises Unreachable or BadInput for an exchange's journal that is not there or damaged."""
    events = run.order_events
    expired, taken, missed = (
        set(events["order_id"][events["event"] == kind].tolist())
        for kind in (OrderEventKind.EXPIRED, OrderEventKind.ACCEPTED, OrderEventKind.NOT_FOUND)
    )
    found = []
    for venue in run.venues:
        here = run.orders[run.orders["venue"] == venue["id"]]
        states = dict.fromkeys(STATES, 0)
        for row in here:
            end, number = ENDS[OrderState(int(row["state"]))], int(row["order_id"])
            if end == "cancelled" and number in expired:
                end = "expired"
            elif end == "cancelled" and number in missed and int(row["first_id"]) not in taken:
                end = "not_found"
            states[end] += 1
        sent = len(np.unique(here["first_id"]))
        theirs = at_exchange(run.directory / str(venue["exchange_journal"]), int(venue["session"]))
        found.append(Accounted(venue=str(venue["name"]), sent=sent, states=states, exchange=theirs))
    return found


def unaccounted(run: Run, found: list[Accounted]) -> list[str]:
    """Orders that the engine counted as sent, or took on from a venue, and that belong to none of the venues."""
    counted, sent = sum(one.sent for one in found), run.folded["statistics"]["orders"]
    taken_on = len(adopted(run))
    if counted == sent + taken_on:
        return []
    more = f" and took on {taken_on:,} that a venue told it of" if taken_on else ""
    return [f"the engine sent {sent:,} orders{more}, {counted:,} of them to the run's venues"]


def adopted(run: Run) -> set[int]:
    """Orders of ours that the engine did not know when their venue told of them, alive: its journal was older, or a copy."""
    breaks = run.breaks
    alive = np.isin(breaks["event"], [OrderEventKind.ACCEPTED, OrderEventKind.REPLACED])
    told = breaks[alive & (breaks["kind"] == BreakKind.UNKNOWN_ORDER)]
    # One that was sent and given up before its venue told of it has an event of an earlier input.
    events = run.order_events
    earlier = {
        int(row["order_id"])
        for row in told
        if np.any((events["order_id"] == row["order_id"]) & (events["sequence"] < row["input"]))
    }
    return (set(told["order_id"].tolist()) - earlier) & set(run.orders["first_id"].tolist())


def at_exchange(journal: Path, session: int) -> dict[str, int]:
    """What became of a session's orders by the exchange's own journal. Raises Unreachable or BadInput."""
    try:
        events = events_of(journal, session)
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None
    alive: set[int] = set()
    counts = {"accepted": 0, "filled": 0, "cancelled": 0}

    def over(order: int, how: str) -> None:
        if order in alive:
            alive.discard(order)
            counts[how] += 1

    for row in events:
        kind, order, other = int(row["event"]), int(row["order_ref"]), int(row["other_ref"])
        if kind == ExchangeEventKind.ACCEPTED:
            counts["accepted"] += 1
            alive.add(order)
        elif kind == ExchangeEventKind.REPLACED:
            alive.discard(other)
            alive.add(order)
        elif kind == ExchangeEventKind.CANCELED and row["leaves_lots"] == 0:
            over(order, "cancelled")
        elif kind == ExchangeEventKind.CROSSED and row["leaves_lots"] == 0:
            over(order, "filled")
        elif kind == ExchangeEventKind.EXECUTED:
            # One event for both sides of a trade; either may be ours, or both.
            for side, leaves in ((order, row["leaves_lots"]), (other, row["other_leaves_lots"])):
                if leaves == 0:
                    over(side, "filled")
    return counts | {"open": len(alive)}


def events_of(journal: Path, session: int) -> Rows:
    """What the exchange said to a session, by its own journal. Raises FileNotFoundError or ValueError."""
    commands = [data for _, _, data in journals.Reader(journal)]
    core = native.Matching(**_sizes(commands))
    layout = records.dtype("ExchangeEvent")
    found = []
    for at in range(0, len(commands), AT_ONCE):
        said = np.frombuffer(core.apply(b"".join(commands[at : at + AT_ONCE])), dtype=layout)
        found.append(said[(said["header"]["source"] == session) | (said["other_source"] == session)])
    return np.concatenate(found) if found else np.zeros(0, dtype=layout)


def _sizes(commands: list[bytes]) -> dict[str, int]:
    """Numbers of instruments and sessions that these commands name: how large their core has to be."""
    instruments = sessions = 1
    for data in commands:
        name = records.name_of(data)
        if name == "ExchangeListing":
            instruments = max(instruments, int(records.parse(data)["header"]["instrument"]))
        elif name == "ExchangeSession":
            sessions = max(sessions, int(records.parse(data)["header"]["source"]))
    return {"instruments": instruments, "sessions": sessions, "orders": 1 << 18, "trades": 1 << 18}
