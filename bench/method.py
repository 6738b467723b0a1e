"""How a figure is made of blocks: ours and the peer in turn, the median of paired ratios, its 95 % interval.

Two figures of one machine differ by what its neighbours do; a ratio of two neighbouring blocks differs far less. So every
block of ours has a block of the peer beside it, the order within a pair changes from pair to pair, and the first pair warms
up and is thrown away.

Invariant: equal samples and an equal seed give an equal interval.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Block = Callable[[], float]
"""Runs one block and returns its figure."""

RESAMPLES = 2_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median over blocks and the bootstrap interval around it."""

    median: float
    low: float
    high: float


def estimate(samples: Sequence[float], *, seed: int) -> Estimate:
    """The median of the samples with its percentile bootstrap interval (Efron 1979). Raises ValueError without samples."""
    import numpy as np

    if not samples:
        raise ValueError("no block was measured")
    values = np.asarray(samples, dtype=np.float64)
    random = np.random.default_rng(seed)
    medians = np.median(random.choice(values, size=(RESAMPLES, len(values))), axis=1)
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians, [outside, 1 - outside])
    return Estimate(float(np.median(values)), float(low), float(high))


def alternate(
    ours: Block, peer: Block | None, *, blocks: int, done: Callable[[], None]
) -> tuple[list[float], list[float]]:
    """Runs `blocks` pairs after one that warms up. Returns the figures of ours and of the peer, pair by pair."""
    ours_figures: list[float] = []
    peer_figures: list[float] = []
    for pair in range(blocks + 1):
        first_is_ours = pair % 2 == 0
        turns = [(ours, ours_figures)] if peer is None else [(ours, ours_figures), (peer, peer_figures)]
        for block, figures in turns if first_is_ours else reversed(turns):
            figure = block()
            if pair > 0:
                figures.append(figure)
        if pair > 0:
            done()
    return ours_figures, peer_figures


def ratios(ours: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Ours over the peer, pair by pair."""
    return [one / other for one, other in zip(ours, peer, strict=True)]


@contextmanager
def one_core() -> Iterator[int]:
    """Binds this thread to the last core that it may use, and lets it go again. Yields the core."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)
