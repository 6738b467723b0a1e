"""The report over several regions in a terminal: what was done to all of them, then a run's tables with a column for the region.

Invariant: it says what `platform.summary` says and nothing else; the page has the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meridian.analytics import text
from meridian.analytics.text import Section
from meridian.console import console, print_table

Rows = Callable[[dict[str, Any]], Section]
FIRST: tuple[Rows, ...] = (text.profit_rows, text.venue_rows, text.refusal_rows, text.break_rows, text.limit_rows)
LAST: tuple[Rows, ...] = (text.latency_rows, text.warning_rows, text.feed_rows, text.flow_rows, text.reason_rows)


def print_platform(facts: dict[str, Any]) -> None:
    """Prints the whole of it."""
    about = facts["run"]
    state = "" if about["over"] else ", still running"
    regions = " and ".join(about["regions"])
    print()
    console().print(
        f"[bold]{about['name']}[/] in {regions}: {about['seconds']:,.1f} s from {text.moment(about['started_ns'])} UTC{state}"
    )
    for section in sections(facts):
        if section[2]:
            print()
            print_table(*section)
    _print_notes(facts)


def sections(facts: dict[str, Any]) -> list[Section]:
    """Every table, in the order in which a person asks."""
    made = [event_rows(facts), kill_rows(facts), position_rows(facts), order_rows(facts)]
    made += [merged(facts, rows) for rows in FIRST]
    return [*made, *(merged(facts, rows) for rows in LAST), process_rows(facts)]


def merged(facts: dict[str, Any], rows_of: Rows) -> Section:
    """A table of a run for all regions: theirs, one below the other, after their names."""
    title, columns, rows = "", list[str](), list[list[Any]]()
    for name, report in facts["regions"].items():
        about, found, own = rows_of(report)
        # Titles that carry a region's own numbers lose them.
        title, columns = about.partition(":")[0], found or columns
        rows += [[name, *row] for row in own]
    return title, ["region", *columns], rows


def event_rows(facts: dict[str, Any]) -> Section:
    """What was done to all regions, and the engine input at which each had it in force; a row for each region."""
    rows: list[list[Any]] = []
    for event in (one for one in facts["events"] if one["kind"] != "positions"):
        by = event["by"] + (f", {event['confirmed_by']}" if event.get("confirmed_by") else "")
        head = [text.moment(event["at_ns"])[:12], by, event["what"]]
        for name, known in event["regions"].items():
            state = str(known["state"]).replace("_", " ")
            rows.append([*head, name, state, known["input"], known.get("after_ms")])
            head = [""] * len(head)
    return "Under one hand", ["at", "by", "what", "region", "state", "at input", "after ms"], rows


def kill_rows(facts: dict[str, Any]) -> Section:
    """What became of the orders that rested when a kill came into force."""
    keys = ("resting", "cancelled", "filled", "left", "sent_while_killed", "sent_after")
    columns = ["kill", "region", "rested", "cancelled", "filled", "left", "sent while killed", "sent after the re-arm"]
    rows = [
        [text.moment(event["at_ns"])[:12], name, *(known.get(key) for key in keys)]
        for event in facts["events"]
        if event["kind"] == "kill"
        for name, known in event["regions"].items()
        if "resting" in known
    ]
    return "Orders at the kill", columns, rows


def position_rows(facts: dict[str, Any]) -> Section:
    """Positions by region and added up."""
    regions = facts["run"]["regions"]
    rows = [
        [row["instrument"], *(f"{row['regions'][name]:+,}" for name in regions), f"{row['lots']:+,}"]
        for row in facts["positions"]
    ]
    return "Positions over regions, lots", ["instrument", *regions, "all"], rows


def order_rows(facts: dict[str, Any]) -> Section:
    """Every order by what became of it."""
    keys = (
        "sent",
        "filled",
        "cancelled",
        "expired",
        "rejected",
        "not_sent",
        "not_found",
        "open",
        "unanswered",
        "unknown",
    )
    found = facts["orders"]
    rows = [[row["region"], row["venue"], *(row[key] for key in keys)] for row in found]
    if len(rows) > 1:
        rows.append(["all", "", *(sum(row[key] for row in found) for key in keys)])
    return "Orders by what became of them", ["region", "venue", *(key.replace("_", " ") for key in keys)], rows


def process_rows(facts: dict[str, Any]) -> Section:
    """Memory by process."""
    rows = [
        [row["region"] or "above", row["name"], _mib(row["pss_bytes"]), row["restarts"]] for row in facts["processes"]
    ]
    if rows:
        rows.append(["all", "", _mib(facts["memory_bytes"]), sum(row["restarts"] for row in facts["processes"])])
    return "Processes, memory (PSS)", ["region", "process", "MiB", "restarts"], rows


def _mib(count: int | None) -> float | None:
    return None if count is None else round(count / 2**20, 1)


def check_lines(facts: dict[str, Any]) -> list[tuple[bool | None, str]]:
    """Each check with its result: True holds, False does not, None could not be made."""
    check = facts["reconciliation"]
    lines: list[tuple[bool | None, str]] = [(check["agrees"], f"reconciliation: {check['sentence']}")]
    for name, report in facts["regions"].items():
        if told := text.break_line(report["break_counts"]):
            lines.append((told[0], f"{name}: {told[1]}"))
        agrees = report["run"]["replay_agrees"]
        if agrees is not None:
            said = "equals" if agrees else "differs from"
            lines.append(
                (agrees, f"replay of {name}: its state hash {said} the live engine's ({report['run']['state_hash']})")
            )
    return lines


def _print_notes(facts: dict[str, Any]) -> None:
    out = console()
    print()
    for name, report in facts["regions"].items():
        for slot in (one for one in report["slots"] if one["failure"]):
            out.print(f"[red]{name}: slot {slot['name']} is disabled: {slot['failure']}, line {slot['line']}[/]")
    for skipped in facts["skipped_files"]:
        out.print(f"skipped {skipped.get('path')}: {skipped.get('reason')}")
    for problem in facts["problems"]:
        out.print("[red]✗[/]", problem, highlight=False)
    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}
    for agrees, sentence in check_lines(facts):
        out.print(f"{marks[agrees]} {sentence}")
    for sentence in facts["reconciliation"]["differences"][: text.SECTION_ROWS_MAX]:
        out.print(f"  {sentence}")
