"""What the full-size benches run on: the published recipe, the full embedded store, the precisions of the device."""

from __future__ import annotations

import torch

from climgru_lib.data import splits, store, tensors
from climgru_lib.training import recipes


def precisions(device: torch.device) -> tuple[str, ...]:
    """Return the precisions to measure; bf16 where the hardware is made for it."""
    return ("32", "bf16") if device.type == "cuda" else ("32",)


def full_size() -> tuple[recipes.Recipe, tensors.EmulationData]:
    """Return the published recipe and the full embedded store, split `clean`, as tensors."""
    recipe = recipes.named("published-final")
    return recipe, tensors.prepare(store.open_dataset(), recipe.season, splits.CLEAN)
