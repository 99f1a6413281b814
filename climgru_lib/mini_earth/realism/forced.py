"""Means, seasons, the warming pattern and the distribution of rain."""

from __future__ import annotations

import numpy as np

from ...contract import PUBLISHED_TARGETS
from ...grid import area_mean, area_weights
from .archive import SEASONS, UNITS, Archive

ZONAL_LATITUDES = (-85, -70, -55, -40, -25, -10, -2, 2, 10, 25, 40, 55, 70, 85)
RAIN_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def global_means(archive: Archive) -> dict:
    """Compute the global means of the first decade and of the tenth before the end, and their difference."""
    result = {}
    for name, unit in zip(PUBLISHED_TARGETS, UNITS):
        for ssp, field in zip(archive.ssps, archive.fields[name]):
            early, late = (archive.mean(field[years].mean(axis=(0, 1, 2))) for years in (slice(10), slice(-10, None)))
            result[f"{name} {ssp} first decade, {unit}"] = float(early)
            result[f"{name} {ssp} last decade, {unit}"] = float(late)
            result[f"{name} {ssp} change, {unit}"] = float(late - early)
    return result


def seasons(archive: Archive) -> dict:
    """Compute zonal means, the annual cycle by band and surface (mean over cells), and the zonal insolation."""
    result, land = {}, archive.land
    rows = [int(np.abs(archive.lat - lat).argmin()) for lat in ZONAL_LATITUDES]
    for name, unit in zip(PUBLISHED_TARGETS, UNITS):
        months = archive.fields[name][archive.ssps.index("ssp370"), :20].mean(axis=(0, 2))
        for season, of in SEASONS.items():
            result[f"{name} zonal {season}, {unit}"] = months[of].mean(axis=(0, 2))[rows].tolist()
        wave = np.fft.rfft(months, axis=0)[1] / 6
        for surface, mask in (("land", land), ("sea", ~land)):
            parts = [mask & band for band in archive.bands]
            phase = [-np.angle(archive.mean(wave, part)) * 6 / np.pi % 12 + 1 for part in parts]
            result[f"{name} annual amplitude {surface}, {unit}"] = [float(archive.mean(abs(wave), p)) for p in parts]
            result[f"{name} month of maximum {surface}"] = [float(month) for month in phase]
    result["rsdt zonal by month, W/m2"] = archive.rsdt[:, rows].T.ravel().tolist()
    return result


def warming(archive: Archive) -> dict:
    """Regress decades of every cell and month on decades of the global mean, all scenarios together."""
    n = archive.fields["tas"].shape[1] // 10
    decades = {
        name: np.concatenate([f[: 10 * n].reshape(n, 10, *f.shape[1:]).mean(axis=(1, 3)) for f in field])
        for name, field in archive.fields.items()
    }
    globe = archive.mean(decades["tas"].mean(axis=1))
    anomaly = globe - globe.mean()
    tas, pr = (np.tensordot(anomaly, decades[name], 1) / (anomaly**2).sum() for name in PUBLISHED_TARGETS)
    annual, land, arctic = tas.mean(axis=0), archive.land, archive.between(66, 90)
    winter, summer = (archive.mean(tas[months].mean(axis=0), arctic) for months in SEASONS.values())
    wetter, first = pr.mean(axis=0), decades["pr"][::n].mean(axis=(0, 1))
    return {
        "warming land over sea": float(archive.mean(annual, land) / archive.mean(annual, ~land)),
        "warming 66-90N over globe": float(archive.mean(annual, arctic)),
        "warming 66-90N DJF over JJA": float(winter / summer),
        "warming N Atlantic over globe": float(archive.mean(annual, archive.box(40, 65, 310, 345))),
        "warming by band, K/K": [float(archive.mean(annual, band)) for band in archive.bands],
        "pr per K, %/K": float(100 * archive.mean(wetter) / archive.mean(first)),
        "pr per K rms, mm/day/K": float(np.sqrt(archive.mean(wetter**2))),
        "pr per K equatorial Pacific, mm/day/K": float(archive.mean(wetter, archive.box(-5, 5, 180, 260))),
        "pr per K by band, mm/day/K": [float(archive.mean(wetter, band)) for band in archive.bands],
    }


def rain(archive: Archive) -> dict:
    """Compute area-weighted quantiles of monthly rain and the share of nearly dry months."""
    values = archive.fields["pr"][archive.ssps.index("ssp370"), :20].reshape(-1, archive.lat.size, archive.lon.size)
    weight = np.broadcast_to(area_weights(archive.lat)[:, None], values.shape).ravel()
    order = np.argsort(values, axis=None)
    share = np.cumsum(weight[order])
    at = np.searchsorted(share, np.array(RAIN_QUANTILES) * share[-1])
    return {
        "pr quantiles 5 to 99 %, mm/day": values.ravel()[order][at].tolist(),
        "pr share below 0.1 mm/day": float(area_mean((values < 0.1).mean(axis=0), archive.lat)),
    }
