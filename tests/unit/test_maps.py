import re
import socket
from functools import cache

import cartopy.crs as ccrs
import ipywidgets as widgets
import numpy as np
import pytest
import shapely
import xarray as xr
from cartopy.mpl.feature_artist import FeatureArtist
from cartopy.mpl.geocollection import GeoQuadMesh
from IPython.core.formatters import DisplayFormatter
from matplotlib.text import Text
from scipy.ndimage import distance_transform_edt

from climgru_lib import grid, maps
from climgru_lib.contract import InputError

CONTRACT_GRID = np.linspace(-88.586, 88.586, 48), 1.875 + 5.0 * np.arange(72)
LAT, LON = np.linspace(-82.5, 82.5, 12), 1.875 + 20.0 * np.arange(18)  # coarse, for speed
PLACES = {
    "Greenland": (72, -40),
    "Sahara": (23, 10),
    "Amazon": (-5, -62),
    "Nino 3.4": (0, -145),
    "Antarctica": (-80, 90),
}
UNITS = {"tas": "K", "pr": "mm/day"}


def prediction(n_months=30, first="2080-01", ssp="ssp370", seed=0, grid=(LAT, LON)):
    """Random tas and pr maps; every value of a month and place is its own."""
    rng = np.random.default_rng(seed)
    lat, lon = grid
    shape = (n_months, lat.size, lon.size)
    time = xr.date_range(first, periods=n_months, freq="MS", calendar="noleap", use_cftime=True)
    values = {"tas": rng.uniform(230, 305, shape), "pr": rng.gamma(1, 2.5, shape)}
    return xr.Dataset(
        {name: (("time", "lat", "lon"), values[name], {"units": UNITS[name]}) for name in values},
        coords={"time": time, "lat": lat, "lon": lon},
        attrs={"ssp": ssp},
    )


def contract_truth(n_months=30, ssps=("ssp126", "ssp370"), seed=1):
    members = [
        xr.concat([prediction(n_months, ssp=ssp, seed=seed + 10 * i + m) for m in range(2)], "member_id")
        for i, ssp in enumerate(ssps)
    ]
    truth = xr.concat(members, "ssp").assign_coords(ssp=list(ssps), member_id=[0, 1])
    truth.attrs.clear()
    return truth.transpose("ssp", "time", "member_id", "lat", "lon")


def value_at(mesh, lat, lon):
    """Return the value of the cell of a mesh whose own corners hold a place."""
    corners = mesh.get_coordinates()
    west, south = corners[0, :-1, 0], corners[:-1, 0, 1]
    width, height = np.diff(corners[0, :, 0]), np.diff(corners[:, 0, 1])
    (column,) = np.flatnonzero((lon - west) % 360 < width)
    (row,) = np.flatnonzero((lat >= south) & (lat < south + height))
    return mesh.get_array()[row, column]


def meshes_of(figure):
    return figure.findobj(GeoQuadMesh)


def colour_bar_labels(figure):
    return [ax.get_xlabel() for ax in figure.axes if not hasattr(ax, "projection")]


def texts(figure):
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def month_pair(name="tas", month="2080-07"):
    truth = contract_truth()[name].sel(ssp="ssp370", member_id=0, time=month)
    return truth, prediction()[name].sel(time=month)


def pixels(figure, dpi=80):
    """Return the rendered figure as RGB integers, shape (height, width, 3)."""
    figure.set_dpi(dpi)
    figure.png()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def map_pixels(figure, dpi=80):
    """Return the rendered map inside its frame, north first."""
    image = pixels(figure, dpi)
    box = figure.axes[0].get_window_extent()
    top, bottom = image.shape[0] - int(box.y1) + 3, image.shape[0] - int(box.y0) - 3
    return image[top:bottom, int(box.x0) + 3 : int(box.x1) - 3]


@cache
def contract_grid_row(name):
    fields = [prediction(8, seed=seed, grid=CONTRACT_GRID)[name].sel(time="2080-07") for seed in (1, 2)]
    return *fields, maps.map_row(*fields)


@pytest.mark.parametrize("name", ["tas", "pr"])
@pytest.mark.parametrize("place", PLACES)
def test_meshes_hold_the_data_at_named_places(name, place):
    truth, emulator, figure = contract_grid_row(name)
    lat, lon = PLACES[place]
    at = {"lat": lat, "lon": lon % 360, "method": "nearest"}
    expected = truth.squeeze().sel(**at).item(), emulator.squeeze().sel(**at).item()
    drawn = [value_at(mesh, lat, lon) for mesh in meshes_of(figure)]
    np.testing.assert_allclose(drawn, [*expected, expected[1] - expected[0]])


