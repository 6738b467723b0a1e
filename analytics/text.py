"""The report in a terminal: short tables, in the order in which a person asks.

Invariant: it says what `facts.summary` says and nothing else; the page has the same numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meridian.console import console, print_table

SECTION_ROWS_MAX = 12


def money(nanos: int | None, *, digits: int = 2) -> str:
    """Nanos as whole units."""
    return "" if nanos is None else f"{nanos / 1e9:,.{digits}f}"


def price(nanos: int) -> str:
    """A price with as many decimals as it has, at least two."""
    text = f"{nanos / 1e9:,.9f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def moment(time_ns: int) -> str:
    """A time of day, UTC, to the microsecond."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%H:%M:%S.%f")


def micros(ns: int) -> str:
    """ns as µs."""
    return f"{ns / 1e3:,.2f}" if ns < 1_000_000 else f"{ns / 1e3:,.0f}"


def amount(value: int | None, is_money: bool) -> str:
    """The value of a limit."""
    if value is None:
        return ""
    return money(value, digits=0) if is_money else f"{value:,}"


def print_report(facts: dict[str, Any]) -> None:
    """Prints the whole of it."""
    about = facts["run"]
    state = "" if about["over"] or facts["problems"] else ", still running"
    venues = " and ".join(about["venues"])
    print()
    console().print(
        f"[bold]{about['name']}[/] at {venues}: {about['seconds']:,.1f} s from {moment(about['started_ns'])} UTC{state}, "
        f"{about['inputs']:,} inputs, {about['market_records']:,} of them market data"
    )
    for rows in (profit_rows, order_rows, venue_rows, fill_rows, refusal_rows, break_rows, limit_rows, latency_rows):
        title, columns, found = rows(facts)
        print()
        print_table(title, columns, found)
    for rows in (consolidated_rows, warning_rows, feed_rows, flow_rows, reason_rows, process_rows):
        title, columns, found = rows(facts)
        if found:
            print()
            print_table(title, columns, found)
    _print_notes(facts)


def _print_notes(facts: dict[str, Any]) -> None:
    out = console()
    print()
    for slot in facts["slots"]:
        if slot["failure"]:
            out.print(f"[red]slot {slot['name']} is disabled: {failure(slot)}[/]")
    for skipped in facts["skipped_files"]:
        out.print(f"skipped {skipped.get('path')}: {skipped.get('reason')}")
    for problem in facts["problems"]:
        out.print(f"[red]✗[/] {problem}", highlight=False)
    check = facts["reconciliation"]
    mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}[check["agrees"]]
    out.print(f"{mark} reconciliation: {check['sentence']}")
    for sentence in check["differences"][:SECTION_ROWS_MAX]:
        out.print(f"  {sentence}")
    if line := break_line(facts["break_counts"]):
        out.print(f"{'[yellow]?[/]' if line[0] is None else '[red]✗[/]'} {line[1]}")
    agrees = facts["run"]["replay_agrees"]
    if agrees is not None:
        said = (
            "[green]✓[/] replay: its state hash equals" if agrees else "[red]✗[/] replay: its state hash differs from"
        )
        out.print(f"{said} the live engine's ({facts['run']['state_hash']})")


def break_line(counts: dict[str, Any]) -> tuple[bool | None, str] | None:
    """What is to be told of breaks: those that are open, or that nobody knows; nothing where none is."""
    if counts["open"] == 0:
        return None
    return (None if counts["open"] is None else False), counts["sentence"]


Section = tuple[str, list[str], list[list[Any]]]


def failure(slot: dict[str, Any]) -> str:
    """Why a slot is disabled, and the line of its code, where it was one."""
    return f"{slot['failure']}, line {slot['line']}" if slot["line"] else str(slot["failure"])


