"""A combination of losses whose weights are learned: homoscedastic uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

SPEED = 10  # times which a step of the optimiser moves the logarithm of a weight; a short training has few steps


class UncertaintyWeights(nn.Module):
    """The sum of exp(-s) L + s over the terms L of the loss, with an s for each that is learned.

    Kendall et al. 2018, arXiv:1705.07115: s is the logarithm of a term's noise. At its best, s = log L, every term
    weighs 1 / L. The weights start at those that are given.

    Parameters
    ----------
    weights : mapping of str to float
        Of each term; above 0.
    """

    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        starts = {name: torch.tensor(-math.log(weight) / SPEED) for name, weight in weights.items()}
        self.noise = nn.ParameterDict({name: nn.Parameter(start) for name, start in starts.items()})

    def forward(self, terms: Mapping[str, Tensor], pred: Tensor) -> Tensor:
        """Return a scalar."""
        return sum(torch.exp(-SPEED * s) * terms[name] + SPEED * s for name, s in self.noise.items())
