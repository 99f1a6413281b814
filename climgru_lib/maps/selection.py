"""What is looked at: a variable, a time, a statistic, members; and the map that a source has of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from .. import contract
from ..contract import InputError
from .layout import MEMBER, read
from .looks import long_name_of
from .period import Period, Samples
from .sources import Source, calendar_of
from .statistics import CHANGES, STATISTICS, less

BLOCK = 64e6  # bytes that are read at once
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
        self,
        field: xr.DataArray,
        averaged: bool = False,
        apart: bool = False,
        reduced: Callable[[xr.DataArray], xr.DataArray] | None = None,
    ) -> tuple[Samples | None, xr.DataArray]:
        """Return the values in time of a field, in memory, time in years, with the calendar month that each begins in.

        A value of several months is NaN where one of them is. Over the mean of members if ``averaged``, every month as
        a value of its own if ``apart``; what ``reduced`` leaves of them. Of a field on disk some months are read at a
        time.
        """
        calendar = calendar_of(field)
        if calendar is None:
            if self.period != "all":
                raise InputError("the maps have no time; leave the period out")
            samples, index, begins = None, np.zeros((1, 1), int), [0]
            field = field.expand_dims("time")
        else:
            samples = Period.parse(self.period).samples(*calendar)
            samples = samples.apart() if apart else samples
            index = samples.index
            begins = calendar[1][index[:, 0]] if calendar[1] is not None else np.ones(len(index), int)
        years = samples.years if samples else np.zeros(1)
        parts = []
        for rows in _blocks(len(index), field.nbytes / field.sizes["time"] * index.shape[1]):
            part = self._values(field.isel(time=index[rows].ravel()), index.shape[1], averaged)
            part = part.assign_coords(time=years[rows])
            parts.append(reduced(part) if reduced else part)
        values = xr.concat(parts, "time", coords="minimal", compat="override") if len(parts) > 1 else parts[0]
        return samples, values.assign_coords(month=("time", begins))

    def _values(self, field: xr.DataArray, months: int, averaged: bool) -> xr.DataArray:
        """Read a field and return the means of so many months in a row."""
        picked = read(field)
        if self._withheld(picked).any():
            raise InputError(f"{self.variable} is withheld in '{self.period}': maps are stored as zeros")
        picked = picked.drop_vars([name for name in picked.coords if name not in (MEMBER, "lat", "lon")])
        picked = picked.astype(np.float64)
        if averaged and MEMBER in picked.dims:
            picked = picked.mean(MEMBER)
        return picked.coarsen(time=months).reduce(np.mean) if months > 1 else picked

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
        blocks = _blocks(field.sizes["time"], field.nbytes / field.sizes["time"])
        return np.concatenate([self._withheld(read(field.isel(time=rows))) for rows in blocks])

    def _withheld(self, field: xr.DataArray) -> np.ndarray:
        known = contract.VARIABLES.get(self.variable)
        values = field.transpose("time", ..., "lat", "lon").values
        zero = contract.withheld_maps(values) & (values[..., 0, 0] == 0)
        return zero.reshape(len(values), -1).any(axis=1) & bool(known and known.role == "target")

    def require_zero(self) -> None:
        """Raise `InputError` if a relative change of the variable says nothing."""
        if self.variable in contract.VARIABLES and contract.VARIABLES[self.variable].low > 0:
            raise InputError(f"{self.variable} has no natural zero, a percentage of it says nothing; use 'change'")

    def _less_baseline(self, field: xr.DataArray, values: xr.DataArray, averaged: bool) -> tuple[xr.DataArray, str]:
        apart = Period.parse(self.period).monthly
        samples, early = replace(self, period=self.base(field)).values(field, averaged, apart)
        before = early.groupby("month").mean().sel(month=values.month)
        if self.statistic == "percent":
            self.require_zero()
            level = before.mean("time")
            return 100 * less(values, before) / level.where(level > 0), samples.caption
        return less(values, before), samples.caption

    def _attrs(self, field: xr.DataArray) -> dict[str, str]:
        """Return unit and label of the map."""
        statistic, unit = STATISTICS[self.statistic], field.attrs["units"]
        label = statistic.label.format(level=self.level, unit=unit)
        if self.members == "spread":
            label = f"Members' spread of {label[:1].lower()}{label[1:]}".strip()
        changed = "change of " if self.baseline and self.statistic not in CHANGES else ""
        long_name = f"{label} {changed}{long_name_of(field)}".strip()
        told = {"units": statistic.unit.format(unit), "long_name": long_name, "scenario": field.attrs["scenario"]}
        return told | {"statistic": label}


def _blocks(count: int, each: float) -> Iterator[slice]:
    """Yield slices of so many values of so many bytes that are read at once."""
    step = max(1, int(BLOCK // each))
    return (slice(start, start + step) for start in range(0, count, step))
