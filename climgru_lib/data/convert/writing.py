"""Writing a converted store: scenario by scenario, checked, and only then put in its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
import xarray as xr

from ...contract import VARIABLES, InputError, Step, of_role
from ...contract.variables import TARGET_DIMS
from ...grid import area_mean
from ...mini_earth import monthly_mean
from ...mini_earth.store import CHUNKS
from ...progress import bar
from ..manifest import write_manifest
from ..store import check_whole
from .fields import LAYOUTS, netcdf_files
from .pieces import read_field, read_forcings
from .scenarios import Found, put_together

EARTH_AREA = 4 * np.pi * 6.371e6**2  # m2
SECONDS_PER_YEAR = 365.25 * 86_400
GT = 1e12  # kg
COLDEST_MEAN = 100  # K of a tas that is a temperature
ASK = "give them by scenario in a NetCDF file or store with the names of the contract (--forcings)"


@dataclass(frozen=True)
class Supplements:
    """What is not in the files and only comes in on request.

    Parameters
    ----------
    forcings : Path, optional
        Forcings by scenario that the files lack.
    insolation : bool
        Compute rsdt by the formula of Berger (1978) where it is lacking.
    co2_before : float, optional
        Gt of CO2 emitted before the first month, where CO2 is given as emissions, not as their sum.
    """

    forcings: Path | None = None
    insolation: bool = False
    co2_before: float | None = None


def convert(
    sources: Sequence[Path], dest: Path, layout: str, supplements: Supplements = Supplements()
) -> tuple[dict[str, int], list[str]]:
    """Write a store of the contract from files in another layout.

    Parameters
    ----------
    sources : sequence of Path
        NetCDF files, or folders of them.
    dest : Path
        A new Zarr store; its manifest goes beside it.
    layout : str
        A key of `LAYOUTS`.
    supplements : Supplements

    Returns
    -------
    dict of str to int
        The sizes of the store.
    list of str
        A line for each thing that was dropped, converted, computed or is suspicious.

    Raises
    ------
    InputError
        If the files are not such as the contract can carry, or lack what it needs; nothing is written then.
    """
    find, notes = LAYOUTS[layout], []
    if dest.exists():
        raise InputError(f"{dest} exists already; remove it or name another place")
    fields = find(netcdf_files(sources), notes)
    if not fields:
        raise InputError(*notes, f"no file is one of layout {layout}; there are {', '.join(LAYOUTS)}")
    with bar("opening", len(fields), "files") as progress:
        pieces = []
        for field in fields:
            pieces += read_field(field, notes)
            progress.update()
    found = put_together(_with_forcings(pieces, supplements, notes), notes)
    _require_forcings(found, supplements)
    sizes, suspicions = _write(found, dest, supplements, notes)
    return sizes, [*dict.fromkeys(notes + suspicions)]


def _with_forcings(pieces: list, supplements: Supplements, notes: list[str]) -> list:
    """Add forcings from elsewhere that the files of a scenario lack."""
    if supplements.forcings is None:
        return pieces
    scenarios, there = {piece.scenario for piece in pieces}, {(piece.scenario, piece.variable) for piece in pieces}
    others = [piece for piece in read_forcings(supplements.forcings, notes) if piece.scenario in scenarios]
    added = [piece for piece in others if (piece.scenario, piece.variable) not in there]
    if added:
        names = ", ".join(dict.fromkeys(piece.variable for piece in added))
        notes.append(f"{names} are those of {supplements.forcings}")
    return pieces + added


def _require_forcings(found: Found, supplements: Supplements) -> None:
    """Raise `InputError` with a line for each variable that is lacking or cannot be made, and the cure."""
    lines = []
    for name in (name for name, variable in VARIABLES.items() if not variable.optional):
        lacking = [ssp for ssp in found.scenarios if not found.of(ssp, name)]
        if name == "rsdt" and lacking and not supplements.insolation:
            lines.append(
                f"rsdt is not given for {', '.join(lacking)}; add its files, or let --insolation compute it from "
                "the orbit (Berger 1978)"
            )
        elif VARIABLES[name].role == "forcing" and name != "rsdt" and lacking:
            lines.append(f"{name} [{VARIABLES[name].units[0]}] is not given for {', '.join(lacking)}; {ASK}")
        elif name == "CO2" and _has_maps(found, name) and supplements.co2_before is None:
            lines.append(
                f"CO2 is given as emissions, the contract has their sum since 1850; give what was emitted before "
                f"{found.label(found.months[0])} in Gt of CO2 (--co2-before), or the sums by --forcings"
            )
    if lines:
        raise InputError(*lines)


def _has_maps(found: Found, name: str) -> bool:
    return any("lat" in group[0].array.dims for key, group in found.pieces.items() if key[1] == name)


def _write(found: Found, dest: Path, supplements: Supplements, notes: list[str]) -> tuple[dict[str, int], list[str]]:
    """Write and check a store in a temporary sibling, then move it; return its sizes and what is suspicious."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
    try:
        part = folder / dest.name
        with bar("converting", len(found.scenarios), "scenarios") as progress:
            for ssp in found.scenarios:
                _append(scenario(found, ssp, supplements, notes), part)
                progress.update()
        dataset, findings = check_whole(part, compare=False)
        if findings.problems:
            raise InputError(*findings.problems)
        part.rename(dest)
        write_manifest(dest)
        return {dim: dataset.sizes[dim] for dim in TARGET_DIMS}, findings.suspicions
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _append(dataset: xr.Dataset, path: Path) -> None:
    options = {"zarr_format": 2, "consolidated": True, "write_empty_chunks": True}
    if path.exists():
        dataset.to_zarr(path, append_dim="ssp", **options)
        return
    encoding = {
        name: {"chunks": tuple(min(CHUNKS.get(dim, size), size) for dim, size in variable.sizes.items())}
        for name, variable in dataset.data_vars.items()
    }
    dataset.to_zarr(path, mode="w-", encoding=encoding, **options)


