"""A recipe: everything that defines a training, as a frozen dataclass of JSON types."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ..contract import InputError, Step, of_role
from ..data import season
from ..models import MODELS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from .losses import CompositeLoss

#: Weights of the published composite: the loss of tas plus the loss of pr.
PUBLISHED_LOSS = {
    "tas_l1": 1.0,
    "tas_gabor": 0.5,
    "tas_hessian": 0.2,
    "tas_polar": 0.3,
    "pr_dice": 0.5,
    "pr_mse": 0.5,
}
#: Weights of the plain mean squared error over both variables (the first published model).
MSE_LOSS = {"tas_mse": 0.5, "pr_mse": 0.5}


#: Smallest value of each number of a recipe.
_LEAST = {
    "window": 1,
    "lead": 0,
    "epochs": 1,
    "runs": 1,
    "run_length": 1,
    "stride": 1,
    "cosine_epochs": 0,
    "learning_rate": 0,
    "min_learning_rate": 0,
    "weight_decay": 0,
    "warmup": 0,
    "gradient_clip": 0,
}


#: Arguments of models that the data, or other settings, tell.
_GIVEN = ("in_channels", "grid", "window", "lead", "n_targets", "steps_per_year")
#: Largest integers in ``architecture``: of parts that are built one by one, and of any other size.
_MOST = {"layers": 64}
_MOST_OF_ANY = 1_000_000


def _check_setting(key: str, value: Any, default: Any) -> None:
    """Refuse a setting of the architecture of another type than its default, or of a size that cannot be built."""
    sizes = value if isinstance(default, tuple) and isinstance(value, list | tuple) else [value]
    if isinstance(default, bool | str) and type(value) is not type(default):
        raise InputError(f"{key} wants a {type(default).__name__}, got {str(value)[:40]!r}")
    if isinstance(default, float) and not (type(value) in (int, float) and math.isfinite(value)):
        raise InputError(f"{key} wants a number, got {str(value)[:40]!r}")
    if isinstance(default, float) and key == "dropout" and not 0 <= value < 1:
        raise InputError(f"dropout is the share that is left out, from 0 to below 1, got {value}")
    if type(default) is int or (isinstance(default, tuple) and all(type(size) is int for size in default)):
        most = _MOST.get(key, _MOST_OF_ANY)
        if not all(type(size) is int and 1 <= size <= most for size in sizes):
            raise InputError(f"{key} wants whole numbers from 1 to {most}, got {str(value)[:40]}")


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
        Keyword arguments of the model but for those that the data tell, such as the grid, and window and lead.
    season : str
        Seasonal encoding, see `data.season`.
    window, lead : int, months, or years of annual data
        Target t is predicted from the input months t - lead - window + 1 .. t - lead.
    loss : dict
        Weight of each term; targets without one get that of their entry in the table, see `losses.CompositeLoss`.
    loss_settings : dict
        Further arguments of losses, by name.
    combination : str
        How the terms become one loss, a name in `losses.COMBINATIONS`; published: their weighted sum.
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
    stride : int, months, or years of annual data
        Of the training months every ``stride``-th alone is a target; published: 1.
    """

    name: str
    model: str
    architecture: dict[str, Any] = field(default_factory=dict)
    season: str = "published"
    window: int = 12
    lead: int = 1
    ignore: list[str] = field(default_factory=list)
    loss: dict[str, float] = field(default_factory=lambda: dict(PUBLISHED_LOSS))
    loss_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    combination: str = "sum"
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
    stride: int = 1

    def __post_init__(self):
        season.channels(self.season)
        MODELS.require(self.model)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise InputError(f"{name} must be at least {least}, got {value}")
        for name, weight in self.loss.items():
            if not 0 <= weight < math.inf:
                raise InputError(f"the weight of the loss {name} must be a number from 0 on, got {weight}")
        if self.loss and not any(self.loss.values()):
            raise InputError(f"the loss has only weights of 0 ({', '.join(self.loss)}); nothing would be learned")
        for name in self.ignore:
            if name not in of_role("forcing"):
                raise InputError(f"ignore takes forcings ({', '.join(of_role('forcing'))}), got '{name}'")

    def check(self) -> None:
        """Check the settings against the model that they name.

        Raises
        ------
        InputError
            If one is unknown or does not go with the model.
        """
        model, known = MODELS[self.model], self.architecture_settings()
        for key, value in self.architecture.items():
            if key not in known:
                raise InputError(f"{self.model} has no setting '{key}'; it has {', '.join(sorted(known)) or 'none'}")
            _check_setting(key, value, inspect.signature(model).parameters[key].default)
        if self.ignore and self.is_fitted:
            raise InputError(f"{self.model} is fitted to all forcings; only a plain network can ignore some")
        if self.start_at_mean and not hasattr(model, "start_at"):
            raise InputError(f"{self.model} has no last layer of maps that could start_at_mean")

    def build_loss(self, targets: Sequence[str], lat: np.ndarray | None = None) -> CompositeLoss:
        """Build the loss of a training.

        Parameters
        ----------
        targets : sequence of str
            Of the data.
        lat : array, shape (lat,), degrees north, optional
            For area weights, where the recipe has them.

        Raises
        ------
        InputError
            If a loss is unknown or does not go with the model.
        """
        import torch

        from ..grid import area_weights
        from .losses import CompositeLoss

        weighted = self.area_weighted and lat is not None
        loss = CompositeLoss(
            self.loss,
            targets,
            dice_per_sample=self.dice_per_sample,
            area_weights=torch.from_numpy(area_weights(lat)).float() if weighted else None,
            settings=self.loss_settings,
            combination=self.combination,
        )
        if self.is_network and self.is_fitted:
            self._require_loss_of_coefficients(loss.names)
        return loss

    def _require_loss_of_coefficients(self, terms: Iterable[str]) -> None:
        """Refuse terms of the loss that look at maps."""
        of_maps = [name for name in terms if name.partition("_")[2] not in ("l1", "mse")]
        if of_maps or self.area_weighted:
            raise InputError(
                f"{self.model} learns coefficients of patterns, not maps: its loss is made of l1 and mse without "
                f"area weights, got {', '.join(of_maps) or 'area_weighted'}"
            )

    def architecture_settings(self) -> list[str]:
        """Return the names of the settings that ``architecture`` may hold."""
        parameters = inspect.signature(MODELS[self.model]).parameters
        return [name for name in parameters if name not in _GIVEN]

    def visible(self, inputs: Tensor, channels: Sequence[str]) -> Tensor:
        """Return inputs (time, channel, lat, lon), z-scored, as the network gets them: without ignored forcings."""
        shown = inputs.clone() if self.ignore else inputs
        for name in self.ignore:
            if name not in channels:
                raise InputError(f"the recipe ignores {name}, which the data lack; they have {', '.join(channels)}")
            shown[:, channels.index(name)] = 0.0
        return shown

    @property
    def is_network(self) -> bool:
        """Whether the recipe is trained by gradient descent."""
        return getattr(MODELS[self.model], "trained", False)

    @property
    def is_fitted(self) -> bool:
        """Whether the model, or what its network builds on, is fitted in closed form; it predicts whole scenarios."""
        return hasattr(MODELS[self.model], "fit")

    def on(self, step: Step) -> Recipe:
        """Return the recipe for data of a step length: for years, which know no season, without its encoding."""
        return replace(self, season="none") if step is Step.YEAR else self

    def build(self, n_channels: int, grid: tuple[int, int], n_targets: int = 2, step: Step = Step.MONTH) -> nn.Module:
        """Build the untrained model.

        Parameters
        ----------
        n_channels : int
            Input channels, seasonal encoding included.
        grid : (int, int)
            Number of latitudes and longitudes.
        n_targets : int
            Predicted variables.
        step : Step
            Of the data.

        Raises
        ------
        InputError
            If `check` does, a size does not fit, or the model knows two targets alone, or months alone.
        """
        self.check()
        given = {"in_channels": n_channels, "grid": grid, "window": self.window, "lead": self.lead}
        given |= {"n_targets": n_targets, "steps_per_year": step.value}
        accepted = inspect.signature(MODELS[self.model]).parameters
        if n_targets != 2 and "n_targets" not in accepted:
            raise InputError(f"{self.model} predicts tas and pr alone, the data have {n_targets} targets")
        if step is Step.YEAR and self.is_fitted and "steps_per_year" not in accepted:
            raise InputError(f"{self.model} is fitted to months, the data have years; let it take steps_per_year")
        return MODELS[self.model](**{k: v for k, v in given.items() if k in accepted}, **self.architecture)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types; a stride of 1 is not told, as runs of earlier versions do not."""
        values = asdict(self)
        if self.stride == 1:
            del values["stride"]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """Rebuild from `to_json`.

        Raises
        ------
        InputError
            If there are settings that this version does not know.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"the recipe has settings of another version of climgru: {', '.join(unknown)}")
        return cls(**values)
