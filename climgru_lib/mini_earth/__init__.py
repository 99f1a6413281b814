"""The embedded mini-earth: a small synthetic climate archive, made by physics and fitted statistics.

Scenarios give forcings, forcings a forced climate (known exactly), and weather makes members of it.
"""

from .climate import energy_balance
from .dataset import forced, make, solution, write
from .insolation import daily_mean, monthly_mean
from .scenarios import PATHWAYS, Pathway, peak_and_decline, sulphur_shock

__all__ = [
    "PATHWAYS",
    "Pathway",
    "daily_mean",
    "energy_balance",
    "forced",
    "make",
    "monthly_mean",
    "peak_and_decline",
    "solution",
    "sulphur_shock",
    "write",
]
