"""The range of forcings that an emulator was trained on, and where a pathway leaves it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from ..data.tensors import EmulationData
from ..grid import area_mean
from ..models.compact.energy_balance import TG_PER_YEAR

#: What is watched of a pathway, and its unit.
DRIVERS = {
    "CO2": ("CO₂ emitted so far", "Gt"),
    "rate": ("CO₂ emissions", "Gt/yr"),
    "CH4": ("CH₄ emissions", "Gt/yr"),
    "SO2": ("SO₂ emissions", "Tg/yr"),
    "BC": ("BC emissions", "Tg/yr"),
}
ROUNDING = 1e-6  # of the width of a range


def drivers(forcings: xr.Dataset) -> dict[str, np.ndarray]:
    """Return what `DRIVERS` names of the forcings of one scenario, shape (time,) each.

    CO2 emissions are those of the twelve months up to each; NaN in the first twelve. SO2 and BC are global totals.

    Parameters
    ----------
    forcings : Dataset
        ``CO2`` (Gt) and ``CH4`` (Gt/yr): (time,); ``SO2`` and ``BC`` (kg m-2 s-1): (time, lat, lon).
    """
    lat, co2 = forcings.lat.values, forcings.CO2.values
    rate = np.full(co2.shape, np.nan)
    rate[12:] = co2[12:] - co2[:-12]
    totals = {name: TG_PER_YEAR * area_mean(forcings[name].values, lat) for name in ("SO2", "BC")}
    return {"CO2": co2, "rate": rate, "CH4": forcings.CH4.values, **totals}


class TrainingRange:
    """Lowest and highest value of each driver in the training months of all scenarios.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset`.
    data : EmulationData
        The same, prepared for the split that the emulators were trained on.

    Attributes
    ----------
    limits : dict of str to (float, float)
        By driver.
    """

    def __init__(self, dataset: xr.Dataset, data: EmulationData):
        self.years = dataset.time.dt.year.values
        trained = {ssp: keep.any(axis=0) for ssp, keep in data.training_months(data.split).items()}
        known = [(drivers(dataset.sel(ssp=ssp)), keep) for ssp, keep in trained.items() if keep.any()]
        self.limits = {
            name: (
                min(float(np.nanmin(values[name][keep])) for values, keep in known),
                max(float(np.nanmax(values[name][keep])) for values, keep in known),
            )
            for name in DRIVERS
        }

    def excess(self, name: str, values: np.ndarray) -> np.ndarray:
        """Return how far values of a driver lie outside, in widths of the range, shape (time,); 0 inside."""
        low, high = self.limits[name]
        beyond = np.fmax(np.fmax(low - values, values - high), 0) / (high - low)
        return np.where(beyond > ROUNDING, beyond, 0)

    def furthest(self, pathway: dict[str, np.ndarray]) -> float:
        """Return how far the drivers of a pathway go outside, in widths of a range: the worst of all; 0 inside."""
        return max(float(self.excess(name, values).max()) for name, values in pathway.items())

    def told(self, pathway: dict[str, np.ndarray]) -> list[str]:
        """Return a line on each driver of a pathway that leaves the range: how far, and in which years."""
        lines = []
        for name, (label, unit) in DRIVERS.items():
            excess = self.excess(name, pathway[name])
            if excess.any():
                low, high = self.limits[name]
                furthest = pathway[name][excess.argmax()]
                years = _stretches(self.years[excess > 0])
                lines.append(f"{label}: {furthest:.3g} {unit}, in training {low:.3g} to {high:.3g}, outside in {years}")
        return lines


def _stretches(years: np.ndarray) -> str:
    """Return years, with repetitions, as stretches such as ``2031–2040, 2077``."""
    years = np.unique(years)
    starts = np.flatnonzero(np.diff(years, prepend=years[0] - 2) > 1)
    parts = [years[a:b] for a, b in pairwise([*starts, len(years)])]
    return ", ".join(f"{part[0]}–{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)
