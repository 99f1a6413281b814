"""Studies: every run once, reused when it is asked for again, and tables computed by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from climgru_lib import mini_earth
from climgru_lib.cli import main
from climgru_lib.course import study as studies
from climgru_lib.course.study import folds, report
from climgru_lib.course.workbook import Workbook
from climgru_lib.data import splits
from climgru_lib.predict.output import open_prediction
from climgru_lib.score.evaluation import score_slice
from climgru_lib.score.tables import COLUMNS
from climgru_lib.training import fit


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Coarse, but long enough for the fold that is scored 49 years before the end."""
    path = tmp_path_factory.mktemp("study") / "coarse.zarr"
    mini_earth.write(path, n_months=620, n_members=2, lat=np.linspace(-78.75, 78.75, 8), lon=np.arange(12) * 30.0 + 15)
    return path


def test_folds_are_run_once_and_reused(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(folds, "RECIPES", ("pattern-scaling",))
    monkeypatch.setenv("CLIMGRU_OUT", str(tmp_path))
    fitted = []
    fit_series = fit.fit_series
    monkeypatch.setattr(
        fit, "fit_series", lambda data, recipe: fitted.append(data.split.name) or fit_series(data, recipe)
    )
    assert main(["study", "folds", "--data", str(store), "--workers", "0"]) == 0
    first = capsys.readouterr().out.splitlines()
    names = [split.name for split in splits.folds()] + ["clean"]
    names += ["unseen:ssp126", "unseen:ssp370", "unseen:ssp585"]
    assert fitted == names
    rows = pd.read_csv(tmp_path / "study-folds" / "rows.csv")
    assert rows[rows.slice == 0].split.tolist() == names
    last = rows[rows.split == "unseen:ssp585"].iloc[0]
    assert last.months == "2036-09..2066-08"  # 620 months from 2015-01 on, the last 360
    table = next(line for line in first if line.startswith("pattern-scaling"))
    assert float(table.split()[1]) == pytest.approx(rows.score[:5].mean(), abs=1e-3)
    assert main(["study", "folds", "--data", str(store), "--workers", "0"]) == 0
    assert len(fitted) == 9
    assert capsys.readouterr().out.splitlines()[-6:] == first[-6:]


def test_the_table_by_hand():
    names = [split.name for split in splits.folds()]
    rows = [("a", name, 0, score, 0.5, 0) for name, score in zip(names, (1.0, 2.0, 3.0, 4.0, 5.0))]
    rows += [("net", name, seed, score, 0.5, 0) for name in names for seed, score in enumerate((1.0, 3.0))]
    rows += [("a", "unseen:x", 0, 9.0, 0.7, 0), ("a", "unseen:x", 0, 90.0, 0.7, 1)]  # the second slice is not shown
    rows += [("net", "unseen:x", 0, 8.0, 0.7, 0), ("net", "unseen:x", 1, 8.0, 0.7, 0)]
    table = folds.table(pd.DataFrame(rows, columns=["label", "split", "seed", "score", "limit: forced", "slice"]))
    assert table.index.tolist() == ["a", "net", "net, sd over seeds", "limit: forced"]
    assert table.columns.tolist() == ["mean of folds", *names, "unseen:x"]
    assert table.loc["a"].tolist() == [3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0]
    assert table.loc["net"].tolist() == [2.0] * 6 + [8.0]
    assert table.loc["net, sd over seeds"].iloc[1:].tolist() == pytest.approx([2**0.5] * 5 + [0.0])
    assert table.loc["limit: forced"].tolist() == pytest.approx([0.5] * 6 + [0.7])


def test_an_unknown_study_is_refused(capsys):
    assert main(["study", "seeds"]) == 2
    known = "folds, calm-start, first-start, season, dice, first-final, core, encoder, window"
    assert f"unknown study 'seeds'; there are {known}" in capsys.readouterr().err


def rows_of(scores, label, **same) -> list[dict]:
    """Return a row a seed whose metrics are all the score."""
    where = {"label": label, "split": "clean", "slice": 0, "ssp": "ssp370", "months": "a..b", **same}
    return [where | {"seed": seed} | dict.fromkeys(COLUMNS, score) for seed, score in enumerate(scores)]


def test_differences_are_paired_by_seed():
    rows = pd.DataFrame(rows_of((1.0, 1.2, 1.7), "new") + rows_of((1.1, 1.1, 1.4, 9.0), "old"))  # seed 3 has no partner
    found = report.differences(rows, {"new": "old"}).set_index("metric").loc["score"]
    # differences -0.1, 0.1, 0.3: mean 0.1, standard deviation 0.2; Student's t of 2 degrees of freedom, 95 %: 2.920
    assert found["pairs"] == 3
    assert found["difference"] == pytest.approx(0.1)
    assert found["+-"] == pytest.approx(0.2 / 3**0.5)
    assert found["high"] - found["difference"] == pytest.approx(2.920 * 0.2 / 3**0.5, rel=1e-3)
    assert found["difference"] - found["low"] == pytest.approx(2.920 * 0.2 / 3**0.5, rel=1e-3)


def test_labels_without_their_reference_have_no_verdict():
    found = report.differences(pd.DataFrame(rows_of((1.0, 1.2), "new")), {"new": "old"})
    assert found.empty
    assert report.verdicts(found) == []


def test_the_summary_by_hand():
    rows = rows_of((1.0, 3.0), "net") + rows_of((7.0,), "net", slice=1, months="c..d") + rows_of((5.0,), "fit")
    published = {"net": (9.0,) * 6 + (float("nan"),)}
    table = studies.summary(pd.DataFrame(rows).assign(**{"limit: forced": 0.5}), published).loc["clean"]
    assert table.index.tolist() == ["net", "net, sd", "net, published", "fit", "limit: forced"]
    assert table["score"].tolist()[:2] == pytest.approx([2.0, 2**0.5])
    assert table.loc["net, published", "tas_monthly_rmse"] == 9.0
    assert np.isnan(table.loc["net, published", "score"])
    assert table["seeds"].tolist()[:4] == [2, 2, 1, 1]
    assert table.loc[["fit", "limit: forced"], "score"].tolist() == [5.0, 0.5]


def test_a_slice_in_words_by_hand():
    rows = pd.DataFrame(rows_of((1.0, 3.0), "new") + rows_of((2.0, 2.5), "old") + rows_of((5.0,), "fit"))
    table = studies.told(rows, {"new": "old", "fit": "new"})
    assert table["score"].to_dict() == {
        "new": "2.000 ± 1.414",
        "old": "2.250 ± 0.354",
        "fit": "5.000",
        "new less old": "-0.250 ± 0.750",  # of -1 and 0.5: standard deviation 1.061, over the root of 2
        "fit less new": "+4.000",
    }
    assert table["seeds"].tolist() == ["2", "2", "1", "2", "1"]
    assert table.columns[1] == "tas monthly RMSE [K]"


def test_curves_show_means_ranges_marks_and_fits():
    curves = [
        {"label": "net", "split": "clean", "seed": seed, "step": step, **dict.fromkeys(COLUMNS, value + seed)}
        for seed in (0, 2)
        for step, value in ((10, 4.0), (20, 3.0))
    ]
    rows = pd.DataFrame(rows_of((3.0, 5.0), "net") + rows_of((2.5,), "fit"))
    figure = studies.plot_curves(pd.DataFrame(curves), {"net": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.7)}, rows)
    axes = figure.axes
    assert [axis.get_title() for axis in axes[:2]] == ["tas monthly RMSE [K]", "tas time-mean RMSE [K]"]
    for mark, axis in zip((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), axes, strict=True):
        mean, published, fit = axis.lines
        assert mean.get_xydata().tolist() == [[10.0, 5.0], [20.0, 4.0]]
        assert published.get_ydata() == [mark]
        assert set(fit.get_ydata()) == {2.5}
        band = axis.collections[0].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (3.0, 6.0)


