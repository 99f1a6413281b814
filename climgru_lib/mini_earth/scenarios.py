"""Scenarios: emission pathways of CO2, CH4, SO2 and BC, the aerosols by region.

A pathway is a set of knots between which emissions are linear. The four SSPs are the integrated-assessment
pathways as prescribed to CESM2 in ScenarioMIP (CMIP6); `peak_and_decline` and `sulphur_shock` make others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..contract import InputError

FIRST_YEAR = 2015
BLOCK = 120  # months; all work goes in such blocks, as the same shapes of arithmetic give the same bits
KNOTS = (2015, 2020, 2030, 2040, 2050, 2060, 2070, 2080, 2090, 2100)
CO2_BEFORE = 1536.072  # Gt, emitted until January 2015
SHARE_YEARS = (2015, 2050, 2090)
REGIONS = (
    "E Asia", "S Asia", "SE Asia", "Europe", "N America", "Middle East", "S Africa", "N Africa",
    "S America", "Australia", "Russia", "ships",
)  # fmt: skip

SHARES_2015 = {  # of the global total, by region
    "SO2": (0.265, 0.161, 0.046, 0.076, 0.088, 0.106, 0.049, 0.012, 0.040, 0.017, 0.071, 0.069),
    "BC": (0.338, 0.158, 0.070, 0.043, 0.054, 0.057, 0.145, 0.032, 0.042, 0.005, 0.036, 0.020),
}


@dataclass(frozen=True)
class Pathway:
    """Emissions of one scenario at the years of ``knots``, linear between them, constant after the last.

    ``co2`` Gt/yr, ``ch4`` Gt/yr, ``so2`` and ``bc`` Tg/yr: one number per knot. ``so2_shares`` and
    ``bc_shares``: shares of the regions of `REGIONS` in 2050 and 2090 (those of 2015 are common).
    """

    name: str
    co2: tuple[float, ...]
    ch4: tuple[float, ...]
    so2: tuple[float, ...]
    bc: tuple[float, ...]
    so2_shares: tuple[tuple[float, ...], tuple[float, ...]] = (SHARES_2015["SO2"],) * 2
    bc_shares: tuple[tuple[float, ...], tuple[float, ...]] = (SHARES_2015["BC"],) * 2
    knots: tuple[float, ...] = KNOTS

    def __post_init__(self):
        for gas in ("co2", "ch4", "so2", "bc"):
            values = getattr(self, gas)
            if len(values) != len(self.knots) or not np.isfinite(values).all():
                known = f"{len(self.knots)} finite numbers, one per {self.knots}"
                raise InputError(f"pathway {self.name}: {gas} needs {known}")
            if gas != "co2" and min(values) < 0:
                raise InputError(f"pathway {self.name}: {gas} falls below 0; emissions must not be negative")


PATHWAYS = {
    path.name: path
    for path in (
        Pathway(
            "ssp126",
            co2=(35.636, 36.626, 34.546, 26.897, 19.723, 13.115, 7.061, -0.847, -6.3, -5.72),
            ch4=(0.3737, 0.3335, 0.2741, 0.2313, 0.2001, 0.1804, 0.1558, 0.1291, 0.1203, 0.1136),
            so2=(98.354, 77.788, 49.628, 33.003, 24.699, 20.084, 15.795, 11.375, 8.513, 6.45),
            bc=(7.980, 6.071, 3.532, 2.704, 2.175, 1.991, 1.758, 1.419, 1.198, 1.100),
            so2_shares=(
                (0.088, 0.329, 0.053, 0.047, 0.050, 0.045, 0.243, 0.015, 0.036, 0.012, 0.052, 0.030),
                (0.055, 0.235, 0.046, 0.047, 0.056, 0.037, 0.401, 0.020, 0.032, 0.014, 0.029, 0.028),
            ),
            bc_shares=(
                (0.232, 0.191, 0.084, 0.023, 0.057, 0.102, 0.157, 0.043, 0.044, 0.003, 0.038, 0.026),
                (0.276, 0.138, 0.081, 0.023, 0.057, 0.053, 0.207, 0.040, 0.049, 0.003, 0.043, 0.030),
            ),
        ),
        Pathway(
            "ssp245",
            co2=(35.637, 37.383, 40.59, 42.085, 42.958, 41.734, 37.446, 30.236, 20.643, 14.48),
            ch4=(0.3737, 0.3737, 0.3848, 0.3680, 0.3423, 0.3144, 0.3016, 0.2879, 0.2839, 0.2803),
            so2=(98.354, 77.624, 76.4, 63.917, 50.679, 43.36, 39.237, 35.792, 30.448, 28.1),
            bc=(7.980, 7.103, 6.351, 5.658, 4.778, 4.044, 3.238, 2.418, 1.720, 1.420),
            so2_shares=(
                (0.192, 0.296, 0.041, 0.053, 0.070, 0.090, 0.088, 0.015, 0.052, 0.014, 0.078, 0.011),
                (0.116, 0.362, 0.037, 0.056, 0.093, 0.079, 0.108, 0.024, 0.065, 0.010, 0.042, 0.008),
            ),
            bc_shares=(
                (0.247, 0.206, 0.050, 0.017, 0.048, 0.064, 0.244, 0.042, 0.047, 0.003, 0.023, 0.009),
                (0.288, 0.115, 0.050, 0.023, 0.131, 0.088, 0.095, 0.039, 0.136, 0.006, 0.021, 0.008),
            ),
        ),
        Pathway(
            "ssp370",
            co2=(35.637, 40.933, 49.33, 55.338, 60.017, 63.426, 66.996, 70.565, 75.238, 80.08),
            ch4=(0.3737, 0.4032, 0.4543, 0.4967, 0.5384, 0.5801, 0.6234, 0.6681, 0.7086, 0.7496),
            so2=(98.354, 96.136, 96.672, 96.939, 97.08, 93.136, 89.051, 84.536, 80.696, 75.16),
            bc=(7.980, 8.499, 8.983, 9.310, 9.255, 8.904, 8.534, 8.094, 7.777, 7.420),
            so2_shares=(
                (0.237, 0.249, 0.064, 0.047, 0.075, 0.098, 0.050, 0.016, 0.048, 0.014, 0.069, 0.033),
                (0.215, 0.208, 0.083, 0.043, 0.084, 0.101, 0.083, 0.030, 0.063, 0.009, 0.056, 0.025),
            ),
            bc_shares=(
                (0.320, 0.160, 0.066, 0.022, 0.045, 0.079, 0.181, 0.040, 0.040, 0.004, 0.030, 0.013),
                (0.254, 0.141, 0.066, 0.019, 0.052, 0.093, 0.240, 0.043, 0.049, 0.003, 0.029, 0.011),
            ),
        ),
        Pathway(
            "ssp585",
            co2=(35.637, 39.757, 50.743, 65.334, 81.239, 100.194, 117.031, 129.793, 131.072, 127.82),
            ch4=(0.3737, 0.3827, 0.4401, 0.5275, 0.5746, 0.5821, 0.5808, 0.5523, 0.4965, 0.4653),
            so2=(98.354, 77.715, 69.178, 69.187, 58.12, 61.584, 59.133, 51.026, 39.673, 27.24),
            bc=(7.980, 7.625, 6.720, 6.362, 5.155, 4.829, 4.348, 3.687, 2.713, 1.640),
            so2_shares=(
                (0.174, 0.303, 0.069, 0.049, 0.091, 0.041, 0.106, 0.029, 0.054, 0.010, 0.038, 0.036),
                (0.141, 0.153, 0.058, 0.095, 0.116, 0.054, 0.187, 0.050, 0.056, 0.015, 0.036, 0.039),
            ),
            bc_shares=(
                (0.251, 0.086, 0.043, 0.032, 0.047, 0.081, 0.310, 0.054, 0.030, 0.005, 0.038, 0.023),
                (0.208, 0.088, 0.032, 0.044, 0.066, 0.080, 0.341, 0.056, 0.021, 0.007, 0.033, 0.020),
            ),
        ),
    )
}


def peak_and_decline(
    name: str = "peak", peak_year: float = 2040, peak_co2: float = 50.0, final_co2: float = -10.0
) -> Pathway:
    """Make a pathway whose CO2 emissions rise to a peak and fall; the other gases follow ssp245.

    Parameters
    ----------
    name : str
    peak_year : float
        Between 2016 and 2099.
    peak_co2, final_co2 : float
        Emissions at the peak and in 2100, Gt/yr.

    Returns
    -------
    Pathway

    Raises
    ------
    InputError
        If the peak lies outside the century.
    """
    if not FIRST_YEAR < peak_year < KNOTS[-1]:
        raise InputError(f"peak_year {peak_year} lies outside {FIRST_YEAR + 1}..{KNOTS[-1] - 1}")
    base = PATHWAYS["ssp245"]
    co2 = np.interp(KNOTS, (FIRST_YEAR, peak_year, KNOTS[-1]), (base.co2[0], peak_co2, final_co2))
    return replace(base, name=name, co2=tuple(co2.tolist()))


def sulphur_shock(name: str = "shock", base: str = "ssp245", year: int = 2050, factor: float = 0.2) -> Pathway:
    """Make a pathway whose SO2 and BC emissions change abruptly (within the decade before ``year``).

    Parameters
    ----------
    name : str
    base : str
        SSP that is followed otherwise.
    year : int
        One of `KNOTS` after 2015: the first knot with the changed emissions.
    factor : float
        Emissions from then on, relative to the base.

    Returns
    -------
    Pathway

    Raises
    ------
    InputError
        If the base or the year is unknown.
    """
    if base not in PATHWAYS or year not in KNOTS[1:]:
        raise InputError(f"no shock of {base} in {year}; bases are {list(PATHWAYS)}, years {KNOTS[1:]}")
    scale = np.where(np.array(KNOTS) >= year, factor, 1.0)
    old = PATHWAYS[base]
    return replace(old, name=name, so2=tuple((scale * old.so2).tolist()), bc=tuple((scale * old.bc).tolist()))


def decimal_years(n_months: int) -> np.ndarray:
    """Return the times of the middle-of-month stamps in years, January 2015 = 2015.0, shape (month,)."""
    days = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    month = np.arange(n_months)
    return FIRST_YEAR + month // 12 + days[month % 12] / 365


def _annual_to_months(annual: np.ndarray, n_months: int) -> np.ndarray:
    """Interpolate values of every January 15 linearly in time to the months."""
    return np.interp(decimal_years(n_months), FIRST_YEAR + np.arange(annual.size), annual)


def greenhouse_gases(pathway: Pathway, n_months: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the CO2 emitted so far and the CH4 emission rate.

    Returns
    -------
    cumulative CO2, CH4 : arrays, shape (month,), Gt and Gt/yr
        Annual values, linear between the Januaries, as prescribed to the CMIP6 models.
    """
    years = np.arange(FIRST_YEAR, FIRST_YEAR + n_months // 12 + 2)
    co2 = CO2_BEFORE + np.concatenate([[0.0], np.cumsum(np.interp(years[1:], pathway.knots, pathway.co2))])
    return _annual_to_months(co2, n_months), _annual_to_months(np.interp(years, pathway.knots, pathway.ch4), n_months)


def regional_emissions(pathway: Pathway, species: str, n_months: int) -> np.ndarray:
    """Compute the emissions of SO2 or BC by region.

    Parameters
    ----------
    pathway : Pathway
    species : "SO2" or "BC"
    n_months : int

    Returns
    -------
    array, shape (month, region), Tg/yr
        In the order of `REGIONS`.
    """
    later = pathway.so2_shares if species == "SO2" else pathway.bc_shares
    table = np.array([SHARES_2015[species], *later])
    table /= table.sum(axis=1, keepdims=True)
    years = np.arange(FIRST_YEAR, FIRST_YEAR + n_months // 12 + 2)
    shares = np.array([np.interp(years, SHARE_YEARS, column) for column in table.T])
    total = np.interp(years, pathway.knots, pathway.so2 if species == "SO2" else pathway.bc)
    return np.array([_annual_to_months(row, n_months) for row in shares * total]).T
