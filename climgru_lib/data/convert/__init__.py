"""Stores of the contract from files in the layouts of others: ClimateBench, ClimateSet, plain CMIP6.

A layout is one function in `LAYOUTS` that tells from names of files which of them hold what; all else is shared.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"fields": ["LAYOUTS", "Field"], "writing": ["Supplements", "convert"]}
)
