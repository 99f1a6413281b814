"""Timings: the plain form of a computation beside ours, side by side in one process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import torch

from .contract import InputError
from .models import ConvGru

REPEATS = 3


def shared_encoding(months: int = 72, window: int = 12, width: int = 4, hidden: int = 32) -> dict[str, Callable]:
    """Predict all windows of a series: each window by itself, and each month encoded once."""
    network = ConvGru(width=width, hidden=hidden, head=128).eval()
    series = torch.randn(1, months, 6, 48, 72)
    windows = series[0].unfold(0, window, 1).movedim(-1, 1)
    return {
        "plain": lambda: torch.cat([network(part) for part in windows.split(32)]),
        "ours": lambda: network.forward_series(series, window),
    }


BENCHES = {"shared-encoding": shared_encoding}


@torch.inference_mode()
def run(name: str | None = None) -> dict[str, dict]:
    """Time the benches and print a table and JSON.

    Parameters
    ----------
    name : str, optional
        One bench; all by default.

    Returns
    -------
    dict
        For each bench the seconds of every repeat, plain and ours taken in turn, and the ratio of the medians.

    Raises
    ------
    InputError
        If there is no such bench.
    """
    if name is not None and name not in BENCHES:
        raise InputError(f"no bench '{name}'; there are {', '.join(BENCHES)}")
    results = {}
    for key in [name] if name else BENCHES:
        forms = BENCHES[key]()
        seconds = {form: [] for form in forms}
        for _ in range(REPEATS):
            for form, compute in forms.items():
                started = time.perf_counter()
                compute()
                seconds[form].append(time.perf_counter() - started)
        medians = {form: statistics.median(values) for form, values in seconds.items()}
        results[key] = {"seconds": seconds, "ratio": medians["plain"] / medians["ours"]}
        print(f"{key}: plain {medians['plain']:.2f} s, ours {medians['ours']:.2f} s, {results[key]['ratio']:.1f} times")
    print(json.dumps({"threads": torch.get_num_threads(), **results}))
    return results
