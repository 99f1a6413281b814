"""Static maps: one field, or the row truth, emulator, difference of one month."""

from __future__ import annotations

from dataclasses import replace

import cartopy.crs as ccrs
import numpy as np
import xarray as xr

from .. import grid
from ..contract import InputError
from .canvas import MapFigure, MapRow, Panel
from .looks import Look, difference_norm, field_norm, label_of, look_of, units_of


def map_row(
    truth: xr.DataArray,
    emulator: xr.DataArray,
    *,
    title: str | None = None,
    limits: tuple[float, float] | None = None,
    span: float | None = None,
    projection: ccrs.CRS | None = None,
) -> MapFigure:
    """Draw truth, emulator and their difference for one month (or one time mean).

    Parameters
    ----------
    truth, emulator : DataArray, dims (lat, lon)
        The same variable, unit, grid and month, selected by label, such as
        ``field.sel(ssp="ssp370", member_id=0, time="2085-07")``; dimensions of length 1 are dropped.
    title : str, optional
        By default scenario and month, from the coordinates ``ssp`` and ``time`` or ``attrs["ssp"]``.
    limits : tuple of float, optional
        Range of truth and emulator in their unit; by default that of `LOOKS`.
    span : float, optional
        Half range of the difference in the same unit; by default that of `LOOKS`.
    projection : cartopy CRS, optional
        PlateCarree by default.

    Returns
    -------
    Figure
        Shown by a notebook when it ends a cell. The area-weighted RMSE stands on the difference.

    Raises
    ------
    InputError
        If a field is not one map, or the two differ in grid, unit, month or scenario.
    """
    truth, emulator = one_map(truth), one_map(emulator)
    check_pair(truth, emulator)
    look = with_limits(look_of(truth), limits)
    look = replace(look, span=span or look.span)
    difference = emulator.values - truth.values
    shared = field_panel(look, truth, emulator)
    row = MapRow(
        truth.lat.values,
        truth.lon.values,
        [shared, shared, difference_panel(truth, difference, "difference", look)],
        projection,
    )
    title = title if title is not None else caption(truth) or caption(emulator)
    row.show(
        {"truth": truth.values, "emulator": emulator.values, "emulator − truth": difference},
        title,
        rmse_note(difference, truth),
    )
    return row.figure


def plot_map(
    field: xr.DataArray,
    *,
    title: str | None = None,
    difference: bool = False,
    label: str | None = None,
    limits: tuple[float, float] | None = None,
    projection: ccrs.CRS | None = None,
) -> MapFigure:
    """Draw one map.

    Parameters
    ----------
    field : DataArray, dims (lat, lon)
        Any variable; dimensions of length 1 are dropped.
    title : str, optional
        By default scenario and month, from the coordinates ``ssp`` and ``time`` or ``attrs["ssp"]``.
    difference : bool
        Draw an anomaly, bias or change: diverging colours, centred on 0.
    label : str, optional
        Colour-bar label with the unit; by default ``long_name [unit]``.
    limits : tuple of float, optional
        Range in the unit of the field; by default that of `LOOKS`, else the field's own.
    projection : cartopy CRS, optional
        PlateCarree by default.

    Returns
    -------
    Figure
        Shown by a notebook when it ends a cell.

    Raises
    ------
    InputError
        If the field is not one map, or ``limits`` of a difference are not symmetric about 0.
    """
    field = one_map(field)
    look = look_of(field)
    if difference and limits and limits[0] != -limits[1]:
        raise InputError(f"limits {limits} of a difference are not centred on 0; give (-x, x)")
    if difference:
        look = replace(look, span=limits[1] if limits else look.span)
        panel = difference_panel(field, field.values, "", look)
    else:
        panel = field_panel(with_limits(look, limits), field)
    row = MapRow(
        field.lat.values, field.lon.values, [replace(panel, label=label or panel.label)], projection, width=6.0
    )
    row.show({"": field.values}, caption(field) if title is None else title)
    return row.figure


def one_map(field: xr.DataArray) -> xr.DataArray:
    """Return the field with dims (lat, lon), or raise `InputError` if it is more than one map."""
    field = field.squeeze()
    if set(field.dims) != {"lat", "lon"}:
        raise InputError(
            f"{field.name} has dimensions {field.dims}, a map needs (lat, lon); select one month and member, "
            "for instance field.sel(ssp='ssp370', member_id=0, time='2085-07')"
        )
    return field.transpose("lat", "lon")


def check_pair(truth: xr.DataArray, emulator: xr.DataArray) -> None:
    """Raise `InputError` if two maps cannot be subtracted from each other."""
    same_grid(truth, emulator)
    if units_of(truth) != units_of(emulator):
        raise InputError(f"truth is in {units_of(truth)}, emulator in {units_of(emulator)}; convert one of them")
    for part in ("scenario", "month"):
        a, b = (_labels(field)[part] for field in (truth, emulator))
        if a and b and a != b:
            raise InputError(f"truth is {a}, emulator is {b}; select the same {part} for both")


def same_grid(truth: xr.DataArray | xr.Dataset, emulator: xr.DataArray | xr.Dataset) -> None:
    """Raise `InputError` unless both lie on the same cell centres."""
    for dim in ("lat", "lon"):
        a, b = truth[dim].values, emulator[dim].values
        if a.shape != b.shape or not np.allclose(a, b, atol=1e-3):
            raise InputError(f"truth and emulator differ in {dim}; interpolate one to the grid of the other")


def rmse_note(difference: np.ndarray, field: xr.DataArray) -> str:
    """Return the area-weighted RMSE of a difference map as text."""
    rmse = np.sqrt(grid.area_mean(np.square(difference, dtype=np.float64), field.lat.values))
    return f"area-weighted RMSE {rmse:.2f} {units_of(field)}"


def caption(field: xr.DataArray) -> str:
    """Return ``scenario, Month year, members`` of a map, as far as its coordinates and attributes tell."""
    return ", ".join(part for part in _labels(field).values() if part)


def _labels(field: xr.DataArray) -> dict[str, str]:
    ssp = field["ssp"].item() if "ssp" in field.coords else field.attrs.get("ssp", "")
    month = field["time"].dt.strftime("%B %Y").item() if "time" in field.coords else ""
    return {"scenario": str(ssp), "month": month, "members": field.attrs.get("members", "")}


def with_limits(look: Look, limits: tuple[float, float] | None) -> Look:
    """Return the look with the limits a caller asked for, which values may exceed."""
    return replace(look, limits=limits, extend="both") if limits else look


def field_panel(look: Look, *maps: xr.DataArray) -> Panel:
    """Return the panel of a field itself, with one norm for all ``maps``."""
    return Panel(label_of(maps[0]), look.cmap, field_norm(look, *maps), look.extend)


def difference_panel(field: xr.DataArray, values: np.ndarray, suffix: str, look: Look) -> Panel:
    """Return the panel of a difference of a variable, centred on 0."""
    return Panel(label_of(field, suffix), look.difference_cmap, difference_norm(look, values), "both")
