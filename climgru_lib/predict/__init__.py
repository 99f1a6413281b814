"""Using a finished run: predictions, ensembles, and checkpoints of the published code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["exported_network", "published_checkpoint"],
    submod_attrs={
        "emulator": ["Emulator"],
        "ensemble": ["StochasticEmulator"],
        "output": ["open_prediction", "write_prediction"],
    },
)
