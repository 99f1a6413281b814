"""Statistics: what is made of the values in time, and what its colours and unit are like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

ROUNDING = 1e-12  # relative
Kind = Literal["field", "difference", "spread", "share"]


@dataclass(frozen=True)
class Statistic:
    """What is made of the values in time.

    Parameters
    ----------
    label : str
        Before the variable's name on a colour bar.
    kind : {"field", "difference", "spread", "share"}
        What its colours and limits are like.
    of : callable
        From values with dim ``time`` (years as coordinate) and the level to a map.
    unit : str
        With the variable's own as ``{}``.
    fewest : int
        Values in time that it needs; of each calendar month if ``seasonless``.
    linear : bool
        Whether members may be averaged before it; the mean of members has less weather than any of them.
    seasonless : bool
        Whether the mean annual cycle of monthly values is left out.
    """

    label: str
    kind: Kind
    of: Callable[[xr.DataArray, float | None], xr.DataArray]
    unit: str = "{}"
    fewest: int = 1
    linear: bool = True
    seasonless: bool = False


def _mean(values: xr.DataArray, _) -> xr.DataArray:
    return values.mean("time")


def less(values: xr.DataArray, mean: xr.DataArray) -> xr.DataArray:
    """Subtract; what rounding alone leaves is 0."""
    left = values - mean
    return left.where((np.abs(left) > ROUNDING * np.abs(mean)) | left.isnull(), 0.0)


def _less_cycle(values: xr.DataArray) -> xr.DataArray:
    """Subtract the mean of each calendar month; that of all values where they are one a year."""
    return less(values, values.groupby("month").mean().sel(month=values.month))


def _trend(values: xr.DataArray, _) -> xr.DataArray:
    """Return the least-squares slope per decade, with an intercept for each calendar month."""
    decades = _less_cycle(values.time / 10)
    return (_less_cycle(values) * decades).sum("time", skipna=False) / (decades**2).sum("time")


def _std(values: xr.DataArray, _) -> xr.DataArray:
    """Return the standard deviation about the mean of each calendar month, each of which takes one degree."""
    given = values.notnull().sum("time") - np.unique(values.month).size
    return np.sqrt((_less_cycle(values) ** 2).sum("time", min_count=1) / given.where(given > 0))


def _quantile(values: xr.DataArray, level: float | None) -> xr.DataArray:
    return values.quantile(level, "time").drop_vars("quantile")


def _share_above(values: xr.DataArray, level: float | None) -> xr.DataArray:
    return (values > level).where(values.notnull()).mean("time")


#: Changes are made of `Statistic.of` less that of the baseline.
STATISTICS = {
    "mean": Statistic("", "field", _mean),
    "change": Statistic("Change of", "difference", _mean),
    "percent": Statistic("Relative change of", "difference", _mean, "%"),
    "std": Statistic("Standard deviation of", "spread", _std, fewest=2, linear=False, seasonless=True),
    "trend": Statistic("Trend of", "difference", _trend, "{} per decade", fewest=3, seasonless=True),
    "quantile": Statistic("Quantile {level:g} of", "field", _quantile, fewest=2, linear=False),
    "exceedance": Statistic(
        "Probability above {level:g} {unit} of", "share", _share_above, "dimensionless", linear=False
    ),
}
CHANGES = ("change", "percent")
