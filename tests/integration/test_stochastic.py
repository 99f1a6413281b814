"""Ensembles of a finished run: where their weather comes from, what is refused, and whether calibration is judged."""

import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from climgru_lib.contract import InputError
from climgru_lib.data import normalizer, splits, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.predict import emulator, output
from climgru_lib.predict.ensemble import StochasticEmulator
from climgru_lib.score import calibration, distributions, evaluation, metrics
from climgru_lib.training import fit, recipes

LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24), Stretch("ssp370", -36)))
SCORED = range(120, 156)


@pytest.fixture
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


@pytest.fixture(scope="module")
def run_dir(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "ps"
    prepared = tensors.prepare(dataset, "published", LATE)
    return fit.train(recipes.named("pattern-scaling"), prepared, folder, progress=False)


@pytest.fixture
def stochastic(run_dir, data):
    return StochasticEmulator(emulator.Emulator.open(run_dir), data)


def test_the_weather_is_that_of_the_store(stochastic, raw):
    """Its temperature is white noise of 1 K, its rain exp(0.2 noise) times a mean."""
    std = stochastic.std("ssp370")
    assert std.shape == stochastic.mean("ssp370").shape == (144, 2, 8, 12)
    # 3 members, two scenarios of 144 and one of 108 months: 33 years, smoothed over three months
    assert np.sqrt(np.square(std[:, 0]).mean()) == pytest.approx(1, abs=0.02)
    relative = (std / stochastic.mean("ssp370"))[:, 1].mean()
    assert relative == pytest.approx(np.sqrt(np.expm1(0.2**2)), rel=0.05)


def test_draws_depend_on_the_seed_and_not_on_their_number(stochastic):
    three = list(stochastic.draws("ssp245", 3, seed=1))
    two = list(stochastic.draws("ssp245", 2, seed=1))
    np.testing.assert_array_equal(three[:2], two)
    assert np.abs(three[0] - three[1]).max() > 1
    assert np.abs(next(stochastic.draws("ssp245", 1, seed=2)) - two[0]).max() > 1


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_withheld_months_are_not_looked_at(run_dir, data, stochastic, poison):
    expected = [stochastic.variance_matched("ssp370", SCORED), *stochastic.draws("ssp370", 2)]
    data.scenarios["ssp370"].targets[:, SCORED.start :] = poison
    data.scenarios["ssp585"].targets[:, :12] = poison  # no full window before them
    again = StochasticEmulator(emulator.Emulator.open(run_dir), data)
    for found, known in zip([again.variance_matched("ssp370", SCORED), *again.draws("ssp370", 2)], expected):
        np.testing.assert_array_equal(found, known)


def test_other_data_are_refused(run_dir, dataset):
    with pytest.raises(InputError, match=r"from the data of the training \(fingerprint \w{8}\), and these are others"):
        StochasticEmulator.open(run_dir, dataset.isel(time=slice(150)))


def test_a_preset_split_is_found_by_its_name(dataset, tmp_path):
    prepared = tensors.prepare(dataset, "published", splits.named("D126"))
    run_dir = fit.train(recipes.named("climatology"), prepared, tmp_path / "run", progress=False)
    stochastic = StochasticEmulator.open(run_dir, dataset)
    lengths = sorted(len(record.tas) for record in stochastic.weather.records)
    assert lengths == [24] * 6 + [144] * 3  # two of the three scenarios lose 120 months of 144 in all three members


def test_an_ensemble_as_a_file(stochastic, tmp_path):
    dataset = stochastic.predict("ssp245", 2, seed=3)
    path = output.write_prediction(dataset, tmp_path / "ensemble.nc")
    found = xr.open_dataset(path)
    assert found["tas"].dims == found["pr"].dims == ("time", "member_id", "lat", "lon")
    assert found["tas"].attrs["units"] == "K"
    assert (found.attrs["draws"], found.attrs["draws_seed"]) == (2, 3)
    for k, drawn in enumerate(stochastic.draws("ssp245", 2, seed=3)):
        np.testing.assert_array_equal(found["tas"][:, k], drawn[:, 0])
        np.testing.assert_array_equal(found["pr"][:, k], drawn[:, 1])
    with pytest.raises(InputError, match="a submission is one field, the ensemble has 2"):
        output.write_prediction(dataset, tmp_path / "ensemble.csv")
    with pytest.raises(InputError, match="at least one draw, got 0"):
        stochastic.predict("ssp245", 0)


def test_an_ensemble_is_written_as_zarr_member_by_member(stochastic, monkeypatch, tmp_path):
    draws, alive = stochastic.draws, []

    def watched(*args):
        for drawn in draws(*args):
            assert sum(reference() is not None for reference in alive) <= 1  # the one that the writer let go of last
            alive.append(weakref.ref(drawn))
            yield drawn

    expected = stochastic.predict("ssp245", 4, seed=3)
    monkeypatch.setattr(stochastic, "draws", watched)
    found = xr.open_dataset(stochastic.write("ssp245", 4, 3, tmp_path / "ensemble.zarr"), engine="zarr")
    assert len(alive) == 4
    xr.testing.assert_identical(found.drop_attrs(deep=False), expected.drop_attrs(deep=False))
    assert {key: found.attrs[key] for key in expected.attrs} == expected.attrs
    assert found["tas"].encoding["chunks"] == (120, 1, 8, 12)
    with pytest.raises(InputError, match="exists already"):
        stochastic.write("ssp245", 4, 3, tmp_path / "ensemble.zarr")
    with pytest.raises(InputError, match="at least one draw, got 0"):
        stochastic.write("ssp245", 0, 3, tmp_path / "none.zarr")


def test_the_matched_form_as_a_file(stochastic):
    dataset = stochastic.predict_matched("ssp370", 36)
    np.testing.assert_array_equal(dataset["pr"], stochastic.variance_matched("ssp370", SCORED)[:, 1])
    mean = stochastic.mean("ssp370")[-36:]
    np.testing.assert_allclose(dataset["tas"].mean("time"), mean[:, 0].mean(axis=0), atol=1e-3)
    assert (dataset["tas"].std("time") > mean[:, 0].std(axis=0)).all()
    with pytest.raises(InputError, match="the slice has 360 months, the run predicts 144"):
        stochastic.predict_matched("ssp370", 360)
    with pytest.raises(InputError, match="months 0 to 119 are no slice of those that the run predicts, 12 to 155"):
        stochastic.variance_matched("ssp370", range(120))


@pytest.fixture
def calibrated(stochastic, run_dir, data):
    scores = evaluation.evaluate(run_dir, data)
    return scores, calibration.calibrate(stochastic, scores, 8, seed=4)


def test_calibration_is_what_the_metrics_say(stochastic, data, calibrated):
    scores, found = calibrated
    assert [one["months"] for one in found] == [one["months"] for one in scores]
    rows, first = found[1]["rows"], stochastic.emulator.first
    members = normalizer.denormalise(data.scenarios["ssp370"].targets, data.normalizer)[:, SCORED]
    draws = np.stack([drawn[SCORED.start - first :] for drawn in stochastic.draws("ssp370", 8, seed=4)])

    def score(field):
        one = {var: field[:, i] for i, var in enumerate(("tas", "pr"))}
        truths = [{var: member[:, i] for i, var in enumerate(("tas", "pr"))} for member in members]
        return np.mean([metrics.score_fields(one, truth, data.lat)["score"] for truth in truths])

    assert rows["score: mean"][0] == pytest.approx(scores[1]["avg"]["score"], rel=1e-6)
    assert rows["score: mean"][1] == scores[1]["limits"]["forced"]["score"]
    assert rows["score: variance-matched"][0] == pytest.approx(score(stochastic.variance_matched("ssp370", SCORED)))
    assert rows["score: one draw"][0] == pytest.approx(np.mean([score(draw) for draw in draws]))
    spread = [distributions.spread_skill(draws[:, :, 1], member[:, 1], data.lat) for member in members]
    assert rows["pr spread-skill"][0] == pytest.approx(np.mean(spread))
    ranks = [distributions.rank_histogram(draws[:, :, 0], member[:, 0], data.lat) for member in members]
    assert rows["tas fullest rank"][0] == pytest.approx(9 * np.mean([rank.max() for rank in ranks]))
    levels = [distributions.quantiles(field[:, 1], np.array([0.9]), data.lat)[0] for field in (*draws, *members)]
    expected = np.mean([drawn / true for drawn in levels[:8] for true in levels[8:]])
    assert rows["pr quantile 0.9, ratio"][0] == pytest.approx(expected)
    pairs = [levels[8 + a] / levels[8 + b] for a in range(3) for b in range(3) if a != b]
    assert rows["pr quantile 0.9, ratio"][1:] == pytest.approx((np.mean(pairs), np.std(pairs)))


def test_a_right_ensemble_is_found_right(calibrated):
    """White weather of 1 K about a known mean: closed forms of Gaussian ensembles."""
    rows = calibrated[1][1]["rows"]
    # 36 months, 96 cells, 3 members: the mean absolute difference is known to under 1 %; the mean to 1 / sqrt(33)
    assert rows["tas CRPS"][0] == pytest.approx(1 / np.sqrt(np.pi), rel=0.03)
    # two coefficients from 33 months: residuals have 1 - 2 / 33 of the variance, and the prediction errs by a little
    # more than sqrt(2 / 33) beyond the training months: below sqrt(0.94 / 1.06)
    assert rows["tas spread-skill"][0] == pytest.approx(0.95, abs=0.03)
    assert rows["tas spread-skill"][1] == pytest.approx(1, abs=0.02)
    assert rows["tas variance ratio, median"][0] == pytest.approx(1, abs=0.1)
    assert 0.85 < rows["tas emptiest rank"][0] < 1 < rows["tas fullest rank"][0] < 1.15
    assert abs(rows["tas lag-1 correlation, mean difference"][0]) < 0.05
    assert rows["score: variance-matched"][0] < rows["score: mean"][0]


def test_a_wrong_ensemble_is_found_wrong(stochastic, run_dir, data, monkeypatch):
    """Twice the anomalies: spread 2, four times the variance, truths in the middle ranks."""
    scores = evaluation.evaluate(run_dir, data)[1:]
    draws, mean = stochastic.draws, stochastic.mean("ssp370")

    def twice(*args):
        return (mean + 2 * (drawn - mean) for drawn in draws(*args))

    monkeypatch.setattr(stochastic, "draws", twice)
    rows = calibration.calibrate(stochastic, scores, 8)[0]["rows"]
    # the mean of 8 draws errs by sqrt(1 + 4 / 8); sqrt(9 / 8) * 2 over that, and 5 % less as for the right ensemble
    assert rows["tas spread-skill"][0] == pytest.approx(0.95 * np.sqrt(9 / 8) * 2 / np.sqrt(1.5), rel=0.05)
    assert rows["tas spread-skill"][1] == pytest.approx(1, abs=0.02)
    assert rows["tas variance ratio, median"][0] == pytest.approx(4, rel=0.1)
    assert rows["tas emptiest rank"][0] == pytest.approx(rows["tas lowest rank"][0], abs=0.1)
    assert rows["tas lowest rank"][0] < 0.6


def test_one_member_has_scores_and_no_limits(dataset, tmp_path):
    alone = tensors.prepare(dataset.isel(member_id=slice(1)), "published", LATE)
    run_dir = fit.train(recipes.named("climatology"), alone, tmp_path / "run", progress=False)
    stochastic = StochasticEmulator(emulator.Emulator.open(run_dir), alone)
    scores = evaluation.evaluate(run_dir, alone)[:1]
    found = calibration.calibrate(stochastic, scores, 3)
    rows = json.loads(json.dumps(found))[0]["rows"]
    assert rows["score: one draw"][1:] == rows["tas CRPS"][1:] == rows["pr quantile 0.5, ratio"][1:] == [None, None]
    assert "tas CRPS over limit" not in rows
    table = calibration.table(found)
    assert table.notna()["ensemble"].all()
    assert table.loc[("ssp370 2026-01..2027-12", "score: mean"), "ensemble"] == scores[0]["avg"]["score"]
    with pytest.raises(InputError, match="at least three draws"):
        calibration.calibrate(stochastic, scores, 2)


def test_a_leaky_slice_is_not_calibrated(dataset, tmp_path):
    prepared = tensors.prepare(dataset, "published", splits.PUBLISHED_SPLIT)
    run_dir = fit.train(recipes.named("climatology"), prepared, tmp_path / "run", progress=False)
    scores = evaluation.evaluate(run_dir, prepared)
    with pytest.raises(InputError, match=r"ssp370 2019-01\.\.2027-12 was trained on, and draws are made of it"):
        calibration.calibrate(StochasticEmulator(emulator.Emulator.open(run_dir), prepared), scores, 3)


def test_unequal_members_are_taken_as_they_are(dataset, tmp_path):
    """The published split withholds the end of ssp370 from the first member alone."""
    prepared = tensors.prepare(dataset, "published", splits.PUBLISHED_SPLIT)
    run_dir = fit.train(recipes.named("climatology"), prepared, tmp_path / "run", progress=False)
    stochastic = StochasticEmulator(emulator.Emulator.open(run_dir), replace(prepared, split=None))
    lengths = sorted(len(record.tas) for record in stochastic.weather.records)
    assert lengths == [24] + [144] * 8
