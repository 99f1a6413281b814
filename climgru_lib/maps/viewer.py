"""Interactive viewer of predictions: sliders for month, menus for scenario and variable."""

from __future__ import annotations

from calendar import month_name
from functools import lru_cache
from pathlib import Path

import cartopy.crs as ccrs
import ipywidgets as widgets
import numpy as np
import xarray as xr
from IPython.display import display

from .. import contract
from ..contract import InputError
from ..predict import output
from .canvas import MapFigure, MapRow
from .fields import by_scenario, members_of, month_map, one_field
from .looks import look_of
from .rows import caption, difference_panel, field_panel, rmse_note, same_grid

BASE_YEARS = 20  # anomalies are taken from the first 20 values of the calendar month


class Viewer:
    """Maps of a prediction, month by month, beside the truth where there is one.

    With a truth the row is truth, emulator and their difference. Without one, and in months that the truth
    lacks or withholds, it is the emulator and its anomaly from the mean of the same calendar month in its
    first 20 years. Of several members the mean is shown, and the title says so.

    Parameters
    ----------
    prediction : Dataset, str or Path
        A prediction (dims time, lat, lon, and ``attrs["ssp"]``; or with a dimension ``ssp``), a file of
        ``climgru predict``, or a run directory.
    truth : Dataset, optional
        A data set of the contract as opened by the library (of its members the first is shown, and named), or
        dims (time, lat, lon).
    member : int, optional
        Show this member alone, by its label in ``member_id`` or ``realization``.
    projection : cartopy CRS, optional
        PlateCarree by default.

    Attributes
    ----------
    scenario, variable, month : ipywidgets controls
        Set ``viewer.month.value = "2085-07"`` to move the slider from code.
    image : ipywidgets.Image
        The row as PNG.
    widget : ipywidgets.VBox
        Controls and image together; a viewer that ends a notebook cell displays it.

    Raises
    ------
    InputError
        If the prediction cannot be opened, names no scenario, holds no target of the contract, or the truth lies on
        another grid; if there is no such member.
    """

    def __init__(
        self,
        prediction: xr.Dataset | str | Path,
        truth: xr.Dataset | None = None,
        *,
        member: int | None = None,
        projection: ccrs.CRS | None = None,
    ):
        self._prediction = by_scenario(output.open_prediction(prediction), "prediction")
        only = next(iter(self._prediction)) if len(self._prediction) == 1 else None
        self._truth = {} if truth is None else by_scenario(truth, "truth", default=only)
        first = next(iter(self._prediction.values()))
        if truth is not None:
            same_grid(truth, first)
        variables = contract.of_role("target", first)
        if not variables:
            raise InputError(f"the prediction holds none of {', '.join(contract.of_role('target'))}")
        self._member, self._projection, self._rows = member, projection, {}
        self._base = lru_cache(maxsize=96)(self._base_map)
        self.scenario = widgets.Dropdown(options=list(self._prediction), description="scenario")
        self.variable = widgets.Dropdown(options=variables, description="variable")
        self.month = widgets.SelectionSlider(
            options=self._months(), description="month", layout=widgets.Layout(width="480px")
        )
        self.image = widgets.Image(format="png")
        self.widget = widgets.VBox([widgets.HBox([self.scenario, self.variable, self.month]), self.image])
        self.scenario.observe(self._change_scenario, names="value")
        self.variable.observe(self._update, names="value")
        self.month.observe(self._update, names="value")
        self._update()

    @property
    def figure(self) -> MapFigure:
        """The figure shown now."""
        return self._row.figure

    @property
    def meshes(self) -> list:
        """The meshes of the panels shown now, left to right."""
        return self._row.meshes

    def _ipython_display_(self) -> None:
        display(self.widget)

    def _months(self) -> list[str]:
        return contract.month_labels(self._prediction[self.scenario.value]).tolist()

    def _change_scenario(self, _) -> None:
        month, months = self.month.value, self._months()
        if months != list(self.month.options):
            self.month.options = months
            self.month.value = month if month in months else months[0]
        self._update()

    def _update(self, _=None) -> None:
        ssp, name, month = self.scenario.value, self.variable.value, self.month.value
        emulator = month_map(self._prediction[ssp], name, month, self._member)
        truth = self._true_map(ssp, name, month)
        title = caption(emulator.assign_coords(ssp=ssp))
        self._row = self._row_of(emulator, truth is not None)
        if truth is None:
            base, period = self._base(ssp, name, month[5:])
            maps = {"emulator": emulator.values, f"emulator − its {period} mean": emulator.values - base}
            self._row.show(maps, title + (" (no truth for this month)" if self._truth else ""))
        else:
            difference = emulator.values - truth.values
            told = f"truth, {truth.attrs['members']}" if "members" in truth.attrs else "truth"
            maps = {told: truth.values, "emulator": emulator.values, "emulator − truth": difference}
            self._row.show(maps, title, rmse_note(difference, emulator))
        self.image.value = self._row.figure.png()

    def _true_map(self, ssp: str, name: str, month: str) -> xr.DataArray | None:
        """Return the truth of a month, or None where it is lacking or withheld."""
        if ssp not in self._truth:
            return None
        _, members = members_of(self._truth[ssp])
        truth = month_map(self._truth[ssp], name, month, members[0] if members else None)
        return None if truth is None or contract.withheld_maps(truth.values) else truth

    def _row_of(self, emulator: xr.DataArray, with_truth: bool) -> MapRow:
        """Return the row of a variable, made on first use."""
        key = emulator.name, with_truth
        if key not in self._rows:
            look = look_of(emulator)
            panel = field_panel(look, emulator)
            last = difference_panel(emulator, emulator.values, "difference" if with_truth else "anomaly", look)
            panels = [panel, panel, last] if with_truth else [panel, last]
            self._rows[key] = MapRow(emulator.lat.values, emulator.lon.values, panels, self._projection)
        return self._rows[key]

    def _base_map(self, ssp: str, name: str, calendar_month: str) -> tuple[np.ndarray, str]:
        """Return the mean map of a calendar month in the first years, and that period as text."""
        dataset = self._prediction[ssp]
        labels = contract.month_labels(dataset)
        first = [i for i, label in enumerate(labels) if label.endswith(f"-{calendar_month}")][:BASE_YEARS]
        field = one_field(dataset[name].isel(time=first), self._member)
        period = f"{month_name[int(calendar_month)]} {labels[first[0]][:4]}–{labels[first[-1]][:4]}"
        return field.mean("time").values, period
