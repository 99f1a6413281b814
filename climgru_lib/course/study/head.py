"""Heads: the published dense layers against transposed convolutions and sums of a few maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..workbook import Workbook
from .equal_cost import Form, against_first, plan_forms
from .plan import Study, Trial

FORMS = {
    "dense (published)": Form({}, 0.211),
    "transposed convolutions": Form({"head_kind": "transposed", "hidden": 104}, 0.384),
    "low rank": Form({"head_kind": "low_rank", "hidden": 124}, 0.246),
}
QUICK = ("dense (published)", "low rank")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan every head; see `equal_cost`."""
    yield from plan_forms(book, seeds, FORMS, QUICK)


STUDY = Study("Does it matter how maps are made?", plan, {"quick": 1, "full": 3}, against=against_first(FORMS))
