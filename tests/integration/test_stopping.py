"""Stopped by a signal, killed, or left by another process: what a training goes on from, and what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from test_training import LATE, TINY, curves, stop_at, train

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.course import Workbook
from climgru_lib.data import tensors
from climgru_lib.stopping import Stopped, stoppable
from climgru_lib.training import fit, lightning_adapter, runs

WHOLE = replace(TINY, runs=100_000)  # one batch an epoch


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    return train(WHOLE, data, tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture
def stopped(data, tmp_path, monkeypatch):
    """A training stopped in its second epoch."""
    with monkeypatch.context() as patch:
        stop_at(patch, 12)
        with pytest.raises(Stopped):
            train(TINY, data, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_epochs_of_one_batch_are_stopped_and_resumed_to_the_bit(data, whole, tmp_path, monkeypatch, number):
    with monkeypatch.context() as patch:
        stop_at(patch, 2, number)
        with pytest.raises(Stopped, match=f"{number.name} came in epoch [12]; continue with --resume"):
            train(WHOLE, data, tmp_path / "run")
    resumed = train(WHOLE, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()
    assert curves(resumed) == curves(whole)


def test_epochs_of_one_batch_are_saved_by_time(data, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(lightning_adapter, "CHECKPOINT_SECONDS", 0)
    left = []

    def watch(step, model):
        left.append((tmp_path / "run" / runs.CHECKPOINT).exists())
        if step == 3:
            raise MemoryError  # as if it were killed

    with pytest.raises(MemoryError):
        fit.train(WHOLE, data, tmp_path / "run", device="cpu", progress=False, watch=watch)
    assert left == [False, True, True]
    resumed = train(WHOLE, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()


def test_a_stop_that_an_extension_module_has_turned_into_an_error_is_a_stop():
    def imported():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Stopped as stop:  # as pybind11 does
            raise ImportError("initialization failed") from stop

    with pytest.raises(Stopped, match="SIGTERM came; the same command goes on"), stoppable():
        imported()
    with pytest.raises(ImportError, match="no such"), stoppable():
        raise ImportError("no such module")


def test_what_a_stopped_library_complains_of_at_exit_is_not_told():
    program = """
