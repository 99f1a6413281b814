"""What temporal cores with convolutions in their gates have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from .cores import Projection, SharingCore
from .encoders import CONVOLUTIONS


class MapCore(SharingCore, ABC):
    """A recurrent core whose state is maps on the grid of the encoder.

    The months' part of the gates is convolved once a month and shared by windows. The state after the last month is
    projected to ``hidden`` features, so that the head is as large as after other cores. Subclasses name their number of
    ``gates`` and write `step`.

    Parameters
    ----------
    maps : (int, int, int)
        Channels, rows and columns of an encoded month.
    hidden : int
        Features that the head gets.
    padding : {"zeros", "circular"}
        Of the longitudes, in the gates.
    scaled : bool
        Of the projection, see `Projection`.
    cells : int
        Channels of the state.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        maps: tuple[int, int, int],
        hidden: int = 512,
        padding: str = "zeros",
        scaled: bool = False,
        cells: int = 16,
    ):
        super().__init__()
        channels, *grid = maps
        self.cells = cells
        self.of_month = CONVOLUTIONS[padding](channels, self.gates * cells)
        self.of_state = CONVOLUTIONS[padding](cells, self.gates * cells)
        self.project = Projection(cells * math.prod(grid), hidden, scaled)

    def months(self, maps: Tensor) -> Tensor:
        """Convolve months (month, channel, y, x) into their part of the gates."""
        return self.of_month(maps)

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Run the recurrence over every window; return (batch, time - window + 1, hidden)."""
        count = months.shape[1] - window + 1
        batch, _, _, *grid = months.shape
        state = memory = months.new_zeros(batch * count, self.cells, *grid)
        for start in range(window):
            month = months[:, start : start + count].flatten(0, 1)
            state, memory = self.step(month, state, memory)
        return self.project(state).unflatten(0, (batch, count))

    @abstractmethod
    def step(self, month: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return state and memory after a month, of which the gates' part is given."""
