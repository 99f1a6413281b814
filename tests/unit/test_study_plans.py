"""What studies of architecture and loss plan: equal sizes, one change at a time, nothing run twice."""

from dataclasses import asdict

import pandas as pd
import pytest
import torch

from climgru_lib.course.study import (
    STUDIES,
    core,
    encoder,
    equal_cost,
    head,
    leak,
    loss_weights,
    members,
    size,
    tas_loss,
    window,
)
from climgru_lib.score.tables import COLUMNS
from climgru_lib.training.recipe import PUBLISHED_LOSS
from climgru_lib.training.recipes import named

ARCHITECTURES = {"encoder": encoder.FORMS, "core": core.FORMS, "head": head.FORMS}
NAMES = [*ARCHITECTURES, "window", "tas-loss", "loss-weights"]


class Book:
    """Gives recipes in their full length, and two members."""

    members = ("r1", "r2")

    def __init__(self, profile):
        self.profile = profile

    def prepare(self):
        return self

    def recipe(self, name):
        return named(name)


def trials(name, profile="full", seeds=(0,)):
    return list(STUDIES[name].plan(Book(profile), seeds))


def changed(recipe):
    """Return what a recipe has that `compact-final` has not."""
    ours, theirs = asdict(recipe), asdict(named("compact-final"))
    return {key: value for key, value in ours.items() if value != theirs[key]}


def n_parameters(recipe):
    with torch.device("meta"):
        return sum(p.numel() for p in recipe.build(6, (48, 72)).parameters())


@pytest.mark.parametrize(
    ("study", "label"), [(study, label) for study, forms in ARCHITECTURES.items() for label in forms]
)
def test_forms_have_as_many_parameters_as_the_published_one(study, label):
    recipe = named("compact-final")
    assert n_parameters(recipe) == 5_539_668
    assert n_parameters(ARCHITECTURES[study][label].of(recipe, 5)) == pytest.approx(5_539_668, rel=0.1)


def test_equal_seconds_are_whole_epochs():
    """Five epochs at 0.2 s are two and a half at 0.4 s: three are 1.2 times as long, two 1.25 times shorter."""
    published, fast, slow, slower = (equal_cost.Form({}, seconds) for seconds in (0.2, 0.125, 0.4, 9.0))
    assert [form.epochs_in(5, published) for form in (published, fast, slow, slower)] == [5, 8, 3, 1]


@pytest.mark.parametrize("study", ARCHITECTURES)
def test_architectures_differ_in_nothing_but_the_part_and_its_widths(study):
    part = {"encoder": "encoder", "core": "core", "head": "head_kind"}[study]
    planned = {trial.label: trial.recipe for trial in trials(study)}
    reference, *others = ARCHITECTURES[study]
    assert planned[reference] == named("compact-final")
    for label in others:
        recipe, timed = planned[label], planned[label + equal_cost.EQUAL_SECONDS]
        assert changed(recipe).keys() == {"architecture"}
        assert changed(timed).keys() <= {"architecture", "epochs", "cosine_epochs"}
        assert timed.architecture == recipe.architecture
        assert timed.epochs == timed.cosine_epochs
        differing = {
            key for key, value in recipe.architecture.items() if value != named("compact-final").architecture.get(key)
        }
        assert {part} <= differing <= {part, "hidden", "width", f"{study}_settings"}


@pytest.mark.parametrize("name", NAMES)
def test_plans_compare_what_they_run_and_run_the_rest_in_full_alone(name):
    full, quick = trials(name, seeds=(0, 1)), trials(name, "quick")
    labels = {trial.label for trial in full}
    assert {(trial.seed, trial.split) for trial in full} == {(0, "clean"), (1, "clean")}
    assert len(full) == 2 * len(labels)
    assert {trial.label for trial in quick} < labels
    assert 2 <= len(quick) <= 3
    against = STUDIES[name].against
    assert against.keys() | set(against.values()) == labels
    assert STUDIES[name].seeds == {"quick": 1, "full": 3}


def test_losses_of_temperature_leave_precipitation_alone():
    for trial in trials("tas-loss"):
        assert changed(trial.recipe).keys() <= {"loss"}
        assert {key: value for key, value in trial.recipe.loss.items() if key[:2] == "pr"} == {
            "pr_dice": 0.5,
            "pr_mse": 0.5,
        }
    planned = {trial.label: trial.recipe.loss for trial in trials("tas-loss")}
    assert planned["all (published)"] == PUBLISHED_LOSS
    assert {key: value for key, value in planned["L1 + Hessian"].items() if key[:3] == "tas"} == {
        "tas_l1": 1.0,
        "tas_hessian": 0.2,
    }
    assert tas_loss.FORMS["MSE"] == ("tas_mse",)
    assert planned["MSE"]["tas_mse"] == 1.0


