"""Emulators: simple methods fitted in closed form, the published networks, and our own on top of both (`compact`)."""

import lazy_loader

from ..registry import Registry

#: Name in a recipe to class; a class with ``trained = True`` is trained by gradient descent, one with ``fit`` is
#: fitted in closed form (first, if it is both).
MODELS = Registry(
    "model",
    {
        "climatology": "models.simple:Climatology",
        "regression": "models.simple:Regression",
        "pattern_scaling": "models.simple:PatternScaling",
        "energy_balance": "models.compact.energy_balance:EnergyBalance",
        "residual_gp": "models.compact.residual_gp:ResidualGP",
        "cnn3d": "models.cnn3d:Cnn3d",
        "conv_gru": "models.conv_gru:ConvGru",
        "residual_gru": "models.compact.residual_gru:ResidualGru",
    },
)

_getattr, _dir, _names = lazy_loader.attach(
    __name__,
    submodules=["compact", "normalisation"],
    submod_attrs={
        "cnn3d": ["Cnn3d", "ResidualBlock"],
        "compact.energy_balance": ["EnergyBalance"],
        "compact.residual_gp": ["ResidualGP"],
        "compact.residual_gru": ["ResidualGru"],
        "conv_gru": ["ConvGru"],
        "cores": ["last_outputs", "project"],
        "encoders": ["SqueezeExcite"],
        "simple": ["Climatology", "FitSeries", "PatternScaling", "Regression"],
    },
)
__getattr__, __dir__, __all__ = _getattr, _dir, ["MODELS", *_names]
