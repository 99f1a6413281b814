"""How much of the spread in score each choice explains, from the kept results of all studies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import results

#: What a study varies; the labels of a study are its levels.
CHOICES = {
    "season": "features",
    "window": "features",
    "dice": "loss",
    "tas-loss": "loss",
    "loss-weights": "loss",
    "encoder": "architecture",
    "core": "architecture",
    "head": "architecture",
    "size": "architecture",
    "first-final": "architecture",
    "calm-start": "training",
    "first-start": "training",
}
#: Labels of studies of features that differ in their training instead: `season`, and the strides of `window`.
OF_TRAINING = r"(?:one epoch|published start|stride \d+)$"


def by_choice() -> pd.DataFrame:
    """Return the spread of the score in each study that has kept results.

    Returns
    -------
    DataFrame
        By choice and study: see `of_study`.
    """
    found = {(CHOICES[name], name): of_study(_levels(name)) for name in results.known() if name in CHOICES}
    table = pd.DataFrame(found).T.rename_axis(["choice", "study"])
    return table.sort_index(level="choice", sort_remaining=False, kind="stable")


def _levels(name: str) -> pd.DataFrame:
    rows = results.rows(name)
    return rows[~rows["label"].str.contains(OF_TRAINING)] if CHOICES[name] == "features" else rows


def of_study(rows: pd.DataFrame) -> dict[str, float]:
    """Split the variance of the score into that between labels and that over seeds.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`; the first slice of the first split counts, and labels with two seeds or more.

    Returns
    -------
    dict
        ``labels``: how many; ``best`` and ``worst`` mean score; ``best_sd``: standard deviation over the seeds of the
        best; ``between``: standard deviation between the labels,
        less what the seeds alone would give (the method of moments of a one-way random-effects model); ``seeds``:
        that over the seeds of a label; ``share``: of the variance, that between.
    """
    rows = rows[(rows["slice"] == 0) & (rows["split"] == rows["split"].iloc[0])]
    by_label = rows.groupby("label")["score"].agg(["mean", "var", "count"])
    by_label = by_label[by_label["count"] > 1]
    within = float(by_label["var"].mean())
    chance = float((by_label["var"] / by_label["count"]).mean())
    between = max(0.0, float(by_label["mean"].var()) - chance)
    return {
        "labels": len(by_label),
        "best": float(by_label["mean"].min()),
        "best_sd": float(np.sqrt(by_label["var"][by_label["mean"].idxmin()])),
        "worst": float(by_label["mean"].max()),
        "between": float(np.sqrt(between)),
        "seeds": float(np.sqrt(within)),
        "share": between / (between + within) if between + within else float("nan"),
    }
