"""The forced climate: an energy balance for the globe and fitted patterns for the regions.

The global mean follows from physics (carbon cycle, radiative forcing, two-box energy balance). Where it rains and
how the seasons run is described by tables of zonal means and named regional features, fitted to the statistics
of CESM2 (CMIP6, ssp126/370/585) and read from ``assets/mini_earth.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from ..grid import land_fraction
from .emissions import SOURCES, great_circle
from .scenarios import REGIONS, Pathway, decimal_years, greenhouse_gases, regional_emissions

# Carbon: four reservoirs of the impulse response of Joos et al. (2013), filled by growth at GROWTH per year.
CARBON_SHARE = np.array([0.2173, 0.2240, 0.2824, 0.2763])
CARBON_YEARS = np.array([np.inf, 394.4, 36.54, 4.304])
CO2_PREINDUSTRIAL, CO2_2015, GT_PER_PPM, GROWTH = 278.0, 400.0, 7.82, 0.0207  # ppm, ppm, Gt CO2, 1/yr
METHANE_YEARS = 10.0

# Forcing and energy balance, fitted to the global mean of CESM2; feedback and exchange are effective values,
# outside the usual range.
CO2_FORCING = 5.35  # W m-2 per ln(CO2), Myhre et al. (1998)
CH4_FORCING = 0.8043  # W m-2 per relative change of sqrt(CH4), so of the form of Myhre et al. (1998)
SO2_FORCING = -0.9456  # W m-2 of the emissions of 2015
FEEDBACK, EXCHANGE = 0.2049, 1.3186  # W m-2 K-1
FAST_OCEAN, SLOW_OCEAN = 0.9617, 85.1336  # W yr m-2 K-1
IMBALANCE_2015 = -0.3223  # W m-2
SLOW_SHARE = 0.3175  # warming of the slow ocean per K of fast warming that comes along with it on average

LOAD_SPREAD = 900.0  # km, how far sulphate drifts from its source
LOAD_TAS = -3e-4  # K per Tg/yr of local load, on land
LOAD_PR = -1.3e-4  # mm/day per Tg/yr of local load, on land
RAIN_PER_SO2 = -2.4e-4  # relative change of rain per Tg/yr of global SO2: less sunlight, less evaporation
DRIFT_YEARS = 85.0  # of the change that all scenarios share: what the deep ocean and the ozone layer still owe
DRIEST_ROOT = 0.1  # (mm/day)**0.5


@cache
def tables() -> dict:
    """Return the fitted tables of ``assets/mini_earth.json``."""
    text = resources.files("climgru_lib").joinpath("assets/mini_earth.json").read_text(encoding="utf-8")
    return json.loads(text)["tables"]


def evaluate(name: str, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Compute the coefficient maps of one fitted table on a grid.

    A table holds zonal values for land and for sea, linear between its latitudes and blended by the land
    fraction, and features: Gaussian bumps on land or sea at a latitude and longitude with two widths.

    Parameters
    ----------
    name : str
        Name of the table.
    lat, lon : arrays, degrees

    Returns
    -------
    array, shape (coefficient, lat, lon), float32
        The annual mean, then cosine and sine of the first and second harmonic of the year as far as fitted.
    """
    table, land = tables()[name], land_fraction(lat, lon)
    surface = {"land": land, "sea": 1 - land}
    total = 0.0
    for kind, share in surface.items():
        zonal = [np.interp(lat, table["latitudes"], column) for column in np.array(table[kind]).T]
        total = total + np.array(zonal)[:, :, None] * share
    for _place, kind, lat0, lon0, lat_width, lon_width, values in table["features"]:
        shift = (np.asarray(lon) - lon0 + 180) % 360 - 180
        across = np.exp(-(((np.asarray(lat) - lat0) / lat_width) ** 2))[:, None]
        bump = across * np.exp(-((shift / lon_width) ** 2))[None]
        total += np.array(values)[:, None, None] * bump * surface[kind]
    return total.astype("f4")


