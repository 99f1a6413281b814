"""One more forcing: the concentration of nitrous oxide, a global series."""

from climgru_lib.contract import VARIABLES, Variable
from climgru_lib.contract.variables import SERIES_DIMS

VARIABLES["N2O"] = Variable(
    "forcing", SERIES_DIMS, ("ppb", "1e-9"), 200, 1000, 250, 800, "it is a concentration in ppb", optional=True
)
