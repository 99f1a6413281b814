"""AdamW whose state several processes share; a module of its own, as its import takes a second."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributed.optim import ZeroRedundancyOptimizer

from .. import processes


class SharedAdamW(ZeroRedundancyOptimizer):
    """AdamW of which each process holds the state of some parameters: ZeRO, stage 1.

    PyTorch's, but for the way in which a checkpoint gets the state of all. There each process sends its share, written
    as a file, to every other one, which takes several times the memory that sharing saves; here the first process gets
    it tensor by tensor.

    Parameters
    ----------
    groups : list of dict
        Groups of parameters.
    **options
        Of `torch.optim.AdamW`.

    References
    ----------
    Rajbhandari et al. 2020, ZeRO: Memory Optimizations Toward Training Trillion Parameter Models, arXiv:1910.02054.
    """

    def __init__(self, groups: list[dict[str, Any]], **options: Any):
        super().__init__(groups, torch.optim.AdamW, **options)
        self._whole: dict[int, dict[str, Tensor]] = {}

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Bring the state of all parameters to one process."""
        here, self._whole = processes.number(), {}
        for index, parameter in enumerate(self._index_to_param):
            owner = self._param_to_rank[parameter]
            if owner == to == here:
                self._whole[index] = self.optim.state[parameter]
            elif owner == here:
                for name in ("step", "exp_avg", "exp_avg_sq"):
                    distributed.send(self.optim.state[parameter][name].to(parameter.device).contiguous(), to)
            elif to == here:
                self._whole[index] = {"step": _received(parameter.new_empty(()), owner)}
                for name in ("exp_avg", "exp_avg_sq"):
                    moments = torch.empty_like(parameter, device="cpu")  # in the parameter's order of memory
                    self._whole[index][name] = moments.copy_(_received(parameter.new_empty(parameter.shape), owner))

    def state_dict(self) -> dict[str, Any]:
        """Return what `consolidate_state_dict` has brought here, once."""
        whole, self._whole = self._whole, {}
        return torch.optim.Optimizer.state_dict(self) | {"state": whole}


def _received(value: Tensor, sender: int) -> Tensor:
    distributed.recv(value, sender)
    return value.cpu()
