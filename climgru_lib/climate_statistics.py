"""Statistics by which a climate archive is judged: means, seasons, warming, variability, rain, insolation.

`measure` computes them for any data set of the contract, so that the embedded mini-earth and real data can be put
side by side; `compare` holds them against reference values with tolerances (``tests/expected/facts.json``).
Deviations are those of the members from their mean, times ``sqrt(K / (K - 1))`` for K members: the weather.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .contract import TARGETS, InputError, withheld_maps
from .geography import land_fraction
from .metrics import area_mean, area_weights

BANDS = np.arange(-90, 90, 15.0)  # southern edges, degrees
SEASONS = {"DJF": [11, 0, 1], "JJA": [5, 6, 7]}
ZONAL_LATITUDES = (-85, -70, -55, -40, -25, -10, -2, 2, 10, 25, 40, 55, 70, 85)
RAIN_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
PERIODS = (1, 2, 3, 5, 7, 10)  # years, edges of the bands of the Nino3.4 spectrum
DISTANCES = np.arange(0, 10001, 500.0)  # km, edges of the bins of the spatial correlation
EARTH_RADIUS = 6371.0  # km


@dataclass(frozen=True)
class Archive:
    """The open scenarios of a data set, whole years from 2015, as plain arrays.

    ``tas`` (K) and ``pr`` (mm/day): (ssp, year, 12, member, lat, lon), float32; ``rsdt`` (12, lat), W m-2.
    """

    ssps: tuple[str, ...]
    fields: dict[str, np.ndarray]
    rsdt: np.ndarray
    lat: np.ndarray
    lon: np.ndarray

    @classmethod
    def of(cls, dataset: xr.Dataset) -> Archive:
        """Read a data set of the contract; withheld scenarios are left out.

        Raises
        ------
        InputError
            If there are fewer than two members or twenty years.
        """
        n_years = dataset.sizes["time"] // 12
        if dataset.sizes["member_id"] < 2 or n_years < 20:
            raise InputError("the statistics need at least two members and twenty years")
        whole = dataset.isel(time=slice(12 * n_years))
        ssps = [str(ssp) for ssp in whole.ssp.values if not withheld_maps(whole.tas.sel(ssp=ssp).values).any()]
        fields = {}
        for name in TARGETS:
            values = whole[name].sel(ssp=ssps).values
            fields[name] = values.reshape(len(ssps), n_years, 12, *values.shape[2:])
        rsdt = whole.rsdt.sel(ssp=ssps[0]).values.mean(axis=-1).reshape(n_years, 12, -1).mean(axis=0)
        return cls(tuple(ssps), fields, rsdt, whole.lat.values, whole.lon.values)

    def mean(self, field: np.ndarray, mask: np.ndarray | bool = True) -> np.ndarray:
        """Average (..., lat, lon) over the area where mask (lat, lon) holds."""
        weight = area_weights(self.lat)[:, None] * np.broadcast_to(mask, (self.lat.size, self.lon.size))
        return np.einsum("...yx,yx->...", field, weight / weight.sum())

    def between(self, south: float, north: float) -> np.ndarray:
        """Mark the rows of a band, (lat, 1)."""
        return ((self.lat > south) & (self.lat < north))[:, None]

    def box(self, south: float, north: float, west: float, east: float) -> np.ndarray:
        """Mark a box, (lat, lon)."""
        return self.between(south, north) & ((self.lon > west) & (self.lon < east))

    @property
    def land(self) -> np.ndarray:
        """Cells that are at least half land, (lat, lon)."""
        return land_fraction(self.lat, self.lon) >= 0.5

    @property
    def bands(self) -> list[np.ndarray]:
        """The twelve bands of 15 degrees from the South Pole, each (lat, 1)."""
        return [self.between(south, south + 15) for south in BANDS]

    def weather(self, name: str) -> np.ndarray:
        """Return the scaled deviations from the members' mean, the shape of ``fields``."""
        field = self.fields[name]
        n = field.shape[3]
        return (field - field.mean(axis=3, keepdims=True)) * np.float32(np.sqrt(n / (n - 1)))


def measure(dataset: xr.Dataset) -> dict[str, float | list[float]]:
    """Compute every statistic of a data set.

    Parameters
    ----------
    dataset : Dataset
        Opened by `climgru_lib.data.open_dataset`; ssp126, ssp370 and ssp585 open, two members, 80 years.

    Returns
    -------
    dict
        Name with unit to a number, or to numbers by band, latitude, region, month or quantile. Decades are those
        of ten years from 2015; seasons and rain those of 2015-2034 in ssp370.

    Raises
    ------
    InputError
        If the data set is too small.
    """
    archive = Archive.of(dataset)
    result = global_means(archive) | seasons(archive) | warming(archive) | rain(archive)
    for name, unit in zip(TARGETS, ("K", "mm/day")):
        weather = archive.weather(name)
        result |= variability(archive, weather, name, unit) | correlations(archive, weather, name)
        if name == "tas":
            result |= el_nino(archive, weather)
    return result


