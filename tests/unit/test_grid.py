import numpy as np
import pytest
import shapely

from climgru_lib import grid
from climgru_lib.contract import InputError

LAT = np.linspace(-88.586, 88.586, 48)
LON = 1.875 + 5 * np.arange(72)

# name: (lat, lon in -180..180, land); well inside land or sea at the scale of a 5-degree cell
PLACES = {
    "Sahara": (23, 10, 1),
    "Amazon": (-5, -62, 1),
    "Greenland": (73, -40, 1),
    "central Australia": (-25, 133, 1),
    "Kansas": (39, -98, 1),
    "Antarctica": (-80, 90, 1),
    "South Pole": (-88.5, -30, 1),
    "Nino 3.4": (0, -145, 0),
    "South Pacific": (-40, -120, 0),
    "North Atlantic": (45, -35, 0),
    "Gulf of Guinea": (-2, 0, 0),
    "Arctic Ocean": (86, 180, 0),
}


@pytest.mark.parametrize("west_of_greenwich", ["0..360", "-180..180"])
@pytest.mark.parametrize("name", PLACES)
def test_named_places_are_land_or_sea(name, west_of_greenwich):
    lat, lon, land = PLACES[name]
    grid_lon = LON if west_of_greenwich == "0..360" else np.sort((LON + 180) % 360 - 180)
    distance = np.abs((grid_lon - lon + 180) % 360 - 180)
    fraction = grid.land_fraction(LAT, grid_lon)
    assert fraction[np.abs(LAT - lat).argmin(), distance.argmin()] == land


def test_land_covers_29_percent_of_the_earth():
    """148.9 of 510.1 million km2 is land (0.292); the 1:110m coastline leaves small islands out."""
    weights = np.cos(np.deg2rad(LAT))
    fraction = np.average(grid.land_fraction(LAT, LON).mean(axis=1), weights=weights)
    assert fraction == pytest.approx(0.289, abs=0.003)


def test_fraction_follows_the_cell_not_the_order_of_the_grid():
    """The same cells in another longitude convention, in another start and from north to south."""
    fraction = grid.land_fraction(LAT, LON)
    shifted = (LON + 180) % 360 - 180
    order = np.argsort(shifted)
    np.testing.assert_array_equal(grid.land_fraction(LAT, shifted), fraction)
    np.testing.assert_array_equal(grid.land_fraction(LAT, shifted[order]), fraction[:, order])
    np.testing.assert_array_equal(grid.land_fraction(LAT[::-1], LON), fraction[::-1])


def test_fraction_converges_with_sub_points():
    """A cell across a coast: 16 sub-points agree with the exact area of land in the cell."""
    lat, lon = np.array([35.0, 40.0, 45.0]), np.array([-12.5, -7.5, -2.5])
    cell = shapely.box(-10, 37.5, -5, 42.5)
    exact = grid.land_polygons().intersection(cell).area / cell.area
    assert 0.5 < exact < 0.95
    assert grid.land_fraction(lat, lon, subcells=16)[1, 1] == pytest.approx(exact, abs=0.02)


def test_land_is_valid_and_the_caspian_is_water():
    land = grid.land_polygons()
    assert land.is_valid
    assert land.bounds[0] == -180 and land.bounds[1] == -90 and land.bounds[2] == 180
    assert not land.contains(shapely.Point(51, 42))
    assert land.contains(shapely.Point(179.99, 68.5)) and land.contains(shapely.Point(-179.99, 68.5))


def test_coastlines_carry_no_cut_lines():
    """The cut of Chukotka at the date line and the closure of Antarctica at the pole are not coasts."""
    lines = [np.array(line.coords) for line in grid.coastlines().geoms]
    longest = max(np.hypot(*np.diff(line, axis=0).T).max() for line in lines)
    assert longest < 20
    assert min(line[:, 1].min() for line in lines) > -86
    on_cut = [np.abs(line[:, 0]) > 179.97 for line in lines]
    assert not any((cut[1:] & cut[:-1]).any() for cut in on_cut)


def test_coastlines_run_along_the_land_boundary():
    land, coast = grid.land_polygons(), grid.coastlines()
    assert coast.difference(land.boundary.buffer(1e-9)).length == pytest.approx(0, abs=1e-6)
    cut = land.boundary.length - coast.length
    pole, antarctica, chukotka, wrangel = 360, 90 - 84.7, 69.0 - 65.0, 71.5 - 70.8  # degrees, from an atlas
    assert cut == pytest.approx(pole + 2 * (antarctica + chukotka + wrangel), abs=2)


@pytest.mark.parametrize("lat, lon", [([0.0], LON), (LAT, [0.0]), ([-100.0, 0.0], LON)])
def test_bad_grids_are_refused(lat, lon):
    with pytest.raises(InputError, match="two lat and two lon"):
        grid.land_fraction(np.array(lat), lon)
