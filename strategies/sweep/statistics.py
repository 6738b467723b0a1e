"""What the best of many backtests is worth: deflated Sharpe ratio, probability of backtest overfitting.

Sources: D. Bailey and M. López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012) (probabilistic Sharpe
ratio); the same, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and Non-Normality", Journal of
Portfolio Management 40 (2014); D. Bailey, J. Borwein, M. López de Prado and Q. Zhu, "The Probability of Backtest Overfitting",
Journal of Computational Finance 20 (2017).

Invariant: ratios are of one period, never annualised; what cannot be said is None, never NaN.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Overfitting", "deflated_sharpe", "expected_maximum_sharpe", "independent_trials", "overfitting", "probabilistic_sharpe",
    "sharpe_ratios",
]  # fmt: skip

EULER = 0.5772156649015329
NORMAL = NormalDist()
BLOCKS = 16
CELLS = 1 << 21
"""Combinations times points looked at together: what bounds the memory of a large sweep."""
Floats = NDArray[np.float64]


def sharpe_ratios(profits: Floats) -> Floats:
    """Mean over standard deviation (n - 1) of each column; 0 where it does not vary. Shape (periods, points)."""
    if len(profits) < 2:
        return np.zeros(profits.shape[1])
    spread = np.where(np.ptp(profits, axis=0) > 0, np.std(profits, axis=0, ddof=1), 0.0)
    return np.divide(np.mean(profits, axis=0), spread, out=np.zeros(profits.shape[1]), where=spread > 0)


def probabilistic_sharpe(sharpe: float, benchmark: float, periods: int, skew: float, kurtosis: float) -> float | None:
    """Probability that the true Sharpe ratio is above `benchmark` (Bailey and López de Prado 2012, equation 11).

    `kurtosis`: 3 for normal returns. None where it cannot be said: fewer than two periods, or moments that no sample has.
    """
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if periods < 2 or not variance > 0.0:
        return None
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt(periods - 1) / math.sqrt(variance))


def expected_maximum_sharpe(variance: float, trials: float) -> float:
    """The Sharpe ratio to expect of the best of so many independent trials without skill (2014, equation 1).

    `variance`: of the trials' Sharpe ratios. One trial has nothing to choose from: 0.
    """
    if trials <= 1.0:
        return 0.0
    first, second = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    # An approximation for many trials; of fewer than two it would fall below nothing.
    return math.sqrt(variance) * max(0.0, (1.0 - EULER) * first + EULER * second)


def independent_trials(profits: Floats) -> float:
    """Of correlated trials, how many independent ones they amount to: r + (1 - r) n with r the mean correlation of two
    (2014, appendix 3). Columns that do not vary count as one. Shape (periods, points).
    """
    moving = profits[:, np.std(profits, axis=0) > 0]
    count = moving.shape[1]
    still = 1 if count < profits.shape[1] else 0
    if count < 2 or len(moving) < 2:
        return float(max(1, count + still))
    # The mean of all correlations from the standardised columns' sum: no matrix of points by points.
    standard = (moving - moving.mean(axis=0)) / moving.std(axis=0)
    total = float(np.mean(standard.sum(axis=1) ** 2))
    mean = min(1.0, max(0.0, (total - count) / (count * (count - 1))))
    return mean + (1.0 - mean) * count + still


def deflated_sharpe(profits: Floats, point: int) -> dict[str, Any]:
    """The deflated Sharpe ratio of one point among all that were tried: the probability that its Sharpe ratio is above that
    which the best of so many trials without skill has. Shape (periods, points).
    """
    ratios = sharpe_ratios(profits)
    column = profits[:, point]
    centred = column - column.mean()
    variance = float(np.mean(centred**2))
    skew = float(np.mean(centred**3)) / variance**1.5 if variance > 0 else 0.0
    kurtosis = float(np.mean(centred**4)) / variance**2 if variance > 0 else 3.0
    trials = independent_trials(profits)
    spread = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    sharpe, periods = float(ratios[point]), len(profits)
    told: dict[str, Any] = {"sharpe": sharpe, "periods": periods, "skew": skew, "kurtosis": kurtosis,
                            "trials": profits.shape[1], "independent_trials": trials}  # fmt: skip
    told["above_zero"] = probabilistic_sharpe(sharpe, 0.0, periods, skew, kurtosis) if variance > 0 else None
    for name, count in (("", trials), ("_all_trials", float(profits.shape[1]))):
        best = expected_maximum_sharpe(spread, count)
        told[f"expected_maximum{name}"] = best
        told[f"deflated{name}"] = probabilistic_sharpe(sharpe, best, periods, skew, kurtosis) if variance > 0 else None
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What combinatorially symmetric cross-validation found."""

    probability: float  # That the best in sample is below the median out of sample.
    loss: float  # That the best in sample loses out of sample.
    slope: float | None  # Of its ratio out of sample on that in sample; below zero: it degrades.
    splits: int
    blocks: int
    logits: Floats


