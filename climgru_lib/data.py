"""Opening a data set of the contract: a Zarr store, a NetCDF file, or the embedded one.

Opening is lazy; values are read, and checked, by `climgru_lib.series.load`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import platformdirs
import xarray as xr
import zarr

from . import contract, embedded
from .contract import DataError, InputError


def cache_dir() -> Path:
    """Return the folder for caches: ``$CLIMGRU_CACHE``, else the user's cache directory."""
    return Path(os.environ.get("CLIMGRU_CACHE") or platformdirs.user_cache_dir("climgru"))


def embedded_store() -> Path:
    """Return the full embedded data set as a store, made on first use and cached."""
    sources = sorted(Path(embedded.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    path = cache_dir() / f"embedded-{digest}.zarr"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        embedded.write(path)
    return path


def open_dataset(source: str | Path = "embedded") -> xr.Dataset:
    """Open a data set of the contract lazily.

    Parameters
    ----------
    source : str or Path
        A Zarr store, a NetCDF file, or ``"embedded"`` for the data set that the library makes.

    Returns
    -------
    Dataset
        Dims ``ssp, time, member_id, lat, lon``; values are read, and checked, when `load` asks for them.

    Raises
    ------
    InputError
        If there is no such path, or it is neither a Zarr store nor NetCDF.
    DataError
        If names, dimensions, units or months break the contract, or chunks are missing.
    """
    path = embedded_store() if str(source) == "embedded" else Path(source)
    if not path.exists():
        raise InputError(f"no data at {path}; give a Zarr store, a NetCDF file, or 'embedded'")
    engine = "zarr" if path.is_dir() else None
    try:
        raw = xr.open_dataset(path, engine=engine, chunks=None, cache=False)
    except (ValueError, OSError, KeyError, FileNotFoundError) as error:
        raise InputError(
            f"{path} is neither a Zarr store nor a NetCDF file that can be read; see `climgru data make`"
        ) from error
    dataset = contract.standardise(raw)
    problems = contract.check_time(dataset) + contract.check_units(dataset)
    if path.is_dir():
        problems += missing_chunks(path, dataset)
    if problems:
        raise DataError("; ".join(problems[:3]))
    return dataset


def missing_chunks(path: Path, dataset: xr.Dataset) -> list[str]:
    """List chunks that a local Zarr store lacks; such chunks would read silently as a fill value.

    Parameters
    ----------
    path : Path
        A Zarr store on disk.
    dataset : Dataset
        The same store, opened, for the labels of scenarios and months.

    Returns
    -------
    list of str
        One line per variable with missing chunks.
    """
    problems, months, group = [], contract.month_labels(dataset), zarr.open_group(path, mode="r")
    for name in contract.VARIABLES:
        array = group[name]
        if array.nchunks_initialized == array.nchunks:
            continue
        lost = [
            at
            for at in np.ndindex(array.cdata_shape)
            if not (path / name / array.metadata.encode_chunk_key(at)).exists()
        ]
        ssp = dataset["ssp"].values[lost[0][0] * array.chunks[0]]
        first = lost[0][1] * array.chunks[1]
        last = min(first + array.chunks[1], len(months)) - 1
        problems.append(
            f"{name} lacks {len(lost)} of {array.nchunks} chunks, the first in {ssp}, "
            f"{months[first]} .. {months[last]}; fetch the store again"
        )
    return problems
