"""Simple predictors and noise limits on the last decade of a scenario: the same verdicts on any data set."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from ..data import splits
from ..data.tensors import prepare
from ..predict.emulator import Emulator
from ..training import recipes
from ..training.fit import fit_series
from .evaluation import score_slice

PREDICTORS = {
    "climatology": "climatology",
    "pattern-scaling": "pattern scaling",
    "regression-4": "four-forcing regression",
}


def verdicts(dataset: xr.Dataset) -> dict[str, float]:
    """Fit the simple predictors and score them beside the noise limits, on the split `clean`.

    Parameters
    ----------
    dataset : Dataset
        Opened by `climgru_lib.data.open_dataset`, with at least two members; ssp370 must be open.

    Returns
    -------
    dict
        Name of the predictor, or "limit: " and kind, to the Kaggle score (mean over the members as truth) of the
        last 108 months of ssp370.
    """
    data, result = prepare(dataset, "none", splits.CLEAN), {}
    for name, label in PREDICTORS.items():
        recipe = replace(recipes.named(name), season="none")
        model = recipe.build(len(data.channels), (len(data.lat), len(data.lon)), len(data.targets))
        model.fit(fit_series(data, recipe), data.lat)
        ssp, months = splits.CLEAN.scored_months(len(data.months), recipe.window, recipe.lead)[0]
        fields = Emulator(model, recipe, data.normalizer, {}).fields(data.scenarios[ssp], data, months)
        scores = score_slice(fields, data, ssp, months)
        result[label] = scores["avg"]["score"]
    limits = scores["limits"]
    result["another member"] = limits["member"]["score"]
    return result | {f"limit: {kind}": limits[kind]["score"] for kind in ("forced", "variance")}
