"""The drawing surface: world maps side by side whose values can be exchanged quickly."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import cartopy.crs as ccrs
import matplotlib as mpl
import numpy as np
from cartopy.feature import ShapelyFeature
from cartopy.mpl.geoaxes import GeoAxes
from cartopy.mpl.geocollection import GeoQuadMesh
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from .. import geography
from .style import RC

PANEL_WIDTH = 4.0  # inches, of a map in a row
LABEL_CHARACTERS = 48  # of a colour bar; what a panel has room for in one line


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

    def __init__(
        self,
        lat: np.ndarray,
        lon: np.ndarray,
        panels: Sequence[Panel],
        projection: ccrs.CRS | None = None,
        width: float = PANEL_WIDTH,
    ):
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
    def _draw(ax: GeoAxes, edges: tuple[np.ndarray, np.ndarray], values: np.ndarray, panel: Panel) -> GeoQuadMesh:
        ax.set_global()
        ax.add_feature(coast(), linewidth=0.6)
        return ax.pcolormesh(*edges, values, cmap=panel.cmap, norm=panel.norm, transform=ccrs.PlateCarree())

    def _colour_bar(self, group: list[int], panels: Sequence[Panel]) -> None:
        panel = panels[group[0]]
        self.figure.colorbar(
            self.meshes[group[0]],
            ax=[self.axes[i] for i in group],
            label=textwrap.fill(panel.label, LABEL_CHARACTERS),
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
