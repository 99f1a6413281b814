"""A search over the settings of `compact-final`, where the published entry set them by hand.

Candidates are drawn by Optuna (tree-structured Parzen estimator, Bergstra et al. 2011) and scored on the split
`decades`, which does not look at the slice of `clean`; only the winner is trained there, beside the recipe as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...training.recipe import Recipe
from ...training.settings import with_settings
from ..workbook import Workbook
from . import runner
from .plan import OwnRun, Study, Trial
from .worker import Outcome, outcomes

BASE, WINNER, AS_IT_IS = "compact-final", "winner", "as it is"
CANDIDATES = {"quick": 3, "full": 40}
SEEDS = {"quick": 1, "full": 3}


def suggested(candidate: Any) -> dict[str, Any]:
    """Draw the settings of a candidate, an `optuna.Trial`; the number of epochs is left as it is."""
    return {
        "learning_rate": candidate.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
        "warmup": candidate.suggest_int("warmup", 0, 40),
        "runs": candidate.suggest_categorical("runs", [1, 2, 3]),
        "run_length": candidate.suggest_categorical("run_length", [11, 16, 24, 36]),
        "weight_decay": candidate.suggest_float("weight_decay", 1e-3, 1.0, log=True),
        "architecture.dropout": candidate.suggest_float("dropout", 0.0, 0.3),
        "architecture.hidden": candidate.suggest_categorical("hidden", [48, 96, 144]),
        "loss.pr_dice": candidate.suggest_float("pr_dice", 0.0, 1.0),
    }


def changed(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """Return a recipe with the settings of a candidate; the squared error has what Dice leaves of the loss."""
    settings = settings | {"loss.pr_mse": 1 - settings["loss.pr_dice"]}
    return with_settings(recipe, [f"{name}={value!r}" for name, value in settings.items()])


def run(
    data_path: str = "embedded",
    profile: str | None = None,
    out_dir: str = "",
    seeds: int | None = None,
    device: str = "auto",
    workers: int | str = 1,
) -> pd.DataFrame:
    """Search, then train the winner beside the recipe as it is; candidates that are known are not trained again.

    See `runner.run` for the arguments. The candidates are kept in ``candidates.db``, an SQLite file of Optuna's, in
    the study's folder.

    Returns
    -------
    DataFrame
        Of the winner and the recipe as it is, on the split `clean`.
    """
    book = Workbook("study-search", data_path, profile or "quick", 0, out_dir)
    best = changed(book.recipe(BASE), search(book, device, workers))

    def plan(book: Workbook, seeds: Sequence[int]) -> Iterator[Trial]:
        for label, recipe in ((AS_IT_IS, book.recipe(BASE)), (WINNER, best)):
            for seed in seeds:
                yield Trial(label, recipe, "clean", seed)

    study = Study(STUDY.question, plan, SEEDS, against={WINNER: AS_IT_IS})
    return runner.run("search", study, data_path, profile, out_dir, seeds, device, workers)


def search(book: Workbook, device: str, workers: int | str) -> dict[str, Any]:
    """Return the settings with the best mean score over the slices of `decades`, seed 0."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = f"sqlite:///{book.folder / 'candidates.db'}"
    name = f"{book.profile} {book.prepare().fingerprint}"
    sampler = optuna.samplers.TPESampler(seed=0)
    known = optuna.create_study(study_name=name, storage=storage, sampler=sampler, load_if_exists=True)
    for broken in known.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        known.enqueue_trial(broken.params)
        known.tell(broken.number, state=optuna.trial.TrialState.FAIL)
    done = known.get_trials(states=[optuna.trial.TrialState.COMPLETE])

    def objective(candidate: optuna.Trial) -> float:
        recipe = changed(book.recipe(BASE), suggested(candidate))
        (found,) = outcomes(book, [Trial("candidate", recipe, "decades", 0)], device, workers)
        if not isinstance(found, Outcome):
            raise found
        candidate.set_user_attr("run", found.run_dir.name)
        return float(np.mean([row["score"] for row in found.rows]))

    known.optimize(objective, max(0, CANDIDATES[book.profile] - len(done)))
    known.trials_dataframe().to_csv(book.folder / "candidates.csv", index=False)
    return suggested(optuna.trial.FixedTrial(known.best_params))


STUDY = OwnRun("Are there better settings than those set by hand?", run, ("workers",))
