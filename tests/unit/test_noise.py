"""Noise limits: synthetic climates whose forced response is known, scored over many draws of the weather."""

import numpy as np
import pytest

from climgru_lib import metrics, noise

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
    found = [noise.limits(members(rng, 3), SCORED, CALENDAR, LAT) for _ in range(ENSEMBLES)]
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
    assert estimates[kind].keys() == truths[kind].keys()
    for key, found in estimates[kind].items():
        drawn = truths[kind][key]
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
    found = noise.limits(pair, SCORED, CALENDAR, LAT)
    scored = pair[:, SCORED.start : SCORED.stop]
    expected = metrics.score_fields(*({"tas": fields[:, 0], "pr": fields[:, 1]} for fields in scored), LAT)
    assert found["member"] == pytest.approx(expected)
    # half of the squared difference belongs to either
    assert found["forced"]["tas_monthly_rmse"] == pytest.approx(expected["tas_monthly_rmse"] / np.sqrt(2))
    assert found["forced"]["pr_time_mean_rmse"] == pytest.approx(expected["pr_time_mean_rmse"] / np.sqrt(2))


def test_without_weather_nothing_is_left():
    found = noise.limits(np.stack([FORCED] * 3), SCORED, CALENDAR, LAT)
    for kind in found.values():
        assert max(abs(value) for value in kind.values()) < 1e-9


def test_months_after_the_slice_play_no_part():
    fields = members(np.random.default_rng(4), 3)
    earlier = range(150, 258)
    cut = noise.limits(fields[:, :258], earlier, CALENDAR[:258], LAT)
    assert noise.limits(fields, earlier, CALENDAR, LAT) == cut


def test_one_member_has_no_limits():
    assert noise.limits(members(np.random.default_rng(5), 1), SCORED, CALENDAR, LAT) is None
