"""Grid cells drawn on a map pixel by pixel: each takes the colour of the cell that lies there."""

from __future__ import annotations

import cartopy.crs as ccrs
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize

from .. import grid

NOWHERE = -1
NO_DATA = (217, 217, 217, 255)  # grey of cells without a value


class Cells(Artist, ScalarMappable):
    """The cells of a regular grid in any projection.

    The cell of every pixel is looked up once, so that other values are shown in a millisecond and no cell needs
    cutting at a seam or a pole; a mesh takes cartopy a second in Robinson, and three in one of 192 x 288 cells. In SVG
    and PDF the map is a picture at the stated dpi.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Cell centres from south to north.
    lon : array, shape (lon,), degrees east
        Cell centres from west to east, in any convention.
    cmap : Colormap
        Cells without a value are grey.
    norm : Normalize
    """

    def __init__(self, lat: np.ndarray, lon: np.ndarray, cmap: Colormap, norm: Normalize):
        Artist.__init__(self)
        ScalarMappable.__init__(self, norm, cmap)
        self.lat, self.lon = np.asarray(lat, float), np.asarray(lon, float)
        self.set_array(np.full((self.lat.size, self.lon.size), np.nan))
        self.set_zorder(0.5)
        self._places: dict[tuple, np.ndarray] = {}

    def value_at(self, lat: float, lon: float) -> float:
        """Return the value drawn at a place; NaN outside the grid."""
        cell = self.cell_at(np.array([lat]), np.array([lon]))[0]
        return float("nan") if cell == NOWHERE else float(self.get_array().ravel()[cell])

    def cell_at(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """Return the cells that hold some places, counted along rows; `NOWHERE` outside the grid."""
        rows = np.clip(grid.cell_edges(self.lat), -90, 90)
        columns = grid.cell_edges(np.unwrap(self.lon, period=360))
        with np.errstate(invalid="ignore"):
            row = np.searchsorted(rows, lat, side="right") - 1
            column = np.searchsorted(columns, columns[0] + (lon - columns[0]) % 360, side="right") - 1
            row = np.where(lat == rows[-1], self.lat.size - 1, row)
            inside = (lat >= rows[0]) & (lat <= rows[-1]) & (column < self.lon.size) & np.isfinite(lon)
        return np.where(inside, row * self.lon.size + column, NOWHERE)

    def draw(self, renderer: RendererBase) -> None:
        """Draw the cells within the boundary of the axes."""
        if not self.get_visible():
            return
        box = self.axes.get_window_extent(renderer)
        left, bottom, right, top = (round(edge) for edge in box.extents)
        size = np.array([top - bottom, right - left]) * renderer.get_image_magnification()
        places = self._places_of(tuple(round(float(n)) for n in size), (left, bottom, right, top))
        values = np.ma.masked_invalid(self.get_array().ravel())
        colours = self.to_rgba(values, bytes=True)
        colours[np.ma.getmaskarray(values)] = NO_DATA
        colours = np.concatenate([colours, np.zeros((1, 4), np.uint8)])  # the last one: `NOWHERE`
        context = renderer.new_gc()
        self._set_gc_clip(context)
        renderer.draw_image(context, left, bottom, np.take(colours, places, axis=0))
        context.restore()
        self.stale = False

    def _places_of(self, shape: tuple[int, int], edges: tuple[int, ...]) -> np.ndarray:
        """Return the cell of every pixel, from the lowest row up; the last answer is kept."""
        limits = *self.axes.get_xlim(), *self.axes.get_ylim()
        if (shape, edges, limits) not in self._places:
            left, bottom, right, top = edges
            y, x = (np.arange(shape[0]) + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1]
            pixels = np.stack(np.meshgrid(left + x * (right - left), bottom + y * (top - bottom)), axis=-1)
            on_map = self.axes.transData.inverted().transform(pixels.reshape(-1, 2))
            degrees = ccrs.PlateCarree().transform_points(self.axes.projection, *on_map.T)
            found = self.cell_at(degrees[:, 1], degrees[:, 0]).reshape(shape)
            self._places = {(shape, edges, limits): np.ascontiguousarray(found)}
        return self._places[shape, edges, limits]
