"""Losses of the published method on z-scored fields, and their weighted sum.

Dice compares patterns, the Gabor bank textures, the Hessian curvatures, and the polar loss a resampled view
of the map. Gabor, Hessian and polar responses are linear in the field, so each is taken once, of the
difference of prediction and target: the published value at half the work. Every function takes fields of one
variable, shape (sample, lat, lon), and returns a scalar; Dice and Hessian depend on the batch as a whole, so
on its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import PUBLISHED_TARGETS, VARIABLES, InputError
from ..registry import Registry

#: A loss takes ``pred`` and ``target``, fields of one variable (sample, lat, lon), what it names of ``weights``
#: (of area, or None) and ``per_sample``, and settings of its own; it returns a scalar.
LOSSES = Registry(
    "loss", {name: f"training.losses:{name}" for name in ("l1", "mse", "dice", "gabor", "hessian", "polar")}
)
#: A combination is a module built with ``weights``, the weight of each term; called with the terms and the prediction,
#: (sample, target, lat, lon), that they were computed of, it returns a scalar. Parameters of it are trained with the
#: network.
COMBINATIONS = Registry(
    "combination",
    {
        "sum": "training.losses:WeightedSum",
        "uncertainty": "training.uncertainty_weights:UncertaintyWeights",
        "balanced_gradients": "training.balanced_gradients:BalancedGradients",
    },
)


def dice(pred: Tensor, target: Tensor, per_sample: bool = False, weights: Tensor | None = None) -> Tensor:
    """Dice loss, 1 - 2 x.y / (x.x + y.y + 1e-6), of flattened fields.

    Parameters
    ----------
    pred, target : Tensor, shape (sample, lat, lon), dimensionless
        Signed z-scores, as published, so the loss lies in 0..2: 0 for a match, 1 for orthogonal fields.
    per_sample : bool
        False (published) takes the inner products over the whole batch, True over each map and averages.
    weights : Tensor, shape broadcastable to the fields, optional
        Weights of the inner products; the published method has none.

    Returns
    -------
    Tensor, shape (), dimensionless
    """
    dims = (-2, -1) if per_sample else tuple(range(pred.ndim))

    def inner(x: Tensor, y: Tensor) -> Tensor:
        return _weigh(x * y, weights).sum(dims)

    overlap = 2 * inner(pred, target) / (inner(pred, pred) + inner(target, target) + 1e-6)
    return 1 - overlap.mean()


def l1(pred: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean absolute difference, weighted by `weights` of mean 1 where given."""
    return _weigh((pred - target).abs(), weights).mean()


