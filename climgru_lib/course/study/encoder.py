"""Encoders of a month: the published convolutions against a U-Net, a vision transformer and none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..workbook import Workbook
from .equal_cost import Form, against_first, plan_forms
from .plan import Study, Trial

FORMS = {
    "CNN (published)": Form({}, 0.206),
    "U-Net": Form({"encoder": "unet", "width": 4}, 0.703),
    "vision transformer": Form({"encoder": "vit"}, 0.494),
    "none": Form({"encoder": "none", "hidden": 120}, 0.127),
}
QUICK = ("CNN (published)", "none")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan every encoder; see `equal_cost`."""
    yield from plan_forms(book, seeds, FORMS, QUICK)


STUDY = Study("Does it matter how a month is encoded?", plan, {"quick": 1, "full": 3}, against=against_first(FORMS))
