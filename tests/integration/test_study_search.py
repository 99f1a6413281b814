"""The search: candidates are scored where the reported slice is not seen, kept, and only the best is trained on."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from climgru_lib import mini_earth
from climgru_lib.course.study import search
from climgru_lib.course.workbook import Workbook
from climgru_lib.training import recipes


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Return the call of a search over two candidates with a tiny network, on a coarse store."""
    store, recipe = tmp_path / "coarse.zarr", Workbook.recipe
    mini_earth.write(store, n_months=300, n_members=2, lat=np.linspace(-78.75, 78.75, 8), lon=np.arange(12) * 30.0 + 15)

    def small(self, name):
        found = recipe(self, name)
        return replace(found, architecture=found.architecture | {"width": 4, "head": 8}, epochs=1, cosine_epochs=1)

    monkeypatch.setattr(Workbook, "recipe", small)
    monkeypatch.setattr(search, "CANDIDATES", {"quick": 2})
    return lambda: search.run(str(store), out_dir=str(tmp_path), device="cpu", workers=0)


def test_the_best_candidate_wins_and_nothing_is_trained_twice(tiny, tmp_path):
    table = tiny()
    assert {label for _, label in table.index if "limit" not in label} == {search.AS_IT_IS, search.WINNER}
    candidates = pd.read_csv(tmp_path / "study-search" / "candidates.csv")
    runs = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("runs/*/run.json")}
    assert sorted(run["split"] for run in runs.values()) == ["clean", "clean", "decades", "decades"]
    for _, candidate in candidates.iterrows():
        stored = json.loads((tmp_path / "runs" / candidate.user_attrs_run / "metrics.json").read_text())
        (slices,) = stored.values()
        assert candidate.value == pytest.approx(np.mean([one["avg"]["score"] for one in slices]))
        assert {one["ssp"] for one in slices} == {"ssp126", "ssp585"}
    best = runs[candidates.loc[candidates.value.idxmin()].user_attrs_run]["recipe"]
    trained = [run["recipe"] for run in runs.values() if run["split"] == "clean"]
    assert best in trained
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.json")}
    pd.testing.assert_frame_equal(tiny(), table)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.json")} == before


def test_a_candidate_changes_what_it_names_and_keeps_the_sum_of_the_loss_of_precipitation():
    settings = {"learning_rate": 2e-3, "warmup": 3, "runs": 1, "run_length": 36, "weight_decay": 0.5}
    settings |= {"architecture.dropout": 0.1, "architecture.hidden": 48, "loss.pr_dice": 0.25}
    base = recipes.named("compact-final")
    found = search.changed(base, settings)
    assert (found.learning_rate, found.warmup, found.runs, found.run_length, found.weight_decay) == (
        2e-3,
        3,
        1,
        36,
        0.5,
    )
    assert found.architecture == base.architecture | {"dropout": 0.1, "hidden": 48}
    assert found.loss == base.loss | {"pr_dice": 0.25, "pr_mse": 0.75}
    assert found.epochs == base.epochs
