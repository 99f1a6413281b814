"""Blocks of the Conv-GRU: the spatial encoder of one month and its channel attention."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import InputError
from .normalisation import norm_layer


class GlobeConv2d(nn.Conv2d):
    """3 x 3 convolution of maps that joins west and east: circular in longitude, zeros in latitude."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, out_channels, 3, stride, padding=(1, 0))

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve `maps`, shape (sample, channel, lat, lon)."""
        return super().forward(F.pad(maps, (1, 1, 0, 0), mode="circular"))


class FlatConv2d(nn.Conv2d):
    """3 x 3 convolution of maps with zeros around them (the published method: a seam at 0 E)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, out_channels, 3, stride, padding=1)


CONVOLUTIONS = {"zeros": FlatConv2d, "circular": GlobeConv2d}
STRIDES = (1, 1, 2, 1)  # published


def spatial_encoder(
    in_channels: int, width: int, padding: str = "zeros", norm: str = "batch", strides: Sequence[int] = STRIDES
) -> nn.Sequential:
    """Return the published encoder of one month: four convolutions, each normalised and with ReLU.

    Parameters
    ----------
    in_channels : int
    width : int
        d; the convolutions have d, 2d, 2d and 4d channels.
    padding : {"zeros", "circular"}
        Of the longitudes; latitudes have zeros.
    norm : {"batch", "running"}
        See `normalisation.norm_layer`.
    strides : sequence of four int
        Of the convolutions.

    Returns
    -------
    nn.Sequential
        (sample, in_channels, lat, lon) -> (sample, 4 d, *encoded_grid). Its maps lie in memory with the channels
        last, which saves time and memory.

    Raises
    ------
    InputError
        If the padding or the norm is unknown.
    """
    if padding not in CONVOLUTIONS:
        raise InputError(f"unknown padding {padding!r}; choose one of {', '.join(CONVOLUTIONS)}")
    conv, norm_of = CONVOLUTIONS[padding], norm_layer(norm, 2)
    widths = (in_channels, width, 2 * width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for stride, (before, after) in zip(strides, pairwise(widths), strict=True):
        layers += [conv(before, after, stride), norm_of(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def encoded_grid(grid: tuple[int, int], strides: Sequence[int] = STRIDES) -> tuple[int, int]:
    """Return the latitudes and longitudes that a `spatial_encoder` leaves of a grid.

    Raises
    ------
    InputError
        If the strides are not four, from 1 on.
    """
    if len(strides) != len(STRIDES) or min(strides) < 1:
        raise InputError(f"the encoder has {len(STRIDES)} convolutions, each with a stride from 1 on, got {strides}")
    return tuple(reduce(lambda cells, stride: -(-cells // stride), strides, cells) for cells in grid)


class SqueezeExcite(nn.Module):
    """Channel attention: scales each channel by a number in 0..1 made from the global means (Hu et al. 2018).

    Parameters
    ----------
    channels : int
        The inner width is channels / 16.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels // 16, 1)
        self.conv2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Scale `maps`, shape (sample, channel, lat, lon)."""
        means = maps.mean((-2, -1), keepdim=True)
        return maps * torch.sigmoid(self.conv2(F.relu(self.conv1(means))))
