"""Emulators: baselines fitted in closed form, and networks in plain PyTorch."""

from .baselines import Climatology, FitSeries, PatternScaling, Regression
from .cnn3d import Cnn3d
from .conv_gru import ConvGru
from .pattern_gp import PatternScalingGP

__all__ = ["Climatology", "Cnn3d", "ConvGru", "FitSeries", "PatternScaling", "PatternScalingGP", "Regression"]