def profit_rows(facts: dict[str, Any]) -> Section:
    """Positions and PnL."""
    columns = ["strategy", "instrument", "position", "bought", "sold", "fills", "mark", "realised", "unrealised"]
    columns += ["fees", "total", "currency"]
    keys = ("realised_nanos", "unrealised_nanos", "fees_nanos", "total_nanos")
    rows = [
        [row["strategy"], row["instrument"], row["lots"], row["bought_lots"], row["sold_lots"], row["fills"]]
        + [price(row["mark_nanos"])]
        + [money(row[key]) for key in keys]
        + [row["currency"]]
        for row in facts["profit"]
    ]
    for total in facts["totals"] if len(rows) > 1 else []:
        rows.append(["all", "", "", "", "", "", "", *(money(total[key]) for key in keys), total["currency"]])
    return "Positions and PnL", columns, rows


def order_rows(facts: dict[str, Any]) -> Section:
    """Orders by what became of them."""
    return "Orders", [key.replace("_", " ") for key in facts["orders"]], [list(facts["orders"].values())]


def venue_rows(facts: dict[str, Any]) -> Section:
    """Fills by listing."""
    columns = ["venue", "instrument", "fills", "bought", "sold", "added", "removed", "edge to mid"]
    rows = [
        [
            row["venue"],
            row["instrument"],
            row["fills"],
            row["bought_lots"],
            row["sold_lots"],
            row["added"],
            row["removed"],
            "" if row["edge_per_lot_nanos"] is None else f"{row['edge_per_lot_nanos'] / 1e9:+.4f}",
        ]
        for row in facts["fills"]["by_listing"]
    ]
    return f"Fills by venue: {facts['fills']['count']:,}, {facts['fills']['lots']:,} lots", columns, rows


