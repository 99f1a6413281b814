"""Emulators: baselines fitted in closed form, networks in plain PyTorch, and a network on top of a baseline."""

from .baselines import Climatology, FitSeries, PatternScaling, Regression
from .cnn3d import Cnn3d
from .conv_gru import ConvGru
from .energy_balance import EnergyBalance
from .residual_gp import ResidualGP
from .residual_gru import ResidualGru

__all__ = [
    "Climatology",
    "Cnn3d",
    "ConvGru",
    "EnergyBalance",
    "FitSeries",
    "PatternScaling",
    "Regression",
    "ResidualGP",
    "ResidualGru",
]
