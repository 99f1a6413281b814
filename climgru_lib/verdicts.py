"""Simple predictors and noise limits on the last decade of a scenario: the same verdicts on any data set.

Four predictions of the last 108 months of ssp370, whose last 120 months no fit has seen: the climatology of each
calendar month, pattern scaling, a regression on four forcings, and another member. All are fitted by least squares
per cell and calendar month to the members' mean, and scored against every member in turn.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from . import noise
from .contract import TARGETS, withheld_maps
from .metrics import area_mean, score_fields

HELD_OUT, WITHHELD, SCORED = "ssp370", 120, 108  # scenario, months
MEMORY_YEARS = {"CH4": 10.0, "SO2": 5.0}  # of the global mean temperature for these forcings


def verdicts(dataset: xr.Dataset) -> dict[str, float]:
    """Score the simple predictors and compute the noise limits.

    Parameters
    ----------
    dataset : Dataset
        Opened by `climgru_lib.data.open_dataset`, with at least two members; ssp370 must be open.

    Returns
    -------
    dict
        Name of the predictor, or "limit: " and kind, to the Kaggle score (mean over the members as truth).
    """
    lat, n = dataset.lat.values, dataset.sizes["time"]
    month = dataset.time.dt.month.values
    ssps = [str(ssp) for ssp in dataset.ssp.values if not withheld_maps(dataset.tas.sel(ssp=ssp).values).any()]
    keep = {ssp: n - (WITHHELD if ssp == HELD_OUT else 0) for ssp in ssps}
    fields = {ssp: {name: dataset[name].sel(ssp=ssp).values for name in TARGETS} for ssp in ssps}
    mean = {ssp: {name: field.mean(axis=1) for name, field in fields[ssp].items()} for ssp in ssps}
    forcings = {ssp: _forcings(dataset.sel(ssp=ssp), lat) for ssp in ssps}
    slow = {
        ssp: np.stack([forcings[ssp][:, 0], *(_lagged(forcings[ssp][:, k], gas) for k, gas in ((1, "CH4"), (2, "SO2")))])
        for ssp in ssps
    }
    warm = {ssp: area_mean(mean[ssp]["tas"][: keep[ssp]], lat) for ssp in ssps}
    season = {ssp: np.eye(12)[month - 1] for ssp in ssps}
    design = {ssp: np.hstack([slow[ssp].T, season[ssp]]) for ssp in ssps}
    slope = np.linalg.lstsq(
        np.concatenate([design[ssp][: keep[ssp]] for ssp in ssps]), np.concatenate(list(warm.values())), rcond=None
    )[0][:3]
    predictors = {
        "climatology": {ssp: np.empty((n, 0)) for ssp in ssps},
        "pattern scaling": {ssp: (slope @ slow[ssp])[:, None] for ssp in ssps},
        "four-forcing regression": forcings,
    }
    months = slice(n - SCORED, n)
    truths = {name: field[months] for name, field in fields[HELD_OUT].items()}
    members = range(dataset.sizes["member_id"])
    result = {}
    for label, features in predictors.items():
        guess = {name: _regress(features, mean, name, keep, month)[months] for name in TARGETS}
        scores = [score_fields(guess, {name: truths[name][:, k] for name in TARGETS}, lat) for k in members]
        result[label] = float(np.mean([score["score"] for score in scores]))
    stacked = np.stack([fields[HELD_OUT][name].swapaxes(0, 1) for name in TARGETS], axis=2)
    limits = noise.limits(stacked, range(n - SCORED, n), month, lat)
    result["another member"] = limits["member"]["score"]
    return result | {f"limit: {kind}": limits[kind]["score"] for kind in ("forced", "variance")}


def _forcings(scenario: xr.Dataset, lat: np.ndarray) -> np.ndarray:
    """Return CO2, CH4, global SO2 and BC of a scenario, (time, 4), each over its size."""
    columns = [scenario.CO2.values, scenario.CH4.values]
    columns += [area_mean(scenario[name].values, lat) for name in ("SO2", "BC")]
    return np.stack(columns, axis=1) / np.array([1e3, 1.0, 1e-12, 1e-13])


def _lagged(series: np.ndarray, gas: str) -> np.ndarray:
    keep = np.exp(-1 / (12 * MEMORY_YEARS[gas]))
    return series[0] + lfilter([1 - keep], [1, -keep], series - series[0])


def _regress(features: dict, mean: dict, name: str, keep: dict, month: np.ndarray) -> np.ndarray:
    """Fit every cell and calendar month on all scenarios; return the prediction for the held-out one."""
    guess = np.empty_like(mean[HELD_OUT][name])
    for m in range(1, 13):
        at = {ssp: np.flatnonzero(month[: keep[ssp]] == m) for ssp in mean}
        design = np.concatenate([_with_one(features[ssp][rows]) for ssp, rows in at.items()])
        target = np.concatenate([mean[ssp][name][rows] for ssp, rows in at.items()])
        solution = np.linalg.lstsq(design, target.reshape(len(target), -1), rcond=None)[0]
        rows = np.flatnonzero(month == m)
        guess[rows] = (_with_one(features[HELD_OUT][rows]) @ solution).reshape(-1, *guess.shape[1:])
    return guess


def _with_one(columns: np.ndarray) -> np.ndarray:
    return np.hstack([columns, np.ones((len(columns), 1))])
