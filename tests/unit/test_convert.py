"""Files in the layouts of others, made here of known values: the store holds them, or one line tells why not."""

import re
import shutil
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr
from conftest import LAT, LON

from climgru_lib import cli, contract, registry
from climgru_lib.contract import VARIABLES, InputError, Variable
from climgru_lib.contract.variables import TARGET_DIMS
from climgru_lib.data import tensors
from climgru_lib.data.convert import LAYOUTS, Supplements, convert
from climgru_lib.data.manifest import check_manifest
from climgru_lib.data.store import check_whole, open_dataset
from climgru_lib.mini_earth import monthly_mean

SSPS, N = ("ssp126", "ssp370"), 48
FORCINGS = ["CO2", "CH4", "SO2", "BC"]


def dates(calendar, count=N, day=15):
    return [cftime.datetime(2015 + i // 12, i % 12 + 1, day, calendar=calendar) for i in range(count)]


def plain(raw, name, ssp, member=None):
    """One field of the known data on lat, lon."""
    field = raw[name].sel(ssp=ssp, drop=True).isel(time=slice(0, N))
    field = field if member is None else field.isel(member_id=member, drop=True)
    names = {"y": "lat", "x": "lon", "latitude": "lat", "longitude": "lon"}
    field = field.rename({old: new for old, new in names.items() if old in field.dims})
    return field.assign_coords(lat=LAT, lon=LON) if "lat" in field.dims else field


@pytest.fixture
def forcings(raw, tmp_path):
    raw[FORCINGS].isel(time=slice(0, N)).to_netcdf(tmp_path / "forcings.nc")
    return tmp_path / "forcings.nc"


@pytest.fixture
def cmip6(raw, tmp_path):
    """Two periods, two members of which one has a two-digit name, fluxes, north first, bounds and a height."""
    folder = tmp_path / "cmip6"
    folder.mkdir()
    edges = dates("standard", N + 1, 1)
    for ssp in SSPS:
        for at, member in enumerate(("r2i1p1f1", "r10i1p1f1")):
            for name in ("tas", "pr", "rsdt"):
                field = plain(raw, name, ssp, None if name == "rsdt" else at)
                if name == "pr":
                    field = (field / 86400).assign_attrs(units="kg m-2 s-1")
                one = field.rename(name).to_dataset().assign_coords(time=dates("standard"), height=2.0)
                one["time"].attrs["bounds"] = "time_bnds"
                one["time_bnds"] = (("time", "bnds"), np.array([edges[:-1], edges[1:]]).T)
                one["lat_bnds"] = (("lat", "bnds"), np.stack([LAT - 11.25, LAT + 11.25], 1))
                for part, period in ((slice(0, 24), "201501-201612"), (slice(24, N), "201701-201812")):
                    path = folder / f"{name}_Amon_TOY_{ssp}_{member}_gn_{period}.nc"
                    one.isel(time=part, lat=slice(None, None, -1)).to_netcdf(path)
    return folder


def write_climatebench(raw, folder, ssp):
    folder.mkdir(exist_ok=True)
    inputs = xr.Dataset({name: plain(raw, name, ssp) for name in FORCINGS})
    inputs["CO2"].attrs["units"], inputs["CH4"].attrs["units"] = "GtCO2", "GtCH4"
    inputs.rename(lat="latitude", lon="longitude").to_netcdf(folder / f"inputs_{ssp}.nc")
    outputs = xr.Dataset({name: plain(raw, name, ssp) for name in ("tas", "pr", "rsdt")})
    outputs["pr"] = (outputs["pr"] / 86400).assign_attrs(units="kg m-2 s-1")
    outputs = outputs.assign(pr90=outputs["pr"] * 2, diurnal_temperature_range=outputs["tas"] / 20 - 5)
    outputs.rename(member_id="member").transpose("member", ...).to_netcdf(folder / f"outputs_{ssp}.nc")


def write_climateset(raw, root, ssp, flux):
    """A file a variable and year; CO2 and CH4 as the same flux everywhere."""
    for name in ("CO2", "CH4", "SO2", "BC", "tas", "pr", "rsdt"):
        target = name in ("tas", "pr", "rsdt")
        if name in flux:
            field = (plain(raw, "SO2", ssp) * 0 + flux[name]).assign_attrs(units="kg m-2 s-1")
        else:
            field = plain(raw, name, ssp, 0 if name in ("tas", "pr") else None)
        outputs, inputs = root / "outputs/CMIP6/TOY/r1i1p1f1" / ssp, root / "inputs/input4mips" / ssp
        where = outputs / name if target else inputs / f"{name}_sum"
        for year in range(4):
            folder = where / "250_km" / "mon" / str(2015 + year)
            folder.mkdir(parents=True)
            part = field.isel(time=slice(12 * year, 12 * year + 12)).rename(name if target else f"{name}_sum")
            part.to_netcdf(folder / f"any_{name}_{2015 + year}.nc")


def assert_holds(path, raw, names, members, rtol=1e-6):
    dataset = open_dataset(path)
    assert check_whole(path)[1].problems == [] and check_manifest(path) == []
    assert dataset["ssp"].values.tolist() == list(SSPS)
    assert contract.month_labels(dataset)[[0, -1]].tolist() == ["2015-01", "2018-12"]
    assert np.array_equal(dataset["lat"], LAT) and np.array_equal(dataset["lon"], LON)
    for name in names:
        truth = raw[name].sel(ssp=list(SSPS)).isel(time=slice(0, N))
        truth = truth.isel(member_id=members) if "member_id" in truth.dims else truth
        np.testing.assert_allclose(dataset[name].values, truth.values, rtol=rtol, err_msg=name)
    return dataset


def test_cmip6_files_become_a_store(cmip6, forcings, raw, tmp_path, capsys):
    path = tmp_path / "new" / "store.zarr"
    words = ["data", "convert", str(cmip6), str(path), "--layout", "cmip6", "--forcings", str(forcings)]
    assert cli.main(words) == 0
    told = capsys.readouterr()
    assert told.out == f"wrote {path}: 2 ssp, 48 time, 2 member_id, 8 lat, 12 lon\n"
    dataset = assert_holds(path, raw, [*FORCINGS, "rsdt", "tas", "pr"], [0, 1])
    assert tensors.load(dataset).members.tolist() == ["r2i1p1f1", "r10i1p1f1"]
    assert dataset["time"].dt.calendar == "standard"
    assert told.err.splitlines() == [
        f"climgru: note: {line}"
        for line in (
            "pr is given in kg m-2 s-1; it is converted to mm/day",
            "pr: dropped height, lat_bnds, time_bnds",
            "pr: lat is put in the order -78.75 .. 78.75",
            "rsdt: dropped height, lat_bnds, time_bnds",
            "rsdt: lat is put in the order -78.75 .. 78.75",
            "tas: dropped height, lat_bnds, time_bnds",
            "tas: lat is put in the order -78.75 .. 78.75",
            "CO2 has no units; it is taken as Gt",
            "SO2 has no units; it is taken as kg m-2 s-1",
            "CH4 has no units; it is taken as Gt/yr",
            "BC has no units; it is taken as kg m-2 s-1",
            f"CO2, SO2, CH4, BC are those of {forcings}",
            "SO2 lies 0.5 degrees off the grid of pr; it is put on it by position",
            "BC lies 0.5 degrees off the grid of pr; it is put on it by position",
            "rsdt is that of member r2i1p1f1; members share their forcings",
        )
    ]


def test_monthly_climatebench_files_become_a_store(raw, tmp_path):
    for ssp in SSPS:
        write_climatebench(raw, tmp_path / "bench", ssp)
    sizes, notes = convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench")
    assert sizes == {"ssp": 2, "time": N, "member_id": 3, "lat": 8, "lon": 12}
    dataset = assert_holds(tmp_path / "store.zarr", raw, [*FORCINGS, "rsdt", "tas", "pr"], [0, 1, 2])
    assert dataset["member_id"].values.tolist() == [0, 1, 2]
    assert any("no entry for them: dtr, pr90; one entry" in line for line in notes)
    assert "CH4 is given in GtCH4; it is taken as Gt/yr" in notes


def test_a_target_that_is_registered_is_carried(raw, tmp_path, monkeypatch):
    monkeypatch.setitem(VARIABLES, "dtr", Variable("target", TARGET_DIMS, ("K",), 0, 60, 1, 30, "in K", optional=True))
    for ssp in SSPS:
        write_climatebench(raw, tmp_path / "bench", ssp)
    _, notes = convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench")
    dataset = open_dataset(tmp_path / "store.zarr")
    np.testing.assert_allclose(dataset["dtr"].values, dataset["tas"].values / 20 - 5, rtol=1e-5)
    assert any("no entry for them: pr90; one entry" in line for line in notes)


def test_climateset_folders_become_a_store_with_totals(raw, tmp_path):
    flux = {"CO2": 2e-9, "CH4": 2e-11}
    for ssp in SSPS:
        write_climateset(raw, tmp_path / "set", ssp, flux)
    with pytest.raises(InputError, match=r"CO2 is given as emissions, .* before 2015-01 in Gt of CO2 \(--co2-before\)"):
        convert([tmp_path / "set"], tmp_path / "store.zarr", "climateset")
    assert not list(tmp_path.glob("*store*"))
    _, notes = convert([tmp_path / "set"], tmp_path / "store.zarr", "climateset", Supplements(co2_before=2400))
    dataset = assert_holds(tmp_path / "store.zarr", raw, ["SO2", "BC", "rsdt", "tas", "pr"], [0])
    year = 5.10064e14 * 31_557_600 / 1e12  # m2 of the Earth, s, Gt by kg
    np.testing.assert_allclose(dataset["CH4"].values, flux["CH4"] * year, rtol=1e-5)
    np.testing.assert_allclose(
        dataset["CO2"].values[0], 2400 + flux["CO2"] * year * np.arange(1, N + 1) / 12, rtol=1e-5
    )
    assert "CO2 is 2400 Gt and the sum of its maps up to the end of each month" in notes


def write_annual(raw, folder, ssp, time, sun=True):
    """ClimateBench as it is published: means of years, which time counts; with absolute temperatures."""
    write_climatebench(raw, folder, ssp)
    for path in folder.glob(f"*_{ssp}.nc"):
        field = xr.load_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True))
        field = field if sun else field.drop_vars("rsdt", errors="ignore")
        means = field.coarsen(time=12, coord_func="min").mean(keep_attrs=True).assign_coords(time=time)
        means.to_netcdf(path)


