"""What makes the Conv-GRU learn the warming: each part of the calm start of `compact-final` left out in turn.

Trained without the last decades of all scenarios; those of ssp126 and ssp585 are scored, so that the slice of the
split `clean` is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..recipes import Recipe
from ..workbook import Workbook
from .plan import Study, Trial

WHOLE = "all parts"


def _rebuilt(**architecture: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, architecture={**recipe.architecture, **architecture})


def _reset(**settings: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, **settings)


#: The parts of the calm start of `compact-final`, each with what takes it back to the published form.
CALM_PARTS: dict[str, Callable[[Recipe], Recipe]] = {
    "scaled features": _rebuilt(scaled=False),
    "running normalisation": _rebuilt(norm="batch"),
    "start at the mean": _reset(start_at_mean=False),
    "warm-up": _reset(warmup=0),
    "annealing to zero": _reset(cosine_by_batch=False, cosine_epochs=100, min_learning_rate=1e-6),
    "two long runs a batch": _reset(runs=1, run_length=11),
}


def published_start(recipe: Recipe) -> Recipe:
    """Return a recipe of the Conv-GRU without any part of the calm start."""
    for without in CALM_PARTS.values():
        recipe = without(recipe)
    return recipe


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the whole, then the whole less one part, then the published start."""
    recipe = book.recipe("compact-final")
    forms = {WHOLE: recipe} | {f"without {part}": without(recipe) for part, without in CALM_PARTS.items()}
    for label, form in (forms | {"published start": published_start(recipe)}).items():
        for seed in seeds:
            yield Trial(label, form, "decades", seed)


STUDY = Study(
    "Which parts of the calm start does the Conv-GRU need?",
    plan,
    {"quick": 1, "full": 3},
    against={f"without {part}": WHOLE for part in CALM_PARTS} | {"published start": WHOLE},
)
