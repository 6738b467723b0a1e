"""Reports: `summary` for programs, `print_summary` for a terminal, `write_html` for a page with plots; of a run or of several
regions together."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from meridian.analytics import facts, platform, platform_text, text
from meridian.analytics.platform import Platform
from meridian.analytics.run import Run

__all__ = ["print_summary", "summary", "write_html"]

_made: WeakKeyDictionary[Run | Platform, dict[str, Any]] = WeakKeyDictionary()
"""Made once a run, so that the terminal's report and the page agree."""


def summary(run: Run | Platform) -> dict[str, Any]:
    """Everything that a report says, as plain values."""
    if run not in _made:
        _made[run] = platform.summary(run) if isinstance(run, Platform) else facts.summary(run)
    return _made[run]


def print_summary(run: Run | Platform) -> None:
    """Prints the report."""
    if isinstance(run, Platform):
        platform_text.print_platform(summary(run))
    else:
        text.print_report(summary(run))


def write_html(run: Run | Platform, path: str | Path) -> None:
    """Writes the report as one page. matplotlib is imported here and not before."""
    from meridian.analytics.page import page, platform_page
    from meridian.analytics.plots import all_plots

    if isinstance(run, Platform):
        plots = {name: all_plots(one, facts.latencies(one)) for name, one in run.regions.items()}
        found = platform_page(summary(run), plots)
    else:
        found = page(summary(run), all_plots(run, facts.latencies(run)))
    Path(path).write_text(found, encoding="utf-8")
