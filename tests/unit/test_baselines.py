"""Baselines recover climates that they can describe exactly."""

import numpy as np
import torch

from climgru_lib.models import Climatology, PatternScaling
from climgru_lib.models.baselines import FitSeries

LAT = np.array([-60.0, -20.0, 20.0, 60.0])
AREA = np.cos(np.deg2rad(LAT)) / np.cos(np.deg2rad(LAT)).mean()
GRID = (4, 5)
CALENDAR = np.arange(120) % 12 + 1


def lagged(series, years):
    """Relax towards a series month by month, starting in equilibrium with its first value."""
    keep, out = np.exp(-1 / (12 * years)), [series[0]]
    for value in series[1:]:
        out.append(keep * out[-1] + (1 - keep) * value)
    return np.array(out)


def global_mean(maps):
    return (maps * AREA[:, None]).mean(axis=(-2, -1))


class LinearEarth:
    """A climate that is linear, per calendar month and cell, in one global predictor."""

    response = np.array([0.8, 0.3, -0.4])  # to CO2, lagged CH4, lagged SO2

    def __init__(self):
        rng = np.random.default_rng(2)
        self.rng, self.base = rng, rng.standard_normal((12, 2, *GRID))
        self.pattern = 1 + 0.3 * rng.standard_normal((12, 2, *GRID))
        self.pattern[:, 0] /= global_mean(self.pattern[:, 0])[:, None, None]  # of tas: mean 1 in every month

    def scenario(self, weight):
        walks = self.rng.standard_normal((3, 120)).cumsum(axis=1) / 5
        inputs = np.zeros((120, 5, *GRID))
        inputs[:, :3] = walks.T[:, :, None, None]
        inputs[:, 1] += self.rng.standard_normal((120, *GRID))  # SO2 is a map: its area mean counts
        so2 = global_mean(inputs[:, 1])
        warming = self.response @ np.stack([walks[0], lagged(walks[2], 10), lagged(so2, 5)])
        month = CALENDAR - 1
        truth = self.base[month] + self.pattern[month] * warming[:, None, None, None]
        seen = np.where((weight > 0)[:, None, None, None], truth, 99.0)  # months without weight hold nonsense
        series = FitSeries(torch.from_numpy(inputs).float(), torch.from_numpy(seen).float(), weight, CALENDAR)
        return series, truth


def fitted():
    earth = LinearEarth()
    weights = [np.full(120, 3.0), np.repeat([3.0, 2.0, 0.0], 40)]
    series, truths = zip(*(earth.scenario(weight) for weight in weights))
    model = PatternScaling(GRID)
    model.fit(list(series), LAT)
    return earth, model, series, truths


def test_pattern_scaling_recovers_a_linear_climate():
    earth, model, series, truths = fitted()
    np.testing.assert_allclose(model.global_slope, earth.response, atol=1e-5)
    np.testing.assert_allclose(model.slope, earth.pattern, atol=1e-4)
    for one, truth in zip(series, truths):  # the withheld months too
        np.testing.assert_allclose(model.predict(one.inputs, CALENDAR, LAT), truth, atol=2e-4)


def test_pattern_scaling_extrapolates_to_an_unseen_scenario():
    earth, model, _, _ = fitted()
    series, truth = earth.scenario(np.zeros(120))
    np.testing.assert_allclose(model.predict(series.inputs, CALENDAR, LAT), truth, atol=2e-4)


def test_climatology_is_the_mean_of_each_calendar_month_weighted_by_members():
    rng = np.random.default_rng(0)
    weights = [np.full(120, 3.0), np.repeat([1.0, 0.0], 60)]
    targets = rng.standard_normal((2, 120, 2, *GRID))
    series = [
        FitSeries(torch.zeros(120, 5, *GRID), torch.from_numpy(t).float(), w, CALENDAR)
        for t, w in zip(targets, weights)
    ]
    model = Climatology(GRID)
    model.fit(series, LAT)
    for month in range(12):
        expected = (3 * targets[0, month::12].sum(axis=0) + targets[1, month:60:12].sum(axis=0)) / (3 * 10 + 5)
        np.testing.assert_allclose(model.mean[month], expected, atol=1e-6)
    calendar = np.array([12, 1, 2])
    torch.testing.assert_close(model.predict(torch.zeros(3, 5, *GRID), calendar, LAT), model.mean[[11, 0, 1]])


def test_coefficients_are_part_of_the_saved_state():
    _, model, series, _ = fitted()
    other = PatternScaling(GRID)
    other.load_state_dict(model.state_dict())
    inputs = series[0].inputs
    assert torch.equal(other.predict(inputs, CALENDAR, LAT), model.predict(inputs, CALENDAR, LAT))
