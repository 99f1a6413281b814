"""A trial of a study: its training and its scores, in this process or in one of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ... import registry
from ...score.curve import read_curve
from ...score.tables import columns, scored_targets
from ...stopping import SIGNALS, Stopped, stoppable
from ..workbook import Workbook
from .plan import Trial

LIMITS = ("forced", "member", "variance")
POINTS = 12  # of a curve
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Outcome:
    """What a trial has left: its run directory, a row for each scored slice, the points of its curve."""

    run_dir: Path
    rows: list[dict[str, Any]]
    curve: list[dict[str, Any]]


def outcome(trial: Trial, run_dir: Path, scored: list[dict[str, Any]]) -> Outcome:
    """Put the scores of a trial, from `evaluation.evaluate`, into rows; the curve is that of the first slice."""
    curve = read_curve(run_dir, scored[0]["ssp"], scored[0]["months"]).reset_index().to_dict("records")
    key = {"label": trial.label, "split": trial.split, "seed": trial.seed}
    rows = [key | row_of(number, one) for number, one in enumerate(scored)]
    return Outcome(run_dir, rows, [key | point for point in curve])


def row_of(number: int, scored: dict[str, Any]) -> dict[str, Any]:
    """Return slice, metrics and limits of an entry of `evaluation.evaluate`, the ``number``-th of its split."""
    limits = {f"limit: {kind}": scored["limits"][kind]["score"] for kind in LIMITS} if scored["limits"] else {}
    where = {"slice": number, "ssp": scored["ssp"], "months": "..".join(scored["months"])}
    metrics = columns(scored_targets(scored["avg"]))
    return where | {column: scored["avg"][column] for column in metrics} | limits


def known(book: Workbook, trial: Trial) -> Outcome | None:
    """Return what a trial has left if it is done."""
    run_dir = book.finished(trial.recipe, trial.split, trial.seed)
    scored = run_dir and book.known_scores(run_dir)
    return outcome(trial, run_dir, scored) if scored else None


def do(book: Workbook, trial: Trial, device: str = "auto", precision: str = "32", progress: bool = True) -> Outcome:
    """Train and score a trial; a finished run is reused, a broken one continued."""
    run_dir = book.train(trial.recipe, trial.split, trial.seed, POINTS, device, precision, progress)
    return outcome(trial, run_dir, book.known_scores(run_dir) or book.evaluate(run_dir, device))


def outcomes(book: Workbook, trials: Sequence[Trial], device: str, workers: int | str) -> Iterator[Outcome | Exception]:
    """Yield what becomes of each trial, in their order: an outcome, or the error that ended it.

    Parameters
    ----------
    book : Workbook
    trials : sequence of Trial
    device : {"auto", "cpu", "cuda"}
    workers : int or str
        Trials at once, each in a process of its own, whose memory goes with it; 0 does them here, one by one. Or the
        address of a dask scheduler, see `cluster.outcomes`.

    Raises
    ------
    Stopped
        If a signal came: what is done is kept.
    """
    if isinstance(workers, str):
        from . import cluster  # which needs an optional dependency

        yield from cluster.outcomes(book, trials, device, workers)
        return

    def attempt(trial: Trial) -> Outcome | Exception:
        try:
            if done := known(book, trial):
                return done
            return alone(book, trial, device, workers, stopping) if workers else do(book, trial, device)
        except Exception as error:
            return error
        finally:
            gc.collect()  # a trainer and its tensors hang in cycles of references

    stopping = threading.Event()
    if not workers:
        yield from map(attempt, trials)
        return
    with signals_to_workers(stopping), ThreadPoolExecutor(workers) as threads:
        yield from threads.map(attempt, trials)


def alone(book: Workbook, trial: Trial, device: str, workers: int, stopping: threading.Event) -> Outcome:
    """Do a trial in a process of its own, one of ``workers`` that share the threads of this one."""
    if stopping.is_set():
        raise Stopped("a signal came; the same command continues")
    threads = max(1, torch.get_num_threads() // workers)
    place = (book.notebook, book.data_path, book.profile, book.seed, str(book.root))
    try:
        with ProcessPoolExecutor(1, mp_context=CONTEXT, initializer=_end_with_parent) as pool:
            return pool.submit(_do_there, place, trial, device, threads, registry.used_files).result()
    except BrokenProcessPool as error:
        if stopping.is_set():
            raise Stopped("a signal came; the same command continues") from error
        raise RuntimeError("its process was killed; too little memory?") from error


def _do_there(place: tuple, trial: Trial, device: str, threads: int, files: Sequence[Path]) -> Outcome:
    with stoppable():
        registry.use(files)
        torch.set_num_threads(threads)
        return do(Workbook(*place), trial, device, progress=False)


def _end_with_parent() -> None:
    """End this process when the one that began it does, however that ends."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def signals_to_workers(stopping: threading.Event) -> Iterator[None]:
    """Hand a signal on to all workers, which keep what they have, and let no further trial begin."""

    def hand_on(number: int, frame: Any) -> None:
        stopping.set()
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hand_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
