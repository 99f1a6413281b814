"""Checkpoints of the published code: what they hold is read, what they name is never run, and they go back."""

import hashlib
import importlib
import json
import sys
import typing
import zipfile
from collections import defaultdict
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
import xarray as xr
from robustness import foreign_checkpoints
from robustness.foreign_checkpoints import (
    DAMAGED,
    GRID,
    HARMS,
    SIZES,
    STATELESS,
    UNSOUND,
    Harm,
    as_trained_on_a_gpu,
    checkpoint,
    damaged,
    save,
)
from safetensors.torch import load_file

from climgru_lib.cli import main
from climgru_lib.data import splits, tensors
from climgru_lib.models import ConvGru
from climgru_lib.training import fit, recipes, runs, weights

GOLDEN = Path(__file__).parents[1] / "golden" / "conv_gru.npz"
TRAP = """
import os, pathlib

def spring(*args):
    pathlib.Path(os.environ["TRAP_SPRUNG"]).touch()

spring()

class Trap:
    def __new__(cls, *args):
        spring()
        return super().__new__(cls)
    def __setstate__(self, state):
        spring()

class Reduced(Trap):
    def __reduce__(self):
        return Reduced, (1, "two")
"""
CLASSES = {"listconfig": "ListConfig", "dictconfig": "DictConfig", "base": "ContainerMetadata", "nodes": "AnyNode"}


@pytest.fixture
def sprung(tmp_path, monkeypatch) -> Path:
    """A package named omegaconf on the import path; this file appears when it is imported or one of it is built."""
    package, sprung = tmp_path / "path" / "omegaconf", tmp_path / "sprung"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TRAP)
    for module, name in CLASSES.items():
        (package / f"{module}.py").write_text(f"from . import Trap\nclass {name}(Trap):\n    pass\n")
    monkeypatch.setenv("TRAP_SPRUNG", str(sprung))
    monkeypatch.syspath_prepend(package.parent)
    forget()
    yield sprung
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "omegaconf"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def network() -> ConvGru:
    return foreign_checkpoints.network()


def configured() -> dict:
    """Configuration as real checkpoints hold it, of trap classes: states, sub-objects, arguments, a defaultdict."""
    package = importlib.import_module("omegaconf")
    made = {module: getattr(importlib.import_module(f"omegaconf.{module}"), name)() for module, name in CLASSES.items()}
    metadata, node, sizes, tree = (made[module] for module in ("base", "nodes", "listconfig", "dictconfig"))
    resolved = defaultdict(dict, {"env": {"HOME": "/"}})
    metadata.__dict__ |= {"ref_type": typing.Any, "object_type": list, "element_type": int, "resolver_cache": resolved}
    node.__dict__ |= {"_parent": sizes, "_val": 12}
    sizes.__dict__ |= {"_metadata": metadata, "_content": [node, node]}
    tree.__dict__ |= {"_content": {"sizes": sizes}, "_parent": None}
    return {
        "hparams_name": "kwargs",
        "hyper_parameters": {"learning_rate": 1e-4, "sizes": sizes, "reduced": package.Reduced()},
        "datamodule_hyper_parameters": {"ssps": tree, "kinds": {str, float, bool, tuple}},
    }


def bits(state) -> dict[str, tuple]:
    return {
        name.removeprefix("model."): (value.dtype, tuple(value.shape), value.contiguous().numpy().tobytes())
        for name, value in state.items()
    }


