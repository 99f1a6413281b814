"""Static maps: one field, or the row truth, emulator, difference of one month."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

import cartopy.crs as ccrs
import matplotlib as mpl
import numpy as np
import xarray as xr
from cartopy.feature import ShapelyFeature
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from .. import contract, geography, metrics
from ..contract import InputError
from .style import RC, Look, difference_norm, field_norm, label_of, look_of, units_of

PANEL_WIDTH = 4.0  # inches, of a map in a row


class MapFigure(Figure):
    """A figure outside pyplot that a notebook shows as PNG when it ends a cell."""

    def png(self) -> bytes:
        """Render the figure as PNG."""
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_png(buffer)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


@dataclass(frozen=True)
class Panel:
    """Colours and colour-bar label of one map; neighbours with the same ``norm`` share a colour bar."""

    label: str
    cmap: Colormap
    norm: Normalize
    extend: str


class MapRow:
    """World maps side by side on one grid, whose values can be exchanged without drawing anew.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Cell centres.
    lon : array, shape (lon,), degrees east
        Cell centres from west to east, in any convention.
    panels : sequence of Panel
        One per map.
    projection : cartopy CRS, optional
        PlateCarree by default.
    width : float
        Width of a panel in inches.

    Attributes
    ----------
    figure : MapFigure
    axes : list of GeoAxes
    meshes : list of GeoQuadMesh
        ``mesh.get_array()`` is the field drawn, shape (lat, lon); ``mesh.get_coordinates()`` the corners of
        its cells (lon, lat), shape (lat + 1, lon + 1, 2).
    """

    def __init__(self, lat, lon, panels: Sequence[Panel], projection=None, width: float = PANEL_WIDTH):
        edges = (
            geography.cell_edges(np.unwrap(lon, period=360)),
            np.clip(geography.cell_edges(np.asarray(lat)), -90, 90),
        )
        with mpl.rc_context(RC):
            self.figure = MapFigure(figsize=(width * len(panels), width / 2 + 1.2), layout="constrained")
            projection = projection or ccrs.PlateCarree()
            self.axes = list(
                self.figure.subplots(1, len(panels), subplot_kw={"projection": projection}, squeeze=False)[0]
            )
            blank = np.zeros((len(lat), len(lon)))
            self.meshes = [self._draw(ax, edges, blank, panel) for ax, panel in zip(self.axes, panels)]
            for _, group in groupby(range(len(panels)), key=lambda i: id(panels[i].norm)):
                self._colour_bar(list(group), panels)
            self._note = self.axes[-1].text(
                0.02,
                0.04,
                "",
                transform=self.axes[-1].transAxes,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
            )
            self._freeze_layout()

    @staticmethod
    def _draw(ax, edges, values, panel):
        ax.set_global()
        ax.add_feature(coast(), linewidth=0.6)
        return ax.pcolormesh(*edges, values, cmap=panel.cmap, norm=panel.norm, transform=ccrs.PlateCarree())

    def _colour_bar(self, group: list[int], panels: Sequence[Panel]) -> None:
        panel = panels[group[0]]
        self.figure.colorbar(
            self.meshes[group[0]],
            ax=[self.axes[i] for i in group],
            label=panel.label,
            extend=panel.extend,
            orientation="horizontal",
            shrink=0.8 if len(group) == 1 else 0.6,
            aspect=30,
            pad=0.04,
        )

    def _freeze_layout(self) -> None:
        """Lay the figure out once, with room for titles, so that exchanging maps stays fast."""
        for ax in self.axes:
            ax.set_title(" ")
        self.figure.suptitle(" ")
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def show(self, maps: Mapping[str, np.ndarray], title: str, note: str = "") -> None:
        """Exchange the maps.

        Parameters
        ----------
        maps : mapping of str to array, shape (lat, lon)
            Panel title and values, one per panel, in the unit of its label.
        title : str
            Title of the figure.
        note : str
            Written on the last map.
        """
        for ax, mesh, (name, values) in zip(self.axes, self.meshes, maps.items(), strict=True):
            ax.set_title(name)
            mesh.set_array(np.asarray(values))
        self.figure.suptitle(title)
        self._note.set_text(note)


@cache
def coast() -> ShapelyFeature:
    """Return the bundled coastlines as a cartopy feature; nothing is downloaded."""
    return ShapelyFeature(geography.coastlines().geoms, ccrs.PlateCarree(), facecolor="none", edgecolor="0.2")


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
    look = look_of(truth)
    look = replace(look, limits=limits or look.limits, span=span or look.span)
    difference = emulator.values - truth.values
    shared = Panel(label_of(truth), look.cmap, field_norm(look, truth, emulator), look.extend)
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
        look = replace(look, limits=limits or look.limits)
        panel = Panel(label_of(field), look.cmap, field_norm(look, field), look.extend)
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
    units = {units_of(truth), units_of(emulator)}
    known = contract.VARIABLES.get(str(truth.name))
    if len(units) > 1 and not (known and units <= set(known.units)):
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


def difference_panel(field: xr.DataArray, values: np.ndarray, suffix: str, look: Look) -> Panel:
    """Return the panel of a difference of a variable, centred on 0."""
    return Panel(label_of(field, suffix), look.difference_cmap, difference_norm(look, values), "both")


def rmse_note(difference: np.ndarray, field: xr.DataArray) -> str:
    """Return the area-weighted RMSE of a difference map as text."""
    rmse = np.sqrt(metrics.area_mean(np.square(difference, dtype=np.float64), field.lat.values))
    return f"area-weighted RMSE {rmse:.2f} {units_of(field)}"


def caption(field: xr.DataArray) -> str:
    """Return ``scenario, Month year`` of a map, as far as its coordinates and attributes tell."""
    return ", ".join(part for part in _labels(field).values() if part)


def _labels(field: xr.DataArray) -> dict[str, str]:
    ssp = field["ssp"].item() if "ssp" in field.coords else field.attrs.get("ssp", "")
    month = field["time"].dt.strftime("%B %Y").item() if "time" in field.coords else ""
    return {"scenario": str(ssp), "month": month}
