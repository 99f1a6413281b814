"""A study: how a method fares on a split and on another."""

from dataclasses import replace

import pandas as pd

from climgru_lib.course.study import STUDIES, Study, Trial


def plan(book, seeds):
    for window in (1, 2):
        recipe = replace(book.recipe("pattern-scaling"), window=window)
        for seed in seeds:
            yield Trial(f"window {window}", recipe, "clean", seed)


def pivot(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["slice"] == 0].pivot_table(index="label", columns="split", values="score")


STUDIES.register("windows")(Study("Does the window matter?", plan, {"quick": 1, "full": 2}, table=pivot))
