"""Selections in time: a month, a season, a year, a decade, any period, or a calendar month through the years."""

from __future__ import annotations

import re
from calendar import month_abbr, month_name
from dataclasses import dataclass

import numpy as np

from ..contract import InputError

YEAR = tuple(range(1, 13))
INITIALS = "JFMAMJJASOND"
HELP = "2085-07, 2085, 2081-2100, 2080s, JJA 2081-2100, July 2081-2100, 2081-01..2090-06, or all"
MONTH = re.compile(r"(\d{4})-(\d\d)")
NEVER, EVER = -1_000_000, 1_000_000


@dataclass(frozen=True)
class Samples:
    """The values in time that a statistic is taken of: one a year, or one a month.

    Parameters
    ----------
    index : array of int, shape (sample, month)
        Places on the time axis; the mean over the second axis is the value.
    years : array, shape (sample,), years
        When each lies, as for a trend.
    labels : tuple of str
        A period of its own for each.
    caption : str
        The period in words, with the years that are really there.
    """

    index: np.ndarray
    years: np.ndarray
    labels: tuple[str, ...]
    caption: str

    def apart(self) -> Samples:
        """Return the same months, each as a value of its own."""
        months = self.index.shape[1]
        labels = tuple(label for label in self.labels for _ in range(months))
        return Samples(self.index.reshape(-1, 1), np.repeat(self.years, months), labels, self.caption)


