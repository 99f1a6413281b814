"""Noise limits: climates whose forced response is known, scored over many draws of the weather.

``python tests/unit/test_noise_limits.py 51`` prints the study behind the bounds here, over 51 slices of the embedded
climate and lengths of 108, 120 and 360 months, in some ten minutes.
"""

import sys

import numpy as np
import pytest

from climgru_lib import mini_earth
from climgru_lib.contract import Step
from climgru_lib.score import metrics, noise_limits
from climgru_lib.score.member_pairs import MemberPairs

LAT, N_LON, T, SCORED = np.array([-50.0, 0.0, 50.0]), 6, 372, range(264, 372)
CALENDAR = np.arange(T) % 12 + 1
ENSEMBLES, DRAWS = 40, 400


def forced_response():
    """A seasonal cycle and a trend that is linear per calendar month: (time, 2, lat, lon)."""
    rng = np.random.default_rng(0)
    month = CALENDAR - 1
    amplitude = np.array([4.0, 1.0])[:, None, None] * (1 + 0.3 * rng.random((2, 3, N_LON)))
    season = np.cos(2 * np.pi * month / 12)[:, None, None, None] * amplitude
    trend = (np.arange(T) / T)[:, None, None, None] * (1 + rng.random((12, 2, 3, N_LON)))[month]
    return season + trend + np.array([280.0, 5.0])[:, None, None]


FORCED = forced_response()
SIGMA = np.array([1.2, 0.9])[:, None, None] * (1 + np.abs(LAT) / 100)[:, None]


def members(rng, count, months=slice(None)):
    forced = FORCED[months]
    return forced + SIGMA * rng.standard_normal((count, *forced.shape))


@pytest.fixture(scope="module")
def estimates():
    """The limits of many ensembles of three: by kind and metric, shape (ensemble,)."""
    rng = np.random.default_rng(1)
    found = [noise_limits.limits(members(rng, 3), SCORED, CALENDAR, LAT) for _ in range(ENSEMBLES)]
    return {kind: {key: np.array([f[kind][key] for f in found]) for key in found[0][kind]} for kind in found[0]}


@pytest.fixture(scope="module")
def truths():
    """What perfect predictions score against new members: the same layout, shape (draw,)."""
    rng, at = np.random.default_rng(2), slice(SCORED.start, SCORED.stop)
    forced = FORCED[at]
    mean, std = forced.mean(axis=0), forced.std(axis=0)
    member_std = members(rng, 100, at).std(axis=1).mean(axis=0)
    stretched = mean + (forced - mean) * member_std / std
    kinds = {"forced": lambda: forced, "member": lambda: members(rng, 1, at)[0], "variance": lambda: stretched}
    scores = {}
    for kind, prediction in kinds.items():
        pairs = [(prediction(), members(rng, 1, at)[0]) for _ in range(DRAWS)]
        drawn = [
            metrics.score_fields(*({"tas": field[:, 0], "pr": field[:, 1]} for field in pair), LAT) for pair in pairs
        ]
        scores[kind] = {key: np.array([one[key] for one in drawn]) for key in drawn[0]}
    return scores


@pytest.mark.parametrize("kind", ["forced", "member", "variance"])
def test_limits_are_what_a_perfect_prediction_scores(estimates, truths, kind):
    for key, drawn in truths[kind].items():
        found = estimates[kind][key]
        error = 4 * np.hypot(found.std() / np.sqrt(ENSEMBLES), drawn.std() / np.sqrt(DRAWS))
        # the spread of f is itself estimated, which can only blur what depends on it
        known_to = 0.04 if key.endswith(("std_mae", "score")) and kind != "member" else 0.01
        assert abs(found.mean() - drawn.mean()) < error + known_to * drawn.mean(), key


def test_weather_makes_the_limits_differ_as_they_must(estimates):
    score = {kind: values["score"].mean() for kind, values in estimates.items()}
    assert score["variance"] < score["forced"]
    assert score["variance"] < score["member"]


