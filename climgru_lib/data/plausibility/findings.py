"""What the checks of plausibility find: problems, which refuse a data set, and suspicions, which are told."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Findings:
    """Lines that name variable, scenario, place and cure.

    ``problems`` are certainly wrong; ``suspicions`` may be right in a climate that we do not know.
    """

    problems: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)

    def judge(self, value: float, suspicious: float, certain: float, line: str) -> None:
        """Add a line where a value that grows with the doubt passes one of its thresholds."""
        if value > certain:
            self.problems.append(line)
        elif value > suspicious:
            self.suspicions.append(line)

    def merge(self, scenarios: list[str]) -> None:
        """Make one line of those that differ in the scenario alone."""
        groups: dict[str, list[str]] = {}
        for line in self.suspicions:
            ssp = next((ssp for ssp in scenarios if f" of {ssp} " in line), "")
            groups.setdefault(line.replace(f" of {ssp} ", " of {} ", 1), []).append(ssp)
        self.suspicions = [line.replace("{}", ", ".join(names), 1) for line, names in groups.items()]


def span(months: np.ndarray, where: np.ndarray) -> str:
    """Return the first and last of the marked months, as ``2050-01 .. 2051-12``."""
    marked = months[where]
    return marked[0] if len(marked) == 1 else f"{marked[0]} .. {marked[-1]}"
