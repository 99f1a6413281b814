"""Bringing the layouts that stores come in to that of the library: names, order, grid, months or years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import DataError
from .steps import Step, step_of
from .variables import VARIABLES, of_role

if TYPE_CHECKING:
    import xarray as xr

DIMS = ("ssp", "time", "member_id", "lat", "lon")
NOTES = "notes"  # attribute: what was changed on opening, told to the user and stored with a run
DAYS = {Step.MONTH: (27, 32), Step.YEAR: (359, 367)}


def standardise(dataset: xr.Dataset) -> xr.Dataset:
    """Bring a store of the contract to the layout of the library.

    Parameters
    ----------
    dataset : Dataset
        As read from a store (dims ``y, x`` and ``latitude, longitude``) or already in the library's layout.

    Returns
    -------
    Dataset
        The variables of `VARIABLES` that are there, in its order; dims ``ssp, time, member_id, lat, lon``. SO2 and BC,
        whose own grid differs from that of tas by less than half a cell, are put on ``lat, lon`` by position. Without
        any target, the published ones are there as withheld. A month, or a year, is that within ``time_bnds``, where
        these are given.

    Raises
    ------
    DataError
        If a variable, dimension or coordinate is missing, doubled, of the wrong length or no place on Earth, or the
        emission grid is another than that of tas.
    """
    import xarray as xr  # takes most of a second, which a refusal of arguments need not wait for

    needed = [name for name, variable in VARIABLES.items() if not variable.optional]
    missing = [name for name in needed if name not in dataset]
    if missing and missing != list(of_role("target", needed)):
        raise DataError(f"variables missing: {', '.join(missing)}; the contract needs {', '.join(needed)}")
    dataset, notes = dated_by_bounds(on_lat_lon(dataset))
    fields = {name: _by_position(name, dataset[name]) for name in VARIABLES if name in dataset}
    if missing:
        dataset, withheld = _withheld(dataset, missing)
        fields |= withheld
        notes.append(f"{', '.join(missing)} are not given: every scenario counts as withheld")
    for dim in DIMS:
        if dim not in dataset.coords:
            raise DataError(f"coordinate {dim} is missing; every dimension needs its labels")
        if not dataset.indexes[dim].is_unique:
            doubled = dataset.indexes[dim][dataset.indexes[dim].duplicated()][0]
            raise DataError(f"coordinate {dim} holds {doubled} twice; keep one")
    for dim in ("lat", "lon"):
        check_places(dim, dataset[dim].values)
    _check_emission_grid(dataset)
    coords = {dim: dataset[dim].drop_attrs() for dim in DIMS}
    try:
        out = xr.Dataset(fields, coords=coords, attrs=dataset.attrs | ({NOTES: notes} if notes else {}))
    except ValueError as error:
        raise DataError(f"the variables do not share one grid: {str(error).splitlines()[0]}") from error
    return out.assign_coords(ssp=np.array(out["ssp"].values.tolist()).astype(str))


def on_lat_lon(dataset: xr.Dataset) -> xr.Dataset:
    """Give the grid of the targets the names lat, lon; take degrees from 2-D coordinates where y, x only count."""
    if "y" in dataset.dims and "x" in dataset.dims:
        wide = {name: dataset[name] for name in ("lat", "lon") if name in dataset.variables and dataset[name].ndim == 2}
        dataset = dataset.drop_vars(["lat", "lon"], errors="ignore")
        if len(wide) == 2 and all(_only_counts(dataset, dim) for dim in ("y", "x")):
            dataset = dataset.assign_coords(
                y=_separated("lat", wide["lat"], "y"), x=_separated("lon", wide["lon"], "x")
            )
        return dataset.rename(y="lat", x="lon")
    if "lat" not in dataset.dims and "latitude" in dataset.dims and "longitude" in dataset.dims:
        return dataset.drop_vars(["lat", "lon"], errors="ignore").rename(latitude="lat", longitude="lon")
    return dataset


def _only_counts(dataset: xr.Dataset, dim: str) -> bool:
    values = dataset[dim].values  # xarray counts where there are no labels
    return any(np.array_equal(values, np.arange(len(values)) + first) for first in (0, 1))


def _separated(name: str, wide: xr.DataArray, dim: str) -> np.ndarray:
    """Return 2-D coordinates that depend on one dimension as 1-D."""
    values = wide.transpose(dim, ...).values
    if not np.allclose(values, values[:, :1], atol=1e-3):
        raise DataError(f"{name} depends on both y and x; interpolate the data to a grid of latitudes and longitudes")
    return values[:, 0]


def dated_by_bounds(dataset: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Date steps by the middle of their bounds where the stamps lie in another one, as at the period's end."""
    names = [dataset["time"].attrs.get("bounds"), "time_bnds", "time_bounds"] if "time" in dataset.variables else []
    bounds = next((dataset[name] for name in names if name in dataset.variables), None)
    if bounds is None or bounds.ndim != 2 or bounds.dtype != object or dataset["time"].dtype != object:
        return dataset, []
    lower, upper = bounds.transpose("time", ...).values.T
    days = np.array([(end - start).days for start, end in zip(lower, upper)])
    step = next((step for step, (low, high) in DAYS.items() if ((days >= low) & (days <= high)).all()), None)
    if step is None:
        raise DataError(
            f"{bounds.name} spans {days.min()} to {days.max()} days; the contract needs means of months, or of years"
        )
    middle, stamps = lower + (upper - lower) / 2, dataset["time"].values
    by_bounds = dataset.assign_coords(time=("time", middle))
    if step is Step.MONTH and step_of(by_bounds) is Step.YEAR:
        raise DataError(f"{bounds.name} spans one month of each year; give all months, or the means of whole years")
    if all(
        one.year == other.year and (step is Step.YEAR or one.month == other.month) for one, other in zip(middle, stamps)
    ):
        return dataset, []
    first = f"{middle[0]:%Y-%m}" if step is Step.MONTH else f"{middle[0]:%Y}"
    note = (
        f"the time stamps lie outside of their {step.unit}; the {step.unit} are those of {bounds.name}, from {first} on"
    )
    return by_bounds, [note]


