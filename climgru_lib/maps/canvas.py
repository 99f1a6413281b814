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

from .. import grid
from .looks import RC

# Sizes in inches, multiples of 0.05 so that frames fall on whole pixels; a world map is twice as wide as high.
PANEL_WIDTH = 4.0  # of a map in a row
MARGIN = 0.05  # left and right of a map
TOP = 0.5  # title of the figure and of the panels
BAR_TOP, BAR_HEIGHT, BAR_BOTTOM = 0.1, 0.1, 0.3  # gap above a colour bar, the bar, its tick labels
LINE = 0.15  # of a label
LABEL_CHARACTERS = 60  # room of a panel for one line of a colour-bar label


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
            grid.cell_edges(np.unwrap(lon, period=360)),
            np.clip(grid.cell_edges(np.asarray(lat)), -90, 90),
        )
        labels = [textwrap.fill(panel.label, LABEL_CHARACTERS) for panel in panels]
        map_width = width - 2 * MARGIN
        bottom = BAR_TOP + BAR_HEIGHT + BAR_BOTTOM + LINE * max(label.count("\n") + 1 for label in labels)
        height = bottom + map_width / 2 + TOP
        blank = np.zeros((len(lat), len(lon)))
        projection = projection or ccrs.PlateCarree()
        with mpl.rc_context(RC):
            self.figure = MapFigure(figsize=(width * len(panels), height))
            self.figure.suptitle("", y=1 - MARGIN / height)
            self.axes, self.meshes = [], []
            for i, panel in enumerate(panels):
                box = self._box(i * width + MARGIN, bottom, map_width, map_width / 2)
                self.axes.append(self.figure.add_axes(box, projection=projection))
                self.meshes.append(self._draw(self.axes[-1], edges, blank, panel))
            for _, group in groupby(range(len(panels)), key=lambda i: id(panels[i].norm)):
                first, *others = group
                length = width * (0.8 + 0.4 * len(others))
                left = width * (first + (1 + len(others)) / 2) - length / 2
                bar = self.figure.add_axes(self._box(left, bottom - BAR_TOP - BAR_HEIGHT, length, BAR_HEIGHT))
                self.figure.colorbar(
                    self.meshes[first],
                    cax=bar,
                    label=labels[first],
                    extend=panels[first].extend,
                    orientation="horizontal",
                )
            self._note = self.axes[-1].text(
                0.02,
                0.04,
                "",
                transform=self.axes[-1].transAxes,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
            )

    def _box(self, left: float, bottom: float, width: float, height: float) -> tuple[float, ...]:
        """Turn inches into fractions of the figure."""
        across, up = self.figure.get_size_inches()
        return left / across, bottom / up, width / across, height / up

    @staticmethod
    def _draw(ax: GeoAxes, edges: tuple[np.ndarray, np.ndarray], values: np.ndarray, panel: Panel) -> GeoQuadMesh:
        ax.set_global()
        ax.add_feature(coast(), linewidth=0.6)
        return ax.pcolormesh(*edges, values, cmap=panel.cmap, norm=panel.norm, transform=ccrs.PlateCarree())

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
    return ShapelyFeature(grid.coastlines().geoms, ccrs.PlateCarree(), facecolor="none", edgecolor="0.2")
