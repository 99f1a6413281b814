"""A loss term with a hyper-parameter of its own."""

from torch import Tensor

from climgru_lib.training.losses import LOSSES


@LOSSES.register("power")
def power(pred: Tensor, target: Tensor, exponent: float = 1.5) -> Tensor:
    return (pred - target).abs().pow(exponent).mean()
