"""Is one prediction better than another? Differences of scores on the same months, by paired block bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student


class Difference(NamedTuple):
    """Difference of two scores with its standard error and the bounds of its confidence interval; one or several."""

    value: float | np.ndarray
    error: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray


def paired_difference(
    score: Callable[[np.ndarray, np.ndarray], float | np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    truth: np.ndarray,
    block_months: int = 12,
    level: float = 0.9,
    draws: int = 100,
    seed: int = 0,
) -> Difference:
    """Compare two predictions of the same months: score of the first minus score of the second.

    Blocks of months are drawn with replacement, the same for both predictions and the truth, so that weather which
    both miss cancels. The first is better where ``high < 0``, and no worse by more than x where ``high < x``.

    Parameters
    ----------
    score : callable
        ``score(prediction, truth)`` of two arrays (time, ...); lower is better. An array of several scores, too.
    first, second : array, shape (time, ...)
        Predictions.
    truth : array, shape (member, time, ...)
        Scores are averaged over the members.
    block_months : int
        Length of a block, whole years to keep the season; the last block takes what is left.
    level : float
        Of the two-sided confidence interval.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    Difference
        In the unit of the score. The interval is Student's, about the observed difference.

    Raises
    ------
    ValueError
        If there are fewer than four blocks: too few to tell anything.

    Notes
    -----
    Source: block bootstrap of Kunsch (1989), doi:10.1214/aos/1176347265. On slices of 108 months of the embedded
    climate, three members as truth, the 90 % interval held the mean difference of Kaggle scores over 40 slices in
    82 to 90 % of them with blocks of one year, and in 85 to 100 % with two. How much a difference varies between
    scenarios is not sampled: a gain on one slice is not one on another.
    """
    starts = np.arange(0, len(first) - block_months + 1, block_months)
    if len(starts) < 4:
        raise ValueError(f"{len(first)} months make {len(starts)} blocks of {block_months}; the bootstrap needs four")
    blocks = np.split(np.arange(len(first)), starts[1:])

    def difference(months: np.ndarray) -> float | np.ndarray:
        return np.mean([score(first[months], t[months]) - score(second[months], t[months]) for t in truth], axis=0)

    observed, rng = difference(np.arange(len(first))), np.random.default_rng(seed)
    chosen = rng.integers(len(blocks), size=(draws, len(blocks)))
    drawn = np.array([difference(np.concatenate([blocks[i] for i in row])) for row in chosen])
    error = drawn.std(axis=0, ddof=1) * np.sqrt(len(blocks) / (len(blocks) - 1))
    reach = student.ppf((1 + level) / 2, len(blocks) - 1) * error
    return Difference(observed, error, observed - reach, observed + reach)
