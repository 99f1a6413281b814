"""A temporal core: a convolutional LSTM (Shi et al. 2015, arXiv:1506.04214) over the encoded maps."""

import torch
from torch import Tensor, nn

from climgru_lib.models.cores import CORES, TemporalCore


@CORES.register("conv_lstm")
class ConvLstm(TemporalCore):
    def __init__(self, maps: tuple[int, int, int], cells: int = 3):
        super().__init__()
        self.cells = cells
        self.gates = nn.Conv2d(maps[0] + cells, 4 * cells, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        state = memory = maps.new_zeros(len(maps), self.cells, *maps.shape[-2:])
        for month in maps.unbind(1):
            take, forget, give, new = self.gates(torch.cat([month, state], dim=1)).chunk(4, dim=1)
            memory = torch.sigmoid(forget) * memory + torch.sigmoid(take) * torch.tanh(new)
            state = torch.sigmoid(give) * torch.tanh(memory)
        return state.flatten(1)
