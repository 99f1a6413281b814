"""The weather: correlated noise on the sphere, an El Nino oscillator, and rain with a gamma distribution.

Every random stream belongs to (seed, scenario, member, process) and is drawn month by month, so that neither
more members nor fewer months change any other number. All work goes in blocks of `BLOCK` months, for the same
reason: arithmetic in the same shapes gives the same bits.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage, signal, special

from .climate import evaluate, monthly
from .scenarios import BLOCK, EARTH_RADIUS

# Processes of the noise: memory (months), Gaussian correlation lengths with their shares (km), highest degree.
PROCESSES = {
    "tas_weeks": (0.45, {600: 0.3, 1300: 0.7}, 28),
    "tas_months": (4.0, {700: 0.3, 1600: 0.7}, 28),
    "tas_decades": (90.0, {2300: 1.0}, 12),
    "pr_weeks": (0.25, {420: 0.66, 1000: 0.28, 2500: 0.06}, 40),
    "pr_months": (2.0, {420: 0.66, 1000: 0.28, 2500: 0.06}, 40),
}
REFERENCE_WARMING = 1.15  # K since 2015, at which the variances were fitted

# El Nino: a damped oscillator, locked to the season; fitted to the autocorrelation of Nino3.4 in CESM2.
ENSO_PERIOD, ENSO_DAMPING, ENSO_ECHO = 35.0, 16.0, -0.77  # months, months, share of the noise that is undone
ENSO_LAG, ENSO_SPIN_UP = 3, 360  # months
ENSO_SIGMA = np.array([1.091, 0.917, 0.759, 0.615, 0.521, 0.516, 0.614, 0.821, 0.998, 1.133, 1.204, 1.164])  # K
MOST_ENSO_RAIN = 0.85  # largest correlation of rain and ENSO
RAIN_BOUND = 0.7  # share of the global rain anomaly that the energy balance of the air takes back

SHAPE_RANGE = (0.15, 80.0)  # of the gamma distribution
QUANTILE_Z = np.linspace(-5.5, 5.5, 221)
QUANTILE_SHAPE = np.geomspace(*SHAPE_RANGE, 60)


def stream(seed: int, scenario: str, member: int, process: str) -> np.random.Generator:
    """Return the random stream of one process of one member of one scenario."""
    keys = [seed, zlib.crc32(scenario.encode()), member, zlib.crc32(process.encode())]
    return np.random.default_rng(np.random.SeedSequence(keys))


class Sphere:
    """Isotropic Gaussian fields of unit variance on a grid, made of spherical harmonics.

    Parameters
    ----------
    lat, lon : arrays, degrees
    lengths : dict of float
        The correlation at distance d is close to the sum of ``share * exp(-(d / length)**2 / 2)``, with the
        length in km as key and the share as value.
    degree : int
        Highest degree of the harmonics.
    """

    def __init__(self, lat: np.ndarray, lon: np.ndarray, lengths: dict[float, float], degree: int):
        n = np.arange(degree + 1)
        power = np.zeros(degree + 1)
        for length, share in lengths.items():
            bell = np.exp(-n * (n + 1) / 2 * (length * 1e3 / EARTH_RADIUS) ** 2)
            power += 4 * np.pi * share * bell / (bell * (2 * n + 1)).sum()
        legendre = special.sph_legendre_p_all(degree, degree, np.deg2rad(90.0 - np.asarray(lat)))[0]
        wave = np.arange(degree + 1)
        both = np.where(wave > 0, np.sqrt(2), 1.0)[:, None, None]
        scaled = legendre[:, : degree + 1] * np.sqrt(power)[:, None, None]
        self.legendre = (scaled.transpose(1, 0, 2) * both).astype("f4")  # (order, degree, lat)
        angle = wave[:, None] * np.deg2rad(lon)
        self.waves = np.concatenate([np.cos(angle), np.sin(angle)]).astype("f4")  # (2 orders, lon)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the coefficients of one field: (2, order, degree)."""
        orders, degrees, _ = self.legendre.shape
        return 2, orders, degrees

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """Turn coefficients (time, 2, order, degree) into fields (time, lat, lon)."""
        zonal = coefficients.transpose(1, 2, 0, 3) @ self.legendre  # (2, order, time, lat)
        spectrum = zonal.reshape(self.waves.shape[0], -1).T
        return (spectrum @ self.waves).reshape(len(coefficients), -1, self.waves.shape[1])


