"""One more entry of the table makes one more target or forcing; nothing else is edited.

The entries are added by files of ``extensions/``, which lie outside the package, and taken out after each test.
"""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from conftest import LAT, make_raw, write_store

from climgru_lib import contract, maps
from climgru_lib.cli import main
from climgru_lib.contract import VARIABLES, DataError, InputError
from climgru_lib.course import Workbook
from climgru_lib.course.study import report
from climgru_lib.course.study.plan import Study, Trial
from climgru_lib.course.study.runner import collect
from climgru_lib.data import open_dataset, prepare
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.predict import Emulator, StochasticEmulator
from climgru_lib.predict.output import write_prediction
from climgru_lib.predict.published_checkpoint import export_checkpoint, import_checkpoint
from climgru_lib.score import calibration, compare, evaluate
from climgru_lib.score.tables import score_table, to_text
from climgru_lib.training.fit import train
from climgru_lib.training.losses import CompositeLoss
from climgru_lib.training.recipes import named
from climgru_lib.training.settings import with_settings

FILES = Path(__file__).with_name("extensions")
LATE = Split("late", (Stretch("ssp370", -60),), (Stretch("ssp370", -48),))
SHORT = {"epochs": 1, "cosine_epochs": 1}
GRU = named("compact-final")
GRU = replace(GRU, architecture=GRU.architecture | {"width": 4, "hidden": 6, "head": 8}, **SHORT)
CNN = replace(named("compact-first"), architecture=named("compact-first").architecture | {"widths": [4, 4]}, **SHORT)
COMPACT = replace(named("compact"), architecture={"width": 4, "modes": 5}, **SHORT)
NETWORKS = [GRU, CNN, COMPACT]
FITTED = [named(name) for name in ("climatology", "regression-4", "pattern-scaling", "energy-balance-gp")]
SOME = ("tas", "pr", "tasmax")


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    known = dict(VARIABLES)
    yield
    VARIABLES.clear()
    VARIABLES.update(known)


@pytest.fixture(scope="module")
def warm_store(tmp_path_factory) -> Path:
    """A store with tasmax, 3 K above tas but for a tenth of white noise."""
    raw = make_raw()
    noise = np.random.default_rng(11).standard_normal(raw["tas"].shape)
    raw["tasmax"] = (raw["tas"] + 3 + 0.1 * noise).astype("f4").assign_attrs(units="K")
    raw["tasmax"][1] = 0  # withheld like the rest of ssp245
    return write_store(raw, tmp_path_factory.mktemp("tasmax") / "store.zarr")


@pytest.fixture
def warm(warm_store) -> xr.Dataset:
    runpy.run_path(str(FILES / "tasmax.py"))
    return open_dataset(warm_store)


def trained(recipe, dataset, folder):
    data = prepare(dataset, recipe.season, LATE)
    return data, train(recipe, data, folder / "run", device="cpu", progress=False)


