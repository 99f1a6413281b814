"""The processes that train one run together: those that `torchrun` or SLURM's `srun` has begun, otherwise this one.

What they were told stands in the environment; see `training.distributed` for what they tell each other.
"""

from __future__ import annotations

import os


def begun_by() -> str | None:
    """Return ``"torchrun"`` or ``"srun"`` where one of them has begun several processes, this one among them."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun" if _told("WORLD_SIZE") > 1 else None
    # a shell within an allocation has the variables of the tasks that it may begin, and is one process
    within_step = os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")
    return "srun" if within_step and _told("SLURM_STEP_NUM_TASKS") > 1 else None


def count() -> int:
    """Return the number of processes."""
    return {"torchrun": _told("WORLD_SIZE"), "srun": _told("SLURM_STEP_NUM_TASKS"), None: 1}[begun_by()]


def number() -> int:
    """Return which of the processes this one is, from 0 on."""
    return {"torchrun": _told("RANK", 0), "srun": _told("SLURM_PROCID", 0), None: 0}[begun_by()]


def number_here() -> int:
    """Return which of the processes on this machine this one is, from 0 on; it computes on the GPU of that number."""
    return {"torchrun": _told("LOCAL_RANK", 0), "srun": _told("SLURM_LOCALID", 0), None: 0}[begun_by()]


def count_here() -> int:
    """Return the number of processes on each machine; 0 if SLURM has not been told it."""
    return {"torchrun": _told("LOCAL_WORLD_SIZE"), "srun": _told("SLURM_NTASKS_PER_NODE", 0), None: 1}[begun_by()]


def is_first() -> bool:
    """Tell whether this process is the one that writes files and prints results."""
    return number() == 0


def _told(name: str, otherwise: int = 1) -> int:
    return int(os.environ.get(name, otherwise))
