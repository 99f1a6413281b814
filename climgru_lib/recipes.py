"""Recipes: everything that defines a training, as frozen dataclasses of JSON types.

``published-final`` keeps the published quirks; each has its switch on the command line of ``climgru train``. It departs
from the published training where batches of runs ask for it: it normalises with running statistics, see
`models.normalisation.RunningNorm`; ``--set architecture.norm=batch`` is the published way.

=========================================================  =======================================
Published                                                  Instead
=========================================================  =======================================
split ``published``: one member's last decade is withheld  ``--split clean``
the target month's own forcing is no input                 ``--set lead=0``
season as cos(lat) times the cosine of the month           ``--set season=phase``
zeros west of 0 E and east of 360 E                        ``--set architecture.padding=circular``
Dice over the whole batch                                  ``--set dice_per_sample=true``
no area weights                                            ``--set area_weighted=true``
polar loss about the array's centre, not a pole            ``--set loss.tas_polar=0``
=========================================================  =======================================

``compact-final`` starts calmly, which is what lets so small a training learn the warming. What each part is worth, by
leaving it out (``climgru study calm-start``): Kaggle score of the last 108 months of ssp126 and ssp585, lower is
better, extract of CESM2 with two members, split ``decades``, mean and standard deviation of three seeds.

=============================  =============  =============
                               ssp126         ssp585
=============================  =============  =============
all parts                      0.734 ± 0.006  1.087 ± 0.062
without scaled features        0.748 ± 0.001  1.314 ± 0.126
without running normalisation  0.753 ± 0.025  1.284 ± 0.141
without start at the mean      0.765 ± 0.014  1.492 ± 0.135
without warm-up                0.740 ± 0.013  1.108 ± 0.118
without annealing to zero      0.993 ± 0.079  1.465 ± 0.288
without two long runs a batch  0.724 ± 0.007  0.973 ± 0.029
published start                1.151 ± 0.145  2.778 ± 0.286
=============================  =============  =============

Annealing to zero pays everywhere; the start at the mean, scaled features and running normalisation pay most where the
scenario is warmer than all others. Three seeds do not tell whether the warm-up does. Single runs of 11 do better in as
many epochs, in which they take four times as many steps and longer.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from . import encoding
from .contract import FORCINGS, InputError
from .losses import MSE, PUBLISHED, CompositeLoss
from .models import Climatology, Cnn3d, ConvGru, EnergyBalance, PatternScaling, Regression, ResidualGP, ResidualGru

MODELS = {
    "climatology": Climatology,
    "regression": Regression,
    "pattern_scaling": PatternScaling,
    "energy_balance": EnergyBalance,
    "residual_gp": ResidualGP,
    "cnn3d": Cnn3d,
    "conv_gru": ConvGru,
    "residual_gru": ResidualGru,
}


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how.

    Parameters
    ----------
    name : str
        Name of the recipe; it stays when settings are changed with `with_settings`.
    model : str
        A key of `MODELS`.
    architecture : dict
        Keyword arguments of the model but for input channels and grid, which come from the data, and window and lead.
    season : str
        Seasonal encoding, see `encoding`.
    window, lead : int, months
        Target t is predicted from the input months t - lead - window + 1 .. t - lead.
    loss : dict
        Weight of each term, see `losses.CompositeLoss`.
    dice_per_sample, area_weighted : bool
        Dice over each map instead of the batch; area weights in the loss. The published method has neither.
    epochs : int
    learning_rate, weight_decay : float
        Of AdamW; with weight decay 0 this is Adam.
    cosine_epochs : int
        Epochs after which cosine annealing would reach ``min_learning_rate``; 0 keeps the learning rate constant.
    cosine_by_batch : bool
        Step the annealing each batch; published: each epoch.
    min_learning_rate : float
    warmup : int, batches
        Over which the learning rate rises from zero.
    gradient_clip : float
        Largest norm of the gradient; 0 sets no limit.
    ignore : list of str
        Forcings that the network does not get: their channels are zero, the mean of training.
    start_at_mean : bool
        Start the network's last layer at the mean map of the training months; published: at random.
    runs, run_length : int
        A batch is ``runs`` runs of ``run_length`` consecutive targets with all their members.
    """

    name: str
    model: str
    architecture: dict[str, Any] = field(default_factory=dict)
    season: str = "published"
    window: int = 12
    lead: int = 1
    ignore: list[str] = field(default_factory=list)
    loss: dict[str, float] = field(default_factory=lambda: dict(PUBLISHED))
    dice_per_sample: bool = False
    area_weighted: bool = False
    epochs: int = 45
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    cosine_epochs: int = 100
    cosine_by_batch: bool = False
    min_learning_rate: float = 1e-6
    warmup: int = 0
    gradient_clip: float = 0.0
    start_at_mean: bool = False
    runs: int = 1
    run_length: int = 11

    def __post_init__(self):
        encoding.channels(self.season)
        CompositeLoss(self.loss)
        if self.model not in MODELS:
            raise InputError(f"unknown model '{self.model}'; there are {', '.join(MODELS)}")
        known = set(_architecture(self.model))
        for key in self.architecture:
            if key not in known:
                raise InputError(f"{self.model} has no setting '{key}'; it has {', '.join(sorted(known)) or 'none'}")
        for name, least in {
            "window": 1,
            "lead": 0,
            "epochs": 1,
            "runs": 1,
            "run_length": 1,
            "cosine_epochs": 0,
            "learning_rate": 0,
            "min_learning_rate": 0,
            "weight_decay": 0,
            "warmup": 0,
            "gradient_clip": 0,
        }.items():
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        self._check_ignored()
        if self.start_at_mean and not hasattr(MODELS[self.model], "start_at"):
            raise InputError(f"{self.model} has no last layer of maps that could start_at_mean")
        if self.is_network and self.is_fitted:
            self._require_loss_of_coefficients()

    def _check_ignored(self) -> None:
        """Refuse to ignore what is no forcing, or with a model that is fitted."""
        for name in self.ignore:
            if name not in FORCINGS:
                raise InputError(f"ignore takes forcings ({', '.join(FORCINGS)}), got '{name}'")
        if self.ignore and self.is_fitted:
            raise InputError(f"{self.model} is fitted to all forcings; only a plain network can ignore some")

    def visible(self, inputs: Tensor) -> Tensor:
        """Return inputs (time, channel, lat, lon), z-scored, as the network gets them: without ignored forcings."""
        if not self.ignore:
            return inputs
        return inputs.index_fill(1, torch.tensor([FORCINGS.index(name) for name in self.ignore]), 0.0)

    def _require_loss_of_coefficients(self) -> None:
        """Refuse losses that look at maps."""
        of_maps = [name for name in self.loss if name.partition("_")[2] not in ("l1", "mse")]
        if of_maps or self.area_weighted:
            raise InputError(
                f"{self.model} learns coefficients of patterns, not maps: its loss is made of l1 and mse without "
                f"area weights, got {', '.join(of_maps) or 'area_weighted'}"
            )

    @property
    def is_network(self) -> bool:
        """Whether the recipe is trained by gradient descent."""
        return self.model in ("cnn3d", "conv_gru", "residual_gru")

    @property
    def is_fitted(self) -> bool:
        """Whether the model, or what its network builds on, is fitted in closed form; it predicts whole scenarios."""
        return hasattr(MODELS[self.model], "fit")

    def build(self, n_channels: int, grid: tuple[int, int]) -> nn.Module:
        """Build the untrained model.

        Parameters
        ----------
        n_channels : int
            Input channels, seasonal encoding included.
        grid : (int, int)
            Number of latitudes and longitudes.
        """
        given = {"in_channels": n_channels, "grid": grid, "window": self.window, "lead": self.lead}
        accepted = inspect.signature(MODELS[self.model]).parameters
        return MODELS[self.model](**{k: v for k, v in given.items() if k in accepted}, **self.architecture)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """Rebuild from `to_json`."""
        return cls(**values)


