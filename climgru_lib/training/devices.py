"""Where to compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..contract import InputError

#: Names of Lightning for ours.
PRECISIONS = {"32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}


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


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Compute products of float32 in full precision, or in TF32 where ``precision`` is ``"tf32"``; then as before."""
    flags = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [flag.allow_tf32 for flag in flags]
    for flag in flags:
        flag.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        for flag, allowed in zip(flags, before):
            flag.allow_tf32 = allowed
