"""What the notebooks share: parameters and folders, runs by profile, tables, and checked numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..contract import InputError
from ..data import splits
from ..data.paths import output_dir
from ..data.store import open_dataset
from ..data.tensors import EmulationData, prepare
from ..predict.emulator import Emulator
from ..score.curve import ScoreCurve
from ..score.evaluation import evaluate
from ..stopping import Stopped
from ..training import fit, recipes, runs
from ..training.recipe import Recipe

DEFAULTS = {"data_path": "embedded", "profile": "quick", "seed": 0}
#: What the quick profile changes: fewer passes, of smaller batches.
QUICK = {
    "compact-final": {"epochs": 3, "cosine_epochs": 3, "runs": 1},
    "compact-first": {"epochs": 1, "cosine_epochs": 1, "learning_rate": 2e-2},
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
        progress: bool = True,
    ) -> Path:
        """Train a recipe, or continue or reuse its run; return the run directory.

        With ``points``, a network is scored so many times on the way, see `score.ScoreCurve`.

        Raises
        ------
        Stopped
            If a signal came, such as Jupyter's to interrupt the kernel; what is trained so far is kept.
        """
        seed = self.seed if seed is None else seed
        data = self.prepare(recipe.season, split)
        run_dir = self._run_dir(recipe, data, seed, precision)
        watch = ScoreCurve(recipe, data, run_dir, seed, points) if points and recipe.is_network else None
        compute = {"device": device, "precision": precision, "progress": progress}
        try:
            return fit.train(recipe, data, run_dir, seed=seed, resume=True, watch=watch, **compute)
        except Stopped as stopped:
            raise Stopped(f"{str(stopped).partition(';')[0]}; run this again to continue") from stopped

    def finished(
        self, recipe: Recipe, split: str = "clean", seed: int | None = None, precision: str = "32"
    ) -> Path | None:
        """Return the run directory of a recipe that was trained, by default with the notebook's seed, or None."""
        seed = self.seed if seed is None else seed
        run_dir = self._run_dir(recipe, self.prepare(recipe.season, split), seed, precision)
        known = (run_dir / runs.RUN).is_file() and runs.read_run(run_dir)["status"] == "finished"
        return run_dir if known else None

    def _run_dir(self, recipe: Recipe, data: EmulationData, seed: int, precision: str = "32") -> Path:
        return self.root / "runs" / runs.folder_name(fit.identity(recipe, data, seed, precision))

    def known_scores(self, run_dir: Path) -> list[dict[str, Any]] | None:
        """Return what `evaluate` has stored of a run, if it has."""
        run = runs.read_run(run_dir)
        return runs.read_scores(run_dir).get(f"{run['split']} {run['data']}")

    def evaluate(self, run_dir: Path, device: str = "auto") -> list[dict[str, Any]]:
        """Score a run on the slices of its split; see `evaluation.evaluate`."""
        emulator = Emulator.open(run_dir, device)
        return evaluate(run_dir, self.prepare(emulator.recipe.season, emulator.run["split"]), None, emulator)

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


def curves(run_dir: Path) -> pd.DataFrame:
    """Return the training curves of a run, one row per epoch."""
    return pd.read_csv(run_dir / runs.CURVES, index_col="epoch")