def global_means(archive: Archive) -> dict:
    """Compute the global means of the first decade and of the tenth before the end, and their difference."""
    result = {}
    for name, unit in zip(TARGETS, ("K", "mm/day")):
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
    for name, unit in zip(TARGETS, ("K", "mm/day")):
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
    tas, pr = (np.tensordot(anomaly, decades[name], 1) / (anomaly**2).sum() for name in TARGETS)
    annual, land, arctic = tas.mean(axis=0), archive.land, archive.between(66, 90)
    pacific = archive.box(-5, 5, 180, 260)
    wet = decades["pr"].mean(axis=1)
    early_rain = archive.mean(np.mean(wet[[0, n, 2 * n]], axis=0)) if len(archive.ssps) == 3 else archive.mean(wet[0])
    return {
        "warming land over sea": float(archive.mean(annual, land) / archive.mean(annual, ~land)),
        "warming 66-90N over globe": float(archive.mean(annual, arctic)),
        "warming 66-90N DJF over JJA": float(
            archive.mean(tas[SEASONS["DJF"]].mean(axis=0), arctic)
            / archive.mean(tas[SEASONS["JJA"]].mean(axis=0), arctic)
        ),
        "warming N Atlantic over globe": float(archive.mean(annual, archive.box(40, 65, 310, 345))),
        "warming by band, K/K": [float(archive.mean(annual, band)) for band in archive.bands],
        "pr per K, %/K": float(100 * archive.mean(pr.mean(axis=0)) / early_rain),
        "pr per K rms, mm/day/K": float(np.sqrt(archive.mean(pr.mean(axis=0) ** 2))),
        "pr per K equatorial Pacific, mm/day/K": float(archive.mean(pr.mean(axis=0), pacific)),
        "pr per K by band, mm/day/K": [float(archive.mean(pr.mean(axis=0), band)) for band in archive.bands],
    }


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
    result[f"{name} sigma of the global mean, {unit}"] = float(np.sqrt(np.square(archive.mean(weather)).mean()))
    return result


def correlations(archive: Archive, weather: np.ndarray, name: str) -> dict:
    """Compute lag-1 autocorrelation, e-folding distance by region, and the effective degrees of freedom."""
    sigma = np.sqrt(np.square(weather).mean(axis=(0, 1, 3)))
    scaled = np.divide(weather, sigma[:, None], out=np.zeros_like(weather), where=sigma[:, None] > 0)
    series = scaled.reshape(len(archive.ssps), -1, *scaled.shape[3:])
    lagged = np.einsum("stkyx,stkyx->yx", series[:, 1:], series[:, :-1]) / np.prod(series[:, 1:].shape[:3])
    land = archive.land
    where = {
        "tropical sea": archive.between(-20, 20) & ~land,
        "sea 30-60N": archive.between(30, 60) & ~land,
        "sea 30-60S": archive.between(-60, -30) & ~land,
        "tropical land": archive.between(-20, 20) & land,
        "land 30-70N": archive.between(30, 70) & land,
        "Arctic sea": archive.between(66, 90) & ~land,
        "60-75S": archive.between(-75, -60) & ~land,
    }
    flat = scaled.reshape(-1, land.size)
    matrix = flat.T @ flat / len(flat)
    weight = np.repeat(area_weights(archive.lat), archive.lon.size)
    dof = (weight * matrix.diagonal()).sum() ** 2 / (weight @ np.square(matrix) @ weight)
    regions = [
        archive.between(-30, 30) & ~land,
        archive.between(-30, 30) & land,
        archive.between(30, 60) & ~land,
        archive.between(30, 60) & land,
        archive.between(-60, -30) & ~land,
        np.broadcast_to(archive.between(66, 90), land.shape),
    ]
    return {
        f"{name} lag-1 by region": [float(archive.mean(lagged, mask)) for mask in where.values()],
        f"{name} e-folding distance by region, km": [_efold(archive, matrix, mask) for mask in regions],
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
    curve = np.bincount(bins, part[pairs]) / np.bincount(bins)
    below = int(np.argmax(curve < np.exp(-1)))
    centre = DISTANCES[below] + 250.0
    return float(np.interp(np.exp(-1), curve[[below, below - 1]], [centre, centre - 500.0]))


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
