"""Weights of the published loss: as they are, all one, learned, and such that the terms pull equally.

Weights act within a variable alone: the pathways share no weights, and Adam takes the size out of a gradient that is
scaled as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...training.recipe import PUBLISHED_LOSS
from ..workbook import Workbook
from .plan import Study, Trial

REFERENCE = "fixed (published)"
ONES = dict.fromkeys(PUBLISHED_LOSS, 1.0)
#: Weights and combination by label.
FORMS = {
    REFERENCE: (PUBLISHED_LOSS, "sum"),
    "all one": (ONES, "sum"),
    "learned by uncertainty": (PUBLISHED_LOSS, "uncertainty"),
    "balanced gradients": (ONES, "balanced_gradients"),
}
QUICK = (REFERENCE, "learned by uncertainty", "balanced gradients")
SLOW = "tas_gabor"  # takes two thirds of a step; the quick profile leaves it out


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` with all published terms, weighed in each way."""
    recipe = book.recipe("compact-final")
    for label in FORMS if book.profile == "full" else QUICK:
        weights, combination = FORMS[label]
        loss = {term: weight for term, weight in weights.items() if book.profile == "full" or term != SLOW}
        for seed in seeds:
            yield Trial(label, replace(recipe, loss=loss, combination=combination), "clean", seed)


STUDY = Study(
    "Who should weigh the terms of the loss?",
    plan,
    {"quick": 1, "full": 3},
    against={label: REFERENCE for label in FORMS if label != REFERENCE},
)
