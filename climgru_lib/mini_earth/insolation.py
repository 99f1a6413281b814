"""Sunlight at the top of the atmosphere: Berger's daily-mean formula, averaged over months and grid cells."""

from __future__ import annotations

import numpy as np

DAYS_PER_YEAR = 365
MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

# Orbit of the CESM calendar year; the values that CESM2's own insolation follows (Berger 1978 convention).
SOLAR_CONSTANT = 1360.742  # W m-2
OBLIQUITY = np.deg2rad(23.441)
PERIHELION = np.deg2rad(102.732 + 180)  # longitude of the Sun at perihelion, from the vernal equinox
ECCENTRICITY = 0.0167
EQUINOX_DAY = 80.501  # day of the year of the vernal equinox, 1.0 = start of 1 January


def solar_longitude(day: np.ndarray) -> np.ndarray:
    """Return the true longitude of the Sun on a day of the 365-day year.

    Parameters
    ----------
    day : array
        Day of the year, 1.5 = noon of 1 January.

    Returns
    -------
    array
        Longitude from the vernal equinox, rad.

    Notes
    -----
    Source: Berger (1978), J. Atmos. Sci. 35, 2362: equation of centre to the third order of the eccentricity.
    """
    e, beta = ECCENTRICITY, np.sqrt(1 - ECCENTRICITY**2)
    offset = 2 * (
        (e / 2 + e**3 / 8) * (1 + beta) * np.sin(PERIHELION)
        - e**2 / 4 * (0.5 + beta) * np.sin(2 * PERIHELION)
        + e**3 / 8 * (1 / 3 + beta) * np.sin(3 * PERIHELION)
    )
    mean = offset + 2 * np.pi * (day - EQUINOX_DAY) / DAYS_PER_YEAR
    anomaly = mean - PERIHELION
    return (
        mean
        + (2 * e - e**3 / 4) * np.sin(anomaly)
        + 5 / 4 * e**2 * np.sin(2 * anomaly)
        + 13 / 12 * e**3 * np.sin(3 * anomaly)
    )


def daily_mean(lat: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Compute the daily-mean insolation.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
    day : array, shape (day,)
        Day of the year, 1.5 = noon of 1 January.

    Returns
    -------
    array, shape (day, lat), W m-2

    Notes
    -----
    Source: Berger (1978): ``S0/pi (1/r)**2 (H sin(lat) sin(dec) + cos(lat) cos(dec) sin(H))``, where r is the
    distance to the Sun over its mean and H the half day.
    """
    longitude = solar_longitude(np.asarray(day, float))[:, None]
    phi = np.deg2rad(np.asarray(lat, float))
    declination = np.arcsin(np.sin(OBLIQUITY) * np.sin(longitude))
    inverse_distance = (1 + ECCENTRICITY * np.cos(longitude - PERIHELION)) / (1 - ECCENTRICITY**2)
    half_day = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1, 1))
    return (
        SOLAR_CONSTANT
        / np.pi
        * inverse_distance**2
        * (half_day * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(half_day))
    )


def monthly_mean(lat: np.ndarray, rows: int = 4) -> np.ndarray:
    """Compute the mean insolation of every noleap month and grid row.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Equidistant cell centres.
    rows : int
        Latitudes per cell over which the daily mean is averaged.

    Returns
    -------
    array, shape (12, lat), W m-2
        January first.
    """
    lat = np.asarray(lat, float)
    step = lat[1] - lat[0] if lat.size > 1 else 0.0
    fine = np.clip(lat[:, None] + step * ((np.arange(rows) + 0.5) / rows - 0.5), -90, 90)
    days = np.arange(DAYS_PER_YEAR) + 1.5
    daily = daily_mean(fine.ravel(), days).reshape(DAYS_PER_YEAR, lat.size, rows).mean(axis=2)
    starts = np.concatenate([[0], np.cumsum(MONTH_DAYS)[:-1]])
    return np.add.reduceat(daily, starts, axis=0) / MONTH_DAYS[:, None]
