"""Simple predictors and noise limits on the last decade of a scenario: the same verdicts on any data set.

Three fits by least squares, per cell and calendar month, to the members' mean of all open scenarios without the last
120 months of ssp370: a constant (climatology), the global mean temperature that the forcings predict (pattern
scaling), and four forcings. They and another member are scored on the last 108 months of ssp370, against every
member in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from . import noise
from .contract import TARGETS, withheld_maps
from .metrics import area_mean, score_fields

HELD_OUT, WITHHELD, SCORED = "ssp370", 120, 108  # scenario, months
CH4_MEMORY_YEARS, SO2_MEMORY_YEARS = 10.0, 5.0  # of the global mean temperature
FORCING_SIZES = np.array([1e3, 1.0, 1e-12, 1e-13])  # CO2, CH4, SO2, BC: brings the columns near 1


@dataclass(frozen=True)
class _Scenario:
    """``fields`` and their ``mean`` over the members by variable; forcings (time, 4); the months to fit on."""

    fields: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]
    forcings: np.ndarray
    n_fit: int

    @classmethod
    def of(cls, scenario: xr.Dataset) -> _Scenario:
        fields = {name: scenario[name].transpose("time", "member_id", "lat", "lon").values for name in TARGETS}
        aerosols = [area_mean(scenario[name].values, scenario.lat.values) for name in ("SO2", "BC")]
        forcings = np.stack([scenario.CO2.values, scenario.CH4.values, *aerosols], axis=1) / FORCING_SIZES
        n_fit = len(forcings) - (WITHHELD if str(scenario.ssp.values) == HELD_OUT else 0)
        return cls(fields, {name: field.mean(axis=1) for name, field in fields.items()}, forcings, n_fit)

    def lagged_forcings(self) -> np.ndarray:
        """CO2 and the filtered CH4 and SO2, (time, 3)."""
        co2, ch4, so2, _ = self.forcings.T
        return np.stack([co2, _lagged(ch4, CH4_MEMORY_YEARS), _lagged(so2, SO2_MEMORY_YEARS)], axis=1)


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
    lat, month = dataset.lat.values, dataset.time.dt.month.values
    open_ssps = [ssp for ssp in dataset.ssp.values if not withheld_maps(dataset.tas.sel(ssp=ssp).values).any()]
    scenarios = {str(ssp): _Scenario.of(dataset.sel(ssp=ssp)) for ssp in open_ssps}
    held_out, scored = scenarios[HELD_OUT], range(month.size - SCORED, month.size)
    predictors = {
        "climatology": {ssp: np.empty((month.size, 0)) for ssp in scenarios},
        "pattern scaling": _predicted_warming(scenarios, month, lat),
        "four-forcing regression": {ssp: scenario.forcings for ssp, scenario in scenarios.items()},
    }
    result = {}
    for label, features in predictors.items():
        guess = {name: _regress(features, scenarios, name, month)[scored] for name in TARGETS}
        truths = ({name: held_out.fields[name][scored, k] for name in TARGETS} for k in range(dataset.member_id.size))
        result[label] = float(np.mean([score_fields(guess, truth, lat)["score"] for truth in truths]))
    members = np.stack([held_out.fields[name].swapaxes(0, 1) for name in TARGETS], axis=2)
    limits = noise.limits(members, scored, month, lat)
    result["another member"] = limits["member"]["score"]
    return result | {f"limit: {kind}": limits[kind]["score"] for kind in ("forced", "variance")}


def _predicted_warming(scenarios: dict[str, _Scenario], month: np.ndarray, lat: np.ndarray) -> dict[str, np.ndarray]:
    """Regress the global mean temperature on lagged forcings and the season; return its forced part, (time, 1)."""
    lagged = {ssp: scenario.lagged_forcings() for ssp, scenario in scenarios.items()}
    season = np.eye(12)[month - 1]
    design = [np.hstack([lagged[ssp], season])[: scenario.n_fit] for ssp, scenario in scenarios.items()]
    globe = [area_mean(scenario.mean["tas"][: scenario.n_fit], lat) for scenario in scenarios.values()]
    slope = np.linalg.lstsq(np.concatenate(design), np.concatenate(globe), rcond=None)[0][:3]
    return {ssp: columns @ slope[:, None] for ssp, columns in lagged.items()}


def _regress(features: dict, scenarios: dict[str, _Scenario], name: str, month: np.ndarray) -> np.ndarray:
    """Fit every cell and calendar month on all scenarios; return the prediction for the held-out one."""
    guess = np.empty_like(scenarios[HELD_OUT].mean[name])
    for m in range(1, 13):
        rows = {ssp: np.flatnonzero(month[: scenario.n_fit] == m) for ssp, scenario in scenarios.items()}
        design = np.concatenate([_with_one(features[ssp][at]) for ssp, at in rows.items()])
        target = np.concatenate([scenarios[ssp].mean[name][at] for ssp, at in rows.items()])
        solution = np.linalg.lstsq(design, target.reshape(len(target), -1), rcond=None)[0]
        at = np.flatnonzero(month == m)
        guess[at] = (_with_one(features[HELD_OUT][at]) @ solution).reshape(-1, *guess.shape[1:])
    return guess


def _lagged(series: np.ndarray, years: float) -> np.ndarray:
    """Filter a monthly series exponentially, starting in equilibrium with its first value."""
    keep = np.exp(-1 / (12 * years))
    return series[0] + lfilter([1 - keep], [1, -keep], series - series[0])


def _with_one(columns: np.ndarray) -> np.ndarray:
    return np.hstack([columns, np.ones((len(columns), 1))])
