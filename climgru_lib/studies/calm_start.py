"""What makes the Conv-GRU learn the warming: each part of the calm start of `compact-final` left out in turn.

Trained without the last decades of all scenarios; those of ssp126 and ssp585 are scored, so that the slice of the
split `clean` is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..recipes import CALM_PARTS, published_start
from ..workbook import Workbook
from .plan import Study, Trial

WHOLE = "all parts"


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
