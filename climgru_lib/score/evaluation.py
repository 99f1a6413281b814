"""Scores of a run beside its noise limits, on the slices of a split."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..contract import InputError
from ..data import splits
from ..data.normalizer import denormalise
from ..data.splits import Split
from ..data.tensors import EmulationData
from ..predict.emulator import Emulator
from ..predict.output import write_prediction
from ..training import files, runs
from . import noise_limits
from .metrics import all_metrics, mean_scores, with_score

_KNOWN_LIMITS: dict[tuple, tuple] = {}
MOST_LIMITS = 64  # slices whose limits are kept, the latest


class Diverged(InputError):
    """The maps of a trained model are not finite."""


def evaluate(
    run_dir: str | Path, data: EmulationData, split: Split | None = None, emulator: Emulator | None = None
) -> list[dict[str, Any]]:
    """Score a run on the slices of a split against each member, and store the scores in ``metrics.json``.

    Where they cannot be stored, as in a folder that may only be read, stderr says so.

    Parameters
    ----------
    run_dir : str or Path
        A finished run.
    data : EmulationData
        Normalised by the run's normaliser (`Emulator.load`, or the data it was trained with).
    split : Split, optional
        The run's own by default; another only if none of its scored months was trained on.
    emulator : Emulator, optional
        The run, if it is open already.

    Returns
    -------
    list of dict
        One entry per slice: ``ssp``, ``months`` (first and last), ``leaky``, and for ``avg`` (mean over the
        members as truth) and ``m0`` (first member) the metrics of `metrics.all_metrics` by variable and ``score``;
        ``limits`` and ``limit_errors`` hold the noise limits and their standard errors, see `noise_limits`, or None.

    Raises
    ------
    InputError
        If a scored month was trained on, or its target is withheld; `Diverged` if the prediction is not finite.
    """
    emulator = emulator or Emulator.open(run_dir)
    split = (split or own_split(emulator, data)).on(data.step)
    slices = split.scored_months(len(data.months), emulator.recipe.window, emulator.recipe.lead)
    overlaps = [overlap(emulator, data, split, ssp, months) for ssp, months in slices]
    spans = {ssp: _span([months for name, months in slices if name == ssp]) for ssp, _ in slices}
    predictions = {ssp: emulator.fields(data.scenarios[ssp], data, span) for ssp, span in spans.items()}
    results = []
    for (ssp, months), leaky in zip(slices, overlaps):
        chosen = predictions[ssp][months.start - spans[ssp].start : months.stop - spans[ssp].start]
        results.append({**score_slice(chosen, data, ssp, months), "leaky": leaky})
    ssp, span = max(spans.items(), key=lambda item: len(item[1]))
    with said_if_not_stored():
        _store(Path(run_dir), f"{split.name} {data.fingerprint}", results)
        with runs.locked(Path(run_dir)):
            write_prediction(emulator.dress(predictions[ssp], data, ssp, span.start), Path(run_dir) / runs.PREDICTIONS)
    return results


def own_split(emulator: Emulator, data: EmulationData) -> Split:
    """Return the split that a run was trained on: that of the data, if they were prepared with it, or a preset."""
    own = emulator.run["split"]
    return data.split if data.split and data.split.name == own else splits.named(own)


@contextmanager
def said_if_not_stored() -> Iterator[None]:
    """Say on stderr that scores cannot be stored, as in a folder that may only be read, and go on."""
    try:
        yield
    except (OSError, InputError) as error:
        print(f"the scores are not stored: {error}", file=sys.stderr)


def _store(run_dir: Path, key: str, results: list[dict[str, Any]]) -> None:
    """Add scores to ``metrics.json``, and write all that are there as the tidy ``scores.csv``."""
    known = runs.add_scores(run_dir, key, results)
    rows = [
        {"key": name, "ssp": one["ssp"], "first": one["months"][0], "last": one["months"][1], "leaky": one["leaky"]}
        | {"against": against, "variable": variable, "metric": metric, "value": value}
        for name, slices in known.items()
        if isinstance(slices, list)
        for one in slices
        if isinstance(one, dict) and "avg" in one
        for against, values in _compared(one)
        for variable, metric, value in values
    ]
    with runs.locked(run_dir):
        files.write_atomically(run_dir / runs.TIDY_SCORES, lambda path: pd.DataFrame(rows).to_csv(path, index=False))


def _compared(one: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    """Yield what a slice was scored against (members, first member, limits) with variable, metric and value."""
    limits = {f"limit: {kind}": values for kind, values in (one["limits"] or {}).items()}
    for against, values in {"avg": one["avg"], "m0": one["m0"], **limits}.items():
        named = {name: name.split("_", 1) if "_" in name else ("", name) for name in values or ()}
        yield against, [(*parts, values[name]) for name, parts in named.items()]


def _span(slices: list[range]) -> range:
    """Return the months from the first to the last of some slices."""
    return range(min(months.start for months in slices), max(months.stop for months in slices))


def overlap(emulator: Emulator, data: EmulationData, split: Split, ssp: str, months: range) -> bool:
    """Tell whether scored months were trained on; refuse that but for a `published` run on its own slice."""
    if ssp not in data.scenarios:
        raise InputError(f"split {split.name} scores {ssp}; the data set has {', '.join(data.scenarios)}")
    data.require_scored(ssp, months)
    shared = sorted(set(emulator.run["trained"].get(ssp, ())) & set(data.months[months]))
    if shared and not split.name == emulator.run["split"] == "published":
        raise InputError(
            f"{ssp} {shared[0]} .. {shared[-1]} would be scored, but the run was trained on it; choose another --split"
        )
    return bool(shared)


def score_slice(fields: np.ndarray, data: EmulationData, ssp: str, months: range) -> dict[str, Any]:
    """Score fields against each member in turn.

    Parameters
    ----------
    fields : array, shape (month, target, lat, lon), in the units of the contract
    data : EmulationData
        Normalised.
    ssp : str
    months : range
        Indices of the months of ``fields``.

    Returns
    -------
    dict
        An entry of `evaluate`, less ``leaky``.
    """
    if not np.isfinite(fields).all():
        raise Diverged(f"the prediction of {ssp} is not finite; the training has diverged: train it again")
    members = denormalise(data.scenarios[ssp].targets, data.normalizer)
    change = noise_limits.global_change(members, months, data.lat, data.step)
    truth = members[:, months]
    mean = truth.mean(axis=0, dtype=float)
    by_member = [
        with_score(
            {
                var: all_metrics(fields[:, i], member[:, i], mean[:, i], change[i], data.lat, data.step)
                for i, var in enumerate(data.targets)
            }
        )
        for member in truth
    ]
    limits, errors = _limits(members, data, ssp, months)
    return {
        "ssp": ssp,
        "months": [data.months[months[0]], data.months[months[-1]]],
        "avg": mean_scores(by_member),
        "m0": by_member[0],
        "limits": limits,
        "limit_errors": errors,
    }


def _limits(members: np.ndarray, data: EmulationData, ssp: str, months: range) -> tuple[dict | None, dict | None]:
    """Return noise limits of a slice and their errors, computed once for one data set, from unbroken months alone."""
    key = (data.fingerprint, ssp, months)
    if key not in _KNOWN_LIMITS:
        lost = np.flatnonzero(data.scenarios[ssp].withheld.any(axis=0))
        start = max(lost[lost < months.start] + 1, default=0)
        stop = min(lost[lost >= months.stop], default=len(data.months))
        moved = range(months.start - start, months.stop - start)
        arguments = (members[:, start:stop], moved, data.calendar_month[start:stop], data.lat, data.targets, data.step)
        if len(_KNOWN_LIMITS) >= MOST_LIMITS:
            del _KNOWN_LIMITS[next(iter(_KNOWN_LIMITS))]
        found = noise_limits.limits(*arguments)
        _KNOWN_LIMITS[key] = found, noise_limits.limit_errors(*arguments, found)
    return _KNOWN_LIMITS[key]
