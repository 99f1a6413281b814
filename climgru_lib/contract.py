"""The data contract: names, dimensions, units and plausible ranges of a climgru data set.

A data set of the contract holds monthly CMIP6-like fields for several scenarios (``ssp``) and members
(``member_id``). The checks return one plain line per problem: what is wrong, where, and how to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

FORCINGS = ("CO2", "SO2", "CH4", "BC", "rsdt")
TARGETS = ("tas", "pr")
SCENARIOS = ("ssp126", "ssp245", "ssp370", "ssp585")


class InputError(ValueError):
    """Something the user gave is wrong; the message is one clear line with the cure."""


class DataError(InputError):
    """A data set breaks the contract."""
