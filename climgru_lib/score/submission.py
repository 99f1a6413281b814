"""The competition's files: a submission of 360 months as CSV, and the score of one file against another.

A row is ``ID,Prediction`` with ``ID`` = ``t{month:03d}_{variable}_{lat:.2f}_{lon:.2f}``: month from 0, tas
before pr, latitude south to north, longitude fastest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..contract import PUBLISHED_TARGETS, InputError
from ..predict.output import submission_cells
from .metrics import score_fields

ID_BYTES = "S32"  # an ID has up to 22 characters; a longer text is cut and equals none


def score_files(submission: str | Path, solution: str | Path) -> float:
    """Compute the Kaggle score of a submission, as the official scorer does.

    Parameters
    ----------
    submission, solution : str or Path
        CSV files with the same IDs in the submission's order.

    Returns
    -------
    float
        Lower is better. Area weights come from the latitudes in the IDs, which have two decimals.

    Raises
    ------
    InputError
        If a file cannot be read, IDs differ or are out of order, or a value is not finite.
    """
    predicted, lat, lon = _read(Path(submission))
    truth, *grid = _read(Path(solution))
    if len(predicted) != len(truth):
        raise InputError(f"{submission} holds {len(predicted)} months, {solution} {len(truth)}")
    if not (np.array_equal(lat, grid[0]) and np.array_equal(lon, grid[1])):
        raise InputError(f"{submission} is on another grid than {solution}; their IDs must be the same")
    fields = [dict(zip(PUBLISHED_TARGETS, values.swapaxes(0, 1))) for values in (predicted, truth)]
    return score_fields(*fields, lat)["score"]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return fields (time, 2, lat, lon), latitudes and longitudes of a submission or solution."""
    try:
        table = pd.read_csv(path, usecols=[0, 1], names=["ID", "Prediction"], header=0, dtype={"ID": ID_BYTES})
        ids, values = table["ID"].to_numpy(), table["Prediction"].to_numpy(dtype=np.float64)
        month = ids[0].partition(b"_")[0] + b"_"
        cells = [name.decode().split("_") for name in ids[np.char.startswith(ids, month)]]
        lat = np.array(list(dict.fromkeys(float(cell[2]) for cell in cells)))
        lon = np.array(list(dict.fromkeys(float(cell[3]) for cell in cells)))
        n_months, rest = divmod(len(ids), len(PUBLISHED_TARGETS) * len(lat) * len(lon))
    except (OSError, ValueError, IndexError, ZeroDivisionError, pd.errors.ParserError) as error:
        raise InputError(f"{path} is no submission: it needs the columns ID and Prediction ({error})") from error
    northward = bool((np.diff(lat) > 0).all())
    if rest or not northward or not _in_order(ids.reshape(n_months, -1), submission_cells(lat, lon)):
        raise InputError(f"{path}: IDs are missing or out of order; months from 000, tas before pr, south to north")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {ids[~np.isfinite(values)][0].decode()} is not a finite number")
    return values.reshape(n_months, len(PUBLISHED_TARGETS), len(lat), len(lon)), lat, lon


def _in_order(ids: np.ndarray, cells: list[str]) -> bool:
    """Tell whether IDs (month, cell) are those of `submission_cells`, month by month from 0."""
    rows = "\n".join(cells)
    return all(
        b"\n".join(found.tolist()) == rows.replace("@", f"t{month:03d}").encode() for month, found in enumerate(ids)
    )
