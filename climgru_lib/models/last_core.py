"""A temporal core: the last month alone."""

from __future__ import annotations

from torch import Tensor

from .cores import VectorCore


class LastMonth(VectorCore):
    """The projection of the window's last month; the others are not looked at.

    (batch, time, channel, y, x) -> (batch, hidden). The single-frame network that a use of time must beat, as in
    Karpathy et al. 2014, doi:10.1109/CVPR.2014.223.
    """

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Return the last month of every window, (batch, time - window + 1, hidden)."""
        return months[:, window - 1 :]
