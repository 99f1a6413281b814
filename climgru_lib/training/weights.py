"""Weights of a model on disk, as safetensors."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from torch import nn

from ..contract import InputError
from .runs import WEIGHTS, write_atomically


def save_weights(run_dir: Path, model: nn.Module) -> None:
    """Write the model's parameters and buffers as safetensors."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(run_dir / WEIGHTS, lambda temporary: safetensors.torch.save_file(state, temporary))


def load_weights(run_dir: Path, model: nn.Module) -> nn.Module:
    """Fill the model from the run's weights; loading runs no code.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another architecture.
    """
    path = Path(run_dir) / WEIGHTS
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be used ({str(error).splitlines()[0]}); delete the folder and train the run again"
        ) from error
    return model