@dataclass(frozen=True)
class Period:
    """Some calendar months of some years; months count alike in a mean, whatever their length in days.

    Parameters
    ----------
    first, last : int
        Years, both included; months counted from year 0 on if ``monthly``.
    months : tuple of int
        In the order of a season, ``(12, 1, 2)`` for DJF, which is named by the year of its last month.
    monthly : bool
        Every month is a value of its own; otherwise the mean of ``months`` is one value a year.
    """

    first: int
    last: int
    months: tuple[int, ...] = YEAR
    monthly: bool = False

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period as users write it.

        Parameters
        ----------
        text : str
            ``2085-07`` a month, ``2085`` a year, ``2081-2100`` and ``2080s`` one value a year, ``JJA 2081-2100`` a
            season (any months in a row by their initials), ``July 2081-2100`` a calendar month, ``JJA`` or ``all``
            every year there is, ``2081-01..2090-06`` one value a month.

        Raises
        ------
        InputError
            If it is none of these.
        """
        head, _, tail = text.strip().replace("–", "-").rpartition(" ")
        months = _months(head) if head else None
        if (head and months is None) or not tail:
            raise InputError(f"cannot read the period '{text}'; write for instance {HELP}")
        if MONTH.fullmatch(tail) and not head:
            return cls(_count(tail), _count(tail), monthly=True)
        found = re.fullmatch(r"(\d{4}-\d\d)\.\.(\d{4}-\d\d)", tail)
        if found and not head:
            return cls(*_ordered(text, _count(found[1]), _count(found[2])), monthly=True)
        if re.fullmatch(r"\d{3}0s", tail):
            return cls(int(tail[:4]), int(tail[:4]) + 9, months or YEAR)
        found = re.fullmatch(r"(\d{4})(?:(?:-|\.\.)(\d{4}))?", tail)
        if found:
            return cls(*_ordered(text, int(found[1]), int(found[2] or found[1])), months or YEAR)
        named = YEAR if tail == "all" else _months(tail)
        if named is None or head:
            raise InputError(f"cannot read the period '{text}'; write for instance {HELP}")
        return cls(NEVER, EVER, named)

    def samples(self, year: np.ndarray, month: np.ndarray | None) -> Samples:
        """Find the period on a time axis; years and seasons of which a month is missing are left out.

        Parameters
        ----------
        year : array of int, shape (time,)
        month : array of int, shape (time,), or None
            1 to 12; None for one value a year.

        Returns
        -------
        Samples

        Raises
        ------
        InputError
            If nothing of the period is there, or a month of a period of months is missing.
        """
        if month is None:
            return self._of_years(year)
        return self._of_months(year * 12 + month - 1) if self.monthly else self._of_seasons(year, month)

    def _of_years(self, year: np.ndarray) -> Samples:
        if self.monthly or self.months != YEAR:
            raise InputError("there is one value a year; choose years, such as 2085 or 2081-2100")
        index = np.flatnonzero((year >= self.first) & (year <= self.last))
        if not index.size:
            raise InputError(f"there is no {_span(self.first, self.last)}; the years are {_span(year[0], year[-1])}")
        labels = tuple(str(value) for value in year[index])
        return Samples(index[:, None], year[index] + 0.5, labels, _span(labels[0], labels[-1]))

    def _of_months(self, count: np.ndarray) -> Samples:
        index = np.flatnonzero((count >= self.first) & (count <= self.last))
        if len(index) != self.last - self.first + 1:
            there = f"the months run from {_label(count.min())} to {_label(count.max())}"
            raise InputError(f"there is no {_span(_label(self.first), _label(self.last), '..')}; {there}")
        index = index[np.argsort(count[index])]
        labels = tuple(_label(value) for value in count[index])
        words = [f"{month_name[value % 12 + 1]} {value // 12}" for value in (self.first, self.last)]
        return Samples(index[:, None], (count[index] + 0.5) / 12, labels, _span(*words, " to "))

    def _of_seasons(self, year: np.ndarray, month: np.ndarray) -> Samples:
        ends = year + (month > self.months[-1])  # the year in which its season ends
        inside = np.isin(month, self.months) & (ends >= self.first) & (ends <= self.last)
        index = np.flatnonzero(inside)
        index = index[np.lexsort((month[index] <= self.months[-1], ends[index]))]
        years, starts, counts = np.unique(ends[index], return_index=True, return_counts=True)
        whole = counts == len(self.months)
        if not whole.any():
            there = f"the months run from {_month(year, month, 0)} to {_month(year, month, -1)}"
            wanted = f"{self.name} {'' if self.first == NEVER else _span(self.first, self.last)}".strip()
            named = "" if self.months[0] <= self.months[-1] else f"; a {self.name} has the year of its last month"
            raise InputError(f"there is no whole {wanted or 'year'}; {there}{named}")
        index = index[starts[whole][:, None] + np.arange(len(self.months))]
        years = years[whole]
        labels = tuple(f"{self.name} {value}".strip() for value in years)
        middle = (self.months[-1] - len(self.months) / 2) / 12
        return Samples(index, years + middle, labels, f"{self.name} {_span(years[0], years[-1])}".strip())

    @property
    def calendar_months(self) -> tuple[int, ...]:
        """The calendar months that it is made of."""
        if not self.monthly:
            return self.months
        found = tuple(count % 12 + 1 for count in range(self.first, min(self.last, self.first + 11) + 1))
        return YEAR if len(found) == len(YEAR) else found

    @property
    def name(self) -> str:
        """The calendar months in words: empty for a year, ``JJA``, or ``July``."""
        if self.calendar_months == YEAR:
            return ""
        if len(self.calendar_months) == 1:
            return month_name[self.calendar_months[0]]
        return "".join(INITIALS[month - 1] for month in self.calendar_months)


def require_month(text: str) -> str:
    """Return a month written YYYY-MM; raise `InputError` for anything else."""
    if not MONTH.fullmatch(text):
        raise InputError(f"a month is written YYYY-MM, such as 2085-07; got '{text}'")
    _count(text)
    return text


def _months(name: str) -> tuple[int, ...] | None:
    """Return the calendar months of ``JJA``, ``July`` or ``Jul``; None for another word."""
    for number in YEAR:
        if name.lower() in (month_name[number].lower(), month_abbr[number].lower()):
            return (number,)
    at = (INITIALS * 2).find(name) if name.isupper() and 2 <= len(name) < 12 else -1
    return None if at < 0 else tuple((at + step) % 12 + 1 for step in range(len(name)))


def _count(label: str) -> int:
    """Return the months since year 0 of ``YYYY-MM``."""
    year, month = (int(part) for part in label.split("-"))
    if month not in YEAR:
        raise InputError(f"'{label}' has no month {month:02d}; a month is written YYYY-MM, such as 2085-07")
    return year * 12 + month - 1


def _ordered(text: str, first: int, last: int) -> tuple[int, int]:
    if last < first:
        raise InputError(f"the period '{text}' ends before it begins")
    return first, last


def _label(count: int) -> str:
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def _month(year: np.ndarray, month: np.ndarray, at: int) -> str:
    return f"{year[at]:04d}-{month[at]:02d}"


def _span(first: object, last: object, dash: str = "–") -> str:
    return str(first) if first == last else f"{first}{dash}{last}"
