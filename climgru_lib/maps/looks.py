"""One look for every figure: fonts, sizes, and the colours, limits and labels of what is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cmocean  # gives matplotlib its colour maps
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm, Colormap, Normalize
from matplotlib.ticker import MaxNLocator

from .. import contract
from ..contract import InputError

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

#: On maps the words of files are drawn as they are, not as formulas.
PLAIN = RC | {"text.parse_math": False}


def style() -> None:
    """Set the figure style of the course for every figure drawn afterwards."""
    mpl.rcParams.update(RC)


@dataclass(frozen=True)
class Look:
    """The colour maps of a variable: of its values, and of differences, which are centred on 0."""

    cmap: Colormap
    difference_cmap: Colormap


class _Looks(Mapping[str, Look]):
    """The looks of the variables of the contract, made of their entries when they are asked for."""

    def __getitem__(self, name: str) -> Look:
        known = contract.VARIABLES[name]
        return Look(mpl.colormaps[known.cmap], mpl.colormaps[known.difference_cmap])

    def __iter__(self) -> Iterator[str]:
        return iter(contract.VARIABLES)

    def __len__(self) -> int:
        return len(contract.VARIABLES)


LOOKS = _Looks()
OTHER = Look(cmocean.cm.matter, cmocean.cm.balance)
ROBUST = (0.02, 0.98)  # quantiles of the data shown that limits hold, as xarray's ``robust``


def units_of(field: xr.DataArray) -> str:
    """Return the unit of a field, in the contract's own spelling where the contract accepts it."""
    known = contract.VARIABLES.get(str(field.name))
    if known is None:
        return str(field.attrs.get("units", "unit unknown"))
    units = str(field.attrs.get("units", known.units[0]))
    return known.units[0] if units in known.units else units


def long_name_of(field: xr.DataArray) -> str:
    """Return the long name of a field, else that of the contract, else its name."""
    known = contract.VARIABLES.get(str(field.name))
    return field.attrs.get("long_name") or (known.long_name if known else "") or str(field.name or "")


def label_of(field: xr.DataArray, suffix: str = "") -> str:
    """Return the colour-bar label ``long_name suffix [unit]``; of a statistic ``Suffix of the statistic of``."""
    name, of = long_name_of(field), field.attrs.get("statistic", "")
    name = f"{suffix} of the {name[:1].lower()}{name[1:]}" if of and suffix else f"{name} {suffix}".strip()
    return f"{name[:1].upper()}{name[1:]} [{units_of(field)}]"


def colours_of(name: str, kind: str) -> Colormap:
    """Return the colour map of a variable and of what is shown of it; see `selection.Statistic`."""
    look = LOOKS.get(name, OTHER)
    if kind in ("spread", "share"):
        return mpl.colormaps["viridis"] if kind == "spread" else cmocean.cm.amp
    return look.cmap if kind == "field" else look.difference_cmap


def robust_limits(kind: str, *values: np.ndarray) -> tuple[float, float]:
    """Return round limits that hold nearly all of the data shown.

    Parameters
    ----------
    kind : str
        ``difference`` is centred on 0, ``share`` runs from 0 to 1, ``spread`` and what is nowhere negative may begin
        at 0.
    *values : array
        All that share the limits; NaN counts for nothing.
    """
    if kind == "share":
        return 0.0, 1.0
    shown = np.concatenate([np.ravel(v)[np.isfinite(np.ravel(v))] for v in values])
    if not shown.size:
        return -1.0, 1.0
    low, high = (float(value) for value in np.quantile(shown, ROBUST))
    if kind.startswith("difference"):
        high = max(-low, high)
        low = -high
    elif kind == "spread" or (shown.min() >= 0 and low < 0.2 * high):
        low = 0.0
    if high - low <= 1e-6 * max(abs(high), abs(low), 1e-30):
        room = 1.0 if not kind.startswith("difference") or high == 0 else abs(high)
        low, high = (-room, room) if kind.startswith("difference") else (low - room, high + room)
    ticks = MaxNLocator(nbins=10, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return float(ticks[ticks <= low + 1e-9 * abs(low)].max()), float(ticks[ticks >= high - 1e-9 * abs(high)].min())


def norm_of(limits: tuple[float, float], levels: int | None = None) -> Normalize:
    """Return a norm between two limits, or one of so many discrete levels.

    Raises
    ------
    InputError
        If the limits are no interval, or the levels fewer than two.
    """
    if not limits[0] < limits[1]:
        raise InputError(f"limits are a low and a high value, got {limits[0]:g} and {limits[1]:g}")
    if levels is None:
        return Normalize(*limits)
    if not 2 <= levels <= 256:
        raise InputError(f"discrete levels are 2 to 256, got {levels}")
    return BoundaryNorm(np.linspace(*limits, levels + 1), 256, clip=False)


def overflow(norm: Normalize, *values: np.ndarray) -> str:
    """Return on which sides of a norm values lie: "neither", "min", "max" or "both"."""
    low = any(bool((v < norm.vmin).any()) for v in values)
    high = any(bool((v > norm.vmax).any()) for v in values)
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[low, high]
