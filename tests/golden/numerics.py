"""Scores of short trainings of every kind of model on the small data set of the tests, which `NUMERICS` stands for.

    python tests/golden/numerics.py

writes ``numerics.json``. If `tests/integration/test_numerics.py` says that they have changed and they were meant to,
raise `runs.NUMERICS` first: runs of the old number are then other runs.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import make_raw

from climgru_lib.contract import standardise
from climgru_lib.data import tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.score.evaluation import evaluate
from climgru_lib.score.tables import COLUMNS
from climgru_lib.training import recipes, runs
from climgru_lib.training.fit import train

GOLDEN = Path(__file__).with_name("numerics.json")
SPLIT = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24),))
SIZES = {
    "published-first": {"widths": [4, 4]},
    "published-final": {"width": 4, "hidden": 8, "head": 16},
    "compact-first": {"widths": [4, 4]},
    "compact-final": {"width": 4, "hidden": 8, "head": 16},
    "compact": {"width": 4, "modes": 5},
}


def outputs() -> dict[str, dict[str, float]]:
    """Train each recipe for two epochs at most, in a small size, and return its metrics."""
    torch.set_num_threads(1)
    raw, found = standardise(make_raw()), {}
    with tempfile.TemporaryDirectory() as folder:
        for name in recipes.RECIPES:
            recipe = recipes.named(name)
            if recipe.is_network:
                recipe = replace(recipe, architecture=recipe.architecture | SIZES[name], epochs=2, cosine_epochs=2)
            data = tensors.prepare(raw, recipe.season, SPLIT)
            run_dir = train(recipe, data, Path(folder) / name, device="cpu", progress=False)
            scores = evaluate(run_dir, data)[0]["avg"]
            found[name] = {key: round(scores[key], 6) for key in COLUMNS}
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({"numerics": runs.NUMERICS, "scores": outputs()}, indent=1) + "\n")
