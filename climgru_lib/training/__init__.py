"""Training: recipes, losses, batches, the loop, and the run directories that it leaves."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["batches", "devices", "losses", "recipes", "runs", "weights"],
    submod_attrs={
        "devices": ["pick_device"],
        "fit": ["fit_series", "train"],
        "losses": ["CompositeLoss"],
        "recipe": ["PUBLISHED_LOSS", "Recipe"],
    },
)
