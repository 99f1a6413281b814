"""From an opened data set to tensors: scenario series, splits applied, normalisation.

Members of a scenario share one input tensor; their targets are stacked. Values are read once,
scenario by scenario, checked while they pass, and normalised in place.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from .. import contract
from ..contract import VARIABLES, DataError, DataWarning, InputError, Step, of_role
from .memory import Space
from .normalizer import Normalizer, mean_std, moments, standardise
from .plausibility import Watch
from .season import channels, encode
from .splits import Split


@dataclass
class Scenario:
    """One scenario as tensors.

    ``inputs`` (time, channel, lat, lon) is shared by the members; ``targets`` (member, time, target, lat, lon)
    is None if the scenario is withheld; ``withheld`` (member, time) marks single months whose targets are withheld.
    """

    ssp: str
    inputs: Tensor
    targets: Tensor | None
    withheld: np.ndarray


@dataclass
class Series:
    """Scenarios of one data set as tensors, in the units that its subclass tells.

    ``channels`` of the inputs are the forcings of the data set, then those of the encoding ``season``; ``targets`` are
    what is predicted, tas and pr first. ``months`` are labels ``YYYY-MM``, ``calendar_month`` 1..12; with the ``step``
    of a year ``months`` are labels ``YYYY``, and ``calendar_month`` is 1. ``lat`` and ``lon`` are degrees.
    ``suspicions`` are lines on what may not be right in the data, or was converted.
    """

    scenarios: dict[str, Scenario]
    season: str
    channels: tuple[str, ...]
    targets: tuple[str, ...]
    time: xr.DataArray
    months: np.ndarray
    calendar_month: np.ndarray
    members: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    fingerprint: str
    suspicions: list[str]
    step: Step

    @property
    def open_scenarios(self) -> list[str]:
        """Scenarios whose targets are present."""
        return [ssp for ssp, scenario in self.scenarios.items() if scenario.targets is not None]

    def training_months(self, split: Split) -> dict[str, np.ndarray]:
        """Return (member, time) masks of the months left for training, by open scenario.

        Raises
        ------
        DataError
            If such a month's target is withheld in the data set, or a scenario of the split is not there.
        """
        for stretch in (*split.withheld, *split.scored):
            if stretch.ssp not in self.scenarios:
                raise InputError(
                    f"split {split.name} needs {stretch.ssp}; the data set has {', '.join(self.scenarios)}"
                )
        split, masks = split.on(self.step), {}
        for ssp in self.open_scenarios:
            keep = split.training_months(ssp, len(self.months), len(self.members))
            self._refuse_withheld(ssp, keep, "training on")
            masks[ssp] = keep
        if not any(keep.any() for keep in masks.values()):
            raise InputError(f"split {split.name} leaves nothing to train on in this data set")
        return masks

    def require_scored(self, ssp: str, months: range) -> None:
        """Raise `DataError` if a target to be scored is withheld in the data set."""
        keep = np.zeros((len(self.members), len(self.months)), dtype=bool)
        keep[:, months] = True
        self._refuse_withheld(ssp, keep, "scoring on")

    def _refuse_withheld(self, ssp: str, wanted: np.ndarray, doing: str) -> None:
        lost = np.argwhere(wanted & self.scenarios[ssp].withheld)
        if lost.size:
            member, month = lost[0]
            raise DataError(
                f"{doing} {ssp} needs targets that are withheld (constant) in the data set, the first in "
                f"member {self.members[member]}, {self.months[month]}; choose another split or the full store"
            )


@dataclass
class RawData(Series):
    """Series in the units of the contract, such as tas in K and pr in mm/day."""

    def normalise(self, normalizer: Normalizer, split: Split | None = None) -> EmulationData:
        """Z-score inputs and targets in place; the tensors go over to what is returned.

        Raises
        ------
        InputError
            If that was done already.
        """
        if not self.scenarios:
            raise InputError("these data were normalised already; load them again for another normaliser")
        for scenario in self.scenarios.values():
            standardise(scenario.inputs, normalizer.input_mean, normalizer.input_std)
            if scenario.targets is not None:
                standardise(scenario.targets, normalizer.target_mean, normalizer.target_std)
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        self.scenarios = {}
        return EmulationData(**values, normalizer=normalizer, split=split and split.on(self.step))


@dataclass
class EmulationData(Series):
    """Series z-scored with ``normalizer``; from `prepare` they have the ``split`` that it was fitted on."""

    normalizer: Normalizer
    split: Split | None = None

    def training_targets(self, window: int, lead: int) -> dict[str, np.ndarray]:
        """Return (member, time) masks of the targets that the prepared split leaves, by open scenario."""
        sizes = (len(self.months), len(self.members), window, lead)
        masks = {ssp: self.split.training_targets(ssp, *sizes) for ssp in self.training_months(self.split)}
        return {ssp: keep for ssp, keep in masks.items() if keep.any()}

    def mean_target(self, window: int, lead: int) -> Tensor:
        """Return the mean map of the training targets, shape (target, lat, lon), in the units of the tensors."""
        masks = self.training_targets(window, lead)
        total = sum(
            torch.einsum("mt,mtcyx->cyx", torch.from_numpy(keep).float(), self.scenarios[ssp].targets)
            for ssp, keep in masks.items()
        )
        return total / sum(int(keep.sum()) for keep in masks.values())


@dataclass
class ReducedData(EmulationData):
    """What a network on top of a closed-form model learns: inputs and targets as its ``reduce`` has made them."""


def load(
    dataset: xr.Dataset,
    season: str = "published",
    scenarios: Sequence[str] | None = None,
    memory_budget: int | None = None,
    targets: bool = True,
) -> RawData:
    """Read a data set into tensors, checking every value on the way.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset`.
    season : str
        Seasonal encoding, a name in `season`; its channels follow the forcings. Annual data take ``"none"`` alone.
    scenarios : sequence of str, optional
        Read these alone; all by default.
    memory_budget : int, optional
        Bytes of tensors that lie in memory, see `memory.Space`; all of them by default.
    targets : bool
        Read targets, too. Else every scenario counts as withheld, and the fingerprint is that of the forcings.

    Returns
    -------
    RawData

    Raises
    ------
    DataError
        If a value breaks the contract, cannot be read, or is not what its labels say.
    InputError
        If a scenario is not there, or annual data are to get a season.

    Warns
    -----
    DataWarning
        Where something may not be what its labels say; see `plausibility`.
    """
    present = [str(ssp) for ssp in dataset["ssp"].values]
    absent = set(scenarios or ()) - set(present)
    if absent:
        raise InputError(f"no scenario {min(absent)} in the data set; it has {', '.join(present)}")
    months, step = contract.month_labels(dataset), contract.step_of(dataset)
    calendar_month = dataset["time"].dt.month.values
    if step is Step.YEAR:
        if season != "none":
            raise InputError(f"annual data have no season for the encoding '{season}'; use --set season=none")
        calendar_month = np.ones_like(calendar_month)
    lat, lon = dataset["lat"].values.astype(float), dataset["lon"].values.astype(float)
    season_channels = encode(season, lat, calendar_month)
    wanted = [ssp for ssp in present if scenarios is None or ssp in scenarios]
    watch, space = Watch(dataset), Space(memory_budget)
    digest = hashlib.blake2b(repr((wanted, months.tolist(), lat.tolist(), lon.tolist())).encode(), digest_size=16)
    data = RawData(
        scenarios={ssp: _read_scenario(dataset, ssp, season_channels, digest, watch, space, targets) for ssp in wanted},
        season=season,
        channels=of_role("forcing", dataset) + channels(season),
        targets=of_role("target", dataset),
        time=dataset["time"],
        months=months,
        calendar_month=calendar_month,
        members=dataset["member_id"].values,
        lat=lat,
        lon=lon,
        fingerprint="",
        suspicions=list(dataset.attrs.get(contract.NOTES, [])),
        step=step,
    )
    data.fingerprint = digest.hexdigest()
    data.suspicions += _judged(watch)
    return data


def _judged(watch: Watch) -> list[str]:
    """Refuse data that are certainly wrong, and warn of what is suspicious; return it."""
    found = watch.judge()
    if found.problems:
        raise DataError("; ".join(found.problems[:3]))
    for line in found.suspicions:
        warnings.warn(line, DataWarning, stacklevel=3)
    return found.suspicions


def prepare(dataset: xr.Dataset, season: str, split: Split, memory_budget: int | None = None) -> EmulationData:
    """Load a data set and normalise it with what the split leaves for training: ready for `fit.train`."""
    data = load(dataset, season, memory_budget=memory_budget)
    return data.normalise(fit_normalizer(data, split), split)


def _read_scenario(dataset, ssp, season_channels, digest, watch, space, with_targets) -> Scenario:
    """Fill the tensors of one scenario variable by variable; update ``digest`` with all values read."""
    sizes, forcings, wanted = dataset.sizes, of_role("forcing", dataset), of_role("target", dataset)
    inputs = space.empty(sizes["time"], len(forcings) + season_channels.shape[1], sizes["lat"], sizes["lon"])
    members = sizes["member_id"] if with_targets else 0
    targets = space.empty(members, sizes["time"], len(wanted), sizes["lat"], sizes["lon"])
    withheld = np.full((sizes["member_id"], sizes["time"]), not with_targets)
    for name, values in contract.scenario_fields(dataset if with_targets else dataset[[*forcings]], ssp):
        watch.see(ssp, name, values)
        if watch.found.problems:
            raise DataError(watch.found.problems[0])
        values = np.ascontiguousarray(values, dtype=np.float32)
        digest.update(values)
        if VARIABLES[name].low <= 0:
            values = np.maximum(values, 0)  # residues of rounding
        tensor = torch.from_numpy(values)
        if name in wanted:
            targets[:, :, wanted.index(name)] = tensor.transpose(0, 1)
            withheld |= contract.withheld_maps(values).T
        else:
            channel = forcings.index(name)
            inputs[:, channel] = tensor if tensor.ndim == 3 else tensor[:, None, None]
    inputs[:, len(forcings) :] = torch.from_numpy(season_channels)[..., None]
    return Scenario(ssp, inputs, None if withheld.all() else targets, withheld)


def fit_normalizer(data: RawData, split: Split) -> Normalizer:
    """Fit the normaliser on every (month, member) that the split leaves for training.

    Inputs count once per member that keeps the month, as in the published method.

    Parameters
    ----------
    data : RawData
    split : Split
        Its withheld months enter neither mean nor standard deviation.

    Returns
    -------
    Normalizer
    """
    inputs, targets = [], []
    for ssp, keep in data.training_months(split).items():
        scenario = data.scenarios[ssp]
        inputs.append(moments(scenario.inputs, keep.sum(axis=0)))
        targets += [moments(scenario.targets[m], keep[m]) for m in range(len(data.members))]
    return Normalizer(*mean_std(inputs), *mean_std(targets))