def monthly(coefficients: np.ndarray) -> np.ndarray:
    """Turn an annual mean and harmonics into the twelve months.

    Parameters
    ----------
    coefficients : array, shape (1, 3 or 5, lat, lon)

    Returns
    -------
    array, shape (12, lat, lon)
    """
    phase = 2 * np.pi * (np.arange(12) + 0.5) / 12
    waves = [np.ones(12)] + [wave(k * phase) for k in (1, 2) for wave in (np.cos, np.sin)]
    return np.tensordot(np.array(waves[: len(coefficients)], "f4").T, coefficients, axes=1)


def co2_concentration(pathway: Pathway, n_months: int) -> np.ndarray:
    """Compute the CO2 concentration, shape (month,), ppm.

    Notes
    -----
    Impulse response of Joos et al. (2013), Atmos. Chem. Phys. 13, 2793. The excess of 2015 is spread over the
    four reservoirs as by exponentially growing emissions.
    """
    rate = np.interp(decimal_years(n_months), pathway.knots, pathway.co2) / GT_PER_PPM / 12
    filling = CARBON_SHARE / (GROWTH + 1 / CARBON_YEARS)
    carbon = (CO2_2015 - CO2_PREINDUSTRIAL) * filling / filling.sum()
    decay = np.exp(-1 / (12 * CARBON_YEARS))
    excess = np.empty(n_months)
    for month in range(n_months):
        excess[month] = carbon.sum()
        carbon = carbon * decay + CARBON_SHARE * rate[month]
    return CO2_PREINDUSTRIAL + excess


def radiative_forcing(pathway: Pathway, n_months: int) -> np.ndarray:
    """Compute the radiative forcing since January 2015, shape (month,), W m-2."""
    co2 = co2_concentration(pathway, n_months)
    emitted = greenhouse_gases(pathway, n_months)[1]
    methane = np.empty(n_months)
    methane[0] = emitted[0]
    for month in range(1, n_months):
        step = (emitted[month - 1] - methane[month - 1]) / (12 * METHANE_YEARS)
        methane[month] = methane[month - 1] + step
    sulphur = regional_emissions(pathway, "SO2", n_months).sum(axis=1)
    return (
        CO2_FORCING * np.log(co2 / co2[0])
        + CH4_FORCING * (np.sqrt(methane / methane[0]) - 1)
        + SO2_FORCING * (sulphur / sulphur[0] - 1)
    )


def energy_balance(pathway: Pathway, n_months: int) -> tuple[np.ndarray, np.ndarray]:
    """Integrate the two-box energy balance of the globe.

    Returns
    -------
    warming, slow warming : arrays, shape (month,), K
        Since January 2015: of the surface, and of the slow ocean beyond what comes along with the surface.

    Notes
    -----
    Source: Held et al. (2010), J. Climate 23, 2418.
    """
    forcing = radiative_forcing(pathway, n_months) + IMBALANCE_2015
    fast, slow = np.zeros(n_months), np.zeros(n_months)
    for month in range(n_months - 1):
        exchange = EXCHANGE * (fast[month] - slow[month])
        gain = forcing[month] - FEEDBACK * fast[month] - exchange
        fast[month + 1] = fast[month] + gain / (12 * FAST_OCEAN)
        slow[month + 1] = slow[month] + exchange / (12 * SLOW_OCEAN)
    return fast, slow - SLOW_SHARE * fast


