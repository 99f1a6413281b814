"""The benches: plain forms compute what ours compute, and rows say what was measured. No time is asserted."""

import json
from dataclasses import replace

import benchmarks
import numpy as np
import pytest
import torch
from benchmarks import loading, measure, parts, prediction, tables, training

from climgru_lib.contract import InputError
from climgru_lib.course.study import steps
from climgru_lib.course.study.measure import Row, in_turn
from climgru_lib.data import normalizer, splits, tensors
from climgru_lib.predict import output
from climgru_lib.predict.emulator import Emulator
from climgru_lib.training import recipes
from climgru_lib.training.batches import RunSampler

CPU = torch.device("cpu")


@pytest.fixture
def small(dataset):
    """Return a small network's recipe and data of two members, without dropout so that forms can be compared."""
    settings = {"width": 4, "hidden": 8, "layers": 2, "head": 16, "dropout": 0.0}
    recipe = replace(recipes.named("published-final"), architecture=settings, run_length=5)
    return recipe, tensors.prepare(dataset.isel(member_id=slice(2)), recipe.season, splits.CLEAN)


def test_plain_loading_gives_our_tensors(store):
    inputs, targets = loading.plain_route(store, splits.CLEAN)
    data = loading.our_route(store, splits.CLEAN)
    months = {"ssp126": 156, "ssp370": 36, "ssp585": 156}
    expected = [data.scenarios[ssp].inputs[:count] for ssp, count in months.items() for _ in range(3)]
    np.testing.assert_allclose(inputs, torch.cat(expected), atol=1e-6)
    expected = [data.scenarios[ssp].targets[m, :count] for ssp, count in months.items() for m in range(3)]
    np.testing.assert_allclose(targets, torch.cat(expected), atol=1e-6)
    assert inputs.dtype == targets.dtype == np.float32


def test_plain_submission_is_ours_to_the_byte(tmp_path):
    dataset = tables.prediction(n_lat=3, n_lon=4)
    dataset["pr"][7, 1] = [0, 1e-7, 1.5, 123456.789]
    tables.plain_csv(dataset, tmp_path / "plain.csv")
    output.write_submission(dataset, tmp_path / "ours.csv")
    content = (tmp_path / "ours.csv").read_bytes()
    assert content == (tmp_path / "plain.csv").read_bytes()
    assert content.count(b"\n") == 1 + 360 * 2 * 3 * 4


def test_plain_and_our_step_have_the_same_loss(small):
    recipe, data = small
    trainee = steps.Trainee(recipe, data, CPU)
    trainee.module.eval()  # in training batch norm would take its statistics over other months
    sampler = RunSampler(data, recipe, seed=0, device=CPU)
    runs = sampler.plan(0)[0]
    chosen = [(run.ssp, m, t) for run in runs for t in range(run.first, run.last) for m in range(2)]
    plain = trainee.plain_loss(*steps.plain_batch(data, recipe, chosen))
    assert trainee.our_loss(sampler.batch(runs)).item() == pytest.approx(plain.item(), rel=1e-5)


def test_random_targets_may_be_trained_on_and_differ(small):
    recipe, data = small
    chosen = steps.shuffled_targets(data, recipe, np.random.default_rng(0), 32)
    assert len(set(chosen)) == 32
    assert all(12 <= month < (36 if ssp == "ssp370" else 156) for ssp, _, month in chosen)


def test_our_batch_is_a_full_run_of_the_members_wanted(small):
    recipe, data = small
    for members in (1, 2):
        batch = steps.our_batch(data, recipe, members, CPU)
        assert batch.targets.shape == (1, 5, members, 2, 8, 12)
        assert batch.mask.shape == (1, 5, members)
        assert batch.mask.all()


def test_the_parts_make_up_the_network(small):
    recipe, data = small
    model = recipe.build(6, (8, 12)).eval()
    months = torch.stack([scenario.inputs[:20] for scenario in data.scenarios.values()])
    maps = []
    for pathway in (1, 2):
        value = months.flatten(0, 1)
        for part in parts.parts(model, pathway, (4, 20), 12).values():
            value = part(value)
        maps.append(value.unflatten(-1, (8, 12)))
    torch.testing.assert_close(torch.stack(maps, dim=2), model.forward_series(months, 12))


