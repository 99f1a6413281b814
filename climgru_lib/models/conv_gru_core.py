"""A temporal core: a GRU with convolutions in its gates."""

from __future__ import annotations

import torch
from torch import Tensor

from .map_core import MapCore


class ConvGruCore(MapCore):
    """A GRU whose state is maps and whose gates are 3 x 3 convolutions.

    (batch, time, channel, y, x) -> (batch, hidden). Ballas et al. 2016, arXiv:1511.06432; gates in PyTorch's order and
    form: reset, update, new. The published "Conv-GRU" is a GRU over flattened maps after convolutions, `WindowGru`.
    """

    gates = 3

    def step(self, month: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Mix state and candidate; a GRU has no memory beside its state."""
        month_ru, month_n = month.split((2 * self.cells, self.cells), dim=1)
        state_ru, state_n = self.of_state(state).split((2 * self.cells, self.cells), dim=1)
        reset, update = torch.sigmoid(month_ru + state_ru).chunk(2, dim=1)
        new = torch.tanh(month_n + reset * state_n)
        return new + update * (state - new), memory
