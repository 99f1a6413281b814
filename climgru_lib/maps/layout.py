"""One layout for the files of all tools: names of dimensions, orders of cells, dates, units."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import xarray as xr

from .. import contract
from ..contract import InputError

MEMBER = "member_id"
DIMS = (MEMBER, "time", "lat", "lon")
#: Other names of the library's dimensions.
NAMES = {
    "latitude": "lat",
    "y": "lat",
    "longitude": "lon",
    "x": "lon",
    "realization": MEMBER,
    "member": MEMBER,
    "year": "time",
}
LONGEST_MONTH = 31  # days
CURE = "give it units such as 'days since 2015-01-15' and a calendar"


def renamed(field: xr.DataArray) -> xr.DataArray:
    """Call the dimensions as the library does; ``y`` and ``x`` are degrees where a 2-D ``lat`` only repeats them."""
    if {"y", "x", "lat"} <= {*field.coords} and field["lat"].ndim == 2:
        if float(np.abs(field["lat"] - field["y"]).max()) > 1e-3:
            return field
        field = field.drop_vars(["lat", "lon"], errors="ignore")
    names = {*field.dims, *field.coords}
    doubled = {new for old, new in NAMES.items() if new in names}
    taken = {old: new for old, new in NAMES.items() if old in names and new not in doubled}
    return field.rename(taken)


def oriented(field: xr.DataArray) -> xr.DataArray:
    """Return a field with its rows from south to north and its columns from west to east.

    Raises
    ------
    InputError
        If it holds no numbers, or its cells have no coordinates, or none that order them.
    """
    if field.dtype.kind not in "fiub":
        raise InputError(f"{field.name} holds no numbers")
    for dim in ("lat", "lon"):
        if dim not in field.coords:
            raise InputError(f"{field.name} has no coordinate {dim}; give the cell centres in degrees")
        if field.sizes[dim] < 2:
            raise InputError(f"{field.name} has one cell along {dim}; a map needs two at least")
        if field[dim].dtype.kind not in "fiu" or not np.isfinite(field[dim].values).all():
            raise InputError(f"{dim} of {field.name} holds no numbers; give the cell centres in degrees")
    if np.abs(field.lat.values).max() > 90:
        raise InputError(f"latitudes are from -90 to 90, {field.name} has {np.abs(field.lat.values).max():g}")
    for dim in ("lat", "lon"):
        centres = np.unwrap(field[dim].values.astype(float), period=360)
        if centres[0] > centres[-1]:
            field, centres = field.isel({dim: slice(None, None, -1)}), centres[::-1]
        if not (np.diff(centres) > 0).all() or centres[-1] - centres[0] > 360 - 1e-3:
            raise InputError(f"{dim} of {field.name} is in no order, or a cell stands twice; give each once, in order")
    return field


def is_annual(dataset: xr.Dataset) -> bool:
    """Tell whether the dates of a file stand for years: one a year, and its bounds or attributes say so.

    Without them a date a year is that of a month, as in a file of Januaries; data sets of the contract are none.
    """
    try:
        if contract.step_of(dataset) is not contract.Step.YEAR:
            return False
    except (KeyError, AttributeError, TypeError):
        return False
    bounds = dataset.get(dataset["time"].attrs.get("bounds", "time_bnds"))
    if bounds is not None and bounds.ndim == 2:
        first = bounds.isel({dim: 0 for dim in bounds.dims if dim == "time"}).values
        return pd.Timedelta(first[1] - first[0]).days > LONGEST_MONTH
    return dataset.attrs.get("frequency") == "yr" or {"CO2", "rsdt"} <= {*dataset.data_vars}


def dated(field: xr.DataArray, annual: bool = False) -> xr.DataArray:
    """Give the times of a field coordinates ``year`` and ``month``, or ``year`` alone where there is one value a year.

    Parameters
    ----------
    field : DataArray
    annual : bool
        Its dates stand for years, see `is_annual`.

    Raises
    ------
    InputError
        If it holds neither dates nor years, or one of them twice.
    """
    if "time" not in field.dims:
        return field
    year, month = _calendar(field["time"]) if "time" in field.coords else (np.empty(0, int), None)
    if not year.size or not np.isfinite(year).all():
        raise InputError(f"time holds neither dates nor years; {CURE}")
    month = None if annual else month
    count = year if month is None else year * 12 + month
    found, times = np.unique(count, return_counts=True)
    if found.size < count.size:
        at = np.flatnonzero(count == found[times.argmax()])[0]
        label = f"{year[at]:04d}" if month is None else f"{year[at]:04d}-{month[at]:02d}"
        each = "year" if month is None else "month"
        raise InputError(f"time holds {label} {times.max()} times; give each {each} once")
    months = {} if month is None else {"month": ("time", month)}
    return field.assign_coords(year=("time", year), **months)


def _calendar(time: xr.DataArray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return years and months of a time coordinate; empty where it tells none."""
    values, units = time.values, str(time.attrs.get("units", ""))
    since = re.match(r"(month|year)s? since (\d{1,4})-(\d\d?)-(\d\d?)", units)
    if since and values.dtype.kind in "fiu":
        year, month, day = (int(part) for part in since.groups()[1:])
        if since[1] == "year":
            return np.floor(values + year + (month - 1) / 12).astype(int), None
        count = np.floor(values + year * 12 + month - 1 + (day - 1) / 31).astype(int)
        return count // 12, count % 12 + 1
    if values.dtype.kind in "iu" and not units:
        if values.min() < 1000 or values.max() > 9999:
            raise InputError(f"time holds integers that are no years, {values.min()} to {values.max()}; {CURE}")
        return values.astype(int), None
    try:
        return time.dt.year.values, time.dt.month.values
    except (AttributeError, TypeError):
        return np.empty(0, int), None


def units_of_file(field: xr.DataArray) -> str:
    """Return the unit in the contract's spelling; without one, the contract's if the mean is plausible in it."""
    known, units = contract.VARIABLES.get(str(field.name)), field.attrs.get("units")
    if known is None:
        return str(units or "unit unknown")
    if units is None:
        first = field.isel({dim: 0 for dim in (MEMBER, "time") if dim in field.dims})
        return known.units[0] if known.mean_low <= float(read(first).mean()) <= known.mean_high else "unit unknown"
    return known.units[0] if str(units) in known.units else str(units)


def read(field: xr.DataArray) -> xr.DataArray:
    """Read a field into memory, with dims (member_id, time, lat, lon) as far as there are such.

    Raises
    ------
    InputError
        If a file is damaged, which readers meet in many ways.
    """
    try:
        return field.load().transpose(*(dim for dim in DIMS if dim in field.dims))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{field.name} cannot be read ({reason}); a file is damaged: fetch it again") from error
