"""The bench of skill: batches, lengths, scores and differences known by hand. No score is asserted."""

from dataclasses import replace
from itertools import chain, islice
from types import SimpleNamespace

import benchmarks
import numpy as np
import pytest
import torch
from benchmarks import skill

from climgru_lib.contract import InputError
from climgru_lib.data import normalizer, tensors
from climgru_lib.training.recipes import named


@pytest.fixture
def small(dataset, monkeypatch):
    """Return a tiny network's recipe and data of two members: 24 targets a scenario and member."""
    monkeypatch.setattr(skill, "pick_device", lambda name: torch.device("cpu"))
    recipe = named("compact-final")
    sizes = {"width": 4, "hidden": 8, "head": 16}
    tiny = replace(recipe, architecture=recipe.architecture | sizes, runs=1, run_length=1)
    return tiny, tensors.prepare(dataset.isel(member_id=slice(2)), recipe.season, skill.SPLIT)


def test_published_batches_hold_each_pair_at_most_once_an_epoch(small, monkeypatch):
    recipe, prepared = small
    monkeypatch.setattr(skill, "plain_batch", lambda data, recipe, chosen: chosen)
    batches = list(islice(skill.plain_batches(prepared, recipe, seed=1), 8))
    allowed = {(ssp, member, month) for ssp in skill.SCENARIOS for member in (0, 1) for month in range(12, 36)}
    first, second = (list(chain(*batches[at : at + 4])) for at in (0, 4))  # 144 pairs make 4 batches of 32
    for epoch in (first, second):
        assert len(epoch) == len(set(epoch)) == 128
        assert set(epoch) <= allowed
    assert first != second
    assert batches == list(islice(skill.plain_batches(prepared, recipe, seed=1), 8))
    assert batches[0] != next(skill.plain_batches(prepared, recipe, seed=2))


def test_steps_of_as_many_pairs(small):
    recipe, prepared = small  # a run of one target holds its two members
    assert skill.steps_of_as_many_pairs(prepared, recipe, 320) == 160
    assert skill.steps_of_as_many_pairs(prepared, replace(recipe, runs=4), 320) == 40


@pytest.mark.parametrize("plain", [True, False])
def test_training_starts_at_the_seed_and_anneals_to_zero(small, plain):
    """AdamW's first step moves a parameter by the learning rate; the second of two has half of it."""
    recipe, prepared = small
    recipe = replace(recipe, weight_decay=0.0, learning_rate=1e-3, warmup=0, start_at_mean=False)

    def moved(steps):
        torch.manual_seed(3)
        start = recipe.build(6, (8, 12))
        found = skill.trained(prepared, recipe, 3, steps, plain).model
        pairs = zip(start.parameters(), found.parameters(), strict=True)
        return max((after - before).abs().max().item() for before, after in pairs)

    assert moved(1) == pytest.approx(1e-3, rel=0.01)
    assert moved(2) == pytest.approx(1.5e-3, rel=0.01)


def test_both_forms_learn_from_their_own_batches(small):
    recipe, prepared = small
    states = [skill.trained(prepared, recipe, 0, 1, plain).model.state_dict() for plain in (True, False)]
    counts = [state["spatial_encoder1.1.num_batches_tracked"].item() for state in states]
    assert counts == [1, 1]
    assert not torch.equal(*(state["output_proj1.4.weight"] for state in states))


def test_scores_of_a_constant_error(dataset):
    """2 K too warm: mean over tas and pr of 0.1 x 2 + 1 x 2 and 0."""
    recipe = named("compact-final")
    prepared = tensors.prepare(dataset.isel(member_id=slice(1)), recipe.season, skill.SPLIT)

    def fields(scenario, data, months):
        assert months == range(48, 156)
        return normalizer.denormalise(scenario.targets[0, months], data.normalizer) + np.array([2, 0])[:, None, None]

    found = skill.scores(SimpleNamespace(recipe=recipe, fields=fields), prepared)
    assert found == pytest.approx({"ssp126": 1.1, "ssp370": 1.1, "ssp585": 1.1}, rel=1e-5)


def test_differences_are_paired():
    row = skill.compared("some slice", ours=[1.0, 1.2, 1.7], plain=[1.1, 1.1, 1.4])
    # differences -0.1, 0.1, 0.3: mean 0.1, standard deviation 0.2
    assert row.facts == pytest.approx({"ours - plain": 0.1, "standard error": 0.2 / 3**0.5})
    assert (row.ours, row.plain) == ([1.0, 1.2, 1.7], [1.1, 1.1, 1.4])


def test_rows_compare_as_many_steps_and_as_many_epochs(store, monkeypatch):
    """Each training scores 100 x seed + its steps, plain 1000 more: what is compared with what can be read off."""
    trainings = []

    def trained(prepared, recipe, seed, steps, plain):
        trainings.append((recipe.architecture["norm"], plain))
        return 1000 * plain + 100 * seed + steps

    monkeypatch.setattr(skill, "trained", trained)
    monkeypatch.setattr(skill, "scores", lambda code, prepared: dict.fromkeys(skill.SCENARIOS, float(code)))
    monkeypatch.setattr(skill, "steps_of_as_many_pairs", lambda prepared, recipe, pairs: pairs // 16)
    rows = list(skill.rows(str(store), seeds=(1, 2), steps=5))
    assert set(trainings) == {("batch", True), ("running", False)}
    assert [row.what.split(":")[0] for row in rows] == [*skill.SCENARIOS] * 2
    assert [row.plain for row in rows] == [[1105.0, 1205.0]] * 6
    assert [row.ours for row in rows] == [[105.0, 205.0]] * 3 + [[110.0, 210.0]] * 3


def test_skill_runs_when_named_alone_and_alone_takes_a_store(monkeypatch):
    with pytest.raises(InputError, match="--data is for the bench skill"):
        benchmarks.run("train", "some.zarr")
    asked = []
    monkeypatch.setattr(skill, "rows", lambda path="embedded": asked.append(path) or [])
    monkeypatch.setattr(benchmarks, "BENCHES", {})
    assert benchmarks.run().keys() == {"machine"}
    benchmarks.run("skill")
    benchmarks.run("skill", "some.zarr")
    assert asked == ["embedded", "some.zarr"]
