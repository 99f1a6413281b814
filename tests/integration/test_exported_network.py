"""Networks as files that need no climgru: what they predict from raw forcings is what the run predicts."""

import json

import numpy as np
import pytest
import torch

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import splits, tensors
from climgru_lib.predict import Emulator, exported_network
from climgru_lib.predict.exported_network import export_network
from climgru_lib.training import fit, recipes
from climgru_lib.training.settings import with_settings

SETTINGS = {
    "compact-first": ["epochs=1", "cosine_epochs=1"],
    "compact-final": ["epochs=1", "cosine_epochs=1", 'ignore=["SO2"]'],
}


@pytest.fixture(scope="module")
def runs_of(dataset, tmp_path_factory):
    """A 3D-CNN, and a Conv-GRU that ignores a forcing."""
    folder, made = tmp_path_factory.mktemp("runs"), {}
    for name, settings in SETTINGS.items():
        recipe = with_settings(recipes.named(name), settings)
        prepared = tensors.prepare(dataset, recipe.season, splits.named("clean"))
        made[name] = fit.train(recipe, prepared, folder / name, progress=False)
    return made


def open_onnx(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path)
    about = json.loads(session.get_modelmeta().custom_metadata_map["climgru"])
    return about, lambda **inputs: session.run(None, inputs)[0]


def open_program(path):
    files = {"climgru.json": ""}
    program = torch.export.load(path, extra_files=files).module()
    about = json.loads(files["climgru.json"])
    return about, lambda **inputs: program(*map(torch.from_numpy, inputs.values())).detach().numpy()


def windows_of(dataset, about, ssp, targets):
    """Raw forcings, put together by what the file tells of itself."""
    grid = (dataset.sizes["lat"], dataset.sizes["lon"])
    fields = [dataset[name].sel(ssp=ssp).values for name in about["inputs"]["forcings"]["forcing"]]
    whole = np.stack(
        [np.broadcast_to(f.reshape(len(f), *f.shape[1:], *[1] * (3 - f.ndim)), (len(f), *grid)) for f in fields]
    )
    last = [target - about["lead"] + 1 for target in targets]
    return np.stack([whole[:, stop - about["window"] : stop] for stop in last]).swapaxes(1, 2).astype("f4")


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(("ending", "opened"), [(".onnx", open_onnx), (".pt2", open_program)])
def test_a_file_predicts_from_raw_forcings_what_the_run_predicts(name, ending, opened, runs_of, dataset, tmp_path):
    if ending == ".onnx":
        pytest.importorskip("onnx"), pytest.importorskip("onnxscript")
    file = tmp_path / f"network{ending}"
    assert main(["export", str(runs_of[name]), str(file)]) == 0
    about, network = opened(file)
    emulator = Emulator.open(runs_of[name])
    expected = emulator.fields((data := emulator.load(dataset)).scenarios["ssp585"], data)
    assert about["output"]["maps"]["target"] == {"tas": "K", "pr": "mm/day"}
    np.testing.assert_allclose(about["lat"], dataset["lat"])
    for targets in ([20], [17, 18, 41, 130, 155]):
        months = dataset["time"].dt.month.values[targets].astype("i8")
        maps = network(forcings=windows_of(dataset, about, "ssp585", targets), month=months)
        assert maps.shape == (len(targets), 2, 8, 12)
        error = np.abs(maps - expected[np.array(targets) - emulator.first]).max(axis=(0, 2, 3))
        assert (error < 1e-5 * emulator.normalizer.target_std).all()


def test_a_file_that_differs_from_the_run_is_not_kept(runs_of, monkeypatch, tmp_path):
    write, predict = exported_network.FORMATS[".pt2"]
    std = np.array(Emulator.open(runs_of["compact-first"]).run["normalizer"]["target_std"])[:, None, None]
    off = 2e-5 * std * [[[0.0]], [[1.0]]]
    monkeypatch.setitem(exported_network.FORMATS, ".pt2", (write, lambda *args: predict(*args) + off))
    with pytest.raises(InputError, match=r"differs from the run by 2\.\de-05 of a standard deviation, more than 1e-05"):
        export_network(runs_of["compact-first"], tmp_path / "off.pt2")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_network_of_windows_or_there_already_is_refused(runs_of, dataset, tmp_path, capsys):
    fitted = fit.train(
        recipes.named("pattern-scaling"),
        tensors.prepare(dataset, "published", splits.named("clean")),
        tmp_path / "fitted",
        progress=False,
    )
    assert main(["export", str(fitted), str(tmp_path / "a.pt2")]) == 2
    assert "pattern_scaling predicts whole scenarios" in capsys.readouterr().err
    (tmp_path / "b.onnx").touch()
    assert main(["export", str(runs_of["compact-first"]), str(tmp_path / "b.onnx")]) == 2
    assert "b.onnx exists already" in capsys.readouterr().err
