"""A head: maps are sums of a few learned patterns."""

import torch
from torch import Tensor, nn

from climgru_lib.models.heads import HEADS


@HEADS.register("patterns")
class Patterns(nn.Module):
    def __init__(self, features: int, grid: tuple[int, int], rank: int = 2):
        super().__init__()
        self.coefficients = nn.Linear(features, rank)
        self.patterns = nn.Parameter(0.01 * torch.randn(rank, *grid))
        self.mean = nn.Parameter(torch.zeros(*grid))

    def start_at(self, field: Tensor) -> None:
        with torch.no_grad():
            self.mean.copy_(field)

    def forward(self, states: Tensor) -> Tensor:
        return torch.einsum("...r,ryx->...yx", self.coefficients(states), self.patterns) + self.mean
