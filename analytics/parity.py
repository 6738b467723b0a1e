"""Parity: a live run's captured input again through the backtest, and step by step what both did.

    from meridian.analytics import parity

    found = parity.run("…/demos/latest/new-york/data/engine")
    found.unexplained                # steps that differ and that no rule explains; none is the claim of a backtest
    found.steps.to_arrow()           # every command and report of both runs

Invariant: the rules that explain a difference are those of `BECAUSE`, each known by a record of the journal; there is none for
the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import backtest as native
from meridian._native.strategies import StrategyHosts
from meridian.codes import Kind, OrderEventKind, Reason, Side
from meridian.console import BadInput
from meridian.engine.journals import libraries_of
from meridian.engine.journals import records as read
from meridian.strategies.backtest.options import DURATION_WORDS, LATENCY_NS_MAX, duration_ns
from meridian.strategies.backtest.result import Table, table_of

__all__ = ["BECAUSE", "FIELDS", "Departures", "Parity", "departures", "run"]

REPORT = 256
"""As in crates/backtest/src/parity/steps.rs."""
FIELDS = {
    1: "presence", 2: "time", 3: "venue time", 4: "price", 5: "lots", 6: "lots left", 7: "side", 8: "reason",
    9: "liquidity", 10: "place", 11: "terms", 12: "queue", 13: "state",
}  # fmt: skip
BECAUSE = {
    0: "unexplained",
    1: "the gateway's own statement: the venue said nothing",
    2: "a report that the session repeated",
    3: "the venue did it of itself: no command asked for it",
    4: "a trade off the displayed book: the feed prints its match number without an order",
    5: "the venue broke or corrected a trade",
    6: "the feed lost messages while the order was open",
    7: "a cancel that came after the order's end",
    8: "a trade in an auction: the feed prints the whole, not who met whom",
}
UNEXPLAINED = 0
PRICES, LOTS = ("price",), ("lots", "lots left", "queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """How the backtest departs from the live run, on purpose."""

    latency_ns: tuple[int, int] | None = None
    parameters: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What was found about one engine's journal."""

    journal: Path
    told: dict[str, Any]
    steps: Table

    @property
    def replay_agrees(self) -> bool:
        """Whether the journal's replay is the live run, to the bit, where the live run wrote down what to compare with."""
        return self.told["agrees"] is not False

    @property
    def unexplained(self) -> int:
        """Steps that differ and that no rule explains."""
        return int(((self.steps["field"] > 0) & (self.steps["because"] == UNEXPLAINED)).sum())

    def explained(self) -> dict[str, int]:
        """Steps that differ, by the rule that explains them."""
        found = Counter(self.steps["because"][self.steps["because"] > UNEXPLAINED].tolist())
        return {BECAUSE[code]: count for code, count in sorted(found.items())}

    def given(self) -> dict[str, int]:
        """Inputs that no backtest has, given as they were, by kind."""
        counts = {_kind(int(kind)): int(count) for kind, count in self.told["given"].items()}
        return dict(sorted(counts.items()))

    def differences(self) -> Iterator[dict[str, Any]]:
        """Every step that differs, in the order of the journal."""
        for at in self.steps["field"].nonzero()[0]:
            row = {name: int(column[at]) for name, column in self.steps.columns.items()}
            field = FIELDS[row["field"]]
            yield {
                "order_id": row["order_id"],
                "step": what(row["what"]),
                "number": row["number"],
                "input": row["input"],
                "time_ns": row["live_time_ns"] or row["backtest_time_ns"],
                "venue": row["venue"],
                "slot": row["slot"],
                "side": Side(row["side"]).name.lower() if row["side"] in (1, 2) else "",
                "field": field,
                "live": _shown(row, "live", field),
                "backtest": _shown(row, "backtest", field),
                "because": BECAUSE[row["because"]],
            }

    def described(self) -> dict[str, Any]:
        """As `meridian parity --json` says it."""
        commands = self.steps["what"] < REPORT
        same = self.steps["field"] == 0
        return {
            "journal": str(self.journal),
            "records": self.told["records"],
            "replay": {"agrees": self.told["agrees"], "state_hash": self.told["replay_hash"]},
            "backtest_state_hash": self.told["backtest_hash"],
            "commands": int(commands.sum()),
            "reports": int((~commands).sum()),
            "equal": int(same.sum()),
            "explained": self.explained(),
            "unexplained": self.unexplained,
            "given": self.given(),
            "median_ns": {"order": self.told["order_ns"], "report": self.told["report_ns"]},
            "differences": list(self.differences()),
        }


def _kind(code: int) -> str:
    try:
        return Kind(code).name.lower()
    except ValueError:
        return "unreadable"