class RedNoise:
    """An autoregressive process of first order and unit variance, drawn block by block."""

    def __init__(self, rng: np.random.Generator, memory: float, shape: tuple[int, ...]):
        self.rng, self.shape = rng, shape
        self.keep = float(np.exp(-1 / memory))
        self.state = rng.standard_normal(shape, dtype="f4")

    def block(self) -> np.ndarray:
        """Return the next `BLOCK` months, shape (BLOCK, *shape)."""
        drive = self.rng.standard_normal((BLOCK, *self.shape), dtype="f4")
        drive *= np.float32(np.sqrt(1 - self.keep**2))
        out, _ = signal.lfilter(
            [np.float32(1)],
            np.array([1, -self.keep], "f4"),
            drive,
            axis=0,
            zi=(np.float32(self.keep) * self.state)[None],
        )
        self.state = out[-1]
        return out


def enso_index(rng: np.random.Generator, n_months: int) -> np.ndarray:
    """Simulate a unit-variance El Nino index.

    Parameters
    ----------
    rng : Generator
    n_months : int

    Returns
    -------
    array, shape (ENSO_LAG + n_months,)
        The months before the first are needed for lagged effects.

    Notes
    -----
    Recharge oscillator (Burgers et al. 2005, Geophys. Res. Lett. 32, L13706) as an autoregressive process of
    second order; the noise acts on temperature and on the heat content that follows it.
    """
    turn, keep = 2 * np.pi / ENSO_PERIOD, np.exp(-1 / ENSO_DAMPING)
    poles = np.array([1, -2 * keep * np.cos(turn), keep**2])
    drive = rng.standard_normal(ENSO_SPIN_UP + n_months)
    response = signal.lfilter([1, ENSO_ECHO], poles, np.eye(1, ENSO_SPIN_UP)[0])
    index = signal.lfilter([1, ENSO_ECHO], poles, drive) / np.sqrt(np.square(response).sum())
    return index[ENSO_SPIN_UP - ENSO_LAG :]


@cache
def _quantile_table() -> np.ndarray:
    """Cube roots of gamma quantiles over the mean, shape (z, shape); nearly linear (Wilson and Hilferty 1931)."""
    lower = special.gammaincinv(QUANTILE_SHAPE, special.ndtr(QUANTILE_Z)[:, None])
    upper = special.gammainccinv(QUANTILE_SHAPE, special.ndtr(-QUANTILE_Z)[:, None])
    value = np.where(QUANTILE_Z[:, None] > 0, upper, lower) / QUANTILE_SHAPE
    return np.cbrt(value).astype("f4")


