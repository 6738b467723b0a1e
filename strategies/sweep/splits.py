"""Walk-forward: parameters are chosen on past days and judged on days after them that had no part in the choice.

    anchored   train on all days so far, then test; rolling   train on the last so many days, then test
    embargo    days between training and test that belong to neither, so that what lasts over days does not leak

Source of the embargo: M. López de Prado, "Advances in Financial Machine Learning" (2018), section 7.4.2.

Invariant: no test day is in a training span, or nearer after it than the embargo; every test day is judged once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian.strategies.sweep.statistics import sharpe_ratios

__all__ = ["Split", "Walk", "parse", "splits", "walk_forward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How to walk, in days."""

    train: int
    test: int = 1
    embargo: int = 0
    anchored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Days by their place: a training span, and the test days after it."""

    train: range
    test: range


def parse(text: str) -> Walk | None:
    """`train=20,test=5,embargo=1,anchored` as a Walk; None for what is none."""
    words: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if name == "anchored" and not equals:
            words[name] = True
        elif name in ("train", "test", "embargo") and value.isascii() and value.isdigit() and len(value) < 7:
            words[name] = int(value)
        else:
            return None
    if words.get("train", 0) < 1 or words.get("test", 1) < 1:
        return None
    return Walk(**words)


def splits(days: int, walk: Walk) -> list[Split]:
    """The splits of so many days in order; the last test span may be shorter."""
    found = []
    first = walk.train + walk.embargo
    while first < days:
        end = first - walk.embargo
        begin = 0 if walk.anchored else end - walk.train
        found.append(Split(train=range(begin, end), test=range(first, min(first + walk.test, days))))
        first += walk.test
    return found


def walk_forward(profits: NDArray[np.float64], walk: Walk) -> list[dict[str, Any]]:
    """For each split the point with the best Sharpe ratio in training, and what it then does. Shape (days, periods, points)."""
    told = []
    for split in splits(len(profits), walk):
        train, test = (
            profits[span.start : span.stop].reshape(-1, profits.shape[2]) for span in (split.train, split.test)
        )
        ratios = sharpe_ratios(train)
        best = int(np.argmax(ratios))
        told.append({
            "train": [split.train.start, split.train.stop - 1], "test": [split.test.start, split.test.stop - 1],
            "column": best, "train_sharpe": float(ratios[best]), "test_sharpe": float(sharpe_ratios(test)[best]),
            "train_net": float(train[:, best].sum()), "test_net": float(test[:, best].sum()),
        })  # fmt: skip
    return told
