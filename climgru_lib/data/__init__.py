"""From a store to tensors: opening, splits, seasonal encodings, normalisation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["paths", "season", "splits", "store", "tensors"],
    submod_attrs={
        "departures": ["Departure", "decimal_years", "forcings"],
        "normalizer": ["Normalizer", "denormalise"],
        "splits": ["Split", "Stretch"],
        "store": ["open_dataset"],
        "tensors": ["EmulationData", "load", "prepare"],
    },
)
