"""Run what a study plans: every training once, resumed where it was broken, all scores in tidy tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...predict.emulator import Emulator
from ...score.curve import read_curve
from ...score.evaluation import score_slice
from ...score.tables import columns, scored_targets
from ...training import files
from ..workbook import Workbook
from . import report
from .plan import Study, Trial

LIMITS = ("forced", "member", "variance")
POINTS = 12  # of a curve


def run(
    name: str,
    study: Study,
    data_path: str = "embedded",
    profile: str | None = None,
    out_dir: str = "",
    seeds: int | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Train and score all that a study plans; finished runs are reused, an unfinished one is continued.

    Parameters
    ----------
    name : str
        Of the study.
    study : Study
    data_path : str
        A store, or ``"embedded"``.
    profile : {"quick", "full"}, optional
        Length of the trainings and number of seeds.
    out_dir : str
        Where results go, see `paths.output_dir`; the files of `collect` and `report.write` stand in ``study-<name>``.
    seeds : int, optional
        Instead of the profile's number.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    DataFrame
        The study's table.

    Raises
    ------
    InputError
        If there is no such profile or the data are too short for a split.
    stopping.Stopped
        If a signal came: the same call continues.
    """
    profile = profile or "quick"
    book = Workbook(f"study-{name}", data_path, profile, 0, out_dir)
    rows, curves = collect(book, study, range(seeds or study.seeds[profile]), device)
    return report.write(book.folder, study, rows, curves)


def collect(book: Workbook, study: Study, seeds: range, device: str = "auto") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the trials of a study; write what is known so far after each.

    Returns
    -------
    rows, curves : DataFrame
        ``rows.csv``: one row for each trial and scored slice, with the metrics as means over the members as truth and
        the noise limits of the score. ``curves.csv``: the metrics by step of networks, on the first slice. The scores
        of the mean over the seeds of each label go to ``means.csv``.
    """
    rows, curves, alike = [], [], {}
    for trial in study.plan(book, seeds):
        run_dir = book.train(trial.recipe, trial.split, trial.seed, points=POINTS, device=device)
        scored = book.evaluate(run_dir)
        rows += [key_of(trial) | row_of(number, slice_) for number, slice_ in enumerate(scored)]
        curves += curve_of(trial, run_dir, scored[0])
        alike.setdefault((trial.label, trial.split), []).append(run_dir)
        for file, table in (("rows", rows), ("curves", curves)):
            files.write_atomically(book.folder / f"{file}.csv", pd.DataFrame(table).to_csv)
    means = [
        {"label": label, "split": split, "seeds": len(run_dirs)} | row_of(number, slice_)
        for (label, split), run_dirs in alike.items()
        if len(run_dirs) > 1
        for number, slice_ in enumerate(mean_of_runs(book, run_dirs))
    ]
    if means:
        files.write_atomically(book.folder / "means.csv", pd.DataFrame(means).to_csv)
    return pd.DataFrame(rows), pd.DataFrame(curves)


def mean_of_runs(book: Workbook, run_dirs: Sequence[Path]) -> list[dict[str, Any]]:
    """Score the mean of the predictions of some runs of one recipe and split: an ensemble over seeds.

    Returns
    -------
    list of dict
        One entry per scored slice, as `evaluation.evaluate` returns them, less ``leaky``.
    """
    emulators = [Emulator.open(run_dir) for run_dir in run_dirs]
    recipe, split = emulators[0].recipe, emulators[0].run["split"]
    data, results = book.prepare(recipe.season, split), []
    for ssp, months in data.split.scored_months(len(data.months), recipe.window, recipe.lead):
        fields = [emulator.fields(data.scenarios[ssp], data, months) for emulator in emulators]
        results.append(score_slice(np.mean(fields, axis=0), data, ssp, months))
    return results


def row_of(number: int, scored: dict[str, Any]) -> dict[str, Any]:
    """Return slice, metrics and limits of an entry of `evaluation.evaluate`, the ``number``-th of its split."""
    limits = {f"limit: {kind}": scored["limits"][kind]["score"] for kind in LIMITS} if scored["limits"] else {}
    where = {"slice": number, "ssp": scored["ssp"], "months": "..".join(scored["months"])}
    metrics = columns(scored_targets(scored["avg"]))
    return where | {column: scored["avg"][column] for column in metrics} | limits


def curve_of(trial: Trial, run_dir: Path, scored: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores along a trial's training, a row a point."""
    curve = read_curve(run_dir, scored["ssp"], scored["months"])
    return [key_of(trial) | row for row in curve.reset_index().to_dict("records")]


def key_of(trial: Trial) -> dict[str, Any]:
    """Return what tells a trial's rows from others."""
    return {"label": trial.label, "split": trial.split, "seed": trial.seed}
