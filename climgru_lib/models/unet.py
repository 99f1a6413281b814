"""An encoder: a U-Net."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .encoders import CONVOLUTIONS
from .normalisation import norm_layer


class UNet(nn.Module):
    """A U-Net: down to coarse maps, up again, each level joined to its like (Ronneberger et al. 2015).

    (sample, in_channels, lat, lon) -> (sample, out, lat, lon). arXiv:1505.04597, with padding, normalisation, and
    nearest neighbours in the place of transposed convolutions on the way up. At the defaults the flattened output has
    as many features as that of the published encoder with strides 2, 1, 2, 1 and a width of 8.

    Parameters
    ----------
    in_channels : int
    width : int
        d; level k of the U has 2^k d channels.
    padding : {"zeros", "circular"}
        Of the longitudes; latitudes have zeros.
    norm : {"batch", "running"}
        See `normalisation.norm_layer`.
    depth : int
        How often the grid is halved.
    out : int
        Channels of the last 1 x 1 convolution.
    """

    def __init__(
        self, in_channels: int, width: int, padding: str = "zeros", norm: str = "batch", depth: int = 2, out: int = 2
    ):
        super().__init__()
        conv, norm_of = CONVOLUTIONS[padding], norm_layer(norm, 2)

        def block(before: int, after: int) -> nn.Sequential:
            layers = [(conv(a, after), norm_of(after), nn.ReLU(inplace=True)) for a in (before, after)]
            return nn.Sequential(*(part for layer in layers for part in layer))

        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(block(a, b) for a, b in pairwise([in_channels, *widths]))
        self.up = nn.ModuleList(block(a + b, b) for a, b in pairwise(widths[::-1]))
        self.last = nn.Sequential(nn.Conv2d(width, out, 1), norm_of(out), nn.ReLU(inplace=True))
        self.to(memory_format=torch.channels_last)

    def forward(self, maps: Tensor) -> Tensor:
        """Encode `maps`, shape (sample, in_channels, lat, lon)."""
        levels = [self.down[0](maps)]
        for block in self.down[1:]:
            levels.append(block(F.max_pool2d(levels[-1], 2, ceil_mode=True)))
        maps = levels.pop()
        for block in self.up:
            level = levels.pop()
            maps = block(torch.cat([F.interpolate(maps, size=level.shape[-2:]), level], dim=1))
        return self.last(maps)
