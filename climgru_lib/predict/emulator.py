"""Using a finished run: predictions as CF data sets, scores beside noise limits, the submission file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from ..contract import PUBLISHED_TARGETS, InputError, Step, step_of
from ..data.normalizer import Normalizer, denormalise
from ..data.season import channels
from ..data.splits import first_target
from ..data.tensors import EmulationData, Scenario, load
from ..grid import matching
from ..training import runs, weights
from ..training.devices import matmul_precision, pick_device
from ..training.recipe import Recipe
from .output import as_dataset

MONTHS_AT_ONCE = 128  # predicted in one forward pass


@dataclass
class Emulator:
    """A trained model with all that turns raw inputs into fields.

    ``run`` is the content of ``run.json``.
    """

    model: nn.Module
    recipe: Recipe
    normalizer: Normalizer
    run: dict[str, Any]
    bf16: bool = False

    @classmethod
    def open(cls, run_dir: str | Path, device: str = "cpu", precision: str = "32") -> Emulator:
        """Load a finished run onto a device (auto, cpu, cuda); no code is executed by loading.

        Raises
        ------
        InputError
            If the folder holds no finished run or its weights are damaged.
        """
        run = runs.require_finished(run_dir)
        try:
            recipe = Recipe.from_json(run["recipe"])
            with torch.device("meta"):
                model = recipe.build(len(run["channels"]), tuple(run["grid"]), len(targets_of(run)), trained_step(run))
        except InputError as error:
            raise InputError(f"the run in {run_dir} cannot be opened: {error}") from error
        model = weights.load_weights(Path(run_dir), model)
        if precision not in ("32", "bf16"):
            raise InputError(f"predictions are made in precision 32 or bf16, not '{precision}'")
        _place(model, recipe, pick_device(device))
        return cls(model.eval(), recipe, Normalizer.from_json(run["normalizer"]), run, precision == "bf16")

    def load(
        self,
        dataset: xr.Dataset,
        scenarios: Sequence[str] | None = None,
        memory_budget: int | None = None,
        targets: bool = True,
    ) -> EmulationData:
        """Read scenarios as this emulator wants them: its variables, its season, its normaliser; see `tensors.load`.

        Raises
        ------
        InputError
            If a variable is lacking, or the cells or steps are not those that it was trained on.
        """
        own, step = trained_step(self.run), step_of(dataset)
        if step is not own:
            raise InputError(
                f"the run was trained on {own.unit}, the data have {step.unit}; give data of the same kind"
            )
        dataset = self._aligned(self._own_variables(dataset))
        return load(dataset, self.recipe.season, scenarios, memory_budget, targets).normalise(self.normalizer)

    def _own_variables(self, dataset: xr.Dataset) -> xr.Dataset:
        """Take the forcings and targets of the training out of a data set that may hold others."""
        season = channels(self.recipe.season)
        wanted = [*(name for name in self.run["channels"] if name not in season), *targets_of(self.run)]
        missing = [name for name in wanted if name not in dataset]
        if missing:
            raise InputError(
                f"the run needs {', '.join(missing)}, which the data lack or no entry of `contract.VARIABLES` describes"
            )
        return dataset[wanted]

    def _aligned(self, dataset: xr.Dataset) -> xr.Dataset:
        """Order the cells of a data set as those of the training: north up or down, any convention of longitude."""
        grid = [dataset.sizes["lat"], dataset.sizes["lon"]]
        if grid != self.run["grid"]:
            raise InputError(f"the run was trained on the grid {self.run['grid']}, the data have {grid}")
        if "lat" not in self.run:  # a run of an earlier version
            return dataset
        lat, lon = (np.array(self.run[name]) for name in ("lat", "lon"))
        try:
            rows, columns = matching(dataset["lat"].values, lat), matching(dataset["lon"].values, lon, 360)
        except InputError as error:
            raise InputError(f"the data lie on other cells than the run's training: {error}") from error
        return dataset.isel(lat=rows, lon=columns).assign_coords(lat=lat, lon=lon)

    @property
    def first(self) -> int:
        """Index of the first month that can be predicted."""
        return first_target(self.recipe.window, self.recipe.lead)

    @torch.inference_mode()
    def fields(self, scenario: Scenario, data: EmulationData, months: range | None = None) -> np.ndarray:
        """Predict months of a scenario.

        Parameters
        ----------
        scenario : Scenario
            Normalised, of ``data``.
        data : EmulationData
        months : range, optional
            Month indices; all from `first` on by default.

        Returns
        -------
        array of float32, shape (month, target, lat, lon), in the units of the contract

        Raises
        ------
        InputError
            If there is no full window before the first month, or the data are not those of `load`.
        """
        self._require_own(data)
        months = range(self.first, len(data.months)) if months is None else months
        if not self.first <= months.start < months.stop <= len(data.months):
            raise InputError(
                f"the data set has {len(data.months)} {data.step.unit}, the run needs at least {self.first + 1}"
            )
        if self.recipe.is_fitted:
            maps = self.model.predict(scenario.inputs, data.calendar_month, data.lat)[months.start : months.stop]
        else:
            maps = self._network(self.recipe.visible(scenario.inputs, data.channels), months)
        return denormalise(maps, self.normalizer)

    @torch.inference_mode()
    def stretches(self, scenario: Scenario, data: EmulationData, months: np.ndarray) -> np.ndarray:
        """Predict stretches of months of one length, in fewer passes than `fields` would take for each.

        Parameters
        ----------
        scenario, data
            As for `fields`.
        months : array of int, shape (stretch, month)
            Month indices, without gaps in a stretch.

        Returns
        -------
        array of float32, shape (stretch, month, target, lat, lon), in the units of the contract
        """
        self._require_own(data)
        if self.recipe.is_fitted:
            return denormalise(
                self.model.predict(scenario.inputs, data.calendar_month, data.lat)[months], self.normalizer
            )
        inputs, device = self.recipe.visible(scenario.inputs, data.channels), next(self.model.parameters()).device
        before = self.recipe.lead + self.recipe.window - 1
        windows = [inputs[row[0] - before : row[-1] + 1 - self.recipe.lead] for row in months]
        at_once = max(1, MONTHS_AT_ONCE // months.shape[1])
        parts = []
        for start in range(0, len(windows), at_once):
            parts.append(self._forward(torch.stack(windows[start : start + at_once]).to(device)))
        return denormalise(torch.cat(parts), self.normalizer)

    def _require_own(self, data: EmulationData) -> None:
        """Refuse data that are raw, reduced, or prepared for another run."""
        cure = "take them from `Emulator.load`"
        if type(data) is not EmulationData:
            raise InputError(f"predictions are made from z-scored data, not from {type(data).__name__}; {cure}")
        if data.season != self.recipe.season:
            raise InputError(f"the data have the season '{data.season}', the run '{self.recipe.season}'; {cure}")
        if not data.normalizer.same_as(self.normalizer):
            raise InputError(f"the data were normalised for another split or run; {cure}")
        for name in ("lat", "lon", "channels", "targets"):
            if name in self.run and not np.array_equal(getattr(data, name), self.run[name]):
                raise InputError(f"the data have other {name} than the run's training; {cure}")

    def _network(self, inputs: Tensor, months: range) -> Tensor:
        window, lead, device = self.recipe.window, self.recipe.lead, next(self.model.parameters()).device
        parts = []
        for start in range(months.start, months.stop, MONTHS_AT_ONCE):
            stop = min(start + MONTHS_AT_ONCE, months.stop)
            series = inputs[None, start - lead - window + 1 : stop - lead].to(device)
            parts.append(self._forward(series)[0])
        return torch.cat(parts)

    def _forward(self, series: Tensor) -> Tensor:
        """Return the prediction of each full window of series (batch, time, ...), (batch, window, ...), on the CPU."""
        with matmul_precision("32"), torch.autocast(series.device.type, torch.bfloat16, enabled=self.bf16):
            return self.model.forward_series(series, self.recipe.window).float().cpu()

    def predict(self, data: EmulationData, ssp: str) -> xr.Dataset:
        """Predict one scenario as a CF data set with dims (time, lat, lon)."""
        return self.dress(self.fields(data.scenarios[ssp], data), data, ssp, self.first)

    def dress(self, fields: np.ndarray, data: EmulationData, ssp: str, first: int) -> xr.Dataset:
        """Dress fields (time, target, lat, lon) of the months from ``first`` on as CF; see `output.as_dataset`."""
        provenance = {key: self.run[key] for key in ("split", "seed", "data", "numerics", "torch") if key in self.run}
        title = f"Climate emulation of {ssp} by {self.recipe.name}"
        attrs = {"title": title, "ssp": ssp, "recipe": self.recipe.name, **provenance}
        return as_dataset(fields, data, first, attrs)


def targets_of(run: dict[str, Any]) -> tuple[str, ...]:
    """Return the targets of a run; an earlier version did not name them, as there were no others."""
    return tuple(run.get("targets", PUBLISHED_TARGETS))


def trained_step(run: dict[str, Any]) -> Step:
    """Return the step length of a run's training; an earlier version did not name it, as there were months alone."""
    return Step[run.get("step", "month").upper()]


def _place(model: nn.Module, recipe: Recipe, device: torch.device) -> None:
    """Move a network to a device; what was fitted in closed form stays on the CPU, where it computes in float64."""
    if not recipe.is_fitted:
        model.to(device)
    for part in model.children():
        if any(True for _ in part.parameters()):
            part.to(device)
