"""Recipes: the published numbers, settings and their errors, JSON."""

import json
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import torch

from climgru_lib.contract import PUBLISHED_FORCINGS, InputError
from climgru_lib.course.study import calm_start
from climgru_lib.data import splits
from climgru_lib.models import MODELS
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.recipes import RECIPES, named
from climgru_lib.training.settings import with_settings

BOOK = Path(__file__).resolve().parents[2] / "book"


def n_parameters(recipe, n_channels=6):
    with torch.device("meta"):
        return sum(p.numel() for p in recipe.build(n_channels, (48, 72)).parameters())


def test_published_final_is_the_published_setting():
    recipe = named("published-final")
    assert (recipe.window, recipe.lead, recipe.epochs, recipe.season) == (12, 1, 45, "published")
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 0.01)
    assert (recipe.cosine_epochs, recipe.min_learning_rate) == (100, 1e-6)
    assert recipe.loss == {
        "tas_l1": 1.0,
        "tas_gabor": 0.5,
        "tas_hessian": 0.2,
        "tas_polar": 0.3,
        "pr_dice": 0.5,
        "pr_mse": 0.5,
    }
    assert not recipe.dice_per_sample and not recipe.area_weighted
    assert n_parameters(recipe) == 352_878_672
    # about 32 targets a batch, as published: 11 months of 3 members
    assert recipe.runs * recipe.run_length * 3 == 33


def test_every_published_quirk_has_its_switch():
    table = (BOOK / "how_found.md").read_text().partition("| published | instead |")[2].partition("\n\n")[0]
    switches = re.findall(r"`--(set|split) ([^`]+)`", table)
    published = named("published-final")
    for option, value in switches:
        if option == "split":
            assert splits.named(value).withheld != splits.PUBLISHED_SPLIT.withheld
        else:
            assert with_settings(published, [value]) != published
    settings = {value.partition("=")[0] for option, value in switches if option == "set"}
    assert settings >= {"lead", "season", "architecture.padding", "dice_per_sample", "area_weighted"}


def test_published_first_is_adam_on_plain_mse():
    recipe = named("published-first")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.cosine_epochs) == (5e-4, 0.0, 0)
    assert recipe.loss == {"tas_mse": 0.5, "pr_mse": 0.5}


def test_compact_partners_train_alike():
    first, gru = named("compact-first"), named("compact-final")
    training = ("epochs", "cosine_by_batch", "warmup", "start_at_mean", "weight_decay", "window", "lead", "season")
    assert all(getattr(first, name) == getattr(gru, name) for name in training)
    assert n_parameters(gru) == 5_539_668
    assert n_parameters(first) < n_parameters(gru)


def test_the_published_start_undoes_every_part_of_the_calm_start():
    calm, published = named("compact-final"), named("published-final")
    for part, without in calm_start.CALM_PARTS.items():
        assert without(calm) != calm, part
    start = calm_start.published_start(calm)
    training = (
        "start_at_mean",
        "warmup",
        "cosine_by_batch",
        "cosine_epochs",
        "min_learning_rate",
        "runs",
        "run_length",
    )
    assert all(getattr(start, name) == getattr(published, name) for name in training)
    assert (start.architecture["norm"], start.architecture["scaled"]) == ("batch", False)
    assert start.architecture["strides"] == calm.architecture["strides"]


def test_ignored_forcings_are_zero_and_the_rest_is_left():
    inputs = torch.arange(2 * 6.0).view(2, 6, 1, 1)
    recipe = replace(named("compact-final"), ignore=["rsdt", "SO2"])
    channels = (*PUBLISHED_FORCINGS, "season")
    assert recipe.visible(inputs, channels).flatten().tolist() == [0, 0, 2, 3, 0, 5, 6, 0, 8, 9, 0, 11]
    assert named("compact-final").visible(inputs, channels) is inputs
    with pytest.raises(InputError, match=r"only a plain network can ignore some"):
        replace(named("compact"), ignore=["rsdt"]).check()


@pytest.mark.parametrize("name", RECIPES)
def test_json_round_trip(name):
    recipe = named(name)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert recipe.name == name


def test_recipes_do_not_share_their_dictionaries():
    assert named("compact-final").loss is not named("published-final").loss
    with_settings(named("compact-final"), ["loss.pr_dice=0.9"])
    assert named("compact-final").loss["pr_dice"] == 0.5
    with pytest.raises(FrozenInstanceError):
        named("compact-final").epochs = 1


