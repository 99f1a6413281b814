"""Is an ensemble right? Its scores and statistics on a slice, each beside what a perfect ensemble would get.

Every statistic is taken against each member of the truth in turn, and averaged. Its limit is

- of the three scores and of the CRPS: the noise limit of the slice (`noise_limits`), with its standard error;
- of the spread-skill ratio and the rank histogram: the mean over the draws, each of them in turn taken for the truth
  of the others, with the standard deviation over the draws. Where the members are like draws they get the same;
- of the rest, which compare one draw with one member: the mean over pairs of members; from three members on with its
  standard deviation.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pandas as pd

from ..contract import PUBLISHED_TARGETS, InputError
from ..data.normalizer import denormalise
from ..data.tensors import EmulationData
from ..grid import area_mean
from ..predict.ensemble import StochasticEmulator
from . import distributions
from .metrics import mean_scores, score_fields

RAIN_LEVELS = np.array([0.5, 0.9, 0.99, 0.999])  # of the quantiles of precipitation
Row = tuple[float | None, float | None, float | None]  # value, limit, error of the limit


def calibrate(
    stochastic: StochasticEmulator, scores: list[dict[str, Any]], count: int, seed: int = 0
) -> list[dict[str, Any]]:
    """Judge ensembles on slices that were scored.

    Parameters
    ----------
    stochastic : StochasticEmulator
    scores : list of dict
        From `evaluation.evaluate`.
    count : int
        Draws, at least 3: each is judged among the others.
    seed : int

    Returns
    -------
    list of dict
        For each slice ``ssp``, ``months``, ``draws``, ``seed`` and ``rows``: name of a statistic to its value, limit
        and error of the limit, None where there is none. See `table`.

    Raises
    ------
    InputError
        With fewer than three draws, or on a leaky slice, whose members the draws are made of.
    """
    if count < 3:
        raise InputError(f"calibration needs at least three draws, each to be judged among the others; got {count}")
    results = []
    for scored in scores:
        if scored["leaky"]:
            raise InputError(
                f"{scored['ssp']} {'..'.join(scored['months'])} was trained on, and draws are made of it; "
                f"calibrate a run of another split, such as clean"
            )
        labels = stochastic.data.months.tolist()
        months = range(labels.index(scored["months"][0]), labels.index(scored["months"][1]) + 1)
        rows = _rows(stochastic, scored, months, count, seed)
        where = {"ssp": scored["ssp"], "months": scored["months"], "draws": count, "seed": seed}
        results.append(where | {"rows": rows})
    return results


def table(results: list[dict[str, Any]]) -> pd.DataFrame:
    """Put the result of `calibrate` into one table, indexed by slice and statistic."""
    rows = {
        (f"{one['ssp']} {'..'.join(one['months'])}", name): row for one in results for name, row in one["rows"].items()
    }
    index = pd.MultiIndex.from_tuples(rows, names=["slice", "statistic"])
    return pd.DataFrame(rows.values(), index, ["ensemble", "limit", "+-"]).astype(float)


def _rows(
    stochastic: StochasticEmulator, scored: dict[str, Any], months: range, count: int, seed: int
) -> dict[str, Row]:
    """Compute every statistic of one slice."""
    data, ssp, first = stochastic.data, scored["ssp"], stochastic.emulator.first
    at, calendar_month = slice(months.start - first, months.stop - first), data.calendar_month[months]
    members = denormalise(data.scenarios[ssp].targets[:, months.start : months.stop], data.normalizer)
    draws = np.stack([drawn[at] for drawn in stochastic.draws(ssp, count, seed)])
    single = {"mean": stochastic.mean(ssp)[at], "variance-matched": stochastic.variance_matched(ssp, months)}

    def limit(kind: str, metric: str) -> tuple[float | None, float | None]:
        return tuple(scored[part][kind][metric] if scored[part] else None for part in ("limits", "limit_errors"))

    rows = {}
    for (name, field), kind in zip(single.items(), ("forced", "variance")):
        rows[f"score: {name}"] = (_score(field, members, data.lat), *limit(kind, "score"))
    drawn = [_score(draw, members, data.lat) for draw in draws]
    rows["score: one draw"] = (float(np.mean(drawn)), *limit("member", "score"))
    rows["score: one draw, sd over draws"] = (float(np.std(drawn, ddof=1)), None, None)
    for i, var in enumerate(data.targets):
        crps = np.mean([_crps(draws[:, :, i], member[:, i], data.lat) for member in members])
        best, error = limit("member", f"{var}_crps")
        rows[f"{var} CRPS"] = (float(crps), best, error)
        if best:
            rows[f"{var} CRPS over limit"] = (float(crps) / best, 1.0, error / best if error else None)
        rows |= {f"{var} {name}": row for name, row in _reliability(draws[:, :, i], members[:, :, i], data.lat).items()}
    return rows | _likeness(draws, members, calendar_month, data)


def _score(field: np.ndarray, members: np.ndarray, lat: np.ndarray) -> float:
    """Return the Kaggle score, mean over the members as truth."""
    by_var = [{var: one[:, i] for i, var in enumerate(PUBLISHED_TARGETS)} for one in (field, *members)]
    return mean_scores([score_fields(by_var[0], truth, lat) for truth in by_var[1:]])["score"]


def _crps(draws: np.ndarray, truth: np.ndarray, lat: np.ndarray) -> float:
    return float(area_mean(distributions.fair_crps(draws, truth).mean(axis=0), lat))


def _reliability(draws: np.ndarray, members: np.ndarray, lat: np.ndarray) -> dict[str, Row]:
    """Compare spread and ranks with those of each draw among the others; fields of one variable."""
    truths = [_ranked(draws, member, lat) for member in members]
    exchangeable = [_ranked(np.delete(draws, k, axis=0), draw, lat) for k, draw in enumerate(draws)]
    return {name: _row([one[name] for one in truths], [one[name] for one in exchangeable]) for name in truths[0]}


def _ranked(draws: np.ndarray, truth: np.ndarray, lat: np.ndarray) -> dict[str, float]:
    over_flat = distributions.rank_histogram(draws, truth, lat) * (len(draws) + 1)
    ends = {"lowest rank": over_flat[0], "highest rank": over_flat[-1]}
    spread = distributions.spread_skill(draws, truth, lat)
    return {"spread-skill": spread, "fullest rank": over_flat.max(), "emptiest rank": over_flat.min()} | ends


def _likeness(
    draws: np.ndarray, members: np.ndarray, calendar_month: np.ndarray, data: EmulationData
) -> dict[str, Row]:
    """Compare every draw with every member, and the members with one another."""
    drawn, true = ([_described(field, calendar_month, data) for field in fields] for fields in (draws, members))
    found = [_compared(*pair, data) for pair in product(drawn, true)]
    limit = [_compared(*pair, data) for pair in permutations(true, 2)]
    rows = {name: _row([one[name] for one in found], [one[name] for one in limit]) for name in found[0]}
    if len(true) < 3:  # one pair tells no error
        rows = {name: (value, bound, None) for name, (value, bound, _) in rows.items()}
    return rows


def _described(field: np.ndarray, calendar_month: np.ndarray, data: EmulationData) -> dict[str, np.ndarray]:
    """Return what of a field (time, target, lat, lon) is compared: quantiles of rain, the rest of its anomalies."""
    weather = {var: distributions.anomalies(field[:, i], calendar_month) for i, var in enumerate(data.targets)}
    out = {"rain": distributions.quantiles(field[:, data.targets.index("pr")], RAIN_LEVELS, data.lat)}
    out["tas-pr correlation"] = np.nan_to_num(distributions.correlation(weather["tas"], weather["pr"]))
    for var, one in weather.items():
        out[f"{var} variance"] = one.var(axis=0)
        out[f"{var} spectrum"] = distributions.zonal_spectrum(one, data.lat)[1:]
        out[f"{var} lag-1 correlation"] = np.nan_to_num(distributions.correlation(one[:-1], one[1:]))
    return out


def _compared(first: dict[str, np.ndarray], second: dict[str, np.ndarray], data: EmulationData) -> dict[str, float]:
    """Compare the description of a draw or member with that of a member."""
    out, lat = {}, data.lat
    for var in data.targets:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(first[f"{var} variance"] / second[f"{var} variance"], nan=1.0)
        out[f"{var} variance ratio, median"] = float(distributions.quantiles(ratio, [0.5], lat)[0])
        power = np.log(first[f"{var} spectrum"] / second[f"{var} spectrum"])
        out[f"{var} spectrum, rms log ratio"] = float(np.sqrt(np.mean(power**2)))
    for name in (*(f"{var} lag-1 correlation" for var in data.targets), "tas-pr correlation"):
        difference = first[name] - second[name]
        out[f"{name}, mean difference"] = float(area_mean(difference, lat))
        out[f"{name}, rms difference"] = float(np.sqrt(area_mean(difference**2, lat)))
    ratios = first["rain"] / second["rain"]
    return out | {f"pr quantile {level:g}, ratio": float(ratio) for level, ratio in zip(RAIN_LEVELS, ratios)}


def _row(values: list[float], limits: list[float]) -> Row:
    return float(np.mean(values)), *((float(np.mean(limits)), float(np.std(limits))) if limits else (None, None))
