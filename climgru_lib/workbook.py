"""What the notebooks share: parameters and folders, runs by profile, tables, and checked numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from . import emulate, recipes, runs, splits, training
from .contract import InputError
from .data import open_dataset, output_dir
from .metrics import METRICS
from .progress import ScoreCurve
from .recipes import Recipe
from .series import EmulationData, prepare

DEFAULTS = {"data_path": "embedded", "profile": "quick", "seed": 0}
#: What the quick profile changes: fewer passes, of smaller batches.
QUICK = {
    "compact-final": {"epochs": 3, "cosine_epochs": 3, "runs": 1},
    "compact-first": {"epochs": 1, "cosine_epochs": 1, "learning_rate": 2e-2},
}

#: Scores of the published entry on its (leaky) slice, 2091-02..2100-01 of ssp370, member 0.
PUBLISHED = {
    "published first": (1.943311, 1.084593, 0.390760, 2.088961, 0.348973, 0.836387, 1.427),
    "published final": (1.141718, 0.248828, 0.196773, 1.997257, 0.256469, 0.662138, 0.756),
}
COLUMNS = [f"{var}_{name}" for var in ("tas", "pr") for name in METRICS] + ["score"]
HEADINGS = {
    f"{var}_{name}": f"{var} {text} [{unit}]"
    for var, unit in (("tas", "K"), ("pr", "mm/day"))
    for name, text in zip(METRICS, ("monthly RMSE", "time-mean RMSE", "time-std MAE"))
}


class Workbook:
    """The state of one notebook: its parameters, its data set, its folder.

    Parameters
    ----------
    notebook : str
        Two digits, e.g. ``"04"``.
    data_path, profile, seed, out_dir
        The notebook's parameters; ``profile`` is quick or full and changes the length of trainings only.
    **others : (value, default)
        Further parameters of the notebook; a changed one switches the comparison of numbers off.

    Raises
    ------
    InputError
        If the profile is unknown or the data cannot be opened.
    """

    def __init__(self, notebook: str, data_path: str, profile: str, seed: int, out_dir: str, **others: tuple):
        if profile not in ("quick", "full"):
            raise InputError(f"unknown profile '{profile}'; there are quick and full")
        self.notebook, self.profile, self.seed = notebook, profile, seed
        given = {"data_path": data_path, "profile": profile, "seed": seed} | {k: v[0] for k, v in others.items()}
        committed = DEFAULTS | {k: v[1] for k, v in others.items()}
        self.changed = [name for name, value in given.items() if value != committed[name]]
        self.root = output_dir(out_dir)
        self.folder = self.root / notebook
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / runs.SCORES).unlink(missing_ok=True)
        self.data_path = data_path
        self._dataset: xr.Dataset | None = None
        self._prepared: tuple[tuple, EmulationData] | None = None

    @property
    def dataset(self) -> xr.Dataset:
        """The data set, opened on first use."""
        if self._dataset is None:
            self._dataset = open_dataset(self.data_path)
        return self._dataset

    def prepare(self, season: str = "published", split: str = "clean") -> EmulationData:
        """Return the data set as tensors for a season and a split; the last one is kept."""
        if self._prepared is None or self._prepared[0] != (season, split):
            self._prepared = None
            self._prepared = ((season, split), prepare(self.dataset, season, splits.named(split)))
        return self._prepared[1]

    def recipe(self, name: str, **changes: Any) -> Recipe:
        """Return a recipe in this profile's length, with fields changed."""
        shorter = QUICK.get(name, {}) if self.profile == "quick" else {}
        return replace(recipes.named(name), **{**shorter, **changes})

    def train(
        self,
        recipe: Recipe,
        split: str = "clean",
        seed: int | None = None,
        points: int = 0,
        device: str = "auto",
        precision: str = "32",
    ) -> Path:
        """Train a recipe, or continue or reuse its run; return the run directory.

        With ``points``, a network is scored so many times on the way, see `progress.ScoreCurve`.
        """
        seed = self.seed if seed is None else seed
        data = self.prepare(recipe.season, split)
        run_dir = self._run_dir(recipe, data, seed, precision)
        watch = ScoreCurve(recipe, data, run_dir, points) if points and recipe.is_network else None
        compute = {"device": device, "precision": precision}
        return training.fit(recipe, data, run_dir, seed=seed, resume=True, watch=watch, **compute)

    def finished(self, recipe: Recipe, split: str = "clean") -> Path | None:
        """Return the run directory of a recipe that has been trained with this notebook's seed, else None."""
        run_dir = self._run_dir(recipe, self.prepare(recipe.season, split), self.seed)
        known = (run_dir / runs.RUN).is_file() and runs.read_run(run_dir)["status"] == "finished"
        return run_dir if known else None

    def _run_dir(self, recipe: Recipe, data: EmulationData, seed: int, precision: str = "32") -> Path:
        return self.root / "runs" / runs.folder_name(training.identity(recipe, data, seed, precision))

    def evaluate(self, run_dir: Path) -> list[dict[str, Any]]:
        """Score a run on the slices of its split; see `emulate.evaluate`."""
        emulator = emulate.Emulator.open(run_dir)
        return emulate.evaluate(run_dir, self.prepare(emulator.recipe.season, emulator.run["split"]), None, emulator)

    def number(self, name: str, value: float, unit: str = "") -> None:
        """Print a trained number and record it in the notebook's ``metrics.json``."""
        print(f"[num] {name} = {value:.3g} {unit}".rstrip())
        runs.add_scores(self.folder, name, float(value))

    def check_close(self, name: str, value: float, expected: float, rtol: float) -> None:
        """Compare a number with the value that the text quotes, if nothing that it depends on was changed.

        Raises
        ------
        AssertionError
            If it lies outside the tolerance.
        """
        if self.changed:
            print(f"{name} = {value:.4g} (not compared: {', '.join(self.changed)} changed)")
            return
        if not np.isclose(value, expected, rtol=rtol, atol=0):
            raise AssertionError(f"{name} is {value:.6g}, expected {expected:.6g} within {100 * rtol:g} %")
        print(f"{name}: as expected, {expected:g} within {100 * rtol:g} %")


