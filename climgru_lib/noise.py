"""Noise limits: what a perfect emulator would score on a slice, estimated from the members alone.

Members are exchangeable, x_k = f + e_k: a forced response that all share and weather of their own. From their
differences follow the scores that three ideal predictions would get against a member:

- ``member``: another member of the same ensemble;
- ``forced``: the forced response f itself, the best that a deterministic mean can do;
- ``variance``: f with its deviations from the time mean stretched to a member's standard deviation, the best
  deterministic prediction under the Kaggle score.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from .contract import TARGETS
from .metrics import area_mean, kaggle_score, published_metrics

TREND_MONTHS = 360  # the forced change within these months is taken as linear, per calendar month


def limits(
    members: np.ndarray, months: range, calendar_month: np.ndarray, lat: np.ndarray
) -> dict[str, dict[str, float]] | None:
    """Estimate the noise limits of a slice.

    Parameters
    ----------
    members : array, shape (member, time, 2, lat, lon), K and mm/day
        All months of a scenario.
    months : range
        The slice.
    calendar_month : array of int, shape (time,)
    lat : array, shape (lat,), degrees north

    Returns
    -------
    dict or None
        For ``forced``, ``member`` and ``variance`` the six metrics and ``score``; None with one member.

    Notes
    -----
    Pair differences hold the noise twice, so monthly and time-mean RMSE of ``forced`` are the pair's values over
    the square root of 2 (exact for Gaussian weather). The standard deviation of f comes from the covariance of two
    members' linear fits, so that noise does not inflate it; with three members the third is the truth, with two
    each fit's own member is, which makes the estimate a little too good.
    """
    if len(members) < 2:
        return None
    window = range(max(0, months.stop - TREND_MONTHS), months.stop)
    by_var = {
        var: _limits(members[:, window, i].astype(float), len(months), calendar_month[window], lat)
        for i, var in enumerate(TARGETS)
    }
    return {kind: _flatten({var: by_var[var][kind] for var in TARGETS}) for kind in ("forced", "member", "variance")}


def _flatten(metrics: dict[str, dict[str, float]]) -> dict[str, float]:
    flat = {f"{var}_{name}": value for var, values in metrics.items() for name, value in values.items()}
    return {**flat, "score": kaggle_score(metrics)}


def _limits(fields: np.ndarray, n_scored: int, calendar_month: np.ndarray, lat: np.ndarray) -> dict:
    """Estimate the limits of one variable on the last ``n_scored`` months of (member, time, lat, lon)."""
    scored = fields[:, -n_scored:]
    pairs = list(combinations(range(len(fields)), 2))
    between = [published_metrics(scored[j], scored[k], lat) for j, k in pairs]
    member = {name: float(np.mean([metrics[name] for metrics in between])) for name in between[0]}
    std = scored.std(axis=1)
    fits = [_trend(field, calendar_month)[-n_scored:] for field in fields]
    errors, stretches = [], []
    for j, k in pairs:
        forced = np.sqrt(np.maximum(_covariance(fits[j], fits[k]), 0))
        truths = [m for m in range(len(fields)) if m not in (j, k)] or [j, k]
        errors += [area_mean(np.abs(forced - std[m]), lat) for m in truths]
        stretches.append(area_mean((std.mean(axis=0) - forced) ** 2, lat))
    monthly, time_mean = member["monthly_rmse"] / np.sqrt(2), member["time_mean_rmse"] / np.sqrt(2)
    return {
        "member": member,
        "forced": {"monthly_rmse": monthly, "time_mean_rmse": time_mean, "time_std_mae": float(np.mean(errors))},
        "variance": {
            "monthly_rmse": float(np.sqrt(monthly**2 + np.mean(stretches))),
            "time_mean_rmse": time_mean,
            "time_std_mae": member["time_std_mae"] / np.sqrt(2),
        },
    }


def _trend(field: np.ndarray, calendar_month: np.ndarray) -> np.ndarray:
    """Return the linear fit in time of each calendar month, shape (time, lat, lon)."""
    fit = np.empty_like(field)
    for month in np.unique(calendar_month):
        at = np.flatnonzero(calendar_month == month)
        years = at - at.mean()
        spread = max(np.sum(years**2), 1)
        slope = np.tensordot(years, field[at], 1) / spread
        fit[at] = field[at].mean(axis=0) + years[:, None, None] * slope
    return fit


def _covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a - a.mean(axis=0)) * (b - b.mean(axis=0))).mean(axis=0)
