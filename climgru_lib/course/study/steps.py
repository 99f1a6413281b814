"""A step of training: the published batch of single windows beside runs that share months and members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...data.tensors import EmulationData
from ...training.batches import Batch, RunSampler
from ...training.lightning_adapter import Emulation
from ...training.recipe import Recipe
from .measure import Row, in_turn

REPEATS = 3
BATCH = 32  # windows of a published batch
MEMBERS = (3, 2)
EPOCH = 8961  # (window, member) pairs of a published epoch of the full store


class Trainee:
    """A network in training: its module, its optimiser, and one step of it.

    Parameters
    ----------
    recipe : Recipe
    data : EmulationData
        Prepared, for the number of channels and the grid.
    device : torch.device
    precision : {"32", "bf16"}
    seed : int
        Of the parameters; dropout draws on from there.
    steps : int
        After which a learning rate that is annealed by batch is zero.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: EmulationData,
        device: torch.device,
        precision: str = "32",
        seed: int = 0,
        steps: int = 0,
    ):
        torch.manual_seed(seed)
        model = recipe.build(len(data.channels), (len(data.lat), len(data.lon)), len(data.targets))
        if recipe.start_at_mean:
            model.start_at(data.mean_target(recipe.window, recipe.lead))
        self.module = Emulation(model, recipe.build_loss(data.targets, data.lat), recipe, steps).to(device).train()
        (self.optimizer,), schedules = self.module.configure_optimizers()
        self.schedules = [schedule["scheduler"] for schedule in schedules if schedule["interval"] == "step"]
        self.autocast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    def step(self, compute_loss: Callable[[], Tensor]) -> None:
        """Do one step of the optimiser."""
        self.optimizer.zero_grad()
        with self.autocast():
            loss = compute_loss()
        loss.backward()
        self.optimizer.step()
        for schedule in self.schedules:
            schedule.step()

    def plain_loss(self, windows: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a published batch: every window by itself, encoded month by month."""
        return self.module.loss(self.module.model(windows), targets)

    def our_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of runs."""
        return self.module.training_step(batch, 0)["loss"]


def plain_batch(data: EmulationData, recipe: Recipe, chosen: Sequence[tuple[str, int, int]]) -> tuple[Tensor, Tensor]:
    """Gather a published batch.

    Parameters
    ----------
    data : EmulationData
        Prepared.
    recipe : Recipe
        Window and lead.
    chosen : sequence of (scenario, member, month)
        The targets.

    Returns
    -------
    Tensor, shape (sample, window, channel, lat, lon), and Tensor, shape (sample, 2, lat, lon)
    """
    windows, targets = [], []
    for ssp, member, month in chosen:
        stop = month - recipe.lead + 1
        windows.append(data.scenarios[ssp].inputs[stop - recipe.window : stop])
        targets.append(data.scenarios[ssp].targets[member, month])
    return torch.stack(windows), torch.stack(targets)


def shuffled_targets(
    data: EmulationData, recipe: Recipe, rng: np.random.Generator, count: int | None = None
) -> list[tuple[str, int, int]]:
    """Draw targets of training, (scenario, member, month), without replacement; all of them by default."""
    masks = data.training_targets(recipe.window, recipe.lead)
    every = [(ssp, int(member), int(month)) for ssp, keep in masks.items() for member, month in np.argwhere(keep)]
    return [every[i] for i in rng.permutation(len(every))[:count]]


def our_batch(data: EmulationData, recipe: Recipe, members: int, device: torch.device) -> Batch:
    """Return a full batch of the recipe's runs, with the first ``members`` members alone."""
    sampler = RunSampler(data, recipe, seed=0, device=device)
    batch = max(map(sampler.batch, sampler.plan(0)[:4]), key=lambda batch: int(batch.mask.sum()))
    return Batch(batch.inputs, batch.targets[:, :, :members], batch.mask[:, :, :members])


def compare_steps(
    trainee: Trainee,
    recipe: Recipe,
    data: EmulationData,
    device: torch.device,
    precision: str,
    run_lengths: Sequence[int],
) -> Iterator[Row]:
    """Compare the time per (window, member) of a step at several run lengths.

    Both forms have the same network, loss and fused optimiser, and their batches lie ready on the device. A step
    of ours does the recipe's number of runs of consecutive targets, so that its batch grows with the run length.
    """
    chosen = shuffled_targets(data, recipe, np.random.default_rng(0), BATCH)
    windows, targets = (part.to(device) for part in plain_batch(data, recipe, chosen))
    kinds = [(length, members) for length in run_lengths for members in MEMBERS if members <= len(data.members)]
    batches = {}
    for length, members in kinds:
        batches[length, members] = our_batch(data, replace(recipe, run_length=length), members, device)
    forms = {"plain": lambda: trainee.step(lambda: trainee.plain_loss(windows, targets))}
    for kind, batch in batches.items():
        forms[kind] = lambda batch=batch: trainee.step(lambda: trainee.our_loss(batch))
    for kind in forms if device.type == "cuda" else kinds[:1]:
        forms[kind]()  # the optimiser's state, and what CUDA's libraries keep, are made in a first step
    took = in_turn(forms, REPEATS, device)
    plain = [1e3 * time / BATCH for time in took["plain"]]
    for kind, batch in batches.items():
        pairs = int(batch.mask.sum())
        ours = [1e3 * time / pairs for time in took[kind]]
        middle = float(np.median(ours))
        facts = {"pairs a step": pairs, "pairs/s": 1e3 / middle, f"s an epoch of {EPOCH}": middle * EPOCH / 1e3}
        what = f"{precision}, runs of {kind[0]}, {kind[1]} members: per pair"
        yield Row(what, "ms", ours, plain, facts)
