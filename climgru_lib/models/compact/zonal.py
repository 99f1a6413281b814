"""Zonal climate physics: diffusion of heat over the latitudes, and what the Atlantic overturning does to them."""

from __future__ import annotations

import numpy as np

from ...contract import InputError
from ...grid import area_weights
from ..simple import lagged

#: Diffusion about 0.6 W m-2 K-1, as in models fitted to today's climate; feedback that of CESM2, 0.63 W m-2 K-1
#: (Zelinka et al. 2020, doi:10.1029/2019GL085782).
DIFFUSION_OVER_FEEDBACK = 1.0

# The overturning: its heat transport is lost once the warming since the start, lagged, nears a scale.
LOSS_MEMORY_YEARS, LOSS_SCALE = 20.0, 0.5  # years, K
LOSS_START_YEARS = 5  # "the start" is the mean over these
HEAT_FROM, HEAT_TO = (-35.0, 5.0), (40.0, 70.0)  # degrees north
ATLANTIC_LAT, ATLANTIC_LON = (40.0, 75.0), (300.0, 20.0)  # degrees north; degrees east, across 0

CONTRAST_FROM = 15.0  # degrees; the hemispheres poleward of this


def overturning_loss(warming: np.ndarray, steps_per_year: int = 12) -> np.ndarray:
    """Return the lost share of the overturning's heat transport, 0 to 1, shape (time,).

    Parameters
    ----------
    warming : array, shape (time,), K
        Global, of months or years.
    steps_per_year : int
    """
    start = warming[: LOSS_START_YEARS * steps_per_year].mean()
    past = lagged(warming - start, LOSS_MEMORY_YEARS, steps_per_year)
    return 1 - np.exp(-((np.maximum(past, 0) / LOSS_SCALE) ** 2))


def green(lat: np.ndarray, ratio: float = DIFFUSION_OVER_FEEDBACK) -> np.ndarray:
    """Invert the steady diffusive energy balance ``(1 - ratio d/dx (1 - x^2) d/dx) T = F``, x the sine of latitude.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Equally spaced.
    ratio : float
        Diffusion over feedback.

    Returns
    -------
    array, shape (lat, lat)
        Turns the warming without transport into that with it; the area mean stays.
    """
    radians = np.deg2rad(lat)
    flux = np.cos((radians[1:] + radians[:-1]) / 2)
    difference = np.diff(np.eye(len(lat)), axis=0)
    divergence = difference.T @ (flux[:, None] * difference) / np.cos(radians)[:, None] / np.diff(radians).mean() ** 2
    return np.linalg.inv(np.eye(len(lat)) + ratio * divergence)


def transport_pattern(lat: np.ndarray) -> np.ndarray:
    """Return the temperature by latitude, shape (lat,), of heat kept in the south; -1 where it was carried to."""
    kept, lacking = (_band(lat, *limits) for limits in (HEAT_FROM, HEAT_TO))
    weights = area_weights(lat)
    pattern = green(lat) @ (kept / (kept @ weights) - lacking / (lacking @ weights))
    return -pattern / pattern[lacking].mean()


def contrast_weights(lat: np.ndarray) -> np.ndarray:
    """Return the weights, shape (lat,), of the northern minus the southern mean poleward of `CONTRAST_FROM`."""
    weights = area_weights(lat)
    north, south = _band(lat, CONTRAST_FROM, 90), _band(lat, -90, -CONTRAST_FROM)
    return weights * (north / (north @ weights) - south / (south @ weights))


def north_atlantic(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Mark the cells of the North Atlantic, bool (lat, lon)."""
    west, east = ATLANTIC_LON
    south, north = ATLANTIC_LAT
    return ((lat > south) & (lat < north))[:, None] & ((lon % 360 > west) | (lon % 360 < east))


def _band(lat: np.ndarray, south: float, north: float) -> np.ndarray:
    """Mark the latitudes between two; refuse a grid that has none."""
    inside = (lat > south) & (lat < north)
    if not inside.any():
        raise InputError(f"the grid has no latitude between {south:g} and {north:g}, the energy balance needs one")
    return inside
