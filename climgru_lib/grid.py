"""Land and sea: the bundled Natural Earth land at 1:110 million, its coastlines and land fractions.

The polygons lie in ``assets/land_110m.geojson``, so nothing is downloaded. Source: Natural Earth 4.1, 1:110m
physical vectors (public domain, naturalearthdata.com), taken from the TopoJSON of the npm package world-atlas
2.0.2; rings are cut at the date line, Antarctica is closed at the pole, coordinates are rounded to 0.01 degree.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
import shapely

from .contract import InputError

CUT_DEGREES = 0.02  # an edge this close to the date line or below lat -89 is a cut, not a coast


@cache
def land_polygons() -> shapely.MultiPolygon:
    """Return the land of the Earth.

    Returns
    -------
    shapely.MultiPolygon
        Valid polygons in degrees, longitude -180..180, latitude -90..83.65; the Caspian Sea is a hole.

    Notes
    -----
    Source: Natural Earth 1:110m land, public domain.
    """
    text = resources.files("climgru_lib").joinpath("assets/land_110m.geojson").read_text(encoding="utf-8")
    return shapely.from_geojson(json.dumps(json.loads(text)["geometry"]))


@cache
def coastlines() -> shapely.MultiLineString:
    """Return the boundary between land and sea, without the artificial cuts.

    Returns
    -------
    shapely.MultiLineString
        Lines in degrees, longitude -180..180; the edges along the date line and around the South Pole are
        left out.
    """
    interior = shapely.box(-180 + CUT_DEGREES, -89, 180 - CUT_DEGREES, 90)
    return shapely.line_merge(shapely.intersection(land_polygons().boundary, interior))


def regular_grid(size: str) -> dict[str, np.ndarray]:
    """Return the cell centres of a grid that covers the Earth.

    Parameters
    ----------
    size : str
        Rows and columns, such as ``192x288``.

    Returns
    -------
    dict
        ``lat``, degrees north, from south to north, and ``lon``, degrees east, from half a cell on.

    Raises
    ------
    InputError
        If the size is not two numbers of at least 2.
    """
    parts = size.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 2 <= int(part) <= 10_000 for part in parts):
        raise InputError(f"--grid '{size}' is no grid; give rows and columns, such as 192x288")
    rows, columns = map(int, parts)
    return {
        "lat": -90 + 180 / rows * (np.arange(rows) + 0.5),
        "lon": 360 / columns * (np.arange(columns) + 0.5),
    }


def cell_edges(centres: np.ndarray) -> np.ndarray:
    """Return the edges of cells halfway between their centres; the outer cells are symmetric.

    Parameters
    ----------
    centres : array, shape (n,), degrees
        At least two cell centres.

    Returns
    -------
    array, shape (n + 1,), degrees
    """
    middles = (centres[:-1] + centres[1:]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def land_fraction(lat: np.ndarray, lon: np.ndarray, subcells: int = 4) -> np.ndarray:
    """Compute the fraction of each grid cell that is land.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Cell centres, strictly monotonic.
    lon : array, shape (lon,), degrees east
        Cell centres from west to east, in any convention (0..360 or -180..180).
    subcells : int
        Each cell is sampled at subcells x subcells regular points.

    Returns
    -------
    array, shape (lat, lon), dimensionless
        0 (sea) to 1 (land), read-only; computed once per grid. Cell edges lie halfway between centres.

    Raises
    ------
    InputError
        If a coordinate has fewer than two centres, or a latitude lies outside [-90, 90].
    """
    lat, lon = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    if min(lat.size, lon.size) < 2 or np.abs(lat).max() > 90:
        raise InputError("a land fraction needs at least two lat and two lon centres in degrees, lat in -90..90")
    return _land_fraction(tuple(lat), tuple(lon), subcells)


@cache
def _land_fraction(lat: tuple[float, ...], lon: tuple[float, ...], subcells: int) -> np.ndarray:
    y = np.clip(_sub_points(np.array(lat), subcells), -90, 90)
    x = (_sub_points(np.unwrap(lon, period=360), subcells) + 180) % 360 - 180
    land = land_polygons()
    shapely.prepare(land)
    on_land = shapely.intersects_xy(land, *np.meshgrid(x, y))
    fraction = on_land.reshape(len(lat), subcells, len(lon), subcells).mean(axis=(1, 3))
    fraction.flags.writeable = False
    return fraction


def _sub_points(centres: np.ndarray, subcells: int) -> np.ndarray:
    """Return the regular sub-points of every cell, shape (n * subcells,)."""
    edges = cell_edges(centres)
    steps = (np.arange(subcells) + 0.5) / subcells
    return (edges[:-1, None] + np.diff(edges)[:, None] * steps).ravel()


def matching(labels: np.ndarray, wanted: np.ndarray, period: float | None = None) -> np.ndarray:
    """Return where each of the wanted coordinates stands among some labels.

    Parameters
    ----------
    labels, wanted : array, shape (n,), degrees
    period : float, optional
        360 for longitudes, of which any convention will do.

    Returns
    -------
    array of int, shape (n,)

    Raises
    ------
    InputError
        If one is not there, to a thousandth of a degree.
    """
    distance = np.abs(labels[None, :] - wanted[:, None])
    if period is not None:
        distance = np.minimum(distance % period, -distance % period)
    places = distance.argmin(axis=1)
    missing = distance[np.arange(len(wanted)), places] > 1e-3
    if missing.any() or len(labels) != len(wanted):
        what = f"{wanted[missing][0]:g} is not among them" if missing.any() else "there are more"
        raise InputError(f"coordinates {labels[0]:g} .. {labels[-1]:g} are not those wanted: {what}")
    return places


def area_weights(lat: np.ndarray) -> np.ndarray:
    """Cosine-latitude area weights with mean 1.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Latitudes of the cell centres.

    Returns
    -------
    array, shape (lat,), dimensionless
        cos(lat) divided by its mean, so that an unweighted mean of ``field * weights`` is the area mean.

    Raises
    ------
    ValueError
        If a latitude lies outside [-90, 90].
    """
    lat = np.asarray(lat, dtype=np.float64)
    if np.abs(lat).max() > 90:
        raise ValueError(f"latitudes must be degrees in [-90, 90], found {np.abs(lat).max():g}")
    weights = np.cos(np.deg2rad(lat))
    return weights / weights.mean()


def area_mean(field: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Area-weighted mean over the last two dimensions.

    Parameters
    ----------
    field : array, shape (..., lat, lon)
        Any quantity; its units are kept.
    lat : array, shape (lat,), degrees north
        Latitudes of the cell centres.

    Returns
    -------
    array, shape (...)
        The mean with weights `area_weights`.
    """
    return np.einsum("...yx,y->...", field, area_weights(lat)) / (field.shape[-2] * field.shape[-1])
