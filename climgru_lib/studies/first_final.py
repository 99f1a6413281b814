"""The first published model, a 3D-CNN, against the final one, a Conv-GRU, beside what both must beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..workbook import PUBLISHED, Workbook
from .plan import Study, Trial

LABELS = {"Conv-GRU (final)": "compact-final", "3D-CNN (first)": "compact-first"}
BASELINES = ("climatology", "pattern-scaling")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan the two baselines, then both networks."""
    for name in BASELINES:
        yield Trial(name, book.recipe(name), "clean", 0)
    for label, name in LABELS.items():
        for seed in seeds:
            yield Trial(label, book.recipe(name), "clean", seed)


STUDY = Study(
    "Is the Conv-GRU better than the 3D-CNN, and are both better than a table of means?",
    plan,
    against={"Conv-GRU (final)": "3D-CNN (first)"},
    published=dict(zip(LABELS, (PUBLISHED["published final"], PUBLISHED["published first"]))),
)
