"""A small synthetic data set of the contract, in plain NumPy and xarray."""

from pathlib import Path

import cftime
import numpy as np
import pytest
import torch
import xarray as xr

from climgru_lib.data.store import open_dataset
from climgru_lib.grid import land_fraction

SSP = ("ssp126", "ssp245", "ssp370", "ssp585")
LAT, LON = np.linspace(-78.75, 78.75, 8), np.arange(12) * 30.0 + 15
EMISSION_RESIDUE = -5e-21  # kg m-2 s-1, as in the public file


def months_from_2015(count: int) -> list[cftime.DatetimeNoLeap]:
    return [cftime.DatetimeNoLeap(2015 + i // 12, i % 12 + 1, 15) for i in range(count)]


def insolation(month: np.ndarray) -> np.ndarray:
    """Return the daily mean at LAT in the middle of months (0 is January) on a circular orbit [W m-2]."""
    latitude = np.deg2rad(LAT)
    declination = np.deg2rad(23.44) * np.sin(2 * np.pi * (month[:, None] * 30.4 - 65) / 365)
    half_day = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1, 1))
    above = half_day * np.sin(latitude) * np.sin(declination)
    return 1361 / np.pi * (above + np.cos(latitude) * np.cos(declination) * np.sin(half_day))


def make_raw(n_months: int = 156, n_members: int = 3) -> xr.Dataset:
    """Return a store of the contract in memory: four scenarios, ssp245 withheld as zeros."""
    rng = np.random.default_rng(7)
    t, scale = np.arange(n_months), np.array([0.5, 1.0, 1.5, 2.0])[:, None]
    co2, ch4 = 1500 + scale * 4 * t, 0.4 - 0.0005 * t * (1.3 - scale)
    lag = 1.2 - land_fraction(LAT, LON)  # after January: the year follows the Sun by a month on land, by two at sea
    season = np.cos(2 * np.pi * (t[:, None, None] - lag) / 12)
    ny, nx = len(LAT), len(LON)
    emission = 1e-11 * (1 + rng.random((4, n_months, ny, nx))) * np.exp(-t / 200)[:, None, None]
    emission[:, ::5, 0, 0] = EMISSION_RESIDUE
    sun = insolation(t % 12)[:, :, None] * np.ones(nx)
    weather = rng.standard_normal((2, 4, n_months, n_members, ny, nx))
    warming = (co2 - 1500)[:, :, None, None, None] / 300
    annual = (-15 * season * np.sin(np.deg2rad(LAT))[:, None])[:, None]
    tas = 283 - 30 * np.sin(np.deg2rad(LAT))[:, None] ** 2 + annual + warming + weather[0]
    pr = 3 * np.exp(0.05 * annual + 0.02 * warming + 0.2 * weather[1])
    tas[1], pr[1] = 0, 0
    on_map, target = ("ssp", "time", "latitude", "longitude"), ("ssp", "time", "member_id", "y", "x")
    return xr.Dataset(
        {
            "CO2": (("ssp", "time"), co2),
            "SO2": (on_map, emission),
            "CH4": (("ssp", "time"), ch4),
            "BC": (on_map, emission[:, :, ::-1] / 8),
            "rsdt": (("ssp", "time", "y", "x"), np.broadcast_to(sun, (4, *sun.shape)).astype("f4"), {"units": "W/m²"}),
            "tas": (target, tas.astype("f4"), {"units": "K"}),
            "pr": (target, pr.astype("f4"), {"units": "mm/day"}),
        },
        coords={
            "ssp": list(SSP),
            "time": months_from_2015(n_months),
            "member_id": np.arange(n_members),
            "y": LAT,
            "x": LON,
            "latitude": LAT + 0.3,
            "longitude": LON + 0.5,
        },
    )


def write_store(raw: xr.Dataset, path: Path, months_per_chunk: int = 60) -> Path:
    """Write a Zarr v2 store, one scenario and some months a chunk."""
    chunks = {
        name: {"chunks": (1, min(months_per_chunk, raw.sizes["time"]), *raw[name].shape[2:])} for name in raw.data_vars
    }
    raw.to_zarr(path, zarr_format=2, consolidated=True, encoding=chunks)
    return path


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def session_raw() -> xr.Dataset:
    return make_raw()


@pytest.fixture
def raw(session_raw) -> xr.Dataset:
    """A copy that a test may change."""
    return session_raw.copy(deep=True)


@pytest.fixture(scope="session")
def store(session_raw, tmp_path_factory) -> Path:
    return write_store(session_raw, tmp_path_factory.mktemp("data") / "small.zarr")


@pytest.fixture(scope="session")
def dataset(store) -> xr.Dataset:
    return open_dataset(store)


#: Three grids, two conventions of longitude, both orders of latitude.
GRIDS = {
    "12 x 18 from 10 E": (np.linspace(-82.5, 82.5, 12), 10 + 20.0 * np.arange(18)),
    "8 x 12 from 165 W": (np.linspace(-78.75, 78.75, 8), -165 + 30.0 * np.arange(12)),
    "north first": (np.linspace(80, -80, 9), 5.0 + 40 * np.arange(9)),
}


def monthly_ensemble(grid="12 x 18 from 10 E", members=3, ssps=("ssp126", "ssp370"), years=40, dim="member_id"):
    """Monthly tas and pr from 2015 on with a trend, a season and weather."""
    lat, lon = GRIDS[grid]
    rng, n = np.random.default_rng(3), 12 * years
    time = [cftime.DatetimeNoLeap(2015 + i // 12, i % 12 + 1, 15) for i in range(n)]
    shape = (len(ssps), n, members, lat.size, lon.size)
    warming = np.arange(n)[:, None, None, None] / 120 * (1 + np.arange(len(ssps)))[:, None, None, None, None]
    season = -10 * np.cos(2 * np.pi * np.arange(n) / 12)[:, None, None, None]
    dims = ("ssp", "time", dim, "lat", "lon")
    return xr.Dataset(
        {
            "tas": (dims, 280 + warming + season + rng.normal(size=shape), {"units": "K"}),
            "pr": (dims, rng.gamma(2, 1.5, shape) + 0.1 * warming, {"units": "mm/day"}),
        },
        coords={"ssp": list(ssps), "time": time, dim: np.arange(members), "lat": lat, "lon": lon},
    )


def seasonal(field, months, years):
    """Return means of calendar months that lie in one year, by xarray's own groupby; dims (year, ...)."""
    chosen = field.sel(time=field.time.dt.month.isin(months))
    return chosen.groupby("time.year").mean().sel(year=slice(*years)).transpose("year", ...)
