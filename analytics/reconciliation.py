"""Reconciliation: what the engine booked against what the exchanges' own journals say.

The two sides share nothing but the executions' numbers: one folds the engine's journal (what its gateways told it), the other
applies each exchange's sequenced input to a fresh matching core and sums the trades of our order sessions.

Invariant: every difference is one sentence; without one, positions, fills, lots and notional agree to the last lot and nano, and
every order that was sent is accounted for on both sides (`accounting`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meridian._native import analytics as native
from meridian.analytics.accounting import Accounted, accounted, unaccounted
from meridian.analytics.run import Rows, Run, table
from meridian.console import BadInput, Unreachable
from meridian.records import ExchangeEventKind, OrderEventKind, Side

SENTENCES_MAX = 20
"""Of one venue; the rest is counted."""


@dataclass(slots=True, kw_only=True)
class Sum:
    """What one side says of one instrument at one venue."""

    fills: int = 0
    bought_lots: int = 0
    sold_lots: int = 0
    notional_nanos: int = 0
    """Lots times price, bought and sold, without the contract's multiplier."""
    busts: int = 0

    @property
    def net_lots(self) -> int:
        """Bought less sold."""
        return self.bought_lots - self.sold_lots

    def add(self, side: int, lots: int, price_nanos: int, *, bust: bool) -> None:
        """Takes in a fill, or takes one out again."""
        sign = -1 if bust else 1
        if bust:
            self.busts += 1
        else:
            self.fills += 1
        if side == Side.BUY:
            self.bought_lots += sign * lots
        else:
            self.sold_lots += sign * lots
        self.notional_nanos += sign * lots * price_nanos

    def described(self) -> dict[str, int]:
        """For JSON."""
        return {
            "fills": self.fills,
            "bought_lots": self.bought_lots,
            "sold_lots": self.sold_lots,
            "net_lots": self.net_lots,
            "notional_nanos": self.notional_nanos,
            "busts": self.busts,
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
            f"all {orders:,} orders are accounted for"
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
        }


def reconcile(run: Run) -> Reconciliation:
    """Compares a run with its exchanges' journals. Raises Unreachable when one is not there, BadInput when it is damaged."""
    lines: dict[tuple[int, int], Line] = {}
    differences: list[str] = []
    trades: dict[str, int] = {}

    def line(venue: int, instrument: int) -> Line:
        names = run.names
        made = Line(venue=names.venue(venue), instrument=names.instrument(instrument))
        return lines.setdefault((venue, instrument), made)

    for fill in run.fills:
        bust = int(fill["kind"]) == OrderEventKind.BROKEN
        booked = line(int(fill["venue"]), int(fill["instrument"])).engine
        booked.add(int(fill["side"]), int(fill["lots"]), int(fill["price_nanos"]), bust=bust)
    for venue in run.venues:
        executed = executions(run.directory / venue["exchange_journal"], [int(venue["session"])])
        trades[str(venue["name"])] = executed["trades"]
        rows = table(executed["executions"])
        for row in rows:
            bust = int(row["kind"]) == ExchangeEventKind.BROKEN
            said = line(int(venue["id"]), int(row["instrument"])).exchange
            said.add(int(row["side"]), int(row["lots"]), int(row["price_nanos"]), bust=bust)
        ours = run.fills[run.fills["venue"] == venue["id"]]
        differences += _missing(str(venue["name"]), ours, rows)
    for one in lines.values():
        differences += _unequal(one)
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
        lines=ordered, positions=positions, differences=differences, exchange_trades=trades, orders=orders
    )


def executions(journal: Path, sessions: list[int]) -> native.Executed:
    """Trades and busts of these sessions by an exchange's own journal. Raises Unreachable or BadInput."""
    try:
        return native.executions(journal, sessions)
    except FileNotFoundError as error:
        raise Unreachable(f"{journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{journal}: {error}") from None


def _missing(venue: str, ours: Rows, theirs: Rows) -> list[str]:
    """Executions that only one side has, by their numbers."""
    engine_kinds = {int(OrderEventKind.FILLED): "fill", int(OrderEventKind.BROKEN): "bust"}
    exchange_kinds = {int(ExchangeEventKind.EXECUTED): "fill", int(ExchangeEventKind.BROKEN): "bust"}
    booked = _keyed(ours, "execution_id", engine_kinds)
    said = _keyed(theirs, "match_id", exchange_kinds)
    sentences = []
    for key in sorted(said.keys() - booked.keys()):
        lots, price_nanos = said[key]
        sentences.append(
            f"{venue}: {key[0]} {key[1]} ({_side(key[2])} {lots:,} at {price_nanos / 1e9:g}) is not in the engine"
        )
    for key in sorted(booked.keys() - said.keys()):
        lots, price_nanos = booked[key]
        sentences.append(
            f"{venue}: {key[0]} {key[1]} ({_side(key[2])} {lots:,} at {price_nanos / 1e9:g}) is not in the exchange's journal"
        )
    for key in sorted(said.keys() & booked.keys()):
        if said[key] != booked[key]:
            sentences.append(
                f"{venue}: {key[0]} {key[1]}: the engine has {booked[key][0]:,} at {booked[key][1] / 1e9:g}, "
                f"the exchange {said[key][0]:,} at {said[key][1] / 1e9:g}"
            )
    if len(sentences) > SENTENCES_MAX:
        rest = len(sentences) - SENTENCES_MAX
        sentences = [*sentences[:SENTENCES_MAX], f"{venue}: and {rest:,} further executions that differ"]
    return sentences


def _keyed(rows: Rows, number: str, kinds: dict[int, str]) -> dict[tuple[str, int, int], tuple[int, int]]:
    kept = rows[np.isin(rows["kind"], list(kinds))]
    return {
        (kinds[int(row["kind"])], int(row[number]), int(row["side"])): (int(row["lots"]), int(row["price_nanos"]))
        for row in kept
    }


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
