"""ClimateBench's scores: which years count, known errors by hand, and the definition worked out in xarray."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import normalizer, splits, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.score import climatebench
from climgru_lib.training import fit, recipes, runs

UNSEEN = Split("unseen", (Stretch("ssp370"),), (Stretch("ssp370", -140), Stretch("ssp370", -36)))


def labels(first, count):
    return [f"{first + at // 12}-{at % 12 + 1:02d}" for at in range(count)]


def test_the_last_20_whole_years_of_the_longest_slice_count():
    months = labels(2015, 1021)  # to 2100-01
    found = climatebench.last_years(months, [range(661, 1021), range(913, 1021)])
    assert (months[found[0]], months[found[-1]], len(found)) == ("2080-01", "2099-12", 240)
    short = climatebench.last_years(months, [range(913, 1021)])  # from 2091-02: 2092 to 2099
    assert (months[short[0]], months[short[-1]]) == ("2092-01", "2099-12")
    assert len(climatebench.last_years(months, [range(0, 1020)])) == 240
    with pytest.raises(InputError, match="this split scores none"):
        climatebench.last_years(months, [range(1, 23)])


@pytest.fixture
def data(dataset):
    return tensors.prepare(dataset, "published", UNSEEN)


@pytest.fixture
def known_errors(data):
    """A run whose error is known: 1 K and 0.5 mm/day in even years, -1 K in odd ones, where rain is right."""
    members = normalizer.denormalise(data.scenarios["ssp370"].targets, data.normalizer)
    mean, even = members.mean(axis=0, dtype=float), (np.arange(156) // 12 % 2 == 0)[:, None, None]

    def fields(scenario, data, months):
        error = np.stack([np.where(even, 1.0, -1.0), np.where(even, 0.5, 0.0)], axis=1)
        return (mean + error)[months.start : months.stop]

    recipe = SimpleNamespace(window=12, lead=1)
    return SimpleNamespace(fields=fields, recipe=recipe, run={"split": "unseen", "trained": {}}), mean


def test_known_errors_by_hand(known_errors, data, dataset, tmp_path):
    emulator, mean = known_errors
    (found,) = climatebench.evaluate(tmp_path, data, UNSEEN, emulator)
    assert (found["ssp"], found["months"], found["leaky"]) == ("ssp370", ["2017-01", "2027-12"], False)
    weights = np.cos(np.deg2rad(dataset["lat"].values))
    whole = np.average(mean.mean(axis=-1), axis=-1, weights=weights)  # (month, target)
    change = np.abs(whole[24:].mean(axis=0) - whole[:24].mean(axis=0))
    # years 2017 to 2027: even ones of the series (2015 is its year 0) are 2017, 2019 .. 2027, six of eleven
    expected = {"tas": (1 / 11, 1.0), "pr": (0.5 * 6 / 11, 0.5 * math.sqrt(6 / 11))}
    for (var, (spatial, overall)), over in zip(expected.items(), change):
        parts = {"spatial": spatial / over, "global": overall / over, "total": (spatial + 5 * overall) / over}
        assert {part: found["avg"][f"{var}_nrmse_{part}"] for part in parts} == pytest.approx(parts, rel=1e-4)
    stored = json.loads((tmp_path / runs.SCORES).read_text())
    assert stored == {f"unseen {data.fingerprint} climatebench": [found]}


def test_the_definition_in_xarray(dataset, data, tmp_path):
    run_dir = fit.train(recipes.named("climatology"), data, tmp_path / "run", progress=False)
    (found,) = climatebench.evaluate(run_dir, data)
    climate = dataset["tas"].sel(ssp=["ssp126", "ssp585"]).isel(time=slice(12, None)).mean(["ssp", "member_id"])
    predicted = climate.groupby("time.month").mean().mean("month")  # the same each year
    truth = dataset["tas"].sel(ssp="ssp370").mean("member_id").groupby("time.year").mean()
    late, weights = truth.sel(year=slice(2017, 2027)), np.cos(np.deg2rad(dataset["lat"]))

    def overall(field):
        return field.weighted(weights).mean(["lat", "lon"])

    change = abs(overall(late.mean("year") - truth.sel(year=slice(2015, 2016)).mean("year")))
    spatial = np.sqrt(overall((predicted - late.mean("year")) ** 2)) / change
    of_globe = np.sqrt(((overall(predicted) - overall(late)) ** 2).mean()) / change
    assert found["avg"]["tas_nrmse_spatial"] == pytest.approx(float(spatial), rel=1e-3)
    assert found["avg"]["tas_nrmse_global"] == pytest.approx(float(of_globe), rel=1e-3)
    assert found["limits"]["forced"]["tas_nrmse_spatial"] < found["avg"]["tas_nrmse_spatial"]


def test_the_command_prints_the_table_beside_limits(dataset, store, tmp_path, capsys):
    prepared = tensors.prepare(dataset, "published", splits.named("clean"))
    run_dir = fit.train(recipes.named("climatology"), prepared, tmp_path / "run", progress=False)
    assert main(["evaluate", str(run_dir), "--data", str(store), "--metrics", "climatebench"]) == 0
    printed = capsys.readouterr().out
    lines = printed[printed.index("NRMSE of ClimateBench") :].splitlines()
    assert "since the first ten years; total = spatial + 5 global" in lines[0]
    assert lines[1] == "ssp370 2018..2027, 10 years"
    assert lines[2].split() == [
        "tas",
        "spatial",
        "tas",
        "global",
        "tas",
        "total",
        *"pr spatial pr global pr total".split(),
    ]
    rows = {line[:16].strip(): [float(value) for value in line.split()[-6:]] for line in lines[3:6]}
    assert rows.keys() == {"climatology", "limit: forced", "limit: member"}
    for spatial, overall, total in (rows["climatology"][:3], rows["climatology"][3:]):
        assert total == pytest.approx(spatial + 5 * overall, abs=0.004)  # rounded to three decimals
    assert "not the 20 years of ClimateBench: ssp370 2018..2027, 10 years" in lines
