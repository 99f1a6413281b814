"""One more target: the mean over a month of the highest temperature of each day."""

from climgru_lib.contract import VARIABLES, Variable
from climgru_lib.contract.variables import TARGET_DIMS

VARIABLES["tasmax"] = Variable(
    "target",
    TARGET_DIMS,
    ("K", "kelvin"),
    150,
    360,
    200,
    340,
    "if it is in Celsius, add 273.15",
    optional=True,
    standard_name="air_temperature",
    long_name="Daily Maximum Near-Surface Air Temperature",
    cmap="cmo.thermal",
    loss="l1",
)
