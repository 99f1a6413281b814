"""The drawing surface: maps side by side whose values can be exchanged quickly."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import cartopy.crs as ccrs
import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, Normalize

from .cells import Cells
from .ground import coast, fit
from .looks import PLAIN
from .pictures import MapFigure
from .places import Frame

# Sizes in inches, multiples of 0.05 so that frames fall on whole pixels.
PANEL_WIDTH = 4.0  # of a map in a row
WIDTHS = {1: 6.0, 2: 5.0, 3: PANEL_WIDTH}  # by the maps in a row that is alone
TALLEST = 3.4  # of a map; a higher one is made narrower
NARROWEST = 3.6  # figure of one panel, so that its title has room
MARGIN = 0.05  # left and right of a map
TOP = 0.3  # title of the figure
TITLE = 0.25  # of a panel
BAR_TOP, BAR_HEIGHT, BAR_BOTTOM = 0.1, 0.1, 0.3  # gap above a colour bar, the bar, its tick labels
LINE, TITLE_LINE = 0.15, 0.2  # of a label, of the title
CHARACTERS, TITLE_CHARACTERS, FOOT_CHARACTERS = 15, 11, 16  # of a colour-bar label, title, foot that fit into an inch
PANEL_CHARACTERS = 12  # of the title of a panel; a longer one is written smaller
LABELS = 0.5  # room at the left of and below a map for the labels of a graticule
DOTS = 2500  # stipples on a map; a finer grid is thinned


@dataclass(frozen=True)
class Panel:
    """Colours and colour-bar label of one map; neighbours with the same ``norm`` share a colour bar."""

    label: str
    cmap: Colormap
    norm: Normalize
    extend: str


class MapRow:
    """Maps side by side on one grid, whose values can be exchanged without drawing anew.

    Parameters
    ----------
    lat : array, shape (lat,), degrees north
        Cell centres from south to north.
    lon : array, shape (lon,), degrees east
        Cell centres from west to east, in any convention.
    panels : sequence of Panel
        One per map.
    projection : cartopy CRS or Frame, optional
        The Earth in PlateCarree by default.
    width : float
        Width of a panel in inches; a map that is high for its width is made narrower.
    columns : int, optional
        Panels beside each other; all by default.
    graticule : bool
        Draw meridians and parallels, with their labels.
    title, foot : str
        For whose lines there is room.

    Attributes
    ----------
    figure : MapFigure
    axes : list of GeoAxes
    meshes : list of Cells
        ``mesh.get_array()`` is the field drawn, shape (lat, lon); ``mesh.value_at`` its value at a place.
    stipples : list of PathCollection
        Dots on the maps.
    """

    def __init__(
        self,
        lat: np.ndarray,
        lon: np.ndarray,
        panels: Sequence[Panel],
        projection: ccrs.CRS | Frame | None = None,
        width: float = PANEL_WIDTH,
        columns: int | None = None,
        graticule: bool = False,
        title: str = "",
        foot: str = "",
    ):
        self.frame = projection if isinstance(projection, Frame) else Frame(projection=projection)
        self.lat, self.lon, self.panels, self._graticule = lat, lon, list(panels), graticule
        self._columns = min(columns or len(panels), len(panels))
        self.axes, self.meshes, self.stipples, self._bars = [], [], [], []
        with mpl.rc_context(PLAIN):
            self.figure = MapFigure(figsize=(width, width))
            self._lay_out(width, title, foot)
            for panel, box in zip(self.panels, self._boxes):
                self._add(panel, box)
            self._add_bars()
            self.figure.suptitle("", y=1 - MARGIN / self.figure.get_size_inches()[1])
            self._foot = self.figure.text(0.5, 0.03 / self.figure.get_size_inches()[1], "", fontsize=8, ha="center")
            self._note = self.axes[-1].text(
                0.02,
                0.04,
                "",
                transform=self.axes[-1].transAxes,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.8},
            )

    def _lay_out(self, width: float, title: str, foot: str) -> None:
        """Find the places of the maps in inches and give the figure its size."""
        probe = self.figure.add_axes((0, 0, 1, 1), projection=self.frame.crs)
        fit(probe, self.frame)
        aspect = np.ptp(probe.get_ylim()) / np.ptp(probe.get_xlim())
        self.figure.delaxes(probe)
        left, right = (
            (LABELS, LABELS if self.frame.cap is not None else MARGIN) if self._graticule else (MARGIN, MARGIN)
        )
        across = min(width - left - right, round(TALLEST / aspect / 0.05) * 0.05)
        high = round(across * aspect / 0.05) * 0.05
        self._width = max(across + left + right, NARROWEST if self._columns == 1 else NARROWEST / 1.5)
        left += (self._width - across - left - right) / 2
        self._lines = self._lines_of(self.panels)
        self._gap = LABELS if self._graticule else BAR_TOP
        below = self._gap + BAR_HEIGHT + BAR_BOTTOM + LINE * self._lines
        above = LABELS / 2 if self._graticule and self.frame.cap is not None else 0.0
        self._title_at = 1 + above / high
        step = below + high + above + TITLE
        rows = -(-len(self.panels) // self._columns)
        self._title_lines, self._foot_lines = _lines(self._entitled(title)), _lines(self._footed(foot))
        top = TOP + TITLE_LINE * max(self._title_lines - 1, 0)
        height = rows * step + top + LINE * self._foot_lines
        self.figure.set_size_inches(self._columns * self._width, height)
        self._boxes = [
            (
                i % self._columns * self._width + left,
                height - top - (i // self._columns + 1) * step + below,
                across,
                high,
            )
            for i in range(len(self.panels))
        ]

    def _wrapped(self, text: str) -> str:
        return textwrap.fill(text, int(CHARACTERS * self._width))

    def _entitled(self, title: str) -> str:
        return textwrap.fill(title, int(TITLE_CHARACTERS * self._columns * self._width))

    def _footed(self, foot: str) -> str:
        return textwrap.fill(foot, int(FOOT_CHARACTERS * self._columns * self._width))

    def _lines_of(self, panels: Sequence[Panel]) -> int:
        return max(self._wrapped(panel.label).count("\n") + 1 for panel in panels)

    def has_room(self, panels: Sequence[Panel], title: str, foot: str) -> bool:
        """Whether the lines of other labels, of another title and foot find room."""
        needed = self._lines_of(panels), _lines(self._entitled(title)), _lines(self._footed(foot))
        there = self._lines, max(self._title_lines, 1), self._foot_lines
        return all(lines <= room for lines, room in zip(needed, there))

    def _fraction(self, left: float, bottom: float, width: float, height: float) -> tuple[float, ...]:
        """Turn inches into fractions of the figure."""
        across, up = self.figure.get_size_inches()
        return left / across, bottom / up, width / across, height / up

    def _add(self, panel: Panel, box: tuple[float, ...]) -> None:
        ax = self.figure.add_axes(self._fraction(*box), projection=self.frame.crs)
        fit(ax, self.frame)
        ax.add_feature(coast(), linewidth=0.6)
        if self._graticule:
            sides = True if self.frame.cap is not None else ["bottom", "left"]
            ax.gridlines(draw_labels=sides, linewidth=0.4, color="0.4", alpha=0.6, x_inline=False)
        mesh = Cells(self.lat, self.lon, panel.cmap, panel.norm)
        ax.add_artist(mesh)
        mesh.set_clip_path(ax.patch)
        self.axes.append(ax)
        self.meshes.append(mesh)
        self.stipples.append(ax.scatter([], [], s=2.0, c="0.1", linewidths=0, zorder=1.2))

    def _add_bars(self) -> None:
        """Draw one colour bar under all neighbours with one norm."""
        places = range(len(self.panels))
        for _, group in groupby(places, key=lambda i: (id(self.panels[i].norm), i // self._columns)):
            first, *others = group
            bottom, length = self._boxes[first][1], self._width * (0.8 + 0.4 * len(others))
            left = self._width * (first % self._columns + (1 + len(others)) / 2) - length / 2
            box = self._fraction(left, bottom - self._gap - BAR_HEIGHT, length, BAR_HEIGHT)
            bar = self.figure.colorbar(
                self.meshes[first],
                cax=self.figure.add_axes(box),
                label=self._wrapped(self.panels[first].label),
                extend=self.panels[first].extend,
                orientation="horizontal",
            )
            bar.ax.xaxis.set_major_formatter(lambda value, _: f"{value + 0.0:g}".replace("-", "−"))
            self._bars.append(bar.ax)

    def rescale(self, panels: Sequence[Panel]) -> None:
        """Exchange colours, limits and labels."""
        self.panels = list(panels)
        for mesh, panel in zip(self.meshes, panels, strict=True):
            mesh.set_norm(panel.norm)
            mesh.set_cmap(panel.cmap)
        for ax in self._bars:
            ax.remove()
        self._bars = []
        with mpl.rc_context(PLAIN):
            self._add_bars()

    def show(
        self,
        maps: Mapping[str, np.ndarray],
        title: str,
        note: str = "",
        foot: str = "",
        dots: Sequence[np.ndarray | None] = (),
    ) -> None:
        """Exchange the maps.

        Parameters
        ----------
        maps : mapping of str to array, shape (lat, lon)
            Panel title and values, one per panel, in the unit of its label.
        title : str
            Title of the figure.
        note : str
            Written on the last map.
        foot : str
            Written below all.
        dots : sequence of array of bool, shape (lat, lon), or None
            Cells to stipple, one per panel; none by default.
        """
        for ax, mesh, (name, values) in zip(self.axes, self.meshes, maps.items(), strict=True):
            long = len(name.strip()) / (PANEL_CHARACTERS * self._width)
            ax.set_title(name.strip(), y=self._title_at, fontsize=PLAIN["axes.titlesize"] / max(1.0, long))
            mesh.set_array(np.asarray(values))
        for place, stipple in enumerate(self.stipples):
            stipple.set_offsets(self._dots(dots[place] if place < len(dots) else None))
        self.figure.suptitle(self._entitled(title))
        self._note.set_text(note)
        self._foot.set_text(self._footed(foot))

    def _dots(self, within: np.ndarray | None) -> np.ndarray:
        """Return the places of dots in the projection, shape (dot, 2)."""
        if within is None:
            return np.empty((0, 2))
        thin = max(1, int(np.ceil(np.sqrt(within.size / DOTS))))
        rows, columns = (index * thin + thin // 2 for index in np.nonzero(within[thin // 2 :: thin, thin // 2 :: thin]))
        places = self.frame.crs.transform_points(ccrs.PlateCarree(), self.lon[columns], self.lat[rows])
        return places[:, :2][np.isfinite(places[:, :2]).all(axis=1)]

    def place_at(self, x: float, y: float) -> tuple[float, float] | None:
        """Return latitude and longitude at a pixel, counted from the lower left corner; None beside the maps."""
        for ax in self.axes:
            if ax.get_window_extent().contains(x, y):
                inside = ax.transData.inverted().transform((x, y))
                lon, lat = ccrs.PlateCarree().transform_point(*inside, ax.projection)
                return (lat, lon) if np.isfinite([lat, lon]).all() else None
        return None

    @property
    def below(self) -> list:
        """What `show` exchanges under the coasts, from back to front."""
        return [*self.meshes, *self.stipples]

    @property
    def above(self) -> list:
        """What `show` exchanges on top of all."""
        return [*(ax.title for ax in self.axes), self.figure._suptitle, self._note, self._foot]


def _lines(text: str) -> int:
    return len(text.splitlines())
