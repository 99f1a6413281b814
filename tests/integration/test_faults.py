"""Wrong numbers that once were stored without a word: other data than the run's, diverged trainings, races."""

import json
import multiprocessing
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import splits, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.predict import Emulator, emulator
from climgru_lib.score import compare, evaluate
from climgru_lib.training import recipes, runs
from climgru_lib.training.fit import train
from climgru_lib.training.recipe import Recipe

LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24),))
LONG = Split("long", (Stretch("ssp370", -60),), (Stretch("ssp370", -48),))  # four blocks of a year
LINEAR = replace(recipes.named("pattern-scaling"), season="none")
TINY = Recipe("tiny", "conv_gru", {"width": 4, "hidden": 8, "head": 16}, epochs=2, cosine_epochs=2, learning_rate=1e-3)


@pytest.fixture(scope="module")
def prepared(dataset):
    return tensors.prepare(dataset, "none", LATE)


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    return train(LINEAR, prepared, tmp_path_factory.mktemp("runs") / "linear", progress=False)


def fields_of(run_dir, data):
    return Emulator.open(run_dir).fields(data.scenarios["ssp245"], data)


def test_data_prepared_for_another_split_or_season_are_refused(finished, dataset):
    other = tensors.prepare(dataset, "none", splits.CLEAN)
    with pytest.raises(InputError, match=r"normalised for another split or run; take them from `Emulator.load`"):
        fields_of(finished, other)
    with pytest.raises(InputError, match="have the season 'phase', the run 'none'"):
        fields_of(finished, tensors.prepare(dataset, "phase", LATE))
    with pytest.raises(InputError, match="normalised for another split"):
        evaluate(finished, other, LATE)


def test_raw_data_are_refused_and_are_normalised_once(finished, dataset, prepared):
    raw = tensors.load(dataset, "none")
    with pytest.raises(InputError, match="made from z-scored data, not from RawData"):
        fields_of(finished, raw)
    once = raw.normalise(prepared.normalizer)
    before = once.scenarios["ssp126"].inputs.clone()
    with pytest.raises(InputError, match="normalised already"):
        raw.normalise(prepared.normalizer)
    assert torch.equal(once.scenarios["ssp126"].inputs, before)


@pytest.mark.parametrize(
    "turned",
    [
        lambda data: data.isel(lat=slice(None, None, -1)),
        lambda data: data.roll(lon=6, roll_coords=True),
        lambda data: data.assign_coords(lon=(data.lon + 180) % 360 - 180).sortby("lon"),
    ],
    ids=["north first", "rolled", "from -180"],
)
def test_the_same_cells_in_another_order_give_the_same_maps(turned, finished, dataset):
    run = Emulator.open(finished)
    expected, found = (run.predict(run.load(data), "ssp245") for data in (dataset, turned(dataset)))
    xr.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.lat.equals(expected.lat)
    assert found.lon.equals(expected.lon)


def test_other_cells_are_refused_by_name(finished, dataset):
    with pytest.raises(InputError, match=r"other cells than the run's training.* 15 is not among them"):
        Emulator.open(finished).load(dataset.assign_coords(lon=dataset.lon + 7))


def test_the_runs_own_split_is_scored_whatever_the_data_were_loaded_for(finished, dataset):
    loaded = Emulator.open(finished).load(dataset)
    loaded.split = Split("another", (), (Stretch("ssp126", -24),))
    with pytest.raises(InputError, match="unknown split 'late'"):  # no preset, so it must come with the data
        evaluate(finished, loaded)
    loaded.split = LATE
    assert evaluate(finished, loaded)[0]["ssp"] == "ssp370"


def test_a_diverging_training_stops_at_once_and_keeps_the_weights_before(dataset, tmp_path):
    data = tensors.prepare(dataset, "published", LATE)
    wild = replace(TINY, loss={"tas_mse": 1e30, "pr_mse": 1e30}, learning_rate=1.0)
    with pytest.raises(InputError, match=r"diverged in epoch 1, batch \d+: not finite: .*smaller learning_rate"):
        train(wild, data, tmp_path / "run", progress=False)
    assert runs.read_run(tmp_path / "run")["status"] == "unfinished"
    with pytest.raises(InputError, match="is not finished"):
        Emulator.open(tmp_path / "run")


