"""The layout of the contract's stores: names, attributes, time axis, and writing them whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cftime
import numpy as np
import xarray as xr

from .scenarios import FIRST_YEAR

FULL = ("ssp", "time", "member_id", "y", "x")
CHUNKS = {"ssp": 1, "time": 24, "member_id": 1}

ATTRIBUTES = {
    "tas": {
        "units": "K",
        "standard_name": "air_temperature",
        "long_name": "Near-Surface Air Temperature",
    },
    "pr": {"units": "mm/day", "long_name": "Precipitation rate"},
    "rsdt": {"units": "W/m²", "long_name": "TOA Incident Shortwave Radiation"},
    "CO2": {"units": "Gt", "long_name": "Cumulative CO2 emissions"},
    "CH4": {"units": "Gt/yr", "long_name": "CH4 emissions"},
    "SO2": {"units": "kg m-2 s-1", "long_name": "SO2 emissions"},
    "BC": {"units": "kg m-2 s-1", "long_name": "Black carbon emissions"},
    "y": {"units": "degrees_north", "standard_name": "latitude", "axis": "Y"},
    "x": {"units": "degrees_east", "standard_name": "longitude", "axis": "X"},
    "latitude": {"units": "degrees"},
}
ABOUT = {
    "source": "climgru embedded mini-earth: synthetic, made by physics and fitted statistics; not model output",
    "precipitation_units": "mm/day",
}


def _times(n_months: int) -> np.ndarray:
    return np.array([cftime.DatetimeNoLeap(FIRST_YEAR + m // 12, m % 12 + 1, 15) for m in range(n_months)])


def describe(variables: dict, coords: dict, lat: np.ndarray, lon: np.ndarray, n_months: int) -> xr.Dataset:
    """Build a dataset on y, x with the attributes and the time encoding of the contract."""
    wide = ("x", "y")
    coords = {
        "time": _times(n_months),
        "y": lat,
        "x": lon,
        "lat": (wide, np.broadcast_to(lat, (lon.size, lat.size)).copy()),
        "lon": (wide, np.broadcast_to(lon[:, None], (lon.size, lat.size)).copy()),
        **coords,
    }
    dataset = xr.Dataset(variables, coords, attrs=dict(ABOUT))
    for name in ATTRIBUTES.keys() & set(dataset.variables):
        dataset[name].attrs.update(ATTRIBUTES[name])
    dataset["time"].encoding.update(units="days since 2015-01-15", calendar="noleap", dtype="i4")
    return dataset


@contextmanager
def new_store(dest: Path) -> Iterator[Path]:
    """Yield where to `append` scenarios: a temporary sibling, which takes the name of ``dest`` if all went well."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
    try:
        part = folder / dest.name
        yield part
        if part.exists():
            part.rename(dest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def append(scenario: xr.Dataset, store: Path) -> None:
    """Write a scenario to a consolidated Zarr v2 store with every chunk, behind those that are there."""
    if store.exists():
        how = {"append_dim": "ssp"}
    else:
        chunks = {
            name: {"chunks": tuple(min(CHUNKS.get(d, n), n) for d, n in variable.sizes.items())}
            for name, variable in scenario.data_vars.items()
        }
        how = {"mode": "w-", "encoding": chunks}
    scenario.to_zarr(store, zarr_format=2, consolidated=True, write_empty_chunks=True, **how)
