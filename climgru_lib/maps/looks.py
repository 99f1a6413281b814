"""One look for every figure: fonts, sizes, and the colour map and limits of each variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cmocean  # gives matplotlib its colour maps
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import Colormap, Normalize

from .. import contract

#: Colours of lines that stay apart for colour-blind readers (Okabe and Ito 2008, Color Universal Design).
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: matplotlib settings; 80 dpi keeps a notebook with a dozen figures below 1 MB.
RC = {
    "figure.dpi": 80,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.prop_cycle": mpl.cycler(color=LINE_COLOURS),
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 11,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "legend.frameon": False,
}


def style() -> None:
    """Set the figure style of the course for every figure drawn afterwards."""
    mpl.rcParams.update(RC)


@dataclass(frozen=True)
class Look:
    """How a variable is drawn, the same in every figure so that maps can be compared.

    ``limits`` (in its unit) belong to ``cmap``; ``span`` is the half range of differences, which are
    centred on 0 and drawn with ``difference_cmap``. ``extend`` says on which sides of ``limits`` values
    may lie. None for ``limits`` or ``span`` takes the range of the map itself.
    """

    long_name: str
    cmap: Colormap
    difference_cmap: Colormap
    limits: tuple[float, float] | None = None
    span: float | None = None
    extend: str = "neither"


class _Looks(Mapping[str, Look]):
    """The looks of the variables of the contract, made of their entries when they are asked for."""

    def __getitem__(self, name: str) -> Look:
        known = contract.VARIABLES[name]
        colours = (mpl.colormaps[cmap] for cmap in (known.cmap, known.difference_cmap))
        return Look(known.long_name.capitalize() or name, *colours, known.limits, known.span, known.extend)

    def __iter__(self) -> Iterator[str]:
        return iter(contract.VARIABLES)

    def __len__(self) -> int:
        return len(contract.VARIABLES)


LOOKS = _Looks()


def units_of(field: xr.DataArray) -> str:
    """Return the unit of a field, in the contract's own spelling where the contract accepts it."""
    known = contract.VARIABLES.get(str(field.name))
    if known is None:
        return field.attrs.get("units", "unit unknown")
    units = field.attrs.get("units", known.units[0])
    return known.units[0] if units in known.units else units


def look_of(field: xr.DataArray) -> Look:
    """Return how a field is drawn: as in `LOOKS` if it has the unit of the contract, else in its own range."""
    name = str(field.name or "")
    if name in LOOKS and units_of(field) == contract.VARIABLES[name].units[0]:
        return LOOKS[name]
    return Look(name, cmocean.cm.matter, cmocean.cm.balance)


def label_of(field: xr.DataArray, suffix: str = "") -> str:
    """Return the colour-bar label ``long_name suffix [unit]``."""
    long_name = field.attrs.get("long_name", look_of(field).long_name)
    return f"{long_name} {suffix}".strip() + f" [{units_of(field)}]"


def field_norm(look: Look, *maps: xr.DataArray) -> Normalize:
    """Return the norm shared by maps of one variable."""
    low, high = look.limits or (min(float(m.min()) for m in maps), max(float(m.max()) for m in maps))
    return Normalize(low, high)


def difference_norm(look: Look, difference: np.ndarray) -> Normalize:
    """Return a norm symmetric about 0."""
    span = look.span or float(np.nanmax(np.abs(difference))) or 1.0
    return Normalize(-span, span)
