"""What had to be added to the 3D-CNN: each addition of `compact-first` left out in turn.

As in `calm_start`, the last decades of all scenarios are withheld and those of ssp126 and ssp585 scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...training.recipe import Recipe
from ..workbook import Workbook
from .calm_start import Parts, against_whole, leave_one_out, rebuilt, reset
from .plan import Study, Trial

_AT_RANDOM = reset(start_at_mean=False)


def _shared_weights(recipe: Recipe) -> Recipe:
    """Return a recipe whose last layer knows no cell: it has no bias of maps to start from either."""
    return rebuilt(local=False)(_AT_RANDOM(recipe))


FIRST_PARTS: Parts = {
    "start at the mean": _AT_RANDOM,
    "own weights in each cell": _shared_weights,
    "running normalisation": rebuilt(norm="batch"),
    "annealing to zero": reset(cosine_by_batch=False, cosine_epochs=100, min_learning_rate=1e-6),
}


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the whole, then the whole less one addition, then the published blocks alone."""
    recipe = bare = book.recipe("compact-first")
    for without in FIRST_PARTS.values():
        bare = without(bare)
    yield from leave_one_out(recipe, FIRST_PARTS, {"published blocks alone": bare}, seeds)


STUDY = Study(
    "What does the 3D-CNN need beside its published blocks?",
    plan,
    {"quick": 1, "full": 3},
    against=against_whole(FIRST_PARTS, "published blocks alone"),
)
