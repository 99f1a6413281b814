"""Opening a data set of the contract: a Zarr store, NetCDF, or the embedded one.

Opening is lazy but for the first years; values are read, and checked, by `tensors.load`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import time
import warnings
from pathlib import Path

import xarray as xr

from .. import contract
from ..contract import DataError, DataWarning
from . import folders, plausibility, reading
from .manifest import check_manifest
from .paths import EMBEDDED, cache_dir, is_remote, require_source
from .plausibility import Findings

EMBEDDED_NAME = re.compile(r"embedded-([0-9a-f]{12})(_solution)?\.zarr")  # made by `embedded_store`
KEEP_SECONDS = 86_400
SAMPLE_MONTHS = 24  # judged on opening; `tensors.load` judges all that it reads


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
        A Zarr store, a NetCDF file, a folder of NetCDF files that hold a variable or scenario each (see
        `folders.read`), the address of a Zarr store, such as ``https://...``, or ``"embedded"`` for the data set that
        the library makes.

    Returns
    -------
    Dataset
        Dims ``ssp, time, member_id, lat, lon``; values are read, and checked, when `load` asks for them.

    Raises
    ------
    InputError
        If there is no such path, or it is neither a Zarr store nor NetCDF nor a folder of NetCDF files.
    DataError
        If names, dimensions, units or months break the contract, chunks are missing, sizes of files are not those of
        the manifest, or the first years are not what their labels say.

    Warns
    -----
    DataWarning
        Where units or months were converted.
    """
    return _open(source, "sizes")


def check_whole(source: str | Path, compare: bool = True) -> tuple[xr.Dataset, Findings]:
    """Open a data set and read all of it.

    Parameters
    ----------
    source : str or Path
        As for `open_dataset`.
    compare : bool
        Compare every file with the manifest, where there is one.

    Returns
    -------
    Dataset
    Findings
        What breaks the contract or the manifest, and what is suspicious.

    Raises
    ------
    InputError, DataError
        As `open_dataset`.
    """
    dataset = _open(source, "contents" if compare else "nothing")
    return dataset, plausibility.check(dataset)


def _open(source: str | Path, compare: str) -> xr.Dataset:
    require_source(source)
    if is_remote(source):
        path, (raw, notes) = None, reading.read_remote(str(source))
    else:
        path = embedded_store() if str(source) == EMBEDDED else Path(source)
        if compare != "nothing" and (changed := check_manifest(path, contents=compare == "contents")):
            raise DataError("; ".join(changed[:3]))
        raw, notes = folders.read(path) if folders.is_folder(path) else reading.read(path)
    dataset = contract.standardise(raw)
    problems = contract.check_time(dataset) + contract.check_units(dataset)
    if path is not None and reading.is_zarr(path) and not problems:
        problems = reading.missing_chunks(path, raw)
    if not problems:
        problems = plausibility.check(dataset.isel(time=slice(0, SAMPLE_MONTHS))).problems
    if problems:
        raise DataError("; ".join(problems[:3]))
    return _with_notes(dataset, notes)


def _with_notes(dataset: xr.Dataset, notes: list[str]) -> xr.Dataset:
    """Warn of what was changed on opening, and keep it as an attribute."""
    notes = [*notes, *dataset.attrs.get(contract.NOTES, [])]
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=4)
    return dataset.assign_attrs({contract.NOTES: notes}) if notes else dataset
