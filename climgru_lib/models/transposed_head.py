"""A head: transposed convolutions."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from .cnn3d import LocalConv1x1


class TransposedHead(nn.Module):
    """A dense layer to coarse maps, transposed convolutions that each double the grid, and a sum in each cell.

    (..., features) -> (..., lat, lon). Long et al. 2015, arXiv:1411.4038; 4 x 4 kernels with stride 2 as in Radford et
    al. 2016, arXiv:1511.06434. Beyond the edges there are zeros, in longitude too. The last layer weighs the channels
    in each cell on its own, as that of `compact-first`: with the same weights everywhere the season of land and sea is
    not learned in a short training.

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
        self, features: int, grid: tuple[int, int], dropout: float = 0.2, channels: int = 64, doublings: int = 3
    ):
        super().__init__()
        self.grid = tuple(grid)
        self.coarse = (channels, *(-(-cells // 2**doublings) for cells in grid))
        widths = [channels // 2**level for level in range(doublings + 1)]
        layers: list[nn.Module] = [nn.GroupNorm(1, channels), nn.ReLU(), nn.Dropout(dropout)]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.GroupNorm(1, after), nn.ReLU()]
        rows, columns = self.coarse[1:]
        self.dense = nn.Linear(features, channels * rows * columns)
        self.layers = nn.Sequential(*layers)
        self.last = LocalConv1x1(widths[-1], 1, self.grid)

    def start_at(self, field: Tensor) -> None:
        """Take a map (lat, lon) as bias of the last layer and shrink its weights."""
        self.last.start_at(field[None])

    def forward(self, states: Tensor) -> Tensor:
        """Map states (..., features) to (..., lat, lon)."""
        coarse = self.dense(states).flatten(0, -2).unflatten(-1, self.coarse)
        rows, columns = self.grid
        maps = self.layers(coarse)[:, :, None, :rows, :columns]
        return self.last(maps)[:, 0, 0].unflatten(0, states.shape[:-1])