def by_hand(prediction: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Return monthly RMSE, time-mean RMSE and time-std MAE of fields (time, lat, lon), with weights of cos(lat)."""
    prediction, truth = prediction.astype(float), truth.astype(float)
    weight = np.cos(np.deg2rad(LAT))[:, None] / np.cos(np.deg2rad(LAT)).mean()
    monthly = np.sqrt((weight * (prediction - truth) ** 2).mean())
    mean = np.sqrt((weight * (prediction.mean(0) - truth.mean(0)) ** 2).mean())
    return monthly, mean, (weight * abs(prediction.std(0) - truth.std(0))).mean()


@pytest.mark.parametrize("recipe", FITTED + NETWORKS, ids=lambda recipe: recipe.name)
def test_a_target_is_one_entry(recipe, warm, tmp_path):
    data, run_dir = trained(recipe, warm, tmp_path)
    assert data.targets == SOME
    assert json.loads((run_dir / "run.json").read_text())["targets"] == list(SOME)
    result = evaluate(run_dir, data)[0]
    told = next(iter(json.loads((run_dir / "metrics.json").read_text()).values()))[0]["avg"]
    predicted = xr.open_dataset(run_dir / "predictions.nc")
    truth = warm.sel(ssp="ssp370").isel(time=slice(-48, None))
    errors = {
        name: np.mean([by_hand(predicted[name].values, truth[name].values[:, m]) for m in range(3)], axis=0)
        for name in SOME
    }
    for name, values in errors.items():
        metrics = [told[f"{name}_{metric}"] for metric in ("monthly_rmse", "time_mean_rmse", "time_std_mae")]
        assert metrics == pytest.approx(values, rel=1e-4)
    score = (errors["tas"] @ [0.1, 1, 1] + errors["pr"] @ [0.1, 1, 0.75]) / 2
    assert told["score"] == pytest.approx(score, rel=1e-4)  # of tas and pr alone
    assert result["limits"]["forced"]["tasmax_monthly_rmse"] == pytest.approx(1.0, rel=0.1)  # the white noise of tas
    if recipe in FITTED:  # all are linear, up to the spread of the noise
        assert np.abs(predicted["tasmax"] - predicted["tas"] - 3).max() < 0.35


def test_tables_files_and_maps_follow(warm, tmp_path):
    data, run_dir = trained(GRU, warm, tmp_path)
    table = score_table({"gru": evaluate(run_dir, data)})
    assert list(table.columns)[6:] == [
        "tasmax monthly RMSE [K]",
        "tasmax time-mean RMSE [K]",
        "tasmax time-std MAE [K]",
        "score",
    ]
    assert table.notna().all(axis=None)
    text = to_text(table)
    assert "tas in K, pr in mm/day, tasmax in K" in text
    assert text.splitlines()[2].split()[-5:] == ["tasmax", "month", "mean", "std", "score"]
    run = Emulator.open(run_dir)
    file = write_prediction(run.predict(run.load(warm), "ssp245"), tmp_path / "ssp245.nc")
    with xr.open_dataset(file) as written:
        assert written["tasmax"].dims == ("time", "lat", "lon")
        assert np.isfinite(written["tasmax"]).all()
        assert written["tasmax"].attrs == {
            "standard_name": "air_temperature",
            "long_name": "Daily Maximum Near-Surface Air Temperature",
            "units": "K",
            "cell_methods": "time: mean",
            "units_metadata": "temperature: on_scale",  # CF 1.11: a temperature, not a difference of two
        }
    viewer = maps.Viewer(str(file))
    assert viewer.controls.variable.options == SOME
    arguments = ["map", str(file), "--month", "2020-07", "--var", "tasmax", "--out"]
    assert main([*arguments, str(tmp_path / "map.png")]) == 0
    assert (tmp_path / "map.png").stat().st_size > 5000
    viewer.controls.variable.value = "tasmax"
    assert [mesh.cmap.name for mesh in viewer.meshes] == ["cmo.thermal", "cmo.balance"]


def test_an_ensemble_follows(warm, tmp_path):
    data, run_dir = trained(named("pattern-scaling"), warm, tmp_path)
    scores = evaluate(run_dir, data)
    stochastic = StochasticEmulator(Emulator.open(run_dir), data)
    drawn = stochastic.predict("ssp126", 3, 0)
    apart = drawn["tasmax"] - drawn["tas"] - 3
    assert float(drawn["tasmax"].var("member_id", ddof=1).mean()) == pytest.approx(1.01, rel=0.1)  # K^2, as put in
    assert 0.09 < float(apart.std()) < 0.15  # drawn with that of tas: only the tenth of noise is between them
    rows = calibration.calibrate(stochastic, scores, 3)[0]["rows"]
    assert {"tasmax CRPS", "tasmax spread-skill", "tasmax lag-1 correlation, rms difference"} <= rows.keys()
    assert rows["tasmax CRPS"][0] == pytest.approx(rows["tas CRPS"][0], rel=0.05)
    assert stochastic.predict_matched("ssp370", 48)["tasmax"].dims == ("time", "lat", "lon")


def test_a_store_without_it_is_what_it_was(warm, dataset, tmp_path):
    data, plain_dir = trained(GRU, dataset, tmp_path / "plain")
    assert data.targets == ("tas", "pr")
    plain = evaluate(plain_dir, data)
    assert not [name for name in plain[0]["avg"] if name.startswith("tasmax")]
    plain_run = Emulator.open(plain_dir)
    predicted = [plain_run.predict(plain_run.load(one), "ssp245") for one in (dataset, warm)]
    xr.testing.assert_identical(*predicted)
    assert "tasmax" not in predicted[0]

    rich, rich_dir = trained(named("pattern-scaling"), warm, tmp_path / "rich")
    scores = evaluate(rich_dir, rich)
    with pytest.raises(InputError, match="the run needs tasmax, which the data lack"):
        Emulator.open(rich_dir).load(dataset)
    both = score_table({"rich": scores, "plain": plain})
    assert both["tasmax monthly RMSE [K]"].isna().sum() == 1  # that of the run without it
    found = compare.differences(rich_dir, plain_dir, scores, rich)
    assert {name.split("_")[0] for _, name in found.index} == {"tas", "pr", "score"}
    found = found["difference"].droplevel(0)
    assert found["pr_monthly_rmse"] == pytest.approx(
        scores[0]["avg"]["pr_monthly_rmse"] - plain[0]["avg"]["pr_monthly_rmse"], rel=1e-4
    )


def test_a_run_that_names_no_targets_has_tas_and_pr(dataset, tmp_path):
    _, run_dir = trained(named("climatology"), dataset, tmp_path)
    before = Emulator.open(run_dir)
    path = run_dir / "run.json"
    run = json.loads(path.read_text())
    assert run.pop("targets") == ["tas", "pr"]
    path.write_text(json.dumps(run | {"schema": 2}))
    after = Emulator.open(run_dir)
    xr.testing.assert_identical(*(one.predict(one.load(dataset), "ssp126") for one in (before, after)))


def test_the_loss_of_the_table_is_that_of_a_target_that_a_recipe_does_not_name(warm):
    target = torch.zeros(2, 3, 4, 5)
    pred = target + torch.tensor([3.0, 5.0, 2.0])[:, None, None]
    named_both = {"tas_mse": 0.1, "pr_l1": 1.0}
    assert CompositeLoss(named_both, SOME)(pred, target).item() == pytest.approx(0.9 + 5 + 2)  # l1 at weight 1
    assert CompositeLoss(named_both | {"tasmax_mse": 0.5}, SOME)(pred, target).item() == pytest.approx(0.9 + 5 + 2)
    assert CompositeLoss(named_both | {"tasmax_mse": 0.0}, SOME)(pred, target).item() == pytest.approx(0.9 + 5)
    assert CompositeLoss(named_both)(pred[:, :2], target[:, :2]).item() == pytest.approx(0.9 + 5)
    assert with_settings(GRU, ["loss.tasmax_dice=0.7"]).loss["tasmax_dice"] == 0.7
    with pytest.raises(InputError, match="loss term 'tasmax_mse': the variables are tas, pr"):
        CompositeLoss({"tasmax_mse": 1.0})
    VARIABLES["tasmax"] = replace(VARIABLES["tasmax"], loss="dice")
    with pytest.raises(InputError, match=r"learns coefficients of patterns.*got tasmax_dice"):
        COMPACT.build_loss(SOME)


def test_the_contract_judges_it_by_its_entry(warm, warm_store, dataset):
    assert contract.check(warm) == []
    celsius = warm.assign(tasmax=warm["tasmax"] - 273.15)
    assert [line for line in contract.check(celsius) if line.startswith("tasmax")] == contract.check(celsius)
    assert "add 273.15" in contract.check(celsius)[0]
    with pytest.raises(DataError, match="tasmax has units 'degC', the contract needs 'K'"):
        raise DataError(contract.check_units(warm.assign(tasmax=warm["tasmax"].assign_attrs(units="degC")))[0])
    VARIABLES["tasmax"] = replace(VARIABLES["tasmax"], optional=False)
    assert contract.check(dataset)[0].startswith("variables missing: tasmax")


def test_a_model_of_two_targets_says_so(warm, tmp_path, monkeypatch):
    from climgru_lib.models import MODELS

    class Pair(torch.nn.Module):
        trained = True

        def __init__(self, in_channels: int):
            super().__init__()

    monkeypatch.setattr(MODELS, "_added", {"pair": Pair})
    with pytest.raises(InputError, match="pair predicts tas and pr alone, the data have 3 targets"):
        trained(replace(GRU, model="pair", architecture={}, start_at_mean=False), warm, tmp_path)


@pytest.mark.parametrize("recipe", [named("pattern-scaling"), *NETWORKS], ids=lambda recipe: recipe.name)
def test_a_forcing_is_one_entry(recipe, raw, tmp_path):
    runpy.run_path(str(FILES / "nitrous_oxide.py"))
    raw["N2O"] = ("ssp", "time"), 330 + np.arange(156) * np.array([[0.1], [0.2], [0.3], [0.4]]), {"units": "ppb"}
    dataset = open_dataset(write_store(raw, tmp_path / "store.zarr"))
    data, run_dir = trained(recipe, dataset, tmp_path)
    assert data.channels[:6] == ("CO2", "SO2", "CH4", "BC", "rsdt", "N2O")
    z = (330 + 0.3 * 100 - data.normalizer.input_mean[5]) / data.normalizer.input_std[5]
    np.testing.assert_allclose(data.scenarios["ssp370"].inputs[100, 5], z, rtol=1e-5)
    assert 0 < evaluate(run_dir, data)[0]["avg"]["score"] < 50
    run = Emulator.open(run_dir)
    with pytest.raises(InputError, match="the run needs N2O, which the data lack"):
        run.load(dataset.drop_vars("N2O"))

    def tas_of(run, dataset):
        return run.predict(run.load(dataset), "ssp245")["tas"].values

    more = dataset.assign(N2O=dataset["N2O"] + 40)
    moved = np.abs(tas_of(run, more) - tas_of(run, dataset)).max()
    assert (moved > 1e-4) == recipe.is_network  # a network sees it, pattern scaling keeps to CO2, CH4 and SO2
    if recipe is GRU:
        _, deaf = trained(replace(recipe, ignore=["N2O"]), dataset, tmp_path / "deaf")
        run = Emulator.open(deaf)
        np.testing.assert_array_equal(tas_of(run, more), tas_of(run, dataset))


def test_the_terminal_follows(warm_store, warm, tmp_path, capsys):
    run_dir, file = tmp_path / "run", tmp_path / "drawn.nc"
    at = ["--data", str(warm_store)]
    assert main(["train", str(run_dir), "--recipe", "pattern-scaling", *at]) == 0
    assert "tasmax month" in capsys.readouterr().out
    assert main(["evaluate", str(run_dir), *at, "--draws", "3"]) == 0
    assert "tasmax CRPS over limit" in capsys.readouterr().out
    assert main(["predict", str(run_dir), *at, "--ssp", "ssp245", "--draws", "2", "--out", str(file)]) == 0
    with xr.open_dataset(file) as drawn:
        assert drawn["tasmax"].sizes == {"member_id": 2, "time": 144, "lat": 8, "lon": 12}
    assert main(["data", "check", str(warm_store)]) == 0
    del VARIABLES["tasmax"]
    assert main(["evaluate", str(run_dir), *at]) == 2
    assert "the run needs tasmax, which the data lack or no entry" in capsys.readouterr().err


def test_a_map_of_what_a_prediction_lacks_is_refused(warm, dataset, tmp_path, capsys):
    _, run_dir = trained(named("climatology"), dataset, tmp_path)
    run = Emulator.open(run_dir)
    file = write_prediction(run.predict(run.load(dataset), "ssp126"), tmp_path / "plain.nc")
    arguments = ["map", str(file), "--month", "2020-07", "--var", "tasmax", "--out", str(tmp_path / "m.png")]
    assert main(arguments) == 2
    assert "holds no tasmax; it has tas, pr" in capsys.readouterr().err


def test_a_study_follows(warm_store, warm, tmp_path, monkeypatch):
    monkeypatch.setattr("climgru_lib.data.splits.CLEAN", Split("clean", LATE.withheld, LATE.scored))
    trials = [Trial("net", GRU, "clean", 0), Trial("fit", named("climatology"), "clean", 0)]
    marks = {"net": (9.0,) * 7}
    study = Study("Of tasmax?", lambda book, seeds: iter(trials), {"quick": 1}, {"net": "fit"}, marks)
    book = Workbook("study-tasmax", str(warm_store), "quick", 0, str(tmp_path))
    rows, curves, *_ = collect(book, study, range(1), "cpu")
    table = report.write(tmp_path, study, rows, curves)
    scored = evaluate(book.train(GRU, "clean", 0), book.prepare())[0]["avg"]
    assert table.loc[("clean", "net"), "tasmax_time_mean_rmse"] == pytest.approx(scored["tasmax_time_mean_rmse"])
    assert table.loc[("clean", "net, published"), "score"] == 9.0
    assert "tasmax_monthly_rmse" in (tmp_path / "differences.csv").read_text()
    titles = [axis.get_title() for axis in report.plot_curves(curves, marks).axes]
    assert titles[6:] == ["tasmax monthly RMSE [K]", "tasmax time-mean RMSE [K]", "tasmax time-std MAE [K]"]


def test_checkpoints_hold_the_published_variables_alone(warm, dataset, tmp_path):
    published = replace(
        named("published-final"), architecture={"width": 4, "hidden": 6, "head": 8, "norm": "running"}, **SHORT
    )
    _, rich = trained(published, warm, tmp_path / "rich")
    with pytest.raises(InputError, match=r"no place for this run: its list of targets is .*tasmax"):
        export_checkpoint(rich, tmp_path / "rich.ckpt")
    _, plain = trained(published, dataset, tmp_path / "plain")
    checkpoint = export_checkpoint(plain, tmp_path / "plain.ckpt")
    taken = Emulator.open(import_checkpoint(checkpoint, tmp_path / "taken", warm, LATE))
    own = Emulator.open(plain)
    np.testing.assert_array_equal(
        *(run.predict(run.load(warm), "ssp126")["pr"].values for run in (own, taken)), strict=True
    )
