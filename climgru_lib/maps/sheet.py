"""From what is looked at to what stands on a figure: maps, titles, shared colours, dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from ..contract import InputError
from .canvas import PANEL_WIDTH, WIDTHS, MapRow, Panel
from .comparison import GLOBAL, NoDots, chance_limit, compare
from .looks import robust_limits
from .places import Frame, Region
from .rows import panel_of, rmse_note
from .selection import Selection
from .sources import Source, on_grid_of

DOTS_FOOT = "dots: {} within internal variability{}, each cell by itself, 95 %"


@dataclass(frozen=True)
class Sheet:
    """The maps of one look, side by side.

    Parameters
    ----------
    maps : dict of str to DataArray, dims (lat, lon)
        By panel title.
    roles : tuple of str
        One per map; those of one role share their colours.
    told : dict of str to str
        Parts of the title: source, scenario, when, members.
    note : str
        On the last map.
    foot : str
        Below all.
    dots : tuple of array of bool, shape (lat, lon), or None
        One per map.
    """

    maps: dict[str, xr.DataArray]
    roles: tuple[str, ...]
    told: dict[str, str]
    note: str = ""
    foot: str = ""
    dots: tuple[np.ndarray | None, ...] = ()

    @property
    def title(self) -> str:
        """Scenario, time and members."""
        return ", ".join(part for key, part in self.told.items() if part and key != "source")

    @property
    def titles(self) -> list[str]:
        """Of the panels; a map that stands by itself needs none."""
        return [""] if self.roles == ("values",) else [*self.maps]

    def on(self, first: xr.DataArray) -> Sheet:
        """Return the sheet with its maps and dots in the order of cells of another map."""
        dots = tuple(
            None if within is None else on_grid_of(drawn.copy(data=within), first).values
            for drawn, within in zip(self.maps.values(), self.dots)
        )
        return replace(self, maps={title: on_grid_of(drawn, first) for title, drawn in self.maps.items()}, dots=dots)


def look(
    selection: Selection,
    source: Source,
    reference: Source | None = None,
    other: Selection | None = None,
    *,
    stipple: bool = False,
    alone: bool = False,
    region: Region | None = None,
    noise: Source | None = None,
) -> Sheet:
    """Look at a source, beside a reference if there is one.

    Parameters
    ----------
    selection : Selection
    source : Source
    reference : Source, optional
    other : Selection, optional
        Of the reference; by default the same with the mean of its members.
    stipple : bool
        Dot the difference, or the change where there is nothing to compare with, where it is within what internal
        variability allows; what tells this must have members.
    alone : bool
        The difference without the two maps.
    region : Region, optional
        Of the RMSE; the Earth by default.
    noise : Source, optional
        Whose members show internal variability; by default the reference's, see `compare`, or the source's.

    Raises
    ------
    InputError
        If something is not there; `NoDots` where dots are asked for that cannot be made.
    """
    if reference is None:
        subject = selection.of(source)
        if stipple and selection.statistic == "mean":
            raise NoDots("no dots on a mean by itself: choose the statistic 'change', or a truth to compare with")
        limit = chance_limit(selection, noise or source, subject) if stipple else None
        within = None if limit is None else np.abs(subject.values) <= limit
        foot = DOTS_FOOT.format("change", " of one member") if stipple else ""
        return Sheet({source.name: subject}, ("values",), _told(source, subject), foot=foot, dots=(within,))
    pair = compare(selection, source, reference, other, stipple, noise)
    before, after = names_of(reference, pair.reference, source, pair.subject)
    note = rmse_note(pair.difference, region or GLOBAL)
    foot = ", ".join(filter(None, (DOTS_FOOT.format("difference", ""), pair.assumed))) if stipple else ""
    told, difference = _told(source, pair.subject), difference_of(reference, pair.reference, source, pair.subject)
    if pair.subject.scenario != pair.reference.scenario:
        told["scenario"] = ""
    if alone and pair.subject.when != pair.reference.when:
        raise InputError(
            f"{source.name} is of {pair.subject.when}, {reference.name} of {pair.reference.when}: a difference alone "
            "would not tell; choose the period and baseline that both have"
        )
    if alone:
        return Sheet({difference: pair.difference}, ("difference",), told, note, foot, (pair.within,))
    maps = {before: pair.reference, after: pair.subject, difference: pair.difference}
    return Sheet(maps, ("values", "values", "difference"), told, note, foot, (None, None, pair.within))


def _told(source: Source, subject: xr.DataArray) -> dict[str, str]:
    return {"source": source.name, **{part: subject.attrs[part] for part in ("scenario", "when", "members")}}


def names_of(reference: Source, base: xr.DataArray, source: Source, subject: xr.DataArray) -> list[str]:
    """Return names that tell two maps or series apart: who it is, and where they differ in scenario or years."""
    before, after = ([maker.name] * (reference.name != source.name) for maker in (reference, source))
    when = base.when.partition(" against ")[::2], subject.when.partition(" against ")[::2]
    alike = when[0][0] == when[1][0]  # but for the baseline
    differ = {
        "scenario": (base.scenario, subject.scenario),
        "when": tuple(f"against {since}" for _, since in when) if alike else (base.when, subject.when),
    }
    for one, other in differ.values():
        before, after = (before, after) if one == other else ([*before, one], [*after, other])
    before += [base.members] * (base.members != subject.members)
    return [", ".join(filter(None, before)) or "reference", ", ".join(filter(None, after)) or source.name]


def difference_of(reference: Source, base: xr.DataArray, source: Source, subject: xr.DataArray) -> str:
    """Return the name of a difference: of two sources, or of two scenarios."""
    if subject.scenario != base.scenario:
        return f"{subject.scenario} − {base.scenario}"
    return f"{source.name} − {reference.name}"


def panels_of(
    sheets: Sequence[Sheet],
    limits: tuple[float, float] | None = None,
    span: float | None = None,
    levels: int | None = None,
    region: Region | None = None,
) -> list[Panel]:
    """Return the panels of sheets; maps of one role, variable and kind share their colours.

    Parameters
    ----------
    sheets : sequence of Sheet
    limits : (float, float), optional
        Of all but the differences from a reference; by default round ones of the data shown.
    span : float, optional
        Half range of these differences.
    levels : int, optional
        So many discrete colours.
    region : Region, optional
        Whose cells count for the limits.
    """
    every = [(role, drawn) for sheet in sheets for role, drawn in zip(sheet.roles, sheet.maps.values())]
    groups: dict[tuple, list[xr.DataArray]] = {}
    for role, drawn in every:
        groups.setdefault(_group(role, drawn), []).append(drawn)
    made = {}
    for key, maps in groups.items():
        role, _, kind, _ = key
        asked = limits if role == "values" else None if span is None else (-span, span)
        if asked and kind.startswith("difference") and asked[0] != -asked[1]:
            raise InputError(f"limits {asked[0]:g}, {asked[1]:g} of a difference are not centred on 0; give -x and x")
        shown = region.cells(maps[0].lat.values, maps[0].lon.values) if region else None
        suffix = "difference" if role == "difference" else ""
        made[key] = panel_of(*maps, suffix=suffix, limits=asked, levels=levels, shown=shown)
    return [made[_group(role, drawn)] for role, drawn in every]


def still_fit(panels: Sequence[Panel], sheet: Sheet, region: Region) -> bool:
    """Whether panels that were made for other maps of a kind suit those of a sheet.

    They do while round limits of the data shown reach no further than a fifth of the colours' range beyond it, and
    fill two fifths of it.
    """
    groups: dict[int, list[np.ndarray]] = {}
    for panel, drawn in zip(panels, sheet.maps.values(), strict=True):
        groups.setdefault(id(panel), []).append(drawn.values[region.cells(drawn.lat.values, drawn.lon.values)])
    for panel, drawn in zip(panels, sheet.maps.values(), strict=True):
        low, high = robust_limits(drawn.kind, *groups[id(panel)])
        width = panel.norm.vmax - panel.norm.vmin
        beyond = max(panel.norm.vmin - low, high - panel.norm.vmax)
        if beyond > 0.2 * width or high - low < 0.4 * width:
            return False
    return True


def merged(first: Sheet, second: Sheet, names: Sequence[str]) -> Sheet:
    """Return two sheets of one map each as one; the second map has colours of its own."""
    maps = dict(zip(names, (*first.maps.values(), *second.maps.values())))
    return Sheet(maps, ("values", "change"), first.told, second.note, second.foot, (*first.dots, *second.dots))


def _group(role: str, drawn: xr.DataArray) -> tuple:
    return role, drawn.name, drawn.kind, drawn.units


def draw(sheets: Sequence[Sheet], frame: Frame | None = None, graticule: bool = False, **scale) -> MapRow:
    """Draw sheets of one grid below each other, or beside each other where each is one map.

    Parameters
    ----------
    sheets : sequence of Sheet
    frame : Frame, optional
    graticule : bool
    **scale
        ``limits``, ``span`` and ``levels`` of `panels_of`.
    """
    frame = frame or Frame()
    first = next(iter(sheets[0].maps.values()))
    sheets = [sheet.on(first) for sheet in sheets]
    common = {key: part for key, part in sheets[0].told.items() if all(part == other.told[key] for other in sheets)}
    drawn = {}
    for place, sheet in enumerate(sheets):
        own = [part for key, part in sheet.told.items() if key not in common]
        for title, values in sheet.maps.items():
            parts = own if len(sheets) > 1 and len(sheet.maps) == 1 else [*own, title]
            drawn[", ".join(filter(None, parts)) + " " * place] = values.values
    across = len(sheets[0].maps)
    width = WIDTHS[across] if len(sheets) == 1 else PANEL_WIDTH
    columns = across if across > 1 else min(len(sheets), 3)
    if len(drawn) == 1:
        drawn = dict(zip(sheets[0].titles, drawn.values()))
    title = ", ".join(part for key, part in common.items() if part and key != "source")
    foot = sheets[0].foot if len({sheet.foot for sheet in sheets}) == 1 else ""
    row = MapRow(
        first.lat.values,
        first.lon.values,
        panels_of(sheets, region=frame.region, **scale),
        frame,
        width,
        columns,
        graticule,
        title,
        foot,
    )
    note = sheets[0].note if len(sheets) == 1 else ""
    row.show(drawn, title, note, foot, [dots for sheet in sheets for dots in sheet.dots])
    return row
