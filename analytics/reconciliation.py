"""Reconciliation: what the engine booked against what the exchanges' own journals say.

The two sides share nothing but the executions' numbers: one folds the engine's journal (what its gateways told it), the other
applies each exchange's sequenced input to a fresh matching core and sums the trades of our order sessions. Where a venue repeats
its reports on a drop copy, that is a third voice, and it is compared with the engine as well (`drop_copies`).

Invariant: every difference is one sentence; without one, positions, fills, lots and notional agree to the last lot and nano, and
every order that was sent is accounted for on both sides (`accounting`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import analytics as native
from meridian._native import journal as journals
from meridian.analytics.accounting import Accounted, accounted, unaccounted
from meridian.analytics.run import Rows, Run, table
from meridian.console import BadInput, Unreachable
from meridian.records import ExchangeEventKind, OrderEventKind, Side

SENTENCES_MAX = 20
"""Of one venue; the rest is counted."""
Terms = tuple[int, int]
"""Lots, and price in nanos."""
Key = tuple[str, int, int]
"""Fill, bust or correction; number; side."""
Executions = dict[Key, Terms]
"""Of several corrections of one trade the last."""
ENGINE_KINDS = {
    int(OrderEventKind.FILLED): "fill",
    int(OrderEventKind.BROKEN): "bust",
    int(OrderEventKind.CORRECTED): "correction",
}
EXCHANGE_KINDS = {
    int(ExchangeEventKind.EXECUTED): "fill",
    int(ExchangeEventKind.BROKEN): "bust",
    int(ExchangeEventKind.CORRECTED): "correction",
}
ORDER_EVENT = int(records.Kind.ORDER_EVENT)
EXCHANGE = ("the exchange", "the exchange's journal")
COPY = ("the drop copy", "the drop copy")
ALL_TIMES = (0, 2**64)
"""No bound, ns UTC."""


@dataclass(slots=True, kw_only=True)
class Voice:
    """What one record tells of the executions at a venue."""

    executions: Executions = field(default_factory=dict)
    about: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Number of an execution → instrument and our order's id; 0: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """An execution that the engine and another record tell otherwise."""

    venue: str
    key: Key
    instrument: int
    order_id: int
    booked: Terms | None
    """What the engine has, where it has it."""
    said: Terms | None
    booked_before: Terms | None
    """Of a correction: what the engine has of the trade without it."""
    said_before: Terms | None
    words: tuple[str, str]
    """The other side and its record."""

    @property
    def sentence(self) -> str:
        """What differs."""
        kind, number, side = self.key
        if self.booked is None or self.said is None:
            lots, price_nanos = self.said or self.booked or (0, 0)
            where = "the engine" if self.booked is None else self.words[1]
            return (
                f"{self.venue}: {kind} {number} ({side_word(side)} {lots:,} at {price_nanos / 1e9:g}) is not in {where}"
            )
        return (
            f"{self.venue}: {kind} {number}: the engine has {self.booked[0]:,} at {self.booked[1] / 1e9:g}, "
            f"{self.words[0]} {self.said[0]:,} at {self.said[1] / 1e9:g}"
        )


@dataclass(slots=True, kw_only=True)
class Sum:
    """What one side says of one instrument at one venue."""

    fills: int = 0
    bought_lots: int = 0
    sold_lots: int = 0
    notional_nanos: int = 0
    """Lots times price, bought and sold, without the contract's multiplier."""
    busts: int = 0
    corrections: int = 0
    _terms: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Number and side of an execution → its lots and price in nanos."""

    @property
    def net_lots(self) -> int:
        """Bought less sold."""
        return self.bought_lots - self.sold_lots

    def add(self, kind: str, number: int, side: int, lots: int, price_nanos: int) -> None:
        """Takes in a fill, takes one out again, or gives one other terms. `kind` as in `Executions`."""
        former = self._terms.get((number, side), (lots, price_nanos))
        if kind == "fill":
            self.fills += 1
            former = (0, 0)
        elif kind == "bust":
            self.busts += 1
            # A bust need not say what it breaks.
            lots = 0
        else:
            self.corrections += 1
        self._terms[number, side] = (lots, price_nanos)
        if side == Side.BUY:
            self.bought_lots += lots - former[0]
        else:
            self.sold_lots += lots - former[0]
        self.notional_nanos += lots * price_nanos - former[0] * former[1]

    def remember(self, number: int, side: int, terms: Terms) -> None:
        """An execution of before, which a bust or a correction may be about."""
        self._terms.setdefault((number, side), terms)

    def described(self) -> dict[str, int]:
        """For JSON."""
        return {
            "fills": self.fills,
            "bought_lots": self.bought_lots,
            "sold_lots": self.sold_lots,
            "net_lots": self.net_lots,
            "notional_nanos": self.notional_nanos,
            "busts": self.busts,
            "corrections": self.corrections,
        }


@dataclass(slots=True, kw_only=True)
class Line:
    """Both sides of one instrument at one venue."""

    venue: str
    instrument: str
    engine: Sum = field(default_factory=Sum)
    exchange: Sum = field(default_factory=Sum)


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """The result."""

    lines: list[Line]
    positions: list[dict[str, Any]]
    """Instrument, lots of the engine's positions, lots that the exchanges' trades add up to."""
    differences: list[str]
    exchange_trades: dict[str, int]
    """Venue → trades of everybody there."""
    orders: list[Accounted]
    """What became of every order, by venue."""
    drop_copies: dict[str, int]
    """Venue → fills that its drop copy tells of."""
    lost: list[str]
    """What is gone from the engine's journal, a sentence each."""
    apart: list[Apart]
    """Executions that differ, all of them; `differences` names the first ones of each venue."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def sentence(self) -> str:
        """The result in a line."""
        fills = sum(line.exchange.fills for line in self.lines)
        if self.differences:
            return f"{len(self.differences)} differences between the engine and the exchanges' own journals"
        venues = len({line.venue for line in self.lines})
        orders = sum(one.sent for one in self.orders)
        return (
            f"{fills:,} fills at {venues} venues and all positions equal the exchanges' own journals; "
            f"all {orders:,} orders are accounted for{copies(self.drop_copies)}"
        )

    def described(self) -> dict[str, Any]:
        """For JSON."""
        lines = [
            {"venue": one.venue, "instrument": one.instrument}
            | {"engine": one.engine.described(), "exchange": one.exchange.described()}
            for one in self.lines
        ]
        return {
            "agrees": self.agrees,
            "sentence": self.sentence,
            "lines": lines,
            "positions": self.positions,
            "differences": self.differences,
            "exchange_trades": self.exchange_trades,
            "orders": [one.described() for one in self.orders],
            "drop_copies": self.drop_copies,
        }


def copies(fills: dict[str, int]) -> str:
    """The end of the sentence where drop copies tell of the same fills, by venue."""
    return f"; drop copies ({', '.join(fills)}) tell of the same {sum(fills.values()):,}" if fills else ""


def reconcile(run: Run) -> Reconciliation:
    """Compares a run with its exchanges' journals. Raises Unreachable when one is not there, BadInput when it is damaged."""
    lines: dict[tuple[int, int], Line] = {}
    lost = _lost(run.engine_journal)
    differences = [*lost]
    apart: list[Apart] = []
    trades: dict[str, int] = {}

    def line(venue: int, instrument: int) -> Line:
        names = run.names
        made = Line(venue=names.venue(venue), instrument=names.instrument(instrument))
        return lines.setdefault((venue, instrument), made)

    for fill in run.fills:
        line(int(fill["venue"]), int(fill["instrument"])).engine.add(*_execution(fill, "execution_id", ENGINE_KINDS))
    for venue in run.venues:
        executed = executions(run.directory / venue["exchange_journal"], [int(venue["session"])])
        trades[str(venue["name"])] = executed["trades"]
        rows = table(executed["executions"])
        for row in rows:
            line(int(venue["id"]), int(row["instrument"])).exchange.add(*_execution(row, "match_id", EXCHANGE_KINDS))
        ours = run.fills[run.fills["venue"] == venue["id"]]
        found = compared(str(venue["name"]), booked(ours), told(rows, "match_id", EXCHANGE_KINDS), EXCHANGE)
        apart += found
        differences += _sentences(str(venue["name"]), found)
    for one in lines.values():
        differences += _unequal(one)
    copies: dict[str, int] = {}
    for venue in run.venues:
        if "drop_copy_journal" in venue:
            ours = run.fills[run.fills["venue"] == venue["id"]]
            copied = drop_copy(run.directory / str(venue["drop_copy_journal"]))
            copies[str(venue["name"])] = sum(key[0] == "fill" for key in copied.executions)
            found = compared(str(venue["name"]), booked(ours), copied, COPY)
            apart += found
            differences += _sentences(str(venue["name"]), found)
    positions = _positions(run, lines)
    differences += [
        f"{one['instrument']}: the engine's positions are {one['engine_lots']:+,} lots, "
        f"the exchanges' trades add up to {one['exchange_lots']:+,}"
        for one in positions
        if one["engine_lots"] != one["exchange_lots"]
    ]
    orders = accounted(run)
    differences += unaccounted(run, orders) + [sentence for one in orders for sentence in one.differences]
    ordered = [lines[key] for key in sorted(lines)]
    return Reconciliation(
        lines=ordered,
        positions=positions,
        differences=differences,
        exchange_trades=trades,
        orders=orders,
        drop_copies=copies,
        lost=lost,
        apart=apart,
    )


