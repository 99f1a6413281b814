"""Scores of monthly or annual climate fields: the six published metrics, the Kaggle score, ClimateBench's NRMSE.

All functions take numpy arrays in physical units (tas in K, pr in mm/day) with dimensions ``(time, lat, lon)`` last;
nothing is averaged over members here. `compare` compares two predictions, `distributions` scores whole distributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..contract import PUBLISHED_TARGETS, VARIABLES, Step, of_role
from ..grid import area_mean

METRICS = ("monthly_rmse", "time_mean_rmse", "time_std_mae")


def published_metrics(prediction: np.ndarray, truth: np.ndarray, lat: np.ndarray) -> dict[str, float]:
    """Compute the three metrics of one variable that the published entry reports.

    Parameters
    ----------
    prediction, truth : array, shape (time, lat, lon)
        Fields of one variable in the same physical unit.
    lat : array, shape (lat,), degrees north
        Latitudes of the cell centres.

    Returns
    -------
    dict
        ``monthly_rmse``: root of the weighted mean squared error over time and space, of annual fields too;
        ``time_mean_rmse``: the same for the two time means;
        ``time_std_mae``: weighted mean absolute difference of the population standard deviations over time.
        All in the unit of the input.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Source: the scoring rules of the CSE 151B climate emulation competition (the published method).
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
    prediction, truth = np.float64(prediction), np.float64(truth)
    squared = np.square(prediction - truth).mean(axis=0)
    bias = prediction.mean(axis=0) - truth.mean(axis=0)
    spread = np.abs(prediction.std(axis=0) - truth.std(axis=0))
    return {
        "monthly_rmse": float(np.sqrt(area_mean(squared, lat))),
        "time_mean_rmse": float(np.sqrt(area_mean(bias**2, lat))),
        "time_std_mae": float(area_mean(spread, lat)),
    }


def kaggle_score(metrics: dict[str, dict[str, float]]) -> float:
    """Combine the six metrics into the competition score (lower is better).

    Parameters
    ----------
    metrics : dict
        For ``"tas"`` and ``"pr"`` the result of `published_metrics`, in K and mm/day; further variables do not count.

    Returns
    -------
    float
        Mean over the two variables of 0.1 monthly RMSE + time-mean RMSE + (1 for tas, 0.75 for pr) std MAE.
    """
    terms = [
        sum(weight * metrics[var][name] for weight, name in zip(VARIABLES[var].score_weights, METRICS))
        for var in PUBLISHED_TARGETS
    ]
    return sum(terms) / len(terms)


def with_score(by_var: dict[str, dict[str, float]]) -> dict[str, float]:
    """Join the metrics of variables under names like ``tas_crps``, and add ``score``, the `kaggle_score`."""
    flat = {f"{var}_{name}": value for var, values in by_var.items() for name, value in values.items()}
    return {**flat, "score": kaggle_score(by_var)}


def score_fields(prediction: dict, truth: dict, lat: np.ndarray) -> dict[str, float]:
    """Score every target of one prediction against one truth.

    Parameters
    ----------
    prediction, truth : mapping of variable name to array, shape (time, lat, lon)
        ``tas`` in K, ``pr`` in mm/day, and further targets.
    lat : array, shape (lat,), degrees north
        Latitudes of the cell centres.

    Returns
    -------
    dict
        Keys ``tas_monthly_rmse`` .. ``pr_time_std_mae`` (K, mm/day) and on, and ``score`` (the Kaggle score).
    """
    targets = of_role("target", prediction)
    return with_score({var: published_metrics(prediction[var], truth[var], lat) for var in targets})


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average scores of one prediction against several truths, name by name."""
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def nrmse(
    prediction: np.ndarray, truth: np.ndarray, change: float, lat: np.ndarray, step: Step = Step.MONTH
) -> dict[str, float]:
    """Normalised errors of ClimateBench, of one variable.

    Parameters
    ----------
    prediction : array, shape (time, lat, lon)
        Fields of months, the first one opening the first year, or of years; a last year may be cut short.
    truth : array, shape (time, lat, lon)
        The mean over the members of the truth, in the same unit.
    change : float
        What errors are measured against, in the same unit: the truth's mean anomaly over time and globe.
    lat : array, shape (lat,), degrees north
        Latitudes of the cell centres.
    step : Step

    Returns
    -------
    dict
        ``spatial``: RMSE of the time means; ``global``: RMSE of the annual global means; ``total``: spatial + 5
        global. All over ``change``, dimensionless.

    Notes
    -----
    Source: Watson-Parris et al. (2022), doi:10.1029/2021MS002954.
    """
    error = np.float64(prediction) - np.float64(truth)
    return nrmse_of_means(error.mean(axis=0), annual_means(area_mean(error, lat), step), change, lat)


def nrmse_of_means(time_mean: np.ndarray, annual: np.ndarray, change: float, lat: np.ndarray) -> dict[str, float]:
    """Return `nrmse` of an error of which the time mean (lat, lon) and the annual global means (year,) are known."""
    spatial = float(np.sqrt(area_mean(time_mean**2, lat)) / abs(change))
    overall = float(np.sqrt(np.mean(annual**2)) / abs(change))
    return {"spatial": spatial, "global": overall, "total": spatial + 5 * overall}


def annual_means(series: np.ndarray, step: Step) -> np.ndarray:
    """Return the means (..., year) of a series (..., step), which opens with a year; the last one may be short."""
    starts = np.arange(0, series.shape[-1], step.value)
    return np.add.reduceat(series, starts, axis=-1) / np.diff([*starts, series.shape[-1]])


def all_metrics(
    prediction: np.ndarray,
    truth: np.ndarray,
    mean: np.ndarray,
    change: float,
    lat: np.ndarray,
    step: Step = Step.MONTH,
) -> dict[str, float]:
    """Compute every metric of one variable that a slice is reported with.

    Parameters
    ----------
    prediction, truth, mean : array, shape (time, lat, lon)
        A deterministic prediction, one member, and the mean of all members.
    change : float
        See `nrmse`.
    lat : array, shape (lat,), degrees north
    step : Step
        Of the fields.

    Returns
    -------
    dict
        Those of `published_metrics` against the member, ``crps`` (the CRPS of a single prediction is its mean
        absolute error) likewise, and ``nrmse_spatial``, ``nrmse_global``, ``nrmse_total`` against the mean.
    """
    error = np.abs(np.float64(prediction) - np.float64(truth)).mean(axis=0)
    return {
        **published_metrics(prediction, truth, lat),
        "crps": float(area_mean(error, lat)),
        **{f"nrmse_{name}": value for name, value in nrmse(prediction, mean, change, lat, step).items()},
    }
