"""Ensemble scores: closed forms, cases by hand, and ensembles that are reliable by construction."""

import numpy as np
import pytest
from scipy.stats import norm

from climgru_lib.score import distributions

LAT = np.array([0.0, 60.0])  # weights 4/3 and 2/3


def test_fair_crps_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    draws, truth = rng.standard_normal((5, 7)), rng.standard_normal(7)
    between = np.abs(draws[:, None] - draws[None]).sum(axis=(0, 1)) / (5 * 4)
    expected = np.abs(draws - truth).mean(axis=0) - between / 2
    np.testing.assert_allclose(distributions.fair_crps(draws, truth), expected, rtol=1e-12)


def test_fair_crps_of_one_draw_is_its_absolute_error():
    assert distributions.fair_crps(np.array([[1.0, -2.0]]), np.array([3.0, -2.5])) == pytest.approx([2.0, 0.5])


@pytest.mark.parametrize("count", [2, 3, 20])
def test_fair_crps_expects_the_closed_form_of_a_gaussian_whatever_the_number_of_draws(count):
    rng, truth, draws = np.random.default_rng(count), 0.7, 60_000
    found = distributions.fair_crps(rng.normal(0, 1, (count, draws)), np.full(draws, truth))
    closed = truth * (2 * norm.cdf(truth) - 1) + 2 * norm.pdf(truth) - 1 / np.sqrt(np.pi)  # Gneiting et al. (2005)
    assert found.mean() == pytest.approx(closed, abs=4 * found.std() / np.sqrt(draws))


@pytest.mark.parametrize("count", [2, 5])
def test_an_exchangeable_ensemble_is_reliable(count):
    fields = np.random.default_rng(1).standard_normal((count + 1, 4000, 2, 3))
    ensemble, truth = fields[:-1], fields[-1]
    # 24 000 values, those of the smaller weight count half: the ratio is known to about 1 %
    assert distributions.spread_skill(ensemble, truth, LAT) == pytest.approx(1, abs=0.03)
    shares = distributions.rank_histogram(ensemble, truth, LAT)
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, 1 / (count + 1), atol=0.015)


def test_spread_skill_by_hand():
    ensemble = np.array([1.0, 3.0])[:, None, None, None] * np.ones((2, 1, 2, 1))
    truth = np.array([[[4.0], [2.0]]])  # mean 2, variance 2; squared errors 4 and 0, weighted 8 / 3
    assert distributions.spread_skill(ensemble, truth, LAT) == pytest.approx(np.sqrt(3 / 2 * 2 / (8 / 3)))
    with pytest.raises(ValueError, match="at least two members"):
        distributions.spread_skill(ensemble[:1], truth, LAT)


def test_ranks_count_area_and_break_ties_at_random():
    ensemble = np.array([1.0, 2.0])[:, None, None, None] * np.ones((2, 1, 2, 1))
    shares = distributions.rank_histogram(ensemble, np.array([[[0.0], [1.5]]]), LAT)
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0])
    dry = np.zeros((2, 3000, 2, 1))
    shares = distributions.rank_histogram(dry, dry[0], LAT, seed=3)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.03)
    np.testing.assert_array_equal(shares, distributions.rank_histogram(dry, dry[0], LAT, seed=3))
    assert not np.array_equal(shares, distributions.rank_histogram(dry, dry[0], LAT, seed=4))


@pytest.mark.parametrize("n_lon", [12, 15])
def test_spectrum_of_waves(n_lon):
    phase = 2 * np.pi * np.arange(n_lon) / n_lon
    equator, north = 3 + 2 * np.cos(2 * phase), 4 * np.sin(5 * phase)
    found = distributions.zonal_spectrum(np.stack([equator, north]), LAT)
    # a wave of amplitude a has the mean square a^2 / 2
    expected = np.zeros(n_lon // 2 + 1)
    expected[[0, 2, 5]] = 9 * 2 / 3, 2 * 2 / 3, 8 * 1 / 3
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("n_lon", [12, 15])
def test_spectrum_sums_to_the_mean_square(n_lon):
    fields = np.random.default_rng(4).standard_normal((3, 2, n_lon))
    mean_square = (np.square(fields).mean(axis=(0, 2)) * [4 / 3, 2 / 3]).mean()
    assert distributions.zonal_spectrum(fields, LAT).sum() == pytest.approx(mean_square)


def test_quantiles_count_area():
    fields = np.array([[[1.0], [3.0]], [[2.0], [4.0]]])  # shares 1/3, 1/3 at the equator, 1/6, 1/6 in the north
    found = distributions.quantiles(fields, [0, 1 / 3, 0.4, 2 / 3, 0.7, 5 / 6, 0.9, 1], LAT)
    np.testing.assert_array_equal(found, [1, 1, 2, 2, 3, 3, 4, 4])


def test_anomalies_leave_the_deviation_from_the_calendar_month():
    calendar = np.array([1, 2, 1, 2])
    fields = np.array([1.0, 10.0, 3.0, 30.0])[:, None, None]
    np.testing.assert_array_equal(distributions.anomalies(fields, calendar).ravel(), [-1, -10, 1, 10])
    assert fields[0] == 1  # the input is left alone


def test_correlation_by_hand():
    first = np.array([1.0, 2.0, 3.0, 4.0])[:, None, None]
    second = np.array([2.0, 1.0, 4.0, 3.0])[:, None, None]
    assert distributions.correlation(first, second).item() == pytest.approx(
        3 / 5
    )  # deviations -1.5 .. 1.5: 0.75 / 1.25
    assert distributions.correlation(first, -2 * first).item() == pytest.approx(-1)
    assert np.isnan(distributions.correlation(first, np.ones_like(first)).item())


def test_lag_correlation_of_an_autoregressive_process_is_its_coefficient():
    rng, series = np.random.default_rng(5), np.zeros((20_000, 1, 1))
    for t in range(1, len(series)):
        series[t] = 0.6 * series[t - 1] + rng.standard_normal()
    # standard error sqrt((1 - 0.36) / 20000) = 0.006
    assert distributions.correlation(series[:-1], series[1:]).item() == pytest.approx(0.6, abs=0.02)
