"""Splits: which months of which members are withheld from training, and which months are scored.

Target month t of a scenario is predicted from the input months ``t - lead - window + 1 .. t - lead`` of the
same scenario. Inputs are known in advance, so windows may reach into withheld months; targets never do.
The presets count months; `Split.on` counts the same years in the steps of annual data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..contract import InputError, Step


def first_target(window: int, lead: int) -> int:
    """Return the index of the first month that has a full window before it."""
    return window + lead - 1


@dataclass(frozen=True)
class Stretch:
    """A stretch of months of one scenario, counted like a Python slice of its time axis.

    ``members`` holds positions along ``member_id``; None means every member.
    """

    ssp: str
    start: int | None = None
    stop: int | None = None
    members: tuple[int, ...] | None = None

    def __str__(self) -> str:
        bounds = ["" if bound is None else str(bound) for bound in (self.start, self.stop)]
        months = f"[{':'.join(bounds)}]" if any(bounds) else ""
        members = "" if self.members is None else f" of member {', '.join(map(str, self.members))}"
        return f"{self.ssp}{months}{members}"

    def months(self, n_months: int, unit: str = "months") -> range:
        """Return the month indices; raise `InputError` if the series is too short for them."""
        reach = max([-bound for bound in (self.start, self.stop) if bound is not None and bound < 0], default=0)
        if reach > n_months:
            raise InputError(
                f"the data set has {n_months} {unit}, the split needs {reach} at the end of {self.ssp}; "
                "use a longer one"
            )
        return range(n_months)[self.start : self.stop]

    def on(self, step: Step) -> Stretch:
        """Return a stretch of months counted in another step.

        Raises
        ------
        InputError
            If a bound is no whole number of them.
        """
        bounds = [None if bound is None else bound * step.value / 12 for bound in (self.start, self.stop)]
        if any(bound is not None and bound % 1 for bound in bounds):
            raise InputError(f"the split has {self}, whose bounds are no whole {step.unit}, in which the data count")
        start, stop = (None if bound is None else int(bound) for bound in bounds)
        return replace(self, start=start, stop=stop)


@dataclass(frozen=True)
class Split:
    """Withheld months by scenario and member, and the slices that are scored.

    `published`, `clean`, `decades`, ``unseen:<ssp>``, ``members:<n>`` and the folds of `folds` are presets of `named`.
    With ``members``, only so many, from the first on, are trained on. Stretches are counted in ``step``.
    """

    name: str
    withheld: tuple[Stretch, ...]
    scored: tuple[Stretch, ...]
    members: int | None = None
    step: Step = Step.MONTH

    def on(self, step: Step) -> Split:
        """Return the split for data of a step length; itself if it is counted so.

        Raises
        ------
        InputError
            If it is counted in years, and the data in months, or a stretch is no whole number of years.
        """
        if step is self.step:
            return self
        if self.step is Step.YEAR:
            raise InputError(f"split {self.name} counts years, the data have months; give it in months")
        withheld, scored = (tuple(one.on(step) for one in part) for part in (self.withheld, self.scored))
        return replace(self, withheld=withheld, scored=scored, step=step)

    def training_months(self, ssp: str, n_months: int, n_members: int) -> np.ndarray:
        """Mark the months whose targets may be used in training.

        Parameters
        ----------
        ssp : str
            Scenario.
        n_months, n_members : int
            Size of the data set.

        Returns
        -------
        array of bool, shape (member, time)

        Raises
        ------
        InputError
            If the series is shorter than the split needs, or has fewer members.
        """
        keep = np.ones((n_members, n_months), dtype=bool)
        if self.members is not None:
            if self.members > n_members:
                raise InputError(f"split {self.name} needs {self.members} members; the data set has {n_members}")
            keep[self.members :] = False
        for stretch in self.withheld:
            months = stretch.months(n_months, self.step.unit)
            if stretch.ssp == ssp:
                members = range(n_members) if stretch.members is None else stretch.members
                keep[np.ix_(members, months)] = False
        return keep

    def training_targets(self, ssp: str, n_months: int, n_members: int, window: int, lead: int) -> np.ndarray:
        """Mark the targets of training: months not withheld that have a full window before them.

        Returns
        -------
        array of bool, shape (member, time)

        Raises
        ------
        InputError
            If the series is shorter than the split and the window need.
        """
        first = first_target(window, lead)
        if first >= n_months:
            raise InputError(
                f"the data set has {n_months} {self.step.unit}, window {window} with lead {lead} needs {first + 1}"
            )
        keep = self.training_months(ssp, n_months, n_members)
        keep[:, :first] = False
        return keep

    def scored_months(self, n_months: int, window: int, lead: int) -> list[tuple[str, range]]:
        """Return (scenario, month indices) of each scored slice.

        Raises
        ------
        InputError
            If a scored month has no full window before it.
        """
        slices = [(stretch.ssp, stretch.months(n_months, self.step.unit)) for stretch in self.scored]
        first, unit = first_target(window, lead), self.step.name.lower()
        for ssp, months in slices:
            if months[0] < first:
                raise InputError(
                    f"the data set has {n_months} {unit}s: the scored slice of {ssp} would start at {unit} "
                    f"{months[0] + 1}, but window {window} with lead {lead} predicts from {unit} {first + 1} on; "
                    "use a longer data set or a shorter window"
                )
        return slices


def _last(ssp: str, n_months: int, **kwargs) -> Stretch:
    return Stretch(ssp, start=-n_months, **kwargs)


PUBLISHED_SPLIT = Split("published", (_last("ssp370", 120, members=(0,)),), (_last("ssp370", 108),))
CLEAN = Split("clean", (_last("ssp370", 120),), (_last("ssp370", 108), _last("ssp370", 120)))


#: For studies of settings that shall not look at the slice of `CLEAN`.
DECADES = Split(
    "decades",
    tuple(_last(ssp, 120) for ssp in ("ssp126", "ssp370", "ssp585")),
    (_last("ssp126", 108), _last("ssp585", 108)),
)


def unseen(ssp: str) -> Split:
    """Withhold a whole scenario and score its last 360 and 108 months."""
    return Split(f"unseen:{ssp}", (Stretch(ssp),), (_last(ssp, 360), _last(ssp, 108)))


def first_members(count: int) -> Split:
    """Return the split `clean` with the first ``count`` members alone to train on; all are scored."""
    return replace(CLEAN, name=f"members:{count}", members=count)


def folds() -> tuple[Split, ...]:
    """Return the five folds on which methods are chosen; the slice that `clean` scores is in none of them.

    D126 and D585 withhold the last 120 months of a scenario; L126, L370m and L585m a whole scenario,
    scored at its end, 29 to 20 years before its end, and 49 to 40 years before it.
    """
    official = _last("ssp370", 120)
    return (
        Split("D126", (official, _last("ssp126", 120)), (_last("ssp126", 108),)),
        Split("D585", (official, _last("ssp585", 120)), (_last("ssp585", 108),)),
        Split("L126", (official, Stretch("ssp126")), (_last("ssp126", 108),)),
        Split("L370m", (Stretch("ssp370"),), (Stretch("ssp370", -348, -240),)),
        Split("L585m", (official, Stretch("ssp585")), (Stretch("ssp585", -588, -480),)),
    )


def named(name: str) -> Split:
    """Return a preset split.

    Parameters
    ----------
    name : str
        ``published``, ``clean``, ``decades``, ``unseen:<ssp>``, ``members:<n>`` or the name of a fold.

    Raises
    ------
    InputError
        If there is no such split.
    """
    presets = _presets()
    if name.startswith("unseen:") and name != "unseen:":
        return unseen(name.removeprefix("unseen:"))
    kind, _, count = name.partition(":")
    if kind == "members" and count.isdecimal() and int(count):
        return first_members(int(count))
    if name not in presets:
        raise InputError(f"unknown split '{name}'; there are {', '.join(presets)}, unseen:<ssp> and members:<n>")
    return presets[name]


def _presets() -> dict[str, Split]:
    return {split.name: split for split in (PUBLISHED_SPLIT, CLEAN, DECADES, *folds())}


def listing() -> str:
    """Return a line for each preset: what it withholds, and what it scores."""
    lines = [
        f"{name:12}  withholds {', '.join(map(str, split.withheld))}; scores {', '.join(map(str, split.scored))}"
        for name, split in _presets().items()
    ]
    lines.append(f"{'unseen:<ssp>':12}  withholds <ssp>; scores <ssp>[-360:], <ssp>[-108:]")
    return "\n".join([*lines, f"{'members:<n>':12}  clean, trained on the first n members alone"])
