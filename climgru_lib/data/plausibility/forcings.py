"""Whether the forcings are those of the contract: their amounts, their steps, and the warming that goes with them."""

from __future__ import annotations

import itertools

import numpy as np

from ...contract import SCENARIOS, Step
from .findings import Findings, span

EARTH_AREA, SECONDS_PER_YEAR, KG_PER_TG = 5.1e14, 3.15e7, 1e9  # m2, s, kg
#: Tg/yr of a scenario's mean. All CMIP6 scenarios and years since 1900 emit 5 to 150 of SO2 and 1 to 12 of BC.
PLAUSIBLE_TOTAL = {"SO2": (0.5, 1000.0), "BC": (0.05, 100.0)}
BC_PER_SO2 = (0.4, 1.0)  # mass ratio of the totals: .08 in 2015, at most .19 in any CMIP6 scenario
STEP_FACTOR, STEPS_ABOVE = 4.0, 10  # of the tenth largest step; CESM2's largest is 1.1 of it, an exchange 50 or more
STEP_ROUNDING, STEP_SHARE = 1e-5, 0.05  # of the mean size: no step, and the least jump of a month
CO2_STEP = 20.0  # Gt in a month, twice what the highest scenario emits
CO2_FIRST_YEARS = (6.0, 20.0, 150.0)  # Gt/yr: 36 to 42 in the years 2015 to 2025; 2 to 4 in ppm, 10 in Gt of carbon
CO2_APART = 1000.0  # Gt, from where CO2 outweighs the aerosols' share of the warming (.3 K)
WARMS = (
    0.0,
    0.2,
)  # K by which the scenario of more CO2 must be warmer there: certain, suspicious; .4 at least in CESM2
WARMING_PER_CO2 = (2.5, 5.0)  # K per 1000 Gt: .45 to .8 in CESM2, .27 to .63 by the IPCC's assessment
NAMES_APART = (2045, 2100)  # years in which the CO2 of the SSPs is ordered as their names


def check_amounts(totals: dict[str, dict[str, float]], found: Findings) -> None:
    """Judge the mean emissions, kg m-2 s-1, by variable and scenario."""
    for name, (low, high) in PLAUSIBLE_TOTAL.items():
        for ssp, mean in totals[name].items():
            amount = mean * EARTH_AREA * SECONDS_PER_YEAR / KG_PER_TG
            if not low <= amount <= high:
                found.suspicions.append(f"{name} of {ssp} amounts to {amount:.3g} Tg a year; check its units")
    for ssp, so2 in totals["SO2"].items():
        ratio = totals["BC"][ssp] / max(so2, 1e-300)
        line = f"BC of {ssp} amounts to {ratio:.2g} times its SO2, a tenth is usual; the two may be exchanged"
        found.judge(ratio, *BC_PER_SO2, line)


def check_steps(
    name: str, ssp: str, steps: np.ndarray, size: float, months: np.ndarray, step: Step, found: Findings
) -> None:
    """Judge the sizes of the steps of a forcing, shape (time - 1,): they are small, or come each year."""
    if len(steps) < 24:
        return
    apart = len(steps) / max(1, (steps > STEP_ROUNDING * size).sum())  # 12 of emissions given by the year
    apart *= 12 / step.value  # months
    jumps = (steps > STEP_FACTOR * np.sort(steps)[-STEPS_ABOVE]) & (steps > STEP_SHARE * apart * size)
    if not jumps.any():
        return
    where = span(months[1:], jumps)
    line = f"{name} of {ssp} jumps in {where}; months of another scenario may stand there: fetch the store again"
    found.judge(jumps.sum(), 0, 1, line)  # one may be a shock by design, there and back is none


def check_co2(co2: dict[str, np.ndarray], months: np.ndarray, step: Step, found: Findings) -> None:
    """Judge cumulative CO2, Gt, shape (time,) by scenario."""
    in_year = step.value
    if len(months) < max(2 * in_year, 3):
        return
    first_year = int(months[0][:4])
    constant = [ssp for ssp, series in co2.items() if np.ptp(series) == 0]
    if constant:
        line = f"CO2 of {', '.join(constant)} is constant, as if nothing were emitted; it is cumulative emissions in Gt"
        found.judge(len(constant) - 1 + (len(constant) == len(co2)), -1, 0, line)
    years = min(5, len(months) // in_year)
    early = max((series[in_year * years - 1] - series[0]) / (years - 1 / in_year) for series in co2.values())
    if 2000 <= first_year <= 2040 and len(constant) < len(co2):
        certain, low, high = CO2_FIRST_YEARS
        line = f"CO2 grows by {early:.3g} Gt a year from {months[0]}, not by about 40; it may be in ppm or Gt of carbon"
        if early < certain or early > 10 * high:
            found.problems.append(f"{line}: give cumulative emissions in Gt of CO2")
        elif not low <= early <= high:
            found.suspicions.append(line)
    for ssp, series in co2.items():
        check_steps("CO2", ssp, np.abs(np.diff(series, 2)), CO2_STEP / STEP_SHARE, months[1:], step, found)
    _check_names(co2, months, found)


def _check_names(co2: dict[str, np.ndarray], months: np.ndarray, found: Findings) -> None:
    """Compare CO2 with the names of ScenarioMIP, which tell the forcing at the end of the century."""
    late = np.array([NAMES_APART[0] <= int(month[:4]) <= NAMES_APART[1] for month in months])
    known = [ssp for ssp in SCENARIOS if ssp in co2]
    for low, high in itertools.pairwise(known):
        if late.any() and (wrong := (co2[low] > co2[high]) & late).any():
            found.suspicions.append(
                f"CO2 of {low} lies above that of {high} in {span(months, wrong)}; the scenarios may be exchanged"
            )


def check_warming(co2: dict[str, np.ndarray], tas: dict[str, np.ndarray], step: Step, found: Findings) -> None:
    """Judge global mean tas, K, against CO2, Gt, both of shape (time,) by open scenario."""
    for one, other in itertools.combinations([ssp for ssp in tas if ssp in co2], 2):
        apart, warmer = _years(co2[one] - co2[other], step), _years(tas[one] - tas[other], step)
        far = np.abs(apart) > CO2_APART
        if far.sum() >= 5:
            warms = float((np.sign(apart) * warmer)[far].mean())
            line = (
                f"tas of {one} and {other}: the scenario of more CO2 is warmer by {warms:.2f} K where they are "
                f"{CO2_APART:.0f} Gt apart; tas or CO2 of the two may be exchanged"
            )
            found.judge(-warms, -WARMS[1], -WARMS[0], line)
        rise = float(np.abs(warmer @ apart) / max(apart @ apart, 1e-9) * 1000)
        if len(apart) >= 30 and np.abs(warmer).max() > 0.5:
            line = f"tas of {one} and {other} differ by {rise:.1f} K per 1000 Gt of CO2, .3 to .8 are usual; check CO2"
            found.judge(rise, *WARMING_PER_CO2, line)


def _years(series: np.ndarray, step: Step) -> np.ndarray:
    return series[: len(series) // step.value * step.value].reshape(-1, step.value).mean(axis=1)
