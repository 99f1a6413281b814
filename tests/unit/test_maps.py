import re
import socket
from functools import cache

import cartopy.crs as ccrs
import numpy as np
import pytest
import shapely
import xarray as xr
from cartopy.mpl.feature_artist import FeatureArtist
from IPython.core.formatters import DisplayFormatter
from matplotlib.text import Text
from scipy.ndimage import distance_transform_edt

from climgru_lib import grid, maps
from climgru_lib.contract import InputError
from climgru_lib.maps.cells import Cells

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
    """Return the value that a map holds at a place: that of the cell with the nearest centre."""
    row = np.abs(mesh.lat - lat).argmin()
    column = np.abs((mesh.lon - lon + 180) % 360 - 180).argmin()
    return mesh.get_array()[row, column]


def meshes_of(figure):
    return figure.findobj(Cells)


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


def test_limits_are_round_hold_nearly_all_and_show_what_lies_beyond():
    """Values 0..100 K above 200: quantiles 0.02 and 0.98 are 202 and 298, round limits 200 and 300."""
    ramp = xr.DataArray(np.linspace(200, 300, 12 * 18).reshape(12, 18), {"lat": LAT, "lon": LON}, name="tas")
    outlier = ramp.copy()
    outlier[0, 0] = 150
    for field, extend in ((ramp, "neither"), (outlier, "min")):
        figure = maps.plot_map(field)
        (mesh,) = meshes_of(figure)
        assert (mesh.norm.vmin, mesh.norm.vmax) == (200, 300)
        assert mesh.colorbar.extend == extend


def test_limits_of_ones_own_and_discrete_levels():
    truth, emulator = month_pair()
    shared, _, difference = meshes_of(maps.map_row(truth, emulator, limits=(250, 290), span=5))
    assert (shared.norm.vmin, shared.norm.vmax, difference.norm.vmin, difference.norm.vmax) == (250, 290, -5, 5)
    assert shared.colorbar.extend == "both"
    with pytest.raises(InputError, match="a low and a high value"):
        maps.plot_map(truth, limits=(290, 250))


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
    written = re.search(r"RMSE ([\d.]+) K", texts(maps.map_row(truth, emulator.rename("tas"))))
    assert float(written[1]) == pytest.approx(expected, abs=0.006)


def undrawn(figure):
    """Return the labels of ticks beyond the ends of an axis, which matplotlib keeps but does not draw."""
    ticks = [(axis, tick) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_major_ticks()]
    return [
        tick.label1
        for axis, tick in ticks
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    ]


def test_no_label_is_clipped_or_runs_into_another():
    long_name = "Total (convective and large-scale) precipitation rate (liq + ice) at the surface"
    truth, emulator = (field.assign_attrs(long_name=long_name) for field in month_pair("pr"))
    viewer = maps.Viewer(prediction())
    for figure in (maps.map_row(truth, emulator), maps.plot_map(truth), viewer.figure):
        figure.png()
        written = [
            text
            for text in figure.findobj(Text)
            if text.get_text().strip() and text.get_visible() and text not in undrawn(figure)
        ]
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
    colour = np.array(maps.LOOKS["tas"].cmap(0.5)[:3]) * 255  # of a constant: in the middle
    assert (np.abs(image - colour).max(axis=-1) < 3).mean() > 0.8


def test_wrapping_cell_at_the_date_line_shows_on_both_sides():
    """The cell of 171.875..191.875 E is drawn at the right rim and, from 180 W on, at the left one."""
    field = xr.DataArray(
        np.full((LAT.size, LON.size), 220.0), coords={"lat": LAT, "lon": LON}, dims=("lat", "lon"), name="tas"
    )
    field.loc[{"lon": 181.875}] = 310.0
    image = map_pixels(maps.plot_map(field, limits=(220, 310)), dpi=240)
    middle = image[image.shape[0] // 2]
    yellow = (np.abs(middle - np.array(maps.LOOKS["tas"].cmap(1.0)[:3]) * 255) < 3).all(axis=-1)
    degree = image.shape[1] / 360
    assert yellow[: int(11 * degree)].all() and yellow[-int(7 * degree) :].all()
    assert not yellow[int(13 * degree) : -int(9 * degree)].any()


def test_figures_are_drawn_offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a figure asked for the network")

    maps.ground.coast.cache_clear()
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
    assert mesh.norm.vmin < celsius.min() + 10 and celsius.max() - 10 < mesh.norm.vmax < 60
    assert colour_bar_labels(figure)[0].endswith("[degC]")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t, e: (t, prediction().tas), "select one month"),
        (lambda t, e: (t, prediction().tas.sel(time="2080-08")), "July 2080, emulator is August 2080"),
        (lambda t, e: (t, e.assign_coords(ssp="ssp126")), "ssp370, emulator is ssp126"),
        (lambda t, e: (t, e.assign_attrs(units="degC")), "convert"),
        (lambda t, e: (t, e.isel(lat=slice(1, None))), "cells differ"),
        (lambda t, e: (t, e.assign_coords(lon=LON - 3)), "cells differ"),
    ],
)
def test_pairs_that_cannot_be_compared_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        maps.map_row(*change(*month_pair()))
