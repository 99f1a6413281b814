"""What turns the maps of one month into features: encoders by name, and channel attention.

An encoder is built by ``encoder(in_channels=..., grid=..., width=..., ...)``, of which it takes what it names, and maps
(sample, in_channels, lat, lon) to (sample, channel, y, x) of any size. One more file makes one more::

    @ENCODERS.register("flat")
    class Flat(nn.Module): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import InputError
from ..registry import Registry
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
ENCODERS = Registry(
    "encoder",
    {
        "published": "models.encoders:spatial_encoder",
        "unet": "models.unet:UNet",
        "vit": "models.vision_transformer:VisionTransformer",
        "none": "models.box_means:BoxMeans",
    },
)


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
        (sample, in_channels, lat, lon) -> (sample, 4 d, y, x); each stride divides the grid, rounding up. Its maps lie
        in memory with the channels last, which saves time and memory.

    Raises
    ------
    InputError
        If the width is no multiple of 4, the padding or the norm unknown, or a stride below 1.
    """
    if width < 4 or width % 4:
        raise InputError(f"the width of the encoder must be a multiple of 4, got {width}")
    if len(strides) != len(STRIDES) or min(strides) < 1:
        raise InputError(f"the encoder has {len(STRIDES)} convolutions, each with a stride from 1 on, got {strides}")
    if padding not in CONVOLUTIONS:
        raise InputError(f"unknown padding {padding!r}; choose one of {', '.join(CONVOLUTIONS)}")
    conv, norm_of = CONVOLUTIONS[padding], norm_layer(norm, 2)
    widths = (in_channels, width, 2 * width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for stride, (before, after) in zip(strides, pairwise(widths), strict=True):
        layers += [conv(before, after, stride), norm_of(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


class SqueezeExcite(nn.Module):
    """Channel attention: scales each channel by a number in 0..1 made from the global means (Hu et al. 2018).

    Parameters
    ----------
    channels : int
        The inner width is channels / 16, at least 1.
    """

    def __init__(self, channels: int):
        super().__init__()
        inner = max(channels // 16, 1)
        self.conv1 = nn.Conv2d(channels, inner, 1)
        self.conv2 = nn.Conv2d(inner, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Scale `maps`, shape (sample, channel, lat, lon)."""
        means = maps.mean((-2, -1), keepdim=True)
        return maps * torch.sigmoid(self.conv2(F.relu(self.conv1(means))))
