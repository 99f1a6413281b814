"""Stores as they come: stamps, units, packing, names, files without targets; the right answer or one line."""

import os
import shutil

import numpy as np
import pytest
import xarray as xr
from conftest import write_store
from robustness import layouts
from robustness.layouts import a_variable, write_archive, write_scenarios, write_variables

from climgru_lib import contract
from climgru_lib.contract import DataError, DataWarning, InputError
from climgru_lib.data import manifest, tensors
from climgru_lib.data.reading import is_zarr
from climgru_lib.data.store import check_whole, open_dataset

pytestmark = pytest.mark.filterwarnings("ignore::climgru_lib.contract.DataWarning")


def opened(raw, tmp_path, **options):
    path = tmp_path / f"data-{len(list(tmp_path.iterdir()))}.nc"
    raw.to_netcdf(path, **options)
    return open_dataset(path)


def test_a_month_is_that_within_its_bounds(raw, tmp_path):
    edges, raw = layouts.edges(raw), layouts.stamped_at_the_end(raw)
    with pytest.warns(DataWarning, match="the months are those of time_bnds, from 2015-01 on"):
        dataset = opened(raw, tmp_path)
    assert contract.month_labels(dataset)[[0, -1]].tolist() == ["2015-01", "2027-12"]
    years = raw.assign(time_bnds=(("time", "nbnd"), np.array([edges[:-1], [edges[-1]] * 156]).T))
    with pytest.raises(DataError, match="time_bnds spans 31 to 4745 days"):
        opened(years, tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_celsius_and_flux_are_converted_and_said(raw, tmp_path, packed):
    other = layouts.in_celsius_and_as_flux(raw)
    encoding = {"tas": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}} if packed else {}
    with pytest.warns(DataWarning, match="tas is given in degC; it is converted to K"):
        dataset = opened(other, tmp_path, encoding=encoding)
    keep = [0, 2, 3]
    np.testing.assert_allclose(dataset["tas"].values[keep], raw["tas"].values[keep], atol=0.0051 if packed else 1e-4)
    np.testing.assert_allclose(dataset["pr"].values, raw["pr"].values, rtol=1e-6)
    assert tensors.load(dataset).suspicions[:2] == [
        "tas is given in degC; it is converted to K",
        "pr is given in kg m-2 s-1; it is converted to mm/day",
    ]


def test_packed_inputs_come_back_within_half_a_step(raw, tmp_path):
    raw["SO2"].values[:, :, 0] = 0
    encoding = layouts.packed(raw, ("SO2", "rsdt"))
    data = tensors.load(opened(raw, tmp_path, encoding=encoding), "none", ["ssp126"])
    for channel, name in ((1, "SO2"), (4, "rsdt")):
        got, truth = data.scenarios["ssp126"].inputs[:, channel].numpy(), raw[name].values[0].clip(min=0)
        assert np.abs(got - truth).max() < 0.51 * encoding[name]["scale_factor"]
        assert got.min() >= 0


def test_latitude_and_longitude_as_names_and_two_dimensional_degrees(raw, tmp_path):
    plain = contract.standardise(raw)
    one_grid = plain.rename(lat="latitude", lon="longitude")
    xr.testing.assert_identical(contract.standardise(one_grid), plain)
    named = one_grid.assign_coords(lat=(("latitude", "longitude"), np.zeros((8, 12))))  # beside them
    xr.testing.assert_identical(contract.standardise(named), plain)
    counted = layouts.two_dimensional(raw)
    xr.testing.assert_identical(contract.standardise(counted), plain)
    counted["lat"].values[0, 0] += 5
    with pytest.raises(DataError, match="lat depends on both y and x; interpolate"):
        contract.standardise(counted)


def test_forcings_alone_count_as_withheld(raw, tmp_path):
    alone = tensors.load(opened(raw.drop_vars(["tas", "pr", "member_id"]), tmp_path))
    assert alone.open_scenarios == []
    assert alone.suspicions[0].startswith("tas, pr are not given")
    assert (alone.scenarios["ssp126"].inputs[:, 0, 0, 0].numpy() == raw["CO2"].values[0].astype("f4")).all()
    raw["tas"][3], raw["pr"][3] = np.nan, np.nan
    assert tensors.load(contract.standardise(raw)).open_scenarios == ["ssp126", "ssp370"]


@pytest.mark.parametrize("kept", [0.1, 0.7, 0.9999])
def test_classic_netcdf_cut_short_is_no_data_of_zeros(raw, tmp_path, kept):
    path = tmp_path / "data.nc"
    raw.to_netcdf(path, format="NETCDF3_64BIT")
    assert tensors.load(open_dataset(path)).open_scenarios == ["ssp126", "ssp370", "ssp585"]
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"data.nc is shorter than its header tells"):
        open_dataset(path)


