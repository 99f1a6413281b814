"""Batch normalisation for batches whose months are alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract import InputError

SETTLING = 50  # batches of which a running norm takes its statistics


class RunningNorm(nn.modules.batchnorm._NormBase):
    """Batch norm that normalises with the mean statistics of the first batches, in training too.

    A batch of neighbouring months knows one climate: its own statistics would hide from the network what all its
    months have in common, the level of CO2 before all. Here no gradient passes through the statistics, each of the
    first 50 batches weighs the same in them, and then they stay: statistics that went on moving with the latest
    climates would move the predictions, at the end of a training whose learning rate falls to zero above all.
    Parameters and buffers have the names of `nn.BatchNorm2d`.

    Notes
    -----
    The statistics are those of the mixture of the batches; the variance between batches counts. Where several processes
    train, each with a share of a batch of the same size, they are those of the whole batch. Fixing them to what the
    untrained network makes of data is the data-dependent start of Salimans and Kingma (2016), arXiv:1602.07868.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise `maps`, shape (sample, channel, ...)."""
        if self.training:
            self._take(*_of_all_processes(*torch.batch_norm_update_stats(maps.detach().float(), None, None, 0.0)))
        return F.batch_norm(maps, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    def _take(self, mean: Tensor, variance: Tensor) -> None:
        """Take the statistics of a batch into the running ones; no branch, which would wait for a GPU."""
        self.num_batches_tracked += 1
        share = (self.num_batches_tracked <= SETTLING) / self.num_batches_tracked
        shift = mean - self.running_mean
        self.running_var.lerp_(variance, share).add_(share * (1 - share) * shift.square())
        self.running_mean.add_(share * shift)


def _of_all_processes(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the statistics of all processes' values together, of which each has as many."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mean, variance
    own = torch.stack([mean, variance])
    shares = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(shares, own)
    means, variances = torch.stack(shares, dim=1)
    together = means.mean(0)
    return together, (variances + (means - together).square()).mean(0)


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
