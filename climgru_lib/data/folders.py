"""A data set of the contract in several NetCDF files: a variable, a scenario, or some months in each.

What models' archives hold, with other names, units and grids, `climgru data convert` makes a store of.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import xarray as xr

from ..contract import VARIABLES, DataError
from . import reading

NETCDF = (".nc", ".nc4", ".cdf")
GRID = ("y", "x", "lat", "lon", "latitude", "longitude")
SCENARIO = re.compile(r"ssp\d{3}")


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder of NetCDF files, not a store."""
    return path.is_dir() and not reading.is_zarr(path) and bool(_files(path))


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.endswith(NETCDF))


def read(folder: Path) -> tuple[xr.Dataset, list[str]]:
    """Open the NetCDF files of a folder as one data set.

    A file without scenarios as a coordinate is of the one in its attribute ``experiment_id``, else in its name. What no
    file holds is NaN, such as the targets of a withheld scenario. Parts of one variable are read when they are joined.

    Returns
    -------
    Dataset
    list of str
        A line for each conversion of units.

    Raises
    ------
    InputError, DataError
        If a file cannot be read, or does not fit to the others.
    """
    files, parts, notes = _files(folder), [], {}
    for file in files:
        part, told = reading.read(file)
        parts.append(_with_scenarios(part, file))
        notes |= dict.fromkeys(told)
    _require_one_grid(parts, files)
    _require_once(parts, files)
    try:
        how = {"data_vars": "minimal", "coords": "minimal", "compat": "no_conflicts", "join": "outer"}
        return xr.combine_by_coords(parts, combine_attrs="drop_conflicts", **how), list(notes)
    except reading.UNREADABLE as error:
        told = str(error).splitlines()[0][:200]
        raise DataError(f"the files of {folder} do not fit together: {told}; give all in one calendar") from error


def _with_scenarios(part: xr.Dataset, file: Path) -> xr.Dataset:
    """Return the variables of the contract in a file, all along scenarios, and the bounds of months."""
    names = [name for name in VARIABLES if name in part]
    if not names:
        raise DataError(f"{file} holds none of {', '.join(VARIABLES)}; take it out of the folder")
    named = part["time"].attrs.get("bounds") if "time" in part.variables else None
    bounds = [name for name in part.data_vars if name in (named, "time_bnds", "time_bounds")]
    part = part[[*names, *bounds]].set_coords(bounds)
    if lacking := [name for name in names if "ssp" not in part[name].dims]:
        ssp = _scenario(part, file)
        part = part.drop_vars("ssp", errors="ignore")
        part = part.assign({name: part[name].expand_dims(ssp=[ssp]) for name in lacking})
    return part


def _scenario(part: xr.Dataset, file: Path) -> str:
    if "ssp" in part.coords:
        return part["ssp"].item()
    found = set(SCENARIO.findall(file.stem))
    if "experiment_id" in part.attrs:
        found = {str(part.attrs["experiment_id"])}
    if len(found) != 1:
        raise DataError(
            f"{file} does not tell its scenario: give it the coordinate ssp, the attribute experiment_id, or a name "
            "such as tas_ssp126.nc"
        )
    return found.pop()


def _require_one_grid(parts: list[xr.Dataset], files: list[Path]) -> None:
    for dim in GRID:
        grids = [(file, part[dim].values) for file, part in zip(files, parts) if dim in part.dims]
        for file, values in grids[1:]:
            if not np.array_equal(values, grids[0][1]):
                raise DataError(f"{dim} of {file} is not that of {grids[0][0]}; put the files on one grid")


def _require_once(parts: list[xr.Dataset], files: list[Path]) -> None:
    """Refuse a map that two files hold: xarray would take one of them."""
    holders = {}
    for file, part in zip(files, parts):
        for name in part.data_vars:
            labels = [part[name][dim].values.tolist() for dim in ("ssp", "member_id", "time") if dim in part[name].dims]
            for place in itertools.product(*labels):
                if holders.setdefault((name, *place), file) != file:
                    raise DataError(f"{name} of {place[0]} is in {holders[name, *place]} and in {file}; give it once")
