"""What one entry of the time axis stands for: a month, or a year."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


class Step(Enum):
    """The step length of a data set; the value is the number of steps in a year."""

    MONTH = 12
    YEAR = 1

    @property
    def unit(self) -> str:
        """The plural, for messages."""
        return f"{self.name.lower()}s"


def step_of(dataset: xr.Dataset) -> Step:
    """Tell the step length of a data set from its dates: years where each lies in the year after the one before.

    Dates that lie in consecutive months are months, a single one, too.

    Raises
    ------
    AttributeError, TypeError
        If time holds no dates.
    """
    time = dataset["time"].dt
    year, month = time.year.values, time.month.values
    yearly = len(year) > 1 and (np.diff(year) == 1).all() and (np.diff(year * 12 + month) != 1).any()
    return Step.YEAR if yearly else Step.MONTH


def month_labels(dataset: xr.Dataset) -> np.ndarray:
    """Return the months of a data set as ``YYYY-MM``, or its years as ``YYYY``, array of str, shape (time,)."""
    time = dataset["time"].dt
    years = [f"{year:04d}" for year in time.year.values]
    if step_of(dataset) is Step.YEAR:
        return np.array(years)
    return np.array([f"{year}-{month:02d}" for year, month in zip(years, time.month.values)])
