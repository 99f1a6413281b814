"""Studies: many trainings, planned, resumed and put into tables. A study is one module with a `plan.Study`."""

from __future__ import annotations

import pandas as pd

from ..contract import InputError
from . import calm_start, dice, first_final, first_start, folds, published, runner, season
from .plan import Study, Trial
from .report import differences, plot_curves, summary

STUDIES = {
    "folds": folds.STUDY,
    "calm-start": calm_start.STUDY,
    "first-start": first_start.STUDY,
    "season": season.STUDY,
    "dice": dice.STUDY,
    "first-final": first_final.STUDY,
}

__all__ = ["STUDIES", "Study", "Trial", "differences", "plot_curves", "run", "summary"]


def run(
    name: str,
    data_path: str = "embedded",
    profile: str | None = None,
    *args,
    minutes: float | None = None,
    **kwargs,
) -> pd.DataFrame:
    """Run a study by name; see `runner.run` for the arguments, and `published.run` for that study's.

    Raises
    ------
    InputError
        If there is no such study, or it has no budget of ``minutes``.
    """
    if name == "published":
        return published.run(data_path, profile, *args, minutes=minutes, **kwargs)
    if name not in STUDIES:
        raise InputError(f"no study '{name}'; there are {', '.join(STUDIES)}, published")
    if minutes is not None:
        raise InputError("--minutes is for the study published; others end when all is run, and can be continued")
    return runner.run(name, STUDIES[name], data_path, profile or "quick", *args, **kwargs)