def _architecture(model: str) -> list[str]:
    parameters = inspect.signature(MODELS[model]).parameters
    return [name for name in parameters if name not in ("in_channels", "grid", "window", "lead")]


#: What the training of both compact networks shares: a start at the mean map, and a schedule that falls to zero.
_COMPACT = {
    "learning_rate": 3e-3,
    "epochs": 5,
    "cosine_epochs": 5,
    "cosine_by_batch": True,
    "min_learning_rate": 0.0,
    "warmup": 15,
    "start_at_mean": True,
}
#: The published composite without its stencil terms, which would take most of a step's time at this size.
_COMPACT_LOSS = {"tas_l1": 1.0, "pr_dice": 0.5, "pr_mse": 0.5}
_REGRESSED = ["CO2", "CH4", "SO2", "BC"]
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("climatology", "climatology"),
        *(Recipe(f"regression-{n}", "regression", {"forcings": _REGRESSED[:n]}) for n in range(1, 5)),
        Recipe("pattern-scaling", "pattern_scaling"),
        Recipe("pattern-scaling-gp", "residual_gp", {"prior": "pattern_scaling"}),
        Recipe("energy-balance", "energy_balance"),
        Recipe("energy-balance-gp", "residual_gp", {"prior": "energy_balance"}),
        Recipe(
            "published-first",
            "cnn3d",
            {"widths": [64, 128, 256, 512, 512]},
            loss=dict(MSE),
            learning_rate=5e-4,
            weight_decay=0.0,
            cosine_epochs=0,
        ),
        Recipe(
            "published-final",
            "conv_gru",
            {"width": 32, "hidden": 512, "layers": 2, "head": 1024, "norm": "running"},
        ),
        Recipe(
            "compact-first",
            "cnn3d",
            {"widths": [16, 32], "dropout": 0.0, "norm": "running", "coarsen": 4, "local": True},
            loss=dict(MSE),
            runs=4,
            run_length=3,
            **_COMPACT | {"learning_rate": 1e-2},
        ),
        Recipe(
            "compact-final",
            "conv_gru",
            {
                "width": 8,
                "hidden": 96,
                "layers": 2,
                "head": 192,
                "dropout": 0.0,
                "norm": "running",
                "strides": [2, 1, 2, 1],
                "scaled": True,
            },
            loss=_COMPACT_LOSS,
            runs=2,
            run_length=24,
            **_COMPACT,
        ),
        Recipe(
            "compact",
            "residual_gru",
            {"width": 8, "modes": 24, "dropout": 0.1},
            season="phase",
            lead=0,
            loss={"tas_mse": 24.0, "pr_mse": 24.0},  # summed over the modes: area-weighted, in units of the weather
            epochs=20,
            learning_rate=3e-3,
            cosine_epochs=20,
            min_learning_rate=0.0,
            warmup=20,
            gradient_clip=1.0,
            runs=8,
            run_length=24,
        ),
    )
}


