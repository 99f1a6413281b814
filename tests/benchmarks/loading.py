"""From the store to tensors ready for training: the published route in plain form beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from climgru_lib.contract import PUBLISHED_FORCINGS, PUBLISHED_TARGETS, standardise
from climgru_lib.course.study.measure import Row, seconds
from climgru_lib.data import season as seasons
from climgru_lib.data import splits, tensors
from climgru_lib.data.splits import Split
from climgru_lib.data.store import embedded_store, open_dataset

from .measure import in_child, peak_mb

REPEATS = 3


def plain_route(path: str | Path, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Load as the published code does: every member of every scenario with its own copy of the inputs.

    Global forcings and the season are broadcast to maps, variables stacked, members and scenarios concatenated,
    and the whole z-scored. The published code does so with dask, which is no dependency here, and took 26 s and
    1.9 GB in all for the public store on two cores; here concatenation makes the peak, as two copies of the inputs.

    Parameters
    ----------
    path : str or Path
        A store of the contract whose scenarios but ssp245 have targets.
    split : Split
        Its withheld months are left out.

    Returns
    -------
    array, shape (month, 6, lat, lon), and array, shape (month, 2, lat, lon), float32, z-scored
        Months of ssp126 members 0, 1, 2, then ssp370, then ssp585; published seasonal encoding.
    """
    store = standardise(xr.open_zarr(path, chunks=None, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)))
    template = store["rsdt"].isel(ssp=0, drop=True)
    season = seasons.encode("published", store["lat"].values, store["time"].dt.month.values)
    season = np.broadcast_to(season[:, 0, :, None], template.shape)
    inputs, targets = [], []
    for ssp in (str(name) for name in store["ssp"].values if name != "ssp245"):
        keep = split.training_months(ssp, store.sizes["time"], store.sizes["member_id"])
        for member in range(store.sizes["member_id"]):
            one = store.sel(ssp=ssp).isel(member_id=member)
            forcings = [one[name].broadcast_like(template) for name in PUBLISHED_FORCINGS]
            maps = [forcing.transpose("time", "lat", "lon").values for forcing in forcings]
            inputs.append(np.stack([*maps, season], axis=1).astype(np.float32)[keep[member]])
            targets.append(np.stack([one[name].values for name in PUBLISHED_TARGETS], axis=1)[keep[member]])
    return _z_scores(inputs), _z_scores(targets)


def _z_scores(parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate along time and z-score each channel; the parts are given back."""
    whole = np.concatenate(parts)
    parts.clear()
    for channel in whole.swapaxes(0, 1):
        mean, std = channel.mean(dtype=np.float64), channel.std(dtype=np.float64)
        channel -= np.float32(mean)
        channel /= np.float32(std)
    return whole


def our_route(path: str | Path, split: Split) -> tensors.EmulationData:
    """Load as `climgru train` does, with all checks and the fingerprint."""
    return tensors.prepare(open_dataset(path), "published", split)


def _measured(route, path: Path, split: Split) -> tuple[float, float, float]:
    """Return seconds, peak memory in MB, and the memory in MB that the imports alone took."""
    imports = peak_mb()
    return seconds(lambda: route(path, split)), peak_mb(), imports


def rows() -> Iterator[Row]:
    """Compare time and peak memory on the full embedded store, each repeat in a process of its own."""
    path = embedded_store()
    took = {plain_route: [], our_route: []}
    for _ in range(REPEATS):
        for route, results in took.items():
            results.append(in_child(_measured, route, path, splits.CLEAN))
    plain, ours = took[plain_route], took[our_route]
    yield Row("store to tensors", "s", [run[0] for run in ours], [run[0] for run in plain])
    yield Row("peak memory", "MB", [run[1] for run in ours], [run[1] for run in plain])
    yield Row("peak memory less imports", "MB", [run[1] - run[2] for run in ours], [run[1] - run[2] for run in plain])
