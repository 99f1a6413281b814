"""Ensembles of a finished run: its prediction as the mean, and the weather that its training months show.

Nothing is stored in the run directory: weather is learned again, in seconds, from the months the run was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from ..contract import InputError
from ..data import splits
from ..data.normalizer import denormalise
from ..data.tensors import EmulationData
from ..progress import bar, doing
from .emulator import Emulator
from .output import write_members, write_prediction
from .residual_weather import Series, Weather


class StochasticEmulator:
    """A finished run with the weather about its prediction.

    Fields have the shape (time, target, lat, lon), in the units of the contract, for all months from
    ``emulator.first`` on.

    Parameters
    ----------
    emulator : Emulator
    data : EmulationData
        What the run was trained on, every scenario, normalised by the run's normaliser (`Emulator.load`).

    Raises
    ------
    InputError
        If the data are not those of the run, or too few for `residual_weather.Weather`.
    """

    def __init__(self, emulator: Emulator, data: EmulationData):
        if data.fingerprint != emulator.run["data"]:
            raise InputError(
                f"weather is learned from the data of the training (fingerprint {emulator.run['data'][:8]}), "
                f"and these are others ({data.fingerprint[:8]}); give the store that the run was trained on"
            )
        self.emulator, self.data = emulator, data
        self.calendar_month = data.calendar_month[emulator.first :]
        self.mean = lru_cache(maxsize=1)(self._mean)
        self.weather = Weather.fit(self._training(), data.lat, data.step.value)

    @classmethod
    def open(cls, run_dir: str | Path, dataset: xr.Dataset) -> StochasticEmulator:
        """Open a finished run with the data set it was trained on; see the class and `Emulator.open`."""
        emulator = Emulator.open(run_dir)
        return cls(emulator, emulator.load(dataset))

    def _training(self) -> Iterator[Series]:
        recipe, first, name, split = (
            self.emulator.recipe,
            self.emulator.first,
            self.emulator.run["split"],
            self.data.split,
        )
        own = split if split and split.name == name else splits.named(name)
        data = replace(self.data, split=own.on(self.data.step))
        for ssp, trained in data.training_targets(recipe.window, recipe.lead).items():
            members = denormalise(data.scenarios[ssp].targets[:, first:], data.normalizer)
            yield Series(self.mean(ssp), members, trained[:, first:], self.calendar_month)

    def _mean(self, ssp: str) -> np.ndarray:
        if ssp not in self.data.scenarios:
            raise InputError(f"no scenario {ssp} in the data set; it has {', '.join(self.data.scenarios)}")
        return self.emulator.fields(self.data.scenarios[ssp], self.data)

    def std(self, ssp: str) -> np.ndarray:
        """Return the standard deviation of one member about the mean."""
        return self.weather.std(self.mean(ssp), self.calendar_month)

    def variance_matched(self, ssp: str, months: range) -> np.ndarray:
        """Return the deterministic prediction of a slice with the standard deviation of a member.

        It gains points in the Kaggle score and is no better forecast; see `Weather.matched`.

        Parameters
        ----------
        ssp : str
        months : range
            Indices of the slice among the months of the data; it is made for exactly these.

        Returns
        -------
        array of float32, shape (month, target, lat, lon), in the units of the contract

        Raises
        ------
        InputError
            If the run does not predict the slice.
        """
        if not self.emulator.first <= months.start < months.stop <= len(self.data.months):
            raise InputError(
                f"months {months.start} to {months.stop - 1} are no slice of those that the run predicts, "
                f"{self.emulator.first} to {len(self.data.months) - 1}"
            )
        at = slice(months.start - self.emulator.first, months.stop - self.emulator.first)
        return self.weather.matched(self.mean(ssp)[at], self.calendar_month[at])

    def draws(self, ssp: str, count: int, seed: int = 0) -> Iterator[np.ndarray]:
        """Yield members drawn at random; the first ones of a seed are the same whatever their number.

        Parameters
        ----------
        ssp : str
        count : int
        seed : int
        """
        mean, std = self.mean(ssp), self.std(ssp)
        with bar("drawing", count, "members") as progress:
            for member in range(count):
                yield self.weather.draw(mean, std, self.calendar_month, np.random.default_rng([seed, member]))
                progress.update()

    def predict(self, ssp: str, count: int, seed: int = 0) -> xr.Dataset:
        """Return `draws` as a CF data set with dims (time, member_id, lat, lon).

        Raises
        ------
        InputError
            If ``count`` is below 1.
        """
        _require_draws(count)
        time, variables, *grid = self.mean(ssp).shape
        fields = np.moveaxis(np.empty((variables, time, count, *grid), dtype=np.float32), 0, 2)  # written unbroken
        for member, drawn in enumerate(self.draws(ssp, count, seed)):
            fields[:, member] = drawn
        return self._dress(fields, ssp, count, seed)

    def _dress(self, fields: np.ndarray, ssp: str, count: int, seed: int) -> xr.Dataset:
        dataset = self.emulator.dress(fields, self.data, ssp, self.emulator.first)
        return dataset.assign_attrs(draws=count, draws_seed=seed)

    def write(self, ssp: str, count: int, seed: int, out: str | Path) -> Path:
        """Write `predict`: as Zarr member by member, so that memory does not grow with their number.

        Raises
        ------
        InputError
            As `predict` and `output.write_prediction`.
        """
        _require_draws(count)
        if Path(out).suffix != ".zarr":
            predicted = self.predict(ssp, count, seed)
            with doing(f"writing {out}"):
                return write_prediction(predicted, out)
        one = self._dress(self.mean(ssp)[:, None], ssp, count, seed)
        return write_members(one, self.draws(ssp, count, seed), count, out)

    def predict_matched(self, ssp: str, months: int) -> xr.Dataset:
        """Return `variance_matched` of the last months as a CF data set.

        Raises
        ------
        InputError
            If the run predicts fewer months.
        """
        stop, first = len(self.data.months), self.emulator.first
        if not 0 < months <= stop - first:
            raise InputError(f"the slice has {months} months, the run predicts {stop - first} of this data set")
        fields = self.variance_matched(ssp, range(stop - months, stop))
        dataset = self.emulator.dress(fields, self.data, ssp, stop - months)
        return dataset.assign_attrs(comment="stretched to the standard deviation of a member over these months")


def _require_draws(count: int) -> None:
    if count < 1:
        raise InputError(f"an ensemble has at least one draw, got {count}")
