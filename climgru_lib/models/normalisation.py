"""Batch normalisation for batches whose months are alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import InputError

LEAST_SHARE = 0.02  # of the newest batch in the running statistics


class RunningNorm(nn.modules.batchnorm._NormBase):
    """Batch norm that normalises with its running statistics in training too; no gradient passes through them.

    A batch of neighbouring months knows one climate: its own statistics would hide from the network what all its
    months have in common, the level of CO2 before all. With running statistics, after the first batches, a window's map
    hardly depends on the rest of its batch, of which 2 % is in them. Parameters and buffers have the names of
    `nn.BatchNorm2d`.

    Notes
    -----
    The running statistics are those of the mixture of all batches seen, with weights that fall off exponentially;
    the variance between batches counts. At first all batches weigh the same.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise `maps`, shape (sample, channel, ...)."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = self._mixed(*torch.batch_norm_update_stats(maps.detach().float(), None, None, 0.0))
            self.running_mean.copy_(mean)
            self.running_var.copy_(variance)
        return F.batch_norm(maps, mean, variance, self.weight, self.bias, False, 0.0, self.eps)

    def _mixed(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return the running mean and variance after a batch with the given ones."""
        self.num_batches_tracked += 1
        share = (1 / self.num_batches_tracked).clamp(min=LEAST_SHARE)
        shift = mean - self.running_mean
        mixed = torch.lerp(self.running_var, variance, share) + share * (1 - share) * shift.square()
        return self.running_mean + share * shift, mixed


NORMS = {"batch": {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}, "running": {2: RunningNorm, 3: RunningNorm}}


def norm_layer(kind: str, dims: int) -> type[nn.Module]:
    """Return the class of a normalisation.

    Parameters
    ----------
    kind : {"batch", "running"}
        "batch" (published) normalises in training with the statistics of the batch, see `RunningNorm`.
    dims : int
        2 for maps, 3 for volumes.

    Raises
    ------
    InputError
        If the kind is unknown.
    """
    if kind not in NORMS:
        raise InputError(f"unknown norm {kind!r}; choose one of {', '.join(NORMS)}")
    return NORMS[kind][dims]
