"""Batches of training: runs of consecutive targets, each with all its members.

A run shares the encoding of its months between its windows and members. Runs are cut anew each epoch at a
random offset; first and last runs may be short, and every target is seen once an epoch.

The published code draws 32 (window, member) pairs at random for a batch. In evaluation both forms compute the same;
in training ours differs from it in these respects, of which `tests/benchmarks/skill.py` measures the sum:

- Normalisation. Batch norm there takes its statistics over the 12 months of each of the 32 windows, drawn from all
  scenarios and periods; here over the months of the runs, each once, neighbours of one climate (those of a whole
  run also where it is short). ``published-final`` therefore normalises with running statistics, through which no
  gradient passes, see `models.normalisation.RunningNorm`.
- Dropout. Masks are drawn for each window, and in the GRU for each step of it; there for each member anew, here the
  members of a target share one forward pass and its masks.
- Composition. A batch holds all members of the targets of a few runs; there its pairs are independent. So the
  gradient and the losses over a whole batch (Dice, Hessian) come from one or a few scenarios and periods, and
  overlapping windows. It has runs x run length x members pairs, not 32, which sets the steps of an epoch too; where
  runs are short it has fewer, and each weighs more.
- Order. There pairs are shuffled each epoch; here runs are, within which months stay together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import processes
from ..data.tensors import EmulationData
from .recipe import Recipe


@dataclass(frozen=True)
class Run:
    """Targets ``first`` .. ``last - 1`` of one scenario, computed in a stretch that begins at ``start``."""

    ssp: str
    start: int
    first: int
    last: int


@dataclass
class Batch:
    """Tensors of a batch.

    ``inputs`` (run, time, channel, lat, lon) and ``targets`` (run, month, member, target, lat, lon) are z-scored;
    ``mask`` (run, month, member), kept on the CPU, marks the target months that count. Where several processes train,
    the inputs are those of this one's share of the runs, see `share`; targets and mask are those of all.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor

    def pairs(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        """Compare one prediction per target month with every member that counts.

        Parameters
        ----------
        fields : Tensor, shape (run, month, target, lat, lon)

        Returns
        -------
        prediction, target : Tensor, shape (sample, target, lat, lon)
        """
        both = fields[:, :, None].expand_as(self.targets).flatten(0, 2), self.targets.flatten(0, 2)
        if self.mask.all():
            return both
        counted = self.mask.flatten().nonzero()[:, 0].to(fields.device)
        return both[0][counted], both[1][counted]


class RunSampler:
    """Iterate over the batches of ``epoch``, from batch ``skip`` on; the next iteration gives the next epoch.

    Parameters
    ----------
    data : EmulationData
        Normalised, with its split.
    recipe : Recipe
        Window, lead, runs, run length and stride.
    seed : int
        With the epoch it fixes the order: a resumed training sees the same batches.
    device : torch.device
        Where the series are kept; batches are slices of them.
    """

    def __init__(self, data: EmulationData, recipe: Recipe, seed: int, device: torch.device):
        self.recipe, self.seed, self.epoch, self.skip = recipe, seed, 0, 0
        self.keep = strided_targets(data, recipe)
        self.ranges = {ssp: _range(keep) for ssp, keep in self.keep.items()}
        self.length = min(recipe.run_length, *(stop - start for start, stop in self.ranges.values()))
        self.inputs = {ssp: recipe.visible(data.scenarios[ssp].inputs, data.channels).to(device) for ssp in self.keep}
        self.targets = {ssp: data.scenarios[ssp].targets.to(device) for ssp in self.keep}
        self.mask = {ssp: torch.from_numpy(keep) for ssp, keep in self.keep.items()}

    @property
    def n_targets(self) -> int:
        """Number of (target month, member) pairs of an epoch."""
        return int(sum(keep.sum() for keep in self.keep.values()))

    def plan(self, epoch: int) -> list[list[Run]]:
        """Return the runs of each batch of an epoch."""
        rng = np.random.default_rng((self.seed, epoch))
        runs = []
        for ssp, (start, stop) in self.ranges.items():
            offset = rng.integers(self.length)
            for cut in range(start - offset, stop, self.length):
                first, last = max(cut, start), min(cut + self.length, stop)
                if first < last and self.keep[ssp][:, first:last].any():
                    runs.append(Run(ssp, min(max(cut, start), stop - self.length), first, last))
        order = rng.permutation(len(runs))
        size = self.recipe.runs
        return [[runs[i] for i in order[at : at + size]] for at in range(0, len(runs), size)]

    def n_batches(self, epochs: int) -> int:
        """Return the number of batches of the first epochs."""
        return sum(len(self.plan(epoch)) for epoch in range(epochs))

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; the epoch counts from the first of them, so that a mere `iter` changes nothing."""
        batches = self.plan(self.epoch)[self.skip :]
        self.epoch, self.skip = self.epoch + 1, 0
        yield from map(self.batch, batches)

    def batch(self, runs: list[Run]) -> Batch:
        """Gather the tensors of some runs."""
        back = self.recipe.lead + self.recipe.window - 1
        inputs, targets, mask = [], [], []
        for run in share(runs):
            inputs.append(self.inputs[run.ssp][run.start - back : run.start + self.length - self.recipe.lead])
        for run in runs:
            stop = run.start + self.length
            targets.append(self.targets[run.ssp][:, run.start : stop].transpose(0, 1))
            counted = self.mask[run.ssp][:, run.start : stop].T.clone()
            counted[: run.first - run.start] = False
            counted[run.last - run.start :] = False
            mask.append(counted)
        return Batch(torch.stack(inputs), torch.stack(targets), torch.stack(mask))


def share(runs: list[Run]) -> list[Run]:
    """Return the runs of a batch that this process computes: all of them where they cannot be shared out evenly."""
    size, left_over = divmod(len(runs), processes.count())
    first = processes.number() * size
    return runs if left_over else runs[first : first + size]


def strided_targets(data: EmulationData, recipe: Recipe) -> dict[str, np.ndarray]:
    """Mark the targets of training, (member, time), at the recipe's stride along time, by scenario that has any."""
    masks = data.training_targets(recipe.window, recipe.lead)
    strided = {ssp: keep & (np.arange(keep.shape[1]) % recipe.stride == 0) for ssp, keep in masks.items()}
    return {ssp: keep for ssp, keep in strided.items() if keep.any()}


def _range(keep: np.ndarray) -> tuple[int, int]:
    months = np.flatnonzero(keep.any(axis=0))
    return int(months[0]), int(months[-1]) + 1
