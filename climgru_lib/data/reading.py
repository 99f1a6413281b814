"""Reading a store lazily, as its file tells it: Zarr or NetCDF, packed or not, in units that can be converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from .. import contract
from ..contract import VARIABLES, InputError

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


def read(path: Path) -> tuple[xr.Dataset, list[str]]:
    """Open a store or file lazily.

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
    """
    _require_store(path)
    try:
        return _decoded(path, "zarr" if path.is_dir() else None)
    except UNREADABLE as error:
        damaged = _unreadable_coordinate(path)
        if damaged:
            raise InputError(f"{path}: {damaged} cannot be read; the file is damaged: fetch the store again") from error
        if "decode time units" in str(error):
            raise InputError(
                f"{path}: time holds no dates; give it units such as 'days since 2015-01-15' and a calendar"
            ) from error
        raise InputError(
            f"{path} is neither a Zarr store nor a NetCDF file that can be read; see `climgru data make`"
        ) from error


def read_remote(address: str) -> tuple[xr.Dataset, list[str]]:
    """Open a Zarr store at an address of fsspec lazily, as `read` does; its chunks are fetched when they are read.

    Whether chunks are missing is seen in their values alone, where they read as NaN.

    Raises
    ------
    InputError
        If there is none, its coordinates cannot be read, or fsspec lacks the package for such an address.
    """
    try:
        return _decoded(address, "zarr")
    except Exception as error:  # whatever a server, and the package that asks it, may come up with
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{address} is no Zarr store that can be read ({reason})") from error


def _decoded(source: str | Path, engine: str | None) -> tuple[xr.Dataset, list[str]]:
    with np.errstate(all="ignore"):
        raw = xr.open_dataset(source, engine=engine, chunks=None, cache=False, decode_cf=False)
        raw, notes = _convert(raw)
        return xr.decode_cf(raw, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)), notes


def _require_store(path: Path) -> None:
    """Refuse what cannot be a store, such as an empty folder or a pipe."""
    if not path.is_dir() and not path.is_file():
        raise InputError(f"{path} is no file; give a Zarr store, a NetCDF file or a folder of such files")
    if path.is_dir() and not is_zarr(path):
        raise InputError(f"{path} is neither a Zarr store nor a folder of NetCDF files; see `climgru data make`")
    if path.is_file() and _is_cut(path):
        raise InputError(f"{path} is shorter than its header tells; fetch the file again")


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a Zarr store."""
    return any((folder / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata"))


def _is_cut(path: Path) -> bool:
    """Tell whether a file of classic NetCDF lacks its end, which netCDF would read as zeros."""
    with path.open("rb") as file:
        if file.read(4) not in (b"CDF\x01", b"CDF\x02"):
            return False
    from scipy.io import netcdf_file  # takes half a second, which other files need not wait for

    try:
        with netcdf_file(path, mmap=True):
            return False
    except (ValueError, TypeError, OSError):
        return True


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
    for name in ("time", "ssp", "member_id", "y", "x", "lat", "lon", "latitude", "longitude"):
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
