"""The kept tables of recipes and of the model card, and that of notebook 08; runs where the extract lies beside."""

import json
import os
import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from climgru_lib import grid
from climgru_lib.course import study as studies
from climgru_lib.course.study import results
from climgru_lib.data import splits, tensors
from climgru_lib.data.store import open_dataset
from climgru_lib.predict import emulator
from climgru_lib.predict.ensemble import StochasticEmulator
from climgru_lib.score import calibration, evaluation
from climgru_lib.score.tables import COLUMNS
from climgru_lib.training import fit, recipes

ROOT = Path(__file__).resolve().parents[2]
UNPACK = ROOT.parent / "shared" / "data" / "unpack.py"
LIMITS = {"perfect forced response": "forced", "right-variance deterministic": "variance"}


def tables() -> dict[str, dict[str, list[float]]]:
    """Return the kept scores by split and recipe or limit."""
    rows = pd.read_csv(results.FOLDER / "recipes.csv").set_index(["split", "label"])[COLUMNS]
    named = rows.rename(lambda label: label.removeprefix("limit: "), level="label")
    return {split: dict(zip(part.loc[split].index, part.values.tolist())) for split, part in named.groupby("split")}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    if not UNPACK.exists():
        pytest.skip("the real extract is not beside this checkout")
    store = tmp_path_factory.mktemp("real") / "real.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(UNPACK), str(store)])
        runpy.run_path(str(UNPACK), run_name="__main__")
    return store


@pytest.fixture(scope="module")
def extract(store):
    return open_dataset(store)


@pytest.mark.parametrize("name", ["clean", "unseen:ssp370"])
def test_the_kept_table_tells_what_the_recipes_score(name, extract, tmp_path):
    rows = tables()[name]
    prepared = {}
    for name_of_recipe in sorted(set(rows) - set(LIMITS)):
        recipe = recipes.named(name_of_recipe)
        if recipe.season not in prepared:
            prepared = {recipe.season: tensors.prepare(extract, recipe.season, splits.named(name))}
        run = fit.train(recipe, prepared[recipe.season], tmp_path / recipe.name, progress=False)
        scored = evaluation.evaluate(run, prepared[recipe.season])[0]
        exact = 5e-3 if recipe.is_network else 1e-3  # float32 sums of other machines and thread counts add up
        told = [scored["avg"][column] for column in COLUMNS]
        assert told == pytest.approx(rows[recipe.name], abs=exact), recipe.name
    for row in set(rows) & set(LIMITS):
        limit = scored["limits"][LIMITS[row]]
        assert [limit[column] for column in COLUMNS] == pytest.approx(rows[row], abs=1e-3), row


def test_both_tables_are_kept():
    assert {split: len(rows) for split, rows in tables().items()} == {"clean": 9, "unseen:ssp370": 7}


def card() -> dict[str, list[float]]:
    """Return pattern scaling, `compact`, its spread where there is one, and the limit, by split."""
    rows = pd.read_csv(results.FOLDER / "model-card.csv")
    rows = rows[rows["form"] == "mean"].set_index("split")[["pattern_scaling", "compact", "compact_sd", "limit"]]
    return {split: cells.dropna().tolist() for split, cells in rows.iterrows()}


@pytest.mark.skipif("CLIMGRU_FULL" not in os.environ, reason="an hour of trainings; CLIMGRU_FULL=1 asks for them")
def test_the_model_card_tells_the_study_of_folds(store, tmp_path, monkeypatch):
    monkeypatch.setattr(studies.folds, "RECIPES", ("pattern-scaling", "compact"))
    table = studies.run("folds", str(store), "full", str(tmp_path))
    for split, cells in card().items():
        found = table["mean of folds" if split == "five folds" else split]
        spread = [] if split == "five folds" else ["compact, sd over seeds"]
        told = [found[row] for row in ("pattern-scaling", "compact", *spread, "limit: forced")]
        assert told == pytest.approx(cells, abs=3e-3), split


def test_the_table_of_the_model_card_is_kept():
    unseen = dict.fromkeys(("unseen:ssp126", "unseen:ssp370", "unseen:ssp585"), 4)
    assert {split: len(cells) for split, cells in card().items()} == {"five folds": 3, "clean": 4, **unseen}


NOTEBOOK = ROOT / "notebooks" / "08_calibrated_ensembles.ipynb"
ENSEMBLE = ("CRPS over limit", "spread-skill", "fullest rank")


def ensemble_rows() -> dict[tuple[str, str], list[str]]:
    """Return the cells of the table of section 8.8 by split and recipe."""
    text = "".join(line for cell in json.loads(NOTEBOOK.read_text())["cells"] for line in [*cell["source"], "\n"])
    rows = re.findall(r"^\| `([\w:]+)`, `([\w-]+)` \|(.*)\|$", text, re.M)
    return {(split, recipe): [cell.strip() for cell in cells.split("|")] for split, recipe, cells in rows}


@pytest.mark.parametrize(("split", "recipe"), ensemble_rows())
def test_notebook_08_tells_how_ensembles_of_real_data_are(split, recipe, extract, tmp_path):
    prepared = tensors.prepare(extract, recipes.named(recipe).season, splits.named(split))
    run = fit.train(recipes.named(recipe), prepared, tmp_path / "run", progress=False)
    stochastic = StochasticEmulator(emulator.Emulator.open(run), prepared)
    found = calibration.calibrate(stochastic, evaluation.evaluate(run, prepared)[:1], 16, seed=0)[0]["rows"]
    names = [f"score: {name}" for name in ("mean", "variance-matched", "one draw")]
    names += [f"{var} {name}" for name in ENSEMBLE for var in ("tas", "pr")]
    for name, cell in zip(names, ensemble_rows()[split, recipe], strict=True):
        told = [float(number) for number in re.findall(r"[\d.]+", cell)]
        exact = 1.5e-3 if name.startswith("score") else 0.015  # half of the last digit, and float32 sums
        assert told == pytest.approx(found[name][: len(told)], abs=exact), name
    if (split, recipe) == ("clean", "energy-balance"):
        slopes = 100 * grid.area_mean(stochastic.weather.slope, prepared.lat)
        assert slopes == pytest.approx([-2.0, 5.8], abs=0.06)
    assert found["pr fullest rank"][0] == found["pr lowest rank"][0]


def test_notebook_08_has_the_table():
    assert len(ensemble_rows()) == 3
