"""Pages and fragments of HTML for people: a look, tables, tiles and figures that reports and notebooks share.

Invariant: what is made here refers to nothing outside itself; every text that comes from a run is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = [
    "STYLE", "Plot", "Section", "cards", "check", "document", "fragment", "preformatted", "section", "table", "tiles",
]  # fmt: skip

Section = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
"""Title, columns, rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot with what it shows."""

    title: str
    svg: str
    about: str = ""


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


def document(title: str, sections: Sequence[str], *, style: str = "", script: str = "") -> str:
    """A whole page; `style` and `script` are further ones of its own."""
    body = "\n".join(sections)
    program = f"<script>{script}</script>\n" if script else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n{program}</body>\n</html>\n"
    )


def tiles(made: Sequence[tuple[str, str, str]]) -> str:
    """Value, what it is, and its colour, of each."""
    cells = (
        f'<div class="tile"><b class="{kind}">{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, kind in made
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def check(good: bool | None, sentence: str) -> str:
    """A sentence behind a mark: it holds, does not, or is not known."""
    mark, kind = {True: ("✓", "good"), False: ("✗", "bad"), None: ("?", "muted")}[good]
    return f'<div class="check"><b class="{kind}">{mark}</b><span>{escape(sentence)}</span></div>'


def section(title: str, parts: Sequence[str]) -> str:
    """A heading with what belongs under it; nothing where that is nothing."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>" if parts else ""


def cards(plots: Sequence[Plot]) -> list[str]:
    """Each plot with its title and words."""
    return [
        f'<div class="card"><h3>{escape(plot.title)}</h3>{plot.svg}'
        + (f'<p class="muted">{escape(plot.about)}</p>' if plot.about else "")
        + "</div>"
        for plot in plots
    ]


def table(made: Section, *, sums: int = 0) -> str:
    """Rows under a title; numbers stand to the right. `sums`: so many rows at the end, headed `all`, are sums."""
    title, columns, rows = made
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


def fragment(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, about: str = "") -> str:
    """A table that stands in a notebook's own look; `about` stands below it."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape('' if value is None else str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    above = f"<b>{escape(title)}</b>" if title else ""
    below = f"<small>{escape(about)}</small>" if about else ""
    return f"<div>{above}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{below}</div>"


def preformatted(text: str) -> str:
    """Text as it stands."""
    return f"<pre>{escape(text)}</pre>"
