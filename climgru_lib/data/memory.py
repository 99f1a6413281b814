"""Where series lie: in memory, or beyond a budget in files that the system pages in and out."""

from __future__ import annotations

import shutil
import tempfile
from math import prod

import torch
from torch import Tensor

from ..contract import InputError
from .paths import cache_dir


class Space:
    """Room for tensors of float32: in memory up to a budget, then in files of the cache folder.

    The files have no name: nothing is left of them when the process ends, in whatever way. Their pages are the
    system's to drop, so that a process may hold more than the machine's memory; what is computed is the same.

    Parameters
    ----------
    budget : int, optional
        Bytes; everything lies in memory by default.
    """

    def __init__(self, budget: int | None = None):
        self._left = budget

    def empty(self, *shape: int) -> Tensor:
        """Return a tensor whose values are not set.

        Raises
        ------
        InputError
            If the disk of the cache has no room for it.
        """
        size = 4 * prod(shape)
        if self._left is None:
            return torch.empty(shape)
        if size <= self._left:
            self._left -= size
            return torch.empty(shape)
        return _in_a_file(shape, size)


def _in_a_file(shape: tuple[int, ...], size: int) -> Tensor:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < size:
        raise InputError(
            f"{size / 1e9:.1f} GB of the data exceed the memory budget, and {folder} has {free / 1e9:.1f} GB left; "
            "set CLIMGRU_CACHE to a folder on a larger disk"
        )
    with tempfile.NamedTemporaryFile(dir=folder, prefix="series-") as file:
        return torch.from_file(file.name, shared=True, size=prod(shape)).view(shape)
