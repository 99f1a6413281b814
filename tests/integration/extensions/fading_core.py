"""A temporal core: means over the cells, of which a month counts the less the longer it is past."""

import torch
from torch import Tensor, nn

from climgru_lib.models.cores import CORES, TemporalCore


@CORES.register("fading")
class Fading(TemporalCore):
    def __init__(self, maps: tuple[int, int, int], life: float = 3.0):
        super().__init__()
        self.life = nn.Parameter(torch.full((maps[0],), life))

    def forward(self, maps: Tensor) -> Tensor:
        back = torch.arange(maps.shape[1] - 1, -1, -1, device=maps.device)
        share = torch.softmax(-back[:, None] / self.life, dim=0)
        return torch.einsum("btc,tc->bc", maps.mean((-2, -1)), share)
