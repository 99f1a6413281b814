"""Curves of a training in a tool of the user's choice, through Lightning's loggers; ``metrics.csv`` has them always.

What a tool keeps lies in the folder ``logs`` of the run directory; nothing is sent anywhere.
"""

from __future__ import annotations

import csv
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract import InputError
from . import runs
from .files import read_json, write_json

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

FOLDER, PROJECT = "logs", "climgru"


def require(name: str | None) -> None:
    """Refuse a logger that is unknown; raise `ModuleNotFoundError` if its package is not installed."""
    if name is None:
        return
    if name not in LOGGERS:
        raise InputError(f"unknown logger '{name}'; there are {', '.join(LOGGERS)}")
    importlib.import_module(name)


@contextmanager
def telling(name: str | None, run_dir: Path, recipe: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Open a logger for a training.

    Parameters
    ----------
    name : {None, "tensorboard", "mlflow", "wandb"}
    run_dir : Path
    recipe : dict
        Told to the logger as hyperparameters.

    Yields
    ------
    callable
        Called after each epoch. It tells the logger the epochs of ``metrics.csv`` that it was not told before: a resume
        tells none twice, and a logger that is asked for in a resume alone gets the epochs before it, too.
    """
    if name is None:
        yield lambda: None
        return
    place = run_dir / FOLDER / f"{name}.json"
    place.parent.mkdir(exist_ok=True)
    told = read_json(place) if place.exists() else {"id": None, "epochs": 0}
    logger = LOGGERS[name](run_dir.resolve() / FOLDER, run_dir.resolve().name, told["id"])
    if told["id"] is None:
        logger.log_hyperparams(recipe)
        told["id"] = logger.version

    def tell() -> None:
        with (run_dir / runs.CURVES).open(newline="") as file:
            rows = {int(row["epoch"]): row for row in csv.DictReader(file)}
        for epoch in range(told["epochs"] + 1, max(rows) + 1):
            told["epochs"] = epoch
            write_json(place, told)  # first: a process that is killed here leaves an epoch out and tells none twice
            logger.log_metrics({key: float(value) for key, value in rows[epoch].items()}, step=epoch)

    status = "failed"
    try:
        yield tell
        status = "success"
    finally:
        logger.finalize(status)
        if name == "wandb":
            logger.experiment.finish()


def _tensorboard(folder: Path, run: str, _: str | None) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="", version="tensorboard")


def _mlflow(folder: Path, run: str, known: str | None) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    for chatty in ("alembic", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    artifacts = (folder / "mlflow-artifacts").as_uri()
    return MLFlowLogger(PROJECT, run, f"sqlite:///{folder / 'mlflow.db'}", artifact_location=artifacts, run_id=known)


def _wandb(folder: Path, run: str, known: str | None) -> Logger:
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    quiet = wandb.Settings(silent=True, console="off")
    return WandbLogger(run, folder, project=PROJECT, offline=True, id=known, settings=quiet)


LOGGERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
