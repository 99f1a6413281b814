"""Which of two runs is better on the slices that both were scored on, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from . import comparison
from .cf import open_prediction
from .contract import TARGETS, InputError, month_labels
from .metrics import score_fields
from .series import EmulationData, denormalise


def differences(
    run_dir: str | Path, other_dir: str | Path, scores: Sequence[dict[str, Any]], data: EmulationData
) -> pd.DataFrame:
    """Compare the scores of two evaluated runs by paired block bootstrap.

    Parameters
    ----------
    run_dir, other_dir : str or Path
        Runs that `emulate.evaluate` has scored on the same split; the fields come from their ``predictions.nc``.
    scores : sequence of dict
        What it returned: the slices.
    data : EmulationData
        Normalised; its members are the truth.

    Returns
    -------
    DataFrame
        Indexed by slice and metric: the ``difference``, first less second, in K, mm/day or of the score, negative
        where the first run is better, with its standard error ``+-`` and the bounds of its 90 % interval, ``low``
        and ``high``, see `comparison.paired_difference`.

    Raises
    ------
    InputError
        If a run holds no prediction of a slice, or a slice is too short to be resampled.
    """
    rows = {}
    for result in scores:
        members = denormalise(data.scenarios[result["ssp"]].targets, data.normalizer)
        start, stop = (data.months.tolist().index(month) for month in result["months"])
        fields = [_fields(folder, result) for folder in (run_dir, other_dir)]
        names = list(_scores(fields[0], fields[1], data.lat))
        try:
            found = comparison.paired_difference(
                lambda prediction, truth: np.array(list(_scores(prediction, truth, data.lat).values())),
                *fields,
                members[:, start : stop + 1],
            )
        except ValueError as error:
            raise InputError(f"{result['ssp']}: {error}") from error
        for name, *values in zip(names, *found):
            rows[f"{result['ssp']} {'..'.join(result['months'])}", name] = values
    index = pd.MultiIndex.from_tuples(rows, names=["slice", "metric"])
    return pd.DataFrame(rows.values(), index, ["difference", "+-", "low", "high"])


def _fields(run_dir: str | Path, result: dict[str, Any]) -> np.ndarray:
    """Return the prediction of a slice, (month, 2, lat, lon), K and mm/day."""
    prediction: xr.Dataset = open_prediction(run_dir)
    months = month_labels(prediction).tolist()
    if prediction.attrs["ssp"] != result["ssp"] or not set(result["months"]) <= set(months):
        raise InputError(
            f"{run_dir} holds predictions of {prediction.attrs['ssp']} {months[0]}..{months[-1]}, not of "
            f"{result['ssp']} {'..'.join(result['months'])}; evaluate both runs on the same split"
        )
    at = slice(months.index(result["months"][0]), months.index(result["months"][1]) + 1)
    return np.stack([prediction[name].values[at] for name in TARGETS], axis=1)


def _scores(prediction: np.ndarray, truth: np.ndarray, lat: np.ndarray) -> dict[str, float]:
    by_var = [{name: fields[:, i] for i, name in enumerate(TARGETS)} for fields in (prediction, truth)]
    return score_fields(*by_var, lat)