def _withheld(dataset: xr.Dataset, names: list[str]) -> tuple[xr.Dataset, dict[str, xr.DataArray]]:
    """Return targets of zeros, which take no memory, for a data set of forcings alone."""
    import xarray as xr

    if "member_id" not in dataset.coords:
        dataset = dataset.assign_coords(member_id=[0])
    sizes = [dataset.sizes[dim] for dim in DIMS if dim in dataset.sizes]
    zeros = np.broadcast_to(np.float32(0), sizes)
    return dataset, {name: xr.DataArray(zeros, dims=[dim for dim in DIMS if dim in dataset.sizes]) for name in names}


def check_places(dim: str, values: np.ndarray) -> None:
    """Raise `DataError` if the labels of lat or lon are not degrees in one order."""
    if values.dtype.kind not in "fiu" or len(values) < 2:
        raise DataError(f"{dim} must be at least two numbers in degrees, not {values.dtype} of length {len(values)}")
    if not np.isfinite(values).all():
        raise DataError(f"{dim} is not a number at position {np.flatnonzero(~np.isfinite(values))[0]}; give degrees")
    period = 360 if dim == "lon" else None
    steps = np.diff(values.astype(float) if period is None else np.unwrap(values.astype(float), period=period))
    if not ((steps > 0).all() or (steps < 0).all()):
        at = int(np.flatnonzero(np.sign(steps) != np.sign(np.median(steps)))[0])
        raise DataError(
            f"{dim} is out of order: {values[at]:g} is followed by {values[at + 1]:g}; sort the data by {dim}"
        )
    extent = abs(steps.sum())
    if dim == "lat" and np.abs(values).max() > 90:
        raise DataError(f"lat reaches {values[np.abs(values).argmax()]:g}, beyond the poles; give degrees north")
    if dim == "lon" and extent + np.abs(steps).min() > 361:
        raise DataError(
            f"lon runs once around the Earth and on, from {values[0]:g} to {values[-1]:g}; drop what is there twice"
        )
    half_turn = np.pi if dim == "lat" else 2 * np.pi
    if len(values) > 4 and 0.8 * half_turn < extent + np.abs(steps).mean() < 1.01 * half_turn:
        raise DataError(f"{dim} runs from {values[0]:g} to {values[-1]:g}, which looks like radians; give degrees")


def _check_emission_grid(dataset: xr.Dataset) -> None:
    """Refuse an emission grid that position cannot match, such as one from north to south."""
    for emission, dim in (("latitude", "lat"), ("longitude", "lon")):
        if emission not in dataset.dims or emission not in dataset.coords:
            continue
        check_places(dim, dataset[emission].values)
        theirs, ours = dataset[emission].values, dataset[dim].values
        if len(theirs) == len(ours) > 1 and np.abs(theirs - ours).max() > np.abs(np.diff(ours)).min() / 2:
            raise DataError(
                f"{emission} of SO2 and BC differs from {dim} of tas by more than half a cell; "
                f"put the emissions on the order and range {ours[0]:g} .. {ours[-1]:g}"
            )


def _by_position(name: str, field: xr.DataArray) -> xr.DataArray:
    """Rename the emission grid to lat, lon, drop its labels, and order the dimensions."""
    if field.dtype.kind not in "iuf":
        raise DataError(f"{name} holds no numbers but {field.dtype}")
    names = {"latitude": "lat", "longitude": "lon", "y": "lat", "x": "lon"}
    field = field.rename({old: new for old, new in names.items() if old in field.dims})
    expected = VARIABLES[name].dims
    if set(field.dims) != set(expected):
        raise DataError(f"{name} has dimensions {tuple(field.dims)}; the contract needs {expected}")
    return field.drop_vars(list(field.coords)).transpose(*expected)