def test_member_limit_of_two_members_is_their_difference():
    pair = members(np.random.default_rng(3), 2)
    found = noise_limits.limits(pair, SCORED, CALENDAR, LAT)
    scored = pair[:, SCORED.start : SCORED.stop]
    expected = metrics.score_fields(*({"tas": fields[:, 0], "pr": fields[:, 1]} for fields in scored), LAT)
    assert {key: found["member"][key] for key in expected} == pytest.approx(expected)
    # half of the squared difference belongs to either
    assert found["forced"]["tas_monthly_rmse"] == pytest.approx(expected["tas_monthly_rmse"] / np.sqrt(2))
    assert found["forced"]["pr_time_mean_rmse"] == pytest.approx(expected["pr_time_mean_rmse"] / np.sqrt(2))


def test_pairs_of_members_score_as_their_fields_do():
    """The shared sums beside the plain form: every truth made as fields, and scored by `metrics.all_metrics`."""
    scored = members(np.random.default_rng(6), 4, slice(0, 40))[:, :, 0]  # the last year is cut short
    forced, share, change = FORCED[:40, 0], 0.5, 1.7
    departure = 0.4 * (forced - forced.mean(axis=0))
    pairs = MemberPairs(scored, LAT, Step.MONTH)
    found, stds = pairs.scores(departure, share, change), np.stack([*pairs.stds(forced)])
    for at, (j, k) in enumerate([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]):
        for column, sign in enumerate((1, -1)):
            noise = sign * (scored[j] - scored[k]) / np.sqrt(2)
            mean = forced + share * noise
            expected = metrics.all_metrics(forced + departure, forced + noise, mean, change, LAT)
            del expected["time_std_mae"]
            assert {name: values[at, column] for name, values in found.items()} == pytest.approx(expected, rel=1e-10)
            np.testing.assert_allclose(stds[at, column], (forced + noise).std(axis=0), rtol=1e-10)


@pytest.mark.parametrize("months", [SCORED, range(12, 120), range(120, 240)])
def test_without_weather_nothing_is_left(months):
    forced = FORCED.copy()
    forced[:, 1, 0] = 0  # it never rains
    found = noise_limits.limits(np.stack([forced] * 3), months, CALENDAR, LAT)
    for kind in found.values():
        assert np.max(np.abs([*kind.values()])) < 1e-9


@pytest.mark.parametrize(
    ("months", "fitted"), [(range(0, 12), slice(0, 360)), (range(6, 12), slice(6, 366)), (SCORED, slice(12, 372))]
)
def test_forced_response_is_a_line_through_thirty_years_of_each_calendar_month(months, fitted):
    pair = np.full((2, *FORCED.shape), 1e6)
    pair[:, fitted] = FORCED[fitted]
    forced, fit = noise_limits._forced(pair[:, :, 0], months, CALENDAR, Step.MONTH)
    np.testing.assert_allclose(forced, FORCED[months, 0], rtol=1e-10)
    np.testing.assert_allclose(fit, forced, rtol=1e-10)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_shares_are_those_of_gaussian_weather(count):
    """Estimates from the members' differences beside the scores of the very members, squares of single values."""
    weather = np.random.default_rng(7).standard_normal((400_000, count))
    variance, mean = weather.var(axis=1, ddof=1), weather.mean(axis=1)
    estimates_and_scores = {
        ("forced", "monthly_rmse"): (variance, np.square(weather).mean(axis=1)),
        ("member", "monthly_rmse"): (2 * variance, 1 + np.square(weather).mean(axis=1)),
        ("forced", "nrmse_global"): (variance / count, np.square(mean)),
        ("member", "nrmse_global"): (variance * (1 + 1 / count), 1 + np.square(mean)),
    }
    for (kind, name), (estimate, score) in estimates_and_scores.items():
        expected = (estimate - score).std() / estimate.std()
        assert noise_limits._share(kind, name, count) == pytest.approx(expected, rel=0.01), (kind, name)


