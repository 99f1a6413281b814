"""A fine grid with all of the data in memory and with a memory budget: the rate of steps, reading, memory, scores."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from climgru_lib import mini_earth
from climgru_lib.course.study.measure import Row
from climgru_lib.course.study.results import FOLDER
from climgru_lib.course.study.steps import Trainee
from climgru_lib.data import store, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.grid import regular_grid
from climgru_lib.predict.emulator import Emulator
from climgru_lib.score.evaluation import score_slice
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.recipes import named
from climgru_lib.training.settings import with_settings

from .measure import in_child

SSP, LAST = "ssp126", 24
SPLIT = Split("budget", (Stretch(SSP, -LAST),), (Stretch(SSP, -LAST),))
#: Settings with which a step takes less memory.
SMALLER = [("runs=1", "run_length=12"), ("runs=1", "architecture.strides=[2,2,2,1]")]
STEPS, PAUSE = 8, 0.02  # s between looks at the memory


class Watch(threading.Thread):
    """The largest memory of this process, MB, while it runs, without the pages of files, which the system may drop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak_mb, self.ended = 0.0, threading.Event()

    def run(self):
        """Look until the end."""
        while not self.ended.wait(PAUSE):
            line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in line)
            self.peak_mb = max(self.peak_mb, int(line.split()[1]) * 1024 / 1e6)


def trained_and_scored(path: Path, budget: int | None, *settings: str) -> dict[str, float]:
    """Do some steps of training on batches as they come, then score the last months; return times and memory.

    ``settings`` change the recipe, as ``--set`` does.
    """
    torch.set_num_threads(1)
    watch = Watch()
    watch.start()
    recipe = with_settings(named("compact-final"), settings)
    data = tensors.prepare(store.open_dataset(path), recipe.season, SPLIT, budget)
    trainee = Trainee(recipe, data, torch.device("cpu"), steps=STEPS + 1)
    sampler = RunSampler(data, recipe, seed=0, device=torch.device("cpu"))
    reading = began = pairs = 0.0
    for number, runs in enumerate((sampler.plan(0) + sampler.plan(1))[: STEPS + 1]):
        if number == 1:  # the optimiser's state is made in the first
            reading, pairs, began = 0.0, 0, time.process_time()
        before = time.process_time()
        batch = sampler.batch(runs)
        reading += time.process_time() - before
        pairs += int(batch.mask.sum())
        trainee.step(lambda batch=batch: trainee.our_loss(batch))
    took = time.process_time() - began
    emulator = Emulator(trainee.module.model.eval(), recipe, data.normalizer, {})
    months = range(len(data.months) - LAST, len(data.months))
    score = score_slice(emulator.fields(data.scenarios[SSP], data, months), data, SSP, months)
    watch.ended.set()
    return {
        "pairs/s": pairs / took,
        "reading %": 100 * reading / took,
        "peak MB": watch.peak_mb,
        "score": score["avg"]["score"],
    }


def rows(months: int = 480, grid: str = "192x288", budget: int = 300_000_000, out: Path | None = None) -> Iterator[Row]:
    """Compare all of the data in memory, a budget, and that with smaller batches, CPU time; then write a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.zarr"
        in_child(_write, path, months, grid)
        few = f"{budget / 1e6:.0f} MB"
        cases = {"all": (None,), few: (budget,)} | {f"{few}, {' '.join(more)}": (budget, *more) for more in SMALLER}
        labels = {label: in_child(trained_and_scored, path, *case) for label, case in cases.items()}
    for label, one in labels.items():
        facts = {name: value for name, value in one.items() if name != "pairs/s"}
        yield Row(f"{grid}, {label} of the data in memory: training", "/s", [one["pairs/s"]], facts=facts)
    table = [
        {"of the data in memory": label} | {k: f"{v:.4g}" for k, v in one.items()} for label, one in labels.items()
    ]
    pd.DataFrame(table).to_csv(out or FOLDER / "cost-budget.csv", index=False)


def _write(path: Path, months: int, grid: str) -> None:
    mini_earth.write(path, months, 3, scenarios=[SSP], **regular_grid(grid))