def _lost(journal: Path) -> list[str]:
    """What is gone from the engine's journal: what nobody booked any more could not differ. Raises Unreachable or BadInput."""
    try:
        damage = journals.verify(journal)["damage"]
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None
    return [f"the engine's {damage}"] if damage else []


def executions(journal: Path, sessions: list[int]) -> native.Executed:
    """Trades, busts and corrections of these sessions by an exchange's own journal. Raises Unreachable or BadInput."""
    try:
        return native.executions(journal, sessions)
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None


def drop_copy(journal: Path, times_ns: tuple[int, int] = ALL_TIMES) -> Voice:
    """Fills, busts and corrections that a drop copy's journal tells of, each once, and of the venue's times from the first to
    before the second. Raises Unreachable or BadInput."""
    found = Voice()
    try:
        for _, time_ns, record in journals.Reader(journal):
            event = records.parse(record)
            name = ENGINE_KINDS.get(int(event["event"])) if int(event["header"]["kind"]) == ORDER_EVENT else None
            at_ns = int(event["header"]["venue_time_ns"]) or time_ns
            if name and times_ns[0] <= at_ns < times_ns[1]:
                number = int(event["execution_id"])
                key = (name, number, int(event["side"]))
                terms = (int(event["lots"]), int(event["price_nanos"]))
                # A trade is corrected again and again; what comes twice says what it said.
                found.executions[key] = terms if name == "correction" else found.executions.get(key, terms)
                found.about[number] = (int(event["header"]["instrument"]), int(event["owner"]["order_id"]))
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None
    return found