def test_weights_change_and_terms_stay():
    for trial in trials("loss-weights"):
        assert trial.recipe.loss.keys() == PUBLISHED_LOSS.keys()
        assert changed(trial.recipe).keys() <= {"loss", "combination"}
        trial.recipe.build_loss(("tas", "pr"))
    assert [combination for _, combination in loss_weights.FORMS.values()] == [
        "sum",
        "sum",
        "uncertainty",
        "balanced_gradients",
    ]


def test_windows_leads_and_strides():
    planned = {trial.label: changed(trial.recipe) for trial in trials("window")}
    assert planned["12 months"] == {}
    assert planned["1 month"] == {"window": 1}
    assert planned["60 months, lead 0"] == {"window": 60, "lead": 0}
    assert planned["12 months, stride 13"] == {"stride": 13}
    assert len(planned) == 2 * len(window.WINDOWS) + len(window.STRIDES)
    assert {month * 13 % 12 for month in range(12)} == set(range(12))  # stride 13 comes by every calendar month


def test_sizes_go_from_25_thousand_to_the_published_353_million():
    counts = {trial.label: n_parameters(trial.recipe) for trial in trials("size")}
    told = {label: float(label.split()[0]) * {"k": 1e3, "M": 1e6}[label.split()[1]] for label in counts}
    assert counts == pytest.approx(told, rel=0.12)
    assert list(counts.values()) == sorted(counts.values())
    assert counts["353 M"] == 352_878_672
    assert [trial.label for trial in trials("size", "quick")] == ["100 k", "500 k", "2 M"]


def test_members_are_those_of_the_data():
    planned = trials("members")
    assert [(trial.label, trial.split) for trial in planned] == [("1 member", "members:1"), ("2 members", "members:2")]
    assert all(trial.recipe == named("compact-final") for trial in planned)


def test_the_leak_is_told_by_two_splits_that_differ_in_nothing_else():
    planned = trials("leak")
    assert [(trial.label, trial.split) for trial in planned] == [
        (f"{epochs} epochs", split) for epochs in (5, 20) for split in ("clean", "published")
    ]
    assert planned[0].recipe == planned[1].recipe
    assert [trial.recipe.epochs for trial in planned] == [5, 5, 20, 20]
    assert len(trials("leak", "quick")) == 2


def rows_of(label, split, scores, **same):
    """Return a row a seed whose metrics are all the score."""
    where = {"label": label, "split": split, "slice": 0, "ssp": "ssp370", "months": "a..b", **same}
    return [where | {"seed": seed} | dict.fromkeys(COLUMNS, score) for seed, score in enumerate(scores)]


def test_the_table_of_sizes_and_their_law_by_hand():
    rows = []
    for parameters, scores in ((100, (1.1, 1.3)), (400, (0.7, 0.9)), (1600, (0.6, 0.6))):
        cost = {"parameters": parameters, "seconds": parameters / 10, "memory_mb": parameters, "limit: forced": 0.4}
        rows += rows_of(f"{parameters}", "clean", scores, **cost)
    table = size.table(pd.DataFrame(rows))
    assert table.index.tolist() == ["100", "400", "1600", "law"]
    assert table["score"].tolist()[:3] == pytest.approx([1.2, 0.8, 0.6])
    assert table["sd"].tolist()[:3] == pytest.approx([0.2 / 2**0.5, 0.2 / 2**0.5, 0.0])
    # the excess 0.8, 0.4, 0.2 halves where the size is four times as large
    assert table["excess"].tolist() == pytest.approx([0.8, 0.4, 0.2, -0.5])
    assert table["seconds"].tolist()[:3] == [10, 40, 160]


def test_members_are_compared_across_their_splits():
    rows = rows_of("1 member", "members:1", (1.0, 1.2)) + rows_of("2 members", "members:2", (0.9, 0.9))
    table = members.table(pd.DataFrame(rows)).loc["clean"]
    assert table.index.tolist() == [
        "1 member",
        "1 member, sd",
        "2 members",
        "2 members, sd",
        "2 members less 1 member",
        "2 members less 1 member, +-",
    ]
    assert table.loc["2 members less 1 member", "score"] == pytest.approx(-0.2)
    assert table.loc["2 members less 1 member, +-", "score"] == pytest.approx(0.1)  # -0.1 and -0.3


def test_the_leak_is_the_published_score_less_the_clean_one():
    rows = rows_of("5 epochs", "clean", (1.0, 1.2)) + rows_of("5 epochs", "published", (0.9, 1.0))
    rows += rows_of("5 epochs", "clean", (7.0, 7.0), slice=1, months="c..d")
    table = leak.table(pd.DataFrame(rows))
    assert table.loc[("both", "published, 5 epochs less clean, 5 epochs"), "score"] == pytest.approx(-0.15)
    assert table.loc[("clean", "5 epochs"), "score"] == pytest.approx(1.1)
