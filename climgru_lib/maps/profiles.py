"""Beyond maps: series of a place, zonal means, and zonal means through time, of what is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import xarray as xr

from ..contract import InputError
from .canvas import MapFigure
from .comparison import Comparison, compare
from .looks import LINE_COLOURS, RC, colours_of, long_name_of, norm_of, overflow, robust_limits
from .period import Period
from .places import Region
from .selection import CHANGES, Selection
from .sources import MEMBER, Source

SMOOTHED_YEARS = 21
SIZE = (7.0, 2.8)  # inches


def series(selection: Selection, source: Source, region: Region) -> xr.DataArray:
    """Return the area-weighted mean of a region through the years.

    Parameters
    ----------
    selection : Selection
        Its calendar months make one value a year, of all years there are; a ``change`` or ``percent`` is from the
        baseline, of each member its own.
    source : Source
    region : Region

    Returns
    -------
    DataArray, dims (member_id, time) or (time)
        Time in years.
    """
    field, _ = selection.chosen(source.field(selection.variable, selection.scenario))
    _, values = replace(selection, period=Period.parse(selection.period).name or "all").values(field)
    out = region.mean(values)
    units, label = field.attrs["units"], long_name_of(field)
    if selection.statistic in CHANGES:
        _, early = replace(selection, period=selection.base(field)).values(field)
        before = region.mean(early).mean("time")
        relative = selection.statistic == "percent"
        out, units, label = out - before, "%" if relative else units, f"Change of {label}"
        out = 100 * out / before if relative else out
    return out.rename(selection.variable).assign_attrs(units=units, long_name=label)


def hovmoller(selection: Selection, source: Source) -> xr.DataArray:
    """Return zonal means through the years, dims (time, lat); of members the mean. See `series` for the months."""
    field, _ = selection.chosen(source.field(selection.variable, selection.scenario))
    _, values = replace(selection, period=Period.parse(selection.period).name or "all").values(field, averaged=True)
    if selection.statistic == "change":
        _, early = replace(selection, period=selection.base(field)).values(field, averaged=True)
        values = values - early.mean("time")
    zonal = values.mean("lon")
    zonal = zonal.mean(MEMBER) if MEMBER in zonal.dims else zonal
    kind = "difference" if selection.statistic == "change" else "field"
    return zonal.rename(selection.variable).assign_attrs(field.attrs, kind=kind)


def graph_of(
    kind: str, selection: Selection, source: Source, reference: Source | None, other: Selection | None, region: Region
) -> MapFigure:
    """Draw what stands below the maps of the viewer.

    Parameters
    ----------
    kind : {"series", "zonal mean", "Hovmöller"}
    selection, source, reference, other
        As for `compare`; of a reference that lacks what is asked for nothing is drawn.
    region : Region
        Of the series.
    """
    if kind == "zonal mean":
        pair = None if reference is None else _of(lambda: compare(selection, source, reference, other))
        return plot_zonal(selection.of(source) if pair is None else pair)
    if kind == "Hovmöller":
        zonal = hovmoller(selection, source)
        base = None if reference is None else _of(lambda: aligned(hovmoller(other, reference), zonal))
        return plot_hovmoller(zonal, base)
    base = None if reference is None else _of(lambda: series(other, reference, region))
    drawn = {} if base is None else {reference.name: base}
    when = Period.parse(selection.period).name
    return plot_series(drawn | {source.name: series(selection, source, region)}, region.name, when)


def _of(make: Callable) -> xr.DataArray | Comparison | None:
    try:
        return make()
    except InputError:
        return None


def plot_series(sources: dict[str, xr.DataArray], region: str, when: str = "") -> MapFigure:
    """Draw series of `series`: a band over members, their mean, and what is left of it in 21-year means.

    Parameters
    ----------
    sources : dict of str to DataArray, dims (member_id, time) or (time)
        By name, such as ``truth`` and ``emulator``; the forced response is estimated of the first with members.
    region, when : str
        For the title.
    """
    with mpl.rc_context(RC):
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
        ax.set_title(", ".join(filter(None, (values.long_name, when, region))))
        ax.legend(fontsize=8)
    return figure


def plot_zonal(pair: Comparison | xr.DataArray) -> MapFigure:
    """Draw zonal means of a comparison, and their difference; or of one map."""
    with mpl.rc_context(RC):
        figure = MapFigure(figsize=SIZE, layout="constrained")
        left, *rest = figure.subplots(1, 2 if isinstance(pair, Comparison) else 1, squeeze=False)[0]
        one = pair.subject if isinstance(pair, Comparison) else pair
        if rest:
            left.plot(pair.reference.lat, pair.reference.mean("lon"), color="0.35", label="truth")
            rest[0].plot(one.lat, pair.difference.mean("lon"), color=LINE_COLOURS[1])
            rest[0].axhline(0, color="0.6", lw=0.6)
            rest[0].set(xlabel="latitude [° N]", ylabel=f"difference [{one.units}]", title="Error of the zonal mean")
        left.plot(one.lat, one.mean("lon"), color=LINE_COLOURS[1], ls="--" if rest else "-", label="emulator")
        left.set(xlabel="latitude [° N]", ylabel=f"{one.name} [{one.units}]", title="Zonal mean")
        for ax in (left, *rest):
            ax.set(xlim=(-90, 90), xticks=np.arange(-90, 91, 30))
        if rest:
            left.legend()
    return figure


def plot_hovmoller(zonal: xr.DataArray, reference: xr.DataArray | None = None) -> MapFigure:
    """Draw zonal means through the years, dims (time, lat); with a reference also the difference."""
    shown = [zonal] if reference is None else [zonal, (zonal - reference).assign_attrs(zonal.attrs, kind="difference")]
    with mpl.rc_context(RC):
        figure = MapFigure(figsize=SIZE, layout="constrained")
        for ax, field, suffix in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, ("", "difference")):
            norm = norm_of(robust_limits(field.kind, field.values))
            field = field.rename(zonal.name)
            cmap = colours_of(str(zonal.name), field.kind)
            mesh = ax.pcolormesh(field.time, field.lat, field.values.T, cmap=cmap, norm=norm, shading="nearest")
            ax.set(xlabel="year", ylabel="latitude [° N]", yticks=np.arange(-90, 91, 30))
            bar = figure.colorbar(mesh, ax=ax, extend=overflow(norm, field.values))
            bar.set_label(f"{zonal.name} {suffix}".strip() + f" [{zonal.units}]")
    return figure


def aligned(reference: xr.DataArray, zonal: xr.DataArray) -> xr.DataArray:
    """Return a reference of zonal means in the years and latitudes of others, NaN where it has none."""
    return reference.reindex(time=zonal.time, lat=zonal.lat, method="nearest", tolerance=1e-3)
