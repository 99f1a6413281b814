"""Two maps and their difference, and where that is within what internal variability allows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from ..contract import InputError
from ..score import chance
from .period import Period
from .places import BOXES, Region
from .selection import Selection
from .sources import MEMBER, Source, calendar_of, on_grid_of

DOTTED = ("mean", "change")  # statistics of which chance is known


class NoDots(InputError):
    """What is looked at cannot be dotted: nothing tells what internal variability allows."""


GLOBAL = Region("global", *BOXES["global"])


@dataclass(frozen=True)
class Comparison:
    """A reference, a map and their difference, on one grid.

    Parameters
    ----------
    reference, subject, difference : DataArray, dims (lat, lon)
        The difference is ``subject - reference``.
    within : array of bool, shape (lat, lon), optional
        Where the difference is within what internal variability allows; None where that is not asked for.
    """

    reference: xr.DataArray
    subject: xr.DataArray
    difference: xr.DataArray
    within: np.ndarray | None = None

    def rmse(self, region: Region = GLOBAL) -> float:
        """Return the area-weighted RMSE over the cells that both hold; NaN where there are none."""
        return float(np.sqrt(region.mean(self.difference**2)))


def compare(
    selection: Selection, source: Source, reference: Source, other: Selection | None = None, stipple: bool = False
) -> Comparison:
    """Compare what is looked at with the same of a reference.

    Parameters
    ----------
    selection : Selection
        Of ``source``.
    source, reference : Source
    other : Selection, optional
        Of the reference; by default the same, with the mean of its members.
    stipple : bool
        Find where the difference of two means or changes is within what chance allows: the reference's members tell
        how much each average of members may be off, a prediction without members is taken as free of weather.

    Raises
    ------
    InputError
        If one lacks what is asked for, or units or cells differ; `NoDots` where dots cannot be made.
    """
    other = other or replace(selection, members="mean")
    subject = selection.of(source)
    base = on_grid_of(other.of(reference), subject)
    if base.units != subject.units:
        raise InputError(f"one is in {base.units}, the other in {subject.units}; convert one of them")
    kind = "difference of shares" if subject.kind == "share" else "difference"
    difference = (subject - base).rename(subject.name).assign_attrs(subject.attrs, kind=kind)
    limit = None
    if stipple:
        averaged = [_averaged(source, selection), _averaged(reference, other) or 1]
        limit = chance_limit(other, reference, subject, sum(1 / count for count in averaged if count))
    return Comparison(base, subject, difference, None if limit is None else np.abs(difference.values) <= limit)


def chance_limit(selection: Selection, noise: Source, like: xr.DataArray, share: float = 1.0) -> np.ndarray:
    """Return how far a mean or a change may lie from another by internal variability alone; see `score.chance`.

    Parameters
    ----------
    selection : Selection
        With the statistic ``mean``, or ``change``, whose baseline varies as well.
    noise : Source
        Members that show internal variability; months that are withheld count for nothing.
    like : DataArray, dims (lat, lon)
        For the order of the cells.
    share : float
        Variance of the difference over that of one member: 1 for a change against what one member may show.

    Returns
    -------
    array, shape (lat, lon)

    Raises
    ------
    NoDots
        For other statistics, for a spread, with fewer than two members, or for months that do not make whole years.
    """
    if selection.statistic not in DOTTED or selection.members == "spread":
        asked = "spread" if selection.members == "spread" else selection.statistic
        raise NoDots(f"no dots for '{asked}': chance is known for {' and '.join(DOTTED)} only; leave the dots out")
    period = Period.parse(selection.period)
    field = noise.field(selection.variable, selection.scenario)
    calendar = calendar_of(field)
    if field.sizes.get(MEMBER, 1) < 2 or calendar is None:
        raise NoDots(f"no dots: {noise.name} has no members and times that show internal variability")
    periods = [period] + ([Period.parse(selection.base(field))] if selection.statistic == "change" else [])
    lengths = [part.samples(*calendar).index.size / len(part.calendar_months) for part in periods]
    if any(length != int(length) for length in lengths):
        raise NoDots(f"no dots for '{selection.period}': its months do not make whole years")
    given = field.isel(time=~selection.withheld(field))
    _, yearly = replace(selection, period=period.name or "all").values(given)
    if max(lengths) > yearly.sizes["time"]:
        raise NoDots(f"no dots: {noise.name} has {yearly.sizes['time']} years that are not withheld")
    found = [chance.variance_of_mean(yearly.values, int(length)) for length in lengths]
    limit = chance.allowed(share * sum(variance for variance, _ in found), min(freedom for _, freedom in found))
    return on_grid_of(yearly.isel({MEMBER: 0, "time": 0}).copy(data=limit), like).values


def _averaged(source: Source, selection: Selection) -> int:
    """Return of how many members a map is the mean; 0 of a prediction without members."""
    labels = source.members(selection.variable, selection.scenario)
    return len(labels) if selection.members == "mean" else min(1, len(labels))
