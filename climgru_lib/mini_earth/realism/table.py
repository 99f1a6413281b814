"""Measured statistics against reference values."""

from __future__ import annotations

import numpy as np
import pandas as pd


def deviation(kind: str, measured: float | list[float], value: float | list[float]) -> float:
    """Return how far a statistic lies from its reference value.

    Parameters
    ----------
    kind : str
        ``absolute`` and ``relative``: the largest difference, over the value for the second; ``rms`` and
        ``relative rms``: over all numbers, over their root mean square for the second; ``months``: the largest
        difference on the circle of the year.
    measured, value : number or list of numbers
    """
    measured, value = np.asarray(measured, float), np.asarray(value, float)
    difference = measured - value
    if kind == "absolute":
        return float(np.abs(difference).max())
    if kind == "relative":
        return float(np.abs(difference / value).max())
    if kind == "months":
        return float(np.abs((difference + 6) % 12 - 6).max())
    size = 1.0 if kind == "rms" else np.sqrt(np.square(value).mean())
    return float(np.sqrt(np.square(difference).mean()) / size)


def compare(measured: dict, facts: dict[str, dict]) -> pd.DataFrame:
    """Hold measured statistics against reference values.

    Parameters
    ----------
    measured : dict
        As `measure` returns it.
    facts : dict
        Name to ``value``, ``kind`` (see `deviation`) and ``tolerance``, which is null where none is asked for.

    Returns
    -------
    DataFrame
        One row per fact: here and reference (lists as their range), deviation, kind, tolerance, within.
    """
    rows = {}
    for name, fact in facts.items():
        away, limit = deviation(fact["kind"], measured[name], fact["value"]), fact["tolerance"]
        within = "" if limit is None else "yes" if away <= limit else "no"
        shown = [_short(measured[name]), _short(fact["value"])]
        rows[name] = [*shown, f"{away:.3g}", fact["kind"], "" if limit is None else f"{limit:g}", within]
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["here", "reference", "deviation", "kind", "tolerance", "within"]
    )


def _short(value: float | list[float]) -> str:
    if isinstance(value, list):
        return f"{min(value):.3g} .. {max(value):.3g}"
    return f"{value:.4g}"
