"""The loss of temperature: which of the published terms help a network that learns.

The pathways of temperature and precipitation share no weights and the optimiser knows no norm of all gradients, so that
precipitation is the same in every form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...training.recipe import PUBLISHED_LOSS
from ..workbook import Workbook
from .plan import Study, Trial

REFERENCE = "L1"
#: Terms of temperature by label; weights are the published ones.
FORMS = {
    REFERENCE: ("tas_l1",),
    "MSE": ("tas_mse",),
    "L1 + Gabor": ("tas_l1", "tas_gabor"),
    "L1 + Hessian": ("tas_l1", "tas_hessian"),
    "L1 + polar": ("tas_l1", "tas_polar"),
    "all (published)": ("tas_l1", "tas_gabor", "tas_hessian", "tas_polar"),
}
QUICK = (REFERENCE, "MSE", "L1 + Hessian")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` with each loss of temperature; that of precipitation stays."""
    recipe = book.recipe("compact-final")
    of_pr = {name: weight for name, weight in recipe.loss.items() if name.startswith("pr_")}
    for label in FORMS if book.profile == "full" else QUICK:
        loss = {name: PUBLISHED_LOSS.get(name, 1.0) for name in FORMS[label]} | of_pr
        for seed in seeds:
            yield Trial(label, replace(recipe, loss=loss), "clean", seed)


STUDY = Study(
    "Which loss for temperature?",
    plan,
    {"quick": 1, "full": 3},
    against={label: REFERENCE for label in FORMS if label != REFERENCE},
)
