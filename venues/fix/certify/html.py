"""The report of a conformance run as one page: a title page, a summary, every case with what was said.

Invariant: the file refers to nothing outside itself and runs no script; every text from a run is escaped; what stands here
stands in the JSON, too.
"""

from __future__ import annotations

import datetime
from html import escape
from itertools import groupby
from typing import Any

STYLE = """
:root { color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #16191f; --muted: #5d6673; --line: #dfe3e9; --good: #0f8a5f; --bad: #c62f45;
  --none: #8a6d1f; --code: #f0f2f5; --one: #2f6fde; }
@media (prefers-color-scheme: dark) { :root {
  --page: #101318; --card: #181c23; --ink: #e8ebf0; --muted: #98a2b0; --line: #2b313b; --good: #35c28d; --bad: #f0707f;
  --none: #d9b85a; --code: #12161c; --one: #6ea1ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
.title { padding: 44px 0 20px; } .title h1 { font-size: 32px; margin: 0 0 6px; letter-spacing: -0.015em; }
h2 { font-size: 19px; margin: 40px 0 12px; } h3 { font-size: 15px; margin: 0; }
p { margin: 0 0 8px; } .muted { color: var(--muted); } a { color: inherit; text-decoration-color: var(--line); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0 18px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 14px; } .tile b { display: block; font-size: 22px; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; } .tile span { color: var(--muted); font-size: 12.5px; }
.card { padding: 14px 16px; margin: 0 0 14px; overflow-x: auto; }
.passed { color: var(--good); } .failed { color: var(--bad); } .none { color: var(--none); }
.verdict { font-weight: 650; white-space: nowrap; }
.head { display: flex; justify-content: space-between; gap: 14px; align-items: baseline; margin: 0 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 16px; margin: 0 0 10px; } dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); font-size: 12px; }
th, td { padding: 5px 14px 5px 0; vertical-align: top; } td.keep { white-space: nowrap; }
tr + tr td { border-top: 1px solid var(--line); }
code { font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; color: var(--muted); }
td.in { color: var(--one); } .lost { color: var(--bad); } details summary { cursor: pointer; color: var(--muted); }
footer { margin-top: 40px; color: var(--muted); font-size: 12.5px; }
@media print { body { background: none; } .card { break-inside: avoid-page; } .title { break-after: page; padding-top: 30vh; }
  details::details-content { content-visibility: visible; display: block; } }
"""
CLASSES = {"passed": "passed", "failed": "failed", "not offered": "none", "not played": "none"}
MARKS = {"passed": "✓", "failed": "✗", "not offered": "–", "not played": "○"}


def page(facts: dict[str, Any]) -> str:
    """The whole page, of the facts that the JSON has."""
    profile = facts["profile"]
    title = f"FIX conformance: {profile['sender_comp_id']} and {profile['target_comp_id']}, {profile['version']}"
    cases = facts["cases"]
    body = [_title(facts, title), _summary(cases)]
    for group, held in groupby(cases, key=lambda one: str(one["group"])):
        body.append(f"<h2>{escape(group)}</h2>")
        body += [_case(one) for one in held]
    body.append(
        "<footer><p>Times are UTC. Passwords are shown as stars; lengths are those of the wire, checksums of such messages those "
        "of what is shown. A message marked as lost was kept from the other side on purpose.</p></footer>"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n"
    )


def moment(time_ns: int, digits: int = 0) -> str:
    """A time in UTC, with so many digits of its second's fraction."""
    whole = datetime.datetime.fromtimestamp(time_ns // 10**9, datetime.UTC)
    fraction = f".{time_ns % 10**9:09d}"[: digits + 1] if digits else ""
    return f"{whole:%Y-%m-%d %H:%M:%S}{fraction}"


def _title(facts: dict[str, Any], title: str) -> str:
    profile, counts, software = facts["profile"], facts["counts"], facts["software"]
    seconds = (facts["ended_ns"] - facts["started_ns"]) / 1e9
    over = "TLS" if profile["tls"] else "TCP in the clear"
    rows = [
        ("Session", f"{profile['sender_comp_id']} → {profile['target_comp_id']}"),
        ("Version", f"{profile['version']} ({profile['begin_string']})"),
        ("Connection", f"{profile['address'] or 'none came up'}, {over}"),
        ("Profile", f"{profile['name']}, SHA-256 {profile['sha256'][:16]}"),
        ("Begun", f"{moment(facts['started_ns'])} UTC"),
        ("Ended", f"{moment(facts['ended_ns'])} UTC, after {seconds:,.1f} s"),
        *([("Interrupted", "The run was interrupted; what was not played says so")] if facts["interrupted"] else []),
        ("Software", f"{software['name']} {software['version']}"),
    ]
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    tiles = [
        (counts["passed"], "cases passed", "passed"),
        (counts["failed"], "failed", "failed" if counts["failed"] else ""),
        (counts["not offered"], "not offered", ""),
        *([(counts["not played"], "not played", "none")] if counts["not played"] else []),
        (counts["sent"], "messages sent", ""),
        (counts["received"], "messages received", ""),
    ]
    cells = "".join(
        f'<div class="tile"><b class="{kind}">{number:,}</b><span>{escape(label)}</span></div>'
        for number, label, kind in tiles
    )
    return (
        f'<section class="title">\n<h1>{escape(title)}</h1>\n<p class="muted">Conformance report</p>\n'
        f'<div class="tiles">{cells}</div>\n<div class="card"><dl>{lines}</dl></div>\n</section>'
    )


def _verdict(verdict: str) -> str:
    return f'<span class="verdict {CLASSES[verdict]}">{MARKS[verdict]} {escape(verdict)}</span>'


def _summary(cases: list[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td class="keep"><a href="#{one["number"]}">{one["number"]}</a></td><td class="keep">{escape(one["title"])}</td>'
        f'<td class="keep">{_verdict(one["verdict"])}</td><td>{escape(one["reason"])}</td></tr>'
        for one in cases
    )
    head = "<tr><th>case</th><th>title</th><th>verdict</th><th>found</th></tr>"
    return f'<h2>Summary</h2>\n<div class="card"><table>{head}{rows}</table></div>'


def _case(one: dict[str, Any]) -> str:
    seconds = (one["ended_ns"] - one["started_ns"]) / 1e9
    facts = [
        ("Standard", one["standard"]),
        ("Expected", one["expected"]),
        ("Found", one["reason"]),
        ("Time", f"{moment(one['started_ns'], 3)}, {seconds:.1f} s"),
    ]
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    said = one["messages"]
    rows = "".join(_message(message) for message in said)
    head = "<tr><th>time</th><th>session</th><th></th><th>message</th></tr>"
    opened = " open" if one["verdict"] == "failed" else ""
    table = (
        f"<details{opened}><summary>{len(said)} messages</summary><table>{head}{rows}</table></details>" if said else ""
    )
    return (
        f'<div class="card" id="{one["number"]}"><div class="head"><h3>{one["number"]} · {escape(one["title"])}</h3>'
        f"{_verdict(one['verdict'])}</div><dl>{lines}</dl>{table}</div>"
    )


def _message(one: dict[str, Any]) -> str:
    way = "◀ in" if one["way"] == "in" else "▶ out"
    lost = ' <span class="lost">lost on purpose</span>' if one["lost"] else ""
    return (
        f'<tr><td class="keep">{moment(one["time_ns"], 6)[11:]}</td><td class="keep">{escape(one["party"])}</td>'
        f'<td class="keep {one["way"]}">{way}</td><td>{escape(one["text"])}{lost}<br><code>{escape(one["raw"])}</code></td></tr>'
    )
