"""Internal variability: the members' deviations from their mean, times ``sqrt(K / (K - 1))`` for K members."""

from __future__ import annotations

import numpy as np

from ...grid import area_weights
from .archive import Archive

PERIODS = (1, 2, 3, 5, 7, 10)  # years, edges of the bands of the Nino3.4 spectrum
DISTANCES = np.arange(0, 10001, 500.0)  # km, edges of the bins of the spatial correlation
EARTH_RADIUS = 6371.0  # km


def variability(archive: Archive, weather: np.ndarray, name: str, unit: str) -> dict:
    """Compute standard deviations (rms over area) of months, years and decades, and the memory of the slow part."""
    yearly = weather.mean(axis=2)
    n = yearly.shape[1] // 10
    decadal = yearly[:, : 10 * n].reshape(len(archive.ssps), n, 10, *yearly.shape[2:]).mean(axis=2)
    result, variance = {}, {}
    for time, part in (("monthly", weather), ("annual", yearly), ("decadal", decadal)):
        axes = tuple(range(part.ndim - 2))
        variance[time] = np.square(part).mean(axis=axes, dtype=float)
        result[f"{name} sigma {time}, {unit}"] = float(np.sqrt(archive.mean(variance[time])))
        result[f"{name} sigma {time} by band, {unit}"] = [
            float(np.sqrt(archive.mean(variance[time], band))) for band in archive.bands
        ]
    result[f"{name} decadal variance over white"] = float(
        archive.mean(variance["decadal"]) / archive.mean(variance["monthly"]) * 120
    )
    ssp585 = weather[archive.ssps.index("ssp585")]
    late, early = (np.square(part).mean(axis=(0, 1, 2)) for part in (ssp585[-20:], ssp585[:20]))
    result[f"{name} sigma ratio, ssp585, last over first 20 years"] = float(
        np.sqrt(archive.mean(late) / archive.mean(early))
    )
    result[f"{name} sigma of the global mean, {unit}"] = float(np.sqrt(np.square(archive.mean(weather)).mean()))
    return result


def correlations(archive: Archive, weather: np.ndarray, name: str) -> dict:
    """Compute lag-1 autocorrelation, e-folding distance by region, and the effective degrees of freedom."""
    sigma = np.sqrt(np.square(weather).mean(axis=(0, 1, 3)))
    scaled = np.divide(weather, sigma[:, None], out=np.zeros_like(weather), where=sigma[:, None] > 0)
    series = scaled.reshape(len(archive.ssps), -1, *scaled.shape[3:])
    lagged = np.einsum("stkyx,stkyx->yx", series[:, 1:], series[:, :-1]) / np.prod(series[:, 1:].shape[:3])
    sea = ~archive.land
    regions = [
        archive.between(-20, 20) & sea,
        archive.between(30, 60) & sea,
        archive.between(-60, -30) & sea,
        archive.between(-20, 20) & archive.land,
        archive.between(30, 70) & archive.land,
        archive.between(66, 90) & sea,
        archive.between(-75, -60) & sea,
    ]
    flat = scaled.reshape(-1, sea.size)
    matrix = flat.T @ flat / len(flat)
    weight = np.repeat(area_weights(archive.lat), archive.lon.size)
    dof = (weight * matrix.diagonal()).sum() ** 2 / (weight @ np.square(matrix) @ weight)
    patches = [archive.between(-30, 30) & sea, archive.between(-30, 30) & ~sea]
    patches += [archive.between(30, 60) & sea, archive.between(30, 60) & ~sea, archive.between(-60, -30) & sea]
    patches += [np.broadcast_to(archive.between(66, 90), sea.shape)]
    return {
        f"{name} lag-1 by region": [float(archive.mean(lagged, mask)) for mask in regions],
        f"{name} e-folding distance by region, km": [_efold(archive, matrix, mask) for mask in patches],
        f"{name} effective degrees of freedom": float(dof),
    }


def _efold(archive: Archive, matrix: np.ndarray, mask: np.ndarray) -> float:
    """Return the distance (km) at which the mean correlation of a region's cells falls below 1/e."""
    rows, columns = np.nonzero(mask)
    phi, lam = np.deg2rad(archive.lat[rows]), np.deg2rad(archive.lon[columns])
    cosine = np.sin(phi)[:, None] * np.sin(phi) + np.cos(phi)[:, None] * np.cos(phi) * np.cos(lam[:, None] - lam)
    distance = EARTH_RADIUS * np.arccos(np.clip(cosine, -1, 1))
    cells = np.flatnonzero(mask)
    part = matrix[np.ix_(cells, cells)]
    pairs = distance > 1.0
    bins = np.digitize(distance[pairs], DISTANCES) - 1
    curve = np.append(1.0, np.bincount(bins, part[pairs]) / np.bincount(bins))
    km = np.append(0.0, DISTANCES[: curve.size - 1] + 250)
    below = int(np.argmax(curve < np.exp(-1)))
    return float(np.interp(np.exp(-1), curve[[below, below - 1]], km[[below, below - 1]]))


def el_nino(archive: Archive, weather: np.ndarray) -> dict:
    """Compute the size of Nino3.4 by month, its autocorrelation, and its share of variance by period."""
    index = archive.mean(weather, archive.box(-5, 5, 190, 240))  # (ssp, year, month, member)
    series = index.reshape(len(archive.ssps), -1, index.shape[-1]).transpose(0, 2, 1)
    series = series - series.mean(axis=-1, keepdims=True)
    lags = [float((series[..., lag:] * series[..., :-lag]).mean() / np.square(series).mean()) for lag in (1, 6, 12, 18)]
    power = np.square(abs(np.fft.rfft(series)))[..., 1:].mean(axis=(0, 1))
    years = series.shape[-1] / 12 / np.arange(1, power.size + 1)
    band = np.digitize(years, PERIODS)
    shares = np.bincount(band, power, minlength=len(PERIODS) + 1) / power.sum()
    return {
        "Nino3.4 sigma, K": float(index.std()),
        "Nino3.4 sigma by month, K": np.sqrt(np.square(index).mean(axis=(0, 1, 3))).tolist(),
        "Nino3.4 autocorrelation at 1, 6, 12, 18 months": lags,
        "Nino3.4 spectrum, shares up to 1, 2, 3, 5, 7, 10, more years": shares.tolist(),
    }


def coupling(archive: Archive, tas: np.ndarray, pr: np.ndarray) -> dict:
    """Correlate the weather of temperature and rain, by band and surface."""
    product, *squares = (np.einsum("stmkyx,stmkyx->yx", a, b) for a, b in ((tas, pr), (tas, tas), (pr, pr)))
    correlation = product / np.sqrt(squares[0] * squares[1])
    parts = {"land": archive.land, "sea": ~archive.land}
    return {
        f"tas-pr correlation {surface} by band": [float(archive.mean(correlation, mask & b)) for b in archive.bands]
        for surface, mask in parts.items()
    }
