"""Fits the tables `modes_*` and `drift_*` of ``climgru_lib/assets/mini_earth.json`` to a store of CESM2.

Run it as ``python tests/golden/fit_mini_earth.py STORE.zarr``; it prints the tables as JSON. The committed ones were
fitted to the members r10i1p1f1 and r11i1p1f1 until 2089. (The other tables are older and have no script here.)
"""

import itertools
import json
import sys
from dataclasses import replace

import numpy as np
from scipy.sparse.linalg import eigsh

from climgru_lib.data.store import open_dataset
from climgru_lib.grid import land_fraction
from climgru_lib.mini_earth import PATHWAYS, energy_balance
from climgru_lib.mini_earth.climate import DRIFT_YEARS, Maps
from climgru_lib.mini_earth.realism import Archive
from climgru_lib.mini_earth.scenarios import regional_emissions

LATITUDES = np.arange(-90, 91, 15)
N_MODES, RAIN_WEIGHT, N_MODE_BUMPS = 8, 2.0, 55
DRIVER_SIZES, N_DRIFT_BUMPS = np.array([1.5, 50.0, 0.6]), {"tas": 40, "pr": 36}  # K, Tg/yr, DRIFT_YEARS
MODE_WIDTHS, DRIFT_WIDTHS = ((5, 9, 16), (12, 22, 40, 80)), ((6, 12, 22), (18, 36, 70))  # degrees


def bump(archive, surface, kind, lat, lon, lat_width, lon_width):
    """A Gaussian on land or sea, (lat * lon,)."""
    shift = (archive.lon - lon + 180) % 360 - 180
    across = np.exp(-(((archive.lat - lat) / lat_width) ** 2))[:, None]
    return (across * np.exp(-((shift / lon_width) ** 2)) * surface[kind]).ravel()


def table(archive, maps, widths, n_bumps, ridge, smallest):
    """Fit maps (coefficient, lat * lon) by zonal values and greedily chosen bumps; return values and places."""
    land = land_fraction(archive.lat, archive.lon)
    surface = {"land": land, "sea": 1 - land}
    root = np.sqrt(np.repeat(np.cos(np.deg2rad(archive.lat)), archive.lon.size))
    steps = np.eye(LATITUDES.size)
    zonal = [(np.interp(archive.lat, LATITUDES, row)[:, None] * s).ravel() for s in surface.values() for row in steps]
    places = list(itertools.product(surface, range(-75, 86, 5), range(0, 360, 10), *widths))
    bumps = np.array([bump(archive, surface, *place) * root for place in places], "f4")
    size = np.linalg.norm(bumps, axis=1)
    places, bumps = [p for p, s in zip(places, size) if s > smallest], (bumps / size[:, None])[size > smallest]
    target, design, chosen = (maps * root).T, (np.array(zonal) * root).T, []
    while True:
        values = np.linalg.solve(design.T @ design + ridge * np.eye(design.shape[1]), design.T @ target)
        if len(chosen) == n_bumps:
            return values, chosen, (design @ values / root[:, None]).T
        best = int(np.square(bumps @ (target - design @ values).astype("f4")).sum(axis=1).argmax())
        chosen.append(places[best])
        design = np.hstack([design, bump(archive, surface, *places[best])[:, None] * root[:, None]])


def as_json(values, chosen, digits):
    """The layout of the asset; features without a name."""
    rows = [[round(float(v), d) for v, d in zip(row, digits)] for row in values]
    n = LATITUDES.size
    features = [["", *place, row] for place, row in zip(chosen, rows[2 * n :])]
    return {"latitudes": LATITUDES.tolist(), "land": rows[:n], "sea": rows[n : 2 * n], "features": features}


def fit_modes(archive):
    """EOFs of the weather of tas and pr without El Nino, scaled to keep their variance."""
    nino = archive.mean(archive.weather("tas"), archive.box(-5, 5, 190, 240)).reshape(len(archive.ssps), -1, 2)
    index = np.stack([nino[:, 3:].ravel(), nino[:, :-3].ravel()], axis=1)
    weight = np.repeat(np.cos(np.deg2rad(archive.lat)), archive.lon.size)
    weight /= weight.sum()
    rest = {}
    for name in ("tas", "pr"):
        weather = archive.weather(name)
        sigma = np.sqrt(np.square(weather).mean(axis=(0, 1, 3)))[:, None]
        scaled = np.divide(weather, sigma, out=np.zeros_like(weather), where=sigma > 0)
        scaled = scaled.reshape(len(archive.ssps), -1, 2, weight.size)[:, 3:].reshape(-1, weight.size)
        rest[name] = scaled - index @ np.linalg.lstsq(index, scaled, rcond=None)[0]
    joint = np.hstack([rest["tas"], RAIN_WEIGHT * rest["pr"]]) * np.tile(np.sqrt(weight), 2)
    score = joint @ eigsh(joint.T @ joint, N_MODES)[1][:, ::-1]
    score /= score.std(axis=0)
    rest["tas"] = rest["tas"] / rest["tas"].std(axis=0)
    for name, field in rest.items():
        loading = score.T @ field / len(score)
        values, chosen, made = table(archive, loading, MODE_WIDTHS, N_MODE_BUMPS, 1e-2, 1.0)
        scale = np.sqrt((weight * loading**2).sum(axis=1) / (weight * made**2).sum(axis=1))
        yield f"modes_{name}", as_json(values * scale, chosen, [2] * N_MODES)


def fit_drift(archive):
    """Annual means less the forced climate without drift, on global warming, global SO2 and time."""
    maps = Maps.on(archive.lat, archive.lon)
    maps = replace(maps, tas_drift=0 * maps.tas_drift, pr_drift=0 * maps.pr_drift)
    n_years = archive.fields["tas"].shape[1]
    drivers, rest = [], {"tas": [], "pr": []}
    for k, ssp in enumerate(archive.ssps):
        warming, slow = energy_balance(PATHWAYS[ssp], 12 * n_years)
        so2 = regional_emissions(PATHWAYS[ssp], "SO2", 12 * n_years)
        forced = maps.forced(np.arange(12 * n_years), warming, slow, so2 - so2[0])
        time = np.arange(12 * n_years) / 12 / DRIFT_YEARS
        columns = np.stack([np.ones(12 * n_years), warming, so2.sum(axis=1) - so2[0].sum(), time], axis=1)
        drivers.append(columns.reshape(n_years, 12, -1).mean(axis=1))
        for name, field in zip(rest, forced):
            annual = field.reshape(n_years, 12, -1).mean(axis=1)
            rest[name].append(archive.fields[name][k].mean(axis=(1, 2)).reshape(n_years, -1) - annual)
    for name, digits in (("tas", 3), ("pr", 3)):
        slopes = np.linalg.lstsq(np.concatenate(drivers), np.concatenate(rest[name]), rcond=None)[0][1:]
        sized = slopes * DRIVER_SIZES[:, None]
        values, chosen, made = table(archive, sized, DRIFT_WIDTHS, N_DRIFT_BUMPS[name], 3e-2, 1.5)
        values[: 2 * LATITUDES.size] -= archive.mean(made.reshape(3, archive.lat.size, -1))
        yield f"drift_{name}", as_json(values / DRIVER_SIZES, chosen, [digits, 5, digits])


if __name__ == "__main__":
    data = Archive.of(open_dataset(sys.argv[1]))
    print(json.dumps(dict([*fit_modes(data), *fit_drift(data)])))
