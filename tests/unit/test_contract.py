"""The contract: what is refused, and that the line says which variable, where, and what to do."""

import numpy as np
import pytest
import xarray as xr

from climgru_lib import contract
from climgru_lib.contract import DataError
from climgru_lib.data.store import open_dataset


def put(raw, name, value, **at):
    """Set values of a variable at positions of dimensions."""
    index = tuple(at.get(dim, slice(None)) for dim in raw[name].dims)
    raw[name].values[index] = value
    return raw


def twice(raw, dim, position):
    """Repeat one label of a dimension, data and all."""
    return raw.isel({dim: [*range(raw.sizes[dim]), position]})


def with_units(raw, name, units):
    raw[name].attrs["units"] = units
    return raw


# name of the case: (change, words that the one line must hold: variable, place, cure)
PROBLEMS = {
    "variable missing": (lambda d: d.drop_vars("BC"), ("BC", "missing")),
    "dimension missing": (lambda d: d.assign(tas=d.tas.isel(member_id=0, drop=True)), ("tas", "member_id", "needs")),
    "extra dimension": (lambda d: d.assign(CO2=d.CO2.expand_dims(level=2)), ("CO2", "level", "needs")),
    "words for numbers": (lambda d: d.assign(tas=d.tas.astype(str)), ("tas", "no numbers")),
    "coordinate missing": (lambda d: d.drop_vars("y"), ("lat", "missing", "labels")),
    "scenario twice": (lambda d: twice(d, "ssp", 2), ("ssp", "ssp370", "twice", "keep one")),
    "member twice": (lambda d: twice(d, "member_id", 1), ("member_id", "1", "twice")),
    "month twice": (lambda d: twice(d, "time", 30), ("time", "2017-07", "twice")),
    "month left out": (lambda d: d.isel(time=[*range(20), *range(21, 156)]), ("time", "2016-08", "2016-10", "every")),
    "months backwards": (lambda d: d.isel(time=slice(None, None, -1)), ("time", "2027-12", "2027-11", "contiguous")),
    "no dates": (lambda d: d.assign_coords(time=np.arange(156)), ("time", "no dates", "units")),
    "another emission grid": (lambda d: d.isel(latitude=slice(6)), ("grid", "lat")),
    "emissions upside down": (lambda d: d.isel(latitude=slice(None, None, -1)), ("latitude", "half a cell")),
    "emissions on -180..180": (lambda d: d.assign_coords(longitude=d.longitude - 180), ("longitude", "half a cell")),
    "tas in Celsius": (lambda d: put(d, "tas", d.tas[3] - 273.15, ssp=3), ("tas", "ssp585", "add 273.15")),
    "pr as a flux": (lambda d: put(d, "pr", d.pr[0] / 86400, ssp=0), ("pr", "ssp126", "multiply by 86400")),
    "pr below zero": (lambda d: put(d, "pr", -0.01, ssp=2, time=5, y=3, x=3), ("pr", "ssp370", "negative")),
    "tas NaN in a cell": (
        lambda d: put(d, "tas", np.nan, ssp=2, time=14, member_id=1, y=4, x=2),
        ("tas", "ssp370", "2016-03", "fetch"),
    ),
    "rsdt NaN for months": (
        lambda d: put(d, "rsdt", np.nan, ssp=0, time=slice(12, 15)),
        ("rsdt", "ssp126", "2016-01 .. 2016-03", "3 months"),
    ),
    "CH4 infinite": (lambda d: put(d, "CH4", np.inf, ssp=1, time=0), ("CH4", "ssp245", "2015-01")),
    "SO2 below residues": (lambda d: put(d, "SO2", -1e-15, ssp=1, time=3, latitude=2), ("SO2", "ssp245")),
    "CO2 in tonnes": (lambda d: put(d, "CO2", d.CO2 * 1e9), ("CO2", "ssp126", "Gt")),
    "unit of tas": (lambda d: with_units(d, "tas", "degC"), ("tas", "'degC'", "'K'", "273.15")),
    "unit of pr": (lambda d: with_units(d, "pr", "kg m-2 s-1"), ("pr", "'mm/day'", "86400")),
}


@pytest.mark.parametrize(("change", "words"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_is_one_line_with_variable_place_and_cure(raw, change, words):
    problems = contract.check(change(raw))
    assert problems
    for word in words:
        assert word in problems[0]
    assert all("\n" not in line for line in problems)


def test_a_good_data_set_has_no_problem(raw):
    assert (raw["SO2"].values < 0).any()  # rounding residues, which are accepted
    assert contract.check(raw) == []
    assert contract.check(raw.drop_attrs()) == []  # units may be missing: the range tells


def test_models_know_the_published_variables_by_place():
    assert contract.of_role("forcing")[:5] == ("CO2", "SO2", "CH4", "BC", "rsdt")
    assert contract.of_role("target")[:2] == ("tas", "pr")
    assert contract.of_role("target", {"pr", "rsdt"}) == ("pr",)


def test_every_scenario_with_a_problem_has_its_line(raw):
    raw["tas"].values[[0, 2, 3]] -= 273.15
    assert [line.split(" in ")[1].split(",")[0] for line in contract.check(raw)] == ["ssp126", "ssp370", "ssp585"]


def test_opened_layout_holds_the_values_of_the_store(raw, dataset):
    assert dataset["tas"].dims == ("ssp", "time", "member_id", "lat", "lon")
    for name in contract.VARIABLES:
        np.testing.assert_array_equal(dataset[name].values, raw[name].values, err_msg=name)
        assert dataset[name].dims == contract.VARIABLES[name].dims
    np.testing.assert_array_equal(dataset["lat"], raw["y"])  # the grid of tas, not that of the emissions
    np.testing.assert_array_equal(dataset["lon"], raw["x"])
    assert dataset["ssp"].values.tolist() == ["ssp126", "ssp245", "ssp370", "ssp585"]


def test_dimensions_are_put_in_order(raw):
    shuffled = raw.transpose("x", "member_id", "time", "longitude", "y", "ssp", "latitude")
    xr.testing.assert_identical(contract.standardise(shuffled), contract.standardise(raw))


def test_two_dimensional_lat_and_lon_beside_the_dimensions_are_left_out(raw):
    both = raw.assign_coords(lat=(("y", "x"), np.zeros((8, 12))), lon=(("y", "x"), np.zeros((8, 12))))
    xr.testing.assert_identical(contract.standardise(both), contract.standardise(raw))


def test_open_dataset_refuses_at_once_what_the_names_show(raw, tmp_path):
    raw["tas"].attrs["units"] = "degF"
    raw.to_netcdf(tmp_path / "fahrenheit.nc")
    with pytest.raises(DataError, match="tas has units 'degF'"):
        open_dataset(tmp_path / "fahrenheit.nc")


def test_withheld_maps_are_those_of_one_constant():
    fields = np.random.default_rng(0).random((4, 2, 3, 5))
    fields[1, 0], fields[3, 1] = 0, 271.5
    expected = np.zeros((4, 2), dtype=bool)
    expected[1, 0] = expected[3, 1] = True
    np.testing.assert_array_equal(contract.withheld_maps(fields), expected)


def test_month_labels(raw):
    labels = contract.month_labels(raw)
    assert (labels[0], labels[11], labels[12], labels[-1]) == ("2015-01", "2015-12", "2016-01", "2027-12")
