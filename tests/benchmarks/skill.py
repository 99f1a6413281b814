"""Skill after equal training: the published batches beside ours, from the same parameters.

The published form draws (window, member) pairs at random and normalises with the statistics of the batch; how ours
differs is told in `batches`. `compact-final` learns all open scenarios but their last decades, which are scored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from climgru_lib.course.study.measure import Row
from climgru_lib.course.study.steps import BATCH, Trainee, plain_batch, shuffled_targets
from climgru_lib.data import store, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.data.tensors import EmulationData
from climgru_lib.predict.emulator import Emulator
from climgru_lib.score.evaluation import score_slice
from climgru_lib.training.batches import Batch, RunSampler
from climgru_lib.training.devices import pick_device
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.recipes import named

SEEDS = (0, 1, 2, 3, 4)
STEPS = 480  # of the optimiser in the published form
SCENARIOS = ("ssp126", "ssp370", "ssp585")
SPLIT = Split(
    "last decades", tuple(Stretch(ssp, -120) for ssp in SCENARIOS), tuple(Stretch(ssp, -108) for ssp in SCENARIOS)
)


def published_form(recipe: Recipe) -> Recipe:
    """Return the recipe with the published normalisation."""
    return replace(recipe, architecture={**recipe.architecture, "norm": "batch"})


def plain_batches(prepared: EmulationData, recipe: Recipe, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield published batches without end: every pair once an epoch, in an order drawn anew, the rest left out."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = shuffled_targets(prepared, recipe, rng)
        for start in range(0, len(chosen) - BATCH + 1, BATCH):
            yield plain_batch(prepared, recipe, chosen[start : start + BATCH])


def our_batches(prepared: EmulationData, recipe: Recipe, seed: int, device: torch.device) -> Iterator[Batch]:
    """Yield the batches of training without end."""
    sampler = RunSampler(prepared, recipe, seed, device)
    while True:
        yield from sampler


def steps_of_as_many_pairs(prepared: EmulationData, recipe: Recipe, pairs: int) -> int:
    """Return the number of our batches that hold a number of pairs, by the mean of an epoch."""
    sampler = RunSampler(prepared, recipe, 0, torch.device("cpu"))
    return round(pairs * len(sampler.plan(0)) / sampler.n_targets)


def trained(prepared: EmulationData, recipe: Recipe, seed: int, steps: int, plain: bool) -> Emulator:
    """Train from the parameters of a seed, in one of the two forms."""
    device = pick_device("auto")
    trainee = Trainee(recipe, prepared, device, seed=seed, steps=steps)
    if plain:
        of_pairs = plain_batches(prepared, recipe, seed)
        losses = (lambda b=b: trainee.plain_loss(*(part.to(device) for part in b)) for b in of_pairs)
    else:
        losses = (lambda b=b: trainee.our_loss(b) for b in our_batches(prepared, recipe, seed, device))
    for compute_loss in islice(losses, steps):
        trainee.step(compute_loss)
    return Emulator(trainee.module.model.eval(), recipe, prepared.normalizer, {})


def scores(emulator: Emulator, prepared: EmulationData) -> dict[str, float]:
    """Return the Kaggle score of each scored slice, the mean over the members, by scenario."""
    recipe = emulator.recipe
    slices = prepared.split.scored_months(len(prepared.months), recipe.window, recipe.lead)
    fields = {ssp: emulator.fields(prepared.scenarios[ssp], prepared, months) for ssp, months in slices}
    return {ssp: score_slice(fields[ssp], prepared, ssp, months)["avg"]["score"] for ssp, months in slices}


def compared(what: str, ours: Sequence[float], plain: Sequence[float]) -> Row:
    """Put the scores of some seeds side by side, with the mean of the paired differences and its standard error."""
    differences = np.subtract(ours, plain)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return Row(what, "", ours, plain, {"ours - plain": float(differences.mean()), "standard error": float(error)})


def rows(data_path: str = "embedded", seeds: Sequence[int] = SEEDS, steps: int = STEPS) -> Iterator[Row]:
    """Compare scores after as many steps of the optimiser, and after as many epochs; lower is better.

    Parameters
    ----------
    data_path : str
        A store, or ``"embedded"``.
    seeds : sequence of int
        At least two.
    steps : int
        Of the published form.
    """
    recipe = named("compact-final")
    prepared = tensors.prepare(store.open_dataset(data_path), recipe.season, SPLIT)
    lengths = {"steps": steps, "epochs": steps_of_as_many_pairs(prepared, recipe, steps * BATCH)}
    found: dict[str, list[dict[str, float]]] = {"plain": [], **{name: [] for name in lengths}}
    for seed in seeds:
        found["plain"].append(scores(trained(prepared, published_form(recipe), seed, steps, plain=True), prepared))
        for name, length in lengths.items():
            found[name].append(scores(trained(prepared, recipe, seed, length, plain=False), prepared))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    for name, length in lengths.items():
        for ssp in SCENARIOS:
            ours, plain = ([score[ssp] for score in found[form]] for form in (name, "plain"))
            yield compared(f"{ssp}: score, equal {name} ({length} / {steps} steps)", ours, plain)
