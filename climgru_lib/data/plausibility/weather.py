"""Whether maps of targets are weather: each month and member another, alike in size, and handed on to the next month.

Nothing here is known beforehand: a month is judged by the other months of the same data.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...contract import Step
from .findings import Findings, span

YEAR, FEWEST = 12, 24  # months; steps of a series whose steps are judged by each other
#: Share of the cells that repeat the month before or the western neighbour, above the median month. None do in CESM2;
#: packed or very dry fields repeat some, a third of a map more than usual is no weather.
REPEATED = (0.15, 0.3)
#: Root-mean-square difference of a map to those a year before and after, over the median month: at most 1.9 in CESM2,
#: 2.5 on coarse grids;
#: a map of another season lies 6 times as far.
UNUSUAL = (3.0, 4.0)
#: The same between two members, over that of a member's years: .9 to 1.1 for independent weather.
TOO_ALIKE = (0.5, 0.1)
#: Squared correlation of the anomalies of tas and rain in other readings, over that as labelled: at most .5 in CESM2,
#: where the same month and cell is .07; 2 a month late or half turned. The first counts for small turns alone.
COUPLED_BETTER = (1.15, 1.4)
COUPLED_YEARS, COUPLED_SEEN = 20, 2.5  # years looked at; times the median of all readings, which is chance
TROPICS = 30  # degrees; the sea keeps its anomalies here for months
SEASON = 3  # months
#: Cosine of two scenarios' difference in a season with that in the next: .7 is the median of tas and -.2 the least
#: in CESM2, turned over -.85 is usual. None is judged where weather has no memory in the months around.
REMEMBERED, AROUND, EXCHANGED = 0.35, 24, (0.4, 0.55)


def among(members: int, suspicious: float, certain: float) -> tuple[float, float]:
    """Return the limits of what is suspicious and what is certain for the most unusual map of so many members.

    The limits are for three; of twenty, the embedded rain reaches 3.04 of `UNUSUAL` and .404 of `EXCHANGED`.
    """
    share = float(np.clip(0.6 * np.log10(members / 3), 0, 1))
    return suspicious + share * (certain - suspicious), certain


def check_repeats(
    name: str, ssp: str, maps: np.ndarray, known: np.ndarray, months: np.ndarray, step: Step, found: Findings
) -> None:
    """Find maps that stand still from step to step, or are flat in part, such as half a map of zeros."""
    still, again = _equal_to_before(maps, known, 1), _equal_to_before(maps, known, step.value)
    flat = (maps[..., 1:] == maps[..., :-1]).mean(axis=(2, 3))
    flat[~known] = 0
    for share, what in (
        (still, f"repeat the {step.name.lower()} before"),
        (again, "repeat the year before"),
        (flat, "are one constant"),
    ):
        excess = share - np.median(share[known])
        worst = excess.max(axis=1)
        where = span(months, worst > REPEATED[0]) if (worst > REPEATED[0]).any() else ""
        line = f"{name} of {ssp}: up to {100 * share.max():.0f} % of a map {what} in {where}; fetch the store again"
        found.judge(float(worst.max()), *REPEATED, line)


def _equal_to_before(maps: np.ndarray, known: np.ndarray, lag: int) -> np.ndarray:
    """Return the share of the cells that equal those some months before, shape (time, member)."""
    share = np.zeros(known.shape)
    share[lag:] = (maps[lag:] == maps[:-lag]).mean(axis=(2, 3))
    share[lag:][~(known[lag:] & known[:-lag])] = 0
    return share


def check_members(
    name: str,
    ssp: str,
    maps: np.ndarray,
    known: np.ndarray,
    members: np.ndarray,
    months: np.ndarray,
    step: Step,
    found: Findings,
) -> None:
    """Find members that are copies of each other, in all months or in some."""
    year = step.value
    sample = maps[:, :, :: max(1, maps.shape[2] // 12)]
    for one, other in itertools.combinations(range(len(members)), 2):
        both = known[:, one] & known[:, other]
        who = f"{name} of {ssp}: members {members[one]} and {members[other]}"
        equal = both & (sample[:, one] == sample[:, other]).all(axis=(1, 2))
        if equal.any():
            found.problems.append(f"{who} are identical in {span(months, equal)}; keep one of them")
        elif (yearly := both[year:] & both[:-year]).any():
            apart = ((sample[both, one] - sample[both, other]) ** 2).mean()
            years = ((sample[year:, one] - sample[:-year, one])[yearly] ** 2).mean()
            ratio = float(np.sqrt(apart / max(years, 1e-12)))
            line = f"{who} differ by {ratio:.2f} of what two years do; they may be one run"
            found.judge(-ratio, -TOO_ALIKE[0], -TOO_ALIKE[1], line)


def deviations(maps: np.ndarray, year: int) -> np.ndarray:
    """Return maps less the mean of those a year of so many steps before and after: weather without season and trend."""
    return maps[year:-year] - (maps[: -2 * year] + maps[2 * year :]) / 2


def check_sizes(
    name: str,
    ssp: str,
    maps: np.ndarray,
    known: np.ndarray,
    weights: np.ndarray,
    months: np.ndarray,
    step: Step,
    found: Findings,
) -> None:
    """Find months that are unlike the same month of the years around them, or years unlike those around them."""
    year = step.value
    if len(maps) < max(6 * year, FEWEST):
        return
    thin = max(1, maps.shape[2] // 24)
    rows, columns = slice(thin // 2, None, thin), slice(None, None, thin)
    size = np.sqrt(np.einsum("tmyx,tmyx,y->tm", d := deviations(maps[:, :, rows, columns], year), d, weights[rows, 0]))
    size[~(known[year:-year] & known[: -2 * year] & known[2 * year :])] = 0
    if not size.any():
        return
    ratio, limits = size.max(axis=1) / np.median(size[size > 0]), among(maps.shape[1], *UNUSUAL)
    if ratio.max() > limits[0]:
        where = months[year:-year][ratio.argmax()]
        line = (
            f"{name} of {ssp} in {where} lies {ratio.max():.1f} times as far from the years around it as is usual; "
            "a wrong or damaged map may stand there: fetch the store again"
        )
        found.judge(float(ratio.max()), *limits, line)


def coupled_sample(maps: np.ndarray) -> np.ndarray | None:
    """Return the deviations of some years and rows of one member, shape (time, lat, lon); None of a short series."""
    if len(maps) < 6 * YEAR:
        return None
    return deviations(maps[: COUPLED_YEARS * YEAR, :: max(1, maps.shape[1] // 16)], YEAR)


def _coupling(warm: np.ndarray, wet: np.ndarray, shift: int = 0, turn: int = 0) -> float:
    """Return the mean squared correlation of the cells, rain read some months earlier and turned by some cells."""
    one, other = warm[max(-shift, 0) : len(warm) - max(shift, 0)], wet[max(shift, 0) : len(wet) - max(-shift, 0)]
    product = (one * np.roll(other, -turn, axis=2)).mean(axis=0) ** 2
    size = (one**2).mean(axis=0) * np.roll((other**2).mean(axis=0), -turn, axis=1)
    return float((product / (size + 1e-12)).mean())


def check_coupling(warm: dict[str, np.ndarray], wet: dict[str, np.ndarray], found: Findings) -> None:
    """Compare the weather of tas and pr, from `coupled_sample` by scenario: it agrees in one month and cell alone."""
    for ssp in warm:
        n_lon = warm[ssp].shape[2]
        readings = {
            f"{abs(s)} months {'late' if s > 0 else 'early'}": _coupling(warm[ssp], wet[ssp], shift=s)
            for s in (*range(-6, 0), *range(1, 7))
        }
        readings["upside down (north to south)"] = _coupling(warm[ssp], wet[ssp][:, ::-1])
        readings |= {
            f"turned by {turn} of {n_lon} cells of longitude": _coupling(warm[ssp], wet[ssp], turn=turn)
            for turn in range(1, n_lon)
        }
        readings |= {f"that of {other}": _coupling(warm[ssp], wet[other]) for other in wet if other != ssp}
        own, best = max(_coupling(warm[ssp], wet[ssp]), 1e-12), max(readings, key=readings.get)
        if readings[best] > COUPLED_SEEN * np.median([*readings.values()]):
            better = readings[best] / own
            line = f"pr of {ssp} goes with tas {better:.1f} times as well if it is read as {best}; mend its labels"
            found.judge(better, *COUPLED_BETTER, line)


def tropical(maps: np.ndarray, lat: np.ndarray, step: Step) -> np.ndarray:
    """Return tropical maps without their season but with their level, shape (time, member, cell), on some cells."""
    near = maps[:, :, np.abs(lat) < TROPICS, :: max(1, maps.shape[3] // 18)]
    near = near.reshape(*near.shape[:2], -1).astype(np.float32)
    level = near.mean(axis=(0, 1))
    for month in range(step.value):
        near[month :: step.value] -= near[month :: step.value].mean(axis=(0, 1)) - level
    return near


def check_exchange(name: str, maps: dict[str, np.ndarray], months: np.ndarray, step: Step, found: Findings) -> None:
    """Find open scenarios that are copies, or months in which their difference is turned over: they changed places.

    From year to year the weather of the tropics may turn over by itself, so that of annual data copies alone are found.

    Parameters
    ----------
    maps : dict of array, shape (time, member, cell)
        From `tropical`, by scenario.
    """
    for one, other in itertools.combinations(maps, 2):
        apart = maps[one] - maps[other]
        same = (apart == 0).all(axis=2).any(axis=1)
        begun = np.flatnonzero(~same)[:1]  # a common past, such as a historical run
        if apart.shape[2] and (same[begun[0] :].any() if begun.size else True):
            found.problems.append(f"{name} of {one} and {other} is identical in {span(months, same)}; one is a copy")
            continue
        if apart.shape[2] == 0 or len(apart) < 6 * YEAR or step is Step.YEAR:
            continue
        sums = np.cumsum(np.concatenate([np.zeros_like(apart[:1]), apart], dtype=np.float64), axis=0)
        seasons = sums[SEASON:] - sums[:-SEASON]
        before, after = seasons[:-SEASON], seasons[SEASON:]
        size = np.sqrt((before**2).sum(axis=2) * (after**2).sum(axis=2))
        kept = (before * after).sum(axis=2) / np.maximum(size, 1e-12)
        usual = sliding_window_view(np.pad(kept, ((AROUND, AROUND), (0, 0)), "reflect"), 2 * AROUND + 1, axis=0)
        kept[np.median(usual, axis=2) < REMEMBERED] = 0
        limits = among(apart.shape[1], *EXCHANGED)
        turned = (kept < -limits[0]).any(axis=1)
        if turned.any():
            line = f"{name} of {one} and {other} change places in {span(months[SEASON : SEASON + len(kept)], turned)}"
            found.judge(-float(kept.min()), *limits, f"{line}; chunks of the two are exchanged: fetch the store again")
