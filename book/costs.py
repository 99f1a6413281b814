"""What the cost page says: laws fitted to the sizes that the bench `cost` has measured, and what they give beyond."""

from functools import cache

import numpy as np
import pandas as pd
from measured import markdown
from scipy.optimize import nnls

from climgru_lib.course.study import results
from climgru_lib.score.noise_limits import ROWS_COMPARED

SLICE = 24  # months, whose limits the bench takes
AXES = {"months": "months", "members": "members", "cells": "grid cells", "width": "width"}
QUANTITIES = {
    ("train", "cpu_s"): "a step of training, CPU s",
    ("train", "memory"): "training, peak MB",
    ("limits", "cpu_s"): f"noise limits of {SLICE} months, CPU s",
    ("limits", "memory"): "noise limits, peak MB",
    ("predict", "cpu_s"): "predicting all months, CPU s",
    ("predict", "memory"): "predicting, peak MB",
}
#: What a quantity is a sum of, with coefficients that are not negative; `all_rows` tells the terms.
TERMS = {
    ("train", "cpu_s"): ("one", "gflop", "pairs_mb"),
    ("train", "memory"): ("one", "data_mb", "kept_mb", "pairs_mb", "parameters_mb"),
    ("limits", "cpu_s"): ("one", "values", "pair_windows", "pair_values"),
    ("limits", "memory"): ("one", "values"),
    ("predict", "cpu_s"): ("one", "predicted_gflop", "values_of_one"),
    ("predict", "memory"): ("one", "values_of_one", "parameters_mb"),
}
NAMES = {
    "one": "whatever the size",
    "gflop": "a GFLOP of network and gradient",
    "pairs_mb": "a MB of targets in a batch",
    "data_mb": "a MB of tensors",
    "kept_mb": "a MB kept for the gradient",
    "parameters_mb": "a MB of parameters",
    "values": "a million values (months x members x cells)",
    "pair_windows": "a pair of members in the slice or a window",
    "pair_values": "a million values of pairs (pairs x months x cells, thinned in the windows)",
    "predicted_gflop": "a GFLOP of the network",
    "values_of_one": "a million months x cells",
}
#: Label, scenarios, and runs of what is planned.
PLANS = {
    "climateset": ("ClimateSet, 36 models", 5, 36),
    "fine": ("0.25 degrees, 100 members", 4, 1),
    "fine, small batches": ("the same, one run of 6 months a step", 4, 1),
}
EPOCHS = 5  # of `compact-final`


