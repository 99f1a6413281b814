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

from . import noise, runs, splits
from .cf import PREDICTIONS, as_dataset, open_prediction, write_prediction
from .contract import TARGETS, InputError
from .devices import matmul_precision, pick_device
from .metrics import all_metrics, with_score
from .recipes import Recipe
from .series import EmulationData, Normalizer, Scenario, denormalise, load
from .splits import Split, first_target

MONTHS_AT_ONCE = 128  # predicted in one forward pass
_KNOWN_LIMITS: dict[tuple, tuple] = {}

__all__ = ["Emulator", "evaluate", "open_prediction", "write_prediction"]


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
        recipe = Recipe.from_json(run["recipe"])
        with torch.device("meta"):
            model = recipe.build(len(run["channels"]), tuple(run["grid"]))
        model = runs.load_weights(Path(run_dir), model.to_empty(device="cpu"))
        if not recipe.is_fitted:
            model = model.to(pick_device(device))
        return cls(model.eval(), recipe, Normalizer.from_json(run["normalizer"]), run, precision == "bf16")

    def load(self, dataset: xr.Dataset, scenarios: Sequence[str] | None = None) -> EmulationData:
        """Read scenarios as this emulator wants them: its season, its normaliser.

        Raises
        ------
        InputError
            If the grid is not the one it was trained on.
        """
        grid = [dataset.sizes["lat"], dataset.sizes["lon"]]
        if grid != self.run["grid"]:
            raise InputError(f"the run was trained on the grid {self.run['grid']}, the data have {grid}")
        return load(dataset, self.recipe.season, scenarios).normalise(self.normalizer)

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
        array of float32, shape (month, 2, lat, lon), K and mm/day

        Raises
        ------
        InputError
            If there is no full window before the first month.
        """
        months = range(self.first, len(data.months)) if months is None else months
        if not self.first <= months.start < months.stop:
            raise InputError(f"the data set has {len(data.months)} months, the run needs at least {self.first + 1}")
        if self.recipe.is_fitted:
            maps = self.model.predict(scenario.inputs, data.calendar_month, data.lat)[months.start : months.stop]
        else:
            maps = self._network(self.recipe.visible(scenario.inputs), months)
        return denormalise(maps, self.normalizer)

    def _network(self, inputs: Tensor, months: range) -> Tensor:
        window, lead, device = self.recipe.window, self.recipe.lead, next(self.model.parameters()).device
        parts = []
        for start in range(months.start, months.stop, MONTHS_AT_ONCE):
            stop = min(start + MONTHS_AT_ONCE, months.stop)
            series = inputs[None, start - lead - window + 1 : stop - lead].to(device)
            with matmul_precision("32"), torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                parts.append(self.model.forward_series(series, window)[0].float().cpu())
        return torch.cat(parts)

    def predict(self, data: EmulationData, ssp: str) -> xr.Dataset:
        """Predict one scenario as a CF data set with dims (time, lat, lon)."""
        return self.dress(self.fields(data.scenarios[ssp], data), data, ssp, self.first)

    def dress(self, fields: np.ndarray, data: EmulationData, ssp: str, first: int) -> xr.Dataset:
        """Dress fields (time, 2, lat, lon) of the months from ``first`` on as a CF data set; see `cf.as_dataset`."""
        provenance = {key: self.run[key] for key in ("split", "seed", "code", "data")}
        title = f"Climate emulation of {ssp} by {self.recipe.name}"
        attrs = {"title": title, "ssp": ssp, "recipe": self.recipe.name, **provenance}
        return as_dataset(fields, data, first, attrs)


def evaluate(
    run_dir: str | Path, data: EmulationData, split: Split | None = None, emulator: Emulator | None = None
) -> list[dict[str, Any]]:
    """Score a run on the slices of a split against each member, and store the scores in ``metrics.json``.

    Parameters
    ----------
    run_dir : str or Path
        A finished run.
    data : EmulationData
        Normalised by the run's normaliser (`Emulator.load`, or the data it was trained with).
    split : Split, optional
        The run's own by default; another only if none of its scored months was trained on.
    emulator : Emulator, optional
        The run, if it is open already.

    Returns
    -------
    list of dict
        One entry per slice: ``ssp``, ``months`` (first and last), ``leaky``, and for ``avg`` (mean over the
        members as truth) and ``m0`` (first member) the metrics of `metrics.all_metrics` by variable and ``score``;
        ``limits`` and ``limit_errors`` hold the noise limits and their standard errors, see `noise`, or None.

    Raises
    ------
    InputError
        If a scored month was trained on, or its target is withheld.
    """
    emulator = emulator or Emulator.open(run_dir)
    split = split or data.split or splits.named(emulator.run["split"])
    slices = split.scored_months(len(data.months), emulator.recipe.window, emulator.recipe.lead)
    overlaps = [_overlap(emulator, data, split, ssp, months) for ssp, months in slices]
    spans = {ssp: _span([months for name, months in slices if name == ssp]) for ssp, _ in slices}
    predictions = {ssp: emulator.fields(data.scenarios[ssp], data, span) for ssp, span in spans.items()}
    results = []
    for (ssp, months), leaky in zip(slices, overlaps):
        chosen = predictions[ssp][months.start - spans[ssp].start : months.stop - spans[ssp].start]
        results.append({**score_slice(chosen, data, ssp, months), "leaky": leaky})
    runs.add_scores(Path(run_dir), f"{split.name} {data.fingerprint}", results)
    ssp, span = max(spans.items(), key=lambda item: len(item[1]))
    write_prediction(emulator.dress(predictions[ssp], data, ssp, span.start), Path(run_dir) / PREDICTIONS)
    return results


def _span(slices: list[range]) -> range:
    """Return the months from the first to the last of some slices."""
    return range(min(months.start for months in slices), max(months.stop for months in slices))


def _overlap(emulator: Emulator, data: EmulationData, split: Split, ssp: str, months: range) -> bool:
    """Tell whether scored months were trained on; refuse that but for a `published` run on its own slice."""
    if ssp not in data.scenarios:
        raise InputError(f"split {split.name} scores {ssp}; the data set has {', '.join(data.scenarios)}")
    data.require_scored(ssp, months)
    shared = sorted(set(emulator.run["trained"].get(ssp, ())) & set(data.months[months]))
    if shared and not split.name == emulator.run["split"] == "published":
        raise InputError(
            f"{ssp} {shared[0]} .. {shared[-1]} would be scored, but the run was trained on it; choose another --split"
        )
    return bool(shared)


def score_slice(fields: np.ndarray, data: EmulationData, ssp: str, months: range) -> dict[str, Any]:
    """Score fields against each member in turn.

    Parameters
    ----------
    fields : array, shape (month, 2, lat, lon), K and mm/day
    data : EmulationData
        Normalised.
    ssp : str
    months : range
        Indices of the months of ``fields``.

    Returns
    -------
    dict
        An entry of `evaluate`, less ``leaky``.
    """
    members = denormalise(data.scenarios[ssp].targets, data.normalizer)
    change = noise.global_change(members, months, data.lat)
    truth = members[:, months]
    mean = truth.mean(axis=0, dtype=float)
    by_member = [
        with_score(
            {
                var: all_metrics(fields[:, i], member[:, i], mean[:, i], change[i], data.lat)
                for i, var in enumerate(TARGETS)
            }
        )
        for member in truth
    ]
    limits, errors = _limits(members, data, ssp, months)
    return {
        "ssp": ssp,
        "months": [data.months[months[0]], data.months[months[-1]]],
        "avg": {name: float(np.mean([scores[name] for scores in by_member])) for name in by_member[0]},
        "m0": by_member[0],
        "limits": limits,
        "limit_errors": errors,
    }


def _limits(members: np.ndarray, data: EmulationData, ssp: str, months: range) -> tuple[dict | None, dict | None]:
    """Return noise limits of a slice and their errors, computed once for one data set, from unbroken months alone."""
    key = (data.fingerprint, ssp, months)
    if key not in _KNOWN_LIMITS:
        lost = np.flatnonzero(data.scenarios[ssp].withheld.any(axis=0))
        start = max(lost[lost < months.start] + 1, default=0)
        stop = min(lost[lost >= months.stop], default=len(data.months))
        moved = range(months.start - start, months.stop - start)
        arguments = (members[:, start:stop], moved, data.calendar_month[start:stop], data.lat)
        _KNOWN_LIMITS[key] = noise.limits(*arguments), noise.limit_errors(*arguments)
    return _KNOWN_LIMITS[key]
