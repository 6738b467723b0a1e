"""A platform's directory, opened for reading: the runs of its regions, and what was done to all of them together.

    platform = Platform.open("…/demos/latest")
    platform.regions["chicago"].fills                       # each region is a `Run`
    summary(platform)["positions"]                          # added up over regions

Invariant: what is said of a region is what its own journals say; what is said of all of them is the sum of that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import journal as native
from meridian.analytics import facts, live
from meridian.analytics.reconciliation import copies
from meridian.analytics.run import PLATFORM as RECORD
from meridian.analytics.run import Run, is_platform, latest
from meridian.console import BadInput, Failure
from meridian.engine.journals import holds
from meridian.records import OrderState

SCHEMA = "meridian.platform/1"
ENDED = (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.NOT_SENT)


@dataclass(eq=False)
class Platform:
    """Runs of several regions under one hand."""

    directory: Path
    about: dict[str, Any]
    regions: dict[str, Run]
    problems: list[str] = field(default_factory=list)
    """Regions whose records cannot be read, a sentence each: nothing of them is in what is told."""

    @classmethod
    def open(cls, path: str | Path | None = None) -> Platform:
        """Opens a platform's directory, or the latest. Raises BadInput when it is none."""
        directory = Path(path) if path is not None else latest()
        try:
            about = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        except OSError:
            raise BadInput(f"RUN = {directory}: holds no {RECORD}; give the directory of a platform") from None
        except ValueError as error:
            raise BadInput(f"{directory / RECORD}: is not JSON: {error}") from None
        if not isinstance(about, dict) or about.get("schema") != SCHEMA or not isinstance(about.get("regions"), dict):
            found = about.get("schema") if isinstance(about, dict) else type(about).__name__
            raise BadInput(f"{directory / RECORD}: schema = {found!r}: allowed is {SCHEMA!r} with a table of regions")
        one = cls(directory, about, {})
        for name, place in about["regions"].items():
            try:
                one.regions[str(name)] = _region(directory / str(place))
            except Failure as error:
                one.problems += [f"{name}: {sentence}" for sentence in error.errors]
        return one

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self.about.get("ended_ns"))


def _region(place: Path) -> Run:
    """The run of a region. Raises BadInput where nothing of it is there."""
    if not place.is_dir():
        raise BadInput(f"{place}: its directory is gone; nothing is told of it")
    run = Run.open(place)
    if not holds(run.engine_journal):
        raise BadInput(f"{run.engine_journal}: its journal is gone; nothing is told of it")
    return run


def opened(path: str | Path | None) -> Run | Platform:
    """A run or a platform, whatever lies there; without a path the latest."""
    directory = Path(path) if path is not None else latest()
    return Platform.open(directory) if is_platform(directory) else Run.open(directory)


def summary(platform: Platform) -> dict[str, Any]:
    """Everything that a report says of all regions, with the whole report of each."""
    regions = {name: facts.summary(run) for name, run in platform.regions.items()}
    events = [_event(platform, one) for one in platform.about.get("events", [])]
    processes = _processes(platform, regions)
    ended = platform.about.get("ended_ns") or max((one["run"]["ended_ns"] for one in regions.values()), default=0)
    started = int(platform.about.get("started_ns") or 0)
    memory = sum(one["pss_bytes"] or 0 for one in processes)
    found: dict[str, Any] = {
        "run": {
            "name": str(platform.about.get("name") or platform.directory.name),
            "directory": str(platform.directory),
            "started_ns": started,
            "ended_ns": ended,
            "seconds": round(max(ended - started, 0) / 1e9, 1),
            "over": platform.is_over,
            "regions": list(platform.regions),
        },
        "events": events,
        "positions": positions(regions),
        "totals": totals(regions),
        "orders": orders(regions),
        "reconciliation": reconciliation(regions, platform.problems),
        "regions": regions,
        "processes": processes,
        "memory_bytes": memory,
        "skipped_files": platform.about.get("skipped_files", []),
        "problems": [],
    }
    found["problems"] = problems(platform, found)
    return found


