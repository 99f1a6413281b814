"""Trials of a study on a cluster of `dask.distributed <https://distributed.dask.org>`_, told by its address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import distributed

from ... import registry
from ...contract import InputError
from ..workbook import Workbook
from .plan import Trial
from .worker import Outcome, do

PATIENCE = "30s"  # for the scheduler, and for its first worker


def outcomes(book: Workbook, trials: Sequence[Trial], device: str, address: str) -> Iterator[Outcome | Exception]:
    """Yield what becomes of each trial, in their order, as `worker.outcomes` does.

    Trials that wait are given up when this one ends; those begun go on to their end, and are found finished.

    Raises
    ------
    InputError
        If no scheduler answers, it has no worker, or one computes several tasks at once: a training seeds its process.
    """
    begin = f"begin workers with `dask worker {address} --nthreads 1 --nworkers N`"
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}; begin one with `dask scheduler`") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise InputError(f"the dask scheduler at {address} has no worker; {begin}") from error
        if crowded := [worker for worker, threads in client.nthreads().items() if threads > 1]:
            raise InputError(
                f"the worker {crowded[0]} computes several tasks at once, and a training seeds its process; {begin}"
            )
        data = book.data_path if not Path(book.data_path).exists() else str(Path(book.data_path).absolute())
        place = (book.notebook, data, book.profile, book.seed, str(Path(book.root).absolute()))
        files = [Path(file).absolute() for file in registry.used_files]
        for future in [client.submit(_do_there, place, trial, device, files, pure=False) for trial in trials]:
            try:
                yield future.result()
            except Exception as error:
                yield error


def _do_there(place: tuple, trial: Trial, device: str, files: Sequence[Path]) -> Outcome:
    registry.use(files)
    return do(Workbook(*place), trial, device, progress=False)
