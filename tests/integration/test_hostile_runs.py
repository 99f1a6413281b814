"""Somebody else's run directory: whatever it holds, it opens as a run or is refused in one line, before it is built."""

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from robustness import foreign_checkpoints, foreign_runs
from safetensors.torch import load_file, save_file
from test_training import LATE, TINY, train

from climgru_lib.cli import main
from climgru_lib.contract import DataError, InputError, standardise
from climgru_lib.data import tensors
from climgru_lib.predict import Emulator
from climgru_lib.training import recipes, runs


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    data = tensors.prepare(dataset, "published", LATE)
    return train(replace(TINY, epochs=1), data, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def foreign(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def refusal(call, *arguments) -> str:
    """Return the one line in which something is refused."""
    with pytest.raises(InputError) as refused:
        call(*arguments)
    (line,) = str(refused.value).splitlines()
    return line


@pytest.mark.parametrize("kind", foreign_runs.CHANGES)
def test_a_changed_run_is_refused(foreign, kind):
    content = json.loads((foreign / runs.RUN).read_text())
    foreign_runs.CHANGES[kind](content)
    (foreign / runs.RUN).write_text(json.dumps(content))
    assert "run" in refusal(Emulator.open, foreign)


def test_every_field_is_needed_or_has_its_meaning_without(foreign):
    content = json.loads((foreign / runs.RUN).read_text())
    for name in content:
        (foreign / runs.RUN).write_text(json.dumps({key: value for key, value in content.items() if key != name}))
        if name in foreign_runs.OPTIONAL:
            assert Emulator.open(foreign)
        else:
            assert name in refusal(Emulator.open, foreign) or name == "status", name


@pytest.mark.parametrize("value", [None, [], {}, "x", -1, True, 10**30])
def test_every_field_has_its_type(foreign, value):
    content = json.loads((foreign / runs.RUN).read_text())
    for name in content:
        if name == "loss" and value == {}:
            continue  # that of a recipe without one
        (foreign / runs.RUN).write_text(json.dumps({**content, name: value}))
        try:
            Emulator.open(foreign)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert type(value) in (dict, list, str, int) or name == "numerics", name


@pytest.mark.parametrize("text", foreign_runs.TEXTS.values(), ids=foreign_runs.TEXTS.keys())
def test_a_file_that_is_no_run_is_refused(foreign, text):
    (foreign / runs.RUN).write_text(text)
    assert "damaged" in (line := refusal(Emulator.open, foreign)) or "later version" in line


@pytest.mark.parametrize("content", foreign_runs.WEIGHTS.values(), ids=foreign_runs.WEIGHTS.keys())
def test_weights_that_are_none_are_refused(foreign, content):
    (foreign / runs.WEIGHTS).write_bytes(content)
    assert "weights.safetensors cannot be used" in refusal(Emulator.open, foreign)


@pytest.mark.parametrize("change", foreign_runs.STATES.values(), ids=foreign_runs.STATES.keys())
def test_weights_of_another_network_are_refused(foreign, change):
    save_file(change(load_file(foreign / runs.WEIGHTS)), foreign / runs.WEIGHTS)
    assert "weights.safetensors cannot be used" in refusal(Emulator.open, foreign)


def test_scores_that_are_none_are_refused_before_anything_is_computed(foreign, store, capsys):
    for text in foreign_runs.SCORES.values():
        (foreign / runs.SCORES).write_text(text)
        before = (foreign / runs.SCORES).read_bytes()
        capsys.readouterr()
        assert main(["evaluate", str(foreign), "--data", str(store)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "metrics.json" in line
        assert (foreign / runs.SCORES).read_bytes() == before


def test_curves_that_are_none_are_refused(dataset, tmp_path):
    data = tensors.prepare(dataset, "published", LATE)
    run = train(replace(TINY, epochs=1), data, tmp_path / "run")
    runs.write_json(run / runs.RUN, runs.read_run(run) | {"status": "unfinished"})
    (run / runs.CHECKPOINT).unlink()
    (run / runs.CURVES).write_text("colour\nred\n")
    assert "metrics.csv is no file of curves" in refusal(lambda: train(replace(TINY, epochs=1), data, run, resume=True))


def test_a_small_checkpoint_takes_no_memory(store, tmp_path):
    torch.save({"state_dict": foreign_checkpoints.Harm(bytearray, 6_200_000_000)}, tmp_path / "small.ckpt")
    assert (tmp_path / "small.ckpt").stat().st_size < 2000
    command = [sys.executable, "-m", "climgru_lib.cli", "import", "small.ckpt", "run", "--data", str(store)]
    limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (4_000_000_000,) * 2)  # noqa: E731
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limit, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "names 'builtins.bytearray'" in line or "names '__builtin__.bytearray'" in line


def test_a_network_of_many_pathways_is_refused_unbuilt(store, tmp_path, capsys):
    state = {f"model.ln{number}.weight": torch.ones(1) for number in range(2000)}
    torch.save({"state_dict": state}, tmp_path / "wide.ckpt")
    assert main(["import", str(tmp_path / "wide.ckpt"), str(tmp_path / "run"), "--data", str(store)]) == 2
    assert "2000 parameters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("architecture.dropout=7.0", "from 0 to below 1"),
        ("architecture.layers=100000", "from 1 to 64"),
        ("architecture.hidden=0", "from 1 to"),
    ],
)
def test_sizes_that_cannot_be_trained_are_refused(store, tmp_path, capsys, setting, message):
    command = ["train", str(tmp_path / "run"), "--recipe", "compact-final", "--data", str(store), "--set", setting]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_loss_without_weight_is_refused():
    with pytest.raises(InputError, match="nothing would be learned"):
        replace(TINY, loss={"tas_l1": 0.0, "pr_mse": 0})


def test_forcings_that_stand_still_are_refused(raw):
    for name in ("CO2", "CH4", "SO2", "BC"):
        raw[name] = raw[name] * 0 + np.float64(raw[name].mean())
    with pytest.raises(DataError, match="CO2 of ssp126, ssp245, ssp370, ssp585 is constant"):
        tensors.load(standardise(raw))


@pytest.mark.parametrize("recipe", ["pattern-scaling", "pattern-scaling-gp", "energy-balance"])
def test_a_fit_to_forcings_that_stand_still_gives_no_result(dataset, tmp_path, recipe):
    raw = tensors.load(dataset, recipes.named(recipe).season)
    for scenario in raw.scenarios.values():
        scenario.inputs[:, :4] = scenario.inputs[0, :4]
    data = raw.normalise(tensors.fit_normalizer(raw, LATE), LATE)
    try:
        run = train(recipes.named(recipe), data, tmp_path / "run")
    except InputError as error:
        assert "cannot be fitted" in str(error) or "energy balance" in str(error)
    else:
        assert all(torch.isfinite(value).all() for value in load_file(run / runs.WEIGHTS).values())
