"""What is put before the command: files and places that are not as they should be."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from safetensors.torch import load_file, save_file

from climgru_lib import contract
from climgru_lib.cli import main
from climgru_lib.data.store import open_dataset
from climgru_lib.score import submission
from climgru_lib.training import runs

from . import foreign_checkpoints, foreign_csv, foreign_runs, good, layouts, predictions

RUNS, CHECKPOINTS, PREDICTIONS = "foreign runs", "foreign checkpoints", "foreign predictions"
CSV, LAYOUTS, PLACES = "foreign CSV", "layouts", "places"


@dataclass(frozen=True)
class Kind:
    """A command, what is made before it, and what must come of it: ``refused``, ``answered``, or either."""

    group: str
    name: str
    arguments: list[str]
    expected: str = "refused"
    make: Callable[[Path], object] = lambda folder: None
    right: Callable[[Path, str], bool] = lambda folder, out: True
    environment: dict[str, str | None] = field(default_factory=dict)
    largest_file: int = 0


def shared(name: str) -> Path:
    return Path(os.environ["HOSTILE_SHARED"]) / name


def share(folder: Path) -> None:
    """Make what the kinds start from: data, a finished run, a prediction, a file of the competition."""
    raw = good.embedded(np.random.default_rng(1), n_months=168, shape=foreign_checkpoints.GRID)
    raw.to_netcdf(folder / "data.nc")
    sizes = ["architecture.width=4", "architecture.hidden=8", "architecture.head=16", "epochs=1", "cosine_epochs=1"]
    settings = [word for size in sizes for word in ("--set", size)]
    data = ["--data", str(folder / "data.nc")]
    assert main(["train", str(folder / "run"), "--recipe", "compact-final", *data, *settings]) == 0
    predict = ["predict", str(folder / "run"), *data, "--ssp", "ssp245", "--out", str(folder / "prediction.nc")]
    assert main(predict) == 0
    fields = np.random.default_rng(0).random((2, 2, 2, 3))
    foreign_csv.write_csv(folder / "good.csv", fields, foreign_csv.LAT, foreign_csv.LON)
    foreign_csv.write_csv(folder / "other.csv", fields[::-1], foreign_csv.LAT, foreign_csv.LON)


def kinds() -> Iterator[Kind]:
    """Yield all kinds."""
    for of_group in (of_layouts, of_places, of_runs, of_checkpoints, of_predictions, of_csv):
        yield from of_group()


def of_layouts() -> Iterator[Kind]:
    def written(write):
        return lambda folder: write(xr.load_dataset(shared("data.nc")).drop_encoding(), folder)

    for expected, layout in (("answered", layouts.GOOD), ("refused", layouts.BAD)):
        for name, write in layout.items():
            right = same_data if expected == "answered" else (lambda folder, out: True)
            yield Kind(LAYOUTS, name, ["data", "check", "data"], expected, written(write), right)


def same_data(folder: Path, out: str) -> bool:
    """Whether a layout is read as the months, places and values that were written."""
    found, truth = open_dataset(folder / "data"), contract.standardise(xr.load_dataset(shared("data.nc")))
    given = (truth["tas"] != 0).any(("time", "member_id", "lat", "lon"))  # what is withheld may be any constant
    for name in ("tas", "pr"):
        found[name], truth[name] = found[name].where(given), truth[name].where(given)
    if contract.month_labels(found).tolist() != contract.month_labels(truth).tolist():
        return False
    spans = {name: float(truth[name].max() - truth[name].min()) for name in contract.VARIABLES if name in truth}
    same = all(
        np.allclose(found[name], truth[name], rtol=0, atol=2e-5 * span, equal_nan=True) for name, span in spans.items()
    )
    return same and all(np.array_equal(found[name], truth[name]) for name in ("lat", "lon"))


def of_places() -> Iterator[Kind]:
    data = ["--data", "{shared}/data.nc"]
    predict = ["predict", "{shared}/run", *data, "--ssp", "ssp245", "--out"]
    train = ["train", "run", "--recipe", "pattern-scaling", *data]
    odd = "Läufe und\nmehr"
    nothing_left = lambda folder, out: not list(folder.iterdir())  # noqa: E731
    predicted = lambda folder, out: (  # noqa: E731
        xr.load_dataset(next(folder.rglob("p.nc"))).equals(xr.load_dataset(shared("prediction.nc")))
    )
    finished = lambda folder, out: runs.read_run(next(folder.rglob(runs.RUN)).parent)["status"] == "finished"  # noqa: E731
    for size in (3_000, 30_000, 100_000):
        full = {"right": nothing_left, "largest_file": size}
        yield Kind(PLACES, f"{size} bytes for a NetCDF prediction", [*predict, "p.nc"], **full)
        yield Kind(PLACES, f"{size} bytes for a Zarr prediction", [*predict, "p.zarr"], "either", largest_file=size)
        yield Kind(PLACES, f"{size} bytes for a data set", ["data", "make", "d.zarr", "--months", "24"], "either",
                   largest_file=size)  # fmt: skip
        yield Kind(PLACES, f"{size} bytes for a training", train, "either", largest_file=size)
        map_ = ["map", "{shared}/prediction.nc", "--var", "tas", "--month", "2020-07", "--out", "m.png"]
        yield Kind(PLACES, f"{size} bytes for a map", map_, "either", largest_file=size)
    yield Kind(PLACES, "odd name of a prediction", [*predict, f"{odd}/p.nc"], "answered",
               lambda folder: (folder / odd).mkdir(), predicted)  # fmt: skip
    yield Kind(PLACES, "odd name of a run", ["train", f"{odd}/run", *train[2:]], "answered", right=finished)
    yield Kind(PLACES, "run in a file", ["train", "file/run", *train[2:]], make=a_file("file"))
    yield Kind(PLACES, "run is a file", ["train", "file", *train[2:]], make=a_file("file"))
    yield Kind(PLACES, "name too long", ["train", "r" * 300, *train[2:]])
    yield Kind(PLACES, "prediction in a file", [*predict, "file/p.nc"], make=a_file("file"))
    yield Kind(PLACES, "prediction is a folder", [*predict, "p.nc"], make=lambda folder: (folder / "p.nc").mkdir())
    yield Kind(PLACES, "link to itself", ["evaluate", "run", *data], make=lambda f: (f / "run").symlink_to("run"))
    yield Kind(PLACES, "no such data", ["train", "run", "--recipe", "climatology", "--data", "none.nc"])
    nowhere = {"HOME": None, "XDG_CACHE_HOME": None}
    yield Kind(PLACES, "no home", [*predict, "p.nc"], "answered", right=predicted, environment=nowhere)
    tasks = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"}
    short = ["--recipe", "compact-final", "--set", "epochs=1", "--set", "cosine_epochs=1", "--set",
             "architecture.width=4"]  # fmt: skip
    yield Kind(PLACES, "SLURM with four tasks", ["train", "run", *data, *short], "answered", right=finished,
               environment=tasks)  # fmt: skip
    for setting in ("seed=many", "epochs=[1]", "colour=red"):
        yield Kind(PLACES, f"-p {setting}", ["course", "--only", "04", "--out", "out", "-p", setting])


def a_file(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text("hello")


def copied(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Copy the finished run and change the copy."""
    return lambda folder: change(shutil.copytree(shared("run"), folder / "run"))