def test_what_is_left_of_a_line_has_an_unbiased_variance():
    draws = np.random.default_rng(8).standard_normal((5, 20_000)).T + 3 * np.arange(5)
    left = [noise_limits._detrended(values) for values in draws]
    assert np.mean(np.square(left)) == pytest.approx(1, abs=0.02)  # sampling error 0.006


def test_errors_scale_with_the_weather():
    """Twice the weather has limits and errors twice as large, where the standard deviation is not involved."""
    rng = np.random.default_rng(4)
    weather = rng.standard_normal((2, *FORCED.shape))
    months = SCORED[-72:]  # five windows
    once, twice = (noise_limits.limit_errors(FORCED + size * weather, months, CALENDAR, LAT) for size in (1, 2))
    for kind in noise_limits.KINDS[:2]:
        for name in ("tas_monthly_rmse", "pr_time_mean_rmse", "tas_crps"):
            assert twice[kind][name] == pytest.approx(2 * once[kind][name])
        for var in ("tas", "pr"):  # a sum and its parts
            spatial, of_globe, total = (once[kind][f"{var}_nrmse_{name}"] for name in ("spatial", "global", "total"))
            assert abs(spatial - 5 * of_globe) <= total <= spatial + 5 * of_globe


def test_global_change_counts_from_the_first_ten_years():
    fields = np.zeros((2, 240, 2, 3, N_LON))
    fields[:, :, 0] = np.arange(240)[:, None, None]
    fields[:, :, 1, 1] = np.repeat([1.0, 5.0], 120)[:, None]  # at the equator, whose share is 1 / (1 + 2 cos 50)
    share = 1 / (1 + 2 * np.cos(np.deg2rad(50)))
    assert noise_limits.global_change(fields, range(120, 240), LAT) == pytest.approx([120, 4 * share])
    assert noise_limits.global_change(fields, range(60, 120), LAT) == pytest.approx([60, 0])  # then the months before
    assert noise_limits.global_change(fields, range(200, 240), LAT, Step.YEAR)[0] == pytest.approx(219.5 - 4.5)
    np.testing.assert_array_equal(noise_limits.global_change(fields, range(60), LAT), [np.nan, np.nan])


def test_what_cannot_be_told_is_not():
    rng = np.random.default_rng(5)
    one, two = members(rng, 1), members(rng, 2)
    assert noise_limits.limits(one, SCORED, CALENDAR, LAT) is None
    assert noise_limits.limit_errors(one, SCORED, CALENDAR, LAT) is None
    short, months = slice(0, 372 - 12), range(240, 360)  # three windows of ten years
    assert noise_limits.limit_errors(two[:, short], months, CALENDAR[short], LAT) is None
    assert noise_limits.limit_errors(two, range(279, 372), CALENDAR, LAT) is not None  # four windows


