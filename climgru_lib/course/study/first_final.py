"""The first published model, a 3D-CNN, against the final one, a Conv-GRU, beside what both must beat.

On the published slice of a known scenario, and in the full profile on a whole scenario that nothing was fitted to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...score.tables import PUBLISHED_SCORES
from ..workbook import Workbook
from .plan import Study, Trial

LABELS = {"Conv-GRU (final)": "compact-final", "3D-CNN (first)": "compact-first"}
BASELINES = ("climatology", "pattern-scaling", "energy-balance")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the simple methods, then both networks."""
    for split in ("clean", "unseen:ssp370") if book.profile == "full" else ("clean",):
        for name in BASELINES:
            yield Trial(name, book.recipe(name), split, 0)
        for label, name in LABELS.items():
            for seed in seeds:
                yield Trial(label, book.recipe(name), split, seed)


STUDY = Study(
    "Is the Conv-GRU better than the 3D-CNN, and are both better than a table of means?",
    plan,
    against={"Conv-GRU (final)": "3D-CNN (first)"},
    published=dict(zip(LABELS, (PUBLISHED_SCORES["published final"], PUBLISHED_SCORES["published first"]))),
)
