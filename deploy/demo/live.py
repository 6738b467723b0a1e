"""The live table of a demo: what risk officers did and where it is in force, and by region orders, fills, positions, PnL,
limit use, feeds, latency per hop.

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
from meridian.deploy.platform import Platform
from meridian.deploy.region import Region

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
    "packet → wire": ("gateway_{venue}", "gateway_{venue}.gateway.packet_to_wire_ns"),
    "order round trip": ("gateway_{venue}", "gateway_{venue}.gateway.round_trip_ns"),
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


Counters = dict[str, int | links.Histogram]


class Live:
    """What the table shows, gathered once a second."""

    def __init__(self, plan: Plan, platform: Platform) -> None:
        self.plan, self.platform = plan, platform
        self.tails = {name: Tail(place / "data" / "recorder") for name, place in platform.places.items()}
        self.warm: dict[str, Counters] = {}

    def counters(self) -> dict[str, Counters]:
        """All counters of all processes of each region that runs, by process and name."""
        return {
            region: self._of_the_leader(
                region,
                {
                    f"{process}/{name}": value
                    for process in one.run.processes
                    for name, value in dict(read(one.run.counters(process))).items()
                },
            )
            for region, one in self.platform.below.items()
        }

    def _of_the_leader(self, region: str, counters: Counters) -> Counters:
        """Where a standby leads: its counters in the place of the engine's."""
        hand = self.platform.hands.get(region)
        if hand is None or hand.leads == hand.engine:
            return counters
        place = f"{hand.supervisor.topology.process_of(hand.leads)}/{hand.leads}."
        rest = {name: value for name, value in counters.items() if not name.startswith("engine/engine.")}
        led = {name: value for name, value in counters.items() if name.startswith(place)}
        return rest | {f"engine/engine.{name.removeprefix(place)}": value for name, value in led.items()}

    def ready(self) -> list[str]:
        """The venues whose order session is up and whose feed is live."""
        found = []
        for region, counters in self.counters().items():
            for venue in self.plan.regions[region].topology.venues:
                gateway, feed = f"gateway_{venue}".lower(), f"feed_{venue}".lower()
                up = counters.get(f"{gateway}/{gateway}.gateway.state") == SESSION_UP
                live = counters.get(f"{feed}/{feed}.feed.mode") == FEED_LIVE
                if up and live and counters.get(f"{feed}/{feed}.feed.messages"):
                    found.append(venue)
        return found

    def lots(self) -> dict[tuple[str, str], int]:
        """Position of each account and instrument that an engine has said, by name; of the regions that run."""
        found = {}
        for region in self.platform.below:
            tail = self.tails[region]
            tail.update()
            names = {number: name for name, number in _nodes(self.plan.regions[region]).items()}
            symbols = {one.id: one.symbol for one in self.plan.market.instruments}
            for (account, instrument), record in tail.positions.items():
                found[names[account], symbols[instrument]] = int(record["lots"])
        return found

    def published(self, rows: list[dict[str, Any]]) -> bool:
        """Whether positions as the limits API tells them are what the engines said last."""
        told = {(row["account"], row["instrument"]): row["lots"] for row in rows}
        return all(told.get(key, 0) == lots for key, lots in self.lots().items())

    def lines(self) -> list[str]:
        """What was done so far and where it is in force, a line each."""
        found = []
        for event in [one for one in self.platform.events if one["kind"] != "positions"]:
            head = f"{event['seconds']:5.1f} s  {event['by']}: {event['what']}"
            # What befell a region is nobody's wish that comes into force.
            found.append(head if event["kind"] in ("crash", "promotion") else f"{head}: pending")
            for region, known in event["regions"].items():
                if known["input"] is not None:
                    found.append(f"{head}: {region} {state_of(known)}")
            if event["trouble"]:
                found.append(f"{head}: {event['trouble']}")
        return found

    def sentence(self, seconds: float) -> str:
        """The state of things in a line, where there is no terminal."""
        parts = []
        for region, counters in self.counters().items():
            engine = {key: counters.get(f"engine/engine.{key}", 0) for key in ("orders", "fills", "refused")}
            parts.append(f"{region}: " + ", ".join(f"{value:,} {key}" for key, value in engine.items()))
        return f"{seconds:5.1f} s  " + "; ".join(parts)

    def tables(self, seconds: float, seconds_max: float) -> Group:
        """The whole picture."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        for tail in self.tails.values():
            tail.update()
        counters = self.counters()
        if not self.warm and seconds >= min(WARM_SECONDS, seconds_max / 3):
            self.warm = counters
        head = Text(f"New York and Chicago · {seconds:4.0f} of {seconds_max:.0f} s", style="bold")
        bar = ProgressBar(total=seconds_max, completed=min(seconds, seconds_max), width=60)
        parts = [self._events(), self._global(), self._positions(), self._venues(counters), self._hops(counters)]
        return Group(head, bar, Text(), *parts, *self._notes(counters))

    def _events(self) -> Any:
        table = _table("Under one hand", "at", "by", "what", "region", "stands", left=5)
        for event in [one for one in self.platform.events if one["kind"] != "positions"]:
            by = event["by"] + (f", {event['confirmed_by']}" if event.get("confirmed_by") else "")
            head = [f"{event['seconds']:.1f} s", by, event["what"]]
            for region, known in event["regions"].items():
                table.add_row(*head, region, state_of(known))
                head = [""] * len(head)
        if not table.row_count:
            table.add_row("", "", "[dim]nothing yet[/]", "", "")
        return table

    def _global(self) -> Any:
        regions = list(self.plan.regions)
        table = _table("Positions over regions, lots", "instrument", *regions, "all", "global limit")
        bounds = [one["after"] for one in self.platform.events if one["kind"] == "limit" and one["in_force"]]
        limit = self.plan.global_limit
        for one in self.plan.market.instruments:
            lots = [self._lots_of(region, one.id) for region in regions]
            bound = (bounds[-1] if bounds else str(limit.hard)) if one.symbol == limit.instrument else ""
            table.add_row(one.symbol, *(f"{part:+,}" for part in lots), f"{sum(lots):+,}", bound)
        return table

    def _lots_of(self, region: str, instrument: int) -> int:
        return sum(
            int(one["lots"]) for (_, number), one in self.tails[region].positions.items() if number == instrument
        )

    def _positions(self) -> Any:
        table = _table("Strategies", "strategy", "instrument", "position", "of limit", "bought", "sold", "PnL")
        symbols = {one.id: one.symbol for one in self.plan.market.instruments}
        for name, region in self.plan.regions.items():
            accounts = {region.limits.node(slot.account): slot for slot in region.slots}
            for (account, instrument), record in sorted(self.tails[name].positions.items()):
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

    def _venues(self, counters: dict[str, Counters]) -> Any:
        table = _table("Venues", "venue", "feed messages", "gaps", "snapshots", "orders sent", "answers", "not sent")
        for region, known in counters.items():
            for venue in [name.lower() for name in self.plan.regions[region].topology.venues]:
                feed = f"feed_{venue}/feed_{venue}.feed."
                gateway = f"gateway_{venue}/gateway_{venue}.gateway."
                values = [known.get(feed + key, 0) for key in ("messages", "gaps", "snapshots")]
                values += [known.get(gateway + key, 0) for key in ("sent", "events", "not_sent")]
                table.add_row(f"{venue.upper()}, {region}", *(f"{value:,}" for value in values))
        return table

    def _hops(self, counters: dict[str, Counters]) -> Any:
        columns = [word for region in counters for word in (f"{region}: count", "p50", "p99", "max")]
        table = _table("Latency, µs", "hop", *columns)
        for hop, place in HOPS.items():
            cells = [cell for region in counters for cell in self._latency(region, counters[region], place)]
            if any(cells):
                table.add_row(hop, *cells)
        return table

    def _latency(self, region: str, known: Counters, place: tuple[str, str]) -> list[str]:
        """Count and percentiles of a hop since the warm-up; empty texts where nothing was measured."""
        venue = next(iter(self.plan.regions[region].topology.venues)).lower()
        key = "/".join(part.format(venue=venue) for part in place)
        histogram, warm = known.get(key), self.warm.get(region, {}).get(key)
        if isinstance(histogram, links.Histogram) and isinstance(warm, links.Histogram):
            histogram = histogram.since(warm)
        if not isinstance(histogram, links.Histogram) or not histogram.count:
            return [""] * 4
        shares = [f"{histogram.percentile_ns(share) / 1e3:,.1f}" for share in (0.5, 0.99)]
        return [f"{histogram.count:,}", *shares, f"{histogram.max_ns / 1e3:,.1f}"]

    def _notes(self, counters: dict[str, Counters]) -> list[Any]:
        from rich.text import Text

        found = []
        for region, tail in self.tails.items():
            known = counters.get(region)
            if known is None:
                found.append(Text(f"{region}: stopped, it failed", style="red"))
                continue
            engine = {key: known.get(f"engine/engine.{key}", 0) for key in ("inputs", "orders", "fills", "refused")}
            parts = [f"{value:,} {key}" for key, value in engine.items()] + [f"{tail.breaks} breaks"]
            parts += [f"{code} {count:,}" for code, count in sorted(tail.refusals.items())] + tail.disabled
            parts += [f"soft limit {metric} reached {count:,}×" for metric, count in sorted(tail.warnings.items())]
            found.append(Text(f"{region}: " + " · ".join(parts), style="dim"))
        return found


def state_of(known: dict[str, Any]) -> str:
    """Where a change stands in a region, in words."""
    if known.get("input") is not None:
        return f"in force at input {known['input']:,}"
    return str(known["state"])


def _nodes(region: Region) -> dict[str, int]:
    return {name: region.limits.node(name) for name in region.limits.nodes}


def _table(title: str, *columns: str, left: int = 1) -> Any:
    """`left`: how many columns hold words, not numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < left else "right", no_wrap=True)
    return table
