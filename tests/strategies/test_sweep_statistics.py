"""What the best of many backtests is worth: against published figures, by hand, and by simulation."""

import math

import numpy as np
import pytest

from meridian.strategies.sweep import splits, statistics

PERIODS = 1250
SHARPE = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "deflated"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)]
)
def test_the_deflated_ratio_is_that_of_its_paper(trials: int, skew: float, kurtosis: float, deflated: float) -> None:
    # Bailey and López de Prado 2014, "A numerical example": five years of daily returns, a yearly ratio of 2.5.
    best = statistics.expected_maximum_sharpe(VARIANCE, trials)
    assert statistics.probabilistic_sharpe(SHARPE, best, PERIODS, skew, kurtosis) == pytest.approx(deflated, abs=5e-5)
    if trials == 100:
        assert best == pytest.approx(0.1132, abs=5e-5)


def test_the_expected_maximum_is_that_of_simulated_tries() -> None:
    random = np.random.default_rng(3)
    best = random.normal(0, 0.2, (20_000, 50)).max(axis=1).mean()
    assert statistics.expected_maximum_sharpe(0.04, 50) == pytest.approx(best, rel=0.02), "it is an approximation"


def test_luck_is_not_taken_for_skill_and_skill_is_seen() -> None:
    random = np.random.default_rng(5)
    taken, undeflated, seen = 0, 0, 0
    for _ in range(100):
        noise = random.normal(size=(250, 50))
        told = statistics.deflated_sharpe(noise, int(np.argmax(statistics.sharpe_ratios(noise))))
        taken += told["deflated"] > 0.95
        undeflated += told["above_zero"] > 0.95
        noise[:, 7] += 0.4
        seen += statistics.deflated_sharpe(noise, 7)["deflated"] > 0.95
    assert undeflated > 85, "the best of fifty looks good by itself"
    assert taken <= 2 and seen > 95


def test_equal_columns_are_one_trial_and_independent_ones_are_many() -> None:
    random = np.random.default_rng(7)
    one = random.normal(size=(500, 1))
    assert statistics.independent_trials(np.repeat(one, 40, axis=1)) == pytest.approx(1, abs=1e-9)
    assert statistics.independent_trials(random.normal(size=(500, 40))) == pytest.approx(40, abs=1)
    assert statistics.independent_trials(np.zeros((500, 3))) == 1


def test_overfitting_by_hand() -> None:
    # Two blocks, two points: each half's best is the other half's worst, so that both relative ranks are 1/3.
    profits = np.array([[3.0, 1.0], [4.0, 2.5], [1.0, 3.0], [2.5, 4.0]])
    found = statistics.overfitting(profits, 2)
    assert found is not None
    assert (found.probability, found.splits, found.loss) == (1.0, 2, 0.0)
    assert found.logits == pytest.approx([math.log(0.5)] * 2)
    # The same point best in both: relative rank 2/3.
    steady = statistics.overfitting(np.array([[3.0, 0.0], [4.0, 1.0], [3.0, -1.0], [4.1, 1.0]]), 2)
    assert steady is not None and steady.probability == 0 and steady.logits == pytest.approx([math.log(2)] * 2)


def test_overfitting_equals_the_words_of_its_paper() -> None:
    import itertools

    profits = np.random.default_rng(11).normal(size=(64, 7)) + np.linspace(0, 0.2, 7)
    logits = []
    parts = np.split(profits, 8)
    for chosen in itertools.combinations(range(8), 4):
        here = statistics.sharpe_ratios(np.concatenate([parts[at] for at in chosen]))
        there = statistics.sharpe_ratios(np.concatenate([parts[at] for at in range(8) if at not in chosen]))
        rank = (there <= there[np.argmax(here)]).sum() / 8
        logits.append(math.log(rank / (1 - rank)))
    found = statistics.overfitting(profits, 8)
    assert found is not None and found.logits == pytest.approx(logits)


def test_noise_overfits_and_skill_does_not() -> None:
    random = np.random.default_rng(13)
    noise = [statistics.overfitting(random.normal(size=(320, 40)), 8) for _ in range(60)]
    assert np.mean([each.probability for each in noise if each is not None]) == pytest.approx(0.5, abs=0.08)
    skilled = random.normal(size=(320, 40))
    skilled[:, 3] += 0.5
    found = statistics.overfitting(skilled, 16)
    assert found is not None and found.probability < 0.01 and found.splits == math.comb(16, 8)
    assert statistics.overfitting(skilled[:20], 16) is None


@pytest.mark.parametrize("anchored", [False, True])
def test_walking_forward_never_looks_ahead(anchored: bool) -> None:
    walk = splits.Walk(train=4, test=2, embargo=1, anchored=anchored)
    found = splits.splits(11, walk)
    assert [list(split.test) for split in found] == [[5, 6], [7, 8], [9, 10]]
    assert [list(split.train) for split in found] == (
        [[0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7]]
        if anchored
        else [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    )
    assert splits.parse("train=4,test=2,embargo=1" + ",anchored" * anchored) == walk
    assert [splits.parse(text) for text in ("train=0", "test=1", "train=1,test=x", "")] == [None] * 4


def test_a_walk_takes_the_best_of_the_past_into_the_future() -> None:
    profits = np.array([[[1.0, 0.0], [1.1, 0.1]], [[0.0, 3.0], [0.1, 3.1]], [[5.0, 1.0], [5.2, 1.1]]])
    first, second = splits.walk_forward(profits, splits.Walk(train=1))
    assert (first["column"], first["train_net"], first["test_net"]) == (0, pytest.approx(2.1), pytest.approx(0.1))
    assert (second["column"], second["test_net"]) == (1, pytest.approx(2.1))
