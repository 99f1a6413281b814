"""Which file holds what: the part that differs between layouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...contract import InputError
from ...registry import Registry

SUFFIXES = (".nc", ".nc4", ".cdf")

#: Name to function of NetCDF paths and a list for notes; it returns what `Field` objects they hold.
LAYOUTS = Registry(
    "layout",
    {
        "climatebench": "data.convert.climatebench:climatebench",
        "climateset": "data.convert.climateset:climateset",
        "cmip6": "data.convert.cmip6:cmip6",
    },
)


@dataclass(frozen=True)
class Field:
    """A variable of the contract in a file of one scenario.

    Parameters
    ----------
    path : Path
    name : str
        Its name in the file.
    variable : str
        Its name in the contract.
    scenario : str
    member : str, optional
        None where the file has a dimension of members, or the variable has none.
    """

    path: Path
    name: str
    variable: str
    scenario: str
    member: str | None = None


def netcdf_files(sources: Iterable[Path]) -> list[Path]:
    """Return files as given and all NetCDF files below folders, in order.

    Raises
    ------
    InputError
        If there are none, or a source does not exist.
    """
    files: set[Path] = set()
    for source in sources:
        if not source.exists():
            raise InputError(f"no file or folder {source}")
        below = source.rglob("*") if source.is_dir() else [source]
        files |= {path for path in below if source.is_file() or path.suffix in SUFFIXES}
    if not files:
        raise InputError(f"no NetCDF files ({', '.join(SUFFIXES)}) in {', '.join(map(str, sources))}")
    return sorted(files)


def note_left_out(names: Iterable[str], foreign: Sequence[Path], form: str, notes: list[str]) -> None:
    """Tell which variables the contract has no entry for, and which files are not named as the layout has them."""
    if names := sorted(set(names)):
        notes.append(
            f"left out, as the contract has no entry for them: {', '.join(names)}; one entry of "
            "`contract.VARIABLES` in a file for --use makes one a target or forcing"
        )
    if foreign:
        notes.append(f"left out: {len(foreign)} files that are not named {form}, such as {foreign[0].name}")
