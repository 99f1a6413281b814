"""Weather of single members: variances known by construction, draws against closed forms, stretching by hand."""

import numpy as np
import pytest

from climgru_lib import mini_earth
from climgru_lib.contract import InputError
from climgru_lib.predict.residual_weather import BLOCK_MONTHS, Series, Weather, stretched

LAT, N_LON, T = np.array([-60.0, -20.0, 20.0, 60.0]), 6, 480
CALENDAR = np.arange(T) % 12 + 1
GRID = (len(LAT), N_LON)
LOOSENING = 0.25  # of the variance per K of warming, in the synthetic climate
VARIANCE = (2 + np.cos(2 * np.pi * np.arange(12) / 12))[:, None, None, None] * np.array([1.0, 0.25])[:, None, None]
WARMING = np.linspace(-1.5, 1.5, T)[:, None, None, None]


def predicted(warming=WARMING):
    """A season of 5 K and a warming that is the same everywhere; rain stays far from 0."""
    season = 5 * np.cos(2 * np.pi * (CALENDAR - 1) / 12)[:, None, None, None]
    level, warms = (np.array(pair)[:, None, None] for pair in ((280.0, 30.0), (1.0, 0.1)))
    return (level + (season + warming) * warms + np.zeros(GRID)).astype("f4")


def red_noise(rng, members, memory=0.0, together=0.0):
    """Weather of variance 1: tas and pr correlated, a first-order autoregression in time."""
    noise = rng.standard_normal((members, T, 2, *GRID))
    noise[:, :, 1] = together * noise[:, :, 0] + np.sqrt(1 - together**2) * noise[:, :, 1]
    for t in range(1, T):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return noise


def series(rng, members=4, **kwargs):
    spread = np.sqrt(VARIANCE[CALENDAR - 1] * (1 + LOOSENING * WARMING))
    truth = (predicted() + spread * red_noise(rng, members, **kwargs)).astype("f4")
    return Series(predicted(), truth, np.ones((members, T), dtype=bool), CALENDAR)


def test_the_variance_is_that_of_the_members_by_month_and_warming():
    weather = Weather.fit([series(np.random.default_rng(0), 8)], LAT)
    wanted = np.broadcast_to((np.roll(VARIANCE, 1, 0) + 2 * VARIANCE + np.roll(VARIANCE, -1, 0)) / 4, (12, 2, *GRID))
    # 40 years of 8 members: a variance is known to sqrt(2 / 320) = 8 % per cell and month, 1.6 % on average over cells
    np.testing.assert_allclose(weather.variance, wanted, rtol=5 * 0.08)
    np.testing.assert_allclose(weather.variance.mean(axis=(2, 3)), wanted.mean(axis=(2, 3)), rtol=4 * 0.016)
    # error of a slope: sqrt(2 / 3840) over the 0.87 K that the warming varies, less by the smoothing
    np.testing.assert_allclose(weather.slope, LOOSENING, atol=4 * 0.026)
    np.testing.assert_allclose(weather.season, predicted()[:, 0, 0, 0].reshape(-1, 12).mean(axis=0), rtol=1e-5)


def test_the_standard_deviation_of_other_months_by_hand():
    weather = Weather.fit([series(np.random.default_rng(0))], LAT)
    weather.slope[:] = 0.5
    warmer = predicted()
    warmer[:, 0] = (weather.season[CALENDAR - 1] + np.array([0.0, 1.0, -4.0, 9.0] * 120))[:, None, None]
    found = weather.std(warmer, CALENDAR)[12:16]
    factor = np.array([1, 1.5, 0.4, 2.5])[:, None, None, None]  # 1 - 2 and 1 + 4.5 lie beyond the bounds
    np.testing.assert_allclose(found, np.sqrt(weather.variance[:4] * factor), rtol=1e-4)


