"""How far the mean map of a period may lie from another by internal variability alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit


def variance_of_mean(yearly: np.ndarray, years: int) -> tuple[np.ndarray, int]:
    """Estimate the variance that internal variability gives the mean of a period.

    Parameters
    ----------
    yearly : array, shape (member, year, lat, lon)
        One value a year, such as summer means, of all years of a scenario.
    years : int
        Length of the period.

    Returns
    -------
    variance : array, shape (lat, lon)
        Of the mean over such a period in one member; NaN where fewer than two members have one.
    freedom : array of int, shape (lat, lon)
        Its degrees of freedom.

    Raises
    ------
    ValueError
        With one member, or a period longer than the scenario.

    Notes
    -----
    Members share the forced response, so their block means differ by internal variability alone. The variance between
    members is averaged over the periods of this length that fit into the scenario, counted from its end, without
    overlap; slow variability is in it, as blocks are as long as the period. It is taken as constant over the scenario.
    A block of a member counts where it has all its years.
    """
    members, blocks = len(yearly), yearly.shape[1] // years if years else 0
    if members < 2 or not blocks:
        raise ValueError(f"{members} members of {yearly.shape[1]} years tell no variance of a mean of {years}")
    late = yearly[:, yearly.shape[1] - blocks * years :].astype(float)
    means = late.reshape(members, blocks, years, *yearly.shape[2:]).mean(axis=2)
    given = np.isfinite(means)
    count = given.sum(axis=0)
    centre = np.where(given, means, 0).sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(given, means - centre, 0) ** 2).sum(axis=(0, 1))
    freedom = np.maximum(count - 1, 0).sum(axis=0)
    return np.divide(squares, freedom, out=np.full(squares.shape, np.nan), where=freedom > 0), freedom


def variance_of_difference(yearly: np.ndarray, lengths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the variance that internal variability gives the difference of the means of periods.

    Parameters
    ----------
    yearly : array, shape (member, year, lat, lon)
    lengths : sequence of int
        Years of each period, such as that of a change and its baseline.

    Returns
    -------
    variance, freedom : array, shape (lat, lon)
        See `variance_of_mean`; the variances add up.

    Notes
    -----
    Degrees of freedom of a sum of variances after Satterthwaite (1946), doi:10.2307/3002019. Periods of one length
    share their estimate. Estimates of two lengths come from the same years and are taken as independent.
    """
    found = [(count, *variance_of_mean(yearly, years)) for years, count in Counter(lengths).items()]
    total = sum(count * variance for count, variance, _ in found)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / sum((count * variance) ** 2 / freedom for count, variance, freedom in found)
    return total, np.where(total == 0, found[0][2], freedom)


def allowed(variance: np.ndarray, freedom: float | np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Return the largest difference, in size, that chance explains: two-sided, by Student's t.

    Parameters
    ----------
    variance : array
        Of the difference, as estimated with ``freedom`` degrees of freedom.
    freedom : float or array
    confidence : float
        Of each cell by itself: where nothing but chance is at work, 5 % of the cells lie beyond.
    """
    return stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance)
