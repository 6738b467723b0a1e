"""The report as one page: tables and plots in a single file that opens anywhere, offline, light or dark.

Invariant: the file refers to nothing outside itself and runs no script; every text from a run is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Any

from meridian import markup
from meridian.analytics import platform_text, text
from meridian.markup import Plot


def page(facts: dict[str, Any], plots: dict[str, list[Plot]]) -> str:
    """The whole page."""
    about = facts["run"]
    title = f"{about['name']} · {text.moment(about['started_ns'])[:8]} UTC"
    sections = [
        _head(facts),
        _tiles(facts),
        _checks(facts),
        markup.section(
            "Positions and PnL",
            [markup.table(text.profit_rows(facts), sums=len(facts["totals"])), *markup.cards(plots["profit"])],
        ),
        markup.section("Orders and fills", _orders(facts, plots["fills"])),
        markup.section(
            "Risk",
            [
                markup.table(rows(facts))
                for rows in (text.refusal_rows, text.limit_rows, text.warning_rows, text.break_rows)
            ],
        ),
        markup.section("Latency", [markup.table(text.latency_rows(facts)), *markup.cards(plots["latency"])]),
        markup.section("Feeds, flow and processes", _machinery(facts)),
    ]
    return markup.document(title, sections)


def platform_page(facts: dict[str, Any], plots: dict[str, dict[str, list[Plot]]]) -> str:
    """The whole page of several regions: what they have together, then each with its plots."""
    about = facts["run"]
    regions = ", ".join(about["regions"])
    state = "" if about["over"] else " It was still running when this page was made."
    sentence = f"{about['seconds']:,.1f} seconds from {text.moment(about['started_ns'])[:8]} UTC in {regions}.{state}"
    together = platform_text.sections(facts)
    first, kills, positions, orders, profit, fills, *risk_and_rest = together
    risk, (latency, *machinery) = risk_and_rest[:3], risk_and_rest[3:]
    checks = [
        markup.check(agrees, f"{sentence[:1].upper()}{sentence[1:]}.")
        for agrees, sentence in platform_text.check_lines(facts)
    ]
    checks += [markup.check(False, f"{one}.") for one in [*facts["reconciliation"]["differences"], *facts["problems"]]]
    sections = [
        f'<h1>{escape(about["name"])}</h1>\n<p class="muted">{escape(sentence)}</p>',
        _platform_tiles(facts),
        f'<div class="card">{"".join(checks)}</div>',
        markup.section("Under one hand", [markup.table(first), markup.table(kills)]),
        markup.section("Positions and PnL", [markup.table(positions), markup.table(profit)]),
        markup.section("Orders and fills", [markup.table(orders, sums=1), markup.table(fills)]),
    ]
    for name, found in plots.items():
        sections.append(markup.section(name, markup.cards([*found["profit"], *found["fills"], *found["latency"]])))
    sections.append(markup.section("Risk", [markup.table(one) for one in risk]))
    sections.append(markup.section("Latency", [markup.table(latency)]))
    sections.append(markup.section("Feeds, flow and processes", [markup.table(one) for one in machinery if one[2]]))
    return markup.document(f"{about['name']} · {text.moment(about['started_ns'])[:8]} UTC", sections)


def _platform_tiles(facts: dict[str, Any]) -> str:
    check = facts["reconciliation"]
    tiles = [
        (
            f"{total['total_nanos'] / 1e9:+,.2f}",
            f"PnL, {total['currency']}",
            "good" if total["total_nanos"] >= 0 else "bad",
        )
        for total in facts["totals"]
    ]
    tiles += [(f"{check['sent']:,}", "orders sent", ""), (f"{check['fills']:,}", "fills", "")]
    tiles += [(f"{row['lots']:+,}", f"{row['instrument']} over all regions", "") for row in facts["positions"]]
    tiles.append((f"{facts['memory_bytes'] / 2**20:,.0f} MiB", "memory of all processes", ""))
    return markup.tiles(tiles)


def _head(facts: dict[str, Any]) -> str:
    about = facts["run"]
    venues = " and ".join(about["venues"])
    strategies = ", ".join(sorted({slot["class"] or slot["name"] for slot in facts["slots"]}))
    state = "" if about["over"] or facts["problems"] else " It was still running when this page was made."
    sentence = (
        f"{about['seconds']:,.1f} seconds from {text.moment(about['started_ns'])[:8]} UTC at {venues}. "
        f"Strategies: {strategies or 'none'}.{state}"
    )
    return f'<h1>{escape(about["name"])}</h1>\n<p class="muted">{escape(sentence)}</p>'


def _tiles(facts: dict[str, Any]) -> str:
    tiles = []
    for total in facts["totals"]:
        nanos = total["total_nanos"]
        tiles.append((f"{nanos / 1e9:+,.2f}", f"PnL, {total['currency']}", "good" if nanos >= 0 else "bad"))
    orders, fills, about = facts["orders"], facts["fills"], facts["run"]
    tiles += [
        (f"{fills['count']:,}", f"fills, {fills['lots']:,} lots", ""),
        (f"{orders['sent']:,}", "orders sent", ""),
        (f"{orders['refused_by_risk']:,}", "refused by risk", ""),
        (f"{len(facts['breaks']):,}", "breaks", "bad" if facts["breaks"] else ""),
        (f"{about['market_records']:,}", "market records", ""),
    ]
    wire = [row for row in facts["latency"] if row["hop"] == "packet → wire"]
    if wire:
        tiles.append((f"{min(row['p50_ns'] for row in wire) / 1e3:,.1f} µs", "packet → wire, p50", ""))
    return markup.tiles(tiles)


def _checks(facts: dict[str, Any]) -> str:
    check, about = facts["reconciliation"], facts["run"]
    lines = [markup.check(check["agrees"], f"Reconciliation: {check['sentence']}.")]
    if check["differences"]:
        lines.append("<ul>" + "".join(f"<li>{escape(one)}</li>" for one in check["differences"]) + "</ul>")
    if told := text.break_line(facts["break_counts"]):
        lines.append(markup.check(told[0], f"{told[1]}."))
    if about["replay_agrees"] is not None:
        said = "equals" if about["replay_agrees"] else "differs from"
        sentence = f"Replay: the state hash of the journal, folded again, {said} the live engine's."
        lines.append(markup.check(about["replay_agrees"], sentence))
    lines += [markup.check(False, f"{problem}.") for problem in facts["problems"]]
    lines += [
        markup.check(False, f"Slot {slot['name']} is disabled: {text.failure(slot)}.")
        for slot in facts["slots"]
        if slot["failure"]
    ]
    return f'<div class="card">{"".join(lines)}</div>'


def _orders(facts: dict[str, Any], plots: list[Plot]) -> list[str]:
    counted = "".join(
        f'<div class="tile"><b>{count:,}</b><span>{escape(name.replace("_", " "))}</span></div>'
        for name, count in facts["orders"].items()
        if count or name in ("sent", "accepted", "filled", "cancelled", "rejected", "open", "unknown")
    )
    return [
        f'<div class="tiles">{counted}</div>',
        markup.table(text.venue_rows(facts)),
        *markup.cards(plots),
        markup.table(text.fill_rows(facts)),
    ]


def _machinery(facts: dict[str, Any]) -> list[str]:
    made = [
        text.consolidated_rows(facts),
        text.feed_rows(facts),
        text.flow_rows(facts),
        text.reason_rows(facts),
        text.process_rows(facts),
    ]
    tables = [rows for rows in made if rows[2]]
    parts = [markup.table(rows) for rows in tables]
    skipped = facts["skipped_files"]
    if skipped:
        lines = "".join(f"<li>{escape(str(one.get('path')))}: {escape(str(one.get('reason')))}</li>" for one in skipped)
        parts.append(f'<div class="card"><h3>Files without order-by-order flow</h3><ul>{lines}</ul></div>')
    return parts
