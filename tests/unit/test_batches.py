"""Batches: every target once an epoch, with the right inputs, in an order fixed by seed and epoch."""

from collections import Counter
from itertools import chain, islice

import numpy as np
import pytest
import torch

from climgru_lib.contract import InputError, Step
from climgru_lib.data import splits
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.data.tensors import EmulationData, Scenario
from climgru_lib.training.batches import Batch, RunSampler, strided_targets
from climgru_lib.training.fit import train
from climgru_lib.training.recipe import Recipe

T, MEMBERS = 150, 3
SSP = ("ssp126", "ssp245", "ssp370", "ssp585")
SPLITS = {
    "published": splits.PUBLISHED_SPLIT,
    "clean": splits.CLEAN,
    "unseen": Split("unseen", (Stretch("ssp370"),), ()),
    "gaps": Split("gaps", (Stretch("ssp126", 40, 90), Stretch("ssp585", 20, 30, (1,)), Stretch("ssp585", 0, 15)), ()),
    "short": Split("short", (Stretch("ssp126", 10), Stretch("ssp370", None, 141), Stretch("ssp585", 0, 20)), ()),
}


def labelled(split) -> EmulationData:
    """Return data whose values say where they come from: scenario and month; scenario, month and member."""
    scenarios, months = {}, torch.arange(T, dtype=torch.float32)
    for code, ssp in enumerate(SSP):
        inputs = torch.stack([torch.full((T,), float(code)), months], dim=1)[:, :, None, None]
        members = torch.arange(MEMBERS, dtype=torch.float32)[:, None]
        cells = torch.stack([torch.full((MEMBERS, T), float(code)), months + 1000 * members], dim=2)
        targets = None if ssp == "ssp245" else cells[..., None, None]
        scenarios[ssp] = Scenario(ssp, inputs, targets, np.full((MEMBERS, T), ssp == "ssp245"))
    labels = np.array([f"{2015 + i // 12}-{i % 12 + 1:02d}" for i in range(T)])
    one = np.zeros(1)
    return EmulationData(
        scenarios,
        "none",
        ("CO2", "SO2"),
        ("tas", "pr"),
        None,
        labels,
        np.arange(T) % 12 + 1,
        np.arange(3),
        one,
        one,
        "",
        suspicions=[],
        step=Step.MONTH,
        normalizer=None,
        split=split,
    )


def recipe(**settings) -> Recipe:
    return Recipe("test", "conv_gru", **{"window": 3, "lead": 1, "runs": 2, "run_length": 11, **settings})


def sampler(split="published", seed=0, **settings) -> RunSampler:
    return RunSampler(labelled(SPLITS[split]), recipe(**settings), seed, torch.device("cpu"))


