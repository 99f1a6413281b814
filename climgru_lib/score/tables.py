"""Scores side by side: several emulators, their noise limits, the published entry."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import pandas as pd

from ..contract import PUBLISHED_TARGETS, VARIABLES, of_role
from .metrics import METRICS

#: Scores of the published entry on its (leaky) slice, 2091-02..2100-01 of ssp370, member 0.
PUBLISHED_SCORES = {
    "published first": (1.943311, 1.084593, 0.390760, 2.088961, 0.348973, 0.836387, 1.427),
    "published final": (1.141718, 0.248828, 0.196773, 1.997257, 0.256469, 0.662138, 0.756),
}


def columns(targets: Iterable[str]) -> list[str]:
    """Return the names of the metrics of some variables, and of the score."""
    return [f"{var}_{name}" for var in targets for name in METRICS] + ["score"]


def headings(targets: Iterable[str]) -> dict[str, str]:
    """Return the headings of the metrics of some variables, with their unit."""
    return {
        f"{var}_{name}": f"{var} {text} [{VARIABLES[var].units[0]}]"
        for var in targets
        for name, text in zip(METRICS, ("monthly RMSE", "time-mean RMSE", "time-std MAE"))
    }


def scored_targets(names: Container[str]) -> tuple[str, ...]:
    """Return the variables whose metrics are among some names, such as the columns of a table."""
    return tuple(var for var in of_role("target") if f"{var}_{METRICS[0]}" in names)


COLUMNS, HEADINGS = columns(PUBLISHED_TARGETS), headings(PUBLISHED_TARGETS)


def score_table(scores: dict[str, list[dict[str, Any]]], against: str = "avg", limits: bool = True) -> pd.DataFrame:
    """Put scores of several emulators into one table, with the noise limits and their errors below each slice.

    Parameters
    ----------
    scores : dict
        Name of the emulator to the result of `evaluation.evaluate`.
    against : {"avg", "m0"}
        Mean over the members as truth, or the first member.
    limits : bool
        Add rows for the noise limits, each followed by its standard error where that can be told.

    Returns
    -------
    DataFrame
        Indexed by slice and name; the published metrics of every target, and the Kaggle score (lower is better).
    """
    targets = scored_targets({key for slices in scores.values() for result in slices for key in result[against]})
    rows = {}
    for name, slices in scores.items():
        for result in slices:
            where = f"{result['ssp']} {result['months'][0]}..{result['months'][1]}"
            rows[where, name + (" (leaky)" if result["leaky"] else "")] = result[against]
            if limits:
                for kind, values in (result["limits"] or dict.fromkeys(("forced", "member", "variance"))).items():
                    found = {f"limit: {kind}": values or dict.fromkeys(columns(targets), "n/a")}
                    if result["limit_errors"]:
                        found[f"limit: {kind}, +-"] = result["limit_errors"][kind]
                    for row, of_this in found.items():  # those of another emulator may hold another target
                        rows[where, row] = rows.get((where, row), {}) | of_this
    table = pd.DataFrame.from_dict(rows, orient="index")[columns(targets)].rename(columns=headings(targets))
    order = sorted(rows, key=lambda row: (row[0], row[1].startswith("limit")))
    table = table.reindex(pd.MultiIndex.from_tuples(order, names=["slice", "emulator"]))
    return table


def published_table() -> pd.DataFrame:
    """Return the published scores in the columns of `score_table`."""
    return pd.DataFrame.from_dict(PUBLISHED_SCORES, orient="index", columns=COLUMNS).rename(columns=HEADINGS)


def to_text(table: pd.DataFrame) -> str:
    """Return a `score_table` as text, a block for each slice; tas and pr make at most 100 columns."""
    targets = [var for var in of_role("target") if set(headings([var]).values()) <= set(table.columns)]
    shorter = [text for var in targets for text in (f"{var} month", "mean", "std")]
    short = dict(zip(headings(targets).values(), shorter))
    units = ", ".join(f"{var} in {VARIABLES[var].units[0]}" for var in targets)
    lines = [f"RMSE of months, RMSE of the time mean, MAE of the standard deviation over time; {units}"]
    for where, rows in table.groupby(level=0, sort=False):
        names = [short.get(name, name) for name in rows.columns]
        block = rows.droplevel(0).rename_axis(index=None).set_axis(names, axis=1)
        lines += [where, block.to_string(float_format=lambda value: f"{value:.3f}")]
    return "\n".join(lines)
