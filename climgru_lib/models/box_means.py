"""An encoder that learns nothing."""

from __future__ import annotations

from torch import nn


class BoxMeans(nn.AvgPool2d):
    """Means over boxes of cells: no encoder at all, for the core to read the forcings as they are.

    (sample, in_channels, lat, lon) -> (sample, in_channels, y, x); boxes at the edge may hold fewer cells.

    Parameters
    ----------
    box : int
        Cells along an edge.
    """

    def __init__(self, box: int = 2):
        super().__init__(box, ceil_mode=True)