def test_draws_vary_as_the_members_do():
    """Variance, the correlation of tas and pr, and that with the next month, within sampling."""
    memory, together = 0.6, 0.5
    weather = Weather.fit([series(np.random.default_rng(1), memory=memory, together=together)], LAT)
    mean, std = predicted(), weather.std(predicted(), CALENDAR)
    draws = np.stack([weather.draw(mean, std, CALENDAR, np.random.default_rng(k)) for k in range(24)])
    noise = (draws - mean) / std
    # the residuals drawn from are standardised by their own variance; blocks repeat, so sampling adds a few per cent
    np.testing.assert_allclose(noise.var(axis=(0, 1, 3, 4)), 1, rtol=0.03)
    np.testing.assert_allclose((noise[:, :, 0] * noise[:, :, 1]).mean(), together, atol=0.02)
    kept = memory * (1 - 1 / BLOCK_MONTHS)
    np.testing.assert_allclose((noise[:, 1:] * noise[:, :-1]).mean(), kept, atol=0.02)
    assert draws.dtype == np.float32


def test_seams_take_away_what_the_documentation_says():
    """Residuals that never change within a member: months k apart stay together in 1 - k / 60 of all cases."""
    rng = np.random.default_rng(2)
    sign = np.sign(rng.standard_normal((60, 1, 1, 1, 1)))
    members = predicted()[:72] + np.broadcast_to(sign, (60, 72, 2, *GRID))
    weather = Weather.fit([Series(predicted()[:72], members, np.ones((60, 72), bool), CALENDAR[:72])], LAT)
    mean, std = predicted(), np.ones((T, 2, *GRID), "f4")
    noise = np.stack([(weather.draw(mean, std, CALENDAR, rng) - mean)[:, 0, 0, 0] for _ in range(400)])
    noise -= noise.mean()
    for apart in (1, 12, 30, 59, 90):
        found = (noise[:, apart:] * noise[:, :-apart]).mean() / noise.var()
        assert found == pytest.approx(max(0, 1 - apart / BLOCK_MONTHS), abs=0.04), apart


def test_draws_keep_the_calendar_and_the_fields_of_one_month_together():
    """Residuals that name their own month and member are drawn whole, into the same calendar month."""
    names = np.arange(2 * T).reshape(2, T, 1, 1, 1) * 1e-3 + np.zeros((2, T, 2, *GRID))
    weather = Weather.fit([Series(predicted(), predicted() + names, np.ones((2, T), bool), CALENDAR)], LAT)
    for record, name in zip(weather.records, names):
        record.residual[:] = name
    part = slice(7, 307)
    mean, std = np.zeros((300, 2, *GRID), "f4"), np.ones((300, 2, *GRID), "f4")
    drawn = weather.draw(mean, std, CALENDAR[part], np.random.default_rng(0))
    assert (drawn == drawn[:, :1, :1, :1]).all()
    source = np.rint(drawn[:, 0, 0, 0] * 1e3).astype(int)
    np.testing.assert_array_equal(source % 12 + 1, CALENDAR[part])
    assert (np.diff(source) == 1).sum() >= 300 - 1 - 300 // BLOCK_MONTHS - 1


