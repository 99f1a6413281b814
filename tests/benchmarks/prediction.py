"""Predicting a whole scenario: each window by itself beside months encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from climgru_lib.course.study.measure import Row, in_turn
from climgru_lib.data.tensors import EmulationData
from climgru_lib.predict.emulator import Emulator
from climgru_lib.training.devices import pick_device
from climgru_lib.training.recipe import Recipe

from .setting import full_size, precisions

REPEATS = 3
BATCH = 32  # windows of a published batch
SAMPLE = 64  # windows of the plain form that are timed; its time is proportional to their number


@torch.inference_mode()
def plain_fields(emulator: Emulator, inputs: Tensor, count: int | None = None) -> Tensor:
    """Predict the first windows of a scenario, each by itself.

    Parameters
    ----------
    emulator : Emulator
        A network.
    inputs : Tensor, shape (time, channel, lat, lon), z-scored
    count : int, optional
        Number of windows; all by default.

    Returns
    -------
    Tensor, shape (window, 2, lat, lon), z-scored
    """
    device = next(emulator.model.parameters()).device
    usable = inputs[: len(inputs) - emulator.recipe.lead]
    windows = usable.unfold(0, emulator.recipe.window, 1).movedim(-1, 1)[:count]
    with torch.autocast(device.type, torch.bfloat16, enabled=emulator.bf16):
        return torch.cat([emulator.model(part.to(device)).float().cpu() for part in windows.split(BATCH)])


def rows(sizes: Callable[[], tuple[Recipe, EmulationData]] = full_size) -> Iterator[Row]:
    """Compare the prediction of a whole scenario; the plain form is timed on some windows and scaled to all."""
    recipe, data = sizes()
    device = pick_device("auto")
    torch.manual_seed(0)
    model = recipe.build(len(data.channels), (len(data.lat), len(data.lon))).to(device).eval()
    scenario = next(iter(data.scenarios.values()))
    for precision in precisions(device):
        emulator = Emulator(model, recipe, data.normalizer, {}, precision == "bf16")
        count = len(data.months) - emulator.first
        forms = {
            "plain": lambda emulator=emulator: plain_fields(emulator, scenario.inputs, SAMPLE),
            "ours": lambda emulator=emulator: emulator.fields(scenario, data),
        }
        took = in_turn(forms, REPEATS, device)
        plain = [time * count / min(SAMPLE, count) for time in took["plain"]]
        facts = {"windows": count, "plain windows timed": min(SAMPLE, count)}
        yield Row(f"{precision}, a scenario of {len(data.months)} months", "s", took["ours"], plain, facts)