def scenario(found: Found, ssp: str, supplements: Supplements, notes: list[str]) -> xr.Dataset:
    """Read one scenario into the layout of the contract; targets that it lacks are missing values, as withheld."""
    fields = {}
    for name, variable in VARIABLES.items():
        keys = found.of(ssp, name)
        if variable.role == "target":
            values = _members(found, ssp, name)
        elif not keys and name != "rsdt":
            continue
        elif not keys:
            values = _insolation(found)
            notes.append("rsdt is computed from the orbit (Berger 1978), not read")
        else:
            values = _forcing(found, keys, name, supplements, notes)
        if values is not None:
            fields[name] = (variable.dims, values[None], {"units": variable.units[0]})
    if not any(found.of(ssp, name) for name in of_role("target")):
        notes.append(f"{ssp} has no targets; it counts as withheld")
    width = max(map(len, found.scenarios))
    calendar = next(iter(found.pieces.values()))[0].calendar
    coords = {
        "ssp": np.array([ssp], dtype=f"U{width}"),
        "time": [_date(month, found.step, calendar) for month in found.months.tolist()],
        "member_id": np.array(found.members if None not in found.members else range(len(found.members))),
        "lat": ("lat", found.lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", found.lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    dataset = xr.Dataset(fields, coords, attrs={"source": "converted by `climgru data convert`"})
    first = coords["time"][0]
    dataset["time"].encoding.update(units=f"days since {first:%Y-%m-%d}", calendar=calendar, dtype="i4")
    return dataset


def _date(month: int, step: Step, calendar: str) -> cftime.datetime:
    """Return the middle of a counted month or year."""
    year, month, day = (month, 7, 2) if step is Step.YEAR else (month // 12, month % 12 + 1, 15)
    return cftime.datetime(year, month, day, calendar=calendar)


def _members(found: Found, ssp: str, name: str) -> np.ndarray | None:
    """Return a target as (time, member, lat, lon) in float32; None where no scenario has it."""
    if not any(found.of(other, name) for other in found.scenarios):
        return None
    sizes = (len(found.months), len(found.members), len(found.lat), len(found.lon))
    values = np.full(sizes, np.nan, np.float32)
    for at, member in enumerate(found.members):
        if (ssp, name, member) in found.pieces:
            values[:, at] = found.read((ssp, name, member))
    if name == "tas" and values.any() and (size := float(np.abs(values).mean())) < COLDEST_MEAN:
        raise InputError(
            f"tas of {ssp} is {size:.3g} K in the mean, so a change from a control run, or Celsius without its units; "
            "add the control's climatology, or give the units"
        )
    return values


def _forcing(found: Found, keys: list[tuple], name: str, supplements: Supplements, notes: list[str]) -> np.ndarray:
    keys = sorted(keys, key=lambda key: found.members.index(key[2]) if key[2] in found.members else len(keys))
    if len(keys) > 1:
        notes.append(f"{name} is that of member {keys[0][2]}; members share their forcings")
    values = found.read(keys[0])
    if values.ndim == 1 or "lat" in VARIABLES[name].dims:
        return values
    lat = found.pieces[keys[0]][0].array["lat"].values
    rate = area_mean(values, lat) * EARTH_AREA * SECONDS_PER_YEAR / GT
    if name != "CO2":
        notes.append(f"{name} is the total of its maps in {VARIABLES[name].units[0]}")
        return rate
    notes.append(
        f"CO2 is {supplements.co2_before:g} Gt and the sum of its maps up to the end of each {found.step.name.lower()}"
    )
    return supplements.co2_before + np.cumsum(rate) / found.step.value


def _insolation(found: Found) -> np.ndarray:
    year = monthly_mean(found.lat).astype(np.float32)
    zonal = year[found.months % 12] if found.step is Step.MONTH else year.mean(axis=0)[None]
    return np.broadcast_to(zonal[:, :, None], (len(found.months), len(found.lat), len(found.lon)))
