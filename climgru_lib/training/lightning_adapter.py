"""The adapter between plain PyTorch models and Lightning's Trainer; imported by `fit` alone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from torch import Tensor, nn
from tqdm.auto import tqdm

from .. import stopping
from ..contract import InputError
from ..progress import SECONDS_PER_LINE, is_live
from . import files, runs
from .batches import Batch, RunSampler
from .distributed import adamw, gathered
from .losses import CompositeLoss
from .recipe import Recipe
from .weights import read_checkpoint, save_weights

CHECKPOINT_SECONDS = 600
BATCHES_BETWEEN_CHECKS = 25  # of the losses on a GPU, each of which waits for it
#: Called after each batch with the number of batches done and the network, in evaluation mode; must not change it.
Watch = Callable[[int, nn.Module], None]


class Emulation(lightning.LightningModule):
    """A network, its loss and its optimiser; ``annealing_batches`` are those of the recipe's ``cosine_epochs``."""

    def __init__(self, model: nn.Module, loss: CompositeLoss, recipe: Recipe, annealing_batches: int = 0):
        super().__init__()
        self.model, self.loss, self.recipe, self.annealing_batches = model, loss, recipe, annealing_batches
        self.last_terms: dict[str, Tensor] = {}

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """Compare one forward pass with the targets of all members; every process has the loss of the whole batch."""
        fields = self.model.forward_series(batch.inputs, self.recipe.window)
        if len(fields) < len(batch.targets):
            fields = self.all_gather(fields, sync_grads=True).flatten(0, 1)
        pred, target = batch.pairs(fields)
        terms = self.loss.terms(pred, target)
        self.last_terms = {name: term.detach() for name, term in terms.items()}
        return {"loss": self.loss.combination(terms, pred), **self.last_terms}

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[dict[str, Any]]]:
        """Return AdamW and its schedules: a rise batch by batch, times cosine annealing."""
        recipe = self.recipe
        optimizer = adamw(
            [
                {"params": list(self.model.parameters())},
                *({"params": list(part.parameters()), "weight_decay": 0.0} for part in [self.loss] if _learns(part)),
            ],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=not recipe.gradient_clip,  # Lightning clips no fused optimiser in bf16
        )
        schedules = []
        if recipe.warmup:
            rise = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / (recipe.warmup + 1), total_iters=recipe.warmup)
            schedules.append({"scheduler": rise, "interval": "step"})
        if recipe.cosine_epochs:
            length = self.annealing_batches if recipe.cosine_by_batch else recipe.cosine_epochs
            annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, length, recipe.min_learning_rate)
            schedules.append({"scheduler": annealing, "interval": "step" if recipe.cosine_by_batch else "epoch"})
        return [optimizer], schedules


