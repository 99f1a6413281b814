"""The leak: what the published split gains by training on other members of the months that it scores.

Scores are means over the members as truth: the first, which is withheld, and the others, which the published split
trains on and `clean` does not. The longer the training, the more of them can be learned by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from ..workbook import Workbook
from .members import scores_of
from .plan import Study, Trial
from .report import differences, summary

EPOCHS = (5, 20)


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` on both splits, in the full profile for several lengths."""
    recipe = book.recipe("compact-final")
    for epochs in EPOCHS if book.profile == "full" else (recipe.epochs,):
        for split in ("clean", "published"):
            for seed in seeds:
                yield Trial(f"{epochs} epochs", replace(recipe, epochs=epochs, cosine_epochs=epochs), split, seed)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the summary, then what the published split differs by, seed by seed."""
    first = rows[rows["slice"] == 0]
    named = first.assign(label=first["split"] + ", " + first["label"], split="both")
    against = {f"published, {label}": f"clean, {label}" for label in first["label"].unique()}
    return pd.concat([summary(rows, {}), scores_of(differences(named, against))])


STUDY = Study("What does the published split gain by its leak?", plan, {"quick": 1, "full": 3}, table=table)
