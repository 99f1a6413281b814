"""Where the time of a step of training goes, beside the machine's own rate of matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from climgru_lib.course.study.measure import Row, seconds
from climgru_lib.models import ConvGru
from climgru_lib.models.cores import last_outputs, project
from climgru_lib.training.batches import Batch
from climgru_lib.training.lightning_adapter import Emulation

PROBE = {"cpu": 4096, "cuda": 16384}  # rows and columns of the square matrices whose product is timed


def parts(model: ConvGru, pathway: int, runs: tuple[int, int], window: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the parts of one pathway in their order; one after the other they are `ConvGru.forward_series`.

    Parameters
    ----------
    model : ConvGru
        With one direction.
    pathway : int
        1 for tas, 2 for pr.
    runs : (int, int)
        Number of runs and their months.
    window : int, months
    """
    names = ("spatial_encoder", "se", "temporal_model", "ln", "output_proj")
    encoder, attention, gru, norm, head = (getattr(model, f"{name}{pathway}") for name in names)
    return {
        "encoder": lambda months: gru.scale * attention(encoder(months)).flatten(1),
        "projection": lambda features: project(gru, features)[0],
        "recurrences": lambda gates: last_outputs(gru, [gates.unflatten(0, runs)], window),
        "head": lambda states: head(norm(states)).flatten(2),
    }


class _Given(nn.Module):
    """A network whose fields are given, so that the loss can be timed by itself."""

    def __init__(self, fields: Tensor):
        super().__init__()
        self.fields = fields

    def forward_series(self, inputs: Tensor, window: int) -> Tensor:
        return self.fields


def profile(
    module: Emulation,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    autocast: Callable[[], AbstractContextManager],
    name: str,
    repeats: int,
    device: torch.device,
) -> Iterator[Row]:
    """Time each part of a step by itself, forward and backward, both pathways together.

    The projection's rate in GFLOP/s stands beside that of a large square product in the same run and precision.
    """
    times: dict[str, list[float]] = {}
    for _ in range(repeats):
        optimizer.zero_grad()
        for part, took in _one_step(module, optimizer, batch, autocast, device).items():
            times.setdefault(part, []).append(took)
        times.setdefault("probe", []).append(_probe(device, autocast))
    side = PROBE[device.type]
    peak = 2 * side**3 / min(times.pop("probe")) / 1e9
    for part, took in times.items():
        facts = {}
        if part.startswith("projection"):
            rate = _projection_flops(module.model, batch) * (1 if "forward" in part else 2) / min(took) / 1e9
            facts = {"GFLOP/s": rate, "share of probe": rate / peak}
        yield Row(f"{name}: {part}", "s", took, facts=facts)
    whole = [sum(step) for step in zip(*times.values())]
    yield Row(f"{name}: sum", "s", whole, facts={"probe GFLOP/s": peak})


def _one_step(module, optimizer, batch, autocast, device) -> dict[str, float]:
    """Return the seconds of each part of one step; parts of both pathways are summed."""
    runs, window = tuple(batch.inputs.shape[:2]), module.recipe.window
    times: dict[str, float] = {}

    def timed(part: str, function: Callable[[Tensor], Tensor], given: Tensor) -> Tensor:
        made, gradient = [], None

        def forward() -> None:
            with autocast():
                made.append(function(given))

        def backward() -> None:
            made[0].backward(gradient)

        times[f"{part} forward"] = times.get(f"{part} forward", 0.0) + seconds(forward, device)
        gradient = torch.ones_like(made[0])
        times[f"{part} backward"] = times.get(f"{part} backward", 0.0) + seconds(backward, device)
        return made[0].detach().requires_grad_()

    maps = []
    for pathway in range(1, module.model.n_targets + 1):
        value = batch.inputs.flatten(0, 1)
        for part, function in parts(module.model, pathway, runs, window).items():
            value = timed(part, function, value)
        maps.append(value)
    fields = torch.stack([part.detach() for part in maps], dim=2).unflatten(-1, module.model.grid).requires_grad_()
    timed("loss", lambda given: _loss(module, given, batch), fields)
    times["optimiser"] = seconds(optimizer.step, device)
    return times


def _loss(module: Emulation, fields: Tensor, batch: Batch) -> Tensor:
    return Emulation(_Given(fields), module.loss, module.recipe).training_step(batch, 0)["loss"]


def _projection_flops(model: ConvGru, batch: Batch) -> float:
    """Return the operations of the forward projection of both pathways; the backward pass has twice as many."""
    weights = [getattr(model, f"temporal_model{i}").weight_ih_l0 for i in range(1, model.n_targets + 1)]
    return 2.0 * batch.inputs.shape[:2].numel() * sum(weight.numel() for weight in weights)


def _probe(device: torch.device, autocast: Callable[[], AbstractContextManager]) -> float:
    """Return the seconds of a large square matrix product in the precision of the training."""
    with autocast():
        lower = torch.is_autocast_enabled(device.type)
    dtype = torch.get_autocast_dtype(device.type) if lower else torch.float32
    left, right = torch.rand(2, PROBE[device.type], PROBE[device.type], device=device).to(dtype)
    return seconds(lambda: torch.mm(left, right), device)
