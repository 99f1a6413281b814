"""Training: gradient descent for the networks, a closed-form fit for the baselines.

A training writes weights, curves and provenance into its run directory and nothing else. It can be stopped by
a signal at any batch and continued to the same weights.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import processes, stopping
from ..contract import InputError
from ..data.tensors import EmulationData
from ..models import MODELS, FitSeries
from ..models.cores import CORES
from ..models.encoders import ENCODERS
from ..models.heads import HEADS
from ..progress import doing
from . import distributed, loggers, runs, weights
from .batches import strided_targets
from .devices import PRECISIONS, pick_device
from .distributed import agreed
from .losses import COMBINATIONS, LOSSES, with_defaults
from .recipe import Recipe

KEEP_CHECKPOINT_BELOW = 100_000_000  # parameters; a larger run's checkpoint is deleted when it is finished


def train(
    recipe: Recipe,
    data: EmulationData,
    run_dir: str | Path,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "32",
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[int, nn.Module], None] | None = None,
    logger: str | None = None,
) -> Path:
    """Train a recipe and leave a finished run directory.

    Parameters
    ----------
    recipe : Recipe
    data : EmulationData
        From `tensors.prepare` with the recipe's season; its split says what may be trained on.
    run_dir : str or Path
        A finished run of the same recipe, data, seed, `runs.NUMERICS` and torch is reused; an unfinished one needs
        ``resume``.
    seed : int
        Seeds initial weights, dropout and batch order.
    device : {"auto", "cpu", "cuda"}
    precision : {"32", "tf32", "bf16"}
        32 means that TF32 is off.
    resume : bool
    progress : bool
        Show a progress bar.
    watch : callable, optional
        Called after each batch with the number of batches done and the network in evaluation mode, see `ScoreCurve`.
    logger : {"tensorboard", "mlflow", "wandb"}, optional
        Where curves go beside ``metrics.csv``, see `loggers`.

    Returns
    -------
    Path
        The run directory.

    Raises
    ------
    InputError
        If the folder holds something else, an argument is unknown, or the training diverges.
    stopping.Stopped
        If SIGTERM, SIGINT or SIGUSR1 came: the run can be resumed.
    """
    run_dir = Path(run_dir)
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision '{precision}'; there are {', '.join(PRECISIONS)}")
    where = pick_device(device)
    loggers.require(logger)
    _require_trainable(recipe, data)
    runs.require_free_or_run(run_dir)
    with stopping.stoppable(), distributed.together(where):
        this = identity(recipe, data, seed, precision)
        distributed.require_same(run_dir, this)
        with runs.locked(run_dir) if processes.is_first() else nullcontext():
            if agreed(lambda: _begin(run_dir, this, resume)) != "finished":
                with _threads_of(run_dir):
                    _train_and_finish(recipe, data, run_dir, seed, where, precision, progress, watch, logger)
            if processes.is_first() and runs.read_run(run_dir)["parameters"] > KEEP_CHECKPOINT_BELOW:
                (run_dir / runs.CHECKPOINT).unlink(missing_ok=True)  # also what a killed process has left
        distributed.wait_for_all()
    return run_dir


def _begin(run_dir: Path, this: dict[str, Any], resume: bool) -> str:
    """Claim the run directory; note what its last digits depend on."""
    several = {} if processes.count() == 1 else {"processes": processes.count()}
    status = runs.begin(run_dir, this, resume, threads=torch.get_num_threads(), **several)
    if status == "finished":
        print(f"reused the finished run {run_dir.name}")
    return status


def _train_and_finish(recipe, data, run_dir, seed, device, precision, progress, watch, logger) -> None:
    """Go from a claimed run directory to a finished one."""
    started, before = time.monotonic(), 0.0
    with doing("preparing the model") if progress else nullcontext():
        model = _start(recipe, data, run_dir / runs.CHECKPOINT, seed)
    if recipe.is_network:
        from . import descent

        wanted = model.reduce(data) if recipe.is_fitted else data
        with loggers.telling(logger if processes.is_first() else None, run_dir, recipe.to_json()) as tell:
            before = descent.train(model, recipe, wanted, run_dir, seed, device, precision, progress, watch, tell)
    if not processes.is_first():
        return
    weights.save_weights(run_dir, model)
    runs.finish(
        run_dir,
        **facts(recipe, data, model),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        wall_seconds=round(before + time.monotonic() - started, 1),
        peak_memory_mb=round(runs.peak_memory_mb()),
    )


@contextmanager
def _threads_of(run_dir: Path) -> Iterator[None]:
    """Compute with the number of threads that a run was begun with: another one gives other last digits."""
    here, begun = torch.get_num_threads(), agreed(lambda: runs.read_run(run_dir).get("threads", 0))
    if begun and begun != here:
        if processes.is_first():
            print(f"continued with {begun} threads, as it was begun, not {here}: its weights depend on them")
        torch.set_num_threads(begun)
    try:
        yield
    finally:
        torch.set_num_threads(here)


def _require_trainable(recipe: Recipe, data: EmulationData) -> None:
    """Refuse what cannot be trained before a folder is touched; a network without numbers is built in no time."""
    if recipe.season != data.season:
        raise InputError(f"the recipe has the season '{recipe.season}', the data were prepared with '{data.season}'")
    if not data.training_targets(recipe.window, recipe.lead):
        raise InputError(f"split {data.split.name} with window {recipe.window} leaves nothing to train on")
    if not strided_targets(data, recipe):
        raise InputError(f"stride {recipe.stride} leaves nothing to train on; choose a smaller one")
    grid = (len(data.lat), len(data.lon))
    with torch.device("meta"):
        model = recipe.build(len(data.channels), grid, len(data.targets), data.step)
        if recipe.start_at_mean:
            model.start_at(torch.zeros(len(data.targets), *grid))
    distributed.require_shareable(recipe, model)
    recipe.visible(torch.zeros(1, len(data.channels), 1, 1), data.channels)
    if recipe.is_network:
        recipe.build_loss(data.targets)


def _start(recipe: Recipe, data: EmulationData, checkpoint: Path, seed: int) -> nn.Module:
    """Build the model, fitted in so far as it has a closed form, and otherwise as training starts."""
    torch.manual_seed(seed)
    model = recipe.build(len(data.channels), (len(data.lat), len(data.lon)), len(data.targets), data.step)
    if distributed.require_seen(checkpoint) and recipe.is_fitted:
        _take_over(model, checkpoint)
    elif recipe.is_fitted:
        state = agreed(lambda: _fit(model, recipe, data))
        if not processes.is_first():
            model.load_state_dict(state)
    if recipe.start_at_mean:
        model.start_at(data.mean_target(recipe.window, recipe.lead))
    return model


def _fit(model: nn.Module, recipe: Recipe, data: EmulationData) -> dict[str, Tensor]:
    """Fit a closed form and return its state; refuse data that do not determine it."""
    try:
        model.fit(fit_series(data, recipe), data.lat)
        determined = all(torch.isfinite(value).all() for value in model.buffers())
    except np.linalg.LinAlgError:
        determined = False
    if not determined:
        raise InputError(
            f"{recipe.name} cannot be fitted to these data: the forcings of the training months do not change enough "
            "to tell their effects; look at them with `climgru data check`, or train on more months"
        )
    return model.state_dict()


def identity(recipe: Recipe, data: EmulationData, seed: int | str, precision: str = "32") -> dict[str, Any]:
    """Return what must agree for two runs to be the same; an imported run's seed is ``"unknown"``."""
    return {
        "recipe": recipe.to_json(),
        "split": data.split.name,
        "withheld": [str(stretch) for stretch in data.split.withheld],
        "loss": with_defaults(recipe.loss, data.targets) if recipe.is_network else {},
        "added": _sources_of_added_parts(recipe),
        "seed": seed,
        "data": data.fingerprint,
        "numerics": runs.NUMERICS,
        "torch": importlib.metadata.version("torch"),
        "precision": precision,
    }


