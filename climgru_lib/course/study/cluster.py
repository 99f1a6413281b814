"""Trials of a study on a cluster of `dask.distributed <https://distributed.dask.org>`_, told by its address."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import distributed

from ... import registry
from ...contract import InputError
from ...stopping import Stopped
from ..workbook import Workbook
from .plan import Trial
from .worker import Outcome, do, known, signals_to_workers

PATIENCE = 30.0  # s, for the scheduler, for its first worker, and for another where the last one is lost


def outcomes(book: Workbook, trials: Sequence[Trial], device: str, address: str) -> Iterator[Outcome | Exception]:
    """Yield what becomes of each trial, in their order, as `worker.outcomes` does.

    As many are under way as the cluster has workers at the start, so that a worker that is killed takes one with it.

    Raises
    ------
    InputError
        If no scheduler answers, or it has no worker.
    Stopped
        If a signal came, or scheduler or last worker are lost; trainings under way go on to their end.
    """
    stopping = threading.Event()

    def attempt(trial: Trial) -> Outcome | Exception:
        try:
            return known(book, trial) or _elsewhere(client, book, trial, device, stopping)
        except Exception as error:
            return error

    with (
        _connected(address) as client,
        signals_to_workers(stopping),
        ThreadPoolExecutor(len(client.nthreads())) as threads,
    ):
        yield from threads.map(attempt, trials)


@contextmanager
def _connected(address: str) -> Iterator[distributed.Client]:
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}; begin one with `dask scheduler`") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            begin = f"dask worker {address} --nthreads 1 --nworkers N"
            raise InputError(f"the dask scheduler at {address} has no worker; begin some with `{begin}`") from error
        yield client


def _elsewhere(
    client: distributed.Client, book: Workbook, trial: Trial, device: str, stopping: threading.Event
) -> Outcome:
    """Do a trial on a worker, and wait for it as long as there is one."""
    data = book.data_path if not Path(book.data_path).exists() else str(Path(book.data_path).absolute())
    place = (book.notebook, data, book.profile, book.seed, str(Path(book.root).absolute()))
    future = client.submit(_do_there, place, trial, device, registry.used_files, pure=False)
    seen = time.monotonic()
    while not future.done():
        if stopping.is_set():
            raise Stopped("a signal came, or the cluster was lost; the same command continues")
        if client.nthreads():
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE:
            stopping.set()
        time.sleep(0.5)
    try:
        return future.result()
    except CancelledError as error:
        stopping.set()
        raise Stopped("the dask scheduler is lost; the same command continues") from error


def _do_there(place: tuple, trial: Trial, device: str, files: Sequence[Path]) -> Outcome:
    if distributed.get_worker().state.nthreads > 1:
        raise InputError("the worker does several tasks at once, and a training seeds its process: use --nthreads 1")
    registry.use([file for file in files if file not in registry.used_files])
    try:
        return do(Workbook(*place), trial, device, progress=False)
    finally:
        gc.collect()  # a trainer and its tensors hang in cycles of references
