"""Random processes: fields on the sphere, red noise, an El Nino oscillator, and gamma-distributed rain.

Every random stream belongs to (seed, scenario, member, process) and is drawn month by month, so that neither
more members nor fewer months change any other number. All work goes in blocks of `BLOCK` months, for the same
reason: arithmetic in the same shapes gives the same bits.
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np
from scipy import ndimage, signal, special

from .emissions import EARTH_RADIUS
from .scenarios import BLOCK

# El Nino: a damped oscillator driven by winds, fitted to autocorrelation and spectrum of Nino3.4 in CESM2.
ENSO_PERIOD, ENSO_DAMPING, ENSO_WINDS = 42.4, 14.6, 4.05  # months: period, and memory of oscillation and winds
ENSO_ECHO = -0.932  # share of a month's drive that is undone in the next
ENSO_LAG, ENSO_SPIN_UP = 3, 360  # months

SHAPE_RANGE = (0.15, 80.0)  # of the gamma distribution
QUANTILE_Z = np.linspace(-5.5, 5.5, 221)
QUANTILE_SHAPE = np.geomspace(*SHAPE_RANGE, 60)


def stream(seed: int, scenario: str, member: int, process: str) -> np.random.Generator:
    """Return the random stream of one process of one member of one scenario."""
    keys = [seed, zlib.crc32(scenario.encode()), member, zlib.crc32(process.encode())]
    return np.random.default_rng(np.random.SeedSequence(keys))


class Sphere:
    """Gaussian fields of unit variance on a grid, made of spherical harmonics.

    Parameters
    ----------
    lat, lon : arrays, degrees
    components : sequence of (length, zonality, share)
        The correlation at distance d is close to the sum of ``share * exp(-(d / length)**2 / 2)``, the length in
        km, where the zonality is 0. A zonality q multiplies the power of degree n and order m by
        ``(1 - m**2 / n / (n + 1))**q``: q = 1 is the spectrum of the zonal wind, large q makes long zonal belts.
    degree : int
        Highest degree of the harmonics.
    """

    def __init__(self, lat: np.ndarray, lon: np.ndarray, components: tuple, degree: int):
        wave = np.arange(degree + 1)
        n, m = wave[:, None], wave[None]
        both = np.where(m > n, 0, np.where(m > 0, 2, 1))  # cosine and sine
        power = 0
        for length, zonality, share in components:
            bell = both * np.exp(-n * (n + 1) / 2 * (length * 1e3 / EARTH_RADIUS) ** 2)
            bell = bell * np.maximum(1 - m**2 / np.maximum(n * (n + 1), 1), 0) ** zonality
            power = power + share * bell / bell.sum()
        legendre = special.sph_legendre_p_all(degree, degree, np.deg2rad(90.0 - np.asarray(lat)))[0]
        scaled = legendre[:, : degree + 1] * np.sqrt(power)[:, :, None]
        scaled /= np.sqrt(np.square(scaled).sum(axis=(0, 1)))
        self.legendre = scaled.transpose(1, 0, 2).astype("f4")  # (order, degree, lat)
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
    second order; the noise acts on temperature and on the heat content that follows it, and has the memory of
    the winds.
    """
    turn, keep = 2 * np.pi / ENSO_PERIOD, np.exp(-1 / ENSO_DAMPING)
    poles = np.convolve([1, -2 * keep * np.cos(turn), keep**2], [1, -np.exp(-1 / ENSO_WINDS)])
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
