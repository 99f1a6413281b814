"""What is shown, to keep: as a picture, as numbers, as code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import xarray as xr

from .. import __version__
from .canvas import MapRow
from .looks import PLAIN
from .pictures import require_format
from .sheet import Sheet


def save(path: Path, row: MapRow, sheet: Sheet, dpi: float) -> Path:
    """Write a picture of a row of maps, or with the ending ``.nc`` its numbers.

    Raises
    ------
    InputError
        If the ending is another.
    """
    if path.suffix == ".nc":
        numbers(sheet).to_netcdf(path, engine="netcdf4")
        return path
    require_format(path)
    with mpl.rc_context(PLAIN):
        row.figure.savefig(path, dpi=dpi)
    return path


def numbers(sheet: Sheet) -> xr.Dataset:
    """Return the maps of a sheet as a data set.

    Returns
    -------
    Dataset, dims (lat, lon)
        ``reference``, ``shown``, ``difference``, as far as they are there, and ``within_internal_variability``; the
        panel's title and unit are attributes.
    """
    names = {1: ["shown"], 2: ["shown", "difference"], 3: ["reference", "shown", "difference"]}[len(sheet.maps)]
    fields = {}
    for name, (title, drawn) in zip(names, sheet.maps.items()):
        kept = {key: value for key, value in drawn.attrs.items() if value and key != "kind"}
        fields[name] = drawn.drop_attrs().assign_attrs(kept, variable=str(drawn.name), panel=title)
    for name, within in zip(names, sheet.dots):
        if within is not None:
            fields["within_internal_variability"] = fields[name].drop_attrs().copy(data=within.astype("int8"))
    return xr.Dataset(fields, attrs={"title": sheet.title, "source": f"climgru {__version__}"})


def code(given: dict[str, Any], variable: str, period: str, options: dict[str, Any]) -> str:
    """Return a call of `maps.plot`.

    Parameters
    ----------
    given : dict of str to path, Dataset or list
        ``source`` and what stands beside it; what is no path is named ``prediction``, ``truth`` and ``other``.
    variable, period : str
    options : dict
        Further arguments; those that are None are left out.
    """
    names = {"source": "prediction", "noise": "truth"}
    named = {key: _written(one, names.get(key, key)) for key, one in given.items()}
    asked = {key: _written(value, key) for key, value in options.items() if value is not None}
    parts = [named.pop("source"), repr(variable), repr(period), *(f"{k}={v}" for k, v in (named | asked).items())]
    return f"maps.plot({', '.join(parts)})"


def _written(value: Any, name: str) -> str:
    """Return a value as code; what cannot be written is named. Scenarios in a list belong to one prediction."""
    if isinstance(value, list):
        parts = [one for one in value if isinstance(one, str | Path)]
        return f"maps.open_source({[str(one) for one in parts] if len(parts) == len(value) else name})"
    if isinstance(value, Path):
        return repr(str(value))
    return repr(value) if isinstance(value, str | int | float | tuple) else name
