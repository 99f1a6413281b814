"""Graphs below the maps: who is drawn, of when, in which unit; and that of a large field a part is read at a time."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr
from conftest import monthly_ensemble, seasonal
from matplotlib.collections import QuadMesh

from climgru_lib.maps import Region, Selection, Source, open_source, selection, sources
from climgru_lib.maps.graphs import graph_of
from climgru_lib.maps.profiles import hovmoller, series

TRUTH = monthly_ensemble("north first")
ASKED = {"variable": "pr", "period": "JJA 2045-2054", "scenario": "ssp370"}
TROPICS = Region.parse("tropics")


def run(name="emulator", ssp="ssp370", member=0):
    return Source(name, {ssp: TRUTH.sel(ssp=ssp).isel(member_id=member, drop=True)})


def drawn(kind, reference, other=None, own=None, **asked):
    one = Selection(**ASKED | asked)
    figure = graph_of(kind, one, own or run(), reference, other or Selection(**ASKED | asked), TROPICS)
    figure.png()
    labels = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    return figure, labels, figure.get_suptitle()


@pytest.mark.parametrize("kind", ["series", "zonal mean"])
def test_graphs_name_what_they_compare(kind):
    _, labels, title = drawn(kind, run("other run", member=1))
    assert labels == ["other run", "emulator"]
    assert "ssp370" in title and "JJA" in title and ("2045–2054" in title or kind == "series")
    both = Source("emulator", {ssp: TRUTH.sel(ssp=ssp).isel(member_id=0, drop=True) for ssp in ("ssp126", "ssp370")})
    _, labels, title = drawn(kind, both, Selection(**ASKED | {"scenario": "ssp126"}), both)
    assert labels == ["ssp126", "ssp370"] and "ssp" not in title
    _, labels, _ = drawn(kind, open_source(TRUTH, "truth"))
    band = ["truth: 3 members", "truth, mean", "emulator", "forced response (21-year mean of the members' mean)"]
    assert labels == (band if kind == "series" else ["truth, mean of 3 members", "emulator"])


def test_the_difference_of_zonal_means_is_named_and_right():
    figure, _, title = drawn("zonal mean", run("other run", member=1), statistic="change")
    left, right = figure.axes
    assert right.get_title() == "emulator − other run" and left.get_ylabel() == "pr [mm/day]"
    assert title == "Zonal mean of Change of Precipitation, ssp370, JJA 2045–2054 against JJA 2015–2034"
    yearly = seasonal(TRUTH.pr.sel(ssp="ssp370"), [6, 7, 8], (2015, 2054)).mean("lon").sortby("lat")
    change = yearly.sel(year=slice(2045, 2054)).mean("year") - yearly.sel(year=slice(2015, 2034)).mean("year")
    drawn_line = right.lines[0].get_ydata()
    np.testing.assert_allclose(drawn_line, change.sel(member_id=0) - change.sel(member_id=1), atol=1e-9)


def test_a_hovmoller_in_percent_is_in_percent():
    found = hovmoller(Selection(**ASKED, statistic="percent"), open_source(TRUTH))
    zonal = seasonal(TRUTH.pr.sel(ssp="ssp370"), [6, 7, 8], (2015, 2054)).mean(("lon", "member_id")).sortby("lat")
    expected = 100 * (zonal / zonal.sel(year=slice(2015, 2034)).mean("year") - 1)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    figure, _, title = drawn("Hovmöller", open_source(TRUTH, "truth"), statistic="percent")
    assert [ax.get_ylabel() for ax in figure.axes[-2:]] == ["pr [%]", "pr difference [%]"]
    assert title.splitlines() == [
        "Relative change of zonal mean of Precipitation, ssp370, JJA against JJA 2015–2034",
        "beside truth, mean of 3 members",
    ]
    mesh = next(part for part in figure.axes[0].collections if isinstance(part, QuadMesh))
    one = hovmoller(Selection(**ASKED, statistic="percent"), run())
    np.testing.assert_allclose(np.ravel(mesh.get_array()), one.values.T.ravel())
    assert "emulator − truth" in [ax.get_title() for ax in figure.axes]


@pytest.mark.parametrize("kind", ["series", "zonal mean", "Hovmöller"])
def test_why_a_reference_is_not_drawn_stands_in_the_title(kind):
    _, _, title = drawn(kind, run("truth", "ssp126"))
    assert title.splitlines()[1] == "without truth: truth holds no scenario ssp370; choose of ssp126"


def test_a_series_names_its_members_and_region():
    _, labels, title = drawn("series", None, own=open_source(TRUTH, "emulator"), statistic="change")
    assert labels[:2] == ["emulator: 3 members", "emulator, mean"]
    assert title == "Change of Precipitation, ssp370, JJA against JJA 2015–2034, tropics"
    _, labels, title = drawn("series", None, own=open_source(TRUTH, "emulator"), members=1)
    assert labels == ["emulator"] and title == "Precipitation, ssp370, JJA, member 1 of 3, tropics"


@pytest.fixture
def large(tmp_path):
    """A file of one field of 10 MB, and its values."""
    lat, lon = np.linspace(-85, 85, 18), 10.0 * np.arange(36)
    values = np.random.default_rng(0).normal(280, 1, (480, 4, 18, 36)).astype("f8")
    data = TRUTH.isel(ssp=0, drop=True)[["time"]].assign_coords(member_id=range(4), lat=lat, lon=lon)
    data["tas"] = (("time", "member_id", "lat", "lon"), values, {"units": "K"})
    data.to_netcdf(tmp_path / "large.nc", encoding={"tas": {"chunksizes": (12, 4, 18, 36)}})
    return tmp_path / "large.nc", data.load()


def test_of_a_large_field_some_years_are_read_at_a_time(large, monkeypatch):
    path, data = large
    yearly = data.tas.groupby("time.year").mean()
    weights = np.cos(np.deg2rad(data.lat))
    expected = yearly.weighted(weights).mean(("lat", "lon")).transpose("member_id", "year")
    monkeypatch.setattr(sources, "IN_MEMORY", 0)
    monkeypatch.setattr(selection, "BLOCK", 1e6)
    one, seen = open_source(path), []
    region = Region.parse("global")
    monkeypatch.setattr(
        selection, "read", lambda field, read=selection.read: (seen.append(field.nbytes), read(field))[1]
    )
    tracemalloc.start()
    try:
        found = series(Selection("tas"), one, region)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert max(seen) <= 1e6 and sum(seen) == data.tas.nbytes
    assert peak < data.tas.nbytes / 2
    np.testing.assert_allclose(hovmoller(Selection("tas"), one), yearly.mean(("lon", "member_id")), rtol=1e-12)
    np.testing.assert_array_equal(Selection("tas").withheld(one.field("tas")), False)


def test_fields_that_were_asked_for_long_ago_are_let_go(monkeypatch):
    """Two fields of 0.9 MB fit into 2 MB, a third makes the first go."""
    monkeypatch.setattr(sources, "KEPT", 2e6)
    one = open_source(TRUTH)
    for variable, ssp in (("tas", "ssp126"), ("pr", "ssp126"), ("tas", "ssp126"), ("pr", "ssp370")):
        field = one.field(variable, ssp)
        xr.testing.assert_equal(
            field.drop_vars(["year", "month"]).sortby("lat", ascending=False),
            TRUTH[variable].sel(ssp=ssp).transpose("member_id", "time", "lat", "lon"),
        )
    assert [*one._fields] == [("tas", "ssp126"), ("pr", "ssp370")]
    assert sum(field.nbytes for field in one._fields.values()) <= 2e6