def fill_rows(facts: dict[str, Any]) -> Section:
    """First and last fills."""
    columns = ["time", "venue", "instrument", "strategy", "side", "lots", "price", "liquidity", "position", "execution"]
    rows = [
        [
            moment(row["time_ns"]),
            row["venue"],
            row["instrument"],
            row["strategy"],
            row["side"],
            f"{row['lots']:,}",
            price(row["price_nanos"]),
            row["liquidity"],
            f"{row['position_lots']:+,}",
            str(row["execution_id"]),
        ]
        for row in facts["fills"]["shown"]
    ]
    left_out = facts["fills"]["left_out"]
    if left_out:
        rows.insert(len(rows) // 2, [f"… {left_out:,} more", *[""] * (len(columns) - 1)])
    return "Fills, first and last" if left_out else "Fills", columns, rows


def of_limit(row: dict[str, Any]) -> list[Any]:
    """Which limit it was."""
    return [row["limit"], row["node"], row["metric"]]


def bound_and_observed(row: dict[str, Any]) -> list[Any]:
    """What the limit allows, and what was found."""
    return [amount(row[key], row["is_money"]) for key in ("bound", "observed")]


def refusal_rows(facts: dict[str, Any]) -> Section:
    """Refusals by code."""
    columns = ["code", "count", "limit", "at", "metric", "bound", "observed (last)", "last"]
    rows = [
        [row["code"], row["count"], *of_limit(row), *bound_and_observed(row), moment(row["last_time_ns"])]
        for row in facts["refusals"]
    ]
    return "Refused by risk", columns, rows


def warning_rows(facts: dict[str, Any]) -> Section:
    """Soft limits that were reached."""
    columns = ["limit", "at", "metric", "times", "bound", "observed (last)", "first", "last"]
    rows = [
        [
            *of_limit(row),
            row["count"],
            *bound_and_observed(row),
            moment(row["first_time_ns"]),
            moment(row["last_time_ns"]),
        ]
        for row in facts["warnings"]
    ]
    return "Soft limits reached", columns, rows


def consolidated_rows(facts: dict[str, Any]) -> Section:
    """Locked and crossed best prices over venues."""
    columns = ["instrument", "venues", "at the end", "times locked", "locked, ms", "times crossed", "crossed, ms"]
    rows = [
        [
            row["instrument"],
            " and ".join(row["venues"]),
            row["state"].replace("_", "-"),
            row["locked"],
            f"{row['locked_ns'] / 1e6:,.1f}",
            row["crossed"],
            f"{row['crossed_ns'] / 1e6:,.1f}",
        ]
        for row in facts["consolidated"]
    ]
    return "Best prices over venues", columns, rows


def break_rows(facts: dict[str, Any]) -> Section:
    """Breaks."""
    columns = ["time", "kind", "event", "venue", "instrument", "order", "execution", "venue's lots", "our lots"]
    rows = [
        [
            moment(row["time_ns"]),
            row["kind"],
            row["event"],
            row["venue"],
            row["instrument"],
            str(row["order_id"]),
            str(row["execution_id"]),
            row["venue_lots"],
            row["our_lots"],
        ]
        for row in facts["breaks"][:SECTION_ROWS_MAX]
    ]
    return f"Breaks: {len(facts['breaks'])}" if rows else "Breaks", columns, rows


def limit_rows(facts: dict[str, Any]) -> Section:
    """The limits that were used most."""
    used = sorted((row for row in facts["limits"] if row["most_used"]), key=lambda row: -row["most_share"])
    columns = ["node", "metric", "bound", "used", "most used", "share", "most"]
    rows = [
        [
            row["node"],
            row["metric"],
            amount(row["bound"], row["is_money"]),
            amount(row["used"], row["is_money"]),
            amount(row["most_used"], row["is_money"]),
            f"{row['share']:.1%}",
            f"{row['most_share']:.1%}",
        ]
        for row in used[:SECTION_ROWS_MAX]
    ]
    return "Limit use", columns, rows


def latency_rows(facts: dict[str, Any]) -> Section:
    """Percentiles by hop."""
    columns = ["hop", "process", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
    rows = [
        [row["hop"], row["process"], row["count"]]
        + [micros(row[f"{share}_ns"]) for share in ("p50", "p90", "p99", "p99.9", "p99.99")]
        + [micros(row["max_ns"])]
        for row in facts["latency"]
    ]
    title = "Latency, µs, from the end of the warm-up" if facts["latency_since_warm_up"] else "Latency, µs"
    return title, columns, rows


def feed_rows(facts: dict[str, Any]) -> Section:
    """Feeds and gateways."""
    rows = [list(row.values()) for row in facts["feeds"]]
    columns = [key.replace("_", " ") for key in facts["feeds"][0]] if rows else []
    return "Feeds and gateways", columns, rows


def flow_rows(facts: dict[str, Any]) -> Section:
    """Recorded flow by file."""
    columns = [
        "venue",
        "symbol",
        "file",
        "real s",
        "setup",
        "replayed",
        "skipped",
        "dropped",
        "not reached",
        "generated",
    ]
    rows = [
        [
            row["venue"],
            row["symbol"],
            short(row["file"]) or "none",
            row["real_seconds"],
            row["setup"],
            row["replayed"],
            sum(row["skipped"].values()),
            sum(row["dropped"].values()),
            row["left"],
            row["generated"],
        ]
        for row in facts["flow"]
    ]
    return "Flow by file, messages", columns, rows


def reason_rows(facts: dict[str, Any]) -> Section:
    """Why recorded messages asked for nothing, or for what was no longer there."""
    rows = [
        [row["venue"], row["symbol"], kind, reason, count]
        for row in facts["flow"]
        for kind in ("skipped", "dropped")
        for reason, count in sorted(row[kind].items(), key=lambda one: -one[1])
    ]
    return "Recorded messages skipped and dropped", ["venue", "symbol", "", "because", "messages"], rows


def short(name: str, most: int = 40) -> str:
    """A file's name with its middle left out where it is long."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"


def process_rows(facts: dict[str, Any]) -> Section:
    """Memory by process."""
    rows = [
        [row["name"], None if row["pss_bytes"] is None else round(row["pss_bytes"] / 2**20, 1), row["restarts"]]
        for row in facts["processes"]
    ]
    if rows:
        known = [row["pss_bytes"] for row in facts["processes"] if row["pss_bytes"] is not None]
        rows.append(["all", round(sum(known) / 2**20, 1), sum(row["restarts"] for row in facts["processes"])])
    return "Processes, memory (PSS)", ["process", "MiB", "restarts"], rows
