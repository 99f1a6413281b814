"""The recipes of the library.

``published-final`` keeps the published quirks but for one: it normalises with running statistics, see
`models.normalisation.RunningNorm`. The compact networks start calmly: scaled features, a start at the mean map, a short
warm-up, annealing to zero by batch. What each quirk can be exchanged for, and what each part of the calm start is
worth, stands in the book's page "How it was found".
"""

from __future__ import annotations

from ..contract import InputError
from .recipe import MSE_LOSS, Recipe

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
            loss=dict(MSE_LOSS),
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
            loss=dict(MSE_LOSS),
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
