"""After the trade: PnL, execution quality, reports.

from meridian.analytics import Platform, Run, reconcile

run = Run.open("runs/new-york")                         # one region
run = Platform.open().regions["new-york"]               # of the latest demo, or of a path
run.fills["price_nanos"], run.fills["lots"]             # numpy structured arrays, one row a fill
run.positions[run.positions["instrument"] == 1]         # positions and PnL over time
reconcile(run).differences                              # [] when the exchanges' own journals agree
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian.analytics.platform import Platform
    from meridian.analytics.reconciliation import Reconciliation, reconcile
    from meridian.analytics.run import Run

__all__ = ["Platform", "Reconciliation", "Run", "reconcile"]


def __getattr__(name: str) -> Any:
    """Imports when it is asked for: the command line passes here, and numpy is slow to load."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from meridian.analytics import platform, reconciliation, run

    return getattr({"Platform": platform, "Run": run}.get(name, reconciliation), name)