@pytest.mark.parametrize("time", [np.arange(2015, 2019), np.arange(2015.0, 2019.0), dates("360_day")[::12]])
def test_annual_climatebench_files_become_a_store_of_years(raw, tmp_path, time):
    for ssp in SSPS:
        write_annual(raw, tmp_path / "bench", ssp, time, sun=False)
    sizes, notes = convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench", Supplements(insolation=True))
    assert sizes == {"ssp": 2, "time": 4, "member_id": 3, "lat": 8, "lon": 12}
    dataset = open_dataset(tmp_path / "store.zarr")
    assert contract.step_of(dataset) is contract.Step.YEAR
    assert contract.month_labels(dataset).tolist() == ["2015", "2016", "2017", "2018"]
    assert dataset["time"].dt.calendar == ("360_day" if isinstance(time, list) else "standard")
    for name in [*FORCINGS, "tas", "pr"]:
        months = raw[name].sel(ssp=list(SSPS)).isel(time=slice(0, N)).values
        years = months.reshape(2, 4, 12, *months.shape[2:]).mean(axis=2, dtype=float)
        np.testing.assert_allclose(dataset[name].values, years, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(dataset["rsdt"].values[1, 2, :, 5], monthly_mean(LAT).mean(axis=0), rtol=1e-6)
    assert any("one date a year and no bounds" in line for line in notes) == isinstance(time, list)


def test_emissions_of_years_add_up_by_the_year(raw, tmp_path):
    """40 Gt of CO2 a year, spread evenly over an Earth of 5.1006e14 m2."""
    for ssp in SSPS:
        write_annual(raw, tmp_path / "bench", ssp, np.arange(2015, 2019))
        path = tmp_path / "bench" / f"inputs_{ssp}.nc"
        inputs = xr.load_dataset(path)
        flux = xr.full_like(inputs["SO2"], 40e12 / (5.10064e14 * 31_557_600)).assign_attrs(units="kg m-2 s-1")
        inputs.assign(CO2=flux).to_netcdf(path)
    _, notes = convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench", Supplements(co2_before=1500))
    with xr.open_zarr(tmp_path / "store.zarr") as store:
        np.testing.assert_allclose(store["CO2"].values, [[1540, 1580, 1620, 1660]] * 2, rtol=1e-5)
    assert "CO2 is 1500 Gt and the sum of its maps up to the end of each year" in notes


def test_what_is_neither_years_nor_months_is_refused(raw, tmp_path, capsys):
    write_annual(raw, tmp_path / "bench", "ssp126", np.arange(2015, 2019))
    path = tmp_path / "bench" / "inputs_ssp126.nc"
    annual = xr.load_dataset(path)
    for time, words in (
        (np.arange(4), "neither dates nor years .it runs from 0 to 3.; give it units"),
        (np.array([2015, 2016, 2018, 2019]), "years are not contiguous and in order; give every year once"),
    ):
        annual.assign_coords(time=time).to_netcdf(path)
        with pytest.raises(InputError, match=f"inputs_ssp126.nc: .*{words}"):
            convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench")
    assert cli.main(["data", "convert", str(path), str(tmp_path / "s.zarr"), "--layout", "climatebench"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_years_beside_months_are_refused_with_the_cure(raw, tmp_path, forcings):
    write_annual(raw, tmp_path / "bench", "ssp126", np.arange(2015, 2019))
    (tmp_path / "bench" / "inputs_ssp126.nc").unlink()
    with pytest.raises(InputError, match=r"holds years \(.*outputs_ssp126.nc\), .* months .*`cdo yearmonmean"):
        convert([tmp_path / "bench"], tmp_path / "store.zarr", "climatebench", Supplements(forcings))


def test_what_the_files_lack_is_told_in_one_line_each_with_the_cure(cmip6, tmp_path, capsys):
    for path in cmip6.glob("rsdt_*"):
        path.unlink()
    assert cli.main(["data", "convert", str(cmip6), str(tmp_path / "s.zarr"), "--layout", "cmip6"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["CO2", "SO2", "CH4", "BC", "rsdt"]
    assert all("is not given for ssp126, ssp370;" in line for line in lines)
    assert "(--forcings)" in lines[0] and "--insolation compute it from the orbit" in lines[4]


def test_insolation_is_computed_on_request_alone(cmip6, forcings, tmp_path):
    for path in cmip6.glob("rsdt_*"):
        path.unlink()
    _, notes = convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings, insolation=True))
    assert "rsdt is computed from the orbit (Berger 1978), not read" in notes
    sun = open_dataset(tmp_path / "s.zarr")["rsdt"].values
    np.testing.assert_allclose(sun[1, 17, :, 3], monthly_mean(LAT)[5], rtol=1e-6)  # June 2016


def edited(folder, name, edit):
    """Change the files of a variable."""
    for path in folder.glob(f"{name}*.nc"):
        changed = edit(xr.load_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)))
        changed.to_netcdf(path)


def rotated(dataset):
    lat, lon = xr.broadcast(dataset["lat"], dataset["lon"])
    out = dataset.drop_vars(["lat", "lon", "lat_bnds"]).rename(lat="rlat", lon="rlon")
    return out.assign_coords(lat=(("rlat", "rlon"), lat.values + lon.values / 100), lon=(("rlat", "rlon"), lon.values))


@pytest.mark.parametrize(
    ("name", "edit", "words"),
    [
        (
            "tas_",
            lambda d: d.isel(lat=slice(1, None)),
            r"is on another grid \(7 x 12\) than pr \(8 x 12\).*cdo remapcon",
        ),
        ("tas_", lambda d: d.expand_dims(plev=[1e5, 5e4]), "has a dimension plev of length 2; select one level"),
        ("tas_", lambda d: d.assign(tas=d.tas.assign_attrs(units="furlong")), "tas has units 'furlong', not 'K'"),
        (
            "tas_",
            lambda d: d.assign(tas=d.tas - 283),
            r"tas of ssp126 is [\d.]+ K in the mean, so a change",
        ),
        (
            "tas_",
            lambda d: xr.concat([d, d], "time").sortby("time").drop_vars("time_bnds"),
            "several fields a month.*cdo monmean",
        ),
        ("tas_", lambda d: d.rename(tas="T"), "holds no tas; it holds"),
        ("tas_", lambda d: d.assign_coords(lat=d.lat * 2), "lat reaches 157.5, beyond the poles"),
        ("tas_", rotated, "lat depends on both y and x; interpolate"),
        ("pr_", lambda d: d.isel(lat=0), "pr has dimensions .*the contract needs time, lat, lon"),
    ],
)
def test_what_cannot_be_carried_is_refused_in_one_line(cmip6, forcings, tmp_path, name, edit, words):
    edited(cmip6, name, edit)
    with pytest.raises(InputError, match=words) as refused:
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    assert len(refused.value.args) == 1
    assert [path.name for path in tmp_path.iterdir() if "s.zarr" in path.name] == []


def test_months_that_are_twice_there_lacking_or_shared_by_none(cmip6, forcings, tmp_path):
    first = cmip6 / "tas_Amon_TOY_ssp370_r2i1p1f1_gn_201501-201612.nc"
    again = cmip6 / "tas_Amon_TOY_ssp370_r2i1p1f1_gn_201501-201613.nc"
    shutil.copy(first, again)
    with pytest.raises(InputError, match=r"tas of ssp370, member r2i1p1f1 is there twice in 2015-01: .*201612.nc and"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    later = xr.load_dataset(first).isel(time=slice(0, 20))
    again.unlink()
    later.to_netcdf(first)
    with pytest.raises(InputError, match=r"tas of ssp370, member r2i1p1f1 lacks 2016-09 .. 2016-12; a file is missing"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    for path in cmip6.iterdir():
        if ("ssp126" in path.name) == ("_201501" in path.name):
            path.unlink()
    with pytest.raises(InputError, match=r"of ssp370 ends in 2016-\d\d, \w+ of ssp126 begins in 2017-01; convert such"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))


def test_a_damaged_file_is_named(cmip6, forcings, tmp_path):
    path = sorted(cmip6.glob("tas_*"))[0]
    whole = xr.load_dataset(path)
    whole.to_netcdf(path, encoding={"tas": {"zlib": True}})
    content = bytearray(path.read_bytes())
    begin = content.index(b"\x78\x5e")  # where zlib's stream begins
    content[begin + 100 : begin + 1100] = bytes(1000)
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path.name}: tas cannot be read; the file is damaged: fetch it again"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    path.write_bytes(content[:500])
    with pytest.raises(InputError, match=f"{path.name} is neither a Zarr store nor a NetCDF file"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))