def positions(regions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Lots of each instrument by region, and added up."""
    rows: dict[str, dict[str, Any]] = {}
    for name, report in regions.items():
        for cell in report["profit"]:
            row = rows.setdefault(
                cell["instrument"], {"instrument": cell["instrument"], "lots": 0, "regions": dict.fromkeys(regions, 0)}
            )
            row["lots"] += cell["lots"]
            row["regions"][name] += cell["lots"]
    return [rows[instrument] for instrument in sorted(rows)]


def totals(regions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """PnL by currency, over all regions."""
    sums: dict[str, dict[str, Any]] = {}
    for report in regions.values():
        for total in report["totals"]:
            row = sums.setdefault(total["currency"], {"currency": total["currency"]})
            for key, value in total.items():
                if key.endswith("_nanos"):
                    row[key] = row.get(key, 0) + value
    return [sums[currency] for currency in sorted(sums)]


def orders(regions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What became of every order, by region and venue; a row a venue, as `reconcile` accounts for it."""
    return [
        {"region": name} | venue for name, report in regions.items() for venue in report["reconciliation"]["orders"]
    ]


def reconciliation(regions: dict[str, dict[str, Any]], unread: Sequence[str] = ()) -> dict[str, Any]:
    """The checks of all regions as one; it does not hold where one is `unread`, a sentence each."""
    checks = {name: report["reconciliation"] for name, report in regions.items()}
    differences = [f"{name}: {one}" for name, check in checks.items() for one in check["differences"]]
    unchecked = [f"{name}: {check['sentence']}" for name, check in checks.items() if check["agrees"] is None]
    unchecked += unread
    rows = orders(regions)
    words = ("filled", "cancelled", "expired", "rejected", "not_sent", "not_found")
    ends = {key: sum(row[key] for row in rows) for key in words}
    open_orders = sum(row[key] for row in rows for key in ("open", "unanswered", "unknown"))
    told = ", ".join(f"{count:,} {key.replace('_', ' ')}" for key, count in ends.items() if count)
    fills = sum(line["exchange"]["fills"] for check in checks.values() for line in check["lines"])
    sent = sum(row["sent"] for row in rows)
    copied = {venue: told for check in checks.values() for venue, told in check["drop_copies"].items()}
    sentence = (
        f"{fills:,} fills and {sent:,} orders of {len(regions)} regions, every one accounted for "
        f"({told or 'none ended'}, {open_orders:,} open) and equal to the exchanges' own journals{copies(copied)}"
    )
    if differences:
        sentence = f"{len(differences)} differences between the engines and the exchanges' own journals"
    elif unchecked:
        sentence = "; ".join(unchecked)
    agrees = False if differences else None if unchecked else True
    return (
        {"agrees": agrees, "sentence": sentence, "differences": differences, "sent": sent, "fills": fills}
        | {"drop_copies": copied}
        | ends
        | {"open": open_orders}
    )


def _event(platform: Platform, event: dict[str, Any]) -> dict[str, Any]:
    """An event, with what the journals say of it: when it came into force, and of a kill what became of orders."""
    made = event | {"regions": {}}
    if event["kind"] == "positions":
        return event
    for name, said in event.get("regions", {}).items():
        known = dict(said)
        run = platform.regions.get(name)
        at = said.get("input")
        if run is not None and at:
            time_ns, record = _input(run, int(at))
            known |= {"time_ns": time_ns, "record": record, "after_ms": round((time_ns - int(event["at_ns"])) / 1e6, 3)}
            if event["kind"] == "kill":
                known |= _killed(run, time_ns, _next_in_force(platform, event, name))
        made["regions"][name] = known
    return made


def _input(run: Run, sequence: int) -> tuple[int, str]:
    """Time and kind of an engine's input."""
    for at, time_ns, data in native.Reader(run.engine_journal, sequence - 1):
        if at == sequence:
            return time_ns, records.name_of(data)
    return 0, ""


def _next_in_force(platform: Platform, kill: dict[str, Any], region: str) -> int | None:
    """When the kill ended in a region; None where it did not."""
    run = platform.regions[region]
    for event in platform.about["events"]:
        at = event.get("regions", {}).get(region, {}).get("input") if event["kind"] == "rearm" else None
        if at and event["at_ns"] > kill["at_ns"]:
            return _input(run, int(at))[0]
    return None


def _killed(run: Run, from_ns: int, until_ns: int | None) -> dict[str, Any]:
    """Of the orders that rested at a kill: how they ended; and how many were sent while it was in force, which is none."""
    rows = run.orders
    end = until_ns if until_ns is not None else run.ended_ns
    # An order that was touched by the kill or after it had not ended before.
    resting = rows[(rows["sent_time_ns"] < from_ns) & (rows["changed_time_ns"] >= from_ns)]
    ended = np.isin(resting["state"], [int(state) for state in ENDED])
    in_time = ended & (resting["changed_time_ns"] <= end)
    return {
        "resting": len(resting),
        "cancelled": int((in_time & (resting["state"] == OrderState.CANCELED)).sum()),
        "filled": int((in_time & (resting["state"] == OrderState.FILLED)).sum()),
        "left": int((~in_time).sum()),
        "sent_while_killed": int(((rows["sent_time_ns"] >= from_ns) & (rows["sent_time_ns"] < end)).sum()),
        "sent_after": None if until_ns is None else int((rows["sent_time_ns"] >= until_ns).sum()),
    }


def _processes(platform: Platform, regions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every process with its memory: those above the regions, then each region's."""
    try:
        above = json.loads((platform.directory / live.PROCESSES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        above = []
    found = [{"region": None} | one for one in above]
    return found + [{"region": name} | one for name, report in regions.items() for one in report["processes"]]


def problems(platform: Platform, found: dict[str, Any]) -> list[str]:
    """What went wrong, a sentence each: parts that failed, steps that did not come to be, a kill that let orders through."""
    failures = [str(one) for one in platform.about.get("failures", [])]
    told = [*failures, *platform.problems]
    for name, report in found["regions"].items():
        # A region's own failures are among the platform's, with its name.
        told += [f"{name}: {one}" for one in report["problems"] if f"{name}: {one}" not in failures]
        if report["run"]["replay_agrees"] is False:
            told.append(f"{name}: the journal does not give the live engine's state hash")
    for event in found["events"]:
        if event.get("trouble"):
            told.append(f"{event['what']}: {event['trouble']}")
        for name, known in event.get("regions", {}).items() if event["kind"] == "kill" else ():
            if known.get("sent_while_killed"):
                told.append(f"{name}: {known['sent_while_killed']} orders were sent while it was killed")
            if known.get("left"):
                told.append(f"{name}: {known['left']} orders of before the kill had not ended when it did")
        if event["kind"] == "positions" and not event.get("trouble"):
            told += _published(event, found["regions"])
    return told


def _published(event: dict[str, Any], regions: dict[str, dict[str, Any]]) -> list[str]:
    """Positions that the regions published otherwise than their journals have them; what was told to be stale is."""
    fresh = {one["region"] for one in event["regions"] if not one["stale"]}
    journals: dict[tuple[str, str, str], int] = {}
    for name, report in regions.items():
        for cell in report["profit"] if name in fresh else ():
            journals[name, cell["account"], cell["instrument"]] = cell["lots"]
    told = {
        (region, row["account"], row["instrument"]): lots
        for row in event["rows"]
        for region, lots in row["by_region"].items()
    }
    return [
        f"{region}: {account} {instrument}: the platform told {told.get(key, 0):+,} lots, the journal has {lots:+,}"
        for key, lots in sorted(journals.items())
        for region, account, instrument in [key]
        if told.get(key, 0) != lots
    ]