def test_a_forcing_that_is_missing_in_one_scenario_is_named(raw):
    raw["CO2"][2] = np.nan
    with pytest.raises(DataError, match="CO2 has missing or infinite values in ssp370"):
        tensors.load(contract.standardise(raw))


def test_a_ragged_ensemble_is_named(raw):
    raw["tas"][2, :, 1] = np.nan
    with pytest.raises(DataError, match=r"tas is missing \(NaN\) in every month of ssp370 for member number 2"):
        tensors.load(contract.standardise(raw))


def test_chunks_of_zeros_may_be_left_out_where_zero_is_the_fill_value(raw, tmp_path):
    layouts.without_chunks_of_zeros(raw, tmp_path / "v3.zarr")
    assert not (tmp_path / "v3.zarr" / "tas" / "c" / "1").exists()
    assert check_whole(tmp_path / "v3.zarr")[1].problems == []
    shutil.rmtree(tmp_path / "v3.zarr" / "tas" / "c" / "2" / "1")
    problems = check_whole(tmp_path / "v3.zarr")[1].problems
    assert "tas and pr of ssp370 are not withheld together in 2020-01 .. 2024-12" in problems[0]


@pytest.mark.parametrize("coordinate", ["y", "time", "ssp"])
def test_a_damaged_coordinate_is_named(store, tmp_path, coordinate):
    broken = shutil.copytree(store, tmp_path / "broken.zarr")
    chunk = broken / coordinate / "0"
    chunk.write_bytes(chunk.read_bytes()[:5])
    with pytest.raises(InputError, match=f"coordinate {coordinate} cannot be read; the file is damaged"):
        open_dataset(broken)


def test_dates_without_units_in_a_store(raw, tmp_path):
    path = write_store(raw.assign_coords(time=np.arange(156)), tmp_path / "numbers.zarr")
    with pytest.raises(DataError, match="time holds no dates; give it units"):
        open_dataset(path)


@pytest.mark.parametrize("units", ["months since 2015-01-15", "days since then"])
def test_dates_in_units_that_are_none_are_named(raw, tmp_path, units):
    with pytest.raises(InputError, match=r"data-0.nc: time holds no dates; give it units"):
        opened(raw.assign_coords(time=("time", np.arange(156), {"units": units, "calendar": "noleap"})), tmp_path)


@pytest.mark.parametrize("calendar", ["standard", "360_day", "julian", "all_leap"])
def test_months_of_other_calendars_are_months(raw, tmp_path, calendar):
    stamps = xr.date_range("2015-01-01", periods=156, freq="MS", calendar=calendar, use_cftime=True)
    data = tensors.load(opened(raw.assign_coords(time=stamps), tmp_path))
    assert data.months[[0, 1, -1]].tolist() == ["2015-01", "2015-02", "2027-12"]
    assert data.open_scenarios == ["ssp126", "ssp370", "ssp585"]


@pytest.mark.parametrize("name", [".zgroup", "zarr.json", ".zmetadata"])
def test_a_folder_is_a_store_by_what_it_holds(tmp_path, name):
    assert not is_zarr(tmp_path)
    (tmp_path / name).touch()
    assert is_zarr(tmp_path)
    assert not is_zarr(tmp_path / name)


def test_a_folder_without_files_and_a_pipe_are_no_store(tmp_path):
    with pytest.raises(InputError, match="neither a Zarr store nor a folder of NetCDF files"):
        open_dataset(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is no file"):
        open_dataset(tmp_path / "pipe")


@pytest.mark.parametrize("write", [write_variables, write_scenarios, write_archive])
def test_a_folder_of_files_is_the_data_set_they_make(raw, tmp_path, write):
    write(raw, tmp_path)
    dataset, truth = open_dataset(tmp_path), contract.standardise(raw)
    assert contract.month_labels(dataset).tolist() == contract.month_labels(truth).tolist()
    xr.testing.assert_equal(dataset.drop_vars("time"), truth.drop_vars("time"))


def test_a_file_may_name_its_scenario_and_its_bounds_itself(raw, tmp_path):
    edges = layouts.edges(raw)
    bounds = ("time", "nbnd"), np.array([edges[:-1], edges[1:]]).T
    ended = layouts.stamped_at_the_end(raw).drop_vars("time_bnds").assign(ends=bounds)
    ended["time"].attrs["bounds"] = "ends"
    for number, ssp in enumerate(raw["ssp"].values):
        ended.sel(ssp=ssp).to_netcdf(tmp_path / f"{number}.nc")  # a scalar coordinate
    with pytest.warns(DataWarning, match="the months are those of ends, from 2015-01 on"):
        dataset = open_dataset(tmp_path)
    xr.testing.assert_equal(dataset.drop_vars("time"), contract.standardise(raw).drop_vars("time"))
    assert contract.month_labels(dataset)[[0, -1]].tolist() == ["2015-01", "2027-12"]


def test_a_scenario_of_which_no_file_has_targets_is_withheld(raw, tmp_path):
    write_archive(raw, tmp_path)
    for path in (*tmp_path.glob("tas_ssp126_*"), *tmp_path.glob("pr_ssp126_*")):
        path.unlink()
    assert tensors.load(open_dataset(tmp_path)).open_scenarios == ["ssp370", "ssp585"]
    (tmp_path / "tas_ssp370_100.nc").unlink()
    with pytest.raises(DataError, match=r"tas has missing or infinite values in ssp370, 2023-05 .. 2027-12"):
        tensors.load(open_dataset(tmp_path))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("1.nc", lambda part: part, r"1.nc does not tell its scenario: give it the coordinate ssp"),
        ("ssp126_or_ssp370.nc", lambda part: part, "does not tell its scenario"),
        (
            "CO2_ssp126_again.nc",
            lambda part: part,
            r"CO2 of ssp126 is in .*CO2.nc and in .*CO2_ssp126_again.nc; give it once",
        ),
        ("CO2_ssp434.nc", lambda part: part.convert_calendar("standard", use_cftime=True), "all in one calendar"),
        ("x.nc", lambda part: part.rename(CO2="snow"), "x.nc holds none of CO2, .*take it out"),
    ],
)
def test_a_file_that_does_not_fit_into_its_folder_is_named(raw, tmp_path, name, change, words):
    write_variables(raw, tmp_path)
    change(a_variable(raw, "CO2", "ssp126")).to_netcdf(tmp_path / name)
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)


