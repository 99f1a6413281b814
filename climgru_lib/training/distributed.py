"""One run trained by several processes: how they meet, agree, and end together.

Lightning's DDP strategy keeps their weights alike. Each computes the predictions of its share of a batch; these are
gathered, and the loss is that of the whole batch, whatever it couples. With one process nothing here does anything.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from .. import processes
from ..contract import InputError
from ..stopping import Stopped
from .recipe import Recipe

if TYPE_CHECKING:
    from lightning.fabric.plugins.environments import ClusterEnvironment

T = TypeVar("T")
SHARED_FROM = 100_000_000  # parameters: the state of AdamW is twice their size
PATIENCE = timedelta(minutes=10)  # after which a process that says nothing is taken for lost


def require_shareable(recipe: Recipe, model: nn.Module) -> None:
    """Refuse a training that several processes would not do as one does.

    Raises
    ------
    InputError
        If the runs of a batch cannot be shared out evenly, or batch norm would take its statistics of a share.
    """
    count = processes.count()
    if count == 1 or not recipe.is_network:
        return
    if recipe.runs % count:
        more = -(-recipe.runs // count) * count
        shorter = max(1, round(recipe.runs * recipe.run_length / more))
        raise InputError(
            f"{count} processes cannot share batches of {recipe.runs} x {recipe.run_length} months evenly; "
            f"use --set runs={more} --set run_length={shorter}, or another number of processes"
        )
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        raise InputError(
            f"batch norm takes its statistics of a whole batch, of which {count} processes see a share each; use "
            "--set architecture.norm=running, or one process"
        )


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Meet the other processes; when one of them ends before its time, `Stopped` is raised in all.

    They stay in touch until the program ends, so that it can train several runs.

    Raises
    ------
    InputError
        If the machines hold different numbers of processes, or a process has no GPU of its own.
    """
    if processes.count() == 1:
        yield
        return
    try:
        if not torch.distributed.is_initialized():
            _meet(device)
        yield
    except RuntimeError as error:
        if not is_of_a_lost_process(error):
            raise
        why = str(error).partition("\n")[0].rpartition("] ")[2].partition(". ")[0]  # without file and line
        raise Stopped(f"another process of this training has ended ({why}); continue with --resume") from error


def _meet(device: torch.device) -> None:
    here, count = processes.count_here(), processes.count()
    if not here:
        raise InputError(f"srun has begun {count} tasks, on how many machines is not told; add --ntasks-per-node")
    if count % here:
        raise InputError(f"{count} processes, of which {here} here: begin as many on each machine")
    if device.type == "cuda":
        if here > torch.cuda.device_count():
            raise InputError(
                f"{here} processes on this machine and {torch.cuda.device_count()} GPU(s) that each can see; begin one "
                "a GPU (with SLURM --gpus-per-node, not --gpus-per-task), or use --device cpu"
            )
        torch.cuda.set_device(processes.number_here())
    place = environment()
    os.environ |= {"MASTER_ADDR": place.main_address, "MASTER_PORT": str(place.main_port)}
    backend = "nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(
        backend, rank=processes.number(), world_size=processes.count(), timeout=PATIENCE
    )
    atexit.register(torch.distributed.destroy_process_group)


def environment() -> ClusterEnvironment:
    """Return what tells Lightning of the processes; of one, whatever a scheduler has allotted."""
    from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

    begun_by = processes.begun_by()
    if begun_by == "srun":
        return SLURMEnvironment(auto_requeue=False)
    return TorchElasticEnvironment() if begun_by == "torchrun" else LightningEnvironment()


def is_of_a_lost_process(error: Exception) -> bool:
    """Tell whether an error came up because another process does not answer."""
    return processes.count() > 1 and (isinstance(error, torch.distributed.DistError) or "gloo" in str(error))


def agreed(decide: Callable[[], T]) -> T:
    """Return in every process what ``decide`` returns in the first; an `InputError` there is raised in all."""
    if processes.count() == 1:
        return decide()
    outcome: list[Any] = [None]
    if processes.is_first():
        try:
            outcome = [decide()]
        except InputError as error:
            outcome = [error]
    torch.distributed.broadcast_object_list(outcome)
    if isinstance(outcome[0], InputError):
        raise outcome[0]
    return outcome[0]


def require_same(run_dir: Path, identity: dict[str, Any]) -> None:
    """Refuse processes that were given different runs.

    Raises
    ------
    InputError
        If the folder differs, or what must agree for two runs to be the same.
    """
    first, *others = gathered([str(run_dir.absolute()), identity])
    if any(other != first for other in others):
        raise InputError(
            f"{processes.begun_by()} has begun {processes.count()} processes for one run, but gave them different "
            "folders, data or settings; runs that have nothing in common are begun one by one"
        )


def require_seen(path: Path) -> bool:
    """Tell whether a file exists, to all processes alike.

    Raises
    ------
    InputError
        If some have it and some do not.
    """
    exists, *others = gathered(path.exists())
    if any(other != exists for other in others):
        raise InputError(f"not all processes see {path}; use a folder on a file system that all machines share")
    return exists


def adamw(groups: list[dict[str, Any]], **options: Any) -> torch.optim.Optimizer:
    """Return AdamW; of a network from `SHARED_FROM` parameters on each process holds the state of a share of them.

    Shares are whole tensors. A checkpoint holds the state of all, so that any number of processes resumes from it.

    Parameters
    ----------
    groups : list of dict
        Groups of parameters.
    **options
        Of `torch.optim.AdamW`.
    """
    size = sum(parameter.numel() for group in groups for parameter in group["params"])
    if processes.count() == 1 or size < SHARED_FROM:
        return torch.optim.AdamW(groups, **options)
    from .shared_adamw import SharedAdamW

    return SharedAdamW(groups, **options)


def gathered(value: T) -> list[T]:
    """Return a value of each process."""
    if processes.count() == 1:
        return [value]
    values: list[Any] = [None] * processes.count()
    torch.distributed.all_gather_object(values, value)
    return values


def wait_for_all() -> None:
    """Wait until every process has come here."""
    if processes.count() > 1:
        torch.distributed.barrier()
