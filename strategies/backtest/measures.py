"""Figures of a backtest: profit, drawdown, Sharpe and Sortino, fill rate, markouts.

Sources: W. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994); F. Sortino and L. Price, "Performance
Measurement in a Downside Risk Framework", Journal of Investing 3 (1994).

Invariant: money is in the currency as a float only here, where it is read by people; what cannot be said is None, never NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian._native.backtest import HORIZONS_NS
from meridian.strategies.backtest.result import Table

__all__ = ["drawdown", "figures", "markouts", "sharpe", "sortino"]

NANOS = 1e9
BUY, MAKER = 1, 1
Floats = NDArray[np.float64]


def sharpe(changes: Floats) -> float | None:
    """Mean of the changes over their standard deviation (n - 1), of one sampling interval: not annualised, no riskless rate.

    Multiply by the square root of the intervals in a year to annualise, where the intervals are independent. None for fewer
    than two changes, or when they do not vary.
    """
    if len(changes) < 2:
        return None
    spread = float(np.std(changes, ddof=1))
    return float(np.mean(changes)) / spread if spread > 0 else None


def sortino(changes: Floats) -> float | None:
    """Mean of the changes over their downside deviation from zero: the root of the mean of min(change, 0) squared, over all
    changes. Of one sampling interval, not annualised. None when no change is below zero.
    """
    if len(changes) < 2:
        return None
    downside = float(np.sqrt(np.mean(np.minimum(changes, 0.0) ** 2)))
    return float(np.mean(changes)) / downside if downside > 0 else None


def drawdown(equity: Floats) -> float:
    """The largest fall from an earlier peak, at least 0; the curve begins at 0."""
    if len(equity) == 0:
        return 0.0
    peaks = np.maximum.accumulate(np.concatenate(([0.0], equity)))[1:]
    return float(np.max(peaks - equity))


def markouts(fills: Table) -> list[dict[str, Any]]:
    """For each horizon and liquidity: lots-weighted mean of side × (middle then - fill price), in the price's own unit.

    Above zero the price went our way. `adverse`: share of fills after which the middle moved against us from the middle at
    the fill. Fills whose horizon lies after the end of the data are not counted.
    """
    rows = []
    sign = np.where(fills["side"] == BUY, 1.0, -1.0)
    undefined = records.UNDEF_PRICE
    for horizon_ns in HORIZONS_NS:
        later = fills[f"later_{horizon_ns}"]
        for liquidity, name in ((1, "maker"), (2, "taker")):
            known = (later != undefined) & (fills["liquidity"] == liquidity)
            count = int(known.sum())
            row: dict[str, Any] = {"horizon_ns": int(horizon_ns), "liquidity": name, "fills": count}
            row |= {"mean": None, "adverse": None}
            if count:
                moved = sign[known] * (later[known] - fills["price_nanos"][known]) / NANOS
                row["mean"] = float(np.average(moved, weights=fills["lots"][known]))
            told = known & (fills["middle_nanos"] != undefined)
            if told.any():
                drift = sign[told] * (later[told] - fills["middle_nanos"][told])
                row["adverse"] = float(np.mean(drift < 0))
            rows.append(row)
    return rows


def figures(orders: Table, fills: Table, equity: Table, sample_ns: int) -> dict[str, Any]:
    """The figures of the summary. Money in the currency; `gross` is before fees, `net` after them."""
    curve = equity["equity_nanos"] / NANOS
    fees = float(equity["fees_nanos"][-1]) / NANOS if len(equity) else 0.0
    net = float(curve[-1]) if len(equity) else 0.0
    changes = np.diff(curve)
    filled = orders["filled_lots"] > 0
    lots = int(fills["lots"].sum())
    by_maker = int(fills["lots"][fills["liquidity"] == MAKER].sum())
    answered = orders["answered_ns"] > 0
    waits = (orders["answered_ns"][answered] - orders["sent_ns"][answered]).astype(np.float64)
    return {
        "net": net,
        "gross": net + fees,
        "fees": fees,
        "orders": len(orders),
        "fills": len(fills),
        "filled_lots": lots,
        "fill_rate": float(filled.mean()) if len(orders) else None,
        "maker_share": by_maker / lots if lots else None,
        "max_drawdown": drawdown(curve),
        "sample_ns": sample_ns,
        "sharpe": _finite(sharpe(changes)),
        "sortino": _finite(sortino(changes)),
        "answer_ns_median": float(np.median(waits)) if len(waits) else None,
        "markouts": markouts(fills),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
