"""The competition's files: the format to the letter, and the score of files as the official scorer gives it."""

import gzip
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr
from robustness.foreign_csv import BROKEN, LAT, LON, REARRANGED, write_csv

from climgru_lib.contract import InputError
from climgru_lib.predict import output
from climgru_lib.score import metrics, submission

GOLDEN = Path(__file__).parents[2].parent / "shared" / "reference" / "published_metric_golden.npz"


def prediction(n_months=361):
    fields = np.random.default_rng(3).random((2, n_months, 2, 3)).astype("f4")
    dims = ("time", "lat", "lon")
    months = [cftime.DatetimeNoLeap(2060 + i // 12, i % 12 + 1, 15) for i in range(n_months)]
    coords = {"time": months, "lat": LAT, "lon": LON}
    return xr.Dataset({"tas": (dims, 280 + fields[0]), "pr": (dims, fields[1])}, coords=coords)


def test_format_to_the_letter(tmp_path):
    dataset = prediction()
    output.write_submission(dataset, tmp_path / "s.csv")
    lines = (tmp_path / "s.csv").read_text().split("\n")
    assert lines[0] == "ID,Prediction"
    assert lines[-1] == ""  # the file ends with a line break
    assert len(lines) == 2 + 360 * 2 * 2 * 3
    assert [line.split(",")[0] for line in lines[1:8]] == [
        "t000_tas_-45.12_1.88",
        "t000_tas_-45.12_356.88",
        "t000_tas_-45.12_358.00",
        "t000_tas_10.00_1.88",
        "t000_tas_10.00_356.88",
        "t000_tas_10.00_358.00",
        "t000_pr_-45.12_1.88",
    ]
    assert lines[1].split(",")[1] == f"{float(dataset['tas'][1, 0, 0]):.8g}"  # t000 is the first of the last 360
    assert lines[-2] == f"t359_pr_10.00_358.00,{float(dataset['pr'][360, 1, 2]):.8g}"


def test_values_have_eight_digits(tmp_path):
    dataset = prediction(360)
    dataset["pr"][0, 0] = [1.5, 1e-7, 0.0]
    dataset["tas"][0, 0, 0] = 288.0
    output.write_submission(dataset, tmp_path / "s.csv")
    lines = (tmp_path / "s.csv").read_text().split("\n")
    assert [line.split(",")[1] for line in (lines[1], *lines[7:10])] == ["288", "1.5", "1e-07", "0"]
    assert lines[2].split(",")[1] == f"{float(dataset['tas'][0, 0, 1]):.8g}"


def test_order_of_the_prediction_does_not_matter(tmp_path):
    output.write_submission(prediction(), tmp_path / "a.csv")
    output.write_submission(prediction().isel(lat=[1, 0]).transpose("lon", "time", "lat"), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_too_few_months_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds 360 months, the prediction has 359"):
        output.write_submission(prediction(359), tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_score_of_files_is_the_score_of_their_fields(tmp_path):
    rng = np.random.default_rng(5)
    predicted, truth = rng.random((2, 4, 2, 2, 3))
    files = [write_csv(tmp_path / f"{k}.csv", f, LAT, LON) for k, f in (("p", predicted), ("t", truth))]
    fields = [dict(zip(("tas", "pr"), f.swapaxes(0, 1))) for f in (predicted, truth)]
    expected = metrics.score_fields(*fields, np.array([-45.12, 10.0]))["score"]  # two decimals, as in the IDs
    assert submission.score_files(*files) == pytest.approx(expected, rel=1e-12)
    assert abs(metrics.score_fields(*fields, LAT)["score"] - expected) > 1e-9


def test_golden_score(tmp_path):
    if not GOLDEN.exists():
        pytest.skip(f"{GOLDEN.name} is not beside this checkout")
    with np.load(GOLDEN) as golden:
        lat, lon, score = golden["kaggle_lat"], golden["kaggle_lon"], float(golden["kaggle_score"])
        files = [write_csv(tmp_path / f"{k}.csv", golden[f"kaggle_{k}"], lat, lon) for k in ("pred", "true")]
    assert submission.score_files(*files) == pytest.approx(score, abs=1e-9)


def test_a_written_submission_can_be_scored(tmp_path):
    dataset = prediction(360)
    output.write_submission(dataset, tmp_path / "s.csv")
    warmer = dataset.assign(tas=dataset["tas"] + 2)
    output.write_submission(warmer, tmp_path / "w.csv")
    assert submission.score_files(tmp_path / "s.csv", tmp_path / "s.csv") == 0
    # 2 K everywhere: (0.1 * 2 + 2) / 2, to the precision of eight digits
    assert submission.score_files(tmp_path / "w.csv", tmp_path / "s.csv") == pytest.approx(1.1, abs=1e-4)


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_submission_is_refused(tmp_path, change, message):
    good = write_csv(tmp_path / "good.csv", np.random.default_rng(0).random((2, 2, 2, 3)), LAT, LON)
    (tmp_path / "bad.csv").write_text("\n".join(change(good.read_text().split("\n")[:-1])) + "\n")
    with pytest.raises(InputError, match=message):
        submission.score_files(tmp_path / "bad.csv", good)


@pytest.mark.parametrize("kind", REARRANGED)
def test_rows_and_columns_may_stand_in_any_order(tmp_path, kind):
    predicted, truth = np.random.default_rng(5).random((2, 2, 2, 2, 3))
    files = [write_csv(tmp_path / f"{k}.csv", f, LAT, LON) for k, f in (("p", predicted), ("t", truth))]
    expected = submission.score_files(*files)
    for at, path in enumerate(files):
        other = tmp_path / "other.csv"
        other.write_text("\n".join(REARRANGED[kind](path.read_text().split("\n")[:-1])) + "\n")
        assert submission.score_files(*(other if i == at else files[i] for i in range(2))) == expected


def test_a_compressed_file_is_scored_and_one_cut_short_refused(tmp_path):
    good = write_csv(tmp_path / "good.csv", np.random.default_rng(0).random((2, 2, 2, 3)), LAT, LON)
    packed = gzip.compress(good.read_bytes())
    (tmp_path / "good.csv.gz").write_bytes(packed)
    assert submission.score_files(tmp_path / "good.csv.gz", good) == 0
    for cut in (packed[: len(packed) // 2], packed[:5], packed[:-8] + b"12345678"):
        (tmp_path / "cut.csv.gz").write_bytes(cut)
        with pytest.raises(InputError, match=r"cut.csv.gz is no submission"):
            submission.score_files(tmp_path / "cut.csv.gz", good)


def test_files_on_different_grids_are_refused(tmp_path):
    fields = np.random.default_rng(0).random((2, 2, 2, 3))
    here = write_csv(tmp_path / "here.csv", fields, LAT, LON)
    there = write_csv(tmp_path / "there.csv", fields, LAT + 5, LON)
    with pytest.raises(InputError, match="another grid"):
        submission.score_files(here, there)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.csv is no submission"):
        submission.score_files(tmp_path / "nothing.csv", tmp_path / "nothing.csv")
