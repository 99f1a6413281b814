"""ClimateSet (Kaltenborn et al. 2023, arXiv:2311.03721): a variable and a year a file, named by their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...contract import VARIABLES, of_role
from .cmip6 import require_one
from .fields import Field, note_left_out

SUM = "_sum"  # of all sectors of emissions
FORM = (
    "input4mips/<scenario>/<gas>_sum/<resolution>/mon/<year>/*.nc or "
    "CMIP6/<model>/<member>/<scenario>/<variable>/<resolution>/mon/<year>/*.nc"
)


def climateset(files: Sequence[Path], notes: list[str]) -> list[Field]:
    """Return what files hold that lie as in ClimateSet: emissions below ``input4mips``, the rest below ``CMIP6``.

    Raises
    ------
    InputError
        If they are of several models.
    """
    fields, others, foreign, models = [], [], [], {}
    for path in files:
        folders = path.resolve().parts
        at = max((at for at, folder in enumerate(folders) if folder == "mon"), default=0)
        if at < 6:
            foreign.append(path)
            continue
        origin, model, member, scenario, name = folders[at - 6 : at - 1]
        variable = name.removesuffix(SUM)
        if member == "input4mips":
            known, member = name.endswith(SUM) and variable in of_role("forcing"), None
        elif origin == "CMIP6":
            known = name in VARIABLES
            models.setdefault(model, path)
        else:
            foreign.append(path)
            continue
        if known:
            fields.append(Field(path, name, variable, scenario, member))
        else:
            others.append(name)
    require_one("model", models)
    note_left_out(others, foreign, FORM, notes)
    return fields
