"""The report as one page: tables and plots in a single file that opens anywhere, offline, light or dark.

Invariant: the file refers to nothing outside itself and runs no script; every text from a run is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Any

from meridian.analytics import platform_text, text
from meridian.analytics.plots import Plot

STYLE = """
:root { color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #16191f; --muted: #5d6673; --line: #dfe3e9; --buy: #0f8a5f; --sell: #d1495b;
  --good: #0f8a5f; --bad: #c62f45; --one: #2f6fde; --two: #e07a1f; --three: #8b5cd6; --four: #12939a; --five: #c2408f;
  --six: #7d8a21; }
@media (prefers-color-scheme: dark) { :root {
  --page: #101318; --card: #181c23; --ink: #e8ebf0; --muted: #98a2b0; --line: #2b313b; --buy: #35c28d; --sell: #f0707f;
  --good: #35c28d; --bad: #f0707f; --one: #6ea1ff; --two: #f5a253; --three: #b592f5; --four: #4cc5cc; --five: #ec7fc0;
  --six: #b6c552; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 34px 0 10px; }
h3 { font-size: 14px; margin: 0 0 6px; }
p { margin: 0 0 8px; } .muted { color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 12px; margin: 20px 0 14px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 14px; } .tile b { display: block; font-size: 22px; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; } .tile span { color: var(--muted); font-size: 12.5px; }
.card { padding: 14px 16px; margin: 0 0 14px; overflow-x: auto; }
.good { color: var(--good); } .bad { color: var(--bad); }
.check { display: flex; gap: 10px; align-items: baseline; } .check b { font-size: 16px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); font-size: 12px; }
th, td { padding: 5px 14px 5px 0; white-space: nowrap; vertical-align: top; }
tr + tr td { border-top: 1px solid var(--line); } td.wrap { white-space: normal; min-width: 160px; }
th.number, td.number { text-align: right; } tr.sum td { font-weight: 650; }
svg { display: block; width: 100%; height: auto; } svg text { font-family: inherit; }
ul { margin: 6px 0 0; padding-left: 20px; } footer { margin-top: 40px; color: var(--muted); font-size: 12.5px; }
"""

SIGNED = {"realised", "unrealised", "total", "edge to mid"}
"""Columns whose sign shows in colour."""
WRAPPED = {"because"}


def page(facts: dict[str, Any], plots: dict[str, list[Plot]]) -> str:
    """The whole page."""
    about = facts["run"]
    title = f"{about['name']} · {text.moment(about['started_ns'])[:8]} UTC"
    sections = [
        _head(facts),
        _tiles(facts),
        _checks(facts),
        _section(
            "Positions and PnL", [_table(text.profit_rows(facts), sums=len(facts["totals"])), *_cards(plots["profit"])]
        ),
        _section("Orders and fills", _orders(facts, plots["fills"])),
        _section(
            "Risk",
            [_table(rows(facts)) for rows in (text.refusal_rows, text.limit_rows, text.warning_rows, text.break_rows)],
        ),
        _section("Latency", [_table(text.latency_rows(facts)), *_cards(plots["latency"])]),
        _section("Feeds, flow and processes", _machinery(facts)),
    ]
    return _document(title, sections)


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
        _check(agrees, f"{sentence[:1].upper()}{sentence[1:]}.")
        for agrees, sentence in platform_text.check_lines(facts)
    ]
    checks += [_check(False, f"{one}.") for one in [*facts["reconciliation"]["differences"], *facts["problems"]]]
    sections = [
        f'<h1>{escape(about["name"])}</h1>\n<p class="muted">{escape(sentence)}</p>',
        _platform_tiles(facts),
        f'<div class="card">{"".join(checks)}</div>',
        _section("Under one hand", [_table(first), _table(kills)]),
        _section("Positions and PnL", [_table(positions), _table(profit)]),
        _section("Orders and fills", [_table(orders, sums=1), _table(fills)]),
    ]
    for name, found in plots.items():
        sections.append(_section(name, _cards([*found["profit"], *found["fills"], *found["latency"]])))
    sections.append(_section("Risk", [_table(one) for one in risk]))
    sections.append(_section("Latency", [_table(latency)]))
    sections.append(_section("Feeds, flow and processes", [_table(one) for one in machinery if one[2]]))
    return _document(f"{about['name']} · {text.moment(about['started_ns'])[:8]} UTC", sections)


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
    return _tiles_of(tiles)


def _document(title: str, sections: list[str]) -> str:
    body = "\n".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


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
    return _tiles_of(tiles)


def _tiles_of(tiles: list[tuple[str, str, str]]) -> str:
    """`tiles`: value, what it is, and its colour."""
    cells = (
        f'<div class="tile"><b class="{kind}">{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, kind in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _checks(facts: dict[str, Any]) -> str:
    check, about = facts["reconciliation"], facts["run"]
    lines = [_check(check["agrees"], f"Reconciliation: {check['sentence']}.")]
    if check["differences"]:
        lines.append("<ul>" + "".join(f"<li>{escape(one)}</li>" for one in check["differences"]) + "</ul>")
    if about["replay_agrees"] is not None:
        said = "equals" if about["replay_agrees"] else "differs from"
        sentence = f"Replay: the state hash of the journal, folded again, {said} the live engine's."
        lines.append(_check(about["replay_agrees"], sentence))
    lines += [_check(False, f"{problem}.") for problem in facts["problems"]]
    lines += [
        _check(False, f"Slot {slot['name']} is disabled: {text.failure(slot)}.")
        for slot in facts["slots"]
        if slot["failure"]
    ]
    return f'<div class="card">{"".join(lines)}</div>'


def _check(good: bool | None, sentence: str) -> str:
    mark, kind = {True: ("✓", "good"), False: ("✗", "bad"), None: ("?", "muted")}[good]
    return f'<div class="check"><b class="{kind}">{mark}</b><span>{escape(sentence)}</span></div>'


def _orders(facts: dict[str, Any], plots: list[Plot]) -> list[str]:
    counted = "".join(
        f'<div class="tile"><b>{count:,}</b><span>{escape(name.replace("_", " "))}</span></div>'
        for name, count in facts["orders"].items()
        if count or name in ("sent", "accepted", "filled", "cancelled", "rejected", "open", "unknown")
    )
    return [
        f'<div class="tiles">{counted}</div>',
        _table(text.venue_rows(facts)),
        *_cards(plots),
        _table(text.fill_rows(facts)),
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
    parts = [_table(rows) for rows in tables]
    skipped = facts["skipped_files"]
    if skipped:
        lines = "".join(f"<li>{escape(str(one.get('path')))}: {escape(str(one.get('reason')))}</li>" for one in skipped)
        parts.append(f'<div class="card"><h3>Files without order-by-order flow</h3><ul>{lines}</ul></div>')
    return parts


def _section(title: str, parts: list[str]) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>" if parts else ""


def _cards(plots: list[Plot]) -> list[str]:
    return [
        f'<div class="card"><h3>{escape(plot.title)}</h3>{plot.svg}'
        + (f'<p class="muted">{escape(plot.about)}</p>' if plot.about else "")
        + "</div>"
        for plot in plots
    ]


def _table(section: text.Section, *, sums: int = 0) -> str:
    title, columns, rows = section
    if not rows:
        return f'<div class="card"><h3>{escape(title)}</h3><p class="muted">None.</p></div>'
    numeric = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
    head = "".join(
        f"<th{_class('number' if number else '')}>{escape(str(column))}</th>"
        for column, number in zip(columns, numeric, strict=True)
    )
    lines = []
    for place, row in enumerate(rows):
        cells = "".join(
            _cell(value, column, number) for value, column, number in zip(row, columns, numeric, strict=True)
        )
        is_sum = len(rows) > 1 and place >= len(rows) - sums and row[0] == "all"
        lines.append(f"<tr{_class('sum' if is_sum else '')}>{cells}</tr>")
    return f'<div class="card"><h3>{escape(title)}</h3><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _cell(value: Any, column: str, number: bool) -> str:
    shown = "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)
    kinds = ["number"] if number else []
    if column in WRAPPED:
        kinds.append("wrap")
    if column in SIGNED and shown.strip("+-0., "):
        kinds.append("bad" if shown.startswith("-") else "good")
    return f"<td{_class(' '.join(kinds))}>{escape(shown)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, int | float):
        return True
    return str(value).strip("+-0123456789.,%") == ""
