"""Baselines and `compact` on five folds, on `clean`, and with each scenario unseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from ...data import splits
from ...training.recipes import named
from ..workbook import Workbook
from .plan import Study, Trial

RECIPES = (
    "climatology",
    *(f"regression-{n}" for n in range(1, 5)),
    "pattern-scaling",
    "pattern-scaling-gp",
    "energy-balance",
    "energy-balance-gp",
    "compact",
)


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the five folds of `splits.folds`, `clean`, then every open scenario unseen; closed forms have one seed."""
    names = [split.name for split in splits.folds()] + ["clean"]
    names += [f"unseen:{ssp}" for ssp in book.prepare().open_scenarios]
    for split in names:
        for recipe in RECIPES:
            for seed in seeds if named(recipe).is_network else (0,):
                yield Trial(recipe, book.recipe(recipe), split, seed)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the scores side by side.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`: ``label``, ``split``, ``seed``, ``slice``, ``score`` and, with members enough, the
        limits.

    Returns
    -------
    DataFrame
        Recipes and limits by split, means over seeds, and the mean over the five folds, on which the settings of
        some recipes were chosen (their docstrings tell); where a recipe has several seeds, a row with their standard
        deviation follows.
    """
    rows = rows[rows["slice"] == 0]
    by_split = rows.groupby(["label", "split"], sort=False)["score"]
    wide = by_split.mean().unstack()[list(rows["split"].unique())]
    spread = by_split.std().unstack()[wide.columns].dropna(how="all").rename(index="{}, sd over seeds".format)
    bounds = rows.filter(like="limit: ").groupby(rows["split"]).first().T
    order = [key for label in wide.index for key in (label, f"{label}, sd over seeds")]
    joined = pd.concat([wide, spread]).reindex([key for key in order if key in {*wide.index, *spread.index}])
    joined = pd.concat([joined, bounds[wide.columns]])
    joined.insert(0, "mean of folds", joined[[split.name for split in splits.folds()]].mean(axis=1))
    joined.loc[spread.index, "mean of folds"] = float("nan")
    return joined


STUDY = Study(
    "How good are simple emulators and compact where they were not fitted?", plan, {"quick": 1, "full": 3}, table=table
)