def refused(capsys, *arguments) -> str:
    """Run a command that must end with exit code 2 and one line on stderr; return it."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.fixture(scope="module")
def imported(network, store, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    path = save(checkpoint(as_trained_on_a_gpu(network)), folder / "theirs.ckpt")
    assert main(["import", str(path), str(folder / "run"), "--data", str(store)]) == 0
    return folder / "run"


def test_configuration_is_passed_over_and_nothing_of_it_runs(network, store, sprung, tmp_path):
    path = save(checkpoint(as_trained_on_a_gpu(network), **configured()), tmp_path / "theirs.ckpt")
    forget()
    sprung.unlink()
    assert main(["import", str(path), str(tmp_path / "run"), "--data", str(store)]) == 0
    assert not sprung.exists()
    assert not any(name.split(".")[0] == "omegaconf" for name in sys.modules)
    assert bits(load_file(tmp_path / "run" / "weights.safetensors")) == bits(network.state_dict())
    torch.load(path, weights_only=False)
    assert sprung.exists()  # the trap works: plain unpickling springs it


def test_an_imported_run_says_what_it_is(imported):
    run = json.loads((imported / "run.json").read_text())
    assert (run["status"], run["split"], run["seed"]) == ("finished", "published", "unknown")
    architecture = {"width": 4, "hidden": 8, "layers": 2, "head": 16, "bidirectional": False}
    assert run["recipe"] == recipes.named("published-final").to_json() | {"architecture": architecture}
    digest = hashlib.sha256((imported.parent / "theirs.ckpt").read_bytes()).hexdigest()
    assert run["imported"] == {"file": "theirs.ckpt", "sha256": digest}
    late = {ssp: (months[0], months[-1], len(months)) for ssp, months in run["trained"].items()}
    assert late == dict.fromkeys(("ssp126", "ssp370", "ssp585"), ("2016-01", "2027-12", 144))  # members 1, 2 leak
    assert not (imported / "metrics.csv").exists()


def by_hand(raw, network) -> np.ndarray:
    """Predict the last month of ssp126 with NumPy's normalisation over the published training months."""
    n_months, members = raw.sizes["time"], raw.sizes["member_id"]
    phase = 2 * np.pi * np.arange(n_months) / 12
    lat = np.deg2rad(raw["y"].values)
    season = (np.sign(lat) * np.cos(lat))[:, None] * np.cos(phase)[:, None, None] * np.ones(GRID)
    inputs, outputs, series_of = [], [], {}
    for ssp in ("ssp126", "ssp370", "ssp585"):
        one = raw.sel(ssp=ssp)
        maps = [np.broadcast_to(one[name].values[:, None, None], (n_months, *GRID)) for name in ("CO2", "CH4")]
        emitted = [np.maximum(one[name].values, 0) for name in ("SO2", "BC")]
        series_of[ssp] = np.stack([maps[0], emitted[0], maps[1], emitted[1], one["rsdt"].values, season], axis=1)
        for member in range(members):
            kept = n_months - 120 if (ssp, member) == ("ssp370", 0) else n_months
            inputs.append(series_of[ssp][:kept])
            outputs.append(np.stack([one[name].values[:kept, member] for name in ("tas", "pr")], axis=1))
    inputs, outputs = np.concatenate(inputs), np.concatenate(outputs).astype("f8")
    axes, shape = (0, 2, 3), (-1, 1, 1)
    window = series_of["ssp126"][-13:-1]
    scored = (window - inputs.mean(axes).reshape(shape)) / inputs.std(axes).reshape(shape)
    with torch.no_grad():
        fields = network(torch.from_numpy(scored[None]).float())[0].numpy()
    return fields * outputs.std(axes).reshape(shape) + outputs.mean(axes).reshape(shape)


def test_an_imported_run_predicts_with_the_published_normalisation(imported, network, store, session_raw, tmp_path):
    out = tmp_path / "p.nc"
    assert main(["predict", str(imported), "--data", str(store), "--ssp", "ssp126", "--out", str(out)]) == 0
    expected = by_hand(session_raw, network)
    last = xr.open_dataset(out).isel(time=-1)
    assert last.attrs["recipe"] == "published-final"
    np.testing.assert_allclose(last["tas"], expected[0], rtol=0, atol=2e-3)  # K; float32 of values near 283
    np.testing.assert_allclose(last["pr"], expected[1], rtol=0, atol=2e-4)
    assert expected[0].std() > 1  # far above the tolerance
    assert expected[1].std() > 0.1


def test_its_own_slice_is_leaky_and_other_splits_are_as_told(imported, store, tmp_path, capsys):
    assert main(["evaluate", str(imported), "--data", str(store)]) == 0
    assert "(leaky)" in capsys.readouterr().out
    assert "trained on it" in refused(capsys, "evaluate", imported, "--data", store, "--split", "clean")
    told = tmp_path / "told"
    theirs = imported.parent / "theirs.ckpt"
    assert main(["import", str(theirs), str(told), "--data", str(store), "--split", "clean"]) == 0
    assert main(["evaluate", str(told), "--data", str(store)]) == 0
    assert "(leaky)" not in capsys.readouterr().out


def test_a_second_import_is_reused_and_another_file_is_refused(imported, network, store, tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in imported.iterdir()}
    assert main(["import", str(imported.parent / "theirs.ckpt"), str(imported), "--data", str(store)]) == 0
    assert "reused" in capsys.readouterr().out
    other = save(checkpoint(as_trained_on_a_gpu(network), epoch=3), tmp_path / "theirs.ckpt")
    assert "another run" in refused(capsys, "import", other, imported, "--data", store)
    assert {path: path.stat().st_mtime_ns for path in imported.iterdir()} == before


def test_an_import_that_was_broken_off_is_done_again(imported, store, tmp_path, monkeypatch):
    def full(*args):
        raise OSError("disk full")

    command = ["import", str(imported.parent / "theirs.ckpt"), str(tmp_path / "run"), "--data", str(store)]
    with monkeypatch.context() as patch:
        patch.setattr(weights, "save_weights", full)
        with pytest.raises(OSError, match="disk full"):
            main(command)
    assert main(command) == 0
    assert runs.require_finished(tmp_path / "run")["parameters"] == sum(
        value.size for name, value in npz(imported).items() if "running" not in name and "tracked" not in name
    )