def gamma_rain(z: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Transform standard normal values to gamma values of mean 1.

    Parameters
    ----------
    z, shape : arrays of one shape
        Normal values, and shape parameters of the gamma distribution.

    Returns
    -------
    array, same shape
        Exact quantiles to about 1e-4, read from a table.
    """
    step_z = QUANTILE_Z[1] - QUANTILE_Z[0]
    step_shape = np.log(QUANTILE_SHAPE[1] / QUANTILE_SHAPE[0])
    at = np.stack([(z - QUANTILE_Z[0]) / step_z, np.log(shape / SHAPE_RANGE[0]) / step_shape])
    root = ndimage.map_coordinates(_quantile_table(), at, order=1, mode="nearest", prefilter=False)
    return root**3


@dataclass(frozen=True)
class NoiseMaps:
    """The fitted maps of the internal variability on one grid; (12, lat, lon) unless noted."""

    tas_sigma: np.ndarray  # K, without ENSO
    tas_sigma_per_kelvin: np.ndarray  # relative change
    tas_roots: np.ndarray  # (3, lat, lon), square roots of the shares of the three processes
    tas_enso: np.ndarray  # (2, lat, lon), K per K of Nino3.4, at once and lagged
    pr_ratio: np.ndarray  # standard deviation over mean
    pr_ratio_per_kelvin: np.ndarray  # relative change
    pr_enso: np.ndarray  # (lat, lon), correlation
    pr_tas: np.ndarray  # correlation
    pr_memory: np.ndarray  # (lat, lon), share
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
        return cls(
            tas_sigma=np.sqrt(np.maximum(total - explained, 0.05 * total)).astype("f4"),
            tas_sigma_per_kelvin=monthly(evaluate("tas_log_sigma_per_K", lat, lon)),
            tas_roots=np.sqrt(shares),
            tas_enso=enso,
            pr_ratio=np.exp(monthly(evaluate("pr_log_ratio", lat, lon))),
            pr_ratio_per_kelvin=monthly(evaluate("pr_log_ratio_per_K", lat, lon)),
            pr_enso=evaluate("enso_pr", lat, lon)[0],
            pr_tas=np.clip(monthly(evaluate("tas_pr_correlation", lat, lon)), -0.9, 0.9),
            pr_memory=np.clip(evaluate("pr_memory", lat, lon)[0], 0, 0.9),
            weight=np.cos(np.deg2rad(lat)).astype("f4")[:, None],
        )


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
        maps, of_year = self.maps, (start + np.arange(BLOCK)) % 12
        excess = (warming - REFERENCE_WARMING).astype("f4")[:, None, None]
        parts = self._fields("tas_weeks", "tas_months", "tas_decades")
        unrest = sum(root * part for root, part in zip(maps.tas_roots, parts))
        season = (ENSO_SIGMA / np.sqrt(np.mean(ENSO_SIGMA**2))).astype("f4")
        nino = self.enso[start : start + ENSO_LAG + BLOCK]
        locked = nino * ENSO_SIGMA.astype("f4")[(start - ENSO_LAG + np.arange(BLOCK + ENSO_LAG)) % 12]
        sigma = maps.tas_sigma[of_year] * np.exp(excess * maps.tas_sigma_per_kelvin[of_year])
        teleconnection = (
            locked[ENSO_LAG:, None, None] * maps.tas_enso[0] + locked[:BLOCK, None, None] * maps.tas_enso[1]
        )
        hot = tas + sigma * unrest + teleconnection

        link, lasting = maps.pr_tas[of_year], maps.pr_memory
        brief = maps.tas_roots[:2] / np.sqrt(np.square(maps.tas_roots[:2]).sum(axis=0))
        shared = brief[0] * parts[0] + brief[1] * parts[1]
        quick, slow = self._fields("pr_weeks", "pr_months")
        own = np.sqrt(1 - lasting) * quick + np.sqrt(lasting) * slow
        local = link * shared + np.sqrt(1 - link**2) * own
        enso = np.clip(maps.pr_enso * season[of_year][:, None, None], -MOST_ENSO_RAIN, MOST_ENSO_RAIN)
        z = enso * nino[ENSO_LAG:, None, None] + np.sqrt(1 - enso**2) * local
        ratio = maps.pr_ratio[of_year] * np.exp(excess * maps.pr_ratio_per_kelvin[of_year])
        shape = np.clip(ratio**-2, *SHAPE_RANGE)
        wet = pr * gamma_rain(z, shape)
        excess_rain = (wet * maps.weight).sum(axis=(1, 2)) / (pr * maps.weight).sum(axis=(1, 2))
        return hot, wet * (excess_rain**-RAIN_BOUND)[:, None, None]
