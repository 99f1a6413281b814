"""Emulators: baselines fitted in closed form, and networks in plain PyTorch."""

from .baselines import Climatology, FitSeries, PatternScaling
from .cnn3d import Cnn3d
from .conv_gru import ConvGru

__all__ = ["Climatology", "Cnn3d", "ConvGru", "FitSeries", "PatternScaling"]
