"""Run directories: what a training was, what it left, and whether it may be reused or resumed.

``run.json`` holds the provenance, ``metrics.csv`` the curves, ``weights.safetensors`` the model,
``metrics.json`` the scores, ``scores.csv`` the same as a tidy table, ``predictions.nc`` the scored slice,
``last.ckpt`` what a resume needs.
They are written by `files.write_atomically`, so that a reader never sees half of one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .. import __version__
from ..contract import InputError
from . import schema
from .files import is_temporary, read_json, remove, write_json

RUN, WEIGHTS, CURVES, SCORES, TIDY_SCORES, CHECKPOINT, PREDICTIONS = (
    "run.json",
    "weights.safetensors",
    "metrics.csv",
    "metrics.json",
    "scores.csv",
    "last.ckpt",
    "predictions.nc",
)
#: Raised by hand whenever the same recipe, data and seed give other numbers; golden outputs hold it.
NUMERICS = 1
LOCK = ".lock"


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold a run directory: one process at a time trains it or changes its scores, others wait and say so.

    What a killed process has left half written is removed. Where the file system knows no locks, that is said.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run_dir / LOCK)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(f"waiting for another process that works on {run_dir} ...", file=sys.stderr, flush=True)
        lock.acquire()
    except NotImplementedError:
        print(f"no locks on this file system: let one process alone work on {run_dir}", file=sys.stderr, flush=True)
    try:
        for path in run_dir.iterdir():
            if is_temporary(path):
                remove(path)
        yield
    finally:
        lock.release()


def folder_name(identity: dict[str, Any]) -> str:
    """Return a readable folder name that differs whenever the identity of a run does."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    split = identity["split"].replace(":", "-")
    return f"{identity['recipe']['name']}-{split}-s{identity['seed']}-{digest}"


def read_run(run_dir: str | Path) -> dict[str, Any]:
    """Return ``run.json``, see `schema`.

    Raises
    ------
    InputError
        If the folder holds no run, one of a later version, or something that no version has written.
    """
    path = Path(run_dir) / RUN
    if not path.is_file():
        raise InputError(f"{run_dir} holds no run (no {RUN}); make one with `climgru train`")
    run = read_json(path)
    version = run.get("schema", 1) if isinstance(run, dict) else 1
    if isinstance(version, int) and version > schema.VERSION:
        raise InputError(f"{run_dir} was made by climgru {run.get('climgru')}, a later version; update this one")
    if fault := schema.fault(run):
        raise InputError(f"{path} is damaged ({fault}); train the run again")
    return run


def require_finished(run_dir: str | Path) -> dict[str, Any]:
    """Return ``run.json`` of a finished run; raise `InputError` if it is unfinished."""
    run = read_run(run_dir)
    if run.get("status") != "finished":
        raise InputError(f"the run in {run_dir} is not finished; go on with `climgru train {run_dir} --resume ...`")
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
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"{path} is neither a file nor a Zarr store")
    return path


def require_free_or_run(run_dir: Path) -> None:
    """Raise `InputError` if a folder is there and holds something else than a run."""
    if run_dir.exists() and not (run_dir / RUN).is_file() and not _is_empty(run_dir):
        raise InputError(f"{run_dir} exists and holds no run; choose another folder")


def _is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or what a process killed before its first file has left."""
    return folder.is_dir() and all(path.name == LOCK or is_temporary(path) for path in folder.iterdir())


def begin(run_dir: Path, identity: dict[str, Any], resume: bool, **facts: Any) -> str:
    """Claim a run directory.

    Parameters
    ----------
    run_dir : Path
        Made if absent.
    identity : dict
        Recipe, split, seed, data fingerprint, `NUMERICS`, torch, precision: what must agree for a run to be the same.
    resume : bool
        Whether an unfinished run may be continued.
    **facts
        Stored with a new run, such as the number of threads.

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
        write_json(
            run_dir / RUN, {"schema": schema.VERSION, "status": "unfinished", **identity, **environment(), **facts}
        )
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
    """Return ``metrics.json``, empty if there is none; raise `InputError` if it is damaged."""
    path = Path(run_dir) / SCORES
    known = read_json(path) if path.exists() else {}
    if not isinstance(known, dict):
        raise InputError(f"{path} holds no scores; move it away")
    return known


def add_scores(run_dir: Path, key: str, scores: Any) -> dict[str, Any]:
    """Store scores under ``key`` (split and data fingerprint) in ``metrics.json``, and return all that it holds."""
    with locked(Path(run_dir)):
        known = {**read_scores(run_dir), key: scores}
        write_json(Path(run_dir) / SCORES, known)
    return known
