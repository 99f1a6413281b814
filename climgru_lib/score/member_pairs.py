"""Weather as pairs of members show it, and what a prediction scores on it.

The difference of two members over the square root of 2 is noise of one member's variance, and its negative as good a
sample. Means over time and globe are linear, so that those of a pair follow from those of its members; squares and
absolute values are taken pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ..contract import Step
from ..grid import area_mean
from .metrics import annual_means, nrmse_of_means

SIGNS = (1, -1)


class MemberPairs:
    """All pairs of the members of a slice.

    Parameters
    ----------
    members : array of float64, shape (member, time, lat, lon)
        One variable.
    lat : array, shape (lat,), degrees north
    step : Step
        Of the fields.
    """

    def __init__(self, members: np.ndarray, lat: np.ndarray, step: Step):
        self.lat, self.step, self.pairs = lat, step, [*combinations(range(len(members)), 2)]
        self.halves = members / np.sqrt(2)
        self.means = self.halves.mean(axis=1)
        self.annual = annual_means(area_mean(self.halves, lat), step)

    def _noise(self) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """Yield for each pair its numbers, its noise (time, lat, lon) until the next, and the mean square of it."""
        noise = np.empty_like(self.halves[0])
        for j, k in self.pairs:
            np.subtract(self.halves[j], self.halves[k], out=noise)
            yield j, k, noise, np.einsum("tyx,tyx->yx", noise, noise) / len(noise)

    def stds(self, forced: np.ndarray) -> Iterator[np.ndarray]:
        """Yield for each pair the standard deviations in time of ``forced`` with the noise of either sign on top.

        Parameters
        ----------
        forced : array, shape (time, lat, lon)

        Yields
        ------
        array, shape (sign, lat, lon)
        """
        own, anomaly = forced.var(axis=0), forced - forced.mean(axis=0)
        covariance = np.einsum("tyx,mtyx->myx", anomaly, self.halves) / len(forced)
        for j, k, _, square in self._noise():
            variance = own + square - (self.means[j] - self.means[k]) ** 2
            shared = 2 * (covariance[j] - covariance[k])
            yield np.sqrt(np.clip([variance + sign * shared for sign in SIGNS], 0, None))

    def scores(self, departure: np.ndarray, share: float, change: float) -> dict[str, np.ndarray]:
        """Score a prediction on truths that are a forced response with the noise on top.

        Parameters
        ----------
        departure : array, shape (time, lat, lon)
            The prediction less the forced response.
        share : float
            Of the noise in the mean of the members, for the NRMSE.
        change : float
            See `metrics.nrmse`.

        Returns
        -------
        dict of array, shape (pair, sign)
            The metrics of `metrics.all_metrics`, less ``time_std_mae``.
        """
        product = np.einsum("tyx,mtyx->myx", departure, self.halves) / len(departure)
        square, mean = np.square(departure).mean(axis=0), departure.mean(axis=0)
        annual, error, rows = annual_means(area_mean(departure, self.lat), self.step), np.empty_like(departure), []
        for j, k, noise, noise_square in self._noise():
            of_noise, of_annual = self.means[j] - self.means[k], self.annual[j] - self.annual[k]
            mixed, row = 2 * (product[j] - product[k]), []
            for sign, subtract in zip(SIGNS, (np.subtract, np.add)):
                absolute = np.abs(subtract(departure, noise, out=error), out=error).mean(axis=0)
                row.append(
                    {
                        "monthly_rmse": self._root(square - sign * mixed + noise_square),
                        "time_mean_rmse": self._root((mean - sign * of_noise) ** 2),
                        "crps": float(area_mean(absolute, self.lat)),
                        **self._nrmse(mean - sign * share * of_noise, annual - sign * share * of_annual, change),
                    }
                )
            rows.append(row)
        return {name: np.array([[one[name] for one in row] for row in rows]) for name in rows[0][0]}

    def _root(self, squares: np.ndarray) -> float:
        return float(np.sqrt(max(area_mean(squares, self.lat), 0)))

    def _nrmse(self, mean: np.ndarray, annual: np.ndarray, change: float) -> dict[str, float]:
        return {f"nrmse_{name}": value for name, value in nrmse_of_means(mean, annual, change, self.lat).items()}