@pytest.mark.parametrize("name, unit", UNITS.items())
def test_norms_labels_and_title(name, unit):
    figure = maps.map_row(*month_pair(name))
    truth, emulator, difference = meshes_of(figure)
    assert truth.norm is emulator.norm and truth.cmap is emulator.cmap
    assert difference.norm.vmin == -difference.norm.vmax < 0
    assert figure.get_suptitle() == "ssp370, July 2080"
    labels = colour_bar_labels(figure)
    assert len(labels) == 2 and all(label.endswith(f"[{unit}]") for label in labels)
    assert "difference" in labels[1]


def test_limits_do_not_depend_on_the_month():
    norms = [meshes_of(maps.map_row(*month_pair(month=month)))[0].norm for month in ("2080-01", "2080-07")]
    assert (norms[0].vmin, norms[0].vmax) == (norms[1].vmin, norms[1].vmax) == (220, 310)


@pytest.mark.parametrize(
    "south, north, expected",
    [
        (-90, 90, 1.0),  # an error of 1 K everywhere
        (0, 90, np.sqrt(0.5)),  # in one hemisphere
        (60, 90, np.sqrt((1 - np.sin(np.pi / 3)) / 2)),  # north of 60 N, a cell edge
    ],
)
def test_area_weighted_rmse_is_written_on_the_difference(south, north, expected):
    truth, _ = month_pair()
    emulator = truth + xr.where((truth.lat > south) & (truth.lat < north), 1.0, 0.0)
    written = re.search(r"RMSE (\d+\.\d+) K", texts(maps.map_row(truth, emulator.rename("tas"))))
    assert float(written[1]) == pytest.approx(expected, abs=0.006)


def test_no_label_is_clipped_or_runs_into_another():
    long_name = "Total (convective and large-scale) precipitation rate (liq + ice) at the surface"
    truth, emulator = (field.assign_attrs(long_name=long_name) for field in month_pair("pr"))
    viewer = maps.Viewer(prediction())
    for figure in (maps.map_row(truth, emulator), maps.plot_map(truth), viewer.figure):
        figure.png()
        written = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        boxes = [text.get_window_extent() for text in written]
        assert len(boxes) > 5
        for box in boxes:
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        for i, box in enumerate(boxes):
            hit = [written[j].get_text() for j in range(i) if box.overlaps(boxes[j])]
            assert not hit, f"{written[i].get_text()} runs into {hit}"


@pytest.mark.parametrize("west", [0.0, -180.0])
def test_land_drawn_as_data_ends_at_the_drawn_coast(west):
    """Edges of a 2-degree land mask against the coast, both taken from rendered pixels."""
    lat, lon = np.arange(-89.0, 90, 2), west + np.arange(0.0, 360, 2)
    inside = shapely.contains_xy(grid.land_polygons(), *np.meshgrid((lon + 180) % 360 - 180, lat))

    def edges_to_coast(mask):
        field = xr.DataArray(mask.astype(float), coords={"lat": lat, "lon": lon}, dims=("lat", "lon"), name="land")
        figure = maps.plot_map(field)
        with_coast = map_pixels(figure, dpi=160)
        for artist in figure.axes[0].findobj(FeatureArtist):
            artist.remove()
        without = map_pixels(figure, dpi=160)
        coast = np.abs(with_coast - without).sum(axis=-1) > 60
        edge = np.abs(np.diff(without.sum(axis=-1), axis=1))[:-1] > 200
        degree = without.shape[1] / 360  # pixels
        return distance_transform_edt(~coast)[:-1, :-1][edge].mean() / degree

    assert edges_to_coast(inside) < 0.7
    assert edges_to_coast(np.roll(inside, 1, axis=1)) > 1.0  # one cell off would show


@pytest.mark.parametrize("projection", [ccrs.PlateCarree(), ccrs.PlateCarree(180)], ids=["0E", "180E"])
@pytest.mark.parametrize("lon", [LON, LON - 180 - 1.875, LON - 1.875], ids=["1.875", "-180", "0"])
def test_map_has_no_seam(lon, projection):
    """A constant field leaves no white pixel, at 0 E, at the date line or at the poles."""
    field = xr.DataArray(
        np.full((LAT.size, lon.size), 290.0), coords={"lat": LAT, "lon": lon}, dims=("lat", "lon"), name="tas"
    )
    image = map_pixels(maps.plot_map(field, projection=projection))
    assert not (image > 245).all(axis=-1).any()
    colour = np.array(maps.LOOKS["tas"].cmap((290 - 220) / (310 - 220))[:3]) * 255
    assert (np.abs(image - colour).max(axis=-1) < 3).mean() > 0.8


