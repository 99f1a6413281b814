"""Files of other tools: each is drawn as it is meant, or refused in one line."""

import os
import re

import cftime
import numpy as np
import pytest
import shapely
from cartopy.mpl.gridliner import Gridliner
from conftest import monthly_ensemble
from matplotlib.text import Text

from climgru_lib import maps
from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.maps import Region, Selection, open_source

DATA = monthly_ensemble(ssps=("ssp370",), years=10).isel(ssp=0, member_id=0, drop=True)
JULY_2016 = DATA.tas[18]
DAYS = [cftime.DatetimeNoLeap(2015, 3, 1 + i) for i in range(20)]
STILL = {"units": "months since 2015-01-01", "calendar": "standard"}


def with_time(values, **attrs):
    return DATA.assign_coords(time=("time", values, attrs))


@pytest.mark.parametrize(
    "data",
    [
        with_time(np.arange(120), **STILL),
        with_time(np.arange(120) + 0.5, **STILL),
        with_time(np.arange(-2, 118), units="month since 2015-3-15"),
        DATA.isel(lon=slice(None, None, -1)),
        DATA.isel(lat=slice(None, None, -1), lon=np.r_[9:18, 0:9]),
        DATA.assign_coords(lon=(DATA.lon + 180) % 360 - 180),
    ],
    ids=["months since", "middles of months", "months since March", "lon descending", "lon from 190 E", "lon jumps"],
)
def test_a_layout_of_another_tool_is_read_as_it_is_meant(data, tmp_path):
    data.to_netcdf(tmp_path / "data.nc")
    for source in (data, tmp_path / "data.nc"):
        found = Selection("tas", "2016-07").of(open_source(source))
        assert (np.diff(found.lat) > 0).all() and (np.diff(np.unwrap(found.lon, period=360)) > 0).all()
        for lat, lon in ((7.5, 10), (-52.5, 350), (82.5, 190)):
            at = found.isel(lon=int(np.abs(found.lon % 360 - lon).argmin())).sel(lat=lat)
            assert at.item() == JULY_2016.sel(lat=lat, lon=lon).item()


def test_years_since_a_date_are_years():
    yearly = DATA.isel(time=slice(10)).assign_coords(time=("time", np.arange(10), {"units": "years since 2015-01-01"}))
    np.testing.assert_array_equal(Selection("tas", "2018").of(open_source(yearly)), DATA.tas[3])


REFUSED = {
    "numbers of months": (lambda: with_time(np.arange(120)), "integers that are no years, 0 to 119; give it units"),
    "year and month": (lambda: with_time(201501 + np.arange(120)), "integers that are no years, 201501 to"),
    "other units": (lambda: with_time(np.arange(120.0), units="fortnights since 2015"), "neither dates nor years"),
    "a month twice": (lambda: DATA.isel(time=[0, 1, 1, 2]), "time holds 2015-02 2 times; give each month once"),
    "days": (
        lambda: DATA.isel(time=slice(20)).assign_coords(
            time=[cftime.DatetimeNoLeap(2015, 3, 1 + i) for i in range(20)]
        ),
        "time holds 2015-03 20 times",
    ),
    "a year twice": (lambda: with_time(np.r_[2015:2075, 2016:2076]), "time holds 2016 2 times; give each year once"),
    "lon in no order": (lambda: DATA.isel(lon=[3, 1, 2, 5, 9]), "lon of tas is in no order"),
    "a column twice": (lambda: DATA.isel(lon=[*range(18), 0]), "a cell stands twice"),
    "no coordinate": (lambda: DATA.drop_vars("lon"), "has no coordinate lon"),
    "lat in metres": (lambda: DATA.assign_coords(lat=DATA.lat * 1e5), "latitudes are from -90 to 90"),
    "words": (lambda: DATA.assign(tas=DATA.tas.astype(str)), "tas holds no numbers"),
    "nothing": (lambda: DATA.isel(time=slice(0)), "is empty along time"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as refusal:
        Selection("tas").of(open_source(make(), "f.nc"))
    assert "\n" not in str(refusal.value)


def test_one_map_of_another_layout():
    """`plot_map` titles a map by its date, or by what its time holds; columns from east to west are turned."""
    figure = maps.plot_map(JULY_2016.isel(lon=slice(None, None, -1)))
    assert figure.get_suptitle() == "July 2016"
    (cells,) = figure.findobj(maps.canvas.Cells)
    assert cells.value_at(7.5, 30) == JULY_2016.sel(lat=7.5, lon=30)
    assert maps.plot_map(JULY_2016.assign_coords(time=2016)).get_suptitle() == "2016"
    assert maps.plot_map(JULY_2016.assign_coords(time="a summer")).get_suptitle() == "a summer"
    with pytest.raises(InputError, match="no coordinate lat"):
        maps.plot_map(JULY_2016.drop_vars("lat"))


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.box(160, -30, 200, 30),
        shapely.box(-200, -30, -160, 30),
        shapely.MultiPolygon([shapely.box(160, -30, 180, 30), shapely.box(-180, -30, -160, 30)]),
    ],
    ids=["beyond 180", "before -180", "cut"],
)
@pytest.mark.parametrize("shift", [0, -180])
def test_a_polygon_over_the_date_line_holds_its_cells_on_both_sides(polygon, shift):
    """Columns at 170 and 190 E lie within, 150 and 210 do not; rows at 7.5 and 22.5 N and S."""
    lat, lon = DATA.lat.values, np.sort((DATA.lon.values - shift) % 360 + shift)
    region = Region.parse(polygon)
    rows, columns = np.nonzero(region.cells(lat, lon))
    assert sorted(set(lon[columns] % 360)) == [170, 190] and sorted(set(lat[rows])) == [-22.5, -7.5, 7.5, 22.5]
    assert region.width == 40
    (ax, *_) = maps.plot(DATA, "tas", "2016-07", region=polygon).axes
    assert np.ptp(ax.get_xlim()) == 40
    assert Region.parse(shapely.MultiPolygon([shapely.box(-20, 0, -10, 9), shapely.box(10, 0, 20, 9)])).width == 40


