"""The report of a run: `summary` for programs, `print_summary` for a terminal, `write_html` for a page with plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from meridian.analytics import facts, text
from meridian.analytics.run import Run

__all__ = ["print_summary", "summary", "write_html"]

_made: WeakKeyDictionary[Run, dict[str, Any]] = WeakKeyDictionary()
"""Made once a run, so that the terminal's report and the page agree."""


def summary(run: Run) -> dict[str, Any]:
    """Everything that a report says, as plain values."""
    if run not in _made:
        _made[run] = facts.summary(run)
    return _made[run]


def print_summary(run: Run) -> None:
    """Prints the report."""
    text.print_report(summary(run))


def write_html(run: Run, path: str | Path) -> None:
    """Writes the report as one page. matplotlib is imported here and not before."""
    from meridian.analytics.page import page
    from meridian.analytics.plots import all_plots

    found = page(summary(run), all_plots(run, facts.latencies(run)))
    Path(path).write_text(found, encoding="utf-8")
