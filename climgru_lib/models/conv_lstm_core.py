"""A temporal core: an LSTM with convolutions in its gates."""

from __future__ import annotations

import torch
from torch import Tensor

from .map_core import MapCore


class ConvLstmCore(MapCore):
    """An LSTM whose state and memory are maps and whose gates are 3 x 3 convolutions.

    (batch, time, channel, y, x) -> (batch, hidden). Shi et al. 2015, arXiv:1506.04214, without peepholes; gates in
    PyTorch's order: input, forget, new, output.
    """

    gates = 4

    def step(self, month: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Forget, take in, give out."""
        take, forget, new, give = (month + self.of_state(state)).chunk(4, dim=1)
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(take) * torch.tanh(new)
        return torch.sigmoid(give) * torch.tanh(memory), memory