def test_members_and_months_that_not_all_have_are_left_out_and_said(cmip6, forcings, raw, tmp_path):
    for path in {*cmip6.glob("pr_*ssp126_r10*"), *cmip6.glob("*ssp126*_201701*")}:
        path.unlink()
    _, notes = convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    assert "members left out, as not every scenario and target has them: r10i1p1f1" in notes
    assert any(line.startswith("months kept: 2015-01 .. 2016-12, which all have") for line in notes)
    dataset = open_dataset(tmp_path / "s.zarr")
    assert dataset.sizes["time"] == 24 and dataset["member_id"].values.tolist() == ["r2i1p1f1"]
    np.testing.assert_allclose(dataset["tas"].values[1, :, 0], raw["tas"].sel(ssp="ssp370").values[:24, 0], rtol=1e-6)


def test_a_scenario_without_targets_counts_as_withheld(cmip6, forcings, tmp_path):
    for path in [*cmip6.glob("tas_*ssp126*"), *cmip6.glob("pr_*ssp126*")]:
        path.unlink()
    _, notes = convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    assert "ssp126 has no targets; it counts as withheld" in notes
    dataset = open_dataset(tmp_path / "s.zarr")
    assert np.isnan(dataset["tas"].values[0]).all() and np.isfinite(dataset["tas"].values[1]).all()


