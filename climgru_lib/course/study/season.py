"""Experiment 1 of the published entry, repeated: whether a channel with the season helps, and when.

The channel is left out of `compact-final`, all else equal; then once more under conditions in which it could matter
more: a short training, no lead, no insolation among the inputs, and the published start without any of its cures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..workbook import Workbook
from .calm_start import published_start
from .plan import Study, Trial

NAN = float("nan")
CONDITIONS = {
    "": lambda recipe: recipe,
    ", one epoch": lambda recipe: replace(recipe, epochs=1, cosine_epochs=1),
    ", lead 0": lambda recipe: replace(recipe, lead=0),
    ", no rsdt": lambda recipe: replace(recipe, ignore=["rsdt"]),
    ", published start": published_start,
}


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan every condition with and without the channel; the quick profile has the first condition alone."""
    conditions = CONDITIONS if book.profile == "full" else {"": CONDITIONS[""]}
    for condition, change in conditions.items():
        recipe = change(book.recipe("compact-final"))
        for label, season in (("with season", recipe.season), ("without season", "none")):
            for seed in seeds:
                yield Trial(label + condition, replace(recipe, season=season), "clean", seed)


STUDY = Study(
    "Does the seasonal channel help, and when? (experiment 1)",
    plan,
    against={f"with season{condition}": f"without season{condition}" for condition in CONDITIONS},
    published={
        "with season": (1.205, 0.344, 0.173, 1.983, 0.238, 0.755, NAN),
        "without season": (NAN, NAN, 0.330, NAN, 0.437, 0.880, NAN),
    },
)
