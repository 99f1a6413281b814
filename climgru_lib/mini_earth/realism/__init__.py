"""Statistics by which a climate archive is judged: means, seasons, warming, variability, rain, insolation.

`measure` computes them for any data set of the contract, so that the embedded mini-earth and real data can be put
side by side; `compare` holds them against reference values with tolerances, such as those of `cesm2`.
"""

import json
from pathlib import Path
from typing import Any

import xarray as xr

from ...contract import PUBLISHED_TARGETS
from .archive import UNITS, Archive
from .forced import global_means, rain, seasons, warming
from .table import compare, deviation
from .variability import correlations, coupling, el_nino, variability

__all__ = ["Archive", "cesm2", "compare", "deviation", "measure"]

CESM2 = Path(__file__).resolve().parents[2] / "assets" / "cesm2_statistics.json"


def cesm2() -> dict[str, Any]:
    """Return what was measured of CESM2: ``source``, ``statistics`` for `compare`, ``verdicts`` of simple methods."""
    return json.loads(CESM2.read_text(encoding="utf-8"))


def measure(dataset: xr.Dataset) -> dict[str, float | list[float]]:
    """Compute every statistic of a data set.

    Parameters
    ----------
    dataset : Dataset
        Opened by `climgru_lib.data.open_dataset`; ssp126, ssp370 and ssp585 open, two members, 80 years.

    Returns
    -------
    dict
        Name with unit to a number, or to numbers by band, latitude, region, month or quantile. Decades are those
        of ten years from 2015; seasons and rain those of 2015-2034 in ssp370.

    Raises
    ------
    InputError
        If the data set is too small.
    """
    archive = Archive.of(dataset)
    result = global_means(archive) | seasons(archive) | warming(archive) | rain(archive)
    weather = {name: archive.weather(name) for name in PUBLISHED_TARGETS}
    for name, unit in zip(PUBLISHED_TARGETS, UNITS):
        result |= variability(archive, weather[name], name, unit) | correlations(archive, weather[name], name)
    return result | el_nino(archive, weather["tas"]) | coupling(archive, **weather)
