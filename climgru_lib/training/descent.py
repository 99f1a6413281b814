"""Gradient descent by Lightning's Trainer."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.strategies import DDPStrategy

from .. import processes, stopping
from ..contract import InputError
from . import distributed, runs
from .batches import RunSampler
from .devices import PRECISIONS, matmul_precision
from .lightning_adapter import AtomicCheckpoint, Emulation, TrainingLog


def train(model, recipe, data, run_dir, seed, device, precision, progress, watch, tell) -> float:
    """Train a network from ``last.ckpt`` on where there is one; return the seconds spent before that.

    The arguments are those of `fit.train`, the model as training starts, and what is called after each epoch.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    loss = recipe.build_loss(data.targets, data.lat)
    sampler = RunSampler(data, recipe, seed, device)
    module = Emulation(model, loss, recipe, sampler.n_batches(recipe.cosine_epochs))
    callback = TrainingLog(run_dir, sampler, recipe.epochs, progress and processes.is_first(), watch, tell)
    trainer = lightning.Trainer(
        max_epochs=recipe.epochs,
        precision=PRECISIONS[precision],
        gradient_clip_val=recipe.gradient_clip or None,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
        callbacks=[callback],
        plugins=[AtomicCheckpoint(module), distributed.environment()],
        default_root_dir=run_dir,
        **_where(device),
    )
    checkpoint = run_dir / runs.CHECKPOINT
    with warnings.catch_warnings(), matmul_precision(precision):
        warnings.filterwarnings("ignore", category=PossibleUserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)  # within Lightning and DDP
        warnings.filterwarnings("ignore", message="Grad strides do not match")  # of 1 x 1 convolutions, in DDP
        with stopping.held():
            try:
                trainer.fit(module, sampler, ckpt_path=checkpoint if checkpoint.exists() else None, weights_only=True)
            except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                of_another_run = checkpoint.exists() and not callback.began
                if not of_another_run or isinstance(error, InputError) or distributed.is_of_a_lost_process(error):
                    raise
                raise InputError(
                    f"{checkpoint} does not fit this run ({error}); delete it, and --resume trains from the start"
                ) from error
            trainer.save_checkpoint(checkpoint)
    return callback.seconds_before


def _where(device: torch.device) -> dict[str, Any]:
    """Return the Trainer's arguments for one process, or for as many as there are."""
    accelerator, here = "gpu" if device.type == "cuda" else "cpu", processes.count_here()
    if processes.count() == 1:
        return {"accelerator": accelerator, "devices": 1}
    strategy = DDPStrategy(timeout=distributed.PATIENCE, broadcast_buffers=False, static_graph=True)
    nodes = processes.count() // here
    return {"accelerator": accelerator, "devices": here, "num_nodes": nodes, "strategy": strategy}
