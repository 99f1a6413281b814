"""Where to compute."""

from __future__ import annotations

import torch

from .contract import InputError


def pick_device(device: str) -> torch.device:
    """Return the device to compute on; ``auto`` takes a CUDA device where there is one.

    Raises
    ------
    InputError
        If CUDA is asked for and absent, or the name is none of auto, cpu, cuda.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"unknown device '{device}'; there are auto, cpu and cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
