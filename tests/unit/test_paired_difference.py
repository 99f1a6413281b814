"""Paired block bootstrap: closed forms of its mean and spread, and whether its interval covers the truth."""

import numpy as np
import pytest

from climgru_lib.score.compare import paired_difference


def mse(prediction, truth):
    return float(np.square(prediction - truth).mean())


def test_difference_and_error_by_hand():
    truth = np.zeros((1, 48))
    first = np.repeat([1.0, 2.0, 3.0, 4.0], 12)  # squared errors 1, 4, 9, 16 a year, less those of 2: -3, 0, 5, 12
    found = paired_difference(mse, first, np.full(48, 2.0), truth, draws=4000)
    assert found.value == pytest.approx(3.5)
    # the standard error of a mean of four
    assert found.error == pytest.approx(np.std([-3, 0, 5, 12], ddof=1) / 2, rel=0.05)
    # the 95 % point of Student's t with three degrees of freedom
    assert (found.low, found.high) == pytest.approx((3.5 - 2.353 * found.error, 3.5 + 2.353 * found.error), rel=1e-3)


def test_scores_are_averaged_over_the_members_of_the_truth():
    truth = np.stack([np.zeros(48), np.full(48, 4.0)])
    found = paired_difference(mse, np.ones(48), np.full(48, 3.0), truth)
    assert found == pytest.approx((0, 0, 0, 0))  # 1 and 9 against 9 and 1
    assert paired_difference(mse, np.ones(48), np.full(48, 3.0), truth[:1]).value == pytest.approx(-8)


def test_what_both_predictions_miss_cancels():
    weather = 10 * np.random.default_rng(0).standard_normal((1, 120))
    mean = lambda prediction, truth: float((prediction - truth).mean())  # noqa: E731
    found = paired_difference(mean, np.full(120, 0.3), np.zeros(120), weather)
    assert found == pytest.approx((0.3, 0, 0.3, 0.3), abs=1e-12)


def test_blocks_keep_months_of_a_year_together_and_the_rest_is_not_lost():
    seen = []

    def record(prediction, truth):
        seen.append(prediction.copy())
        return 0.0

    paired_difference(record, np.arange(50.0), np.arange(50.0), np.zeros((1, 50)), draws=20)
    starts, sizes = {0: 12, 12: 12, 24: 12, 36: 14}, set()
    for drawn in seen:
        at = 0
        while at < len(drawn):
            size = starts[int(drawn[at])]
            np.testing.assert_array_equal(np.diff(drawn[at : at + size]), 1)
            at += size
            sizes.add(size)
    assert sizes == {12, 14}


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Thirty years, errors of variance 1 and 1.2 that share their weather: expected difference -0.2."""
    rng, hits = np.random.default_rng(1), 0
    for trial in range(100):
        common = rng.standard_normal(360)
        second = np.sqrt(1.2) * (0.8 * common + 0.6 * rng.standard_normal(360))
        found = paired_difference(mse, common, second, np.zeros((1, 360)), draws=100, seed=trial)
        hits += found.low < -0.2 < found.high
    assert 82 <= hits <= 98  # 90 +- 3 by chance


def test_too_few_blocks_are_refused():
    with pytest.raises(ValueError, match="36 months make 3 blocks of 12"):
        paired_difference(mse, np.zeros(36), np.zeros(36), np.zeros((1, 36)))