class AtomicCheckpoint(TorchCheckpointIO):
    """Write a checkpoint straight to disk beside its place, then move it there; keep no second copy in memory.

    What is read must be sound and of ``module``, see `weights.read_checkpoint`.
    """

    def __init__(self, module: Emulation):
        super().__init__()
        self.module = module

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """Read it without running anything in it."""
        return read_checkpoint(Path(path), self.module)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Save with `torch.save`."""
        files.write_atomically(Path(path), lambda temporary: torch.save(checkpoint, temporary))


class TrainingLog(lightning.Callback):
    """Curves, progress, checkpoints by time and on signals, and the state that makes a resume exact."""

    def __init__(
        self,
        run_dir: Path,
        sampler: RunSampler,
        epochs: int,
        progress: bool,
        watch: Watch | None = None,
        tell: Callable[[], None] = lambda: None,
    ):
        self.run_dir, self.sampler, self.epochs, self.watch, self.tell = run_dir, sampler, epochs, watch, tell
        self.progress = _Progress(epochs, progress)
        self.sums: dict[str, float] = {}
        self.batches, self.n_batches, self.learning_rate = 0, None, 0.0
        self.unchecked: list[tuple[int, dict[str, Tensor]]] = []
        self.random_states, self.seconds_before, self.began = [], 0.0, False
        self.started = self.saved = self.epoch_started = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue after any batch."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        of_first, *of_others = gathered([torch.get_rng_state(), *cuda])
        return {
            "epoch": self.sampler.epoch - (self.batches > 0),
            "batches": self.batches,
            "sums": self.sums,
            "random": of_first,
            "random_of_others": of_others,
            "seconds": self.seconds_before + time.monotonic() - self.started,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a checkpoint; raise what a foreign one gives occasion to."""
        if not 0 <= state["batches"] <= len(self.sampler.plan(state["epoch"])):
            raise ValueError(f"it was left after {state['batches']} batches")
        self.batches, self.sums = state["batches"], state["sums"]
        self.random_states = [state["random"], *state.get("random_of_others", [])]
        self.sampler.epoch, self.sampler.skip = state["epoch"], state["batches"]
        self.seconds_before = state["seconds"]

    def on_train_start(self, trainer, module) -> None:
        """Restore the random state, and take the signals back from Lightning."""
        if trainer.ckpt_path and not self.random_states:
            raise ValueError("it does not tell where the training was left")
        self.began = True
        if trainer.global_rank < len(self.random_states):
            of_cpu, *cuda = self.random_states[trainer.global_rank]
            torch.set_rng_state(of_cpu)
            if cuda:
                torch.cuda.set_rng_state_all(cuda)
        elif trainer.global_rank:  # not the dropout masks of the first process
            where = np.random.SeedSequence((self.sampler.seed, trainer.global_rank, trainer.global_step))
            torch.manual_seed(int(where.generate_state(1)[0]))
        stopping.listen_again()

    def teardown(self, trainer, module, stage) -> None:
        """Remove the bar."""
        self.progress.close()

    def on_train_batch_start(self, trainer, module, batch, index) -> None:
        """Note the learning rate, which the schedule changes before the epoch's last batch ends."""
        self.learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_backward(self, trainer, module, loss) -> None:
        """Look at the losses before they can spoil the weights; on a GPU, where it waits, some batches later."""
        self._check(trainer, module, module.last_terms | {"loss": loss.detach()})

    def on_before_optimizer_step(self, trainer, module, optimizer) -> None:
        """Look at the gradient likewise."""
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        self._check(trainer, module, {"gradient": torch.nn.utils.get_total_norm(gradients)})

    def _check(self, trainer, module, terms: dict[str, Tensor]) -> None:
        self.unchecked.append((self.batches + 1, terms))
        if module.device.type == "cpu" or len(self.unchecked) >= 2 * BATCHES_BETWEEN_CHECKS:
            self._require_finite(trainer, module)

    def _require_finite(self, trainer, module) -> None:
        waiting, self.unchecked = self.unchecked, []
        for batch, terms in waiting:
            bad = [name for name, value in terms.items() if not torch.isfinite(value)]
            if not bad:
                continue
            kept = "the latest checkpoint"
            if all(torch.isfinite(value).all() for value in module.model.state_dict().values()):
                if trainer.is_global_zero:
                    save_weights(self.run_dir, module.model)
                kept = "the weights before it"
            raise InputError(
                f"the training diverged in epoch {trainer.current_epoch + 1}, batch {batch}: not finite: "
                f"{', '.join(bad)}; {kept} stay in {self.run_dir}; try a smaller learning_rate or a gradient_clip"
            )

    def on_train_batch_end(self, trainer, module, outputs, batch, index) -> None:
        """Sum the loss terms; save and stop if that is due. An epoch's last batch leaves that to its end."""
        for name, value in outputs.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        self.batches += 1
        if self.n_batches is None:
            self.n_batches = len(self.sampler.plan(trainer.current_epoch))
        self.progress.show(trainer.current_epoch + self.batches / self.n_batches, outputs["loss"])
        if self.watch and trainer.is_global_zero:
            module.model.eval()
            self.watch(trainer.global_step, module.model)
            module.model.train()
        if self.batches < self.n_batches:
            self._save_if_due(trainer, module)

    def _save_if_due(self, trainer, module) -> None:
        """Write a checkpoint after some time, and after a signal to any process, which then stops the training."""
        due = bool(stopping.asked()) or time.monotonic() - self.saved >= CHECKPOINT_SECONDS
        if not trainer.strategy.reduce_boolean_decision(due, all=False):
            return
        self._require_finite(trainer, module)
        trainer.save_checkpoint(self.run_dir / runs.CHECKPOINT)
        self.saved = time.monotonic()
        if trainer.strategy.reduce_boolean_decision(bool(stopping.asked()), all=False):
            came = stopping.asked() or "a signal to another process"
            raise stopping.Stopped(f"{came} came in epoch {trainer.current_epoch + 1}; continue with --resume")

    def on_train_epoch_end(self, trainer, module) -> None:
        """Append the epoch's mean losses to the curves; save and stop if that is due."""
        self._require_finite(trainer, module)
        row = {"epoch": trainer.current_epoch + 1}
        row |= {name: f"{float(total) / self.batches:.6g}" for name, total in self.sums.items()}
        row |= {"learning_rate": f"{self.learning_rate:.6g}"}
        row |= {"seconds": f"{time.monotonic() - self.epoch_started:.2f}"}
        if trainer.is_global_zero:
            files.append_row(self.run_dir / runs.CURVES, row, "epoch")
            self.tell()
        self.sums, self.batches, self.n_batches, self.epoch_started = {}, 0, None, time.monotonic()
        if trainer.current_epoch + 1 < self.epochs:  # after the last one the run is saved anyway
            self._save_if_due(trainer, module)


class _Progress:
    """A bar of epochs; without a terminal or notebook, one line a minute."""

    def __init__(self, epochs: int, wanted: bool):
        self.epochs, self.said = epochs, time.monotonic()
        wanted = wanted and not os.environ.get("TQDM_DISABLE")
        self.lines = wanted and not is_live()
        form = "{desc}{percentage:3.0f}%|{bar}| epoch {n:.1f}/{total} [{elapsed}<{remaining}]{postfix}"
        self.bar = tqdm(total=epochs, disable=not wanted or self.lines, bar_format=form, leave=False)

    def show(self, epoch: float, loss: Tensor) -> None:
        """Show how many epochs are done."""
        self.bar.update(epoch - self.bar.n)
        if self.lines and time.monotonic() - self.said > SECONDS_PER_LINE:
            self.said = time.monotonic()
            print(f"epoch {epoch:.1f} of {self.epochs}, loss {float(loss):.4f}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()


def _learns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
