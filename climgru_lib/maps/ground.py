"""What maps stand on: the part of the Earth that axes show, and the coasts."""

from __future__ import annotations

from functools import cache

import cartopy.crs as ccrs
import numpy as np
from cartopy.feature import ShapelyFeature
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.path import Path

from .. import grid
from .places import Frame


def fit(ax: GeoAxes, frame: Frame) -> None:
    """Show a frame in axes, polar caps within a circle."""
    if frame.cap is not None:
        radius = np.hypot(*ax.projection.transform_point(0, frame.cap, ccrs.PlateCarree()))
        ax.set_xlim(-radius, radius)
        ax.set_ylim(-radius, radius)
        angle = np.linspace(0, 2 * np.pi, 181)
        ax.set_boundary(Path(0.5 + 0.5 * np.stack([np.sin(angle), np.cos(angle)], axis=1)), ax.transAxes)
    elif frame.region.whole or not isinstance(ax.projection, ccrs.PlateCarree):
        ax.set_global()
        if not frame.region.whole:
            west = frame.region.west
            ax.set_extent([west, west + frame.region.width, frame.region.south, frame.region.north], ccrs.PlateCarree())
    else:
        half, south, north = max(frame.region.width / 2, 2.5), frame.region.south, frame.region.north
        if south == north:
            south, north = max(south - 2.5, -90), min(north + 2.5, 90)
        ax.set_xlim(-half, half)
        ax.set_ylim(south, north)


@cache
def coast() -> ShapelyFeature:
    """Return the bundled coastlines as a cartopy feature; nothing is downloaded."""
    return ShapelyFeature(grid.coastlines().geoms, ccrs.PlateCarree(), facecolor="none", edgecolor="0.2")
