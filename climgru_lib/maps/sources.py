"""What maps are made of: predictions, data sets and files of other tools, brought to one layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from .. import contract, grid
from ..contract import InputError
from ..data import store
from ..data.paths import EMBEDDED
from ..predict.output import tidy
from ..training import runs
from .layout import MEMBER, NAMES, dated, is_annual, oriented, read, renamed, units_of_file

IN_MEMORY = 200e6  # bytes; a smaller variable of a scenario is read whole when it is first asked for
KEPT = 400e6  # bytes of those that were asked for last


@dataclass(frozen=True)
class Source:
    """Fields by scenario, as a file or a data set holds them; small ones are kept in memory.

    Parameters
    ----------
    name : str
        For messages and titles.
    scenarios : mapping of str to Dataset
        One without a name has the key ``""``.
    """

    name: str
    scenarios: Mapping[str, xr.Dataset]

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Names of what has a latitude and a longitude: the targets of the contract first."""
        first = next(iter(self.scenarios.values()))
        on_map = [str(name) for name, field in first.data_vars.items() if {"lat", "lon"} <= {*renamed(field).dims}]
        targets = contract.of_role("target", on_map)
        return *targets, *(name for name in on_map if name not in targets)

    def scenario(self, name: str | None = None) -> str:
        """Return a scenario's name: the only one by default.

        Raises
        ------
        InputError
            If there are several, or none of that name.
        """
        if name in self.scenarios:
            return name
        if name is None and len(self.scenarios) == 1:
            return next(iter(self.scenarios))
        if list(self.scenarios) == [""]:
            return ""
        there = ", ".join(self.scenarios)
        what = "holds several scenarios" if name is None else f"holds no scenario {name}"
        raise InputError(f"{self.name} {what}; choose of {there}")

    def field(self, variable: str, scenario: str | None = None) -> xr.DataArray:
        """Return a variable with the dims member_id, time, lat, lon, the first two where there are any.

        In this order where it is in memory; a large one is as in the file, see `layout.read`. Latitudes run from south
        to north; time holds dates, or whole years as integers.

        Raises
        ------
        InputError
            If there is no such variable or scenario.
        """
        scenario = self.scenario(scenario)
        if variable not in self.variables:
            raise InputError(f"{self.name} holds no {variable}; it has {', '.join(self.variables) or 'no maps'}")
        key = variable, scenario
        if key not in self._fields:
            field = self._field(variable, scenario)
            self._fields[key] = read(field) if field.nbytes < IN_MEMORY else field
        self._fields[key] = self._fields.pop(key)  # the last one is that which was asked for last
        while len(self._fields) > 1 and sum(field.nbytes for field in self._fields.values()) > KEPT:
            self._fields.pop(next(iter(self._fields)))
        return self._fields[key]

    @cached_property
    def _fields(self) -> dict[tuple[str, str], xr.DataArray]:
        return {}

    def _field(self, variable: str, scenario: str) -> xr.DataArray:
        field = renamed(self.scenarios[scenario][variable])
        if "time" in field.coords and "time" not in field.dims:
            field = field.expand_dims("time")
        extra = set(field.dims) - {MEMBER, "time", "lat", "lon"}
        if extra:
            raise InputError(f"{variable} of {self.name} has a dimension {', '.join(map(str, extra))}; select of it")
        empty = [str(dim) for dim, size in field.sizes.items() if not size]
        if empty:
            raise InputError(f"{variable} of {self.name} is empty along {', '.join(empty)}")
        try:
            field = dated(oriented(field), is_annual(self.scenarios[scenario]))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error
        told = tidy(field.attrs | {"units": units_of_file(field), "scenario": scenario})
        return field.drop_attrs(deep=False).assign_attrs(told)

    def weather_free(self, scenario: str | None = None) -> bool:
        """Whether the file says that it is a prediction of this library without draws: its forced response alone."""
        data = self.scenarios[self.scenario(scenario)]
        drawn = "draws" in data.attrs or any(NAMES.get(str(name), name) == MEMBER for name in data.coords)
        return str(data.attrs.get("source")).startswith("climgru ") and "recipe" in data.attrs and not drawn

    def members(self, variable: str, scenario: str | None = None) -> list:
        """Return the labels of the members; an empty list without any."""
        field = self.field(variable, scenario)
        return field[MEMBER].values.tolist() if MEMBER in field.dims else []


def open_source(source: Source | xr.Dataset | str | Path | list, name: str | None = None) -> Source:
    """Open anything that holds maps.

    Parameters
    ----------
    source : Source, Dataset, str, Path, or a list of them
        A run directory (its predictions), a file of ``climgru predict``, a NetCDF file or Zarr store of another tool,
        a data set of the contract, or ``"embedded"``; of a list, such as the predictions of a run for several
        scenarios, each brings its scenarios.
    name : str, optional
        For messages; by default the file's.

    Raises
    ------
    InputError
        If there is nothing that can be read.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, list | tuple):
        opened = [open_source(one) for one in source]
        return Source(name or "the predictions", {ssp: data for one in opened for ssp, data in one.scenarios.items()})
    if isinstance(source, xr.Dataset):
        return _with_maps(Source(name or "the data set", _by_scenario(source)))
    if str(source) == EMBEDDED:
        return Source(name or EMBEDDED, _by_scenario(store.open_dataset(EMBEDDED)))
    path, dates = runs.prediction_file(source), xr.coders.CFDatetimeCoder(use_cftime=True)
    options = {"engine": "zarr" if path.is_dir() else None, "chunks": None, "cache": False}
    try:
        try:
            dataset = xr.open_dataset(path, **options, decode_times=dates)
        except ValueError:  # months since a date are no dates for xarray
            dataset = xr.open_dataset(path, **options, decode_times=False)
    except Exception as error:  # a damaged file can fail anywhere in these readers
        raise InputError(f"{path} is neither a NetCDF file nor a Zarr store that can be read") from error
    return _with_maps(Source(name or Path(source).name, _by_scenario(dataset)))


def _with_maps(source: Source) -> Source:
    if not source.variables:
        raise InputError(
            f"{source.name} holds no maps: no variable has a latitude and a longitude in one dimension each"
        )
    return source


def calendar_of(field: xr.DataArray) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Return year and calendar month of the times of `Source.field`, the month None for one value a year.

    None if it has no time.
    """
    if "time" not in field.dims:
        return None
    return field["year"].values, field["month"].values if "month" in field.coords else None


def on_grid_of(field: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Return a field in the order of cells of another, whatever the convention of its longitudes.

    Raises
    ------
    InputError
        If the cells are others.
    """
    try:
        rows = grid.matching(field.lat.values, other.lat.values)
        columns = grid.matching(field.lon.values, other.lon.values, 360)
    except InputError as error:
        raise InputError(f"the cells differ ({error}); interpolate one to the grid of the other") from error
    return field.isel(lat=rows, lon=columns).assign_coords(lat=other.lat.values, lon=other.lon.values)


def _by_scenario(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """Split by the dimension or coordinate ``ssp`` or by ``attrs["ssp"]``."""
    if "ssp" in dataset.dims:
        return {str(name): dataset.sel(ssp=name) for name in dataset["ssp"].values}
    name = dataset["ssp"].item() if "ssp" in dataset.coords else dataset.attrs.get("ssp", "")
    return {tidy({"ssp": str(name)})["ssp"]: dataset}
