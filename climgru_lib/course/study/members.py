"""Members: what more realisations of the weather bring to a training of as many steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pandas as pd

from ..workbook import Workbook
from .plan import Study, Trial
from .report import differences, summary

MOST = 3
LABELS = ["1 member", *(f"{count} members" for count in range(2, MOST + 1))]
AGAINST = {more: fewer for fewer, more in pairwise(LABELS)}


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` on one member, on two, and so on; all members are truth when it is scored."""
    recipe = book.recipe("compact-final")
    for count, label in enumerate(LABELS[: len(book.prepare().members)], 1):
        for seed in seeds:
            yield Trial(label, recipe, f"members:{count}", seed)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the summary, then the paired differences of the scores; the splits differ in nothing but the members."""
    rows = rows.assign(split="clean")
    paired = differences(rows[rows["slice"] == 0], AGAINST)
    return pd.concat([summary(rows, {}), scores_of(paired)])


def scores_of(paired: pd.DataFrame) -> pd.DataFrame:
    """Put the differences of the scores into rows like those of `report.summary`.

    Parameters
    ----------
    paired : DataFrame
        From `report.differences`, one slice.

    Returns
    -------
    DataFrame
        By split and ``A less B``: the number of pairs as ``seeds``, the mean difference of each metric, and below it
        its standard error.
    """
    found = {}
    for (split, label, less), group in paired.groupby(["split", "label", "less"], sort=False):
        values = group.set_index("metric")
        found[split, f"{label} less {less}"] = {"seeds": values["pairs"].iloc[0], **values["difference"]}
        found[split, f"{label} less {less}, +-"] = {"seeds": values["pairs"].iloc[0], **values["+-"]}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis(["split", "label"])


STUDY = Study("What do more members bring?", plan, {"quick": 1, "full": 3}, table=table)
