"""Size: networks of one kind from 110 thousand parameters to the published 353 million.

There is none of 10 thousand: the mean map of each variable, from which training starts, takes 7 thousand alone, and so
does each pattern beside it, of which the layer norm of the head needs several. Larger networks than `compact-final` get
a smaller learning rate, as a step of the optimiser moves gates with more inputs further; none was tuned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..workbook import Workbook
from .plan import Study, Trial

#: (learning rate, what changes in the architecture) by label.
SIZES = {
    "100 k": (3e-3, {"width": 4, "hidden": 8, "head": 8, "strides": [2, 2, 2, 1]}),
    "500 k": (3e-3, {"width": 4, "hidden": 16, "head": 24}),
    "2 M": (3e-3, {"width": 4, "hidden": 48, "head": 128}),
    "5.5 M": (3e-3, {}),
    "20 M": (2e-3, {"width": 16, "hidden": 192, "head": 384}),
    "80 M": (1.5e-3, {"width": 32, "hidden": 416, "head": 832}),
    "353 M": (1e-3, {"width": 32, "hidden": 512, "head": 1024, "strides": [1, 1, 2, 1]}),
}
QUICK = ("100 k", "500 k", "2 M")
COSTS = {"parameters": "first", "seconds": "mean", "memory_mb": "max"}


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` in every size, small ones first."""
    recipe = book.recipe("compact-final")
    for label in SIZES if book.profile == "full" else QUICK:
        rate, architecture = SIZES[label]
        sized = replace(recipe, architecture={**recipe.architecture, **architecture}, learning_rate=rate)
        for seed in seeds:
            yield Trial(label, sized, "clean", seed)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Put score, time and memory beside size.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`.

    Returns
    -------
    DataFrame
        By label: seeds, parameters, seconds of the training, largest memory [MB], mean score and its standard deviation
        over seeds, and its excess over the score of a perfect forced response. The last row, ``law``, holds as
        ``excess`` the exponent b of excess ~ parameters^b by least squares in logarithms.
    """
    groups = rows[rows["slice"] == 0].groupby("label", sort=False)
    found = groups.agg(seeds=("seed", "count"), **{name: (name, how) for name, how in COSTS.items()})
    found["score"], found["sd"] = groups["score"].mean(), groups["score"].std()
    if "limit: forced" not in rows:
        return found
    found["excess"] = found["score"] - groups["limit: forced"].first()
    above = found[found["excess"] > 0]
    if len(above) > 1:
        slope, _ = np.polyfit(np.log(above["parameters"].astype(float)), np.log(above["excess"]), 1)
        found.loc["law", "excess"] = slope
    return found


STUDY = Study(
    "How large must the network be?",
    plan,
    {"quick": 1, "full": 3},
    against={label: "5.5 M" for label in SIZES if label != "5.5 M"},
    table=table,
)
