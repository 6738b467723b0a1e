"""After the trade: PnL, execution quality, reports.

from meridian.analytics import Run, reconcile

run = Run.open()                                        # the latest run, or a path
run.fills["price_nanos"], run.fills["lots"]             # numpy structured arrays, one row a fill
run.positions[run.positions["instrument"] == 1]         # positions and PnL over time
reconcile(run).differences                              # [] when the exchanges' own journals agree
"""

from meridian.analytics.reconcile import Reconciliation, reconcile
from meridian.analytics.run import Run

__all__ = ["Reconciliation", "Run", "reconcile"]
