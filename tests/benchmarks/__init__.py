"""Timings, peak memory and skill: the plain form of a computation beside ours, side by side in one run.

The plain forms live here alone. Every ratio is one of medians of repeats taken in turn.
"""

from __future__ import annotations

import importlib
import json
import platform
from typing import Any

import torch

from climgru_lib.contract import InputError
from climgru_lib.course.study.measure import HEADER
from climgru_lib.training.devices import pick_device

#: Module of each bench; one is imported when it is run, so that a bench of memory holds what it needs alone.
BENCHES = {
    "data": "loading",
    "submission": "tables",
    "memory": "memory",
    "predict": "prediction",
    "train": "training",
    "maps": "viewing",
    "cost": "cost",
    "budget": "budget",
}
#: Trainings that take an hour or more and may run on a store of the user's: run when named alone.
TRIALS = {"skill": "skill"}


def run(name: str | None = None, data_path: str | None = None) -> dict[str, Any]:
    """Run the benches; print a table, then one line of JSON.

    Parameters
    ----------
    name : str, optional
        One bench; by default all but `TRIALS`, about a quarter of an hour on two cores.
    data_path : str, optional
        A store for one of `TRIALS`; the timings are of the full embedded one.

    Returns
    -------
    dict
        ``machine``, and for each bench its rows, see `measure.Row.to_json`.

    Raises
    ------
    InputError
        If there is no such bench, or it takes no store.
    """
    modules = BENCHES | TRIALS
    if name is not None and name not in modules:
        raise InputError(f"no bench '{name}'; there are {', '.join(modules)}")
    if data_path is not None and name not in TRIALS:
        raise InputError(f"--data is for the bench {', '.join(TRIALS)}; the timings are of the full embedded store")
    given = [data_path] if data_path is not None else []
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    results: dict[str, Any] = {"machine": _machine()}
    for key in [name] if name else BENCHES:
        print(f"{key}\n{HEADER}", flush=True)
        results[key] = []
        for row in importlib.import_module(f".{modules[key]}", __name__).rows(*given):
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