@cache
def all_rows() -> pd.DataFrame:
    """Return what the bench has left, with the terms of all laws; ``memory`` is beyond the imports, MB."""
    found = pd.read_csv(results.FOLDER / "cost.csv")
    found["cells"] = [int(np.prod([int(part) for part in grid.split("x")])) for grid in found["grid"]]
    found["batch"] = found["runs"] * found["run_length"]
    counts = found[found["task"] == "train"].drop_duplicates(["grid", "width"]).set_index(["grid", "width"])
    counts = counts.reindex(pd.MultiIndex.from_frame(found[["grid", "width"]]))
    found["parameters"] = counts["parameters"].values
    found["predicted_gflop"] = (
        found["months"] * (counts["gflop"] / counts["batch"]).values / 3
    )  # two are the gradient's
    found["memory"] = found["peak_mb"] - found["imports_mb"]
    found["one"], found["parameters_mb"] = 1.0, 4 * found["parameters"]
    found["values_of_one"] = found["months"] * found["cells"] / 1e6
    found["values"] = found["values_of_one"] * found["members"]
    pairs, windows = found["members"] * (found["members"] - 1) / 2, found["months"] // SLICE
    thinned = [max(1, int(grid.split("x")[0]) // ROWS_COMPARED) ** 2 for grid in found["grid"]]
    found["pair_windows"] = pairs * (1 + windows)
    found["pair_values"] = pairs * SLICE * found["cells"] * (1 + windows / thinned) / 1e6
    return found


def _measured(task: str) -> pd.DataFrame:
    found = all_rows()
    return found[(found["task"] == task) & found["cpu_s"].notna()]


@cache
def law(task: str, quantity: str) -> tuple[pd.Series, float]:
    """Return the coefficients of `TERMS`, fitted in relative terms, and the largest share by which a size is off."""
    rows, terms = _measured(task), [*TERMS[task, quantity]]
    scaled = rows[terms].values / rows[[quantity]].values
    coefficients, _ = nnls(scaled, np.ones(len(rows)))
    return pd.Series(coefficients, terms), float(np.abs(scaled @ coefficients - 1).max())


def exponent(task: str, quantity: str, axis: str) -> tuple[float, float] | None:
    """Return the power of an axis by least squares in logarithms, and the largest factor by which a size is off."""
    rows = _measured(task)
    rows = rows[rows["axis"].isin(["base", axis.replace("cells", "grid")])]
    if rows[axis].nunique() < 3:
        return None
    x, y = np.log(rows[axis].values), np.log(rows[quantity].values)
    fit = np.polyfit(x, y, 1)
    return float(fit[0]), float(np.exp(np.abs(np.polyval(fit, x) - y).max()))


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}".replace(",", " ")


def measured_sizes(task: str) -> str:
    """Return the table of what a task took at each size, the base first."""
    lines = []
    for _, row in _measured(task).iterrows():
        axis = row["axis"]
        size = "the base" if axis == "base" else f"{axis} {row[axis]}"
        lines.append([size, *(_short(row[name]) for name in ("cpu_s", "wall_s", "peak_mb", "memory"))])
    return markdown(["size", "CPU s", "wall s", "peak MB", "beyond the imports"], lines)


def exponents() -> str:
    """Return the table of all exponents, with the factor by which the worst size is off."""
    lines = []
    for (task, quantity), label in QUANTITIES.items():
        found = [exponent(task, quantity, axis) for axis in AXES]
        lines.append([label, *("" if one is None else f"{one[0]:.2f} (x {one[1]:.2f})" for one in found)])
    return markdown(["", *AXES.values()], lines)


def laws() -> str:
    """Return the table of the laws: what each unit adds, and how far the worst size is off."""
    lines = []
    for (task, quantity), label in QUANTITIES.items():
        coefficients, worst = law(task, quantity)
        told = "; ".join(f"{_short(value)} for {NAMES[term]}" for term, value in coefficients.items() if value > 0)
        lines.append([label, told, f"{100 * worst:.0f} %"])
    return markdown(["", "adds up", "worst size off by"], lines)


def beyond(plan: str, task: str, quantity: str) -> float:
    """Return what a law gives for one scenario of one run of a plan."""
    return float(law(task, quantity)[0] @ _row(plan)[[*TERMS[task, quantity]]].astype(float))


def _row(plan: str) -> pd.Series:
    rows = all_rows()
    return rows[rows["axis"] == plan].iloc[0]


def memory_of_training(plan: str) -> dict[str, float]:
    """Return the parts of the memory of one run of a plan, GB: all scenarios as tensors, then what a step adds."""
    coefficients, row = law("train", "memory")[0], _row(plan)
    parts = {
        "the data as tensors": PLANS[plan][1] * row["data_mb"],
        "what the gradient needs": coefficients["kept_mb"] * row["kept_mb"],
        "targets of a batch, in the loss": coefficients["pairs_mb"] * row["pairs_mb"],
        "parameters, gradient, optimiser": coefficients["parameters_mb"] * row["parameters_mb"],
    }
    return {part: size / 1e3 for part, size in parts.items()}


def largest(plan: str) -> str:
    """Return the largest part of the memory of training a plan, with its size."""
    parts = memory_of_training(plan)
    part = max(parts, key=parts.get)
    return f"{part} ({_short(parts[part])} GB)"


def of_a_step(plan: str) -> str:
    """Return the memory of training a plan less the data, GB."""
    _, *parts = memory_of_training(plan).values()
    return _short(sum(parts))


def duration(plan: str, what: str) -> str:
    """Return `hours` as text."""
    return _short(hours(plan, what))


def hours(plan: str, what: str) -> float:
    """Return the hours of one core that all runs of a plan take: to train, score (``limits``) or predict."""
    _, scenarios, runs = PLANS[plan]
    steps = EPOCHS * _row(plan)["months"] / _row(plan)["batch"] if what == "train" else 1
    return runs * scenarios * steps * beyond(plan, what, "cpu_s") / 3600


def plans() -> str:
    """Return the table of what the laws give for the plans."""
    lines = [["runs x scenarios x months x members", *(_size(plan) for plan in PLANS)]]
    lines.append(["grid", *(_row(plan)["grid"] for plan in PLANS)])
    lines.append(["million parameters", *(_short(_row(plan)["parameters"]) for plan in PLANS)])
    parts = {plan: memory_of_training(plan) for plan in PLANS}
    for part in parts["fine"]:
        lines.append([f"GB: {part}", *(_short(parts[plan][part]) for plan in PLANS)])
    lines.append(["CPU s: a step of training", *(_short(beyond(plan, "train", "cpu_s")) for plan in PLANS)])
    told = {"train": f"training, {EPOCHS} epochs", "limits": f"noise limits of {SLICE} months", "predict": "predicting"}
    for what, label in told.items():
        lines.append([f"hours of one core: {label}", *(duration(plan, what) for plan in PLANS)])
    return markdown(["", *(label for label, _, _ in PLANS.values())], lines)


def _size(plan: str) -> str:
    row, (_, scenarios, runs) = _row(plan), PLANS[plan]
    return f"{runs} x {scenarios} x {row['months']} x {row['members']}"
