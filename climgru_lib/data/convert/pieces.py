"""A field of a file as the contract has it: steps counted, one order of latitudes and longitudes, one unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from ...contract import VARIABLES, InputError, Step, layout, of_role, step_of
from .. import reading
from .fields import Field

YEARS = (1000, 9999)  # integers of a time axis that can be years
DEGREES = {"latitude": "lat", "nav_lat": "lat", "longitude": "lon", "nav_lon": "lon", "member": "member_id"}
KEPT = ("time", "member_id", "lat", "lon")
CH4_AMOUNTS = ("Gt", "GtCH4", "Gt CH4")


@dataclass(frozen=True)
class Piece:
    """Some months, or years, of a variable in one scenario and member.

    Parameters
    ----------
    variable, scenario : str
    member : str or int, optional
    source : Path
        For messages.
    calendar : str
    months : array of int, shape (time,)
        ``12 year + month - 1``, or years.
    array : DataArray, dims (time,) or (time, lat, lon)
        Lazy; the first latitude is the southernmost, longitudes run from 0 to 360 degrees.
    step : Step
    """

    variable: str
    scenario: str
    member: str | int | None
    source: Path
    calendar: str
    months: np.ndarray
    array: xr.DataArray
    step: Step


def read_field(field: Field, notes: list[str]) -> list[Piece]:
    """Open a field lazily, a piece for each member; what is dropped or converted goes to ``notes``.

    Raises
    ------
    InputError
        If its steps, dimensions, grid or units are not such as the contract can carry; the line names the file.
    """
    dataset, said = reading.read(field.path)
    if field.name not in dataset:
        raise InputError(f"{field.path} holds no {field.name}; it holds {', '.join(map(str, dataset.data_vars))}")
    notes += [line for line in said if line.startswith(f"{field.name} ")]
    return _pieces(field, dataset, notes)


def read_forcings(path: Path, notes: list[str]) -> list[Piece]:
    """Open the forcings of a file with the names of the contract and a dimension ``ssp``, a piece for each scenario.

    Raises
    ------
    InputError
        If it has no such dimension, or as `read_field`.
    """
    dataset = reading.read(path)[0]
    names = of_role("forcing", dataset)
    if "ssp" not in dataset.indexes or not names:
        raise InputError(f"{path} holds no forcings by scenario: CO2, CH4, SO2, BC or rsdt with a dimension ssp")
    return [
        piece
        for name in names
        for at, ssp in enumerate(dataset["ssp"].values)
        for piece in _pieces(Field(path, name, name, str(ssp)), _alone(dataset, name).isel(ssp=at, drop=True), notes)
    ]


def _alone(dataset: xr.Dataset, name: str) -> xr.Dataset:
    """Return a variable with the coordinates of its own dimensions; y, x are those of the contract's stores."""
    one = dataset[[name]]
    one = one.drop_vars([coord for coord in one.coords if coord not in one[name].dims])
    return one.rename({old: new for old, new in (("y", "lat"), ("x", "lon")) if old in one.dims})


def _pieces(field: Field, dataset: xr.Dataset, notes: list[str]) -> list[Piece]:
    variable = field.variable
    try:
        dataset, said = layout.dated_by_bounds(dataset)
        notes += [f"{variable}: {line}" for line in said]
        months, calendar, step = _months(variable, dataset, notes)
        _note_dropped(field, dataset, notes)
        array = _with_contract_dims(variable, _on_degrees(dataset)[field.name])
        array = _in_order(variable, array, notes)
        _check_units(variable, array, notes)
    except InputError as error:
        raise InputError(f"{field.path}: {error}") from error
    rest = (field.path, calendar, months)
    if "member_id" not in array.dims:
        return [Piece(variable, field.scenario, field.member, *rest, array, step)]
    labels = array["member_id"].values.tolist() if "member_id" in array.coords else range(array.sizes["member_id"])
    return [
        Piece(variable, field.scenario, label, *rest, array.isel(member_id=at, drop=True), step)
        for at, label in enumerate(labels)
    ]


def _months(variable: str, dataset: xr.Dataset, notes: list[str]) -> tuple[np.ndarray, str, Step]:
    """Return the months or years of a file, counted, its calendar and its step."""
    if "time" not in dataset.coords or dataset["time"].ndim != 1 or not dataset.sizes["time"]:
        raise InputError("it has no coordinate time, or no months")
    time = dataset["time"].values
    if time.dtype != object:
        return _years(time), "standard", Step.YEAR
    if step_of(dataset) is Step.YEAR:
        if not {"time_bnds", "time_bounds", dataset["time"].attrs.get("bounds")} & {*dataset.variables}:
            notes.append(f"{variable} has one date a year and no bounds; it is taken as the means of those years")
        return np.array([date.year for date in time]), time[0].calendar, Step.YEAR
    months = np.array([date.year * Step.MONTH.value + date.month - 1 for date in time])
    steps = np.diff(months)
    if (steps == 0).any():
        raise InputError("it holds several fields a month; make monthly means first, such as by `cdo monmean IN OUT`")
    if (steps != 1).any():
        raise InputError("its months are not contiguous and in order; give every month, or every year, once")
    return months, time[0].calendar, Step.MONTH


