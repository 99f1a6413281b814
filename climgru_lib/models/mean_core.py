"""A temporal core: the mean over the months of the window."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .cores import VectorCore
from .temporal_transformer import positions


class MeanOfMonths(VectorCore):
    """The mean over the months of the projection of each, told its place in the window, through a GELU.

    (batch, time, channel, y, x) -> (batch, hidden). Average pooling over time, as in Deep Sets (Zaheer et al. 2017,
    arXiv:1703.06114): months do not meet before the head. A plain mean over a window of 12 would not know the season,
    which is the same in all of them; hence place and GELU.
    """

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Average over every window; return (batch, time - window + 1, hidden)."""
        every = months.unfold(1, window, 1).transpose(-1, -2)
        return F.gelu(every + positions(window, every)).mean(-2)
