"""What a map stands beside: a truth, another prediction or scenario, its own change, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..contract import InputError
from .comparison import NoDots
from .period import Period
from .places import Region
from .selection import Selection
from .sheet import Sheet, look, merged
from .sources import Source


@dataclass(frozen=True)
class Beside:
    """What each map is seen with.

    Parameters
    ----------
    reference : Source, optional
        What it is compared with: a truth, or another prediction. Of its members the mean.
    scenario : str, optional
        Of what it is compared with; without a reference another one of the source.
    noise : Source, optional
        Whose members tell internal variability; see `compare`.
    change : bool
        With nothing to compare with, a mean stands beside its change from a baseline.
    baseline : str, optional
        Of this change; by default the first 20 years.
    alone : bool
        The difference without the two maps.
    stipple : bool
        Dot what is within internal variability.
    """

    reference: Source | None = None
    scenario: str | None = None
    noise: Source | None = None
    change: bool = False
    baseline: str | None = None
    alone: bool = False
    stipple: bool = False

    def pair(self, selection: Selection, source: Source) -> tuple[Source | None, Selection | None]:
        """Return what stands beside a source, and what is looked at in it."""
        if self.reference is not None:
            return self.reference, _same_of(self.reference, selection, source, self.scenario)
        if self.scenario is not None:
            return source, replace(selection, scenario=self.scenario)
        return None, None

    def look(self, selection: Selection, source: Source, region: Region | None = None) -> Sheet:
        """Look at a source beside it all.

        Raises
        ------
        InputError
            If something is not there; `NoDots` where dots are asked for that cannot be made.
        """
        reference, other = self.pair(selection, source)
        options = {"stipple": self.stipple, "noise": self.noise}
        if reference is not None:
            return look(selection, source, reference, other, alone=self.alone, region=region, **options)
        if not self.change or selection.statistic != "mean" or selection.members == "spread":
            return look(selection, source, **options)
        change = replace(selection, statistic="change", baseline=self.baseline)
        base = Period.parse(change.base(source.field(selection.variable, selection.scenario)))
        names = [source.name, f"{source.name} − its {f'{base.name} {base.first}–{base.last}'.strip()} mean"]
        return merged(look(selection, source), look(change, source, **options), names)

    def look_anyhow(
        self, selection: Selection, source: Source, region: Region, instead: Beside
    ) -> tuple[Sheet, Beside, str]:
        """Look with what can be done: without dots that cannot be made, ``instead`` where there is no reference.

        Returns
        -------
        Sheet
        Beside
            What the sheet really shows.
        str
            Why it is not what was asked for; empty if it is.
        """
        compared = self.pair(selection, source)[0] is not None
        try:
            return self._look_dotted(selection, source, region)
        except InputError as error:
            if not compared:
                raise
            sheet, shown, _ = instead._look_dotted(selection, source, region)
            return sheet, shown, f"nothing to compare with: {error}"

    def _look_dotted(self, selection: Selection, source: Source, region: Region) -> tuple[Sheet, Beside, str]:
        try:
            return self.look(selection, source, region), self, ""
        except NoDots as error:
            plain = replace(self, stipple=False)
            return plain.look(selection, source, region), plain, str(error)


def _same_of(reference: Source, selection: Selection, source: Source, scenario: str | None) -> Selection:
    """Return what is looked at in a reference: the same scenario, the mean of its members."""
    scenario = scenario or selection.scenario or source.scenario() or None
    if scenario is None and len(reference.scenarios) > 1:
        there = ", ".join(reference.scenarios)
        raise InputError(f"the prediction names no scenario; choose one of the {reference.name}: {there}")
    return replace(selection, scenario=scenario, members="mean")
