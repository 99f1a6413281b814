"""Windows: how many months the network reads, whether the target's own month is among them, and whether they overlap.

At lead 0 the last month of the window is the target's own, at lead 1 (published) the one before. Windows that begin
``stride`` months apart overlap while the stride is shorter than they are; 13 months and not 12 separate those of a
year, as otherwise every target would fall in the same calendar month. All forms take the same number of steps: longer
windows lose the first targets of each scenario, larger strides have fewer targets in each batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..workbook import Workbook
from .plan import Study, Trial

WINDOWS = (1, 3, 6, 12, 18, 24, 60)
STRIDES = (5, 13)
REFERENCE = "12 months"


def label_of(window: int) -> str:
    """Return the label of a window at the published lead and stride."""
    return f"{window} months" if window > 1 else "1 month"


#: Settings of `compact-final` by label.
FORMS = (
    {REFERENCE: {"window": 12}}
    | {label_of(window): {"window": window} for window in WINDOWS}
    | {f"{label_of(window)}, lead 0": {"window": window, "lead": 0} for window in WINDOWS}
    | {f"{REFERENCE}, stride {stride}": {"stride": stride} for stride in STRIDES}
)
QUICK = (REFERENCE, "1 month", f"{REFERENCE}, lead 0")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan `compact-final` with each window."""
    recipe = book.recipe("compact-final")
    for label in FORMS if book.profile == "full" else QUICK:
        for seed in seeds:
            yield Trial(label, replace(recipe, **FORMS[label]), "clean", seed)


STUDY = Study(
    "How many months should the network read?",
    plan,
    {"quick": 1, "full": 3},
    against={label: REFERENCE for label in FORMS if label != REFERENCE}
    | {f"{label_of(window)}, lead 0": label_of(window) for window in WINDOWS},
)