def test_two_dimensional_degrees_and_western_longitudes(cmip6, forcings, raw, tmp_path):
    def wide(dataset):
        lat, lon = xr.broadcast(dataset["lat"], (dataset["lon"] + 180) % 360 - 180)
        out = dataset.drop_vars(["lat", "lon", "lat_bnds"]).rename(lat="j", lon="i")
        out = out.roll(i=6)
        return out.assign_coords(lat=(("j", "i"), lat.values), lon=(("j", "i"), np.roll(lon.values, 6, 1)))

    edited(cmip6, "", wide)
    _, notes = convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))
    assert "tas: lon is put in the order 15 .. 345" in notes
    assert_holds(tmp_path / "s.zarr", raw, ["tas", "pr", "rsdt"], [0, 1])


def test_several_models_other_tables_and_foreign_files(cmip6, forcings, tmp_path):
    first = next(cmip6.glob("tas_*"))
    shutil.copy(first, cmip6 / "notes_of_mine.nc")
    shutil.copy(first, cmip6 / first.name.replace("Amon", "day"))
    shutil.copy(first, cmip6 / first.name.replace("tas_", "huss_"))
    notes = []
    assert len(LAYOUTS["cmip6"](sorted(cmip6.iterdir()), notes)) == 24
    assert "such as notes_of_mine.nc" in notes[1] and "huss" in notes[0] and notes[2].endswith("tables day")
    shutil.copy(first, cmip6 / first.name.replace("TOY", "OTHER"))
    with pytest.raises(InputError, match="files of several models: OTHER, TOY; name the folders or files of one"):
        convert([cmip6], tmp_path / "s.zarr", "cmip6", Supplements(forcings))


