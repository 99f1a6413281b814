"""Two runs compared: differences by hand, and what is refused."""

import json

import numpy as np
import pytest

from climgru_lib.contract import InputError
from climgru_lib.data import normalizer, splits, tensors
from climgru_lib.predict import output
from climgru_lib.score import compare
from climgru_lib.training import runs

MONTHS = range(60, 108)


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "none", splits.Split("all", (), ()))


def a_run(folder, data, shift, months=MONTHS, ssp="ssp126"):
    """Leave a run whose prediction is the members' mean, its temperature shifted."""
    folder.mkdir()
    (folder / runs.RUN).write_text(json.dumps({}))
    fields = normalizer.denormalise(data.scenarios[ssp].targets, data.normalizer).mean(axis=0)[months]
    fields[:, 0] += shift
    dressed = output.as_dataset(fields.astype("f4"), data, months.start, {"ssp": ssp})
    output.write_prediction(dressed, folder / runs.PREDICTIONS)
    return folder


def scored(data, months=MONTHS, ssp="ssp126"):
    return [{"ssp": ssp, "months": [str(data.months[months[0]]), str(data.months[months[-1]])]}]


def test_the_difference_is_that_of_the_scores(data, tmp_path):
    first, second = a_run(tmp_path / "a", data, 0.0), a_run(tmp_path / "b", data, 2.0)
    table = compare.differences(first, second, scored(data), data).droplevel(0)
    members = normalizer.denormalise(data.scenarios["ssp126"].targets, data.normalizer)[:, MONTHS, 0]
    weights = np.cos(np.deg2rad(data.lat))[:, None] * np.ones(members.shape[-1])
    error = (members.mean(axis=0) - members).mean(axis=1)
    rmse = [[np.sqrt(np.average((e + shift) ** 2, weights=weights)) for e in error] for shift in (0.0, 2.0)]
    expected = np.mean(rmse[0]) - np.mean(rmse[1])
    row = table.loc["tas_time_mean_rmse"]
    assert row["difference"] == pytest.approx(expected, abs=1e-4)
    assert row["low"] < row["high"] < 0
    assert table.loc["score", "difference"] == pytest.approx(
        0.5 * (0.1 * table.loc["tas_monthly_rmse", "difference"] + expected), abs=1e-4
    )
    for same in ("tas_time_std_mae", "pr_monthly_rmse", "pr_time_mean_rmse", "pr_time_std_mae"):
        np.testing.assert_allclose(table.loc[same], 0, atol=1e-5)


def test_runs_of_other_slices_are_refused(data, tmp_path):
    run = a_run(tmp_path / "a", data, 0.0)
    for other in (a_run(tmp_path / "b", data, 0.0, ssp="ssp585"), a_run(tmp_path / "c", data, 0.0, range(72, 108))):
        with pytest.raises(InputError, match="evaluate both runs on the same split"):
            compare.differences(run, other, scored(data), data)


def test_a_slice_too_short_to_be_resampled_is_refused(data, tmp_path):
    short = range(60, 96)
    first, second = (a_run(tmp_path / name, data, 0.0, short) for name in "ab")
    with pytest.raises(InputError, match="ssp126: 36 months make 3 blocks"):
        compare.differences(first, second, scored(data, short), data)
