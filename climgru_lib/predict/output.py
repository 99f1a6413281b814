"""Predictions on disk: CF data sets in NetCDF or Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .. import __version__
from ..contract import PUBLISHED_TARGETS, VARIABLES, InputError, of_role
from ..training import files, runs

if TYPE_CHECKING:
    from ..data.tensors import EmulationData

SUBMISSION_MONTHS = 360


def as_dataset(fields: np.ndarray, data: EmulationData, first: int, attrs: dict[str, Any]) -> xr.Dataset:
    """Dress fields as a CF data set.

    Parameters
    ----------
    fields : array, shape (time, target, lat, lon) or (member, time, target, lat, lon), in the units of the contract
        For the months of ``data`` from index ``first`` on; members are numbered from 0.
    data : EmulationData
        For the names of the targets and the coordinates.
    first : int
    attrs : dict
        Global attributes.

    Returns
    -------
    Dataset
        ``tas`` (K), ``pr`` (mm day-1), further targets, time bounds from the first of a month to that of the next.
    """
    time = data.time[first : first + fields.shape[-4]]
    starts = [t.replace(day=1) for t in time.values]
    ends = [t.replace(year=t.year + t.month // 12, month=t.month % 12 + 1) for t in starts]
    dims = ("member_id", "time", "lat", "lon")[-fields.ndim + 1 :]
    variables = {name: (dims, fields[..., i, :, :], _attributes(name)) for i, name in enumerate(data.targets)}
    variables["time_bnds"] = (("time", "bnds"), np.array([starts, ends]).T)
    dataset = xr.Dataset(
        variables,
        coords={
            "time": ("time", time.values, {"standard_name": "time", "axis": "T", "bounds": "time_bnds"}),
            "lat": ("lat", data.lat, {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}),
            "lon": ("lon", data.lon, {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}),
        },
        attrs={"Conventions": "CF-1.11", "source": f"climgru {__version__}", **attrs},
    )
    if "member_id" in dims:
        dataset = dataset.assign_coords(
            member_id=("member_id", np.arange(len(fields)), {"standard_name": "realization"})
        )
    for name in ("time", "time_bnds"):
        dataset[name].encoding = {"units": "days since 1850-01-01", "calendar": time.dt.calendar, "dtype": "float64"}
    return dataset


def _attributes(name: str) -> dict[str, str]:
    """Return the CF attributes of a target."""
    variable = VARIABLES[name]
    named = {"standard_name": variable.standard_name, "long_name": variable.long_name}
    units = variable.file_units or variable.units[0]
    return {key: text for key, text in named.items() if text} | {"units": units, "cell_methods": "time: mean"}


def write_prediction(dataset: xr.Dataset, out: str | Path) -> Path:
    """Write a prediction as NetCDF (``.nc``) or Zarr (``.zarr``), or its last 360 months as CSV (``.csv``).

    Raises
    ------
    InputError
        If the ending is another, or a Zarr store is there already.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".nc":
        encoding = {name: {"zlib": True, "complevel": 4, "_FillValue": None} for name in of_role("target", dataset)}
        files.write_atomically(out, lambda path: dataset.to_netcdf(path, engine="netcdf4", encoding=encoding))
    elif out.suffix == ".zarr":
        if out.exists():
            raise InputError(f"{out} exists already; remove it or name another place")
        dataset.to_zarr(out, mode="w-", zarr_format=2, consolidated=True)
    elif out.suffix == ".csv":
        write_submission(dataset, out)
    else:
        raise InputError(f"cannot write '{out.name}'; the name must end in .nc, .zarr or .csv")
    return out


def open_prediction(source: str | Path | xr.Dataset) -> xr.Dataset:
    """Open a prediction: a file of `write_prediction`, a run directory (its ``predictions.nc``), or a Dataset.

    Raises
    ------
    InputError
        If there is no prediction at the path.
    """
    if isinstance(source, xr.Dataset):
        return source
    path = runs.prediction_file(source)
    try:
        dataset = xr.open_dataset(path, engine="zarr" if path.is_dir() else None, chunks=None)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(f"{path} is no prediction: neither NetCDF nor a Zarr store") from error
    if not set(PUBLISHED_TARGETS) <= set(dataset):
        raise InputError(f"{path} is no prediction: it lacks {' or '.join(set(PUBLISHED_TARGETS) - set(dataset))}")
    return dataset


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
        If there are several members, or fewer than 360 months.
    """
    if dataset.sizes.get("member_id", 1) > 1:
        raise InputError(
            f"a submission is one field, the ensemble has {dataset.sizes['member_id']}; write .nc or .zarr"
        )
    dataset = dataset.squeeze("member_id") if "member_id" in dataset.dims else dataset
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