def overfitting(profits: Floats, blocks: int = BLOCKS) -> Overfitting | None:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation (2017, section 3).

    The periods are cut into an even number of equal blocks (what is left over at the beginning is not used); for every half of
    them, the point with the best Sharpe ratio there is ranked by its ratio in the other half. `probability` is the share of
    halves where the logit of its relative rank is at most 0. Equal ratios share their mean rank. Shape (periods, points).
    None for fewer than two points or fewer than two periods a block.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"blocks = {blocks}: an even number from 2 is allowed.")
    periods, points = profits.shape
    length = periods // blocks
    if points < 2 or length < 2:
        return None
    parts = profits[periods - length * blocks :].reshape(blocks, length, points)
    # Means and variances of any half follow from the blocks' sums; taken off the mean first, so that few digits are lost.
    centre = parts.mean(axis=(0, 1))
    sums, squares = (parts - centre).sum(axis=1), ((parts - centre) ** 2).sum(axis=1)
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    logits, inside, outside, losses = [], [], [], []
    together = max(1, CELLS // points)
    for start in range(0, len(halves), together):
        some = halves[start : start + together]
        chosen = np.zeros((len(some), blocks))
        np.put_along_axis(chosen, some, 1.0, axis=1)
        count = length * (blocks // 2)
        here = _ratios(chosen @ sums, chosen @ squares, centre, count)
        there = _ratios((1.0 - chosen) @ sums, (1.0 - chosen) @ squares, centre, count)
        best = np.argmax(here, axis=1)
        rows = np.arange(len(best))
        got = there[rows, best]
        below, equal = (there < got[:, None]).sum(axis=1), (there == got[:, None]).sum(axis=1)
        rank = (below + (equal + 1) / 2) / (points + 1)
        logits.append(np.log(rank / (1.0 - rank)))
        inside.append(here[rows, best])
        outside.append(got)
        losses.append(((1.0 - chosen) @ sums)[rows, best] / count + centre[best] < 0)
    logit, one, two = np.concatenate(logits), np.concatenate(inside), np.concatenate(outside)
    spread = float(np.var(one))
    return Overfitting(
        probability=float(np.mean(logit <= 0)), loss=float(np.mean(np.concatenate(losses))),
        slope=float(np.mean((one - one.mean()) * (two - two.mean()))) / spread if spread > 0 else None,
        splits=len(halves), blocks=blocks, logits=logit,
    )  # fmt: skip


def _ratios(sums: Floats, squares: Floats, centre: Floats, count: int) -> Floats:
    """Sharpe ratios from sums of what is off the centre."""
    mean = sums / count
    variance = (squares - count * mean**2) / (count - 1)
    floor = 1e-18 * np.maximum(squares, 1e-300)
    return np.divide(mean + centre, np.sqrt(np.maximum(variance, 0.0)), out=np.zeros_like(mean), where=variance > floor)
