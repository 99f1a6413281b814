"""Emulators: baselines fitted in closed form, and networks in plain PyTorch."""

from .baselines import Climatology, FitSeries, PatternScaling, Regression
from .cnn3d import Cnn3d
from .conv_gru import ConvGru
from .energy_balance import EnergyBalance
from .residual_gp import ResidualGP

__all__ = [
    "Climatology",
    "Cnn3d",
    "ConvGru",
    "EnergyBalance",
    "FitSeries",
    "PatternScaling",
    "Regression",
    "ResidualGP",
]
