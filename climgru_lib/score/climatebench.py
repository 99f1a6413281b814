"""The scores of ClimateBench: normalised errors of the last 20 years, beside what a perfect emulator would score.

Defined by Watson-Parris et al. (2022), doi:10.1029/2021MS002954, for annual means of 2080 to 2100 against the mean of
the members; the arithmetic is `metrics.nrmse`. Two things differ here. Errors are measured against the change of the
global mean since the scenario's first ten years, as a store of the contract holds no control run; the paper measures
against the change since then, which is larger, so that our numbers are. And a year is the plain mean of its months.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..contract import InputError, Step
from ..data.splits import Split
from ..data.tensors import EmulationData
from ..predict.emulator import Emulator
from ..training import runs
from .evaluation import overlap, own_split, said_if_not_stored, score_slice
from .tables import scored_targets

YEARS = 20
PARTS = ("spatial", "global", "total")
LIMITS = ("forced", "member")  # that of the stretched variance is about another score


def evaluate(
    run_dir: str | Path, data: EmulationData, split: Split | None = None, emulator: Emulator | None = None
) -> list[dict[str, Any]]:
    """Score a run on the last whole calendar years that a split scores of each scenario, at most 20.

    Parameters
    ----------
    run_dir, data, split, emulator
        As for `evaluation.evaluate`.

    Returns
    -------
    list of dict
        An entry of `evaluation.evaluate` for each scenario, which holds ``tas_nrmse_spatial`` and so on and their
        limits; it is stored in ``metrics.json``, too.

    Raises
    ------
    InputError
        As `evaluation.evaluate`, or if the split scores no whole year.
    """
    emulator = emulator or Emulator.open(run_dir)
    split = (split or own_split(emulator, data)).on(data.step)
    slices = split.scored_months(len(data.months), emulator.recipe.window, emulator.recipe.lead)
    results = []
    for ssp in dict.fromkeys(ssp for ssp, _ in slices):
        months = last_years(data.months, [months for name, months in slices if name == ssp], data.step)
        leaky = overlap(emulator, data, split, ssp, months)
        fields = emulator.fields(data.scenarios[ssp], data, months)
        results.append({**score_slice(fields, data, ssp, months), "leaky": leaky})
    with said_if_not_stored():
        runs.add_scores(Path(run_dir), f"{split.name} {data.fingerprint} climatebench", results)
    return results


def last_years(months: Sequence[str], scored: Sequence[range], step: Step = Step.MONTH) -> range:
    """Return the indices of the last whole calendar years of one slice, at most 20.

    Parameters
    ----------
    months : sequence of str
        Labels ``YYYY-MM`` of all months, or ``YYYY`` of all years.
    scored : sequence of range
        Slices, of which that with most whole years is taken.
    step : Step
        Of the labels.

    Raises
    ------
    InputError
        If no slice holds a whole year.
    """
    opens = [step is Step.YEAR or label.endswith("-01") for label in months]
    whole = [[at for at in part if opens[at] and at + step.value <= part.stop] for part in scored]
    starts = max(whole, key=len)[-YEARS:]
    if not starts:
        raise InputError("ClimateBench scores whole calendar years, and this split scores none")
    return range(starts[0], starts[-1] + step.value)


def table(scores: dict[str, list[dict[str, Any]]]) -> pd.DataFrame:
    """Put scores of several emulators into one table, with the noise limits and their errors below each slice.

    Parameters
    ----------
    scores : dict
        Name of the emulator to the result of `evaluate`.

    Returns
    -------
    DataFrame
        Indexed by slice and name; NRMSE by variable, dimensionless (lower is better).
    """
    rows = {}
    for name, slices in scores.items():
        for one in slices:
            first, last = (int(month[:4]) for month in one["months"])
            where = f"{one['ssp']} {first}..{last}, {last - first + 1} years"
            rows[where, name + (" (leaky)" if one["leaky"] else "")] = one["avg"]
            for kind in LIMITS:
                rows[where, f"limit: {kind}"] = (one["limits"] or {}).get(kind, {})
                if one["limit_errors"]:
                    rows[where, f"limit: {kind}, +-"] = one["limit_errors"][kind]
    targets = scored_targets({key for values in rows.values() for key in values})
    order = sorted(rows, key=lambda row: (row[0], row[1].startswith("limit")))
    values = [[rows[row].get(f"{var}_nrmse_{part}", np.nan) for var in targets for part in PARTS] for row in order]
    columns = [f"{var} {part}" for var in targets for part in PARTS]
    return pd.DataFrame(values, pd.MultiIndex.from_tuples(order, names=["slice", "emulator"]), columns)


def to_text(scores: pd.DataFrame) -> str:
    """Return a `table` as text, a block for each slice."""
    lines = [
        "NRMSE of ClimateBench over the change of the global mean since the first ten years; total = spatial + 5 global"
    ]
    for where, block in scores.groupby(level=0, sort=False):
        shown = block.droplevel(0).rename_axis(index=None)
        lines += [where, shown.to_string(float_format=lambda value: f"{value:.3f}", na_rep="n/a")]
    if short := [where for where in scores.index.unique(level=0) if f" {YEARS} years" not in where]:
        lines.append(f"not the {YEARS} years of ClimateBench: {'; '.join(short)}")
    return "\n".join(lines)
