"""The study of the published models: at toy size on the CPU, every part, and what a budget lets through."""

import json

import pandas as pd
import pytest
import torch

from climgru_lib.cli import main
from climgru_lib.course.study import published
from climgru_lib.course.study.plan import Trial
from climgru_lib.course.study.published import Part, attempt
from climgru_lib.course.workbook import Workbook
from climgru_lib.training.batches import RunSampler
from climgru_lib.training.recipes import named

PARTS = [
    "timings",
    "final, calm start, clean, seed 0",
    "final, calm start, published, seed 0",
    "CUDA tests",
    "final, published start, clean, seed 0",
    "final, published start, published, seed 0",
    "no season, clean, seed 0",
    "Dice 1.0, clean, seed 0",
    "Dice 0.7, clean, seed 0",
    "first, clean, seed 0",
    "first, published, seed 0",
]


@pytest.fixture
def quick(monkeypatch):
    """Small matrices for the probe; no tests within the test."""
    monkeypatch.setattr(published, "CUDA_TESTS", published.CUDA_TESTS / "absent")


def results(folder) -> dict:
    return json.loads((folder / "study-published" / "results.json").read_text())


def test_every_part_is_done_at_toy_size_and_none_twice(store, tmp_path, quick, monkeypatch):
    command = ["study", "published", "--device", "cpu", "--data", str(store), "--out", str(tmp_path), "--minutes", "5"]
    assert main(command) == 0
    found = results(tmp_path)
    assert [part["part"] for part in found["parts"]] == PARTS
    assert {part["status"] for part in found["parts"]} == {"done"}
    assert found["parts"][3]["tests"] == "no tests here"
    rows = pd.read_csv(tmp_path / "study-published" / "rows.csv")
    for part in found["parts"]:
        if "run" not in part:
            continue
        label, split, _ = part["part"].rsplit(", ", 2)
        scores = json.loads((tmp_path / "runs" / part["run"] / "metrics.json").read_text())
        (stored,) = (slices for key, slices in scores.items() if key.startswith(split))
        told = rows[(rows["label"] == label) & (rows["split"] == split)]
        assert told["score"].tolist() == pytest.approx([slice_["avg"]["score"] for slice_ in stored])
        assert part["score"] == pytest.approx(stored[0]["avg"]["score"])
    assert len(pd.read_csv(tmp_path / "study-published" / "losses.csv")) == 9  # one epoch each
    timings = pd.read_csv(tmp_path / "study-published" / "timings.csv")
    assert (timings["ratio"].dropna() > 0).sum() == 4  # two lengths of runs, three members and two
    assert {path.name for path in (tmp_path / "study-published").iterdir()} >= {"curves.csv", "results.json"}
    monkeypatch.setattr("climgru_lib.training.fit._train_and_finish", None)  # a second call trains nothing
    assert main(command) == 0
    again = {part["part"]: part for part in results(tmp_path)["parts"]}
    assert {part["status"] for part in again.values()} == {"done"}
    assert again["first, clean, seed 0"]["score"] == found["parts"][9]["score"]


def test_without_time_nothing_is_started(store, tmp_path, quick, capsys):
    command = ["study", "published", "--device", "cpu", "--data", str(store), "--out", str(tmp_path), "--minutes", "0"]
    assert main(command) == 0
    assert "not run" in capsys.readouterr().out
    assert {part["status"] for part in results(tmp_path)["parts"]} == {"not run: no time left"}
    assert not (tmp_path / "runs").exists()


def test_a_part_is_passed_over_if_it_does_not_fit(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(published.time, "monotonic", lambda: clock[0])

    def estimate():
        clock[0] += 10  # the estimate itself takes ten seconds
        return 120.0

    def work():
        clock[0] += 100
        return {"score": 0.7}

    part = Part("some training", estimate, work)
    assert attempt(part, 129) == {
        "status": "not run: would take 2.0 min, 2.0 min left",
        "seconds": None,
        "score": None,
    }
    assert attempt(part, 130) == {"status": "done", "seconds": 110.0, "score": 0.7}


def test_an_estimate_counts_what_the_last_training_took_beside_its_steps(dataset, tmp_path, monkeypatch):
    session = published.Session(Workbook("study-published", "", "quick", 0, str(tmp_path)), "cpu", 1)
    session.book._dataset = dataset
    clock, train = [0.0], session.book.train
    monkeypatch.setattr(published.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(published, "seconds", lambda work, device: 2.0)  # a step

    def slow_train(*args):
        clock[0] += 500
        return train(*args)

    monkeypatch.setattr(session.book, "train", slow_train)
    first, second = (part for part in session.parts() if part.name.startswith("final, calm start"))
    steps = first.estimate()
    assert steps / 2 == len(RunSampler(session.book.prepare(), calm(session), 0, torch.device("cpu")).plan(0))
    first.work()
    assert first.estimate() == 0  # finished: it would be reused
    first.work()
    beside = session.beside_steps
    assert beside == 500 - steps
    assert second.estimate() == session.seconds_of_steps(Trial("", calm(session), "published", 0), "32") + beside


def calm(session):
    return session.sized(published.calm_final())


@pytest.mark.parametrize(("device", "profile"), [("cpu", "quick"), ("cuda", "full")])
def test_on_a_gpu_the_sizes_are_the_published_ones_by_default(device, profile, store, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "pick_device", lambda name: torch.device(name))
    monkeypatch.setattr(published, "_machine", lambda device: {})
    seen = []
    monkeypatch.setattr(published.Session, "parts", lambda self: seen.append(self) or iter([Part("x", float, dict)]))
    assert main(["study", "published", "--device", device, "--data", str(store), "--out", str(tmp_path)]) == 0
    assert (seen[0].book.profile, seen[0].seeds) == (profile, 3 if profile == "full" else 1)


def test_a_part_that_fails_says_so_and_the_rest_goes_on(store, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(published.Session, "timings", lambda self: 1 / 0)
    monkeypatch.setattr(published.Session, "training", lambda self, trial, precision="32": Part("x", lambda: 1e9, dict))
    table = published.run(str(store), "quick", str(tmp_path), device="cpu")
    assert table["status"].iloc[0] == "failed: ZeroDivisionError: division by zero"
    assert table["status"].iloc[1].startswith("not run: would take")
    assert table.loc["CUDA tests", "status"] == "done"
    assert results(tmp_path)["parts"][0]["seconds"] is None


def test_the_calm_start_keeps_what_is_published():
    calm, final = published.calm_final(), named("published-final")
    for name in ("loss", "season", "window", "lead", "weight_decay", "area_weighted"):
        assert getattr(calm, name) == getattr(final, name)
    assert {**calm.architecture, "scaled": False} == {**final.architecture, "scaled": False}


def test_only_this_study_has_a_budget(capsys):
    assert main(["study", "season", "--minutes", "3"]) == 2
    assert "takes no --minutes" in capsys.readouterr().err
