"""Run directories: what a training was, what it left, and whether it may be reused or resumed.

``run.json`` holds the provenance, ``metrics.csv`` the curves, ``weights.safetensors`` the model,
``metrics.json`` the scores, ``predictions.nc`` the scored slice, ``last.ckpt`` what a resume needs.
Files are written beside their place and moved there, so that a reader never sees half of one.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .. import __version__
from ..contract import InputError

RUN, WEIGHTS, CURVES, SCORES, CHECKPOINT, PREDICTIONS = (
    "run.json",
    "weights.safetensors",
    "metrics.csv",
    "metrics.json",
    "last.ckpt",
    "predictions.nc",
)
#: Raised by hand whenever the same recipe, data and seed give other numbers; golden outputs hold it.
NUMERICS = 1
#: Of ``run.json``; 2 has coordinates, 3 has targets: tas and pr where there are none.
SCHEMA = 3
LOCK = ".lock"


class Stopped(Exception):
    """Training was stopped by a signal; the run can be resumed."""


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold a run directory: one process at a time trains it or changes its scores, others wait and say so."""
    run_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run_dir / LOCK)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(f"waiting for another process that works on {run_dir} ...", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def folder_name(identity: dict[str, Any]) -> str:
    """Return a readable folder name that differs whenever the identity of a run does."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    split = identity["split"].replace(":", "-")
    return f"{identity['recipe']['name']}-{split}-s{identity['seed']}-{digest}"


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call ``write`` with a temporary sibling of ``path``, then move the result into place."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, indented; raise `ValueError` for what JSON has no number for."""
    write_atomically(
        path, lambda temporary: temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    )


def append_row(path: Path, row: dict[str, Any], key: str) -> None:
    """Append a row to a CSV file of curves; rows of the same or a later ``key``, left by a broken run, are dropped."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = [old for old in csv.DictReader(file) if int(old[key]) < row[key]]

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
            writer.writerows([*rows, row])

    write_atomically(path, write)


def read_run(run_dir: str | Path) -> dict[str, Any]:
    """Return ``run.json``.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    path = Path(run_dir) / RUN
    if not path.is_file():
        raise InputError(f"{run_dir} holds no run (no {RUN}); make one with `climgru train`")
    try:
        run = json.loads(path.read_text())
        schema = run.get("schema", 1)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged; train the run again") from error
    if schema > SCHEMA:
        raise InputError(f"{run_dir} was made by climgru {run.get('climgru')}, a later version; update this one")
    return run


def require_finished(run_dir: str | Path) -> dict[str, Any]:
    """Return ``run.json`` of a finished run; raise `InputError` if it is unfinished."""
    run = read_run(run_dir)
    if run.get("status") != "finished":
        raise InputError(f"the run in {run_dir} is not finished; go on with `climgru train {run_dir} --resume ...`")
    if "recipe" not in run:
        raise InputError(f"{Path(run_dir) / RUN} holds no recipe; train the run again")
    return run


def prediction_file(source: str | Path) -> Path:
    """Return where a prediction lies: at ``source`` itself, or within a run directory.

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(source)
    if (path / RUN).is_file():
        path = path / PREDICTIONS
        if not path.exists():
            raise InputError(f"{source} holds no predictions; make them with `climgru evaluate {source}`")
    if not path.exists():
        raise InputError(f"no prediction at {path}; make one with `climgru predict`")
    return path


def require_free_or_run(run_dir: Path) -> None:
    """Raise `InputError` if a folder is there and holds something else than a run."""
    if run_dir.exists() and not (run_dir / RUN).is_file() and not _is_empty(run_dir):
        raise InputError(f"{run_dir} exists and holds no run; choose another folder")


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and all(path.name == LOCK for path in folder.iterdir())


def begin(run_dir: Path, identity: dict[str, Any], resume: bool) -> str:
    """Claim a run directory.

    Parameters
    ----------
    run_dir : Path
        Made if absent.
    identity : dict
        Recipe, split, seed, data fingerprint, `NUMERICS`, torch, precision: what must agree for a run to be the same.
    resume : bool
        Whether an unfinished run may be continued.

    Returns
    -------
    str
        ``"new"``, ``"resume"`` or ``"finished"``.

    Raises
    ------
    InputError
        If the folder holds something else or an unfinished run without ``resume``; nothing is touched.
    """
    if not run_dir.exists() or _is_empty(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        write_json(run_dir / RUN, {"schema": SCHEMA, "status": "unfinished", **identity, **environment()})
        return "new"
    require_free_or_run(run_dir)
    found = read_run(run_dir)
    for key, value in identity.items():
        if found.get(key) != json.loads(json.dumps(value)):
            raise InputError(
                f"{run_dir} holds another run ({_difference(key, found.get(key), value)}); choose another folder"
            )
    if found["status"] == "finished":
        return "finished"
    if not resume:
        raise InputError(f"the run in {run_dir} is unfinished; continue it with --resume, or choose another folder")
    return "resume"


def _difference(key: str, found: Any, wanted: Any) -> str:
    if isinstance(wanted, dict) and isinstance(found, dict):
        wanted = json.loads(json.dumps(wanted))
        inner = next(k for k in {**wanted, **found} if found.get(k) != wanted.get(k))
        key, found, wanted = f"{key} {inner}", found.get(inner), wanted.get(inner)
    return f"its {key} is {str(found)[:40]}, not {str(wanted)[:40]}"


def finish(run_dir: Path, **facts: Any) -> None:
    """Mark a run as finished and add facts such as the wall time."""
    write_json(run_dir / RUN, {**read_run(run_dir), **facts, "status": "finished"})


def environment() -> dict[str, Any]:
    """Return versions of what computes."""
    return {
        "climgru": __version__,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in ("torch", "numpy", "xarray")},
    }


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def read_scores(run_dir: Path) -> dict[str, Any]:
    """Return ``metrics.json``, scores by split and data fingerprint; nothing if there is none."""
    path = Path(run_dir) / SCORES
    return json.loads(path.read_text()) if path.exists() else {}


def add_scores(run_dir: Path, key: str, scores: Any) -> None:
    """Store scores under ``key`` (split and data fingerprint) in ``metrics.json``; other keys are kept."""
    with locked(Path(run_dir)):
        write_json(Path(run_dir) / SCORES, {**read_scores(run_dir), key: scores})
