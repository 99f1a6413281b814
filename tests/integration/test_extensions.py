"""One more file makes one more encoder, core, head, loss, combination or study; nothing else is edited.

Each file of ``extensions/``, which lies outside the package, is run, then used from training to a drawn ensemble.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.course.study import STUDIES
from climgru_lib.data import prepare
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.models import MODELS
from climgru_lib.models.cores import CORES
from climgru_lib.models.encoders import ENCODERS
from climgru_lib.models.heads import HEADS
from climgru_lib.predict import Emulator, StochasticEmulator
from climgru_lib.score import evaluate
from climgru_lib.training.fit import train
from climgru_lib.training.losses import COMBINATIONS, LOSSES
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.settings import with_settings

FILES = Path(__file__).with_name("extensions")
LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24),))
TINY = Recipe(
    "tiny",
    "conv_gru",
    {"width": 4, "hidden": 6, "head": 8, "dropout": 0.0, "norm": "running"},
    loss={"tas_l1": 1.0, "pr_mse": 1.0},
    epochs=1,
    learning_rate=1e-3,
    runs=2,
    run_length=12,
)


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    for registry in (ENCODERS, CORES, HEADS, LOSSES, COMBINATIONS, STUDIES, MODELS):
        monkeypatch.setattr(registry, "_added", dict(registry._added))


def used(recipe, dataset, folder):
    """Train, score, predict and draw; return the run directory."""
    data = prepare(dataset, recipe.season, LATE)
    run_dir = train(recipe, data, folder, device="cpu", progress=False)
    score = evaluate(run_dir, data)[0]["avg"]["score"]
    assert 0 < score < 50
    run = Emulator.open(run_dir)
    predicted = run.predict(run.load(dataset), "ssp245")
    assert predicted["tas"].shape == (144, 8, 12)
    drawn = StochasticEmulator(run, data).predict("ssp126", 2, 0)
    assert np.isfinite(drawn["pr"]).all()
    return run_dir


@pytest.mark.parametrize(
    ("file", "settings", "changes"),
    [
        ("pooled_encoder", "architecture.encoder=pooled", ['architecture.encoder_settings={"box": 3}']),
        ("fading_core", "architecture.core=fading", ['architecture.core_settings={"life": 2.0}']),
        ("low_rank_head", "architecture.head_kind=patterns", ["start_at_mean=true"]),
        ("power_loss", "loss.tas_power=1.0", ['loss_settings.power={"exponent": 1.2}']),
        ("regularised_uncertainty", "combination=regularised_uncertainty", []),
    ],
)
def test_a_part_of_a_network_is_one_file(file, settings, changes, dataset, tmp_path):
    with pytest.raises(InputError, match=r"unknown (encoder|core|head|loss|combination) '\w+'; there are"):
        with_settings(TINY, [settings]).build(6, (8, 12))
    runpy.run_path(str(FILES / f"{file}.py"))
    used(with_settings(TINY, [settings, *changes]), dataset, tmp_path / "run")


def test_a_core_that_shares_nothing_sees_every_window_by_itself():
    runpy.run_path(str(FILES / "fading_core.py"))
    network = MODELS["conv_gru"](3, (6, 8), 4, hidden=5, head=7, dropout=0.0, core="fading").eval()
    months = torch.randn(2, 7, 3, 6, 8)
    with torch.no_grad():
        shared = network.forward_series(months, 3)
        plain = torch.stack([network(months[:, start : start + 3]) for start in range(5)], dim=1)
    torch.testing.assert_close(shared, plain)


def test_a_setting_of_its_own_reaches_the_loss():
    runpy.run_path(str(FILES / "power_loss.py"))
    from climgru_lib.training.losses import CompositeLoss

    fields, zero = torch.full((1, 2, 3, 4), 4.0), torch.zeros(1, 2, 3, 4)
    assert CompositeLoss({"tas_power": 1.0})(fields, zero).item() == pytest.approx(8.0)  # 4 ** 1.5
    assert CompositeLoss({"tas_power": 3.0}, settings={"power": {"exponent": 0.5}})(fields, zero).item() == 6.0
    with pytest.raises(InputError, match="the loss 'power' has no setting 'gamma'; it has pred, target, exponent"):
        CompositeLoss({"tas_power": 1.0}, settings={"power": {"gamma": 1}})


def test_a_changed_file_is_another_run(dataset, tmp_path):
    file = tmp_path / "power.py"
    for exponent in (1.5, 2.5):
        file.write_text((FILES / "power_loss.py").read_text().replace("1.5", str(exponent)))
        runpy.run_path(str(file))
        recipe = with_settings(TINY, ["loss.tas_power=1.0"])
        if exponent == 1.5:
            train(recipe, prepare(dataset, recipe.season, LATE), tmp_path / "run", progress=False)
    with pytest.raises(InputError, match=r"holds another run \(its added loss power is"):
        train(recipe, prepare(dataset, recipe.season, LATE), tmp_path / "run", progress=False)


def test_learned_weights_are_trained_and_saved(dataset, tmp_path):
    runpy.run_path(str(FILES / "regularised_uncertainty.py"))
    run_dir = used(replace(TINY, combination="regularised_uncertainty", learning_rate=1e-2), dataset, tmp_path / "run")
    state = torch.load(run_dir / "last.ckpt", weights_only=True)
    learned = {name: value.item() for name, value in state["state_dict"].items() if name.startswith("loss.")}
    assert learned.keys() == {f"loss.combination.sigma.{name}" for name in TINY.loss}
    assert min(abs(sigma - 1) for sigma in learned.values()) > 1e-2
    groups = state["optimizer_states"][0]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [TINY.weight_decay, 0.0]


def test_a_model_is_one_file_and_is_trained_because_it_says_so(dataset, tmp_path):
    @MODELS.register("linear")
    class Linear(torch.nn.Module):
        trained = True

        def __init__(self, in_channels: int, grid: tuple[int, int]):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2, in_channels))

        def forward_series(self, months, window):
            return torch.einsum("btcyx,oc->btoyx", months[:, window - 1 :], self.weight)

    run_dir = used(replace(TINY, model="linear", architecture={}), dataset, tmp_path / "run")
    assert Emulator.open(run_dir).model.weight.abs().min() > 0


def test_a_file_is_named_on_the_command_line_and_no_run_brings_its_own(store, tmp_path, capsys, monkeypatch):
    file, run_dir = str(FILES / "pooled_encoder.py"), str(tmp_path / "run")
    sizes = [f"architecture.{key}={value}" for key, value in TINY.architecture.items() if key != "norm"]
    settings = [*sizes, "architecture.encoder=pooled", "epochs=1", "runs=4"]
    command = ["train", run_dir, "--recipe", "published-final", "--data", str(store)]
    command += [part for setting in settings for part in ("--set", setting)]
    assert main(command) == 2
    assert "unknown encoder 'pooled'; there are published" in capsys.readouterr().err
    assert main([*command, "--use", file]) == 0
    monkeypatch.setattr(ENCODERS, "_added", {})
    assert main(["evaluate", run_dir, "--data", str(store)]) == 2
    assert "unknown encoder 'pooled'" in capsys.readouterr().err
    assert main(["predict", run_dir, "--data", str(store), "--use", "no.py", "--ssp", "ssp245", "--out", "x.nc"]) == 2
    assert "--use: no file no.py" in capsys.readouterr().err


def test_a_study_is_one_file(store, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("climgru_lib.data.splits.CLEAN", Split("clean", LATE.withheld, LATE.scored))
    runpy.run_path(str(FILES / "members_study.py"))
    assert main(["study", "windows", "--data", str(store), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.split()
    assert printed[:2] == ["split", "clean"]
    assert printed[3:5] == ["window", "1"]
    assert main(["study"]) == 0
    assert "windows       Does the window matter?" in capsys.readouterr().out


def test_names_of_the_library_are_taken():
    with pytest.raises(InputError, match="the library's encoder 'published' cannot be replaced"):
        ENCODERS.register("published")
