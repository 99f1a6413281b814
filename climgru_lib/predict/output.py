"""Predictions on disk: CF data sets in NetCDF or Zarr, and the submission file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
import zarr

from .. import __version__
from ..contract import PUBLISHED_TARGETS, VARIABLES, InputError, Step, month_labels, of_role, step_of
from ..grid import cell_edges
from ..training import files, runs

if TYPE_CHECKING:
    from ..data.tensors import EmulationData

SUBMISSION_MONTHS = 360
MONTHS_PER_CHUNK = 120
LONGEST_ATTRIBUTE = 200  # characters; titles and units of figures are made of them
MOST_CELLS = 20_000_000  # of one map
_NAMES = {"latitude": "lat", "longitude": "lon"}
COORDINATES = {
    "time": {"standard_name": "time", "long_name": "time", "axis": "T"},
    "lat": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
}


def as_dataset(fields: np.ndarray, data: EmulationData, first: int, attrs: dict[str, Any]) -> xr.Dataset:
    """Dress fields as a CF data set.

    Parameters
    ----------
    fields : array, shape (time, target, lat, lon) or (time, member, target, lat, lon), in the units of the contract
        For the months of ``data`` from index ``first`` on; members are numbered from 0.
    data : EmulationData
        For the names of the targets and the coordinates.
    first : int
    attrs : dict
        Global attributes.

    Returns
    -------
    Dataset
        ``tas`` (K), ``pr`` (mm day-1), further targets; bounds of cells, and of months, or years, from the midnight
        that begins one to that which begins the next.
    """
    time = data.time[first : first + len(fields)]
    starts, ends = _bounds(time.values, data.step)
    dims = ("time", "member_id", "lat", "lon") if fields.ndim == 5 else ("time", "lat", "lon")
    variables = {name: (dims, fields[..., i, :, :], _attributes(name)) for i, name in enumerate(data.targets)}
    lat_edges, lon_edges = np.clip(cell_edges(data.lat), -90, 90), cell_edges(data.lon)
    bounds = {"time": np.array([starts, ends]).T}
    bounds |= {name: np.stack([e[:-1], e[1:]], axis=1) for name, e in (("lat", lat_edges), ("lon", lon_edges))}
    variables |= {f"{name}_bnds": ((name, "bnds"), values) for name, values in bounds.items()}
    coords = {"time": time.values, "lat": data.lat, "lon": data.lon}
    dataset = xr.Dataset(
        variables,
        coords={name: (name, coords[name], COORDINATES[name] | {"bounds": f"{name}_bnds"}) for name in coords},
        attrs={"Conventions": "CF-1.11", "source": f"climgru {__version__}", **attrs},
    )
    if "member_id" in dims:
        about = {"standard_name": "realization", "long_name": "number of the draw", "units": "1"}
        dataset = dataset.assign_coords(member_id=("member_id", np.arange(fields.shape[1], dtype=np.int32), about))
    since = {"units": "days since 1850-01-01", "calendar": time.dt.calendar, "dtype": "float64"}
    for name in dataset.variables:
        dataset[name].encoding = {"_FillValue": None} | (since if name.startswith("time") else {})
    return dataset


def _bounds(times: np.ndarray, step: Step) -> tuple[list, list]:
    """Return the first instants of the months, or years, of some dates, and of those that follow."""
    begin = {"month": 1} if step is Step.YEAR else {}
    starts = [t.replace(day=1, hour=0, minute=0, second=0, microsecond=0, **begin) for t in times]
    if step is Step.YEAR:
        return starts, [t.replace(year=t.year + 1) for t in starts]
    return starts, [t.replace(year=t.year + t.month // 12, month=t.month % 12 + 1) for t in starts]


def _attributes(name: str) -> dict[str, str]:
    """Return the CF attributes of a target."""
    variable = VARIABLES[name]
    named = {"standard_name": variable.standard_name, "long_name": variable.long_name}
    named |= {"units": variable.file_units or variable.units[0], "cell_methods": "time: mean"}
    named["units_metadata"] = "temperature: on_scale" if named["units"] == "K" else ""
    return {key: text for key, text in named.items() if text}


def write_prediction(dataset: xr.Dataset, out: str | Path) -> Path:
    """Write a prediction as NetCDF (``.nc``) or Zarr (``.zarr``), or its last 360 months as CSV (``.csv``).

    Raises
    ------
    InputError
        If the ending is another, or a Zarr store is there already.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    chunks, dataset = _chunks(dataset), _with_history(dataset)
    if out.suffix == ".nc":
        packed = {"zlib": True, "complevel": 1, "_FillValue": None}
        encoding = {name: packed | {"chunksizes": sizes} for name, sizes in chunks.items()}
        files.write_atomically(out, lambda path: dataset.to_netcdf(path, engine="netcdf4", encoding=encoding))
    elif out.suffix == ".zarr":
        _require_new(out)
        encoding = {name: {"chunks": sizes} for name, sizes in chunks.items()}
        files.write_atomically(out, lambda path: dataset.to_zarr(path, zarr_format=2, encoding=encoding))
    elif out.suffix == ".csv":
        write_submission(dataset, out)
    else:
        raise InputError(f"cannot write '{out.name}'; the name must end in .nc, .zarr or .csv")
    return out


