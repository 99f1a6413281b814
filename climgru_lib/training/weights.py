"""Weights of a model on disk: safetensors, and what a training is resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ..contract import InputError
from . import pickled
from .files import write_atomically
from .runs import WEIGHTS


def save_weights(run_dir: Path, model: nn.Module) -> None:
    """Write the model's parameters and buffers as safetensors."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(run_dir / WEIGHTS, lambda temporary: safetensors.torch.save_file(state, temporary))


def load_weights(run_dir: Path, model: nn.Module) -> nn.Module:
    """Fill the model from the run's weights; loading runs no code.

    Parameters
    ----------
    run_dir : Path
    model : nn.Module
        One on the meta device gets memory after the header of the file is found to be that of the model.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another architecture.
    """
    path = Path(run_dir) / WEIGHTS
    try:
        if not path.is_file():
            raise OSError("it is missing")
        _require_header(path, model)
        found, wanted = safetensors.torch.load_file(path), model.state_dict()
        if any(value.is_meta for value in wanted.values()):
            found = {name: _laid_out_as(wanted[name], value) for name, value in found.items()}
            model.load_state_dict(found, assign=True)
        else:
            model.load_state_dict(found)
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be used ({str(error).splitlines()[0]}); delete the folder and train the run again"
        ) from error
    return model


def _laid_out_as(wanted: Tensor, value: Tensor) -> Tensor:
    """Return a value in the type and order in memory of a tensor that has none; the file tells the length of others."""
    if not wanted.numel():
        return value
    return torch.empty_strided(wanted.shape, wanted.stride(), dtype=wanted.dtype, device="cpu").copy_(value)


def _require_header(path: Path, model: nn.Module) -> None:
    """Raise `OSError` if names or shapes are not the model's, but for buffers whose length the data decide."""
    with safetensors.safe_open(path, "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    _require_shapes(shapes, model)


def _require_shapes(found: dict[str, tuple], model: nn.Module) -> None:
    wanted = model.state_dict()
    for name in sorted(found.keys() ^ wanted.keys()):
        raise OSError(f"{name} is {'missing' if name in wanted else 'unknown'}")
    for name, value in wanted.items():
        if value.numel() and found[name] != tuple(value.shape):
            raise OSError(f"{name} has the shape {found[name]}, the recipe's {tuple(value.shape)}")


def read_checkpoint(path: Path, model: nn.Module | None = None) -> dict[str, Any]:
    """Read what Lightning has written to resume from, whole and sound; see `pickled.read`.

    Parameters
    ----------
    path : Path
    model : nn.Module, optional
        What is resumed: its parameters, and their moments in the optimiser, must have its names and shapes.

    Raises
    ------
    InputError
        If it is damaged, or of another model.
    """
    cure = "delete it, and --resume trains from the start"
    content = pickled.read(path, cure=cure)
    try:
        state = content["state_dict"]
        if model is not None:
            _require_shapes({name: tuple(value.shape) for name, value in state.items()}, model)
            _require_moments(content["optimizer_states"], list(model.parameters()))
        content["callbacks"].values(), content["loops"].values()
    except (OSError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no checkpoint of this run ({error}); {cure}") from error
    return content


def _require_moments(optimizers: list[dict[str, Any]], parameters: list[Tensor]) -> None:
    for optimizer in optimizers:
        for number, moments in optimizer["state"].items():
            for name, value in moments.items():
                if value.ndim and value.shape != parameters[number].shape:
                    raise OSError(f"{name} of parameter {number} has the shape {tuple(value.shape)}")
