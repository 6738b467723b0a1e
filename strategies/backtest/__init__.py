"""Backtests: a strategy over recorded flow, on the live engine's own fold and the house's matching.

    from meridian.strategies import backtest

    result = backtest.run("inventory-maker", ["AAPL_2012-06-21_…_message_10.csv"], parameters={"size_lots": 5})
    result.summary["net"]             # profit after fees, in the instruments' currency
    result.fills.to_arrow()           # any table also hands itself over by the Arrow C stream

Invariant: importing this package imports neither numba, numpy nor pyarrow; a run does.
"""

from typing import TYPE_CHECKING, Any

from meridian.strategies.backtest.options import Fee, Latency, OptionsError, QueueModel, VenueModel

if TYPE_CHECKING:
    from meridian.strategies.backtest.result import Result, Table

__all__ = ["Fee", "Latency", "OptionsError", "QueueModel", "Result", "Table", "VenueModel", "run"]


def run(strategy: Any, data: Any, **options: Any) -> "Result":
    """Runs a strategy over files of recorded flow. See `meridian.strategies.backtest.run.run`."""
    from meridian.strategies.backtest import running

    return running.run(strategy, data, **options)


def __getattr__(name: str) -> Any:
    if name in ("Result", "Table"):
        from meridian.strategies.backtest import result

        return getattr(result, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
