"""Checks of the networks' input tensors."""

from __future__ import annotations

from torch import Tensor

from ..contract import InputError


def check_months(months: Tensor, channels: int, grid: tuple[int, int] | None = None) -> None:
    """Refuse a tensor that is not (batch, time, channel, lat, lon) with the given channels and grid.

    Raises
    ------
    InputError
        One line naming what differs.
    """
    if months.ndim != 5:
        raise InputError(f"the input must be (batch, time, channel, lat, lon), got shape {tuple(months.shape)}")
    if months.shape[2] != channels:
        raise InputError(
            f"the network takes {channels} input channels, got {months.shape[2]}; "
            "use the seasonal encoding it was made for"
        )
    if grid is not None and tuple(months.shape[3:]) != tuple(grid):
        raise InputError(
            f"the network is made for the grid {grid[0]} x {grid[1]} (lat x lon), got "
            f"{months.shape[3]} x {months.shape[4]}; build it with grid={tuple(months.shape[3:])}"
        )


def check_window(months: Tensor, window: int) -> None:
    """Refuse a window that does not fit into the series `months`, (batch, time, channel, lat, lon).

    Raises
    ------
    InputError
        If the window is shorter than one month or longer than the series.
    """
    if not 1 <= window <= months.shape[1]:
        raise InputError(f"a window of {window} months does not fit into a series of {months.shape[1]} months")
