"""The scenario explorer: a pathway by sliders, what emulators answer, and where it leaves the range of training."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping

import ipywidgets as widgets
import numpy as np
import xarray as xr
from IPython.display import display
from PIL import Image

from ..contract import VARIABLES, InputError
from ..data.departures import Departure, decimal_years
from ..data.tensors import EmulationData
from ..maps.controls import line, menu, natural_size, wide
from ..maps.pictures import small
from ..maps.places import Frame
from ..maps.rows import rmse_note
from ..maps.sheet import Sheet
from ..maps.stage import Stage
from ..maps.turns import in_turn
from ..maps.viewer import HIDE_STILL
from ..predict.emulator import Emulator
from .answers import BLOCK, Answers
from .explorer_graph import ALARM, Curves, Graph
from .training_range import TrainingRange, drivers

WITHOUT_KERNEL = "The sliders of this explorer need a running kernel; its first picture stands above."
INSIDE = "Inside the range of training: every forcing has been seen, if not this mix of them."


class Explorer:
    """Maps, global means and drivers of a pathway that is made by sliders.

    On an embedded data set the mini-earth's own forced climate is the truth; with other data, emulators are compared
    with the first of them. The spread about the global mean is the internal variability that the members of training
    show: weather, not the error of an emulator.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset`.
    data : EmulationData
        The same, prepared for the split of the emulators.
    emulators : dict of str to Emulator
        By the name that is shown.
    departure : Departure, optional
        Shown first; the first scenario, unchanged, by default.

    Attributes
    ----------
    answers : Answers
    trained : TrainingRange
    scenario, peak, final_co2, methane, sulphur : widgets
        Make the pathway; ``explorer.peak.value = 2040`` moves a slider from code.
    variable, emulator, period : widgets
        What is shown of it.
    image, graph : ipywidgets.Image
    message : ipywidgets.HTML
        Whether the pathway leaves the range of training, and how wrong the emulators are.
    widget : ipywidgets.VBox
        All together; an explorer that ends a notebook cell displays it, and leaves its picture in the notebook.

    Raises
    ------
    InputError
        If the data are too short, or the departure cannot be made of them.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        data: EmulationData,
        emulators: Mapping[str, Emulator],
        departure: Departure | None = None,
    ):
        self.answers = Answers(dataset, data, dict(emulators))
        self.trained = TrainingRange(dataset, data)
        self._weather, self._stage = self.answers.weather(), Stage()
        departures = {ssp: Departure(ssp) for ssp in data.scenarios}
        self._scenarios = {ssp: self.answers.members_mean(ssp) for ssp in data.scenarios}
        self._scenarios |= {
            ssp: self.answers.fields(departures[ssp])[self.answers.reference]
            for ssp, known in self._scenarios.items()
            if known is None
        }
        known = {ssp: drivers(self.answers.forcings(one)) for ssp, one in departures.items()}
        self._graph = Graph(self.answers.years, self.trained, decimal_years(data.time), known, self.answers.names)
        self._make_controls(departure or next(iter(departures.values())))
        self.image, self.graph = (widgets.Image(format="png", layout=natural_size()) for _ in range(2))
        self.image.add_class("climgru-maps")
        self.message = widgets.HTML()
        still = widgets.HTML(HIDE_STILL, layout=widgets.Layout(display="none"))
        self.widget = widgets.VBox([self._box, self.message, self.image, self.graph, still])
        self._compute()
        self._draw()
        for control in (self.scenario, self.peak, self.final_co2, self.methane, self.sulphur):
            control.observe(self._move, names="value")
        for control in (self.variable, self.emulator, self.period):
            control.observe(lambda _: self._draw(), names="value")

    def _make_controls(self, first: Departure) -> None:
        data, years = self.answers.data, decimal_years(self.answers.data.time)
        last = int(np.ceil(years[-1]))
        self.scenario = menu("follow", list(data.scenarios), 200)
        self.scenario.value = first.base
        self.peak = _slider(widgets.IntSlider, "CO₂ peak", min(first.peak, last), int(years[0]) + 1, last, 1)
        self.final_co2 = _slider(widgets.IntSlider, "final Gt/yr", first.final_co2, -60, 200, 5)
        self.methane = _slider(widgets.FloatSlider, "methane ×", first.methane, 0, 3, 0.1)
        self.sulphur = _slider(widgets.FloatSlider, "sulphur ×", first.sulphur, 0, 3, 0.1)
        self.variable = menu("variable", list(data.targets), 200)
        others = [name for name in self.answers.emulators if name != self.answers.reference]
        self.emulator = menu("emulator", others or [self.answers.reference], 240)
        self.emulator.value = self.emulator.options[-1]
        periods = range(1, len(self.answers.years) - self.answers.period + 1)
        self.period = widgets.SelectionSlider(
            options=[(self._years(at), at) for at in periods],
            value=periods[-1],
            description="period",
            continuous_update=False,
            layout=wide(360),
        )
        self._box = widgets.VBox(
            [
                line(self.scenario, self.peak, self.final_co2),
                line(self.methane, self.sulphur),
                line(self.variable, self.emulator, self.period),
            ]
        )

    def _years(self, at: int) -> str:
        """Return the years of the period that begins with a block."""
        months = self.answers.data.months
        start = self.answers.months[at, 0] - 18
        return f"{months[start][:4]}–{months[start + BLOCK * self.answers.period - 1][:4]}"

    @property
    def departure(self) -> Departure:
        """The pathway that the sliders say; a peak at their end is none."""
        peak = np.inf if self.peak.value == self.peak.max else self.peak.value
        return Departure(self.scenario.value, peak, self.final_co2.value, self.methane.value, self.sulphur.value)

    @in_turn
    def _move(self, _) -> None:
        """Bring the pictures to the pathway; what cannot be is said, and they stay."""
        try:
            self._compute()
        except InputError as error:
            self._say(str(error), alarm=True)
        else:
            self._draw()

    def _compute(self) -> None:
        self._drivers = drivers(self.answers.forcings(self.departure))
        self._fields = self.answers.fields(self.departure)

    @in_turn
    def _draw(self) -> None:
        answers, variable, at = self.answers, self.variable.value, self.period.value
        target = answers.data.targets.index(variable)
        unit, name = VARIABLES[variable].units[0], VARIABLES[variable].long_name
        changes = {who: answers.change(field, at)[target] for who, field in self._fields.items()}
        when = f"{self._years(at)} against {self._years(0)}"
        self.image.value = self._stage.draw(
            self._sheet(changes, variable, f"Change of {name.lower()}", unit, when), Frame(), variable, {"limits": None}
        )
        curves = Curves(
            f"Change of {variable}, global mean [{unit}]",
            {ssp: answers.global_change(field)[:, target] for ssp, field in self._scenarios.items()},
            {who: answers.global_change(field)[:, target] for who, field in self._fields.items()},
            self.emulator.value,
            None if self._weather is None else float(self._weather[0][target]),
            self._drivers,
            (answers.years[at] - 2, answers.years[at + answers.period - 1] + 2),
        )
        self.graph.value = self._graph.png(curves)
        self._tell(changes, target, unit)

    def _sheet(self, changes: dict[str, np.ndarray], variable: str, label: str, unit: str, when: str) -> Sheet:
        """Return the maps: the reference, the emulator chosen, and their difference."""
        attrs = {"units": unit, "long_name": label, "kind": "difference"}
        place = {"lat": self.answers.data.lat, "lon": self.answers.data.lon}
        maps = {
            who: xr.DataArray(changes[who], place, ("lat", "lon"), variable, attrs)
            for who in dict.fromkeys((self.answers.reference, self.emulator.value))
        }
        told = {"scenario": self._pathway(), "when": when}
        if len(maps) == 1:
            return Sheet(maps, ("values",), told)
        (first, before), (second, after) = maps.items()
        of = "Error of this change" if self.answers.has_truth else "Difference of these changes"
        difference = (after - before).rename(variable).assign_attrs(attrs, long_name=of)
        maps[f"{second} − {first}"] = difference
        return Sheet(maps, ("values", "values", "error"), told, rmse_note(difference))

    def _pathway(self) -> str:
        """Return the pathway in words."""
        departure = self.departure
        parts = [departure.base]
        if np.isfinite(departure.peak):
            parts.append(f"CO₂ from {departure.peak} to {departure.final_co2} Gt/yr")
        parts += [f"{name} × {value:g}" for name in ("methane", "sulphur") if (value := getattr(departure, name)) != 1]
        return ", ".join(parts)

    def _tell(self, changes: dict[str, np.ndarray], target: int, unit: str) -> None:
        """Say whether the pathway leaves the range of training, and how far emulators are from the reference."""
        left, reference = self.trained.told(self._drivers), self.answers.reference
        parts = [
            f"{who} {self.answers.rms(change - changes[reference]):.2f} {unit}"
            for who, change in changes.items()
            if who != reference
        ]
        if self._weather is not None:
            parts.append(f"weather of a single run {self._weather[1][target]:.2f} {unit}")
        error = f"RMSE of this change, against {reference}: {', '.join(parts)}."
        lines = [f"OUTSIDE the range of training. {'; '.join(left)}."] if left else [INSIDE]
        self._say("\n".join([*lines, error]), alarm=bool(left))

    def _say(self, told: str, alarm: bool) -> None:
        first, *rest = html.escape(told).splitlines()
        colour = ALARM if alarm else "inherit"
        self.message.value = "<br>".join([f'<b style="color:{colour}">{first}</b>', *rest])

    @property
    def told(self) -> str:
        """What the message says, as plain text."""
        return html.unescape(self.message.value.replace("<br>", "\n").split(">", 1)[1].replace("</b>", ""))

    def png(self) -> bytes:
        """Return maps and graph as one picture."""
        parts = [Image.open(io.BytesIO(bytes(image.value))).convert("RGB") for image in (self.image, self.graph)]
        whole = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
        whole.paste(parts[0], (0, 0))
        whole.paste(parts[1], (0, parts[0].height))
        buffer = io.BytesIO()
        whole.save(buffer, "png")
        return small(buffer.getvalue())

    def _ipython_display_(self) -> None:
        picture = {"image/png": self.png(), "text/plain": self.told}
        display(picture, metadata={"image/png": {"alt": self.told}}, raw=True)
        display(self.widget._repr_mimebundle_() | {"text/plain": WITHOUT_KERNEL}, raw=True)


def _slider(kind: type, name: str, value: float, low: float, high: float, step: float) -> widgets.Widget:
    return kind(value=value, min=low, max=high, step=step, description=name, continuous_update=False, layout=wide(360))
