"""Seasonal encodings: input channels that tell the network the calendar month.

``published`` is the sixth input channel of the published method; its amplitude is largest on both sides of the
equator, where it jumps, and vanishes at the poles, and one cosine cannot tell April from October. ``phase``
follows the annual harmonic of insolation, which goes with sin(lat), and carries cosine and sine, so that every
month is told from every other. ``none`` adds nothing; annual data have no other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..contract import InputError


def published(lat: ArrayLike, month: ArrayLike) -> NDArray[np.float64]:
    """Return the published encoding, sign(lat) cos(lat) cos(2 pi (month - 1) / 12).

    Parameters
    ----------
    lat : array_like, degrees north
    month : array_like, calendar month 1..12
        Broadcast against `lat`.

    Returns
    -------
    ndarray, dimensionless, -1..1 (before z-scoring)
    """
    lat = np.asarray(lat, dtype=np.float64)
    return np.sign(lat) * np.cos(np.deg2rad(lat)) * np.cos(_year_angle(month))


def phase(lat: ArrayLike, month: ArrayLike) -> NDArray[np.float64]:
    """Return sin(lat) times cosine and sine of the month's angle, stacked on a new first axis.

    Parameters and units are those of `published`; the two channels together have the amplitude ``|sin(lat)|``.
    """
    amplitude = np.sin(np.deg2rad(np.asarray(lat, dtype=np.float64)))
    angle = _year_angle(month)
    return np.stack([amplitude * np.cos(angle), amplitude * np.sin(angle)])


def none(lat: ArrayLike, month: ArrayLike) -> NDArray[np.float64]:
    """Return no channel: an array whose first axis is empty, for `lat` and `month` broadcast."""
    return np.empty((0, *np.broadcast(lat, month).shape))


def _year_angle(month: ArrayLike) -> NDArray[np.float64]:
    return 2 * np.pi * (np.asarray(month, dtype=np.float64) - 1) / 12


_ENCODINGS = {
    "published": (published, ("season",)),
    "phase": (phase, ("season_cos", "season_sin")),
    "none": (none, ()),
}


def channels(name: str) -> tuple[str, ...]:
    """Return the names of the channels that encoding `name` adds after the forcings.

    Raises
    ------
    InputError
        If there is no encoding of that name.
    """
    if name not in _ENCODINGS:
        raise InputError(f"unknown seasonal encoding {name!r}; choose one of {', '.join(_ENCODINGS)}")
    return _ENCODINGS[name][1]


def encode(name: str, lat: ArrayLike, months: ArrayLike) -> NDArray[np.float32]:
    """Return the channels of a seasonal encoding for a series of months.

    Parameters
    ----------
    name : {"published", "phase", "none"}
    lat : array_like, shape (lat,), degrees north
    months : array_like of int, shape (time,), calendar months 1..12

    Returns
    -------
    ndarray of float32, shape (time, channel, lat), dimensionless
        Before z-scoring; ``none`` has no channel.

    Raises
    ------
    InputError
        If the encoding is unknown, a latitude leaves -90..90 or a month is not one of 1..12.
    """
    count = len(channels(name))
    lat, months = np.asarray(lat, dtype=np.float64), np.asarray(months)
    if not (np.abs(lat) <= 90).all():
        raise InputError("seasonal encoding: latitudes must lie in -90..90 degrees north")
    if not np.isin(months, np.arange(1, 13)).all():
        raise InputError("seasonal encoding: months must be whole numbers 1..12 (January is 1)")
    season = _ENCODINGS[name][0](lat, months[:, None]).reshape(count, len(months), len(lat))
    return season.swapaxes(0, 1).astype(np.float32)
