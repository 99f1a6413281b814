"""The data contract: names, dimensions, units and plausible ranges of a climgru data set.

A data set of the contract holds monthly or annual CMIP6-like fields for several scenarios (``ssp``) and members
(``member_id``): forcings as maps or global series, and targets, as `variables.VARIABLES` has them. The checks return
one plain line per problem: what is wrong, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .errors import DataError
from .layout import standardise
from .steps import Step, month_labels, step_of
from .variables import PACKING, VARIABLES

if TYPE_CHECKING:
    import xarray as xr


def check_time(dataset: xr.Dataset) -> list[str]:
    """Return a problem if the time axis is neither contiguous months nor contiguous years, else an empty list."""
    try:
        if step_of(dataset) is Step.YEAR:
            return []
        time = dataset["time"].dt
        year, month = time.year.values, time.month.values
    except (AttributeError, TypeError):
        return ["time holds no dates; give it units such as 'days since 2015-01-15' and a calendar"]
    months = np.diff(year * 12 + month)
    meant = Step.YEAR if months.size and np.median(months) == 12 else Step.MONTH
    steps = np.flatnonzero((np.diff(year) if meant is Step.YEAR else months) != 1)
    if steps.size:
        labels = [f"{y:04d}" if meant is Step.YEAR else f"{y:04d}-{m:02d}" for y, m in zip(year, month)]
        here, there = labels[steps[0]], labels[steps[0] + 1]
        return [
            f"time is not {'annual' if meant is Step.YEAR else 'monthly'} and contiguous: {here} is followed by "
            f"{there}; give every {meant.name.lower()} once"
        ]
    return []


def check_units(dataset: xr.Dataset) -> list[str]:
    """Return a line per variable whose ``units`` attribute contradicts the contract."""
    problems = []
    for name, variable in VARIABLES.items():
        units = dataset[name].attrs.get("units") if name in dataset else None
        if units is not None and units not in variable.units:
            problems.append(f"{name} has units '{units}', the contract needs '{variable.units[0]}'; {variable.cure}")
    return problems


def withheld_maps(values: np.ndarray) -> np.ndarray:
    """Find maps that carry no information: withheld targets are stored as one constant, or as NaN throughout.

    Parameters
    ----------
    values : array, shape (..., lat, lon)

    Returns
    -------
    array of bool, shape (...)
    """
    highs = values.max(axis=(-2, -1))
    constant = highs == values.min(axis=(-2, -1))
    return constant | np.isnan(values).all(axis=(-2, -1)) if np.isnan(highs).any() else constant


def check_values(name: str, values: np.ndarray, ssp: str, months: np.ndarray) -> list[str]:
    """Check the numbers of one variable in one scenario.

    Parameters
    ----------
    name : str
        A key of `VARIABLES`.
    values : array, shape (time, ...)
        That variable in that scenario, dims as in `VARIABLES` without ``ssp``.
    ssp : str
        The scenario, for the message.
    months : array of str, shape (time,)
        ``YYYY-MM`` labels, for the message.

    Returns
    -------
    list of str
        Empty if all is well. Maps of a target that are one constant are withheld, not wrong.
    """
    variable = VARIABLES[name]
    is_target = variable.role == "target"
    maps = values.reshape(*values.shape[: 2 if is_target else 1], -1)
    lows, highs = maps.min(axis=-1), maps.max(axis=-1)
    finite = np.isfinite(lows) & np.isfinite(highs)
    if is_target and np.isnan(lows).all() and withheld_maps(values).all():
        return []
    absent = np.flatnonzero(withheld_maps(values).all(axis=0) & np.isnan(lows).all(axis=0)) if is_target else []
    if len(absent):
        return [
            f"{name} is missing (NaN) in every month of {ssp} for member number {absent[0] + 1}; members must be there "
            "in all open scenarios: select those with `dataset.isel(member_id=...)`"
        ]
    finite = finite.reshape(len(months), -1).all(axis=1)
    if not finite.all():
        bad = months[~finite]
        return [
            f"{name} has missing or infinite values in {ssp}, {bad[0]}"
            + (f" .. {bad[-1]} ({bad.size} months)" if bad.size > 1 else "")
            + "; a chunk of the store may be missing: fetch the file again"
        ]
    judged = lows < highs if is_target else lows <= highs
    if not judged.any():
        return []
    low, high = float(lows[judged].min()), float(highs[judged].max())
    mean = float(maps.mean(axis=-1, dtype=np.float64)[judged].mean())
    residue = PACKING * high if variable.low <= 0 else 0
    if low < variable.low - residue or high > variable.high or not variable.mean_low <= mean <= variable.mean_high:
        return [
            f"{name} runs from {low:.4g} to {high:.4g} (mean {mean:.4g}) in {ssp}, not plausible in "
            f"{variable.units[0]}; {variable.cure}"
        ]
    return []


def scenario_fields(dataset: xr.Dataset, ssp: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, values) of each variable of one scenario, read from the store one at a time.

    Raises
    ------
    DataError
        If a chunk of the store cannot be decoded.
    """
    for name in (name for name in VARIABLES if name in dataset):
        try:
            yield name, dataset[name].sel(ssp=ssp).values
        except MemoryError:
            raise
        except Exception as error:  # whatever a store, its codecs or its server may come up with
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{name} of {ssp} cannot be read ({reason}); a file is damaged: fetch it again") from error


def check(dataset: xr.Dataset) -> list[str]:
    """Check a data set against the whole contract.

    Parameters
    ----------
    dataset : Dataset
        As read from a store or in the library's layout.

    Returns
    -------
    list of str
        One line per problem: the variable, the place and the cure. Empty if the contract is met.
    """
    try:
        dataset = standardise(dataset)
        problems = check_time(dataset)
        if problems:
            return problems
        months = month_labels(dataset)
        problems = check_units(dataset)
        for ssp in dataset["ssp"].values:
            for name, values in scenario_fields(dataset, ssp):
                problems += check_values(name, values, ssp, months)
    except DataError as error:
        return [str(error)]
    return problems
