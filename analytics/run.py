"""A run's directory, opened for reading: fills, orders, positions, refusals and marks as numpy structured arrays.

The engine's journal is its input. What the engine said (positions, refusals, breaks) is not read from a file: the journal
is folded again, so that a report can be made wherever the journal and the strategies' object code are.

Invariant: nothing here is written, asked of a live process or guessed; what a journal does not hold is absent.

    run = Run.open("…/demos/latest")
    fills = run.fills[run.fills["venue"] == 1]
    (fills["price_nanos"] * fills["lots"]).sum()

Columns of every array are 64-bit: prices in nanos, sizes in lots, times in ns UTC; an absent price is `UNDEF_PRICE`.
Amounts of money in `positions` are floats in whole units of the instrument's currency; exact ones are in `closing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import markup, records
from meridian._native import analytics as native
from meridian.console import BadInput, Unreachable
from meridian.rows import Rows as ShownRows

Rows = NDArray[np.void]
"""Arrays of records; those of a run show themselves in notebooks."""

NAMES = ("record.json", "run.json")
"""What describes a run, in the order in which it is looked for."""
SCHEMA = "meridian.run/1"
PLATFORM = "platform.json"
"""What describes several regions under one hand (`meridian.analytics.platform`)."""
NANOS = 1e9
UNITS_E8 = 100_000_000
LIMITS_SHOWN = 50

POSITIONS = np.dtype(
    [(name, "<i8") for name in ("time_ns", "account", "strategy", "slot", "venue", "instrument")]
    + [(name, "<i8") for name in ("lots", "bought_lots", "sold_lots", "mark_nanos")]
    + [(name, "<f8") for name in ("cash", "realised", "unrealised")]
)
REFUSALS = np.dtype(
    [(name, "<i8") for name in ("time_ns", "account", "strategy", "slot", "venue", "instrument", "code", "intent")]
    + [(name, "<i8") for name in ("side", "price_nanos", "reference_nanos", "lots", "limit", "node")]
    + [("bound", "<f8"), ("observed", "<f8")]
)
BREAKS = np.dtype(
    [(name, "<i8") for name in ("time_ns", "input", "kind", "event", "venue", "instrument", "account", "order_id")]
    + [(name, "<i8") for name in ("execution_id", "venue_lots", "our_lots", "price_nanos")]
)
WARNINGS = np.dtype(
    [(name, "<i8") for name in ("time_ns", "limit", "node", "metric", "account", "venue", "instrument")]
    + [("bound", "<f8"), ("observed", "<f8")]
)
SLOT_STATES = np.dtype([(name, "<i8") for name in ("time_ns", "slot", "run", "status", "callback", "line")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a report needs of an instrument."""

    id: int
    name: str
    currency: str
    units_per_lot_e8: int

    def amount_nanos(self, lots: int, price_nanos: int) -> int:
        """Value of lots at a price, rounded down."""
        return lots * price_nanos * self.units_per_lot_e8 // UNITS_E8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit and how far it was used. Money is in nanos."""

    id: int
    node: str
    metric: records.Metric
    instrument: str
    venue: str
    bound: int
    used: int
    most_used: int


@dataclass(slots=True, kw_only=True)
class Names:
    """Names by id, as the engine's first inputs say them."""

    instruments: dict[int, Instrument] = field(default_factory=dict)
    venues: dict[int, str] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    slots: dict[int, str] = field(default_factory=dict)

    def instrument(self, number: int) -> str:
        """The name, or the number itself."""
        one = self.instruments.get(int(number))
        return one.name if one else f"instrument {number}"

    def currency(self, number: int) -> str:
        """The currency of an instrument."""
        one = self.instruments.get(int(number))
        return one.currency if one else ""

    def venue(self, number: int) -> str:
        """The name, or the number itself."""
        return self.venues.get(int(number), f"venue {number}")

    def node(self, number: int) -> str:
        """The name, or the number itself."""
        return self.nodes.get(int(number), f"node {number}")


