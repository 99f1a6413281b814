"""Run what a study plans: every training once, resumed where it was broken, all scores in tidy tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ...contract import InputError
from ...predict.emulator import Emulator
from ...progress import bar
from ...score.evaluation import score_slice
from ...training import files, runs
from ..workbook import Workbook
from . import report, results
from .plan import Study
from .worker import Outcome, outcomes, row_of


def run(
    name: str,
    study: Study,
    data_path: str = "embedded",
    profile: str | None = None,
    out_dir: str = "",
    seeds: int | None = None,
    device: str = "auto",
    workers: int | str = 1,
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
        Where results go, see `paths.output_dir`; the files of `collect`, `report.write` and `results.provenance`
        stand in ``study-<name>``.
    seeds : int, optional
        Instead of the profile's number.
    device : {"auto", "cpu", "cuda"}
    workers : int or str
        Processes at once, or the address of a dask scheduler, see `worker.outcomes`.

    Returns
    -------
    DataFrame
        The study's table.

    Raises
    ------
    InputError
        If there is no such profile or the data are too short for a split; or at the end, if some runs have failed:
        the tables of the others are written.
    stopping.Stopped
        If a signal came: the same call continues.
    """
    profile = profile or "quick"
    book = Workbook(f"study-{name}", data_path, profile, 0, out_dir)
    count = seeds or study.seeds[profile]
    found = collect(book, study, range(count), device, workers)
    if found.run_dirs:
        command = f"climgru study {name} --data STORE --profile {profile}" + (f" --seeds {seeds}" if seeds else "")
        provenance = results.provenance(book, command, found.rows, found.run_dirs)
        files.write_json(book.folder / "provenance.json", provenance)
        table = report.write(book.folder, study, found.rows, found.curves)
    if found.failed:
        raise InputError(
            f"{len(found.failed)} runs failed; the same command tries them again, the others are kept", *found.failed
        )
    return table


class Collected(NamedTuple):
    """What `collect` returns: ``rows.csv``, ``curves.csv``, the runs behind them, a line for each failed trial."""

    rows: pd.DataFrame
    curves: pd.DataFrame
    run_dirs: list[Path]
    failed: list[str]


def collect(
    book: Workbook, study: Study, seeds: Sequence[int], device: str = "auto", workers: int | str = 0
) -> Collected:
    """Run the trials of a study; write what is known so far after each.

    ``rows.csv`` has one row for each trial and scored slice, with the metrics as means over the members as truth, the
    noise limits of the score, and what the training took; ``curves.csv`` the metrics by step of networks, on the first
    slice; ``means.csv`` the scores of the mean over the seeds of each label.
    """
    trials = list(study.plan(book, seeds))
    rows, curves, failed, alike = [], [], [], {}
    with bar(f"study {book.notebook.removeprefix('study-')}", len(trials), "runs") as progress:
        for trial, found in zip(trials, outcomes(book, trials, device, workers)):
            if isinstance(found, Outcome):
                rows += [row | cost_of(found.run_dir) for row in found.rows]
                curves += found.curve
                alike.setdefault((trial.label, trial.split), []).append(found.run_dir)
                for file, table in (("rows", rows), ("curves", curves)):
                    files.write_atomically(book.folder / f"{file}.csv", pd.DataFrame(table).to_csv)
            else:
                failed.append(f"{trial.label}, {trial.split}, seed {trial.seed}: {type(found).__name__}: {found}")
                print(failed[-1], file=sys.stderr, flush=True)
            progress.update(1)
    means = [
        {"label": label, "split": split, "seeds": len(run_dirs)} | row_of(number, slice_)
        for (label, split), run_dirs in alike.items()
        if len(run_dirs) > 1
        for number, slice_ in enumerate(mean_of_runs(book, run_dirs, device))
    ]
    if means:
        files.write_atomically(book.folder / "means.csv", pd.DataFrame(means).to_csv)
    run_dirs = [run_dir for same in alike.values() for run_dir in same]
    return Collected(pd.DataFrame(rows), pd.DataFrame(curves), run_dirs, failed)


def cost_of(run_dir: Path) -> dict[str, Any]:
    """Return what a training took: its parameters, wall time and peak memory."""
    run = runs.read_run(run_dir)
    return {"parameters": run["parameters"], "seconds": run["wall_seconds"], "memory_mb": run["peak_memory_mb"]}


def mean_of_runs(book: Workbook, run_dirs: Sequence[Path], device: str = "auto") -> list[dict[str, Any]]:
    """Score the mean of the predictions of some runs of one recipe and split: an ensemble over seeds.

    Returns
    -------
    list of dict
        One entry per scored slice, as `evaluation.evaluate` returns them, less ``leaky``.
    """
    emulator = Emulator.open(run_dirs[0], device)
    recipe, split = emulator.recipe, emulator.run["split"]
    data = book.prepare(recipe.season, split)
    slices = data.split.scored_months(len(data.months), recipe.window, recipe.lead)
    sums = [np.zeros(1)] * len(slices)
    for run_dir in run_dirs:
        emulator = Emulator.open(run_dir, device)
        fields = [emulator.fields(data.scenarios[ssp], data, months) for ssp, months in slices]
        sums = [total + one for total, one in zip(sums, fields)]
    return [
        score_slice((total / len(run_dirs)).astype(np.float32), data, ssp, months)
        for total, (ssp, months) in zip(sums, slices)
    ]
