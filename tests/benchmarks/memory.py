"""Peak memory of trainings on the CPU, each in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from climgru_lib.course.study.measure import Row
from climgru_lib.data import store, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.training import fit, recipes

from .measure import in_child, peak_mb

#: All scenarios are in memory and 44 targets are trained on: the peak comes with the second step.
FEW = Split("few", (Stretch("ssp126", 56), Stretch("ssp370"), Stretch("ssp585")), ())
MANY = Split("many", (Stretch("ssp370"), Stretch("ssp585")), ())


def _trained(recipe: str, split: Split) -> tuple[float, float]:
    """Train an epoch from the full embedded store; return the peak and what the imports took, in MB."""
    imports = peak_mb()
    short = replace(recipes.named(recipe), epochs=1)
    prepared = tensors.prepare(store.open_dataset(), short.season, split)
    with tempfile.TemporaryDirectory() as folder:
        fit.train(short, prepared, Path(folder) / "run", device="cpu", progress=False)
    return peak_mb(), imports


def rows() -> Iterator[Row]:
    """Measure the peak memory of an epoch with all the data in memory, of which few targets are trained on."""
    for recipe, split in (("compact-final", MANY), ("published-final", FEW)):
        peak, imports = in_child(_trained, recipe, split)
        yield Row(f"{recipe}: peak memory of training", "MB", [peak], facts={"imports alone MB": imports})
