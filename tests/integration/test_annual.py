"""Annual data: a store of yearly means, from its check to scores, predictions and maps."""

import json
from dataclasses import replace
from itertools import pairwise

import cftime
import numpy as np
import pytest
import xarray as xr
from conftest import LAT, make_raw, write_store

from climgru_lib import contract, maps
from climgru_lib.cli import main
from climgru_lib.contract import DataError, InputError, Step
from climgru_lib.data import open_dataset, season, splits
from climgru_lib.data.store import check_whole
from climgru_lib.data.tensors import load, prepare
from climgru_lib.models.compact.zonal import overturning_loss
from climgru_lib.models.least_squares import Rows
from climgru_lib.models.simple import FitSeries, lagged
from climgru_lib.predict.emulator import Emulator
from climgru_lib.predict.output import write_submission
from climgru_lib.predict.residual_weather import Series, Weather
from climgru_lib.score import climatebench, noise_limits
from climgru_lib.score.evaluation import evaluate
from climgru_lib.training import fit
from climgru_lib.training.recipes import named

YEARS = 40
OPEN = (0, 2, 3)  # scenarios whose targets are given
WEIGHTS = np.cos(np.deg2rad(LAT)) / np.cos(np.deg2rad(LAT)).mean()


def by_year(raw):
    """Return the means of calendar years, dated in their middle."""
    means = raw.coarsen(time=12, coord_func="min").mean(keep_attrs=True)
    return means.assign_coords(time=[cftime.DatetimeNoLeap(2015 + i, 7, 2) for i in range(means.sizes["time"])])


@pytest.fixture(scope="module")
def raw():
    return by_year(make_raw(12 * YEARS))


@pytest.fixture(scope="module")
def path(raw, tmp_path_factory):
    return write_store(raw, tmp_path_factory.mktemp("annual") / "years.zarr")


@pytest.fixture(scope="module")
def dataset(path):
    return open_dataset(path)


@pytest.fixture(scope="module")
def climatology(path, tmp_path_factory):
    """A run by the command, whose scores go into its folder."""
    run_dir = tmp_path_factory.mktemp("runs") / "climatology"
    assert main(["train", str(run_dir), "--recipe", "climatology", "--data", str(path)]) == 0
    return run_dir


def train(recipe, dataset, run_dir):
    recipe = replace(recipe.on(Step.YEAR), epochs=1, cosine_epochs=1, warmup=0)
    data = prepare(dataset, recipe.season, splits.named("clean"))
    return Emulator.open(fit.train(recipe, data, run_dir, device="cpu", progress=False)), data


