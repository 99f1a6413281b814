"""The energy balance against Legendre polynomials, and its regressions against climates and sums written out here."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from climgru_lib.contract import InputError
from climgru_lib.data.normalizer import Normalizer, denormalise
from climgru_lib.models import EnergyBalance, ResidualGP
from climgru_lib.models.compact.zonal import (
    contrast_weights,
    green,
    north_atlantic,
    overturning_loss,
    transport_pattern,
)
from climgru_lib.models.least_squares import Rows
from climgru_lib.models.simple import FitSeries
from climgru_lib.training import weights

LAT, LON = np.linspace(-85, 85, 18), np.arange(12) * 30.0 + 5
AREA = np.cos(np.deg2rad(LAT)) / np.cos(np.deg2rad(LAT)).mean()
N_YEARS = 70
CALENDAR = np.arange(12 * N_YEARS) % 12 + 1
# CO2 in Gt, SO2 in kg m-2 s-1, CH4 in Gt/yr, BC, sunlight; tas in K, pr in mm/day
NORMALIZER = Normalizer(
    np.array([2000.0, 5e-12, 0.3, 0.0, 340.0]),
    np.array([900.0, 7e-12, 0.1, 1.0, 100.0]),
    np.array([280.0, 3.0]),
    np.array([20.0, 2.0]),
)
SENSITIVITY = np.array([0.5, 1.1, -0.007])  # the expected ones


def cells(n):
    """Latitudes of n equal rows from pole to pole."""
    return -90 + (np.arange(n) + 0.5) * 180 / n


def lagged(series, years):
    keep, out = np.exp(-1 / (12 * years)), [series[0]]
    for value in series[1:]:
        out.append(keep * out[-1] + (1 - keep) * value)
    return np.array(out)


class Earth:
    """Scenarios of forcings in physical units, and the warming that they should cause."""

    def __init__(self, lat=LAT, lon=LON, seed=0):
        self.lat, self.lon, self.rng = lat, lon, np.random.default_rng(seed)
        self.area = np.cos(np.deg2rad(lat)) / np.cos(np.deg2rad(lat)).mean()

    def forcings(self, scale, n_months=840):
        t = np.arange(n_months) / 12
        inputs = np.zeros((n_months, 5, len(self.lat), len(self.lon)))
        inputs[:, 0] = (1500 + scale * 45 * t)[:, None, None]
        inputs[:, 2] = (0.35 + 0.002 * (scale - 1.2) * t)[:, None, None]
        where = np.exp(-(((self.lat - 30) / 15) ** 2))[:, None] * self.rng.uniform(0.5, 1.5, len(self.lon))
        inputs[:, 1] = 2e-11 * np.exp(-t / (20 * scale))[:, None, None] * where
        return inputs

    def warming(self, inputs):
        """Global warming, what uneven SO2 adds by latitude, and the lost share of the overturning."""
        so2 = lagged(inputs[:, 1].mean(axis=2) * 5.1e14 * 365 * 86400 / 1e9, 5)
        mean = so2 @ self.area / len(self.lat)
        drivers = np.stack([inputs[:, 0, 0, 0] / 1000, lagged(inputs[:, 2, 0, 0], 10), mean], axis=1)
        everywhere = drivers @ SENSITIVITY
        uneven = SENSITIVITY[2] * (so2 @ green(self.lat).T - mean[:, None])
        past = np.maximum(lagged(everywhere - everywhere[:60].mean(), 20), 0)
        return drivers, everywhere, uneven, 1 - np.exp(-((past / 0.5) ** 2))


def series_of(inputs, fields, weight, lon=LON):
    """Return a scenario as the fits want it, from physical units."""
    calendar = np.arange(len(inputs)) % 12 + 1
    z = [
        (values - mean[:, None, None]) / std[:, None, None]
        for values, mean, std in (
            (inputs, NORMALIZER.input_mean, NORMALIZER.input_std),
            (fields, NORMALIZER.target_mean, NORMALIZER.target_std),
        )
    ]
    return FitSeries(*(torch.from_numpy(part).float() for part in z), weight, calendar, lon, NORMALIZER)


def zonal_climate(earth, transport, scales=(0.6, 1.5)):
    """Return scenarios whose temperature is the warming of the latitude plus a fixed map, and that temperature."""
    base = 280 + earth.rng.standard_normal((12, len(earth.lat), len(earth.lon)))
    series, truths = [], []
    for scale in scales:
        inputs = earth.forcings(scale)
        _, everywhere, uneven, loss = earth.warming(inputs)
        local = everywhere[:, None] + uneven + transport * np.outer(loss, transport_pattern(earth.lat))
        tas = base[CALENDAR - 1] + local[:, :, None]
        series.append(series_of(inputs, np.stack([tas, np.full_like(tas, 3.0)], 1), np.full(len(tas), 2.0), earth.lon))
        truths.append(tas)
    return series, truths


class TestDiffusion:
    @pytest.mark.parametrize("lat", [cells(18), cells(48), np.linspace(-90, 90, 37)], ids=["18", "48", "poles"])
    def test_the_area_mean_is_conserved(self, lat):
        weights = np.cos(np.deg2rad(lat))
        np.testing.assert_allclose(weights @ green(lat), weights, atol=1e-10)

    @pytest.mark.parametrize("ratio", [0.3, 1.0])
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_legendre_polynomials_shrink_by_their_eigenvalues(self, n, ratio):
        polynomial = np.polynomial.Legendre.basis(n)
        errors = []
        for rows in (48, 96):
            values = polynomial(np.sin(np.deg2rad(cells(rows))))
            errors.append(np.abs(green(cells(rows), ratio) @ values - values / (1 + ratio * n * (n + 1))).max())
        assert errors[0] < 2e-3
        assert errors[1] < 0.3 * errors[0]  # second order: a quarter at half the spacing

    def test_lost_transport_cools_the_northern_middle_latitudes_and_leaves_the_mean(self):
        lat = cells(48)
        pattern, weights = transport_pattern(lat), np.cos(np.deg2rad(lat))
        assert pattern[(lat > 40) & (lat < 70)].mean() == pytest.approx(-1)
        assert weights @ pattern == pytest.approx(0, abs=1e-10)
        assert pattern[(lat > -35) & (lat < 5)].min() > 0


def test_the_contrast_is_north_minus_south_without_the_tropics():
    field = np.where(LAT > 15, 2.0, np.where(LAT < -15, -1.0, 77.0))
    assert field @ contrast_weights(LAT) == pytest.approx(3)


def test_the_north_atlantic_is_found_in_both_ways_of_counting_longitudes():
    lat, lon = np.array([30.0, 50.0, 80.0]), np.array([10.0, 30.0, 290.0, 310.0])
    expected = [[False] * 4, [True, False, False, True], [False] * 4]
    np.testing.assert_array_equal(north_atlantic(lat, lon), expected)
    np.testing.assert_array_equal(north_atlantic(lat, (lon + 180) % 360 - 180), expected)


def test_the_overturning_is_lost_to_past_warming_and_not_to_cooling():
    warming = np.where(np.arange(600) < 60, 3.0, 3.8)  # 0.8 K after five years
    years = np.arange(-59, 541) / 12
    expected = 1 - np.exp(-((0.8 * (1 - np.exp(-np.maximum(years, 0) / 20)) / 0.5) ** 2))
    np.testing.assert_allclose(overturning_loss(warming), expected, atol=1e-12)
    assert overturning_loss(-warming).max() == 0


class TestRows:
    def series(self):
        weights = np.repeat([3.0, 2.0, 0.0], [14, 34, 12]), np.full(54, 1.0)
        return [FitSeries(None, None, weight, np.arange(len(weight)) % 12 + 1, LON, NORMALIZER) for weight in weights]

    def test_whole_years_have_weight_in_all_months(self):
        rows = Rows.whole_years(self.series())
        np.testing.assert_array_equal(rows.scenario, [0] * 4 + [1] * 4)
        np.testing.assert_allclose(rows.members, [3, (2 * 3 + 10 * 2) / 12, 2, 2, 1, 1, 1, 1])
        np.testing.assert_allclose(np.diff(rows.years[:4]), 1)
        counting = rows.gather([np.arange(60), 100 + np.arange(54)])
        np.testing.assert_allclose(counting[[0, 3, 4]], [5.5, 41.5, 105.5])

    def test_a_calendar_month_is_taken_where_it_has_weight(self):
        rows = Rows.of_month(self.series(), 3)
        counting = rows.gather([np.arange(60), 100 + np.arange(54)])
        np.testing.assert_array_equal(counting, [2, 14, 26, 38, 102, 114, 126, 138, 150])

    def test_white_noise_is_made_of_remembered_noise(self):
        rows = Rows.whole_years(self.series())
        covariance = np.zeros((8, 8))
        for i in range(8):
            for j in range(8):
                red = 0.4 * np.exp(-abs(i - j) / 6) if rows.scenario[i] == rows.scenario[j] else 0
                covariance[i, j] = (red + 0.6 * (i == j)) / np.sqrt(rows.members[i] * rows.members[j])
        whiten = rows.whitener(0.4, 6)
        np.testing.assert_allclose(whiten @ covariance @ whiten.T, np.eye(8), atol=1e-12)


class TestRecovery:
    @pytest.mark.parametrize(
        ("lat", "lon"), [(LAT, LON), (cells(30), np.arange(10) * 36.0), (cells(12), np.arange(5) * 72.0 - 180)]
    )
    def test_a_climate_of_its_own_form_is_recovered_and_extrapolated(self, lat, lon):
        earth = Earth(lat, lon)
        series, truths = zonal_climate(earth, transport=0.4, scales=(0.6, 1.5, 1.0))
        model = EnergyBalance((len(lat), len(lon)))
        model.fit(series[:2], lat)
        np.testing.assert_allclose(model.sensitivity, SENSITIVITY, rtol=1e-3)
        assert model.transport.item() == pytest.approx(0.4, abs=0.01)
        for one, truth in zip(series, truths):  # the third was not seen
            found = denormalise(model.predict(one.inputs, CALENDAR, lat), NORMALIZER)
            np.testing.assert_allclose(found[:, 0], truth, atol=0.02)
            np.testing.assert_allclose(found[:, 1], 3, atol=1e-4)

    def test_without_any_loss_in_training_none_is_expected(self):
        series, _ = zonal_climate(Earth(), transport=0.4, scales=(-0.3, -0.6))  # cooling scenarios
        model = EnergyBalance((18, 12))
        model.fit(series, LAT)
        assert model.transport.item() == pytest.approx(0, abs=1e-6)


class TestRegressions:
    """Weather of 1 K and 1 mm/day on climates that the model cannot describe, against sums written out here."""

    weights = (np.repeat([2.0, 1.0, 0.0], 12 * N_YEARS // 3 + 1)[: 12 * N_YEARS], np.full(12 * N_YEARS, 2.0))

    def fitted(self):
        earth, series = Earth(seed=4), []
        for scale, weight in zip((0.6, 1.5), self.weights):
            inputs = earth.forcings(scale)
            _, everywhere, _, _ = earth.warming(inputs)
            weather = earth.rng.standard_normal((len(inputs), 2, 18, 12))
            fields = np.array([280.0, 3.0])[:, None, None] + weather + 1.3 * everywhere[:, None, None, None]
            series.append(series_of(inputs, fields, weight))
        model = EnergyBalance((18, 12))
        model.fit(series, LAT)
        return earth, model, series

    def covariance(self, rows, remembered, memory):
        apart = np.abs(np.subtract.outer(rows.years, rows.years))
        same = np.equal.outer(rows.scenario, rows.scenario)
        correlation = remembered * same * np.exp(-apart / memory) + (1 - remembered) * np.eye(len(apart))
        return correlation / np.sqrt(np.multiply.outer(rows.members, rows.members))

    def physical(self, one):
        return one.inputs.double().numpy() * NORMALIZER.input_std[:, None, None] + NORMALIZER.input_mean[:, None, None]

    def test_sensitivities_are_the_mean_of_the_posterior(self):
        earth, model, series = self.fitted()
        rows = Rows.whole_years(series)
        drivers = rows.gather([earth.warming(self.physical(one))[0] for one in series])
        design = np.column_stack([drivers, np.ones(len(drivers))])
        tas = rows.gather([20 * np.einsum("tyx,y->t", one.target[:, 0].double(), AREA) / 216 for one in series])
        inverse = np.linalg.inv(self.covariance(rows, 0.3, 10) * 0.113**2)
        prior = np.diag([0.05**-2, 0.15**-2, 0.0015**-2, 0])
        right = design.T @ inverse @ tas + prior @ np.append(SENSITIVITY, 0)
        expected = np.linalg.solve(design.T @ inverse @ design + prior, right)
        np.testing.assert_allclose(model.sensitivity, expected[:3], rtol=1e-4)
        assert model.sensitivity[0] > 0.55  # the data, which warm by 0.65 K per 1000 Gt, were heard

    @pytest.mark.parametrize(("var", "y", "x"), [(0, 13, 11), (0, 13, 3), (0, 5, 11), (1, 7, 4)])
    def test_coefficients_of_a_cell_are_those_of_generalised_ridge_regression(self, var, y, x):
        earth, model, series = self.fitted()
        month, rows = 5, Rows.of_month(series, 5)
        columns = []
        for one in series:
            drivers, _, uneven, _ = earth.warming(self.physical(one))
            everywhere = drivers @ model.sensitivity.numpy()
            uneven = uneven / SENSITIVITY[2] * model.sensitivity[2].item()
            loss = overturning_loss(everywhere)
            local = everywhere[:, None] + uneven + model.transport.item() * np.outer(loss, transport_pattern(LAT))
            contrast = local @ contrast_weights(LAT) - model.contrast.numpy() @ [np.ones_like(everywhere), everywhere]
            second, third = (local[:, y], loss) if var == 0 else (everywhere, contrast)
            columns.append(np.stack([np.ones_like(loss), second, third], axis=1))
        design, maps = rows.gather(columns), rows.gather([one.target.numpy() for one in series])
        in_sector = var == 0 and 40 < LAT[y] < 75 and (LON[x] > 300 or LON[x] < 20)
        design = design if var == 1 or in_sector else design[:, :2]
        inverse = np.linalg.inv(self.covariance(rows, 0.23, 8))
        prior = np.diag([0, 0, (0.2, 0.6)[var]][: design.shape[1]])
        expected = np.linalg.solve(design.T @ inverse @ design + prior, design.T @ inverse @ maps[:, var, y, x])
        found = model.coefficients[month - 1, :, var, y, x]
        np.testing.assert_allclose(found[: len(expected)], expected, rtol=2e-3, atol=1e-4)
        assert in_sector == (y == 13 and x == 11)
        assert var == 1 or in_sector or found[2] == 0

    def test_the_contrast_is_uncorrelated_with_global_warming_in_training(self):
        _, model, series = self.fitted()
        rows = Rows.whole_years(series)
        predictors = rows.gather([model._predictors(one.inputs, LAT) for one in series])
        contrast, everywhere = predictors[:, 2, 1, 0], predictors[:, 1, 1, 0]
        assert contrast.mean() == pytest.approx(0, abs=1e-9)
        assert np.cov(contrast, everywhere)[0, 1] == pytest.approx(0, abs=1e-9)
        assert contrast.std() > 0.01

    def test_withheld_months_are_not_read(self):
        _, model, series = self.fitted()
        hidden = series[0].target.clone()
        hidden[series[0].weight == 0] = float("nan")
        again = EnergyBalance((18, 12))
        again.fit([replace(series[0], target=hidden), series[1]], LAT)
        for name, value in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], value), name

    def test_months_are_predicted_from_the_past_alone(self):
        _, model, series = self.fitted()
        inputs = series[1].inputs
        whole = model.predict(inputs, CALENDAR, LAT)
        torch.testing.assert_close(model.predict(inputs[:125], CALENDAR[:125], LAT), whole[:125])

    @pytest.mark.parametrize("make", [EnergyBalance, lambda grid: ResidualGP(grid, "energy_balance")])
    def test_precipitation_is_never_negative(self, make):
        _, _, series = self.fitted()
        for one in series:
            one.target[:, 1] -= 2.2  # 4.4 mm/day: now the fitted line starts below zero
        model = make((18, 12))
        model.fit(series, LAT)
        rain = denormalise(model.predict(series[0].inputs, CALENDAR, LAT), NORMALIZER)[:, 1]
        assert rain.min() >= 0
        assert (rain < 1e-6).mean() > 0.01

    def test_a_saved_model_predicts_the_same(self, tmp_path):
        _, model, series = self.fitted()
        weights.save_weights(tmp_path, model)
        again = weights.load_weights(tmp_path, EnergyBalance((18, 12)))
        predicted = [each.predict(series[1].inputs, CALENDAR, LAT) for each in (model, again)]
        assert torch.equal(*predicted)


def test_a_gaussian_process_adds_to_the_energy_balance_what_similar_years_had():
    series, _ = zonal_climate(Earth(), transport=0.4)
    series[0].target[12 * 35 :, 0, 9, 4] += 1 / 20  # 1 K in one cell, in the second half of the first scenario
    model = ResidualGP((18, 12), "energy_balance")
    model.fit(series, LAT)
    prior = EnergyBalance((18, 12))
    prior.fit(series, LAT)
    added = 20 * (model.predict(series[0].inputs, CALENDAR, LAT) - prior.predict(series[0].inputs, CALENDAR, LAT))[:, 0]
    missed = 20 * (series[0].target - prior.predict(series[0].inputs, CALENDAR, LAT))[-60:, 0, 9, 4].mean().item()
    assert 0.3 * missed < added[-60:, 9, 4].mean().item() < missed
    assert added[:, 2].abs().max() < 0.02


class TestRefusals:
    def test_unknown_priors(self):
        with pytest.raises(InputError, match="unknown prior 'ocean'; there are pattern_scaling, energy_balance"):
            ResidualGP((4, 4), "ocean")

    def test_grids_without_the_latitudes(self):
        earth = Earth(lat=np.array([-60.0, -20.0, 20.0]))
        series = [series_of(earth.forcings(1.0), np.full((840, 2, 3, 12), 5.0), np.full(840, 1.0))]
        with pytest.raises(InputError, match=r"no latitude between 40 and 70, the energy balance needs one"):
            EnergyBalance((3, 12)).fit(series, earth.lat)

    def test_less_than_two_years(self):
        earth = Earth()
        inputs = earth.forcings(1.0, 23)
        short = series_of(inputs, np.full((23, 2, 18, 12), 5.0), np.full(23, 1.0))
        with pytest.raises(InputError, match="needs two whole years of a scenario"):
            EnergyBalance((18, 12)).fit([short, short], LAT)
