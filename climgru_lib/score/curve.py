"""How the scores of a network move while it trains: curves to look at, of which nothing is chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..data.normalizer import denormalise
from ..data.tensors import EmulationData
from ..predict.emulator import Emulator
from ..training import files
from ..training.batches import RunSampler
from ..training.recipe import Recipe
from .metrics import mean_scores, score_fields

PROGRESS = "progress.csv"


class ScoreCurve:
    """Score the slices of the split along a training, into ``progress.csv`` of its run directory.

    `fit.train` takes it as its ``watch``. Training is not touched: prediction draws no random numbers and leaves
    the running statistics alone. The weights of the run are its last, whatever the curve says.

    Parameters
    ----------
    recipe : Recipe
        Of a network.
    data : EmulationData
        Prepared, with its split.
    run_dir : Path
    seed : int
        Of the training; the number of batches depends on it.
    points : int
        How often to score, evenly over all batches; the last point is the end.
    """

    def __init__(self, recipe: Recipe, data: EmulationData, run_dir: Path, seed: int, points: int = 12):
        total = RunSampler(data, recipe, seed, torch.device("cpu")).n_batches(recipe.epochs)
        self.recipe, self.data, self.run_dir = recipe, data, run_dir
        self.steps = {round(total * point / points) for point in range(1, points + 1)}
        self.slices = data.split.scored_months(len(data.months), recipe.window, recipe.lead)

    def __call__(self, step: int, model: nn.Module) -> None:
        """Score the network if it is time."""
        if step not in self.steps:
            return
        emulator = Emulator(model, self.recipe, self.data.normalizer, {})
        row = {"step": step}
        for ssp, months in self.slices:
            fields = emulator.fields(self.data.scenarios[ssp], self.data, months)
            where = f"{ssp} {self.data.months[months[0]]}..{self.data.months[months[-1]]}"
            row |= {f"{where} {name}": f"{value:.5g}" for name, value in self._scores(fields, ssp, months).items()}
        files.append_row(self.run_dir / PROGRESS, row, "step")

    def _scores(self, fields: np.ndarray, ssp: str, months: range) -> dict[str, float]:
        """Return the metrics of every target and the score, means over the members as truth."""
        members = denormalise(self.data.scenarios[ssp].targets[:, months], self.data.normalizer)
        by_var = [{var: of[:, i] for i, var in enumerate(self.data.targets)} for of in (fields, *members)]
        return mean_scores([score_fields(by_var[0], truth, self.data.lat) for truth in by_var[1:]])


def read_curve(run_dir: Path, ssp: str, months: tuple[str, str]) -> pd.DataFrame:
    """Return the curve of one slice: metrics of `metrics.score_fields` by step; no rows if there is none.

    Parameters
    ----------
    run_dir : Path
    ssp : str
    months : (str, str)
        First and last, ``YYYY-MM``.
    """
    path = run_dir / PROGRESS
    if not path.exists():
        return pd.DataFrame()
    table, prefix = pd.read_csv(path, index_col="step"), f"{ssp} {months[0]}..{months[1]} "
    return table.filter(like=prefix).rename(columns=lambda name: name.removeprefix(prefix))
