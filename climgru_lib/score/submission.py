"""The competition's files: a submission of 360 months as CSV, and the score of one file against another.

The columns ``ID`` and ``Prediction`` are taken by name; there may be others, such as the solution's ``Usage``.
``ID`` = ``t{month:03d}_{variable}_{lat:.2f}_{lon:.2f}``, months from 0; rows may stand in any order.
"""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import islice
from lzma import LZMAError
from pathlib import Path

import numpy as np
import pandas as pd

from ..contract import PUBLISHED_TARGETS, InputError
from ..predict.output import submission_cells
from .metrics import score_fields

ID_BYTES = "S32"  # an ID has up to 22 characters; a longer text is cut and equals none
COLUMNS = ("ID", "Prediction")


def score_files(submission: str | Path, solution: str | Path) -> float:
    """Compute the Kaggle score of a submission, as the official scorer does.

    Parameters
    ----------
    submission, solution : str or Path
        CSV files with the same IDs; they may be compressed.

    Returns
    -------
    float
        Lower is better. Area weights come from the latitudes in the IDs, which have two decimals.

    Raises
    ------
    InputError
        If a file cannot be read, IDs are missing, doubled or not those of a grid, or a value is no finite number.
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
        if not path.is_file():
            raise OSError("there is no such file")
        ids, values = _columns(path)
        lat, lon = _grid(ids)
        n_months, rest = divmod(len(ids), len(PUBLISHED_TARGETS) * len(lat) * len(lon))
    except (OSError, ValueError, IndexError, ZeroDivisionError, EOFError, zlib.error, LZMAError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is no submission: it needs the columns ID and Prediction ({told})") from error
    cells = submission_cells(lat, lon)
    if not rest and not _in_order(ids.reshape(n_months, -1), cells):
        ids, values = _sorted(ids, values, cells, n_months)
    if rest or not _in_order(ids.reshape(n_months, -1), cells):
        raise InputError(f"{path}: IDs are missing, doubled or not those of tas and pr on one grid, months from 000")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {ids[~np.isfinite(values)][0].decode()} is not a finite number")
    return values.reshape(n_months, len(PUBLISHED_TARGETS), len(lat), len(lon)), lat, lon


def _columns(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return IDs (as bytes) and values; raise `ValueError` if a column is missing, doubled, or a row too long."""
    names = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].tolist()
    if any(count > 1 for count in Counter(names).values()):
        raise ValueError("a column is there twice")
    types = dict.fromkeys(names, str) | {"ID": ID_BYTES, "Prediction": np.float64}
    if not set(COLUMNS) <= set(names):
        raise ValueError(f"it has {', '.join(map(str, islice(names, 10)))}")
    table = pd.read_csv(path, dtype=types)
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"rows have more fields than the {len(names)} of the header")
    return table["ID"].to_numpy().astype(ID_BYTES), table["Prediction"].to_numpy()


def _grid(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the latitudes, south to north, and the longitudes of the first month's cells; check that they are some."""
    first = ids[0].partition(b"_")[0] + b"_"
    cells = [name.decode().split("_") for name in ids[np.char.startswith(ids, first)]]
    lat, lon = (np.array(sorted({float(cell[at]) for cell in cells})) for at in (2, 3))
    if not (np.abs(lat) <= 90).all() or not (np.abs(lon) <= 360).all():
        raise ValueError(f"cells from {lat[0]:g} to {lat[-1]:g} N and {lon[0]:g} to {lon[-1]:g} E are not on the earth")
    return lat, lon


def _sorted(ids: np.ndarray, values: np.ndarray, cells: list[str], n_months: int) -> tuple[np.ndarray, np.ndarray]:
    """Put rows into the order month, tas before pr, south to north, longitude fastest, where they are of that grid."""
    place = {cell.removeprefix("@_").encode(): number for number, cell in enumerate(cells)}
    wanted = np.array(
        [
            int(month[1:]) * len(cells) + place.get(cell, 0) if month[1:].isdigit() else 0
            for month, _, cell in (name.partition(b"_") for name in ids.tolist())
        ]
    )
    order = np.argsort(wanted, kind="stable")
    return ids[order], values[order]


def _in_order(ids: np.ndarray, cells: list[str]) -> bool:
    """Tell whether IDs (month, cell) are those of `submission_cells`, month by month from 0."""
    rows = "\n".join(cells)
    return all(
        b"\n".join(found.tolist()) == rows.replace("@", f"t{month:03d}").encode() for month, found in enumerate(ids)
    )
