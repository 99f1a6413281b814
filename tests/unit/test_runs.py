"""Run directories: files that are whole or absent, and the version of the code that computes."""

import json
from importlib.metadata import version

import pytest
import torch
from torch import nn

from climgru_lib.contract import InputError
from climgru_lib.training import files, runs, weights

IDENTITY = {"recipe": {"name": "a", "model": "b", "epochs": 2}, "seed": 0, "split": "clean", "data": "0f"}
FACTS = {
    "normalizer": {
        "input_mean": [0.0],
        "input_std": [1.0],
        "target_mean": [280.0, 3.0],
        "target_std": [20.0, 2.0],
    },
    "channels": ["CO2"],
    "grid": [2, 3],
    "trained": {"ssp126": ["2015-01"]},
    "parameters": 0,
}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    runs.write_json(tmp_path / "x.json", {"a": 1})

    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(tmp_path / "x.json", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


def test_a_run_is_claimed_resumed_and_reused(tmp_path):
    run_dir = tmp_path / "deep" / "run"
    assert runs.begin(run_dir, IDENTITY, resume=False) == "new"
    with pytest.raises(InputError, match="unfinished; continue it with --resume"):
        runs.begin(run_dir, IDENTITY, resume=False)
    with pytest.raises(InputError, match="not finished"):
        runs.require_finished(run_dir)
    assert runs.begin(run_dir, IDENTITY, resume=True) == "resume"
    runs.finish(run_dir, **FACTS, wall_seconds=1.5)
    assert runs.begin(run_dir, IDENTITY, resume=False) == "finished"
    run = runs.require_finished(run_dir)
    assert (run["recipe"], run["wall_seconds"], run["torch"]) == (IDENTITY["recipe"], 1.5, version("torch"))


def test_what_differs_is_named(tmp_path):
    runs.begin(tmp_path, IDENTITY, resume=False)
    for other, message in (
        ({**IDENTITY, "seed": 3}, "its seed is 0, not 3"),
        ({**IDENTITY, "recipe": IDENTITY["recipe"] | {"epochs": 9}}, "its recipe epochs is 2, not 9"),
        ({**IDENTITY, "recipe": IDENTITY["recipe"] | {"more": 1}}, "its recipe more is None, not 1"),
    ):
        with pytest.raises(InputError, match=message):
            runs.begin(tmp_path, other, resume=True)


def test_an_empty_folder_may_be_used_and_a_file_may_not(tmp_path):
    (tmp_path / "empty").mkdir()
    assert runs.begin(tmp_path / "empty", IDENTITY, resume=False) == "new"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="holds no run"):
        runs.begin(tmp_path / "file", IDENTITY, resume=False)
    with pytest.raises(InputError, match="holds no run"):
        runs.read_run(tmp_path)


def test_scores_of_other_keys_are_kept(tmp_path):
    runs.add_scores(tmp_path, "clean abc", [1])
    runs.add_scores(tmp_path, "published abc", [2])
    runs.add_scores(tmp_path, "clean abc", [3])
    assert json.loads((tmp_path / runs.SCORES).read_text()) == {"clean abc": [3], "published abc": [2]}


def test_weights_survive_to_the_bit_and_another_architecture_is_refused(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    model(torch.rand(5, 3))  # moves the running statistics
    weights.save_weights(tmp_path, model)
    again = weights.load_weights(tmp_path, nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    with pytest.raises(InputError, match=r"weights.safetensors cannot be used"):
        weights.load_weights(tmp_path, nn.Linear(3, 2))


def test_weights_of_a_network_without_memory_come_in_the_order_it_wants(tmp_path):
    def layers():
        return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to(memory_format=torch.channels_last)

    made = layers()
    weights.save_weights(tmp_path, made)
    with torch.device("meta"):
        empty = layers()
    found = weights.load_weights(tmp_path, empty)
    assert found[0].weight.stride() == made[0].weight.stride() == (18, 1, 6, 2)
    assert {name: value.dtype for name, value in found.state_dict().items()}["1.num_batches_tracked"] == torch.int64
    for name, value in made.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in found.parameters())