def counted(batch) -> list[tuple[int, int, int]]:
    """Return (scenario, month, member) of the targets that count in a batch."""
    code, label = batch.targets[batch.mask][:, :, 0, 0].int().T
    return list(zip(code.tolist(), (label % 1000).tolist(), (label // 1000).tolist()))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("runs", "run_length"), [(1, 1), (2, 5), (3, 24), (1, 500)])
def test_every_target_is_seen_once_an_epoch(split, runs, run_length):
    source = sampler(split, runs=runs, run_length=run_length)
    wanted = {
        (code, month, member)
        for code, ssp in enumerate(SSP)
        if ssp != "ssp245"
        for member, month in np.argwhere(SPLITS[split].training_months(ssp, T, MEMBERS)).tolist()
        if month >= 3
    }
    assert source.n_targets == len(wanted)
    for _ in range(3):
        seen = Counter(chain.from_iterable(counted(batch) for batch in source))
        assert set(seen.values()) == {1}
        assert set(seen) == wanted


@pytest.mark.parametrize(("window", "lead"), [(3, 1), (3, 0), (1, 0), (12, 2)])
def test_inputs_are_the_window_before_the_target(window, lead):
    for batch in sampler(window=window, lead=lead):
        windows = batch.inputs[:, :, :, 0, 0].unfold(1, window, 1)  # run, target, channel, step
        for run, at, _ in batch.mask.nonzero().tolist():
            code, month = batch.targets[run, at, 0, :, 0, 0].int().tolist()
            assert windows[run, at, 0].unique().tolist() == [code]
            assert windows[run, at, 1].tolist() == list(range(month - lead - window + 1, month - lead + 1))


def test_members_of_a_month_share_a_batch_unless_one_is_withheld():
    for batch in sampler("published", run_length=7):
        for run in range(len(batch.mask)):
            code, month = batch.targets[run, :, 0, :, 0, 0].int().T
            for at in range(7):
                members = batch.mask[run, at].tolist()
                if any(members):
                    assert members == [not (code[at] == 2 and month[at] >= T - 120), True, True]


@pytest.mark.parametrize("mask", [[[1, 1], [1, 1]], [[1, 0], [0, 1]]])
def test_pairs_compare_one_prediction_with_every_member_that_counts(mask):
    fields = torch.tensor([[10.0, 20.0]])[..., None, None, None]  # one run of two target months
    targets = torch.tensor([[[11.0, 12.0], [21.0, 22.0]]])[..., None, None, None]
    prediction, target = Batch(torch.empty(0), targets, torch.tensor([mask], dtype=torch.bool)).pairs(fields)
    members = [(10, 11), (10, 12), (20, 21), (20, 22)]
    counted = [pair for pair, keep in zip(members, np.ravel(mask)) if keep]
    assert list(zip(prediction.flatten().tolist(), target.flatten().tolist())) == counted


def test_the_plan_is_a_function_of_seed_and_epoch():
    first, second = sampler(seed=4), sampler(seed=4)
    list(first), list(first)  # two epochs: the plan does not depend on what was drawn before
    assert first.plan(2) == second.plan(2)
    assert first.plan(2) != first.plan(3)
    assert first.plan(2) != sampler(seed=5).plan(2)


def test_run_boundaries_move_between_epochs():
    source = sampler(run_length=24)
    cuts = {frozenset(run.first for batch in source.plan(epoch) for run in batch) for epoch in range(5)}
    assert len(cuts) > 1


def test_the_batches_of_some_epochs_are_counted():
    source = sampler()
    assert source.n_batches(3) == sum(len(source.plan(epoch)) for epoch in (0, 1, 2)) > 3
    assert source.n_batches(0) == 0


def test_ignored_forcings_are_zero():
    source = RunSampler(labelled(SPLITS["clean"]), recipe(ignore=["SO2"]), 0, torch.device("cpu"))
    batch = next(iter(source))
    assert batch.inputs[:, :, 1].abs().max() == 0  # where a month's number stands
    assert batch.inputs[:, :, 0].max() > 0  # the number of the scenario


def test_a_resumed_epoch_goes_on_with_the_batch_after_the_last():
    whole, resumed = sampler(), sampler()
    list(whole)
    expected = [counted(batch) for batch in islice(whole, 4, None)]
    resumed.epoch, resumed.skip = 1, 4
    assert [counted(batch) for batch in resumed] == expected
    assert [counted(batch) for batch in resumed] == [counted(batch) for batch in whole]  # the epoch after is whole


def test_asking_for_an_iterator_draws_nothing():
    source = sampler()
    source.epoch, source.skip = 3, 2
    iter(source)
    assert (source.epoch, source.skip) == (3, 2)


def test_batches_hold_the_runs_of_the_recipe():
    sizes = [batch.inputs.shape[:2] for batch in sampler(runs=4, run_length=10, window=3, lead=1)]
    assert set(sizes[:-1]) == {(4, 12)}
    assert 1 <= sizes[-1][0] <= 4


def test_a_stride_leaves_every_nth_month_as_target():
    """Window 3 and lead 1: the first target is month 3; of months 5, 10 .. 145 the last ten of ssp370 are withheld."""
    strided = sampler("clean", stride=5)
    seen = Counter()
    for batch in strided:
        _, target = batch.pairs(torch.zeros(*batch.targets.shape[:2], 2, 1, 1))
        seen.update((int(code), int(month) % 1000) for code, month in target[:, :, 0, 0].tolist())
    months = [*range(5, 150, 5)]
    assert {month for code, month in seen if code == 0} == set(months)
    assert {month for code, month in seen if code == 2} == {month for month in months if month < 30}
    assert set(seen.values()) == {MEMBERS}
    assert len(strided.plan(0)) == pytest.approx(len(sampler("clean").plan(0)), abs=1)  # as many steps


def test_a_stride_may_pass_by_a_scenario_and_all_of_them():
    """Month 140 is the only one of its stride; ssp370 ends before it, and stride 151 leaves none at all."""
    data = labelled(splits.CLEAN)
    assert strided_targets(data, recipe(stride=140)).keys() == {"ssp126", "ssp585"}
    assert strided_targets(data, recipe(stride=151)) == {}
    with pytest.raises(InputError, match="stride 151 leaves nothing to train on"):
        train(recipe(stride=151, season="none"), data, "unused")
