"""Temporal cores: the published GRU against other recurrences, attention, a mean, and the last month alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..workbook import Workbook
from .equal_cost import Form, against_first, plan_forms
from .plan import Study, Trial

FORMS = {
    "GRU (published)": Form({}, 0.204),
    "bidirectional GRU": Form({"core": "bidirectional_gru", "hidden": 48}, 0.225),
    "convolutional GRU": Form({"core": "conv_gru", "hidden": 560, "core_settings": {"cells": 16}}, 0.576),
    "convolutional LSTM": Form({"core": "conv_lstm", "hidden": 720, "core_settings": {"cells": 12}}, 0.578),
    "transformer": Form({"core": "transformer", "hidden": 208}, 0.281),
    "mean over months": Form({"core": "mean", "hidden": 288}, 0.18),
    "last month": Form({"core": "last", "hidden": 288}, 0.174),
}
QUICK = ("GRU (published)", "transformer", "last month")


def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
    """Plan every core; see `equal_cost`."""
    yield from plan_forms(book, seeds, FORMS, QUICK)


STUDY = Study("Does it matter how months are read?", plan, {"quick": 1, "full": 3}, against=against_first(FORMS))
