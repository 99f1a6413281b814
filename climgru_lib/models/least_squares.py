"""Generalised least squares over scenarios: rows that remember their past and average different numbers of members."""

from __future__ import annotations

import numpy as np

from .simple import FitSeries


class Rows:
    """The rows of a regression: means over some months of some scenarios.

    Parameters
    ----------
    series : list of FitSeries
    picks : list of int arrays, shape (row, month), one per scenario
        The months that each row averages.
    steps_per_year : int
        Of the series; 1 where their months are years.
    """

    def __init__(self, series: list[FitSeries], picks: list[np.ndarray], steps_per_year: int = 12):
        self.picks = picks
        self.scenario = np.repeat(np.arange(len(picks)), [len(pick) for pick in picks])
        self.years = self.gather([np.arange(len(one.weight)) / steps_per_year for one in series])
        self.members = self.gather([one.weight for one in series])

    @classmethod
    def whole_years(cls, series: list[FitSeries], steps_per_year: int = 12) -> Rows:
        """Take the years, counted from the first month on, of which all months have weight."""
        picks = []
        for one in series:
            years = np.arange(len(one.weight) // steps_per_year * steps_per_year).reshape(-1, steps_per_year)
            picks.append(years[(one.weight[years] > 0).all(axis=1)])
        return cls(series, picks, steps_per_year)

    @classmethod
    def of_month(cls, series: list[FitSeries], month: int, steps_per_year: int = 12) -> Rows:
        """Take a calendar month, 1..12, of the years in which it has weight."""
        used = [(one.calendar_month == month) & (one.weight > 0) for one in series]
        return cls(series, [np.flatnonzero(at)[:, None] for at in used], steps_per_year)

    def gather(self, values: list[np.ndarray]) -> np.ndarray:
        """Average ``values``, shape (time, ...) for each scenario, to float64 (row, ...)."""
        return np.concatenate([value[pick].mean(axis=1, dtype=float) for value, pick in zip(values, self.picks)])

    def whitener(self, remembered: float, memory: float) -> np.ndarray:
        """Return the matrix, shape (row, row), that gives the rows independent noise of variance one.

        Parameters
        ----------
        remembered : float
            Share of a member's noise variance that decays with the time between rows of one scenario.
        memory : float, years
            Its e-folding time. The noise of a row goes down with its number of members.
        """
        apart = np.abs(self.years[:, None] - self.years)
        same = self.scenario[:, None] == self.scenario
        correlation = (1 - remembered) * np.eye(len(apart)) + remembered * same * np.exp(-apart / memory)
        covariance = correlation / np.sqrt(np.outer(self.members, self.members))
        return np.linalg.inv(np.linalg.cholesky(covariance))
