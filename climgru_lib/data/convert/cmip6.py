"""Plain CMIP6 files, ``<variable>_<table>_<model>_<scenario>_<member>_<grid>_<period>.nc`` (CMIP6 reference syntax)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...contract import VARIABLES, InputError
from .fields import Field, note_left_out

#: Names in CMIP6's tables that are not those of the contract.
NAMES = {"emiso2": "SO2", "emibc": "BC"}
FORM = "<variable>_<table>_<model>_<scenario>_<member>_<grid>_<YYYYMM-YYYYMM>.nc"


def cmip6(files: Sequence[Path], notes: list[str]) -> list[Field]:
    """Return what files of monthly tables hold.

    Raises
    ------
    InputError
        If they are of several models, or on several grids of one.
    """
    fields, others, foreign, models, grids = [], [], [], {}, {}
    tables = set()
    for path in files:
        words = path.stem.split("_")
        if len(words) != 7:
            foreign.append(path)
            continue
        name, table, model, scenario, member, grid, _ = words
        variable = NAMES.get(name, name)
        if variable not in VARIABLES:
            others.append(name)
        elif not table.endswith("mon"):
            tables.add(table)
        else:
            models.setdefault(model, path)
            grids.setdefault(grid, path)
            fields.append(Field(path, name, variable, scenario, member))
    require_one("model", models)
    require_one("grid", grids)
    note_left_out(others, foreign, FORM, notes)
    if tables:
        notes.append(f"left out, as they are not monthly: tables {', '.join(sorted(tables))}")
    return fields


def require_one(what: str, found: Mapping[str, Path]) -> None:
    """Raise `InputError` if there are several of what a store holds one of."""
    if len(found) > 1:
        raise InputError(f"files of several {what}s: {', '.join(sorted(found))}; name the folders or files of one")