def what(code: int) -> str:
    """A step in words: a command's, or what a report says."""
    return OrderEventKind(code - REPORT).name.lower() if code >= REPORT else Kind(code).name.lower() if code else ""


def _shown(row: dict[str, int], who: str, field: str) -> str:
    value = row[f"{who}_value"]
    if field == "presence":
        return "" if not value else f"{row[f'{who}_lots']} at {_price(row[f'{who}_price_nanos'])}"
    if field in PRICES:
        return _price(value)
    if field == "reason":
        return Reason(value).name.lower() if value in list(Reason) else str(value)
    return str(value)


def _price(nanos: int) -> str:
    return "market" if nanos == records.UNDEF_PRICE else f"{nanos / 1e9:.9g}"


def run(
    journal: str | Path,
    *,
    libraries: str | Path | None = None,
    departures: Departures | None = None,
    hosts: StrategyHosts | None = None,
) -> Parity:
    """Runs an engine's journal through the backtest. `hosts` run the backtest's slots in place of the live run's object code.

    Raises BadInput when the journal cannot be read or its strategies' code is not there.
    """
    place, parted = libraries_of(Path(journal), libraries), departures or Departures()
    recorded = StrategyHosts()
    recorded.add_compiled(place)
    try:
        told = native.parity(
            journal,
            recorded,
            hosts or recorded,
            latency_ns=parted.latency_ns,
            parameters=list(parted.parameters),
        )
    except (FileNotFoundError, ValueError) as error:
        raise BadInput(f"{journal}: {error}") from None
    if told["slots_refused"]:
        hashes = _code_hashes(Path(journal))
        raise BadInput(
            f"{journal}: slot {slot}: its object code {hashes.get(slot, '')[:16]} is not in {place}; name its directory "
            "with --libraries"
            for slot in told["slots_refused"]
        )
    return Parity(journal=Path(journal), told=told, steps=table_of("parity", told.pop("steps")))


def _first(journal: Path) -> Iterator[Any]:
    """Name and record of the inputs before the first of a market."""
    before = takewhile(
        lambda one: records.name_of(one[2]) not in ("MarketOrder", "MarketLevel", "Trade"), read(journal)
    )
    return ((records.name_of(data), records.parse(data)) for _, _, data in before)


def _code_hashes(journal: Path) -> dict[int, str]:
    return {int(one["slot"]): bytes(one["code_hash"]).hex() for name, one in _first(journal) if name == "Slot"}


def departures(journal: Path, latency: str | None, settings: tuple[str, ...]) -> Departures:
    """From a person's words. Raises BadInput with all that is wrong."""
    errors: list[str] = []
    ways = _latency(latency, errors) if latency else None
    slots: dict[str, int] = {}
    fields: dict[tuple[int, str], tuple[int, int]] = {}
    for name, one in _first(journal) if settings else ():
        if name == "Slot":
            slots[records.text(one["name"])] = int(one["slot"])
        elif name == "Parameter":
            fields[int(one["slot"]), records.text(one["name"])] = (int(one["offset"]), int(one["scalar"]))
    found = []
    for text in settings:
        slot, _, rest = text.partition(":")
        name, equals, value = rest.partition("=")
        known = fields.get((slots.get(slot, 0), name))
        if not equals or known is None:
            allowed = ", ".join(f"{one}:{key}" for one, number in slots.items() for at, key in fields if at == number)
            errors.append(f"--set {text}: SLOT:NAME=VALUE is allowed; this journal has {allowed or 'none'}")
            continue
        bits = _bits(value, known[1])
        if bits is None:
            errors.append(f"--set {text}: {value!r} is no value of this parameter")
            continue
        found.append((slots[slot], known[0], bits))
    if errors:
        raise BadInput(errors)
    return Departures(latency_ns=ways, parameters=tuple(found))


def _latency(text: str, errors: list[str]) -> tuple[int, int] | None:
    ways = dict(part.partition("=")[::2] for part in text.split(","))
    values = {way: duration_ns(value) for way, value in ways.items()}
    if set(ways) != {"order", "report"} or any(one is None or one > LATENCY_NS_MAX for one in values.values()):
        errors.append(f"--latency {text}: order=…,report=… is allowed, each {DURATION_WORDS}")
        return None
    return (values["order"] or 0, values["report"] or 0)


def _bits(text: str, scalar: int) -> int | None:
    """A parameter's word: 1 a whole number, 2 a float, 3 a bool."""
    import struct

    try:
        if scalar == 2:
            return int(struct.unpack("<Q", struct.pack("<d", float(text)))[0])
        value = {"true": 1, "false": 0}[text] if scalar == 3 else int(text)
        return value & (2**64 - 1) if -(2**63) <= value < 2**63 else None
    except (ValueError, KeyError):
        return None