@pytest.fixture
def short(monkeypatch):
    """Make networks tiny and their trainings one epoch of a few large batches."""
    sizes = {"compact-final": {"width": 4, "hidden": 4, "head": 8}, "compact-first": {"widths": [4, 4]}}
    recipe = Workbook.recipe

    def shortened(self, name):
        found = recipe(self, name)
        if name not in sizes:
            return found
        small = found.architecture | sizes[name]
        return replace(found, architecture=small, epochs=1, cosine_epochs=1, runs=4, run_length=48)

    monkeypatch.setattr(Workbook, "recipe", shortened)


def test_first_against_final_runs_once_and_scores_the_mean_of_its_seeds(store, tmp_path, monkeypatch, capsys, short):
    command = ["study", "first-final", "--data", str(store), "--out", str(tmp_path), "--seeds", "2", "--workers", "0"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    folder = tmp_path / "study-first-final"
    rows = pd.read_csv(folder / "rows.csv")
    labels = ["climatology", "pattern-scaling", "energy-balance", *["Conv-GRU (final)"] * 2, *["3D-CNN (first)"] * 2]
    assert rows[rows.slice == 0].label.tolist() == labels
    for label in dict.fromkeys(labels):
        assert label in printed
    # every row is what the run directory itself says
    stored = [scores for path in (tmp_path / "runs").glob("*/metrics.json") for scores in _first(path)]
    assert sorted(rows[rows.slice == 0].score) == pytest.approx(sorted(stored))
    curves = pd.read_csv(folder / "curves.csv")
    last = curves.groupby(["label", "seed"]).score.last()
    final = rows[(rows.slice == 0) & (rows.label == "Conv-GRU (final)")].set_index("seed").score
    assert last["Conv-GRU (final)"].tolist() == pytest.approx(final.tolist(), rel=1e-4)
    # the mean over seeds, from the fields that the runs have left
    book = Workbook("test", str(store), "quick", 0, str(tmp_path))
    data = book.prepare()
    left = [open_prediction(path) for path in sorted((tmp_path / "runs").glob("compact-final*"))]
    assert [len(fields.time) for fields in left] == [120, 120]
    fields = [np.stack([of[name].values[-108:] for name in ("tas", "pr")], axis=1) for of in left]
    mean = score_slice(np.mean(fields, axis=0), data, "ssp370", range(620 - 108, 620))
    means = pd.read_csv(folder / "means.csv")
    told = means[(means.label == "Conv-GRU (final)") & (means.slice == 0)].iloc[0]
    assert (told.seeds, told.score) == (2, pytest.approx(mean["avg"]["score"], rel=1e-4))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/weights.safetensors")}
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def _first(path) -> list[float]:
    return [slices[0]["avg"]["score"] for slices in json.loads(path.read_text()).values()]


@pytest.mark.parametrize(("name", "size"), [("season", 10), ("dice", 4), ("calm-start", 8), ("first-start", 6)])
def test_plans_hold_each_label_with_every_seed(name, size, store, tmp_path):
    book, study = Workbook("test", str(store), "full", 0, str(tmp_path)), studies.STUDIES[name]
    trials = list(study.plan(book, (0, 1, 2)))
    labels = list(dict.fromkeys(trial.label for trial in trials))
    assert len(labels) == size
    assert [(trial.label, trial.seed) for trial in trials] == [(label, seed) for label in labels for seed in (0, 1, 2)]
    recipes = [next(trial.recipe for trial in trials if trial.label == label) for label in labels]
    assert all(first != second for number, first in enumerate(recipes) for second in recipes[:number])
    assert {*study.against, *study.against.values(), *study.published} <= set(labels)
