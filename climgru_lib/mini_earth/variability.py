"""The weather: noise on the sphere, modes that temperature and rain share, El Nino, and gamma-distributed rain.

Sizes and patterns are the tables of ``assets/mini_earth.json``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .climate import evaluate, monthly
from .processes import ENSO_LAG, SHAPE_RANGE, RedNoise, Sphere, enso_index, gamma_rain, stream
from .scenarios import BLOCK

# Processes of the noise: memory (months), components (length in km, zonality, share), highest degree.
PROCESSES = {
    "tas_weeks": (0.45, ((600, 1.4, 0.43), (1350, 0.2, 0.57)), 28),
    "tas_months": (5.0, ((600, 1.4, 0.40), (1500, 0.2, 0.60)), 28),
    "tas_decades": (90.0, ((2300, 0, 1.0),), 12),
    "pr_storms": (0.25, ((265, 1.9, 0.38), (685, 0.2, 0.62)), 40),
    "pr_belts": (0.8, ((70, 0, 0.10), (480, 9.8, 0.90)), 40),
}
BELTS_SHARE, BELTS_WIDTH = 0.65, 9.2  # of the rain noise on the equator, and degrees over which it fades
MODES_MEMORY = (3.5, 1.0, 1.0, 1.0, 1.0, 0.6, 0.8, 0.8)  # months, of the modes that tas and pr share
REFERENCE_WARMING = 1.15  # K since 2015, at which the variances were fitted

# Standard deviation of the El Nino index by month; the tables answer in Nino3.4 with 1.35 K per K at once.
ENSO_SIGMA = np.array([1.014, 0.852, 0.705, 0.572, 0.484, 0.480, 0.571, 0.763, 0.927, 1.053, 1.119, 1.082])  # K
MOST_ENSO_RAIN = 0.85  # largest correlation of rain and ENSO
MOST_MODES = 0.8  # largest share of a cell's variance that the modes explain
RAIN_BOUND = 0.76  # share of the global rain anomaly that the energy balance of the air takes back


@dataclass(frozen=True)
class NoiseMaps:
    """The fitted maps of the internal variability on one grid; (12, lat, lon) unless noted."""

    tas_sigma: np.ndarray  # K, without ENSO
    tas_sigma_per_kelvin: np.ndarray  # relative change
    tas_roots: np.ndarray  # (3, lat, lon), square roots of the shares of the three processes
    tas_modes: np.ndarray  # (mode, lat, lon), correlation without ENSO
    tas_enso: np.ndarray  # (2, lat, lon), K per K of Nino3.4, at once and lagged
    nino: np.ndarray  # (lat, lon), weights with which the pattern of ENSO projects on itself in Nino3.4
    pr_ratio: np.ndarray  # standard deviation over mean
    pr_ratio_per_kelvin: np.ndarray  # relative change
    pr_enso: np.ndarray  # (lat, lon), correlation
    pr_modes: np.ndarray  # (mode, lat, lon), correlation
    pr_tas: np.ndarray  # correlation
    pr_belts: np.ndarray  # (lat, 1), share
    weight: np.ndarray  # (lat, 1), area of the cells

    @classmethod
    def on(cls, lat: np.ndarray, lon: np.ndarray) -> NoiseMaps:
        """Evaluate the tables on a grid."""
        long_shares = np.clip(evaluate("tas_shares", lat, lon), 0.005, 0.9)
        long_shares /= np.maximum(long_shares.sum(axis=0) / 0.95, 1)
        shares = np.concatenate([1 - long_shares.sum(axis=0, keepdims=True), long_shares])
        enso = evaluate("enso_tas", lat, lon)
        total = np.exp(2 * monthly(evaluate("tas_log_sigma", lat, lon)))
        explained = np.square(enso).sum(axis=0) * np.square(ENSO_SIGMA)[:, None, None]
        weight = np.cos(np.deg2rad(lat)).astype("f4")[:, None]
        return cls(
            tas_sigma=np.sqrt(np.maximum(total - explained, 0.05 * total)).astype("f4"),
            tas_sigma_per_kelvin=monthly(evaluate("tas_log_sigma_per_K", lat, lon)),
            tas_roots=np.sqrt(shares),
            tas_modes=_bounded(evaluate("modes_tas", lat, lon)),
            tas_enso=enso,
            nino=_nino34(lat, lon, weight * enso[0]),
            pr_ratio=np.exp(monthly(evaluate("pr_log_ratio", lat, lon))),
            pr_ratio_per_kelvin=monthly(evaluate("pr_log_ratio_per_K", lat, lon)),
            pr_enso=evaluate("enso_pr", lat, lon)[0],
            pr_modes=_bounded(evaluate("modes_pr", lat, lon)),
            pr_tas=np.clip(monthly(evaluate("tas_pr_correlation", lat, lon)), -0.9, 0.9),
            pr_belts=(BELTS_SHARE * np.exp(-((np.asarray(lat) / BELTS_WIDTH) ** 2))).astype("f4")[:, None],
            weight=weight,
        )


def _nino34(lat: np.ndarray, lon: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return weights for Nino3.4 (5S-5N, 170-120W) that average to 1 over the given ones, (lat, lon)."""
    east = np.asarray(lon) % 360
    box = (np.abs(lat) < 5)[:, None] & ((east > 190) & (east < 240))
    total = (box * weight).sum()
    return (box * np.cos(np.deg2rad(lat))[:, None] / (total if total else 1)).astype("f4")