def test_a_store_of_years_meets_the_contract(path, dataset, capsys):
    assert main(["data", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path} meets the contract: 40 time, 4 ssp, 8 lat, 12 lon, 3 member_id\n"
    assert contract.step_of(dataset) is Step.YEAR
    assert contract.month_labels(dataset)[[0, -1]].tolist() == ["2015", "2054"]
    assert contract.step_of(make_raw(24)) is Step.MONTH


@pytest.mark.parametrize("day", [(1, 1), (12, 31)])
def test_years_may_be_dated_anywhere_in_them_or_by_their_bounds(raw, tmp_path, day):
    ends = [cftime.DatetimeNoLeap(2015 + i, 1, 1) for i in range(YEARS + 1)]
    within = raw.assign_coords(time=[date.replace(month=day[0], day=day[1]) for date in ends[:-1]])
    assert open_dataset(write_store(within, tmp_path / "within.zarr")).time.dt.year.values[-1] == 2054
    late = raw.assign_coords(time=ends[1:])
    late["time"].attrs["bounds"] = "time_bnds"
    late["time_bnds"] = (("time", "bnds"), np.array([ends[:-1], ends[1:]]).T)
    found = contract.standardise(late)
    assert contract.month_labels(found)[[0, -1]].tolist() == ["2015", "2054"]
    assert found.attrs[contract.NOTES] == [
        "the time stamps lie outside of their years; the years are those of time_bnds, from 2015 on"
    ]


def test_a_month_of_each_year_is_no_year(raw, tmp_path):
    monthly = make_raw(12 * YEARS)
    julys = monthly.isel(time=slice(6, None, 12))
    with pytest.raises(DataError, match="it fits month 7 of each: give all months, or the means of whole years"):
        open_dataset(write_store(julys, tmp_path / "julys.zarr"))
    starts = [date.replace(day=1) for date in julys.time.values]
    julys["time_bnds"] = (("time", "bnds"), np.array([starts, [date.replace(month=8) for date in starts]]).T)
    with pytest.raises(DataError, match="time_bnds spans one month of each year"):
        contract.standardise(julys)
    gap = raw.isel(time=np.delete(np.arange(YEARS), 5))
    with pytest.raises(
        DataError, match="time is not annual and contiguous: 2019 is followed by 2021; give every year once"
    ):
        open_dataset(write_store(gap, tmp_path / "gap.zarr"))


def test_a_damaged_year_is_found(raw, tmp_path):
    damaged = raw.copy(deep=True)
    damaged["tas"][2, 20, 1] += 6 * np.where(np.arange(12) % 2, 1, -1)
    with pytest.raises(DataError, match=r"tas of ssp370 in 2035 lies .* from the years around it"):
        check_whole(write_store(damaged, tmp_path / "damaged.zarr"))


def test_splits_count_years(climatology):
    run = json.loads((climatology / "run.json").read_text())
    assert (run["step"], run["withheld"]) == ("year", ["ssp370[-10:]"])
    assert run["recipe"]["season"] == "none"
    assert (run["trained"]["ssp370"][0], run["trained"]["ssp370"][-1]) == ("2027", "2044")  # 12 years and a lead of 1
    assert splits.named("unseen:ssp126").on(Step.YEAR).scored[0] == splits.Stretch("ssp126", -30)
    with pytest.raises(InputError, match="whose bounds are no whole years"):
        splits.Split("odd", (splits.Stretch("ssp126", -18),), ()).on(Step.YEAR)
    with pytest.raises(InputError, match="counts years, the data have months"):
        splits.named("clean").on(Step.YEAR).on(Step.MONTH)


def test_scores_say_that_they_are_of_years(climatology, path, capsys):
    assert main(["evaluate", str(climatology), "--data", str(path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "scores of annual means: a month is a year here, and none compares with a score of monthly data"
    assert "ssp370 2045..2054" in told


def test_climatology_and_its_scores_by_hand(climatology, raw, dataset):
    values = {name: raw[name].values.astype(float) for name in ("tas", "pr")}
    trained = [(0, slice(12, 40)), (2, slice(12, 30)), (3, slice(12, 40))]
    emulator = Emulator.open(climatology)
    predicted = emulator.predict(emulator.load(dataset), "ssp370")
    nine, ten = json.loads((climatology / "metrics.json").read_text()).popitem()[1]
    assert (nine["months"], ten["months"]) == (["2046", "2054"], ["2045", "2054"])
    terms = []
    for name, weight in (("tas", 1.0), ("pr", 0.75)):
        mean = np.concatenate([values[name][ssp, years].reshape(-1, 8, 12) for ssp, years in trained]).mean(axis=0)
        np.testing.assert_allclose(predicted[name].values, np.broadcast_to(mean, (28, 8, 12)), rtol=1e-5)
        truth = values[name][2, -10:].swapaxes(0, 1)
        area = WEIGHTS[:, None]
        rmse = np.sqrt((((truth - mean) ** 2).mean(axis=1) * area).mean(axis=(1, 2)))
        bias = np.sqrt(((truth.mean(axis=1) - mean) ** 2 * area).mean(axis=(1, 2)))
        spread = (truth.std(axis=1) * area).mean(axis=(1, 2))
        np.testing.assert_allclose(ten["avg"][f"{name}_monthly_rmse"], rmse.mean(), rtol=1e-4)
        terms.append((0.1 * rmse + bias + weight * spread).mean())
    np.testing.assert_allclose(ten["avg"]["score"], np.mean(terms), rtol=1e-4)
    everyone = values["tas"][2].mean(axis=1)
    change = (WEIGHTS[:, None] * (everyone[-10:].mean(axis=0) - everyone[:10].mean(axis=0))).mean()
    mean = np.concatenate([values["tas"][ssp, years].reshape(-1, 8, 12) for ssp, years in trained]).mean(axis=0)
    globally = ((everyone[-10:] - mean) * WEIGHTS[:, None]).mean(axis=(1, 2))
    np.testing.assert_allclose(ten["avg"]["tas_nrmse_global"], np.sqrt((globally**2).mean()) / change, rtol=1e-4)


def test_limits_of_white_weather_of_size_one():
    """A perfect response misses by the weather, another member by root two of it."""
    members = np.random.default_rng(5).standard_normal((3, 60, 2, 16, 24))
    lat = np.linspace(-84, 84, 16)
    arguments = (members, range(50, 60), np.ones(60, int), lat, ("tas", "pr"), Step.YEAR)
    found, errors = noise_limits.limits(*arguments), noise_limits.limit_errors(*arguments)
    assert found["forced"]["tas_monthly_rmse"] == pytest.approx(1, rel=0.04)
    assert found["member"]["tas_monthly_rmse"] == pytest.approx(np.sqrt(2), rel=0.04)
    assert found["forced"]["tas_time_mean_rmse"] == pytest.approx(1 / np.sqrt(10), rel=0.1)
    assert 0 < errors["forced"]["tas_monthly_rmse"] < 0.05
    ramp = np.arange(60.0)[None, :, None, None, None] + np.zeros((1, 1, 1, 16, 1))
    assert noise_limits.global_change(ramp, range(50, 60), lat, Step.YEAR) == pytest.approx([54.5 - 4.5])


def test_climatebench_scores_the_last_20_years():
    labels = [str(year) for year in range(2015, 2101)]
    assert climatebench.last_years(labels, [range(56, 86), range(77, 86)], Step.YEAR) == range(66, 86)


def test_filters_and_rows_of_years():
    step = np.r_[0.0, np.ones(30)]
    np.testing.assert_allclose(lagged(step, 10.0, 1), np.r_[0, 1 - np.exp(-np.arange(1, 31) / 10)])
    warming = np.r_[np.zeros(5), np.ones(25)]
    past = np.r_[np.zeros(5), 1 - np.exp(-np.arange(1, 26) / 20)]
    np.testing.assert_allclose(overturning_loss(warming, 1), 1 - np.exp(-((past / 0.5) ** 2)), atol=1e-12)
    series = [
        FitSeries(None, None, np.array(weight), np.ones(4, int), None, None) for weight in ([1, 0, 2, 2], [3] * 4)
    ]
    rows = Rows.whole_years(series, 1)
    assert [pick.tolist() for pick in rows.picks] == [[[0], [2], [3]], [[0], [1], [2], [3]]]
    assert rows.years.tolist() == [0, 2, 3, 0, 1, 2, 3]
    assert rows.members.tolist() == [1, 2, 2, 3, 3, 3, 3]


def test_a_linear_climate_is_learned_from_years(raw, tmp_path):
    """tas and pr linear in CO2, the same in every cell but for the slope: regression and pattern scaling return it."""
    linear = raw.copy(deep=True)
    co2 = raw["CO2"].values[:, :, None, None, None]
    slope = 1 + np.arange(12) / 10
    signs = np.where(np.arange(YEARS) % 2, 1, -1)[:, None, None, None] * np.array([-1, 0, 1])[:, None, None]
    linear["tas"][:] = (280 + (co2 - 1500) / 1000 * slope + 0.01 * signs).astype("f4")
    linear["pr"][:] = (3 + (co2 - 1500) / 20000 * slope + 0.001 * signs).astype("f4")
    linear["tas"][1], linear["pr"][1] = 0, 0
    dataset = contract.standardise(linear)
    for name in ("regression-1", "pattern-scaling", "energy-balance-gp"):
        recipe = named(name).on(Step.YEAR)
        data = load_quietly(dataset, recipe)
        emulator = Emulator.open(fit.train(recipe, data, tmp_path / name, progress=False))
        found = emulator.fields(data.scenarios["ssp370"], data, range(30, 40))
        wanted = 280 + (co2[2, 30:, 0] - 1500) / 1000 * slope
        near = {"regression-1": 0.005, "pattern-scaling": 0.02}.get(name, 0.15)  # the last has priors on all it learns
        np.testing.assert_allclose(found[:, 0], np.broadcast_to(wanted, (10, 8, 12)), atol=near)


def load_quietly(dataset, recipe):
    """Prepare values that no plausibility check would take for weather."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("climgru_lib.data.tensors._judged", lambda watch: [])
        patch.setattr("climgru_lib.data.plausibility.Watch.see", lambda *_: None)
        return prepare(dataset, recipe.season, splits.named("clean"))


@pytest.mark.parametrize("name", ["compact", "compact-final", "compact-first"])
def test_a_network_looks_at_a_window_of_years(name, dataset, tmp_path):
    recipe = named(name)
    if name == "compact":
        recipe = replace(recipe, architecture={"width": 4, "modes": 5}, runs=4, run_length=8)
    elif name == "compact-final":
        recipe = replace(recipe, architecture=recipe.architecture | {"width": 4, "hidden": 6, "head": 8}, run_length=8)
    else:
        recipe = replace(recipe, architecture=recipe.architecture | {"widths": [4, 4]})
    emulator, data = train(recipe, dataset, tmp_path / "run")
    assert data.channels == ("CO2", "SO2", "CH4", "BC", "rsdt")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["step"] == "year"
    scored = evaluate(tmp_path / "run", data)[1]
    assert scored["months"] == ["2045", "2054"] and scored["limits"]["forced"]["score"] < scored["avg"]["score"]
    if name == "compact":
        return
    scenario, at = data.scenarios["ssp370"], 30
    before = emulator.fields(scenario, data, range(at, at + 1))
    for year, seen in ((at - 13, False), (at - 12, name == "compact-final"), (at - 1, True), (at, False)):
        changed = replace(scenario, inputs=scenario.inputs.clone())
        changed.inputs[year] += 1
        assert np.array_equal(emulator.fields(changed, data, range(at, at + 1)), before) != seen, year


def test_draws_are_blocks_of_five_years_of_one_member():
    rng = np.random.default_rng(2)
    weather = rng.standard_normal((3, 30, 2, 8, 12))
    rain = np.stack([np.zeros((30, 8, 12)), np.full((30, 8, 12), 100.0)], axis=1)
    one = Series(rain, rain + weather, np.ones((3, 30), bool), np.ones(30, int))
    learned = Weather.fit([one], LAT, 1)
    np.testing.assert_allclose(learned.variance[0], (weather**2).mean(axis=(0, 1)), rtol=1e-5)
    calendar = np.ones(30, int)
    drawn = learned.draw(rain, learned.std(rain, calendar), calendar, np.random.default_rng(0)) - rain
    apart = np.abs(drawn[:, None, None, 0] - weather.swapaxes(0, 1)[None, :, :, 0]).max(axis=(3, 4))
    sources = [np.argwhere(row < 1e-4)[0].tolist() for row in apart]  # year and member of each
    goes_on = [before[0] + 1 == year[0] and before[1] == year[1] for before, year in pairwise(sources)]
    breaks = np.flatnonzero(~np.array(goes_on)) + 1
    assert set(np.diff(breaks)) <= {5, 10, 15} and len(breaks) >= 4
    short = replace(one, trained=np.arange(30) < 4 * np.ones((3, 1)))
    with pytest.raises(InputError, match="blocks of 5 years; no member has 5 unbroken years in training"):
        Weather.fit([short], LAT, 1)


def test_a_prediction_has_the_bounds_of_years_and_is_drawn_by_year(climatology, path, raw, tmp_path, capsys):
    out = tmp_path / "ssp245.nc"
    assert main(["predict", str(climatology), "--data", str(path), "--ssp", "ssp245", "--out", str(out)]) == 0
    with xr.open_dataset(out, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)) as found:
        found.load()
    assert found.time.values[[0, -1]].tolist() == [cftime.DatetimeNoLeap(year, 7, 2) for year in (2027, 2054)]
    bounds = found.time_bnds.values
    assert bounds[0].tolist() == [cftime.DatetimeNoLeap(2027, 1, 1), cftime.DatetimeNoLeap(2028, 1, 1)]
    assert (bounds[1:, 0] == bounds[:-1, 1]).all()
    selection = maps.Selection("tas", "2031-2040")
    drawn = selection.of(maps.open_source(out))
    np.testing.assert_allclose(drawn, found.tas.sel(time=slice("2031", "2040")).mean("time"), rtol=1e-6)
    assert drawn.attrs["when"] == "2031–2040"
    truth = maps.Selection("tas", "2031-2040", "ssp370").of(maps.open_source(path))
    np.testing.assert_allclose(truth, raw.tas[2, 16:26].mean(("time", "member_id")), rtol=1e-6)
    with pytest.raises(InputError, match="there is one value a year; choose years"):
        maps.Selection("tas", "2031-07").of(maps.open_source(out))
    with pytest.raises(InputError, match="a submission holds months, the prediction has years"):
        write_submission(found, tmp_path / "submission.csv")


def test_a_file_of_julys_is_drawn_as_julys(raw):
    """One date a year without bounds, which is no data set of the contract."""
    julys = raw[["tas"]].isel(ssp=0).rename(y="lat", x="lon")
    drawn = maps.Selection("tas", "July 2031-2040").of(maps.open_source(julys))
    np.testing.assert_allclose(drawn, julys.tas[16:26].mean(("time", "member_id")), rtol=1e-6)


def test_what_does_not_go_together_is_refused_in_one_line(climatology, path, dataset, store, capsys):
    out = climatology.parent / "p.nc"
    assert main(["predict", str(climatology), "--data", str(store), "--ssp", "ssp126", "--out", str(out)]) == 2
    assert "the run was trained on years, the data have months" in capsys.readouterr().err
    with pytest.raises(InputError, match="annual data have no season for the encoding 'phase'; use --set season=none"):
        load(dataset, "phase")
    words = ["train", str(climatology.parent / "gru"), "--recipe", "compact-final", "--data", str(path)]
    assert main([*words, "--set", "window=41"]) == 2
    told = capsys.readouterr()
    assert told.out == "the data are annual: compact-final is trained without its seasonal encoding (published)\n"
    assert told.err.splitlines()[-1] == "climgru: the data set has 40 years, window 41 with lead 1 needs 42"
    assert season.channels(named("compact").on(Step.YEAR).season) == ()
    assert named("compact").on(Step.MONTH) is named("compact")
