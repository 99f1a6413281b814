"""Pieces put together: periods, members and scenarios on one axis of months or years and one grid."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from ...contract import VARIABLES, InputError, Step, of_role
from ..reading import UNREADABLE
from .pieces import Piece

SAME = 1e-3  # degrees between grids that are one


@dataclass(frozen=True)
class Found:
    """All pieces of a conversion, by what they hold.

    Parameters
    ----------
    pieces : dict of (str, str, member) to list of Piece
        By scenario, variable and member, in the order of months.
    scenarios : list of str
    members : list of str or int
        Those that every open scenario has of every target.
    months : array of int, shape (time,)
        Those that every scenario has of every variable, counted as in `Piece`.
    lat, lon : array, degrees
        Of the targets.
    step : Step
    """

    pieces: Mapping[tuple, list[Piece]]
    scenarios: list[str]
    members: list[str | int]
    months: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    step: Step

    def label(self, month: int) -> str:
        """Return a month, or year, as ``YYYY-MM`` or ``YYYY``."""
        return label(month, self.step)

    def of(self, scenario: str, variable: str) -> list[tuple]:
        """Return the keys of a variable in a scenario."""
        return [key for key in self.pieces if key[:2] == (scenario, variable)]

    def read(self, key: tuple) -> np.ndarray:
        """Read the months of a store, shape (time,) or (time, lat, lon).

        Raises
        ------
        InputError
            If a file is damaged.
        """
        parts = []
        for piece in self.pieces[key]:
            wanted = np.flatnonzero(np.isin(piece.months, self.months))
            if not wanted.size:
                continue
            try:
                parts.append(piece.array.isel(time=wanted).values)
            except UNREADABLE as error:
                raise InputError(
                    f"{piece.source}: {key[1]} cannot be read; the file is damaged: fetch it again"
                ) from error
        return np.concatenate(parts)


def put_together(pieces: Iterable[Piece], notes: list[str]) -> Found:
    """Find the members, months and grid that all scenarios share.

    Raises
    ------
    InputError
        If months are doubled or lacking, there are no targets, nothing is shared, or months stand beside years.
    """
    groups: dict[tuple, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.scenario, piece.variable, piece.member].append(piece)
    step = _shared_step([group[0] for group in groups.values()])
    groups = {key: _in_time(key, group) for key, group in groups.items()}
    targets = [key for key in groups if key[1] in of_role("target")]
    if not targets:
        raise InputError("no file holds a target (tas, pr); give the folders of the outputs too")
    members = _shared_members(targets, notes)
    groups = {key: group for key, group in groups.items() if key not in targets or key[2] in members}
    first = next(group[0] for key, group in groups.items() if key in targets)
    lat, lon = (first.array[dim].values for dim in ("lat", "lon"))
    for group in groups.values():
        for piece in group:
            _check_grid(piece, first, of_role("forcing"), notes)
    months = _shared_months(groups, step, notes)
    return Found(groups, sorted({key[0] for key in groups}), members, months, lat, lon, step)


def label(month: int, step: Step) -> str:
    """Return a counted month as ``YYYY-MM``, or a year as ``YYYY``."""
    return f"{month:04d}" if step is Step.YEAR else f"{month // 12:04d}-{month % 12 + 1:02d}"


def _shared_step(pieces: list[Piece]) -> Step:
    of_step = {piece.step: piece for piece in pieces}
    if len(of_step) > 1:
        month, year = of_step[Step.MONTH], of_step[Step.YEAR]
        raise InputError(
            f"{year.variable} of {year.scenario} holds years ({year.source}), {month.variable} of {month.scenario} "
            f"months ({month.source}); make its annual means first, such as by `cdo yearmonmean IN OUT`"
        )
    return pieces[0].step


def _in_time(key: tuple, group: list[Piece]) -> list[Piece]:
    group = sorted(group, key=lambda piece: piece.months[0])
    what = f"{key[1]} of {key[0]}" + (f", member {key[2]}" if key[2] is not None else "")
    for before, after in pairwise(group):
        first, last, step = after.months[0], before.months[-1], after.step
        if first <= last:
            raise InputError(
                f"{what} is there twice in {label(first, step)}: {before.source} and {after.source}; give one of them"
            )
        if first > last + 1:
            raise InputError(f"{what} lacks {label(last + 1, step)} .. {label(first - 1, step)}; a file is missing")
    return group


def _shared_members(targets: list[tuple], notes: list[str]) -> list:
    held: dict[tuple, set] = defaultdict(set)
    for scenario, variable, member in targets:
        held[scenario, variable].add(member)
    shared, every = reduce(set.intersection, held.values()), reduce(set.union, held.values())
    if not shared:
        lines = [f"{variable} of {ssp}: {', '.join(map(str, own))}" for (ssp, variable), own in held.items()]
        raise InputError(f"no member is there in all scenarios and targets ({'; '.join(lines)}); give files of some")
    if every - shared:
        left = ", ".join(str(member) for member in sorted(every - shared, key=_natural))
        notes.append(f"members left out, as not every scenario and target has them: {left}")
    return sorted(shared, key=_natural)


def _natural(member: str | int | None) -> list[int | str]:
    """Order r2i1p1f1 before r10i1p1f1."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(member))]


def _check_grid(piece: Piece, first: Piece, forgiven: Iterable[str], notes: list[str]) -> None:
    """Refuse maps on another grid than the first target's; forcings may be off by half a cell, as in the contract."""
    if "lat" not in piece.array.dims or "lat" not in VARIABLES[piece.variable].dims:
        return
    sizes, ours = ([one.array.sizes[dim] for dim in ("lat", "lon")] for one in (piece, first))
    off, cell = np.inf, SAME
    if sizes == ours:
        apart = [np.abs(piece.array[dim].values - first.array[dim].values).max() for dim in ("lat", "lon")]
        off = max(apart)
        cell = min(np.abs(np.diff(first.array[dim].values)).min() for dim in ("lat", "lon"))
    if off <= SAME:
        return
    if piece.variable in forgiven and off < cell / 2:
        notes.append(
            f"{piece.variable} lies {off:.2g} degrees off the grid of {first.variable}; it is put on it by position"
        )
        return
    raise InputError(
        f"{piece.variable} of {piece.scenario} is on another grid ({sizes[0]} x {sizes[1]}) than {first.variable} "
        f"({ours[0]} x {ours[1]}); put it there first: `cdo remapcon,{first.source} {piece.source} OUT.nc`, "
        "which conserves totals"
    )


def _shared_months(groups: Mapping[tuple, list[Piece]], step: Step, notes: list[str]) -> np.ndarray:
    spans = {key: (group[0].months[0], group[-1].months[-1]) for key, group in groups.items()}
    begins, ends = max(spans, key=lambda key: spans[key][0]), min(spans, key=lambda key: spans[key][1])
    first, last = spans[begins][0], spans[ends][1]
    if first > last:
        raise InputError(
            f"no {step.name.lower()} is there in all files: {ends[1]} of {ends[0]} ends in {label(last, step)}, "
            f"{begins[1]} of {begins[0]} begins in {label(first, step)}; convert such scenarios apart, by naming "
            "their files"
        )
    if len(set(spans.values())) > 1:
        notes.append(
            f"{step.unit} kept: {label(first, step)} .. {label(last, step)}, which all have "
            f"({begins[1]} of {begins[0]} begins, {ends[1]} of {ends[0]} ends there)"
        )
    return np.arange(first, last + 1)