def _bounded(modes: np.ndarray) -> np.ndarray:
    """Shrink correlations (mode, lat, lon) where together they explain more than MOST_MODES of the variance."""
    return modes / np.sqrt(np.maximum(np.square(modes).sum(axis=0) / MOST_MODES, 1))


class Weather:
    """The weather of one member of one scenario, block by block.

    Parameters
    ----------
    spheres : dict of Sphere, one per process
    maps : NoiseMaps
    seed, scenario, member
        Name the random streams.
    n_months : int
        A multiple of `BLOCK`.
    """

    def __init__(
        self, spheres: dict[str, Sphere], maps: NoiseMaps, seed: int, scenario: str, member: int, n_months: int
    ):
        self.spheres, self.maps = spheres, maps
        self.noise = {
            name: RedNoise(stream(seed, scenario, member, name), memory, spheres[name].shape)
            for name, (memory, _, _) in PROCESSES.items()
        }
        self.modes = [
            RedNoise(stream(seed, scenario, member, f"mode_{k}"), memory, (1,)) for k, memory in enumerate(MODES_MEMORY)
        ]
        self.enso = enso_index(stream(seed, scenario, member, "enso"), n_months).astype("f4")

    def _fields(self, *names: str) -> list[np.ndarray]:
        return [self.spheres[name].synthesise(self.noise[name].block()) for name in names]

    def block(self, start: int, warming: np.ndarray, tas: np.ndarray, pr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add the weather to `BLOCK` forced months.

        Parameters
        ----------
        start : int
            Months since January 2015; blocks are asked for in order.
        warming : array, shape (BLOCK,), K
        tas, pr : arrays, shape (BLOCK, lat, lon), K and mm/day
            The forced climate.

        Returns
        -------
        tas, pr : arrays, shape (BLOCK, lat, lon), K and mm/day
        """
        of_year = (start + np.arange(BLOCK)) % 12
        excess = (warming - REFERENCE_WARMING).astype("f4")[:, None, None]
        nino = self.enso[start : start + ENSO_LAG + BLOCK]  # from ENSO_LAG months before the block
        modes = np.concatenate([mode.block() for mode in self.modes], axis=1)
        parts = self._fields("tas_weeks", "tas_months", "tas_decades")
        unrest = sum(root * part for root, part in zip(self.maps.tas_roots, parts))
        hot = tas + self._temperature(of_year, excess, nino, modes, unrest)
        return hot, self._rain(pr, of_year, excess, nino[ENSO_LAG:], modes, unrest)

    def _temperature(self, of_year, excess, nino, modes, unrest) -> np.ndarray:
        """Deviations of temperature: local unrest and modes, kept out of the mean of Nino3.4, and El Nino."""
        maps = self.maps
        noise = np.sqrt(1 - np.square(maps.tas_modes).sum(axis=0)) * unrest
        noise += np.tensordot(modes, maps.tas_modes, axes=1)
        noise *= maps.tas_sigma[of_year] * np.exp(excess * maps.tas_sigma_per_kelvin[of_year])
        noise -= np.tensordot(noise, maps.nino, axes=2)[:, None, None] * maps.tas_enso[0]
        locked = nino * ENSO_SIGMA.astype("f4")[(of_year[0] - ENSO_LAG + np.arange(BLOCK + ENSO_LAG)) % 12]
        noise += locked[ENSO_LAG:, None, None] * maps.tas_enso[0] + locked[:BLOCK, None, None] * maps.tas_enso[1]
        return noise

    def _rain(self, pr, of_year, excess, nino, modes, unrest) -> np.ndarray:
        """Rain: a gamma transform of El Nino, modes, local unrest of temperature, storms and belts."""
        maps = self.maps
        link, belts = maps.pr_tas[of_year], maps.pr_belts
        storms, zonal = self._fields("pr_storms", "pr_belts")
        own = np.sqrt(1 - belts) * storms + np.sqrt(belts) * zonal
        z = np.sqrt(1 - np.square(maps.pr_modes).sum(axis=0)) * (link * unrest + np.sqrt(1 - link**2) * own)
        z += np.tensordot(modes, maps.pr_modes, axes=1)
        season = (ENSO_SIGMA / np.sqrt(np.mean(ENSO_SIGMA**2))).astype("f4")[of_year][:, None, None]
        enso = np.clip(maps.pr_enso * season, -MOST_ENSO_RAIN, MOST_ENSO_RAIN)
        z = enso * nino[:, None, None] + np.sqrt(1 - enso**2) * z
        ratio = maps.pr_ratio[of_year] * np.exp(excess * maps.pr_ratio_per_kelvin[of_year])
        wet = pr * gamma_rain(z, np.clip(ratio**-2, *SHAPE_RANGE))
        surplus = (wet * maps.weight).sum(axis=(1, 2)) / (pr * maps.weight).sum(axis=(1, 2))
        return wet * (surplus**-RAIN_BOUND)[:, None, None]
