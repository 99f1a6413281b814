"""Training, stopping and resuming, and the use of finished runs, on a small synthetic data set."""

import csv
import importlib.metadata
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from climgru_lib.contract import InputError
from climgru_lib.data import splits, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.models import ResidualGru
from climgru_lib.predict.emulator import Emulator
from climgru_lib.predict.output import open_prediction, write_prediction
from climgru_lib.score import metrics
from climgru_lib.score.evaluation import evaluate, score_slice
from climgru_lib.stopping import Stopped
from climgru_lib.training import runs, weights
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.fit import fit_series
from climgru_lib.training.fit import train as fit
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.recipes import named

WINDOW, LEAD, FIRST = 4, 1, 4
LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24), Stretch("ssp370", -36)))
TINY = Recipe(
    "tiny",
    "conv_gru",
    {"width": 4, "hidden": 8, "layers": 2, "head": 16, "dropout": 0.2},
    loss={"tas_l1": 1.0, "tas_hessian": 0.2, "pr_dice": 0.5, "pr_mse": 0.5},
    window=WINDOW,
    lead=LEAD,
    epochs=3,
    learning_rate=1e-2,
    cosine_epochs=3,
    runs=4,
    run_length=12,
)
RESIDUAL = replace(
    named("compact"),
    architecture={"width": 4, "modes": 5, "dropout": 0.2},
    window=WINDOW,
    epochs=3,
    cosine_epochs=3,
    warmup=12,
    runs=4,
    run_length=12,
)


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """An uninterrupted run; tests read it and add scores at most."""
    return train(TINY, data, tmp_path_factory.mktemp("runs") / "tiny")


def train(recipe, data, run_dir, **kwargs):
    return fit(recipe, data, run_dir, device="cpu", progress=False, **kwargs)