def test_plain_prediction_is_ours(small):
    recipe, data = small
    torch.manual_seed(0)
    emulator = Emulator(recipe.build(6, (8, 12)).eval(), recipe, data.normalizer, {})
    scenario = data.scenarios["ssp126"]
    plain = prediction.plain_fields(emulator, scenario.inputs)
    ours = emulator.fields(scenario, data)
    np.testing.assert_allclose(normalizer.denormalise(plain, data.normalizer), ours, rtol=1e-5, atol=1e-4)
    assert len(prediction.plain_fields(emulator, scenario.inputs, 7)) == 7


def test_rows_of_training_and_prediction(small, monkeypatch):
    monkeypatch.setattr(parts, "PROBE", {"cpu": 64})
    monkeypatch.setattr(training, "pick_device", lambda name: CPU)
    monkeypatch.setattr(prediction, "pick_device", lambda name: CPU)
    rows = [row.to_json() for row in training.rows(lambda: small, (3, 5))]
    assert [row["what"] for row in rows[:2]] == [f"32, runs of {n}, 2 members: per pair" for n in (3, 5)]
    assert [row["pairs a step"] for row in rows[:2]] == [6, 10]
    for row in rows[:2]:
        assert row["ratio"] == pytest.approx(row["plain"]["median"] / row["ours"]["median"], rel=1e-4)
    whole = rows[-1]
    assert whole["what"] == "32, run of 5: sum"
    assert sum(row["ours"]["repeats"][0] for row in rows[2:-1]) == pytest.approx(whole["ours"]["repeats"][0], rel=1e-3)
    # 2 pathways x 16 months x (16 channels x 4 x 6 cells) x (3 gates x 8) x 2 operations
    forward = next(row for row in rows if row["what"].endswith("projection forward"))
    assert forward["GFLOP/s"] * forward["ours"]["min"] * 1e9 == pytest.approx(2 * 16 * 384 * 24 * 2, rel=1e-3)
    (row,) = prediction.rows(lambda: small)
    assert row.facts == {"windows": 144, "plain windows timed": 64}


def test_a_row_says_median_spread_and_ratio():
    row = Row("write", "s", ours=[1.0, 4.0, 2.0], plain=[30.0, 10.0, 20.0], facts={"rows": 7})
    assert row.to_json() == {
        "what": "write",
        "unit": "s",
        "plain": {"median": 20.0, "min": 10.0, "max": 30.0, "repeats": [30.0, 10.0, 20.0]},
        "ours": {"median": 2.0, "min": 1.0, "max": 4.0, "repeats": [1.0, 4.0, 2.0]},
        "ratio": 10.0,
        "rows": 7,
    }
    assert row.to_text().split() == "write 20 (10 .. 30) 2 (1 .. 4) s 10.0 x rows 7".split()
    assert "ratio" in Row("score", "s", [3.0]).to_json()
    assert Row("score", "s", [3.0]).ratio is None


def test_forms_are_timed_in_turn():
    calls = []
    took = in_turn({"plain": lambda: calls.append("p"), "ours": lambda: calls.append("o")}, 3)
    assert "".join(calls) == "popopo"
    assert [len(times) for times in took.values()] == [3, 3]


def test_memory_of_a_child_is_its_own():
    ballast = np.ones(400_000_000, dtype=np.uint8)
    assert measure.peak_mb() > 400
    own = measure.in_child(measure.peak_mb)
    del ballast
    assert 0 < own < measure.peak_mb() - 200


def test_table_and_json(capsys, monkeypatch):
    row = Row("something", "s", [2.0], [8.0])
    monkeypatch.setattr(tables, "rows", lambda: iter([row]))
    monkeypatch.setattr(training, "rows", lambda: iter([row, row]))
    monkeypatch.setattr(benchmarks, "BENCHES", {"one": "tables", "two": "training"})
    results = benchmarks.run()
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[-1]) == results
    assert [len(results[name]) for name in ("one", "two")] == [1, 2]
    assert results["machine"].keys() == {"device", "threads", "python", "torch"}
    assert sum(line.startswith("something") and "4.0 x" in line for line in out) == 3
    assert benchmarks.run("two").keys() == {"machine", "two"}


def test_an_unknown_bench_is_refused():
    with pytest.raises(InputError, match="no bench 'speed'; there are data, submission, memory, predict, train"):
        benchmarks.run("speed")
