"""Tables and curves of a study: means and spread over seeds, paired differences, published marks, noise limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import t as student

from ...score.tables import COLUMNS, HEADINGS, columns, headings, scored_targets
from ...training import files
from .plan import Study

LEVEL = 0.9  # of the two-sided intervals
PAIRED = ("pairs", "difference", "+-", "low", "high")


def write(folder: Path, study: Study, rows: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Write ``table.csv``, with pairs ``differences.csv`` and ``verdicts.json``, with curves ``curves.png``.

    Returns
    -------
    DataFrame
        The table.
    """
    table = study.table(rows) if study.table else summary(rows, study.published)
    files.write_atomically(folder / "table.csv", table.to_csv)
    if study.against:
        found = differences(rows, study.against)
        files.write_atomically(folder / "differences.csv", found.to_csv)
        files.write_json(folder / "verdicts.json", {"question": study.question, "score": verdicts(found)})
    if len(curves):
        first = curves["split"].iloc[0]
        figure = plot_curves(curves[curves["split"] == first], study.published, rows[rows["split"] == first])
        files.write_atomically(folder / "curves.png", lambda path: figure.savefig(path, format="png"))
    return table


def summary(rows: pd.DataFrame, published: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Put the labels of a study side by side.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`; the first scored slice of each split is shown.
    published : mapping of str to sequence of float
        See `plan.Study`.

    Returns
    -------
    DataFrame
        By split and label: the number of seeds, mean metrics [K, mm/day] and score, below each its standard deviation
        over seeds, the published value where there is one (another slice and truth, leaky) and, last, the noise limit
        of the score for a perfect forced response.
    """
    table, metrics = {}, columns(scored_targets(rows))
    for (split, label), group in rows[rows["slice"] == 0].groupby(["split", "label"], sort=False):
        table[split, label] = {"seeds": len(group), **group[metrics].mean()}
        if len(group) > 1:
            table[split, f"{label}, sd"] = {"seeds": len(group), **group[metrics].std()}
        if label in published:
            table[split, f"{label}, published"] = {"seeds": 1, **dict(zip(COLUMNS, published[label]))}
    if "limit: forced" in rows:
        for split, group in rows[rows["slice"] == 0].groupby("split", sort=False):
            table[split, "limit: forced"] = {"seeds": np.nan, "score": group["limit: forced"].iloc[0]}
    frame = pd.DataFrame.from_dict(table, orient="index", columns=["seeds", *metrics])
    frame.index.names = ["split", "label"]
    return frame.sort_index(level="split", sort_remaining=False, kind="stable")


def told(rows: pd.DataFrame, against: Mapping[str, str] | None = None, digits: int = 3) -> pd.DataFrame:
    """Put one slice of a study into words.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`, of one split and slice.
    against : mapping of str to str, optional
        Label to the label that it is compared with.
    digits : int

    Returns
    -------
    DataFrame of str
        By label: the number of seeds and each metric as ``mean ± standard deviation`` over them; then, by
        ``label less label``, mean difference seed by seed ``± standard error``.
    """
    metrics, table = columns(scored_targets(rows)), {}

    def words(mean: float, error: float, sign: str = "") -> str:
        return f"{mean:{sign}.{digits}f}" + (f" ± {error:.{digits}f}" if np.isfinite(error) else "")

    for label, group in rows.groupby("label", sort=False):
        values = {column: words(group[column].mean(), group[column].std()) for column in metrics}
        table[label] = {"seeds": str(len(group))} | values
    paired = differences(rows, against or {})
    for (label, less), group in paired.groupby(["label", "less"], sort=False):
        values = {row["metric"]: words(row["difference"], row["+-"], "+") for row in group.to_dict("records")}
        table[f"{label} less {less}"] = {"seeds": str(group["pairs"].iloc[0])} | values
    return pd.DataFrame.from_dict(table, orient="index").rename(columns=HEADINGS)


def differences(rows: pd.DataFrame, against: Mapping[str, str]) -> pd.DataFrame:
    """Compare labels seed by seed, on every scored slice.

    Parameters
    ----------
    rows : DataFrame
        From `runner.collect`.
    against : mapping of str to str
        Label to the label that it is compared with.

    Returns
    -------
    DataFrame
        By label, reference, slice and metric: number of pairs, mean difference (label less reference: negative where
        the label is better), its standard error ``+-``, and the bounds ``low`` and ``high`` of the 90 % interval of
        Student's t over the seeds. It tells the chance of seeds alone, not of the weather in the slice.
    """
    found, metrics = [], columns(scored_targets(rows))
    for label, reference in against.items():
        keys = ["split", "ssp", "months", "seed"]
        pairs = [rows[rows["label"] == name].set_index(keys)[metrics] for name in (label, reference)]
        paired = (pairs[0] - pairs[1]).dropna()
        for (split, ssp, months), group in paired.groupby(["split", "ssp", "months"], sort=False):
            for metric, values in group.items():
                where = {"label": label, "less": reference, "split": split, "ssp": ssp, "months": months}
                found.append(where | {"metric": metric} | _interval(values.to_numpy()))
    return pd.DataFrame(found, columns=["label", "less", "split", "ssp", "months", "metric", *PAIRED])


def verdicts(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Say of each pair of `differences` whether the score is better, worse, within noise, or has one seed alone."""

    def verdict(row: dict[str, Any]) -> str:
        if np.isnan(row["low"]):
            return "one seed: no verdict"
        return "better" if row["high"] < 0 else "worse" if row["low"] > 0 else "within noise"

    scores = found[found["metric"] == "score"].drop(columns="metric").to_dict("records")
    return [
        {key: None if value != value else value for key, value in row.items()} | {"verdict": verdict(row)}
        for row in scores
    ]


def _interval(values: np.ndarray) -> dict[str, float]:
    count, mean = len(values), float(values.mean())
    if count < 2:
        return dict(zip(PAIRED, (count, mean, np.nan, np.nan, np.nan)))
    error = float(values.std(ddof=1) / np.sqrt(count))
    reach = student.ppf((1 + LEVEL) / 2, count - 1) * error
    return dict(zip(PAIRED, (count, mean, error, mean - reach, mean + reach)))


def plot_curves(
    curves: pd.DataFrame, published: Mapping[str, Sequence[float]], rows: pd.DataFrame | None = None
) -> Figure:
    """Draw the metrics against steps: a line for each label, the range of its seeds, published values as marks.

    Parameters
    ----------
    curves : DataFrame
        From `runner.collect`, of one split.
    published : mapping of str to sequence of float
        See `plan.Study`; marks of other slices, truths and lengths of training.
    rows : DataFrame, optional
        From `runner.collect`; what has no curve (a closed-form fit) becomes a thin line.
    """
    targets = scored_targets(curves)
    size = (11, 2.8 * len(targets))
    figure, axes = plt.subplots(len(targets), 3, figsize=size, sharex=True, squeeze=False, layout="constrained")
    styles = ["-", "--", "-.", ":"]
    labels = list(dict.fromkeys(curves["label"]))
    for axis, (column, heading) in zip(axes.flat, headings(targets).items()):
        for number, label in enumerate(labels):
            by_step = curves[curves["label"] == label].groupby("step")[column]
            (line,) = axis.plot(by_step.mean(), styles[number % 4], label=label)
            axis.fill_between(by_step.min().index, by_step.min(), by_step.max(), color=line.get_color(), alpha=0.15)
            if label in published and column in COLUMNS:
                mark = published[label][COLUMNS.index(column)]
                axis.plot(1.0, mark, ">", color=line.get_color(), transform=axis.get_yaxis_transform(), clip_on=False)
        if rows is not None:
            fits = rows[~rows["label"].isin(labels) & (rows["slice"] == 0)].groupby("label", sort=False)[column].mean()
            for (label, value), style in zip(fits.items(), cycle(styles)):
                axis.axhline(value, color="0.4", linewidth=0.8, linestyle=style, label=label)
        axis.set_title(heading, fontsize=9)
        axis.set_yscale("log")
        ticks = _ticks(*axis.get_ylim())
        axis.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axis.minorticks_off()
    for axis in axes[-1]:
        axis.set_xlabel("optimiser steps")
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))
    plt.close(figure)
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """Return round values in a range, evenly spaced on a logarithmic axis if it is wide."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 1.2, 1.5, 2, 3, 5, 7)]
    inside = [tick for tick in ticks if low <= tick <= high]
    return (
        inside if len(inside) > 2 else [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    )
