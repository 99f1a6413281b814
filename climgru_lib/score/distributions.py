"""Scores of ensembles and of distributions: whether the spread is right, and a draw looks like weather.

Ensembles have shape ``(member, time, lat, lon)``; a truth, ``(time, lat, lon)``. Each number belongs beside the same
number of one member of the truth scored against another (`noise_limits`): a perfect ensemble reaches that and no more.
"""

from __future__ import annotations

import numpy as np

from ..grid import area_mean, area_weights


def fair_crps(ensemble: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Fair continuous ranked probability score, point by point.

    Parameters
    ----------
    ensemble : array, shape (member, ...)
        Draws of the forecast.
    truth : array, shape (...)
        In the same unit.

    Returns
    -------
    array of float64, shape (...)
        Mean absolute difference to the truth less half of that between two draws, in the unit of the input. Its
        expectation does not depend on the number of draws; one draw has no spread, and leaves the absolute error.

    Notes
    -----
    Source: Ferro (2014), doi:10.1002/qj.2270. Half the mean difference of all pairs comes from the sorted draws:
    the sum of (2 i - M - 1) x_i over i = 1..M, divided by M (M - 1).
    """
    ordered = np.sort(np.asarray(ensemble, dtype=np.float64), axis=0)
    count = len(ordered)
    error = np.abs(ordered - truth).mean(axis=0)
    if count == 1:
        return error
    rank_weight = 2.0 * np.arange(1, count + 1) - count - 1
    return error - np.tensordot(rank_weight, ordered, 1) / (count * (count - 1))


def spread_skill(ensemble: np.ndarray, truth: np.ndarray, lat: np.ndarray) -> float:
    """Ratio of the ensemble's spread to the error of its mean; 1 for a reliable ensemble of any size.

    Parameters
    ----------
    ensemble : array, shape (member, time, lat, lon), at least two members
    truth : array, shape (time, lat, lon)
    lat : array, shape (lat,), degrees north

    Returns
    -------
    float, dimensionless
        sqrt((M + 1) / M) times the root mean (unbiased) variance over the RMSE of the mean; below 1 is overconfident.

    Raises
    ------
    ValueError
        With one member.

    Notes
    -----
    Source: Fortin et al. (2014), doi:10.1175/JHM-D-14-0008.1.
    """
    count = len(ensemble)
    if count < 2:
        raise ValueError("the spread of an ensemble needs at least two members")
    spread = area_mean(ensemble.var(axis=0, ddof=1, dtype=np.float64).mean(axis=0), lat)
    error = np.square(ensemble.mean(axis=0, dtype=np.float64) - truth).mean(axis=0)
    return float(np.sqrt((count + 1) / count * spread / area_mean(error, lat)))


def rank_histogram(ensemble: np.ndarray, truth: np.ndarray, lat: np.ndarray, seed: int = 0) -> np.ndarray:
    """Share of the area and time in which the truth takes each rank among the draws.

    Parameters
    ----------
    ensemble : array, shape (member, time, lat, lon)
    truth : array, shape (time, lat, lon)
    lat : array, shape (lat,), degrees north
    seed : int
        Ranks within ties, such as months without rain, are drawn at random.

    Returns
    -------
    array, shape (member + 1,)
        From below all draws to above all; sums to 1, flat where truth and draws are exchangeable.

    Notes
    -----
    Source: Hamill (2001), doi:10.1175/1520-0493(2001)129<0550:IORHFV>2.0.CO;2.
    """
    below, ties = (ensemble < truth).sum(axis=0), (ensemble == truth).sum(axis=0)
    rank = below + np.random.default_rng(seed).integers(ties + 1)
    weight = np.broadcast_to(area_weights(lat)[:, None] / truth.size, rank.shape)
    return np.bincount(rank.ravel(), weight.ravel(), minlength=len(ensemble) + 1)


def zonal_spectrum(fields: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Power of the variations along parallels, by zonal wavenumber.

    Parameters
    ----------
    fields : array, shape (..., lat, lon)
        Maps on equally spaced longitudes; all leading dimensions are averaged.
    lat : array, shape (lat,), degrees north

    Returns
    -------
    array, shape (lon // 2 + 1,), unit squared
        Area-weighted mean power; wavenumber 0 holds the squared zonal mean, and the sum is the mean square.
    """
    n_lon = fields.shape[-1]
    power = np.square(np.abs(np.fft.rfft(np.asarray(fields, dtype=np.float64)) / n_lon))
    power[..., 1 : (n_lon + 1) // 2] *= 2  # the conjugate half; wavenumber n_lon / 2 is its own conjugate
    power = power.reshape(-1, *power.shape[-2:]).mean(axis=0)
    return area_weights(lat) @ power / len(lat)


def quantiles(fields: np.ndarray, levels: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Area-weighted quantiles over cells and months, for the tails of the rain.

    Parameters
    ----------
    fields : array, shape (..., lat, lon)
    levels : array, shape (level,), each in [0, 1]
    lat : array, shape (lat,), degrees north

    Returns
    -------
    array, shape (level,), unit of the input
        The least value that at least this share of area and time does not exceed.
    """
    values = np.asarray(fields, dtype=np.float64).ravel()
    order = np.argsort(values)
    weight = np.broadcast_to(area_weights(lat)[:, None], fields.shape).ravel()[order]
    share = weight.cumsum() / weight.sum()
    return values[order][np.minimum(np.searchsorted(share, np.asarray(levels) - 1e-12), len(values) - 1)]


def anomalies(fields: np.ndarray, calendar_month: np.ndarray) -> np.ndarray:
    """Remove each calendar month's mean in time.

    Parameters
    ----------
    fields : array, shape (time, lat, lon)
    calendar_month : array of int, shape (time,)

    Returns
    -------
    array of float64, shape (time, lat, lon), unit of the input
    """
    out = np.array(fields, dtype=np.float64)
    for month in np.unique(calendar_month):
        out[calendar_month == month] -= out[calendar_month == month].mean(axis=0)
    return out


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation in time, cell by cell: of tas and pr, or with the next month.

    Parameters
    ----------
    first, second : array, shape (time, lat, lon)
        `anomalies`; for the lag-1 correlation, all but the last and all but the first month of one field.

    Returns
    -------
    array, shape (lat, lon), dimensionless
        NaN where one of them is constant.
    """
    a, b = (np.float64(field) - np.mean(field, axis=0, dtype=np.float64) for field in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).mean(axis=0) / np.sqrt(np.square(a).mean(axis=0) * np.square(b).mean(axis=0))
