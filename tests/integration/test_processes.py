"""One run trained by several processes: the same losses, files written once, all ended together.

Processes are begun by the launcher of `torchrun`: forked, which spares each the imports, or as a command.
"""

import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from test_training import LATE, RESIDUAL, TINY, curves, stop_at, train
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import climgru_lib.training.descent  # noqa: F401 - before processes are forked, each of which would import it
from climgru_lib import processes
from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import splits, tensors
from climgru_lib.stopping import SIGNALS, Stopped
from climgru_lib.training import distributed, lightning_adapter, runs
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.recipes import named
from climgru_lib.training.settings import with_settings

#: Losses over the batch couple its maps. A larger learning rate amplifies rounding: the runs of a batch in another
#: order then change the losses of one process by as much as several processes do.
SETTINGS = ["architecture.width=4", "architecture.hidden=8", "architecture.head=16", "loss.tas_hessian=0.2"]
SETTINGS += ["window=4", "epochs=2", "cosine_epochs=2", "learning_rate=3e-4", "runs=4", "run_length=12"]
COUPLED = with_settings(named("compact-final"), SETTINGS)
KILL = """
import os, signal
from climgru_lib import processes
from climgru_lib.training import lightning_adapter
from climgru_lib.training.batches import RunSampler

lightning_adapter.CHECKPOINT_SECONDS, gather, taken = 0, RunSampler.batch, []

def counting(self, runs):
    taken.append(runs)
    if len(taken) == 5 and processes.number() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return gather(self, runs)

RunSampler.batch = counting
"""


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The run that one process trains."""
    return train(COUPLED, data, tmp_path_factory.mktemp("runs") / "alone")


def begin(count, work, *args):
    """Run a function in several processes; return what each returns."""
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGHUP, signal.SIGQUIT)}
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="fork",
    )
    try:
        return list(elastic_launch(config, work)(*args).values())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def begin_as_srun(count, work, *args):
    """Run a function in several processes with the variables of SLURM's tasks; return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        step = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "MASTER_PORT": str(free.getsockname()[1])}
    step |= dict.fromkeys(("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE"), str(count))
    step |= {"SLURM_NNODES": "1", "SLURM_NODEID": "0"}

    def task(number):
        os.environ |= step | {"SLURM_PROCID": str(number), "SLURM_LOCALID": str(number)}
        sys.exit(work(*args))

    tasks = [multiprocessing.get_context("fork").Process(target=task, args=(number,)) for number in range(count)]
    for one in tasks:
        one.start()
    for one in tasks:
        one.join()
    return [one.exitcode for one in tasks]


def first_moments(run_dir):
    """The optimiser's mean gradients: unlike its steps, they show a gradient that is a multiple of the right one."""
    (optimizer,) = torch.load(run_dir / runs.CHECKPOINT, weights_only=True)["optimizer_states"]
    return torch.stack([moments["exp_avg"].norm() for moments in optimizer["state"].values()])


def assert_alike(several, one):
    assert len(curves(several)) == len(curves(one)) > 1
    for ours, theirs in zip(curves(several), curves(one)):
        assert {name: float(value) for name, value in ours.items()} == pytest.approx(
            {name: float(value) for name, value in theirs.items()}, rel=1e-4
        )
    torch.testing.assert_close(first_moments(several), first_moments(one), rtol=0.02, atol=1e-6)


@pytest.mark.parametrize(("count", "launch"), [(2, begin_as_srun), (4, begin)])
def test_the_losses_are_those_of_one_process(data, alone, tmp_path, count, launch):
    sampler = RunSampler(data, COUPLED, 0, torch.device("cpu"))
    sizes = {len(batch) for batch in sampler.plan(0)}
    assert 4 in sizes and any(size % count for size in sizes)  # what can be shared out, and what cannot
    launch(count, lambda: train(COUPLED, data, tmp_path / "run") and None)
    assert_alike(tmp_path / "run", alone)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in alone.iterdir()}
    assert runs.read_run(tmp_path / "run")["processes"] == count