def booked(ours: Rows) -> Voice:
    """What the engine booked."""
    return told(ours, "execution_id", ENGINE_KINDS)


def told(rows: Rows, number: str, kinds: dict[int, str]) -> Voice:
    """What rows of executions say; `number`: the column with their numbers, `kinds`: their codes in words."""
    voice = Voice()
    named = "order_id" in (rows.dtype.names or ())
    for row in rows[np.isin(rows["kind"], list(kinds))]:
        kind, name, side, lots, price_nanos = _execution(row, number, kinds)
        voice.executions[kind, name, side] = (lots, price_nanos)
        voice.about[name] = (int(row["instrument"]), int(row["order_id"]) if named else 0)
    return voice


def compared(venue: str, ours: Voice, theirs: Voice, words: tuple[str, str]) -> list[Apart]:
    """The executions that differ: those that the engine lacks, those that it has alone, those of other terms. `words` name the
    other side and its record. Of busts the number alone is compared."""
    booked, said = ours.executions, theirs.executions
    missing = sorted(said.keys() - booked.keys()) + sorted(booked.keys() - said.keys())
    both = sorted(key for key in said.keys() & booked.keys() if said[key] != booked[key] and key[0] != "bust")
    found = []
    for key in [*missing, *both]:
        known, other = ours.about.get(key[1], (0, 0)), theirs.about.get(key[1], (0, 0))
        former: Key = ("fill", key[1], key[2])
        found.append(
            Apart(
                venue=venue,
                key=key,
                instrument=known[0] or other[0],
                order_id=known[1] or other[1],
                booked=booked.get(key),
                said=said.get(key),
                booked_before=booked.get(former),
                said_before=said.get(former),
                words=words,
            )
        )
    return found


def _sentences(venue: str, found: list[Apart]) -> list[str]:
    sentences = [one.sentence for one in found]
    if len(sentences) > SENTENCES_MAX:
        rest = len(sentences) - SENTENCES_MAX
        sentences = [*sentences[:SENTENCES_MAX], f"{venue}: and {rest:,} further executions that differ"]
    return sentences


def _execution(row: np.void, number: str, kinds: dict[int, str]) -> tuple[str, int, int, int, int]:
    """Kind, number, side, lots, price in nanos."""
    return kinds[int(row["kind"])], int(row[number]), int(row["side"]), int(row["lots"]), int(row["price_nanos"])


def side_word(code: int) -> str:
    """A side in a word."""
    return "buy" if code == Side.BUY else "sell"


def _unequal(line: Line) -> list[str]:
    """Sums that differ."""
    engine, exchange = line.engine.described(), line.exchange.described()
    return [
        f"{line.instrument} at {line.venue}: {key} is {engine[key]:,} in the engine and {exchange[key]:,} at the exchange"
        for key in engine
        if engine[key] != exchange[key]
    ]


def _positions(run: Run, lines: dict[tuple[int, int], Line]) -> list[dict[str, Any]]:
    """Positions by instrument, all accounts and venues together."""
    engine: dict[int, int] = {}
    for cell in run.closing:
        engine[cell["instrument"]] = engine.get(cell["instrument"], 0) + cell["lots"]
    exchange: dict[int, int] = {}
    for (_, instrument), line in lines.items():
        exchange[instrument] = exchange.get(instrument, 0) + line.exchange.net_lots
    return [
        {
            "instrument": run.names.instrument(number),
            "engine_lots": engine.get(number, 0),
            "exchange_lots": exchange.get(number, 0),
        }
        for number in sorted(engine.keys() | exchange.keys())
    ]
