"""What training, noise limits and predictions cost at sizes beside each other, and what larger ones would hold.

Each measurement is a process of its own that reads a store of its size: CPU seconds (user and system, one thread),
which other programs on the machine disturb little, wall seconds, and peak memory. What a step of training computes and
keeps is counted by PyTorch on the meta device, where tensors have sizes and no values, also for sizes beyond any
machine.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from climgru_lib import mini_earth
from climgru_lib.course.study.measure import Row
from climgru_lib.course.study.results import FOLDER
from climgru_lib.course.study.steps import Trainee
from climgru_lib.data import store, tensors
from climgru_lib.data.normalizer import Normalizer, denormalise
from climgru_lib.data.splits import Split
from climgru_lib.data.tensors import EmulationData
from climgru_lib.grid import regular_grid
from climgru_lib.predict.emulator import Emulator
from climgru_lib.score import noise_limits
from climgru_lib.training import fit
from climgru_lib.training.batches import Batch, Run, RunSampler
from climgru_lib.training.lightning_adapter import Emulation
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.recipes import named

from .measure import peak_mb

SSP, ALL = "ssp126", Split("cost", (), ())
CHANNELS, TARGETS = 6, 2
STEPS = 4  # of which the first, where the optimiser makes its state, does not count
SCORED = 24  # months of the slice whose limits are taken


@dataclass(frozen=True)
class Size:
    """Months, members and grid of one scenario, the width of the network, its batches, and who trains it."""

    months: int = 120
    members: int = 3
    grid: str = "48x72"
    width: int = 8
    processes: int = 1
    runs: int = 2
    run_length: int = 24

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.grid.split("x")
        return int(rows), int(columns)


BASE = Size()
AXES = {
    "months": (240, 480, 960),
    "members": (6, 12, 24),
    "grid": ("24x36", "96x144", "192x288"),
    "width": (4, 16, 32),
}
#: Trained by the command's own way, which a launcher begins; long enough for some steps of full batches.
LAUNCHED = [Size(months=480, processes=count) for count in (1, 2)]
#: Sizes that are counted alone: ClimateSet's 250 km, and 0.25 degrees with 100 members.
PLANNED = {
    "climateset": Size(1032, 1, "96x144"),
    "fine": Size(1032, 100, "720x1440"),
    "fine, small batches": Size(1032, 100, "720x1440", runs=1, run_length=6),
}


def recipe(width: int) -> Recipe:
    """Return `compact-final`, or the same made narrower or wider as a whole."""
    compact = named("compact-final")
    factor = width / compact.architecture["width"]
    sizes = {name: int(factor * compact.architecture[name]) for name in ("width", "hidden", "head")}
    return replace(compact, architecture={**compact.architecture, **sizes})


def counted(size: Size) -> dict[str, float]:
    """Count a step of training without doing it.

    Returns
    -------
    dict
        ``gflop`` of forward and backward pass; ``kept_mb`` for the backward pass, without the parameters; ``pairs_mb``
        of the targets of a batch; ``data_mb`` of a scenario as tensors; ``parameters``, millions.
    """
    from torch.utils.flop_counter import FlopCounterMode  # with a compiler, which no other measurement shall hold

    (rows, columns), chosen = size.shape, replace(recipe(size.width), runs=size.runs, run_length=size.run_length)
    # of the published batch norm, whose sizes are the same, there is a form without values
    chosen = replace(chosen, architecture={**chosen.architecture, "norm": "batch"})
    lat, kept = regular_grid(size.grid)["lat"], {}
    with torch.device("meta"):
        model = chosen.build(CHANNELS, (rows, columns), TARGETS)
        module = Emulation(model, chosen.build_loss(("tas", "pr"), lat), chosen).train()
        inputs = torch.empty(chosen.runs, chosen.run_length + chosen.window - 1, CHANNELS, rows, columns)
        targets = torch.empty(chosen.runs, chosen.run_length, size.members, TARGETS, rows, columns)
    own = {parameter.untyped_storage()._cdata for parameter in module.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    batch = Batch(inputs, targets, torch.ones(targets.shape[:3], dtype=torch.bool))
    counter = FlopCounterMode(display=False)
    with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module.training_step(batch, 0)["loss"].backward()
    return {
        "gflop": counter.get_total_flops() / 1e9,
        "kept_mb": sum(kept.values()) / 1e6,
        "pairs_mb": targets.nbytes / 1e6,
        "data_mb": 4 * size.months * rows * columns * (CHANNELS + TARGETS * size.members) / 1e6,
        "parameters": sum(parameter.numel() for parameter in module.parameters()) / 1e6,
    }


def _data(path: Path, width: int) -> tuple[Recipe, EmulationData]:
    torch.set_num_threads(1)
    chosen = recipe(width)
    return chosen, tensors.prepare(store.open_dataset(path), chosen.season, ALL)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def train(path: Path, width: int) -> list[tuple[float, float]]:
    """Time steps of training on a full batch, after a first one in which the optimiser makes its state."""
    chosen, data = _data(path, width)
    trainee, first = Trainee(chosen, data, torch.device("cpu"), steps=STEPS), chosen.window + chosen.lead - 1
    sampler = RunSampler(data, chosen, seed=0, device=torch.device("cpu"))
    batch = sampler.batch([Run(SSP, first, first, first + sampler.length)] * chosen.runs)
    return [_timed(lambda: trainee.step(lambda: trainee.our_loss(batch))) for _ in range(STEPS)][1:]


def limits(path: Path, width: int) -> list[tuple[float, float]]:
    """Time the noise limits of the last months and their errors."""
    _, data = _data(path, width)
    members = denormalise(data.scenarios[SSP].targets, data.normalizer)
    arguments = members, range(len(data.months) - SCORED, len(data.months)), data.calendar_month, data.lat
    return [_timed(lambda: noise_limits.limit_errors(*arguments, found=noise_limits.limits(*arguments)))]


def predict(path: Path, width: int) -> list[tuple[float, float]]:
    """Time the prediction of all months by a network of random weights, from forcings alone."""
    torch.set_num_threads(1)
    chosen = recipe(width)
    raw = tensors.load(store.open_dataset(path), chosen.season, targets=False)
    neutral = Normalizer(*(np.full(n, value) for n in (len(raw.channels), len(raw.targets)) for value in (0.0, 1.0)))
    data = raw.normalise(neutral)
    model = chosen.build(len(data.channels), (len(data.lat), len(data.lon))).eval()
    emulator = Emulator(model, chosen, data.normalizer, {})
    return [_timed(lambda: emulator.fields(data.scenarios[SSP], data))]


def launched(path: Path, folder: Path) -> list[tuple[float, float]]:
    """Train two epochs as `climgru train` does, and time the steps of the first process after its first one."""
    chosen, data = _data(path, BASE.width)
    stamps: list[tuple[float, float]] = []
    fit.train(
        replace(chosen, epochs=2),
        data,
        folder / "run",
        device="cpu",
        progress=False,
        watch=lambda *_: stamps.append((time.process_time(), time.perf_counter())),
    )
    return [tuple(np.subtract(stamps[-1], stamps[0]) / (len(stamps) - 1))] if stamps else []


def _with_memory(work: Callable[..., list], *arguments: object) -> dict[str, object]:
    """Return what a measurement took in this process, and its peak memory beyond the imports."""
    imports = peak_mb()
    took = work(*arguments)
    return {"took": took, "peak_mb": peak_mb(), "imports_mb": imports}


def _in_processes(count: int, path: Path, folder: Path) -> dict[str, object]:
    """Measure `launched` in the first of some processes, begun as by `torchrun`."""
    config = LaunchConfig(
        1,
        1,
        count,
        run_id="cost",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="spawn",
    )
    return elastic_launch(config, _with_memory)(launched, path, folder)[0]


#: What measures a task, and the axes that its cost may depend on.
TASKS = {
    "train": (train, ("months", "members", "grid", "width")),
    "limits": (limits, ("months", "members", "grid")),
    "predict": (predict, ("months", "grid", "width")),
}


def sizes(task: str, axes: Mapping[str, tuple], base: Size) -> Iterator[tuple[str, Size]]:
    """Yield the base, then each other size of a task with the name of the axis along which it differs."""
    yield "base", base
    for axis in TASKS[task][1]:
        yield from ((axis, replace(base, **{axis: value})) for value in axes.get(axis, ()))


def rows(
    axes: Mapping[str, tuple] = AXES,
    base: Size = BASE,
    launches: list[Size] = LAUNCHED,
    out: Path = FOLDER / "cost.csv",
) -> Iterator[Row]:
    """Measure every task along its axes, and processes; then write a table of it, with the counts of `PLANNED`."""
    cases = [(task, axis, size) for task in TASKS for axis, size in sizes(task, axes, base)]
    cases += [("launched", "processes", size) for size in launches]
    kept: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (task, axis, size) in enumerate(cases):
            path = _made(size, Path(folder))
            if task == "launched":
                found = _in_processes(size.processes, path, Path(folder) / str(number))
            else:
                found = _forked(_with_memory, TASKS[task][0], path, size.width)
            cpu, wall = (list(seconds) for seconds in zip(*found.pop("took")))
            kept.append({"task": task, "axis": axis, **asdict(size)})
            kept[-1] |= {"cpu_s": np.median(cpu), "wall_s": np.median(wall)} | found
            what = f"{task}, {size.months} months, {size.members} members, {size.grid}, width {size.width}"
            facts = {"wall s": float(np.median(wall)), "peak MB": found["peak_mb"], "imports MB": found["imports_mb"]}
            yield Row(what + f", {size.processes} processes" * (task == "launched"), "s", cpu, facts=facts)
    kept += [{"task": "train", "axis": name, **asdict(size)} for name, size in PLANNED.items()]
    steps = [row for row in kept if row["task"] == "train"]
    counts = _forked(_all_counted, [Size(**{name: row[name] for name in asdict(base)}) for row in steps])
    for row, count in zip(steps, counts, strict=True):
        row |= count
    pd.DataFrame(kept).to_csv(out, index=False, float_format="%.5g")


def _all_counted(every: list[Size]) -> list[dict[str, float]]:
    return [counted(size) for size in every]


def _forked(work: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a process of its own that has the imports of this module and nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def _made(size: Size, folder: Path) -> Path:
    """Make a store of one scenario unless it is there."""
    path = folder / f"{size.months}-{size.members}-{size.grid}"
    if not path.exists():
        mini_earth.write(path, size.months, size.members, scenarios=[SSP], **regular_grid(size.grid))
    return path
