"""Timings side by side: forms of a computation in turn, and a line of the table that they make."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One line of the table: repeats of a measurement of ours and, where there is one, of the plain form.

    ``facts`` are numbers that belong to it, by name, such as a rate; units are in the names.
    """

    what: str
    unit: str
    ours: Sequence[float]
    plain: Sequence[float] = ()
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times smaller our median is than that of the plain form; None without one."""
        return statistics.median(self.plain) / statistics.median(self.ours) if self.plain else None

    def to_json(self) -> dict[str, Any]:
        """Return medians, smallest and largest values, and all repeats."""
        forms = {name: _summary(values) for name in ("plain", "ours") if (values := getattr(self, name))}
        return {"what": self.what, "unit": self.unit, **forms, "ratio": self.ratio, **self.facts}

    def to_text(self) -> str:
        """Return the line of the table."""
        times = f"{self.ratio:.1f} x" if self.ratio else ""
        facts = ", ".join(f"{name} {value:.4g}" for name, value in self.facts.items())
        line = f"{self.what:44} {_spread(self.plain):>30} {_spread(self.ours):>30} {self.unit:4} {times:>7}  {facts}"
        return line.rstrip()


HEADER = f"{'':44} {'plain':>30} {'ours':>30}"


def _summary(values: Sequence[float]) -> dict[str, Any]:
    values = [float(f"{value:.6g}") for value in values]
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "repeats": values}


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.4g} ({min(values):.4g} .. {max(values):.4g})" if values else ""


def seconds(work: Callable[[], Any], device: torch.device | None = None) -> float:
    """Return the wall time of a call in s; on CUDA the device is idle before and after."""
    on_cuda = device is not None and device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if on_cuda:
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def in_turn(
    forms: Mapping[str, Callable[[], Any]], repeats: int, device: torch.device | None = None
) -> dict[str, list[float]]:
    """Time some forms in turn, so that a disturbance meets them alike; return the seconds of each repeat."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(repeats):
        for name, work in forms.items():
            times[name].append(seconds(work, device))
    return times
