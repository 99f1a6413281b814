"""Reading a store lazily, as its file tells it: Zarr or NetCDF, packed or not, in units that can be converted."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from scipy.io import netcdf_file

from .. import contract
from ..contract import VARIABLES, DataError, InputError

#: What libraries raise at a file that is damaged, foreign, or has labels that cannot be decoded.
UNREADABLE = (
    ValueError,
    OSError,
    KeyError,
    RuntimeError,
    TypeError,
    OverflowError,
    EOFError,
    AttributeError,
    IndexError,
    SystemError,
)
GRID = ("y", "x", "lat", "lon", "latitude", "longitude")
NETCDF = (".nc", ".nc4", ".cdf")
#: Dimensions of which a file may hold one label alone: CMIP6's attribute for it, and how names of files have it.
LABELS = {"ssp": ("experiment_id", r"ssp\d{3}"), "member_id": ("variant_label", r"r\d+i\d+p\d+f\d+")}


def read(path: Path) -> tuple[xr.Dataset, list[str]]:
    """Open a store or file lazily, or join a folder of NetCDF files.

    Each file of a folder holds some of the variables, scenarios, members or months. A scenario or member that is not in
    its coordinates is told by its attribute ``experiment_id`` or ``variant_label``, else by its name. What no file
    holds is NaN, such as the targets of a withheld scenario. Parts of one variable are read when they are joined.

    Returns
    -------
    Dataset
        As stored, decoded; targets given in other units of the table are in ours.
    list of str
        A line for each conversion.

    Raises
    ------
    InputError
        If it is neither a Zarr store nor NetCDF, or its coordinates cannot be read.
    DataError
        If the files of a folder do not fit together.
    """
    if not path.is_dir() or is_zarr(path):
        return _read(path)
    files = sorted(file for file in path.iterdir() if file.name.endswith(NETCDF))
    if not files:
        raise InputError(f"{path} is neither a Zarr store nor a folder of NetCDF files; see `climgru data make`")
    return _join(path, files)


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr store."""
    return any((path / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata"))


def _read(path: Path) -> tuple[xr.Dataset, list[str]]:
    if not path.is_dir() and not path.is_file():
        raise InputError(f"{path} is no file; give a Zarr store, a NetCDF file or a folder of such files")
    if path.is_file() and _is_cut(path):
        raise InputError(f"{path} is shorter than its header tells; fetch the file again")
    try:
        with np.errstate(all="ignore"):
            raw = xr.open_dataset(
                path, engine="zarr" if path.is_dir() else None, chunks=None, cache=False, decode_cf=False
            )
            raw, notes = _convert(raw)
            return xr.decode_cf(raw, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)), notes
    except UNREADABLE as error:
        damaged = _unreadable_coordinate(path)
        if damaged:
            raise InputError(f"{path}: {damaged} cannot be read; the file is damaged: fetch the store again") from error
        raise InputError(
            f"{path} is neither a Zarr store nor a NetCDF file that can be read; see `climgru data make`"
        ) from error


def _is_cut(path: Path) -> bool:
    """Tell whether a file of classic NetCDF lacks its end, which netCDF would read as zeros."""
    with path.open("rb") as file:
        if file.read(4) not in (b"CDF\x01", b"CDF\x02"):
            return False
    try:
        with netcdf_file(path, mmap=True):
            return False
    except (ValueError, TypeError, OSError):
        return True


def _join(folder: Path, files: list[Path]) -> tuple[xr.Dataset, list[str]]:
    parts, notes = [], {}
    for file in files:
        part, told = _read(file)
        parts.append(_labelled(part, file))
        notes |= dict.fromkeys(told)
    _require_one_grid(parts, files)
    _require_once(parts, files)
    try:
        how = {"data_vars": "minimal", "coords": "minimal", "compat": "no_conflicts", "join": "outer"}
        return xr.combine_by_coords(parts, combine_attrs="drop_conflicts", **how), list(notes)
    except UNREADABLE as error:
        told = str(error).splitlines()[0][:200]
        raise DataError(f"the files of {folder} do not fit together: {told}; give all in one calendar") from error


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


def _labelled(part: xr.Dataset, file: Path) -> xr.Dataset:
    """Return the variables of the contract in a file with all dimensions but those of the grid, which are there."""
    names = [name for name in VARIABLES if name in part]
    if not names:
        raise DataError(f"{file} holds none of {', '.join(VARIABLES)}; take it out of the folder")
    named = part["time"].attrs.get("bounds") if "time" in part.variables else None
    bounds = [name for name in part.data_vars if name in (named, "time_bnds", "time_bounds")]
    part = part[[*names, *bounds]].set_coords(bounds)
    for dim, (attribute, pattern) in LABELS.items():
        lacking = [name for name in names if dim in VARIABLES[name].dims and dim not in part[name].dims]
        if lacking:
            label = _label(part, file, dim, attribute, pattern)
            part = part.drop_vars(dim, errors="ignore")
            part = part.assign({name: part[name].expand_dims({dim: [label]}) for name in lacking})
    return part


def _label(part: xr.Dataset, file: Path, dim: str, attribute: str, pattern: str) -> str:
    """Return the one scenario or member of a file."""
    if dim in part.coords:
        return part[dim].item()
    found = {str(part.attrs[attribute])} if attribute in part.attrs else set(re.findall(pattern, file.stem))
    if len(found) != 1:
        raise DataError(
            f"{file} does not tell its {dim}: give it the coordinate {dim}, the attribute {attribute}, "
            "or a name such as tas_ssp126_r1i1p1f1.nc"
        )
    return found.pop()


def _convert(raw: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Put conversions of units into the packing of undecoded variables, so that reading stays lazy."""
    notes = []
    for name in (name for name in VARIABLES if name in raw):
        attrs, ours = raw[name].attrs, VARIABLES[name].units[0]
        factor, offset = VARIABLES[name].conversions.get(attrs.get("units"), (1.0, 0.0))
        if (factor, offset) == (1.0, 0.0):
            continue
        notes.append(f"{name} is given in {attrs['units']}; it is converted to {ours}")
        packed = {"scale_factor": factor * attrs.get("scale_factor", 1.0)}
        packed["add_offset"] = factor * attrs.get("add_offset", 0.0) + offset
        raw = raw.assign({name: raw[name].assign_attrs(packed, units=ours)})
    return raw, notes


def _unreadable_coordinate(path: Path) -> str | None:
    """Return which coordinate of a Zarr store cannot be read, or what its dates lack."""
    if not path.is_dir():
        return None
    try:
        arrays = dict(zarr.open_group(path, mode="r").arrays())
    except UNREADABLE:
        return None
    for name in ("time", "ssp", "member_id", *GRID):
        try:
            if name in arrays:
                arrays[name][...]
        except UNREADABLE:
            return f"coordinate {name}"
    return None


def missing_chunks(path: Path, dataset: xr.Dataset) -> list[str]:
    """List chunks that a local Zarr store lacks; such chunks would read silently as a fill value.

    Where the fill value is 0, chunks of zeros are left out by intent (zarr-python 3); what they read as is judged by
    the values.

    Parameters
    ----------
    path : Path
        A Zarr store on disk.
    dataset : Dataset
        The same store as xarray reads it, for the labels of scenarios and months.

    Returns
    -------
    list of str
        One line per variable with missing chunks.
    """
    problems, months, group = [], contract.month_labels(dataset), zarr.open_group(path, mode="r")
    for name in (name for name in contract.VARIABLES if name in dataset):
        array = group[name]
        if array.nchunks_initialized == array.nchunks or array.fill_value == 0:
            continue
        lost = [
            at
            for at in np.ndindex(array.cdata_shape)
            if not (path / name / array.metadata.encode_chunk_key(at)).exists()
        ]
        begin = {dim: at * size for dim, at, size in zip(dataset[name].dims, lost[0], array.chunks)}
        ssp, first = dataset["ssp"].values[begin["ssp"]], begin["time"]
        last = min(first + array.chunks[dataset[name].get_axis_num("time")], len(months)) - 1
        problems.append(
            f"{name} lacks {len(lost)} of {array.nchunks} chunks, the first in {ssp}, "
            f"{months[first]} .. {months[last]}; fetch the store again"
        )
    return problems
