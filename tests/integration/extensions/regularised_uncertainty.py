"""A combination with learned weights whose loss is never negative (Liebel and Körner 2018, arXiv:1805.06334)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from climgru_lib.training.losses import COMBINATIONS


@COMBINATIONS.register("regularised_uncertainty")
class RegularisedUncertainty(nn.Module):
    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        self.sigma = nn.ParameterDict({name: nn.Parameter(torch.ones(())) for name in weights})

    def forward(self, terms: Mapping[str, Tensor], pred: Tensor) -> Tensor:
        return sum(terms[name] / (2 * s**2) + torch.log1p(s**2) for name, s in self.sigma.items())
