"""Pattern scaling on the warming of each latitude, which a diffusive energy balance predicts."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from ...contract import InputError
from ...grid import area_mean, area_weights
from ..least_squares import Rows
from ..simple import CH4, CH4_MEMORY_YEARS, CO2, PR, SO2, SO2_MEMORY_YEARS, TAS, FitSeries, lagged, no_rain
from .zonal import LOSS_MEMORY_YEARS, contrast_weights, green, north_atlantic, overturning_loss, transport_pattern

DRIVERS = [CO2, CH4, SO2]  # input channels, in the order of the sensitivities
TG_PER_YEAR = 5.1e14 * 365 * 86_400 / 1e9  # of 1 kg m-2 s-1 emitted all over the earth

# Global temperature: K per 1000 Gt CO2, per Gt/yr CH4 and per Tg/yr SO2; expected, and standard deviation.
# IPCC AR6 has 0.45 (chapter 5), and figure SPM.2 over the emissions of its years about 1.4 and -0.005.
SENSITIVITY = np.array([0.5, 1.1, -0.007])
SENSITIVITY_SPREAD = np.array([0.05, 0.15, 0.0015])
GLOBAL_WEATHER = 0.113  # K; standard deviation of one member's annual mean about the forced response

# Noise of the regressions: share of the variance that is remembered, and for how many years (e-folding). By hand.
GLOBAL_NOISE, ZONAL_NOISE, CELL_NOISE = (0.3, 10.0), (0.41, 8.0), (0.23, 8.0)

TRANSPORT_SPREAD = 2.0  # K; a priori none is lost. For data that do not tell: CESM2 tells to about 0.1 K
PRECISION = (0.2, 0.6)  # of the third coefficient, of pr the second; over that of one member's monthly weather


class EnergyBalance(nn.Module):
    """Regress each cell, per calendar month, on the warming that an energy balance predicts for its latitude.

    The global temperature is linear in CO2, lagged CH4 and lagged SO2, with sensitivities that start from expected
    values. Sulphur cools most where it is emitted: its share is spread over the latitudes by the steady diffusive
    energy balance. With the warming the Atlantic overturning weakens and carries less heat from the tropics and the
    south to the northern middle latitudes. Temperature follows the warming of its latitude, in the North
    Atlantic also the overturning; precipitation follows the global warming and the contrast of the hemispheres, and
    is never negative.

    Parameters
    ----------
    grid : (int, int)
        Number of latitudes and longitudes.
    n_targets : int
        Those beyond tas and pr are regressed as tas is.
    steps_per_year : int

    Notes
    -----
    The steady diffusive balance is that of Sellers (1969, J. Appl. Meteorol. 8, 392) and North (1975, J. Atmos. Sci.
    32, 2033), the regression of each cell that of pattern scaling. The overturning weakens in all CMIP6 models (Weijer
    et al. 2020, doi:10.1029/2019GL086075); its loss as a saturating function of past warming is ours. That rain follows
    the contrast of the hemispheres is known from Kang et al. (2008, doi:10.1175/2007JCLI2146.1).

    Its settings and form were chosen with all three open scenarios in view, so scores on them flatter it; which months
    were looked at, and when, stands in the book's page "How it was found".
    """

    def __init__(self, grid: tuple[int, int], n_targets: int = 2, steps_per_year: int = 12):
        super().__init__()
        self.steps_per_year = steps_per_year
        self.register_buffer("units", torch.zeros(2, 3, dtype=torch.float64))  # mean and std of the drivers' channels
        self.register_buffer("dry", torch.zeros(()))  # z-score of no precipitation
        self.register_buffer("sensitivity", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("transport", torch.zeros((), dtype=torch.float64))  # K at full loss, middle latitudes
        self.register_buffer("contrast", torch.zeros(2, dtype=torch.float64))  # its line against global warming
        self.register_buffer("coefficients", torch.zeros(steps_per_year, 3, n_targets, *grid))

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit global sensitivities, the loss of heat transport, then each cell and calendar month.

        Parameters
        ----------
        series : list of FitSeries
            The open scenarios; the first two fits take the years of which all months have weight.
        lat : array, shape (lat,), degrees north
            Equally spaced.

        Raises
        ------
        InputError
            If no scenario has two such years, or the grid lacks latitudes of the energy balance.
        """
        normalizer = series[0].normalizer
        self.units[:] = torch.from_numpy(np.stack([normalizer.input_mean, normalizer.input_std])[:, DRIVERS])
        self.dry.fill_(no_rain(normalizer))
        years = Rows.whole_years(series, self.steps_per_year)
        if not (np.diff(years.scenario) == 0).any():
            raise InputError("the energy balance needs two whole years of a scenario to be fitted; withhold less")
        self._fit_sensitivity(series, lat, years)
        self._fit_zonal(series, lat, years)
        self._fit_patterns(series, lat)

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon); ``inputs`` is a whole scenario."""
        predictors = torch.from_numpy(self._predictors(inputs, lat)).float()
        maps = torch.empty(len(inputs), *self.coefficients.shape[2:])
        for month in range(self.steps_per_year):
            at = torch.from_numpy(calendar_month == month + 1)
            maps[at] = torch.einsum("tpcy,pcyx->tcyx", predictors[at], self.coefficients[month])
        maps[:, PR].clamp_(min=self.dry)
        return maps

    def global_warming(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Return the global mean temperature but for a constant and the season, K, float64 (time,)."""
        return torch.from_numpy(self._warming(inputs, lat)[0])

    def features(self, inputs: Tensor, lat: np.ndarray) -> np.ndarray:
        """Return what the climate of each month depends on, float64 (time, 5); ``inputs`` is a whole scenario.

        The global warming (K, but for a constant), SO2 lagged by 5 years (Tg/yr), the warming lagged by 20 years, the
        lost share of the overturning's heat transport, and the contrast of the hemispheres that goes beyond the
        warming (K).
        """
        sulphur = self._drivers(inputs, lat)[0][:, 2]
        everywhere, _, loss = self._warming(inputs, lat)
        contrast = self._predictors(inputs, lat)[:, 2, PR, 0]
        return np.stack([everywhere, sulphur, self._lagged(everywhere, LOSS_MEMORY_YEARS), loss, contrast], axis=1)

    def _fit_sensitivity(self, series: list[FitSeries], lat: np.ndarray, years: Rows) -> None:
        """Fit the global annual temperature, with a Gaussian prior on the sensitivities."""
        kelvin = series[0].normalizer.target_std[TAS]
        warming = years.gather([kelvin * area_mean(one.target[:, TAS].numpy(), lat) for one in series])
        drivers = years.gather([self._drivers(one.inputs, lat)[0] for one in series])
        whiten = years.whitener(*GLOBAL_NOISE) / GLOBAL_WEATHER
        design = whiten @ np.column_stack([drivers, np.ones(len(drivers))])
        precision = np.append(SENSITIVITY_SPREAD**-2, 0)
        moments = design.T @ whiten @ warming + precision * np.append(SENSITIVITY, 0)
        solved = np.linalg.solve(design.T @ design + np.diag(precision), moments)
        self.sensitivity[:] = torch.from_numpy(solved[:3])

    def _fit_zonal(self, series: list[FitSeries], lat: np.ndarray, years: Rows) -> None:
        """Fit the lost transport to the zonal means outside the North Atlantic, and the line of the contrast.

        Latitudes count by their area over the variance of their weather, half that of successive years' differences.
        """
        everywhere, local, loss = map(years.gather, zip(*(self._warming(one.inputs, lat) for one in series)))
        lost = np.outer(loss, transport_pattern(lat))
        outside = ~north_atlantic(lat, series[0].lon)
        there = outside.any(axis=1)
        zonal = years.gather([(one.target[:, TAS].numpy() * outside).sum(axis=2) for one in series])[:, there]
        weather = (np.diff(zonal, axis=0)[np.diff(years.scenario) == 0] ** 2).mean(axis=0) / 2 * years.members.mean()
        weight = area_weights(lat)[there] / weather / there.sum()

        whiten = years.whitener(*ZONAL_NOISE)
        level = whiten.sum(axis=1, keepdims=True)
        whiten -= level @ (level.T @ whiten) / (level.T @ level)  # takes each latitude's intercept out
        base, share, wanted = whiten @ local[:, there], whiten @ lost[:, there], whiten @ zonal

        def misfit(transport: float) -> float:
            predictor = base + transport * share
            slope = (predictor * wanted).sum(axis=0) / (predictor**2).sum(axis=0)
            return weight @ ((wanted - slope * predictor) ** 2).sum(axis=0) + (transport / TRANSPORT_SPREAD) ** 2

        self.transport.fill_(minimize_scalar(misfit).x)
        contrast = (local + self.transport.item() * lost) @ contrast_weights(lat)
        self.contrast[:] = torch.from_numpy(np.polynomial.polynomial.polyfit(everywhere, contrast, 1))

    def _fit_patterns(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit the three coefficients of every cell and calendar month; the third one is drawn to zero."""
        predictors = [self._predictors(one.inputs, lat) for one in series]
        n_targets, *grid = self.coefficients.shape[2:]
        used = np.ones((n_targets, *grid, 3))
        used[..., 2] = north_atlantic(lat, series[0].lon)
        used[PR, ..., 2] = 1
        precision = np.zeros((n_targets, 1, 1, 3, 3))
        precision[..., 2, 2] = np.reshape([PRECISION[i == PR] for i in range(n_targets)], (-1, 1, 1))
        for month in range(self.steps_per_year):
            rows = Rows.of_month(series, month + 1, self.steps_per_year)
            whiten = rows.whitener(*CELL_NOISE)
            design = np.tensordot(whiten, rows.gather(predictors), 1)
            wanted = np.tensordot(whiten, rows.gather([one.target.numpy() for one in series]), 1)
            gram = np.einsum("tpcy,tqcy->cypq", design, design)[:, :, None] * used[..., None] * used[..., None, :]
            moments = np.einsum("tpcy,tcyx->cyxp", design, wanted, optimize=True) * used
            solved = np.linalg.solve(gram + precision, moments[..., None])[..., 0]
            self.coefficients[month] = torch.from_numpy(solved).permute(3, 0, 1, 2)

    def _drivers(self, inputs: Tensor, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the global drivers (time, 3), in the units of `SENSITIVITY`, and SO2 by latitude (time, lat)."""
        mean, std = self.units.numpy()
        zonal = inputs[:, DRIVERS].mean(dim=-1).double().numpy() * std[:, None] + mean[:, None]
        co2, ch4 = zonal[:, 0].mean(axis=1) / 1e3, zonal[:, 1].mean(axis=1)
        so2 = self._lagged(zonal[:, 2] * TG_PER_YEAR, SO2_MEMORY_YEARS)
        return np.stack([co2, self._lagged(ch4, CH4_MEMORY_YEARS), so2 @ area_weights(lat) / len(lat)], axis=1), so2

    def _lagged(self, series: np.ndarray, years: float) -> np.ndarray:
        return lagged(series, years, self.steps_per_year)

    def _warming(self, inputs: Tensor, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the global warming (time,), that with SO2 in its place (time, lat), and the overturning's loss."""
        drivers, so2 = self._drivers(inputs, lat)
        everywhere = drivers @ self.sensitivity.numpy()
        uneven = self.sensitivity[2].item() * (so2 @ green(lat).T - drivers[:, 2:])
        return everywhere, everywhere[:, None] + uneven, overturning_loss(everywhere, self.steps_per_year)

    def _predictors(self, inputs: Tensor, lat: np.ndarray) -> np.ndarray:
        """Return what multiplies the coefficients, (time, 3, target, lat); all but pr have the predictors of tas."""
        everywhere, local, loss = self._warming(inputs, lat)
        local = local + self.transport.item() * np.outer(loss, transport_pattern(lat))
        contrast = local @ contrast_weights(lat) - np.polynomial.polynomial.polyval(everywhere, self.contrast.numpy())
        predictors = np.ones((len(inputs), 3, self.coefficients.shape[2], len(lat)))
        predictors[:, 1], predictors[:, 2] = local[:, None], loss[:, None, None]
        predictors[:, 1, PR], predictors[:, 2, PR] = everywhere[:, None], contrast[:, None]
        return predictors
