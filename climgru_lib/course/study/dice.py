"""Experiment 2 of the published entry, repeated: shares of Dice and squared error in the loss of precipitation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..workbook import Workbook
from .plan import Study, Trial

NAN = float("nan")
SHARES = (1.0, 0.7, 0.5, 0.0)


def label_of(share: float) -> str:
    """Return the label of a share of Dice."""
    return f"{share:.1f} Dice + {1 - share:.1f} MSE"


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` with each share of Dice in the loss of precipitation; MSE has the rest."""
    recipe = book.recipe("compact-final")
    for share in SHARES:
        loss = {**recipe.loss, "pr_dice": share, "pr_mse": 1 - share}
        for seed in seeds:
            yield Trial(label_of(share), replace(recipe, loss=loss), "clean", seed)


STUDY = Study(
    "How much Dice on precipitation? (experiment 2)",
    plan,
    against={label_of(share): label_of(0.5) for share in SHARES if share != 0.5},
    published={
        label_of(1.0): (NAN, NAN, NAN, 2.064, 0.464, 0.567, NAN),
        label_of(0.7): (NAN, NAN, NAN, 2.007, 0.308, 0.657, NAN),
        label_of(0.5): (NAN, NAN, NAN, 1.999, 0.278, 0.685, NAN),
    },
)