def test_files_on_two_grids_and_a_damaged_one_are_named(raw, tmp_path):
    write_variables(raw, tmp_path)
    raw[["pr"]].assign_coords(y=raw.y + 1).to_netcdf(tmp_path / "pr.nc")
    with pytest.raises(DataError, match=r"y of .*rsdt.nc is not that of .*pr.nc; put the files on one grid"):
        open_dataset(tmp_path)
    raw[["pr"]].to_netcdf(tmp_path / "pr.nc")
    (tmp_path / "tas.nc").write_bytes((tmp_path / "tas.nc").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"tas.nc is shorter than its header tells; fetch the file again"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("dim", "labels", "words"),
    [
        ("y", np.deg2rad(np.linspace(-78.75, 78.75, 8)), "radians"),
        ("y", np.linspace(-100, 100, 8), "beyond the poles"),
        ("y", [-70, -50, -30, 10, -10, 30, 50, 70], "lat is out of order: 10 is followed by -10"),
        ("y", [-70, np.nan, -30, -10, 10, 30, 50, 70], "lat is not a number at position 1"),
        ("x", np.arange(12) * 33.0, "once around the Earth and on"),
    ],
)
def test_labels_that_are_no_places_are_refused(raw, dim, labels, words):
    with pytest.raises(DataError, match=words):
        contract.standardise(raw.assign_coords({dim: labels}))


def test_longitudes_may_cross_the_date_line(raw):
    crossing = (raw.x.values + 180) % 360
    moved = raw.assign_coords(x=crossing, longitude=(raw.longitude.values + 180) % 360)
    assert contract.standardise(moved)["lon"].values.tolist() == crossing.tolist()


def test_a_manifest_does_not_follow_links_to_folders(store, tmp_path):
    path = shutil.copytree(store, tmp_path / "linked.zarr")
    (path / "tas" / "again").symlink_to(path, target_is_directory=True)
    manifest.write_manifest(path)
    assert "again" not in manifest.manifest_path(path).read_text()
    assert manifest.check_manifest(path) == []


def test_the_manifest_finds_a_flipped_bit_on_request_and_another_size_at_once(store, tmp_path):
    path = shutil.copytree(store, tmp_path / "copy.zarr")
    manifest.write_manifest(path)
    assert manifest.check_manifest(path) == []
    one, other = path / "tas" / "0.0.0.0.0", path / "tas" / "2.0.0.0.0"
    content = one.read_bytes()
    one.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert manifest.check_manifest(path, contents=False) == []
    assert "tas/0.0.0.0.0 differs from the manifest" in manifest.check_manifest(path)[0]
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.raises(DataError, match=r"tas/0.0.0.0.0 differs from the manifest"):
        open_dataset(path)


def test_contents_are_compared_on_request_alone(store, tmp_path):
    path = shutil.copytree(store, tmp_path / "changed.zarr")
    attributes = path / "tas" / ".zattrs"
    manifest.write_manifest(path)
    attributes.write_text(attributes.read_text().replace("{", "{ ", 1).replace("\n", "", 1))  # as long as before
    assert "tas" in open_dataset(path)
    assert check_whole(path, compare=False)[1].problems == []
    with pytest.raises(DataError, match=r"tas/.zattrs differs from the manifest"):
        check_whole(path)
