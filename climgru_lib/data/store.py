"""Opening a data set of the contract: a Zarr store, a NetCDF file, or the embedded one.

Opening is lazy; values are read, and checked, by `tensors.load`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from .. import contract
from ..contract import DataError, InputError
from .paths import cache_dir, require_source

EMBEDDED_NAME = re.compile(r"embedded-([0-9a-f]{12})(_solution)?\.zarr")  # made by `embedded_store`
KEEP_SECONDS = 86_400


def embedded_store() -> Path:
    """Return the full embedded data set as a store, made on first use and cached.

    The store's name holds a digest of the code that makes it. When one is made, stores of other code, each with the
    withheld truth beside it, are removed from the cache. Kept are those made or opened within a day, which other
    processes may be reading, and all that is not named like them, such as the folder in which one is being made.
    """
    package = Path(__file__).parents[1] / "mini_earth"
    sources = [*sorted(package.glob("*.py")), *sorted((package.parent / "assets").glob("*json"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    path = cache_dir() / f"embedded-{digest}.zarr"
    if not path.exists():
        from .. import mini_earth  # its libraries take memory that a reader of data can do without

        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as part:
            mini_earth.write(Path(part) / path.name)
            for made in sorted(Path(part).iterdir(), key=lambda store: store.name == path.name):
                with contextlib.suppress(OSError):  # another process was faster
                    made.rename(path.parent / made.name)
            with contextlib.suppress(OSError):  # another process removes them, too
                for old in _unused_stores(path.parent, digest):
                    old.rename(Path(part) / old.name)
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(path)
    return path


def _unused_stores(folder: Path, digest: str) -> list[Path]:
    """Return embedded stores of other digests of which neither part was made or opened within a day."""
    named = [(EMBEDDED_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    stores = [(name[1], path) for name, path in named if name and path.is_dir() and not path.is_symlink()]
    kept = {digest} | {own for own, path in stores if time.time() - path.stat().st_mtime < KEEP_SECONDS}
    return [path for own, path in stores if own not in kept]


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
    require_source(source)
    path = embedded_store() if str(source) == "embedded" else Path(source)
    engine = "zarr" if path.is_dir() else None
    try:
        dates = xr.coders.CFDatetimeCoder(use_cftime=True)
        raw = xr.open_dataset(path, engine=engine, chunks=None, cache=False, decode_times=dates)
    except (ValueError, OSError, KeyError, FileNotFoundError) as error:
        raise InputError(
            f"{path} is neither a Zarr store nor a NetCDF file that can be read; see `climgru data make`"
        ) from error
    dataset = contract.standardise(raw)
    problems = contract.check_time(dataset) + contract.check_units(dataset)
    if path.is_dir():
        problems += missing_chunks(path, raw)
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
        The same store as xarray reads it, for the labels of scenarios and months.

    Returns
    -------
    list of str
        One line per variable with missing chunks.
    """
    problems, months, group = [], contract.month_labels(dataset), zarr.open_group(path, mode="r")
    for name in (name for name in contract.VARIABLES if name in dataset):
        array = group[name]
        if array.nchunks_initialized == array.nchunks:
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


def _manifest_path(path: Path) -> Path:
    return path.with_name(path.name + ".manifest.json")


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path}
    return {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}


def write_manifest(path: Path) -> Path:
    """Write size and SHA-256 of every file of a store into ``<store>.manifest.json`` beside it.

    Chunks carry no checksum of their own; with the manifest `check_manifest` finds a damaged one.
    """
    entries = {
        name: [file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()]
        for name, file in _files(path).items()
    }
    manifest = _manifest_path(path)
    manifest.write_text(json.dumps(entries, indent=0) + "\n")
    return manifest


def check_manifest(path: Path) -> list[str]:
    """Compare a store with its manifest; return one line per missing or changed file, none without a manifest."""
    manifest = _manifest_path(path)
    if not manifest.is_file():
        return []
    files, problems = _files(path), []
    for name, (size, digest) in json.loads(manifest.read_text()).items():
        if name not in files:
            problems.append(f"{path}: {name} is missing; fetch the store again")
        elif files[name].stat().st_size != size or hashlib.sha256(files[name].read_bytes()).hexdigest() != digest:
            problems.append(f"{path}: {name} differs from the manifest; fetch the store again")
    return problems
