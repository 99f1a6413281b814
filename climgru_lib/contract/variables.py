"""The table of variables: all that the library knows of one of them stands in its entry.

One more entry makes one more forcing or target, which every recipe, table, map and command then takes from the data
that hold it::

    VARIABLES["tasmax"] = Variable("target", TARGET_DIMS, ("K",), 150, 360, 200, 340, "give it in K", optional=True,
                                   standard_name="air_temperature", long_name="Daily Maximum Air Temperature")
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Literal

#: What the published method and the files of the competition are about; always there, and the first of their role.
PUBLISHED_FORCINGS = ("CO2", "SO2", "CH4", "BC", "rsdt")
PUBLISHED_TARGETS = ("tas", "pr")
SCENARIOS = ("ssp126", "ssp245", "ssp370", "ssp585")

EMISSION_NOISE = -1e-20  # kg m-2 s-1; the public file holds rounding residues down to this, they count as 0
PACKING = 1e-5  # of the largest value: zeros packed into 16 bits come back within .8e-5, on either side
SECONDS_PER_DAY = 86_400.0  # s; pr in kg m-2 s-1 times this is mm/day
SERIES_DIMS = ("ssp", "time")
MAP_DIMS = ("ssp", "time", "lat", "lon")
TARGET_DIMS = ("ssp", "time", "member_id", "lat", "lon")


@dataclass(frozen=True)
class Variable:
    """What the contract asks of one variable, and how a target is learned, scored, written and drawn.

    Parameters
    ----------
    role : {"forcing", "target"}
    dims : tuple of str
        `SERIES_DIMS` or `MAP_DIMS` of a forcing, `TARGET_DIMS` of a target.
    units : tuple of str
        The accepted spellings, the first is ours.
    low, high : float
        Bounds of every value; where ``low`` is not above 0, what lies below 0 by rounding counts as 0.
    mean_low, mean_high : float
        Bounds of the mean over a scenario.
    cure : str
        Helps when a range is broken.
    conversions : dict of str to (float, float)
        Other units that are converted on opening: their factor, and what is then added.
    optional : bool
        Whether a data set may lack it; it is then neither learned nor scored there.
    standard_name, long_name, file_units : str
        CF attributes of predictions; the unit is ours where none is given.
    cmap, difference_cmap : str
        Names of colour maps in matplotlib, which has those of cmocean as ``cmo.``.
    score_weights : tuple of three float, optional
        Of the three published metrics in the Kaggle score, which `PUBLISHED_TARGETS` alone make.
    loss : str, optional
        What a recipe that names no loss of this target is trained with, at weight 1; None adds nothing.
    """

    role: Literal["forcing", "target"]
    dims: tuple[str, ...]
    units: tuple[str, ...]
    low: float
    high: float
    mean_low: float
    mean_high: float
    cure: str
    conversions: dict[str, tuple[float, float]] = field(default_factory=dict)
    optional: bool = False
    standard_name: str = ""
    long_name: str = ""
    file_units: str = ""
    cmap: str = "cmo.matter"
    difference_cmap: str = "cmo.balance"
    score_weights: tuple[float, float, float] | None = None
    loss: str | None = "mse"


_FLUX = ("kg m-2 s-1", "kg/m2/s", "kg m^-2 s^-1", "kg m**-2 s**-1")
_EMISSION = (MAP_DIMS, _FLUX, EMISSION_NOISE, 1e-6, 0, 1e-8, "it is an emission map in kg m-2 s-1")
_CH4_UNITS = ("Gt/yr", "Gt yr-1", "GtCH4/yr")
#: Name to entry; names hold no underscore. Channels of inputs and fields are in this order, so new entries go last.
#: Colour maps of Thyng et al. (2016), doi:10.5670/oceanog.2016.66; BrBG (brown dry, green wet) is ColorBrewer's.
VARIABLES = {
    "CO2": Variable("forcing", SERIES_DIMS, ("Gt", "GtCO2"), 0, 5e4, 100, 5e4, "it is cumulative emissions in Gt"),
    "SO2": Variable("forcing", *_EMISSION),
    "CH4": Variable("forcing", SERIES_DIMS, _CH4_UNITS, 0, 10, 1e-3, 10, "give it in Gt/yr"),
    "BC": Variable("forcing", *_EMISSION),
    "rsdt": Variable("forcing", MAP_DIMS, ("W m-2", "W/m2", "W/m²", "W m^-2"), 0, 800, 100, 700, "give it in W m-2"),
    "tas": Variable(
        "target",
        TARGET_DIMS,
        ("K", "kelvin", "Kelvin", "degK"),
        150,
        350,
        200,
        330,
        "if it is in Celsius, add 273.15",
        conversions=dict.fromkeys(
            ("degC", "deg_C", "degree_Celsius", "degrees_Celsius", "celsius", "Celsius", "C", "°C"), (1.0, 273.15)
        ),
        standard_name="air_temperature",
        long_name="Near-Surface Air Temperature",
        cmap="cmo.thermal",
        score_weights=(0.1, 1.0, 1.0),
        loss=None,
    ),
    "pr": Variable(
        "target",
        TARGET_DIMS,
        ("mm/day", "mm day-1", "mm d-1", "mm/d"),
        0,
        1000,
        0.1,
        100,
        f"if it is in kg m-2 s-1, multiply by {SECONDS_PER_DAY:.0f}; it may not be negative",
        conversions=dict.fromkeys(_FLUX, (SECONDS_PER_DAY, 0.0)),
        standard_name="lwe_precipitation_rate",
        long_name="Precipitation",
        file_units="mm day-1",
        cmap="cmo.rain",
        difference_cmap="BrBG",
        score_weights=(0.1, 1.0, 0.75),
        loss=None,
    ),
}


def of_role(role: str, among: Container[str] = VARIABLES) -> tuple[str, ...]:
    """Return the variables of a role in the order of the table: all, or those that a data set has."""
    return tuple(name for name, variable in VARIABLES.items() if variable.role == role and name in among)
