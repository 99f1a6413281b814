"""Metrics: two cells by hand, properties, and the golden file of the published scorer where it is present."""

import math
from pathlib import Path

import numpy as np
import pytest

from climgru_lib import grid
from climgru_lib.score import metrics

GOLDEN = Path(__file__).parents[2].parent / "shared" / "reference" / "published_metric_golden.npz"

# Two months, latitudes 0 and 60 N (cos 1 and 0.5, so weights 4/3 and 2/3), one longitude.
LAT = np.array([0.0, 60.0])
PREDICTION = np.array([[[1.0], [2.0]], [[3.0], [2.0]]])
TRUTH = np.array([[[0.0], [0.0]], [[0.0], [4.0]]])
# squared errors, mean in time: 5, 4 -> (4/3 * 5 + 2/3 * 4) / 2 = 14/3
# squared bias: 4, 0 -> (4/3 * 4) / 2 = 8/3;  stds 1 and 0, 0 and 2 -> (4/3 * 1 + 2/3 * 2) / 2 = 4/3
BY_HAND = {"monthly_rmse": math.sqrt(14 / 3), "time_mean_rmse": math.sqrt(8 / 3), "time_std_mae": 4 / 3}


def test_area_weights_have_mean_one_and_follow_the_cosine():
    weights = grid.area_weights(LAT)
    np.testing.assert_allclose(weights, [4 / 3, 2 / 3], rtol=1e-12)
    lat = np.linspace(-88.6, 88.6, 48)
    weights = grid.area_weights(lat)
    assert weights.sum() == pytest.approx(48)
    assert weights[30] / weights[3] == pytest.approx(math.cos(math.radians(lat[30])) / math.cos(math.radians(lat[3])))


def test_latitudes_outside_the_globe_are_refused():
    with pytest.raises(ValueError, match="found 100"):
        grid.area_weights(np.array([0.0, 100.0]))


def test_area_mean_by_hand():
    assert grid.area_mean(np.array([[3.0, 6.0], [9.0, 0.0]]), LAT) == pytest.approx((4 / 3 * 9 + 2 / 3 * 9) / 4)


def test_metrics_by_hand():
    assert metrics.published_metrics(PREDICTION, TRUTH, LAT) == pytest.approx(BY_HAND, rel=1e-12)


def test_score_by_hand():
    found = metrics.score_fields(
        {"tas": PREDICTION, "pr": 2 * PREDICTION}, {"tas": TRUTH, "pr": 2 * TRUTH}, LAT
    )  # errors of pr are twice those of tas
    rmse, bias, spread = BY_HAND.values()
    tas, pr = 0.1 * rmse + bias + spread, 0.2 * rmse + 2 * bias + 1.5 * spread
    assert found["score"] == pytest.approx((tas + pr) / 2, rel=1e-12)
    assert found["pr_time_std_mae"] == pytest.approx(8 / 3, rel=1e-12)
    assert list(found)[:2] == ["tas_monthly_rmse", "tas_time_mean_rmse"]


def test_published_numbers_combine_to_the_published_scores():
    first = {"tas": (1.943311, 1.084593, 0.390760), "pr": (2.088961, 0.348973, 0.836387)}
    final = {"tas": (1.141718, 0.248828, 0.196773), "pr": (1.997257, 0.256469, 0.662138)}
    for numbers, score in ((first, 1.427), (final, 0.756)):
        by_var = {var: dict(zip(metrics.METRICS, values)) for var, values in numbers.items()}
        assert metrics.kaggle_score(by_var) == pytest.approx(score, abs=5e-4)


def test_float32_fields_are_averaged_in_float64():
    rng = np.random.default_rng(1)
    truth = (300 + rng.random((60, 2, 40))).astype("f4")
    shifted = truth + np.float32(0.25)  # exact in float32
    found = metrics.published_metrics(shifted, truth, LAT)
    assert found["time_mean_rmse"] == pytest.approx(0.25, rel=1e-9)
    assert found["time_std_mae"] < 1e-9


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.published_metrics(PREDICTION[:1], TRUTH, LAT)


def test_golden_score():
    if not GOLDEN.exists():
        pytest.skip(f"{GOLDEN.name} is not beside this checkout")
    with np.load(GOLDEN) as file:
        prediction, truth = (dict(zip(("tas", "pr"), file[f"kaggle_{k}"].swapaxes(0, 1))) for k in ("pred", "true"))
        found = metrics.score_fields(prediction, truth, file["kaggle_lat"])
        assert found["score"] == pytest.approx(float(file["kaggle_score"]), abs=1e-9)


def test_nrmse_by_hand():
    truth = np.zeros((18, 2, 1))
    error = np.repeat([1.0, 4.0], [12, 6])[:, None, None] * np.array([[3.0], [0.0]])
    # time mean at the equator (12 * 3 + 6 * 12) / 18 = 6; the global mean of 3 is 2: years of 2 and 8
    spatial, overall = math.sqrt(36 * 2 / 3), math.sqrt((4 + 64) / 2)
    found = metrics.nrmse(truth + error, truth, -2.0, LAT)
    expected = {"spatial": spatial / 2, "global": overall / 2, "total": spatial / 2 + 5 * overall / 2}
    assert found == pytest.approx(expected, rel=1e-12)


def test_all_metrics_meet_member_and_mean():
    mean = (TRUTH + 3) / 2
    found = metrics.all_metrics(PREDICTION, TRUTH, mean, 2.0, LAT)
    assert {name: found[name] for name in BY_HAND} == pytest.approx(BY_HAND, rel=1e-12)
    assert found["crps"] == pytest.approx((4 / 3 * 2 + 2 / 3 * 2) / 2)  # absolute errors 1, 3 and 2, 2
    # against the mean the errors are -0.5, 1.5 at the equator and 0.5, -1.5 at 60 N: time means 0.5 and -0.5
    assert found["nrmse_spatial"] == pytest.approx(0.5 / 2)
