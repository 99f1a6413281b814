"""What turns a state into a map: heads by name.

A head is built by ``head(features=..., grid=..., head=..., dropout=...)``, of which it takes what it names, and maps
(..., features) to (..., lat, lon). One that can start at a map has `start_at`. One more file makes one more::

    @HEADS.register("patterns")
    class Patterns(nn.Module): ...
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contract import InputError
from ..registry import Registry

HEADS = Registry(
    "head",
    {
        "dense": "models.heads:DenseHead",
        "transposed": "models.transposed_head:TransposedHead",
        "low_rank": "models.low_rank_head:LowRankHead",
    },
)
START_SHARE = 0.1  # of the last layer's random weights, where training starts at given maps


class DenseHead(nn.Sequential):
    """The published head: two dense layers.

    Parameters
    ----------
    features : int
    grid : (int, int)
        Latitudes and longitudes.
    head : int
        Width of the layer between.
    dropout : float

    Raises
    ------
    InputError
        If the layer between is so narrow that its norm leaves nothing of the input.
    """

    def __init__(self, features: int, grid: tuple[int, int], head: int = 1024, dropout: float = 0.2):
        if head < 3:
            raise InputError(f"head={head}: layer norm leaves nothing but signs of fewer than three numbers; give more")
        super().__init__(
            nn.Linear(features, head),
            nn.LayerNorm(head),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(head, grid[0] * grid[1]),
        )
        self.grid = tuple(grid)

    @torch.no_grad()
    def start_at(self, field: Tensor) -> None:
        """Take a map (lat, lon) as bias of the last layer and shrink its weights."""
        self[-1].weight.mul_(START_SHARE)
        self[-1].bias.copy_(field.flatten())

    def forward(self, states: Tensor) -> Tensor:
        """Map states (..., features) to (..., lat, lon)."""
        return super().forward(states).unflatten(-1, self.grid)
