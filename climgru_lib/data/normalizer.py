"""Z-scores: mean and standard deviation per channel, there and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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

    def same_as(self, other: Normalizer) -> bool:
        """Tell whether all numbers are equal."""
        return self.to_json() == other.to_json()

    @classmethod
    def from_json(cls, values: dict[str, list[float]]) -> Normalizer:
        """Rebuild from `to_json`."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in values.items()})


def moments(series: Tensor, weights: np.ndarray) -> np.ndarray:
    """Return (count, sum, sum of squares) per channel, shape (3, channel), months weighted by ``weights``."""
    months, weights = series.flatten(2), torch.from_numpy(np.asarray(weights, dtype=np.float64))
    sums = torch.zeros(2, months.shape[1], dtype=torch.float64)
    for part, weight in zip(months.split(_BLOCK), weights.split(_BLOCK)):
        values = part.double()
        sums[0] += weight @ values.sum(-1)
        sums[1] += weight @ values.square().sum(-1)
    count = weights.sum().expand(1, months.shape[1]) * months.shape[2]
    return torch.cat([count, sums]).numpy()


def mean_std(moments: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and population standard deviation per channel of series with the given `moments`."""
    count, total, squares = np.sum(moments, axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)


def standardise(tensor: Tensor, mean: np.ndarray, std: np.ndarray) -> None:
    """Z-score the channel dimension (third from the end) of a tensor in place."""
    shape = (-1, 1, 1)
    tensor.sub_(torch.tensor(mean, dtype=torch.float32).view(shape))
    tensor.div_(torch.tensor(std, dtype=torch.float32).view(shape))


def denormalise(fields: Tensor, normalizer: Normalizer) -> np.ndarray:
    """Turn z-scored targets (..., target, lat, lon) into the units of the contract, float32."""
    std, mean = normalizer.target_std[:, None, None], normalizer.target_mean[:, None, None]
    maps = fields.cpu().reshape(-1, *fields.shape[-3:])
    out = np.empty(maps.shape, np.float32)
    for start in range(0, len(maps), _BLOCK):
        block = slice(start, start + _BLOCK)
        out[block] = maps[block].double().numpy() * std + mean
    return out.reshape(fields.shape)