class EmbeddedClimate:
    """Members of one embedded scenario on a coarse grid, its forced response, and further members."""

    lat, lon = np.linspace(-82.5, 82.5, 12), np.arange(18) * 20.0 + 10
    n_months = 901

    def __init__(self, ssp: str, seed: int, n_further: int = 5):
        grid = {"lat": self.lat, "lon": self.lon}
        self.calendar = np.arange(self.n_months) % 12 + 1
        made = mini_earth.make(self.n_months, 3 + n_further, seed, scenarios=[ssp], **grid)
        self.members = np.stack([made[var].values[0].swapaxes(0, 1) for var in ("tas", "pr")], 2)
        known = mini_earth.forced(ssp, self.n_months, **grid)
        self.forced = np.stack([known[var].values for var in ("tas", "pr")], 1).astype(float)

    def scores(self, months: range, count: int) -> dict[str, dict[str, float]]:
        """What the ideal predictions score against the first ``count`` members, by the definition of each."""
        truth, further = self.members[:count, months], self.members[3:, months]
        change = noise_limits.global_change(self.members[:count], months, self.lat)
        forced, mean = self.forced[months], truth.mean(axis=0, dtype=float)
        # weights such that the standard deviation differs from a member's as much as the expected one would
        share = np.sqrt(len(further) / (len(further) + count))
        std = share * further.std(axis=1).mean(axis=0) + (1 - share) * truth.std(axis=1).mean(axis=0)
        stretched = forced.mean(axis=0) + (forced - forced.mean(axis=0)) * std / forced.std(axis=0)

        def against_all(prediction, crps=1.0):
            tables = [
                {
                    var: metrics.all_metrics(prediction[:, i], one[:, i], mean[:, i], change[i], self.lat)
                    for i, var in enumerate(("tas", "pr"))
                }
                for one in truth
            ]
            for table in tables:
                for values in table.values():
                    values["crps"] *= crps
            return average([metrics.with_score(table) for table in tables])

        member = average([against_all(one, crps=0.5) for one in further])
        return {"forced": against_all(forced), "member": member, "variance": against_all(stretched)}

    def compare(self, months: range, count: int) -> dict[tuple[str, str], tuple[float, float, float]]:
        """Estimate, score and stated error of every kind and metric."""
        arguments = (self.members[:count], months, self.calendar, self.lat)
        found, error, scored = (
            noise_limits.limits(*arguments),
            noise_limits.limit_errors(*arguments),
            self.scores(months, count),
        )
        return {
            (kind, key): (found[kind][key], scored[kind][key], error[kind][key])
            for kind in found
            for key in found[kind]
        }


def average(tables):
    return {key: np.mean([table[key] for table in tables]) for key in tables[0]}


def summary(slices: list[dict]) -> dict[tuple[str, str], dict[str, float]]:
    """Bias and scatter over the mean score, stated over actual error, and shares within one and two errors."""
    result = {}
    for key in slices[0]:
        found, scored, stated = np.array([one[key] for one in slices]).T
        apart = found - scored
        result[key] = {
            "score": scored.mean(),
            "bias": apart.mean() / scored.mean(),
            "scatter": apart.std() / scored.mean(),
            "ratio": np.sqrt(np.mean(stated**2)) / apart.std(),
            "within one": np.mean(np.abs(apart) < stated),
            "within two": np.mean(np.abs(apart) < 2 * stated),
        }
    return result


@pytest.fixture(scope="module")
def climates():
    return [EmbeddedClimate(ssp, seed) for seed, ssp in enumerate(("ssp126", "ssp370", "ssp585"))]


@pytest.mark.parametrize("count", [2, 3])
def test_limits_of_the_embedded_climate_are_unbiased_and_their_errors_right(climates, count):
    """Twelve slices of 108 months; the study over 51 finds biases of the score of 1 % and ratios of 0.8 to 1.1."""
    slices = [climate.compare(range(stop - 108, stop), count) for climate in climates for stop in (901, 685, 469, 253)]
    for (kind, key), one in summary(slices).items():
        by_chance = 3 * one["scatter"] / np.sqrt(len(slices))
        assert abs(one["bias"]) < (0.03 if key == "score" else 0.02 + by_chance), (kind, key)
        if key == "score":
            assert 0.6 < one["ratio"] < 1.7, kind  # known to 20 % from 12 slices
            assert one["within two"] >= 0.75, kind


def main(n_slices: int) -> None:
    """Print the study."""
    cases = [(length, count) for length in (108, 120, 360) for count in (2, 3)]
    slices = {case: [] for case in cases}
    for seed in range(n_slices):
        climate = EmbeddedClimate(("ssp126", "ssp370", "ssp585")[seed % 3], 100 + seed, n_further=10)
        for length, count in cases:
            slices[length, count].append(climate.compare(range(climate.n_months - length, climate.n_months), count))
    for (length, count), compared in slices.items():
        for (kind, key), one in summary(compared).items():
            numbers = "  ".join(f"{name} {value:6.3f}" for name, value in one.items())
            print(f"{length} months, {count} members  {kind:8}  {key:18}  {numbers}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