def test_wrapping_cell_at_the_date_line_shows_on_both_sides():
    """The cell of 171.875..191.875 E is drawn at the right rim and, from 180 W on, at the left one."""
    field = xr.DataArray(
        np.full((LAT.size, LON.size), 220.0), coords={"lat": LAT, "lon": LON}, dims=("lat", "lon"), name="tas"
    )
    field.loc[{"lon": 181.875}] = 310.0
    image = map_pixels(maps.plot_map(field), dpi=240)
    middle = image[image.shape[0] // 2]
    yellow = (np.abs(middle - np.array(maps.LOOKS["tas"].cmap(1.0)[:3]) * 255) < 3).all(axis=-1)
    degree = image.shape[1] / 360
    assert yellow[: int(11 * degree)].all() and yellow[-int(7 * degree) :].all()
    assert not yellow[int(13 * degree) : -int(9 * degree)].any()


def test_figures_are_drawn_offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a figure asked for the network")

    maps.canvas.coast.cache_clear()
    figure = maps.map_row(*month_pair())
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert figure.png().startswith(b"\x89PNG")
    assert len(figure.axes[0].findobj(FeatureArtist)) == 1


def test_notebook_shows_a_figure_as_png_only_once():
    data, _ = DisplayFormatter().format(maps.map_row(*month_pair()))
    assert data["image/png"].startswith(b"\x89PNG")
    assert len(data["image/png"]) < 200_000


def test_plot_map_of_a_difference_is_centred_on_zero():
    field = month_pair()[0] - 270
    (mesh,) = meshes_of(maps.plot_map(field, difference=True, limits=(-3, 3), label="warming [K]"))
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-3, 3)
    assert mesh.cmap.name == maps.LOOKS["tas"].difference_cmap.name
    with pytest.raises(InputError, match="centred on 0"):
        maps.plot_map(field, difference=True, limits=(-3, 4))


def test_fields_in_another_unit_take_their_own_range():
    celsius = (month_pair()[0] - 273.15).rename("tas").assign_attrs(units="degC")
    figure = maps.plot_map(celsius)
    (mesh,) = meshes_of(figure)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (celsius.min(), celsius.max())
    assert colour_bar_labels(figure)[0].endswith("[degC]")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t, e: (t, prediction().tas), "select one month"),
        (lambda t, e: (t, prediction().tas.sel(time="2080-08")), "July 2080, emulator is August 2080"),
        (lambda t, e: (t, e.assign_coords(ssp="ssp126")), "ssp370, emulator is ssp126"),
        (lambda t, e: (t, e.assign_attrs(units="degC")), "convert"),
        (lambda t, e: (t, e.isel(lat=slice(1, None))), "differ in lat"),
        (lambda t, e: (t, e.assign_coords(lon=LON - 180)), "differ in lon"),
    ],
)
def test_pairs_that_cannot_be_compared_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        maps.map_row(*change(*month_pair()))


def test_slider_moves_all_three_maps():
    forecast, truth = prediction(), contract_truth()
    viewer = maps.Viewer(forecast, truth)
    figure = viewer.figure
    for month, caption in (("2080-01", "January 2080"), ("2082-06", "June 2082")):
        viewer.month.value = month
        emulator = forecast.tas.sel(time=month).squeeze().values
        member = truth.tas.sel(ssp="ssp370", time=month).isel(member_id=0).squeeze().values
        drawn = [mesh.get_array() for mesh in viewer.meshes]
        for array, expected in zip(drawn, (member, emulator, emulator - member), strict=True):
            np.testing.assert_array_equal(array, expected)
        assert viewer.figure.get_suptitle() == f"ssp370, {caption}"
        assert bytes(viewer.image.value) == viewer.figure.png()
    assert viewer.figure is figure  # the maps were exchanged, not drawn anew


def test_viewer_row_equals_the_static_row():
    forecast, truth = prediction(), contract_truth()
    viewer = maps.Viewer(forecast, truth)
    viewer.variable.value = "pr"
    viewer.month.value = "2080-07"
    static = maps.map_row(*month_pair("pr"))
    assert viewer.figure.axes[0].get_title() == "truth, member 0 of 2"  # the static row cannot know of the others
    static.axes[0].set_title("truth, member 0 of 2")
    np.testing.assert_array_equal(pixels(viewer.figure), pixels(static))


def test_viewer_without_truth_shows_the_anomaly_from_20_years():
    """Value = number of the year: the mean of years 0..19 is 9.5, year 24 lies 14.5 above."""
    forecast = prediction(25 * 12, first="2015-01")
    year = forecast.time.dt.year - 2015
    forecast["tas"] = (forecast.tas * 0 + 270 + year).assign_attrs(units="K")
    viewer = maps.Viewer(forecast)
    viewer.month.value = "2039-07"
    emulator, anomaly = viewer.meshes
    np.testing.assert_allclose(emulator.get_array(), 294)
    np.testing.assert_allclose(anomaly.get_array(), 14.5)
    assert anomaly.norm.vmin == -anomaly.norm.vmax
    assert "July 2015–2034" in texts(viewer.figure)
    assert viewer.figure.get_suptitle() == "ssp370, July 2039"


