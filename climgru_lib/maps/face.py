"""One call from sources to a figure: `plot`, of which `climgru map` and the Viewer's code are other forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter

from ..contract import InputError
from .canvas import MapFigure, MapRow
from .period import Period
from .places import Frame, Region
from .selection import Selection
from .sheet import Sheet, draw, look, panels_of
from .sources import Source, calendar_of, open_source

WRITERS: dict[str, type[AbstractMovieWriter]] = {".gif": PillowWriter, ".mp4": FFMpegWriter}
FRAMES_A_SECOND = 6

Given = Source | xr.Dataset | str | Path


def plot(
    source: Given | Sequence[Given],
    variable: str,
    period: str | Sequence[str] = "all",
    *,
    scenario: str | Sequence[str] | None = None,
    statistic: str = "mean",
    baseline: str | None = None,
    level: float | None = None,
    members: str | int = "mean",
    truth: Given | None = None,
    difference: bool = False,
    stipple: bool = False,
    region: str | Any = "global",
    projection: str | Any = None,
    limits: tuple[float, float] | None = None,
    span: float | None = None,
    levels: int | None = None,
    graticule: bool = False,
) -> MapFigure:
    """Draw what is looked at.

    Parameters
    ----------
    source : run directory, file, Dataset, or several
        See `open_source`. Several sources, periods or scenarios are drawn side by side in shared colours.
    variable, period, scenario, statistic, baseline, level, members
        See `Selection`.
    truth : run directory, file, Dataset or "embedded", optional
        What each map is compared with: the row truth, emulator, difference. Of its members the mean.
    difference : bool
        Draw the difference from the truth alone; without one, that of the second source or scenario from the first.
    stipple : bool
        Dot where a difference of means or changes, or a change itself, is within what internal variability allows.
    region : str, (west, east, south, north) or polygon
        See `Region.parse`.
    projection : str or cartopy CRS, optional
        See `Frame`.
    limits, span, levels
        See `panels_of`.
    graticule : bool
        Draw meridians and parallels, with their labels.

    Returns
    -------
    Figure
        Shown by a notebook when it ends a cell.

    Raises
    ------
    InputError
        If something is unknown, or not there.
    """
    looks = dict(statistic=statistic, baseline=baseline, level=level, members=members)
    sources = [open_source(one) for one in _several(source)]
    sheets = list(_sheets(sources, variable, period, scenario, truth, difference, stipple, Region.parse(region), looks))
    frame = Frame(Region.parse(region), projection)
    return draw(sheets, frame, graticule, limits=limits, span=span, levels=levels).figure


def animate(path: Path, source: Given, variable: str, period: str, *, dpi: float = 100, **options: Any) -> int:
    """Write a series of months, or of years, as an animation; the colours fit them all.

    Parameters
    ----------
    path : Path
        Ends in ``.gif`` or ``.mp4``; the latter needs ffmpeg.
    source, variable, period
        As for `plot`: every value in time of the period is a frame.
    dpi : float
    **options
        Those of `plot`.

    Returns
    -------
    int
        The number of frames.
    """
    writer = writer_of(path)(fps=FRAMES_A_SECOND)
    opened = open_source(source)
    calendar = calendar_of(opened.field(variable, options.get("scenario")))
    if calendar is None:
        raise InputError("the maps have no time to animate")
    region = Region.parse(options.pop("region", "global"))
    frame, graticule = Frame(region, options.pop("projection", None)), options.pop("graticule", False)
    scale = {name: options.pop(name, None) for name in ("limits", "span", "levels")}
    fixed = {name: options.pop(name, None) for name in ("scenario", "truth")}
    fixed |= {name: options.pop(name, False) for name in ("difference", "stipple")}
    sheets = [
        next(_sheets([opened], variable, label, region=region, looks=options, **fixed))
        for label in Period.parse(period).samples(*calendar).labels
    ]
    row = draw(sheets[:1], frame, graticule, **scale)
    row.rescale(panels_of(sheets, region=region, **scale)[: len(row.panels)])
    with writer.saving(row.figure, str(path), dpi):
        for sheet in sheets:
            show(row, sheet)
            writer.grab_frame()
    return len(sheets)


def show(row: MapRow, sheet: Sheet, told: str = "") -> None:
    """Exchange the maps of a row for those of a sheet of the same panels; ``told`` ends the title."""
    row.show({title: drawn.values for title, drawn in sheet.maps.items()}, sheet.title + told, sheet.note, sheet.dots)


def writer_of(path: Path) -> type[AbstractMovieWriter]:
    """Return matplotlib's writer for an ending; raise `InputError` if there is none here."""
    writer = WRITERS[path.suffix.lower()]
    if not writer.isAvailable():
        raise InputError(f"'{path.name}' needs ffmpeg, which is not installed; write a .gif")
    return writer


def _several(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _sheets(
    sources: Sequence[Source],
    variable: str,
    period: str | Sequence[str],
    scenario: str | Sequence[str] | None,
    truth: Given | None,
    difference: bool,
    stipple: bool,
    region: Region,
    looks: dict[str, Any],
) -> Iterator[Sheet]:
    """Look at every source, scenario and period in turn."""
    reference = None if truth is None else open_source(truth, "truth")
    for when in _several(period):
        chosen = [(one, Selection(variable, when, name, **looks)) for one, name in product(sources, _several(scenario))]
        if difference and reference is None:
            if len(chosen) != 2:
                raise InputError("a difference needs a truth, or two sources or scenarios to compare")
            (first, before), (second, after) = chosen
            yield look(after, second, first, before, stipple=stipple, alone=True, region=region)
            continue
        for one, selection in chosen:
            if reference is None:
                yield look(selection, one, stipple=stipple)
                continue
            named = one if len(sources) > 1 else Source("emulator", one.scenarios)
            other = of_truth(selection, one, reference)
            yield look(selection, named, reference, other, stipple=stipple, alone=difference, region=region)


def of_truth(selection: Selection, source: Source, truth: Source) -> Selection:
    """Return what is looked at in the truth: the same scenario, the mean of its members."""
    scenario = selection.scenario or source.scenario() or None
    if scenario is None and len(truth.scenarios) > 1:
        raise InputError(f"the prediction names no scenario; choose one of the truth: {', '.join(truth.scenarios)}")
    return replace(selection, scenario=scenario, members="mean")