@pytest.mark.parametrize("setting", ["learning_rate=NaN", "loss.pr_mse=-1.0", "weight_decay=Infinity"])
def test_numbers_that_must_diverge_are_refused(setting, store, tmp_path, capsys):
    command = ["train", str(tmp_path / "run"), "--recipe", "published-final", "--data", str(store), "--set", setting]
    assert main(command) == 2
    assert setting.split("=")[0].removeprefix("loss.") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_scores_are_json(finished, prepared, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.write_json(tmp_path / "scores.json", {"score": float("nan")})
    assert not list(tmp_path.iterdir())
    run = Emulator.open(finished)
    next(run.model.buffers()).fill_(float("nan"))
    with pytest.raises(InputError, match="not finite"):
        evaluate(finished, prepared, emulator=run)


def test_a_run_of_another_version_opens_or_is_refused_by_name(finished, dataset, tmp_path):
    content = json.loads((finished / runs.RUN).read_text())

    def saved(**changes):
        (tmp_path / runs.RUN).write_text(json.dumps({**content, **changes}))
        (tmp_path / runs.WEIGHTS).write_bytes((finished / runs.WEIGHTS).read_bytes())
        return tmp_path

    earlier = {key: value for key, value in content.items() if key not in ("schema", "lat", "lon", "numerics")}
    saved().joinpath(runs.RUN).write_text(json.dumps(earlier))
    run = Emulator.open(tmp_path)
    assert np.isfinite(run.predict(run.load(dataset), "ssp245")["tas"]).all()
    with pytest.raises(InputError, match="a later version"):
        Emulator.open(saved(schema=99))
    with pytest.raises(InputError, match="settings of another version of climgru: colour"):
        Emulator.open(saved(recipe=content["recipe"] | {"colour": "red"}))
    (tmp_path / runs.RUN).write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        Emulator.open(tmp_path)


def test_a_run_with_other_settings_names_the_one_that_differs(prepared, finished, tmp_path):
    with pytest.raises(InputError, match=r"holds another run \(its recipe window is 12, not 3\)"):
        train(replace(LINEAR, window=3), prepared, finished, progress=False)
    content = json.loads((finished / runs.RUN).read_text())
    content["recipe"]["colour"] = "red"
    (tmp_path / runs.RUN).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"holds another run \(its recipe colour is red, not None\)"):
        train(LINEAR, prepared, tmp_path, progress=False)


def test_another_version_of_torch_is_another_run(prepared, finished, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.0")
    with pytest.raises(InputError, match=r"its torch is \d.*, not 0.0"):
        train(LINEAR, prepared, finished, progress=False)


def test_two_runs_are_compared_cell_by_cell_whatever_the_order_of_their_training(dataset, tmp_path):
    recipe = replace(recipes.named("climatology"), season="none")
    found = {}
    for name, data in (("north", dataset), ("south", dataset.isel(lat=slice(None, None, -1)))):
        found[name] = train(recipe, tensors.prepare(data, "none", LONG), tmp_path / name, progress=False)
    data = {name: Emulator.open(run_dir).load(dataset) for name, run_dir in found.items()}
    scores = {name: evaluate(run_dir, data[name], LONG) for name, run_dir in found.items()}
    assert scores["south"][0]["avg"]["score"] == pytest.approx(scores["north"][0]["avg"]["score"], rel=1e-5)
    table = compare.differences(found["north"], found["south"], scores["north"], data["north"])
    assert table["difference"].abs().max() < 1e-4


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": {"tas_l1": 1.0, "snow_mse": 1.0}},
        {"architecture": {"width": 4, "hidden": 8, "head": 16, "core": "none"}},
        {"architecture": {"width": 6}},
    ],
    ids=["loss", "core", "width"],
)
def test_what_cannot_be_trained_leaves_no_folder(wrong, dataset, tmp_path):
    with pytest.raises(InputError):
        train(replace(TINY, **wrong), tensors.prepare(dataset, "published", LATE), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_changed_split_of_the_same_name_is_another_run(finished, dataset):
    longer = Split("late", (Stretch("ssp370", -48),), LATE.scored)
    with pytest.raises(InputError, match=r"its withheld is \['ssp370\[-36:\]'\], not \['ssp370\[-48:\]'\]"):
        train(LINEAR, tensors.prepare(dataset, "none", longer), finished, progress=False)


def test_unknown_precisions_are_refused(finished):
    with pytest.raises(InputError, match="precision 32 or bf16, not 'fp16'"):
        Emulator.open(finished, precision="fp16")


def test_a_network_on_a_closed_form_goes_to_the_device_and_its_prior_stays(monkeypatch, dataset, tmp_path):
    small = replace(recipes.named("compact"), architecture={"width": 4, "modes": 3}, epochs=1)
    run_dir = train(small, tensors.prepare(dataset, "phase", LATE), tmp_path / "run", progress=False)
    monkeypatch.setattr(emulator, "pick_device", lambda name: torch.device("meta"))
    model = Emulator.open(run_dir, "cuda").model
    assert {value.device.type for value in model.parameters()} == {"meta"}
    assert {value.device.type for value in model.process.buffers()} == {"cpu"}


def add(run_dir, key):
    runs.add_scores(run_dir, key, 1.0)


def test_no_score_is_lost_when_two_processes_write(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.starmap(add, [(tmp_path, f"key {number}") for number in range(60)])
    assert len(json.loads((tmp_path / runs.SCORES).read_text())) == 60


def test_a_second_training_waits_for_the_first_and_reuses_it(prepared, tmp_path, capsys):
    run_dir = tmp_path / "run"
    with runs.locked(run_dir):
        second = threading.Thread(target=train, args=(LINEAR, prepared, run_dir), kwargs={"progress": False})
        second.start()
        second.join(timeout=2)
        assert second.is_alive()
        assert not (run_dir / runs.RUN).exists()
    second.join(timeout=60)
    assert runs.read_run(run_dir)["status"] == "finished"
    assert f"waiting for another process that works on {run_dir}" in capsys.readouterr().err
