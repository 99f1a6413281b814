"""The controls of the viewer: widgets and what they say, no maps."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from ..contract import InputError
from .period import Period
from .places import BOXES, PROJECTIONS
from .selection import Selection
from .statistics import STATISTICS

MONTHS = [*month_name[1:], "year", "DJF", "MAM", "JJA", "SON"]
LENGTHS = (1, 5, 10, 20, 30)
GRAPHS = ("no graph", "series", "zonal mean", "Hovmöller")
FITTING = "fitting"
FILES = ("png", "svg", "pdf", "nc")
PLAY_MS = 400  # between two pictures


class Controls:
    """Every control of the viewer, in three lines.

    Parameters
    ----------
    scenarios, variables : sequence of str
        Of the menus.
    years : array of int, shape (year,)
        Empty where the maps have no time.
    monthly : bool
        Whether there are months to choose.
    """

    def __init__(
        self,
        scenarios: Sequence[str],
        variables: Sequence[str],
        years: np.ndarray,
        monthly: bool,
    ):
        first, last = (int(years.min()), int(years.max())) if len(years) else (0, 0)
        self.scenario = menu("scenario", scenarios)
        self.variable = menu("variable", variables)
        self.members = menu("members", ["mean"])
        self.statistic = menu("statistic", list(STATISTICS))
        self._before = ""
        self.level = widgets.FloatText(value=0.9, description="level", layout=wide(160))
        self.baseline = text("baseline", "first 20 years", 190)
        self.month = menu("month", MONTHS if monthly else ["year"], 190)
        self.year = widgets.IntSlider(
            value=first, min=first, max=last, description="year", continuous_update=True, layout=wide(420)
        )
        self.years = widgets.Dropdown(
            options=[(f"{n} year{'s' * (n > 1)}", n) for n in LENGTHS], description="over", layout=wide(190)
        )
        self.period = text("period", "JJA 2081-2100", 230)
        self.back, self.forth = (widgets.Button(description=sign, layout=wide(40)) for sign in "‹›")
        self.play = widgets.Play(min=0, max=10_000, interval=PLAY_MS, layout=wide(130))
        self.beside = menu("beside", [], 250)
        self.region = widgets.Combobox(
            options=list(BOXES), value="global", ensure_option=False, continuous_update=False, description="region"
        )
        self.region.layout = wide(220)
        self.projection = menu("projection", [FITTING, *PROJECTIONS], 240)
        self.limits = text("limits", "fitted", 200)
        self.span = text("± diff.", "fitted", 200)
        self.stipple = widgets.Checkbox(description="dot what may be chance", indent=False, layout=wide(230))
        self.graph = menu("below", GRAPHS, 200)
        self.place = text("of", "the region; lat=50,lon=10", 260)
        self.file = widgets.Dropdown(options=FILES, layout=wide(70))
        self.dpi = widgets.BoundedIntText(value=200, min=30, max=1200, description="dpi", layout=wide(150))
        self.save = widgets.Button(description="save", layout=wide(70))
        self.code = widgets.Button(description="as code", layout=wide(80))
        time = [self.month, self.year, self.back, self.forth, self.play, self.years, self.period]
        self.box = widgets.VBox(
            [
                line(self.scenario, self.variable, self.members, self.statistic, self.level, self.baseline),
                line(*time if len(years) else []),
                line(self.beside, self.stipple, self.region, self.projection, self.limits, self.span),
                line(self.graph, self.place, self.file, self.dpi, self.save, self.code),
            ]
        )

    @property
    def view(self) -> list[widgets.Widget]:
        """Controls that change the picture when they change."""
        return [
            self.scenario,
            self.variable,
            self.members,
            self.statistic,
            self.level,
            self.baseline,
            self.period,
            self.beside,
            self.stipple,
            self.region,
            self.projection,
            self.limits,
            self.span,
            self.graph,
            self.place,
        ]

    def selection(self) -> Selection:
        """Return what is looked at."""
        statistic = self.statistic.value
        return Selection(
            self.variable.value,
            self.period.value.strip() or "all",
            self.scenario.value,
            statistic,
            self.since if statistic != "mean" else None,
            self.level.value if statistic in ("quantile", "exceedance") else None,
            self.members.value,
        )

    @property
    def since(self) -> str | None:
        """The years of the baseline that were typed."""
        return self.baseline.value.strip() or None

    def suit_level(self, middle: Callable[[], float]) -> None:
        """Give a quantile a level from 0 to 1, and exceedance, when it is first asked for, the middle of the map."""
        statistic = self.statistic.value
        if statistic == "quantile" and not 0 <= self.level.value <= 1:
            self.level.value = 0.9
        if statistic == "exceedance" and self._before != "exceedance":
            self.level.value = float(f"{middle():.3g}")
        self._before = statistic

    def scale(self) -> dict[str, Any]:
        """Return limits and half range of differences that were typed; None where they are fitted."""
        span = numbers(self.span.value, 1)
        return {"limits": numbers(self.limits.value, 2), "span": span[0] if span else None}

    def options(self) -> dict[str, Any]:
        """Return the arguments of `maps.plot` that the controls stand for, None for those left as they are."""
        chosen, region, projection = self.selection(), self.region.value, self.projection.value
        return {
            "statistic": None if chosen.statistic == "mean" else chosen.statistic,
            "baseline": chosen.baseline,
            "level": chosen.level,
            "members": None if chosen.members == "mean" else chosen.members,
            "stipple": self.stipple.value or None,
            "region": None if region == "global" else region,
            "projection": None if projection == FITTING else projection,
            **self.scale(),
        }

    def written(self) -> str:
        """Return the period that month, year and length make."""
        year, month, length = self.year.value, self.month.value, self.years.value
        years = f"{year}-{min(year + length - 1, self.year.max)}" if length > 1 else str(year)
        if month in month_name and length == 1:
            return f"{year:04d}-{list(month_name).index(month):02d}"
        return years if month == "year" else f"{month} {years}"

    def follow(self, period: Period) -> None:
        """Set month, year and length to a period, as far as they can say it."""
        first, length = period.first, period.last - period.first + 1
        if period.monthly:
            first, length = period.first // 12, 1
        name = period.name or "year"
        if name in self.month.options and self.year.min <= first <= self.year.max and length in LENGTHS:
            self.month.value, self.years.value, self.year.value = name, length, first


def wide(pixels: int) -> widgets.Layout:
    """Return a layout of a width."""
    return widgets.Layout(width=f"{pixels}px")


def natural_size() -> widgets.Layout:
    """Return a layout of a picture that shrinks to the page but is never stretched."""
    return widgets.Layout(align_self="flex-start", max_width="100%")


def menu(name: str, options: Sequence[str], pixels: int = 220) -> widgets.Dropdown:
    """Return a named menu."""
    return widgets.Dropdown(options=list(options), description=name, layout=wide(pixels))


def text(name: str, hint: str, pixels: int) -> widgets.Text:
    """Return a line of text that counts when Enter is pressed or the line is left."""
    return widgets.Text(description=name, placeholder=hint, continuous_update=False, layout=wide(pixels))


def line(*parts: widgets.Widget) -> widgets.HBox:
    """Return controls beside each other, on further lines where they do not fit."""
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap"))


def numbers(text: str, count: int) -> tuple[float, ...] | None:
    """Return the numbers of a text such as ``-2, 2``; None if it is empty.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if not text.strip():
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count:
        raise InputError(f"'{text}' is not {'a number' if count == 1 else 'two numbers, low and high'}")
    return found
