"""Trying many data sets, good and bad, and counting what became of them."""

from collections import Counter, defaultdict

import numpy as np

from climgru_lib import contract
from climgru_lib.contract import DataError
from climgru_lib.data import plausibility


def outcome(raw) -> tuple[str, list[str]]:
    """Return ``refused``, ``warned`` or ``accepted`` and the lines; what raises anything else is a defect."""
    try:
        dataset = contract.standardise(raw)
        problems = contract.check_time(dataset) + contract.check_units(dataset)
        if problems:
            return "refused", problems
        found = plausibility.check(dataset)
    except DataError as error:
        return "refused", [str(error)]
    if found.problems:
        return "refused", found.problems
    return ("warned", found.suspicions) if found.suspicions else ("accepted", [])


def bad(base, kinds, count, seed) -> dict[str, Counter]:
    """Count outcomes by kind over ``count`` mutations in all."""
    counts = defaultdict(Counter)
    for k in range(count):
        kind, rng = kinds[k % len(kinds)], np.random.default_rng([seed, k])
        counts[kind.__name__][outcome(kind(base, rng))[0]] += 1
    return counts


def good(variants, count) -> list[tuple[str, str, list[str]]]:
    """Return name, outcome and lines of some good variants."""
    return [(name, *outcome(data)) for name, data in (next(variants) for _ in range(count))]
