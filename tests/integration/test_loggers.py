"""Curves in tools of the user's choice: each epoch once, whatever a training is resumed from."""

import csv
import os
import signal

import pytest

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import splits, tensors
from climgru_lib.stopping import Stopped
from climgru_lib.training import fit, loggers, recipes, runs
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.settings import with_settings

EPOCHS = 4
RECIPE = with_settings(recipes.named("compact-first"), [f"epochs={EPOCHS}", "cosine_epochs=4", "stride=6"])


@pytest.fixture
def prepared(dataset):
    return tensors.prepare(dataset, RECIPE.season, splits.named("clean"))


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")], events.Tags()["scalars"]


def read_mlflow(folder):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("climgru").experiment_id])
    assert (run.info.status, run.data.params["model"]) == ("FINISHED", "cnn3d")
    return [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "loss")], run.data.metrics


def leveldb_records(data, block=32768):
    """Yield the records of a log of LevelDB, which a file of W&B is after 7 bytes."""
    at, part = 7, b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block  # no header fits into the rest of a block
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part, at = part + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last of its parts
            yield part
            part = b""


def read_wandb(folder):
    from wandb.proto.wandb_internal_pb2 import Record

    found, names = [], set()
    paths = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
    for data in (data for path in paths for data in leveldb_records(path.read_bytes())):
        items = {
            item.key or ".".join(item.nested_key): item.value_json for item in Record.FromString(data).history.item
        }
        if "loss" in items:
            found.append((int(float(items["epoch"])), float(items["loss"])))
            names |= items.keys()
    assert len({path.stem for path in paths}) == 1
    return found, names


READERS = {"tensorboard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb}


def train(prepared, run_dir, tool, stop_at=None, **kwargs):
    def watch(batches, _):
        if batches == stop_at:
            os.kill(os.getpid(), signal.SIGUSR1)

    return fit.train(RECIPE, prepared, run_dir, progress=False, watch=watch, logger=tool, **kwargs)


@pytest.mark.parametrize("tool", READERS)
def test_each_epoch_is_told_once(tool, prepared, tmp_path, monkeypatch):
    pytest.importorskip(tool)
    monkeypatch.chdir(tmp_path)
    run_dir = tmp_path / "run"
    batches = len(RunSampler(prepared, RECIPE, 0, "cpu").plan(0))
    with pytest.raises(Stopped):  # in the third epoch
        train(prepared, run_dir, tool, stop_at=2 * batches + 1)
    (run_dir / runs.CHECKPOINT).unlink()  # what a killed machine may leave: the training begins again
    train(prepared, run_dir, tool, resume=True)
    with (run_dir / runs.CURVES).open(newline="") as file:
        curve = list(csv.DictReader(file))
    told, names = READERS[tool](run_dir / loggers.FOLDER)
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4]
    assert [value for _, value in told] == pytest.approx([float(row["loss"]) for row in curve], rel=1e-5)
    assert set(curve[0]) <= set(names)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


class Memory:
    """A logger that keeps what it is told."""

    version = "7"

    def __init__(self):
        self.told, self.ended = [], []

    def log_hyperparams(self, values):
        self.told.append(values["name"])

    def log_metrics(self, values, step):
        self.told.append(step)

    def finalize(self, status):
        self.ended.append(status)


def test_a_logger_asked_for_in_a_resume_gets_the_epochs_before(prepared, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setitem(loggers.LOGGERS, "csv", lambda *about: opened.append((Memory(), about)) or opened[-1][0])
    batches = len(RunSampler(prepared, RECIPE, 0, "cpu").plan(0))
    with pytest.raises(Stopped):
        train(prepared, tmp_path / "run", None, stop_at=batches + 1)
    with pytest.raises(Stopped):
        train(prepared, tmp_path / "run", "csv", stop_at=2 * batches + 1, resume=True)
    train(prepared, tmp_path / "run", "csv", resume=True)
    (first, _), (second, about) = opened
    assert (first.told, first.ended) == (["compact-first", 1, 2], ["failed"])
    assert (second.told, second.ended) == ([3, 4], ["success"])
    assert about == (tmp_path / "run" / "logs", "run", "7")


def test_unknown_and_missing_loggers_are_named_before_anything_is_made(prepared, tmp_path, monkeypatch, capsys):
    with pytest.raises(InputError, match="unknown logger 'paper'; there are tensorboard, mlflow, wandb"):
        train(prepared, tmp_path / "run", "paper")
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    command = ["train", str(tmp_path / "run"), "--recipe", "compact-first", "--logger", "wandb"]
    assert main(command) == 2
    assert "wandb is not installed; it comes with `pip install 'climgru[wandb]'`" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
