"""Baselines recover climates that they can describe exactly."""

import numpy as np
import pytest
import torch

from climgru_lib.contract import InputError
from climgru_lib.data.normalizer import Normalizer
from climgru_lib.models import Climatology, PatternScaling, Regression, ResidualGP
from climgru_lib.models.simple import FitSeries

LAT = np.array([-60.0, -20.0, 20.0, 60.0])
AREA = np.cos(np.deg2rad(LAT)) / np.cos(np.deg2rad(LAT)).mean()
GRID = (4, 5)
CALENDAR = np.arange(120) % 12 + 1
LON = np.arange(5) * 72.0
WET = Normalizer(np.zeros(5), np.ones(5), np.array([280.0, 99.0]), np.ones(2))  # far from no rain at all


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
        series = FitSeries(torch.from_numpy(inputs).float(), torch.from_numpy(seen).float(), weight, CALENDAR, LON, WET)
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
        FitSeries(torch.zeros(120, 5, *GRID), torch.from_numpy(t).float(), w, CALENDAR, LON, WET)
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


@pytest.mark.parametrize("forcings", [["CO2"], ["CO2", "CH4", "SO2", "BC"]])
def test_regression_recovers_its_coefficients_and_ignores_months_without_weight(forcings):
    rng = np.random.default_rng(5)
    channels = [("CO2", "SO2", "CH4", "BC").index(name) for name in forcings]
    coefficients = rng.standard_normal((12, 1 + len(forcings), 2, *GRID))
    inputs = rng.standard_normal((3, 120, 5, *GRID))
    predictors = np.concatenate([np.ones((3, 120, 1)), global_mean(inputs[:, :, channels])], axis=2)
    truth = np.einsum("stp,tpcyx->stcyx", predictors, coefficients[CALENDAR - 1])
    weight = np.repeat([3.0, 2.0, 0.0], 40)
    seen = np.where((weight > 0)[:, None, None, None], truth, 99.0)
    series = [
        FitSeries(torch.from_numpy(x).float(), torch.from_numpy(y).float(), weight, CALENDAR, LON, WET)
        for x, y in zip(inputs, seen)
    ]
    model = Regression(GRID, forcings)
    model.fit(series, LAT)
    np.testing.assert_allclose(model.coefficients, coefficients, atol=1e-4)
    np.testing.assert_allclose(model.predict(series[1].inputs, CALENDAR, LAT), truth[1], atol=1e-4)


@pytest.mark.parametrize("forcings", [[], ["CO2", "CO2"], ["rsdt"], ["N2O"]])
def test_regression_on_what_is_no_forcing_is_refused(forcings):
    with pytest.raises(InputError, match="regression wants different forcings out of CO2, SO2, CH4, BC, got"):
        Regression(GRID, forcings)


class TestGaussianProcess:
    """Linear climates plus a map that pattern scaling cannot know, the same in all months of a scenario's year."""

    def fitted(self, weights=(3.0, 3.0)):
        earth, rng = LinearEarth(), np.random.default_rng(6)
        series = [earth.scenario(np.full(120, weight))[0] for weight in weights]
        for one in series:
            one.target += torch.from_numpy(rng.standard_normal((10, 2, *GRID)).repeat(12, axis=0)).float()
        model = ResidualGP(GRID)
        model.fit(series, LAT)
        return earth, model, series

    def predictors(self, model, inputs):
        """Annual means of predicted temperature, CO2 lagged by forty years, and SO2."""
        co2, so2 = global_mean(inputs[:, 0].double().numpy()), global_mean(inputs[:, 1].double().numpy())
        ch4 = global_mean(inputs[:, 2].double().numpy())
        warming = np.stack([co2, lagged(ch4, 10), lagged(so2, 5)], 1) @ model.prior.global_slope.numpy()
        return np.stack([warming, lagged(co2, 40), so2], 1).reshape(10, 12, 3).mean(axis=1)

    @pytest.mark.parametrize("weights", [(3.0, 3.0), (2.0, 1.0)])
    def test_prediction_is_the_kernel_formula(self, weights):
        _, model, series = self.fitted(weights)
        plain = PatternScaling(GRID)
        plain.fit(series, LAT)
        base = [plain.predict(one.inputs, CALENDAR, LAT).numpy() for one in series]
        residual = [(one.target.numpy() - b).reshape(10, 12, 2, *GRID).mean(axis=1) for one, b in zip(series, base)]
        features = np.concatenate([self.predictors(model, one.inputs) for one in series])
        features = (features - features.mean(axis=0)) / features.std(axis=0)
        squared = np.square(features[:, None] - features).sum(axis=2)
        year, scenario = np.tile(np.arange(10), 2), np.repeat([0, 1], 10)
        own = np.exp(-np.abs(year[:, None] - year) / 100) * (scenario[:, None] == scenario)
        kernel, noise = np.exp(-squared / 8) + own, np.diag(1 / np.repeat(weights, 10))
        for channel, signal in enumerate((0.1, 1 / 30)):
            gain = signal * kernel @ np.linalg.inv(signal * kernel + noise)
            expected = np.tensordot(gain, np.concatenate(residual)[:, channel], 1)
            for number, one in enumerate(series):
                found = model.predict(one.inputs, CALENDAR, LAT).numpy()[:, channel] - base[number][:, channel]
                np.testing.assert_allclose(found, expected[10 * number : 10 * number + 10].repeat(12, 0), atol=2e-4)

    def test_only_the_forcing_tells_the_scenario(self):
        earth, model, series = self.fitted()
        plain = PatternScaling(GRID)
        plain.load_state_dict(model.prior.state_dict())

        def added(inputs):
            months = CALENDAR[: len(inputs)]
            return model.predict(inputs, months, LAT) - plain.predict(inputs, months, LAT)

        known = series[1].inputs
        shorter = added(known[:54])  # ends within a year, and is still the same scenario
        np.testing.assert_allclose(shorter[:48], added(known)[:48], atol=1e-6)
        changed = known.clone()
        changed[-12:, 1] += 0.01 * known[:, 1].std()  # another last year makes it another scenario
        assert (added(changed)[:108] - added(known)[:108]).abs().max() > 0.05
        far, _ = earth.scenario(np.zeros(120))
        far.inputs[:, :3] += 50  # no year like it: pattern scaling is left alone
        assert added(far.inputs).abs().max() < 1e-6

    def test_state_of_any_length_is_loaded(self):
        _, model, series = self.fitted()
        other = ResidualGP(GRID)
        other.load_state_dict(model.state_dict())
        inputs = series[0].inputs
        assert torch.equal(other.predict(inputs, CALENDAR, LAT), model.predict(inputs, CALENDAR, LAT))