def npz(run_dir) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in load_file(run_dir / "weights.safetensors").items()}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", HARMS)
def test_anything_that_could_run_is_refused_by_name(name, protocol, network, store, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "omegaconfiscate", None)
    harm = Harm(*HARMS[name](tmp_path / "harmed"))
    content = checkpoint(as_trained_on_a_gpu(network), hyper_parameters={"a": [harm]})
    path = save(content, tmp_path / "evil.ckpt", pickle_protocol=protocol)
    line = refused(capsys, "import", path, tmp_path / "run", "--data", store)
    assert (f"names '{name}', which could run code" if protocol == 2 else "cannot be read (UnpicklingError)") in line
    assert not (tmp_path / "harmed").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", UNSOUND)
def test_unsound_parameters_are_refused(kind, network, store, tmp_path, capsys):
    change, message = UNSOUND[kind]
    path = save(checkpoint(change(as_trained_on_a_gpu(network))), tmp_path / "bad.ckpt")
    assert message in refused(capsys, "import", path, tmp_path / "run", "--data", store)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"grid": (16, 24)}, "on the grid 8 x 12"),
        ({"in_channels": 5}, "5 input channels, the published network 6"),
        ({"n_targets": 1}, "1 pathways, the published network 2"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(sizes, message, store, tmp_path, capsys):
    state = {f"model.{name}": value for name, value in ConvGru(**SIZES | sizes).state_dict().items()}
    path = save({"state_dict": state}, tmp_path / "other.ckpt")
    assert message in refused(capsys, "import", path, tmp_path / "run", "--data", store)


def test_a_file_compressed_again_is_refused(network, store, tmp_path, capsys):
    path = save(checkpoint(as_trained_on_a_gpu(network)), tmp_path / "whole.ckpt")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "small.ckpt", "w", zipfile.ZIP_DEFLATED) as small:
        for record in whole.infolist():
            small.writestr(record.filename, whole.read(record))
    message = refused(capsys, "import", tmp_path / "small.ckpt", tmp_path / "run", "--data", store)
    assert "was compressed again after PyTorch wrote it; take the original file" in message


def test_files_that_are_no_such_checkpoint_are_refused(network, store, tmp_path, capsys):
    for kind, content in damaged(network, tmp_path).items():
        path = tmp_path / "bad.ckpt"
        path.write_bytes(content)
        assert DAMAGED[kind] in refused(capsys, "import", path, tmp_path / "run", "--data", store)
    for other in STATELESS:
        path = save(other, tmp_path / "bad.ckpt")
        assert "holds no state_dict" in refused(capsys, "import", path, tmp_path / "run", "--data", store)
    assert "no checkpoint at" in refused(capsys, "import", tmp_path, tmp_path / "run", "--data", store)
    assert not (tmp_path / "run").exists()


class Published(lightning.LightningModule):
    """The published module in outline."""

    def __init__(self):
        super().__init__()
        self.model = ConvGru(**SIZES)


def test_an_export_loads_in_lightning_under_the_published_names(imported, network, tmp_path):
    out = tmp_path / "new" / "back.ckpt"
    assert main(["export", str(imported), str(out)]) == 0
    with np.load(GOLDEN) as golden:
        names = {name for name in golden if name.startswith("model.")}
    state = torch.load(out, weights_only=True)["state_dict"]
    assert {name for name in state if not name.endswith("num_batches_tracked")} == {
        name for name in names if not name.endswith("num_batches_tracked")
    }
    module = Published.load_from_checkpoint(out, map_location="cpu", weights_only=True, strict=True)
    assert bits(module.model.state_dict()) == bits(network.state_dict())


def test_export_and_import_give_the_same_weights_to_the_bit(imported, store, tmp_path, capsys):
    out = tmp_path / "back.ckpt"
    assert main(["export", str(imported), str(out)]) == 0
    assert main(["import", str(out), str(tmp_path / "again"), "--data", str(store)]) == 0
    weights = [bits(load_file(run_dir / "weights.safetensors")) for run_dir in (imported, tmp_path / "again")]
    assert weights[0] == weights[1]
    before = out.read_bytes()
    assert "exists already" in refused(capsys, "export", imported, out)
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("season", "phase", "its season is phase, not published"),
        ("lead", 0, "its lead is 0, not 1"),
        ("padding", "circular", "its padding is circular, not zeros"),
        ("strides", [2, 1, 1, 1], r"its strides is [2, 1, 1, 1], not [1, 1, 2, 1]"),
    ],
)
def test_a_run_that_the_published_code_would_misread_is_not_exported(key, value, message, imported, tmp_path, capsys):
    run = json.loads((imported / "run.json").read_text())
    (run["recipe"] if key in ("season", "lead") else run["recipe"]["architecture"])[key] = value
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))
    (tmp_path / "run" / "weights.safetensors").write_bytes((imported / "weights.safetensors").read_bytes())
    assert message in refused(capsys, "export", tmp_path / "run", tmp_path / "out.ckpt")
    assert not (tmp_path / "out.ckpt").exists()


def test_a_baseline_is_not_exported(dataset, tmp_path, capsys):
    data = tensors.prepare(dataset, "published", splits.PUBLISHED_SPLIT)
    fit.train(recipes.named("climatology"), data, tmp_path / "run")
    assert "its model is climatology" in refused(capsys, "export", tmp_path / "run", tmp_path / "out.ckpt")
