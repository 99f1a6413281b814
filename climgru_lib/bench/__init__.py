"""Timings and peak memory: the plain form of a computation beside ours, side by side in one run.

The plain forms live here alone. Every ratio is one of medians of repeats taken in turn.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..contract import InputError
from ..devices import pick_device
from . import loading, memory, prediction, tables, training
from .measure import HEADER, Row

BENCHES: dict[str, Callable[[], Iterator[Row]]] = {
    "data": loading.rows,
    "submission": tables.rows,
    "memory": memory.rows,
    "predict": prediction.rows,
    "train": training.rows,
}


def run(name: str | None = None) -> dict[str, Any]:
    """Run the benches; print a table, then one line of JSON.

    Parameters
    ----------
    name : str, optional
        One bench; all by default, about ten minutes on two cores.

    Returns
    -------
    dict
        ``machine``, and for each bench its rows, see `measure.Row.to_json`.

    Raises
    ------
    InputError
        If there is no such bench.
    """
    if name is not None and name not in BENCHES:
        raise InputError(f"no bench '{name}'; there are {', '.join(BENCHES)}")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    results: dict[str, Any] = {"machine": _machine()}
    for key in [name] if name else BENCHES:
        print(f"{key}\n{HEADER}", flush=True)
        results[key] = []
        for row in BENCHES[key]():
            print(row.to_text(), flush=True)
            results[key].append(row.to_json())
    print(json.dumps(results))
    return results


def _machine() -> dict[str, Any]:
    device = pick_device("auto")
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
