"""Watching a data set while it is read, variable by variable, and judging it in the end."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import xarray as xr

from ...contract import VARIABLES, Step, check_values, month_labels, scenario_fields, step_of, withheld_maps
from ...grid import area_mean
from . import forcings, weather
from .findings import Findings, span
from .places import Places

EMISSIONS, YEAR = ("SO2", "BC"), 12
SUN_STEADY = 10.0  # W m-2 rms along the parallels or to the same month of other years; 1 in CESM2


class Watch:
    """What is kept of the scenarios seen so far, and what was found in them.

    Parameters
    ----------
    dataset : Dataset
        In the library's layout; its coordinates are read, no values.
    """

    def __init__(self, dataset: xr.Dataset):
        self.found = Findings()
        self._lat, self._members = dataset["lat"].values.astype(float), dataset["member_id"].values
        self._months, self._month = month_labels(dataset), dataset["time"].dt.month.values - 1
        self._step = step_of(dataset)
        self._places = Places(self._lat, dataset["lon"].values.astype(float))
        self._totals = {name: {} for name in EMISSIONS}
        self._means: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        self._anomalies: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        self._warm: dict[str, np.ndarray] = {}
        self._wet: dict[str, np.ndarray] = {}
        self._tas: tuple[np.ndarray, np.ndarray] | None = None

    def see(self, ssp: str, name: str, values: np.ndarray) -> None:
        """Look at one variable of one scenario, dims as in `VARIABLES` without ``ssp``, in the order of the table."""
        if problems := check_values(name, values, ssp, self._months):
            self.found.problems += problems
        elif name == "CO2":
            self._means["CO2"][ssp] = values
        elif name in EMISSIONS:
            self._see_emissions(ssp, name, values)
        elif name == "rsdt":
            self._see_sun(ssp, values)
        elif VARIABLES[name].role == "target":
            self._see_target(ssp, name, values)

    def _see_emissions(self, ssp: str, name: str, values: np.ndarray) -> None:
        mean = np.maximum(values.mean(axis=0), 0)
        self._places.check_emissions(name, ssp, mean, self.found)
        self._totals[name][ssp] = float(area_mean(mean, self._lat))
        steps = np.sqrt(np.einsum("tyx,tyx->t", d := np.diff(values, axis=0), d) / mean.size)
        size = float(np.sqrt((mean**2).mean()))
        forcings.check_steps(name, ssp, steps, size, self._months, self._step, self.found)

    def _see_sun(self, ssp: str, values: np.ndarray) -> None:
        zonal = values.mean(axis=2)
        if self._step is Step.YEAR:
            year = np.median(zonal, axis=0)
            self._places.check_annual_sun(ssp, year, self.found)
        else:
            year = self._climatology(zonal)
            self._places.check_sun(ssp, year, self.found)
        across = np.sqrt((values.var(axis=2)).mean(axis=1))
        along = np.sqrt(((zonal - (year if self._step is Step.YEAR else year[self._month])) ** 2).mean(axis=1))
        unsteady = np.maximum(across, along) > SUN_STEADY
        if unsteady.any():
            self.found.problems.append(
                f"rsdt of {ssp} in {span(self._months, unsteady)} is not that of the other years or varies along the "
                "parallels; insolation is the same each year and at every longitude: fetch the store again"
            )

    def _climatology(self, maps: np.ndarray) -> np.ndarray:
        """Return the median of each calendar month, shape (12, ...), NaN where there is none."""
        year = np.full((YEAR, *maps.shape[1:]), np.nan)
        for month in set(self._month):
            year[month] = np.median(maps[self._month == month], axis=0)
        return year

    def _see_target(self, ssp: str, name: str, maps: np.ndarray) -> None:
        known = ~withheld_maps(maps)
        if name == "tas":
            self._tas = (maps, known)
        elif name == "pr":
            self._see_pair(ssp, maps, known)
        if not known.any():
            return
        context = (name, ssp, maps, known)
        weather.check_repeats(*context, self._months, self._step, self.found)
        weather.check_members(*context, self._members, self._months, self._step, self.found)
        weather.check_sizes(*context, self._places.weights, self._months, self._step, self.found)
        if not known.all():
            return
        self._anomalies[name][ssp] = weather.tropical(maps, self._lat, self._step)
        if name == "tas" and len(maps) >= self._step.value:
            self._means["tas"][ssp] = area_mean(maps, self._lat).mean(axis=1)
        if name not in ("tas", "pr") or len(maps) < YEAR or self._step is Step.YEAR:
            return
        whole = maps[: len(maps) // YEAR * YEAR].mean(axis=1)
        year = np.roll(whole.reshape(-1, YEAR, *whole.shape[1:]).mean(axis=0), self._month[0], axis=0)
        (self._places.check_tas if name == "tas" else self._places.check_rain)(ssp, year, self.found)

    def _see_pair(self, ssp: str, pr: np.ndarray, known: np.ndarray) -> None:
        """Look at tas and pr of one scenario together, then let go of tas."""
        if self._tas is None:  # it breaks the contract
            return
        (tas, warm), self._tas = self._tas, None
        if (alone := (warm != known).any(axis=1)).any():
            self.found.problems.append(
                f"tas and pr of {ssp} are not withheld together in {span(self._months, alone)}, where one of them is "
                "constant; give both, or set both to zero where they are withheld"
            )
        elif known.any() and not known.all():
            self._note_holes(ssp, known)
        if known.all() and warm.all() and self._step is Step.MONTH:
            sample = weather.coupled_sample(tas[:, 0]), weather.coupled_sample(pr[:, 0])
            if sample[0] is not None:
                self._warm[ssp], self._wet[ssp] = sample

    def _note_holes(self, ssp: str, known: np.ndarray) -> None:
        last = np.flatnonzero(known.any(axis=1))[-1]
        inside = (~known).any(axis=1) & (np.arange(len(known)) < last)
        if inside.any():
            self.found.suspicions.append(
                f"tas and pr of {ssp} are constant in {span(self._months, inside)} and given after; withheld, or a "
                "damaged store? No split may train or score there"
            )

    def judge(self) -> Findings:
        """Compare the scenarios seen with each other and return all that was found."""
        if all(self._totals[name] for name in EMISSIONS):
            forcings.check_amounts(self._totals, self.found)
        if "CO2" in self._means:
            forcings.check_co2(self._means["CO2"], self._months, self._step, self.found)
            forcings.check_warming(self._means["CO2"], self._means["tas"], self._step, self.found)
        weather.check_coupling(self._warm, self._wet, self.found)
        for name, anomalies in self._anomalies.items():
            weather.check_exchange(name, anomalies, self._months, self._step, self.found)
        self.found.merge(list(self._means["CO2"]))
        return self.found


def check(dataset: xr.Dataset) -> Findings:
    """Read a data set in the library's layout; return all that breaks the contract or is not plausible."""
    watch = Watch(dataset)
    for ssp in dataset["ssp"].values:
        for name, values in scenario_fields(dataset, ssp):
            watch.see(str(ssp), name, values)
    return watch.judge()
