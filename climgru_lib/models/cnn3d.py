"""The published first model: the starter's residual CNN with 3-D convolutions over (time, lat, lon)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import InputError
from .heads import START_SHARE
from .inputs import check_months, check_window
from .normalisation import norm_layer

_CHUNK = 16  # windows at a time where nothing couples them: keeps the volumes in little memory


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with batch norm around a skip connection."""

    def __init__(self, before: int, after: int, norm: str = "batch"):
        super().__init__()
        norm_of = norm_layer(norm, 3)
        self.conv1 = nn.Conv3d(before, after, 3, padding=1)
        self.bn1 = norm_of(after)
        self.conv2 = nn.Conv3d(after, after, 3, padding=1)
        self.bn2 = norm_of(after)
        self.skip = nn.Identity() if before == after else nn.Sequential(nn.Conv3d(before, after, 1), norm_of(after))

    def forward(self, volume: Tensor) -> Tensor:
        """Transform `volume`, shape (batch, channel, time, lat, lon)."""
        inner = F.relu(self.bn1(self.conv1(volume)), inplace=True)
        return F.relu(self.bn2(self.conv2(inner)) + self.skip(volume), inplace=True)


class LocalConv1x1(nn.Module):
    """A 1 x 1 convolution with weights and bias of its own in each cell, shared by all months."""

    def __init__(self, in_channels: int, out_channels: int, grid: tuple[int, int]):
        super().__init__()
        reach = in_channels**-0.5
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *grid).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.zeros(out_channels, *grid))

    @torch.no_grad()
    def start_at(self, maps: Tensor) -> None:
        """Take maps (channel, lat, lon) as bias and shrink the weights."""
        self.weight.mul_(START_SHARE)
        self.bias.copy_(maps)

    def forward(self, volume: Tensor) -> Tensor:
        """Transform `volume`, shape (batch, channel, time, lat, lon)."""
        return torch.einsum("bctyx,ocyx->botyx", volume, self.weight) + self.bias[:, None]


class Cnn3d(nn.Module):
    """Residual 3D-CNN: stem, residual blocks, channel dropout and head, 3 x 3 x 3 with zero padding.

    How the published model collapses time is not known; here every layer keeps it and the last step is taken.

    Parameters
    ----------
    in_channels : int
        Forcings and seasonal encoding.
    widths : sequence of int
        Channels of the stem, then of each residual block.
    dropout : float
        Of whole channels, before the head.
    norm : {"batch", "running"}
        In training; "batch" is published, see `normalisation.RunningNorm`.
    grid : (int, int), optional
        Latitudes and longitudes; only a network with ``local`` needs it and is bound to it.
    coarsen : int
        Convolve means over boxes of so many latitudes and longitudes; the last layer sees them on the full grid again.
        Published: 1.
    local : bool
        Let the last layer have weights and bias of its own in each cell. Published: one 1 x 1 x 1 convolution, which
        does not know where it is.
    n_targets : int
        Output channels, in order tas, pr, further ones.

    Raises
    ------
    InputError
        If the norm is unknown or boxes have no cells.

    Notes
    -----
    With n blocks the map depends on the last 2 n + 3 months of the window: 11 of 12 with the published four.
    Each layer computes only the steps it depends on, about a third of the work; in training the batch statistics
    are those of these steps.
    """

    trained = True

    def __init__(
        self,
        in_channels: int = 6,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        dropout: float = 0.2,
        norm: str = "batch",
        grid: tuple[int, int] = (48, 72),
        coarsen: int = 1,
        local: bool = False,
        n_targets: int = 2,
    ):
        super().__init__()
        if coarsen < 1:
            raise InputError(f"coarsen takes a number of cells from 1 on, got {coarsen}")
        self.in_channels, self.grid, norm_of = in_channels, tuple(grid) if local else None, norm_layer(norm, 3)
        self.coarsen = coarsen
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, widths[0], 3, padding=1), norm_of(widths[0]), nn.ReLU(inplace=True)
        )
        self.blocks = nn.ModuleList(ResidualBlock(*pair, norm) for pair in pairwise(widths))
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Sequential(
            nn.Conv3d(widths[-1], widths[-1] // 2, 3, padding=1),
            norm_of(widths[-1] // 2),
            nn.ReLU(inplace=True),
        )
        inner = widths[-1] // 2
        self.output = LocalConv1x1(inner, n_targets, grid) if local else nn.Conv3d(inner, n_targets, 1)

    def start_at(self, maps: Tensor) -> None:
        """Start training near given maps: they become the bias of the last layer, whose weights shrink.

        Parameters
        ----------
        maps : Tensor, shape (target, lat, lon), z-scored

        Raises
        ------
        InputError
            If the last layer has one bias for all cells.
        """
        if self.grid is None:
            raise InputError("start_at_mean needs a 3D-CNN with architecture.local=true")
        self.output.start_at(maps)

    def forward(self, windows: Tensor) -> Tensor:
        """Map each window to the fields of its target month.

        Parameters
        ----------
        windows : Tensor, shape (batch, time, channel, lat, lon), z-scored
            Any grid.

        Returns
        -------
        Tensor, shape (batch, target, lat, lon), z-scored

        Raises
        ------
        InputError
            If the number of channels is not the network's.
        """
        check_months(windows, self.in_channels, self.grid)
        left = 2 * len(self.blocks) + 2
        volume = _recent(windows.transpose(1, 2), left)
        volume = F.avg_pool3d(volume, (1, self.coarsen, self.coarsen), ceil_mode=True, count_include_pad=False)
        volume = self.stem(volume.contiguous(memory_format=torch.channels_last_3d))  # several times faster on CPUs
        for done, block in enumerate(self.blocks):
            volume = block(_recent(volume, left - 1 - 2 * done))
        volume = self.head(_recent(self.dropout(volume), 1))[:, :, -1:]
        volume = F.interpolate(volume, scale_factor=(1, self.coarsen, self.coarsen))
        return self.output(volume[..., : windows.shape[-2], : windows.shape[-1]]).squeeze(2)

    def forward_series(self, months: Tensor, window: int) -> Tensor:
        """Map every window of a series, each by itself.

        Parameters
        ----------
        months : Tensor, shape (batch, time, channel, lat, lon), z-scored
            Consecutive months; each batch element is a series of its own.
        window : int, months

        Returns
        -------
        Tensor, shape (batch, time - window + 1, target, lat, lon), z-scored
            Output j is that of the window of months j .. j + window - 1.

        Raises
        ------
        InputError
            If the number of channels is not the network's, or the window does not fit.

        Notes
        -----
        Windows share months but not their encodings: zero padding in time acts at the edges of each window.
        """
        check_months(months, self.in_channels)
        check_window(months, window)
        windows = months.unfold(1, window, 1).movedim(-1, 2)
        series, count = windows.shape[:2]
        order = torch.arange(series * count, device=months.device)
        size = len(order) if self.training or torch.is_grad_enabled() else _CHUNK
        maps = [self.forward(windows[part // count, part % count]) for part in order.split(size)]
        return torch.cat(maps).unflatten(0, (series, count))


def _recent(volume: Tensor, convolutions: int) -> Tensor:
    """Keep the time steps that the last one depends on through so many convolutions."""
    return volume[:, :, -(convolutions + 1) :]
