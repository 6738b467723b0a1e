"""Sweeps: one strategy at many parameters over many days, on all cores or a Ray cluster.

    from meridian.strategies import sweep

    result = sweep.run("inventory-maker", ["01022019.FLOW_ITCH50", "01032019.FLOW_ITCH50"],
                       parameters={"size_lots": [1, 4, 7], "skew_nanos_per_lot": [0, 100_000]}, out="results")
    result.best[0]["parameters"]      # by Sharpe ratio; result.summary["deflated"] and ["overfitting"] say what that is worth
    result.results                    # a row a point and day; hands itself over by the Arrow C stream

Invariant: importing this package imports neither numba, numpy, pyarrow nor ray; a run imports ray only when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian.strategies.sweep.result import Result

__all__ = ["Result", "resume", "run"]


def run(strategy: Any, data: Any, **options: Any) -> "Result":
    """Runs a sweep. See `meridian.strategies.sweep.running.run`."""
    from meridian.strategies.sweep import running

    return running.run(strategy, data, **options)


def resume(out: Any, **options: Any) -> "Result":
    """Goes on with a sweep that ended early. See `meridian.strategies.sweep.running.resume`."""
    from meridian.strategies.sweep import running

    return running.resume(out, **options)


def __getattr__(name: str) -> Any:
    if name == "Result":
        from meridian.strategies.sweep import result

        return result.Result
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
