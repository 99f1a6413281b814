"""A head: sums of a few learned maps."""

from __future__ import annotations

import math

from torch import nn

from .heads import DenseHead


class LowRankHead(DenseHead):
    """The published head with a narrow last layer: coefficients times learned maps, and their mean.

    (..., features) -> (..., lat, lon). The maps do what empirical orthogonal functions do (Lorenz 1956), but are
    learned with the rest, as the basis functions of DeepONet are (Lu et al. 2021, arXiv:1910.03193).

    Parameters
    ----------
    features, grid, head, dropout
        As in `DenseHead`.
    rank : int
        Number of maps.
    """

    def __init__(self, features: int, grid: tuple[int, int], head: int = 1024, dropout: float = 0.2, rank: int = 16):
        super().__init__(features, grid, head, dropout)
        self[-1] = nn.Linear(head, rank)
        self.append(nn.Linear(rank, math.prod(grid)))
