"""Work in a process of its own, and its peak memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from climgru_lib.training import runs


def in_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a module in a fresh process and return its result."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB.

    On Linux from ``VmHWM``: ``ru_maxrss`` of a fresh process begins at what its parent held when it was made.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return runs.peak_memory_mb()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6
