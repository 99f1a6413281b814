"""Static maps of fields at hand: one field, or the row truth, emulator, difference."""

from __future__ import annotations

import cartopy.crs as ccrs
import numpy as np
import xarray as xr

from ..contract import InputError
from .canvas import WIDTHS, MapRow, Panel
from .comparison import GLOBAL
from .layout import oriented
from .looks import colours_of, label_of, norm_of, overflow, robust_limits, units_of
from .pictures import MapFigure
from .places import Frame
from .sources import on_grid_of

Projection = ccrs.CRS | Frame | None


def map_row(
    truth: xr.DataArray,
    emulator: xr.DataArray,
    *,
    title: str | None = None,
    limits: tuple[float, float] | None = None,
    span: float | None = None,
    projection: Projection = None,
    dots: np.ndarray | None = None,
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
        Range of truth and emulator in their unit; by default round limits of both together.
    span : float, optional
        Half range of the difference in the same unit; by default a round one of its data.
    projection : cartopy CRS or Frame, optional
        The Earth in PlateCarree by default.
    dots : array of bool, shape (lat, lon), optional
        Cells of the difference to stipple.

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
    truth = on_grid_of(truth, emulator)
    difference = (emulator - truth).rename(truth.name).assign_attrs(truth.attrs, kind="difference")
    shared = panel_of(truth, emulator, limits=limits)
    last = panel_of(difference, suffix="difference", limits=None if span is None else (-span, span))
    title = title if title is not None else caption(truth) or caption(emulator)
    row = MapRow(truth.lat.values, truth.lon.values, [shared, shared, last], projection, title=title)
    maps = {"truth": truth.values, "emulator": emulator.values, "emulator − truth": difference.values}
    row.show(maps, title, rmse_note(difference), dots=[None, None, dots])
    return row.figure


def plot_map(
    field: xr.DataArray,
    *,
    title: str | None = None,
    difference: bool = False,
    label: str | None = None,
    limits: tuple[float, float] | None = None,
    projection: Projection = None,
    dots: np.ndarray | None = None,
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
        Range in the unit of the field; by default a round one of its data.
    projection : cartopy CRS or Frame, optional
        The Earth in PlateCarree by default.
    dots : array of bool, shape (lat, lon), optional
        Cells to stipple.

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
    if difference and limits and limits[0] != -limits[1]:
        raise InputError(f"limits {limits} of a difference are not centred on 0; give (-x, x)")
    field = field.assign_attrs(kind="difference") if difference else field
    panel = panel_of(field, limits=limits, label=label)
    title = caption(field) if title is None else title
    row = MapRow(field.lat.values, field.lon.values, [panel], projection, WIDTHS[1], title=title)
    row.show({"": field.values}, title, dots=[dots])
    return row.figure


def panel_of(
    *maps: xr.DataArray,
    suffix: str = "",
    label: str | None = None,
    limits: tuple[float, float] | None = None,
    levels: int | None = None,
    shown: np.ndarray | None = None,
) -> Panel:
    """Return the panel that maps of one kind share.

    Parameters
    ----------
    *maps : DataArray, dims (lat, lon)
        ``attrs["kind"]`` as in `selection.Statistic`; values by default.
    suffix, label : str
        After the label, or instead of it.
    limits : tuple of float, optional
        By default round ones of the data.
    levels : int, optional
        So many discrete colours.
    shown : array of bool, shape (lat, lon), optional
        The cells that count for the limits; all by default.
    """
    kind = maps[0].attrs.get("kind", "field")
    values = [field.values if shown is None else field.values[shown] for field in maps]
    norm = norm_of(limits or robust_limits(kind, *values), levels)
    return Panel(label or label_of(maps[0], suffix), colours_of(str(maps[0].name), kind), norm, overflow(norm, *values))


def one_map(field: xr.DataArray) -> xr.DataArray:
    """Return the field with dims (lat, lon), south and west first, or raise `InputError` if it is more than one map."""
    field = field.squeeze()
    if set(field.dims) != {"lat", "lon"}:
        raise InputError(
            f"{field.name} has dimensions {field.dims}, a map needs (lat, lon); select one month and member, "
            "for instance field.sel(ssp='ssp370', member_id=0, time='2085-07')"
        )
    return oriented(field.transpose("lat", "lon"))


def check_pair(truth: xr.DataArray, emulator: xr.DataArray) -> None:
    """Raise `InputError` if two maps cannot be subtracted from each other."""
    on_grid_of(truth, emulator)
    if units_of(truth) != units_of(emulator):
        raise InputError(f"truth is in {units_of(truth)}, emulator in {units_of(emulator)}; convert one of them")
    for part in ("scenario", "month"):
        a, b = (_labels(field)[part] for field in (truth, emulator))
        if a and b and a != b:
            raise InputError(f"truth is {a}, emulator is {b}; select the same {part} for both")


def rmse_note(difference: xr.DataArray, region=GLOBAL) -> str:
    """Return the area-weighted RMSE of a difference map as text; nothing where no cell holds a value."""
    rmse = float(np.sqrt(region.mean(difference.astype(np.float64) ** 2)))
    return "" if np.isnan(rmse) else f"area-weighted RMSE {rmse:.3g} {units_of(difference)}"


def caption(field: xr.DataArray) -> str:
    """Return ``scenario, time, members`` of a map, as far as its coordinates and attributes tell."""
    return ", ".join(part for part in _labels(field).values() if part)


def _labels(field: xr.DataArray) -> dict[str, str]:
    attrs = field.attrs
    ssp = field["ssp"].item() if "ssp" in field.coords else attrs.get("scenario", attrs.get("ssp", ""))
    month = _month(field["time"]) if "time" in field.coords else attrs.get("when", "")
    return {"scenario": str(ssp), "month": month, "members": attrs.get("members", "")}


def _month(time: xr.DataArray) -> str:
    """Return the time of a map in words: a month, or what the coordinate holds if that is no date."""
    try:
        return time.dt.strftime("%B %Y").item()
    except (AttributeError, TypeError):
        return str(time.item())
