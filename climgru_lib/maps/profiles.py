"""Beyond maps: series of a place and zonal means through time, of what is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import xarray as xr

from .layout import MEMBER
from .looks import long_name_of
from .period import Period
from .places import Region
from .selection import Selection
from .sources import Source
from .statistics import CHANGES


def series(selection: Selection, source: Source, region: Region) -> xr.DataArray:
    """Return the area-weighted mean of a region through the years.

    Parameters
    ----------
    selection : Selection
        Its calendar months make one value a year, of all years there are; a ``change`` or ``percent`` is from the
        baseline, of each member its own.
    source : Source
    region : Region

    Returns
    -------
    DataArray, dims (member_id, time) or (time)
        Time in years; attributes as of `Selection.of`.
    """
    return _through_time(selection, source, region.mean, "")


def hovmoller(selection: Selection, source: Source) -> xr.DataArray:
    """Return zonal means through the years, dims (time, lat); of members the mean. See `series` for the months."""
    at = replace(selection, members="mean") if selection.members == "spread" else selection
    return _through_time(at, source, lambda values: _of_members(values.mean("lon")), "zonal mean of ")


def _of_members(values: xr.DataArray) -> xr.DataArray:
    return values.mean(MEMBER) if MEMBER in values.dims else values


def _through_time(selection: Selection, source: Source, reduced: Callable, of: str) -> xr.DataArray:
    """Return what is left of the values of each year; for a change, less that of the baseline."""
    field, told = selection.chosen(source.field(selection.variable, selection.scenario))
    when = Period.parse(selection.period).name
    _, out = replace(selection, period=when or "all").values(field, reduced=reduced)
    label, units, kind = f"{of}{long_name_of(field)}", field.units, "field"
    if selection.statistic in CHANGES:
        samples, early = replace(selection, period=selection.base(field)).values(field, reduced=reduced)
        before, relative = early.mean("time"), selection.statistic == "percent"
        if relative:
            selection.require_zero()
        out = out - before
        out = 100 * out / before.where(before > 0) if relative else out
        label, kind = f"{'Relative change' if relative else 'Change'} of {label}", "difference"
        units, when = "%" if relative else units, f"{when} against {samples.caption}".strip()
    label = f"{label[:1].upper()}{label[1:]}"
    attrs = {"units": units, "long_name": label, "kind": kind, "when": when, "members": told}
    return out.rename(selection.variable).assign_attrs(attrs, scenario=field.scenario)
