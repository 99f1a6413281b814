"""One call from sources to a figure: `plot`, of which `climgru map` and the Viewer's code are other forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter

from ..contract import InputError
from .beside import Beside
from .canvas import MapRow
from .period import Period
from .pictures import MapFigure
from .places import Frame, Region
from .selection import Selection
from .sheet import Sheet, draw, look, panels_of
from .sources import Source, calendar_of, open_source

WRITERS: dict[str, type[AbstractMovieWriter]] = {".gif": PillowWriter, ".mp4": FFMpegWriter}
FRAMES_A_SECOND = 6
BESIDE = ("truth", "other", "other_scenario", "noise", "change", "difference", "stipple")  # arguments of `plot`
EMULATOR, OTHER_RUN = "emulator", "other run"  # names of a prediction that is compared, and of what with

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
    other: Given | None = None,
    other_scenario: str | None = None,
    change: bool = False,
    difference: bool = False,
    stipple: bool = False,
    noise: Given | None = None,
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
    other : run directory, file, Dataset, optional
        A second prediction that each map is compared with, instead of a truth.
    other_scenario : str, optional
        Of the truth or of ``other``, by default the same; without them another scenario of the source, which each map
        is compared with.
    change : bool
        Beside each mean draw its change from the ``baseline``.
    difference : bool
        Draw the difference from the truth alone; without one, that of the second source or scenario from the first.
    stipple : bool
        Dot where a difference of means or changes, or a change itself, is within what internal variability allows.
    noise : run directory, file, Dataset, optional
        Whose members tell internal variability; by default those of the truth or ``other``, else the source's own.
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
    frame, own = Frame(Region.parse(region), projection), None if change else baseline
    looks = dict(statistic=statistic, baseline=own, level=level, members=members)
    beside = _beside(truth, other, other_scenario, noise, change, baseline, difference, stipple)
    sheets = list(_sheets(_several(source), variable, period, scenario, beside, frame.region, looks))
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
    scenario, since = options.pop("scenario", None), "baseline" if options.get("change") else ""
    beside = _beside(**{name: options.pop(name) for name in (*BESIDE, since) if name in options})
    sheets = [
        next(_sheets([opened], variable, label, scenario, beside, region, options))
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
    maps = dict(zip(sheet.titles, (drawn.values for drawn in sheet.maps.values())))
    row.show(maps, sheet.title + told, sheet.note, sheet.foot, sheet.dots)


def writer_of(path: Path) -> type[AbstractMovieWriter]:
    """Return matplotlib's writer for an ending; raise `InputError` if there is none here."""
    writer = WRITERS[path.suffix.lower()]
    if not writer.isAvailable():
        raise InputError(f"'{path.name}' needs ffmpeg, which is not installed; write a .gif")
    return writer


def _several(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _beside(
    truth: Given | None = None,
    other: Given | None = None,
    other_scenario: str | None = None,
    noise: Given | None = None,
    change: bool = False,
    baseline: str | None = None,
    difference: bool = False,
    stipple: bool = False,
) -> Beside:
    """Open what maps stand beside."""
    if truth is not None and other is not None:
        raise InputError("maps are compared with a truth or with another prediction, not both; leave one of them out")
    if change and (truth is not None or other is not None or other_scenario is not None):
        raise InputError("a change stands beside a map that is compared with nothing; leave 'change' out")
    given = [open_source(one, name) for one, name in ((truth, "truth"), (other, OTHER_RUN)) if one is not None]
    reference = given[0] if given else None
    noise = None if noise is None else open_source(noise, "noise")
    return Beside(reference, other_scenario, noise, change, baseline if change else None, difference, stipple)


def _sheets(
    sources: Sequence[Given],
    variable: str,
    period: str | Sequence[str],
    scenario: str | Sequence[str] | None,
    beside: Beside,
    region: Region,
    looks: dict[str, Any],
) -> Iterator[Sheet]:
    """Look at every source, scenario and period in turn."""
    opened = [open_source(one) for one in sources]
    compared = beside.reference is not None or beside.scenario is not None or beside.change
    if compared and len(opened) == 1:
        opened = [Source(EMULATOR, opened[0].scenarios)]
    for when in _several(period):
        chosen = [(one, Selection(variable, when, name, **looks)) for one, name in product(opened, _several(scenario))]
        if beside.alone and not compared:
            if len(chosen) != 2:
                raise InputError("a difference needs a truth, or two sources or scenarios to compare")
            (first, before), (second, after) = chosen
            yield look(
                after, second, first, before, stipple=beside.stipple, noise=beside.noise, alone=True, region=region
            )
            continue
        for one, selection in chosen:
            yield beside.look(selection, one, region)
