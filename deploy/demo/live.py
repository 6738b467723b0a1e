"""The live table of a demo: orders, fills, positions, PnL, limit use, latency per hop, feeds, flow.

Invariant: it only reads: counters in shared memory and what the recorder kept; it never speaks to a trading process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian import records
from meridian._native import journal as native
from meridian._native import links
from meridian.deploy.demo.plan import Plan
from meridian.deploy.metrics import read
from meridian.deploy.runs import Run

if TYPE_CHECKING:
    from rich.console import Group

NANOS = 1e9
SESSION_UP = int(records.SessionState.UP)
FEED_LIVE = 1
WARM_SECONDS = 3.0
"""Until then books are set up, thousands of orders at once: no time to measure latency."""
HOPS = {
    "packet → book": ("engine", "engine.receive_to_book_ns"),
    "packet → decision": ("engine", "engine.receive_to_decision_ns"),
    "packet → risk passed": ("engine", "engine.receive_to_risk_ns"),
    "packet → command": ("engine", "engine.receive_to_sent_ns"),
    "packet → wire": ("gateway_xnas", "gateway_xnas.gateway.packet_to_wire_ns"),
    "order round trip": ("gateway_xnas", "gateway_xnas.gateway.round_trip_ns"),
}


class Tail:
    """The last position of each account and instrument, and counts of what else the engine said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.last_sequence = 0
        self.positions: dict[tuple[int, int], Any] = {}
        self.refusals: dict[str, int] = {}
        self.disabled: list[str] = []
        self.warnings: dict[str, int] = {}
        self.breaks = 0

    def update(self) -> None:
        """Reads what was added since the last call."""
        try:
            reader = native.Reader(self.directory, self.last_sequence)
        except (OSError, ValueError):
            return  # Nothing recorded yet.
        for sequence, _, data in reader:
            self.last_sequence = sequence
            self._take(data)

    def _take(self, data: bytes) -> None:
        name = records.name_of(data)
        record = records.parse(data)
        if name == "Position":
            self.positions[int(record["account"]), int(record["header"]["instrument"])] = record
        elif name == "RiskReject":
            code = records.RejectCode(int(record["code"])).name
            self.refusals[code] = self.refusals.get(code, 0) + 1
        elif name == "SlotState" and int(record["run"]) == records.SlotRun.DISABLED:
            self.disabled.append(f"slot {int(record['slot'])}: {records.CallStatus(int(record['status'])).name}")
        elif name == "LimitWarning":
            metric = records.Metric(int(record["metric"])).name.lower()
            self.warnings[metric] = self.warnings.get(metric, 0) + 1
        elif name == "Break":
            self.breaks += 1


def money(record: Any) -> float:
    """A two-word amount in whole units of its currency: for people to look at."""
    return ((int(record["high"]) << 64) | int(record["low"])) / NANOS


class Live:
    """What the table shows, gathered once a second."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self.plan, self.run = plan, run
        self.tail = Tail(plan.directory / "data" / "recorder")
        self.warm: dict[str, int | links.Histogram] = {}

    def counters(self) -> dict[str, int | links.Histogram]:
        """All counters of all processes, by process and name."""
        return {
            f"{process}/{name}": value
            for process in self.run.processes
            for name, value in dict(read(self.run.counters(process))).items()
        }

    def ready(self) -> bool:
        """Whether every order session is up and every feed is live."""
        counters = self.counters()
        venues = [name.lower() for name in self.plan.venues]
        up = [counters.get(f"gateway_{venue}/gateway_{venue}.gateway.state") for venue in venues]
        live = [counters.get(f"feed_{venue}/feed_{venue}.feed.mode") for venue in venues]
        heard = [counters.get(f"feed_{venue}/feed_{venue}.feed.messages") for venue in venues]
        return up == [SESSION_UP] * len(venues) and live == [FEED_LIVE] * len(venues) and all(heard)

    def tables(self, seconds: float, seconds_max: float) -> Group:
        """The whole picture."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        self.tail.update()
        counters = self.counters()
        if not self.warm and seconds >= min(WARM_SECONDS, seconds_max / 3):
            self.warm = counters
        head = Text(f"New York · {seconds:4.0f} of {seconds_max:.0f} s", style="bold")
        bar = ProgressBar(total=seconds_max, completed=min(seconds, seconds_max), width=60)
        return Group(
            head, bar, Text(), self._positions(), self._venues(counters), self._hops(counters), self._notes(counters)
        )

    def _positions(self) -> Any:
        table = _table("Strategies", "strategy", "instrument", "position", "of limit", "bought", "sold", "PnL")
        accounts = {self.plan.region.limits.node(slot.account): slot for slot in self.plan.slots}
        symbols = {one.id: one.symbol for one in self.plan.market.instruments}
        for (account, instrument), record in sorted(self.tail.positions.items()):
            if account not in accounts:
                continue
            lots, pnl = int(record["lots"]), money(record["realised"]) + money(record["unrealised"])
            limit = self.plan.position_lots_max(accounts[account].name)
            colour = "green" if pnl >= 0 else "red"
            table.add_row(
                accounts[account].name,
                symbols.get(instrument, str(instrument)),
                f"{lots:+,}",
                f"{abs(lots) / limit:.0%}" if limit else "",
                f"{int(record['bought_lots']):,}",
                f"{int(record['sold_lots']):,}",
                f"[{colour}]{pnl:+,.2f}[/]",
            )
        return table

    def _venues(self, counters: dict[str, Any]) -> Any:
        table = _table("Venues", "venue", "feed messages", "gaps", "snapshots", "orders sent", "answers", "not sent")
        for venue in [name.lower() for name in self.plan.venues]:
            feed = f"feed_{venue}/feed_{venue}.feed."
            gateway = f"gateway_{venue}/gateway_{venue}.gateway."
            keys = ("messages", "gaps", "snapshots"), ("sent", "events", "not_sent")
            values = [counters.get(feed + key, 0) for key in keys[0]] + [
                counters.get(gateway + key, 0) for key in keys[1]
            ]
            table.add_row(venue.upper(), *(f"{value:,}" for value in values))
        return table

    def _hops(self, counters: dict[str, Any]) -> Any:
        table = _table("Latency, µs", "hop", "count", "p50", "p99", "p99.9", "max")
        for hop, (process, name) in HOPS.items():
            histogram = counters.get(f"{process}/{name}")
            warm = self.warm.get(f"{process}/{name}")
            if isinstance(histogram, links.Histogram) and isinstance(warm, links.Histogram):
                histogram = histogram.since(warm)
            if isinstance(histogram, links.Histogram) and histogram.count:
                shares = [f"{histogram.percentile_ns(share) / 1e3:,.1f}" for share in (0.5, 0.99, 0.999)]
                table.add_row(hop, f"{histogram.count:,}", *shares, f"{histogram.max_ns / 1e3:,.1f}")
        return table

    def _notes(self, counters: dict[str, Any]) -> Any:
        from rich.text import Text

        engine = {key: counters.get(f"engine/engine.{key}", 0) for key in ("inputs", "orders", "fills", "refused")}
        parts = [f"{value:,} {key}" for key, value in engine.items()] + [f"{self.tail.breaks} breaks"]
        parts += [f"{code} {count:,}" for code, count in sorted(self.tail.refusals.items())] + self.tail.disabled
        parts += [f"soft limit {metric} reached {count:,}×" for metric, count in sorted(self.tail.warnings.items())]
        return Text(" · ".join(parts), style="dim")


def _table(title: str, *columns: str) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=True)
    return table