def test_a_winter_that_is_not_whole_is_said_to_have_the_year_of_its_end():
    with pytest.raises(InputError, match=r"no whole DJF 2015; the months run .*; a DJF has the year of its last month"):
        Selection("tas", "DJF 2015").of(open_source(DATA))


def test_labels_of_differences_of_statistics_are_english():
    truth = DATA.assign(pr=DATA.pr + 1).assign(pr=lambda data: data.pr.assign_attrs(units="mm/day"))
    asked = {"truth": truth, "difference": True}
    labels = {
        "mean": "Precipitation difference [mm/day]",
        "change": "Difference of the change of Precipitation [mm/day]",
        "std": "Difference of the standard deviation of Precipitation [mm/day]",
    }
    for statistic, label in labels.items():
        figure = maps.plot(DATA, "pr", "2020-2024", statistic=statistic, baseline=None, **asked)
        assert figure.axes[-1].get_xlabel().replace("\n", " ") == label


def test_a_title_of_two_lines_has_room_above_the_labels_of_a_polar_cap():
    data, since = monthly_ensemble(ssps=("ssp370",), years=10), {"statistic": "change", "baseline": "2015-2019"}
    figure = maps.plot(data, "tas", "JJA 2020-2024", **since, region="arctic", graticule=True)
    figure.png()
    assert figure.get_suptitle().count("\n") == 1
    title = figure._suptitle.get_window_extent()
    (lines,) = figure.axes[0].findobj(Gridliner)
    others = [text for text in lines.label_artists if text.get_visible()]
    assert any("180°" in text.get_text() for text in others)
    assert title.y1 <= figure.bbox.y1
    for text in others:
        box = text.get_window_extent()
        assert not box.overlaps(title) and box.y1 <= figure.bbox.y1, text.get_text()


@pytest.fixture
def hostile(tmp_path):
    """A folder with files that are not what they seem."""
    data = DATA.isel(time=slice(24))
    os.mkfifo(tmp_path / "fifo.nc")
    data.to_netcdf(tmp_path / "torn.nc", encoding={"tas": {"zlib": True, "chunksizes": (1, 12, 18)}})
    with (tmp_path / "torn.nc").open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(size // 2)
        file.write(b"\xff" * (size // 3))
    data.to_zarr(tmp_path / "torn.zarr", zarr_format=2, encoding={"tas": {"chunks": (24, 12, 18)}})
    (tmp_path / "torn.zarr" / "tas" / "0.0.0").write_bytes(b"\x02\x01\x21" * 40)
    data.assign(tas=data.tas.astype(str)).to_netcdf(tmp_path / "words.nc")
    tex = r"$\frac"
    for name, attrs in {"large": {"ssp": "x" * 1_000_000, "title": "y" * 1_000_000}, "tex": {"ssp": tex}}.items():
        one = data.assign_attrs(attrs)
        one["tas"] = one.tas.assign_attrs(long_name=attrs["ssp"], units=f"K {attrs['ssp']}")
        one.to_netcdf(tmp_path / f"{name}.nc")
    data.to_netcdf(tmp_path / "$x_{$.nc")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fifo.nc", "neither a file nor a Zarr store"),
        ("torn.nc", "read"),
        ("torn.zarr", "tas cannot be read .*; a file is damaged: fetch it again"),
        ("words.nc", "tas holds no numbers"),
    ],
)
def test_hostile_files_are_refused_in_one_line(name, message, hostile, capsys):
    arguments = ["--var", "tas", "--month", "2016-07", "--out", str(hostile / "map.png")]
    assert main(["map", str(hostile / name), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    if name == "fifo.nc":
        assert main(["map", str(hostile / "tex.nc"), "--truth", str(hostile / name), *arguments]) == 2
    assert not (hostile / "map.png").exists()


@pytest.mark.parametrize("name", ["large.nc", "tex.nc", "$x_{$.nc"])
def test_words_of_a_file_are_drawn_as_they_are_and_short(name, hostile):
    path = str(hostile / name)
    asked = ["--var", "tas", "--month", "2016-07", "--out", str(hostile / "map.png")]
    for given in ([path], [path, path], [path, "--truth", path]):  # names of two files are titles
        assert main(["map", *given, *asked]) == 0
    viewer = maps.Viewer(hostile / name, hostile / name)
    viewer.controls.graph.value = "zonal mean"
    assert viewer.message.value == ""
    figure = maps.plot(hostile / name, "tas", "2016-07")
    assert max(len(text.get_text()) for text in figure.findobj(Text)) < 500


@pytest.mark.parametrize(
    "box", [["--extent", "-20,40,30,70"], ["--extent=-20,40,30,70"], ["--extent", "20W,40E,30,70"]]
)
def test_a_box_may_begin_with_a_minus_sign(box, tmp_path, monkeypatch):
    DATA.isel(time=slice(24)).to_netcdf(tmp_path / "data.nc")
    seen = []
    monkeypatch.setattr("climgru_lib.maps.command.plot", lambda *a, **k: seen.append(k["region"]) or maps.plot(*a, **k))
    asked = ["--var", "tas", "--month", "2016-07", "--out", str(tmp_path / "map.png")]
    assert main(["map", str(tmp_path / "data.nc"), *asked, *box]) == 0
    assert (Region.parse(seen[0]).west, Region.parse(seen[0]).north) == (-20, 70)
