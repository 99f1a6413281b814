"""Noise limits: what a perfect emulator would score on a slice, estimated from the members alone.

Members are exchangeable, x_k = f + e_k: a forced response that all share and weather of their own. From their
differences follow the scores that three ideal predictions would get against a member:

- ``member``: another member of the same ensemble; its CRPS is that of an ensemble of such members;
- ``forced``: the forced response f itself, the best that a deterministic mean can do;
- ``variance``: f with its deviations from the time mean stretched to a member's standard deviation, the best
  deterministic prediction under the Kaggle score.

The difference of two members over the square root of 2 is a sample of weather with the right variance and no forced
part; subtracted or added to an estimate of f it makes a truth whose forced response is known.

How far the estimates can be trusted was measured on the embedded climate, whose f is known: the last 108, 120 and 360
of 901 months, 51 seeds over three scenarios, a grid of 12 x 18 (``python tests/unit/test_noise_limits.py 51``). Of the
Kaggle score, bias and standard deviation of estimate less score in per cent of the score, and the stated standard error
over that standard deviation:

======  =======  ===================  ===================  ===================
months  members  forced               member               variance
======  =======  ===================  ===================  ===================
108     2         0.0   2.9   1.00     0.0   4.6   1.00    -0.4   3.8   1.04
108     3        +0.4   1.5   1.11    +0.4   3.2   0.91    +0.2   2.0   1.15
120     2        -0.1   2.9   0.92     0.0   4.5   0.98    -0.4   3.9   0.99
120     3        +0.3   1.5   1.00    +0.3   3.1   0.87    +0.1   2.1   1.02
360     2        +0.1   1.8   1.19    +0.3   3.5   1.07    -0.1   2.9   1.12
360     3        +0.3   1.1   1.16    +0.6   2.3   0.97    +0.2   1.6   1.11
======  =======  ===================  ===================  ===================

Two members scatter nearly twice as much as three. The score lay within one stated error in 57 to 75 % of the slices,
within two in 86 to 98 %. The six metrics and the CRPS are biased by at most 3 %, their errors 0.8 to 1.4 of the scatter
(1.6 for ``forced`` pr_time_std_mae in 360 months); ``forced`` pr_crps is 1.2 % low, more than its error, as rain is
skewed. The NRMSE, known to 10 to 40 % on one slice, shows biases of up to 8 %, most within their sampling error of 1
to 6 %; pr_nrmse_global of ``variance`` is about 5 % low.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from ..contract import PUBLISHED_TARGETS, Step
from ..grid import area_mean
from .member_pairs import MemberPairs
from .metrics import METRICS, with_score

KINDS = ("forced", "member", "variance")
TREND_MONTHS = 360  # the forced change within these months is taken as linear, per calendar month
BASELINE_MONTHS = 120  # at the start of the scenario: what the change of `metrics.nrmse` is counted from
WINDOW_MONTHS = 120  # longest windows between which limits are compared
FEWEST_WINDOWS = 4
AVERAGED = ("monthly_rmse", "crps", "nrmse_global")  # scatter less in a longer slice; the others scatter in space
ROWS_COMPARED = 24  # at least; a finer grid is thinned for the errors, as weather has few degrees of freedom in space

ByMetric = dict[str, dict[str, np.ndarray]]  # variable, metric -> values


def limits(
    members: np.ndarray,
    months: range,
    calendar_month: np.ndarray,
    lat: np.ndarray,
    targets: Sequence[str] = PUBLISHED_TARGETS,
    step: Step = Step.MONTH,
) -> dict[str, dict[str, float]] | None:
    """Estimate the noise limits of a slice.

    Parameters
    ----------
    members : array, shape (member, time, target, lat, lon), in the units of the contract
        All months of a scenario.
    months : range
        The slice.
    calendar_month : array of int, shape (time,)
    lat : array, shape (lat,), degrees north
    targets : sequence of str
        Names of the variables of ``members``.
    step : Step
        Of the fields. Lengths that are given in months below are the same years of annual ones.

    Returns
    -------
    dict or None
        For ``forced``, ``member`` and ``variance`` the metrics of `metrics.all_metrics` by variable, as ``tas_crps``,
        and ``score``, the mean over the members as truth; None with one member.

    Notes
    -----
    f is estimated by straight lines per calendar month through `TREND_MONTHS`, from the slice's first month on or up
    to the end of the scenario. What noise is left in it is independent of the members' differences, and counts only
    in the standard deviation of f, where it is small against the weather.
    """
    if len(members) < 2:
        return None
    samples = _samples(members, months, calendar_month, lat, global_change(members, months, lat, step), targets, step)
    return {
        kind: with_score(
            {var: {name: float(v.mean()) for name, v in metrics.items()} for var, metrics in by_var.items()}
        )
        for kind, by_var in samples.items()
    }


def limit_errors(
    members: np.ndarray,
    months: range,
    calendar_month: np.ndarray,
    lat: np.ndarray,
    targets: Sequence[str] = PUBLISHED_TARGETS,
    step: Step = Step.MONTH,
    found: dict[str, dict[str, float]] | None = None,
) -> dict[str, dict[str, float]] | None:
    """Estimate the standard errors of `limits`.

    Parameters
    ----------
    members, months, calendar_month, lat, targets, step
        As for `limits`.
    found : dict, optional
        What `limits` has returned, if it was called already.

    Returns
    -------
    dict or None
        As `limits`: how far the estimate lies, one standard deviation, from what the ideal prediction would score
        against the very members of the slice (for ``member``, in the mean over all possible further members). None
        with one member, or fewer than `FEWEST_WINDOWS` windows in the scenario.

    Notes
    -----
    Limits of the scenario's windows, as long as the slice but at most `WINDOW_MONTHS`, scatter about a trend, and
    `_share` of that is the estimate's distance from the score. The sign of the weather cancels in the estimate, but
    not in the score, where the standard deviation of a member depends on it; its part is added.
    """
    found = found or limits(members, months, calendar_month, lat, targets, step)
    windows = _windows(months, members.shape[1], step)
    if found is None or len(windows) < FEWEST_WINDOWS:
        return None
    thin = slice(None, None, max(1, len(lat) // ROWS_COMPARED))
    coarse, rows, change = members[..., thin, thin], lat[thin], global_change(members, months, lat, step)
    sampled = [_samples(coarse, window, calendar_month, rows, change, targets, step) for window in windows]
    longer = np.sqrt(len(windows[0]) / len(months))
    errors = {}
    for kind in KINDS:
        even, odd = {var: {} for var in targets}, {var: {} for var in targets}
        for var, name in product(targets, sampled[0][kind][targets[0]]):
            values = np.stack([samples[kind][var][name] for samples in sampled])  # (window, pair, sign)
            scale = found[kind][f"{var}_{name}"] / values.mean()
            scale *= longer if name in AVERAGED else 1
            even[var][name] = scale * _share(kind, name, len(members)) * _detrended(values.mean(axis=(1, 2)))
            odd[var][name] = scale / np.sqrt(len(members)) * (values[..., 0] - values[..., -1]) / 2
        for part, var in product((even, odd), targets):
            part[var]["nrmse_total"] = part[var]["nrmse_spatial"] + 5 * part[var]["nrmse_global"]
        errors[kind] = {key: float(np.hypot(value, _rms(odd)[key])) for key, value in _rms(even).items()}
    return errors


def global_change(members: np.ndarray, months: range, lat: np.ndarray, step: Step = Step.MONTH) -> np.ndarray:
    """Return the global mean of a slice less that of the scenario's first years, shape (target,).

    Parameters
    ----------
    members : array, shape (member, time, target, lat, lon), in the units of the contract
        All months of a scenario.
    months : range
        The slice; the first years are `BASELINE_MONTHS` months, or those before the slice if they are fewer.
    lat : array, shape (lat,), degrees north
    step : Step
    """
    before = min(_steps(BASELINE_MONTHS, step), months.start)
    if not before:
        return np.full(members.shape[2], np.nan)
    late, early = (members[:, part].mean(axis=(0, 1), dtype=float) for part in (months, slice(before)))
    return area_mean(late - early, lat)


def _steps(months: int, step: Step) -> int:
    return months * step.value // 12


def _samples(members, months, calendar_month, lat, change, targets, step) -> dict[str, ByMetric]:
    """Score the ideal predictions of every kind; values have shape (pair of members, sign of the weather)."""
    by_var = [_of_variable(members[:, :, i], months, calendar_month, lat, change[i], step) for i in range(len(targets))]
    return {kind: {var: found[kind] for var, found in zip(targets, by_var)} for kind in KINDS}


def _of_variable(fields, months, calendar_month, lat, change, step) -> dict[str, dict[str, np.ndarray]]:
    """Score the ideal predictions of one variable, fields (member, time, lat, lon), on synthetic truths."""
    count, (forced, fit) = len(fields), _forced(fields, months, calendar_month, step)
    scored = fields[:, months].astype(float)
    members, own, smooth = MemberPairs(scored, lat, step), scored.std(axis=1), forced.std(axis=0)
    wanted, of_forced = np.zeros_like(smooth), []
    for stds in members.stds(forced):
        wanted += stds.mean(axis=0) / len(members.pairs)
        of_forced.append(area_mean(np.abs(stds - smooth), lat))
    of_member = [[area_mean(np.abs(own[j] - own[k]), lat)] for j, k in members.pairs]
    spread, mean = fit.std(axis=0), fit.mean(axis=0)
    stretched = mean + (fit - mean) * wanted / np.where(spread > 0, spread, 1)
    found = {
        "forced": members.scores(np.zeros_like(forced), 1 / np.sqrt(count), change),
        "variance": members.scores(stretched - forced, 1 / np.sqrt(count), change),
    }
    # a further member is off by the noise of two, of which half the CRPS is left to an ensemble
    times = {"monthly_rmse": np.sqrt(2), "time_mean_rmse": np.sqrt(2), "crps": 1 / np.sqrt(2)}
    found["member"] = {
        name: values[:, :1] * times.get(name, np.sqrt(count + 1)) for name, values in found["forced"].items()
    }
    std_mae = {"forced": of_forced, "member": of_member, "variance": np.divide(of_member, np.sqrt(2))}
    found = {kind: found[kind] | {"time_std_mae": np.array(std_mae[kind])} for kind in KINDS}
    return {kind: {name: metrics[name] for name in METRICS} | metrics for kind, metrics in found.items()}


def _forced(fields: np.ndarray, months: range, calendar_month: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the forced response of a slice from fields (member, time, lat, lon): a line per calendar month.

    The mean of the members' fits, returned second, varies more than f by the noise of the fits. Their covariance is
    that of f, and the first estimate has its deviations reduced to this.
    """
    trend = _steps(TREND_MONTHS, step)
    stop = min(fields.shape[1], max(months.stop, months.start + trend))
    start = max(0, min(months.start, stop - trend))
    window, fits = np.arange(start, stop), np.empty((len(fields), len(months), *fields.shape[2:]))
    for month in np.unique(calendar_month[months]):
        at = window[calendar_month[start:stop] == month]
        wanted = np.flatnonzero(calendar_month[months] == month)
        values, centred = fields[:, at].astype(float), at - at.mean()
        slope = np.tensordot(centred, values, (0, 1)) / max(np.sum(centred**2), 1)
        line = (wanted + months.start - at.mean())[:, None, None] * slope[:, None]
        fits[:, wanted] = values.mean(axis=1, keepdims=True) + line
    mean, count = fits.mean(axis=0), len(fits)
    variance = mean.var(axis=0)
    covariance = (count * variance - fits.var(axis=1).mean(axis=0)) / (count - 1)
    kept = np.sqrt(np.clip(covariance, 0, None) / np.where(variance > 0, variance, 1))
    return mean.mean(axis=0) + (mean - mean.mean(axis=0)) * kept, mean