def test_equal_seeds_give_equal_draws():
    weather = Weather.fit([series(np.random.default_rng(3))], LAT)
    std = weather.std(predicted(), CALENDAR)
    first, again, other = (weather.draw(predicted(), std, CALENDAR, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def test_drawn_rain_is_never_negative():
    one = series(np.random.default_rng(4))
    weather, dry = Weather.fit([one], LAT), predicted()
    dry[:, 1] = 0.1
    drawn = weather.draw(dry, weather.std(dry, CALENDAR), CALENDAR, np.random.default_rng(0))
    assert drawn[:, 1].min() == 0
    assert drawn[:, 0].min() > 200


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_only_training_months_are_used(poison):
    """Withheld months, also of one member alone, can hold anything."""
    clean = series(np.random.default_rng(5))
    trained = clean.trained.copy()
    trained[:, 400:], trained[0, 100:150] = False, False
    found = []
    for value in (0.0, poison):
        members, mean = clean.members.copy(), clean.prediction.copy()
        members[~trained], mean[400:] = value, value
        weather = Weather.fit([Series(mean, members, trained, CALENDAR)], LAT)
        std = weather.std(predicted(), CALENDAR)
        drawn = weather.draw(predicted(), std, CALENDAR, np.random.default_rng(0))
        found.append((std, drawn, weather.matched(predicted()[400:], CALENDAR[400:]), weather.share_of_means(120)))
    for first, second in zip(*found):
        assert np.isfinite(second).all()
        np.testing.assert_array_equal(first, second)


def test_too_few_unbroken_months_are_refused():
    one = series(np.random.default_rng(6))
    one.trained[:, BLOCK_MONTHS - 1 :: BLOCK_MONTHS] = False
    with pytest.raises(InputError, match=r"blocks of 60 months .* no member has 71 unbroken months"):
        Weather.fit([one], LAT)


@pytest.mark.parametrize(("months", "fits"), [(70, False), (71, True)])
def test_a_block_is_needed_for_every_opening_month(months, fits):
    one = series(np.random.default_rng(6))
    one.trained[:, months:] = False
    if not fits:
        with pytest.raises(InputError, match="open with any month of the year"):
            Weather.fit([one], LAT)
    else:
        weather = Weather.fit([one], LAT)
        draw = weather.draw(predicted(), weather.std(predicted(), CALENDAR), CALENDAR, np.random.default_rng(0))
        assert np.isfinite(draw).all()


def test_the_share_of_means_of_weather_that_is_white_and_that_never_changes():
    white = Weather.fit([series(np.random.default_rng(7), 8)], LAT)
    # 8 members, 4 independent windows of 120 months, 24 cells: an eighth, 1 / 120 known to sqrt(2 / 768) = 5 %
    np.testing.assert_allclose(white.share_of_means(120), 1 / 120, rtol=4 * 0.05)
    np.testing.assert_allclose(white.share_of_means(2 * T), white.share_of_means(T) / 2)
    still = series(np.random.default_rng(7))
    still.members[:] = still.prediction + np.array([3.0, -1.0, -2.0, 1.0])[:, None, None, None, None]
    np.testing.assert_allclose(Weather.fit([still], LAT).share_of_means(120), 1, rtol=0.02)


def test_the_matched_form_has_the_variance_of_a_member():
    rng = np.random.default_rng(8)
    weather, part = Weather.fit([series(rng, 8, memory=0.5)], LAT), slice(T - 120, T)
    mean = predicted()[part]
    matched = weather.matched(mean, CALENDAR[part])
    np.testing.assert_allclose(matched.mean(axis=0), mean.mean(axis=0), rtol=1e-5)
    members = series(rng, 200, memory=0.5).members[:, part]
    wanted = np.sqrt(members.var(axis=1, dtype=float).mean(axis=0))
    np.testing.assert_allclose(matched.std(axis=0), wanted, rtol=0.1)  # 8 % per cell and month of the fit
    np.testing.assert_allclose(matched.std(axis=0).mean(axis=(1, 2)), wanted.mean(axis=(1, 2)), rtol=0.01)


def test_negative_rain_of_a_prediction_is_cut_before_it_is_matched():
    weather, part = Weather.fit([series(np.random.default_rng(8), 8)], LAT), slice(T - 120, T)
    mean = predicted()[part]
    below = mean.copy()
    below[::2, 1, 0, 0], mean[::2, 1, 0, 0] = -7.0, 0.0
    below[:, 1, 1, 1], mean[:, 1, 1, 1] = -0.5, 0.0
    matched = weather.matched(below, CALENDAR[part])
    assert matched[:, 1].min() == 0
    np.testing.assert_array_equal(matched, weather.matched(mean, CALENDAR[part]))


def test_stretching_by_hand():
    fields = np.zeros((3, 2, 1, 3), "f4")
    fields[:, 0, 0] = np.array([[279.0], [280.0], [281.0]])
    fields[:, 1, 0] = np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 4.0], [3.0, 3.0, 4.0]])
    # rain 0, 1.5, 4.5 is 0 cut from a stretched 1, 2, 3: mean 2, standard deviation sqrt(3.5)
    std = np.array([[[2.0, 1.0, 0.0]], [[np.sqrt(3.5), np.sqrt(2 / 3), 5.0]]])
    out = stretched(fields, std)
    step = np.sqrt(1.5)
    expected = [[280 - 2 * step, 280, 280 + 2 * step], [280 - step, 280, 280 + step], [280, 280, 280]]
    np.testing.assert_allclose(out[:, 0, 0].T, expected, rtol=1e-6)
    np.testing.assert_allclose(out[:, 1, 0].T, [[0, 1.5, 4.5], [1, 2, 3], [4, 4, 4]], atol=1e-5)


