"""Graphs below the maps: series of a place, zonal means, and zonal means through time."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TypeVar

import matplotlib as mpl
import numpy as np
import xarray as xr

from ..contract import InputError
from .comparison import Comparison, compare
from .layout import MEMBER
from .looks import LINE_COLOURS, PLAIN, colours_of, norm_of, overflow, robust_limits
from .pictures import MapFigure
from .places import Region
from .profiles import hovmoller, series
from .selection import Selection
from .sheet import difference_of, names_of
from .sources import Source

SMOOTHED_YEARS = 21
SIZE = (7.0, 2.8)  # inches
TITLE_CHARACTERS = 95  # in a line

Made = TypeVar("Made", xr.DataArray, Comparison)


def graph_of(
    kind: str, selection: Selection, source: Source, reference: Source | None, other: Selection | None, region: Region
) -> MapFigure:
    """Draw what stands below the maps of the viewer.

    Parameters
    ----------
    kind : {"series", "zonal mean", "Hovmöller"}
    selection, source, reference, other
        As for `compare`; of a reference that lacks what is asked for nothing is drawn, and the title says why.
    region : Region
        Of the series.
    """
    if kind == "zonal mean":
        pair, lacking = _of(reference, lambda: compare(selection, source, reference, other))
        shown = pair or selection.of(source)
        if pair is None:
            return plot_zonal(shown, [source.name], "", lacking)
        both = reference, pair.reference, source, pair.subject
        return plot_zonal(shown, names_of(*both), difference_of(*both))
    if kind == "Hovmöller":
        zonal = hovmoller(selection, source)
        base, lacking = _of(reference, lambda: aligned(hovmoller(other, reference), zonal))
        if base is None:
            return plot_hovmoller(zonal, lacking=lacking)
        both = reference, base, source, zonal
        return plot_hovmoller(zonal, base, difference_of(*both), f"beside {names_of(*both)[0]}")
    own = series(selection, source, region)
    base, lacking = _of(reference, lambda: series(other, reference, region))
    if base is None:
        return plot_series({source.name: own}, region.name, lacking)
    names = names_of(reference, base.assign_attrs(members=""), source, own.assign_attrs(members=""))
    return plot_series(dict(zip(names, (base, own))), region.name, lacking)


def _of(reference: Source | None, make: Callable[[], Made]) -> tuple[Made | None, str]:
    """Return what is made of a reference, or why it cannot be."""
    if reference is None:
        return None, ""
    try:
        return make(), ""
    except InputError as error:
        return None, f"without {reference.name}: {error}"


def plot_series(sources: dict[str, xr.DataArray], region: str, lacking: str = "") -> MapFigure:
    """Draw series of `series`: a band over members, their mean, and what is left of it in 21-year means.

    Parameters
    ----------
    sources : dict of str to DataArray, dims (member_id, time) or (time)
        By name, such as ``truth`` and ``emulator``; the forced response is estimated of the first with members.
    region, lacking : str
        For the title.
    """
    with mpl.rc_context(PLAIN):
        figure = MapFigure(figsize=SIZE, layout="constrained")
        ax = figure.add_subplot()
        forced = None
        for (name, values), colour in zip(sources.items(), ("0.35", *LINE_COLOURS[1:])):
            years = values.time.values
            members = values.sizes.get(MEMBER, 1)
            mean = values.mean(MEMBER) if MEMBER in values.dims else values
            if members > 1:
                low, high = values.min(MEMBER), values.max(MEMBER)
                ax.fill_between(years, low, high, color=colour, alpha=0.25, lw=0, label=f"{name}: {members} members")
            if members > 1 and forced is None and len(years) >= SMOOTHED_YEARS:
                forced = mean.rolling(time=SMOOTHED_YEARS, center=True).mean()
            ax.plot(years, mean, color=colour, lw=1.0, label=f"{name}, mean" if members > 1 else name)
        if forced is not None:
            label = f"forced response ({SMOOTHED_YEARS}-year mean of the members' mean)"
            ax.plot(forced.time, forced, color=LINE_COLOURS[0], lw=2.0, ls="--", label=label)
        ax.set(xlabel="year", ylabel=f"{values.name} [{values.units}]")
        of, member = _shared("scenario", *sources.values()), values.members if members == 1 else ""
        _entitle(figure, [values.long_name, of, values.when, member, region], lacking)
        ax.legend(fontsize=8)
    return figure


def plot_zonal(
    shown: Comparison | xr.DataArray, names: list[str], difference: str = "", lacking: str = ""
) -> MapFigure:
    """Draw zonal means of a comparison, with the names of its two and of their difference; or of one map."""
    with mpl.rc_context(PLAIN):
        figure = MapFigure(figsize=SIZE, layout="constrained")
        left, *rest = figure.subplots(1, len(names), squeeze=False)[0]
        one = shown.subject if isinstance(shown, Comparison) else shown
        of = _shared("scenario", one)
        if isinstance(shown, Comparison):
            left.plot(one.lat, shown.reference.mean("lon"), color="0.35", label=names[0])
            rest[0].plot(one.lat, shown.difference.mean("lon"), color=LINE_COLOURS[1])
            rest[0].axhline(0, color="0.6", lw=0.6)
            rest[0].set(xlabel="latitude [° N]", ylabel=f"difference [{one.units}]", title=difference)
            of = _shared("scenario", one, shown.reference)
        left.plot(one.lat, one.mean("lon"), color=LINE_COLOURS[1], ls="--" if rest else "-", label=names[-1])
        left.set(xlabel="latitude [° N]", ylabel=f"{one.name} [{one.units}]")
        for ax in (left, *rest):
            ax.set(xlim=(-90, 90), xticks=np.arange(-90, 91, 30))
        if rest:
            left.legend(fontsize=8)
        _entitle(figure, [f"Zonal mean of {one.long_name}", of, one.when, one.members], lacking)
    return figure


def plot_hovmoller(
    zonal: xr.DataArray, reference: xr.DataArray | None = None, difference: str = "", lacking: str = ""
) -> MapFigure:
    """Draw zonal means through the years, dims (time, lat); with a reference also the difference, by name."""
    shown = [zonal] if reference is None else [zonal, (zonal - reference).assign_attrs(zonal.attrs, kind="difference")]
    with mpl.rc_context(PLAIN):
        figure = MapFigure(figsize=SIZE, layout="constrained")
        for ax, field, suffix in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, ("", "difference")):
            norm = norm_of(robust_limits(field.kind, field.values))
            cmap = colours_of(str(zonal.name), field.kind)
            mesh = ax.pcolormesh(field.time, field.lat, field.values.T, cmap=cmap, norm=norm, shading="nearest")
            ax.set(xlabel="year", ylabel="latitude [° N]", yticks=np.arange(-90, 91, 30))
            ax.set_title(difference if suffix else "")
            bar = figure.colorbar(mesh, ax=ax, extend=overflow(norm, field.values))
            bar.set_label(f"{zonal.name} {suffix}".strip() + f" [{zonal.units}]")
        _entitle(figure, [zonal.long_name, zonal.scenario, zonal.when, zonal.members], lacking)
    return figure


def _shared(part: str, *fields: xr.DataArray) -> str:
    """Return an attribute that all have alike; nothing if they differ."""
    told = {field.attrs[part] for field in fields}
    return told.pop() if len(told) == 1 else ""


def _entitle(figure: MapFigure, parts: list[str], lacking: str) -> None:
    """Write a title, and on a line of its own what is lacking or stands beside."""
    lines = [", ".join(filter(None, parts)), *filter(None, [lacking])]
    figure.suptitle("\n".join(textwrap.fill(line, TITLE_CHARACTERS) for line in lines), fontsize=10)


def aligned(reference: xr.DataArray, zonal: xr.DataArray) -> xr.DataArray:
    """Return a reference of zonal means in the years and latitudes of others, NaN where it has none.

    Raises
    ------
    InputError
        If the units differ.
    """
    if reference.units != zonal.units:
        raise InputError(f"one is in {zonal.units}, the other in {reference.units}; convert one of them")
    return reference.reindex(time=zonal.time, lat=zonal.lat, method="nearest", tolerance=1e-3)
