"""The calm start and the scores along a training, on a small synthetic data set."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from climgru_lib.data import normalizer, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.predict.emulator import Emulator
from climgru_lib.score.curve import PROGRESS, ScoreCurve, read_curve
from climgru_lib.score.evaluation import evaluate
from climgru_lib.training import runs
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.fit import train as fit
from climgru_lib.training.recipes import named

LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24), Stretch("ssp370", -36)))
CALM = replace(
    named("compact-final"),
    architecture=named("compact-final").architecture | {"width": 4, "hidden": 8, "head": 16, "dropout": 0.2},
    window=4,
    epochs=3,
    cosine_epochs=3,
    warmup=4,
)


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


@pytest.fixture(scope="module")
def watched(data, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "watched"
    return fit(CALM, data, run_dir, device="cpu", progress=False, watch=ScoreCurve(CALM, data, run_dir, 0, points=5))


def test_watching_changes_no_weight(data, watched, tmp_path):
    alone = fit(CALM, data, tmp_path / "alone", device="cpu", progress=False)
    assert (alone / runs.WEIGHTS).read_bytes() == (watched / runs.WEIGHTS).read_bytes()
    assert not (alone / PROGRESS).exists()
    assert read_curve(alone, "ssp370", ("2025-01", "2027-12")).empty


def test_the_curve_ends_at_the_scores_of_the_run(data, watched):
    total = RunSampler(data, CALM, 0, torch.device("cpu")).n_batches(3)
    for scored in evaluate(watched, data):
        curve = read_curve(watched, scored["ssp"], scored["months"])
        assert curve.index.tolist() == [round(total * k / 5) for k in (1, 2, 3, 4, 5)]
        assert len(curve.columns) == 7
        for name, value in curve.iloc[-1].items():
            assert value == pytest.approx(scored["avg"][name], rel=1e-4)
        assert curve["score"].iloc[0] != curve["score"].iloc[-1]


def test_a_resumed_curve_has_every_point_once(data, watched, tmp_path, monkeypatch):
    calls, gather = [], RunSampler.batch

    def stopping(self, chosen):
        calls.append(chosen)
        if len(calls) == 8:
            raise MemoryError
        return gather(self, chosen)

    monkeypatch.setattr("climgru_lib.training.lightning_adapter.CHECKPOINT_SECONDS", 0)  # a checkpoint after each batch
    watch = ScoreCurve(CALM, data, tmp_path / "run", 0, points=5)
    with monkeypatch.context() as patch:
        patch.setattr(RunSampler, "batch", stopping)
        with pytest.raises(MemoryError):
            fit(CALM, data, tmp_path / "run", device="cpu", progress=False, watch=watch)
    fit(CALM, data, tmp_path / "run", device="cpu", progress=False, watch=watch, resume=True)
    assert (tmp_path / "run" / PROGRESS).read_text() == (watched / PROGRESS).read_text()
    assert (tmp_path / "run" / runs.WEIGHTS).read_bytes() == (watched / runs.WEIGHTS).read_bytes()


def test_the_learning_rate_rises_and_falls_to_zero_batch_by_batch(data, watched):
    sampler = RunSampler(data, CALM, 0, torch.device("cpu"))
    ends = np.cumsum([len(sampler.plan(epoch)) for epoch in range(3)]) - 1
    expected = 3e-3 * np.minimum((1 + ends) / 5, 1) * (1 + np.cos(np.pi * ends / (ends[-1] + 1))) / 2
    with (watched / runs.CURVES).open(newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx(list(expected), rel=1e-3)
    assert rates[-1] < 0.01 * 3e-3


def test_training_starts_at_the_mean_map_of_its_targets(data, tmp_path):
    """With a learning rate of zero the prediction is the mean map, but for a tenth of the random last layer."""
    still = replace(CALM, learning_rate=0.0, epochs=1, cosine_epochs=1)
    emulator = Emulator.open(fit(still, data, tmp_path / "still", device="cpu", progress=False))
    keep = data.training_targets(4, 1)
    targets = [data.scenarios[ssp].targets[mask].double() for ssp, mask in keep.items()]
    mean = torch.cat(targets).mean(0)
    assert sum(len(part) for part in targets) == 3 * (152 + 116 + 152)
    torch.testing.assert_close(data.mean_target(4, 1).double(), mean, rtol=0, atol=1e-5)
    biases = [emulator.model.get_submodule(f"output_proj{i}")[-1].bias for i in (1, 2)]
    torch.testing.assert_close(torch.stack(biases).view(2, 8, 12).double(), mean, rtol=0, atol=1e-5)
    fields = emulator.fields(data.scenarios["ssp370"], data)
    told = normalizer.denormalise(mean, data.normalizer)
    assert np.abs(fields - told)[:, 0].max() < 0.2 * data.normalizer.target_std[0]


def test_what_is_ignored_changes_nothing(data, dataset, tmp_path):
    blind = replace(CALM, ignore=["rsdt"], epochs=1, cosine_epochs=1)
    emulator = Emulator.open(fit(blind, data, tmp_path / "blind", device="cpu", progress=False))
    before = emulator.predict(emulator.load(dataset, ["ssp245"]), "ssp245")
    dark = dataset.assign(rsdt=0.5 * dataset["rsdt"]).compute()
    dark["rsdt"].attrs = dataset["rsdt"].attrs
    after = emulator.predict(emulator.load(dark, ["ssp245"]), "ssp245")
    np.testing.assert_array_equal(before["tas"], after["tas"])