def _years(time: np.ndarray) -> np.ndarray:
    """Return a time axis that counts years; raise `InputError` if it does not."""
    whole = time.dtype.kind in "iuf" and np.isfinite(time).all() and (time % 1 == 0).all()
    if not whole or time.min() < YEARS[0] or time.max() > YEARS[1]:
        ends = f"it runs from {time[0]:g} to {time[-1]:g}" if time.dtype.kind in "iuf" else "it holds text"
        raise InputError(f"time holds neither dates nor years ({ends}); give it units such as 'days since 2015-01-15'")
    if (np.diff(time) != 1).any():
        raise InputError("its years are not contiguous and in order; give every year once")
    return time.astype(int)


def _note_dropped(field: Field, dataset: xr.Dataset, notes: list[str]) -> None:
    """Tell which scalars and bounds lie beside the field, which a store of the contract does not hold."""
    names = [
        str(name)
        for name, other in dataset.variables.items()
        if name != field.name and (other.ndim == 0 or str(name).endswith(("_bnds", "_bounds", "_vertices")))
    ]
    scalars = [dim for dim in dataset[field.name].dims if dim not in DEGREES | dict.fromkeys(KEPT)]
    names += [dim for dim in scalars if dataset.sizes[dim] == 1 and dim not in names]
    if names:
        notes.append(f"{field.variable}: dropped {', '.join(sorted(names))}")


def _on_degrees(dataset: xr.Dataset) -> xr.Dataset:
    """Give the dimensions of the grid the names lat, lon, with degrees; from 2-D coordinates where they separate."""
    names = {*dataset.variables, *dataset.dims}
    dataset = dataset.rename({old: new for old, new in DEGREES.items() if old in names and new not in names})
    if "lat" not in dataset.variables or dataset["lat"].ndim != 2:
        return dataset
    for_lat, for_lon = dataset["lat"].dims
    dataset = dataset.drop_vars([for_lat, for_lon], errors="ignore").rename({for_lat: "y", for_lon: "x"})
    return layout.on_lat_lon(dataset)


def _with_contract_dims(variable: str, array: xr.DataArray) -> xr.DataArray:
    """Drop dimensions of length 1 and coordinates that the contract lacks, and order the others."""
    extra = [dim for dim in array.dims if dim not in KEPT]
    if wide := [dim for dim in extra if array.sizes[dim] > 1]:
        size = array.sizes[wide[0]]
        raise InputError(
            f"{variable} has a dimension {wide[0]} of length {size}; select one level, or remap to lat, lon"
        )
    array = array.isel(dict.fromkeys(extra, 0))
    array = array.drop_vars([name for name in array.coords if name not in array.dims or name == "time"])
    grid = {"lat", "lon"} & {*array.dims, *VARIABLES[variable].dims}
    if not {"time", *grid} <= set(array.dims) or len(grid) == 1 or not grid <= array.coords.keys():
        raise InputError(
            f"{variable} has dimensions {array.dims}; the contract needs time, lat, lon with their degrees"
        )
    return array.transpose("member_id", "time", "lat", "lon", missing_dims="ignore")


def _in_order(variable: str, array: xr.DataArray, notes: list[str]) -> xr.DataArray:
    """Put south first, and longitudes from 0 to 360 degrees."""
    if "lat" not in array.dims:
        return array
    for dim in ("lat", "lon"):
        layout.check_places(dim, array[dim].values)
    labels = {dim: array[dim].values.astype(float) for dim in ("lat", "lon")}
    labels["lon"] = labels["lon"] % 360
    order = {dim: np.argsort(values) for dim, values in labels.items()}
    for dim, at in order.items():
        if (np.diff(at) != 1).any() or not np.array_equal(labels[dim], array[dim].values):
            notes.append(f"{variable}: {dim} is put in the order {labels[dim][at[0]]:g} .. {labels[dim][at[-1]]:g}")
            array = array.isel({dim: at}).assign_coords({dim: labels[dim][at]})
    return array


def _check_units(variable: str, array: xr.DataArray, notes: list[str]) -> None:
    units, ours = array.attrs.get("units"), VARIABLES[variable].units
    if "lat" in array.dims and "lat" not in VARIABLES[variable].dims:
        ours = VARIABLES["SO2"].units  # a map of emissions, whose total the contract holds
    elif variable == "CH4" and units in CH4_AMOUNTS:
        notes.append(f"CH4 is given in {units}; it is taken as {ours[0]}")
        return
    if units is None:
        notes.append(f"{variable} has no units; it is taken as {ours[0]}")
    elif units not in ours:
        raise InputError(f"{variable} has units '{units}', not '{ours[0]}'; {VARIABLES[variable].cure}")
