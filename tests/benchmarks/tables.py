"""The submission file: the starter code's loop over rows beside our writer, and the time to score two files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from climgru_lib.contract import PUBLISHED_TARGETS
from climgru_lib.course.study.measure import Row, in_turn
from climgru_lib.predict import output
from climgru_lib.score import submission

REPEATS = 3


def plain_csv(dataset: xr.Dataset, out: Path) -> None:
    """Write a submission as the starter code does: a list of rows, one dictionary per cell, then pandas."""
    rows = []
    lat, lon = dataset["lat"].values, dataset["lon"].values
    fields = {name: dataset[name].values[-output.SUBMISSION_MONTHS :] for name in PUBLISHED_TARGETS}
    for month in range(output.SUBMISSION_MONTHS):
        for name, field in fields.items():
            for i, y in enumerate(lat):
                for j, x in enumerate(lon):
                    rows.append({"ID": f"t{month:03d}_{name}_{y:.2f}_{x:.2f}", "Prediction": field[month, i, j]})
    pd.DataFrame(rows).to_csv(out, index=False, float_format="%.8g")


def prediction(n_lat: int = 48, n_lon: int = 72) -> xr.Dataset:
    """Return random fields of the size of a submission, from south to north."""
    random = np.random.default_rng(0).random((2, output.SUBMISSION_MONTHS, n_lat, n_lon), dtype=np.float32)
    dims, step = ("time", "lat", "lon"), 180 / n_lat
    lat, lon = np.linspace(-90 + step / 2, 90 - step / 2, n_lat), np.arange(n_lon) * 360 / n_lon
    months = xr.date_range("2060-01", periods=output.SUBMISSION_MONTHS, freq="MS", calendar="noleap", use_cftime=True)
    return xr.Dataset(
        {"tas": (dims, 220 + 80 * random[0]), "pr": (dims, 10 * random[1])},
        coords={"time": months, "lat": lat, "lon": lon},
    )


def rows() -> Iterator[Row]:
    """Compare writing 2 488 320 rows; time scoring one file of that size against another."""
    dataset = prediction()
    with tempfile.TemporaryDirectory() as folder:
        plain, ours = Path(folder) / "plain.csv", Path(folder) / "ours.csv"
        write = {"plain": lambda: plain_csv(dataset, plain), "ours": lambda: output.write_submission(dataset, ours)}
        yield Row("write 2 488 320 rows", "s", **in_turn(write, REPEATS))
        yield Row(
            "score two such files", "s", **in_turn({"ours": lambda: submission.score_files(ours, plain)}, REPEATS)
        )
