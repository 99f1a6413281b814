"""The embedded mini-earth: a small synthetic climate archive, made by physics and fitted statistics.

Scenarios give forcings, forcings a forced climate (known exactly), and internal variability makes members of it.
`realism` measures it, or any data set, by the statistics of CESM2.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["realism"],
    submod_attrs={
        "climate": ["energy_balance", "tables"],
        "dataset": ["forced", "make", "solution", "write"],
        "insolation": ["daily_mean", "monthly_mean"],
        "scenarios": ["PATHWAYS", "Pathway", "peak_and_decline", "sulphur_shock"],
    },
)
