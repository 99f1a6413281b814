"""The data contract: the table of variables, and the checks of a data set against it."""

from .checks import (
    check,
    check_time,
    check_units,
    check_values,
    scenario_fields,
    withheld_maps,
)
from .errors import DataError, DataWarning, InputError, warnings_on_stderr
from .layout import NOTES, standardise
from .steps import Step, month_labels, step_of
from .variables import PUBLISHED_FORCINGS, PUBLISHED_TARGETS, SCENARIOS, SECONDS_PER_DAY, VARIABLES, Variable, of_role

__all__ = [
    "NOTES",
    "PUBLISHED_FORCINGS",
    "PUBLISHED_TARGETS",
    "SCENARIOS",
    "SECONDS_PER_DAY",
    "VARIABLES",
    "DataError",
    "DataWarning",
    "InputError",
    "Step",
    "Variable",
    "check",
    "check_time",
    "check_units",
    "check_values",
    "month_labels",
    "of_role",
    "scenario_fields",
    "standardise",
    "step_of",
    "warnings_on_stderr",
    "withheld_maps",
]
