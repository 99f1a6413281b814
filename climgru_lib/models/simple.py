"""Baselines without a network: monthly climatology, regression on forcings and pattern scaling.

All work on z-scored series, are fitted in closed form on the months that a split leaves, and hold their
coefficients as buffers, so that they are saved and loaded like any other model. Of annual data, with one step a year,
years are their months, all of one calendar month.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..contract import PUBLISHED_FORCINGS, PUBLISHED_TARGETS, InputError
from ..data.normalizer import Normalizer
from ..grid import area_mean

CO2, SO2, CH4 = (PUBLISHED_FORCINGS.index(name) for name in ("CO2", "SO2", "CH4"))  # input channels
TAS, PR = (PUBLISHED_TARGETS.index(name) for name in ("tas", "pr"))  # target channels
CH4_MEMORY_YEARS, SO2_MEMORY_YEARS = 10.0, 5.0  # e-folding times, fitted to CESM2's global mean temperature


@dataclass
class FitSeries:
    """One scenario for a closed-form fit.

    ``inputs`` (time, channel, lat, lon) and ``target`` (time, target, lat, lon), the mean over the members
    that keep a month, are z-scored with ``normalizer``; ``weight`` (time,) is the number of those members,
    0 if none; ``calendar_month`` (time,) is 1..12; ``lon`` (lon,) is in degrees east.
    """

    inputs: Tensor
    target: Tensor
    weight: np.ndarray
    calendar_month: np.ndarray
    lon: np.ndarray
    normalizer: Normalizer


class Climatology(nn.Module):
    """Predict each calendar month's mean map of the training months.

    Parameters
    ----------
    grid : (int, int)
        Number of latitudes and longitudes.
    n_targets, steps_per_year : int
    """

    def __init__(self, grid: tuple[int, int], n_targets: int = 2, steps_per_year: int = 12):
        super().__init__()
        self.register_buffer("mean", torch.zeros(steps_per_year, n_targets, *grid))

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Average the training months of each calendar month; ``lat`` is not needed here."""
        for month in range(len(self.mean)):
            maps, weights = one_month(series, [s.target for s in series], month)
            self.mean[month] = torch.einsum("t,t...->...", weights / weights.sum(), maps)

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon)."""
        return self.mean[torch.as_tensor(calendar_month - 1)]


class Regression(nn.Module):
    """Regress each cell, per calendar month, on the global means of some forcings of the same month.

    Parameters
    ----------
    grid : (int, int)
        Number of latitudes and longitudes.
    forcings : sequence of str
        Of `contract.PUBLISHED_FORCINGS` without the sunlight, which is the same every year.
    n_targets, steps_per_year : int

    Raises
    ------
    InputError
        If a forcing is unknown or named twice.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        forcings: tuple[str, ...] = ("CO2",),
        n_targets: int = 2,
        steps_per_year: int = 12,
    ):
        super().__init__()
        known = PUBLISHED_FORCINGS[:4]
        if not forcings or len(set(forcings)) != len(forcings) or not set(forcings) <= set(known):
            raise InputError(f"regression wants different forcings out of {', '.join(known)}, got {list(forcings)}")
        self.channels = [PUBLISHED_FORCINGS.index(name) for name in forcings]
        self.register_buffer("coefficients", torch.zeros(steps_per_year, 1 + len(forcings), n_targets, *grid))

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit intercept and slopes of every cell and calendar month by least squares, weighted by members."""
        predictors = [self._predictors(s.inputs, lat) for s in series]
        for month in range(len(self.coefficients)):
            maps, weights = one_month(series, [s.target for s in series], month)
            design, _ = one_month(series, predictors, month)
            root = weights.sqrt().double()[:, None]
            wanted = root * maps.flatten(1).double()
            solved = torch.linalg.lstsq(root * design, wanted, driver="gelsd").solution
            self.coefficients[month] = solved.view(-1, *maps.shape[1:])

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon)."""
        month = torch.as_tensor(calendar_month - 1)
        return torch.einsum("tp,tpcyx->tcyx", self._predictors(inputs, lat).float(), self.coefficients[month])

    def _predictors(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        means = area_mean(inputs[:, self.channels].numpy(), lat)
        return torch.from_numpy(np.hstack([np.ones((len(means), 1)), means]))


class PatternScaling(nn.Module):
    """Regress each cell, per calendar month, on the global mean temperature that the forcings predict.

    The global mean is a linear function of CO2, lagged CH4 and lagged SO2 plus a seasonal cycle; the lags
    are exponential filters that start at the first month's value. Pattern scaling goes back to Santer et al.
    (1990); this form with one predictor follows Luetjens et al. (2025), doi:10.1029/2024MS004619.

    Parameters
    ----------
    grid : (int, int)
        Number of latitudes and longitudes.
    n_targets, steps_per_year : int
    """

    def __init__(self, grid: tuple[int, int], n_targets: int = 2, steps_per_year: int = 12):
        super().__init__()
        self.register_buffer("global_slope", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(steps_per_year, n_targets, *grid))
        self.register_buffer("slope", torch.zeros(steps_per_year, n_targets, *grid))

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit the global regression, then the pattern of each calendar month.

        Parameters
        ----------
        series : list of FitSeries
            The open scenarios.
        lat : array, shape (lat,), degrees north
            For the area weights of the global means.
        """
        predictors = np.concatenate([_global_predictors(s.inputs, lat, len(self.slope)) for s in series])
        season = np.concatenate([np.eye(len(self.slope))[s.calendar_month - 1] for s in series])
        warming = np.concatenate([area_mean(s.target[:, TAS].numpy(), lat) for s in series])
        root = np.sqrt(np.concatenate([s.weight for s in series]))[:, None]
        design = np.hstack([predictors, season]) * root
        coefficients = np.linalg.lstsq(design, warming * root[:, 0], rcond=None)[0]
        self.global_slope[:] = torch.from_numpy(coefficients[:3])
        warming = [self.global_warming(s.inputs, lat) for s in series]
        for month in range(len(self.slope)):
            maps, weights = one_month(series, [s.target for s in series], month)
            warm, _ = one_month(series, warming, month)
            share = weights / weights.sum()
            centre, mean = share @ warm, torch.einsum("t,t...->...", share, maps)
            anomaly = share * (warm - centre)
            self.slope[month] = torch.einsum("t,t...->...", anomaly / (anomaly @ warm), maps)
            self.intercept[month] = mean - self.slope[month] * centre

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon); ``inputs`` is a whole scenario."""
        month = torch.as_tensor(calendar_month - 1)
        return self.intercept[month] + self.slope[month] * self.global_warming(inputs, lat)[:, None, None, None]

    def global_warming(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Return the global mean temperature but for a constant and the season, z-scored, shape (time,)."""
        return (torch.from_numpy(_global_predictors(inputs, lat, len(self.slope))) @ self.global_slope).float()


def _global_predictors(inputs: Tensor, lat: np.ndarray, steps_per_year: int) -> np.ndarray:
    """Return CO2, lagged CH4 and lagged SO2 as global means, float64 (time, 3), z-scored units."""
    co2, so2, ch4 = (area_mean(inputs[:, channel].numpy(), lat) for channel in (CO2, SO2, CH4))
    ch4, so2 = lagged(ch4, CH4_MEMORY_YEARS, steps_per_year), lagged(so2, SO2_MEMORY_YEARS, steps_per_year)
    return np.stack([co2, ch4, so2], axis=1)


def lagged(series: np.ndarray, years: float, steps_per_year: int = 12) -> np.ndarray:
    """Filter a series (time, ...) exponentially, starting in equilibrium with its first value."""
    keep, state, out = np.exp(-1 / (steps_per_year * years)), 0.0, np.empty_like(series)
    for month, change in enumerate(series - series[0]):  # scipy.signal, which does this, is imported in a second
        out[month] = state = (1 - keep) * change + keep * state
    return series[0] + out


def no_rain(normalizer: Normalizer) -> float:
    """Return the z-score of no precipitation, as the next float32 above, so that rounding leaves none below."""
    zero = np.float32(-normalizer.target_mean[PR] / normalizer.target_std[PR])
    return float(np.nextafter(zero, np.float32(np.inf)))


def one_month(series: list[FitSeries], values: list[Tensor], month: int) -> tuple[Tensor, Tensor]:
    """Gather one calendar month (0..11) of ``values`` (time, ...) and its weights, months without weight left out."""
    chosen = [(s.calendar_month == month + 1) & (s.weight > 0) for s in series]
    weights = np.concatenate([s.weight[at] for s, at in zip(series, chosen)])
    picked = torch.cat([value[torch.from_numpy(at)] for value, at in zip(values, chosen)])
    return picked, torch.from_numpy(weights).float()


def make_room(model: nn.Module, state: dict[str, Tensor], prefix: str, *_) -> None:
    """Before a load, give the model's empty buffers, whose length the training data decide, that of the loaded ones."""
    for name, buffer in model.named_buffers(recurse=False):
        if not buffer.numel() and prefix + name in state:
            setattr(model, name, torch.empty_like(state[prefix + name]))