def test_a_layout_of_the_users_own_is_one_file(raw, tmp_path, monkeypatch):
    """The example of the book."""
    for registered in ("_added", "_sources"):
        monkeypatch.setattr(LAYOUTS, registered, {})
    monkeypatch.setattr(registry, "used_files", [])
    page = (Path(__file__).parents[2] / "book" / "converting.md").read_text()
    (tmp_path / "mine.py").write_text(re.search(r"^```python\n(.*?)^```", page, re.M | re.S)[1])
    (tmp_path / "files").mkdir()
    for ssp in SSPS:
        for name in (*FORCINGS, "rsdt", "tas", "pr"):
            plain(raw, name, ssp).rename(name).to_netcdf(tmp_path / "files" / f"{name}-{ssp}.nc")
    path = tmp_path / "store.zarr"
    words = ["data", "convert", str(tmp_path / "files"), str(path), "--layout", "mine"]
    assert cli.main([*words, "--use", str(tmp_path / "mine.py")]) == 0
    assert_holds(path, raw, [*FORCINGS, "rsdt", "tas", "pr"], [0, 1, 2])


def test_arguments_that_make_no_sense(cmip6, store, tmp_path):
    with pytest.raises(InputError, match="unknown layout 'grib'; there are climatebench, climateset, cmip6"):
        convert([cmip6], tmp_path / "s.zarr", "grib")
    with pytest.raises(InputError, match="exists already"):
        convert([cmip6], store, "cmip6")
    with pytest.raises(InputError, match="no NetCDF files"):
        convert([store], tmp_path / "s.zarr", "cmip6")
    with pytest.raises(InputError) as refused:
        convert([cmip6], tmp_path / "s.zarr", "climatebench")
    assert refused.value.args[-1] == "no file is one of layout climatebench; there are climatebench, climateset, cmip6"
