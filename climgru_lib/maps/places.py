"""Places: regions with their cells and weights, and projections that fit them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cartopy.crs as ccrs
import numpy as np
import shapely
import xarray as xr

from .. import grid
from ..contract import InputError

#: West, east, south, north in degrees; a box may run over the date line.
BOXES = {
    "global": (-180, 180, -90, 90),
    "tropics": (-180, 180, -30, 30),
    "arctic": (-180, 180, 60, 90),
    "antarctic": (-180, 180, -90, -60),
    "africa": (-20, 55, -36, 38),
    "asia": (25, 180, -11, 80),
    "australia": (110, 180, -50, 0),
    "europe": (-25, 45, 34, 72),
    "north america": (-170, -50, 7, 75),
    "south america": (-85, -32, -57, 14),
    "nino 3.4": (-170, -120, -5, 5),
}
CAP = 40  # degrees; a box beyond this latitude all around is drawn as a polar cap
PROJECTIONS = {
    "PlateCarree": ccrs.PlateCarree,
    "Robinson": ccrs.Robinson,
    "EqualEarth": ccrs.EqualEarth,
    "Mollweide": ccrs.Mollweide,
    "NorthPolarStereo": ccrs.NorthPolarStereo,
    "SouthPolarStereo": ccrs.SouthPolarStereo,
    "Orthographic": ccrs.Orthographic,
}


@dataclass(frozen=True)
class Region:
    """A box in longitude and latitude, within it perhaps a polygon.

    Parameters
    ----------
    name : str
    west, east, south, north : float, degrees
        Any convention; from ``west`` eastward to ``east``, over the date line where it is so.
    polygon : shapely geometry, optional
        In any convention of longitudes; one that is cut at the date line is joined there.
    """

    name: str
    west: float
    east: float
    south: float
    north: float
    polygon: Any = None

    @classmethod
    def parse(cls, text: str | tuple | Region | Any) -> Region:
        """Read a region.

        Parameters
        ----------
        text : str, (west, east, south, north), polygon or Region
            A name of `BOXES`; ``-20,60,30,75`` or ``20W,60E,30N,75N``, west to east and south to north; one cell as
            ``lat=50,lon=10``; a shapely polygon, or anything with one as ``.polygon`` and a ``.name``, such as an
            AR6 region of the library regionmask.

        Raises
        ------
        InputError
            If it is none of these.
        """
        if isinstance(text, Region):
            return text
        polygon = getattr(text, "polygon", text)
        if isinstance(polygon, shapely.Geometry):
            if polygon.is_empty:
                raise InputError("the polygon of a region is empty")
            polygon = _joined(polygon)
            west, south, east, north = polygon.bounds
            return cls(getattr(text, "name", "polygon"), west, east, south, north, polygon)
        if not isinstance(text, str):
            return cls._box(",".join(f"{float(value):g}" for value in text), tuple(map(float, text)))
        name = text.strip().lower()
        if name in BOXES:
            return cls(name, *BOXES[name])
        cell = re.fullmatch(r"lat ?= ?(-?[\d.]+), ?lon ?= ?(-?[\d.]+)", name)
        if cell:
            lat, lon = float(cell[1]), float(cell[2])
            return cls._box(text, (lon, lon, lat, lat))
        parts = [re.fullmatch(r"(-?\d+(?:\.\d+)?) ?([nesw]?)", part.strip()) for part in name.split(",")]
        if len(parts) != 4 or not all(parts):
            raise InputError(
                f"unknown region '{text}'; there are {', '.join(BOXES)}, or write a box as 20W,60E,30N,75N "
                "or a cell as lat=50,lon=10"
            )
        return cls._box(text, tuple(float(part[1]) * (-1 if part[2] in ("w", "s") else 1) for part in parts))

    @classmethod
    def _box(cls, name: str, box: tuple[float, ...]) -> Region:
        if len(box) != 4 or not -90 <= box[2] <= box[3] <= 90 or not -360 <= box[0] <= 720 or abs(box[1]) > 720:
            raise InputError(f"'{name}' is no box: give west, east, south, north in degrees, south below north")
        return cls(name, *box)

    @property
    def width(self) -> float:
        """Degrees from west to east: 0 for a cell, 360 all around."""
        return 360.0 if self.east - self.west >= 360 else (self.east - self.west) % 360

    @property
    def whole(self) -> bool:
        """Whether it is the whole Earth."""
        return self.width == 360 and self.south <= -90 and self.north >= 90 and self.polygon is None

    def cells(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """Return which cells have their centre within, or the nearest cell of a point; shape (lat, lon).

        Raises
        ------
        InputError
            If there is none.
        """
        if self.width == 0 and self.south == self.north:
            away = (lon - self.west + 180) % 360 - 180
            inside = np.zeros((lat.size, lon.size), bool)
            inside[np.abs(lat - self.south).argmin(), np.abs(away).argmin()] = True
            return inside
        rows = (lat >= self.south) & (lat <= self.north)
        columns = (lon - self.west) % 360 <= self.width
        inside = rows[:, None] & columns[None, :]
        if self.polygon is not None:
            inside &= shapely.contains_xy(self.polygon, *np.meshgrid(self.west + (lon - self.west) % 360, lat))
        if not inside.any():
            raise InputError(f"no cell has its centre within the region {self.name}; choose a larger one")
        return inside

    def mean(self, field: xr.DataArray) -> xr.DataArray:
        """Return the area-weighted mean over the cells that hold a value; NaN where none does.

        Parameters
        ----------
        field : DataArray, dims (..., lat, lon)
        """
        lat, lon, values = field.lat.values, field.lon.values, field.values
        weights = self.cells(lat, lon) * grid.area_weights(lat)[:, None]
        total = (np.isfinite(values) * weights).sum(axis=(-2, -1))
        summed = np.nansum(values * weights, axis=(-2, -1))
        mean = np.divide(summed, total, out=np.full(np.shape(total), np.nan), where=total > 0)
        return field.isel(lat=0, lon=0, drop=True).copy(data=mean)


def _joined(polygon: shapely.Geometry) -> shapely.Geometry:
    """Return a polygon that is cut at the date line in one piece, its longitudes beyond 180."""
    parts = [
        shapely.transform(part, lambda at: at + np.array([360, 0])) if part.bounds[2] <= 0 else part
        for part in shapely.get_parts(polygon)
    ]
    whole = shapely.union_all(parts)
    return min((polygon, whole), key=lambda one: one.bounds[2] - one.bounds[0])


@dataclass(frozen=True)
class Frame:
    """A region in a projection: what the axes show.

    Parameters
    ----------
    region : Region
    projection : str or cartopy CRS, optional
        A name of `PROJECTIONS`; by default a polar cap for what lies around a pole, else PlateCarree centred on the
        region.
    """

    region: Region = Region("global", *BOXES["global"])
    projection: str | ccrs.CRS | None = None

    @cached_property
    def crs(self) -> ccrs.CRS:
        """The projection."""
        if isinstance(self.projection, ccrs.CRS):
            return self.projection
        centre = 0.0 if self.region.width == 360 else (self.region.west + self.region.width / 2 + 180) % 360 - 180
        name = self.projection or self._fitting()
        named = {key.lower(): value for key, value in PROJECTIONS.items()}
        if name.lower() not in named:
            raise InputError(f"unknown projection '{name}'; there are {', '.join(PROJECTIONS)}")
        if name.lower() == "orthographic":
            return ccrs.Orthographic(centre, (self.region.south + self.region.north) / 2)
        return named[name.lower()](central_longitude=centre)

    def _fitting(self) -> str:
        if self.region.width == 360 and self.region.south >= CAP:
            return "NorthPolarStereo"
        return "SouthPolarStereo" if self.region.width == 360 and self.region.north <= -CAP else "PlateCarree"

    @property
    def cap(self) -> float | None:
        """The outer latitude of a polar view, which has a round boundary; None of any other."""
        if isinstance(self.crs, ccrs.NorthPolarStereo):
            return self.region.south if self.region.south > -20 else CAP
        if isinstance(self.crs, ccrs.SouthPolarStereo):
            return self.region.north if self.region.north < 20 else -CAP
        return None
