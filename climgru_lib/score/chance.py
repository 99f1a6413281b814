"""How far the mean map of a period may lie from another by internal variability alone."""

from __future__ import annotations

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
    array, shape (lat, lon), and int
        The variance of the mean over such a period in one member, and its degrees of freedom.

    Raises
    ------
    ValueError
        With one member, or a period longer than the scenario.

    Notes
    -----
    Members share the forced response, so their block means differ by internal variability alone. The variance between
    members is averaged over the periods of this length that fit into the scenario, counted from its end, without
    overlap; slow variability is in it, as blocks are as long as the period. It is taken as constant over the scenario.
    """
    members, blocks = len(yearly), yearly.shape[1] // years if years else 0
    if members < 2 or not blocks:
        raise ValueError(f"{members} members of {yearly.shape[1]} years tell no variance of a mean of {years}")
    late = yearly[:, yearly.shape[1] - blocks * years :].astype(float)
    means = late.reshape(members, blocks, years, *yearly.shape[2:]).mean(axis=2)
    return means.var(axis=0, ddof=1).mean(axis=0), blocks * (members - 1)


def allowed(variance: np.ndarray, freedom: int, confidence: float = 0.95) -> np.ndarray:
    """Return the largest difference, in size, that chance explains: two-sided, by Student's t.

    Parameters
    ----------
    variance : array
        Of the difference, as estimated with ``freedom`` degrees of freedom.
    freedom : int
    confidence : float
        Of each cell by itself: where nothing but chance is at work, 5 % of the cells lie beyond.
    """
    return stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance)