def of_runs() -> Iterator[Kind]:
    evaluate = ["evaluate", "run", "--data", "{shared}/data.nc"]

    def kind(name, change, expected="refused", arguments=evaluate):
        right = same_scores if expected == "either" and arguments == evaluate else (lambda folder, out: True)
        return Kind(RUNS, name, arguments, expected, copied(change), right)

    def edited(change):
        def edit(run):
            content = json.loads((run / runs.RUN).read_text())
            change(content)
            (run / runs.RUN).write_text(json.dumps(content))

        return edit

    def put(name, content):
        return lambda run: (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    for name, change in foreign_runs.CHANGES.items():
        yield kind(f"run.json: {name}", edited(change))
    for name, text in foreign_runs.TEXTS.items():
        yield kind(f"run.json: {name}", put(runs.RUN, text))
    for field_ in FIELDS:
        yield kind(f"run.json without {field_}", edited(lambda run, name=field_: run.pop(name, None)), "either")
        for value in ([], "x", 10**30):
            change = edited(lambda run, name=field_, value=value: run.update({name: value}))
            yield kind(f"run.json: {field_} is {value!r:.5}", change, "either")
    for name, content in foreign_runs.WEIGHTS.items():
        yield kind(f"weights: {name}", put(runs.WEIGHTS, content))
    for name, change in foreign_runs.STATES.items():
        yield kind(f"weights: {name}", lambda run, change=change: save_file(
            change(load_file(run / runs.WEIGHTS)), run / runs.WEIGHTS))  # fmt: skip
    for name, text in foreign_runs.SCORES.items():
        yield kind(f"metrics.json: {name}", put(runs.SCORES, text))
    resume = ["train", "run", "--recipe", "compact-final", "--data", "{shared}/data.nc", "--resume"]
    settings = ("architecture.width=4", "architecture.hidden=8", "architecture.head=16", "epochs=1", "cosine_epochs=1")
    resume += [word for setting in settings for word in ("--set", setting)]
    for name, content in {"empty": b"", "text": b"hello", "PK": b"PK\x03\x04" + bytes(200)}.items():
        yield kind(f"last.ckpt: {name}", lambda run, content=content: (
            edited(lambda about: about.update(status="unfinished"))(run),
            (run / runs.CHECKPOINT).write_bytes(content)), "either", resume)  # fmt: skip


FIELDS = (
    "schema status recipe split seed channels targets grid lat lon normalizer trained withheld loss added numerics "
    "precision threads device data data_suspicions parameters climgru torch wall_seconds"
).split()


def same_scores(folder: Path, out: str) -> bool:
    """Whether a run that is opened has the scores of the run that it is a copy of."""
    found, truth = (json.loads((run / runs.SCORES).read_text()) for run in (folder / "run", shared("run")))
    return list(found.values()) == list(truth.values())


def of_checkpoints() -> Iterator[Kind]:
    take = ["import", "their.ckpt", "run", "--data", "{shared}/data.nc"]

    def saved(content, **options):
        return lambda folder: foreign_checkpoints.save(content(folder), folder / "their.ckpt", **options)

    def state(change=lambda state: state, **more):
        trained = foreign_checkpoints.as_trained_on_a_gpu(foreign_checkpoints.network())
        return foreign_checkpoints.checkpoint(change(trained), **more)

    untouched = lambda folder, out: not (folder / "harmed").exists() and not (folder / "run").exists()  # noqa: E731
    yield Kind(CHECKPOINTS, "as it is", take, "answered", saved(lambda folder: state()))
    for name, harm in foreign_checkpoints.HARMS.items():
        content = lambda folder, harm=harm: state(  # noqa: E731
            hyper_parameters={"a": [foreign_checkpoints.Harm(*harm(folder / "harmed"))]}
        )
        for protocol in (2, 4):
            yield Kind(CHECKPOINTS, f"{name}, protocol {protocol}", take, "refused",
                       saved(content, pickle_protocol=protocol), untouched)  # fmt: skip
    for name, (change, _) in foreign_checkpoints.UNSOUND.items():
        yield Kind(CHECKPOINTS, name, take, "refused", saved(lambda folder, change=change: state(change)), untouched)
    for name in foreign_checkpoints.DAMAGED:

        def damaged(folder, name=name):
            content = foreign_checkpoints.damaged(foreign_checkpoints.network(), folder)[name]
            (folder / "their.ckpt").write_bytes(content)

        yield Kind(CHECKPOINTS, name, take, "refused", damaged, untouched)
    for number, content in enumerate(foreign_checkpoints.STATELESS):
        yield Kind(CHECKPOINTS, f"no state {number}", take, "refused", saved(lambda f, content=content: content))
    gigabytes = lambda folder: {"state_dict": foreign_checkpoints.Harm(bytearray, 6_200_000_000)}  # noqa: E731
    yield Kind(CHECKPOINTS, "small file of 6 GB", take, "refused", saved(gigabytes), untouched)
    for count in (2000, 200_000):
        wide = lambda f, count=count: {"state_dict": {f"model.ln{k}.weight": torch.ones(1) for k in range(count)}}  # noqa: E731
        yield Kind(CHECKPOINTS, f"{count} pathways", take, "refused", saved(wide), untouched)


def of_predictions() -> Iterator[Kind]:
    draw = ["map", "p.nc", "--var", "tas", "--month", "2020-07", "--out", "m.png"]
    drawn = lambda folder, out: (folder / "m.png").stat().st_size > 10_000  # noqa: E731
    for expected, changes in (("answered", predictions.DRAWN), ("either", predictions.HOSTILE),
                              ("refused", predictions.REFUSED)):  # fmt: skip
        for name, change in changes.items():
            make = lambda folder, change=change: change(xr.load_dataset(shared("prediction.nc")), folder / "p.nc")  # noqa: E731
            right = drawn if expected == "answered" else (lambda folder, out: True)
            yield Kind(PREDICTIONS, name, draw, expected, make, right)


def of_csv() -> Iterator[Kind]:
    score = ["submission", "score", "file.csv", "{shared}/other.csv"]

    def written(change):
        lines = lambda: shared("good.csv").read_text().split("\n")[:-1]  # noqa: E731
        return lambda folder: (folder / "file.csv").write_text("\n".join(change(lines())) + "\n")

    def same_score(folder, out):
        return f"{submission.score_files(shared('good.csv'), shared('other.csv')):.3f}" in out

    for name, (change, _) in foreign_csv.BROKEN.items():
        yield Kind(CSV, name, score, "refused", written(change))
    for name, change in foreign_csv.REARRANGED.items():
        yield Kind(CSV, f"{name} rearranged", score, "answered", written(change), same_score)