def curves(run_dir):
    with (run_dir / runs.CURVES).open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def contents(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def stop_at(monkeypatch, batch, number=signal.SIGUSR1):
    """Send a signal to this process when the sampler hands out its n-th batch from now on."""
    taken, gather = [], RunSampler.batch

    def counting(self, chosen):
        taken.append(chosen)
        if len(taken) == batch:
            os.kill(os.getpid(), number)
        return gather(self, chosen)

    monkeypatch.setattr(RunSampler, "batch", counting)


def test_loss_falls(finished):
    losses = [float(row["loss"]) for row in curves(finished)]
    assert len(losses) == 3
    assert losses[-1] < 0.75 * losses[0]


def test_curves_hold_every_term_and_their_weighted_sum(finished):
    for row in curves(finished):
        total = sum(weight * float(row[name]) for name, weight in TINY.loss.items())
        assert total == pytest.approx(float(row["loss"]), rel=1e-4)
    # annealing of 3 epochs from 0.01 to 1e-6: cos(0), cos(60), cos(120 degrees)
    rates = [float(row["learning_rate"]) for row in curves(finished)]
    expected = [1e-6 + (1e-2 - 1e-6) * (1 + np.cos(np.pi * k / 3)) / 2 for k in range(3)]
    assert rates == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("stops", "number"),
    [
        ([2], signal.SIGUSR1),  # in the first batch: the sampler is one ahead
        ([5], signal.SIGTERM),
        ([14], signal.SIGINT),
        ([9, 3, 7], signal.SIGUSR1),  # resumed and stopped again
    ],
)
def test_stopped_and_resumed_gives_the_same_weights_to_the_bit(data, finished, tmp_path, monkeypatch, stops, number):
    before = signal.getsignal(number)
    for count, batch in enumerate(stops):
        with monkeypatch.context() as patch:
            stop_at(patch, batch, number)
            with pytest.raises(Stopped, match=rf"{number.name} came in epoch \d; continue with --resume"):
                train(TINY, data, tmp_path / "run", resume=count > 0)
        assert runs.read_run(tmp_path / "run")["status"] == "unfinished"
        assert not (tmp_path / "run" / runs.WEIGHTS).exists()
        assert signal.getsignal(number) == before
    torch.rand(17)  # whatever the random state was, the checkpoint has the right one
    resumed = train(TINY, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (finished / runs.WEIGHTS).read_bytes()
    assert curves(resumed) == curves(finished)


def test_a_resume_takes_the_fitted_part_from_the_checkpoint(dataset, tmp_path, monkeypatch):
    small = {"architecture": {"width": 4, "modes": 5}, "window": WINDOW, "epochs": 2, "runs": 4, "run_length": 12}
    recipe = replace(named("compact"), **small)
    data = tensors.prepare(dataset, recipe.season, LATE)
    whole = train(recipe, data, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(Stopped):
            train(recipe, data, tmp_path / "run")
    monkeypatch.setattr(ResidualGru, "fit", None)  # elsewhere its patterns could come out with another sign
    resumed = train(recipe, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()


def test_a_signal_at_the_end_of_an_epoch_is_obeyed_in_the_next(data, finished, tmp_path, monkeypatch):
    sampler = RunSampler(data, TINY, 0, torch.device("cpu"))
    with monkeypatch.context() as patch:
        stop_at(patch, len(sampler.plan(0)))
        with pytest.raises(Stopped):
            train(TINY, data, tmp_path / "run")
    resumed = train(TINY, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (finished / runs.WEIGHTS).read_bytes()
    assert curves(resumed) == curves(finished)


def test_a_run_broken_before_its_first_checkpoint_starts_again(data, finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(RunSampler, "batch", lambda *_: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            train(TINY, data, tmp_path / "run")
    resumed = train(TINY, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (finished / runs.WEIGHTS).read_bytes()


def test_a_run_broken_between_training_and_its_last_line_is_finished_by_a_resume(data, finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(weights, "save_weights", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            train(TINY, data, tmp_path / "run")
    resumed = train(TINY, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (finished / runs.WEIGHTS).read_bytes()
    assert curves(resumed) == curves(finished)


def test_seed_and_recipe_change_the_weights(data, finished, tmp_path):
    other = train(TINY, data, tmp_path / "seed", seed=1)
    assert (other / runs.WEIGHTS).read_bytes() != (finished / runs.WEIGHTS).read_bytes()


def test_a_finished_run_is_reused(data, finished, capsys):
    before = contents(finished)
    assert train(TINY, data, finished) == finished
    assert capsys.readouterr().out == "reused the finished run tiny\n"
    assert contents(finished) == before


def test_an_unfinished_run_needs_resume(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(Stopped):
            train(TINY, data, tmp_path / "run")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is unfinished; continue it with --resume"):
        train(TINY, data, tmp_path / "run")
    with pytest.raises(InputError, match="is not finished"):
        Emulator.open(tmp_path / "run")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": replace(TINY, epochs=4)}, "recipe epochs is 3, not 4"),
        ({"recipe": replace(TINY, loss={"tas_mse": 1.0})}, "recipe loss"),
        ({"seed": 5}, "seed is 0, not 5"),
        ({"precision": "bf16"}, "precision is 32, not bf16"),
    ],
)
def test_another_run_in_the_folder_is_refused_and_nothing_touched(data, finished, change, message):
    before = contents(finished)
    arguments = {"recipe": TINY, "seed": 0, "resume": True, **change}
    with pytest.raises(InputError, match=f"holds another run .*{message}.*; choose another folder"):
        train(arguments.pop("recipe"), data, finished, **arguments)
    assert contents(finished) == before


def test_another_split_or_code_is_another_run(data, finished, monkeypatch):
    with pytest.raises(InputError, match="its split is late, not early"):
        train(TINY, replace(data, split=replace(LATE, name="early")), finished)
    with pytest.raises(InputError, match="its data is"):
        train(TINY, replace(data, fingerprint="0"), finished)
    monkeypatch.setattr(runs, "NUMERICS", 0)
    with pytest.raises(InputError, match="its numerics is 1, not 0"):
        train(TINY, data, finished)


def test_a_folder_of_something_else_is_left_alone(data, tmp_path):
    (tmp_path / "photo.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no run; choose another folder"):
        train(TINY, data, tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.txt"]


def test_wrong_arguments_are_refused_before_anything_is_made(data, tmp_path):
    for recipe, kwargs, message in (
        (TINY, {"precision": "16"}, "unknown precision '16'"),
        (replace(TINY, season="phase"), {}, "has the season 'phase', the data were prepared with 'published'"),
    ):
        with pytest.raises(InputError, match=message):
            train(recipe, data, tmp_path / "run", **kwargs)
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        fit(TINY, data, tmp_path / "run", device="tpu")
    assert not (tmp_path / "run").exists()


def test_provenance_is_complete(data, finished):
    run = json.loads((finished / runs.RUN).read_text())
    assert run["status"] == "finished"
    assert Recipe.from_json(run["recipe"]) == TINY
    assert (run["split"], run["seed"], run["data"]) == ("late", 0, data.fingerprint)
    assert run["normalizer"] == data.normalizer.to_json()
    assert run["grid"] == [8, 12]
    assert run["torch"] == importlib.metadata.version("torch")
    weights = load_file(finished / runs.WEIGHTS)
    counters = ("running_mean", "running_var", "num_batches_tracked")
    assert run["parameters"] == sum(w.numel() for name, w in weights.items() if not name.endswith(counters))
    assert {ssp: (months[0], months[-1], len(months)) for ssp, months in run["trained"].items()} == {
        "ssp126": ("2015-05", "2027-12", 152),
        "ssp370": ("2015-05", "2024-12", 116),
        "ssp585": ("2015-05", "2027-12", 152),
    }


def test_no_file_needs_code_to_be_loaded(finished, tmp_path):
    checkpoint = torch.load(finished / runs.CHECKPOINT, weights_only=True)
    weights = load_file(finished / runs.WEIGHTS)
    for name, value in weights.items():
        assert torch.equal(checkpoint["state_dict"][f"model.{name}"], value)
    emulator = Emulator.open(finished)
    assert not emulator.model.training
    assert all(torch.equal(value, weights[name]) for name, value in emulator.model.state_dict().items())


def test_damaged_weights_are_refused(finished, tmp_path):
    for name in (runs.RUN, runs.WEIGHTS):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    (tmp_path / runs.WEIGHTS).write_bytes((finished / runs.WEIGHTS).read_bytes()[:1000])
    with pytest.raises(InputError, match=r"weights.safetensors cannot be used .*train the run again"):
        Emulator.open(tmp_path)
    (tmp_path / runs.WEIGHTS).unlink()
    with pytest.raises(InputError, match="cannot be used"):
        Emulator.open(tmp_path)


def test_predictions_begin_with_the_first_full_window_and_are_those_of_each_window(data, finished):
    emulator = Emulator.open(finished)
    prediction = emulator.predict(data, "ssp245")  # its targets are withheld, its forcings known
    assert prediction.sizes == {"time": 152, "lat": 8, "lon": 12, "bnds": 2}
    assert str(prediction["time"].values[0]) == "2015-05-15 00:00:00"
    assert str(prediction["time"].values[-1]) == "2027-12-15 00:00:00"
    inputs, norm = data.scenarios["ssp245"].inputs, data.normalizer
    for month in (FIRST, 77, FIRST + 127, FIRST + 128, 155):  # 128 months are predicted at once
        window = inputs[month - LEAD - WINDOW + 1 : month - LEAD + 1]
        with torch.no_grad():
            maps = emulator.model(window[None])[0].numpy()
        for i, name in enumerate(("tas", "pr")):
            expected = maps[i] * norm.target_std[i] + norm.target_mean[i]
            np.testing.assert_allclose(prediction[name][month - FIRST], expected, atol=2e-4)


def test_predictions_follow_the_cf_conventions(data, finished, tmp_path):
    path = write_prediction(Emulator.open(finished).predict(data, "ssp245"), tmp_path / "p.nc")
    prediction = open_prediction(path)
    assert prediction.attrs["Conventions"].startswith("CF-1.")
    assert (prediction.attrs["ssp"], prediction.attrs["recipe"]) == ("ssp245", "tiny")
    for name, standard_name, units in (
        ("tas", "air_temperature", "K"),
        ("pr", "lwe_precipitation_rate", "mm day-1"),
        ("lat", "latitude", "degrees_north"),
        ("lon", "longitude", "degrees_east"),
    ):
        assert (prediction[name].attrs["standard_name"], prediction[name].attrs["units"]) == (standard_name, units)
    assert prediction["tas"].attrs["cell_methods"] == "time: mean"
    assert prediction["time"].encoding["calendar"] == "noleap"
    assert prediction["time"].attrs["bounds"] == "time_bnds"
    bounds = prediction["time_bnds"].values
    assert [str(t)[:10] for t in bounds[7]] == ["2015-12-01", "2016-01-01"]
    assert [str(t)[:10] for t in bounds[9]] == ["2016-02-01", "2016-03-01"]
    assert (bounds[1:, 0] == bounds[:-1, 1]).all()  # no gap, no overlap


def test_files_of_predictions_hold_the_same_numbers(data, finished, tmp_path):
    prediction = Emulator.open(finished).predict(data, "ssp370")
    for name in ("p.nc", "p.zarr"):
        opened = open_prediction(write_prediction(prediction, tmp_path / name))
        for variable in ("tas", "pr", "time_bnds", "time", "lat", "lon"):
            np.testing.assert_array_equal(opened[variable].values, prediction[variable].values)
    with pytest.raises(InputError, match=r"p.zarr exists already"):
        write_prediction(prediction, tmp_path / "p.zarr")
    with pytest.raises(InputError, match=r"cannot write 'p.txt'; the name must end in .nc, .zarr or .csv"):
        write_prediction(prediction, tmp_path / "p.txt")
    with pytest.raises(InputError, match="no prediction at"):
        open_prediction(tmp_path / "none.nc")


def extra_scores(prediction, raw) -> dict[str, float]:
    """Mean absolute error of pr, and the error of the last two years' global mean tas over the change since 2015."""
    area = np.cos(np.deg2rad(raw["y"].values))[:, None] * np.ones(12)
    pr, tas = (raw[name].values[2].astype("f8") for name in ("pr", "tas"))
    absolute = np.abs(prediction["pr"].values[-24:, None] - pr[-24:]).mean(axis=(0, 1))
    mean = tas.mean(axis=1)
    years = (prediction["tas"].values[-24:] - mean[-24:]).reshape(2, 12, 8, 12).mean(axis=1)
    change = np.average(mean[-24:].mean(axis=0) - mean[:120].mean(axis=0), weights=area)
    error = np.sqrt(np.mean([np.average(year, weights=area) ** 2 for year in years]))
    return {"pr_crps": np.average(absolute, weights=area), "tas_nrmse_global": error / change}


def test_scores_are_those_of_the_fields_against_each_member(raw, data, finished):
    results = evaluate(finished, data)
    assert [(r["ssp"], r["months"], r["leaky"]) for r in results] == [
        ("ssp370", ["2026-01", "2027-12"], False),
        ("ssp370", ["2025-01", "2027-12"], False),
    ]
    prediction = open_prediction(finished)  # the longest scored slice
    assert prediction.sizes["time"] == 36
    scores = [
        metrics.score_fields(
            {name: prediction[name].values[-24:] for name in ("tas", "pr")},
            {name: raw[name].values[2, -24:, member] for name in ("tas", "pr")},
            raw["y"].values,
        )
        for member in range(3)
    ]
    for key, value in scores[0].items():
        assert results[0]["m0"][key] == pytest.approx(value, abs=1e-4)
        assert results[0]["avg"][key] == pytest.approx(np.mean([s[key] for s in scores]), abs=1e-4)
    for key, error in extra_scores(prediction, raw).items():
        assert results[0]["avg"][key] == pytest.approx(error, rel=1e-4)
    assert results[0]["limits"]["member"].keys() == results[0]["avg"].keys()
    # the weather has a standard deviation of 1 K: what the forced response would score
    assert results[1]["limits"]["forced"]["tas_monthly_rmse"] == pytest.approx(1, abs=0.03)
    stored = json.loads((finished / runs.SCORES).read_text())
    assert stored[f"late {data.fingerprint}"] == results


def test_withheld_months_do_not_reach_the_limits(dataset):
    """A store that withholds the end of a scenario has the limits of one that ends before."""
    short = tensors.prepare(dataset.isel(time=slice(120)), "published", LATE)
    broken = tensors.prepare(dataset, "published", LATE)
    broken.scenarios["ssp370"].targets[:, 120:] = 0
    broken.scenarios["ssp370"].withheld[:, 120:] = True
    broken.fingerprint = "broken"
    found, expected = (score_slice(np.ones((24, 2, 8, 12)), one, "ssp370", range(60, 84)) for one in (broken, short))
    for kind, limits in expected["limits"].items():
        assert found["limits"][kind] == pytest.approx(limits, rel=1e-4), kind


def test_scores_of_several_splits_stand_side_by_side(data, finished):
    evaluate(finished, data)
    last_year = Split("last-year", (), (Stretch("ssp370", -12),))
    evaluate(finished, data, last_year)
    assert set(json.loads((finished / runs.SCORES).read_text())) == {
        f"late {data.fingerprint}",
        f"last-year {data.fingerprint}",
    }


def test_months_trained_on_are_not_scored(data, finished):
    before = contents(finished)
    with pytest.raises(InputError, match=r"ssp126 2019-01 \.\. 2027-12 would be scored, but the run was trained on it"):
        evaluate(finished, data, splits.named("D126"))
    partly = Split("partly", (), (Stretch("ssp370", -40),))
    with pytest.raises(InputError, match=r"ssp370 2024-09 \.\. 2024-12 would be scored"):
        evaluate(finished, data, partly)
    with pytest.raises(InputError, match="scoring on ssp245 needs targets that are withheld"):
        evaluate(finished, data, Split("test", (), (Stretch("ssp245", -12),)))
    with pytest.raises(InputError, match="split other scores ssp119; the data set has ssp126"):
        evaluate(finished, data, Split("other", (), (Stretch("ssp119", -12),)))
    assert contents(finished) == before


def test_a_published_run_is_marked_leaky_on_its_own_slice_and_refused_elsewhere(dataset, tmp_path):
    published = tensors.prepare(dataset, "published", splits.PUBLISHED_SPLIT)
    run_dir = train(replace(TINY, epochs=1), published, tmp_path / "leak")
    (result,) = evaluate(run_dir, published)
    assert (result["leaky"], result["months"]) == (True, ["2019-01", "2027-12"])
    with pytest.raises(InputError, match=r"ssp370 2019-01 \.\. 2027-12 would be scored"):
        evaluate(run_dir, published, splits.CLEAN)


def test_a_run_is_used_with_its_own_normaliser_and_grid(dataset, data, finished):
    emulator = Emulator.open(finished)
    again = emulator.load(dataset, ["ssp245"])
    assert list(again.scenarios) == ["ssp245"]
    assert torch.equal(again.scenarios["ssp245"].inputs, data.scenarios["ssp245"].inputs)
    with pytest.raises(InputError, match=r"trained on the grid \[8, 12\], the data have \[4, 12\]"):
        emulator.load(dataset.isel(lat=slice(4)))
    with pytest.raises(InputError, match="has 4 months, the run needs at least 5"):
        short = emulator.load(dataset.isel(time=slice(4)), ["ssp245"])
        emulator.predict(short, "ssp245")


@pytest.mark.parametrize(
    "name",
    ["climatology", "regression-1", "pattern-scaling", "pattern-scaling-gp", "energy-balance", "energy-balance-gp"],
)
def test_baselines_are_runs_like_any_other(raw, data, tmp_path, name, capsys):
    recipe = replace(named(name), window=WINDOW)
    run_dir = train(recipe, data, tmp_path / name)
    assert not (run_dir / runs.CHECKPOINT).exists()
    assert train(recipe, data, run_dir) == run_dir
    assert "reused" in capsys.readouterr().out
    prediction = Emulator.open(run_dir).predict(data, "ssp370")
    assert str(prediction["time"].values[0]) == "2015-05-15 00:00:00"
    # ssp370 warms by 6 t / 300 K a month; climatology knows the mean of the training months alone
    drift = (prediction["tas"][-12:].mean() - prediction["tas"][:12].mean()).item()
    assert drift == pytest.approx(0 if name == "climatology" else 140 * 6 / 300, abs=0.25)
    result = evaluate(run_dir, data)[1]
    if name == "climatology":
        tas = raw["tas"].values[[0, 2, 3]].astype("f8")
        januaries = [tas[0, 12::12], tas[1, 12:120:12], tas[2, 12::12]]
        expected = np.concatenate([part.reshape(-1, 8, 12) for part in januaries]).mean(axis=0)
        np.testing.assert_allclose(prediction["tas"][8], expected, atol=1e-3)
    else:
        # near the noise limit of 1 K: the climate is linear in CO2
        assert result["avg"]["tas_monthly_rmse"] == pytest.approx(1, abs=0.1)


@pytest.fixture(scope="module")
def on_a_prior(dataset, tmp_path_factory):
    """Data and an uninterrupted run of a network on top of a fitted model."""
    prepared = tensors.prepare(dataset, RESIDUAL.season, LATE)
    return prepared, train(RESIDUAL, prepared, tmp_path_factory.mktemp("runs") / "residual")


def test_a_network_on_a_prior_is_fitted_then_trained(on_a_prior):
    data, run_dir = on_a_prior
    model = Emulator.open(run_dir).model
    fitted = RESIDUAL.build(len(data.channels), (8, 12))
    fitted.fit(fit_series(data, RESIDUAL), data.lat)
    weights = model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in fitted.named_buffers())
    assert model.head.weight.abs().max() > 0.003  # from zero
    rows = curves(run_dir)
    for row in rows:
        assert 24 * (float(row["tas_mse"]) + float(row["pr_mse"])) == pytest.approx(float(row["loss"]), rel=1e-4)
    # what the zero-start head leaves: the coefficients' own mean square
    reduced = fitted.reduce(data)
    targets = [reduced.scenarios[ssp].targets[keep] for ssp, keep in data.training_targets(WINDOW, 0).items()]
    assert float(rows[-1]["loss"]) < 24 * torch.cat(targets).square().mean((0, 2)).sum().item()


def test_the_learning_rate_rises_batch_by_batch_and_falls_by_epoch(on_a_prior):
    data, run_dir = on_a_prior
    sampler = RunSampler(data, RESIDUAL, 0, torch.device("cpu"))
    ends = np.cumsum([len(sampler.plan(epoch)) for epoch in range(3)]) - 1
    rise = np.minimum((1 + ends) / 13, 1)
    assert rise[0] < 0.95
    expected = 3e-3 * rise * (1 + np.cos(np.pi * np.arange(3) / 3)) / 2
    assert [float(row["learning_rate"]) for row in curves(run_dir)] == pytest.approx(list(expected), rel=1e-4)


@pytest.mark.parametrize("batch", [3, 16])  # while the learning rate rises, and after
def test_a_network_on_a_prior_resumes_to_the_bit(on_a_prior, tmp_path, monkeypatch, batch):
    data, uninterrupted = on_a_prior
    with monkeypatch.context() as patch:
        stop_at(patch, batch)
        with pytest.raises(Stopped):
            train(RESIDUAL, data, tmp_path / "run")
    torch.rand(17)
    resumed = train(RESIDUAL, data, tmp_path / "run", resume=True)
    assert (resumed / runs.WEIGHTS).read_bytes() == (uninterrupted / runs.WEIGHTS).read_bytes()
    assert curves(resumed) == curves(uninterrupted)


def test_a_network_on_a_prior_is_used_like_any_other_run(on_a_prior, dataset):
    data, run_dir = on_a_prior
    emulator = Emulator.open(run_dir)
    prediction = emulator.predict(emulator.load(dataset, ["ssp245"]), "ssp245")
    assert str(prediction["time"].values[0]) == "2015-04-15 00:00:00"  # lead 0: three months before it
    assert prediction["pr"].min() >= 0
    scores = evaluate(run_dir, data)[1]["avg"]
    assert scores["tas_monthly_rmse"] == pytest.approx(1, abs=0.1)  # the weather is 1 K


def test_the_gradient_is_clipped(on_a_prior, tmp_path):
    data, _ = on_a_prior
    still = replace(RESIDUAL, gradient_clip=1e-12, epochs=1)  # far below the epsilon of AdamW, 1e-8
    model = Emulator.open(train(still, data, tmp_path / "still")).model
    assert model.head.weight.abs().max() < 1e-4
    free = Emulator.open(train(replace(still, gradient_clip=0.0), data, tmp_path / "free")).model
    assert free.head.weight.abs().max() > 1e-3


def test_an_allocation_of_several_tasks_is_trained_in_by_one_process(data, tmp_path, monkeypatch):
    for name, value in {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"}.items():
        monkeypatch.setenv(name, value)  # Lightning takes it for its own environment and asks for four devices
    run_dir = train(replace(TINY, epochs=1), data, tmp_path / "run")
    assert runs.read_run(run_dir)["status"] == "finished"
