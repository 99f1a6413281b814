"""What a study is: trainings to run, and what their scores are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ...training.recipe import Recipe
from ..workbook import Workbook


@dataclass(frozen=True)
class Trial:
    """One training: trials of the same ``label`` and ``split`` differ by ``seed`` alone."""

    label: str
    recipe: Recipe
    split: str
    seed: int


@dataclass(frozen=True)
class Study:
    """A question, the trainings that answer it, and how to read them.

    Parameters
    ----------
    question : str
        One line.
    plan : callable
        ``plan(book, seeds)`` gives the trials; recipes come from `Workbook.recipe`, in the length of the profile.
    seeds : mapping of str to int
        Number of seeds by profile.
    against : mapping of str to str, optional
        Label to the label that it is compared with, seed by seed.
    published : mapping of str to sequence of float, optional
        Label to the six published metrics in the order of `score.COLUMNS`; NaN where the source gives none.
    table : callable, optional
        Makes the printed table of the rows, in the place of `report.summary`.
    """

    question: str
    plan: Callable[[Workbook, Sequence[int]], Iterable[Trial]]
    seeds: Mapping[str, int] = field(default_factory=lambda: {"quick": 2, "full": 5})
    against: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    table: Callable[[pd.DataFrame], pd.DataFrame] | None = None


@dataclass(frozen=True)
class OwnRun:
    """A study that cannot be planned beforehand: ``run`` does it, and takes these options beside the common ones."""

    question: str
    run: Callable[..., pd.DataFrame]
    options: Sequence[str] = ()
