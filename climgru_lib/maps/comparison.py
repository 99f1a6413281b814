"""Two maps and their difference, and where that is within what internal variability allows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from ..contract import InputError
from ..score import chance
from .layout import MEMBER
from .period import Period
from .places import BOXES, Region
from .selection import Selection
from .sources import Source, calendar_of, on_grid_of

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
    assumed : str
        What this takes for granted.
    """

    reference: xr.DataArray
    subject: xr.DataArray
    difference: xr.DataArray
    within: np.ndarray | None = None
    assumed: str = ""

    def rmse(self, region: Region = GLOBAL) -> float:
        """Return the area-weighted RMSE over the cells that both hold; NaN where there are none."""
        return float(np.sqrt(region.mean(self.difference**2)))


def compare(
    selection: Selection,
    source: Source,
    reference: Source,
    other: Selection | None = None,
    stipple: bool = False,
    noise: Source | None = None,
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
        Find where the difference of two means or changes is within what chance allows, see `weather_share`.
    noise : Source, optional
        Whose members show internal variability; by default the reference, or the source where that has no members.

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
    if not stipple:
        return Comparison(base, subject, difference)
    share = weather_share(source, selection) + weather_share(reference, other)
    if not share:
        both = " and ".join(dict.fromkeys((source.name, reference.name)))
        raise NoDots(f"no dots: {both} taken as free of weather, so that nothing is chance")
    ensemble = len(reference.members(other.variable, other.scenario)) > 1
    noise, told = (noise or source, selection) if noise or not ensemble else (reference, other)
    within = np.abs(difference.values) <= chance_limit(told, noise, subject, share)
    return Comparison(base, subject, difference, within, _assumed((source, selection), (reference, other)))


def weather_share(source: Source, selection: Selection) -> float:
    """Return the variance that weather gives a map over that of one member.

    1/k for the mean of k members, 0 for a prediction of this library without draws, and 1 for a member; also for a
    field without members of which the file does not say that it is such a prediction.
    """
    labels = source.members(selection.variable, selection.scenario)
    if labels:
        return 1 / len(labels) if selection.members == "mean" else 1.0
    return 0.0 if source.weather_free(selection.scenario) else 1.0


def _assumed(*looks: tuple[Source, Selection]) -> str:
    """Return in words what is taken for granted of sources without members."""
    taken = {0.0: "free of weather", 1.0: "one realisation"}
    alone = [(one, at) for one, at in looks if not one.members(at.variable, at.scenario)]
    return ", ".join(f"{one.name} taken as {taken[weather_share(one, at)]}" for one, at in alone)


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
        For other statistics, for a spread, with fewer than two members, for months that do not make whole years, or
        where the noise lacks what is asked for or is in another unit.
    """
    if selection.statistic not in DOTTED or selection.members == "spread":
        asked = "spread" if selection.members == "spread" else selection.statistic
        raise NoDots(f"no dots for '{asked}': chance is known for {' and '.join(DOTTED)} only; leave the dots out")
    try:
        return _chance_limit(selection, noise, like, share)
    except NoDots:
        raise
    except InputError as error:
        raise NoDots(f"no dots: {error}") from error


def _chance_limit(selection: Selection, noise: Source, like: xr.DataArray, share: float) -> np.ndarray:
    period = Period.parse(selection.period)
    field = noise.field(selection.variable, selection.scenario or like.attrs.get("scenario") or None)
    if field.units != like.units:
        raise NoDots(f"no dots: {noise.name} is in {field.units}, the map in {like.units}; convert one of them")
    calendar = calendar_of(field)
    if field.sizes.get(MEMBER, 1) < 2 or calendar is None:
        raise NoDots(f"no dots: {noise.name} has no members and times that show internal variability")
    periods = [period] + ([Period.parse(selection.base(field))] if selection.statistic == "change" else [])
    of_a_year = [1 if calendar[1] is None else len(part.calendar_months) for part in periods]
    lengths = [part.samples(*calendar).index.size / months for part, months in zip(periods, of_a_year)]
    if any(length != int(length) for length in lengths):
        raise NoDots(f"no dots for '{selection.period}': its months do not make whole years")
    given = field.isel(time=~selection.withheld(field))
    _, yearly = replace(selection, period=period.name or "all").values(given)
    if max(lengths) > yearly.sizes["time"]:
        raise NoDots(f"no dots: {noise.name} has {yearly.sizes['time']} years that are not withheld")
    variance, freedom = chance.variance_of_difference(yearly.values, [int(length) for length in lengths])
    limit = chance.allowed(share * variance, freedom)
    return on_grid_of(yearly.isel({MEMBER: 0, "time": 0}).copy(data=limit), like).values