import atexit, signal, sys, threading
from climgru_lib import cli
atexit.register(threading.Thread().join)
cli._run = lambda args: signal.raise_signal(signal.SIGINT)
sys.exit(cli.main(["recipes"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 75
    assert re.fullmatch(r"climgru: stopped: SIGINT came; .*\n", done.stderr)


def test_a_signal_after_the_last_epoch_leaves_a_run_that_a_resume_finishes(data, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(Stopped):
            train(WHOLE, data, tmp_path / "run")
    assert runs.read_run(tmp_path / "run")["status"] == "unfinished"
    resumed = train(WHOLE, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()


STOP_WHILE = """
import os, signal, sys
from climgru_lib.data import {module}
def stop(*args, **kwargs):
    os.kill(os.getpid(), signal.{name})
    for _ in range(10**6): pass
{module}.{function} = stop
from climgru_lib.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("name", "place"),
    [("SIGTERM", "store.open_dataset"), ("SIGUSR1", "tensors.prepare"), ("SIGINT", "tensors.prepare")],
)
def test_a_signal_while_data_load_ends_with_75_and_one_line(name, place, store, tmp_path):
    module, function = place.split(".")
    program = STOP_WHILE.format(module=module, function=function, name=name)
    command = ["train", str(tmp_path / "run"), "--recipe", "climatology", "--data", str(store)]
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
    assert done.returncode == 75, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"climgru: stopped: {name} came")


def test_a_second_signal_ends_at_once(data, tmp_path):
    program = (
        "import os, signal\nfrom climgru_lib.stopping import held, stoppable\n"
        "with stoppable(), held():\n    for _ in range(2):\n        os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGTERM


def test_a_resume_keeps_the_number_of_threads_and_says_so(data, stopped, capsys):
    threads = torch.get_num_threads()
    content = json.loads((stopped / runs.RUN).read_text())
    assert content["threads"] == threads
    runs.write_json(stopped / runs.RUN, content | {"threads": threads + 1})
    seen = []
    watch = lambda *_: seen.append(torch.get_num_threads())  # noqa: E731
    fit.train(TINY, data, stopped, device="cpu", progress=False, resume=True, watch=watch)
    assert set(seen) == {threads + 1}
    assert f"continued with {threads + 1} threads, as it was begun, not {threads}" in capsys.readouterr().out
    assert torch.get_num_threads() == threads


def test_wall_time_adds_up_over_resumes(data, stopped):
    content = torch.load(stopped / runs.CHECKPOINT, weights_only=True)
    (state,) = (state for name, state in content["callbacks"].items() if "TrainingLog" in name)
    assert 0 < state["seconds"] < 60
    state["seconds"] = 5000.0
    torch.save(content, stopped / runs.CHECKPOINT)
    train(TINY, data, stopped, resume=True)
    assert 5000 < runs.read_run(stopped)["wall_seconds"] < 5060


def test_a_large_run_keeps_its_checkpoint_until_it_is_finished(data, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "KEEP_CHECKPOINT_BELOW", 10)

    def killed(run_dir, **facts):
        assert (run_dir / runs.CHECKPOINT).exists()
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(runs, "finish", killed)
        with pytest.raises(MemoryError):
            train(TINY, data, tmp_path / "run")
    watch = lambda *_: pytest.fail("it was trained again")  # noqa: E731
    fit.train(TINY, data, tmp_path / "run", device="cpu", progress=False, resume=True, watch=watch)
    assert not (tmp_path / "run" / runs.CHECKPOINT).exists()


def test_debris_of_a_killed_process_is_removed_and_locks_nothing(data, stopped, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    for name in (runs.LOCK, ".4711-run.json"):
        (new / name).write_text("{")
    assert train(replace(TINY, epochs=1), data, new) == new  # it was killed before its run.json was in place
    for name in (".4711-last.ckpt", ".12-weights.safetensors"):
        (stopped / name).write_bytes(b"half")
    train(TINY, data, stopped, resume=True)
    assert [path.name for folder in (new, stopped) for path in folder.iterdir() if path.name[1:2].isdigit()] == []


def flipped(content):
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "damage", [flipped, lambda content: content[:-100], lambda content: b"", lambda content: b"{}"]
)
def test_a_damaged_checkpoint_is_not_resumed_from(data, stopped, damage):
    path = stopped / runs.CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"last.ckpt .*delete it, and --resume trains from the start"):
        train(TINY, data, stopped, resume=True)


def with_entry(key, value):
    return lambda content: {**content, key: value}


@pytest.mark.parametrize(
    "change",
    [
        lambda content: [content],
        lambda content: {"state_dict": content["state_dict"]},
        with_entry("state_dict", {}),
        with_entry("loops", 3),
        with_entry("loops", {}),
        with_entry("callbacks", {}),
        with_entry("optimizer_states", [{"state": {0: {"exp_avg": torch.ones(3)}}}]),
        with_entry("lr_schedulers", "none"),
        with_entry("pytorch-lightning_version", 5),
    ],
)
def test_a_foreign_checkpoint_is_refused_in_one_line(data, stopped, change):
    path = stopped / runs.CHECKPOINT
    torch.save(change(torch.load(path, weights_only=True)), path)
    try:
        train(TINY, data, stopped, resume=True)
    except InputError as error:
        assert "last.ckpt" in str(error) and "\n" not in str(error)
    else:
        pytest.fail("a foreign checkpoint was resumed from")


def test_two_processes_that_resume_train_once(store, tmp_path):
    command = [sys.executable, "-m", "climgru_lib.cli", "train", str(tmp_path / "run"), "--recipe", "climatology"]
    command += ["--data", str(store), "--resume"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("reused the finished run" in text for text in texts) == 1


def test_a_stopped_command_tells_how_to_go_on(store, tmp_path):
    command = ["train", str(tmp_path / "run"), "--recipe", "compact-final", "--data", str(store)]
    command += ["--set", "runs=100000", "--set", "epochs=9000", "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "climgru_lib.cli", *command], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / runs.CURVES).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    *warnings, line = process.communicate(timeout=60)[1].splitlines()
    assert all(other.startswith("climgru: warning: ") for other in warnings)  # of the toy data
    assert process.returncode == 75
    assert "SIGTERM came in epoch" in line and "--resume" in line
    assert main(command) == 2  # without --resume


def test_an_interrupted_cell_says_in_one_line_how_to_continue(store, tmp_path, monkeypatch):
    book = Workbook("04", str(store), "quick", 0, str(tmp_path))
    small = {"architecture": {"width": 4, "hidden": 4, "head": 8}, "run_length": 6, "runs": 2}
    recipe = book.recipe("compact-final", **small)
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGINT)
        with pytest.raises(Stopped) as stopped:
            book.train(recipe, "unseen:ssp370")
    told = "SIGINT came in epoch 1; run this again to continue"
    assert stopped.value._render_traceback_() == [f"Stopped: {told}"]
    run_dir = book.train(recipe, "unseen:ssp370")
    assert runs.read_run(run_dir)["status"] == "finished"
