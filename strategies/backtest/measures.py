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

__all__ = [
    "answers_ns",
    "daily_changes",
    "drawdown",
    "drawdown_ns",
    "execution",
    "figures",
    "markouts",
    "quantiles_ns",
    "rests_ns",
    "sharpe",
    "sortino",
    "untraded_ns",
]

NANOS = 1e9
BUY, MAKER = 1, 1
DAY_NS = 86_400 * 10**9
REALISED_NS = 10**9
"""After which a spread counts as realised; one of HORIZONS_NS."""
DAYS_A_YEAR = 252
"""Trading days, by which daily ratios are annualised."""
Floats = NDArray[np.float64]


def sharpe(changes: Floats) -> float | None:
    """Mean of the changes over their standard deviation (n - 1), of one sampling interval: not annualised, no riskless rate.

    Multiply by the square root of the intervals in a year to annualise, where the intervals are independent. None for fewer
    than two changes, or when they do not vary.
    """
    if len(changes) < 2:
        return None
    # Of equal changes the deviation is nothing, and not what rounding their mean leaves.
    spread = float(np.std(changes, ddof=1)) if np.ptp(changes) > 0 else 0.0
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


def drawdown_ns(times_ns: NDArray[Any], equity: Floats) -> int:
    """The longest time below an earlier peak; one that lasts at the end counts to the end."""
    if len(equity) == 0:
        return 0
    at_peak = equity >= np.maximum.accumulate(np.maximum(equity, 0.0))
    peaks = np.concatenate(([times_ns[0]], times_ns[at_peak], [times_ns[-1]])).astype(np.int64)
    return int(np.max(np.diff(peaks)))


def daily_changes(times_ns: NDArray[Any], equity: Floats) -> Floats:
    """What each day (UTC) with samples added; the curve begins at 0."""
    if len(equity) == 0:
        return np.zeros(0)
    days = times_ns.astype(np.int64) // DAY_NS
    last = np.flatnonzero(np.diff(days, append=days[-1] + 1))
    return np.diff(equity[last], prepend=0.0)


def rests_ns(orders: Table, fills: Table) -> Floats:
    """For each order that traded as maker: from its acknowledgement to its first fill."""
    by_maker = np.flatnonzero(fills["liquidity"] == MAKER)
    traded, first = np.unique(fills["order_id"][by_maker], return_index=True)
    known = _places(orders, traded)
    begun = _times(orders["answered_ns"][known])
    return np.maximum(_times(fills["time_ns"][by_maker][first]) - begun, 0)[begun > 0].astype(np.float64)


def untraded_ns(orders: Table) -> Floats:
    """For each order that ended without a fill: from its acknowledgement to its end, for one that was replaced the other's
    acknowledgement."""
    ended = _times(orders["last_ns"])
    replacing = np.flatnonzero((orders["original_id"] > 0) & (orders["answered_ns"] > 0))
    ended[_places(orders, orders["original_id"][replacing])] = _times(orders["answered_ns"][replacing])
    begun = _times(orders["answered_ns"])
    return (ended - begun)[(orders["filled_lots"] == 0) & (begun > 0) & (ended > begun)].astype(np.float64)


def answers_ns(orders: Table) -> Floats:
    """For each order that was answered: from its command to the first answer."""
    answered = orders["answered_ns"] > 0
    return (_times(orders["answered_ns"]) - _times(orders["sent_ns"]))[answered].astype(np.float64)


def _times(values: NDArray[Any]) -> NDArray[np.int64]:
    """Signed, so that differences are exact."""
    return values.astype(np.int64)


def _places(orders: Table, ids: NDArray[Any]) -> NDArray[np.int64]:
    """The row of each of these orders."""
    if len(ids) == 0:
        return np.zeros(0, dtype=np.int64)
    sorter = np.argsort(orders["order_id"], kind="stable")
    return sorter[np.searchsorted(orders["order_id"], ids, sorter=sorter)]


def quantiles_ns(values: Floats) -> dict[str, float] | None:
    """Median, p95, p99, p99.9 and largest; None of nothing."""
    if len(values) == 0:
        return None
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: float(np.quantile(values, share, method="inverted_cdf")) for name, share in shares.items()}


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


def execution(fills: Table) -> list[dict[str, Any]]:
    """For each venue and liquidity: effective spread, and how it splits after `REALISED_NS` into what we kept or paid (realised)
    and what the market moved (impact), in the price's own unit, weighted by lots, from our side: below zero it cost us.

    With side s, price p, middle m: effective 2s(m - p), realised 2s(m later - p), impact 2s(m later - m); realised is effective
    and impact together. Only fills whose middle is known then and later are in it.
    """
    later, middle = fills[f"later_{REALISED_NS}"], fills["middle_nanos"]
    known = (later != records.UNDEF_PRICE) & (middle != records.UNDEF_PRICE)
    rows = []
    for venue in np.unique(fills["venue"]):
        for liquidity, name in ((1, "maker"), (2, "taker")):
            here = np.flatnonzero(known & (fills["venue"] == venue) & (fills["liquidity"] == liquidity))
            if not len(here):
                continue
            sign = np.where(fills["side"][here] == BUY, 2.0, -2.0) / NANOS
            effective = sign * (middle[here] - fills["price_nanos"][here])
            impact = sign * (later[here] - middle[here])
            means = (
                float(np.average(each, weights=fills["lots"][here])) for each in (effective, effective + impact, impact)
            )
            kept = dict(zip(("effective", "realised", "impact"), means, strict=True))
            rows.append({"venue": int(venue), "liquidity": name, "fills": len(here), **kept})
    return rows


def figures(orders: Table, fills: Table, equity: Table, sample_ns: int) -> dict[str, Any]:
    """The figures of the summary. Money in the currency; `gross` is before fees, `net` after them."""
    curve = equity["equity_nanos"] / NANOS
    fees = float(equity["fees_nanos"][-1]) / NANOS if len(equity) else 0.0
    net = float(curve[-1]) if len(equity) else 0.0
    changes = np.diff(curve)
    days = daily_changes(equity["time_ns"], curve)
    filled = orders["filled_lots"] > 0
    lots, sent_lots = int(fills["lots"].sum()), int(orders["lots"].sum())
    by_maker = int(fills["lots"][fills["liquidity"] == MAKER].sum())
    waits = answers_ns(orders)
    return {
        "net": net,
        "gross": net + fees,
        "fees": fees,
        "orders": len(orders),
        "fills": len(fills),
        "filled_lots": lots,
        "fill_rate": float(filled.mean()) if len(orders) else None,
        "fill_rate_lots": lots / sent_lots if sent_lots else None,
        "maker_share": by_maker / lots if lots else None,
        "max_drawdown": drawdown(curve),
        "max_drawdown_ns": drawdown_ns(equity["time_ns"], curve),
        "sample_ns": sample_ns,
        "sharpe": _finite(sharpe(changes)),
        "sortino": _finite(sortino(changes)),
        "days": len(days),
        "sharpe_daily": _annual(sharpe(days)),
        "sortino_daily": _annual(sortino(days)),
        "answer_ns_median": float(np.median(waits)) if len(waits) else None,
        "answer_ns": quantiles_ns(waits),
        "rest_ns": quantiles_ns(rests_ns(orders, fills)),
        "markouts": markouts(fills),
        "execution": execution(fills),
    }


def _annual(ratio: float | None) -> float | None:
    return None if ratio is None else _finite(ratio * math.sqrt(DAYS_A_YEAR))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