def _windows(months: range, n_months: int, step: Step) -> list[range]:
    """Return the windows of the scenario that line up with the slice, without overlap."""
    length = min(len(months), _steps(WINDOW_MONTHS, step))
    return [range(start, start + length) for start in range(months.stop % length, n_months - length + 1, length)]


def _share(kind: str, name: str, count: int) -> float:
    """Return how far an estimate from M members lies from its score, over the scatter of the estimate.

    For a sum of squares of Gaussian weather, in units of its variance for one member: that of the estimate is
    1 / (M - 1). `forced` is scored on the members that the estimate is made of, and what differs are products of two
    members, 1 / (M (M - 1)). The score of a further member is twice as large, so that its estimate has 4 / (M - 1);
    what differs has 1 / M + 4 / (M (M - 1)). The NRMSE depends on the members' mean, which is independent of their
    differences: both variances add.
    """
    if name.startswith("nrmse"):
        return np.sqrt(1 + (count - 1) / (count + 1) ** 2) if kind == "member" else np.sqrt(count)
    return np.sqrt((count + 3) / (4 * count)) if kind == "member" else 1 / np.sqrt(count)


def _detrended(values: np.ndarray) -> np.ndarray:
    """Remove a line; the variance of what is left is scaled to be unbiased."""
    at = np.arange(len(values))
    return (values - np.polyval(np.polyfit(at, values, 1), at)) * np.sqrt(len(values) / (len(values) - 2))


def _rms(by_var: ByMetric) -> dict[str, float]:
    """Return the root mean square of every metric and of the score that they make together."""
    return {key: float(np.sqrt(np.mean(np.square(values)))) for key, values in with_score(by_var).items()}