def test_a_network_on_a_prior_and_a_target_without_loss(dataset, data, tmp_path):
    on_a_prior = replace(RESIDUAL, architecture={**RESIDUAL.architecture, "dropout": 0.0}, epochs=2)
    one_pathway = replace(COUPLED, loss={"tas_l1": 1.0, "tas_hessian": 0.5}, combination="uncertainty")
    both = [(on_a_prior, tensors.prepare(dataset, "phase", LATE)), (one_pathway, data)]

    def work(folder):
        for number, (recipe, prepared) in enumerate(both):
            train(recipe, prepared, folder / str(number))

    work(tmp_path / "alone")
    begin(2, work, tmp_path / "several")
    for number in "01":
        assert_alike(tmp_path / "several" / number, tmp_path / "alone" / number)
    ours, theirs = (load_file(tmp_path / name / "1" / runs.WEIGHTS) for name in ("several", "alone"))
    assert torch.equal(ours["ln2.weight"], theirs["ln2.weight"])  # the pathway of pr has learned nothing


def test_a_signal_to_one_stops_all_and_a_resume_goes_on_to_the_bit(data, tmp_path, monkeypatch):
    recipe = replace(COUPLED, architecture={**COUPLED.architecture, "dropout": 0.2})

    def whole_and_stopped():
        train(recipe, data, tmp_path / "whole")
        if processes.number() == 1:
            stop_at(monkeypatch, 9)
        with pytest.raises(Stopped) as stop:
            train(recipe, data, tmp_path / "run")
        return str(stop.value)

    told = begin(2, whole_and_stopped)
    assert all(re.fullmatch(r".* came in epoch \d; continue with --resume", line) for line in told)
    assert [line.partition(" came")[0] for line in told] == ["a signal to another process", "SIGUSR1"]
    assert runs.read_run(tmp_path / "run")["status"] == "unfinished"
    masks = begin(2, lambda: train(recipe, data, tmp_path / "run", resume=True) and torch.rand(3).tolist())
    assert masks[0] != masks[1]  # those of dropout are drawn by each for itself
    weights = [(tmp_path / name / runs.WEIGHTS).read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]
    assert curves(tmp_path / "run") == curves(tmp_path / "whole")


def test_the_state_of_a_large_network_is_shared_and_any_number_resumes(data, tmp_path, monkeypatch):
    def work(name):
        made, own = [], lightning_adapter.adamw
        monkeypatch.setattr(lightning_adapter, "adamw", lambda *a, **k: made.append(own(*a, **k)) or made[0])
        if name == "stopped":
            stop_at(monkeypatch, 9)
            with pytest.raises(Stopped):
                train(COUPLED, data, tmp_path / name)
        else:
            train(COUPLED, data, tmp_path / name)
        state = getattr(made[0], "optim", made[0]).state
        return sum(value.numel() for moments in state.values() for value in moments.values() if value.ndim)

    plain = begin(2, work, "plain")
    monkeypatch.setattr(distributed, "SHARED_FROM", 1)
    shared = begin(2, work, "shared")
    assert plain == [2 * runs.read_run(tmp_path / "plain")["parameters"]] * 2
    assert sum(shared) == plain[0] and max(shared) < 0.6 * plain[0]
    begin(2, work, "stopped")
    shutil.copytree(tmp_path / "stopped", tmp_path / "again")
    begin(2, lambda: train(COUPLED, data, tmp_path / "again", resume=True) and None)
    assert (tmp_path / "again" / runs.WEIGHTS).read_bytes() == (tmp_path / "shared" / runs.WEIGHTS).read_bytes()
    train(COUPLED, data, tmp_path / "stopped", resume=True)  # alone
    weights = {name: load_file(tmp_path / name / runs.WEIGHTS) for name in ("plain", "shared", "stopped")}
    for name, value in weights["plain"].items():
        torch.testing.assert_close(weights["shared"][name], value, rtol=0, atol=1e-6)
        torch.testing.assert_close(weights["stopped"][name], value, rtol=0, atol=2e-4)  # rounding grows, as from 1 to 2
    assert_alike(tmp_path / "stopped", tmp_path / "plain")


