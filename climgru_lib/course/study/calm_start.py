"""What makes the Conv-GRU learn the warming: each part of the calm start of `compact-final` left out in turn.

Trained without the last decades of all scenarios; those of ssp126 and ssp585 are scored, so that the slice of the
split `clean` is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...training.recipe import Recipe
from ..workbook import Workbook
from .plan import Study, Trial

Change = Callable[[Recipe], Recipe]
Parts = Mapping[str, Change]
WHOLE = "all parts"


def rebuilt(**architecture: Any) -> Change:
    """Return the change of a recipe that changes its architecture."""
    return lambda recipe: replace(recipe, architecture={**recipe.architecture, **architecture})


def reset(**settings: Any) -> Change:
    """Return the change of a recipe that changes its settings."""
    return lambda recipe: replace(recipe, **settings)


#: The parts of the calm start of `compact-final`, each with what takes it back to the published form.
CALM_PARTS: Parts = {
    "scaled features": rebuilt(scaled=False),
    "running normalisation": rebuilt(norm="batch"),
    "start at the mean": reset(start_at_mean=False),
    "warm-up": reset(warmup=0),
    "annealing to zero": reset(cosine_by_batch=False, cosine_epochs=100, min_learning_rate=1e-6),
    "two long runs a batch": reset(runs=1, run_length=11),
}


def published_start(recipe: Recipe) -> Recipe:
    """Return a recipe of the Conv-GRU without any part of the calm start."""
    for without in CALM_PARTS.values():
        recipe = without(recipe)
    return recipe


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the whole, then the whole less one part, then the published start."""
    recipe = book.recipe("compact-final")
    yield from leave_one_out(recipe, CALM_PARTS, {"published start": published_start(recipe)}, seeds)


def leave_one_out(recipe: Recipe, parts: Parts, others: Mapping[str, Recipe], seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan a recipe whole, without each of its parts, then others; none sees the slice of the split `clean`."""
    forms = {WHOLE: recipe} | {f"without {part}": without(recipe) for part, without in parts.items()}
    for label, form in (forms | others).items():
        for seed in seeds:
            yield Trial(label, form, "decades", seed)


def against_whole(parts: Parts, *others: str) -> dict[str, str]:
    """Compare every form with the whole."""
    return dict.fromkeys([*(f"without {part}" for part in parts), *others], WHOLE)


STUDY = Study(
    "Which parts of the calm start does the Conv-GRU need?",
    plan,
    {"quick": 1, "full": 3},
    against=against_whole(CALM_PARTS, "published start"),
)
