"""Moving through maps: the whole figure drawn anew by cartopy and matplotlib beside the viewer's repainting."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator

import cartopy.crs as ccrs
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from climgru_lib import maps
from climgru_lib.course.study.measure import Row
from climgru_lib.maps.ground import coast

from .measure import in_child, peak_mb

GRIDS = {"48 x 72": (48, 72), "192 x 288": (192, 288)}
MONTHS, MOVES, MANY = 36, 24, 1000


def fields(shape: tuple[int, int], seed: int) -> xr.Dataset:
    """Return months of smooth temperatures with noise, K."""
    lat = (np.arange(shape[0]) + 0.5) * 180 / shape[0] - 90
    lon = (np.arange(shape[1]) + 0.5) * 360 / shape[1]
    dates = xr.date_range("2015-01", periods=MONTHS, freq="MS", calendar="noleap", use_cftime=True)
    noise = np.random.default_rng(seed).normal(size=(MONTHS, *shape))
    tas = (("time", "lat", "lon"), 250 + 50 * np.cos(np.deg2rad(lat))[:, None] + noise, {"units": "K"})
    return xr.Dataset({"tas": tas}, {"time": dates, "lat": lat, "lon": lon}, {"ssp": "ssp370"})


def plain(truth: np.ndarray, emulator: np.ndarray, dataset: xr.Dataset) -> Callable[[int], bytes]:
    """Draw three maps by cartopy's pcolormesh; return what exchanges their values and renders the whole figure."""
    figure = Figure(figsize=(12, 3.15))
    FigureCanvasAgg(figure)
    meshes = []
    for place in range(3):
        ax = figure.add_subplot(1, 3, place + 1, projection=ccrs.PlateCarree())
        ax.set_global()
        ax.add_feature(coast(), linewidth=0.6)
        limits = {"vmin": -5, "vmax": 5} if place == 2 else {"vmin": 240, "vmax": 300}
        mesh = ax.pcolormesh(dataset.lon, dataset.lat, emulator[0], transform=ccrs.PlateCarree(), **limits)
        figure.colorbar(mesh, ax=ax, orientation="horizontal")
        meshes.append(mesh)

    def move(month: int) -> bytes:
        for mesh, values in zip(meshes, (truth[month], emulator[month], emulator[month] - truth[month])):
            mesh.set_array(values)
        figure.suptitle(f"month {month}")
        buffer = io.BytesIO()
        figure.canvas.print_png(buffer)
        return buffer.getvalue()

    return move


def cpu_ms(work: Callable[[int], object]) -> list[float]:
    """Return the CPU time of each of some moves, in ms."""
    spent = []
    for month in range(1, MOVES + 1):
        start = time.process_time()
        work(month)
        spent.append(1e3 * (time.process_time() - start))
    return spent


def _viewer(shape: tuple[int, int]) -> tuple[maps.Viewer, Callable[[int], None]]:
    viewer = maps.Viewer(fields(shape, 0), fields(shape, 1))

    def move(month: int) -> None:
        viewer.controls.period.value = f"{2015 + month // 12}-{month % 12 + 1:02d}"

    return viewer, move


def _moves(shape: tuple[int, int]) -> tuple[list[float], list[float], float]:
    """Return CPU ms of plain and our moves, and the seconds to our first picture."""
    truth, emulator = fields(shape, 1), fields(shape, 0)
    theirs = cpu_ms(plain(truth.tas.values, emulator.tas.values, truth))
    start = time.process_time()
    _, move = _viewer(shape)
    first = time.process_time() - start
    return theirs, cpu_ms(move), first


def _memory(shape: tuple[int, int]) -> tuple[float, float]:
    """Return the peak memory in MB after 100 and after many more moves."""
    _, move = _viewer(shape)
    for month in range(1, 101):
        move(month % MONTHS)
    before = peak_mb()
    for month in range(MANY):
        move(month % MONTHS)
    return before, peak_mb()


def rows() -> Iterator[Row]:
    """Measure a move of three panels in both forms, the first picture, and the memory over many moves."""
    for name, shape in GRIDS.items():
        theirs, ours, first = in_child(_moves, shape)
        yield Row(f"viewer, {name}: a move of three maps, CPU", "ms", ours, theirs, {"first picture s": first})
    before, after = in_child(_memory, GRIDS["48 x 72"])
    yield Row(f"viewer: peak memory after {MANY} more moves", "MB", [after], facts={"after 100 moves MB": before})
