"""The recipes of the library.

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

By paired differences of three seeds (90 % intervals) the start at the mean and scaled features pay on both slices, most
where the scenario is warmer than all others, and annealing to zero pays on ssp126; running normalisation and the
warm-up do not differ beyond chance. Single runs of 11 do better on ssp585 in as many epochs, in which they take four
times as many steps and longer.
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
