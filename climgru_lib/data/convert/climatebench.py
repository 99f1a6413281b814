"""ClimateBench (Watson-Parris et al. 2022, doi:10.1029/2021MS002954): inputs and outputs, a file a scenario."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...contract import VARIABLES
from .. import reading
from .fields import Field, note_left_out

#: Names in the contract, which hold no underscore.
NAMES = {"diurnal_temperature_range": "dtr"}
NAME = re.compile(r"(?:inputs|outputs)_(.+)\.nc")


def climatebench(files: Sequence[Path], notes: list[str]) -> list[Field]:
    """Return what files hold that are named ``inputs_<scenario>.nc`` and ``outputs_<scenario>.nc``."""
    fields, others = [], []
    named = [(path, match[1]) for path in files if (match := NAME.fullmatch(path.name))]
    for path, scenario in named:
        for name in _fields_in(path):
            if (variable := NAMES.get(name, name)) in VARIABLES:
                fields.append(Field(path, name, variable, scenario))
            else:
                others.append(variable)
    foreign = [path for path in files if not NAME.fullmatch(path.name)]
    note_left_out(others, foreign, "inputs_<scenario>.nc or outputs_<scenario>.nc", notes)
    return fields


def _fields_in(path: Path) -> list[str]:
    variables = reading.read(path)[0].data_vars
    return [str(name) for name, field in variables.items() if "time" in field.dims and not str(name).endswith("_bnds")]
