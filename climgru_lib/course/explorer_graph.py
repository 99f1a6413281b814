"""The graph below the explorer's maps: global means beside the scenarios, and drivers beside the range of training."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..maps.looks import LINE_COLOURS, RC
from .answers import TRUTH
from .figures import SCENARIO_LINES
from .training_range import DRIVERS, TrainingRange

SIZE = (12.0, 3.6)  # inches
ALARM = "#C00000"
CONFIDENT = 1.645  # standard deviations that hold 90 %
TRUTH_LINE = {"color": "0.6", "linewidth": 5}
ANSWER_LINES = [{"color": "black", "marker": marker, "markersize": 4, "linewidth": 1} for marker in "os^D"]
PATHWAY_LINES = {
    "your pathway": {"color": "black", "linewidth": 1.6},
    "outside the range of training": {"color": ALARM, "linewidth": 3.2},
}
ROOM = 0.06  # of what is drawn, above and below it


@dataclass(frozen=True)
class Curves:
    """What the graph shows of one pathway.

    Parameters
    ----------
    label : str
        Of the changes, with their unit.
    scenarios, answers : dict of str to array, shape (block,)
        Changes of the global mean: of the scenarios, and what each answers to the pathway.
    chosen : str
        The answer that single years are drawn about.
    weather : float, optional
        Standard deviation of single years of a single run.
    drivers : dict of str to array, shape (time,)
        Of the pathway.
    period : (float, float)
        Years of the map.
    """

    label: str
    scenarios: Mapping[str, np.ndarray]
    answers: Mapping[str, np.ndarray]
    chosen: str
    weather: float | None
    drivers: Mapping[str, np.ndarray]
    period: tuple[float, float]


class Graph:
    """Curves on a ground that is drawn again only when scales, variable or period are others.

    Parameters
    ----------
    years : array, shape (block,)
        Of the global means.
    trained : TrainingRange
    months : array, shape (time,)
        Times of the drivers, years.
    scenarios : dict of str to dict of str to array, shape (time,)
        Drivers of the scenarios, see `training_range.drivers`.
    answers : sequence of str
        Names of those who answer.
    """

    def __init__(
        self,
        years: np.ndarray,
        trained: TrainingRange,
        months: np.ndarray,
        scenarios: Mapping[str, Mapping[str, np.ndarray]],
        answers: Sequence[str],
    ):
        self._years, self._months, self._trained = years, months, trained
        with mpl.rc_context(RC):
            figure = Figure(figsize=SIZE)
            self._canvas, self._drawn, self._ground = FigureCanvasAgg(figure), None, None
            grid = figure.add_gridspec(2, 4, width_ratios=(2.6, 1, 1, 1), hspace=0.55, wspace=0.3)
            grid.update(left=0.04, right=0.99, top=0.91, bottom=0.09)
            self._add_means(figure.add_subplot(grid[:, 0]), scenarios, answers)
            axes = [figure.add_subplot(grid[place]) for place in ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2))]
            self._drivers = dict(zip(DRIVERS, axes, strict=True))
            self._pathway = {name: self._add_driver(name, scenarios) for name in DRIVERS}
            self._add_legend(figure.add_subplot(grid[1, 3]), scenarios)

    def _add_means(self, axis: Axes, scenarios: Mapping, answers: Sequence[str]) -> None:
        """Make the lines of the global means, still empty."""
        self._means, looks = axis, iter(ANSWER_LINES)
        self._period = axis.axvspan(0, 1, color="0.93")
        self._scenarios = {ssp: axis.plot([], [], linewidth=1, **_line(ssp))[0] for ssp in scenarios}
        self._names = {ssp: axis.text(0, 0, f" {ssp}", va="center", fontsize=7) for ssp in scenarios}
        (self._band,) = axis.fill(
            [],
            [],
            color=LINE_COLOURS[4],
            alpha=0.3,
            linewidth=0,
            animated=True,
            label="90 % of one run's single years",
        )
        self._answers = {
            name: axis.plot([], [], label=name, animated=True, **(TRUTH_LINE if name == TRUTH else next(looks)))[0]
            for name in answers
        }
        axis.set_xlim(self._months[0], self._months[-1] + 0.07 * np.ptp(self._months))
        axis.legend(loc="upper left", fontsize=8)

    def _add_driver(self, name: str, scenarios: Mapping[str, Mapping[str, np.ndarray]]) -> list[Line2D]:
        """Draw a driver of the scenarios and the range of training; return `PATHWAY_LINES`, still empty."""
        axis, (label, unit) = self._drivers[name], DRIVERS[name]
        axis.axhspan(*self._trained.limits[name], color="0.9")
        for ssp, drivers in scenarios.items():
            axis.plot(self._months, drivers[name], linewidth=0.8, **_line(ssp))
        axis.set_title(f"{label} [{unit}]", fontsize=8)
        axis.tick_params(labelsize=7)
        return [axis.plot([], [], animated=True, **look)[0] for look in PATHWAY_LINES.values()]

    def _add_legend(self, axis: Axes, scenarios: Mapping) -> None:
        axis.axis("off")
        looks = {ssp: _line(ssp) for ssp in scenarios} | PATHWAY_LINES
        lines = [Line2D([], [], label=label, **look) for label, look in looks.items()]
        axis.legend(handles=[*lines, Patch(color="0.9", label="range of training")], loc="center", fontsize=7)

    def png(self, curves: Curves) -> bytes:
        """Render the graph as PNG."""
        with mpl.rc_context(RC):
            moving = [*self._move_means(curves), *self._move_drivers(curves)]
            drawn = (curves.label, curves.period, *(axis.get_ylim() for axis in self._canvas.figure.axes))
            if drawn != self._drawn:
                self._canvas.draw()
                self._drawn, self._ground = drawn, self._canvas.copy_from_bbox(self._canvas.figure.bbox)
            self._canvas.restore_region(self._ground)
            for artist in moving:
                artist.axes.draw_artist(artist)
        buffer = io.BytesIO()
        imsave(buffer, np.asarray(self._canvas.buffer_rgba()), format="png", pil_kwargs={"compress_level": 1})
        return buffer.getvalue()

    def _move_means(self, curves: Curves) -> list[Artist]:
        """Bring the global means to what is shown; return what moves."""
        axis, years = self._means, self._years
        for ssp, values in curves.scenarios.items():
            self._scenarios[ssp].set_data(years, values)
            self._names[ssp].set_position((years[-1], values[-1]))
        for name, values in curves.answers.items():
            self._answers[name].set_data(years, values)
        around = curves.answers[curves.chosen]
        spread = CONFIDENT * (curves.weather or 0)
        edge = np.concatenate([around - spread, (around + spread)[::-1]])
        self._band.set_xy(np.column_stack([np.concatenate([years, years[::-1]]), edge]))
        self._period.set_x(curves.period[0])
        self._period.set_width(curves.period[1] - curves.period[0])
        axis.set_title(curves.label)
        _fit(axis, np.concatenate([edge, *curves.scenarios.values(), *curves.answers.values()]))
        return [self._band, *self._answers.values()]

    def _move_drivers(self, curves: Curves) -> list[Artist]:
        """Bring the drivers to the pathway; return what moves."""
        for name, axis in self._drivers.items():
            values, (all_of_it, outside) = curves.drivers[name], self._pathway[name]
            all_of_it.set_data(self._months, values)
            outside.set_data(self._months, np.where(self._trained.excess(name, values) > 0, values, np.nan))
            _fit(axis, np.concatenate([values, *(line.get_ydata() for line in axis.lines)]))
        return [line for lines in self._pathway.values() for line in lines]


def _line(ssp: str) -> dict:
    return SCENARIO_LINES.get(ssp, {"color": "0.5", "linestyle": "-"})


def _fit(axis: Axes, values: np.ndarray) -> None:
    """Set the limits of an axis to values, unless they fit into those it has and fill two thirds of them."""
    low, high = np.nanmin(values), np.nanmax(values)
    bottom, top = axis.get_ylim()
    if not (bottom <= low and high <= top and high - low > 0.66 * (top - bottom)):
        room = ROOM * (high - low)
        axis.set_ylim(low - room, high + room)