def test_stretched_rain_is_never_negative_and_keeps_mean_and_standard_deviation():
    rng = np.random.default_rng(9)
    fields = rng.gamma(2.0, 1.0, (108, 2, 5, 7)).astype("f4")
    std = rng.uniform(0.2, 8.0, (2, 5, 7))
    out = stretched(fields, std)
    assert (out[:, 1] == 0).any()
    assert out[:, 1].min() == 0
    np.testing.assert_allclose(out.std(axis=0, dtype=float), std, rtol=1e-4)
    np.testing.assert_allclose(out.mean(axis=0, dtype=float), fields.mean(axis=0), rtol=1e-4)


def test_more_than_any_rain_could_vary_leaves_the_mean():
    """All the rain of n months in one of them has sqrt(n - 1) times the mean as standard deviation."""
    fields = np.stack([np.ones((2, 1, 1)), 2 * np.ones((2, 1, 1)), 6 * np.ones((2, 1, 1))])
    out = stretched(fields, np.full((2, 1, 1), 30.0))
    np.testing.assert_allclose(out[:, 1, 0, 0], [0, 0, 9], atol=1e-3)


def test_the_embedded_weather_is_found_again():
    """The standard deviation about the known forced climate, against that of members of another seed."""
    lat, lon, months = np.linspace(-82.5, 82.5, 12), 10 + 20.0 * np.arange(18), 600
    calendar = np.arange(months) % 12 + 1
    prediction, members = {}, {}
    for ssp in ("ssp126", "ssp585"):
        prediction[ssp] = _stack(mini_earth.forced(ssp, months, lat, lon), ("time", "y", "x"))
        made = mini_earth.make(months, 3, 0, lat, lon, scenarios=[ssp]).isel(ssp=0)
        members[ssp] = _stack(made, ("member_id", "time", "y", "x"))
    trained = np.ones((3, months), dtype=bool)
    weather = Weather.fit([Series(prediction[ssp], members[ssp], trained, calendar) for ssp in prediction], lat)
    others = mini_earth.make(months, 6, 1, lat, lon, scenarios=["ssp585"]).isel(ssp=0)
    late = slice(months - 240, months)
    error = (_stack(others, ("member_id", "time", "y", "x")) - prediction["ssp585"])[:, late]
    found = weather.std(prediction["ssp585"], calendar)[late]
    weights = np.cos(np.deg2rad(lat))[:, None] * np.ones(18)
    for var in range(2):
        wanted = np.square(error[:, :, var]).mean(axis=(0, 1))
        ratio = np.square(found[:, var]).mean(axis=0) / wanted
        assert np.average(np.log(ratio), weights=weights) == pytest.approx(0, abs=0.05)
        assert np.sqrt(np.average(np.log(ratio) ** 2, weights=weights)) < 0.2  # found: 0.09 and 0.13


def _stack(dataset, dims) -> np.ndarray:
    return np.stack([dataset[var].transpose(*dims).values for var in ("tas", "pr")], axis=-3)
