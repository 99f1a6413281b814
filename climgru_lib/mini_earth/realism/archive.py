"""A data set of the contract as plain arrays of whole years, with masks of bands and surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...contract import PUBLISHED_TARGETS, InputError, withheld_maps
from ...grid import area_weights, land_fraction

UNITS = ("K", "mm/day")  # of the targets
BANDS = np.arange(-90, 90, 15.0)  # southern edges, degrees
SEASONS = {"DJF": [11, 0, 1], "JJA": [5, 6, 7]}


@dataclass(frozen=True)
class Archive:
    """The open scenarios of a data set, whole years from 2015, as plain arrays.

    ``tas`` (K) and ``pr`` (mm/day): (ssp, year, 12, member, lat, lon), float32; ``rsdt`` (12, lat), W m-2.
    """

    ssps: tuple[str, ...]
    fields: dict[str, np.ndarray]
    rsdt: np.ndarray
    lat: np.ndarray
    lon: np.ndarray

    @classmethod
    def of(cls, dataset: xr.Dataset) -> Archive:
        """Read a data set of the contract; withheld scenarios are left out.

        Raises
        ------
        InputError
            If there are fewer than two members or twenty years, or a scenario is missing.
        """
        n_years = dataset.sizes["time"] // 12
        if dataset.sizes["member_id"] < 2 or n_years < 20:
            raise InputError("the statistics need at least two members and twenty years")
        whole = dataset.isel(time=slice(12 * n_years))
        ssps = [str(ssp) for ssp in whole.ssp.values if not withheld_maps(whole.tas.sel(ssp=ssp).values).any()]
        if missing := {"ssp370", "ssp585"} - set(ssps):
            raise InputError(f"the statistics need the targets of {' and '.join(sorted(missing))}")
        fields = {}
        for name in PUBLISHED_TARGETS:
            values = whole[name].sel(ssp=ssps).values
            fields[name] = values.reshape(len(ssps), n_years, 12, *values.shape[2:])
        rsdt = whole.rsdt.sel(ssp=ssps[0]).values.mean(axis=-1).reshape(n_years, 12, -1).mean(axis=0)
        return cls(tuple(ssps), fields, rsdt, whole.lat.values, whole.lon.values)

    def mean(self, field: np.ndarray, mask: np.ndarray | bool = True) -> np.ndarray:
        """Average (..., lat, lon) over the area where mask (lat, lon) holds."""
        weight = area_weights(self.lat)[:, None] * np.broadcast_to(mask, (self.lat.size, self.lon.size))
        return np.einsum("...yx,yx->...", field, weight / weight.sum())

    def between(self, south: float, north: float) -> np.ndarray:
        """Mark the rows of a band, (lat, 1)."""
        return ((self.lat > south) & (self.lat < north))[:, None]

    def box(self, south: float, north: float, west: float, east: float) -> np.ndarray:
        """Mark a box, (lat, lon); its bounds are degrees in 0..360 E, the data may follow any convention."""
        lon = self.lon % 360
        return self.between(south, north) & ((lon > west) & (lon < east))

    @property
    def land(self) -> np.ndarray:
        """Cells that are at least half land, (lat, lon)."""
        return land_fraction(self.lat, self.lon) >= 0.5

    @property
    def bands(self) -> list[np.ndarray]:
        """The twelve bands of 15 degrees from the South Pole, each (lat, 1)."""
        return [self.between(south, south + 15) for south in BANDS]

    def weather(self, name: str) -> np.ndarray:
        """Return the scaled deviations from the members' mean, the shape of ``fields``."""
        field = self.fields[name]
        n = field.shape[3]
        return (field - field.mean(axis=3, keepdims=True)) * np.float32(np.sqrt(n / (n - 1)))