def write_members(one: xr.Dataset, members: Iterable[np.ndarray], count: int, out: str | Path) -> Path:
    """Write an ensemble as Zarr, member by member: no more than one of them is in memory.

    Parameters
    ----------
    one : Dataset
        From `as_dataset` with one member: its coordinates and attributes count, its values do not.
    members : iterable of array, shape (time, target, lat, lon), in the units of the contract
    count : int
        Number of members.
    out : str or Path
        Ends in ``.zarr``.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the store is there already, or the place is full.
    """
    out = Path(out)
    _require_new(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    encoding = {name: {"chunks": sizes} for name, sizes in _chunks(one).items()}

    def write(path: Path) -> None:
        _with_history(one).to_zarr(path, zarr_format=2, encoding=encoding, consolidated=False)
        group = zarr.open_group(path, mode="r+")
        for name in ("member_id", *encoding):
            sizes = {**one[name].sizes, "member_id": count}
            group[name].resize(tuple(sizes.values()))
        group["member_id"][:] = np.arange(count)
        for member, fields in enumerate(members):
            for target, name in enumerate(encoding):
                group[name][:, member] = fields[:, target]
        zarr.consolidate_metadata(path)

    files.write_atomically(out, write)
    return out


def _require_new(out: Path) -> None:
    if out.exists():
        raise InputError(f"{out} exists already; remove it or name another place")


def _with_history(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign_attrs(history=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} climgru {__version__} predict")


def _chunks(dataset: xr.Dataset) -> dict[str, tuple[int, ...]]:
    """Return chunks of whole maps, some years of one member each: a month and a cell's series read few of them."""
    most = {"time": MONTHS_PER_CHUNK, "member_id": 1}
    fields = {name: dataset[name].sizes for name in of_role("target", dataset)}
    return {name: tuple(min(most.get(dim, n), n) for dim, n in sizes.items()) for name, sizes in fields.items()}


def open_prediction(source: str | Path | xr.Dataset) -> xr.Dataset:
    """Open a prediction: a file of `write_prediction`, a run directory (its ``predictions.nc``), or a Dataset.

    Returns
    -------
    Dataset
        ``tas`` and ``pr`` at least, with dims ``time, lat, lon`` (``latitude, longitude`` are renamed) and members
        where there are any. Attributes are short and printable.

    Raises
    ------
    InputError
        If there is no prediction at the path, or one that is none: without months, cells, or numbers.
    """
    if isinstance(source, xr.Dataset):
        return source
    path = runs.prediction_file(source)
    try:
        dataset = xr.open_dataset(path, engine="zarr" if path.is_dir() else None, chunks=None)
    except Exception as error:  # a damaged file can fail anywhere in these readers
        raise InputError(f"{path} is no prediction: neither NetCDF nor a Zarr store that can be read") from error
    missing = [name for name in PUBLISHED_TARGETS if name not in dataset]
    if missing:
        raise InputError(f"{path} is no prediction: it lacks {' and '.join(missing)}")
    dataset = dataset.rename({old: new for old, new in _NAMES.items() if old in dataset.dims and new not in dataset})
    if "time" in dataset.coords and not dataset["time"].ndim:
        dataset = dataset.expand_dims("time")
    if fault := _fault(dataset):
        raise InputError(f"{path} cannot be used as a prediction: {fault}")
    for name in dataset.variables:
        dataset[name].attrs = tidy(dataset[name].attrs)
    return dataset.assign_attrs(**tidy(dataset.attrs)) if dataset.attrs else dataset


def _fault(dataset: xr.Dataset) -> str:
    """Return why a data set cannot be drawn or compared; nothing if it can."""
    if "ssp" in dataset.dims and "CO2" in dataset:
        return "it is a data set of the contract, not a prediction"
    for dim in ("time", "lat", "lon"):
        if dim not in dataset.dims or dim not in dataset.coords or not dataset.sizes[dim]:
            return f"it has no {dim}; a prediction has the dimensions time, lat and lon with their coordinates"
    for dim in ("lat", "lon"):
        values = dataset[dim].values
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            return f"{dim} holds no numbers"
    if dataset.sizes["lat"] * dataset.sizes["lon"] > MOST_CELLS:
        return f"its maps have more than {MOST_CELLS} cells"
    for name in of_role("target", dataset):
        if dataset[name].dtype.kind not in "fiu":
            return f"{name} holds no numbers"
        if not {"time", "lat", "lon"} <= set(dataset[name].dims):
            return f"{name} has the dimensions {dataset[name].dims}, not time, lat and lon"
    try:
        month_labels(dataset)
    except (AttributeError, TypeError, ValueError):
        return "its time holds no dates; give it units such as 'days since 2015-01-01'"
    return ""


def tidy(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Return attributes that fit into a title: short, printable, and no formulas of TeX."""
    kept = {}
    for name, value in attributes.items():
        if isinstance(value, str):
            value = "".join(sign for sign in value[:LONGEST_ATTRIBUTE] if sign.isprintable() and sign != "$")
        if isinstance(value, str | int | float | np.number):
            kept[str(name)] = value
    return kept


def write_submission(dataset: xr.Dataset, out: str | Path) -> None:
    """Write the last 360 months of a prediction as a submission; values as ``%.8g``.

    Parameters
    ----------
    dataset : Dataset
        ``tas`` (K) and ``pr`` (mm/day), dims (time, lat, lon); ``member_id`` of length 1 is dropped.
    out : str or Path

    Raises
    ------
    InputError
        If there are several members, fewer than 360 months, or years.
    """
    if dataset.sizes.get("member_id", 1) > 1:
        raise InputError(
            f"a submission is one field, the ensemble has {dataset.sizes['member_id']}; write .nc or .zarr"
        )
    dataset = dataset.squeeze("member_id") if "member_id" in dataset.dims else dataset
    if step_of(dataset) is Step.YEAR:
        raise InputError("a submission holds months, the prediction has years; write .nc or .zarr")
    if dataset.sizes["time"] < SUBMISSION_MONTHS:
        raise InputError(f"a submission holds {SUBMISSION_MONTHS} months, the prediction has {dataset.sizes['time']}")
    dataset = dataset.sortby("lat").isel(time=slice(-SUBMISSION_MONTHS, None))
    fields = np.stack([dataset[var].transpose("time", "lat", "lon").values for var in PUBLISHED_TARGETS], axis=1)
    rows = "".join(f"{cell},%.8g\n" for cell in submission_cells(dataset["lat"].values, dataset["lon"].values))

    def write(path: Path) -> None:
        with path.open("w") as file:
            file.write("ID,Prediction\n")
            for month, values in enumerate(fields.reshape(len(fields), -1).tolist()):
                file.write(rows.replace("@", f"t{month:03d}") % tuple(values))

    files.write_atomically(Path(out), write)


def submission_cells(lat: np.ndarray, lon: np.ndarray) -> list[str]:
    """Return the IDs of one month of a submission, with @ for its name: tas before pr, south to north."""
    return [f"@_{var}_{y:.2f}_{x:.2f}" for var in PUBLISHED_TARGETS for y in lat for x in lon]
