"""An encoder: a vision transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class VisionTransformer(nn.Module):
    """A transformer encoder over patches of the map (Dosovitskiy et al. 2021, arXiv:2010.11929).

    (sample, in_channels, lat, lon) -> (sample, 4 width, y, x), a token a patch, with learned positions and the norm
    before each part; the head of classes and its token are left out, as the core reads all patches.

    Parameters
    ----------
    in_channels : int
    grid : (int, int)
        Latitudes and longitudes; where the patch does not divide them, zeros are added in the east and in the last
        rows.
    width : int
        A token has 4 width channels, as the published encoder's maps; ``heads`` divide them. The layer between is twice
        as wide.
    dropout : float
    patch : int
        Cells along an edge.
    depth, heads : int
        Layers, and heads of the attention in each.
    """

    def __init__(
        self,
        in_channels: int,
        grid: tuple[int, int],
        width: int,
        dropout: float = 0.0,
        patch: int = 4,
        depth: int = 2,
        heads: int = 2,
    ):
        super().__init__()
        size = 4 * width
        self.patches = tuple(-(-cells // patch) for cells in grid)
        self.beyond = (0, self.patches[1] * patch - grid[1], 0, self.patches[0] * patch - grid[0])
        self.embed = nn.Conv2d(in_channels, size, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(self.patches[0] * self.patches[1], size))
        layer = nn.TransformerEncoderLayer(size, heads, 2 * size, dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(size), enable_nested_tensor=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Encode `maps`, shape (sample, in_channels, lat, lon)."""
        tokens = self.embed(F.pad(maps, self.beyond)).flatten(2).transpose(1, 2)
        return self.encoder(tokens + self.positions).transpose(1, 2).unflatten(2, self.patches)
