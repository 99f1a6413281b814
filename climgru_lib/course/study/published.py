"""The published models at full size under a time budget: one command for a GPU, the most telling part first.

The quick profile is the same list of parts with toy networks.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ...training import files, runs
from ...training.batches import RunSampler
from ...training.devices import matmul_precision, pick_device
from ...training.recipe import Recipe
from ...training.recipes import named
from ..workbook import Workbook, curves
from . import worker
from .measure import seconds
from .plan import OwnRun, Trial
from .steps import Trainee, compare_steps, our_batch

MINUTES = 9.0  # of the whole command
CUDA_TESTS = Path(__file__).resolve().parents[3] / "tests" / "unit" / "test_cuda.py"
CUDA_TESTS_SECONDS = 60.0  # at most
TOY = {
    "conv_gru": {"width": 4, "hidden": 8, "head": 16},
    "cnn3d": {"widths": [4, 4]},
}


def calm_final() -> Recipe:
    """Return `published-final`, sizes and losses as published, with the calm start of `compact-final`."""
    final = named("published-final")
    return replace(
        final,
        architecture={**final.architecture, "scaled": True},
        start_at_mean=True,
        epochs=6,
        cosine_epochs=6,
        cosine_by_batch=True,
        min_learning_rate=0.0,
        warmup=15,
        learning_rate=1e-3,
        runs=2,
        run_length=24,
    )


@dataclass(frozen=True)
class Part:
    """A part of the study: ``estimate`` says how many seconds ``work`` will take, which returns its numbers."""

    name: str
    estimate: Callable[[], float]
    work: Callable[[], dict[str, Any]]


class Session:
    """The study on one data set and device: its parts, and what they have found so far.

    Parameters
    ----------
    book : Workbook
        The profile full has the published sizes, quick toys.
    device : {"auto", "cpu", "cuda"}
    seeds : int
        Of the two experiments.
    """

    def __init__(self, book: Workbook, device: str, seeds: int):
        self.book, self.device, self.seeds = book, pick_device(device), seeds
        self.precisions = ("32", "tf32", "bf16") if self.device.type == "cuda" else ("32",)
        self.paces: dict[str, float] = {}
        self.beside_steps = 0.0  # seconds of the last training, for building, checkpoint and scores
        self.tables: dict[str, list[dict[str, Any]]] = {"rows": [], "curves": [], "timings": [], "losses": []}

    def parts(self) -> Iterator[Part]:
        """Yield the parts, the most telling first."""
        final, first, calm = (
            self.sized(recipe) for recipe in (named("published-final"), named("published-first"), calm_final())
        )
        yield Part("timings", lambda: 0.0, self.timings)
        for split in ("clean", "published"):
            yield self.training(Trial("final, calm start", calm, split, 0))
        yield Part("CUDA tests", lambda: CUDA_TESTS_SECONDS, self.cuda_tests)
        for split in ("clean", "published"):
            yield self.training(Trial("final, published start", final, split, 0))
        for precision in self.precisions[1:]:
            yield self.training(Trial(f"final, calm start, {precision}", calm, "clean", 0), precision)
        for trial in self.experiments(calm):
            yield self.training(trial)
        for split in ("clean", "published"):
            yield self.training(Trial("first", first, split, 0))

    def sized(self, recipe: Recipe) -> Recipe:
        """Return the recipe in the sizes of the profile."""
        if self.book.profile == "full":
            return recipe
        toy = {**recipe.architecture, **TOY[recipe.model]}
        return replace(recipe, architecture=toy, epochs=1, cosine_epochs=min(recipe.cosine_epochs, 1))

    def experiments(self, calm: Recipe) -> Iterator[Trial]:
        """Yield both published experiments: without the season, and other shares of Dice, seed by seed."""
        forms = {"final, calm start": calm, "no season": replace(calm, season="none")}
        for share in (1.0, 0.7):
            forms[f"Dice {share}"] = replace(calm, loss={**calm.loss, "pr_dice": share, "pr_mse": 1 - share})
        for seed in range(self.seeds):
            for label, recipe in forms.items():
                if (label, seed) != ("final, calm start", 0):
                    yield Trial(label, recipe, "clean", seed)

    def training(self, trial: Trial, precision: str = "32") -> Part:
        """Return the part that trains and scores a trial."""

        def work() -> dict[str, Any]:
            steps, started = self.seconds_of_steps(trial, precision), time.monotonic()
            found = worker.do(self.book, trial, self.device.type, precision)
            key = {"label": trial.label, "split": trial.split, "seed": trial.seed}
            self.tables["rows"] += found.rows
            self.tables["curves"] += found.curve
            self.tables["losses"] += [key | row for row in curves(found.run_dir).reset_index().to_dict("records")]
            if steps:
                self.beside_steps = max(0.0, time.monotonic() - started - steps)
            wall = runs.read_run(found.run_dir)["wall_seconds"]
            return {"score": found.rows[0]["score"], "run": found.run_dir.name, "wall_seconds": wall}

        name = f"{trial.label}, {trial.split}, seed {trial.seed}"
        return Part(name, lambda: self.seconds_of(trial, precision), work)

    def seconds_of(self, trial: Trial, precision: str) -> float:
        """Estimate the seconds of a training: its steps, and what the last training took beside them."""
        steps = self.seconds_of_steps(trial, precision)
        return steps + self.beside_steps if steps else 0.0

    def seconds_of_steps(self, trial: Trial, precision: str) -> float:
        """Estimate from one step, after another that warms up; a finished run takes none."""
        if self.book.finished(trial.recipe, trial.split, trial.seed, precision):
            return 0.0
        data = self.book.prepare(trial.recipe.season, trial.split)
        batches = RunSampler(data, trial.recipe, 0, torch.device("cpu")).n_batches(trial.recipe.epochs)
        batch = our_batch(data, trial.recipe, len(data.members), self.device)
        key = repr((trial.recipe.architecture, batch.inputs.shape, precision))
        if key not in self.paces:
            mixed = "bf16" if precision == "bf16" else "32"
            trainee = Trainee(trial.recipe, data, self.device, mixed, steps=batches)
            with matmul_precision(precision):
                for _ in range(2):
                    self.paces[key] = seconds(lambda: trainee.step(lambda: trainee.our_loss(batch)), self.device)
        return self.paces[key] * batches

    def timings(self) -> dict[str, Any]:
        """Time a step, plain and ours, in each precision."""
        data, recipe = self.book.prepare(), self.sized(named("published-final"))
        for precision in self.precisions:
            with matmul_precision(precision):
                trainee = Trainee(recipe, data, self.device, "bf16" if precision == "bf16" else "32")
                for row in compare_steps(trainee, recipe, data, self.device, precision, (11, 24)):
                    self.tables["timings"].append({"precision": precision, **pd.json_normalize(row.to_json()).iloc[0]})
        return {"rows": len(self.tables["timings"])}

    def cuda_tests(self) -> dict[str, Any]:
        """Run the tests of CUDA of the checkout, if it has them."""
        if not CUDA_TESTS.exists():
            return {"tests": "no tests here"}
        command = [sys.executable, "-m", "pytest", "-q", str(CUDA_TESTS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CUDA_TESTS_SECONDS)
        return {"tests": (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1], "exit": done.returncode}


def run(
    data_path: str = "embedded",
    profile: str | None = None,
    out_dir: str = "",
    seeds: int | None = None,
    device: str = "auto",
    minutes: float | None = None,
) -> pd.DataFrame:
    """Do the parts in order as far as the time goes; a part that would not fit is passed over and says so.

    Parameters
    ----------
    data_path, out_dir, device
        See `runner.run`.
    profile : {"quick", "full"}, optional
        Toy networks, or the published sizes; full by default on CUDA, else quick.
    seeds : int, optional
        Of the two experiments; 3 by default, 1 in the quick profile.
    minutes : float, optional
        `MINUTES` by default.

    Returns
    -------
    DataFrame
        One row a part: ``status``, ``seconds``, ``score``. The folder ``study-published`` holds ``results.json`` and
        the tables ``rows``, ``curves``, ``timings`` and ``losses``, written after each part.
    """
    started, limit = time.monotonic(), 60 * (MINUTES if minutes is None else minutes)
    profile = profile or {"cuda": "full", "cpu": "quick"}[pick_device(device).type]
    book = Workbook("study-published", data_path, profile, 0, out_dir)
    session = Session(book, device, seeds or {"quick": 1, "full": 3}[profile])
    results: dict[str, Any] = {"machine": _machine(session.device), "data": book.prepare().fingerprint, "parts": []}
    for part in session.parts():
        results["parts"].append({"part": part.name} | attempt(part, limit - (time.monotonic() - started)))
        _write(book.folder, results, session.tables)
        gc.collect()  # a trainer and its gigabytes hang in cycles of references
    return pd.DataFrame(results["parts"]).set_index("part")[["status", "seconds", "score"]]


STUDY = OwnRun("What do the published networks reach at full size, and how fast? (one GPU)", run, ("minutes",))


def attempt(part: Part, left: float) -> dict[str, Any]:
    """Do a part if its estimate fits into the seconds that are left; say what became of it."""
    blank: dict[str, Any] = {"seconds": None, "score": None}
    if left <= 0:
        return blank | {"status": "not run: no time left"}
    started = time.monotonic()
    try:
        wanted = part.estimate()
        left -= time.monotonic() - started
        if wanted > left:
            return blank | {"status": f"not run: would take {wanted / 60:.1f} min, {max(left, 0) / 60:.1f} min left"}
        found = part.work()
    except Exception as error:
        return blank | {"status": f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    return blank | {"status": "done", "seconds": time.monotonic() - started} | found


def _machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "threads": torch.get_num_threads(), **runs.environment()}


def _write(folder: Path, results: dict[str, Any], tables: dict[str, list[dict[str, Any]]]) -> None:
    files.write_json(folder / "results.json", results)
    for name, rows in tables.items():
        if rows:
            files.write_atomically(folder / f"{name}.csv", pd.DataFrame(rows).to_csv)