class Run:
    """One run. Everything but the description is read when it is first asked for."""

    def __init__(self, directory: Path, about: dict[str, Any]) -> None:
        self.directory = directory
        self.about = about

    @classmethod
    def open(cls, path: str | Path | None = None) -> Run:
        """Opens a run's directory, or the latest run. Raises BadInput when it is none."""
        directory = Path(path) if path is not None else latest()
        if is_platform(directory):
            raise BadInput(
                f"RUN = {directory}: holds several regions; name the directory of one, or open it as a Platform"
            )
        found = [directory / name for name in NAMES if (directory / name).is_file()]
        if not found:
            raise BadInput(f"RUN = {directory}: holds no {NAMES[0]}; give the directory of a run")
        try:
            about = json.loads(found[0].read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"{found[0]}: is not JSON: {error}") from None
        problems = _problems(about, found[0])
        if problems:
            raise BadInput(problems)
        return cls(directory, about)

    @property
    def name(self) -> str:
        """What ran."""
        return str(self.about.get("name") or self.directory.name)

    def _repr_html_(self) -> str:
        tables = ("fills", "orders", "order_events", "positions", "refusals", "breaks", "warnings")
        kept = [[name, f"{len(getattr(self, name)):,} rows"] for name in tables]
        limits = [
            [
                one.node,
                one.metric.name.lower(),
                one.instrument,
                one.venue,
                f"{one.bound:,}",
                f"{one.used:,}",
                f"{one.most_used:,}",
            ]
            for one in self.limits[:LIMITS_SHOWN]
        ]
        names = ["node", "metric", "instrument", "venue", "bound", "used", "most used"]
        about = f"{len(self.limits):,} limits; the first {LIMITS_SHOWN} are shown"
        return markup.fragment(self.name, ["table", ""], kept) + markup.fragment("Limits", names, limits, about=about)

    @property
    def engine_journal(self) -> Path:
        """Directory of the engine's journal."""
        return self.directory / str(self.about["engine"]["journal"])

    @property
    def venues(self) -> list[dict[str, Any]]:
        """The venues of the description."""
        return list(self.about.get("venues", []))

    @cached_property
    def folded(self) -> native.Folded:
        """The journal folded once. Raises Unreachable when there is none, BadInput when it cannot be folded."""
        libraries = self.about.get("strategies")
        try:
            return native.fold(self.engine_journal, libraries=libraries)
        except FileNotFoundError as error:
            raise Unreachable(f"{self.engine_journal}: {error}") from None
        except ValueError as error:
            raise BadInput(f"{self.engine_journal}: {error}") from None

    @property
    def started_ns(self) -> int:
        """When it started, ns UTC."""
        return int(self.about.get("started_ns") or self.folded["first_time_ns"])

    @property
    def ended_ns(self) -> int:
        """When it ended; while it runs, the time of the last input."""
        return int(self.about.get("ended_ns") or self.folded["last_time_ns"])

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self.about.get("ended_ns"))

    @cached_property
    def marks(self) -> Rows:
        """Best prices by listing: a row when they changed, about one in 10 ms at most, and always the last."""
        rows = table(self.folded["marks"])
        return rows[np.argsort(rows["time_ns"], kind="stable")]

    @cached_property
    def fills(self) -> Rows:
        """Fills as booked. `kind` is an OrderEventKind: FILLED, or BROKEN and CORRECTED for what venues changed later."""
        return table(self.folded["fills"])

    @cached_property
    def orders(self) -> Rows:
        """One row an order with its replacements, as it stood at the end; `state` is an OrderState."""
        return table(self.folded["orders"])

    @cached_property
    def order_events(self) -> Rows:
        """What venues and gateways said of orders."""
        return table(self.folded["order_events"])

    @cached_property
    def _outputs(self) -> dict[str, list[np.void]]:
        by_kind: dict[str, list[np.void]] = {}
        for name, record in records.split(self.folded["outputs"]):
            by_kind.setdefault(name, []).append(record)
        return by_kind

    @cached_property
    def positions(self) -> Rows:
        """Positions and PnL over time: a row for each change, and for changed marks once a second."""
        found = _stacked(self._outputs.get("Position", []), "Position")
        rows = _copied(found, POSITIONS)
        for name in ("cash", "realised", "unrealised"):
            rows[name] = _money(found[name]) / NANOS
        return rows

    @cached_property
    def refusals(self) -> Rows:
        """Intents that risk refused. `bound` and `observed` are in the unit of the limit's metric; money in nanos."""
        found = _stacked(self._outputs.get("RiskReject", []), "RiskReject")
        rows = _copied(found, REFUSALS)
        for name in ("bound", "observed"):
            rows[name] = _money(found[name])
        return rows

    @cached_property
    def breaks(self) -> Rows:
        """Differences between us and venues, as the engine saw them."""
        return _copied(_stacked(self._outputs.get("Break", []), "Break"), BREAKS)

    @cached_property
    def warnings(self) -> Rows:
        """Soft limits that were reached: once for each crossing. `bound` is the hard value; units as in `refusals`."""
        found = _stacked(self._outputs.get("LimitWarning", []), "LimitWarning")
        rows = _copied(found, WARNINGS)
        for name in ("bound", "observed"):
            rows[name] = _money(found[name])
        return rows

    @cached_property
    def slot_states(self) -> Rows:
        """When slots started, stopped and were disabled."""
        return _copied(_stacked(self._outputs.get("SlotState", []), "SlotState"), SLOT_STATES)

    @property
    def closing(self) -> list[native.PositionEntry]:
        """Positions as they stood at the end, exact: money in nanos."""
        return self.folded["positions"]

    @cached_property
    def names(self) -> Names:
        """Names by id."""
        names = Names(venues={int(venue["id"]): str(venue["name"]) for venue in self.venues})
        for kind, record in records.split(self.folded["controls"]):
            if kind == "Definition":
                number = int(record["header"]["instrument"])
                names.instruments[number] = Instrument(
                    id=number,
                    name=records.text(record["key"]),
                    currency=records.text(record["currency"]),
                    units_per_lot_e8=int(record["units_per_lot_e8"]),
                )
            elif kind == "Node":
                names.nodes[int(record["node"])] = records.text(record["name"])
            elif kind == "Slot":
                names.slots[int(record["slot"])] = records.text(record["name"])
        for slot in self.about.get("slots", []):
            names.slots.setdefault(int(slot["slot"]), str(slot["name"]))
        return names

    @cached_property
    def limits(self) -> list[Limit]:
        """Limits that count something over time, with their use at the end and the most used at any order."""
        selectors: dict[int, tuple[str, str]] = {}
        for kind, record in records.split(self.folded["controls"]):
            if kind == "LimitSet":
                by_instrument = int(record["selector"]) == records.SelectorKind.INSTRUMENT
                instrument = self.names.instrument(int(record["selected"])) if by_instrument else ""
                venue = self.names.venue(int(record["venue"])) if record["venue"] else ""
                selectors[int(record["limit"])] = (instrument, venue)
        found = []
        for number, node, metric, bound, used, most in self.folded["limits"]:
            instrument, venue = selectors.get(number, ("", ""))
            limit = Limit(
                id=number,
                node=self.names.node(node),
                metric=records.Metric(metric),
                instrument=instrument,
                venue=venue,
                bound=bound,
                used=used,
                most_used=most,
            )
            found.append(limit)
        return found


