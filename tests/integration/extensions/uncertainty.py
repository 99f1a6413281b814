"""A combination with learned weights: homoscedastic uncertainty (Kendall et al. 2018, arXiv:1705.07115)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from climgru_lib.training.losses import COMBINATIONS


@COMBINATIONS.register("uncertainty")
class Uncertainty(nn.Module):
    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        self.log_variances = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in weights})

    def forward(self, terms: Mapping[str, Tensor]) -> Tensor:
        return sum(torch.exp(-s) * terms[name] + s for name, s in self.log_variances.items())
