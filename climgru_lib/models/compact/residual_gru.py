"""A small Conv-GRU beside a Gaussian process: what the energy balance misses, where the forcing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor, nn
from torch.nn import functional as F

from ...contract import PUBLISHED_FORCINGS
from ...data.tensors import EmulationData, ReducedData, Scenario
from ...grid import area_mean, area_weights
from ..encoders import GlobeConv2d
from ..inputs import check_months, check_window
from ..least_squares import Rows
from ..simple import PR, FitSeries, make_room, no_rain
from .residual_gp import ResidualGP

#: Input channels that differ from place to place.
MAPS = [PUBLISHED_FORCINGS.index(name) for name in ("SO2", "BC", "rsdt")]
N_FEATURES, N_GATED = 5, 3  # of `EnergyBalance.features`; the first ones tell whether a month is like training
SMOOTHED_YEARS = 11  # running mean of the residuals whose patterns are taken
NOVELTY = 0.7  # standard deviations from the years of training at which a correction is trusted by exp(-1/2)
SHARE = 0.7  # of the sum of both corrections, which have learned the same residual


class ResidualGru(nn.Module):
    """Add to the energy balance its residual, as a Conv-GRU and a Gaussian process have learned it.

    Each month's maps of SO2, BC, sunlight and further forcings on a grid of half the resolution, its seasonal encoding
    and the energy balance's global features are encoded by two convolutions; a convolutional GRU runs over the window,
    and a linear layer turns its last state into coefficients of fixed patterns, the leading EOFs of the low-passed
    residual in training. It starts from zero, and so does training: with the energy balance's prediction.

    `ResidualGP` learns the same residual from years of similar forcing. The sum of both is shrunk by `SHARE`, and
    added in so far as the forcing is known: times a Gaussian of width `NOVELTY` in the distance of global warming,
    lagged SO2 and lagged warming to the nearest year of training, each in its standard deviation there.
    Precipitation is never negative.

    Parameters
    ----------
    in_channels : int
        Forcings and seasonal encoding.
    grid : (int, int)
        Number of latitudes and longitudes.
    window, lead : int, months
        As in `Recipe`.
    width : int
        Channels of the encoder and of the GRU.
    modes : int
        Patterns a variable.
    dropout : float
        Before the linear layer.
    n_targets, steps_per_year : int

    Notes
    -----
    The convolutional GRU is that of Ballas et al. (2016, arXiv:1511.06432) in PyTorch's variant, which resets after
    the convolution; the patterns are EOFs (Lorenz 1956), and the gate is ours.

    How its settings were chosen, and on which months, stands in the book's page "How it was found".
    """

    trained = True

    def __init__(
        self,
        in_channels: int = 7,
        grid: tuple[int, int] = (48, 72),
        window: int = 12,
        lead: int = 0,
        width: int = 8,
        modes: int = 24,
        dropout: float = 0.1,
        n_targets: int = 2,
        steps_per_year: int = 12,
    ):
        super().__init__()
        self.steps_per_year = steps_per_year
        self.window, self.lead, self.width = window, lead, width
        self.maps = MAPS + list(range(len(PUBLISHED_FORCINGS), in_channels))
        self.process = ResidualGP(grid, "energy_balance", n_targets, steps_per_year)
        self.register_buffer("dry", torch.zeros(()))  # z-score of no precipitation
        self.register_buffer("weather", torch.zeros(n_targets))  # standard deviation of one member's months, z-scored
        self.register_buffer("eofs", torch.zeros(n_targets, modes, *grid))
        self.register_buffer("feature_mean", torch.zeros(N_FEATURES, dtype=torch.float64))
        self.register_buffer("feature_std", torch.ones(N_FEATURES, dtype=torch.float64))
        self.register_buffer("years", torch.zeros(0, N_GATED, dtype=torch.float64))  # of training, standardised
        self.register_load_state_dict_pre_hook(make_room)

        channels = len(self.maps) + N_FEATURES
        rows, columns = (-(-n // 8) for n in grid)  # halved thrice, rounded up
        self.encoder = nn.Sequential(
            GlobeConv2d(channels, width, stride=2), nn.SiLU(), GlobeConv2d(width, width, stride=2), nn.SiLU()
        )
        self.months_to_gates, self.state_to_gates = (GlobeConv2d(width, 3 * width) for _ in range(2))
        self.norm, self.dropout = nn.GroupNorm(1, width), nn.Dropout(dropout)
        self.head = nn.Linear(width * rows * columns, n_targets * modes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def prior(self) -> nn.Module:
        """The energy balance, whose residual is learned twice."""
        return self.process.prior

    def fit(self, series: list[FitSeries], lat: np.ndarray) -> None:
        """Fit what is in closed form: the Gaussian process and its prior, the patterns of the residual, all scales.

        Parameters
        ----------
        series : list of FitSeries
            The open scenarios.
        lat : array, shape (lat,), degrees north
            Equally spaced.

        Raises
        ------
        InputError
            If the prior cannot be fitted, see `EnergyBalance.fit`.
        """
        self.process.fit(series, lat)
        self.dry.fill_(no_rain(series[0].normalizer))
        years = Rows.whole_years(series, self.steps_per_year)
        features = torch.from_numpy(years.gather([self.prior.features(one.inputs, lat) for one in series]))
        self.feature_mean[:], self.feature_std[:] = features.mean(0), features.std(0, correction=0).clamp(min=1e-9)
        self.years = ((features - self.feature_mean) / self.feature_std)[:, :N_GATED]
        residuals = [self._residual(one.inputs, one.target, one.calendar_month, lat) for one in series]
        weight = np.concatenate([one.weight for one in series])
        squares = np.concatenate([area_mean(residual.square().numpy(), lat) for residual in residuals])
        self.weather[:] = torch.from_numpy(np.sqrt(weight @ squares / np.count_nonzero(weight)))
        self._fit_patterns(residuals, years, lat)

    def _fit_patterns(self, residuals: list[Tensor], years: Rows, lat: np.ndarray) -> None:
        """Take the EOFs, of unit mean square, of running means over the years of the seasons' residuals."""
        (n_targets, _, *grid), n_seasons = self.eofs.shape, min(4, self.steps_per_year)
        smooth = []
        for residual, pick in zip(residuals, years.picks):
            if len(pick):
                seasons = residual.numpy()[pick].reshape(len(pick), n_seasons, -1, n_targets, *grid).mean(axis=2)
                smooth.append(uniform_filter1d(seasons, SMOOTHED_YEARS, axis=0, mode="nearest"))
        rows = np.concatenate(smooth).reshape(-1, n_targets, *grid)
        root = np.sqrt(_cell_shares(lat, grid[1]))
        for i, eofs in enumerate(self.eofs):
            found = np.linalg.svd((rows[:, i] * root).reshape(len(rows), -1), full_matrices=False)[2]
            found = found.reshape(-1, *grid)[: len(eofs)] / root
            eofs[: len(found)] = torch.from_numpy(found)

    def reduce(self, data: EmulationData) -> ReducedData:
        """Return the data as the network is trained on them, after `fit`.

        The inputs of each scenario are those of `forward_series`; the targets (member, time, target, mode) are every
        member's residual, as coefficients of the patterns in units of the weather's standard deviation.
        """
        shares = torch.from_numpy(_cell_shares(data.lat, len(data.lon))).float()
        patterns = self.eofs * shares / self.weather.view(-1, 1, 1, 1)

        def reduced(one: Scenario) -> Scenario:
            residual = self._residual(one.inputs, one.targets, data.calendar_month, data.lat)
            targets = torch.einsum("mtvyx,vkyx->mtvk", residual, patterns)
            return replace(one, inputs=self.describe(one.inputs, data.lat), targets=targets)

        scenarios = {ssp: one if one.targets is None else reduced(one) for ssp, one in data.scenarios.items()}
        return ReducedData(**vars(data) | {"scenarios": scenarios})

    def _residual(self, inputs: Tensor, targets: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        return targets - self.prior.predict(inputs, calendar_month, lat)

    def _features(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Return the prior's features, float64 (time, feature), standardised over the years of training."""
        return (torch.from_numpy(self.prior.features(inputs, lat)) - self.feature_mean) / self.feature_std

    def describe(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Turn the inputs of a whole scenario, (time, channel, lat, lon), into those of the network.

        Returns
        -------
        Tensor, shape (time, channel, ceil(lat / 2), ceil(lon / 2))
            Maps and seasonal encoding z-scored, and the global features, the same in every cell.
        """
        maps = F.avg_pool2d(inputs[:, self.maps], 2, ceil_mode=True)
        features = self._features(inputs, lat).float()[:, :, None, None]
        return torch.cat([maps, features.expand(*features.shape[:2], *maps.shape[2:])], dim=1)

    def novelty_gate(self, inputs: Tensor, lat: np.ndarray) -> Tensor:
        """Return how well known the forcing of each month is, 1 to 0, shape (time,)."""
        here = self._features(inputs, lat)[:, :N_GATED]
        distance = torch.cdist(here, self.years, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.exp(-(distance.min(dim=1).values / NOVELTY).square() / 2).float()

    def predict(self, inputs: Tensor, calendar_month: np.ndarray, lat: np.ndarray) -> Tensor:
        """Return the z-scored maps of every month, (time, target, lat, lon); ``inputs`` is a whole scenario.

        Before the first full window the first month is repeated.
        """
        months = self.describe(inputs, lat)
        early = months[:1].expand(self.window + self.lead - 1, *months.shape[1:])
        series = torch.cat([early, months])[: len(months) + self.window - 1]
        coefficients = self.forward_series(series[None].to(self.head.weight.device), self.window)[0].cpu()
        coefficients = coefficients * self.weather[:, None]
        correction = self.process.residual(inputs, lat) + torch.einsum("tvk,vkyx->tvyx", coefficients, self.eofs)
        correction *= SHARE * self.novelty_gate(inputs, lat)[:, None, None, None]
        maps = self.prior.predict(inputs, calendar_month, lat) + correction
        maps[:, PR].clamp_(min=self.dry)
        return maps

    def forward(self, windows: Tensor) -> Tensor:
        """Map each window to the coefficients of its target month: the plain form, every window by itself.

        Parameters
        ----------
        windows : Tensor, shape (batch, time, channel, lat / 2, lon / 2)
            Months of `describe`.

        Returns
        -------
        Tensor, shape (batch, target, mode)
            In units of the weather's standard deviation.
        """
        return self.forward_series(windows, windows.shape[1])[:, 0]

    def forward_series(self, months: Tensor, window: int) -> Tensor:
        """Map every window of a series at once: the shared form, each month encoded once.

        Parameters
        ----------
        months : Tensor, shape (batch, time, channel, lat / 2, lon / 2)
            Months of `describe`, consecutive; each batch element is a series of its own.
        window : int, months

        Returns
        -------
        Tensor, shape (batch, time - window + 1, target, mode)
            Output j is that of the window of months j .. j + window - 1.

        Raises
        ------
        InputError
            If the channels are not those of the network, or the window does not fit.
        """
        check_months(months, self.encoder[0].in_channels)
        check_window(months, window)
        gates = self.months_to_gates(self.encoder(months.flatten(0, 1))).unflatten(0, months.shape[:2])
        count = months.shape[1] - window + 1
        state = self._scan([gates[:, start : start + count].flatten(0, 1) for start in range(window)])
        coefficients = self.head(self.dropout(self.norm(state).flatten(1)))
        return coefficients.view(len(months), count, len(self.weather), -1)

    def _scan(self, steps: list[Tensor]) -> Tensor:
        """Return the state of the GRU after some steps, from zero on; ``steps`` (sample, 3 width, lat, lon)."""
        state = torch.zeros_like(steps[0][:, : self.width])
        for step in steps:
            step_ru, step_n = step.split((2 * self.width, self.width), dim=1)
            state_ru, state_n = self.state_to_gates(state).split((2 * self.width, self.width), dim=1)
            reset, update = torch.sigmoid(step_ru + state_ru).chunk(2, dim=1)
            state = torch.lerp(torch.tanh(step_n + reset * state_n), state, update)
        return state


def _cell_shares(lat: np.ndarray, n_lon: int) -> np.ndarray:
    """Return each cell's share of the earth's area, shape (lat, lon)."""
    weights = area_weights(lat)
    return np.repeat(weights[:, None] / (len(lat) * n_lon), n_lon, axis=1)
