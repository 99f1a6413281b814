"""The picture of the README: a change with what internal variability may explain of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .. import maps
from ..data import splits
from ..data.store import open_dataset
from ..data.tensors import prepare
from ..predict.emulator import Emulator
from ..training import fit, recipes

NAME, DPI = "change_pr.png", 110


def draw(folder: Path) -> Path:
    """Draw the change of rain of the embedded climate and of pattern scaling, and their difference, with dots.

    Parameters
    ----------
    folder : Path
        Where the picture goes.
    """
    dataset = open_dataset()
    with tempfile.TemporaryDirectory() as made:
        recipe = recipes.named("pattern-scaling")
        run = fit.train(recipe, prepare(dataset, recipe.season, splits.named("clean")), Path(made) / "run", seed=0)
        emulator = Emulator.open(run)
        predicted = emulator.predict(emulator.load(dataset, ["ssp370"]), "ssp370")
    figure = maps.plot(
        predicted,
        "pr",
        "2080-2099",
        statistic="change",
        baseline="2016-2035",
        truth=dataset,
        stipple=True,
        projection="Robinson",
    )
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / NAME, dpi=DPI)
    return folder / NAME
