"""What is looked at: a variable, a time, a statistic, members; and the map that a source has of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xarray as xr

from .. import contract
from ..contract import InputError
from .looks import long_name_of
from .period import Period, Samples
from .sources import MEMBER, Source, calendar_of

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


def _less(values: xr.DataArray, mean: xr.DataArray) -> xr.DataArray:
    """Subtract; what rounding alone leaves is 0."""
    left = values - mean
    return left.where((np.abs(left) > ROUNDING * np.abs(mean)) | left.isnull(), 0.0)


def _less_cycle(values: xr.DataArray) -> xr.DataArray:
    """Subtract the mean of each calendar month; that of all values where they are one a year."""
    return _less(values, values.groupby("month").mean().sel(month=values.month))


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
FIRST_YEARS = 20  # of the scenario: the baseline where none is named


@dataclass(frozen=True)
class Selection:
    """What is looked at.

    Parameters
    ----------
    variable : str
    period : str
        See `Period.parse`; a statistic is taken over its values, one a year or one a month.
    scenario : str, optional
        The only one by default.
    statistic : str
        A name of `STATISTICS`: ``percent`` is a change relative to the baseline; ``std`` (n - 1 in the denominator),
        ``trend`` (per decade), ``quantile`` and ``exceedance`` are over the values in time. Of single months, changes
        are from the same calendar month, and ``std`` and ``trend`` leave the mean annual cycle out; ``quantile`` and
        ``exceedance`` do so with a baseline.
    baseline : str, optional
        Years such as ``2015-2034``, whose same calendar months a change is counted from; by default the first 20. With
        ``exceedance`` it is the change that exceeds ``level``.
    level : float, optional
        Of ``quantile`` (0 to 1) and ``exceedance`` (in the variable's unit).
    members : "mean", "spread", or the label of a member
        The mean over members, their standard deviation (n - 1), or one. Mean, change and trend are taken of the
        members' mean; other statistics of each member, then averaged, so that the exceedance counts all.
    """

    variable: str
    period: str = "all"
    scenario: str | None = None
    statistic: str = "mean"
    baseline: str | None = None
    level: float | None = None
    members: str | int = "mean"

    def __post_init__(self) -> None:
        if self.statistic not in STATISTICS:
            raise InputError(f"unknown statistic '{self.statistic}'; there are {', '.join(STATISTICS)}")
        if self.statistic == "quantile" and not 0 <= (-1 if self.level is None else self.level) <= 1:
            raise InputError(f"a quantile needs a level from 0 to 1, got {self.level}")
        if self.statistic == "exceedance" and self.level is None:
            raise InputError("exceedance needs a level: the threshold in the unit of the variable")
        if self.baseline and self.statistic == "mean":
            raise InputError("a mean has no baseline; choose the statistic 'change'")
        Period.parse(self.period)

    def of(self, source: Source) -> xr.DataArray:
        """Return the map of a source.

        Returns
        -------
        DataArray, dims (lat, lon)
            Read into memory, with ``units``, ``long_name`` (what stands on a colour bar), ``scenario``, ``when`` and
            ``members`` (parts of a title) and ``kind`` as attributes.

        Raises
        ------
        InputError
            If the source lacks what is asked for.
        """
        field = source.field(self.variable, self.scenario)
        chosen, told = self.chosen(field)
        statistic = STATISTICS[self.statistic]
        averaged = statistic.linear and self.members == "mean"
        samples, values = self.values(chosen, averaged)
        counts = np.unique(values.month, return_counts=True)[1]
        there = counts.min() if statistic.seasonless else counts.sum()
        if there < statistic.fewest:
            of_each = " of each calendar month" if statistic.seasonless and counts.size > 1 else ""
            raise InputError(
                f"a {self.statistic} needs {statistic.fewest} values in time{of_each}, '{self.period}' has {there}; "
                "choose more years"
            )
        when = samples.caption if samples else ""
        if self.baseline or self.statistic in CHANGES:
            values, since = self._less_baseline(chosen, values, averaged)
            when = f"{when} against {since}"
        out = statistic.of(values, self.level)
        kind = statistic.kind
        if MEMBER in out.dims:
            out = out.std(MEMBER, ddof=1) if self.members == "spread" else out.mean(MEMBER)
            kind = "spread" if self.members == "spread" else kind
        return out.rename(self.variable).assign_attrs(self._attrs(field), kind=kind, when=when, members=told)

    def values(
        self, field: xr.DataArray, averaged: bool = False, apart: bool = False
    ) -> tuple[Samples | None, xr.DataArray]:
        """Return the values in time of a field, in memory, time in years, with the calendar month that each begins in.

        A value of several months is NaN where one of them is. Over the mean of members if ``averaged``,
        and every month as a value of its own if ``apart``.
        """
        calendar = calendar_of(field)
        if calendar is None:
            if self.period != "all":
                raise InputError("the maps have no time; leave the period out")
            samples, picked, months, begins = None, field.expand_dims("time").load(), 1, [0]
        else:
            samples = Period.parse(self.period).samples(*calendar)
            samples = samples.apart() if apart else samples
            begins = calendar[1][samples.index[:, 0]] if calendar[1] is not None else np.ones(len(samples.index), int)
            picked, months = field.isel(time=samples.index.ravel()).load(), samples.index.shape[1]
        self._require_given(picked)
        picked = picked.drop_vars([name for name in picked.coords if name not in (MEMBER, "lat", "lon")])
        picked = picked.astype(np.float64)
        if averaged and MEMBER in picked.dims:
            picked = picked.mean(MEMBER)
        values = picked.coarsen(time=months).reduce(np.mean) if months > 1 else picked
        return samples, values.assign_coords(time=samples.years if samples else [0.0], month=("time", begins))

    def chosen(self, field: xr.DataArray) -> tuple[xr.DataArray, str]:
        """Return the field of the members that are wanted, and what they are in words."""
        labels = field[MEMBER].values.tolist() if MEMBER in field.dims else []
        if self.members == "spread":
            if len(labels) < 2:
                raise InputError("a spread needs two members at least; the prediction is a single field")
            return field, f"spread of {len(labels)} members"
        if self.members == "mean":
            return field, f"mean of {len(labels)} members" if len(labels) > 1 else ""
        named = {str(label): place for place, label in enumerate(labels)}
        if str(self.members) not in named:
            there = f"there are {labels[0]} to {labels[-1]}" if labels else "the prediction is a single field"
            raise InputError(f"no member {self.members}; {there}")
        return field.isel({MEMBER: [named[str(self.members)]]}), f"member {self.members} of {len(labels)}"

    def base(self, field: xr.DataArray) -> str:
        """Return the baseline as a period: the same calendar months in the years that it names, or in the first 20."""
        calendar = calendar_of(field)
        if calendar is None:
            raise InputError("a change needs a time; the maps have none")
        name = Period.parse(self.period).name
        years = self.baseline
        if years is None:
            first = Period.parse(name or "all").samples(*calendar).labels[:FIRST_YEARS]
            years = f"{first[0].split()[-1]}-{first[-1].split()[-1]}"
        return f"{name} {years}".strip()

    def withheld(self, field: xr.DataArray) -> np.ndarray:
        """Return which times of a target are withheld, in a member at least: stored as zeros; shape (time,)."""
        known = contract.VARIABLES.get(self.variable)
        values = field.transpose("time", ..., "lat", "lon").values
        zero = contract.withheld_maps(values) & (values[..., 0, 0] == 0)
        return zero.reshape(len(values), -1).any(axis=1) & bool(known and known.role == "target")

    def _require_given(self, field: xr.DataArray) -> None:
        """Raise `InputError` for maps of a target that are withheld."""
        if self.withheld(field).any():
            raise InputError(f"{self.variable} is withheld in '{self.period}': maps are stored as zeros")

    def _less_baseline(self, field: xr.DataArray, values: xr.DataArray, averaged: bool) -> tuple[xr.DataArray, str]:
        apart = Period.parse(self.period).monthly
        samples, early = replace(self, period=self.base(field)).values(field, averaged, apart)
        before = early.groupby("month").mean().sel(month=values.month)
        if self.statistic == "percent":
            if self.variable in contract.VARIABLES and contract.VARIABLES[self.variable].low > 0:
                raise InputError(f"{self.variable} has no natural zero, a percentage of it says nothing; use 'change'")
            level = before.mean("time")
            return 100 * _less(values, before) / level.where(level > 0), samples.caption
        return _less(values, before), samples.caption

    def _attrs(self, field: xr.DataArray) -> dict[str, str]:
        """Return unit and label of the map."""
        statistic, unit = STATISTICS[self.statistic], field.attrs["units"]
        label = statistic.label.format(level=self.level, unit=unit)
        if self.members == "spread":
            label = f"Members' spread of {label[:1].lower()}{label[1:]}".strip()
        changed = "change of " if self.baseline and self.statistic not in CHANGES else ""
        long_name = f"{label} {changed}{long_name_of(field)}".strip()
        return {"units": statistic.unit.format(unit), "long_name": long_name, "scenario": field.attrs["scenario"]}