def command(store, run_dir, *more):
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    where = [str(run_dir), "--data", str(store), "--threads", "1"]
    return ["train", *where, "--recipe", "compact-final", *settings, *map(str, more)]


def test_a_killed_process_ends_all_and_one_process_goes_on(store, dataset, tmp_path):
    (tmp_path / "kill.py").write_text(KILL)
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "climgru_lib.cli"]
    killed = [*program, *command(store, tmp_path / "run", "--use", tmp_path / "kill.py")]
    done = subprocess.run(killed, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1  # of torchrun, whatever those of the processes are
    assert "climgru: stopped: another process of this training has ended" in done.stderr
    assert "finished" not in done.stdout
    assert runs.read_run(tmp_path / "run")["status"] == "unfinished"
    assert torch.load(tmp_path / "run" / runs.CHECKPOINT, weights_only=True)["global_step"] > 0
    assert main(command(store, tmp_path / "run", "--resume")) == 0
    one = train(COUPLED, tensors.prepare(dataset, "published", splits.CLEAN), tmp_path / "one")
    assert_alike(tmp_path / "run", one)


def test_a_task_that_survives_another_ends_with_75(store, tmp_path):
    def work():
        exec(KILL, {})
        return main(command(store, tmp_path / "run"))

    assert begin_as_srun(2, work) == [75, -signal.SIGKILL]


def test_a_closed_form_is_fitted_by_the_first_alone(store, tmp_path):
    arguments = ["train", str(tmp_path / "run"), "--recipe", "pattern-scaling", "--data", str(store)]
    assert begin(2, main, arguments) == [0, 0]
    assert runs.read_run(tmp_path / "run")["status"] == "finished"


def test_processes_with_different_runs_are_refused(data, tmp_path):
    def work():
        with pytest.raises(InputError, match="torchrun has begun 2 processes for one run, but gave them different"):
            train(COUPLED, data, tmp_path / str(processes.number()))

    begin(2, work)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("count", "changes", "told"),
    [
        (2, {"runs": 1, "run_length": 11}, "use --set runs=2 --set run_length=6, or another number of processes"),
        (4, {"runs": 6, "run_length": 12}, "use --set runs=8 --set run_length=9, or another number of processes"),
        (2, {"architecture": TINY.architecture}, "use --set architecture.norm=running, or one process"),
    ],
)
def test_what_several_processes_would_train_otherwise_is_refused(data, tmp_path, monkeypatch, count, changes, told):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": str(count), "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=told):
        train(replace(COUPLED, **changes), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, (None, 1, 0)),
        ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "RANK": "3"}, ("torchrun", 4, 3)),
        ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "1", "RANK": "0"}, (None, 1, 0)),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, (None, 1, 0)),  # a batch script, not a task of `srun`
        ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}, ("srun", 4, 2)),
        ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "bash"}, (None, 1, 0)),
        ({"SLURM_STEP_NUM_TASKS": "2", "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "8", "RANK": "5"}, ("torchrun", 8, 5)),
    ],
)
def test_what_the_environment_tells(monkeypatch, told, expected):
    for name in [*os.environ]:
        if name.startswith(("SLURM", "TORCHELASTIC")):
            monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert (processes.begun_by(), processes.count(), processes.number()) == expected


def test_srun_must_tell_how_many_tasks_a_machine_has(data, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(InputError, match="srun has begun 2 tasks, on how many machines is not told; add --ntasks-per"):
        train(COUPLED, data, tmp_path / "run")


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refused = pytest.raises(InputError, match=r"2 processes on this machine and 1 GPU\(s\)")
    with refused, distributed.together(torch.device("cuda")):
        pass
