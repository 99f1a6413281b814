"""Studies: many trainings, planned, resumed and put into one table; the only runner of such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from . import runs, splits
from .contract import InputError
from .recipes import named
from .workbook import COLUMNS, Workbook

FOLD_RECIPES = (
    "climatology",
    *(f"regression-{n}" for n in range(1, 5)),
    "pattern-scaling",
    "pattern-scaling-gp",
    "energy-balance",
    "energy-balance-gp",
    "compact",
)
SEEDS = {"quick": 1, "full": 3}  # of a network; closed-form fits have no chance in them
LIMITS = ("forced", "member", "variance")


def folds(book: Workbook) -> list[tuple[str, str, int]]:
    """Plan the five folds of `splits.folds`, `clean`, then every open scenario unseen: (recipe, split, seed)."""
    names = [split.name for split in splits.folds()] + ["clean"]
    names += [f"unseen:{ssp}" for ssp in book.prepare().open_scenarios]
    return [
        (recipe, split, seed)
        for split in names
        for recipe in FOLD_RECIPES
        for seed in range(SEEDS[book.profile] if named(recipe).is_network else 1)
    ]


STUDIES: dict[str, Callable[[Workbook], list[tuple[str, str, int]]]] = {"folds": folds}


def run(name: str, data_path: str = "embedded", profile: str = "quick", out_dir: str = "") -> pd.DataFrame:
    """Train and score all that a study plans; finished runs are reused, an unfinished one is continued.

    Parameters
    ----------
    name : str
        A key of `STUDIES`.
    data_path : str
        A store, or ``"embedded"``.
    profile : {"quick", "full"}
        Length of the trainings and number of seeds.
    out_dir : str
        Where results go, see `data.output_dir`; the rows so far stand in ``study-<name>/rows.csv`` there.

    Returns
    -------
    DataFrame
        The Kaggle score by recipe and split, see `table`.

    Raises
    ------
    InputError
        If there is no such study or profile, or the data are too short for a split.
    runs.Stopped
        If a signal came: the same call continues.
    """
    if name not in STUDIES:
        raise InputError(f"no study '{name}'; there are {', '.join(STUDIES)}")
    book = Workbook(f"study-{name}", data_path, profile, 0, out_dir)
    rows = []
    for recipe, split, seed in STUDIES[name](book):
        scored = book.evaluate(book.train(book.recipe(recipe), split, seed))[0]
        rows.append(_row(recipe, split, seed, scored))
        runs.write_atomically(book.folder / "rows.csv", pd.DataFrame(rows).to_csv)
    return table(pd.DataFrame(rows))


def _row(recipe: str, split: str, seed: int, scored: dict[str, Any]) -> dict[str, Any]:
    limits = {f"limit: {kind}": scored["limits"][kind]["score"] for kind in LIMITS} if scored["limits"] else {}
    where = {
        "recipe": recipe,
        "split": split,
        "seed": seed,
        "ssp": scored["ssp"],
        "months": "..".join(scored["months"]),
    }
    return where | {column: scored["avg"][column] for column in COLUMNS} | limits


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the scores of a study side by side.

    Parameters
    ----------
    rows : DataFrame
        One row for each run: ``recipe``, ``split``, ``seed``, ``score`` and, with members enough, the limits.

    Returns
    -------
    DataFrame
        Recipes and limits by split, means over seeds, and the mean over the five folds, on which the settings of
        some recipes were chosen (their docstrings tell); where a recipe has several seeds, a row with their standard
        deviation follows.
    """
    by_split = rows.groupby(["recipe", "split"], sort=False)["score"]
    wide = by_split.mean().unstack()[list(rows["split"].unique())]
    spread = by_split.std().unstack()[wide.columns].dropna(how="all").rename(index="{}, sd over seeds".format)
    bounds = rows.filter(like="limit: ").groupby(rows["split"]).first().T
    order = [key for recipe in wide.index for key in (recipe, f"{recipe}, sd over seeds")]
    joined = pd.concat([wide, spread]).reindex([key for key in order if key in {*wide.index, *spread.index}])
    joined = pd.concat([joined, bounds[wide.columns]])
    joined.insert(0, "mean of folds", joined[[split.name for split in splits.folds()]].mean(axis=1))
    joined.loc[spread.index, "mean of folds"] = float("nan")
    return joined