def load_maps(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Return the sulphate load per emission of each region over its global mean, less 1, (region, lat, lon)."""
    weight = np.cos(np.deg2rad(lat))[:, None] * np.ones(len(lon))
    maps = np.zeros((len(REGIONS), len(lat), len(lon)))
    for region, lat0, lon0, radius, so2, _bc in SOURCES:
        width = np.hypot(radius, LOAD_SPREAD) * 1e3
        bump = np.exp(-((great_circle(lat, lon, lat0, lon0) / width) ** 2))
        maps[REGIONS.index(region)] += so2 * bump / (bump * weight).sum()
    maps[-1] = 1.0
    return maps / (maps * weight).sum(axis=(1, 2), keepdims=True) * weight.sum() - 1


@dataclass(frozen=True)
class Maps:
    """The fitted maps of the forced climate on one grid; all but the load per calendar month."""

    tas: np.ndarray  # (12, lat, lon), K, January 2015 without weather
    tas_per_kelvin: np.ndarray  # (12, lat, lon), K per K of global warming
    tas_slow: np.ndarray  # (lat, lon), K per K of slow warming
    tas_drift: np.ndarray  # (3, lat, lon), K per K, per Tg/yr of global SO2, per `DRIFT_YEARS`; global means near 0
    pr: np.ndarray  # (12, lat, lon), mm/day
    pr_per_kelvin: np.ndarray  # (12, lat, lon), mm/day per K
    pr_slow: np.ndarray  # (lat, lon), mm/day per K
    pr_drift: np.ndarray  # (3, lat, lon), mm/day, likewise
    load: np.ndarray  # (region, lat * lon), relative
    land: np.ndarray  # (lat, lon), fraction

    @classmethod
    def on(cls, lat: np.ndarray, lon: np.ndarray) -> Maps:
        """Evaluate the tables on a grid."""
        land = land_fraction(lat, lon).astype("f4")
        root = np.maximum(monthly(evaluate("pr_root", lat, lon)), DRIEST_ROOT)
        return cls(
            tas=monthly(evaluate("tas", lat, lon)),
            tas_per_kelvin=monthly(evaluate("tas_per_K", lat, lon)),
            tas_slow=evaluate("slow_tas", lat, lon)[0],
            tas_drift=evaluate("drift_tas", lat, lon),
            pr=root**2,
            pr_per_kelvin=monthly(evaluate("pr_per_K", lat, lon)),
            pr_slow=evaluate("slow_pr", lat, lon)[0],
            pr_drift=evaluate("drift_pr", lat, lon),
            load=load_maps(lat, lon).reshape(len(REGIONS), -1).astype("f4"),
            land=land,
        )

    def forced(self, month: np.ndarray, warming: np.ndarray, slow: np.ndarray, so2: np.ndarray):
        """Compute the expected tas and pr of some months.

        Parameters
        ----------
        month : int array, shape (time,)
            0 = January 2015.
        warming, slow : arrays, shape (time,), K
        so2 : array, shape (time, region), Tg/yr
            Emissions since January 2015.

        Returns
        -------
        tas, pr : arrays, shape (time, lat, lon), K and mm/day
            Rain grows linearly and shrinks exponentially, so that it stays positive.
        """
        of_year = month % 12
        fast = warming.astype("f4")[:, None, None]
        deep = slow.astype("f4")[:, None, None]
        load = (so2.astype("f4") @ self.load).reshape(-1, *self.land.shape) * self.land
        total = so2.astype("f4").sum(axis=1)
        drivers = np.stack([warming, total, month / (12 * DRIFT_YEARS)], axis=1).astype("f4")
        tas = self.tas[of_year] + fast * self.tas_per_kelvin[of_year] + deep * self.tas_slow
        tas += np.tensordot(drivers, self.tas_drift, axes=1) + LOAD_TAS * load
        change = fast * self.pr_per_kelvin[of_year] + deep * self.pr_slow
        change += np.tensordot(drivers, self.pr_drift, axes=1) + LOAD_PR * load
        change /= self.pr[of_year]
        change += np.float32(RAIN_PER_SO2) * total[:, None, None]
        growth = np.where(change > 0, 1 + change, np.exp(np.minimum(change, 0)))
        return tas, self.pr[of_year] * growth