def test_settings_change_fields_and_entries():
    base = named("compact-final")
    changed = with_settings(
        base,
        [
            "epochs=3",
            "learning_rate=1",
            "area_weighted=true",
            "season=phase",
            "architecture.hidden=16",
            "architecture.bidirectional=true",
            "loss.pr_dice=0.7",
            "loss.pr_mse=0.3",
            "loss.tas_mse=1",
        ],
    )
    assert changed == replace(
        base,
        epochs=3,
        learning_rate=1.0,
        area_weighted=True,
        season="phase",
        architecture={**base.architecture, "hidden": 16, "bidirectional": True},
        loss={**base.loss, "pr_dice": 0.7, "pr_mse": 0.3, "tas_mse": 1.0},
    )
    assert isinstance(changed.learning_rate, float)
    assert changed.name == "compact-final"
    assert with_settings(base, []) == base
    wider = with_settings(named("compact-first"), ["architecture.widths=[8, 8]", "architecture.dropout=0"])
    assert wider.architecture == named("compact-first").architecture | {"widths": [8, 8], "dropout": 0.0}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "wants key=value, got 'epochs'"),
        ("epoch=3", "no setting 'epoch'; there are architecture, season"),
        ("name=mine", "no setting 'name'"),
        ("model=cnn3d", "no setting 'model'"),
        ("architecture={}", "no setting 'architecture'"),
        ("epochs.x=3", "no setting 'epochs.x'"),
        ("epochs=3.5", "epochs wants a int, got '3.5'"),
        ("epochs=true", "epochs wants a int"),
        ("epochs=many", "epochs wants a int"),
        ("learning_rate=fast", "learning_rate wants a float"),
        ("learning_rate=true", "learning_rate wants a float"),
        ("area_weighted=1", "area_weighted wants a bool"),
        ("season=3", "season wants a str"),
        ("season=lunar", "unknown seasonal encoding 'lunar'"),
        ("epochs=0", "epochs must be at least 1, got 0"),
        ("window=0", "window must be at least 1"),
        ("lead=-1", "lead must be at least 0"),
        ("run_length=0", "run_length must be at least 1"),
        ("architecture.widths=3", "conv_gru has no setting 'widths'; it has bidirectional"),
        ("architecture.hidden=wide", "architecture.hidden wants a int, got 'wide'"),
        ("architecture.bidirectional=1", "architecture.bidirectional wants a bool"),
        ("loss.pr_dice=much", "loss.pr_dice wants a float, got 'much'"),
        ("loss.pr_ssim=1", "unknown loss 'ssim'; there are l1"),
        ("learning_rate=-0.1", "learning_rate must be at least 0, got -0.1"),
        ("weight_decay=-1", "weight_decay must be at least 0"),
        ("warmup=-1", "warmup must be at least 0, got -1"),
        ("gradient_clip=-1", "gradient_clip must be at least 0"),
        ('ignore=["sun"]', r"ignore takes forcings \(CO2, SO2, CH4, BC, rsdt\), got 'sun'"),
        ("start_at_mean=1", "start_at_mean wants a bool, got '1'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(setting, message):
    with pytest.raises(InputError, match=message) as caught:
        with_settings(named("compact-final"), [setting])
    assert "\n" not in str(caught.value)


def test_only_networks_with_a_layer_of_maps_start_at_the_mean():
    with pytest.raises(InputError, match="residual_gru has no last layer of maps"):
        replace(named("compact"), start_at_mean=True).check()


def test_unknown_recipes_and_models_are_refused():
    with pytest.raises(InputError, match=r"unknown recipe 'big'; there are climatology, .*compact"):
        named("big")
    with pytest.raises(InputError, match="unknown model 'resnet'; there are climatology"):
        Recipe("mine", "resnet")


def test_baselines_are_no_networks():
    regressions = {f"regression-{n}" for n in range(1, 5)}
    simple = {"climatology", "pattern-scaling", "energy-balance"}
    closed_form = simple | {"pattern-scaling-gp", "energy-balance-gp"} | regressions
    assert {name for name, recipe in RECIPES.items() if not recipe.is_network} == closed_form
    assert {name for name, recipe in RECIPES.items() if recipe.is_fitted} == closed_form | {"compact"}
    assert set(MODELS) == {recipe.model for recipe in RECIPES.values()}
