"""A temporal core: a transformer over the months of the window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .cores import VectorCore


class TemporalTransformer(VectorCore):
    """A transformer encoder whose tokens are the projected months; its output at the last month counts.

    (batch, time, channel, y, x) -> (batch, hidden). Vaswani et al. 2017, arXiv:1706.03762, with the norm before each
    part (Xiong et al. 2020, arXiv:2002.04745). Every month attends to all of its window and to none beyond. Positions
    are sines and cosines that count back from the last month, so that windows of any length can be read.

    Parameters
    ----------
    maps : (int, int, int)
        Channels, rows and columns of an encoded month.
    hidden : int
        Size of a token; a multiple of ``heads`` and of 2. The layer between is twice as wide.
    layers : int
    dropout : float
    scaled : bool
        Of the projection, see `Projection`.
    heads : int
        Of the attention.
    """

    def __init__(
        self,
        maps: tuple[int, int, int],
        hidden: int = 512,
        layers: int = 2,
        dropout: float = 0.2,
        scaled: bool = False,
        heads: int = 4,
    ):
        super().__init__(maps, hidden, scaled)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 2 * hidden, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Read every window; return (batch, time - window + 1, hidden)."""
        every = months.unfold(1, window, 1).transpose(-1, -2)
        tokens = every.flatten(0, 1) + positions(window, every)
        return self.encoder(tokens)[:, -1].unflatten(0, every.shape[:2])


def positions(window: int, like: Tensor) -> Tensor:
    """Return the sinusoidal code of the months before the target, the last of them 0.

    Parameters
    ----------
    window : int, months
    like : Tensor, shape (..., hidden)
        For size, type and device.

    Returns
    -------
    Tensor, shape (window, hidden)
        Sines and cosines of wavelengths from 2 pi to 20 000 pi months.
    """
    half = like.shape[-1] // 2
    back = torch.arange(window - 1, -1, -1, device=like.device)
    angle = back[:, None] * 1e4 ** (-torch.arange(half, device=like.device) / half)
    return torch.cat([angle.sin(), angle.cos()], dim=-1).to(like.dtype)
