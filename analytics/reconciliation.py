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
Executions = dict[tuple[str, int, int], tuple[int, int]]
"""(fill, bust or correction, number, side) → lots and price in nanos; of several corrections the last."""
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
    differences = _lost(run.engine_journal)
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
        differences += _missing(str(venue["name"]), ours, rows)
    for one in lines.values():
        differences += _unequal(one)
    copies: dict[str, int] = {}
    for venue in run.venues:
        if "drop_copy_journal" in venue:
            ours = run.fills[run.fills["venue"] == venue["id"]]
            copied = drop_copy(run.directory / str(venue["drop_copy_journal"]))
            copies[str(venue["name"])] = sum(key[0] == "fill" for key in copied)
            differences += _not_copied(str(venue["name"]), ours, copied)
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


def drop_copy(journal: Path) -> Executions:
    """Fills, busts and corrections that a drop copy's journal tells of, each once. Raises Unreachable or BadInput."""
    found: Executions = {}
    try:
        for _, _, record in journals.Reader(journal):
            event = records.parse(record)
            name = ENGINE_KINDS.get(int(event["event"])) if int(event["header"]["kind"]) == ORDER_EVENT else None
            if name:
                key = (name, int(event["execution_id"]), int(event["side"]))
                terms = (int(event["lots"]), int(event["price_nanos"]))
                # A trade is corrected again and again; what comes twice says what it said.
                found[key] = terms if name == "correction" else found.get(key, terms)
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None
    return found


def _not_copied(venue: str, ours: Rows, copied: Executions) -> list[str]:
    """Executions that only the engine or only the drop copy has."""
    return _apart(venue, _keyed(ours, "execution_id", ENGINE_KINDS), copied, COPY)


def _missing(venue: str, ours: Rows, theirs: Rows) -> list[str]:
    """Executions that only one side has, by their numbers."""
    booked = _keyed(ours, "execution_id", ENGINE_KINDS)
    return _apart(venue, booked, _keyed(theirs, "match_id", EXCHANGE_KINDS), EXCHANGE)


def _apart(venue: str, booked: Executions, said: Executions, words: tuple[str, str]) -> list[str]:
    """What differs, a sentence each; `words` name the other side and its record. Of busts the number alone is compared."""
    sentences = []
    for key in sorted(said.keys() - booked.keys()):
        lots, price_nanos = said[key]
        sentences.append(
            f"{venue}: {key[0]} {key[1]} ({_side(key[2])} {lots:,} at {price_nanos / 1e9:g}) is not in the engine"
        )
    for key in sorted(booked.keys() - said.keys()):
        lots, price_nanos = booked[key]
        sentences.append(
            f"{venue}: {key[0]} {key[1]} ({_side(key[2])} {lots:,} at {price_nanos / 1e9:g}) is not in {words[1]}"
        )
    for key in sorted(said.keys() & booked.keys()):
        if said[key] != booked[key] and key[0] != "bust":
            sentences.append(
                f"{venue}: {key[0]} {key[1]}: the engine has {booked[key][0]:,} at {booked[key][1] / 1e9:g}, "
                f"{words[0]} {said[key][0]:,} at {said[key][1] / 1e9:g}"
            )
    if len(sentences) > SENTENCES_MAX:
        rest = len(sentences) - SENTENCES_MAX
        sentences = [*sentences[:SENTENCES_MAX], f"{venue}: and {rest:,} further executions that differ"]
    return sentences


def _keyed(rows: Rows, number: str, kinds: dict[int, str]) -> Executions:
    found = (_execution(row, number, kinds) for row in rows[np.isin(rows["kind"], list(kinds))])
    return {(kind, name, side): (lots, price_nanos) for kind, name, side, lots, price_nanos in found}


def _execution(row: np.void, number: str, kinds: dict[int, str]) -> tuple[str, int, int, int, int]:
    """Kind, number, side, lots, price in nanos."""
    return kinds[int(row["kind"])], int(row[number]), int(row["side"]), int(row["lots"]), int(row["price_nanos"])


def _side(code: int) -> str:
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
