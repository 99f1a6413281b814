"""The study of folds: every run once, reused when it is asked for again, and a table computed by hand."""

import numpy as np
import pandas as pd
import pytest

from climgru_lib import embedded, splits, study, training
from climgru_lib.cli import main


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Coarse, but long enough for the fold that is scored 49 years before the end."""
    path = tmp_path_factory.mktemp("study") / "coarse.zarr"
    embedded.write(path, n_months=620, n_members=2, lat=np.linspace(-78.75, 78.75, 8), lon=np.arange(12) * 30.0 + 15)
    return path


def test_folds_are_run_once_and_reused(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "FOLD_RECIPES", ("climatology", "pattern-scaling"))
    monkeypatch.setenv("CLIMGRU_OUT", str(tmp_path))
    fitted = []
    fit = training.fit_series
    monkeypatch.setattr(
        training, "fit_series", lambda data, recipe: fitted.append(data.split.name) or fit(data, recipe)
    )
    assert main(["study", "folds", "--data", str(store)]) == 0
    first = capsys.readouterr().out.splitlines()
    names = [split.name for split in splits.folds()] + ["clean"]
    names += ["unseen:ssp126", "unseen:ssp370", "unseen:ssp585"]
    assert fitted == [name for name in names for _ in range(2)]
    rows = pd.read_csv(tmp_path / "study-folds" / "rows.csv")
    assert rows.groupby("split", sort=False).recipe.agg(list).tolist() == [["climatology", "pattern-scaling"]] * 9
    last = rows[(rows.split == "unseen:ssp585") & (rows.recipe == "pattern-scaling")].iloc[0]
    assert last.months == "2036-09..2066-08"  # 620 months from 2015-01 on, the last 360
    table = next(line for line in first if line.startswith("pattern-scaling"))
    assert float(table.split()[1]) == pytest.approx(rows[rows.recipe == "pattern-scaling"].score[:5].mean(), abs=1e-3)
    assert main(["study", "folds", "--data", str(store)]) == 0
    assert len(fitted) == 18
    assert capsys.readouterr().out.splitlines()[-6:] == first[-6:]


def test_the_table_by_hand():
    names = [split.name for split in splits.folds()]
    rows = [("a", name, 0, score, 0.5) for name, score in zip(names, (1.0, 2.0, 3.0, 4.0, 5.0))]
    rows += [("net", name, seed, score, 0.5) for name in names for seed, score in enumerate((1.0, 3.0))]
    rows += [("a", "unseen:x", 0, 9.0, 0.7), ("net", "unseen:x", 0, 8.0, 0.7), ("net", "unseen:x", 1, 8.0, 0.7)]
    table = study.table(pd.DataFrame(rows, columns=["recipe", "split", "seed", "score", "limit: forced"]))
    assert table.index.tolist() == ["a", "net", "net, sd over seeds", "limit: forced"]
    assert table.columns.tolist() == ["mean of folds", *names, "unseen:x"]
    assert table.loc["a"].tolist() == [3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0]
    assert table.loc["net"].tolist() == [2.0] * 6 + [8.0]
    assert table.loc["net, sd over seeds"].iloc[1:].tolist() == pytest.approx([2**0.5] * 5 + [0.0])
    assert table.loc["limit: forced"].tolist() == pytest.approx([0.5] * 6 + [0.7])


def test_an_unknown_study_is_refused(capsys):
    assert main(["study", "seeds"]) == 2
    assert "no study 'seeds'; there are folds" in capsys.readouterr().err