@pytest.mark.parametrize("case", ["month outside truth", "withheld as zeros", "scenario outside truth"])
def test_months_without_truth_show_no_difference(case):
    forecast, truth = prediction(), contract_truth(24)
    month = "2082-03" if case == "month outside truth" else "2080-03"
    if case == "withheld as zeros":
        truth.tas.loc[{"ssp": "ssp370", "time": "2080-03"}] = 0
    if case == "scenario outside truth":
        truth = truth.sel(ssp=["ssp126"])
    viewer = maps.Viewer(forecast, truth)
    viewer.month.value = month
    assert len(viewer.meshes) == 2
    assert "no truth for this month" in viewer.figure.get_suptitle()
    assert "truth" not in texts(viewer.figure).replace("no truth for this month", "")
    if case != "scenario outside truth":
        viewer.month.value = "2080-04"
        assert len(viewer.meshes) == 3


def test_viewer_of_several_scenarios_keeps_the_month():
    low, high = prediction(ssp="ssp126", seed=3), prediction(ssp="ssp370", seed=4)
    both = xr.concat([low, high], "ssp").assign_coords(ssp=["ssp126", "ssp370"])
    viewer = maps.Viewer(both, contract_truth())
    viewer.month.value = "2081-02"
    viewer.scenario.value = "ssp370"
    assert viewer.month.value == "2081-02"
    np.testing.assert_array_equal(viewer.meshes[1].get_array(), high.tas.sel(time="2081-02").squeeze().values)
    assert viewer.figure.get_suptitle() == "ssp370, February 2081"


def ensemble(path, dim):
    """Write a prediction and two members that lie 1 and 5 K (mm/day) above it; return the prediction."""
    lowest = prediction(seed=5)
    members = xr.concat([lowest + shift for shift in (0.0, 1.0, 5.0)], dim).assign_coords({dim: [0, 1, 2]})
    members.assign_attrs(ssp="ssp370").to_netcdf(path)
    return lowest


@pytest.mark.parametrize("dim", ["member_id", "realization"])
@pytest.mark.parametrize(
    ("member", "shift", "told"),
    [(None, 2.0, "mean of 3 members"), (0, 0.0, "member 0 of 3"), (2, 5.0, "member 2 of 3")],
)
def test_of_an_ensemble_the_mean_is_shown_or_the_member_asked_for(dim, member, shift, told, tmp_path):
    lowest = ensemble(tmp_path / "ensemble.nc", dim)
    viewer = maps.Viewer(tmp_path / "ensemble.nc", prediction(seed=7), member=member)
    np.testing.assert_allclose(viewer.meshes[1].get_array(), lowest.tas[0] + shift, rtol=1e-6)
    assert viewer.figure.get_suptitle() == f"ssp370, January 2080, {told}"
    alone = maps.Viewer(tmp_path / "ensemble.nc", member=member)
    alone.month.value = "2081-01"
    januaries = lowest.tas[:30:12].values  # of three years: the anomaly is taken from the same member
    np.testing.assert_allclose(alone.meshes[1].get_array(), januaries[1] - januaries.mean(axis=0), atol=1e-3)


def test_what_has_no_such_member_is_refused(tmp_path):
    ensemble(tmp_path / "ensemble.nc", "member_id")
    with pytest.raises(InputError, match="no member 3; there are 0 to 2"):
        maps.Viewer(tmp_path / "ensemble.nc", member=3)
    with pytest.raises(InputError, match="no member 0; the prediction is a single field"):
        maps.Viewer(prediction(), member=0)
    with pytest.raises(InputError, match=r"nothing\.nc"):
        maps.Viewer(tmp_path / "nothing.nc")


def test_viewer_refuses_what_it_cannot_place():
    nameless = prediction()
    nameless.attrs.clear()
    with pytest.raises(InputError, match="names no scenario"):
        maps.Viewer(nameless)
    with pytest.raises(InputError, match="differ in lat"):
        maps.Viewer(prediction(), contract_truth().isel(lat=slice(0, 10)))
    with pytest.raises(InputError, match="none of tas, pr"):
        maps.Viewer(prediction().drop_vars(["tas", "pr"]))


def test_widget_holds_controls_and_image():
    viewer = maps.Viewer(prediction(), contract_truth())
    controls, image = viewer.widget.children
    assert [type(box) for box in controls.children] == [
        widgets.Dropdown,
        widgets.Dropdown,
        widgets.SelectionSlider,
    ]
    assert bytes(image.value).startswith(b"\x89PNG")
    assert viewer.month.options[0] == "2080-01" and viewer.month.options[-1] == "2082-06"