def latest() -> Path:
    """The directory of the run that started last. Raises BadInput when there is none."""
    from meridian.deploy import runs

    parent = runs.root() / "demos"
    found = [(started, one) for one in _directories(parent) if (started := _started_ns(one)) is not None]
    if not found:
        raise BadInput(f"RUN: there is no run below {parent}; start one with `meridian demo` or name its directory")
    return max(found)[1]


def is_platform(directory: Path) -> bool:
    """Whether the directory describes several regions under one hand."""
    return (directory / PLATFORM).is_file()


def _started_ns(directory: Path) -> int | None:
    for path in (directory / name for name in (PLATFORM, *NAMES)):
        try:
            return int(json.loads(path.read_text(encoding="utf-8")).get("started_ns") or 0)
        except (OSError, ValueError, AttributeError):
            continue
    return None


def _directories(parent: Path) -> Iterable[Path]:
    return (one for one in parent.iterdir() if one.is_dir() and not one.is_symlink()) if parent.is_dir() else ()


def _problems(about: Any, path: Path) -> list[str]:
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        found = about.get("schema") if isinstance(about, dict) else type(about).__name__
        return [f"{path}: schema = {found!r}: allowed is {SCHEMA!r}"]
    problems = []
    if not isinstance(about.get("engine"), dict) or not isinstance(about["engine"].get("journal"), str):
        problems.append(f"{path}: engine.journal: is missing; it names the directory of the engine's journal")
    for place, venue in enumerate(about.get("venues", [])):
        for key, kind in {"name": str, "id": int, "exchange_journal": str, "session": int}.items():
            if not isinstance(venue.get(key), kind):
                problems.append(f"{path}: venues[{place}].{key} = {venue.get(key)!r}: must be a {kind.__name__}")
    return problems


def table(found: native.Table) -> Rows:
    """A table of the extension as a structured array."""
    columns, data = found
    return np.frombuffer(data, dtype=np.dtype([(name, "<i8") for name in columns])).view(ShownRows)


def _stacked(found: list[np.void], layout: str) -> NDArray[np.void]:
    return np.array(found, dtype=records.dtype(layout)) if found else np.zeros(0, dtype=records.dtype(layout))


def _copied(found: NDArray[np.void], kind: np.dtype[np.void]) -> Rows:
    """The fields of `kind` that the records, their headers or their owners have under the same names."""
    rows = np.zeros(len(found), dtype=kind).view(ShownRows)
    parts = [found, found["header"]] + ([found["owner"]] if "owner" in (found.dtype.names or ()) else [])
    for name in kind.names or ():
        for part in parts:
            if name in (part.dtype.names or ()) and part.dtype[name].names is None:
                rows[name] = part[name]
                break
    return rows


def _money(words: NDArray[np.void]) -> NDArray[np.float64]:
    """Two-word amounts as floats, in nanos."""
    amounts: NDArray[np.float64] = words["high"].astype(np.float64) * 2.0**64 + words["low"].astype(np.float64)
    # Small negative amounts would lose all their digits in that sum.
    small = (words["high"] == 0) | (words["high"] == -1)
    return np.where(small, words["low"].view(np.int64).astype(np.float64), amounts)