def mse(pred: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared difference, weighted by `weights` of mean 1 where given."""
    return _weigh((pred - target).square(), weights).mean()


def _weigh(values: Tensor, weights: Tensor | None) -> Tensor:
    return values if weights is None else values * weights


def gabor_kernels() -> Tensor:
    """Return the published bank of 32 Gabor kernels, shape (32, 1, 7, 7), float32.

    Scales 1 and 2 vary slowest, then wavelengths 3 and 5, then eight orientations i pi / 8; each kernel is
    divided by the sum of its absolute values. Columns are x (longitude), rows y (latitude).
    """
    scale, wavelength, angle = torch.meshgrid(
        torch.tensor([1.0, 2.0], dtype=torch.float64),
        torch.tensor([3.0, 5.0], dtype=torch.float64),
        torch.arange(8, dtype=torch.float64) * math.pi / 8,
        indexing="ij",
    )
    scale, wavelength, angle = (p.reshape(-1, 1, 1, 1) for p in (scale, wavelength, angle))
    offset = torch.arange(-3, 4, dtype=torch.float64)
    x, y = offset.view(1, 7), offset.view(7, 1)
    along = x * angle.cos() + y * angle.sin()
    across = -x * angle.sin() + y * angle.cos()
    envelope = torch.exp(-(along.square() + 0.25 * across.square()) / (2 * scale.square()))
    kernels = envelope * torch.cos(2 * math.pi * along / wavelength)
    return (kernels / kernels.abs().sum((-2, -1), keepdim=True)).float()


@cache
@torch.inference_mode(False)  # a tensor made in inference mode could not be used in training
def _gabor_bank(device: torch.device, dtype: torch.dtype) -> Tensor:
    return gabor_kernels().to(device, dtype)


def gabor(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the responses to the Gabor bank, zero padding (the published method).

    Parameters
    ----------
    pred, target : Tensor, shape (sample, lat, lon), dimensionless

    Returns
    -------
    Tensor, shape (), dimensionless
    """
    difference = (pred - target).unsqueeze(1)
    return F.conv2d(difference, _gabor_bank(pred.device, pred.dtype), padding=3).abs().mean()


@cache
@torch.inference_mode(False)  # a tensor made in inference mode could not be used in training
def _hessian_stencils(device: torch.device, dtype: torch.dtype) -> Tensor:
    dxx = [[0, 0, 0], [1, -2, 1], [0, 0, 0]]
    dyy = [[0, 1, 0], [0, -2, 0], [0, 1, 0]]
    dxy = [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]
    return torch.tensor([dxx, dxy, dyy], device=device, dtype=dtype).unsqueeze(1)


def hessian(pred: Tensor, target: Tensor) -> Tensor:
    """Root mean square of the second differences' error: sqrt(mean(Dxx^2 + 2 Dxy^2 + Dyy^2)), zero padding.

    Parameters
    ----------
    pred, target : Tensor, shape (sample, lat, lon), dimensionless

    Returns
    -------
    Tensor, shape (), dimensionless

    Notes
    -----
    The value is the published one everywhere. The gradient differs in one point: where prediction and target
    are equal in every cell that of the published root is NaN, here it is 0 (a subgradient). Dxy is not divided
    by 4, as published.
    """
    difference = (pred - target).unsqueeze(1)
    curvature = F.conv2d(difference, _hessian_stencils(pred.device, pred.dtype), padding=1).square()
    dxx, dxy, dyy = curvature.unbind(1)
    mean = (dxx + 2 * dxy + dyy).mean()
    positive = mean > 0
    return torch.where(positive, torch.where(positive, mean, 1).sqrt(), 0)


@cache
@torch.inference_mode(False)  # a tensor made in inference mode could not be used in training
def _polar_grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the polar view's sampling points in `grid_sample` coordinates, shape (1, radius, angle, 2)."""
    centre = ((width - 1) / 2, (height - 1) / 2)
    largest = math.hypot(*centre)
    radius = torch.linspace(0, largest, math.floor(largest), dtype=torch.float64)
    angle = torch.linspace(0, 2 * math.pi, width, dtype=torch.float64)
    direction = torch.stack([angle.cos(), angle.sin()], dim=-1)
    return (radius.view(1, -1, 1, 1) * direction / torch.tensor(centre)).to(device, dtype)


def polar(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the fields resampled to (radius, angle) around the array's centre.

    Parameters
    ----------
    pred, target : Tensor, shape (sample, lat, lon), dimensionless

    Returns
    -------
    Tensor, shape (), dimensionless

    Notes
    -----
    The published method: bilinear, aligned corners, border values outside the array. The centre is the equator
    near the date line and no pole; a quarter of the samples lie outside the map and take the value at its edge.
    """
    grid = _polar_grid(*pred.shape[-2:], pred.device, pred.dtype)
    difference = (pred - target).unsqueeze(0)
    return F.grid_sample(difference, grid, padding_mode="border", align_corners=True).abs().mean()


class WeightedSum(nn.Module):
    """The published combination of loss terms: their sum with fixed weights.

    Parameters
    ----------
    weights : mapping of str to float
        Of each term.
    """

    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        self.weights = dict(weights)

    def forward(self, terms: Mapping[str, Tensor], pred: Tensor) -> Tensor:
        """Return a scalar."""
        return sum(weight * terms[name] for name, weight in self.weights.items())


def with_defaults(weights: Mapping[str, float], targets: Sequence[str]) -> dict[str, float]:
    """Add the loss of the table, at weight 1, for each target that no term names."""
    named = {name.partition("_")[0] for name in weights}
    added = {f"{name}_{VARIABLES[name].loss}": 1.0 for name in targets if name not in named and VARIABLES[name].loss}
    return {**weights, **added}


class CompositeLoss(nn.Module):
    """Losses of the variables, combined.

    Parameters
    ----------
    weights : mapping of str to float
        Weight of each term ``<variable>_<loss>``: variable one of the targets, loss a name in `LOSSES`. Terms that are
        absent or have weight 0 are not computed. See `recipe.PUBLISHED_LOSS`.
    targets : sequence of str
        Variables of the fields, by channel. One that no term names gets the loss of its entry in
        `contract.VARIABLES`, at weight 1; tas and pr have none there.
    dice_per_sample : bool
        Take Dice per map instead of over the whole batch.
    area_weights : Tensor, shape (lat,), optional
        Area weights of mean 1, used by l1, mse and Dice and not by gabor, hessian and polar. The published
        method has none.
    settings : mapping of str to dict, optional
        Further arguments of losses, by name.
    combination : str
        A name in `COMBINATIONS`.

    Raises
    ------
    InputError
        If a variable, a loss or a setting of it is unknown.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        targets: Sequence[str] = PUBLISHED_TARGETS,
        dice_per_sample: bool = False,
        area_weights: Tensor | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        combination: str = "sum",
    ):
        super().__init__()
        self.targets, weights = tuple(targets), with_defaults(weights, targets)
        self.names = [name for name, weight in weights.items() if weight]
        self.given = {"per_sample": dice_per_sample}
        cells = None if area_weights is None else area_weights.view(-1, 1)
        self.register_buffer("cell_weights", cells, persistent=False)
        for name in weights:
            if name.partition("_")[0] not in targets:
                raise InputError(f"loss term '{name}': the variables are {', '.join(targets)}")
            LOSSES.require(name.partition("_")[2])
        self.settings = {name: dict(values) for name, values in (settings or {}).items()}
        for name, values in self.settings.items():
            LOSSES.require_settings(name, values)
        self.combination = COMBINATIONS.build(combination, {"weights": {name: weights[name] for name in self.names}})

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return each term by name, not yet multiplied by its weight; no device is synchronised.

        Parameters
        ----------
        pred, target : Tensor, shape (sample, target, lat, lon), z-scored
        """
        return {name: self._term(name, pred, target) for name in self.names}

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the combined loss for z-scored fields of shape (sample, target, lat, lon)."""
        return self.combination(self.terms(pred, target), pred)

    def _term(self, name: str, pred: Tensor, target: Tensor) -> Tensor:
        variable, _, loss = name.partition("_")
        channel = self.targets.index(variable)
        fields = {"pred": pred[:, channel], "target": target[:, channel], "weights": self.cell_weights}
        return LOSSES.build(loss, fields | self.given, self.settings.get(loss))
