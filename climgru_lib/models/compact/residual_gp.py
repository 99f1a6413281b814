"""A Gaussian process on top of a simple emulator: what that misses, learned from similar years."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ...contract import InputError
from ...grid import area_mean
from ..simple import CO2, PR, SO2, FitSeries, PatternScaling, lagged, make_room, no_rain
from .energy_balance import EnergyBalance

PRIORS = {"pattern_scaling": PatternScaling, "energy_balance": EnergyBalance}

CO2_MEMORY_YEARS = 40.0
LENGTH = 2.0  # standard deviations of the predictors over the training years
OWN_MEMORY_YEARS = 100.0
SIGNAL = (0.1, 1 / 30)  # of pr the second: variance of either kernel over that of one member's annual weather
SAME = 1e-3  # standard deviations; predictors of one scenario, read from two stores, agree better


class ResidualGP(nn.Module):
    """Add to a prior emulator its annual residual of training years with similar forcing, and of the own scenario.

    The residual's covariance is ``signal * (RBF(forcing) + exp(-|years apart| / 100))``, the second part within a
    scenario only; the noise of a year is 1 over its members. Forcing is described by the predicted global
    temperature, CO2 lagged by 40 years and SO2. A scenario is recognised by its forcing in the training years, so
    an unseen one gets the first part alone.

    Parameters
    ----------
    grid : (int, int)
        Number of latitudes and longitudes.
    prior : {"pattern_scaling", "energy_balance"}
    n_targets : int
        Those beyond tas and pr have the signal of tas.
    steps_per_year : int

    Raises
    ------
    InputError
        If there is no such prior.

    Notes
    -----
    Kernel ridge regression, the mean of a Gaussian process (Rasmussen and Williams 2006, chapter 2).
    """

    def __init__(
        self, grid: tuple[int, int], prior: str = "pattern_scaling", n_targets: int = 2, steps_per_year: int = 12
    ):
        super().__init__()
        self.steps_per_year = steps_per_year
        if prior not in PRIORS:
            raise InputError(f"unknown prior '{prior}'; there are {', '.join(PRIORS)}")
        self.prior = PRIORS[prior](grid, n_targets, steps_per_year)
        self.register_buffer("dry", torch.zeros(()))  # z-score of no precipitation
        self.register_buffer("centre", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(3, dtype=torch.float64))
        self.register_buffer("years", torch.zeros(0, 5, dtype=torch.float64))  # scenario, year, three predictors
        self.register_buffer("weights", torch.zeros(0, n_targets, *grid))
        self.register_load_state_dict_pre_hook(make_room)

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit the prior, then the Gaussian process on its residuals.

        Parameters
        ----------
        series : list of FitSeries
            The open scenarios; whole years from the first month on are used.
        lat : array, shape (lat,), degrees north
            For the area weights of the global means.
        """
        self.prior.fit(series, lat)
        self.dry.fill_(no_rain(series[0].normalizer))
        rows, residuals, members, steps = [], [], [], self.steps_per_year
        for number, one in enumerate(series):
            n_years = len(one.weight) // steps
            error = (one.target - self.prior.predict(one.inputs, one.calendar_month, lat))[: steps * n_years]
            weight = torch.from_numpy(one.weight[: steps * n_years]).view(n_years, steps)
            total = torch.einsum("ym,ym...->y...", weight, error.double().view(n_years, steps, *error.shape[1:]))
            used = np.flatnonzero(weight.sum(1) > 0)
            rows.append(np.column_stack([np.full(len(used), number), used, self._features(one.inputs, lat)[used]]))
            residuals.append(total[used] / weight.sum(1)[used, None, None, None])
            members.append(weight.mean(1)[used])
        years = torch.from_numpy(np.concatenate(rows))
        self.centre[:], self.scale[:] = years[:, 2:].mean(0), years[:, 2:].std(0, correction=0).clamp(min=1e-9)
        self.years = years
        covariance, noise = self._covariance(years), torch.diag(1 / torch.cat(members))
        wanted = torch.cat(residuals).flatten(2)
        solved = [
            torch.linalg.solve(signal * covariance + noise, wanted[:, i]) for i, signal in enumerate(self._signals())
        ]
        self.weights = torch.stack(solved, 1).view(-1, *self.weights.shape[1:]).float()

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon); ``inputs`` is a whole scenario."""
        maps = self.prior.predict(inputs, calendar_month, lat) + self.residual(inputs, lat)
        maps[:, PR].clamp_(min=self.dry)
        return maps

    def residual(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Return what is added to the prior's maps, z-scored (time, target, lat, lon), the same all year."""
        features = torch.from_numpy(self._features(inputs, lat))
        own = torch.full((len(features), 1), float(self._recognise(features[: len(inputs) // self.steps_per_year])))
        at = torch.arange(len(features))[:, None]
        similar = self._covariance(torch.cat([own, at, features], 1)).float()
        annual = torch.stack(
            [signal * torch.tensordot(similar, self.weights[:, i], 1) for i, signal in enumerate(self._signals())], 1
        )
        return annual.repeat_interleave(self.steps_per_year, 0)[: len(inputs)]

    def _signals(self) -> list[float]:
        return [SIGNAL[i == PR] for i in range(self.weights.shape[1])]

    def _features(self, inputs: Tensor, lat: np.ndarray) -> np.ndarray:
        """Return annual means of the three predictors, float64 (year, 3); the last year may be cut short."""
        co2, so2 = (area_mean(inputs[:, channel].numpy(), lat) for channel in (CO2, SO2))
        co2 = lagged(co2, CO2_MEMORY_YEARS, self.steps_per_year)
        steps = np.stack([self.prior.global_warming(inputs, lat).numpy(), co2, so2], 1)
        starts = np.arange(0, len(steps), self.steps_per_year)
        return np.add.reduceat(steps, starts, dtype=np.float64) / np.diff([*starts, len(steps)])[:, None]

    def _recognise(self, features: Tensor) -> int:
        """Return the number of the training scenario with these predictors, -1 if there is none."""
        for number in self.years[:, 0].unique():
            rows = self.years[(self.years[:, 0] == number) & (self.years[:, 1] < len(features))]
            apart = (rows[:, 2:] - features[rows[:, 1].long()]) / self.scale
            if len(rows) and apart.abs().max() < SAME:
                return int(number)
        return -1

    def _covariance(self, years: Tensor) -> Tensor:
        """Return the kernels' sum between years (scenario, year, predictors) and the training years."""
        a, b = ((rows[:, 2:] - self.centre) / self.scale / LENGTH for rows in (years, self.years))
        forcing = torch.exp(-(torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2)
        own = torch.exp(-(years[:, None, 1] - self.years[None, :, 1]).abs() / OWN_MEMORY_YEARS)
        return forcing + own * (years[:, None, 0] == self.years[None, :, 0])
