"""Pathways of one's own: forcings that depart from those of a scenario of the data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..contract import InputError
from ..mini_earth import scenarios
from ..mini_earth.scenarios import KNOTS, PATHWAYS, Pathway, greenhouse_gases

CHANGED = ("CO2", "SO2", "CH4", "BC")  # forcings of a departure; all others are those of its base
PHASE_IN = 35.0  # years from the first month until methane and sulphur have changed by their factors


@dataclass(frozen=True)
class Departure:
    """How a pathway departs from a scenario.

    Parameters
    ----------
    base : str
        The scenario, which is followed in all that is not changed.
    peak : float
        Year after which CO2 emissions no longer follow it, but move in a straight line to ``final_co2``; never by
        default.
    final_co2 : float
        CO2 emissions in the last month, Gt/yr; what is below 0 takes CO2 out of the air.
    methane : float
        Factor of the CH4 emissions, reached in a straight line after `PHASE_IN` years and kept.
    sulphur : float
        Factor of the SO2 and BC emissions, likewise: both leave the same chimneys.

    Raises
    ------
    InputError
        If a factor is below 0.
    """

    base: str
    peak: float = np.inf
    final_co2: float = 0.0
    methane: float = 1.0
    sulphur: float = 1.0

    def __post_init__(self):
        for name in ("methane", "sulphur"):
            if not getattr(self, name) >= 0:
                raise InputError(f"the factor of {name} is {getattr(self, name)}; emissions must not be negative")

    def factor(self, of: str, years: np.ndarray) -> np.ndarray:
        """Return the factor of ``"methane"`` or ``"sulphur"`` so many years after the first month."""
        return 1 + (getattr(self, of) - 1) * np.minimum(years / PHASE_IN, 1)

    def cumulative_co2(self, co2: np.ndarray, years: np.ndarray) -> np.ndarray:
        """Return the CO2 emitted so far, Gt.

        With the year of the peak T, the last month E, and the emissions r (Gt/yr) of the base in the year before T, it
        is C(T) + r (t - T) + (final_co2 - r) (t - T)^2 / (2 (E - T)) after T: the integral of emissions that are
        linear in time.

        Parameters
        ----------
        co2 : array, shape (time,), Gt
            Of the base.
        years : array, shape (time,)
            Times in years, the year's number at the first month of it; see `decimal_years`.

        Raises
        ------
        InputError
            If the peak comes before one year of emissions is known.
        """
        if self.peak >= years[-1]:
            return co2
        if self.peak < years[0] + 1:
            raise InputError(
                f"the peak in {self.peak:g} comes less than a year after the first month, in {years[0]:.1f}"
            )
        before, at_peak = np.interp([self.peak - 1, self.peak], years, co2)
        rate, left = at_peak - before, years[-1] - self.peak
        since = np.maximum(years - self.peak, 0)
        later = at_peak + rate * since + (self.final_co2 - rate) / (2 * left) * since**2
        return np.where(since > 0, later, co2)


def decimal_years(time: xr.DataArray) -> np.ndarray:
    """Return monthly times in years, shape (time,); a whole number at the calendar month of the first one."""
    day = time.dt.dayofyear.values
    return time.dt.year.values + (day - day[0]) / 365


def forcings(scenario: xr.Dataset, departure: Departure) -> xr.Dataset:
    """Compute the forcings of a departure from those of its base.

    Cumulative CO2 continues from the base's at the peak, CH4 is scaled in time, and the maps of SO2 and BC are scaled
    as a whole, so that sources stay where the base has them in each month.

    Parameters
    ----------
    scenario : Dataset
        ``CO2`` (Gt) and ``CH4`` (Gt/yr): (time,); ``SO2`` and ``BC`` (kg m-2 s-1): (time, lat, lon); of the base.
    departure : Departure

    Returns
    -------
    Dataset
        The same variables. A departure that changes nothing returns the values of the base.

    Raises
    ------
    InputError
        If the peak comes too early, or so much CO2 is taken out that less than none has been emitted.
    """
    years = decimal_years(scenario.time)
    changed = scenario[list(CHANGED)].copy()
    changed["CO2"] = scenario.CO2.copy(data=departure.cumulative_co2(scenario.CO2.values, years))
    if changed.CO2.values.min() < 0:
        raise InputError("more CO2 is taken out of the air than was ever emitted; raise final_co2, or peak later")
    for name, of in (("CH4", "methane"), ("SO2", "sulphur"), ("BC", "sulphur")):
        if getattr(departure, of) != 1:
            factor = departure.factor(of, years - years[0]).astype(scenario[name].dtype)
            changed[name] = scenario[name] * xr.DataArray(factor, dims="time")
    return changed


def on_mini_earth(departure: Departure, n_months: int) -> Pathway:
    """Return a departure from an SSP as a pathway of the embedded mini-earth, which knows the climate of any.

    Its emissions stand at every January of the ``n_months`` from January 2015; between them they are linear, where
    those of a departure may be slightly curved, so that forcings differ by less than a thousandth.

    Raises
    ------
    InputError
        If the base is none of `mini_earth.PATHWAYS`.
    """
    if departure.base not in PATHWAYS:
        raise InputError(f"the mini-earth has no scenario {departure.base}; it has {', '.join(PATHWAYS)}")
    base, months = PATHWAYS[departure.base], scenarios.decimal_years(n_months)
    emitted = greenhouse_gases(base, n_months)[0]
    years = np.arange(months[0], np.ceil(months[-1]) + 0.5)
    more = np.interp(years, months, departure.cumulative_co2(emitted, months) - emitted)

    def at_years(gas: str, factor: np.ndarray | float = 1.0) -> np.ndarray:
        return np.interp(years, KNOTS, getattr(base, gas)) * factor

    sulphur = departure.factor("sulphur", years - years[0])
    return Pathway(
        f"from {base.name}",
        co2=tuple(at_years("co2") + np.diff(more, prepend=0)),
        ch4=tuple(at_years("ch4", departure.factor("methane", years - years[0]))),
        so2=tuple(at_years("so2", sulphur)),
        bc=tuple(at_years("bc", sulphur)),
        so2_shares=base.so2_shares,
        bc_shares=base.bc_shares,
        knots=tuple(years),
    )
