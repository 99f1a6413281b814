"""Scores side by side: several emulators, their noise limits, the published entry."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .metrics import METRICS

#: Scores of the published entry on its (leaky) slice, 2091-02..2100-01 of ssp370, member 0.
PUBLISHED_SCORES = {
    "published first": (1.943311, 1.084593, 0.390760, 2.088961, 0.348973, 0.836387, 1.427),
    "published final": (1.141718, 0.248828, 0.196773, 1.997257, 0.256469, 0.662138, 0.756),
}
COLUMNS = [f"{var}_{name}" for var in ("tas", "pr") for name in METRICS] + ["score"]
HEADINGS = {
    f"{var}_{name}": f"{var} {text} [{unit}]"
    for var, unit in (("tas", "K"), ("pr", "mm/day"))
    for name, text in zip(METRICS, ("monthly RMSE", "time-mean RMSE", "time-std MAE"))
}


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
    return pd.DataFrame.from_dict(PUBLISHED_SCORES, orient="index", columns=COLUMNS).rename(columns=HEADINGS)


def to_text(table: pd.DataFrame) -> str:
    """Return a `score_table` as text of at most 100 columns, a block for each slice."""
    short = dict(zip(HEADINGS.values(), ("tas month", "mean", "std", "pr month", "mean", "std", "score")))
    lines = ["RMSE of months, RMSE of the time mean, MAE of the standard deviation over time; tas in K, pr in mm/day"]
    for where, rows in table.groupby(level=0, sort=False):
        block = rows.droplevel(0).rename_axis(index=None).set_axis(list(map(short.get, rows.columns)), axis=1)
        lines += [where, block.to_string(float_format=lambda value: f"{value:.3f}")]
    return "\n".join(lines)
