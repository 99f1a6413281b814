"""Print the table of outcomes, some 400 mutations by default: ``python -m tests.robustness [COUNT] [--csv FILE]``."""

import argparse
from collections import Counter

import numpy as np
import pandas as pd

from . import good, measure, mutations

SEED = 1
WRONG = {"bad": "accepted", "good": "refused"}


def table(count: int) -> pd.DataFrame:
    """Return by kind of data how many were tried, refused, warned of, accepted, and how many of these are wrong.

    Half as many good data sets are tried as bad ones of known kinds, and a quarter as many of kinds held back.
    """
    rng = np.random.default_rng(SEED)
    base = good.embedded(rng, shape=(16, 24))
    rows = {}
    for title, kinds, tried in (
        ("known kinds", mutations.KINDS, count),
        ("kinds held back", mutations.HELD_BACK, count // 4),
    ):
        counts = measure.bad(base, kinds, tried, SEED)
        for name, outcomes in [*counts.items(), (title, sum(counts.values(), Counter()))]:
            rows[name] = outcomes, "bad"
    found = measure.good(good.variants(base, rng), count // 2)
    rows["good data sets"] = Counter(outcome for _, outcome, _ in found), "good"
    told = {
        kind: {"tried": outcomes.total(), **{name: outcomes[name] for name in ("refused", "warned", "accepted")}}
        | {"wrong": outcomes[WRONG[sort]]}
        for kind, (outcomes, sort) in rows.items()
    }
    return pd.DataFrame(told).T.rename_axis("kind")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=400)
    parser.add_argument("--csv")
    args = parser.parse_args()
    made = table(args.count)
    print(made.to_string())
    if args.csv:
        made.to_csv(args.csv)
