"""A head: transposed convolutions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .heads import START_SHARE


class TransposedHead(nn.Module):
    """A dense layer to coarse maps, then transposed convolutions, each of which doubles the grid.

    (..., features) -> (..., lat, lon). Long et al. 2015, arXiv:1411.4038; 4 x 4 kernels with stride 2 as in Radford et
    al. 2016, arXiv:1511.06434. Beyond the edges there are zeros, in longitude too. The weights are the same everywhere;
    what a cell has of its own is one number, its bias, as in the published head.

    Parameters
    ----------
    features : int
    grid : (int, int)
        Latitudes and longitudes; rows and columns too many are cut off.
    dropout : float
    channels : int
        Of the coarse maps; each doubling of the grid halves them.
    doublings : int
    """

    def __init__(
        self, features: int, grid: tuple[int, int], dropout: float = 0.2, channels: int = 32, doublings: int = 3
    ):
        super().__init__()
        self.grid = tuple(grid)
        self.coarse = (channels, *(-(-cells // 2**doublings) for cells in grid))
        rows, columns = self.coarse[1:]
        self.dense = nn.Linear(features, channels * rows * columns)
        widths = [max(channels // 2**level, 1) for level in range(doublings)] + [1]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.GroupNorm(1, before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        self.layers = nn.Sequential(*layers[:2], nn.Dropout(dropout), *layers[2:])
        self.bias = nn.Parameter(torch.zeros(*self.grid))

    @torch.no_grad()
    def start_at(self, field: Tensor) -> None:
        """Take a map (lat, lon) as bias of the cells and shrink the weights of the last layer."""
        self.layers[-1].weight.mul_(START_SHARE)
        self.layers[-1].bias.zero_()
        self.bias.copy_(field)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (..., features) to (..., lat, lon)."""
        coarse = self.dense(states).flatten(0, -2).unflatten(-1, self.coarse)
        rows, columns = self.grid
        maps = self.layers(coarse)[:, 0, :rows, :columns]
        return maps.unflatten(0, states.shape[:-1]) + self.bias