def named(name: str) -> Recipe:
    """Return a recipe by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe '{name}'; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Change fields of a recipe.

    Parameters
    ----------
    recipe : Recipe
    settings : iterable of str
        ``key=value`` with a field of `Recipe` or a dotted entry of ``architecture`` or ``loss``
        (``loss.pr_dice=0.7``); the value is JSON, or a plain word.

    Returns
    -------
    Recipe

    Raises
    ------
    InputError
        If a key is unknown or a value has the wrong type.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set wants key=value, got '{setting}'")
        head, _, entry = key.partition(".")
        old = changes.get(head, getattr(recipe, head, None)) if head in _SETTABLE else None
        if old is None or bool(entry) != isinstance(old, dict):
            raise InputError(f"no setting '{key}'; there are {', '.join(_SETTABLE)} (architecture.KEY, loss.TERM)")
        value = _parse(text)
        kind = _entry_type(recipe, head, entry) if entry else type(old)
        if kind is float and type(value) is int:
            value = float(value)
        if kind and type(value) is not kind:
            raise InputError(f"{key} wants a {kind.__name__}, got '{text}'")
        changes[head] = {**old, entry: value} if entry else value
    return replace(recipe, **changes)


def _entry_type(recipe: Recipe, head: str, entry: str) -> type | None:
    """Return the JSON type of an entry of ``architecture`` or ``loss``; None if the model has no such setting."""
    if head == "loss":
        return float
    parameter = inspect.signature(MODELS[recipe.model]).parameters.get(entry)
    kind = parameter and type(parameter.default)
    return list if kind is tuple else kind


_SETTABLE = tuple(f.name for f in fields(Recipe) if f.name not in ("name", "model"))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