def _sources_of_added_parts(recipe: Recipe) -> dict[str, str]:
    """Return what tells states of a user's own parts apart, by kind and name; the library's have `NUMERICS`."""
    parts = [(MODELS, recipe.model), (COMBINATIONS, recipe.combination)]
    parts += [(LOSSES, term.partition("_")[2]) for term in recipe.loss]
    kinds = ((ENCODERS, "encoder"), (CORES, "core"), (HEADS, "head_kind"))
    parts += [(registry, recipe.architecture[key]) for registry, key in kinds if key in recipe.architecture]
    found = {f"{registry.kind} {name}": registry.source_of(name) for registry, name in parts}
    return {part: source for part, source in found.items() if source}


def facts(recipe: Recipe, data: EmulationData, model: nn.Module) -> dict[str, Any]:
    """Return what using a finished run takes beside its recipe and weights, and its number of parameters."""
    return {
        "normalizer": data.normalizer.to_json(),
        "channels": data.channels,
        "targets": data.targets,
        "step": data.step.name.lower(),
        "grid": [len(data.lat), len(data.lon)],
        "lat": data.lat.tolist(),
        "lon": data.lon.tolist(),
        "data_suspicions": data.suspicions,
        "trained": trained_months(data, recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def trained_months(data: EmulationData, recipe: Recipe) -> dict[str, list[str]]:
    """Return the months, or years, that any member was trained on, by scenario."""
    masks = data.training_targets(recipe.window, recipe.lead)
    return {ssp: data.months[keep.any(axis=0)].tolist() for ssp, keep in masks.items()}


def fit_series(data: EmulationData, recipe: Recipe) -> list[FitSeries]:
    """Return the open scenarios for a closed-form fit: members' mean targets and their weights."""
    series = []
    for ssp, keep in data.training_targets(recipe.window, recipe.lead).items():
        scenario, count = data.scenarios[ssp], keep.sum(axis=0)
        share = torch.from_numpy(keep / np.maximum(count, 1)).float()
        mean = torch.einsum("mt,mtcyx->tcyx", share, scenario.targets)
        weight = count.astype(float)
        series.append(FitSeries(scenario.inputs, mean, weight, data.calendar_month, data.lon, data.normalizer))
    return series


def _take_over(model: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint's parameters: refitted elsewhere, patterns could differ in sign from those trained on."""
    state = weights.read_checkpoint(checkpoint)["state_dict"]
    model.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
