"""Results of studies on real data that the project keeps, what they come from, and whether they can be repeated.

A maintainer copies what ``climgru study NAME --data STORE --profile full`` has left with `keep`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...contract import InputError, month_labels
from ...score.tables import columns, scored_targets
from ...training import runs
from ..workbook import Workbook
from . import STUDIES
from .plan import Study
from .worker import do

FOLDER = Path(__file__).resolve().parents[1] / "results"
#: How far a repeated metric may lie off, in standard deviations over the seeds: what another machine may change.
TOLERANCE = 3.0
OF_RUNS = ("torch", "numpy", "xarray", "python", "climgru", "numerics", "data", "device", "threads", "precision")


def known() -> list[str]:
    """Return the names of the studies with kept results."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def rows(name: str, split: str = "") -> pd.DataFrame:
    """Return the kept rows of a study, see `runner.collect`; of a split those of its first slice.

    Raises
    ------
    InputError
        If there are none.
    """
    if name not in known():
        raise InputError(f"no results of study '{name}' are kept; there are {', '.join(known())}")
    found = pd.read_csv(FOLDER / f"{name}.csv")
    return found[(found["split"] == split) & (found["slice"] == 0)] if split else found


def curves(name: str) -> pd.DataFrame:
    """Return the kept curves of a study, see `runner.collect`.

    Raises
    ------
    InputError
        If there are none.
    """
    if not (FOLDER / f"{name}-curves.csv").exists():
        raise InputError(f"no curves of study '{name}' are kept")
    return pd.read_csv(FOLDER / f"{name}-curves.csv")


def table(name: str) -> pd.DataFrame:
    """Return a kept table that is no study's.

    ``recipes`` (closed forms), ``model-card``, ``published-full-size``, or ``explorer-full``: the ``metrics.json`` of
    notebook 09 with ``profile="full"``, by data and seed.
    """
    return pd.read_csv(FOLDER / f"{name}.csv")


def source(name: str) -> dict[str, Any]:
    """Return what kept results come from, see `provenance`."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def provenance(book: Workbook, command: str, found: pd.DataFrame, run_dirs: Sequence[Path]) -> dict[str, Any]:
    """Return what the rows of a study come from; of several values (versions, threads) all of them."""
    origins = [runs.read_run(run_dir) for run_dir in run_dirs]
    values = {key: ", ".join(sorted({str(run[key]) for run in origins})) for key in OF_RUNS}
    seeds = found.groupby(["split", "label"], sort=False)["seed"].nunique()
    return {
        "command": command,
        "members": book.dataset.sizes["member_id"],
        "last_month": month_labels(book.dataset)[-1],
        "seeds": {f"{split}: {label}": int(count) for (split, label), count in seeds.items()},
        **values,
    }


def keep(folder: Path, name: str) -> None:
    """Copy tables and provenance of a finished study from its folder, rounded, to where results are kept."""
    FOLDER.mkdir(exist_ok=True)
    for file, kept in (("rows", name), ("means", f"{name}-means"), ("curves", f"{name}-curves")):
        if (folder / f"{file}.csv").exists():
            pd.read_csv(folder / f"{file}.csv", index_col=0).round(5).to_csv(FOLDER / f"{kept}.csv", index=False)
    (FOLDER / f"{name}.json").write_text((folder / "provenance.json").read_text())


def verify(name: str, study: Study, data_path: str, out_dir: str = "", device: str = "auto") -> pd.DataFrame:
    """Repeat the first training of a study and compare its scores with the kept rows.

    Returns
    -------
    DataFrame
        By scored slice and metric: ``kept``, ``repeated``, and ``tolerance``, `TOLERANCE` standard deviations over
        the seeds, or a thousandth where there is one seed; ``within`` tells whether they agree.

    Raises
    ------
    InputError
        If no results are kept or they come from other data.
    """
    kept, origin = rows(name), source(name)
    book = Workbook(f"verify-{name}", data_path, "full" if "full" in origin["command"] else "quick", 0, out_dir)
    if book.prepare().fingerprint != origin["data"]:
        raise InputError(
            f"the kept results of study {name} come from other data than {data_path}; give theirs by --data"
        )
    trial = next(iter(study.plan(book, (0,))))
    found, compared = do(book, trial, device), []
    for row in found.rows:
        alike = kept[(kept["label"] == trial.label) & (kept["split"] == trial.split) & (kept["slice"] == row["slice"])]
        for metric in columns(scored_targets(row)):
            old, spread = alike.set_index("seed")[metric][trial.seed], TOLERANCE * alike[metric].std()
            tolerance = spread if np.isfinite(spread) else abs(old) / 1000
            key = {"label": trial.label, "ssp": row["ssp"], "months": row["months"], "metric": metric}
            compared.append(key | {"kept": old, "repeated": row[metric], "tolerance": tolerance})
    table = pd.DataFrame(compared)
    return table.assign(within=abs(table["repeated"] - table["kept"]) <= table["tolerance"])


def verify_all(names: Sequence[str], data_path: str, out_dir: str = "", device: str = "auto") -> pd.DataFrame:
    """Repeat a training of each of some studies, see `verify`; the column ``study`` tells them apart."""
    tables = [verify(name, STUDIES[name], data_path, out_dir, device).assign(study=name) for name in names]
    return pd.concat(tables, ignore_index=True)
