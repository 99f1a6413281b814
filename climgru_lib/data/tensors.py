"""From an opened data set to tensors: scenario series, splits applied, normalisation.

Members of a scenario share one input tensor; their targets are stacked. Values are read once,
scenario by scenario, checked while they pass, and normalised in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from .. import contract
from ..contract import FORCINGS, TARGETS, DataError, InputError
from .splits import Split

_BLOCK = 8  # months taken to double precision at a time


@dataclass(frozen=True)
class Normalizer:
    """Mean and population standard deviation per channel, fitted once and stored with the run.

    All four arrays are float64, shape (channel,), in the units of the contract.
    """

    input_mean: np.ndarray
    input_std: np.ndarray
    target_mean: np.ndarray
    target_std: np.ndarray

    def to_json(self) -> dict[str, list[float]]:
        """Return the arrays as lists."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, values: dict[str, list[float]]) -> Normalizer:
        """Rebuild from `to_json`."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in values.items()})


@dataclass
class Scenario:
    """One scenario as tensors.

    ``inputs`` (time, channel, lat, lon) is shared by the members; ``targets`` (member, time, 2, lat, lon)
    holds tas and pr, None if the scenario is withheld; ``withheld`` (member, time) marks single months
    whose targets are withheld.
    """

    ssp: str
    inputs: Tensor
    targets: Tensor | None
    withheld: np.ndarray


@dataclass
class EmulationData:
    """Scenarios of one data set as tensors, raw until `normalise` is called.

    ``season`` names the encoding whose channels follow the forcings; ``months`` are labels ``YYYY-MM``,
    ``calendar_month`` 1..12, ``lat`` and ``lon`` degrees; ``split`` is set by `prepare`.
    """

    scenarios: dict[str, Scenario]
    season: str
    channels: tuple[str, ...]
    time: xr.DataArray
    months: np.ndarray
    calendar_month: np.ndarray
    members: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    fingerprint: str
    normalizer: Normalizer | None = None
    split: Split | None = None

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
        masks = {}
        for ssp in self.open_scenarios:
            keep = split.training_months(ssp, len(self.months), len(self.members))
            self._refuse_withheld(ssp, keep, "training on")
            masks[ssp] = keep
        if not any(keep.any() for keep in masks.values()):
            raise InputError(f"split {split.name} leaves nothing to train on in this data set")
        return masks

    def training_targets(self, window: int, lead: int) -> dict[str, np.ndarray]:
        """Return (member, time) masks of the targets that the prepared split leaves, by open scenario."""
        sizes = (len(self.months), len(self.members), window, lead)
        masks = {ssp: self.split.training_targets(ssp, *sizes) for ssp in self.training_months(self.split)}
        return {ssp: keep for ssp, keep in masks.items() if keep.any()}

    def mean_target(self, window: int, lead: int) -> Tensor:
        """Return the mean map of the training targets, shape (2, lat, lon), in the units of the tensors."""
        masks = self.training_targets(window, lead)
        total = sum(
            torch.einsum("mt,mtcyx->cyx", torch.from_numpy(keep).float(), self.scenarios[ssp].targets)
            for ssp, keep in masks.items()
        )
        return total / sum(int(keep.sum()) for keep in masks.values())

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

    def normalise(self, normalizer: Normalizer) -> EmulationData:
        """Z-score inputs and targets in place and remember the normaliser."""
        for scenario in self.scenarios.values():
            _standardise(scenario.inputs, normalizer.input_mean, normalizer.input_std)
            if scenario.targets is not None:
                _standardise(scenario.targets, normalizer.target_mean, normalizer.target_std)
        self.normalizer = normalizer
        return self


def load(dataset: xr.Dataset, season: str = "published", scenarios: Sequence[str] | None = None) -> EmulationData:
    """Read a data set into tensors, checking every value on the way.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset`.
    season : str
        Seasonal encoding, a name of `encoding`; its channels follow the five forcings.
    scenarios : sequence of str, optional
        Read these alone; all by default.

    Returns
    -------
    EmulationData
        Raw values: tas in K, pr in mm/day, inputs in the contract's units.

    Raises
    ------
    DataError
        If a value breaks the contract or cannot be read.
    """
    present = [str(ssp) for ssp in dataset["ssp"].values]
    absent = set(scenarios or ()) - set(present)
    if absent:
        raise InputError(f"no scenario {min(absent)} in the data set; it has {', '.join(present)}")
    months = contract.month_labels(dataset)
    calendar_month = dataset["time"].dt.month.values
    lat, lon = dataset["lat"].values.astype(float), dataset["lon"].values.astype(float)
    season_channels = season.encode(season, lat, calendar_month)
    wanted = [ssp for ssp in present if scenarios is None or ssp in scenarios]
    digest = hashlib.blake2b(repr((wanted, months.tolist(), lat.tolist(), lon.tolist())).encode(), digest_size=16)
    data = EmulationData(
        scenarios={ssp: _read_scenario(dataset, ssp, months, season_channels, digest) for ssp in wanted},
        season=season,
        channels=FORCINGS + season.channels(season),
        time=dataset["time"],
        months=months,
        calendar_month=calendar_month,
        members=dataset["member_id"].values,
        lat=lat,
        lon=lon,
        fingerprint="",
    )
    data.fingerprint = digest.hexdigest()
    return data


def prepare(dataset: xr.Dataset, season: str, split: Split) -> EmulationData:
    """Load a data set and normalise it with what the split leaves for training: ready for `training.fit`."""
    data = load(dataset, season)
    data.split = split
    return data.normalise(fit_normalizer(data, split))


def _read_scenario(dataset, ssp, months, season_channels, digest) -> Scenario:
    """Fill the tensors of one scenario variable by variable; update ``digest`` with all values read."""
    sizes = dataset.sizes
    shape = (sizes["time"], len(FORCINGS) + season_channels.shape[1], sizes["lat"], sizes["lon"])
    inputs = torch.empty(shape)
    targets = torch.empty(sizes["member_id"], sizes["time"], len(TARGETS), sizes["lat"], sizes["lon"])
    withheld = np.zeros((sizes["member_id"], sizes["time"]), dtype=bool)
    for name, values in contract.scenario_fields(dataset, ssp):
        problems = contract.check_values(name, values, ssp, months)
        if problems:
            raise DataError(problems[0])
        values = np.ascontiguousarray(values, dtype=np.float32)
        digest.update(values)
        tensor = torch.from_numpy(values)
        if name in TARGETS:
            targets[:, :, TARGETS.index(name)] = tensor.transpose(0, 1)
            withheld |= contract.withheld_maps(values).T
        else:
            channel = FORCINGS.index(name)
            inputs[:, channel] = tensor if tensor.ndim == 3 else tensor[:, None, None]
            if name in ("SO2", "BC"):
                inputs[:, channel].clamp_(min=0)
    inputs[:, len(FORCINGS) :] = torch.from_numpy(season_channels)[..., None]
    return Scenario(ssp, inputs, None if withheld.all() else targets, withheld)


def fit_normalizer(data: EmulationData, split: Split) -> Normalizer:
    """Fit the normaliser on every (month, member) that the split leaves for training.

    Inputs count once per member that keeps the month, as in the published method.

    Parameters
    ----------
    data : EmulationData
        Raw.
    split : Split
        Its withheld months enter neither mean nor standard deviation.

    Returns
    -------
    Normalizer
    """
    inputs, targets = [], []
    for ssp, keep in data.training_months(split).items():
        scenario = data.scenarios[ssp]
        inputs.append(_moments(scenario.inputs, keep.sum(axis=0)))
        targets += [_moments(scenario.targets[m], keep[m]) for m in range(len(data.members))]
    return Normalizer(*_mean_std(inputs), *_mean_std(targets))


def _moments(series: Tensor, weights: np.ndarray) -> np.ndarray:
    """Return (count, sum, sum of squares) per channel, shape (3, channel), months weighted by ``weights``."""
    months, weights = series.flatten(2), torch.from_numpy(np.asarray(weights, dtype=np.float64))
    sums = torch.zeros(2, months.shape[1], dtype=torch.float64)
    for part, weight in zip(months.split(_BLOCK), weights.split(_BLOCK)):
        values = part.double()
        sums[0] += weight @ values.sum(-1)
        sums[1] += weight @ values.square().sum(-1)
    count = weights.sum().expand(1, months.shape[1]) * months.shape[2]
    return torch.cat([count, sums]).numpy()


def _mean_std(moments: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    count, total, squares = np.sum(moments, axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)


def _standardise(tensor: Tensor, mean: np.ndarray, std: np.ndarray) -> None:
    """Z-score the channel dimension (third from the end) in place."""
    shape = (-1, 1, 1)
    tensor.sub_(torch.tensor(mean, dtype=torch.float32).view(shape))
    tensor.div_(torch.tensor(std, dtype=torch.float32).view(shape))


def denormalise(fields: Tensor, normalizer: Normalizer) -> np.ndarray:
    """Turn z-scored tas and pr (..., 2, lat, lon) into K and mm/day, float32."""
    std, mean = normalizer.target_std[:, None, None], normalizer.target_mean[:, None, None]
    return (fields.double().cpu().numpy() * std + mean).astype(np.float32)
