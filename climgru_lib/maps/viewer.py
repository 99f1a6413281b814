"""Interactive viewer: what is looked at, chosen by menus, sliders, text and clicks."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import cartopy.crs as ccrs
import ipywidgets as widgets
import numpy as np
from ipyevents import Event
from IPython.display import display

from ..contract import InputError
from . import export
from .beside import Beside
from .canvas import MapRow
from .controls import FITTING, GRAPHS, Controls, natural_size
from .face import EMULATOR, OTHER_RUN, Given
from .graphs import graph_of
from .period import Period
from .pictures import MapFigure, small
from .places import Frame, Region
from .selection import FIRST_YEARS, Selection
from .sources import Source, calendar_of, on_grid_of, open_source
from .stage import Stage
from .turns import in_turn

TRUTH, ITS_CHANGE, NOTHING = "truth", f"its first {FIRST_YEARS} years", "nothing"
WITHOUT_KERNEL = "The menus and sliders of this viewer need a running kernel; its first picture stands above."
#: While the viewer is alive in JupyterLab, the picture that it left just above for readers without a kernel is hidden.
HIDE_STILL = "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .climgru-maps) {display: none}</style>"


class Viewer:
    """Maps of a prediction, beside the truth, another run, another scenario or its own first years.

    Parameters
    ----------
    prediction : run directory, file, Dataset, or a list of them
        See `maps.open_source`; a list of predictions, one a scenario, fills the menu of scenarios.
    truth : file, Dataset or "embedded", optional
        Of its members the mean is shown, and named.
    other : run directory, file, Dataset, optional
        A second prediction, to be seen beside the first.
    member : int, optional
        Show this member first, by its label in ``member_id`` or ``realization``; the mean by default.
    period : str, optional
        What is shown first, see `Period.parse`; the first month by default.
    projection : str or cartopy CRS, optional
        See `Frame`.

    Attributes
    ----------
    controls : Controls
        Every control, to be set from code: ``viewer.controls.period.value = "JJA 2081-2100"``.
    image, graph : ipywidgets.Image
        The row of maps, and the graph below it, as PNG. A click on a map draws the series of the cell.
    message : ipywidgets.HTML
        What is wrong with a choice; the picture stays.
    widget : ipywidgets.VBox
        All together; a viewer that ends a notebook cell displays it, and leaves its first picture in the notebook.

    Raises
    ------
    InputError
        If the prediction cannot be opened, or the truth lies on another grid; if there is no such member or period.
    """

    def __init__(
        self,
        prediction: Given,
        truth: Given | None = None,
        *,
        other: Given | None = None,
        member: int | None = None,
        period: str | None = None,
        projection: str | ccrs.CRS | None = None,
    ):
        self._given, self._projection = {"source": prediction, "truth": truth, "other": other}, projection
        self.source = Source(EMULATOR, open_source(prediction).scenarios)
        given = {TRUTH: truth, OTHER_RUN: other}
        self._others = {name: open_source(one, name) for name, one in given.items() if one is not None}
        self._stage = Stage()
        self._graphed: tuple = ()
        self._quiet = True
        first = self.source.field(self.source.variables[0], next(iter(self.source.scenarios)))
        for one in self._others.values():
            on_grid_of(one.field(one.variables[0], next(iter(one.scenarios))), first)
        self._calendar = calendar_of(first)
        years, months = self._calendar or (np.empty(0, int), None)
        self.controls = Controls(list(self.source.scenarios), self.source.variables, years, months is not None)
        self.image, self.graph = (widgets.Image(format="png", layout=natural_size()) for _ in range(2))
        self.image.add_class("climgru-maps")
        self.message = widgets.HTML()
        still = widgets.HTML(HIDE_STILL, layout=widgets.Layout(display="none"))
        self.widget = widgets.VBox([self.controls.box, self.message, self.image, self.graph, still])
        self._start(member, period)
        self._observe()
        self._update(raising=True)

    def _start(self, member: int | None, period: str | None) -> None:
        """Set the controls to the first picture."""
        self._fill_menus()
        members = self.source.members(self.controls.variable.value, self.controls.scenario.value)
        if member is not None:
            Selection(self.controls.variable.value, members=member).chosen(
                self.source.field(self.controls.variable.value, self.controls.scenario.value)
            )
            self.controls.members.value = str(member)
        if len(members) < 2:
            self.controls.members.layout.display = "none"
        self.controls.graph.value = GRAPHS[0]
        if self._calendar is None:
            self.controls.period.value = "all"
            return
        year, month = self._calendar
        self.controls.period.value = period or (f"{year[0]:04d}" if month is None else f"{year[0]:04d}-{month[0]:02d}")
        self.controls.follow(Period.parse(self.controls.period.value))

    def _fill_menus(self) -> None:
        """Offer the members there are, and what can stand beside the scenario shown."""
        ssp = self.controls.scenario.value
        members = [str(label) for label in self.source.members(self.controls.variable.value, ssp)]
        own = [ITS_CHANGE] if self._calendar is not None else []
        beside = [*self._others, *(name for name in self.source.scenarios if name != ssp), *own, NOTHING]
        if list(self.controls.beside.options) != beside:
            shown = self.controls.beside.value
            preferred = beside[0] if self._others else own[0] if own else NOTHING
            self.controls.beside.options = beside
            self.controls.beside.value = shown if shown in beside else preferred
        wanted = ["mean", *(["spread"] if len(members) > 1 else []), *members]
        if list(self.controls.members.options) != wanted:
            shown = self.controls.members.value
            self.controls.members.options = wanted
            self.controls.members.value = shown if shown in wanted else "mean"

    def _observe(self) -> None:
        controls, self._quiet = self.controls, False
        for control in controls.view:
            control.observe(self._update, names="value")
        for control in (controls.month, controls.year, controls.years):
            control.observe(self._write_period, names="value")
        controls.play.observe(lambda _: self.step(1), names="value")
        controls.back.on_click(lambda _: self.step(-1))
        controls.forth.on_click(lambda _: self.step(1))
        controls.save.on_click(lambda _: self._save())
        controls.code.on_click(in_turn(lambda _: self._say(self.code())))
        self._clicks = Event(source=self.image, watched_events=["click"])
        self._clicks.on_dom_event(lambda event: self.click(event["dataX"], event["dataY"]))

    @property
    def _row(self) -> MapRow:
        return self._stage.row

    @property
    def figure(self) -> MapFigure:
        """The figure shown now."""
        return self._row.figure

    @property
    def meshes(self) -> list:
        """The cells of the panels shown now, left to right: ``mesh.get_array()`` is the field, (lat, lon)."""
        return self._row.meshes

    @in_turn
    def step(self, by: int) -> None:
        """Go to the next month, or by a year where a year, a season or a longer period is shown."""
        controls, single = self.controls, Period.parse(self.controls.period.value)
        if single.monthly and controls.years.value == 1 and single.first == single.last:
            year, month = divmod(single.first + by, 12)
            if controls.year.min <= year <= controls.year.max:
                controls.period.value = f"{year:04d}-{month + 1:02d}"
        else:
            controls.year.value += by

    @in_turn
    def click(self, x: float, y: float) -> None:
        """Draw the series of the cell at a pixel of the image, counted from its upper left corner."""
        place = self._row.place_at(x, self.figure.bbox.height - y)
        if place is not None:
            self.controls.place.value = "lat={:.1f},lon={:.1f}".format(*place)
            if self.controls.graph.value != "series":
                self.controls.graph.value = "series"

    def save(self, path: str | Path, dpi: float = 200) -> Path:
        """Write what is shown: a picture (``.png``, ``.svg``, ``.pdf``), or its numbers (``.nc``)."""
        return export.save(Path(path), self._row, self._stage.sheet, dpi)

    def code(self) -> str:
        """Return the call of `maps.plot` that draws what is shown."""
        selection, beside, options = self._drawn
        options = options | self._stage.colours() | {"other_scenario": beside.scenario}
        options["scenario"] = selection.scenario if len(self.source.scenarios) > 1 else None
        if self._stage.sheet.roles[-1] == "change":
            options |= {"change": True, "baseline": beside.baseline}
        named = {"source": "source"}
        if beside.reference is not None:
            name = "truth" if beside.reference is self._others.get(TRUTH) else "other"
            named[name] = name
        if beside.stipple and beside.noise is not None:
            named["noise"] = "truth"
        given = {key: self._given[name] for key, name in named.items()}
        return export.code(given, selection.variable, selection.period, options | {"stipple": beside.stipple or None})

    def _ipython_display_(self) -> None:
        display({"image/png": small(bytes(self.image.value)), "text/plain": self._stage.sheet.title}, raw=True)
        display(self.widget._repr_mimebundle_() | {"text/plain": WITHOUT_KERNEL}, raw=True)

    @in_turn
    def _write_period(self, _) -> None:
        if not self._quiet:
            self.controls.period.value = self.controls.written()

    @in_turn
    def _update(self, _=None, raising: bool = False) -> None:
        """Bring pictures and controls to what is chosen; what cannot be shown is said, and the picture stays."""
        if self._quiet:
            return
        self._quiet = True  # controls that follow shall not ask for another picture
        try:
            self._fill_menus()
            self.controls.suit_level(self._middle)
            self.controls.follow(Period.parse(self.controls.selection().period))
            lacking = self._show()
            self._show_graph()
            self._say(lacking)
        except InputError as error:
            if raising:
                raise
            self._say(str(error))
        finally:
            self._quiet = False

    def _middle(self) -> float:
        """Return the median of the mean over the period shown."""
        plain = replace(self.controls.selection(), statistic="mean", members="mean")
        return float(plain.of(self.source).median())

    def _beside(self) -> Beside:
        """Return what stands beside the prediction."""
        beside, stipple, truth = self.controls.beside.value, self.controls.stipple.value, self._others.get(TRUTH)
        if beside in self._others:
            reference = self._others[beside]
            return Beside(reference, noise=None if reference is truth else truth, stipple=stipple)
        if beside in self.source.scenarios:
            return Beside(scenario=beside, noise=truth, stipple=stipple)
        change = beside == ITS_CHANGE
        return Beside(noise=truth, change=change, baseline=self.controls.since if change else None, stipple=stipple)

    def _show(self) -> str:
        """Draw the maps; return what is lacking."""
        controls, selection = self.controls, self.controls.selection()
        projection = self._projection if controls.projection.value == FITTING else controls.projection.value
        frame, scale = Frame(Region.parse(controls.region.value), projection), controls.scale()
        beside, dated, since = self._beside(), self._calendar is not None, controls.since
        instead = Beside(noise=self._others.get(TRUTH), change=dated, baseline=since, stipple=beside.stipple)
        sheet, shown, lacking = beside.look_anyhow(selection, self.source, frame.region, instead)
        kind = (replace(selection, period="all"), controls.beside.value, *scale.values())
        told = " (no truth for this month)" if lacking.startswith(NOTHING) and controls.beside.value == TRUTH else ""
        self.image.value = self._stage.draw(sheet, frame, kind, scale, told)
        self._drawn = selection, shown, controls.options() | {"projection": projection}
        return lacking

    def _show_graph(self) -> None:
        """Draw the graph below the maps, if it is another."""
        controls, selection = self.controls, self.controls.selection()
        kind, place = controls.graph.value, controls.place.value.strip() or controls.region.value
        key = (kind, selection, controls.beside.value, place)
        if key == self._graphed:
            return
        self._graphed = key
        self.graph.layout.display = "none" if kind == GRAPHS[0] else ""
        if kind != GRAPHS[0]:
            reference, other = self._beside().pair(selection, self.source)
            self.graph.value = graph_of(kind, selection, self.source, reference, other, Region.parse(place)).png()

    @in_turn
    def _save(self) -> None:
        """Write what is shown into the current folder, under a name that tells what it is."""
        parts = (self.controls.selection().variable, self._stage.sheet.title, self.controls.selection().statistic)
        name = re.sub(r"[^\w.-]+", "_", " ".join(parts)) + f".{self.controls.file.value}"
        try:
            self._say(f"wrote {self.save(name, self.controls.dpi.value)}")
        except (InputError, OSError) as error:
            self._say(str(error))

    def _say(self, told: str) -> None:
        self.message.value = f"<code>{html.escape(told)}</code>" if told else ""