def score_table(scores: dict[str, list[dict[str, Any]]], against: str = "avg", limits: bool = True) -> pd.DataFrame:
    """Put scores of several emulators into one table, with the noise limits and their errors below each slice.

    Parameters
    ----------
    scores : dict
        Name of the emulator to the result of `emulate.evaluate`.
    against : {"avg", "m0"}
        Mean over the members as truth, or the first member.
    limits : bool
        Add rows for the noise limits, each followed by its standard error where that can be told.

    Returns
    -------
    DataFrame
        Indexed by slice and name; the six metrics in K and mm/day, and the Kaggle score (lower is better).
    """
    rows = {}
    for name, slices in scores.items():
        for result in slices:
            where = f"{result['ssp']} {result['months'][0]}..{result['months'][1]}"
            rows[where, name + (" (leaky)" if result["leaky"] else "")] = result[against]
            if limits:
                for kind, values in (result["limits"] or dict.fromkeys(("forced", "member", "variance"))).items():
                    rows[where, f"limit: {kind}"] = values or dict.fromkeys(COLUMNS, "n/a")
                    if result["limit_errors"]:
                        rows[where, f"limit: {kind}, +-"] = result["limit_errors"][kind]
    table = pd.DataFrame.from_dict(rows, orient="index")[COLUMNS].rename(columns=HEADINGS)
    order = sorted(rows, key=lambda row: (row[0], row[1].startswith("limit")))
    table = table.reindex(pd.MultiIndex.from_tuples(order, names=["slice", "emulator"]))
    return table


def published_table() -> pd.DataFrame:
    """Return the published scores in the columns of `score_table`."""
    return pd.DataFrame.from_dict(PUBLISHED, orient="index", columns=COLUMNS).rename(columns=HEADINGS)


def curves(run_dir: Path) -> pd.DataFrame:
    """Return the training curves of a run, one row per epoch."""
    return pd.read_csv(run_dir / runs.CURVES, index_col="epoch")
