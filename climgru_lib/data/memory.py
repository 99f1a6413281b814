"""Where series lie: in memory, or beyond a budget in files that the system pages in and out."""

from __future__ import annotations

import errno
import os
import tempfile
from math import prod
from pathlib import Path

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
    with tempfile.NamedTemporaryFile(dir=folder, prefix="series-") as file:
        _take_room(file.fileno(), size, folder)
        return torch.from_file(file.name, shared=True, size=prod(shape)).view(shape)


def _take_room(file: int, size: int, folder: Path) -> None:
    """Take the room on the disk at once: a page that found none when it is written would end the process."""
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(
            f"{size / 1e9:.1f} GB of the data exceed the memory budget, and {folder} has no room for them; set "
            "CLIMGRU_CACHE to a folder on a larger disk"
        ) from error
