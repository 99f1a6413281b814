"""What emulators, and the embedded mini-earth itself, answer to a pathway of one's own: quick enough for sliders."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import xarray as xr

from .. import mini_earth
from ..contract import InputError
from ..data.departures import CHANGED, Departure, decimal_years, forcings, on_mini_earth
from ..data.normalizer import denormalise, standardise
from ..data.tensors import EmulationData, Scenario
from ..grid import area_mean
from ..mini_earth.store import ABOUT
from ..predict.emulator import Emulator
from ..score import chance

BLOCK = 48  # months; the middle twelve of each block stand for it, as a forced response has no weather
PERIOD = 5  # blocks in a period of a map, so 20 years
TRUTH = "truth"


class Answers:
    """Emulators of one data set, asked about departures.

    A field has the shape (block, target, lat, lon), in the units of the contract: means over twelve months in the
    middle of blocks of four years. Changes are against the first period of the same pathway.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset`. If it is an embedded one, there is a truth for each departure.
    data : EmulationData
        The same, prepared for the emulators' split.
    emulators : dict of str to Emulator
        By the name that is shown. The first one stands in for a truth where there is none.

    Raises
    ------
    InputError
        If the data have fewer than two blocks.
    """

    def __init__(self, dataset: xr.Dataset, data: EmulationData, emulators: dict[str, Emulator]):
        self.dataset, self.data, self.emulators = dataset, data, emulators
        first = max(emulator.first for emulator in emulators.values())
        count = (len(data.months) - first) // BLOCK
        if count < 2:
            raise InputError(f"{len(data.months)} months are too few for a change; two blocks of {BLOCK} are needed")
        self.months = first + BLOCK * np.arange(count)[:, None] + np.arange(18, 30)
        self.years = decimal_years(data.time)[self.months].mean(axis=1)
        self.period = min(PERIOD, count // 2)
        self.has_truth = dataset.attrs.get("source") == ABOUT["source"] and set(data.scenarios) <= set(
            mini_earth.PATHWAYS
        )
        self.reference = TRUTH if self.has_truth else next(iter(emulators))
        self.names = [TRUTH] * self.has_truth + list(emulators)
        self.scenario = lru_cache(maxsize=1)(self._scenario)
        self._inputs = lru_cache(maxsize=1)(lambda ssp: data.scenarios[ssp].inputs.clone())

    def _scenario(self, ssp: str) -> xr.Dataset:
        return self.dataset[list(CHANGED)].sel(ssp=ssp).load()

    def forcings(self, departure: Departure) -> xr.Dataset:
        """Return the forcings of a departure; see `departures.forcings`."""
        return forcings(self.scenario(departure.base), departure)

    def fields(self, departure: Departure) -> dict[str, np.ndarray]:
        """Return the fields of the truth, if there is one, and of each emulator."""
        scenario = self._prepared(departure, self.forcings(departure))
        answers = {TRUTH: self._truth(departure)} if self.has_truth else {}
        for name, emulator in self.emulators.items():
            answers[name] = emulator.stretches(scenario, self.data, self.months).mean(axis=1)
        return answers

    def _prepared(self, departure: Departure, forced: xr.Dataset) -> Scenario:
        """Return the forcings of a departure as normalised tensors, which the next departure overwrites."""
        data, inputs = self.data, self._inputs(departure.base)
        for name in CHANGED:
            at = slice(data.channels.index(name), data.channels.index(name) + 1)
            values = torch.from_numpy(forced[name].values)
            inputs[:, at] = values.view(len(values), 1, *(values.shape[1:] or (1, 1)))
            standardise(inputs[:, at], data.normalizer.input_mean[at], data.normalizer.input_std[at])
        return Scenario("own pathway", inputs, None, np.ones((0, len(inputs)), dtype=bool))

    def _truth(self, departure: Departure) -> np.ndarray:
        count = len(self.data.months)
        forced = mini_earth.forced(on_mini_earth(departure, count), count, self.data.lat, self.data.lon)
        return np.stack([forced[name].values[self.months].mean(axis=1) for name in self.data.targets], axis=1)

    def members_mean(self, ssp: str) -> np.ndarray | None:
        """Return the field of a scenario, mean over members and all months of each block; None if it is withheld."""
        targets = self.data.scenarios[ssp].targets
        if targets is None:
            return None
        start, stop = self.months[0, 0] - 18, self.months[-1, -1] + 19
        blocks = targets[:, start:stop].unflatten(1, (-1, BLOCK))
        return denormalise(blocks.mean(dim=(0, 2)), self.data.normalizer)

    def change(self, field: np.ndarray, last: int) -> np.ndarray:
        """Return the change of the period that begins with a block, shape (target, lat, lon)."""
        return field[last : last + self.period].mean(axis=0) - field[: self.period].mean(axis=0)

    def global_change(self, field: np.ndarray) -> np.ndarray:
        """Return the change of the global mean in each block, shape (block, target)."""
        mean = area_mean(field, self.data.lat)
        return mean - mean[: self.period].mean(axis=0)

    def rms(self, maps: np.ndarray) -> np.ndarray:
        """Return the area-weighted root mean square of maps (..., lat, lon)."""
        return np.sqrt(area_mean(np.square(maps, dtype=float), self.data.lat))

    def weather(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Measure internal variability between the members of training; None with one member.

        Returns
        -------
        (array, array), shape (target,) each
            Standard deviation of one member's global mean of twelve months, and area-weighted root mean square of the
            standard deviation of one member's `change`.
        """
        data, of_year, of_change = self.data, [], []
        if len(data.members) < 2:
            return None
        for ssp, keep in data.training_months(data.split).items():
            years = int(keep.all(axis=0).sum()) // 12
            if years < BLOCK // 12 * self.period:
                continue
            targets = data.scenarios[ssp].targets[:, : 12 * years]  # the split withholds the end
            yearly = targets.unflatten(1, (years, 12)).mean(dim=2).numpy()
            of_year.append(area_mean(yearly, data.lat).var(axis=0, ddof=1).mean(axis=0))
            found = chance.variance_of_mean(yearly, BLOCK // 12 * self.period)[0]
            of_change.append(2 * area_mean(found, data.lat))
        std = data.normalizer.target_std
        return tuple(np.sqrt(np.mean(parts, axis=0)) * std for parts in (of_year, of_change))
