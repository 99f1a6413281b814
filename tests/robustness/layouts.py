"""One data set in the layouts of the real world, and files that are none."""

import os
import shutil
import warnings
from pathlib import Path

import cftime
import numpy as np
import xarray as xr


def edges(raw) -> list[cftime.DatetimeNoLeap]:
    """Return the ends of the months, one more than there are months."""
    return [cftime.DatetimeNoLeap(2015 + i // 12, i % 12 + 1, 1) for i in range(raw.sizes["time"] + 1)]


def stamped_at_the_end(raw) -> xr.Dataset:
    """Each month carries the moment in which it ends; the bounds tell it."""
    ends = edges(raw)
    raw = raw.assign_coords(time=ends[1:])
    raw["time"].attrs["bounds"] = "time_bnds"
    return raw.assign(time_bnds=(("time", "nbnd"), np.array([ends[:-1], ends[1:]]).T))


def in_celsius_and_as_flux(raw) -> xr.Dataset:
    tas = (raw.tas - 273.15).where(raw.tas != 0, 0)
    return raw.assign(tas=tas.assign_attrs(units="degC"), pr=(raw.pr / 86400).assign_attrs(units="kg m-2 s-1"))


def packed(raw, names) -> dict[str, dict]:
    """Return an encoding in 16 bits over the range of each variable."""
    low, high = ({name: float(end(raw[name])) for name in names} for end in (np.min, np.max))
    return {
        name: {
            "dtype": "int16",
            "scale_factor": (high[name] - low[name]) / 65534,
            "add_offset": (high[name] + low[name]) / 2,
            "_FillValue": -32768,
        }
        for name in names
    }


def two_dimensional(raw) -> xr.Dataset:
    """Index numbers as dimensions, degrees beside them as fields."""
    n_lat, n_lon = raw.sizes["y"], raw.sizes["x"]
    lat, lon = np.tile(raw.y.values, (n_lon, 1)), np.tile(raw.x.values[:, None], (1, n_lat))
    wide = raw.assign_coords(lat=(("x", "y"), lat), lon=(("x", "y"), lon))
    return wide.assign_coords(y=np.arange(n_lat), x=np.arange(n_lon))


def a_variable(raw, name, ssp) -> xr.Dataset:
    """One variable of one scenario, as a model's archive has it: no trace of the scenario but in names."""
    return raw[[name]].sel(ssp=ssp, drop=True)


def write_archive(raw, folder: Path) -> None:
    """A file for each variable, scenario and part of the period."""
    for name in raw.data_vars:
        for ssp in raw["ssp"].values:
            for span in (slice(0, 100), slice(100, None)):
                a_variable(raw, name, ssp).isel(time=span).to_netcdf(folder / f"{name}_{ssp}_{span.start}.nc")


def write_variables(raw, folder: Path) -> None:
    for name in raw.data_vars:
        raw[[name]].to_netcdf(folder / f"{name}.nc", format="NETCDF3_CLASSIC")


def write_scenarios(raw, folder: Path) -> None:
    """Scenarios as attributes; stamps at the end of months."""
    raw = stamped_at_the_end(raw)
    del raw["time"].attrs["bounds"]
    for number, ssp in enumerate(raw["ssp"].values):
        raw.sel(ssp=ssp, drop=True).assign_attrs(experiment_id=ssp).to_netcdf(folder / f"{number}.nc")


def without_chunks_of_zeros(raw, path: Path) -> None:
    """Zarr's third format with zero as the fill value: a withheld scenario leaves no chunks."""
    ny, nx = raw.sizes["y"], raw.sizes["x"]
    encoding = {name: {"chunks": (1, 60, raw.sizes["member_id"], ny, nx), "fill_value": 0.0} for name in ("tas", "pr")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr on the strings of its third format
        raw.to_zarr(path, zarr_format=3, encoding=encoding)


def _netcdf(change, **options):
    return lambda raw, folder: change(raw).to_netcdf(folder / "data", engine="netcdf4", **options)


def _folder(write):
    def into(raw, folder):
        (folder / "data").mkdir()
        write(raw, folder / "data")

    return into


def _zarr(change, spoil=lambda path: None):
    def write(raw, folder):
        change(raw).to_zarr(folder / "data", zarr_format=2, consolidated=True)
        spoil(folder / "data")

    return write


def _same(raw):
    return raw


def _calendar(name):
    def change(raw):
        n = raw.sizes["time"]
        return raw.assign_coords(time=xr.date_range("2015-01-01", periods=n, freq="MS", calendar=name, use_cftime=True))

    return change


def _numbered(**attrs):
    return lambda raw: raw.assign_coords(time=("time", np.arange(raw.sizes["time"]), attrs))


def _missing(name, **at):
    def change(raw):
        raw = raw.copy(deep=True)
        raw[name][at] = np.nan
        return raw

    return change


def _cut(name):
    def spoil(path):
        chunk = path / name / "0"
        chunk.write_bytes(chunk.read_bytes()[:5])

    return spoil


def _classic_cut(raw, folder):
    raw.to_netcdf(folder / "data", format="NETCDF3_64BIT")
    content = (folder / "data").read_bytes()
    (folder / "data").write_bytes(content[: len(content) * 7 // 10])


def _alone_and_again(raw, folder):
    _folder(write_variables)(raw, folder)
    a_variable(raw, "CO2", "ssp126").to_netcdf(folder / "data" / "CO2_ssp126_again.nc")


def _nowhere_told(raw, folder):
    _folder(write_variables)(raw, folder)
    a_variable(raw, "CO2", "ssp126").to_netcdf(folder / "data" / "1.nc")


def _strings(raw):
    return raw.assign(tas=(raw.tas.dims, np.full(raw.tas.shape, "warm")))


def _to_bytes(content):
    return lambda raw, folder: (folder / "data").write_bytes(content)


#: Each writes ``data`` into a folder, and holds the same months, places and values.
GOOD = {
    "as it is": _netcdf(_same),
    "stamps at the end of months": _netcdf(stamped_at_the_end),
    "Celsius and flux": _netcdf(in_celsius_and_as_flux),
    "packed integers": lambda raw, folder: _netcdf(_same, encoding=packed(raw, ("SO2", "rsdt")))(raw, folder),
    "latitude, longitude": _netcdf(lambda raw: raw.drop_vars(["SO2", "BC", "latitude", "longitude"]).rename(
        y="latitude", x="longitude").assign({name: (("ssp", "time", "latitude", "longitude"), raw[name].values)
                                             for name in ("SO2", "BC")})),
    "degrees in two dimensions": _netcdf(two_dimensional),
    "third Zarr format, no chunks of zeros": lambda raw, folder: without_chunks_of_zeros(raw, folder / "data"),
    "members by name": _zarr(lambda raw: raw.assign_coords(member_id=["r1i1p1f1", "r2i1p1f1"])),
    "one file a variable": _folder(write_variables),
    "one file a scenario": _folder(write_scenarios),
    "archive": _folder(write_archive),
    "classic NetCDF": _netcdf(_same, format="NETCDF3_64BIT"),
    **{f"calendar {name}": _netcdf(_calendar(name)) for name in ("standard", "360_day", "julian", "all_leap")},
}  # fmt: skip
#: Each writes a ``data`` that must be refused.
BAD = {
    "numbers for dates": _zarr(_numbered()),
    "months since": _netcdf(_numbered(units="months since 2015-01-15", calendar="noleap")),
    "days since then": _netcdf(_numbered(units="days since then", calendar="noleap")),
    **{f"damaged {name}": _zarr(_same, _cut(name)) for name in ("y", "time", "ssp")},
    "chunk lost": _zarr(_same, lambda path: next((path / "rsdt").glob("0.*")).unlink()),
    "classic NetCDF cut short": _classic_cut,
    "forcing missing": _netcdf(_missing("CO2", ssp=2)),
    "ragged ensemble": _netcdf(_missing("tas", ssp=2, member_id=1)),
    "variable twice": _alone_and_again,
    "scenario not told": _nowhere_told,
    "strings": _netcdf(_strings),
    "empty folder": lambda raw, folder: (folder / "data").mkdir(),
    "empty file": _to_bytes(b""),
    "text": _to_bytes(b"hello"),
    "HDF5 of nothing": _to_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000)),
    "pipe": lambda raw, folder: os.mkfifo(folder / "data"),
    "nothing": lambda raw, folder: shutil.rmtree(folder / "data", ignore_errors=True),
}
