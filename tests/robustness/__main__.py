"""Print the table of outcomes: ``python -m robustness [COUNT]`` from ``tests/``, some 400 mutations by default."""

import sys
from collections import Counter

import numpy as np

from . import good, measure, mutations

SEED = 1


def main(count: int) -> None:
    rng = np.random.default_rng(SEED)
    base = good.embedded(rng, shape=(16, 24))
    print(f"{'kind':32} tried refused  told  wrong")
    for title, kinds in (("known kinds", mutations.KINDS), ("kinds held back", mutations.HELD_BACK)):
        counts = measure.bad(base, kinds, count if title == "known kinds" else count // 4, SEED)
        for name, row in [*counts.items(), (title, sum(counts.values(), Counter()))]:
            print(f"{name:32} {row.total():5} {row['refused']:7} {row['warned']:5} {row['accepted']:6}")
    outcomes = measure.good(good.variants(base, rng), count // 2)
    row = Counter(outcome for _, outcome, _ in outcomes)
    print(f"{'good data sets':32} {len(outcomes):5}: {row['accepted']} accepted, {row['warned']} warned of, "
          f"{row['refused']} refused (wrong)")  # fmt: skip


main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
