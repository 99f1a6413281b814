"""The embedded data set: scenarios, forced climate and weather put together in the layout of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from ..contract import SCENARIOS, InputError
from ..progress import bar
from .climate import Maps, energy_balance
from .emissions import emission_maps
from .insolation import monthly_mean
from .scenarios import BLOCK, PATHWAYS, Pathway, greenhouse_gases, regional_emissions
from .store import FULL, append, describe, new_store
from .variability import PROCESSES, NoiseMaps, Sphere, Weather

N_MONTHS, N_MEMBERS = 1021, 3
WITHHELD = "ssp245"
MAKING = "making the embedded data"
CESM_STEP = 180 / 191  # degrees between the rows of CESM2
LATITUDES = -90 + CESM_STEP * (4 * np.arange(48) + 1.5)  # means of four rows of CESM2
LONGITUDES = 1.875 + 5.0 * np.arange(72)
EMISSION_LATITUDES = -90 + 180 / 190 * (4 * np.arange(48) + 1)
EMISSION_LONGITUDES = 1.25 + 5.0 * np.arange(72)


def _grid(lat, lon) -> tuple[np.ndarray, np.ndarray]:
    """Return the given grid, or that of the contract, as arrays; refuse what is no grid."""
    lat = LATITUDES if lat is None else np.asarray(lat, float)
    lon = LONGITUDES if lon is None else np.asarray(lon, float)
    for name, values in (("lat", lat), ("lon", lon)):
        if values.ndim != 1 or values.size < 2 or not (np.diff(values) > 0).all():
            raise InputError(f"{name} must be at least two ascending numbers in degrees")
    if abs(lat).max() > 90:
        raise InputError("lat must lie in -90..90 degrees")
    return lat, lon


def _pathways(scenarios: Sequence[str | Pathway]) -> list[Pathway]:
    """Look the scenarios up by name; refuse unknown and duplicated ones."""
    unknown = [s for s in scenarios if not isinstance(s, Pathway) and s not in PATHWAYS]
    if unknown:
        raise InputError(f"unknown scenario {unknown[0]!r}; known are {', '.join(PATHWAYS)}, or give a Pathway")
    paths = [s if isinstance(s, Pathway) else PATHWAYS[s] for s in scenarios]
    if len({path.name for path in paths}) != len(paths) or not paths:
        raise InputError("scenarios must have different names, at least one")
    return paths


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if int(count) != count or count < 1:
            raise InputError(f"{name} is {count}; it must be a whole number of at least 1")


def _forced_blocks(
    path: Pathway, maps: Maps, n_months: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield start, warming, tas and pr of every block of months; the last block runs past the end."""
    padded = -(-n_months // BLOCK) * BLOCK
    warming, slow = energy_balance(path, padded)
    so2 = regional_emissions(path, "SO2", padded)
    so2 -= so2[0]
    for start in range(0, padded, BLOCK):
        rows = slice(start, start + BLOCK)
        yield start, warming[rows], *maps.forced(np.arange(start, start + BLOCK), warming[rows], slow[rows], so2[rows])


def _targets(
    path: Pathway, n_months: int, n_members: int, seed: int, lat: np.ndarray, lon: np.ndarray, done: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate one scenario: tas and pr of shape (month, member, lat, lon), float32; ``done`` is told of each block."""
    shape = (n_months, n_members, lat.size, lon.size)
    tas, pr = np.empty(shape, "f4"), np.empty(shape, "f4")
    noise = NoiseMaps.on(lat, lon)
    spheres = {name: Sphere(lat, lon, lengths, degree) for name, (_, lengths, degree) in PROCESSES.items()}
    padded = -(-n_months // BLOCK) * BLOCK
    members = [Weather(spheres, noise, seed, path.name, k, padded) for k in range(n_members)]
    for start, warming, *climate in _forced_blocks(path, Maps.on(lat, lon), n_months):
        rows = slice(start, min(start + BLOCK, n_months))
        for k, member in enumerate(members):
            hot, wet = member.block(start, warming, *climate)
            tas[rows, k], pr[rows, k] = hot[: rows.stop - start], wet[: rows.stop - start]
        done(rows.stop - start)
    return tas, pr


def make(
    n_months: int = N_MONTHS,
    n_members: int = N_MEMBERS,
    seed: int = 0,
    lat: np.ndarray | None = None,
    lon: np.ndarray | None = None,
    scenarios: Sequence[str | Pathway] = SCENARIOS,
) -> xr.Dataset:
    """Make the embedded data set in the layout of the contract's stores.

    Parameters
    ----------
    n_months : int
        Months from January 2015; fewer months are the first months of the same series.
    n_members : int
        Members differ in their weather only.
    seed : int
        Seed of the weather.
    lat, lon : arrays, degrees, optional
        Ascending cell centres; the 48 x 72 grid of the contract when left out.
    scenarios : sequence of str or Pathway
        Names of the SSPs, or pathways of your own.

    Returns
    -------
    Dataset
        ``tas`` (K), ``pr`` (mm/day): (ssp, time, member_id, y, x), zero in ssp245, where they are withheld;
        ``rsdt`` (W/m2): (ssp, time, y, x); ``SO2``, ``BC`` (kg m-2 s-1): (ssp, time, latitude, longitude);
        ``CO2`` (Gt), ``CH4`` (Gt/yr): (ssp, time).

    Raises
    ------
    InputError
        If a count, the grid or a scenario makes no sense.
    """
    parts = [part for part, _ in _scenarios(n_months, n_members, seed, lat, lon, scenarios)]
    return xr.concat(parts, "ssp", data_vars="minimal", coords="minimal", compat="override", join="override")


def _scenario(path: Pathway, n_months: int, n_members: int, seed: int, grid: tuple, at: tuple, done: Callable) -> dict:
    """Make the variables of one scenario, the aerosols on the grid ``at``; ``done`` is told of the months made."""
    lat, lon = grid
    hot, wet = _targets(path, n_months, n_members, seed, lat, lon, done)
    gases = np.array(greenhouse_gases(path, n_months))
    sun = monthly_mean(lat).astype("f4")[np.arange(n_months) % 12]
    rsdt = np.broadcast_to(sun[:, :, None], (n_months, lat.size, lon.size)).copy()
    aerosols = {species: emission_maps(path, species, n_months, *at) for species in ("SO2", "BC")}
    return {
        "tas": (FULL, hot[None]),
        "pr": (FULL, wet[None]),
        "rsdt": (("ssp", "time", "y", "x"), rsdt[None]),
        "CO2": (("ssp", "time"), gases[:1]),
        "CH4": (("ssp", "time"), gases[1:]),
        **{name: (("ssp", "time", "latitude", "longitude"), maps[None]) for name, maps in aerosols.items()},
    }


def _scenarios(n_months, n_members, seed, lat, lon, scenarios) -> Iterator[tuple[xr.Dataset, xr.Dataset | None]]:
    """Yield the data set of one scenario after the other, and what is withheld of it."""
    _check_counts(n_months=n_months, n_members=n_members)
    own_grid = lat is not None or lon is not None
    lat, lon = grid = _grid(lat, lon)
    paths = _pathways(scenarios)
    at = grid if own_grid else (EMISSION_LATITUDES, EMISSION_LONGITUDES)
    members, width = {"member_id": np.arange(n_members)}, max(len(path.name) for path in paths)
    with bar(MAKING, len(paths) * n_months, "months") as progress:
        for path in paths:
            variables = _scenario(path, n_months, n_members, seed, grid, at, progress.update)
            name, hidden = {"ssp": np.array([path.name], f"U{width}")}, None
            if path.name == WITHHELD:
                truth = {target: variables[target] for target in ("tas", "pr")}
                hidden = describe(truth, name | members, lat, lon, n_months)
                variables |= {target: (FULL, np.zeros_like(values)) for target, (_, values) in truth.items()}
            where = name | members | {"latitude": at[0], "longitude": at[1]}
            yield describe(variables, where, lat, lon, n_months), hidden


def solution(
    n_months: int = N_MONTHS,
    n_members: int = N_MEMBERS,
    seed: int = 0,
    lat: np.ndarray | None = None,
    lon: np.ndarray | None = None,
) -> xr.Dataset:
    """Return the tas and pr of ssp245 that `make` withholds.

    Parameters
    ----------
    n_months, n_members, seed, lat, lon
        As for `make`.

    Returns
    -------
    Dataset
        ``tas`` (K) and ``pr`` (mm/day): (ssp, time, member_id, y, x), with the one scenario.
    """
    _check_counts(n_months=n_months, n_members=n_members)
    lat, lon = _grid(lat, lon)
    with bar(MAKING, n_months, "months") as progress:
        hot, wet = _targets(PATHWAYS[WITHHELD], n_months, n_members, seed, lat, lon, progress.update)
    coords = {"ssp": [WITHHELD], "member_id": np.arange(n_members)}
    return describe({"tas": (FULL, hot[None]), "pr": (FULL, wet[None])}, coords, lat, lon, n_months)


def forced(
    ssp: str | Pathway,
    n_months: int = N_MONTHS,
    lat: np.ndarray | None = None,
    lon: np.ndarray | None = None,
) -> xr.Dataset:
    """Return the forced climate of one scenario: the expectation over infinitely many members.

    Parameters
    ----------
    ssp : str or Pathway
        The withheld ssp245 is allowed.
    n_months, lat, lon
        As for `make`.

    Returns
    -------
    Dataset
        ``tas`` (K) and ``pr`` (mm/day): (time, y, x), float32.
    """
    _check_counts(n_months=n_months)
    lat, lon = _grid(lat, lon)
    (path,) = _pathways([ssp])
    blocks = [block[2:] for block in _forced_blocks(path, Maps.on(lat, lon), n_months)]
    fields = {
        name: (("time", "y", "x"), np.concatenate(parts)[:n_months]) for name, parts in zip(("tas", "pr"), zip(*blocks))
    }
    return describe(fields, {}, lat, lon, n_months).assign_attrs(ssp=path.name)


def write(
    dest: str | Path,
    n_months: int = N_MONTHS,
    n_members: int = N_MEMBERS,
    seed: int = 0,
    lat: np.ndarray | None = None,
    lon: np.ndarray | None = None,
    scenarios: Sequence[str | Pathway] = SCENARIOS,
) -> Path:
    """Make the embedded data set and write it as a store of the contract, whole or not at all.

    One scenario lies in memory at a time.

    Parameters
    ----------
    dest : str or Path
        Zarr v2 store to be made; the withheld ssp245, if any, goes to ``<stem>_solution.zarr`` beside it.
    n_months, n_members, seed, lat, lon, scenarios
        As for `make`.

    Returns
    -------
    Path
        ``dest``.

    Raises
    ------
    InputError
        If one of the stores exists already, or an argument of `make` makes no sense.
    """
    dest = Path(dest)
    beside = dest.with_name(f"{dest.stem}_solution.zarr")
    for path in (dest, beside):
        if path.exists():
            raise InputError(f"{path} exists already; remove it or name another place")
    with new_store(dest) as store, new_store(beside) as truth:
        for part, hidden in _scenarios(n_months, n_members, seed, lat, lon, scenarios):
            append(part, store)
            if hidden is not None:
                append(hidden, truth)
    return dest
